//! The kernels that round exact sums: ⌊(z + offset) / 2^shift⌋ with the rule in the offset.

use super::kernels::CHUNK;
use crate::code::Code;
use crate::draw::BitSource;
use crate::quantizer::Quantizer;
use crate::rounding::{Fraction, Rounding, StochasticBits};
use crate::simd::{Kernel, dispatch};
use crate::sum::Sum;

impl Quantizer {
    /// How far below 2^31 the magnitudes of sums must stay for [`Self::convert_sums`] to take them
    /// in 32 bits; `None` if it does not.
    pub(crate) fn headroom(&self, fraction_bits: i32) -> Option<u32> {
        match self.format.dropped(fraction_bits) {
            ..=0 => Some(0),
            shift if shift.unsigned_abs() <= i32::MAX_SHIFT => Some(1 << shift),
            _ => None,
        }
    }

    /// [`Self::quantize_sums`] for sums of either width; those of 32 bits are below
    /// 2^31 − [`Self::headroom`] in magnitude.
    #[track_caller]
    pub(crate) fn convert_sums<Z: Sum, C: Code>(
        &self,
        z: &[Z],
        fraction_bits: i32,
        source: &(impl BitSource + ?Sized),
        first: u64,
        out: &mut [C],
    ) {
        assert_eq!(z.len(), out.len(), "{} sums do not fill {} codes", z.len(), out.len());
        self.assert_fits::<C>();
        self.assert_random_bits(self.format.dropped(fraction_bits));
        self.for_chunks(z.len(), source, first, |range, first, words| {
            let (z, out) = (&z[range.clone()], &mut out[range]);
            self.convert_sums_chunk(z, fraction_bits, words, source, first, out);
        });
    }

    /// [`Self::convert_narrow_sums`] for lengths that agree: codes of a chunk stay in the cache.
    pub(super) fn convert_narrow_sums_by_chunks(
        &self,
        z: &[i32],
        fraction_bits: i32,
        source: &(impl BitSource + ?Sized),
        first: u64,
        out: &mut [f32],
    ) {
        // Clamped to the codes times 2^shift, no sum leaves 32 bits when less than 2^shift is added;
        // one that wraps is not clamped.
        let shift = self.format.dropped(fraction_bits);
        let narrow = shift <= 32 - self.format.word_length() as i32 && !self.wraps();
        let mut codes = [0i32; CHUNK];
        self.for_chunks(z.len(), source, first, |range, first, words| {
            let (z, codes) = (&z[range.clone()], &mut codes[..range.len()]);
            if narrow {
                self.convert_sums_chunk(z, fraction_bits, words, source, first, codes);
            } else {
                let mut wide = [0i64; CHUNK];
                wide.iter_mut().zip(z).for_each(|(wide, &z)| *wide = i64::from(z));
                let wide = &wide[..z.len()];
                self.convert_sums_chunk(wide, fraction_bits, words, source, first, codes);
            }
            crate::slice::dequantize_slice(codes, self.format, &mut out[range]);
        });
    }

