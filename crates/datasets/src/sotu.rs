//! The State of the Union addresses of 1950 to 2021, as words.
//!
//! Source: `data/sotu/README.md`. Words are made as in the Penn Treebank of language models: lower
//! case, numbers as `N`, no punctuation but a mark at the end of a sentence.

use crate::error::Error;
use crate::folder::DataFolder;
use crate::sum::DataSum;
use crate::unpack::{Known, read_tar, read_xz};
use crate::vocabulary::Vocabulary;

const ARCHIVE: &str = "sotu/addresses_1950_2021.tar.xz";
const CONTENT: Known = Known {
    len: 2_641_920,
    sha256: "ea3078b09150f767610d33ccfdad54e632d78313729af39b69bb66045fa47c90",
};

/// The word that stands for all that are too rare.
const UNKNOWN: &str = "<unk>";
/// The word at the end of a sentence.
const END: &str = "<eos>";

/// The words, numbered by a vocabulary of the training part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    /// Number of words in the vocabulary.
    pub vocabulary: usize,
    /// The addresses of all other years.
    pub train: Vec<u32>,
    /// The addresses of the years that end in 9.
    pub validation: Vec<u32>,
    /// The addresses of the years that end in 4.
    pub test: Vec<u32>,
}

/// The addresses with a vocabulary of at most `size` words.
///
/// # Errors
///
/// [`Error::Io`] or [`Error::Data`] naming the file.
pub fn load(data: &DataFolder, size: usize) -> Result<Text, Error> {
    let path = data.path(ARCHIVE);
    let content = read_xz(&path, CONTENT)?;
    let mut parts: [Vec<String>; 3] = Default::default();
    for (name, bytes) in read_tar(&path, &*content, |_| true)? {
        let part = match name.as_bytes().get(3) {
            Some(b'9') => 1,
            Some(b'4') => 2,
            _ => 0,
        };
        parts[part].extend(words(&String::from_utf8_lossy(&bytes)));
    }
    let vocabulary = Vocabulary::new(&[UNKNOWN, END], parts[0].iter().map(String::as_str), size);
    let [train, validation, test] =
        parts.map(|words| words.iter().map(|word| vocabulary.number(word)).collect());
    Ok(Text { vocabulary: vocabulary.len(), train, validation, test })
}

/// Name and checksum of the data set.
pub fn sum() -> DataSum {
    DataSum::of("sotu", [(ARCHIVE, CONTENT.sha256)])
}

/// The words of a text. A word is a run of letters, digits and apostrophes within it; a full stop
/// between digits belongs to the number.
fn words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut word = String::new();
    let characters: Vec<char> = text.to_lowercase().replace('’', "'").chars().collect();
    for (i, &c) in characters.iter().enumerate() {
        let next = characters.get(i + 1).copied().unwrap_or(' ');
        let digits_around = word.ends_with(|c: char| c.is_ascii_digit()) && next.is_ascii_digit();
        let letters_around = !word.is_empty() && next.is_alphabetic();
        match c {
            _ if c.is_alphanumeric() => word.push(c),
            '.' | ',' if digits_around => word.push(c),
            '\'' if letters_around => word.push(c),
            _ => {
                finish(&mut word, &mut words);
                if matches!(c, '.' | '?' | '!') && words.last().is_some_and(|w| w != END) {
                    words.push(END.to_owned());
                }
            }
        }
    }
    finish(&mut word, &mut words);
    words
}

/// Adds a word that has ended.
fn finish(word: &mut String, words: &mut Vec<String>) {
    if word.starts_with(|c: char| c.is_ascii_digit()) {
        words.push("N".to_owned());
        word.clear();
    } else if !word.is_empty() {
        words.push(std::mem::take(word));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_those_of_the_penn_treebank() {
        let text = "America's “people” paid $1,200.50 in 1954… Well—didn't they?! 'Yes'";
        let expected = "america's people paid N in N well didn't they <eos> yes";
        assert_eq!(words(text).join(" "), expected);
        assert_eq!(words(" ... "), [""; 0]);
    }

    #[test]
    fn the_addresses_are_complete() {
        let text = load(&DataFolder::new(None), 2000).unwrap();
        assert_eq!(text.vocabulary, 2000);
        let [train, validation, test] =
            [&text.train, &text.validation, &text.test].map(|words| words.len());
        assert!(
            train > 300_000 && validation > 30_000 && test > 30_000,
            "{train} {validation} {test}"
        );
        let unknown = text.test.iter().filter(|&&word| word == 0).count();
        assert!(unknown * 5 < test, "{unknown} of {test} words are unknown");
    }
}
