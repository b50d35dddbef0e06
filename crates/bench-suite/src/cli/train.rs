//! `train`.

use std::fmt::Display;
use std::path::PathBuf;

use clap::Args;
use nn::Processes;

use super::among;
use super::beside::{Beside, Found, NamedNetwork, named_network, stem, with_networks};
use super::exit::HOLDS;
use super::values::threads_or_cores;
use crate::experiments::custom::Custom;
use crate::experiments::one;
use crate::experiments::study::Study;
use crate::measured::error::Error;
use crate::measured::measures::fine_tuning::{self, FineTuning, Hardware, Kept};
use crate::measured::measures::trained::Trained;
use crate::measured::measures::trained::weights::Taken;
use crate::measured::networks::subject::Sources;
use crate::measured::point::Point;
use crate::output::{Output, remark};
use crate::runner;
use crate::signals::Signals;
use crate::store::Store;

/// How `train` ends.
const ENDS: &str = "\
Exit code: 0 if the network is trained; 1 if its training diverges; 2 for an error in the command line, \
a file or the data; 130 after Ctrl-C, 143 after SIGTERM, 129 after SIGHUP, each once the step is finished \
and saved.";

/// Train a network for its hardware: one of a file, one of the register, or a new one on MNIST or
/// CIFAR-10 as a TOML file describes it.
///
/// Example: cargo xtask train --network model.onnx --data data.toml --hardware standard-pcm
#[derive(Clone, Debug, Args)]
#[command(after_help = with_networks(ENDS))]
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

    pub(super) fn run(&self, signals: &Signals, output: &mut Output) -> Result<u8, Error> {
        among::together(signals, |processes| self.train(processes, signals, output))
    }

    /// Trains together with others, of which the first alone says what came of it.
    fn train(
        &self,
        processes: &Processes,
        signals: &Signals,
        output: &mut Output,
    ) -> Result<u8, Error> {
        let training = Training::asked_for(self, processes)?;
        let Training { store, point, .. } = &training;
        let mut say = |line: &dyn Display| {
            if processes.is_first() {
                output.line(line);
            }
        };
        signals.listen()?;
        runner::run(
            std::slice::from_ref(point),
            store,
            training.found.sources(),
            threads_or_cores(self.beside.threads),
            signals.stop(),
        )?;
        if let Some(record) = store.load(point)? {
            if self.network.is_some() {
                one::lines(&record).iter().for_each(|line| say(line));
            } else if let Some(error) = Custom::outcome(&record).test_error_percent.last() {
                say(&format_args!("Test error: {error:.2} %"));
            }
        }
        for (kept, words, name) in
            [(Kept::Best, "Best weights", "best"), (Kept::Last, "Last weights", "last")]
        {
            let Some(Weights { file, on_tiles }) = training.weights(kept)? else { continue };
            let file = store.write_bytes(&format!("{name}.safetensors"), &file)?;
            say(&format_args!("{words}: {}", file.display()));
            if let Some(model) = on_tiles {
                say(&format_args!("{words} with their tiles: {}", model.display()));
            }
        }
        say(&format_args!("Record: {}", store.record_path(point).display()));
        Ok(HOLDS)
    }
}

/// What `train` and `export` are about: where it is found, and the point.
pub(super) struct Training {
    found: Found,
    pub(super) store: Store,
    pub(super) point: Point,
}

impl Training {
    pub(super) fn asked_for(arguments: &Train, processes: &Processes) -> Result<Self, Error> {
        let found = arguments.beside.found(arguments.network.as_ref())?;
        let Beside { scale, seed, .. } = arguments.beside;
        let sources = found.sources();
        let study = arguments.study();
        let asked = |store: &Store| match (&arguments.config, &study) {
            (Some(file), _) => Custom::point(file, seed, &found.data),
            (None, Some(study)) => {
                let asked = to_train(study, arguments.hardware.as_deref(), sources, store)?;
                one::point(asked, sources, (scale, seed))
            }
            (None, None) => Err(Error::Usage("there is nothing to train".to_owned())),
        };
        let store = Store::open_among(&arguments.out(), processes)?;
        let mut point = asked(&store)?;
        if arguments.fresh {
            store.forget(&point)?;
            if study.is_some() {
                store.forget_models()?;
                // Weights of a file were among them.
                point = asked(&store)?;
            }
        }
        Ok(Self { found, store, point })
    }

    /// The weights that were kept, under the names that they came with, and where the store has them with
    /// their tiles.
    pub(super) fn weights(&self, kept: Kept) -> Result<Option<Weights>, Error> {
        let Some(tuning) = self.point.measure::<FineTuning>() else { return Ok(None) };
        let workload = tuning.trained.network.open(self.found.sources(), tuning.trained.scale)?;
        let policy = tuning.policy(&*workload)?;
        let (models, seed) = (self.store.models(), self.point.seed);
        let instance = fine_tuning::kept(tuning, kept, (&*workload, seed), &models)?;
        let Some(instance) = instance else { return Ok(None) };
        let on_tiles = (tuning.hardware == Hardware::Tiles)
            .then(|| models.path(&tuning.key(kept, seed, &*workload)));
        Ok(Some(Weights { file: workload.exported(&policy, &instance.parameters)?, on_tiles }))
    }
}

/// Weights of a training.
pub(super) struct Weights {
    /// A safetensors file with the names that they came with.
    pub(super) file: Vec<u8>,
    /// The model of the store.
    on_tiles: Option<PathBuf>,
}

/// The network with the weights of its file, if it has one, and what it is trained for.
fn to_train(
    study: &Study,
    hardware: Option<&str>,
    sources: Sources<'_>,
    store: &Store,
) -> Result<(Trained, Hardware), Error> {
    let (mut trained, hardware) = study.trained_for(hardware)?;
    let taken = study.take_weights(&mut trained, sources, &store.models())?;
    if let Some(Taken { stage, notes }) = taken {
        notes.iter().for_each(remark);
        if !stage.in_f32() {
            let reason = "--checkpoint: training begins with float weights, and these are on tiles";
            return Err(Error::Usage(reason.to_owned()));
        }
    }
    Ok((trained, hardware))
}
