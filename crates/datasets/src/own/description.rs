//! [`Description`]: where data are, and what they are for.

use std::path::{Path, PathBuf};

use nn::Augmentation;
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::files;

use super::metric::Metric;
use super::normalization::Normalization;
use super::source::{Columns, Source};
use super::task::Task;

/// A data set as a TOML file describes it.
///
/// ```toml
/// task = "classification"
/// train = { x = "train-images-idx3-ubyte.gz", y = "train-labels-idx1-ubyte.gz" }
/// split = 0.1
/// [normalization]
/// scale = 0.00392156862745098
/// mean = [0.1307]
/// std = [0.3081]
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Description {
    /// What a network is asked. If it is absent: whole numbers y, one for each example, are classes,
    /// and real numbers y are a regression.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<Task>,
    /// What is measured; absent for that which [`Metric::of`] says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metric: Option<Metric>,
    /// Examples to train with.
    pub train: Source,
    /// Examples to test with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test: Option<Source>,
    /// The share of the training examples that is held out for the test, if there are no others;
    /// 0.1 if nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub split: Option<f64>,
    /// How images are stored in x.
    #[serde(default, skip_serializing_if = "Layout::is_usual")]
    pub layout: Layout,
    /// Of a table, the columns that are y; the last one if nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<Columns>,
    /// What is done to numbers before a network is given them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub normalization: Option<Normalization>,
    /// What is done at random to training images.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub augmentation: Option<Augmentation>,
    /// The folder that paths start from.
    #[serde(skip)]
    folder: PathBuf,
    /// The file that it was read from, for messages.
    #[serde(skip)]
    file: Option<PathBuf>,
}

/// The order of the axes of stored images.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Layout {
    /// (N, channels, height, width), as networks are given them.
    #[default]
    Nchw,
    /// (N, height, width, channels).
    Nhwc,
}

impl Layout {
    /// Whether it is that of an absent key.
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
    fn is_usual(&self) -> bool {
        *self == Self::default()
    }
}

/// No description is larger, in bytes.
const LARGEST: u64 = 1 << 20;

/// The share that is held out if nothing is said.
pub(super) const SPLIT: f64 = 0.1;

impl Description {
    /// That of a file or a folder of examples. A folder that has the folders `train` and `test` has
    /// both; of all others a tenth is held out.
    pub fn of_path(path: &Path) -> Self {
        let [train, test] = ["train", "test"].map(|name| path.join(name));
        let (train, test) = if train.is_dir() && test.is_dir() {
            (train, Some(Source::File(test)))
        } else {
            (path.to_owned(), None)
        };
        Self {
            task: None,
            metric: None,
            train: Source::File(train),
            test,
            split: None,
            layout: Layout::default(),
            target: None,
            normalization: None,
            augmentation: None,
            folder: PathBuf::new(),
            file: None,
        }
    }

    /// That of a TOML file, whose folder its paths start from.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if it cannot be read, [`Error::Data`] with the line if it makes no sense.
    pub fn read(file: &Path) -> Result<Self, Error> {
        let text = files::read_text(file, LARGEST)?;
        let read: Self = toml::from_str(&text).map_err(|error| {
            let before = error.span().map_or("", |span| &text[..span.start]);
            let line = before.matches('\n').count() + 1;
            Error::data(file, format!("line {line}: {}", error.message()))
        })?;
        let folder = file.parent().unwrap_or(Path::new(""));
        let read = Self { file: Some(file.to_owned()), ..read.within(folder) };
        read.check()?;
        Ok(read)
    }

    /// With paths that start from a folder, for a description that is part of another file.
    #[must_use]
    pub fn within(self, folder: &Path) -> Self {
        Self { folder: folder.to_owned(), ..self }
    }

    /// The folder that paths start from.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Whether its keys go together.
    ///
    /// # Errors
    ///
    /// [`Error::Data`] naming the key.
    pub fn check(&self) -> Result<(), Error> {
        self.problem().map_err(|reason| self.wrong(reason))
    }

    fn problem(&self) -> Result<(), String> {
        if let Some(split) = self.split {
            if self.test.is_some() {
                return Err("`split` holds examples out, where `test` names others".to_owned());
            }
            if !(split > 0.0 && split < 1.0) {
                return Err(format!("split is {split}, not between 0 and 1"));
            }
        }
        if let (Some(task), Some(metric)) = (self.task, self.metric) {
            metric.fits(task)?;
        }
        if self.target.as_ref().is_some_and(|Columns(names)| names.is_empty()) {
            return Err("`target` names no column".to_owned());
        }
        if self.task == Some(Task::LanguageModelling) && self.target.is_some() {
            return Err("language-modelling has no `target`: it is the next token of x".to_owned());
        }
        self.normalization.as_ref().map_or(Ok(()), Normalization::check)
    }

    /// An error about the description, or of that about its training data.
    pub(super) fn wrong(&self, reason: impl Into<String>) -> Error {
        match (&self.file, &self.train) {
            (Some(file), _) => Error::data(file, reason),
            (None, Source::File(path)) => Error::data(&self.folder.join(path), reason),
            (None, Source::Files(_)) => Error::data(&self.folder, reason),
        }
    }

    /// What of it can change a number, as a text that is the same for the same: all but paths.
    pub(super) fn canonical(&self) -> String {
        let bare = Self {
            train: self.train.without_paths(),
            test: self.test.as_ref().map(Source::without_paths),
            ..self.clone()
        };
        serde_json::to_string(&bare).expect("a description is data")
    }
}
