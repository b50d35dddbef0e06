//! [`Lfsr`]: the linear feedback shift register that hardware uses as its source of random bits.

use std::fmt;

#[cfg(feature = "serde")]
use serde::{Deserialize, Serialize};

use crate::draw::BitSource;

/// What defines a register: the parameters that hardware descriptions give.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize), serde(try_from = "Fields"))]
pub struct LfsrConfig {
    /// Number of bits, 2..=64.
    pub width: u32,
    /// The feedback polynomial 1 + Σ x^t: bit t − 1 is set for every tapped bit t, the last
    /// (t = width) included.
    pub taps: u64,
    /// The state before the first step, nonzero.
    pub seed: u64,
    /// Steps before each sample is read, at least 1.
    pub steps_per_sample: u32,
}

/// The fields as a configuration file gives them.
#[cfg(feature = "serde")]
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    width: u32,
    taps: u64,
    seed: u64,
    steps_per_sample: u32,
}

#[cfg(feature = "serde")]
impl TryFrom<Fields> for LfsrConfig {
    type Error = LfsrError;

    fn try_from(fields: Fields) -> Result<Self, LfsrError> {
        let Fields { width, taps, seed, steps_per_sample } = fields;
        Lfsr::new(Self { width, taps, seed, steps_per_sample }).map(|lfsr| lfsr.config())
    }
}

/// A register that cannot work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LfsrError {
    /// The width is outside 2..=64.
    Width(u32),
    /// A tap lies beyond the last bit, or the last bit is not tapped.
    Taps {
        /// Number of bits.
        width: u32,
        /// The taps given.
        taps: u64,
    },
    /// The seed is 0, where the register would stay for ever, or has bits beyond the last one.
    Seed {
        /// Number of bits.
        width: u32,
        /// The seed given.
        seed: u64,
    },
    /// The register would never move.
    Steps,
}

impl fmt::Display for LfsrError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Width(width) => write!(f, "width {width} of an LFSR lies outside 2..=64 bits"),
            Self::Taps { width, taps } => {
                write!(f, "taps {taps:#x} are no polynomial of degree {width}")
            }
            Self::Seed { width, seed } => {
                write!(f, "seed {seed:#x} is no nonzero state of {width} bits")
            }
            Self::Steps => write!(f, "steps_per_sample is 0, an LFSR needs at least one"),
        }
    }
}

impl std::error::Error for LfsrError {}

/// Tapped bits besides the last one of a primitive polynomial, width by width. That each is
/// primitive is tested, not taken on trust.
const PRIMITIVE: [(u32, &[u32]); 34] = [
    (2, &[1]),
    (3, &[2]),
    (4, &[3]),
    (5, &[3]),
    (6, &[5]),
    (7, &[6]),
    (8, &[6, 5, 4]),
    (9, &[5]),
    (10, &[7]),
    (11, &[9]),
    (12, &[11, 10, 4]),
    (13, &[12, 11, 8]),
    (14, &[13, 12, 2]),
    (15, &[14]),
    (16, &[15, 13, 4]),
    (17, &[14]),
    (18, &[11]),
    (19, &[18, 17, 14]),
    (20, &[17]),
    (21, &[19]),
    (22, &[21]),
    (23, &[18]),
    (24, &[23, 22, 17]),
    (25, &[22]),
    (26, &[25, 24, 20]),
    (27, &[26, 25, 22]),
    (28, &[25]),
    (29, &[27]),
    (30, &[29, 28, 7]),
    (31, &[28]),
    (32, &[31, 30, 10]),
    (40, &[38, 21, 19]),
    (48, &[47, 21, 20]),
    (64, &[63, 61, 60]),
];

impl LfsrConfig {
    /// A register of maximal period, 2^`width` − 1 steps, that makes `steps_per_sample` steps for
    /// each sample. `None` unless `width` is in 2..=32 or one of 40, 48 and 64.
    pub fn maximal(width: u32, seed: u64, steps_per_sample: u32) -> Option<Self> {
        let (_, inner) = PRIMITIVE.iter().find(|(w, _)| *w == width)?;
        let taps = inner.iter().fold(1 << (width - 1), |taps, t| taps | 1 << (t - 1));
        Some(Self { width, taps, seed, steps_per_sample })
    }
}

