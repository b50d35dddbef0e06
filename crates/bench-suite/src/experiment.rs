//! [`Experiment`]: points to run, and what their records say about a paper's claims.

use std::fmt;

use crate::findings::Findings;
use crate::findings::source::Source;
use crate::measured::context::Context;
use crate::measured::error::Error;
use crate::measured::measurements::Measurements;
use crate::measured::point::Point;
use crate::measured::scale::Scale;
use crate::opened::Networks;
use crate::record::Record;
use crate::request::Request;

/// The records of one experiment, by point.
#[derive(Debug)]
pub struct Results<'a> {
    /// The scale.
    pub scale: Scale,
    /// Every point with its record, if it has one yet.
    pub points: &'a [(Point, Option<Record>)],
}

/// One experiment of a paper.
pub trait Experiment: fmt::Debug + Sync {
    /// `paper/name`.
    fn id(&self) -> &'static str;

    /// A heading for the report.
    fn title(&self) -> &'static str;

    /// Section and figure or table of the paper.
    fn source(&self) -> Source;

    /// One sentence on what is run at a scale.
    fn describe(&self, scale: Scale) -> String;

    /// Whether at this scale small networks on small data stand for the paper's own, so that a verdict is
    /// on them.
    fn has_stand_ins(&self, _: Scale) -> bool {
        false
    }

    /// The points of a request, in the order in which they are worth having; `networks` are those of
    /// the request.
    ///
    /// # Errors
    ///
    /// If a data set is missing or damaged.
    fn points(&self, request: &Request, networks: &mut Networks) -> Result<Vec<Point>, Error>;

    /// Runs one point.
    ///
    /// # Errors
    ///
    /// [`Error::Interrupted`] if it was stopped, or what is wrong with its data.
    fn run(&self, point: &Point, context: &Context<'_>) -> Result<Measurements, Error>;

    /// Claims, figures and tables from the records that are there.
    fn findings(&self, results: &Results<'_>) -> Findings;
}
