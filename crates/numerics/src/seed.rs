//! [`Seed`]: a tree of named random streams, and [`Stream`]: one of them, addressed by position.
//!
//! A random number here has a *name* (the path of children from the root seed) and a *position*
//! (the index of the tensor element that uses it). Nothing is drawn "next", so a result does not
//! depend on the order of work, on the number of threads, on how a batch was split, or on whether
//! the run was interrupted.
//!
//! ```text
//!   child key  = SHA-256("dither/seed/1" ‖ parent key ‖ kind ‖ length ‖ name)
//!   word i     = word i of the ChaCha8 keystream under the key, stream 0
//!   tail word  = the same keystream, stream 1 (used once in 2³² draws; see `rounding`)
//! ```

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use sha2::{Digest, Sha256};

use crate::draw::{BitSource, Draw};
use crate::simd::chacha;
use name::Name;

/// A node in the tree of random streams: the root is a number, a child has a name.
///
/// # Examples
///
/// ```
/// use numerics::Seed;
///
/// let step = Seed::new(2015).child("layer1").child("update").child(42);
/// let stream = step.stream();
/// // Position 7 holds the same word whether it is asked for alone or with its neighbours.
/// let mut words = [0; 16];
/// stream.fill_words(0, &mut words);
/// assert_eq!(stream.word(7), words[7]);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Seed {
    key: [u8; 32],
}

/// The name of a child of a [`Seed`]: text, or an index. The text `"1"` and the index 1 differ.
///
/// It is a `&str` or `&String`, or one of `u64`, `usize` and `i32`; no other types can be names.
pub trait StreamName: name::Named {}

impl<N: name::Named> StreamName for N {}

mod name {
    //! What names a child, out of reach of other crates.

    /// Text or an index.
    #[derive(Debug)]
    pub enum Name<'a> {
        Text(&'a str),
        Index(u64),
    }

    pub trait Named {
        fn name(&self) -> Name<'_>;
    }

    impl Named for &str {
        fn name(&self) -> Name<'_> {
            Name::Text(self)
        }
    }

    impl Named for &String {
        fn name(&self) -> Name<'_> {
            Name::Text(self)
        }
    }

    impl Named for u64 {
        fn name(&self) -> Name<'_> {
            Name::Index(*self)
        }
    }

    impl Named for usize {
        fn name(&self) -> Name<'_> {
            Name::Index(*self as u64)
        }
    }

    impl Named for i32 {
        #[track_caller]
        fn name(&self) -> Name<'_> {
            let Ok(index) = u64::try_from(*self) else {
                panic!("{self} is no index of a child, for it is negative");
            };
            Name::Index(index)
        }
    }
}

impl Seed {
    /// The root of a tree of streams.
    pub fn new(seed: u64) -> Self {
        let mut hash = Sha256::new();
        hash.update(b"dither/seed/1");
        hash.update(seed.to_le_bytes());
        Self { key: hash.finalize().into() }
    }

    /// The child of that name.
    ///
    /// # Panics
    ///
    /// If the name is a negative index.
    #[track_caller]
    pub fn child(&self, name: impl StreamName) -> Self {
        let mut hash = Sha256::new();
        hash.update(b"dither/seed/1");
        hash.update(self.key);
        match name.name() {
            Name::Text(text) => {
                hash.update([b'n']);
                hash.update((text.len() as u64).to_le_bytes());
                hash.update(text.as_bytes());
            }
            Name::Index(index) => {
                hash.update([b'i']);
                hash.update(index.to_le_bytes());
            }
        }
        Self { key: hash.finalize().into() }
    }

    /// The random bits that belong to this node, from the first one on.
    pub fn draw(&self) -> Draw<Stream> {
        Draw::new(self.stream(), 0)
    }

    /// The stream of random words that belongs to this node.
    pub fn stream(&self) -> Stream {
        Stream { key: self.key }
    }
}

impl std::fmt::Debug for Seed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "Seed({:02x}{:02x}{:02x}{:02x}…)",
            self.key[0], self.key[1], self.key[2], self.key[3]
        )
    }
}

