//! Sentences of movie reviews, liked or not.
//!
//! Sources: the snippets with human scores that ship with the source
//! (`data/movie-reviews/README.md`); SST-2 of GLUE (Socher et al., EMNLP 2013; Wang et al., ICLR
//! 2019), which must be in the data folder as one of
//!
//! ```text
//! glue/SST-2/{train,dev}.tsv       unpacked from the archive of GLUE
//! glue/glue_small_tasks.tar.xz     the small tasks of GLUE in one archive
//! ```

use std::path::Path;

use numerics::Seed;

use crate::error::Error;
use crate::folder::DataFolder;
use crate::glue;
use crate::sum::DataSum;
use crate::unpack::{Known, read_xz};

const SNIPPETS: &str = "movie-reviews/movieReviewSnippets_GroundTruth.txt.xz";
const SNIPPETS_CONTENT: Known = Known {
    len: 1_383_098,
    sha256: "c8293b0d942e90e223ea2c0955d969040d1a1be514a978b9af0698940bd13350",
};

/// The files of SST-2, and how many sentences they have.
const SST2: [(&str, usize); 2] = [("SST-2/train.tsv", 67_349), ("SST-2/dev.tsv", 872)];

/// A sentence, and whether it is positive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sentence {
    /// The text.
    pub text: String,
    /// Whether its author liked the film.
    pub positive: bool,
}

/// Sentences to train with and to test.
#[derive(Clone, Debug)]
pub struct MovieReviews {
    /// To train with.
    pub train: Vec<Sentence>,
    /// To test.
    pub test: Vec<Sentence>,
    /// Name and checksum.
    pub sum: DataSum,
}

impl MovieReviews {
    /// SST-2: 67,349 phrases to train with, and the 872 sentences of its development set, since the
    /// labels of its test set are not public.
    ///
    /// # Errors
    ///
    /// [`Error::NoData`] if the folder does not hold it; [`Error::Io`] or [`Error::Data`] naming the
    /// file, and the line, that is damaged.
    pub fn sst2(data: &DataFolder) -> Result<Self, Error> {
        let files = glue::files(data, SST2.map(|(name, _)| name))?;
        let sum = glue::sum("sst-2", &files);
        let [train, test] = [0, 1].map(|i| {
            let glue::File { path, text, .. } = &files[i];
            labelled(path, text).and_then(|found| glue::counted(path, found, &[SST2[i].1]))
        });
        Ok(Self { train: train?, test: test?, sum })
    }

    /// The snippets: those with a mean rating other than 0, in random order, for the positive ones
    /// are first in the file; every tenth is for testing.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] or [`Error::Data`] naming the file, and the line, that is damaged.
    pub fn snippets(data: &DataFolder) -> Result<Self, Error> {
        let path = data.path(SNIPPETS);
        let content = read_xz(&path, SNIPPETS_CONTENT)?;
        let all = rated(&path, &String::from_utf8_lossy(&content))?;
        let sum = DataSum::of("movie-snippets", [(SNIPPETS, SNIPPETS_CONTENT.sha256)]);
        let (mut train, mut test) = (Vec::new(), Vec::new());
        let order = Seed::new(0).child("movie-snippets").stream().permutation(all.len());
        for (i, &at) in order.iter().enumerate() {
            if i % 10 == 9 { &mut test } else { &mut train }.push(all[at as usize].clone());
        }
        Ok(Self { train, test, sum })
    }
}

/// Lines of a sentence and 0 or 1, behind a header.
fn labelled(path: &Path, text: &str) -> Result<Vec<Sentence>, Error> {
    glue::rows(path, text, "sentence")?
        .map(|(index, line)| match line.rsplit_once('\t') {
            Some((text, label @ ("0" | "1"))) => {
                Ok(Sentence { text: text.trim().to_owned(), positive: label == "1" })
            }
            _ => Err(Error::data(path, format!("line {}: no sentence and 0 or 1", index + 1))),
        })
        .collect()
}

/// Lines of a number, a rating and a sentence; without those that are rated 0.
fn rated(path: &Path, text: &str) -> Result<Vec<Sentence>, Error> {
    let mut sentences = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let wrong = || Error::data(path, format!("line {}: no rated sentence", index + 1));
        let mut columns = line.splitn(3, '\t');
        let (_, rating, text) = (columns.next(), columns.next(), columns.next());
        let rating = rating.and_then(|r| r.parse().ok()).filter(|r: &f64| r.is_finite());
        let rating = rating.ok_or_else(wrong)?;
        let text = text.ok_or_else(wrong)?.trim().to_owned();
        if rating != 0.0 {
            sentences.push(Sentence { text, positive: rating > 0.0 });
        }
    }
    Ok(sentences)
}

