//! Networks trained for one hardware after another: every network on every tile and in every format,
//! with every learning rate, seed by seed.
//!
//! Not in the register of experiments: `cargo xtask sweep` reads its axes from a file.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use report::figure::{Figure, Panel};
use report::table::{Table, cells, rounded};
use serde::Deserialize;

use super::custom::LARGEST_DESCRIPTION;
use super::rasch2023::networks::repeats;
use super::runs::{self, of_every_seed};
use super::study::{Changes, Study};
use crate::experiment::{About, Done, Experiment, Results, StandIns};
use crate::findings::Findings;
use crate::findings::estimate::of_seeds;
use crate::findings::source::{Paper, Part};
use crate::findings::words::count;
use crate::measured::error::Error;
use crate::measured::files;
use crate::measured::measures::fine_tuning::{FineTuning, Hardware, Tuned};
use crate::measured::networks::NetworkId;
use crate::measured::networks::subject::Subject;
use crate::measured::point::Run;
use crate::measured::scale::Scale;
use crate::measured::statistics::Estimate;
use crate::opened::Networks;
use crate::request::Request;

/// What is combined with what, as a TOML file.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Axes {
    /// Names of the register, or at most one ONNX file.
    pub networks: Vec<String>,
    /// Tiles that they are trained for: presets of crossbar or TOML files.
    #[serde(default)]
    pub tiles: Vec<String>,
    /// Formats that they are trained in: `fixed`, `<IL,FL>`, or a name such as `mxfp8`.
    #[serde(default)]
    pub formats: Vec<String>,
    /// Learning rates of the training for the hardware; that of the recipe if there are none.
    #[serde(default)]
    pub learning_rates: Vec<f32>,
    /// Epochs of the training for the hardware; those of the recipe if they are not said.
    pub epochs: Option<usize>,
    /// Number of seeds.
    #[serde(default = "one")]
    pub seeds: u64,
    /// The first seed.
    #[serde(default)]
    pub seed: u64,
    /// The examples of a network of a file.
    pub data: Option<PathBuf>,
    /// Its examples to test with.
    pub test: Option<PathBuf>,
}

fn one() -> u64 {
    1
}

impl Axes {
    /// Reads the file and checks it.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if it cannot be read, [`Error::Data`] with the key that is unknown, missing or wrong.
    pub fn read(file: &Path) -> Result<Self, Error> {
        let text = files::read_text(file, LARGEST_DESCRIPTION)?;
        let axes: Self = toml::from_str(&text).map_err(|error| Error::toml(file, &text, &error))?;
        axes.check().map_err(|reason| Error::data(file, reason))?;
        Ok(axes)
    }

    /// What is wrong with a value, with its key.
    fn check(&self) -> Result<(), String> {
        const MOST_SEEDS: u64 = 1_000_000;
        if self.networks.is_empty() {
            return Err("networks: there is none".to_owned());
        }
        if self.tiles.is_empty() && self.formats.is_empty() {
            return Err(
                "tiles and formats: there are none, so there is nothing to train for".to_owned()
            );
        }
        if !(1..=MOST_SEEDS).contains(&self.seeds) {
            return Err(format!("seeds = {}: there are 1 to {MOST_SEEDS}", self.seeds));
        }
        if self.seed > u64::from(u32::MAX) {
            return Err(format!("seed = {}: it is below 2^32", self.seed));
        }
        let rates: Vec<String> = self.learning_rates.iter().map(f32::to_string).collect();
        for (key, values) in [
            ("networks", &self.networks),
            ("tiles", &self.tiles),
            ("formats", &self.formats),
            ("learning_rates", &rates),
        ] {
            let mut seen = BTreeSet::new();
            if let Some(twice) = values.iter().find(|value| !seen.insert(*value)) {
                return Err(format!("{key}: '{twice}' is there twice"));
            }
        }
        let own: Vec<&str> = self.own().collect();
        let is_file = |name: &str| name.ends_with(".onnx") || Path::new(name).is_file();
        if let Some(name) = own.iter().find(|name| !is_file(name)) {
            let known: Vec<&str> = NetworkId::ALL.iter().map(|id| id.name()).collect();
            let known = known.join(", ");
            return Err(format!(
                "networks: '{name}' is no ONNX file and not of the register: {known}"
            ));
        }
        match (&own[..], &self.data) {
            ([_, another, ..], _) => Err(format!(
                "networks: '{another}' is a second one of a file; there is one at most"
            )),
            ([file], None) => Err(format!(
                "data: the network of '{file}' needs its examples, data = \"data.npz\""
            )),
            ([], Some(_)) => {
                Err("data: it is for a network of a file; those of the register have theirs"
                    .to_owned())
            }
            _ => Ok(()),
        }
    }

