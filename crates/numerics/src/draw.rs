//! [`BitSource`]: random words by position; [`Draw`]: the words of one run of elements.

use crate::rounding::Rounding;

/// A source of random words for stochastic rounding, addressed by the position of the element.
pub trait BitSource {
    /// Word `depth` of the bits of the element at `position`; depth 0 holds the leading bits.
    fn word(&self, position: u64, depth: u32) -> u32;

    /// The leading words of the elements at `first..first + out.len()`.
    fn fill(&self, first: u64, out: &mut [u32]) {
        for (out, position) in out.iter_mut().zip(first..) {
            *out = self.word(position, 0);
        }
    }

    /// Whether there are no bits at all, so that only a rounding that draws none can do with them.
    fn is_empty(&self) -> bool {
        false
    }

    /// The bits of a run of elements, the first of which lies at position `first`.
    ///
    /// Positions are the caller's to give out: two runs that share some share their bits.
    fn at(&self, first: u64) -> Draw<&Self>
    where
        Self: Sized,
    {
        Draw::new(self, first)
    }
}

impl<S: BitSource + ?Sized> BitSource for &S {
    fn word(&self, position: u64, depth: u32) -> u32 {
        (**self).word(position, depth)
    }

    fn fill(&self, first: u64, out: &mut [u32]) {
        (**self).fill(first, out);
    }

    fn is_empty(&self) -> bool {
        (**self).is_empty()
    }
}

/// The random bits of one run of elements: a source, and the position of the first one.
///
/// Whatever rounds takes a draw and uses it up: element i gets the bits at position `first` + i. Two
/// results that are rounded with the same bits have correlated errors, and their product a bias, so
/// a draw cannot be used twice. There are three ways to get another:
///
/// - [`Seed::draw`](crate::Seed::draw) of another name, the usual one: every tensor has its own;
/// - [`Draw::split_at`]: one stream for several tensors, each with positions of its own;
/// - [`BitSource::at`]: positions by number, for parts of a tensor that are rounded apart.
///
/// # Examples
///
/// ```
/// use numerics::{Draw, FixedMatrix, Quantizer, Rounding, Seed};
///
/// let stochastic = Quantizer::new("<2,6>".parse()?, Rounding::Stochastic);
/// let x = [1.0 / 128.0; 16]; // half of ε: up or down at random
/// let (first, second) = Seed::new(2015).child("operands").draw().split_at(16);
/// let a = FixedMatrix::quantize(&x, 4, 4, stochastic, first);
/// let b = FixedMatrix::quantize(&x, 4, 4, stochastic, second);
/// assert_ne!(a, b);
///
/// // A rounding that draws nothing needs no bits.
/// let nearest = Quantizer { rounding: Rounding::NearestTiesEven, ..stochastic };
/// assert_eq!(nearest.convert(0.3, Draw::none()), 19.0 / 64.0);
/// # Ok::<(), numerics::FormatError>(())
/// ```
///
/// ```compile_fail,E0382
/// # use numerics::{FixedMatrix, Quantizer, Rounding, Seed};
/// # let stochastic = Quantizer::new("<2,6>".parse()?, Rounding::Stochastic);
/// let draw = Seed::new(2015).child("operands").draw();
/// let a = FixedMatrix::quantize(&[0.3], 1, 1, stochastic, draw);
/// let b = FixedMatrix::quantize(&[0.3], 1, 1, stochastic, draw); // used after it was moved
/// # Ok::<(), numerics::FormatError>(())
/// ```
#[derive(Debug)]
#[must_use]
pub struct Draw<S> {
    source: S,
    first: u64,
    end: u64,
}

impl Draw<&'static NoBits> {
    /// No bits, for a rounding that draws none.
    pub const fn none() -> Self {
        Self { source: &NoBits, first: 0, end: u64::MAX }
    }
}

impl<S: BitSource> Draw<S> {
    /// The bits of a run of elements, the first of which lies at position `first` of `source`.
    pub const fn new(source: S, first: u64) -> Self {
        Self { source, first, end: u64::MAX }
    }

    /// The position of the first element.
    pub const fn first(&self) -> u64 {
        self.first
    }

    /// What is left when the first `len` positions are left to others.
    ///
    /// # Panics
    ///
    /// If there are fewer.
    #[track_caller]
    pub fn skip(self, len: u64) -> Self {
        self.assert_serves(len.into());
        Self { first: self.first + len, ..self }
    }

    /// The first `len` positions, and what is left.
    ///
    /// # Panics
    ///
    /// If there are fewer.
    #[track_caller]
    pub fn split_at(self, len: u64) -> (Self, Self)
    where
        S: Clone,
    {
        self.assert_serves(len.into());
        let middle = self.first + len;
        (
            Self { source: self.source.clone(), first: self.first, end: middle },
            Self { first: middle, ..self },
        )
    }

