//! [`Par`]: whether a kernel may use the threads of the current rayon pool.

#[cfg(feature = "rayon")]
use rayon::prelude::*;

/// How a kernel uses threads. Every result is the same, bit for bit, either way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Par {
    /// On the calling thread only.
    #[default]
    Seq,
    /// On the threads of the rayon pool that the caller runs in (with the feature `rayon`).
    #[cfg(feature = "rayon")]
    Rayon,
}

impl Par {
    /// Several threads, where the crate is built with them.
    #[cfg(test)]
    pub(crate) const THREADS: Self = {
        #[cfg(feature = "rayon")]
        let par = Self::Rayon;
        #[cfg(not(feature = "rayon"))]
        let par = Self::Seq;
        par
    };

    /// Calls `f(index, chunk)` for consecutive chunks of `data`; the last one may be shorter.
    ///
    /// # Panics
    ///
    /// If `chunk_len` is zero.
    pub fn for_each_chunk<T: Send>(
        self,
        data: &mut [T],
        chunk_len: usize,
        f: impl Fn(usize, &mut [T]) + Sync,
    ) {
        match self {
            Self::Seq => data.chunks_mut(chunk_len).enumerate().for_each(|(i, chunk)| f(i, chunk)),
            #[cfg(feature = "rayon")]
            Self::Rayon => {
                data.par_chunks_mut(chunk_len).enumerate().for_each(|(i, chunk)| f(i, chunk))
            }
        }
    }

    /// [`Self::for_each_chunk`] with a scratch value that a thread uses for one chunk after another.
    pub(crate) fn for_each_chunk_with<T: Send, S>(
        self,
        data: &mut [T],
        chunk_len: usize,
        scratch: impl Fn() -> S + Sync + Send,
        f: impl Fn(&mut S, usize, &mut [T]) + Sync + Send,
    ) {
        match self {
            Self::Seq => {
                let mut scratch = scratch();
                data.chunks_mut(chunk_len).enumerate().for_each(|(i, c)| f(&mut scratch, i, c));
            }
            #[cfg(feature = "rayon")]
            Self::Rayon => data
                .par_chunks_mut(chunk_len)
                .enumerate()
                .for_each_init(scratch, |scratch, (i, chunk)| f(scratch, i, chunk)),
        }
    }
}
