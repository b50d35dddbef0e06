//! Japanese Vowels: 270 + 370 utterances of /ae/ by nine speakers, sequences of 7 to 29 vectors of
//! 12 cepstrum coefficients.
//!
//! Source: Kudo, Toyama and Shimbo 1999; `data/japanese-vowels/README.md`.

use std::path::Path;

use nn::Sequences;

use crate::error::Error;
use crate::folder::DataFolder;
use crate::sum::DataSum;
use crate::unpack::{Known, read_xz};

/// Number of speakers, the classes.
pub const SPEAKERS: usize = 9;
const COEFFICIENTS: usize = 12;

const FOLDER: &str = "japanese-vowels";
const TRAIN: Known = Known {
    len: 487_971,
    sha256: "68a430eabd919cc77f40b1f5f3bc0dcafacc1486bca9260785aeb7d262cc78cd",
};
const TEST: Known = Known {
    len: 649_132,
    sha256: "b3d41d6a0ca3bcad3afb9ca7d4365382aa51341e2e58bae2a574babdda5b9462",
};

/// Utterances with their speakers, counted from 0.
#[derive(Clone, Debug, PartialEq)]
pub struct Utterances {
    /// The vectors.
    pub sequences: Sequences,
    /// Who speaks.
    pub speakers: Vec<u32>,
}

/// The utterances to train with and those to test, in the order of the files.
///
/// # Errors
///
/// [`Error::Io`] or [`Error::Data`] naming the file.
pub fn load(data: &DataFolder) -> Result<[Utterances; 2], Error> {
    let part = |name: &str, known| {
        let path = data.path(FOLDER).join(format!("JapaneseVowels_{name}.ts.xz"));
        let content = read_xz(&path, known)?;
        parse(&path, &String::from_utf8_lossy(&content))
    };
    Ok([part("TRAIN", TRAIN)?, part("TEST", TEST)?])
}

/// Name and checksum of the data set.
pub fn sum() -> DataSum {
    DataSum::of("japanese-vowels", [("TRAIN", TRAIN.sha256), ("TEST", TEST.sha256)])
}

/// Lines of twelve lists of numbers and a class, separated by colons, behind a header.
fn parse(path: &Path, text: &str) -> Result<Utterances, Error> {
    let mut sequences = Sequences::new(COEFFICIENTS);
    let mut speakers = Vec::new();
    let lines = text.lines().enumerate().filter(|(_, l)| !l.starts_with(['#', '@']));
    for (index, line) in lines.filter(|(_, line)| !line.is_empty()) {
        let wrong = |what: &str| Error::data(path, format!("line {}: {what}", index + 1));
        let mut parts: Vec<&str> = line.split(':').collect();
        let speaker = parts.pop().and_then(|class| class.trim().parse::<usize>().ok());
        let Some(speaker @ 1..=SPEAKERS) = speaker else {
            return Err(wrong("its class is no speaker"));
        };
        let rows: Result<Vec<Vec<f32>>, _> =
            parts.iter().map(|part| part.split(',').map(|x| x.trim().parse()).collect()).collect();
        let rows = rows.map_err(|_| wrong("a value is no number"))?;
        if rows.iter().flatten().any(|x| !x.is_finite()) {
            return Err(wrong("a value is not finite"));
        }
        if rows.len() != COEFFICIENTS || rows.iter().any(|row| row.len() != rows[0].len()) {
            return Err(wrong("it is not 12 lists of the same length"));
        }
        let values: Vec<f32> =
            (0..rows[0].len()).flat_map(|t| rows.iter().map(move |row| row[t])).collect();
        sequences.push(&values);
        speakers.push(speaker as u32 - 1);
    }
    Ok(Utterances { sequences, speakers })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_data_set_is_complete() {
        let [train, test] = load(&DataFolder::new(None)).unwrap();
        assert_eq!((train.speakers.len(), test.speakers.len()), (270, 370));
        for speaker in 0..9 {
            assert_eq!(train.speakers.iter().filter(|s| **s == speaker).count(), 30);
        }
        for utterances in [train, test] {
            for i in 0..utterances.speakers.len() {
                let len = utterances.sequences.get(i).len();
                assert!((7 * 12..=29 * 12).contains(&len) && len % 12 == 0, "{len}");
            }
        }
    }

    #[test]
    fn lines_are_checked() {
        let path = Path::new("x.ts");
        let line = |last: &str| format!("@data\n{}:{last}", ["1,2"; 12].join(":"));
        let parsed = parse(path, &line("3")).unwrap();
        assert_eq!(parsed.sequences.get(0), [[1.0; 12], [2.0; 12]].as_flattened());
        assert_eq!(parsed.speakers, [2]);
        for (text, what) in [
            (line("10"), "x.ts: line 2: its class is no speaker"),
            (line("1,2:3"), "x.ts: line 2: it is not 12 lists of the same length"),
            (line("1").replacen('2', "x", 1), "x.ts: line 2: a value is no number"),
            (line("1").replacen('2', "nan", 1), "x.ts: line 2: a value is not finite"),
            (line("1").replacen('2', "1e39", 1), "x.ts: line 2: a value is not finite"),
        ] {
            assert_eq!(parse(path, &text).unwrap_err().to_string(), what);
        }
    }

    #[test]
    fn damaged_files_are_refused_or_read_within_bounds() {
        let file = format!("@data\n{}:3\n{}:9\n", ["1,2"; 12].join(":"), ["-0.5"; 12].join(":"));
        for altered in crate::testing::mutations(file.as_bytes(), 3000) {
            if let Ok(read) = parse(Path::new("x"), &String::from_utf8_lossy(&altered)) {
                assert!(read.sequences.values().len() <= altered.len());
                assert!(read.sequences.values().iter().all(|x| x.is_finite()));
                assert!(read.speakers.iter().all(|&speaker| speaker < 9));
            }
        }
    }
}
