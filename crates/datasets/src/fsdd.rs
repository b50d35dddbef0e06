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

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::Error;
use crate::files;
use crate::folder::DataFolder;
use crate::sum::DataSum;
use crate::unpack;
use crate::wav;

/// Samples per second.
pub const SAMPLE_RATE: u32 = 8000;

const FOLDER: &str = "fsdd/recordings";
const ARCHIVE: &str = "fsdd/fsdd_26eb9aa_3000wav.tar.xz";
/// No recording is larger, in bytes: two minutes, of which a digit takes half a second.
const LARGEST_RECORDING: u64 = 2 << 20;
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
    /// The data set of a folder, read and checked when it is first asked for.
    ///
    /// # Errors
    ///
    /// [`Error::NoData`] if it holds none; [`Error::Io`] or [`Error::Data`] naming the file that is
    /// missing or damaged.
    ///
    /// # Panics
    ///
    /// If another thread panicked while it read the files.
    pub fn open(data: &DataFolder) -> Result<Arc<Self>, Error> {
        data.once(Self::load)
    }

    /// Reads and checks the version that is in a data folder.
    ///
    /// # Errors
    ///
    /// [`Error::NoData`] if there is none, [`Error::Io`] or [`Error::Data`] naming the file.
    pub fn load(data: &DataFolder) -> Result<Self, Error> {
        let (whence, files) = files(data)?;
        // Digit, speaker and part are in the names.
        let sum = DataSum::of("fsdd", files.iter().map(|(name, content)| (name, content)));
        let recordings: Result<Vec<Recording>, Error> =
            files.iter().map(|(name, content)| recording(&whence.join(name), content)).collect();
        let mut recordings = recordings?;
        recordings
            .sort_by(|a, b| (a.index, a.digit, &a.speaker).cmp(&(b.index, b.digit, &b.speaker)));
        let (test, train): (Vec<_>, Vec<_>) =
            recordings.into_iter().partition(|r| r.index < TEST_INDICES);
        if test.is_empty() || train.is_empty() {
            let reason =
                format!("{} recordings to train with, {} to test", train.len(), test.len());
            return Err(Error::data(&whence, reason));
        }
        Ok(Self { train, test, sum })
    }

    /// Name and checksum of the data set.
    pub fn sum(&self) -> DataSum {
        self.sum.clone()
    }
}

/// Where the recordings are, and their names and contents, ordered by name.
fn files(data: &DataFolder) -> Result<(PathBuf, unpack::Files), Error> {
    let is_wav = |path: &Path| path.extension().is_some_and(|extension| extension == "wav");
    let unnamed = |path: &Path| Error::data(path, "its name is not DIGIT_SPEAKER_INDEX.wav");
    let folder = data.path(FOLDER);
    let archive = data.path(ARCHIVE);
    let (whence, mut files) = if folder.is_dir() {
        let mut files = Vec::new();
        for entry in std::fs::read_dir(&folder).map_err(Error::io("read", &folder))? {
            let path = entry.map_err(Error::io("read", &folder))?.path();
            if is_wav(&path) {
                let name = path.file_name().and_then(|name| name.to_str());
                let name = name.ok_or_else(|| unnamed(&path))?.to_owned();
                files.push((name, files::read(&path, LARGEST_RECORDING)?));
            }
        }
        (folder, files)
    } else if archive.is_file() {
        let mut files = unpack::read_tar_xz(&archive, is_wav)?;
        for (name, content) in &mut files {
            let path = archive.join(&*name);
            if content.len() as u64 > LARGEST_RECORDING {
                let reason = format!("more than {LARGEST_RECORDING} bytes");
                return Err(Error::data(&path, reason));
            }
            // The folder in the archive says nothing of a recording.
            let last = path.file_name().and_then(|name| name.to_str());
            *name = last.ok_or_else(|| unnamed(&path))?.to_owned();
        }
        (archive, files)
    } else {
        return Err(Error::NoData(format!(
            "the spoken digits do not ship with the source and are not in {}: name with --data a \
             folder that holds {FOLDER}/ (the repository Jakobovski/free-spoken-digit-dataset, \
             cloned as fsdd) or {ARCHIVE}",
            data.path("").display()
        )));
    };
    files.sort();
    if let Some([(name, _), _]) = files.array_windows().find(|[(a, _), (b, _)]| a == b) {
        return Err(Error::data(&whence, format!("it holds {name} twice")));
    }
    Ok((whence, files))
}

