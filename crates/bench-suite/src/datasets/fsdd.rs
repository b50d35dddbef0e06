//! Spoken digits: 3,000 recordings of "zero" to "nine" by six speakers, 8 kHz.
//!
//! Source: the Free Spoken Digit Dataset, github.com/Jakobovski/free-spoken-digit-dataset
//! (CC BY-SA 4.0). It does not ship with the source, so a folder must be named that holds one of
//!
//! ```text
//! fsdd/recordings/                 DIGIT_SPEAKER_INDEX.wav, as in the repository
//! fsdd/fsdd_26eb9aa_3000wav.tar.xz the same files
//! ```
//!
//! The recordings with an index below 5 are for testing, as its authors have it.

use std::io::Read;
use std::path::Path;

use lzma_rust2::XzReader;
use sha2::{Digest, Sha256};

use super::{DataFolder, DataSum, wav};
use crate::Error;
use crate::record::hex;

/// Samples per second.
pub const SAMPLE_RATE: u32 = 8000;

const FOLDER: &str = "fsdd/recordings";
const ARCHIVE: &str = "fsdd/fsdd_26eb9aa_3000wav.tar.xz";
/// Recordings of each digit by each speaker that are for testing.
const TEST_INDICES: u32 = 5;

/// One recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recording {
    /// The digit, below 10.
    pub digit: u32,
    /// Who speaks.
    pub speaker: String,
    /// Which of the recordings of this digit by this speaker.
    pub index: u32,
    /// The samples.
    pub samples: Vec<i16>,
}

/// The recordings, ordered by index, digit and speaker.
#[derive(Debug)]
pub struct SpokenDigits {
    /// For training.
    pub train: Vec<Recording>,
    /// For testing.
    pub test: Vec<Recording>,
    sum: DataSum,
}

impl SpokenDigits {
    /// Reads and checks the version that is in a data folder.
    ///
    /// # Errors
    ///
    /// [`Error::NoData`] if there is none, [`Error::Io`] or [`Error::Data`] naming the file.
    pub fn load(data: &DataFolder) -> Result<Self, Error> {
        let mut files = Vec::new();
        let folder = data.path(FOLDER);
        if folder.is_dir() {
            for entry in std::fs::read_dir(&folder).map_err(Error::io("read", &folder))? {
                let path = entry.map_err(Error::io("read", &folder))?.path();
                if path.extension().is_some_and(|extension| extension == "wav") {
                    let content = std::fs::read(&path).map_err(Error::io("read", &path))?;
                    files.push((path, content));
                }
            }
        } else {
            let path = data.path(ARCHIVE);
            if !path.is_file() {
                return Err(Error::NoData(format!(
                    "the spoken digits do not ship with the source and are not in {}: name with \
                     --data a folder that holds {FOLDER}/ (the repository \
                     Jakobovski/free-spoken-digit-dataset, cloned as fsdd) or {ARCHIVE}",
                    data.path("").display()
                )));
            }
            let packed = std::fs::read(&path).map_err(Error::io("read", &path))?;
            let damaged =
                |error: std::io::Error| Error::data(&path, format!("not an archive ({error})"));
            let mut archive = tar::Archive::new(XzReader::new(&*packed, false));
            for entry in archive.entries().map_err(damaged)? {
                let mut entry = entry.map_err(damaged)?;
                let name = entry.path().map_err(damaged)?.into_owned();
                if name.extension().is_some_and(|extension| extension == "wav") {
                    let mut content = Vec::with_capacity(entry.size() as usize);
                    entry.read_to_end(&mut content).map_err(damaged)?;
                    files.push((path.join(name), content));
                }
            }
        }
        files.sort();
        let mut hash = Sha256::new();
        files.iter().for_each(|(_, content)| hash.update(content));
        let recordings: Result<Vec<Recording>, Error> =
            files.iter().map(|(path, content)| recording(path, content)).collect();
        let mut recordings = recordings?;
        recordings
            .sort_by(|a, b| (a.index, a.digit, &a.speaker).cmp(&(b.index, b.digit, &b.speaker)));
        let (test, train): (Vec<_>, Vec<_>) =
            recordings.into_iter().partition(|r| r.index < TEST_INDICES);
        if test.is_empty() || train.is_empty() {
            let reason =
                format!("{} recordings to train with, {} to test", train.len(), test.len());
            return Err(Error::data(&data.path("fsdd"), reason));
        }
        let sum = DataSum { name: "fsdd".to_owned(), sha256: hex(&hash.finalize()) };
        Ok(Self { train, test, sum })
    }

    /// Name and checksum of the data set.
    pub fn sum(&self) -> DataSum {
        self.sum.clone()
    }
}

/// A file named DIGIT_SPEAKER_INDEX.wav.
fn recording(path: &Path, content: &[u8]) -> Result<Recording, Error> {
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    let parts: Vec<&str> = name.split('_').collect();
    let labels = match *parts {
        [digit, speaker, index] => digit.parse().ok().zip(index.parse().ok()).zip(Some(speaker)),
        _ => None,
    };
    let Some(((digit @ 0..10, index), speaker)) = labels else {
        return Err(Error::data(path, "its name is not DIGIT_SPEAKER_INDEX.wav"));
    };
    let samples = wav::mono_16_bit(content, SAMPLE_RATE)
        .map_err(|reason| Error::data(path, format!("not a readable recording: {reason}")))?;
    Ok(Recording { digit, speaker: speaker.to_owned(), index, samples })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_what_is_spoken() {
        let wav = wav::tests::file(SAMPLE_RATE, &[1, -2]);
        let recording = |name: &str| recording(Path::new(name), &wav);
        let found = recording("a/7_jackson_32.wav").unwrap();
        assert_eq!((found.digit, &*found.speaker, found.index), (7, "jackson", 32));
        assert_eq!(found.samples, [1, -2]);
        for name in ["10_jackson_1.wav", "x_jackson_1.wav", "1_jackson.wav"] {
            let error = recording(name).unwrap_err().to_string();
            assert_eq!(error, format!("{name}: its name is not DIGIT_SPEAKER_INDEX.wav"));
        }
    }

    #[test]
    fn the_data_set_is_complete() {
        let Some(folder) = std::env::var_os("DITHER_DATA") else {
            eprintln!("skipped: DITHER_DATA does not name a folder with fsdd");
            return;
        };
        let digits = SpokenDigits::load(&DataFolder::new(Some(Path::new(&folder)))).unwrap();
        assert_eq!((digits.train.len(), digits.test.len()), (2700, 300));
        let seconds: f64 = (digits.train.iter().chain(&digits.test))
            .map(|r| r.samples.len() as f64 / f64::from(SAMPLE_RATE))
            .sum();
        assert!((seconds / 60.0 - 21.9).abs() < 0.05, "{seconds} s");
    }
}
