//! The command line.

use std::path::{Path, PathBuf};

use clap::{Args, Parser, Subcommand};

use crate::experiments::age;
use crate::experiments::sensitivity::Question;
use crate::experiments::study::{Changes, Study};
use crate::measured::measures::sensitivity::Method;
use crate::measured::measures::trained::weights::WeightsFile;
use crate::measured::networks::NetworkId;
use crate::measured::networks::subject::Subject;
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
    /// Train a network for its hardware: one of a file, one of the register, or a new one on MNIST or
    /// CIFAR-10 as a TOML file describes it.
    ///
    /// Example: cargo xtask train --network model.onnx --data data.toml --hardware standard-pcm
    #[command(after_help = with_networks(OF_TRAIN))]
    Train(Train),
    /// Evaluate a network with weights that others trained, against its known accuracy where there is
    /// one.
    #[command(after_help = OF_EVALUATE)]
    Evaluate(Evaluate),
    /// Tell what imprecise hardware does to one network, where, and which converters are enough.
    ///
    /// Writes a report of its own, and policy.toml with the layers to keep digital. The same command again
    /// goes on where a run stopped.
    ///
    /// Example: cargo xtask sensitivity --network model.onnx --data data.toml
    #[command(after_help = with_networks(OF_SENSITIVITY))]
    Sensitivity(Sensitivity),
    /// Tell what becomes of one network on tiles from a second to a year, and what an inference takes.
    ///
    /// Writes a report: accuracy over time, mapped directly and trained for the hardware, energy and time of
    /// an inference, and how often devices must be programmed anew.
    ///
    /// Example: cargo xtask age --network model.onnx --data data.npz
    #[command(after_help = with_networks(OF_SENSITIVITY))]
    Age(Age),
    /// Tell what is in an ONNX file, and whether it gives here what it gave elsewhere.
    ///
    /// Example: cargo xtask check model.onnx --expect io.npz
    #[command(after_help = OF_CHECK)]
    Check(Check),
    /// Write the weights of a finished training under the names that they came with.
    ///
    /// In f32 and in the shapes of PyTorch, whose load_state_dict takes them. The arguments are those of the
    /// training.
    ///
    /// Example: cargo xtask export --network model.onnx --data data.toml --hardware mxfp8 --to weights.safetensors
    #[command(after_help = OF_LIST)]
    Export(Export),
    /// Print the lines of PyTorch that write a network and its examples for the other commands.
    ///
    /// Example: cargo xtask export-help > export.py
    #[command(after_help = OF_LIST)]
    ExportHelp,
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

/// How a command about one network ends, and the networks that have a name.
fn with_networks(ends: &str) -> String {
    let known: Vec<&str> = NetworkId::ALL.iter().map(|id| id.name()).collect();
    format!("{ends}\n\nNetworks of the register: {}.", known.join(", "))
}

/// Seeds that leave room for the ones that follow.
fn seed() -> clap::builder::RangedU64ValueParser {
    clap::value_parser!(u64).range(..=u64::from(u32::MAX))
}

/// Numbers of threads that a machine may have: a slip of the pen must not start millions.
fn threads() -> clap::builder::RangedI64ValueParser<u32> {
    clap::value_parser!(u32).range(1..=MOST_THREADS)
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
    #[arg(required_unless_present = "network", conflicts_with_all = ["test", "scale", "recipe", "policy", "checkpoint", "epochs", "batch", "learning_rate"])]
    pub config: Option<PathBuf>,
    /// A network instead: an ONNX file, or a name of the register. One of the register is trained in f32,
    /// then for its hardware; one of a file for its hardware, from the weights that it has.
    #[arg(long, value_name = "MODEL.onnx|NAME", value_parser = named_network, conflicts_with = "config")]
    pub network: Option<NamedNetwork>,
    /// What the network is trained for: a tile (a preset of crossbar or a TOML file), fixed point (fixed, or
    /// a format such as "<4,12>", with stochastic rounding), or a format by name such as mxfp8 [default: the
    /// tile of its recipe].
    #[arg(long, value_name = "TILE|FORMAT", conflicts_with = "config")]
    pub hardware: Option<String>,
    /// What stands beside the network.
    #[command(flatten)]
    pub beside: Beside,
    /// Folder of records and weights [default: results/train, with /NAME after it for a network].
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Train again, replacing the record; of a network, the trained weights too.
    #[arg(long)]
    pub fresh: bool,
}

