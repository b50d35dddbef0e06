//! [`Card`]: a board with the design on it; [`Throughput`]: how fast and at what energy it is.
//!
//! ```text
//!              READ                                    WRITE
//!   DDR ──────────────▶ L2 (block RAM) ──▶ array ──────────────▶ DDR
//!       bandwidth       2 · (p·n + n) · k words      n² results every max(k, n) cycles
//! ```
//!
//! L2 holds p·n rows of A and n columns of B, each twice: one in use, the other being loaded. In a
//! step one slice of B passes, p tiles are computed, and meanwhile
//!
//! ```text
//!   bytes(step) = next slice of B + its share of the next block of A + results of the step before
//!   seconds(step) = max( p · max(k, n) / clock,  bytes(step) / bandwidth )
//! ```
//!
//! A step whose first term is larger is bound by compute, else by bandwidth. Before the first step
//! the first block and slice are loaded, after the last one the wave runs out and its results are
//! written.
//!
//! If not even p = 1 fits, both operands stream past: every tile loads its rows and its columns.
//!
//! Assumed: the streaming fallback (the paper takes k small enough for L2); the bandwidth is shared
//! by READ and WRITE and reaches its peak; a 36-Kb block holds 4 KiB of 16-bit words.
//!
//! Source: [Gupta15 §5.1, §5.3]. The paper gives no sustained throughput for any size: those here
//! are ours.

use serde::{Deserialize, Serialize};

use crate::{BoardError, GemmShape};

/// What a board offers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Board {
    /// Name.
    pub name: String,
    /// DSP slices.
    pub dsp: u64,
    /// Look-up tables.
    pub lut: u64,
    /// Flip-flops.
    pub ff: u64,
    /// Block RAMs of 36 Kb.
    pub bram_36kb: u64,
    /// Peak bandwidth of the memory beside the device.
    pub bandwidth_bytes_per_s: f64,
}

/// What is built on it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Design {
    /// Rows and columns of the array.
    pub n: usize,
    /// Clock rate.
    pub clock_hz: f64,
    /// Power of the card at work.
    pub power_w: f64,
    /// Bytes of an operand or result in memory.
    pub word_bytes: u64,
    /// Block RAMs of 36 Kb that make up L2.
    pub l2_bram_36kb: u64,
}

/// Most units of one resource of a board.
const MOST_CELLS: f64 = 1e9;
/// Most bytes of a word.
const MOST_WORD_BYTES: f64 = 1024.0;
/// Highest clock rate in Hz, bandwidth in bytes per second and power in W.
const HIGHEST_RATE: f64 = 1e18;

/// Bytes of 16-bit words that a 36-Kb block RAM holds: 2048 words, parity bits unused.
const BLOCK_BYTES: u64 = 4096;

impl Board {
    /// The largest n for which n² multiply-accumulate cells and n rounding units fit the DSP slices.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(systolic::Card::kintex_325t().board().largest_array(), 28);
    /// ```
    pub fn largest_array(&self) -> usize {
        let root = self.dsp.isqrt();
        let n = if self.dsp - root * root >= root { root } else { root - 1 };
        n as usize
    }
}

/// DSP slices of an n × n array: a cell each, and a rounding unit for each column.
///
/// # Examples
///
/// ```
/// assert_eq!(systolic::dsp_units(28), 812); // [Gupta15 Tab. 1]
/// ```
pub const fn dsp_units(n: usize) -> u64 {
    (n as u64).saturating_mul((n as u64).saturating_add(1))
}

/// A board with a design that fits it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Card {
    board: Board,
    design: Design,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CardFile {
    board: Board,
    design: Design,
}

/// What limits a product.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// The multipliers, or the drain of the results.
    Compute,
    /// The memory beside the device.
    Bandwidth,
}

/// How the operands pass through L2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Schedule {
    /// Blocks of p row tiles of A stay while B passes.
    Resident {
        /// Row tiles in a block.
        p: usize,
    },
    /// A k too large for L2: every tile loads its rows and its columns.
    Streamed,
}

/// How one product runs on a card.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Throughput {
    /// The product.
    pub shape: GemmShape,
    /// How its operands pass through L2.
    pub schedule: Schedule,
    /// Time from the first word read to the last one written.
    pub seconds: f64,
    /// Time that the array alone takes.
    pub compute_seconds: f64,
    /// Time that the memory alone takes.
    pub transfer_seconds: f64,
    /// Bytes read and written.
    pub bytes: u64,
    /// What limits it.
    pub bound: Bound,
    /// Share of the peak rate, in [0, 1].
    pub utilisation: f64,
    /// Energy of the card in this time.
    pub joules: f64,
}

