//! MRPC: pairs of English sentences that say the same, or do not.
//!
//! Source: Dolan and Brockett, IWP 2005; Wang et al., ICLR 2019 (GLUE). In the data folder as one of
//!
//! ```text
//! glue/MRPC/{train,dev}.tsv        unpacked from the archive of GLUE
//! glue/glue_small_tasks.tar.xz     the small tasks of GLUE in one archive
//! ```

use std::path::Path;

use sha2::{Digest, Sha256};

use super::{DataFolder, DataSum, glue};
use crate::Error;
use crate::record::hex;

/// Two sentences, and whether one is a paraphrase of the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    /// The sentences.
    pub sentences: [String; 2],
    /// Whether they say the same.
    pub same: bool,
}

/// 3,668 pairs to train with, the 408 of the development set, on which \[Rasch23\] tests, and the
/// checksum.
///
/// # Errors
///
/// [`Error::NoData`] if the folder does not hold it; [`Error::Io`] or [`Error::Data`] naming the
/// file, and the line, that is damaged.
pub fn load(data: &DataFolder) -> Result<([Vec<Pair>; 2], DataSum), Error> {
    let mut hash = Sha256::new();
    let mut part = |name: &str| {
        let (path, text) = glue::file(data, name)?;
        hash.update(&text);
        parse(&path, &text)
    };
    let parts = [part("MRPC/train.tsv")?, part("MRPC/dev.tsv")?];
    Ok((parts, DataSum { name: "mrpc".to_owned(), sha256: hex(&hash.finalize()) }))
}

/// Lines of 0 or 1, two numbers and two sentences, behind a header.
fn parse(path: &Path, text: &str) -> Result<Vec<Pair>, Error> {
    let lines = text.lines().enumerate().skip(1);
    lines
        .map(|(index, line)| {
            let columns: Vec<&str> = line.trim_end_matches('\r').split('\t').collect();
            match *columns {
                [label @ ("0" | "1"), _, _, first, second] => Ok(Pair {
                    sentences: [first.to_owned(), second.to_owned()],
                    same: label == "1",
                }),
                _ => {
                    let reason = format!("line {}: no 0 or 1 and two sentences", index + 1);
                    Err(Error::data(path, reason))
                }
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_checked() {
        let path = Path::new("dev.tsv");
        let pairs = parse(path, "Quality\t#1\t#2\tA\tB\n1\t7\t8\tOne .\tTwo .\r\n").unwrap();
        let sentences = ["One .".to_owned(), "Two .".to_owned()];
        assert_eq!(pairs, [Pair { sentences, same: true }]);
        let error = parse(path, "header\n2\t7\t8\tOne\tTwo").unwrap_err().to_string();
        assert_eq!(error, "dev.tsv: line 2: no 0 or 1 and two sentences");
    }

    #[test]
    fn the_pairs_are_complete() {
        let Some(folder) = std::env::var_os("DITHER_DATA") else {
            eprintln!("skipped: DITHER_DATA does not name a folder with glue");
            return;
        };
        let ([train, dev], _) = load(&DataFolder::new(Some(Path::new(&folder)))).unwrap();
        // The training file of the archive lacks one of the published pairs.
        assert!([3667, 3668].contains(&train.len()), "{}", train.len());
        assert_eq!(dev.len(), 408);
        assert_eq!(dev.iter().filter(|pair| pair.same).count(), 279);
    }
}
