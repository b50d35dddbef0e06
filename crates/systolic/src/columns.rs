//! [`ColumnRounding`] and [`ColumnLfsrs`]: where the rounding units take their bits from.
//!
//! Every column has a register of its own and takes one word per result. Three things can make
//! such words poor, and the parameters decide about each:
//!
//! - a register never holds 0. Whatever number of bits is read from one of W bits, a fraction f
//!   rounds up with probability f · 2^W / (2^W − 1) instead of f: the shorter, the worse,
//! - one step per sample makes each word the one before it, shifted: neighbouring results of a
//!   column round the same way far too often. With as many steps as bits are read they share none,
//! - registers with one polynomial run through one cycle. Seeds that lie close on it give columns
//!   that repeat each other a few results later.
//!
//! Source: [Gupta15 §5.2], which says LFSR and leaves the parameters open.

use numerics::{BitSource, GivenBits, Lfsr, LfsrConfig, LfsrError, Seed};
use serde::{Deserialize, Serialize};

use crate::Tiles;

/// What the rounding units add below the cut.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ColumnRounding {
    /// The bits of an LFSR per column: stochastic rounding.
    Stochastic(ColumnLfsrs),
    /// A constant: to nearest, ties toward −∞.
    NearestTiesDown,
}

/// The registers of all columns: one width, one polynomial, one seed per column.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ColumnLfsrs {
    /// Bits of each register, 2..=64.
    pub width: u32,
    /// The feedback polynomial, as [`LfsrConfig::taps`] has it.
    pub taps: u64,
    /// Steps of a register for each result, at least 1.
    pub steps_per_sample: u32,
    /// The state of each column's register before its first step, none of them 0.
    pub seeds: Vec<u64>,
}

impl ColumnLfsrs {
    /// Registers for `n` columns that are sound for every number of dropped bits: 48 bits wide, 32
    /// steps per sample, and a place on the cycle drawn from `seed` with the columns spread over
    /// the cycle in equal distances.
    ///
    /// Assumed: all of it. Of 28 columns none reaches the samples of the next one within 10^13
    /// results; the never-zero bias is below 2^−47 ulp.
    pub fn spread(n: usize, seed: &Seed) -> Self {
        const WIDTH: u32 = 48;
        let mut words = [0; 2];
        seed.stream().fill_words(0, &mut words);
        let state = (u64::from(words[0]) << 32 | u64::from(words[1])) & (u64::MAX >> (64 - WIDTH));
        let config = LfsrConfig::maximal(WIDTH, state.max(1), 32).expect("48 bits are listed");
        let distance = ((1 << WIDTH) - 1) / n.max(1) as u64;
        let seeds = (0..n as u64)
            .map(|j| {
                let mut lfsr = Lfsr::new(config).expect("the state has 48 bits and is not 0");
                lfsr.skip(j * distance);
                lfsr.state()
            })
            .collect();
        Self { width: WIDTH, taps: config.taps, steps_per_sample: config.steps_per_sample, seeds }
    }

    /// The registers in their initial states.
    ///
    /// # Errors
    ///
    /// [`LfsrError`] of the first register that cannot work.
    pub fn registers(&self) -> Result<Vec<Lfsr>, LfsrError> {
        let Self { width, taps, steps_per_sample, .. } = *self;
        self.seeds
            .iter()
            .map(|&seed| Lfsr::new(LfsrConfig { width, taps, seed, steps_per_sample }))
            .collect()
    }
}

/// The rounding bits of one product, one word per element of the result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoundingWords {
    words: Vec<u32>,
}

impl RoundingWords {
    /// The words of the elements, row by row.
    pub fn words(&self) -> &[u32] {
        &self.words
    }
}

/// Positions are those of the elements; a rounding unit drops at most 32 bits, so what follows the
/// leading word is never needed and is 0.
impl BitSource for RoundingWords {
    fn word(&self, position: u64, depth: u32) -> u32 {
        GivenBits(&self.words).word(position, depth)
    }

