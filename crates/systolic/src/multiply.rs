//! [`SystolicArray`]: whole products on the array, tile after tile.

use numerics::{FixedMatrix, Lfsr};

use crate::array::Output;
use crate::{
    ArrayConfig, ArrayError, Beat, ColumnStream, RoundingWords, Saturation, Tile, Tiles, Trace,
    Wavefront,
};

/// An array that multiplies matrices of any size, and keeps its LFSRs running from one product to
/// the next.
///
/// # Examples
///
/// ```
/// use numerics::{BitSource, FixedFormat, FixedMatrix, Product, Quantizer, Rounding, Seed};
/// use systolic::{ArrayConfig, ColumnLfsrs, ColumnRounding, SystolicArray};
///
/// let format = FixedFormat::new(2, 14)?;
/// let lfsrs = ColumnLfsrs::spread(4, &Seed::new(2015));
/// let config = ArrayConfig::new(4, format, ColumnRounding::Stochastic(lfsrs));
/// let mut array = SystolicArray::new(config)?;
///
/// let codes = |count: i32| (0..count).map(|i| (i * 7919) % 9973).collect::<Vec<_>>();
/// let a = FixedMatrix::from_codes(format, 5, 3, &codes(15))?; // does not fill the tiles
/// let b = FixedMatrix::from_codes(format, 3, 6, &codes(18))?;
/// let bits = array.rounding_words(5, 6);
/// let (c, trace) = array.multiply(&a, &b)?;
/// assert_eq!(trace.tiles, 4);
///
/// // Given the same random bits, the fast product of `numerics` has the same codes.
/// let quantizer = Quantizer::new(format, Rounding::Stochastic);
/// let product = Product::new(a.view(), b.view());
/// let mut sums = [0; 30];
/// product.wide(&mut sums);
/// for (i, z) in sums.into_iter().enumerate() {
///     let code = quantizer.code_of_sum(z, product.fraction_bits(), bits.at(i as u64));
///     assert_eq!(c.codes().get(i), code);
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct SystolicArray {
    config: ArrayConfig,
    wavefront: Wavefront,
}

/// What the surroundings of the array do in one cycle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flow {
    /// The L2 side has a beat to offer.
    pub offer: bool,
    /// The WRITE side takes the words that the output FIFOs hold.
    pub take: bool,
}

impl Flow {
    /// Neither side ever stalls the array.
    pub const FREE: Self = Self { offer: true, take: true };
}

impl SystolicArray {
    /// The array after reset.
    ///
    /// # Errors
    ///
    /// [`ArrayError`] naming the first thing of the configuration that is impossible.
    pub fn new(config: ArrayConfig) -> Result<Self, ArrayError> {
        let wavefront = Wavefront::new(&config)?;
        Ok(Self { config, wavefront })
    }

    /// What the array was built from.
    pub fn config(&self) -> &ArrayConfig {
        &self.config
    }

    /// The registers of the columns as they stand; empty if the array rounds to nearest.
    pub fn registers(&self) -> &[Lfsr] {
        self.wavefront.lfsrs()
    }

    /// A·B, every sum exact, rounded once and saturated.
    ///
    /// # Shapes
    ///
    /// - `a`: (l, k)
    /// - `b`: (k, m)
    /// - result: (l, m)
    ///
    /// # Errors
    ///
    /// [`ArrayError::OperandFormat`] if an operand is not in the array's format,
    /// [`ArrayError::Zero`] if l, k or m is 0, [`ArrayError::AccumulatorWidth`] if k is too large.
    ///
    /// # Panics
    ///
    /// If the inner dimensions differ.
    #[track_caller]
    pub fn multiply(
        &mut self,
        a: &FixedMatrix,
        b: &FixedMatrix,
    ) -> Result<(FixedMatrix, Trace), ArrayError> {
        self.multiply_with(a, b, |_| Flow::FREE)
    }

    /// [`Self::multiply`] with stalls: `flow` says for each cycle, counted from 0, whether there is
    /// a beat to offer and whether outputs are taken. The result does not depend on it.
    ///
    /// # Errors
    ///
    /// As [`Self::multiply`].
    ///
    /// # Panics
    ///
    /// If the inner dimensions differ.
    #[track_caller]
    pub fn multiply_with(
        &mut self,
        a: &FixedMatrix,
        b: &FixedMatrix,
        mut flow: impl FnMut(u64) -> Flow,
    ) -> Result<(FixedMatrix, Trace), ArrayError> {
        let (l, k, m) = (a.nrows(), a.ncols(), b.ncols());
        assert_eq!(
            k,
            b.nrows(),
            "cannot multiply {l} × {k} by {} × {m}: inner dimensions differ",
            b.nrows()
        );
        self.check(a, b)?;

        let tiles = self.tiles(l, m);
        let mut feed = Feed::new(a, b, tiles);
        let mut collect = Collect::new(tiles);
        let mut trace =
            Trace { tiles: tiles.len() as u64, macs: (l * k * m) as u64, ..Trace::default() };
        let (mut cycle, mut first_issue, mut tiles_done) = (0, None, 0);
        while !collect.complete() {
            let Flow { offer, take } = flow(cycle);
            let beat = if offer { feed.beat() } else { None };
            let edge = self.wavefront.clock(beat, take, |output| collect.take(output));
            if edge.accepted {
                feed.advance();
            }
            if edge.issued {
                first_issue.get_or_insert(cycle);
                trace.beats += 1;
            }
            trace.frozen += u64::from(edge.frozen);
            if edge.done {
                tiles_done += 1;
                if tiles_done == tiles.len() {
                    trace.wave_cycles = cycle - first_issue.unwrap_or(cycle);
                }
            }
            cycle += 1;
        }
        trace.total_cycles = cycle;
        trace.saturated_high = collect.saturated_high;
        trace.saturated_low = collect.saturated_low;
        let c = FixedMatrix::from_codes(self.config.out, l, m, &collect.codes)
            .expect("the rounding units saturate to the format");
        Ok((c, trace))
    }