    /// Networks that are no names of the register.
    fn own(&self) -> impl Iterator<Item = &str> {
        let names = self.networks.iter().map(String::as_str);
        names.filter(|name| name.parse::<NetworkId>().is_err())
    }

    /// The file of the user's own network, if there is one.
    pub fn own_network(&self) -> Option<&Path> {
        self.own().next().map(Path::new)
    }
}

/// A network that is trained for a hardware.
#[derive(Debug)]
struct Variant {
    network: String,
    hardware: String,
    learning_rate: Option<f32>,
    measure: FineTuning,
}

impl Variant {
    /// All but the network.
    fn training(&self) -> String {
        let rate = self.learning_rate.map(|rate| format!(", rate {rate}")).unwrap_or_default();
        format!("{}{rate}", self.hardware)
    }
}

/// The experiment with its axes.
#[derive(Debug)]
pub struct Sweep {
    axes: Axes,
    variants: Vec<Variant>,
}

impl Sweep {
    /// All combinations, network by network.
    ///
    /// # Errors
    ///
    /// [`Error::Usage`] with the tile, format or learning rate that there is not.
    pub fn of(axes: Axes, scale: Scale) -> Result<Self, Error> {
        let rates: Vec<Option<f32>> = match &axes.learning_rates[..] {
            [] => vec![None],
            rates => rates.iter().copied().map(Some).collect(),
        };
        let (_, programmings) = repeats(scale);
        let mut variants = Vec::new();
        for name in &axes.networks {
            let network = name.parse().map_or(Subject::Own, Subject::Registered);
            let tiles = axes.tiles.iter().map(|tile| ("tiles", tile));
            let formats = axes.formats.iter().map(|format| ("formats", format));
            for (key, hardware) in tiles.chain(formats) {
                for &learning_rate in &rates {
                    let changes = Changes { epochs: axes.epochs, batch: None, learning_rate };
                    let (tile, recipe, policy, weights) = (None, None, None, None);
                    let study = Study { network, scale, tile, recipe, policy, changes, weights };
                    let (trained, hardware_of) = study.trained_for(Some(hardware))?;
                    if (hardware_of == Hardware::Tiles) != (key == "tiles") {
                        let other = if key == "tiles" { "formats" } else { "tiles" };
                        let reason = format!("{key}: '{hardware}' is one of {other}");
                        return Err(Error::Usage(reason));
                    }
                    let measure = FineTuning { trained, hardware: hardware_of, programmings };
                    variants.push(Variant {
                        network: short(name),
                        hardware: short(hardware),
                        learning_rate,
                        measure,
                    });
                }
            }
        }
        Ok(Self { axes, variants })
    }

    /// The runs of a variant.
    fn done<'a>(
        variant: &'a Variant,
        results: &'a Results<FineTuning>,
    ) -> impl Iterator<Item = &'a Done<FineTuning>> {
        results.of(move |measure| *measure == variant.measure)
    }

    /// All runs as comma-separated values, a row each; errors in %.
    pub fn csv(&self, results: &Results<FineTuning>) -> String {
        let mut text =
            "network,hardware,learning rate,seed,f32,chance,before training,after the last \
                        epoch,best,best epoch,an hour after programming\n"
                .to_owned();
        for variant in &self.variants {
            for done in Self::done(variant, results) {
                let Errors { float, chance, before, last, best, hour } = Errors::of(&done.outcome);
                let rate = variant.measure.trained.recipe.training.learning_rate;
                let numbers = [float, chance, before, last, best].map(|x| x.to_string()).join(",");
                let (network, hardware) = (field(&variant.network), field(&variant.hardware));
                let (seed, epoch) = (done.seed, done.outcome.best_epoch);
                let hour = hour.map(|x| x.to_string()).unwrap_or_default();
                text += &format!("{network},{hardware},{rate},{seed},{numbers},{epoch},{hour}\n");
            }
        }
        text
    }

    fn table(&self, results: &Results<FineTuning>) -> Table {
        let row = |variant: &Variant| {
            let errors: Vec<Errors> =
                Self::done(variant, results).map(|done| Errors::of(&done.outcome)).collect();
            let mean = |of: fn(&Errors) -> Option<f64>| {
                let values: Vec<f64> = errors.iter().filter_map(of).collect();
                rounded(Estimate::of(&values), 2)
            };
            cells![
                &*variant.network,
                variant.training(),
                errors.len(),
                mean(|e| Some(e.float)),
                mean(|e| Some(e.before)),
                mean(|e| Some(e.last)),
                mean(|e| Some(e.best)),
                mean(|e| e.hour),
                mean(|e| Some(e.chance))
            ]
        };
        Table::new(
            "Test errors in %, mean over seeds with half of a 90 % interval: in f32, and trained for the \
             hardware before its first epoch, after its last and after its best; on tiles there and without \
             the errors of devices, and an hour after programming with them.",
            ["network", "hardware", "seeds", "f32", "before", "last", "best", "after an hour", "by chance"],
        )
        .rows(self.variants.iter().map(row))
    }

    fn figure(&self, results: &Results<FineTuning>) -> Figure {
        let panel = |network: &String| {
            let network = short(network);
            let variants = self.variants.iter().filter(|variant| variant.network == network);
            let curves = variants.enumerate().map(|(index, variant)| {
                let errors: Vec<Vec<f64>> = Self::done(variant, results)
                    .map(|done| done.outcome.test_error_percent.clone())
                    .collect();
                of_seeds(variant.training(), 1 + index, 0.0, &errors)
            });
            Panel::new(network.clone(), "epoch", "test error (%)").curves(curves)
        };
        Figure::new(
            "Test error by epoch of the training for the hardware, mean over seeds.",
            self.axes.networks.iter().map(panel),
        )
    }
}