/// A file named DIGIT_SPEAKER_INDEX.wav.
fn recording(path: &Path, content: &[u8]) -> Result<Recording, Error> {
    let name = path.file_stem().and_then(|name| name.to_str()).unwrap_or_default();
    let parts: Vec<&str> = name.split('_').collect();
    let labels = match *parts {
        [digit, speaker, index] => digit.parse().ok().zip(index.parse().ok()).zip(Some(speaker)),
        _ => None,
    };
    // Written as it is counted, so that no two names are of one recording.
    let canonical = |((digit, index), speaker): &((u32, u32), &str)| {
        *digit < 10 && name == format!("{digit}_{speaker}_{index}")
    };
    let Some(((digit, index), speaker)) = labels.filter(canonical) else {
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
        for name in [
            "10_jackson_1.wav",
            "x_jackson_1.wav",
            "1_jackson.wav",
            "01_jackson_1.wav",
            "1_jackson_+1.wav",
        ] {
            let error = recording(name).unwrap_err().to_string();
            assert_eq!(error, format!("{name}: its name is not DIGIT_SPEAKER_INDEX.wav"));
        }
    }

    fn folder_with(names: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let recordings = folder.path().join(FOLDER);
        std::fs::create_dir_all(&recordings).unwrap();
        for (i, name) in names.iter().enumerate() {
            let samples = [i as i16, 5];
            std::fs::write(recordings.join(name), wav::tests::file(SAMPLE_RATE, &samples)).unwrap();
        }
        folder
    }

    fn load(folder: &tempfile::TempDir) -> Result<SpokenDigits, Error> {
        SpokenDigits::load(&DataFolder::new(Some(folder.path())))
    }

    #[test]
    fn what_a_recording_is_called_is_part_of_the_checksum() {
        // The same contents in the same order: another digit, another part, another speaker.
        let all = ["0_a_4.wav", "0_a_7.wav", "0_a_8.wav"];
        let sum = load(&folder_with(&all)).unwrap().sum();
        assert_eq!(load(&folder_with(&all)).unwrap().sum(), sum);
        for other in ["1_a_8.wav", "0_b_8.wav", "0_a_9.wav"] {
            let renamed = load(&folder_with(&[all[0], all[1], other])).unwrap();
            assert_ne!(renamed.sum(), sum, "{other}");
        }
        let test = load(&folder_with(&["0_a_3.wav", "0_a_4.wav", "0_a_8.wav"])).unwrap();
        assert_eq!((test.test.len(), test.train.len()), (2, 1));
        assert_ne!(test.sum(), sum);
    }

    #[test]
    fn recordings_without_samples_or_of_no_size_are_named() {
        let folder = folder_with(&["0_a_4.wav", "0_a_7.wav"]);
        let path = folder.path().join(FOLDER).join("1_a_7.wav");
        std::fs::write(&path, wav::tests::file(SAMPLE_RATE, &[])).unwrap();
        let error = load(&folder).unwrap_err().to_string();
        assert!(
            error.ends_with("1_a_7.wav: not a readable recording: it has no samples"),
            "{error}"
        );
        std::fs::write(&path, vec![0; LARGEST_RECORDING as usize + 1]).unwrap();
        let error = load(&folder).unwrap_err().to_string();
        assert!(error.ends_with("1_a_7.wav: more than 2097152 bytes"), "{error}");
    }

    #[test]
    fn the_data_set_is_complete() {
        let Some(folder) = crate::testing::data_with("fsdd") else { return };
        let digits = SpokenDigits::load(&DataFolder::new(Some(&folder))).unwrap();
        assert_eq!((digits.train.len(), digits.test.len()), (2700, 300));
        let seconds: f64 = (digits.train.iter().chain(&digits.test))
            .map(|r| r.samples.len() as f64 / f64::from(SAMPLE_RATE))
            .sum();
        assert!((seconds / 60.0 - 21.9).abs() < 0.05, "{seconds} s");
    }
}
