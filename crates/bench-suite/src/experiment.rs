//! [`Experiment`]: points to run, and what their records say about a paper's claims.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;
use std::str::FromStr;

use numerics::Par;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Error;
use crate::claim::Claim;
use crate::datasets::{DataFolder, DataSum};
use crate::progress::PointProgress;
use crate::record::{Measurements, Record};
use crate::report::{Figure, HeatMap, Table};
use crate::store::{Checkpoint, Models};
use crate::workloads::networks::{self, Workload};

/// How much of an experiment is run. The definitions are the same code with other numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scale {
    /// About a minute for all experiments, for continuous integration: does the machinery work.
    Smoke,
    /// Real data, about an hour for all experiments on two cores: the qualitative claims.
    Desk,
    /// The paper's own sizes and schedules.
    Paper,
}

impl fmt::Display for Scale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Smoke => "smoke",
            Self::Desk => "desk",
            Self::Paper => "paper",
        })
    }
}

impl FromStr for Scale {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "smoke" => Ok(Self::Smoke),
            "desk" => Ok(Self::Desk),
            "paper" => Ok(Self::Paper),
            _ => Err(format!("'{text}' is not a scale; there are smoke, desk and paper")),
        }
    }
}

/// Which points of an experiment are wanted.
#[derive(Clone, Debug)]
pub struct Request {
    /// The scale.
    pub scale: Scale,
    /// The first seed.
    pub seed: u64,
    /// Number of seeds, counted up from the first; `None` for the scale's own number.
    pub seeds: Option<u64>,
    /// Where data sets are read from.
    pub data: DataFolder,
    networks: RefCell<BTreeMap<&'static str, Opened>>,
}

/// A network, or why its data is not there.
type Opened = Result<Rc<dyn Workload>, String>;

impl Request {
    /// A request that has opened no network yet.
    pub fn new(scale: Scale, seed: u64, seeds: Option<u64>, data: DataFolder) -> Self {
        Self { scale, seed, seeds, data, networks: RefCell::default() }
    }

    /// A network at the scale of the request. Many experiments ask for the same ones, and reading and
    /// checking their data takes longer than all else of a start: each is opened once.
    ///
    /// The request keeps what it has opened, so drop it before anything is run. At paper scale, where a
    /// single data set may fill the memory, it keeps only what is missing.
    ///
    /// # Errors
    ///
    /// [`Error::Usage`] if there is no network of that name, [`Error::NoData`] if its data is not
    /// there, [`Error::Io`] or [`Error::Data`] if it is damaged.
    pub fn network(&self, id: &str) -> Result<Rc<dyn Workload>, Error> {
        let entry = networks::find(id)?;
        if let Some(known) = self.networks.borrow().get(entry.id) {
            return known.clone().map_err(Error::NoData);
        }
        let opened: Opened = match (entry.open)(&self.data, self.scale) {
            Err(Error::NoData(reason)) => Err(reason),
            opened => Ok(opened?.into()),
        };
        if self.scale < Scale::Paper || opened.is_err() {
            self.networks.borrow_mut().insert(entry.id, opened.clone());
        }
        opened.map_err(Error::NoData)
    }
}

/// What can run on its own: a pure function of its configuration, its seed and its data.
#[derive(Clone, Debug)]
pub struct Point {
    /// The experiment.
    pub experiment: &'static str,
    /// Unique name within the experiment and the scale, for people.
    pub name: String,
    /// The complete configuration of the workload.
    pub config: Value,
    /// The seed.
    pub seed: u64,
    /// The data sets it reads.
    pub data: Vec<DataSum>,
    /// Amount of work, in units that all points of an experiment share.
    pub work: u64,
}

impl Point {
    /// Its name beside the points of other experiments.
    pub fn title(&self) -> String {
        format!("{} {}", self.experiment, self.name)
    }
}

/// What a running point may use.
#[derive(Debug)]
pub struct Context<'a> {
    /// Where data sets are read from.
    pub data: &'a DataFolder,
    /// The data sets of the point: what is read must have these checksums.
    pub sums: &'a [DataSum],
    /// Whether kernels may use threads of the current pool.
    pub par: Par,
    /// Where the point says how far it is, and learns that it shall stop.
    pub progress: &'a PointProgress<'a>,
    /// Where a long point saves itself.
    pub checkpoint: &'a Checkpoint,
    /// Trained networks that points share.
    pub models: &'a Models,
}

/// The records of one experiment, by point.
#[derive(Debug)]
pub struct Results<'a> {
    /// The scale.
    pub scale: Scale,
    /// Every point with its record, if it has one yet.
    pub points: &'a [(Point, Option<Record>)],
}

/// What an experiment makes of its records.
#[derive(Debug, Default)]
pub struct Findings {
    /// The claims with their verdicts.
    pub claims: Vec<Claim>,
    /// The figures.
    pub figures: Vec<Figure>,
    /// The heat maps.
    pub heat_maps: Vec<HeatMap>,
    /// The tables.
    pub tables: Vec<Table>,
    /// What the reader must know: choices that the paper leaves open, and the like.
    pub notes: Vec<String>,
    /// What of the experiment was not run, and why; the report's first screen names it.
    pub left_out: Vec<String>,
}

/// One experiment of a paper.
pub trait Experiment: fmt::Debug + Sync {
    /// `paper/name`.
    fn id(&self) -> &'static str;

    /// A heading for the report.
    fn title(&self) -> &'static str;

    /// Section and figure or table of the paper.
    fn source(&self) -> &'static str;

    /// One sentence on what is run at a scale.
    fn describe(&self, scale: Scale) -> String;

    /// Whether at this scale small networks on small data stand for the paper's own, so that a verdict is
    /// on them.
    fn has_stand_ins(&self, _: Scale) -> bool {
        false
    }

    /// The points of a request, in the order in which they are worth having.
    ///
    /// # Errors
    ///
    /// If a data set is missing or damaged.
    fn points(&self, request: &Request) -> Result<Vec<Point>, Error>;

    /// Runs one point.
    ///
    /// # Errors
    ///
    /// [`Error::Interrupted`] if it was stopped, or what is wrong with its data.
    fn run(&self, point: &Point, context: &Context<'_>) -> Result<Measurements, Error>;

    /// Claims, figures and tables from the records that are there.
    fn findings(&self, results: &Results<'_>) -> Findings;
}
