//! [`Profile`]: what a cluster is like and what a job may have of it, as a TOML file.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::measured::error::Error;
use crate::measured::files;

/// No profile is larger, in bytes.
const LARGEST: u64 = 1 << 20;
/// An array of as many is taken everywhere: Slurm's own limit is 1,001, counted from 0.
pub const MOST_ELEMENTS: u64 = 1000;
/// More cores than a machine has.
const MOST_CORES: u64 = 4096;
/// More than this many rounds wait for a time that never comes.
const MOST_ROUNDS: u64 = 100;

/// What an element of an array job gets, and how it is started.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// Partition or queue; the scheduler's own if none is named.
    pub partition: Option<String>,
    /// Who pays.
    pub account: Option<String>,
    /// The time limit of an element.
    pub time: TimeLimit,
    /// Cores of an element.
    pub cores: u64,
    /// Memory of an element.
    pub memory: Option<Memory>,
    /// Elements that run at once, at most.
    pub at_once: Option<u64>,
    /// Elements, at most.
    #[serde(default = "most_elements")]
    pub elements: u64,
    /// What an element is to take at least.
    ///
    /// Assumed: 10 minutes; centres refuse arrays of jobs that end sooner.
    #[serde(default = "ten_minutes")]
    pub shortest: TimeLimit,
    /// How often the array is submitted, one after another; as often as its longest point needs if it
    /// is not said.
    pub rounds: Option<u64>,
    /// Modules to load.
    #[serde(default)]
    pub modules: Vec<String>,
    /// Options of the scheduler, one each, such as `--constraint=zen4`.
    #[serde(default)]
    pub options: Vec<String>,
    /// Lines of the script before the program is started.
    #[serde(default)]
    pub setup: Vec<String>,
    /// The program; this one if it is not said, and `dither` in a container.
    pub program: Option<String>,
    /// The container in which the program is.
    pub container: Option<Container>,
}

/// An image of Apptainer, which was called Singularity.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Container {
    /// The file of the image.
    pub image: PathBuf,
    /// Which of the two runs it.
    #[serde(default)]
    pub runtime: Runtime,
    /// Folders that are seen inside, beside that of the records and the one in which one submits.
    #[serde(default)]
    pub binds: Vec<PathBuf>,
}

/// What runs a container.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Runtime {
    /// `apptainer exec`.
    #[default]
    Apptainer,
    /// `singularity exec`.
    Singularity,
}

impl Runtime {
    /// The program.
    pub fn program(self) -> &'static str {
        match self {
            Self::Apptainer => "apptainer",
            Self::Singularity => "singularity",
        }
    }
}

fn most_elements() -> u64 {
    MOST_ELEMENTS
}

fn ten_minutes() -> TimeLimit {
    TimeLimit { seconds: 600 }
}

impl Profile {
    /// Reads the file and checks it.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if it cannot be read, [`Error::Data`] with the key that is unknown, missing or wrong.
    pub fn read(file: &Path) -> Result<Self, Error> {
        let text = files::read_text(file, LARGEST)?;
        let profile: Self =
            toml::from_str(&text).map_err(|error| Error::toml(file, &text, &error))?;
        profile.check().map_err(|reason| Error::data(file, reason))?;
        Ok(profile)
    }