/// The words of a sentence: lower case, punctuation marks apart, apostrophes with what follows them
/// (`it's` is `it 's`, as SST-2 writes it).
pub fn words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for run in text.to_lowercase().split_whitespace() {
        let mut word = String::new();
        for c in run.chars() {
            if c.is_alphanumeric() || (c == '-' && !word.is_empty()) {
                word.push(c);
                continue;
            }
            words.extend((!word.is_empty()).then(|| std::mem::take(&mut word)));
            if c == '\'' {
                word.push(c);
            } else {
                words.push(c.to_string());
            }
        }
        words.extend((!word.is_empty()).then_some(word));
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_snippets_are_complete() {
        let MovieReviews { train, test, .. } =
            MovieReviews::snippets(&DataFolder::new(None)).unwrap();
        let all = train.len() + test.len();
        assert!((10_000..=10_604).contains(&all), "{all}");
        let positive = train.iter().chain(&test).filter(|s| s.positive).count() as f64;
        assert!((0.4..0.65).contains(&(positive / all as f64)), "{positive} of {all}");
    }

    #[test]
    fn sst2_is_complete() {
        let Some(folder) = crate::testing::data_with("glue") else { return };
        let data = DataFolder::new(Some(&folder));
        let MovieReviews { train, test, .. } = MovieReviews::sst2(&data).unwrap();
        assert_eq!((train.len(), test.len()), (67_349, 872));
        assert_eq!(test.iter().filter(|s| s.positive).count(), 444);
    }

    #[test]
    fn lines_are_checked() {
        let path = Path::new("x.tsv");
        let sentences = labelled(path, "sentence\tlabel\ngood \t1\nbad\t0").unwrap();
        let sentence = |text: &str, positive| Sentence { text: text.to_owned(), positive };
        assert_eq!(sentences, [sentence("good", true), sentence("bad", false)]);
        let error = labelled(path, "sentence\tlabel\ngood\t2").unwrap_err();
        assert_eq!(error.to_string(), "x.tsv: line 2: no sentence and 0 or 1");
        let sentences = rated(path, "1\t-0.5\tbad\n2\t0\tso so\n3\t2\tgood").unwrap();
        assert_eq!(sentences, [sentence("bad", false), sentence("good", true)]);
        for line in ["1\tx\tbad", "1\tNaN\tbad", "1\t1"] {
            let error = rated(path, line).unwrap_err();
            assert_eq!(error.to_string(), "x.tsv: line 1: no rated sentence");
        }
        let error = labelled(path, "good\t1\nbad\t0").unwrap_err().to_string();
        assert_eq!(error, "x.tsv: line 1: not the header of columns that begins with 'sentence'");
    }

    #[test]
    fn half_a_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let sst2 = folder.path().join("glue/SST-2");
        std::fs::create_dir_all(&sst2).unwrap();
        std::fs::write(sst2.join("dev.tsv"), "sentence\tlabel\n").unwrap();
        for (text, found) in [("", "0"), ("good\t1\nbad\t0\n", "2")] {
            std::fs::write(sst2.join("train.tsv"), format!("sentence\tlabel\n{text}")).unwrap();
            let error = MovieReviews::sst2(&DataFolder::new(Some(folder.path()))).unwrap_err();
            let expected = format!("train.tsv: {found} examples, not 67349");
            assert!(error.to_string().ends_with(&expected), "{error}");
        }
    }

    #[test]
    fn damaged_files_are_refused_or_read_within_bounds() {
        let path = Path::new("x");
        let (pairs, ratings) =
            ("sentence\tlabel\ngood \t1\nbad\t0\n", "1\t-0.5\tbad\n3\t2\tgood\n");
        for altered in crate::testing::mutations(pairs.as_bytes(), 2000) {
            drop(labelled(path, &String::from_utf8_lossy(&altered)));
        }
        for altered in crate::testing::mutations(ratings.as_bytes(), 2000) {
            drop(rated(path, &String::from_utf8_lossy(&altered)));
        }
    }

    #[test]
    fn words_are_cut_at_punctuation() {
        let expected = ["it", "'s", "a", "well-made", "film", ",", "isn", "'t", "it", "?"];
        assert_eq!(words("It's a well-made film, isn't it?"), expected);
        assert_eq!(words("it 's"), ["it", "'s"]);
    }
}
