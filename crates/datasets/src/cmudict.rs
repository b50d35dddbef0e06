//! CMUdict: words with their pronunciations, for networks that turn letters into phonemes.
//!
//! Source: Carnegie Mellon University; `data/cmudict/README.md` has provenance and licence. A line is a
//! word, `(n)` for its n-th pronunciation from the second on, phonemes of ARPAbet whose vowels end in a digit
//! for their stress, and perhaps a comment behind `#`.

use std::path::Path;

use numerics::Seed;

use crate::error::Error;
use crate::folder::DataFolder;
use crate::sum::DataSum;
use crate::unpack::{Known, read_xz};

const FILE: &str = "cmudict/cmudict.dict.xz";
const CONTENT: Known = Known {
    len: 3_618_488,
    sha256: "81917843c7f44ce2b094ac63873c2c7a4cf802040792c455ba3ca406891c3d22",
};

/// The phonemes, without stress, in the order of their numbers.
pub const PHONEMES: [&str; 39] = [
    "AA", "AE", "AH", "AO", "AW", "AY", "B", "CH", "D", "DH", "EH", "ER", "EY", "F", "G", "HH",
    "IH", "IY", "JH", "K", "L", "M", "N", "NG", "OW", "OY", "P", "R", "S", "SH", "T", "TH", "UH",
    "UW", "V", "W", "Y", "Z", "ZH",
];

/// Number of letters: *a* is 0, *z* is 25.
pub const LETTERS: usize = 26;

/// Words to test with.
const TEST: usize = 10_000;

/// A word with its first pronunciation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    /// The numbers of its letters.
    pub letters: Vec<u8>,
    /// The numbers of its [`PHONEMES`].
    pub phonemes: Vec<u8>,
}

/// The words of the letters *a* to *z*, in a random order that is always the same: those to train with,
/// 107,493, and those to test, 10,000.
///
/// Assumed: the split, as the dictionary has none; words to test are drawn from all.
///
/// # Errors
///
/// [`Error::Io`] or [`Error::Data`] naming the file.
pub fn load(data: &DataFolder) -> Result<[Vec<Word>; 2], Error> {
    let path = data.path(FILE);
    let content = read_xz(&path, CONTENT)?;
    let words = parse(&path, &String::from_utf8_lossy(&content))?;
    let order = Seed::new(0).child("cmudict").stream().permutation(words.len());
    let (test, train) = order.split_at(TEST.min(words.len()));
    let part = |order: &[u32]| order.iter().map(|&place| words[place as usize].clone()).collect();
    Ok([part(train), part(test)])
}

/// Name and checksum of the data set.
pub fn sum() -> DataSum {
    DataSum::of("cmudict", [(FILE, CONTENT.sha256)])
}

/// The words of letters alone with their first pronunciations.
fn parse(path: &Path, text: &str) -> Result<Vec<Word>, Error> {
    let mut words = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let wrong = |what: String| Error::data(path, format!("line {}: {what}", index + 1));
        let entry = line.split_once(" #").map_or(line, |(entry, _)| entry);
        let mut parts = entry.split_whitespace();
        let Some(word) = parts.next() else { return Err(wrong("it is empty".to_owned())) };
        if !word.bytes().all(|letter| letter.is_ascii_lowercase()) {
            continue;
        }
        let number = |phoneme: &str| {
            let name = phoneme.trim_end_matches(['0', '1', '2']);
            let number = PHONEMES.iter().position(|known| *known == name);
            number.map(|n| n as u8).ok_or_else(|| wrong(format!("'{phoneme}' is no phoneme")))
        };
        let phonemes: Vec<u8> = parts.map(number).collect::<Result<_, _>>()?;
        if phonemes.is_empty() {
            return Err(wrong(format!("'{word}' has no phonemes")));
        }
        words.push(Word { letters: word.bytes().map(|letter| letter - b'a').collect(), phonemes });
    }
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dictionary_is_complete() {
        let [train, test] = load(&DataFolder::new(None)).unwrap();
        assert_eq!((train.len(), test.len()), (107_493, 10_000));
        let mut spelt: Vec<&[u8]> = train.iter().chain(&test).map(|w| &*w.letters).collect();
        spelt.sort_unstable();
        spelt.dedup();
        assert_eq!(spelt.len(), 117_493, "a word is in it once");
        let said = |word: &str| {
            let letters: Vec<u8> = word.bytes().map(|b| b - b'a').collect();
            let found = train.iter().chain(&test).find(|w| w.letters == letters).unwrap();
            found.phonemes.iter().map(|&n| PHONEMES[usize::from(n)]).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(said("rounding"), "R AW N D IH NG");
        assert_eq!(said("aalborg"), "AO L B AO R G");
    }

    #[test]
    fn lines_are_checked() {
        let path = Path::new("x.dict");
        let read = |text: &str| parse(path, text).map_err(|error| error.to_string());
        let words = read("'tis T IH1 Z\nab AE1 B # a comment\nab(2) AH0 B\nba. B AA1\n").unwrap();
        assert_eq!(words, [Word { letters: vec![0, 1], phonemes: vec![1, 6] }]);
        for (text, what) in [
            ("a AH0\n\nb B", "x.dict: line 2: it is empty"),
            ("a AH0\nb", "x.dict: line 2: 'b' has no phonemes"),
            ("a QX0", "x.dict: line 1: 'QX0' is no phoneme"),
        ] {
            assert_eq!(read(text).unwrap_err(), what);
        }
    }

    #[test]
    fn damaged_files_are_refused_or_read_within_bounds() {
        let file = "abc AE1 B K\nde(2) D IY1\nfoo F UW1 # silly\nz Z IY1\n";
        for altered in crate::testing::mutations(file.as_bytes(), 3000) {
            if let Ok(words) = parse(Path::new("x"), &String::from_utf8_lossy(&altered)) {
                for Word { letters, phonemes } in words {
                    assert!(!letters.is_empty() && letters.iter().all(|&l| l < 26));
                    assert!(!phonemes.is_empty() && phonemes.iter().all(|&p| p < 39));
                }
            }
        }
    }
}
