//! The command line.

use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand};

use crate::experiments::sensitivity::Question;
use crate::measured::measures::sensitivity::Method;
use crate::measured::networks::NetworkId;
use crate::measured::scale::Scale;

/// More threads than this cannot be asked for.
const MOST_THREADS: i64 = 1024;

/// How commands that judge claims end.
const OF_CLAIMS: &str = "\
Exit code: 0 if every claim that was decided holds; 1 if one fails or is inconclusive; 2 for an error in \
the command line, a file or the data, or if there is no record to judge.";

/// How a run that judges claims ends.
const OF_RUNS: &str = "\
Exit code: 0 if every claim that was decided holds; 1 if one fails or is inconclusive, or if training \
diverges; 2 for an error in the command line, a file or the data; 130 after Ctrl-C, 143 after SIGTERM, \
129 after SIGHUP, each once the step is finished and saved.";

/// How `train` ends.
const OF_TRAIN: &str = "\
Exit code: 0 if the network is trained; 1 if its training diverges; 2 for an error in the command line, \
a file or the data; 130 after Ctrl-C, 143 after SIGTERM, 129 after SIGHUP, each once the step is finished \
and saved.";

/// How `sensitivity` ends.
const OF_SENSITIVITY: &str = "\
Exit code: 0 if the report is written; 1 if training diverges; 2 for an error in the command line, a file \
or the data; 130 after Ctrl-C, 143 after SIGTERM, 129 after SIGHUP, each once the step is finished and \
saved.";

/// How `evaluate` ends.
const OF_EVALUATE: &str = "\
Exit code: 0 if every network is as known; 1 if one is not; 2 for an error in the command line, a file \
or the data.";

/// How `check` ends.
const OF_CHECK: &str = "\
Exit code: 0 if the outputs are equal, or none are expected; 1 if they are not; 2 if a file cannot be read, \
or the network has operators that there are not.";

/// How `list` ends.
const OF_LIST: &str = "Exit code: 0; 2 for an error in the command line.";

/// How `bench` ends.
const OF_BENCH: &str = "\
Exit code: 0 if every answer is right, however fast; 1 if one is wrong; 2 for an error in the command \
line or a file.";

/// Reproduces the papers: trains, measures, judges their claims, writes the report.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version, disable_help_subcommand = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run experiments and write the report.
    ///
    /// The same command again goes on where a run stopped.
    #[command(after_help = OF_RUNS)]
    Reproduce(Reproduce),
    /// Train a network of your own on MNIST or CIFAR-10, as a TOML file describes it, or one of the
    /// register.
    #[command(after_help = OF_TRAIN)]
    Train(Train),
    /// Evaluate a network with weights that others trained, against its known accuracy where there is
    /// one.
    #[command(after_help = OF_EVALUATE)]
    Evaluate(Evaluate),
    /// Tell what imprecise hardware does to one network, where, and which converters are enough.
    ///
    /// Writes a report of its own. The same command again goes on where a run stopped.
    #[command(after_help = OF_SENSITIVITY)]
    Sensitivity(Sensitivity),
    /// Tell what is in an ONNX file, and whether it gives here what it gave elsewhere.
    ///
    /// Example: cargo xtask check model.onnx --expect io.npz
    #[command(after_help = OF_CHECK)]
    Check(Check),
    /// Check that a store is complete, after adding the records of others, and write the report.
    #[command(after_help = OF_CLAIMS)]
    Merge(Merge),
    /// Write the report of the records that are there.
    #[command(after_help = OF_CLAIMS)]
    Report(Report),
    /// List the experiments.
    #[command(after_help = OF_LIST)]
    List,
    /// Time our kernels against their baselines.
    #[command(after_help = OF_BENCH)]
    Bench(Bench),
}

/// Seeds that leave room for the ones that follow.
fn seed() -> clap::builder::RangedU64ValueParser {
    clap::value_parser!(u64).range(..=u64::from(u32::MAX))
}

/// Numbers of threads that a machine may have: a slip of the pen must not start millions.
fn threads() -> clap::builder::RangedI64ValueParser<u32> {
    clap::value_parser!(u32).range(1..=MOST_THREADS)
}

/// The names of all networks.
fn network() -> impl TypedValueParser<Value = NetworkId> {
    PossibleValuesParser::new(NetworkId::ALL.iter().map(|id| id.name()))
        .try_map(|name| name.parse::<NetworkId>())
}

/// Which experiments, at which scale, with which seeds, where.
#[derive(Clone, Debug, Args)]
pub struct Selection {
    /// Experiments or papers, such as gupta2015/mnist-dnn or gupta2015; all if none is given.
    #[arg(value_name = "ID")]
    pub ids: Vec<String>,
    /// smoke (about a minute for all), desk (real data; about an hour for all on two cores) or paper
    /// (the papers' own sizes).
    #[arg(long, default_value_t = Scale::Desk)]
    pub scale: Scale,
    /// The first seed, below 2^32.
    #[arg(long, value_name = "N", allow_negative_numbers = true, default_value_t = 0, value_parser = seed())]
    pub seed: u64,
    /// Number of seeds [default: that of each experiment: 1 at smoke scale, 1 to 6 at desk, 1 to 20 at
    /// paper].
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
}

