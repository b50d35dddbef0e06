//! MRPC: pairs of English sentences that say the same, or do not.
//!
//! Source: Dolan and Brockett, IWP 2005; Wang et al., ICLR 2019 (GLUE). In the data folder as one of
//!
//! ```text
//! glue/MRPC/{train,dev}.tsv        unpacked from the archive of GLUE
//! glue/glue_small_tasks.tar.xz     the small tasks of GLUE in one archive
//! ```

use std::path::Path;

use crate::error::Error;
use crate::folder::DataFolder;
use crate::glue;
use crate::sum::DataSum;

/// The files, and how many pairs they have: one of the published ones is missing where they were
/// made from Microsoft's.
const PAIRS: [(&str, &[usize]); 2] = [("MRPC/train.tsv", &[3668, 3667]), ("MRPC/dev.tsv", &[408])];

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
    let files = glue::files(data, PAIRS.map(|(name, _)| name))?;
    let [train, dev] = [0, 1].map(|i| {
        let glue::File { path, text, .. } = &files[i];
        parse(path, text).and_then(|found| glue::counted(path, found, PAIRS[i].1))
    });
    Ok(([train?, dev?], glue::sum("mrpc", &files)))
}

/// Lines of 0 or 1, two numbers and two sentences, behind a header.
fn parse(path: &Path, text: &str) -> Result<Vec<Pair>, Error> {
    glue::rows(path, text, "Quality")?
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
        let error =
            parse(path, "Quality\t#1\t#2\tA\tB\n2\t7\t8\tOne\tTwo").unwrap_err().to_string();
        assert_eq!(error, "dev.tsv: line 2: no 0 or 1 and two sentences");
        let error = parse(path, "1\t7\t8\tOne\tTwo").unwrap_err().to_string();
        assert_eq!(error, "dev.tsv: line 1: not the header of columns that begins with 'Quality'");
        assert!(parse(path, "\u{feff}Quality\t#1\t#2\tA\tB").unwrap().is_empty());
    }

    #[test]
    fn half_a_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let mrpc = folder.path().join("glue/MRPC");
        std::fs::create_dir_all(&mrpc).unwrap();
        for name in ["train.tsv", "dev.tsv"] {
            let text = "Quality\t#1\t#2\tA\tB\n1\t7\t8\tOne .\tTwo .\r\n";
            std::fs::write(mrpc.join(name), text).unwrap();
        }
        let error = load(&DataFolder::new(Some(folder.path()))).unwrap_err().to_string();
        assert!(error.ends_with("train.tsv: 1 examples, not 3668 or 3667"), "{error}");
    }

    #[test]
    fn damaged_files_are_refused_or_read_within_bounds() {
        let text = "Quality\t#1\t#2\tA\tB\n1\t7\t8\tOne .\tTwo .\r\n0\t7\t8\tOne\tTwo\n";
        for altered in crate::testing::mutations(text.as_bytes(), 2000) {
            drop(parse(Path::new("x"), &String::from_utf8_lossy(&altered)));
        }
    }

    #[test]
    fn the_pairs_are_complete() {
        let Some(folder) = crate::testing::data_with("glue") else { return };
        let ([train, dev], _) = load(&DataFolder::new(Some(&folder))).unwrap();
        // The training file of the archive lacks one of the published pairs.
        assert!([3667, 3668].contains(&train.len()), "{}", train.len());
        assert_eq!(dev.len(), 408);
        assert_eq!(dev.iter().filter(|pair| pair.same).count(), 279);
    }
}