/// A name of the register or of a preset, or that of a file without its folder and its ending.
fn short(name: &str) -> String {
    let path = Path::new(name);
    let is_file = path.extension().is_some_and(|ending| ending == "onnx" || ending == "toml");
    let stem = path.file_stem().filter(|_| is_file);
    stem.map_or_else(|| name.to_owned(), |stem| stem.to_string_lossy().into_owned())
}

/// Test errors in %.
struct Errors {
    float: f64,
    chance: f64,
    before: f64,
    last: f64,
    best: f64,
    /// Mean over programmings.
    hour: Option<f64>,
}

impl Errors {
    fn of(tuned: &Tuned) -> Self {
        let errors = &tuned.test_error_percent;
        let error = |epoch: usize| errors.get(epoch).copied().unwrap_or(f64::NAN);
        Self {
            float: tuned.baseline.float_error_percent,
            chance: tuned.baseline.chance_error_percent,
            before: error(0),
            last: error(errors.len().saturating_sub(1)),
            best: error(tuned.best_epoch),
            hour: Estimate::of(&tuned.hour_error_percent).map(|estimate| estimate.mean),
        }
    }
}

/// A text as a field of comma-separated values (RFC 4180).
fn field(text: &str) -> String {
    match text.contains(['"', ',', '\n', '\r']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text.to_owned(),
    }
}

impl Experiment for Sweep {
    type Measure = FineTuning;

    const ABOUT: About = About {
        id: "sweep",
        title: "Networks and their hardware",
        source: Paper::Beyond.at(&[Part::Passage("a TOML file of axes")]),
        stand_ins: StandIns::Never,
    };

    fn describe(&self, _: Scale) -> String {
        let Axes { networks, tiles, formats, learning_rates, seeds, .. } = &self.axes;
        let counts = [
            count(networks.len() as u64, "network"),
            count(tiles.len() as u64, "tile"),
            count(formats.len() as u64, "format"),
            count(learning_rates.len().max(1) as u64, "learning rate"),
            count(*seeds, "seed"),
        ];
        counts.join(", ")
    }

    fn runs(
        &self,
        request: &Request,
        opened: &mut Networks,
    ) -> Result<Vec<Run<Self::Measure>>, Error> {
        let mut variants = Vec::new();
        for variant in &self.variants {
            let measure = variant.measure.clone();
            let workload = opened.subject(measure.trained.network)?;
            measure.trained.check(&*workload)?;
            let work = measure.work(&*workload);
            // Not the file's name: under another one it is the same run.
            let name = format!("{}, {}", workload.id(), variant.training());
            variants.push(runs::Variant { name, measure, data: workload.data(), work });
        }
        Ok(of_every_seed(request, self.axes.seeds, &variants))
    }

    fn findings(&self, results: &Results<Self::Measure>) -> Findings {
        Findings::default().figures([self.figure(results)]).tables([self.table(results)])
    }
}

#[cfg(test)]
mod tests {
    use datasets::DataFolder;

    use super::*;
    use crate::measured::measures::trained::Baseline;

    fn axes(text: &str) -> Result<Axes, String> {
        let axes: Axes = toml::from_str(text).map_err(|error| error.message().to_owned())?;
        axes.check().map(|()| axes)
    }