impl Throughput {
    /// Sustained rate.
    pub fn ops_per_s(&self) -> f64 {
        self.shape.ops() as f64 / self.seconds
    }

    /// Energy per operation, the operations counted as 2 · l · k · m.
    pub fn joules_per_op(&self) -> f64 {
        self.joules / self.shape.ops() as f64
    }

    /// Operations per byte read or written: the abscissa of the roofline.
    pub fn intensity(&self) -> f64 {
        self.shape.ops() as f64 / self.bytes as f64
    }
}

impl Card {
    /// Puts a design on a board.
    ///
    /// # Errors
    ///
    /// [`BoardError::Zero`], [`BoardError::NotPositive`] or [`BoardError::TooLarge`] if a number makes
    /// no sense, [`BoardError::TooSmall`] if the DSP slices or the block RAMs do not suffice.
    pub fn new(board: Board, design: Design) -> Result<Self, BoardError> {
        if design.n == 0 {
            return Err(BoardError::Zero("n, the number of rows and columns,"));
        }
        if design.word_bytes == 0 {
            return Err(BoardError::Zero("word_bytes"));
        }
        for (key, value) in [
            ("clock_hz", design.clock_hz),
            ("power_w", design.power_w),
            ("bandwidth_bytes_per_s", board.bandwidth_bytes_per_s),
        ] {
            if !(value > 0.0 && value.is_finite()) {
                return Err(BoardError::NotPositive { key, value });
            }
        }
        for (key, value, limit) in [
            ("dsp", board.dsp as f64, MOST_CELLS),
            ("lut", board.lut as f64, MOST_CELLS),
            ("ff", board.ff as f64, MOST_CELLS),
            ("bram_36kb", board.bram_36kb as f64, MOST_CELLS),
            ("l2_bram_36kb", design.l2_bram_36kb as f64, MOST_CELLS),
            ("n", design.n as f64, MOST_CELLS),
            ("word_bytes", design.word_bytes as f64, MOST_WORD_BYTES),
            ("clock_hz", design.clock_hz, HIGHEST_RATE),
            ("power_w", design.power_w, HIGHEST_RATE),
            ("bandwidth_bytes_per_s", board.bandwidth_bytes_per_s, HIGHEST_RATE),
        ] {
            if value > limit {
                return Err(BoardError::TooLarge { key, value, limit });
            }
        }
        // Each FIFO takes half a block.
        let blocks = design.l2_bram_36kb + (3 * design.n as u64).div_ceil(2);
        for (resource, needed, available) in [
            ("DSP slices", dsp_units(design.n), board.dsp),
            ("block RAMs of 36 Kb", blocks, board.bram_36kb),
        ] {
            if needed > available {
                let (board, n) = (board.name, design.n);
                return Err(BoardError::TooSmall { board, n, resource, needed, available });
            }
        }
        Ok(Self { board, design })
    }

    /// Reads a card from TOML with the tables `board` and `design`.
    ///
    /// # Errors
    ///
    /// [`BoardError::Toml`] naming what is missing or unknown, and those of [`Self::new`].
    pub fn from_toml(text: &str) -> Result<Self, BoardError> {
        let CardFile { board, design } = toml::from_str(text)?;
        Self::new(board, design)
    }

    /// The paper's card: Kintex-7 325T, 28 × 28 at 166 MHz, 7 W, 6.4 GB/s.
    pub fn kintex_325t() -> Self {
        Self::from_toml(include_str!("boards/kintex_325t.toml")).expect("the file is valid")
    }

    /// A present-day card: Alveo U280 with HBM2, 94 × 94 at 300 MHz, 225 W, 460 GB/s.
    pub fn alveo_u280() -> Self {
        Self::from_toml(include_str!("boards/alveo_u280.toml")).expect("the file is valid")
    }

    /// The board.
    pub fn board(&self) -> &Board {
        &self.board
    }

    /// The design.
    pub fn design(&self) -> &Design {
        &self.design
    }

    /// Peak rate, 2 · n² · clock.
    pub fn peak_ops_per_s(&self) -> f64 {
        2.0 * (self.design.n * self.design.n) as f64 * self.design.clock_hz
    }

    /// Peak rate per watt.
    pub fn peak_ops_per_joule(&self) -> f64 {
        self.peak_ops_per_s() / self.design.power_w
    }

    /// The roofline: what a product of that many operations per byte can reach at best.
    ///
    /// ```text
    /// attainable = min(peak, intensity · bandwidth)
    /// ```
    pub fn attainable_ops_per_s(&self, intensity: f64) -> f64 {
        self.peak_ops_per_s().min(intensity * self.board.bandwidth_bytes_per_s)
    }