impl Train {
    /// The network with its recipe, if one is asked for.
    pub fn study(&self) -> Option<Study> {
        self.network.as_ref().map(|network| self.beside.study(network, None))
    }

    /// The folder of records and weights.
    pub fn out(&self) -> PathBuf {
        let folder = || {
            let folder = PathBuf::from("results/train");
            match &self.network {
                Some(NamedNetwork::File(file)) => folder.join(stem(file)),
                _ => folder,
            }
        };
        self.out.clone().unwrap_or_else(folder)
    }
}

/// Arguments of `export`.
#[derive(Clone, Debug, Args)]
pub struct Export {
    /// The training.
    #[command(flatten)]
    pub train: Train,
    /// The weights of the epoch with the least test error instead of those of the last one.
    #[arg(long)]
    pub best: bool,
    /// The file to write.
    #[arg(long, value_name = "FILE")]
    pub to: PathBuf,
}

/// Which network a command is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NamedNetwork {
    /// One of the register.
    Registered(NetworkId),
    /// An ONNX file.
    File(PathBuf),
}

impl std::fmt::Display for NamedNetwork {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Registered(id) => f.pad(id.name()),
            Self::File(file) => f.pad(&stem(file)),
        }
    }
}

/// What a file is called without its folder and its `.onnx`.
fn stem(file: &Path) -> String {
    file.file_stem()
        .map_or_else(|| "network".to_owned(), |stem| stem.to_string_lossy().into_owned())
}

/// A name of the register, or else a file.
fn named_network(text: &str) -> Result<NamedNetwork, String> {
    if let Ok(id) = text.parse() {
        return Ok(NamedNetwork::Registered(id));
    }
    let file = Path::new(text);
    if file.extension().is_some_and(|extension| extension == "onnx") || file.is_file() {
        return Ok(NamedNetwork::File(file.to_owned()));
    }
    let known: Vec<&str> = NetworkId::ALL.iter().map(|id| id.name()).collect();
    Err(format!(
        "it is no ONNX file and no network of the register, which has {}",
        known.join(", ")
    ))
}

/// What stands beside a network: its examples, its recipe, and how it is run.
#[derive(Clone, Debug, Args)]
pub struct Beside {
    /// Of a network of a file: its examples, as .npz, .safetensors, .csv, a folder of images by class, or
    /// a TOML file that describes them. Otherwise the folder of data sets that do not ship with the source,
    /// looked in first [default: that of the environment variable DITHER_DATA].
    #[arg(long, value_name = "DATA")]
    pub data: Option<PathBuf>,
    /// Of a network of a file: the examples to test with [default: a tenth of the others, which is then not
    /// trained with].
    #[arg(long, value_name = "DATA")]
    pub test: Option<PathBuf>,
    /// smoke (seconds), desk (minutes, real data) or paper (the paper's own size).
    #[arg(long, default_value_t = Scale::Desk)]
    pub scale: Scale,
    /// The seed, below 2^32.
    #[arg(long, value_name = "N", allow_negative_numbers = true, default_value_t = 0, value_parser = seed())]
    pub seed: u64,
    /// How it is trained for its hardware, a TOML file [default: the network's own recipe; for a network of
    /// a file four epochs of Adam].
    #[arg(long, value_name = "FILE")]
    pub recipe: Option<PathBuf>,
    /// What of the recipe is other.
    #[command(flatten)]
    pub changes: Changes,
    /// Weights to take instead of trained ones or the network's own: safetensors in f32, f16, bf16 or f64 with
    /// the names of PyTorch, or a model of a store, such as `train` keeps.
    #[arg(long, value_name = "FILE")]
    pub checkpoint: Option<PathBuf>,
    /// A table of the names in that file, in TOML: `rename` has ours by theirs, `ignore` lists those that are
    /// passed over.
    #[arg(long, value_name = "FILE", requires = "checkpoint")]
    pub names: Option<PathBuf>,
    /// Layers that stay digital or are on tiles of their own, a TOML file such as `sensitivity` writes.
    #[arg(long, value_name = "FILE")]
    pub policy: Option<PathBuf>,
    /// Threads; those beyond the number of points serve the kernels [default: all cores].
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = threads())]
    pub threads: Option<u32>,
}

