//! [`WordPiece`]: text into tokens of a BERT vocabulary.
//!
//! ```text
//! clean      controls away, white space to blanks, blanks around Chinese characters
//! normalise  lower case and no accents, for an uncased vocabulary
//! words      cut at blanks, every punctuation mark a word of its own
//! pieces     of each word again and again the longest beginning that the vocabulary knows,
//!            written ##… after the first; [UNK] if there is none, or beyond 100 characters
//! ```
//!
//! Source: the rules that Devlin et al. published with BERT.
//!
//! Differs: beyond ASCII, punctuation are the marks of Latin-1, General Punctuation, and CJK and
//! full-width forms, not Unicode's whole category P.

use std::collections::HashMap;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Longer words become `[UNK]`.
const LONGEST_WORD: usize = 100;

/// A vocabulary and the rules that cut text into it.
#[derive(Clone, Debug)]
pub struct WordPiece {
    tokens: HashMap<String, u32>,
    lower_case: bool,
    unknown: u32,
    first: u32,
    separator: u32,
}

/// A vocabulary that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VocabularyError {
    /// A token that every vocabulary needs.
    #[error("the vocabulary has no token {0}")]
    Missing(&'static str),
    /// A token that is there twice.
    #[error("the vocabulary has '{token}' on lines {first} and {second}")]
    Twice {
        /// The token.
        token: String,
        /// The line of the first, counted from 1.
        first: u32,
        /// The line of the second.
        second: u32,
    },
}

impl WordPiece {
    /// Reads a vocabulary with a token on each line, whose index is the number of the line from 0.
    /// An uncased vocabulary needs `lower_case`.
    ///
    /// # Errors
    ///
    /// [`VocabularyError`] if a token is there twice, or one of `[UNK]`, `[CLS]`, `[SEP]` is not.
    pub fn new(vocabulary: &str, lower_case: bool) -> Result<Self, VocabularyError> {
        let mut tokens = HashMap::new();
        for (index, token) in (0u32..).zip(vocabulary.lines()) {
            if let Some(before) = tokens.insert(token.to_owned(), index) {
                let token = token.to_owned();
                return Err(VocabularyError::Twice { token, first: before + 1, second: index + 1 });
            }
        }
        let find = |token| tokens.get(token).copied().ok_or(VocabularyError::Missing(token));
        let (unknown, first, separator) = (find("[UNK]")?, find("[CLS]")?, find("[SEP]")?);
        Ok(Self { tokens, lower_case, unknown, first, separator })
    }

    /// Number of tokens.
    pub fn len(&self) -> usize {
        self.tokens.len()
    }

    /// Whether there are none, which [`Self::new`] does not allow.
    pub fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }

    /// The tokens of a text, without `[CLS]` and `[SEP]`.
    pub fn tokens(&self, text: &str) -> Vec<u32> {
        let cleaned = clean(text);
        let normal: String = if self.lower_case {
            cleaned.to_lowercase().nfd().filter(|&c| !is_combining_mark(c)).collect()
        } else {
            cleaned
        };
        let mut tokens = Vec::new();
        for word in normal.split_whitespace() {
            for word in split_punctuation(word) {
                self.pieces(word, &mut tokens);
            }
        }
        tokens
    }

    /// `[CLS]` text `[SEP]`, or `[CLS]` text `[SEP]` second `[SEP]`, with the segment of each token.
    /// If that is longer than `longest`, the longer of the two texts loses its last token, again
    /// and again.
    ///
    /// # Panics
    ///
    /// If `longest` leaves no room for `[CLS]` and `[SEP]`.
    #[track_caller]
    pub fn encode(&self, text: &str, second: Option<&str>, longest: usize) -> (Vec<u32>, Vec<u32>) {
        let marks = if second.is_some() { 3 } else { 2 };
        assert!(longest >= marks, "{longest} tokens have no room for {marks} marks");
        let mut a = self.tokens(text);
        let mut b = second.map_or_else(Vec::new, |second| self.tokens(second));
        while a.len() + b.len() + marks > longest {
            if a.len() > b.len() {
                a.pop()
            } else {
                b.pop()
            };
        }
        let mut tokens = vec![self.first];
        tokens.extend(a);
        tokens.push(self.separator);
        let mut segments = vec![0; tokens.len()];
        if second.is_some() {
            tokens.extend(b);
            tokens.push(self.separator);
            segments.resize(tokens.len(), 1);
        }
        (tokens, segments)
    }

    fn pieces(&self, word: &str, tokens: &mut Vec<u32>) {
        let before = tokens.len();
        let mut rest = word;
        if word.chars().count() > LONGEST_WORD {
            return tokens.push(self.unknown);
        }
        while !rest.is_empty() {
            let start = rest.len() == word.len();
            let ends = rest.char_indices().map(|(i, c)| i + c.len_utf8()).rev();
            let found = ends.into_iter().find_map(|end| {
                let piece = &rest[..end];
                let token = if start {
                    self.tokens.get(piece)
                } else {
                    self.tokens.get(&format!("##{piece}"))
                };
                Some((end, *token?))
            });
            let Some((end, token)) = found else {
                tokens.truncate(before);
                return tokens.push(self.unknown);
            };
            tokens.push(token);
            rest = &rest[end..];
        }
    }
}

