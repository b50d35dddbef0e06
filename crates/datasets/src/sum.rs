//! [`DataSum`]: the checksum of what a data set is read from.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// A data set with the checksum of its content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataSum {
    /// Name of the data set.
    pub name: String,
    /// SHA-256 of its files with their names and lengths.
    pub sha256: String,
}

impl DataSum {
    /// The checksum of parts, each a name and its content, in that order. Both count with their
    /// lengths, so that nothing can go from one part to the next unseen.
    pub fn of<N: AsRef<str>, C: AsRef<[u8]>>(
        name: impl Into<String>,
        parts: impl IntoIterator<Item = (N, C)>,
    ) -> Self {
        let mut hash = Sha256::new();
        for (part, content) in parts {
            for bytes in [part.as_ref().as_bytes(), content.as_ref()] {
                hash.update((bytes.len() as u64).to_le_bytes());
                hash.update(bytes);
            }
        }
        Self { name: name.into(), sha256: hex(&hash.finalize()) }
    }
}

/// Bytes as lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lengths_and_order_count() {
        let of = |parts: &[(&str, &str)]| DataSum::of("x", parts.iter().copied());
        let sums = [
            of(&[("a", "12"), ("b", "3")]),
            of(&[("a", "1"), ("b", "23")]),
            of(&[("b", "12"), ("a", "3")]),
            of(&[("b", "3"), ("a", "12")]),
            of(&[("a1", "2"), ("b", "3")]),
            of(&[("a", "12")]),
            of(&[]),
        ];
        for (i, a) in sums.iter().enumerate() {
            assert!(sums[..i].iter().all(|b| a != b), "{i}");
        }
    }
}
