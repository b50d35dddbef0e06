//! [`RandomHadamard`]: a rotation of short runs that spreads outliers and leaves products alone.

use serde::{Deserialize, Serialize};

use crate::simd::{Kernel, dispatch_512};
use crate::{BitSource, Par, ParameterError, Seed};

/// Which transform, as data.
///
/// # Examples
///
/// ```
/// use numerics::{Hadamard, HadamardSigns, Par, Seed};
///
/// // AH · (BH)ᵀ = ABᵀ: the dot product of two rotated rows is that of the rows.
/// let hadamard = Hadamard { size: 16, signs: HadamardSigns::Nvidia }.of(&Seed::new(0));
/// let (mut a, mut b) = ([0.0; 16], [1.0; 16]);
/// (a[3], b[3]) = (8.0, -2.0); // an outlier
/// hadamard.along_rows(&mut a, 1, 16, Par::Seq);
/// hadamard.along_rows(&mut b, 1, 16, Par::Seq);
/// assert!(a.iter().all(|a| a.abs() == 2.0)); // spread over the run
/// let dot: f32 = a.iter().zip(&b).map(|(a, b)| a * b).sum();
/// assert_eq!(dot, -16.0);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Fields")]
pub struct Hadamard {
    /// d, the length of a run: a power of two, 2 to 1024.
    pub size: usize,
    /// The signs that go before.
    pub signs: HadamardSigns,
}

/// The fields as a configuration file gives them.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    size: usize,
    signs: HadamardSigns,
}

impl TryFrom<Fields> for Hadamard {
    type Error = ParameterError;

    fn try_from(fields: Fields) -> Result<Self, ParameterError> {
        let Fields { size, signs } = fields;
        let hadamard = Self { size, signs };
        hadamard.check().map(|()| hadamard)
    }
}

/// The signs of a [`Hadamard`] transform.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HadamardSigns {
    /// All +1.
    Plain,
    /// [`RandomHadamard::NVIDIA`], for a size of 16: one vector for every tensor and all time.
    Nvidia,
    /// Drawn from the seed that is given.
    Random,
}

impl Hadamard {
    /// Whether the transform is possible.
    ///
    /// # Errors
    ///
    /// [`ParameterError`] unless the size is a power of two in 2..=1024, and 16 for NVIDIA's signs.
    pub fn check(&self) -> Result<(), ParameterError> {
        let size = self.size;
        if !size.is_power_of_two() || !(2..=1024).contains(&size) {
            let problem = format!("{size} is no power of two in 2..=1024");
            return Err(ParameterError::new("size", problem));
        }
        if self.signs == HadamardSigns::Nvidia && size != 16 {
            let problem = format!("NVIDIA's signs are 16, not {size}");
            return Err(ParameterError::new("signs", problem));
        }
        Ok(())
    }

    /// The transform, with the signs of that name if they are random.
    ///
    /// # Panics
    ///
    /// If it is not possible: [`Self::check`].
    #[track_caller]
    pub fn of(&self, name: &Seed) -> RandomHadamard {
        if let Err(error) = self.check() {
            panic!("{error}");
        }
        let negative = match self.signs {
            HadamardSigns::Plain => vec![false; self.size],
            HadamardSigns::Nvidia => {
                (0..16).map(|i| RandomHadamard::NVIDIA >> i & 1 == 1).collect()
            }
            HadamardSigns::Random => {
                let mut words = vec![0; self.size];
                name.stream().fill(0, &mut words);
                words.iter().map(|word| word >> 31 == 1).collect()
            }
        };
        RandomHadamard::new(&negative)
    }
}

