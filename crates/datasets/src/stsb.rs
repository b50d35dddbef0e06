//! STS-B: pairs of English sentences and how similar people find them, from 0 to 5.
//!
//! Source: Cer et al., *`SemEval`-2017 Task 1* (2017). The sentences come from several places with
//! licences of their own, so a folder must be named that holds one of
//!
//! ```text
//! glue/STS-B/{train.tsv, original/sts-test.tsv}    unpacked from the archive of GLUE
//! glue/glue_small_tasks.tar.xz                     the small tasks of GLUE in one archive
//! ```

use std::path::Path;

use crate::error::Error;
use crate::folder::DataFolder;
use crate::glue;
use crate::sum::DataSum;

const TRAIN: &str = "STS-B/train.tsv";
const TEST: &str = "STS-B/original/sts-test.tsv";
/// Number of training pairs.
const TRAIN_PAIRS: usize = 5749;
/// Number of test pairs.
const TEST_PAIRS: usize = 1379;

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
/// [`Error::NoData`] if the folder holds neither file; [`Error::Io`] or [`Error::Data`] naming the
/// file, and the line, that is damaged.
pub fn test_pairs(data: &DataFolder) -> Result<Vec<Pair>, Error> {
    pairs(data, TEST, TEST_PAIRS)
}

/// The 5,749 pairs to train with.
///
/// # Errors
///
/// As [`test_pairs`].
pub fn train_pairs(data: &DataFolder) -> Result<Vec<Pair>, Error> {
    pairs(data, TRAIN, TRAIN_PAIRS)
}

/// Name and checksum of the data set.
///
/// # Errors
///
/// As [`test_pairs`].
pub fn sum(data: &DataFolder) -> Result<DataSum, Error> {
    Ok(glue::sum("sts-b", &glue::files(data, [TRAIN, TEST])?))
}

fn pairs(data: &DataFolder, name: &'static str, count: usize) -> Result<Vec<Pair>, Error> {
    let [glue::File { path, text, .. }] = glue::files(data, [name])?;
    glue::counted(&path, parse(&path, &text)?, &[count])
}

/// Lines of a pair each. Those of GLUE's own files are behind a header and have the number of the
/// line, genre, file, year, number, two sources, two sentences, score; those of the original ones
/// genre, file, year, number, score, two sentences, sources.
fn parse(path: &Path, text: &str) -> Result<Vec<Pair>, Error> {
    let header = text.starts_with("index\t");
    // Columns of the two sentences and the score.
    let columns = if header { [7, 8, 9] } else { [5, 6, 4] };
    text.lines()
        .enumerate()
        .skip(usize::from(header))
        .map(|(index, line)| {
            let wrong = |what: String| Error::data(path, format!("line {}: {what}", index + 1));
            let found: Vec<&str> = line.split('\t').collect();
            let [Some(first), Some(second), Some(score)] = columns.map(|c| found.get(c)) else {
                let least = columns.iter().max().map_or(0, |last| last + 1);
                return Err(wrong(format!("{} columns, not at least {least}", found.len())));
            };
            let value: f64 =
                score.parse().map_err(|_| wrong(format!("the score '{score}' is no number")))?;
            if !(0.0..=5.0).contains(&value) {
                return Err(wrong(format!("the score {score} is not in 0 to 5")));
            }
            Ok(Pair { sentences: [(*first).to_owned(), (*second).to_owned()], score: value })
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
        let columns = "index\tgenre\tfilename\tyear\told_index\tsource1\tsource2";
        let text =
            format!("{columns}\tsentence1\tsentence2\tscore\n{}", "0\t1\t2\t3\t4\t5\t6\tA\tB\t5.0");
        let pair = Pair { sentences: ["A".to_owned(), "B".to_owned()], score: 5.0 };
        assert_eq!(parse(path, &text).unwrap(), [pair]);
        for (line, message) in [
            ("a\tb", "sts-test.tsv: line 1: 2 columns, not at least 7"),
            ("a\tb\tc\td\tx\tf\tg", "sts-test.tsv: line 1: the score 'x' is no number"),
            ("a\tb\tc\td\t5.1\tf\tg", "sts-test.tsv: line 1: the score 5.1 is not in 0 to 5"),
        ] {
            assert_eq!(parse(path, line).unwrap_err().to_string(), message);
        }
    }

    #[test]
    fn damaged_files_are_refused_or_read_within_bounds() {
        let texts = [
            "m\ts\t2012test\t24\t2.500\tA \"girl\".\tA boy.\tsource\nm\ts\tt\t2\t0\tA\tB\n",
            "index\tgenre\n0\t1\t2\t3\t4\t5\t6\tA\tB\t5.0\n",
        ];
        for altered in texts
            .map(str::as_bytes)
            .map(|t| crate::testing::mutations(t, 2000))
            .into_iter()
            .flatten()
        {
            for pair in
                parse(Path::new("x"), &String::from_utf8_lossy(&altered)).unwrap_or_default()
            {
                assert!((0.0..=5.0).contains(&pair.score));
            }
        }
    }

    #[test]
    fn a_folder_without_it_is_named() {
        let empty = tempfile::tempdir().unwrap();
        let error = test_pairs(&DataFolder::new(Some(empty.path()))).unwrap_err();
        assert!(error.to_string().starts_with("there is no STS-B in "), "{error}");
    }
}