    /// What is wrong with a value, with its key.
    fn check(&self) -> Result<(), String> {
        let within = |key: &str, value: u64, most: u64| match value {
            0 => Err(format!("{key} = 0: it must be at least 1")),
            value if value > most => Err(format!("{key} = {value}: there are at most {most}")),
            _ => Ok(()),
        };
        within("cores", self.cores, MOST_CORES)?;
        within("elements", self.elements, MOST_ELEMENTS)?;
        self.at_once.map_or(Ok(()), |n| within("at_once", n, MOST_ELEMENTS))?;
        self.rounds.map_or(Ok(()), |n| within("rounds", n, MOST_ROUNDS))?;
        if self.time.seconds == 0 {
            return Err("time: an element needs more than none".to_owned());
        }
        if self.shortest.seconds > self.time.seconds {
            let (shortest, time) = (self.shortest, self.time);
            return Err(format!("shortest = {shortest} is longer than time = {time}"));
        }
        let words = [("partition", &self.partition), ("account", &self.account)];
        let words = words.into_iter().filter_map(|(key, word)| Some((key, word.as_ref()?)));
        let modules = self.modules.iter().map(|module| ("modules", module));
        for (key, word) in words.chain(modules) {
            if word.is_empty() || word.contains(char::is_whitespace) {
                return Err(format!("{key}: '{word}' is not one word"));
            }
        }
        let setup = self.setup.iter().map(|line| ("setup", line));
        let options = self.options.iter().map(|option| ("options", option));
        for (key, line) in setup.chain(options) {
            if line.contains('\n') {
                return Err(format!("{key}: '{}' is more than one line", line.escape_default()));
            }
        }
        if let Some(option) = self.options.iter().find(|option| !option.starts_with('-')) {
            return Err(format!("options: '{option}' does not begin with -"));
        }
        if self.program.as_ref().is_some_and(String::is_empty) {
            return Err("program: it has no name".to_owned());
        }
        let Some(Container { image, binds, .. }) = &self.container else { return Ok(()) };
        if image.as_os_str().is_empty() {
            return Err("container.image: there is no file without a name".to_owned());
        }
        match binds.iter().find(|folder| !can_be_bound(folder)) {
            Some(folder) => Err(format!("container.binds: {}", cannot_be_bound(folder))),
            None => Ok(()),
        }
    }
}

/// Whether a folder can be given to `--bind`, in which commas and colons have a meaning.
pub(super) fn can_be_bound(folder: &Path) -> bool {
    !folder.to_string_lossy().contains([',', ':'])
}

/// What is wrong with a folder that cannot.
pub(super) fn cannot_be_bound(folder: &Path) -> String {
    format!("'{}' has a comma or a colon, which --bind does not take", folder.display())
}

/// A span of time as Slurm writes it: minutes, `MM:SS`, `HH:MM:SS`, `D-HH`, `D-HH:MM` or `D-HH:MM:SS`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "Written")]
pub struct TimeLimit {
    /// In seconds.
    pub seconds: u64,
}

/// A number of minutes, or a text.
#[derive(Deserialize)]
#[serde(untagged, expecting = "a time is minutes, \"HH:MM:SS\" or \"D-HH:MM:SS\"")]
enum Written {
    Minutes(u64),
    Text(String),
}

impl TryFrom<Written> for TimeLimit {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        match written {
            Written::Minutes(minutes) => minutes.to_string().parse(),
            Written::Text(text) => text.parse(),
        }
    }
}

impl std::str::FromStr for TimeLimit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        /// No job runs longer than ten years.
        const LONGEST_S: u64 = 10 * 365 * 86_400;
        let (days, rest) = match text.split_once('-') {
            Some((days, rest)) => (Some(days), rest),
            None => (None, text),
        };
        let number = |part: &str| {
            let digits = !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
            digits.then(|| part.parse::<u64>().ok()).flatten()
        };
        let parts: Option<Vec<u64>> = rest.split(':').map(number).collect();
        let of = |units: &[u64], parts: &[u64]| -> Option<u64> {
            let terms = parts.iter().zip(units).map(|(n, unit)| n.checked_mul(*unit));
            terms.sum::<Option<u64>>()
        };
        let seconds = match (days, parts.as_deref()) {
            (Some(days), Some(parts @ ([_] | [_, _] | [_, _, _]))) => number(days)
                .and_then(|days| days.checked_mul(86_400)?.checked_add(of(&[3600, 60, 1], parts)?)),
            (None, Some([minutes])) => minutes.checked_mul(60),
            (None, Some(parts @ [_, _])) => of(&[60, 1], parts),
            (None, Some(parts @ [_, _, _])) => of(&[3600, 60, 1], parts),
            _ => None,
        };
        match seconds {
            Some(seconds) if seconds <= LONGEST_S => Ok(Self { seconds }),
            Some(_) => Err(format!("'{text}' is more than ten years")),
            None => {
                Err(format!("'{text}' is no time; write minutes, \"HH:MM:SS\" or \"D-HH:MM:SS\""))
            }
        }
    }
}

impl fmt::Display for TimeLimit {
    /// `HH:MM:SS`, which every scheduler reads; hours may be more than a day has.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let s = self.seconds;
        write!(f, "{:02}:{:02}:{:02}", s / 3600, s % 3600 / 60, s % 60)
    }
}

/// An amount of memory: `16G`, `4000M`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Memory {
    /// In MiB.
    pub mib: u64,
}

