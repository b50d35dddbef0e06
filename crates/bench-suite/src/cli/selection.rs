//! [`Selection`]: which experiments `reproduce`, `merge` and `report` are about.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Args;
use datasets::DataFolder;

use super::data::data_folder;
use super::values::seed;
use crate::experiment::AnyExperiment;
use crate::experiments::select;
use crate::fetch::catalogue;
use crate::measured::error::Error;
use crate::measured::scale::Scale;
use crate::opened::Networks;
use crate::report::Job;
use crate::request::Request;

/// Which experiments, at which scale, with which seeds, where.
#[derive(Clone, Debug, Args)]
pub struct Selection {
    /// Experiments or papers, such as gupta2015/mnist-dnn or gupta2015; all if none is given.
    #[arg(value_name = "ID")]
    pub ids: Vec<String>,
    /// smoke (about a minute for all), desk (real data; about an hour for all on two cores), long (a night:
    /// whole data sets, three trainings) or paper (the papers' own sizes).
    #[arg(long, default_value_t = Scale::Desk)]
    pub scale: Scale,
    /// The first seed, below 2^32.
    #[arg(long, value_name = "N", allow_negative_numbers = true, default_value_t = 0, value_parser = seed())]
    pub seed: u64,
    /// Number of seeds [default: that of each experiment: 1 at smoke scale, 1 to 6 at desk, 1 to 20 at
    /// long and paper].
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub seeds: Option<u64>,
    /// Folder of records and report [default: results/SCALE].
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Folder of data sets that do not ship with the source, looked in first [default: that
    /// of the environment variable DITHER_DATA].
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
}

impl Selection {
    /// The folder of records and report.
    pub fn out(&self) -> PathBuf {
        self.out.clone().unwrap_or_else(|| PathBuf::from("results").join(self.scale.to_string()))
    }

    /// The arguments that select the same points, each after a space; folders are not among them.
    pub fn arguments(&self) -> String {
        let mut words: String = self.ids.iter().map(|id| format!(" {id}")).collect();
        let Self { scale, seed, seeds, .. } = self;
        words += &format!(" --scale {scale}");
        if *seed != 0 {
            words += &format!(" --seed {seed}");
        }
        if let Some(seeds) = seeds {
            words += &format!(" --seeds {seeds}");
        }
        words
    }

    /// What is selected.
    ///
    /// An experiment whose data set is not there is an error if it was asked for by name. Otherwise it
    /// has no points, and the report says why.
    pub(super) fn jobs(&self) -> Result<Selected, Error> {
        let data = data_folder(self.data.as_deref())?;
        let Self { scale, seed, seeds, .. } = *self;
        let request = Request { scale, seed, seeds, data: data.clone() };
        // They are gone before a point is run.
        let mut networks = Networks::of(&request);
        let job = |experiment: &'static dyn AnyExperiment| match experiment
            .points(&request, &mut networks)
        {
            Err(Error::NoData(reason)) if !self.ids.iter().any(|id| id == experiment.id()) => {
                let left_out = Some(without_folders(reason, &data));
                Ok(Job { experiment, points: Vec::new(), left_out })
            }
            points => Ok(Job { experiment, points: points?, left_out: None }),
        };
        let jobs: Result<Vec<Job<'static>>, Error> =
            select(&self.ids)?.into_iter().map(job).collect();
        let jobs = jobs?;
        let mut fetchable = Fetchable::new();
        let lacking = networks.lacking().map(|(id, reason)| (id.name(), reason));
        let left_out =
            jobs.iter().filter_map(|job| Some((job.experiment.id(), &**job.left_out.as_ref()?)));
        for (id, reason) in lacking.chain(left_out) {
            if let Some(entry) = catalogue::for_want_of(reason) {
                fetchable.entry(entry.name).or_default().push(id);
            }
        }
        drop(networks);
        Ok(Selected { jobs, data, fetchable })
    }
}

/// What is selected.
pub(super) struct Selected {
    /// The points of each experiment.
    pub(super) jobs: Vec<Job<'static>>,
    /// The data they are to read.
    pub(super) data: DataFolder,
    /// What there would be with data that are not here.
    pub(super) fetchable: Fetchable,
}

/// Networks and experiments that a data set would add, by its name in the catalogue.
pub(super) type Fetchable = BTreeMap<&'static str, Vec<&'static str>>;

/// A reason for the report, which is to be the same for every checkout: where data was looked for is
/// `DATA`.
fn without_folders(reason: String, data: &DataFolder) -> String {
    data.folders().fold(reason, |reason, folder| {
        let folder = folder.join("").display().to_string();
        reason.replace(&folder, "DATA/")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of the experiments whose data ships, which the least and the greatest numbers are of.
    #[test]
    fn the_help_tells_how_many_seeds_there_are() {
        for (scale, least, most) in
            [(Scale::Smoke, 1, 1), (Scale::Desk, 1, 6), (Scale::Long, 1, 20), (Scale::Paper, 1, 20)]
        {
            let request = Request { scale, seed: 0, seeds: None, data: DataFolder::new(None) };
            let mut networks = Networks::of(&request);
            let seeds = crate::experiments::EXPERIMENTS.iter().filter_map(|experiment| {
                let points = experiment
                    .points(&request, &mut networks)
                    .ok()
                    .filter(|points| !points.is_empty())?;
                let seeds: std::collections::BTreeSet<u64> =
                    points.iter().map(|p| p.seed).collect();
                Some(seeds.len())
            });
            let seeds: Vec<usize> = seeds.collect();
            assert_eq!(
                (seeds.iter().min(), seeds.iter().max()),
                (Some(&least), Some(&most)),
                "{scale}"
            );
        }
    }
}