    /// The source and the position of the first of `len` elements that are rounded so.
    #[track_caller]
    pub(crate) fn serve(self, rounding: Rounding, len: usize) -> (S, u64) {
        self.assert_suits(rounding);
        self.assert_serves(len as u128);
        (self.source, self.first)
    }

    /// Refuses, at the caller's line, a rounding that draws bits where there are none.
    #[track_caller]
    pub(crate) fn assert_suits(&self, rounding: Rounding) {
        assert!(
            !(rounding.is_stochastic() && self.source.is_empty()),
            "`Draw::none` has no random bits for a stochastic rounding"
        );
    }

    /// Refuses, at the caller's line, more elements than there are positions.
    #[track_caller]
    pub(crate) fn assert_serves(&self, len: u128) {
        assert!(
            len <= u128::from(self.end - self.first),
            "a draw of the positions {}..{} does not serve {len} elements",
            self.first,
            self.end
        );
    }

    /// The source, the position of the first element, and how many there are.
    pub(crate) fn into_parts(self) -> (S, u64, u64) {
        (self.source, self.first, self.end - self.first)
    }
}

/// The source of [`Draw::none`].
#[derive(Clone, Copy, Debug)]
pub struct NoBits;

impl BitSource for NoBits {
    /// # Panics
    ///
    /// Always: there are no bits.
    fn word(&self, position: u64, _: u32) -> u32 {
        panic!("there are no random bits, and none at position {position}");
    }

    fn is_empty(&self) -> bool {
        true
    }
}

/// Random bits that the caller has: word i belongs to the element at position i.
///
/// There are no further words: a draw that the 32 bits leave undecided, once in 2^32 draws, does
/// not round up.
///
/// # Examples
///
/// ```
/// use numerics::{BitSource, GivenBits, Quantizer, Rounding};
///
/// let quantizer = Quantizer::new("<4,4>".parse()?, Rounding::Stochastic);
/// let mut codes = [0i8; 2];
/// // 0.3125 ulp rounds up if the random fraction is at least 0.6875.
/// let bits = GivenBits(&[0xaf00_0000, 0xb000_0000]);
/// quantizer.quantize(&[0.3125 / 16.0; 2], bits.at(0), &mut codes);
/// assert_eq!(codes, [0, 1]);
/// # Ok::<(), numerics::FormatError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct GivenBits<'a>(pub &'a [u32]);

impl BitSource for GivenBits<'_> {
    /// # Panics
    ///
    /// If there is no word for the position.
    fn word(&self, position: u64, depth: u32) -> u32 {
        let word = usize::try_from(position).ok().and_then(|i| self.0.get(i));
        let Some(&word) = word else {
            panic!("{} given words hold none for position {position}", self.0.len());
        };
        if depth == 0 { word } else { 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Quantizer, Rounding, Seed};

    fn quantizer() -> Quantizer {
        Quantizer::new("<4,4>".parse().unwrap(), Rounding::Stochastic)
    }

    #[test]
    fn parts_of_a_draw_are_its_positions() {
        let stream = Seed::new(1).stream();
        let x = vec![0.03; 300];
        let whole = quantizer().quantize_vec(&x, stream.at(7)).to_i32();
        let (head, tail) = stream.at(7).split_at(100);
        let head = quantizer().quantize_vec(&x[..100], head).to_i32();
        let tail = quantizer().quantize_vec(&x[100..], tail).to_i32();
        assert_eq!([head, tail].concat(), whole);
        let late = quantizer().quantize_vec(&x[250..], stream.at(7).skip(250)).to_i32();
        assert_eq!(late, whole[250..]);
        assert_eq!(stream.at(7).skip(250).first(), 257);
        let source: &dyn BitSource = &stream;
        assert_eq!(quantizer().quantize_vec(&x, Draw::new(source, 7)).to_i32(), whole);
    }

    #[test]
    #[should_panic(expected = "a draw of the positions 0..4 does not serve 5 elements")]
    fn a_part_serves_no_more_elements_than_it_has() {
        let (four, _) = Seed::new(1).draw().split_at(4);
        quantizer().quantize_vec(&[0.0; 5], four);
    }

    #[test]
    #[should_panic(expected = "does not serve 2 elements")]
    fn positions_end() {
        quantizer().quantize_vec(&[0.0; 2], Seed::new(1).stream().at(u64::MAX - 1));
    }

    #[test]
    #[should_panic(expected = "`Draw::none` has no random bits for a stochastic rounding")]
    fn no_bits_serve_no_stochastic_rounding() {
        quantizer().code(0.3, Draw::none());
    }
}