impl Beside {
    /// A network with all that stands beside it, on such tiles.
    fn study(&self, network: &NamedNetwork, tile: Option<String>) -> Study {
        let network = match network {
            NamedNetwork::Registered(id) => Subject::Registered(*id),
            NamedNetwork::File(_) => Subject::Own,
        };
        let Self { scale, recipe, policy, changes, checkpoint, names, .. } = self.clone();
        let weights = checkpoint.map(|file| WeightsFile { file, names });
        Study { network, scale, tile, recipe, policy, changes, weights }
    }
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
    /// The network: an ONNX file, or a name of the register.
    #[arg(long, alias = "workload", value_name = "MODEL.onnx|NAME", value_parser = named_network)]
    pub network: NamedNetwork,
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
    /// What stands beside the network.
    #[command(flatten)]
    pub beside: Beside,
    /// Folder of records and report [default: results/sensitivity/NAME/SCALE].
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Run every point again, replacing its record.
    #[arg(long)]
    pub fresh: bool,
}

impl Sensitivity {
    /// What is asked of the network.
    pub fn question(&self) -> Question {
        Question {
            study: self.beside.study(&self.network, self.tile.clone()),
            method: self.method,
            programmings: self.programmings,
        }
    }

    /// The folder of records and report.
    pub fn out(&self) -> PathBuf {
        let (network, scale) = (&self.network, self.beside.scale);
        // A try at smoke scale must not replace the report of an hour.
        let named = || PathBuf::from(format!("results/sensitivity/{network}/{scale}"));
        self.out.clone().unwrap_or_else(named)
    }
}

/// Arguments of `age`.
#[derive(Clone, Debug, Args)]
pub struct Age {
    /// The network: an ONNX file, or a name of the register.
    #[arg(long, value_name = "MODEL.onnx|NAME", value_parser = named_network)]
    pub network: NamedNetwork,
    /// How often it is programmed, each time tested on a share of the test examples [default: 10 at desk
    /// scale].
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = clap::value_parser!(u64).range(1..))]
    pub programmings: Option<u64>,
    /// The share of the accuracy above chance that is to be kept, in %: how often must devices be
    /// programmed anew for it?
    #[arg(long, value_name = "X", default_value_t = 99.0)]
    pub keep: f64,
    /// The tile, a preset of crossbar or a TOML file [default: that of the recipe].
    #[arg(long, value_name = "PRESET|FILE")]
    pub tile: Option<String>,
    /// What stands beside the network.
    #[command(flatten)]
    pub beside: Beside,
    /// Folder of records and report [default: results/age/NAME/SCALE].
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Run everything again, replacing records and trained networks.
    #[arg(long)]
    pub fresh: bool,
}

impl Age {
    /// What is asked of the network.
    pub fn question(&self) -> age::Question {
        age::Question {
            study: self.beside.study(&self.network, self.tile.clone()),
            programmings: self.programmings,
            keep_percent: self.keep,
        }
    }

    /// The folder of records and report.
    pub fn out(&self) -> PathBuf {
        let (network, scale) = (&self.network, self.beside.scale);
        let named = || PathBuf::from(format!("results/age/{network}/{scale}"));
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
