//! STS-B: pairs of English sentences and how similar people find them, from 0 to 5.
//!
//! Source: Cer et al., *`SemEval`-2017 Task 1* (2017). The sentences come from several places with
//! licences of their own, so a folder must be named that holds one of
//!
//! ```text
//! glue/STS-B/original/sts-test.tsv    unpacked from the archive of GLUE
//! glue/glue_small_tasks.tar.xz        the small tasks of GLUE in one archive
//! ```

use std::io::Read;
use std::path::{Path, PathBuf};

use lzma_rust2::XzReader;

use super::DataFolder;
use crate::Error;

const FILE: &str = "STS-B/original/sts-test.tsv";
const ARCHIVE: &str = "glue/glue_small_tasks.tar.xz";
/// Number of test pairs.
const PAIRS: usize = 1379;

/// Two sentences and their score.
#[derive(Clone, Debug, PartialEq)]
pub struct Pair {
    /// The sentences.
    pub sentences: [String; 2],
    /// The mean judgement of people, in [0, 5].
    pub score: f64,
}

/// The 1,379 test pairs.
///
/// # Errors
///
/// [`Error::Usage`] if the folder holds neither file; [`Error::Io`] or [`Error::Data`] naming the
/// file, and the line, that is damaged.
pub fn test_pairs(data: &DataFolder) -> Result<Vec<Pair>, Error> {
    let (path, text) = find(data)?;
    let pairs = parse(&path, &text)?;
    if pairs.len() != PAIRS {
        let reason = format!("it has {} pairs, not the {PAIRS} of the test set", pairs.len());
        return Err(Error::data(&path, reason));
    }
    Ok(pairs)
}

fn find(data: &DataFolder) -> Result<(PathBuf, String), Error> {
    let file = data.path("glue").join(FILE);
    if file.exists() {
        let text = std::fs::read_to_string(&file).map_err(Error::io("read", &file))?;
        return Ok((file, text));
    }
    let path = data.path(ARCHIVE);
    if !path.exists() {
        return Err(Error::Usage(format!(
            "there is no STS-B in {}: neither glue/{FILE} nor {ARCHIVE}",
            data.path("").display()
        )));
    }
    let packed = std::fs::read(&path).map_err(Error::io("read", &path))?;
    let damaged = |error: std::io::Error| Error::data(&path, format!("not an archive ({error})"));
    let mut archive = tar::Archive::new(XzReader::new(&*packed, false));
    for entry in archive.entries().map_err(damaged)? {
        let mut entry = entry.map_err(damaged)?;
        if entry.path().map_err(damaged)? == Path::new(FILE) {
            let mut text = String::new();
            entry.read_to_string(&mut text).map_err(damaged)?;
            return Ok((path.join(FILE), text));
        }
    }
    Err(Error::data(&path, format!("it holds no {FILE}")))
}

/// Lines of genre, file, year, number, score and two sentences; two further columns name sources.
fn parse(path: &Path, text: &str) -> Result<Vec<Pair>, Error> {
    text.lines()
        .enumerate()
        .map(|(index, line)| {
            let wrong = |what: String| Error::data(path, format!("line {}: {what}", index + 1));
            let columns: Vec<&str> = line.split('\t').collect();
            let &[_, _, _, _, score, first, second, ..] = &*columns else {
                return Err(wrong(format!("{} columns, not at least 7", columns.len())));
            };
            let value: f64 =
                score.parse().map_err(|_| wrong(format!("the score '{score}' is no number")))?;
            if !(0.0..=5.0).contains(&value) {
                return Err(wrong(format!("the score {score} is not in 0 to 5")));
            }
            Ok(Pair { sentences: [first.to_owned(), second.to_owned()], score: value })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_checked() {
        let path = Path::new("sts-test.tsv");
        let line = "main\tMSRvid\t2012test\t0024\t2.500\tA \"girl\".\tA boy.\tsource";
        let pairs = parse(path, line).unwrap();
        assert_eq!(pairs[0].sentences, ["A \"girl\".", "A boy."]);
        assert_eq!(pairs[0].score, 2.5);
        for (line, message) in [
            ("a\tb", "sts-test.tsv: line 1: 2 columns, not at least 7"),
            ("a\tb\tc\td\tx\tf\tg", "sts-test.tsv: line 1: the score 'x' is no number"),
            ("a\tb\tc\td\t5.1\tf\tg", "sts-test.tsv: line 1: the score 5.1 is not in 0 to 5"),
        ] {
            assert_eq!(parse(path, line).unwrap_err().to_string(), message);
        }
    }

    #[test]
    fn a_folder_without_it_is_named() {
        let empty = tempfile::tempdir().unwrap();
        let error = test_pairs(&DataFolder::new(Some(empty.path()))).unwrap_err();
        assert!(error.to_string().starts_with("there is no STS-B in "), "{error}");
    }
}