/// Arguments of `reproduce`.
#[derive(Clone, Debug, Args)]
pub struct Reproduce {
    /// What to run.
    #[command(flatten)]
    pub selection: Selection,
    /// Points to run side by side; threads beyond their number serve the kernels [default: all
    /// cores].
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = threads())]
    pub threads: Option<u32>,
    /// Run only every N-th point, starting with the I-th (1 ≤ I ≤ N), and write no report.
    #[arg(long, value_name = "I/N", allow_hyphen_values = true)]
    pub shard: Option<Shard>,
    /// Keep the records that are there: the default, for scripts that want to say so.
    #[arg(long, conflicts_with = "fresh")]
    pub resume: bool,
    /// Run every point again, replacing its record; networks are trained again, too, unless only some
    /// experiments or a shard are asked for.
    #[arg(long)]
    pub fresh: bool,
}

/// Arguments of `train`.
#[derive(Clone, Debug, Args)]
pub struct Train {
    /// The description; docs/examples/mnist-fixed.toml is one.
    #[arg(required_unless_present = "network")]
    pub config: Option<PathBuf>,
    /// A network of the register instead: trained in f32, then on tiles, each as its own recipe says, as
    /// in rasch2023/networks, and tested there after an hour.
    #[arg(long, value_name = "NAME", value_parser = network(), conflicts_with = "config")]
    pub network: Option<NetworkId>,
    /// Of the network of the register: smoke (seconds), desk (minutes, real data) or paper (the paper's
    /// own size).
    #[arg(long, default_value_t = Scale::Desk, conflicts_with = "config")]
    pub scale: Scale,
    /// The seed, below 2^32.
    #[arg(long, value_name = "N", allow_negative_numbers = true, default_value_t = 0, value_parser = seed())]
    pub seed: u64,
    /// Threads for the kernels [default: all cores].
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = threads())]
    pub threads: Option<u32>,
    /// Folder of records.
    #[arg(long, value_name = "DIR", default_value = "results/train")]
    pub out: PathBuf,
    /// Train again, replacing the record; of the register, the trained networks too.
    #[arg(long)]
    pub fresh: bool,
    /// Folder of data sets that do not ship with the source, looked in first [default: that
    /// of the environment variable DITHER_DATA].
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
}

/// Arguments of `evaluate`.
#[derive(Clone, Debug, Args)]
pub struct Evaluate {
    /// Networks such as resnet20-cifar10, or of the register; a list of them if none is given.
    #[arg(value_name = "NAME")]
    pub names: Vec<String>,
    /// That of networks of the register: smoke (seconds), desk (minutes, real data) or paper (the paper's
    /// own size).
    #[arg(long, default_value_t = Scale::Desk)]
    pub scale: Scale,
    /// Threads for the kernels [default: all cores].
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = threads())]
    pub threads: Option<u32>,
    /// Folder of data sets and weights that do not ship with the source, looked in first [default: that
    /// of the environment variable DITHER_DATA].
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
}

/// Arguments of `sensitivity`.
#[derive(Clone, Debug, Args)]
pub struct Sensitivity {
    /// The network.
    #[arg(long, value_name = "NAME", value_parser = network())]
    pub workload: NetworkId,
    /// smoke (seconds), desk (minutes, real data) or paper (the paper's own size).
    #[arg(long, default_value_t = Scale::Desk)]
    pub scale: Scale,
    /// The seed, below 2^32.
    #[arg(long, value_name = "N", allow_negative_numbers = true, default_value_t = 0, value_parser = seed())]
    pub seed: u64,
    /// How the network comes onto tiles [default: hardware-aware; that of the checkpoint if it is a
    /// network on tiles].
    #[arg(long, value_enum)]
    pub method: Option<Method>,
    /// How often it is programmed, each time tested on a share of the test examples; the scale's own
    /// number if not given.
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = clap::value_parser!(u64).range(1..))]
    pub programmings: Option<u64>,
    /// The tile, a preset of crossbar or a TOML file [default: that of the recipe].
    #[arg(long, value_name = "PRESET|FILE")]
    pub tile: Option<String>,
    /// How it is trained for its hardware, a TOML file [default: the network's own recipe].
    #[arg(long, value_name = "FILE")]
    pub recipe: Option<PathBuf>,
    /// Weights to take instead of trained ones: safetensors of f32 tensors with the names of
    /// PyTorch, or a model of a store.
    #[arg(long, value_name = "FILE")]
    pub checkpoint: Option<PathBuf>,
    /// Points to run side by side; threads beyond their number serve the kernels [default: all
    /// cores].
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = threads())]
    pub threads: Option<u32>,
    /// Folder of records and report [default: results/sensitivity/NAME/SCALE].
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Folder of data sets that do not ship with the source, looked in first [default: that
    /// of the environment variable DITHER_DATA].
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Run every point again, replacing its record.
    #[arg(long)]
    pub fresh: bool,
}