    fn fill(&self, first: u64, out: &mut [u32]) {
        GivenBits(&self.words).fill(first, out);
    }
}

/// The words that the rounding units draw, product after product, without the array around them.
///
/// How it is computed: the steps of one sample are a linear map of the state, so that a new state
/// is the sum of one table entry for each byte of the old one.
#[derive(Clone, Debug)]
pub struct ColumnStream {
    width: u32,
    states: Vec<u64>,
    /// `advance[i][byte]`: the state that byte i of the state becomes.
    advance: Vec<[u64; 256]>,
}

impl ColumnStream {
    /// The registers of an array as they stand.
    ///
    /// # Panics
    ///
    /// If two registers have different parameters.
    #[track_caller]
    pub fn new(registers: &[Lfsr]) -> Self {
        let states = registers.iter().map(Lfsr::state).collect();
        let Some(first) = registers.first() else {
            return Self { width: 0, states, advance: Vec::new() };
        };
        let parameters = |lfsr: &Lfsr| LfsrConfig { seed: 1, ..lfsr.config() };
        let config = parameters(first);
        assert!(
            registers.iter().all(|lfsr| parameters(lfsr) == config),
            "the registers of an array have one width, polynomial and step count"
        );
        let images: Vec<u64> = (0..config.width)
            .map(|bit| {
                let config = LfsrConfig { seed: 1 << bit, ..config };
                let mut lfsr = Lfsr::new(config).expect("a single bit is a nonzero state");
                lfsr.next_bits(config.width)
            })
            .collect();
        let advance = images
            .chunks(8)
            .map(|images| {
                std::array::from_fn(|byte| {
                    let set = images.iter().enumerate().filter(|(bit, _)| byte >> bit & 1 == 1);
                    set.fold(0, |sum, (_, image)| sum ^ image)
                })
            })
            .collect();
        Self { width: config.width, states, advance }
    }

