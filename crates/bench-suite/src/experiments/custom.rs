//! A network of the user's own: one point, described by a TOML file.

use std::path::Path;

use datasets::DataFolder;

use crate::experiment::{About, Experiment, Results, StandIns};
use crate::findings::Findings;
use crate::findings::source::{Paper, Part};
use crate::measured::error::Error;
use crate::measured::files;
use crate::measured::measures::image_classifier::ImageClassifier;
use crate::measured::point::{Point, Run};
use crate::measured::scale::Scale;
use crate::measured::training::Training;
use crate::opened::Networks;
use crate::record::Record;
use crate::request::Request;

/// No description of a network or a recipe is larger, in bytes.
pub(super) const LARGEST_DESCRIPTION: u64 = 1 << 20;

/// Training an [`ImageClassifier`].
#[derive(Debug)]
pub struct Custom;

impl Custom {
    /// The point that a file describes.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if the file cannot be read, [`Error::Data`] with the line if it makes no
    /// sense.
    pub fn point(file: &Path, seed: u64, data: &DataFolder) -> Result<Point, Error> {
        let text = files::read_text(file, LARGEST_DESCRIPTION)?;
        let config: ImageClassifier =
            toml::from_str(&text).map_err(|error| Error::toml(file, &text, &error))?;
        config.check().map_err(|reason| Error::data(file, reason))?;
        config.check_counts(data).map_err(|error| match error {
            Error::Usage(reason) => Error::data(file, reason),
            error => error,
        })?;
        let run = Run {
            // Not the file's: under another name it is the same run, and the record is its answer.
            label: config.title(),
            work: config.work(),
            data: vec![config.data.sum(data)?],
            measure: config,
            seed,
        };
        Ok(Point::new(Self::ABOUT.id, run))
    }
}

impl Custom {
    /// What a record of its points holds.
    ///
    /// # Panics
    ///
    /// If the record is another's.
    pub fn outcome(record: &Record) -> Training {
        record.measurements.read().expect("a record is checked as it is read")
    }
}

impl Experiment for Custom {
    type Measure = ImageClassifier;

    const ABOUT: About = About {
        id: "custom",
        title: "A network of one's own",
        source: Paper::Beyond.at(&[Part::Passage("a TOML file")]),
        stand_ins: StandIns::Never,
    };

    fn describe(&self, _: Scale) -> String {
        "one training run".to_owned()
    }

    fn runs(&self, _: &Request, _: &mut Networks) -> Result<Vec<Run<Self::Measure>>, Error> {
        Ok(Vec::new())
    }

    fn findings(&self, _: &Results<Self::Measure>) -> Findings {
        Findings::default()
    }
}
