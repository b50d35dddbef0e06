//! A network of the user's own: one point, described by a TOML file.

use std::path::Path;

use datasets::DataFolder;

use crate::experiment::{Experiment, Results};
use crate::findings::Findings;
use crate::findings::source::{Paper, Part, Source};
use crate::measured::context::Context;
use crate::measured::error::Error;
use crate::measured::files;
use crate::measured::measurements::Measurements;
use crate::measured::measures::image_classifier::ImageClassifier;
use crate::measured::point::Point;
use crate::measured::scale::Scale;
use crate::opened::Networks;
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
        Ok(Point {
            experiment: Self.id(),
            // Not the file's: under another name it is the same run, and the record is its answer.
            name: config.title(),
            work: config.work(),
            config: serde_json::to_value(&config).expect("a configuration is plain data"),
            seed,
            data: vec![config.data.sum(data)?],
        })
    }
}

impl Experiment for Custom {
    fn id(&self) -> &'static str {
        "custom"
    }

    fn title(&self) -> &'static str {
        "A network of one's own"
    }

    fn source(&self) -> Source {
        Paper::Beyond.at(&[Part::Passage("a TOML file")])
    }

    fn describe(&self, _: Scale) -> String {
        "one training run".to_owned()
    }

    fn points(&self, _: &Request, _: &mut Networks) -> Result<Vec<Point>, Error> {
        Ok(Vec::new())
    }

    fn run(&self, point: &Point, context: &Context<'_>) -> Result<Measurements, Error> {
        ImageClassifier::run_point(point, context)
    }

    fn findings(&self, _: &Results<'_>) -> Findings {
        Findings::default()
    }
}