/// A running linear feedback shift register.
///
/// ```text
///        ┌────────────⊕◀─────────⊕◀────────┐            one step:
///        ▼            │          │         │            feedback = ⊕ of the tapped bits
///   │ bit 1 │ … │ bit t₂ │ … │ bit t₁ │ … │ bit width │  every bit moves up, bit 1 ← feedback
/// ```
///
/// With a primitive polynomial the register runs through all 2^width − 1 nonzero states. It never
/// holds 0, so N bits read from a register of width N round a fraction f up with probability
/// f · 2^N / (2^N − 1): the mean is off by up to 2^−N ulp. Bits read from a longer register come
/// closer, and with as many steps per sample as bits are read no two samples share a bit.
///
/// Assumed: a Fibonacci register; [Gupta15 §5.2] says LFSR and leaves length, polynomial, seed and
/// steps per sample open.
///
/// # Examples
///
/// ```
/// use numerics::{Lfsr, LfsrConfig};
///
/// // x⁴ + x³ + 1 runs through all 15 states.
/// let config = LfsrConfig { width: 4, taps: 0b1100, seed: 1, steps_per_sample: 1 };
/// let mut lfsr = Lfsr::new(config)?;
/// let states: Vec<u64> = (0..15).map(|_| lfsr.next_bits(4)).collect();
/// assert_eq!(states, [2, 4, 9, 3, 6, 13, 10, 5, 11, 7, 15, 14, 12, 8, 1]);
/// # Ok::<(), numerics::LfsrError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lfsr {
    config: LfsrConfig,
    state: u64,
}

impl Lfsr {
    /// The register in its initial state.
    ///
    /// # Errors
    ///
    /// [`LfsrError`] naming the parameter that is impossible.
    pub const fn new(config: LfsrConfig) -> Result<Self, LfsrError> {
        let LfsrConfig { width, taps, seed, steps_per_sample } = config;
        if width < 2 || width > 64 {
            return Err(LfsrError::Width(width));
        }
        if taps & !mask(width) != 0 || taps >> (width - 1) & 1 == 0 {
            return Err(LfsrError::Taps { width, taps });
        }
        if seed == 0 || seed & !mask(width) != 0 {
            return Err(LfsrError::Seed { width, seed });
        }
        if steps_per_sample == 0 {
            return Err(LfsrError::Steps);
        }
        Ok(Self { config, state: seed })
    }

    /// The parameters.
    pub const fn config(&self) -> LfsrConfig {
        self.config
    }

    /// The bits of the register, bit 1 lowest.
    pub const fn state(&self) -> u64 {
        self.state
    }

    /// Makes the steps of one sample and reads the upper `n` bits of the register.
    ///
    /// # Panics
    ///
    /// If the register has fewer than `n` bits, or `n` is 0.
    #[track_caller]
    pub fn next_bits(&mut self, n: u32) -> u64 {
        let width = self.config.width;
        assert!(n >= 1 && n <= width, "an LFSR of {width} bits gives 1..={width} bits, not {n}");
        // So many steps take longer one by one than by their power.
        const MANY: u32 = 1 << 14;
        if self.config.steps_per_sample > MANY {
            self.skip(1);
            return self.state >> (width - n);
        }
        // As many steps at once as read only bits that are there already: the feedback of step j
        // takes bit t − j of the present state for every tap t.
        let lowest_tap = self.config.taps.trailing_zeros() + 1;
        let mut steps = self.config.steps_per_sample;
        while steps > 0 {
            let at_once = steps.min(lowest_tap).min(width - 1);
            self.leap(at_once);
            steps -= at_once;
        }
        self.state >> (width - n)
    }

    fn step(&mut self) {
        self.leap(1);
    }

    /// `steps` steps, at most the lowest tap and fewer than the register's bits.
    fn leap(&mut self, steps: u32) {
        let mut taps = self.config.taps;
        let mut feedback = 0;
        while taps != 0 {
            let tap = taps.trailing_zeros() + 1;
            feedback ^= self.state >> (tap - steps);
            taps &= taps - 1;
        }
        let feedback = feedback & mask(steps);
        self.state = ((self.state << steps) | feedback) & mask(self.config.width);
    }