    /// The words of the next product with the tiles `tiles`, of which `drop` bits are read.
    ///
    /// The word of element (i, j) is at position i · m + j, its bits leading; all words are 0 if
    /// nothing is drawn.
    ///
    /// # Panics
    ///
    /// If `drop` is above 32 or above the width of the registers, or there are registers, but not
    /// one for each column.
    #[track_caller]
    pub fn words(&mut self, tiles: Tiles, drop: u32) -> RoundingWords {
        let Tiles { l, m, n, .. } = tiles;
        let mut words = vec![0; l * m];
        if drop == 0 || self.states.is_empty() {
            return RoundingWords { words };
        }
        assert_eq!(self.states.len(), n, "{} registers for {n} columns", self.states.len());
        assert!(
            drop <= 32 && drop <= self.width,
            "{drop} bits cannot be read from {} and put into 32",
            self.width
        );
        let shift = self.width - drop;
        for tile in tiles.iter() {
            for (j, state) in self.states.iter_mut().enumerate() {
                // The bottom row leaves first. Cells beyond the edges draw their words too.
                for i in (0..n).rev() {
                    let bytes = state.to_le_bytes();
                    *state = self
                        .advance
                        .iter()
                        .zip(bytes)
                        .fold(0, |sum, (table, byte)| sum ^ table[usize::from(byte)]);
                    if tile.row + i < l && tile.column + j < m {
                        let word = ((*state >> shift) as u32) << (32 - drop);
                        words[(tile.row + i) * m + tile.column + j] = word;
                    }
                }
            }
        }
        RoundingWords { words }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn registers(width: u32, steps: u32, seeds: &[u64]) -> Vec<Lfsr> {
        let LfsrConfig { taps, steps_per_sample, .. } =
            LfsrConfig::maximal(width, 1, steps).unwrap();
        ColumnLfsrs { width, taps, steps_per_sample, seeds: seeds.to_vec() }.registers().unwrap()
    }

    /// Over a whole period every nonzero state occurs once, so the words' mean is exact.
    #[test]
    fn a_register_without_zero_rounds_up_too_often_by_up_to_half_an_ulp_over_2_to_the_n() {
        for n in 2..=12u32 {
            let mut lfsr = registers(n, 1, &[1]).remove(0);
            let states = (1u64 << n) - 1;
            let sum: u64 = (0..states).map(|_| lfsr.next_bits(n)).sum();
            // Mean of R / 2^n against that of uniform words, (2^n − 1) / 2^(n+1): the bias in ulp
            // of a sum whose dropped bits are uniform.
            let mean = sum as f64 / states as f64;
            let bias = (mean - states as f64 / 2.0) / (states + 1) as f64;
            let expected = 2f64.powi(-(n as i32) - 1);
            assert!((bias - expected).abs() < 1e-12, "{n} bits: bias {bias}, expected {expected}");
        }
    }

    /// Pearson's coefficient between one sample and the next.
    fn serial_correlation(lfsr: &mut Lfsr, bits: u32, samples: usize) -> f64 {
        let words: Vec<f64> = (0..samples).map(|_| lfsr.next_bits(bits) as f64).collect();
        let mean = words.iter().sum::<f64>() / samples as f64;
        let covariance: f64 = words.windows(2).map(|w| (w[0] - mean) * (w[1] - mean)).sum();
        covariance / words.iter().map(|w| (w - mean).powi(2)).sum::<f64>()
    }

    #[test]
    fn one_step_per_sample_correlates_neighbours_and_the_default_does_not() {
        const SAMPLES: usize = 100_000;
        let ColumnLfsrs { seeds, .. } = ColumnLfsrs::spread(1, &Seed::new(1));
        // The next word is the old one's low bits moved up: 2x mod 1 correlates with x by 1/2.
        let one_step = serial_correlation(&mut registers(48, 1, &seeds)[0], 14, SAMPLES);
        assert!((one_step - 0.5).abs() < 0.02, "correlation {one_step}");
        // Independent samples give a coefficient of deviation 1/√SAMPLES; at 4.4 deviations the
        // false-alarm rate is 1e-5, on the day the seed was chosen.
        let spread = serial_correlation(&mut registers(48, 32, &seeds)[0], 14, SAMPLES);
        assert!(spread.abs() < 4.4 / (SAMPLES as f64).sqrt(), "correlation {spread}");
    }

    #[test]
    fn the_default_registers_are_far_apart_and_differ_by_seed() {
        let columns = ColumnLfsrs::spread(28, &Seed::new(3));
        let registers = columns.registers().unwrap();
        let mut states: Vec<u64> = registers.iter().map(Lfsr::state).collect();
        states.sort_unstable();
        states.dedup();
        assert_eq!(states.len(), 28);
        // From column to column the way is a 28th of the cycle, in samples.
        let mut first = registers[0].clone();
        first.skip(((1 << 48) - 1) / 28);
        assert_eq!(first.state(), registers[1].state());
        assert_ne!(columns, ColumnLfsrs::spread(28, &Seed::new(4)));
    }

    #[test]
    fn a_stream_draws_what_the_registers_draw() {
        for (width, steps) in [(2, 1), (7, 3), (14, 1), (16, 16), (32, 32), (48, 32), (64, 5)] {
            let mut registers = registers(width, steps, &[1, 2, 3]);
            let mut stream = ColumnStream::new(&registers);
            // 3 × 3 tiles that do not fill the result; twice, so that the stream runs on.
            let tiles = Tiles { l: 4, m: 7, n: 3, row_tiles: 2 };
            for drop in [1, 2, width.min(32)] {
                let words = stream.words(tiles, drop);
                for tile in tiles.iter() {
                    for (j, lfsr) in registers.iter_mut().enumerate() {
                        for i in (0..3).rev() {
                            let bits = lfsr.next_bits(drop);
                            let (row, column) = (tile.row + i, tile.column + j);
                            if row < 4 && column < 7 {
                                let word = words.word((row * 7 + column) as u64, 0);
                                assert_eq!(u64::from(word >> (32 - drop)), bits, "{width} bits");
                            }
                        }
                    }
                }
            }
        }
    }
}