impl TryFrom<String> for Memory {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let wrong = || format!("'{text}' is no memory; write for example \"16G\" or \"4000M\"");
        let (number, unit) = text.split_at_checked(text.len().wrapping_sub(1)).ok_or_else(wrong)?;
        let unit = match unit {
            "M" => 1,
            "G" => 1 << 10,
            "T" => 1 << 20,
            _ => return Err(wrong()),
        };
        let digits = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
        let number = digits.then(|| number.parse::<u64>().ok()).flatten();
        match number.and_then(|number| number.checked_mul(unit)) {
            Some(mib) if mib > 0 => Ok(Self { mib }),
            _ => Err(wrong()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What reading this text gives.
    fn read(text: &str) -> Result<Profile, String> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("slurm.toml");
        std::fs::write(&file, text).unwrap();
        Profile::read(&file).map_err(|error| {
            let text = error.to_string();
            assert!(text.contains("slurm.toml: "), "{text}");
            text
        })
    }

    #[test]
    fn a_profile_needs_a_time_and_cores() {
        let profile = read("time = \"4:00:00\"\ncores = 8\n").unwrap();
        assert_eq!((profile.time.seconds, profile.cores, profile.elements), (14_400, 8, 1000));
        assert_eq!(profile.shortest.seconds, 600);
        for key in ["time", "cores"] {
            let other = if key == "time" { "cores = 1" } else { "time = 10" };
            let error = read(other).unwrap_err();
            assert!(error.contains(&format!("`{key}`")), "{error}");
        }
    }

    #[test]
    fn what_is_wrong_is_named_with_its_key() {
        for (line, words) in [
            ("partiton = \"main\"", "unknown field `partiton`"),
            ("at_once = 0", "at_once = 0"),
            ("at_once = 2000", "at_once = 2000: there are at most 1000"),
            ("elements = 1001", "elements = 1001: there are at most 1000"),
            ("rounds = 0", "rounds = 0"),
            ("shortest = \"5:00:00\"", "shortest = 05:00:00 is longer than time = 04:00:00"),
            ("shortest = \"soon\"", "'soon' is no time"),
            ("memory = \"16\"", "'16' is no memory"),
            ("memory = \"0G\"", "'0G' is no memory"),
            ("memory = \"é\"", "'é' is no memory"),
            ("partition = \"a b\"", "partition: 'a b' is not one word"),
            ("account = \"\"", "account: '' is not one word"),
            ("modules = [\"gcc 13\"]", "modules: 'gcc 13' is not one word"),
            ("setup = [\"a\\nb\"]", "setup: 'a\\nb' is more than one line"),
            ("options = [\"constraint=zen4\"]", "options: 'constraint=zen4' does not begin with -"),
            ("program = \"\"", "program: it has no name"),
            ("[container]\nimage = \"\"", "container.image"),
            ("[container]\nimag = \"a\"", "unknown field `imag`"),
            ("[container]\nimage = \"a\"\nruntime = \"docker\"", "docker"),
            ("[container]\nimage = \"a\"\nbinds = [\"/a:b\"]", "container.binds: '/a:b'"),
        ] {
            let error = read(&format!("time = \"4:00:00\"\ncores = 8\n{line}\n")).unwrap_err();
            assert!(error.contains(words), "'{words}' is not in: {error}");
        }
        let error = read("time = 0\ncores = 1\nshortest = 0").unwrap_err();
        assert!(error.contains("time: "), "{error}");
        let error = read("time = 10\ncores = 0").unwrap_err();
        assert!(error.contains("cores = 0"), "{error}");
    }

    #[test]
    fn times_are_those_of_slurm() {
        for (text, seconds) in [
            ("90", 5400),
            ("1:30", 90),
            ("04:00:00", 14_400),
            ("2-12", 216_000),
            ("1-00:30", 88_200),
            ("1-02:03:04", 93_784),
        ] {
            assert_eq!(text.parse(), Ok(TimeLimit { seconds }), "{text}");
        }
        for bad in [
            "",
            "-",
            "1-",
            "-1",
            "a",
            "1:2:3:4",
            "1-2:3:4:5",
            "+5",
            "99999999999999999999",
            "9999-0",
        ] {
            assert!(bad.parse::<TimeLimit>().is_err(), "{bad}");
        }
        assert_eq!(TimeLimit { seconds: 93_784 }.to_string(), "26:03:04");
    }
}