/// x′ = x · S · H_d / √d on runs of d elements: orthonormal.
///
/// ```text
/// S = diag(±1)      H_1 = 1,  H_2d = [[H_d, H_d], [H_d, −H_d]]  (Sylvester)
/// x′_j = Σ_i x_i · s_i · (−1)^popcount(i & j) / √d
/// ```
///
/// Computed in f32 by log₂ d stages of sums and differences, then one multiplication by 1/√d: the
/// same bits everywhere, and exact where the sums are and d is a power of four.
///
/// Two matrices that are transformed alike along the dimension that a product sums over have the
/// same product, and quantising them afterwards costs less where outliers coincide.
///
/// Sources: NVIDIA 2025, arXiv:2509.25149 App. C; Tseng et al. 2025, arXiv:2502.20586.
/// Assumed: what is left of a row or column after the whole runs is cut into runs of powers of two,
/// largest first, each transformed with the first of the signs: still orthonormal, and the same for
/// both operands.
/// Differs: NVIDIA's kernels round the transformed tensor to bf16; here it stays f32.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RandomHadamard {
    /// The sign bits of an f32.
    signs: Vec<u32>,
}

/// Elements that are transformed at a time along columns.
const TILE: usize = 4096;

impl RandomHadamard {
    /// The signs of NVIDIA's recipe, bit i set being −1 at i: 1, 1, 1, −1, 1, −1, −1, −1, −1, −1, −1, 1,
    /// −1, 1, −1, −1.
    ///
    /// Source: TransformerEngine, `pytorch/tensor/nvfp4_tensor.py`.
    pub const NVIDIA: u16 = 0xd7e8;

    /// The transform with these signs, `true` being −1.
    ///
    /// # Panics
    ///
    /// If the number of signs is no power of two in 2..=1024.
    #[track_caller]
    pub fn new(negative: &[bool]) -> Self {
        let size = negative.len();
        assert!(
            size.is_power_of_two() && (2..=1024).contains(&size),
            "a Hadamard transform has a power of two of signs in 2..=1024, not {size}"
        );
        Self { signs: negative.iter().map(|&negative| u32::from(negative) << 31).collect() }
    }

    /// d, the length of a run.
    pub fn size(&self) -> usize {
        self.signs.len()
    }

    /// Transforms runs of neighbours in a row.
    ///
    /// # Shapes
    ///
    /// - `x`: (`rows`, `cols`), row by row
    ///
    /// # Panics
    ///
    /// If `x` does not have `rows` · `cols` elements.
    #[track_caller]
    pub fn along_rows(&self, x: &mut [f32], rows: usize, cols: usize, par: Par) {
        assert_matrix(x.len(), rows, cols);
        self.rows(x, cols, par, Direction::Forward);
    }

    /// Transforms runs of neighbours in a column.
    ///
    /// # Shapes
    ///
    /// - `x`: (`rows`, `cols`), row by row
    ///
    /// # Panics
    ///
    /// If `x` does not have `rows` · `cols` elements.
    #[track_caller]
    pub fn along_columns(&self, x: &mut [f32], rows: usize, cols: usize, par: Par) {
        assert_matrix(x.len(), rows, cols);
        if x.is_empty() {
            return;
        }
        par.for_each_chunk(x, self.size() * cols, |_, strip| {
            let mut rest = strip;
            while !rest.is_empty() {
                let size = power_of_two_within((rest.len() / cols).min(self.size()));
                let (run, others) = rest.split_at_mut(size * cols);
                dispatch_512(Columns { run, cols, signs: &self.signs[..size] });
                rest = others;
            }
        });
    }

    /// Undoes [`Self::along_rows`], up to rounding.
    ///
    /// # Shapes
    ///
    /// - `x`: (`rows`, `cols`), row by row
    ///
    /// # Panics
    ///
    /// If `x` does not have `rows` · `cols` elements.
    #[track_caller]
    pub fn undo_along_rows(&self, x: &mut [f32], rows: usize, cols: usize, par: Par) {
        assert_matrix(x.len(), rows, cols);
        self.rows(x, cols, par, Direction::Backward);
    }

