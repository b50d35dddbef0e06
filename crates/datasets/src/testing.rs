//! What the tests of this crate share, and those of `bench-suite` with them.

#[path = "testing/skipped.rs"]
mod skipped;

use std::path::{Path, PathBuf};

use numerics::Seed;

pub(crate) use skipped::skipped;

/// The folder of data sets that do not ship; says that the test is skipped where there is none, or
/// where it lacks `file`.
pub(crate) fn data_with(file: &str) -> Option<PathBuf> {
    let Some(folder) = std::env::var_os("DITHER_DATA") else {
        skipped("DITHER_DATA names no folder of data sets");
        return None;
    };
    let folder = Path::new(&folder).to_owned();
    if folder.join(file).exists() {
        return Some(folder);
    }
    skipped(format!("{} has no {file}", folder.display()));
    None
}

/// Damaged copies of a file, the same ones each time: flipped bits, bytes that are 0 or 255 or
/// copied from elsewhere, words that are huge or one off, pieces cut out, doubled or at the end.
pub(crate) fn mutations(file: &[u8], count: u64) -> impl Iterator<Item = Vec<u8>> {
    let seed = Seed::new(0).child("mutations");
    (0..count).map(move |copy| {
        let stream = seed.child(copy).stream();
        let mut drawn = 0;
        let mut below = |n: usize| {
            drawn += 1;
            stream.below(drawn, n.max(1) as u32) as usize
        };
        let mut bytes = file.to_vec();
        for _ in 0..=below(3) {
            if bytes.is_empty() {
                break;
            }
            let at = below(bytes.len());
            let len = 1 + below(bytes.len() - at).min(below(64));
            match below(8) {
                0 | 1 => bytes[at] ^= 1 << below(8),
                2 => bytes[at] = [0, 255, 0x7f, 0x80, b'9', b'\n', b'\t', b'-'][below(8)],
                3 => bytes[at] = bytes[below(bytes.len())],
                4 => {
                    let word = [u64::MAX, i64::MAX as u64, 1 << 62, 1 << 32, 0, 1][below(6)];
                    let end = bytes.len().min(at + [2, 4, 8][below(3)]);
                    let source = word.to_le_bytes();
                    bytes[at..end].copy_from_slice(&source[..end - at]);
                }
                5 => drop(bytes.drain(at..at + len)),
                6 => {
                    let piece = bytes[at..at + len].to_vec();
                    drop(bytes.splice(at..at, piece));
                }
                _ => bytes.truncate(at),
            }
        }
        bytes
    })
}