    fn check(&self, a: &FixedMatrix, b: &FixedMatrix) -> Result<(), ArrayError> {
        for (operand, expected, given) in
            [('A', self.config.a, a.format()), ('B', self.config.b, b.format())]
        {
            if given != expected {
                return Err(ArrayError::OperandFormat { operand, expected, given });
            }
        }
        if a.nrows() == 0 {
            return Err(ArrayError::Zero("l, the number of rows of A,"));
        }
        if b.ncols() == 0 {
            return Err(ArrayError::Zero("m, the number of columns of B,"));
        }
        self.config.check_k(a.ncols())
    }

    fn tiles(&self, l: usize, m: usize) -> Tiles {
        Tiles { l, m, n: self.config.n, row_tiles: self.config.row_tiles }
    }

    /// The words that the rounding units will draw for the next product with an (l, m) result.
    ///
    /// The word of element (i, j) is at position i · m + j, its bits leading; all words are 0 if
    /// the array rounds to nearest.
    pub fn rounding_words(&self, l: usize, m: usize) -> RoundingWords {
        ColumnStream::new(self.registers()).words(self.tiles(l, m), self.wavefront.dropped_bits())
    }
}

/// The READ and L2-to-SA side: the beats of all tiles in turn.
struct Feed {
    n: usize,
    k: usize,
    m: usize,
    /// Panels of A as the rows of the array take them: per row tile k beats of n words.
    a: Vec<i32>,
    /// B, row by row.
    b: Vec<i32>,
    /// The slice of B that the present tile takes: k beats of n words.
    slice: Vec<i32>,
    column: Option<usize>,
    order: Vec<Tile>,
    tile: usize,
    step: usize,
}

impl Feed {
    fn new(a: &FixedMatrix, b: &FixedMatrix, tiles: Tiles) -> Self {
        let (l, k, n) = (a.nrows(), a.ncols(), tiles.n);
        let codes = a.codes().to_i32();
        let mut panels = vec![0; l.div_ceil(n) * k * n];
        for (i, row) in codes.chunks_exact(k).enumerate() {
            let panel = &mut panels[(i / n) * k * n..][..k * n];
            for (to, &code) in panel[i % n..].iter_mut().step_by(n).zip(row) {
                *to = code;
            }
        }
        let mut feed = Self {
            n,
            k,
            m: b.ncols(),
            a: panels,
            b: b.codes().to_i32(),
            slice: vec![0; k * n],
            column: None,
            order: tiles.iter().collect(),
            tile: 0,
            step: 0,
        };
        feed.load();
        feed
    }

    /// Loads the slice of B of the present tile unless it is the one that is there.
    fn load(&mut self) {
        let Some(&Tile { column, .. }) = self.order.get(self.tile) else { return };
        if self.column == Some(column) {
            return;
        }
        let width = self.n.min(self.m - column);
        for (to, row) in self.slice.chunks_exact_mut(self.n).zip(self.b.chunks_exact(self.m)) {
            to[..width].copy_from_slice(&row[column..column + width]);
            to[width..].fill(0);
        }
        self.column = Some(column);
    }

    fn beat(&self) -> Option<Beat<'_>> {
        let tile = self.order.get(self.tile)?;
        let at = ((tile.row / self.n) * self.k + self.step) * self.n;
        Some(Beat {
            a: &self.a[at..at + self.n],
            b: &self.slice[self.step * self.n..(self.step + 1) * self.n],
            last: self.step + 1 == self.k,
        })
    }

    fn advance(&mut self) {
        self.step += 1;
        if self.step == self.k {
            self.step = 0;
            self.tile += 1;
            self.load();
        }
    }
}

/// The WRITE side: puts the words of each column where they belong.
struct Collect {
    tiles: Tiles,
    order: Vec<Tile>,
    codes: Vec<i32>,
    /// Words received from each column.
    received: Vec<usize>,
    missing: usize,
    saturated_high: u64,
    saturated_low: u64,
}

impl Collect {
    fn new(tiles: Tiles) -> Self {
        Self {
            tiles,
            order: tiles.iter().collect(),
            codes: vec![0; tiles.l * tiles.m],
            received: vec![0; tiles.n],
            missing: tiles.len() * tiles.n * tiles.n,
            saturated_high: 0,
            saturated_low: 0,
        }
    }

    fn take(&mut self, Output { column, code, saturation }: Output) {
        let Tiles { l, m, n, .. } = self.tiles;
        let count = self.received[column];
        self.received[column] += 1;
        self.missing -= 1;
        let tile = self.order[count / n];
        let (i, j) = (tile.row + n - 1 - count % n, tile.column + column);
        if i < l && j < m {
            self.codes[i * m + j] = code;
            self.saturated_high += u64::from(saturation == Saturation::High);
            self.saturated_low += u64::from(saturation == Saturation::Low);
        }
    }

    fn complete(&self) -> bool {
        self.missing == 0
    }
}