/// An endless sequence of uniform 32-bit words, addressed by position.
#[derive(Clone, Debug)]
pub struct Stream {
    key: [u8; 32],
}

impl Stream {
    /// Writes the words at positions `first..first + out.len()`.
    ///
    /// # Panics
    ///
    /// If the range ends beyond [`u64::MAX`].
    #[track_caller]
    pub fn fill_words(&self, first: u64, out: &mut [u32]) {
        assert_positions(first, out.len());
        self.write_words(first, out);
    }

    /// [`Self::fill_words`] for ranges that end at 2^64 at most.
    pub(crate) fn write_words(&self, first: u64, out: &mut [u32]) {
        // Bulk blocks come from the vector code where there is some, cut ones and the rest from the
        // generator itself.
        let lead = (first.wrapping_neg() % 16) as usize;
        if out.len() < lead + 16 * chacha::BLOCKS {
            return self.fill_by_generator(first, out);
        }
        let (head, body) = out.split_at_mut(lead);
        let mut position = first.wrapping_add(lead as u64);
        let blocks = body.as_chunks_mut::<16>().0;
        let done = 16 * chacha::keystream(&self.key, position / 16, blocks);
        self.fill_by_generator(first, head);
        position = position.wrapping_add(done as u64);
        self.fill_by_generator(position, &mut body[done..]);
    }

    fn fill_by_generator(&self, first: u64, out: &mut [u32]) {
        if out.is_empty() {
            return;
        }
        let mut rng = ChaCha8Rng::from_seed(self.key);
        rng.set_word_pos(u128::from(first));
        rng.fill_bytes(bytemuck::cast_slice_mut(out));
        for word in out {
            *word = u32::from_le(*word);
        }
    }

    /// The word at one position. [`Self::fill_words`] is many times faster per word.
    pub fn word(&self, position: u64) -> u32 {
        let mut out = [0];
        self.fill_by_generator(position, &mut out);
        out[0]
    }

    /// The `depth`-th word of 32 further bits below the word at `position`, `depth` in 0..16.
    ///
    /// A draw that must be compared with a probability of more than 32 bits continues here.
    pub(crate) fn tail_word(&self, position: u64, depth: u32) -> u32 {
        debug_assert!(depth < 16, "a tail has 16 words, not {depth}");
        let mut rng = ChaCha8Rng::from_seed(self.key);
        rng.set_stream(1);
        rng.set_word_pos(u128::from(position) * 16 + u128::from(depth));
        rng.next_u32()
    }

    /// A uniform integer in 0..`bound` drawn at `position`, without bias.
    ///
    /// ```text
    /// u = word + tail words / 2^32 …,  result = ⌊u · bound / 2^32⌋
    /// ```
    ///
    /// The 64 leading bits of u are used, so the bias is below bound · 2^−64.
    ///
    /// # Panics
    ///
    /// If `bound` is zero.
    #[track_caller]
    pub fn below(&self, position: u64, bound: u32) -> u32 {
        assert!(bound > 0, "an integer below zero does not exist");
        let u = (u64::from(self.word(position)) << 32) | u64::from(self.tail_word(position, 0));
        ((u128::from(u) * u128::from(bound)) >> 64) as u32
    }

    /// A uniformly random order of 0..`len` (Fisher–Yates, one draw per position).
    ///
    /// # Panics
    ///
    /// If `len` is no u32.
    #[track_caller]
    pub fn permutation(&self, len: usize) -> Vec<u32> {
        let Ok(end) = u32::try_from(len) else {
            panic!("an order of {len} elements is one of more than a u32 counts");
        };
        let mut words = vec![0; len];
        self.fill_words(0, &mut words);
        let mut order: Vec<u32> = (0..end).collect();
        for i in (1..len).rev() {
            // 32 bits suffice: the bias is below len · 2^−32.
            let j = ((u64::from(words[i]) * (i as u64 + 1)) >> 32) as usize;
            order.swap(i, j);
        }
        order
    }
}