    /// Codes of the sums of one chunk, wrapped or saturated.
    pub(super) fn convert_sums_chunk<Z: Sum, C: Code>(
        &self,
        z: &[Z],
        fraction_bits: i32,
        words: &[u32],
        source: &(impl BitSource + ?Sized),
        first: u64,
        out: &mut [C],
    ) {
        let shift = self.format.dropped(fraction_bits);
        let (min, max) = (i64::from(self.format.min_code()), i64::from(self.format.max_code()));
        let wraps = self.wraps();
        let wrap = wraps.then(|| Z::BITS - self.format.word_length());
        if (-31..=0).contains(&shift) && !wraps {
            dispatch(ShiftLeft { z, out, shift: shift.unsigned_abs(), min, max });
            return;
        }
        if shift < 1 || shift.unsigned_abs() > Z::MAX_SHIFT {
            return self.sums_by_definition(z, fraction_bits, source, first, out);
        }
        let n = shift.unsigned_abs();
        let (min, max) = (Z::saturated(min << n), Z::saturated(max << n));
        let kernel = SumKernel { z, words, out, shift: n, min, max, wrap };
        let half = Z::saturated(1 << (n - 1));
        let [one, below_half, all] = [1, (1 << (n - 1)) - 1, (1 << n) - 1].map(Z::saturated);
        let sign = move |z: Z| z >> (Z::BITS - 1);
        match self.rounding {
            // ⌊(z + c) / 2^n⌋ with a constant c, …
            Rounding::Down => dispatch(kernel.with(|_, _| Z::default())),
            Rounding::NearestTiesDown => dispatch(kernel.with(move |_, _| below_half)),
            Rounding::Up => dispatch(kernel.with(move |_, _| all)),
            // … with one that depends on the sign or on the bit above the cut, …
            Rounding::TowardZero => dispatch(kernel.with(move |z, _| sign(z) & all)),
            Rounding::NearestTiesAway => dispatch(kernel.with(move |z, _| half + sign(z))),
            Rounding::NearestTiesEven => {
                dispatch(kernel.with(move |z, _| below_half + ((z >> n) & one)));
            }
            // … or with random bits.
            Rounding::Stochastic => dispatch(kernel.with(move |_, word| Z::leading(word, n))),
            Rounding::StochasticBits(StochasticBits {
                fraction: Fraction::TwosComplement, ..
            }) => dispatch(kernel.with(move |_, word| Z::leading(word, n))),
            Rounding::ToOdd | Rounding::StochasticBits(_) => {
                let SumKernel { out, .. } = kernel;
                self.sums_by_definition(z, fraction_bits, source, first, out);
            }
        }
    }

    fn sums_by_definition<Z: Sum, C: Code>(
        &self,
        z: &[Z],
        fraction_bits: i32,
        source: &(impl BitSource + ?Sized),
        first: u64,
        out: &mut [C],
    ) {
        for ((z, out), position) in z.iter().zip(out).zip(first..) {
            let z = z.to_i64();
            let code = self.code_of_sum_at(z, fraction_bits, source, position);
            *out = C::from_i32(code);
        }
    }
}

/// ⌊(z + offset) / 2^shift⌋, saturated or wrapped.
struct SumKernel<'a, Z, C> {
    z: &'a [Z],
    words: &'a [u32],
    out: &'a mut [C],
    shift: u32,
    /// The smallest and the largest code times 2^shift.
    min: Z,
    max: Z,
    /// Bits of `Z` above the word, if codes wrap.
    wrap: Option<u32>,
}

impl<'a, Z, C> SumKernel<'a, Z, C> {
    /// The kernel with the offset that `offset(z, random word)` gives.
    fn with<F: Fn(Z, u32) -> Z>(self, offset: F) -> OffsetKernel<'a, Z, C, F> {
        OffsetKernel { sums: self, offset }
    }
}

struct OffsetKernel<'a, Z, C, F> {
    sums: SumKernel<'a, Z, C>,
    offset: F,
}

impl<Z: Sum, C: Code, F: Fn(Z, u32) -> Z> Kernel for OffsetKernel<'_, Z, C, F> {
    #[inline(always)]
    fn run(self) {
        let Self { sums: SumKernel { z, words, out, shift, min, max, wrap }, offset } = self;
        if let Some(above) = wrap {
            for ((&z, &word), out) in z.iter().zip(words).zip(out) {
                // Of 64 bits only those below shift + 32 ≤ 64 matter, so the addition may wrap; in
                // 32 bits there is headroom.
                let code = z.wrapping_add(offset(z, word)) >> shift;
                *out = C::from_i32(((code << above) >> above).low());
            }
        } else {
            // Clamped before the addition a sum cannot wrap, and the result saturates all the same.
            for ((&z, &word), out) in z.iter().zip(words).zip(out) {
                let z = z.max(min).min(max);
                *out = C::from_i32(((z + offset(z, word)) >> shift).low());
            }
        }
    }
}

/// z · 2^shift for shift in 0..=31, saturated.
struct ShiftLeft<'a, Z, C> {
    z: &'a [Z],
    out: &'a mut [C],
    shift: u32,
    min: i64,
    max: i64,
}