    /// Moves ahead by `samples` samples, in a time that does not depend on their number.
    ///
    /// The bits obey one linear recurrence, so bit i + k is a sum of the bits i..i + width; which
    /// ones is written in x^k modulo the characteristic polynomial.
    pub fn skip(&mut self, samples: u64) {
        let steps = u128::from(samples) * u128::from(self.config.steps_per_sample);
        if steps == 0 {
            return;
        }
        let width = self.config.width;
        let combination = self.power_of_x(steps);
        // The bits of the state and the width − 1 after them, oldest first in the upper end.
        let mut ahead = self.clone();
        let mut state: u64 = 0;
        for _ in 0..width {
            // `ahead.state` holds the bits i..i + width with the oldest on top.
            let oldest_lowest = ahead.state.reverse_bits() >> (64 - width);
            let bit = (oldest_lowest & combination).count_ones() as u64 & 1;
            state = (state << 1) | bit;
            ahead.step();
        }
        self.state = state;
    }

    /// x^`exponent` modulo the characteristic polynomial x^w + Σ_t x^(w−t); bit j is that of x^j.
    fn power_of_x(&self, exponent: u128) -> u64 {
        let width = self.config.width;
        // Σ_t x^(w−t): tap t (bit t − 1) belongs to x^(w−t), so the bits are mirrored.
        let low = self.config.taps.reverse_bits() >> (64 - width);
        let times_x = |p: u64| {
            let carry = (p >> (width - 1) & 1).wrapping_neg();
            ((p << 1) & mask(width)) ^ (low & carry)
        };
        let mut result: u64 = 1;
        for i in (0..128 - exponent.leading_zeros()).rev() {
            let mut square: u64 = 0;
            for j in (0..width).rev() {
                square = times_x(square) ^ (result & (result >> j & 1).wrapping_neg());
            }
            result = if exponent >> i & 1 == 1 { times_x(square) } else { square };
        }
        result
    }
}

const fn mask(width: u32) -> u64 {
    u64::MAX >> (64 - width)
}

/// Positions count samples from the register's present state; its upper bits are the leading bits.
///
/// A register narrower than 32 bits leaves the lower bits of a word 0, as adding its bits to the
/// dropped bits of a sum does; there are no further words. [`Self::fill`] steps along, while
/// [`Self::word`] has to compute its way to the position.
impl BitSource for Lfsr {
    fn word(&self, position: u64, depth: u32) -> u32 {
        let mut word = [0];
        if depth == 0 {
            self.fill(position, &mut word);
        }
        word[0]
    }

