//! [`RandomHadamard`]: a rotation of short runs that spreads outliers and leaves products alone.

#[cfg(test)]
mod tests;

#[cfg(feature = "serde")]
use serde::{Deserialize, Serialize};

use crate::draw::BitSource;
use crate::error::ParameterError;
use crate::par::Par;
use crate::seed::Seed;
use crate::simd::vectors::{VectorKernel, Vectors, dispatch_vectors};
use crate::simd::{Kernel, dispatch_512};

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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize), serde(try_from = "Fields"))]
pub struct Hadamard {
    /// d, the length of a run: a power of two, 2 to 1024.
    pub size: usize,
    /// The signs that go before.
    pub signs: HadamardSigns,
}

/// The fields as a configuration file gives them.
#[cfg(feature = "serde")]
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    size: usize,
    signs: HadamardSigns,
}

#[cfg(feature = "serde")]
impl TryFrom<Fields> for Hadamard {
    type Error = ParameterError;

    fn try_from(fields: Fields) -> Result<Self, ParameterError> {
        let Fields { size, signs } = fields;
        let hadamard = Self { size, signs };
        hadamard.check().map(|()| hadamard)
    }
}

/// The signs of a [`Hadamard`] transform.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize), serde(rename_all = "kebab-case"))]
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
                match <&[u32; 16]>::try_from(&self.signs[..size]) {
                    Ok(signs) => dispatch_vectors(Sixteen { run, cols, signs }),
                    Err(_) => dispatch_512(Columns { run, cols, signs: &self.signs[..size] }),
                }
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
fn add_and_subtract(low: &mut [f32], high: &mut [f32]) {
    for (a, b) in low.iter_mut().zip(high) {
        (*a, *b) = (*a + *b, *a - *b);
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
            add_and_subtract(low, high);
        }
        half *= 2;
    }
    run.iter_mut().for_each(|x| *x *= norm);
    if direction == Direction::Backward {
        run.iter_mut().zip(signs).for_each(|(x, &sign)| *x = signed(*x, sign));
    }
}

/// One run of 16 of every column, in registers: the same sums as [`transform`].
struct Sixteen<'a> {
    run: &'a mut [f32],
    cols: usize,
    signs: &'a [u32; 16],
}

impl VectorKernel for Sixteen<'_> {
    #[inline(always)]
    fn run<V: Vectors>(self, v: V) {
        let Self { run, cols, signs } = self;
        let norm = v.splat(normaliser(16));
        for left in (0..cols).step_by(V::LANES) {
            let columns = left..(left + V::LANES).min(cols);
            let mut rows = [norm; 16];
            for (i, (row, sign)) in rows.iter_mut().zip(signs).enumerate() {
                *row = v.xor_bits(v.load(&run[i * cols..][columns.clone()]), *sign);
            }
            for half in [1, 2, 4, 8] {
                for i in (0..16).filter(|i| i & half == 0) {
                    let (a, b) = (rows[i], rows[i + half]);
                    (rows[i], rows[i + half]) = (v.add(a, b), v.sub(a, b));
                }
            }
            for (i, row) in rows.into_iter().enumerate() {
                v.store(v.mul(row, norm), &mut run[i * cols..][columns.clone()]);
            }
        }
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
                        add_and_subtract(&mut low[tile.clone()], &mut high[tile.clone()]);
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