    fn rows(&self, x: &mut [f32], cols: usize, par: Par, direction: Direction) {
        if x.is_empty() {
            return;
        }
        let task = cols * (4 * TILE).div_ceil(cols);
        par.for_each_chunk(x, task, |_, rows| {
            for row in rows.chunks_mut(cols) {
                dispatch_512(Row { row, signs: &self.signs, direction });
            }
        });
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Direction {
    /// Signs, then sums.
    Forward,
    /// Sums, then signs.
    Backward,
}

/// The largest power of two up to `n` ≥ 1.
const fn power_of_two_within(n: usize) -> usize {
    1 << n.ilog2()
}

#[track_caller]
fn assert_matrix(len: usize, rows: usize, cols: usize) {
    assert!(
        rows.checked_mul(cols) == Some(len),
        "{len} values are no matrix of {rows} rows and {cols} columns"
    );
}

/// 1/√d.
fn normaliser(size: usize) -> f32 {
    (1.0 / (size as f64).sqrt()) as f32
}

#[inline(always)]
fn signed(x: f32, sign: u32) -> f32 {
    f32::from_bits(x.to_bits() ^ sign)
}

/// One row, run by run.
struct Row<'a> {
    row: &'a mut [f32],
    signs: &'a [u32],
    direction: Direction,
}

impl Kernel for Row<'_> {
    #[inline(always)]
    fn run(self) {
        let Self { mut row, signs, direction } = self;
        while !row.is_empty() {
            let size = power_of_two_within(row.len().min(signs.len()));
            let (runs, rest) = row.split_at_mut(row.len() / size * size);
            let signs = &signs[..size];
            match size {
                // Loops of known length are unrolled into whole vectors.
                16 => runs
                    .as_chunks_mut::<16>()
                    .0
                    .iter_mut()
                    .for_each(|run| transform(run, signs, direction)),
                32 => runs
                    .as_chunks_mut::<32>()
                    .0
                    .iter_mut()
                    .for_each(|run| transform(run, signs, direction)),
                64 => runs
                    .as_chunks_mut::<64>()
                    .0
                    .iter_mut()
                    .for_each(|run| transform(run, signs, direction)),
                _ => runs.chunks_mut(size).for_each(|run| transform(run, signs, direction)),
            }
            row = rest;
        }
    }
}

#[inline(always)]
fn transform(run: &mut [f32], signs: &[u32], direction: Direction) {
    let norm = normaliser(run.len());
    if direction == Direction::Forward {
        run.iter_mut().zip(signs).for_each(|(x, &sign)| *x = signed(*x, sign));
    }
    let mut half = 1;
    while half < run.len() {
        for pair in run.chunks_exact_mut(2 * half) {
            let (low, high) = pair.split_at_mut(half);
            for (a, b) in low.iter_mut().zip(high) {
                (*a, *b) = (*a + *b, *a - *b);
            }
        }
        half *= 2;
    }
    run.iter_mut().for_each(|x| *x *= norm);
    if direction == Direction::Backward {
        run.iter_mut().zip(signs).for_each(|(x, &sign)| *x = signed(*x, sign));
    }
}

/// One run of every column, tile by tile: the same sums as [`transform`], whole rows at a time.
struct Columns<'a> {
    run: &'a mut [f32],
    cols: usize,
    signs: &'a [u32],
}

