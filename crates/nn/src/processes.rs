//! [`Processes`]: those that train one network together, and how they tell each other numbers.
//!
//! ```text
//! all_gather    every process gets what all have         moments, losses, maxima: little
//! all_to_all    process i gets the i-th part of all      gradients: each process adds up one part,
//!               and then all_gather                       and all get all parts
//! ```
//!
//! Only words are told, so that every number arrives with the bits that it had. Nothing is added up on
//! the way: in which order sums are taken, [`Leaves`](crate::Leaves) says.

mod threads;

use std::fmt::Debug;
use std::sync::Arc;

pub use threads::threads;

/// How processes tell each other numbers. All of them make the same calls in the same order.
pub trait Exchange: Debug + Send + Sync {
    /// Number of processes.
    fn count(&self) -> usize;

    /// Which of them this one is, from 0 on.
    fn index(&self) -> usize;

    /// Writes `mine` of every process, in their order, to `all`.
    ///
    /// # Panics
    ///
    /// Unless `all` has room for as many words of each; or if a process is gone.
    fn all_gather(&self, mine: &[u32], all: &mut [u32]);

    /// Sends the i-th of equal parts to process i, and writes what process i sent here to the i-th
    /// part of `received`.
    ///
    /// # Panics
    ///
    /// Unless both have the same length, a multiple of [`Self::count`]; or if a process is gone.
    fn all_to_all(&self, parts: &[u32], received: &mut [u32]);
}

/// The processes that train one network together; by default this one alone.
#[derive(Clone, Debug, Default)]
pub struct Processes(Option<Arc<dyn Exchange>>);

impl Processes {
    /// This process alone.
    pub fn one() -> Self {
        Self(None)
    }

    /// The processes of an exchange.
    pub fn of(exchange: impl Exchange + 'static) -> Self {
        if exchange.count() > 1 { Self(Some(Arc::new(exchange))) } else { Self::one() }
    }

    /// Number of processes.
    pub fn count(&self) -> usize {
        self.0.as_ref().map_or(1, |exchange| exchange.count())
    }

    /// Which of them this one is, from 0 on.
    pub fn index(&self) -> usize {
        self.0.as_ref().map_or(0, |exchange| exchange.index())
    }

    /// Whether this is the first, which alone writes and says anything.
    pub fn is_first(&self) -> bool {
        self.index() == 0
    }

    /// Whether it holds for any of them.
    pub fn any(&self, holds: bool) -> bool {
        self.gather(u32::from(holds)).contains(&1)
    }

    /// The largest of the numbers of all.
    pub fn largest(&self, x: f32) -> f32 {
        self.gather(x.to_bits()).into_iter().map(f32::from_bits).fold(x, f32::max)
    }

    /// What the first has, if it has anything.
    pub fn from_first(&self, bytes: Option<Vec<u8>>) -> Option<Vec<u8>> {
        let Some(exchange) = &self.0 else { return bytes };
        let mine = bytes.filter(|_| self.is_first());
        let len = mine.as_ref().map_or(0, |bytes| bytes.len() as u64 + 1);
        let [low, high] = [len as u32, (len >> 32) as u32].map(|word| self.gather(word)[0]);
        let len = (u64::from(low) | u64::from(high) << 32) as usize;
        let len = len.checked_sub(1)?;
        // The i-th part of what the first has goes to process i, and from there to all.
        let count = self.count();
        let part = len.div_ceil(4).div_ceil(count);
        let mut words = vec![0; part * count];
        for (word, bytes) in words.iter_mut().zip(mine.iter().flat_map(|bytes| bytes.chunks(4))) {
            let mut four = [0; 4];
            four[..bytes.len()].copy_from_slice(bytes);
            *word = u32::from_le_bytes(four);
        }
        let mut parts = vec![0; part * count];
        exchange.all_to_all(&words, &mut parts);
        exchange.all_gather(&parts[..part], &mut words);
        let mut bytes: Vec<u8> = words.into_iter().flat_map(u32::to_le_bytes).collect();
        bytes.truncate(len);
        Some(bytes)
    }

    /// This word of every process, in their order.
    pub(crate) fn gather(&self, mine: u32) -> Vec<u32> {
        let mut all = vec![0; self.count()];
        self.all_gather(&[mine], &mut all);
        all
    }

    /// As [`Exchange::all_gather`].
    pub(crate) fn all_gather(&self, mine: &[u32], all: &mut [u32]) {
        match &self.0 {
            Some(exchange) => exchange.all_gather(mine, all),
            None => all.copy_from_slice(mine),
        }
    }

    /// As [`Exchange::all_to_all`].
    pub(crate) fn all_to_all(&self, parts: &[u32], received: &mut [u32]) {
        match &self.0 {
            Some(exchange) => exchange.all_to_all(parts, received),
            None => received.copy_from_slice(parts),
        }
    }
}