impl BitSource for Stream {
    fn word(&self, position: u64, depth: u32) -> u32 {
        if depth == 0 { Self::word(self, position) } else { self.tail_word(position, depth - 1) }
    }

    fn fill(&self, first: u64, out: &mut [u32]) {
        self.write_words(first, out);
    }
}

/// Refuses ranges of positions that end beyond the last one, at the caller's line.
#[track_caller]
pub(crate) fn assert_positions(first: u64, len: usize) {
    assert!(
        u64::try_from(len).is_ok_and(|len| first.checked_add(len).is_some()),
        "{len} positions from {first} on end beyond {}",
        u64::MAX
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The positions that end at the last one are all there, and nothing is beyond them.
    #[test]
    fn positions_end_at_the_last_one() {
        let stream = Seed::new(5).stream();
        for len in [1usize, 20, 63, 64, 65, 600, 2000] {
            let first = u64::MAX - len as u64;
            let mut words = vec![0; len];
            stream.fill_words(first, &mut words);
            let alone: Vec<u32> = (first..u64::MAX).map(|at| stream.word(at)).collect();
            assert_eq!(words, alone, "{len} words");
            let (mut normal, mut last) = (vec![0.0; len], [0.0]);
            stream.fill_gaussian(first, &mut normal);
            stream.fill_gaussian(u64::MAX - 1, &mut last);
            assert_eq!(normal[len - 1], last[0]);
            stream.fill_uniform(first, &mut normal);
            stream.fill_uniform(u64::MAX - 1, &mut last);
            assert_eq!(normal[len - 1], last[0]);
            let beyond = |fill: &dyn Fn(&mut [f32])| {
                let mut out = vec![0.0; len + 1];
                let fill = std::panic::AssertUnwindSafe(|| fill(&mut out));
                let error = std::panic::catch_unwind(fill).expect_err("a refusal");
                let text = error.downcast_ref::<String>().expect("a message with numbers");
                assert!(text.contains("end beyond 18446744073709551615"), "{text}");
            };
            beyond(&|out| stream.fill_words(first, &mut vec![0; out.len()]));
            beyond(&|out| stream.fill_gaussian(first, out));
            beyond(&|out| stream.fill_uniform(first, out));
        }
    }

    #[test]
    fn a_word_depends_on_name_and_position_only() {
        let stream = Seed::new(1).child("a").stream();
        let mut all = vec![0; 300];
        stream.fill_words(0, &mut all);
        for (first, len) in [(0, 1), (1, 17), (63, 66), (150, 150)] {
            let mut part = vec![0; len];
            stream.fill_words(first as u64, &mut part);
            assert_eq!(part, all[first..first + len], "words {first}..{}", first + len);
        }
    }

    #[test]
    fn names_and_indices_do_not_collide() {
        let seed = Seed::new(0);
        let keys = [
            seed.child("1"),
            seed.child(1),
            seed.child("1").child(""),
            seed.child(""),
            seed,
            seed.child("ab").child("c"),
            seed.child("a").child("bc"),
            Seed::new(1),
        ];
        for (i, a) in keys.iter().enumerate() {
            for b in &keys[i + 1..] {
                assert_ne!(a, b);
            }
        }
        assert_eq!(seed.child(3_usize), seed.child(3_u64));
    }

    /// Made by this code; pins every stream. A change here is a value-breaking change.
    #[test]
    fn value_stability() {
        let stream = Seed::new(2015).child("layer1").child(7).stream();
        let mut words = [0; 4];
        stream.fill_words(0, &mut words);
        assert_eq!(words, [3_479_163_256, 2_371_749_131, 1_531_084_937, 4_103_004_400]);
        assert_eq!(stream.tail_word(5, 1), 3_240_212_006);
        assert_eq!(stream.permutation(8), [7, 6, 1, 3, 4, 0, 2, 5]);
    }

    #[test]
    fn a_permutation_holds_every_index_once() {
        let mut order = Seed::new(3).stream().permutation(1000);
        order.sort_unstable();
        assert!(order.iter().enumerate().all(|(i, &j)| i as u32 == j));
    }
}
