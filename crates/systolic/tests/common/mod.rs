//! Configurations and matrices that several test files draw.
#![allow(dead_code, reason = "every test file uses its own part")]

use std::io::Write;
use std::sync::Mutex;

use numerics::{FixedFormat, FixedMatrix, LfsrConfig, Seed};
use systolic::cosim::Stimulus;
use systolic::{ArrayConfig, ColumnLfsrs, ColumnRounding, Flow};

pub(crate) mod registers;

/// Says that a test checks nothing, where the harness does not keep it: it keeps what is printed, not
/// what is written. Once for each test, however often it asks.
pub(crate) fn skipped(test: &str, reason: &str) {
    static SAID: Mutex<Vec<String>> = Mutex::new(Vec::new());
    let mut said = SAID.lock().expect("nothing panics here");
    if !said.iter().any(|other| other == test) {
        let _ = writeln!(std::io::stderr(), "skipped: {test} ({reason})");
        said.push(test.to_owned());
    }
}

pub(crate) fn format(il: i8, fl: i8) -> FixedFormat {
    FixedFormat::new(il, fl).unwrap()
}

/// Formats (A, B, result) that fit the multipliers: the paper's, mixed widths, the widest words,
/// no bit dropped, all bits dropped.
pub(crate) const FORMATS: [[(i8, i8); 3]; 7] = [
    [(2, 14), (2, 14), (2, 14)],
    [(8, 8), (8, 8), (8, 8)],
    [(4, 12), (2, 14), (6, 10)],
    [(4, 4), (2, 6), (1, 3)],
    [(2, 16), (2, 16), (8, 24)],
    [(3, 1), (3, 1), (8, 2)],
    [(2, 16), (2, 16), (4, 0)],
];

/// The array of one of [`FORMATS`], with the default LFSRs or rounding to nearest.
pub(crate) fn config(n: usize, formats: usize, stochastic: bool, seed: u64) -> ArrayConfig {
    let [a, b, out] = FORMATS[formats].map(|(il, fl)| format(il, fl));
    let rounding = if stochastic {
        ColumnRounding::Stochastic(ColumnLfsrs::spread(n, &Seed::new(seed)))
    } else {
        ColumnRounding::NearestTiesDown
    };
    ArrayConfig { a, b, out, ..ArrayConfig::new(n, a, rounding) }
}

/// Registers as short as the cut allows, one step per sample: the poorest words.
pub(crate) fn short_lfsrs(n: usize, width: u32) -> ColumnRounding {
    let LfsrConfig { taps, .. } = LfsrConfig::maximal(width, 1, 1).unwrap();
    let seeds = (1..=n as u64).collect();
    ColumnRounding::Stochastic(ColumnLfsrs { width, taps, steps_per_sample: 1, seeds })
}

/// How large the codes of a matrix are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Codes {
    /// Uniform over the format.
    Uniform,
    /// Small ones: most results stay within the format.
    Small,
    /// Each code is the smallest or the largest one.
    Extreme,
    /// All codes are the smallest one: the largest sums there are.
    Smallest,
}

pub(crate) const CODES: [Codes; 4] =
    [Codes::Uniform, Codes::Small, Codes::Extreme, Codes::Smallest];

pub(crate) fn matrix(
    format: FixedFormat,
    rows: usize,
    cols: usize,
    kind: Codes,
    seed: u64,
) -> FixedMatrix {
    let mut words = vec![0u32; rows * cols];
    Seed::new(seed).child("matrix").stream().fill_words(0, &mut words);
    let codes: Vec<i32> = words
        .iter()
        .map(|&word| match kind {
            Codes::Uniform => (word as i32) >> (32 - format.word_length()),
            Codes::Small => ((word as i32) >> (32 - format.word_length())) / 16,
            Codes::Extreme if word & 1 == 0 => format.max_code(),
            Codes::Extreme | Codes::Smallest => format.min_code(),
        })
        .collect();
    FixedMatrix::from_codes(format, rows, cols, &codes).unwrap()
}

/// Stalls drawn from a seed: both sides stall in about `percent` of all cycles.
pub(crate) fn stalls(seed: u64, percent: u32) -> impl FnMut(u64) -> Flow {
    let stream = Seed::new(seed).child("stalls").stream();
    let mut words = vec![0; 1024];
    stream.fill_words(0, &mut words);
    move |cycle| {
        let word = words[(cycle % 1024) as usize];
        Flow { offer: word % 100 >= percent, take: (word >> 16) % 100 >= percent }
    }
}

/// Tiles of the given inner lengths.
pub(crate) fn stimulus(
    config: &ArrayConfig,
    lengths: &[usize],
    kind: Codes,
    seed: u64,
) -> Stimulus {
    let n = config.n;
    let beats = lengths.iter().sum();
    let a = matrix(config.a, beats, n, kind, seed).codes().to_i32();
    let b = matrix(config.b, beats, n, kind, seed ^ 1).codes().to_i32();
    Stimulus {
        n,
        words: a.chunks(n).zip(b.chunks(n)).flat_map(|(a, b)| [a, b].concat()).collect(),
        last: lengths.iter().flat_map(|&k| (1..=k).map(move |step| step == k)).collect(),
        flow: vec![Flow::FREE],
        most_edges: 1_000_000,
    }
}
