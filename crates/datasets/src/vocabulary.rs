//! [`Vocabulary`]: the most frequent words of a text.

use std::collections::HashMap;

/// Words by number: the special ones first, then the most frequent ones of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vocabulary {
    numbers: HashMap<String, u32>,
    unknown: u32,
}

impl Vocabulary {
    /// The `special` words, the first of which stands for all that are not in the vocabulary, and
    /// then the most frequent of `words` up to `size` words together; equally frequent words are
    /// taken in alphabetical order.
    ///
    /// # Panics
    ///
    /// If there is no special word.
    pub fn new<'a>(
        special: &[&str],
        words: impl IntoIterator<Item = &'a str>,
        size: usize,
    ) -> Self {
        assert!(!special.is_empty(), "no word stands for the unknown ones");
        let mut counts: HashMap<&str, usize> = HashMap::new();
        words.into_iter().for_each(|word| *counts.entry(word).or_default() += 1);
        counts.retain(|word, _| !special.contains(word));
        let mut counts: Vec<(&str, usize)> = counts.into_iter().collect();
        counts.sort_by(|(a, n), (b, m)| m.cmp(n).then(a.cmp(b)));
        let frequent = counts.iter().map(|(word, _)| *word);
        let all = special.iter().copied().chain(frequent).take(size);
        Self { numbers: (0..).zip(all).map(|(i, word)| (word.to_owned(), i)).collect(), unknown: 0 }
    }

    /// Number of words.
    pub fn len(&self) -> usize {
        self.numbers.len()
    }

    /// Whether there are none, which [`Self::new`] does not allow.
    pub fn is_empty(&self) -> bool {
        self.numbers.is_empty()
    }

    /// The number of a word.
    pub fn number(&self, word: &str) -> u32 {
        self.numbers.get(word).copied().unwrap_or(self.unknown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frequent_words_come_first() {
        let words = ["b", "c", "a", "b", "<eos>", "<eos>", "<eos>"];
        let vocabulary = Vocabulary::new(&["<unk>", "<eos>"], words, 4);
        assert_eq!(vocabulary.len(), 4);
        let numbers = ["<unk>", "<eos>", "b", "a", "c", "d"].map(|word| vocabulary.number(word));
        assert_eq!(numbers, [0, 1, 2, 3, 0, 0]);
    }
}