impl Sensitivity {
    /// What is asked of the network.
    pub fn question(&self) -> Question {
        Question {
            network: self.workload,
            scale: self.scale,
            method: self.method,
            programmings: self.programmings,
            tile: self.tile.clone(),
            recipe: self.recipe.clone(),
            checkpoint: self.checkpoint.clone(),
        }
    }

    /// The folder of records and report.
    pub fn out(&self) -> PathBuf {
        let Self { workload, scale, .. } = self;
        // A try at smoke scale must not replace the report of an hour.
        let named = || PathBuf::from(format!("results/sensitivity/{workload}/{scale}"));
        self.out.clone().unwrap_or_else(named)
    }
}

/// Arguments of `merge`.
#[derive(Clone, Debug, Args)]
pub struct Merge {
    /// What must be there.
    #[command(flatten)]
    pub selection: Selection,
    /// A store to take records from; may be given several times.
    #[arg(long, value_name = "DIR")]
    pub from: Vec<PathBuf>,
}

/// Arguments of `report`.
#[derive(Clone, Debug, Args)]
pub struct Report {
    /// What is reported.
    #[command(flatten)]
    pub selection: Selection,
    /// Also pack report, records and instructions for a reviewer into one file [default:
    /// dither-SCALE.tar.gz in the folder of records].
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true)]
    pub archive: Option<Option<PathBuf>>,
}

impl Report {
    /// The archive to write, if one was asked for.
    pub fn archive(&self) -> Option<PathBuf> {
        let name = format!("dither-{}.tar.gz", self.selection.scale);
        let default = || self.selection.out().join(name);
        self.archive.as_ref().map(|file| file.clone().unwrap_or_else(default))
    }
}

/// Arguments of `bench`.
#[derive(Clone, Debug, Args)]
pub struct Bench {
    /// Only the rows whose name contains this.
    #[arg(long, value_name = "NAME")]
    pub only: Option<String>,
    /// Also write one JSON object a line to this file.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
}

/// Every `count`-th point, beginning with the `index`-th, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    /// Which share.
    pub index: usize,
    /// Of how many.
    pub count: usize,
}

impl std::str::FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parse = |(index, count): (&str, &str)| Some((index.parse().ok()?, count.parse().ok()?));
        let (index, count) = text
            .split_once('/')
            .and_then(parse)
            .ok_or_else(|| format!("'{text}' is not a shard; write I/N, for example 1/4"))?;
        if index < 1 || index > count {
            return Err(format!("there is no shard {index} of {count}; shards count from 1"));
        }
        Ok(Self { index, count })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_count_from_one() {
        assert_eq!("2/3".parse(), Ok(Shard { index: 2, count: 3 }));
        for bad in ["0/3", "4/3", "2", "a/b", "1/0", "-1/2"] {
            assert!(bad.parse::<Shard>().is_err(), "{bad}");
        }
    }

    /// Of the experiments whose data ships, which the least and the greatest numbers are of.
    #[test]
    fn the_help_tells_how_many_seeds_there_are() {
        use crate::opened::Networks;
        use crate::request::Request;
        for (scale, least, most) in
            [(Scale::Smoke, 1, 1), (Scale::Desk, 1, 6), (Scale::Paper, 1, 20)]
        {
            let request =
                Request { scale, seed: 0, seeds: None, data: datasets::DataFolder::new(None) };
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

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }
}

/// A network from a file, and what it is expected to give.
#[derive(Clone, Debug, Args)]
pub struct Check {
    /// The network; its weights may lie beside it, as exporters write them.
    #[arg(value_name = "MODEL.onnx")]
    pub model: PathBuf,
    /// Arrays of inputs and outputs by their names, as `numpy.savez` writes them; a single output may be
    /// called y. Further arrays are compared with the values of their names in the network.
    #[arg(long, value_name = "IO.npz")]
    pub expect: Option<PathBuf>,
    /// The largest difference that is taken for rounding, as a share of the largest number of an output.
    #[arg(long, value_name = "X", default_value_t = 1e-4, value_parser = tolerance)]
    pub tolerance: f32,
    /// The tile on which layers are laid out: a preset, or a TOML file.
    #[arg(long, value_name = "TILE", default_value = "standard-pcm")]
    pub tile: String,
}

/// A share above 0.
fn tolerance(text: &str) -> Result<f32, String> {
    let share: f32 = text.parse().map_err(|_| format!("'{text}' is no number"))?;
    if share > 0.0 && share.is_finite() { Ok(share) } else { Err(format!("{text} is no share")) }
}