impl Kernel for Columns<'_> {
    #[inline(always)]
    fn run(self) {
        let Self { run, cols, signs } = self;
        let size = signs.len();
        let norm = normaliser(size);
        let width = (TILE / size).clamp(1, cols);
        for left in (0..cols).step_by(width) {
            let tile = left..(left + width).min(cols);
            for (row, &sign) in run.chunks_exact_mut(cols).zip(signs) {
                row[tile.clone()].iter_mut().for_each(|x| *x = signed(*x, sign));
            }
            let mut half = 1;
            while half < size {
                for pair in run.chunks_exact_mut(2 * half * cols) {
                    let (low, high) = pair.split_at_mut(half * cols);
                    for (low, high) in low.chunks_exact_mut(cols).zip(high.chunks_exact_mut(cols)) {
                        for (a, b) in low[tile.clone()].iter_mut().zip(&mut high[tile.clone()]) {
                            (*a, *b) = (*a + *b, *a - *b);
                        }
                    }
                }
                half *= 2;
            }
            for row in run.chunks_exact_mut(cols) {
                row[tile.clone()].iter_mut().for_each(|x| *x *= norm);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn gaussian(name: &str, len: usize) -> Vec<f32> {
        let mut x = vec![0.0; len];
        Seed::new(11).child(name).stream().fill_gaussian(0, &mut x);
        x
    }

    /// The definition, in f64, of a run of as many elements as signs.
    fn naive(run: &[f64], hadamard: &RandomHadamard) -> Vec<f64> {
        let element = |j: usize| -> f64 {
            run.iter()
                .enumerate()
                .map(|(i, x)| {
                    let odd = (i & j).count_ones() % 2 == 1;
                    if odd != (hadamard.signs[i] != 0) { -x } else { *x }
                })
                .sum()
        };
        (0..run.len()).map(|j| element(j) / (run.len() as f64).sqrt()).collect()
    }

    /// Lengths of the runs of a row.
    fn runs(mut len: usize, size: usize) -> Vec<usize> {
        let mut runs = Vec::new();
        while len > 0 {
            runs.push(power_of_two_within(len.min(size)));
            len -= runs[runs.len() - 1];
        }
        runs
    }

    fn transforms() -> Vec<RandomHadamard> {
        let mut all: Vec<RandomHadamard> = (1..=10)
            .map(|log| Hadamard { size: 1 << log, signs: HadamardSigns::Random })
            .map(|hadamard| hadamard.of(&Seed::new(12).child("signs")))
            .collect();
        all.push(Hadamard { size: 16, signs: HadamardSigns::Nvidia }.of(&Seed::new(0)));
        all.push(Hadamard { size: 32, signs: HadamardSigns::Plain }.of(&Seed::new(0)));
        all
    }

    #[test]
    fn runs_are_transformed_by_the_definition() {
        for hadamard in transforms() {
            for (rows, cols) in [(1, 1024), (3, 100), (2, 16), (5, 7), (1, 1), (4, 1100)] {
                let x = gaussian("x", rows * cols);
                let mut y = x.clone();
                hadamard.along_rows(&mut y, rows, cols, Par::Seq);
                for (x, y) in x.chunks(cols).zip(y.chunks(cols)) {
                    let mut at = 0;
                    for run in runs(cols, hadamard.size()) {
                        let exact: Vec<f64> = x[at..at + run].iter().map(|&x| x.into()).collect();
                        for (exact, y) in naive(&exact, &hadamard).iter().zip(&y[at..]) {
                            // log₂ d sums of numbers of about 1, and the normaliser.
                            assert!((exact - f64::from(*y)).abs() < 1e-5, "{exact}, {y}");
                        }
                        at += run;
                    }
                }
            }
        }
    }

    #[test]
    fn columns_are_rows_of_the_transpose() {
        for hadamard in transforms() {
            for (rows, cols) in [(1024, 3), (100, 37), (16, 300), (7, 5), (33, 1)] {
                let x = gaussian("x", rows * cols);
                let transposed = |x: &[f32], rows: usize, cols: usize| -> Vec<f32> {
                    (0..cols).flat_map(|c| (0..rows).map(move |r| x[r * cols + c])).collect()
                };
                let mut expected = transposed(&x, rows, cols);
                hadamard.along_rows(&mut expected, cols, rows, Par::Seq);
                let mut y = x.clone();
                hadamard.along_columns(&mut y, rows, cols, Par::Rayon);
                assert_eq!(y, transposed(&expected, cols, rows), "({rows}, {cols})");
                let (mut seq, mut rayon) = (x.clone(), x);
                hadamard.along_columns(&mut seq, rows, cols, Par::Seq);
                assert_eq!(seq, y);
                hadamard.along_rows(&mut seq, rows, cols, Par::Seq);
                hadamard.along_columns(&mut rayon, rows, cols, Par::Rayon);
                hadamard.along_rows(&mut rayon, rows, cols, Par::Rayon);
                assert_eq!(seq, rayon);
            }
        }
    }

    #[test]
    fn nvidias_signs_are_their_list() {
        let hadamard = Hadamard { size: 16, signs: HadamardSigns::Nvidia }.of(&Seed::new(0));
        let list = [1, 1, 1, -1, 1, -1, -1, -1, -1, -1, -1, 1, -1, 1, -1, -1];
        for (sign, listed) in hadamard.signs.iter().zip(list) {
            assert_eq!(signed(1.0, *sign), listed as f32);
        }
    }

    #[test]
    fn random_signs_have_the_name_of_their_seed() {
        let hadamard = Hadamard { size: 128, signs: HadamardSigns::Random };
        let of = |name| hadamard.of(&Seed::new(3).child(name));
        assert_eq!(of("a"), of("a"));
        assert_ne!(of("a"), of("b"));
        let negative = of("a").signs.iter().filter(|&&sign| sign != 0).count();
        // Outside this range once in 10⁷ draws.
        assert!((35..=93).contains(&negative), "{negative} of 128");
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let message = |text: &str| serde_json::from_str::<Hadamard>(text).unwrap_err().to_string();
        for size in [0, 1, 3, 48, 2048] {
            let text = message(&format!(r#"{{"size":{size},"signs":"random"}}"#));
            assert!(
                text.starts_with(&format!("`size`: {size} is no power of two in 2..=1024")),
                "{text}"
            );
        }
        let text = message(r#"{"size":32,"signs":"nvidia"}"#);
        assert!(text.starts_with("`signs`: NVIDIA's signs are 16, not 32"), "{text}");
        assert!(message(r#"{"size":16,"signs":"plain","block":1}"#).contains("block"));
        let hadamard = Hadamard { size: 64, signs: HadamardSigns::Random };
        let text = serde_json::to_string(&hadamard).unwrap();
        assert_eq!(serde_json::from_str::<Hadamard>(&text).unwrap(), hadamard);
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

        /// (AH)(BH)ᵀ = ABᵀ, lengths stay, and the transform is undone.
        #[test]
        fn products_and_lengths_stay(seed: u64, log in 1u32..8, rows in 1usize..4, cols in 1usize..300) {
            let hadamard = Hadamard { size: 1 << log, signs: HadamardSigns::Random }.of(&Seed::new(seed));
            let a = gaussian("a", rows * cols);
            let b = gaussian("b", rows * cols);
            let (mut ah, mut bh) = (a.clone(), b.clone());
            hadamard.along_rows(&mut ah, rows, cols, Par::Seq);
            hadamard.along_rows(&mut bh, rows, cols, Par::Seq);
            let dot = |a: &[f32], b: &[f32]| -> f64 {
                a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum()
            };
            let tolerance = 1e-6 * cols as f64;
            for (i, j) in (0..rows).flat_map(|i| (0..rows).map(move |j| (i, j))) {
                let row = |x: &[f32], i: usize| x[i * cols..(i + 1) * cols].to_vec();
                let rotated = dot(&row(&ah, i), &row(&bh, j));
                prop_assert!((rotated - dot(&row(&a, i), &row(&b, j))).abs() < tolerance);
            }
            prop_assert!((dot(&ah, &ah) - dot(&a, &a)).abs() < tolerance * rows as f64);
            hadamard.undo_along_rows(&mut ah, rows, cols, Par::Rayon);
            for (a, back) in a.iter().zip(&ah) {
                prop_assert!((a - back).abs() < 1e-5);
            }
        }
    }
}