impl<Z: Sum, C: Code> Kernel for ShiftLeft<'_, Z, C> {
    #[inline(always)]
    fn run(self) {
        const LIMIT: i64 = 1 << 31;
        for (z, out) in self.z.iter().zip(self.out) {
            let z = z.to_i64().clamp(-LIMIT, LIMIT) << self.shift;
            *out = C::from_i32(z.max(self.min).min(self.max) as i32);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{FixedFormat, Overflow, Seed};

    /// Sums in 32 bits take the same decisions as those in 64, up to the last one with headroom.
    #[test]
    fn both_widths_convert_alike() {
        let stream = Seed::new(5).stream();
        let mut words = vec![0; 3000];
        stream.fill_words(0, &mut words);
        for rounding in [
            Rounding::NearestTiesDown,
            Rounding::NearestTiesEven,
            Rounding::NearestTiesAway,
            Rounding::TowardZero,
            Rounding::Down,
            Rounding::Up,
            Rounding::ToOdd,
            Rounding::Stochastic,
        ] {
            for (format, fraction_bits) in [
                ((8, 8), 16),
                ((2, 14), 14),
                ((2, 6), 3),
                ((4, 4), 34),
                ((6, 10), 11),
                ((1, 31), 32),
            ] {
                let format = FixedFormat::new(format.0, format.1).unwrap();
                let saturating = Quantizer::new(format, rounding);
                let headroom = saturating.headroom(fraction_bits).unwrap();
                let limit = i32::MAX - headroom as i32;
                let mut narrow: Vec<i32> = (words.iter().enumerate())
                    .map(|(i, &word)| ((word as i32) >> (i % 31)).clamp(-limit, limit))
                    .collect();
                narrow.extend([limit, -limit, 0, 1, -1]);
                let wide: Vec<i64> = narrow.iter().map(|&z| i64::from(z)).collect();
                for overflow in [Overflow::Saturate, Overflow::Wrap] {
                    let quantizer = saturating.overflow(overflow);
                    let mut codes = [vec![0i32; narrow.len()], vec![0; narrow.len()]];
                    let [a, b] = &mut codes;
                    quantizer.convert_sums(&narrow, fraction_bits, &stream, 7, a);
                    quantizer.convert_sums(&wide, fraction_bits, &stream, 7, b);
                    assert_eq!(a, b, "{format} {rounding:?} {overflow:?} from {fraction_bits}");
                    for (i, (&z, code)) in wide.iter().zip(a).enumerate().step_by(13) {
                        let bits = stream.at(7 + i as u64);
                        let expected = quantizer.code_of_sum(z, fraction_bits, bits);
                        assert_eq!(*code, expected, "{format} {rounding:?} {overflow:?} of {z}");
                    }
                }
            }
        }
    }

    /// All of 32 bits, formats that end beyond them included.
    #[test]
    fn narrow_sums_are_converted_as_the_definition_says() {
        let stream = Seed::new(6).stream();
        let mut words = vec![0; 3000];
        stream.fill_words(0, &mut words);
        let mut z: Vec<i32> =
            words.iter().enumerate().map(|(i, &word)| (word as i32) >> (i % 32)).collect();
        z.extend([i32::MIN, i32::MAX, 0, 1, -1]);
        for rounding in [
            Rounding::NearestTiesDown,
            Rounding::NearestTiesEven,
            Rounding::NearestTiesAway,
            Rounding::TowardZero,
            Rounding::Down,
            Rounding::Up,
            Rounding::ToOdd,
            Rounding::Stochastic,
        ] {
            let formats = [(8, 8), (6, 10), (2, 6), (12, 12), (1, 31), (16, 16)];
            let fraction_bits = [-8, 0, 6, 11, 20, 27, 32, 45, 60];
            for (il, fl) in formats {
                let format = FixedFormat::new(il, fl).unwrap();
                let policies = [Overflow::Saturate, Overflow::Wrap].into_iter();
                let quantizers = policies.map(|o| Quantizer::new(format, rounding).overflow(o));
                for (quantizer, bits) in
                    quantizers.flat_map(|q| fraction_bits.map(|bits| (q, bits)))
                {
                    let mut out = vec![0.0; z.len()];
                    quantizer.convert_narrow_sums(&z, bits, stream.at(7), &mut out);
                    for (i, (&z, y)) in z.iter().zip(out).enumerate() {
                        let at = stream.at(7 + i as u64);
                        let code = quantizer.code_of_sum(i64::from(z), bits, at);
                        let expected = format.value(code) as f32;
                        assert_eq!(y, expected, "{quantizer:?} of {z} from {bits}");
                    }
                }
            }
        }
    }
}
