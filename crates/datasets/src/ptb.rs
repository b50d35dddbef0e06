//! The Penn Treebank as Mikolov prepared it for language models: 10,000 words, 929,589 to train
//! with.
//!
//! Source: Mikolov et al., Interspeech 2010; the text is copyrighted by the Linguistic Data
//! Consortium, so it is read from a folder of the user's:
//!
//! ```text
//! ptb/ptb.{train,valid,test}.txt    a sentence a line, words between blanks
//! ```

use crate::error::Error;
use crate::files;
use crate::folder::DataFolder;
use crate::sum::DataSum;
use crate::vocabulary::Vocabulary;

/// Words of the vocabulary.
const WORDS: usize = 10_000;
/// No text is longer, in bytes; that to train with has five million.
const LARGEST: u64 = 64 << 20;
/// The word that stands for rare ones, which the files already have.
const UNKNOWN: &str = "<unk>";
/// The word at the end of a line.
const END: &str = "<eos>";

/// The words, numbered.
#[derive(Clone, Debug)]
pub struct PennTreebank {
    /// Number of words in the vocabulary.
    pub vocabulary: usize,
    /// To train with.
    pub train: Vec<u32>,
    /// To choose the learning rate by.
    pub validation: Vec<u32>,
    /// To test.
    pub test: Vec<u32>,
    /// Name and checksum.
    pub sum: DataSum,
}

/// Reads the three files.
///
/// # Errors
///
/// [`Error::NoData`] if they are not there, [`Error::Data`] if they have not 10,000 words.
pub fn load(data: &DataFolder) -> Result<PennTreebank, Error> {
    let folder = data.path("ptb");
    if !folder.is_dir() {
        return Err(Error::NoData(format!(
            "the Penn Treebank does not ship with the source and is not in {}: name with --data a \
             folder that holds ptb/ptb.{{train,valid,test}}.txt",
            data.path("").display()
        )));
    }
    let names = ["ptb.train.txt", "ptb.valid.txt", "ptb.test.txt"];
    let [train, validation, test] = names.map(|name| files::read_text(&folder.join(name), LARGEST));
    let texts = [train?, validation?, test?];
    let sum = DataSum::of("ptb", names.iter().zip(&texts));
    let vocabulary = Vocabulary::new(&[UNKNOWN, END], words(&texts[0]), usize::MAX);
    if vocabulary.len() != WORDS {
        let reason = format!("{} different words, not {WORDS}", vocabulary.len());
        return Err(Error::data(&folder.join("ptb.train.txt"), reason));
    }
    let [train, validation, test] =
        texts.map(|text| words(&text).map(|word| vocabulary.number(word)).collect());
    Ok(PennTreebank { vocabulary: WORDS, train, validation, test, sum })
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.lines().flat_map(|line| line.split_whitespace().chain([END]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_with_a_word() {
        assert_eq!(words(" a b \n c\n").collect::<Vec<_>>(), ["a", "b", END, "c", END]);
    }

    #[test]
    fn the_number_of_words_is_checked() {
        let folder = tempfile::tempdir().unwrap();
        let data = DataFolder::new(Some(folder.path()));
        assert!(matches!(load(&data), Err(Error::NoData(_))));
        std::fs::create_dir(folder.path().join("ptb")).unwrap();
        for name in ["train", "valid", "test"] {
            std::fs::write(folder.path().join(format!("ptb/ptb.{name}.txt")), "a b\n").unwrap();
        }
        let error = load(&data).unwrap_err().to_string();
        assert!(error.ends_with("ptb.train.txt: 4 different words, not 10000"), "{error}");
        // 9,998 words more than the two special ones.
        let text: String = (0..9_998).map(|i| format!("w{i} ")).collect();
        std::fs::write(folder.path().join("ptb/ptb.train.txt"), text).unwrap();
        let found = load(&data).unwrap();
        assert_eq!((found.train.len(), &found.test[..]), (9_999, &[0, 0, 1][..]));
    }
}
