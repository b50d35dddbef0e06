//! [`OneNetwork`]: what the commands about one network on tiles have in common.

use std::path::PathBuf;

use clap::Args;

use super::beside::{Beside, Found, NamedNetwork, named_network};
use super::part::{Part, Share};
use super::values::threads_or_cores;
use crate::experiment::AnyExperiment;
use crate::experiments::study::{Prepared, Study};
use crate::measured::error::Error;
use crate::measured::point::Point;
use crate::opened::Networks;
use crate::output::Output;
use crate::report::{Job, Report};
use crate::request::Request;
use crate::runner;
use crate::signals::Signals;
use crate::store::Store;

/// How such a command ends.
pub(super) const ENDS: &str = "\
Exit code: 0 if the report is written; 1 if training diverges; 2 for an error in the command line, a file \
or the data; 130 after Ctrl-C, 143 after SIGTERM, 129 after SIGHUP, each once the step is finished and \
saved.";

/// A network, its tiles, and where its report is written.
#[derive(Clone, Debug, Args)]
pub struct OneNetwork {
    /// The network: an ONNX file, or a name of the register.
    #[arg(long, alias = "workload", value_name = "MODEL.onnx|NAME", value_parser = named_network)]
    pub network: NamedNetwork,
    /// How often it is programmed, each time tested on a share of the test examples; the scale's own
    /// number if not given.
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = clap::value_parser!(u64).range(1..))]
    pub programmings: Option<u64>,
    /// The tile, a preset of crossbar or a TOML file [default: that of the recipe].
    #[arg(long, value_name = "PRESET|FILE")]
    pub tile: Option<String>,
    /// What stands beside the network.
    #[command(flatten)]
    pub beside: Beside,
    /// Folder of records and report [default: results/COMMAND/NAME/SCALE].
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Run everything again, replacing records and trained networks.
    #[arg(long)]
    pub fresh: bool,
    /// What of it is run here.
    #[command(flatten)]
    pub part: Part,
}

impl OneNetwork {
    fn study(&self) -> Study {
        self.beside.study(&self.network, self.tile.clone())
    }

    /// The folder of records and report.
    fn out(&self, id: &str) -> PathBuf {
        let (network, scale) = (&self.network, self.beside.scale);
        // A try at smoke scale must not replace the report of an hour.
        let named = || PathBuf::from(format!("results/{id}/{network}/{scale}"));
        self.out.clone().unwrap_or_else(named)
    }

    /// All points of the experiment that is made of the network, and the folder of their records.
    pub(super) fn points<E: AnyExperiment>(
        &self,
        id: &str,
        experiment: impl Fn(Prepared) -> Result<E, Error>,
    ) -> Result<(PathBuf, Vec<Point>), Error> {
        let Asked { store, points, .. } = self.asked(id, experiment)?;
        Ok((store.folder().to_owned(), points))
    }

    /// The experiment with all that it needs.
    fn asked<E: AnyExperiment>(
        &self,
        id: &str,
        experiment: impl Fn(Prepared) -> Result<E, Error>,
    ) -> Result<Asked<E>, Error> {
        // What is wrong with the question, the checkpoint or the data is said before anything is removed.
        let study = self.study();
        study.trained()?;
        let found = self.beside.found(Some(&self.network))?;
        let store = Store::open(&self.out(id))?;
        if let Some(file) = &self.beside.checkpoint
            && self.fresh
            && store.holds(file)
        {
            let file = file.display();
            let reason = format!("{file}: --fresh would remove it; copy it out of the store");
            return Err(Error::Usage(reason));
        }
        let asked = || experiment(study.prepared(found.sources(), &store.models())?);
        let mut experiment = asked()?;
        let Beside { scale, seed, .. } = self.beside;
        let request = Request { scale, seed, seeds: None, data: found.data.clone() };
        let mut networks = Networks::of(&request).with(found.own.clone());
        let points = experiment.points(&request, &mut networks)?;
        drop(networks);
        if self.fresh {
            points.iter().try_for_each(|point| store.forget(point))?;
            store.forget_models()?;
            // The weights of the checkpoint were among them.
            experiment = asked()?;
        }
        Ok(Asked { experiment, found, store, points })
    }

    /// Runs the experiment that is made of the network, and writes its report with that title; of a part
    /// of its points there is no report, and no answer.
    pub(super) fn ask<E: AnyExperiment>(
        &self,
        id: &str,
        title: String,
        experiment: impl Fn(Prepared) -> Result<E, Error>,
        (signals, output): (&Signals, &mut Output),
    ) -> Result<Option<Answered<E>>, Error> {
        let share = self.part.share()?;
        if self.fresh && !matches!(share, Share::Whole) {
            let reason = "--fresh is for the whole; other shards are at the same networks";
            return Err(Error::Usage(reason.to_owned()));
        }
        let Asked { experiment, found, store, points } = self.asked(id, experiment)?;
        let wanted = share.of(points.clone())?;
        signals.listen()?;
        let threads = threads_or_cores(self.beside.threads);
        runner::run(&wanted, &store, found.sources(), threads, signals.stop())?;
        if !share.reports() {
            share.say_complete(&store, output);
            return Ok(None);
        }
        share.check(&store, &points)?;
        let scale = self.beside.scale;
        let jobs = [Job { experiment: &experiment as &dyn AnyExperiment, points, left_out: None }];
        let report = Report::collect(&store, scale, &jobs)?.about(title);
        for reason in report.reasons() {
            output.line(format_args!("Left out: {reason}."));
        }
        output.line(format_args!("Report: {}", report.write(&store)?.display()));
        let [Job { points, .. }] = jobs;
        Ok(Some(Answered { experiment, points, store }))
    }
}

/// What is asked of one network, with all that it needs.
struct Asked<E> {
    experiment: E,
    found: Found,
    store: Store,
    points: Vec<Point>,
}

/// What was asked of one network, when its records are there.
pub(super) struct Answered<E> {
    pub(super) experiment: E,
    pub(super) points: Vec<Point>,
    pub(super) store: Store,
}