    fn fill(&self, first: u64, out: &mut [u32]) {
        let mut lfsr = self.clone();
        lfsr.skip(first);
        let n = self.config.width.min(32);
        for word in out {
            *word = (lfsr.next_bits(n) as u32) << (32 - n);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lfsr(width: u32, seed: u64, steps: u32) -> Lfsr {
        Lfsr::new(LfsrConfig::maximal(width, seed, steps).unwrap()).unwrap()
    }

    #[test]
    fn short_registers_run_through_every_state_but_zero() {
        for width in 2..=18 {
            let mut lfsr = lfsr(width, 1, 1);
            let mut seen = vec![false; 1 << width];
            for _ in 1..1u32 << width {
                let state = lfsr.next_bits(width) as usize;
                assert!(state != 0 && !seen[state], "width {width} repeats state {state}");
                seen[state] = true;
            }
            assert_eq!(lfsr.state(), 1, "width {width} does not close its cycle");
        }
    }

    /// A sample of many steps is the sample after so many samples of one step.
    #[test]
    fn leaps_are_steps() {
        for (width, _) in PRIMITIVE {
            let mut one = lfsr(width, 1, 1);
            for steps in 1..=40 {
                let mut many = lfsr(width, one.state(), steps);
                many.next_bits(1);
                let mut single = one.clone();
                (0..steps).for_each(|_| {
                    // By the definition, bit by bit.
                    let feedback = u64::from((single.state & single.config.taps).count_ones() & 1);
                    single.state = ((single.state << 1) | feedback) & mask(width);
                });
                assert_eq!(many.state(), single.state(), "{steps} steps of {width} bits");
                one.next_bits(1);
            }
        }
    }

    /// x has order 2^w − 1 exactly if x^(2^w − 1) = 1 and no x^((2^w − 1)/q) is, q prime.
    #[test]
    fn every_listed_polynomial_is_primitive() {
        for (width, _) in PRIMITIVE {
            let lfsr = lfsr(width, 1, 1);
            let order = mask(width);
            assert_eq!(lfsr.power_of_x(u128::from(order)), 1, "width {width}");
            let (mut rest, mut q) = (order, 2);
            while rest > 1 {
                q = if q * q > rest { rest } else { q };
                if rest % q == 0 {
                    assert_ne!(lfsr.power_of_x(u128::from(order / q)), 1, "width {width}, {q}");
                    while rest % q == 0 {
                        rest /= q;
                    }
                }
                q += 1;
            }
        }
    }

    #[test]
    fn skipping_is_the_same_as_stepping() {
        for (width, steps) in [(2, 1), (7, 3), (16, 16), (33 - 1, 5), (64, 7)] {
            let mut stepped = lfsr(width, 0b10, steps);
            for samples in 0..200 {
                let mut skipped = lfsr(width, 0b10, steps);
                skipped.skip(samples);
                assert_eq!(skipped.state(), stepped.state(), "width {width}, {samples} samples");
                stepped.next_bits(1);
            }
        }
        for steps in [1 << 14, (1 << 14) + 1, 1_000_003, u32::MAX] {
            let mut many = lfsr(33 - 1, 0b10, steps);
            let mut one = lfsr(33 - 1, 0b10, 1);
            (0..3).for_each(|_| _ = many.next_bits(8));
            one.skip(3 * u64::from(steps));
            assert_eq!(many.state(), one.state(), "three samples of {steps} steps");
        }
        // A whole period leads back.
        let mut far = lfsr(32, 12345, 1);
        far.skip((1 << 32) - 1);
        assert_eq!(far.state(), 12345);
    }

    #[test]
    fn words_by_position_are_the_samples_in_turn() {
        for width in [14, 32, 48] {
            let source = lfsr(width, 77, 14);
            let (mut running, mut words) = (source.clone(), [0; 40]);
            source.fill(0, &mut words);
            for (i, &word) in words.iter().enumerate() {
                assert_eq!(u64::from(word >> 18), running.next_bits(14), "sample {i}");
                assert_eq!(source.word(i as u64, 0), word);
                assert_eq!(source.word(i as u64, 1), 0);
            }
        }
    }

    /// N bits of a register of width N: over a period f·2^N of the 2^N − 1 states round up.
    #[test]
    fn a_register_as_wide_as_the_cut_is_biased_by_its_missing_zero() {
        for n in 2..=9u32 {
            for f in 0..1u64 << n {
                let mut lfsr = lfsr(n, 1, 1);
                let ups = (1..1u64 << n).filter(|_| f + lfsr.next_bits(n) >= 1 << n).count();
                assert_eq!(ups as u64, f, "fraction {f} / 2^{n}");
            }
        }
    }

    #[test]
    fn impossible_registers_are_refused_by_name() {
        let config = LfsrConfig { width: 4, taps: 0b1100, seed: 1, steps_per_sample: 1 };
        let message = |config| Lfsr::new(config).unwrap_err().to_string();
        assert_eq!(
            message(LfsrConfig { width: 65, ..config }),
            "width 65 of an LFSR lies outside 2..=64 bits"
        );
        assert_eq!(
            message(LfsrConfig { taps: 0b0100, ..config }),
            "taps 0x4 are no polynomial of degree 4"
        );
        assert_eq!(
            message(LfsrConfig { seed: 0, ..config }),
            "seed 0x0 is no nonzero state of 4 bits"
        );
        assert_eq!(
            message(LfsrConfig { steps_per_sample: 0, ..config }),
            "steps_per_sample is 0, an LFSR needs at least one"
        );
    }

    #[test]
    #[should_panic(expected = "an LFSR of 16 bits gives 1..=16 bits, not 20")]
    fn a_register_gives_no_more_bits_than_it_has() {
        lfsr(16, 1, 1).next_bits(20);
    }

    /// Made by this code; pins the register. A change here is a value-breaking change.
    #[test]
    fn value_stability() {
        let mut lfsr = lfsr(32, 2015, 16);
        assert_eq!([(); 4].map(|()| lfsr.next_bits(16)), [2015, 63_485, 59_493, 56_966]);
    }
}
