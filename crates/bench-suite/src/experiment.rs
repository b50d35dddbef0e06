//! [`Experiment`]: runs, and what their outcomes say about a paper's claims.

use std::fmt;

use datasets::DataSum;

use crate::findings::Findings;
use crate::findings::source::Source;
use crate::measured::error::Error;
use crate::measured::measure::Measure;
use crate::measured::point::{Point, Run};
use crate::measured::scale::Scale;
use crate::opened::Networks;
use crate::record::Record;
use crate::request::Request;

/// What an experiment is.
#[derive(Clone, Copy, Debug)]
pub struct About {
    /// `paper/name`.
    pub id: &'static str,
    /// A heading for the report.
    pub title: &'static str,
    /// Section and figure or table of the paper.
    pub source: Source,
    /// Where its verdicts are on other networks than the paper's.
    pub stand_ins: StandIns,
}

/// At which scales small networks on small data stand for the paper's own, so that a verdict is on
/// them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StandIns {
    /// At none.
    Never,
    /// At all but the paper's.
    BelowPaper,
    /// At all.
    Always,
}

impl StandIns {
    fn at(self, scale: Scale) -> bool {
        match self {
            Self::Never => false,
            Self::BelowPaper => scale < Scale::Paper,
            Self::Always => true,
        }
    }
}

/// One experiment of a paper.
pub trait Experiment: fmt::Debug + Sync {
    /// What its runs measure.
    type Measure: Measure;

    /// What it is.
    const ABOUT: About;

    /// One sentence on what is run at a scale.
    fn describe(&self, scale: Scale) -> String;

    /// The runs of a request, in the order in which they are worth having; `networks` are those of
    /// the request.
    ///
    /// # Errors
    ///
    /// If a data set is missing or damaged.
    fn runs(
        &self,
        request: &Request,
        networks: &mut Networks,
    ) -> Result<Vec<Run<Self::Measure>>, Error>;

    /// Claims, figures and tables from the outcomes that are there.
    fn findings(&self, results: &Results<Self::Measure>) -> Findings;
}

/// The outcomes of one experiment.
#[derive(Debug)]
pub struct Results<M: Measure> {
    /// The scale.
    pub scale: Scale,
    /// The data sets of its first run.
    pub data: Vec<DataSum>,
    /// The runs that have an outcome, in their order.
    pub done: Vec<Done<M>>,
}

/// A run with its outcome.
#[derive(Debug)]
pub struct Done<M: Measure> {
    /// What was measured.
    pub measure: M,
    /// With which seed.
    pub seed: u64,
    /// The data sets that it read.
    pub data: Vec<DataSum>,
    /// What it gave.
    pub outcome: M::Outcome,
}

impl<M: Measure> Results<M> {
    /// The runs of the measures that are wanted.
    pub fn of(&self, wanted: impl Fn(&M) -> bool) -> impl Iterator<Item = &Done<M>> {
        self.done.iter().filter(move |done| wanted(&done.measure))
    }

    /// The outcomes of all runs.
    pub fn outcomes(&self) -> impl Iterator<Item = &M::Outcome> + Clone {
        self.done.iter().map(|done| &done.outcome)
    }

    pub(crate) fn read(records: &Records<'_>) -> Self {
        let done = records.points.iter().filter_map(|(point, record)| {
            let record = record.as_ref()?;
            let measure = point.measure::<M>().expect("a point of this experiment").clone();
            let outcome = record.measurements.read().expect("a record is checked as it is read");
            Some(Done { measure, seed: point.seed, data: point.data.clone(), outcome })
        });
        let data = records.points.first().map(|(point, _)| point.data.clone());
        Self { scale: records.scale, data: data.unwrap_or_default(), done: done.collect() }
    }
}

/// The records of one experiment, by point.
#[derive(Debug)]
pub struct Records<'a> {
    /// The scale.
    pub scale: Scale,
    /// Every point with its record, if it has one yet.
    pub points: &'a [(Point, Option<Record>)],
}

/// An [`Experiment`] with measures of some type.
pub trait AnyExperiment: fmt::Debug + Sync {
    /// `paper/name`.
    fn id(&self) -> &'static str;

    /// A heading for the report.
    fn title(&self) -> &'static str;

    /// Section and figure or table of the paper.
    fn source(&self) -> Source;

    /// One sentence on what is run at a scale.
    fn describe(&self, scale: Scale) -> String;

    /// Whether at this scale small networks on small data stand for the paper's own.
    fn has_stand_ins(&self, scale: Scale) -> bool;

    /// The points of a request; see [`Experiment::runs`].
    ///
    /// # Errors
    ///
    /// If a data set is missing or damaged.
    fn points(&self, request: &Request, networks: &mut Networks) -> Result<Vec<Point>, Error>;

    /// Claims, figures and tables from the records that are there.
    fn findings(&self, records: &Records<'_>) -> Findings;
}

impl<E: Experiment> AnyExperiment for E {
    fn id(&self) -> &'static str {
        E::ABOUT.id
    }

    fn title(&self) -> &'static str {
        E::ABOUT.title
    }

    fn source(&self) -> Source {
        E::ABOUT.source
    }

    fn describe(&self, scale: Scale) -> String {
        Experiment::describe(self, scale)
    }

    fn has_stand_ins(&self, scale: Scale) -> bool {
        E::ABOUT.stand_ins.at(scale)
    }

    fn points(&self, request: &Request, networks: &mut Networks) -> Result<Vec<Point>, Error> {
        let runs = self.runs(request, networks)?;
        Ok(runs.into_iter().map(|run| Point::new(E::ABOUT.id, run)).collect())
    }

    fn findings(&self, records: &Records<'_>) -> Findings {
        Experiment::findings(self, &Results::read(records))
    }
}