fn clean(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_whitespace() {
            out.push(' ');
        } else if c == '\u{fffd}' || c.is_control() || is_format(c) {
            // Nothing of it remains.
        } else if is_chinese(c) {
            out.extend([' ', c, ' ']);
        } else {
            out.push(c);
        }
    }
    out
}

/// Invisible characters of Unicode's category Cf that occur in texts.
fn is_format(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{2064}' | '\u{feff}')
}

fn is_chinese(c: char) -> bool {
    matches!(c, '\u{4e00}'..='\u{9fff}' | '\u{3400}'..='\u{4dbf}' | '\u{20000}'..='\u{2a6df}'
        | '\u{2a700}'..='\u{2ceaf}' | '\u{f900}'..='\u{faff}' | '\u{2f800}'..='\u{2fa1f}')
}

fn is_punctuation(c: char) -> bool {
    c.is_ascii_punctuation()
        || matches!(c, '¡' | '§' | '«' | '¶' | '·' | '»' | '¿'
            | '\u{2010}'..='\u{2027}' | '\u{2030}'..='\u{2043}' | '\u{2045}'..='\u{2051}'
            | '\u{2053}'..='\u{205e}' | '\u{3001}'..='\u{3003}' | '\u{3008}'..='\u{3011}'
            | '\u{3014}'..='\u{301f}' | '\u{ff01}'..='\u{ff0f}' | '\u{ff1a}'..='\u{ff20}'
            | '\u{ff3b}'..='\u{ff3d}' | '\u{ff5b}' | '\u{ff5d}' | '\u{ff5f}'..='\u{ff65}')
}

/// The parts of a word between punctuation marks, and the marks.
fn split_punctuation(word: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut start = 0;
    for (i, c) in word.char_indices().filter(|&(_, c)| is_punctuation(c)) {
        if i > start {
            parts.push(&word[start..i]);
        }
        start = i + c.len_utf8();
        parts.push(&word[i..start]);
    }
    if start < word.len() {
        parts.push(&word[start..]);
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    const VOCABULARY: &str = "[PAD]\n[UNK]\n[CLS]\n[SEP]\nun\n##aff\n##able\nwant\n##want\n##ed\nrunn\n\
        ##ing\n,\nlow\nlowest\nresume\n中\n国\n'\ns\n£\n’";

    fn words(text: &str) -> Vec<&'static str> {
        let tokeniser = WordPiece::new(VOCABULARY, true).unwrap();
        let names: Vec<&str> = VOCABULARY.lines().collect();
        tokeniser.tokens(text).into_iter().map(|token| names[token as usize]).collect()
    }

    #[test]
    fn the_longest_beginning_is_taken() {
        assert_eq!(words("unwanted running"), ["un", "##want", "##ed", "runn", "##ing"]);
        assert_eq!(words("UNaffable"), ["un", "##aff", "##able"]);
        assert_eq!(words("lowest low lower"), ["lowest", "low", "[UNK]"]);
    }

    #[test]
    fn punctuation_accents_and_chinese_are_cut() {
        assert_eq!(words("want,low's"), ["want", ",", "low", "'", "s"]);
        assert_eq!(words("R\u{e9}sum\u{e9} re\u{301}sume"), ["resume", "resume"]);
        assert_eq!(words("low中国want"), ["low", "中", "国", "want"]);
        assert_eq!(words("want’s"), ["want", "’", "s"]);
        assert_eq!(words("low\u{0}\u{200b}est\t\n ,"), ["lowest", ","]);
        // A pound sign is no punctuation: the word that it begins is unknown.
        assert_eq!(words("£ £low"), ["£", "[UNK]"]);
        assert_eq!(words(""), [""; 0]);
    }

    #[test]
    fn long_words_are_unknown() {
        assert_eq!(words(&"s".repeat(101)), ["[UNK]"]);
    }

    #[test]
    fn pairs_have_segments_and_a_longest_length() {
        let tokeniser = WordPiece::new(VOCABULARY, true).unwrap();
        let (tokens, segments) = tokeniser.encode("want", Some("low s"), 16);
        assert_eq!(tokens, [2, 7, 3, 13, 19, 3]);
        assert_eq!(segments, [0, 0, 0, 1, 1, 1]);
        let (tokens, segments) = tokeniser.encode("want low s", None, 4);
        assert_eq!((tokens, segments), (vec![2, 7, 13, 3], vec![0; 4]));
        assert_eq!(tokeniser.encode("want", Some("low s s s"), 6).0, [2, 7, 3, 13, 19, 3]);
    }

    #[test]
    fn a_vocabulary_is_checked() {
        let missing = WordPiece::new("[UNK]\n[CLS]", true).unwrap_err();
        assert_eq!(missing.to_string(), "the vocabulary has no token [SEP]");
        let twice = WordPiece::new("a\nb\na", true).unwrap_err();
        assert_eq!(twice.to_string(), "the vocabulary has 'a' on lines 1 and 3");
    }
}