    /// p, the most row tiles of A that L2 holds for inner products of length `k`, both buffers
    /// and the slices of B counted; 0 if not even one does.
    pub fn row_tiles(&self, k: usize) -> usize {
        // k is the caller's and may be anything; the other factors are small.
        let per_k = 2 * self.design.n as u64 * self.design.word_bytes;
        let tile = u128::from(per_k) * k as u128;
        let capacity = u128::from(self.design.l2_bram_36kb * BLOCK_BYTES);
        (capacity / tile.max(1)).saturating_sub(1) as usize
    }

    /// How a product runs with as many row tiles in L2 as fit and as it has.
    ///
    /// # Errors
    ///
    /// [`BoardError::Zero`] if l, k or m is 0.
    pub fn throughput(&self, shape: GemmShape) -> Result<Throughput, BoardError> {
        let p = self.row_tiles(shape.k).min(shape.l.div_ceil(self.design.n));
        let schedule = if p == 0 { Schedule::Streamed } else { Schedule::Resident { p } };
        self.throughput_with(shape, schedule)
    }

    /// How a product runs under a given schedule, whether or not L2 has room for it.
    ///
    /// # Errors
    ///
    /// [`BoardError::Zero`] if l, k, m or p is 0.
    pub fn throughput_with(
        &self,
        shape: GemmShape,
        schedule: Schedule,
    ) -> Result<Throughput, BoardError> {
        for (what, size) in [("l", shape.l), ("k", shape.k), ("m", shape.m)] {
            if size == 0 {
                return Err(BoardError::Zero(what));
            }
        }
        if schedule == (Schedule::Resident { p: 0 }) {
            return Err(BoardError::Zero("p"));
        }
        let mut steps = self.steps(shape, schedule).peekable();
        let (clock, bandwidth) = (self.design.clock_hz, self.board.bandwidth_bytes_per_s);
        let n = self.design.n as f64;

        // Filled before the first step, and emptied after the last one: the wave runs out in
        // 2n − 2 cycles, the drain takes n, the stages on the way 4.
        let first = steps.peek().map_or(0.0, |step| step.load);
        let mut seconds = first / bandwidth + (3.0 * n + 2.0) / clock;
        let (mut compute, mut bytes, mut results) = (0.0, 0.0, 0.0);
        while let Some(step) = steps.next() {
            let next = steps.peek().map_or(0.0, |next| next.load);
            compute += step.cycles / clock;
            bytes += step.load + step.store;
            seconds += (step.cycles / clock).max((next + results) / bandwidth);
            results = step.store;
        }
        seconds += results / bandwidth;

        let transfer = bytes / bandwidth;
        let bound = if transfer > compute { Bound::Bandwidth } else { Bound::Compute };
        Ok(Throughput {
            shape,
            schedule,
            seconds,
            compute_seconds: compute,
            transfer_seconds: transfer,
            bytes: bytes.round() as u64,
            bound,
            utilisation: shape.ops() as f64 / seconds / self.peak_ops_per_s(),
            joules: seconds * self.design.power_w,
        })
    }

    /// The steps, which are not held all at once: a small array has very many of them.
    fn steps(&self, shape: GemmShape, schedule: Schedule) -> impl Iterator<Item = Step> {
        let GemmShape { l, k, m } = shape;
        let n = self.design.n;
        let word = self.design.word_bytes as f64;
        let tile_cycles = k.max(n) as f64;
        let parts = |whole: usize, part: usize| {
            (0..whole).step_by(part).map(move |start| part.min(whole - start))
        };
        let slices = m.div_ceil(n) as f64;
        let p = match schedule {
            Schedule::Resident { p } => p,
            Schedule::Streamed => 1,
        };
        parts(l, p.saturating_mul(n)).enumerate().flat_map(move |(block, rows)| {
            parts(m, n).enumerate().map(move |(slice, columns)| {
                // A block of A is loaded bit by bit while the block before it is in use.
                let rows_loaded = match schedule {
                    Schedule::Streamed => rows as f64,
                    Schedule::Resident { .. } if block == 0 && slice == 0 => rows as f64,
                    Schedule::Resident { .. } if block == 0 => 0.0,
                    Schedule::Resident { .. } => rows as f64 / slices,
                };
                Step {
                    cycles: rows.div_ceil(n) as f64 * tile_cycles,
                    load: (rows_loaded + columns as f64) * k as f64 * word,
                    store: rows as f64 * columns as f64 * word,
                }
            })
        })
    }
}

/// One slice of B against one block of A.
struct Step {
    cycles: f64,
    load: f64,
    store: f64,
}
