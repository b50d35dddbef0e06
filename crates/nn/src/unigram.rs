//! [`Unigram`]: text into tokens of a SentencePiece vocabulary, such as ALBERT's.
//!
//! ```text
//! normalise  lower case, compatibility forms and accents away, as the vocabulary's authors do
//! words      cut at blanks, each written ▁word
//! pieces     the cut of a word into tokens with the largest sum of their scores; characters that
//!            no token covers are <unk>, which scores 10 less than the worst token
//! ```
//!
//! Source: Kudo, ACL 2018, §3.2 (the most likely segmentation); the rules of the published ALBERT.
//!
//! Differs: the published code cuts a comma from a number once more after the segmentation.

use std::collections::HashMap;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// A vocabulary of scored tokens and the rules that cut text into them.
#[derive(Clone, Debug)]
pub struct Unigram {
    tokens: HashMap<String, (u32, f64)>,
    longest: usize,
    unknown: (u32, f64),
    first: u32,
    separator: u32,
}

impl Unigram {
    /// A vocabulary of tokens with their scores (logarithms of probabilities), numbered as they
    /// come. It needs `<unk>`, `[CLS]` and `[SEP]`.
    ///
    /// # Errors
    ///
    /// The name of the token that is missing.
    pub fn new(vocabulary: &[(String, f64)]) -> Result<Self, &'static str> {
        let tokens: HashMap<String, (u32, f64)> = (0..)
            .zip(vocabulary)
            .map(|(number, (token, score))| (token.clone(), (number, *score)))
            .collect();
        let find = |token| tokens.get(token).map(|(number, _)| *number).ok_or(token);
        let (unknown, first, separator) = (find("<unk>")?, find("[CLS]")?, find("[SEP]")?);
        let worst = vocabulary.iter().map(|(_, score)| *score).fold(0.0, f64::min);
        let longest = vocabulary.iter().map(|(token, _)| token.len()).max().unwrap_or(0);
        Ok(Self { tokens, longest, unknown: (unknown, worst - 10.0), first, separator })
    }

    /// Number of tokens.
    pub fn len(&self) -> usize {
        self.tokens.len()
    }

    /// Whether there are none, which [`Self::new`] does not allow.
    pub fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }

    /// The tokens of a text.
    pub fn tokens(&self, text: &str) -> Vec<u32> {
        let text: String = text.nfkd().filter(|c| !is_combining_mark(*c)).collect();
        let text = text.to_lowercase().replace("``", "\"").replace("''", "\"");
        text.split_whitespace().flat_map(|word| self.pieces(&format!("▁{word}"))).collect()
    }

    /// `[CLS]` text `[SEP]` second `[SEP]`, with the segment of each token. If that is longer than
    /// `longest`, the longer of the two texts loses its last token, again and again.
    ///
    /// # Panics
    ///
    /// If `longest` leaves no room for the three marks.
    #[track_caller]
    pub fn encode_pair(&self, text: &str, second: &str, longest: usize) -> (Vec<u32>, Vec<u32>) {
        assert!(longest >= 3, "{longest} tokens have no room for 3 marks");
        let (mut a, mut b) = (self.tokens(text), self.tokens(second));
        while a.len() + b.len() + 3 > longest {
            if a.len() > b.len() { &mut a } else { &mut b }.pop();
        }
        let mut segments = vec![0; a.len() + 2];
        segments.resize(a.len() + b.len() + 3, 1);
        let mut tokens = vec![self.first];
        tokens.extend(a);
        tokens.push(self.separator);
        tokens.extend(b);
        tokens.push(self.separator);
        (tokens, segments)
    }

    /// The best cut of a word, found from its beginning on.
    fn pieces(&self, word: &str) -> Vec<u32> {
        let ends: Vec<usize> =
            word.char_indices().map(|(at, _)| at).skip(1).chain([word.len()]).collect();
        // For each end: the best score up to it, where its last token begins, and which that is.
        let mut best: HashMap<usize, (f64, usize, u32)> = HashMap::from([(0, (0.0, 0, 0))]);
        let mut starts = vec![0];
        for &end in &ends {
            let last = *starts.last().expect("the beginning is a start");
            let mut found: Option<(f64, usize, u32)> = None;
            for &start in starts.iter().rev().take_while(|start| end - **start <= self.longest) {
                let token = self.tokens.get(&word[start..end]).copied();
                // A single character may be unknown.
                let token = token.or((start == last).then_some(self.unknown));
                if let Some((number, score)) = token {
                    let score = best[&start].0 + score;
                    if found.is_none_or(|(before, ..)| score > before) {
                        found = Some((score, start, number));
                    }
                }
            }
            // A character longer than any token is unknown as well.
            let (unknown, penalty) = self.unknown;
            best.insert(end, found.unwrap_or((best[&last].0 + penalty, last, unknown)));
            starts.push(end);
        }
        let mut pieces = Vec::new();
        let mut end = word.len();
        while end > 0 {
            let (_, start, number) = best[&end];
            // Unknown characters in a row are one token.
            if number != self.unknown.0 || pieces.last() != Some(&number) {
                pieces.push(number);
            }
            end = start;
        }
        pieces.reverse();
        pieces
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn vocabulary() -> Vec<(String, f64)> {
        let scored = [
            ("<unk>", 0.0),
            ("[CLS]", 0.0),
            ("[SEP]", 0.0),
            ("▁", -2.5),
            ("a", -2.0),
            ("b", -2.25),
            ("ab", -3.0),
            ("▁a", -3.5),
            ("▁ab", -5.25),
            ("aba", -4.75),
            ("c", -5.0),
        ];
        scored.iter().map(|(token, score)| ((*token).to_owned(), *score)).collect()
    }

    /// The best score of all cuts, by trying them.
    fn best(vocabulary: &[(String, f64)], word: &str) -> f64 {
        if word.is_empty() {
            return 0.0;
        }
        let ends = word.char_indices().map(|(at, _)| at).skip(1).chain([word.len()]);
        let mut first = true;
        ends.filter_map(|end| {
            let single = std::mem::take(&mut first);
            let known = vocabulary[3..].iter().find(|(token, _)| *token == word[..end]);
            let score = known.map(|(_, score)| *score).or(single.then_some(-16.5))?;
            Some(score + best(vocabulary, &word[end..]))
        })
        .fold(f64::NEG_INFINITY, f64::max)
    }

    proptest! {
        #[test]
        fn the_best_cut_is_found(word in "[abcd]{0,9}") {
            let vocabulary = vocabulary();
            let word = format!("▁{word}");
            let tokeniser = Unigram::new(&vocabulary).unwrap();
            let pieces = tokeniser.pieces(&word);
            // Unknown characters in a row are one token: count them all.
            let unknown = word.chars().filter(|c| *c == 'd').count() as f64;
            let known: f64 = pieces.iter().filter(|p| **p > 2).map(|&p| vocabulary[p as usize].1).sum();
            prop_assert!((known - 16.5 * unknown - best(&vocabulary, &word)).abs() < 1e-9);
        }
    }

    #[test]
    fn texts_are_normalised_and_marked() {
        let tokeniser = Unigram::new(&vocabulary()).unwrap();
        assert_eq!(tokeniser.tokens("\u{c1}B  zzc"), [8, 3, 0, 10]);
        let (tokens, segments) = tokeniser.encode_pair("ab ab", "a", 6);
        assert_eq!(tokens, [1, 8, 8, 2, 7, 2]);
        assert_eq!(segments, [0, 0, 0, 0, 1, 1]);
        assert_eq!(tokeniser.encode_pair("ab ab", "a", 4).0, [1, 8, 2, 2]);
        assert_eq!(Unigram::new(&vocabulary()[..2]).unwrap_err(), "[SEP]");
    }
}