    const AXES: &str = "networks = [\"lstm-japanese-vowels\"]\ntiles = [\"standard-pcm\"]\n\
                        formats = [\"mxfp8\", \"<4,12>\"]\nlearning_rates = [0.01, 0.1]\nseeds = 2\n";

    #[test]
    fn every_combination_is_a_run_and_a_row() {
        let sweep = Sweep::of(axes(AXES).unwrap(), Scale::Smoke).unwrap();
        let data = DataFolder::new(None);
        let request = Request { scale: Scale::Smoke, seed: 0, seeds: None, data };
        let runs = sweep.runs(&request, &mut Networks::of(&request)).unwrap();
        let labels: BTreeSet<&str> = runs.iter().map(|run| &*run.label).collect();
        assert_eq!((runs.len(), labels.len()), (12, 12));
        assert_eq!(runs[0].label, "lstm-japanese-vowels, standard-pcm, rate 0.01, seed 0");
        assert_eq!((runs[5].seed, runs[6].seed), (0, 1));
        let outcome = |run: &Run<FineTuning>| Tuned {
            baseline: Baseline { float_error_percent: 5.0, ..Baseline::default() },
            train_loss: vec![1.0],
            test_error_percent: vec![50.0, 6.0 + run.seed as f64],
            best_epoch: 1,
            hour_error_percent: if run.label.contains("pcm") { vec![7.0, 9.0] } else { Vec::new() },
        };
        let done = |run: Run<FineTuning>| {
            let outcome = outcome(&run);
            Done { measure: run.measure, seed: run.seed, data: run.data, outcome }
        };
        let done = runs.into_iter().map(done).collect();
        let results = Results { scale: Scale::Smoke, data: Vec::new(), done };
        let Findings { tables, figures, .. } = sweep.findings(&results);
        assert_eq!(tables[0].rows.len(), 6);
        assert_eq!(tables[0].rows[0][2..6], ["2", "5.00", "50.00", "6.50 ± 3.16"]);
        assert_eq!([&tables[0].rows[0][7], &tables[0].rows[2][7]], ["8.00", "–"]);
        assert_eq!(figures[0].panels[0].curves.len(), 6);
        let csv = sweep.csv(&results);
        assert_eq!(csv.lines().count(), 13);
        let row = csv.lines().nth(1).unwrap();
        assert_eq!(row, "lstm-japanese-vowels,standard-pcm,0.01,0,5,NaN,50,6,6,1,8");
        assert!(csv.contains("\nlstm-japanese-vowels,\"<4,12>\",0.1,1,5,NaN,50,7,7,1,\n"), "{csv}");
    }

    #[test]
    fn what_is_wrong_with_axes_is_named() {
        for (text, words) in [
            ("tile = [\"ideal\"]", "unknown field `tile`"),
            ("networks = []", "networks: there is none"),
            ("networks = [\"resnet18\"]", "tiles and formats"),
            (
                "networks = [\"resnet18\", \"resnet18\"]\nformats = [\"fp8\"]",
                "'resnet18' is there twice",
            ),
            (
                "networks = [\"a.onnx\", \"b.onnx\"]\nformats = [\"fp8\"]",
                "'b.onnx' is a second one",
            ),
            ("networks = [\"a.onnx\"]\nformats = [\"fp8\"]", "data: the network of 'a.onnx'"),
            ("networks = [\"resnet18\"]\nformats = [\"fp8\"]\ndata = \"a.npz\"", "data: it is for"),
            ("networks = [\"resnet18\"]\nformats = [\"fp8\"]\nseeds = 0", "seeds = 0"),
            (
                "networks = [\"resnet18\"]\nformats = [\"fp8\"]\nlearning_rates = [0.1, 0.1]",
                "'0.1'",
            ),
        ] {
            let error = axes(text).unwrap_err();
            assert!(error.contains(words), "'{words}' is not in: {error}");
        }
        let sweep =
            |formats| Sweep::of(axes(formats).unwrap(), Scale::Smoke).unwrap_err().to_string();
        let error = sweep("networks = [\"resnet18\"]\nformats = [\"fp9\"]");
        assert!(error.contains("fp9"), "{error}");
        let error = sweep("networks = [\"resnet18\"]\nformats = [\"ideal\"]");
        assert_eq!(error, "formats: 'ideal' is one of tiles");
        let error = sweep("networks = [\"resnet18\"]\ntiles = [\"mxfp8\"]");
        assert_eq!(error, "tiles: 'mxfp8' is one of formats");
        assert_eq!([short("a/b.toml"), short("<4,12>"), short("x.y")], ["b", "<4,12>", "x.y"]);
    }
}
