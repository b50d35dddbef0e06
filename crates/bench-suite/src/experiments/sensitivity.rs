//! What imprecise hardware does to one network, where, and which converters are enough.
//!
//! Not in the register of experiments: `cargo xtask sensitivity` asks for one network.

mod budget;
mod converters;
mod layers;
mod pipeline;
pub(super) mod readings;
mod spared;
mod tolerances;

use crate::experiment::{About, Experiment, Records, Results, StandIns};
use crate::findings::Findings;
use crate::findings::source::{Paper, Part};
use crate::measured::error::Error;
use crate::measured::measures::aging::HOUR_S;
use crate::measured::measures::nonideality::{AXES, Nonideality};
use crate::measured::measures::sensitivity::{
    Analysis, Case, ErrorSource, Method, Raised, Resolutions, Sensitivity,
};
use crate::measured::measures::trained::{Stage, Trained};
use crate::measured::measures::trial::Repeats;
use crate::measured::networks::subject::Subject;
use crate::measured::point::Run;
use crate::measured::scale::Scale;
use crate::opened::Networks;
use crate::request::Request;
use crossbar::TileConfig;

use super::study::Prepared;
use readings::{LOSS_PERCENT, Readings, useless};

/// Seconds after programming at which everything is measured. [Rasch23 Fig. 5]
const TIME_S: f64 = HOUR_S;
/// What is raised in one layer at a time, and how far.
///
/// Assumed: so far that a network which bears it everywhere on the standard tile is rare, and layers
/// differ.
const RAISED: [Raised; 4] = [
    Raised { nonideality: Nonideality::Pcm, x: 4.0 },
    Raised { nonideality: Nonideality::OutputNoise, x: 0.4 },
    Raised { nonideality: Nonideality::DacBits, x: 3.0 },
    Raised { nonideality: Nonideality::AdcBits, x: 3.0 },
];

/// The experiment with one network.
#[derive(Debug)]
pub struct OneNetwork {
    trained: Trained,
    method: Method,
    programmings: Option<u64>,
    /// A tile for layers that would otherwise stay digital.
    better: Option<BetterTile>,
    /// What is to be known of weights from a file.
    notes: Vec<String>,
}

/// A less imprecise tile.
#[derive(Clone, Debug)]
pub struct BetterTile {
    /// The preset or file that it is.
    pub name: String,
    /// The tile.
    pub tile: TileConfig,
}

impl BetterTile {
    /// The preset or file of that name. A file is named from the root of the file system on, since a policy
    /// is read in other folders.
    ///
    /// # Errors
    ///
    /// [`Error::Usage`] if there is no such preset and no such file, or it makes no sense.
    pub fn load(name: &str) -> Result<Self, Error> {
        let wrong = |reason: String| Error::Usage(format!("--better-tile {name}: {reason}"));
        let tile = TileConfig::load(name).map_err(|error| wrong(error.to_string()))?;
        let path = std::path::Path::new(name);
        let name = match path.is_file() {
            true => std::path::absolute(path).map_err(|error| wrong(error.to_string()))?,
            false => path.to_owned(),
        };
        Ok(Self { name: name.display().to_string(), tile })
    }
}

/// How much is measured at a scale.
struct Effort {
    programmings: u64,
    /// Most evaluations of a tolerance, and how many axes have one.
    evaluations: u64,
    axes: usize,
    /// Test examples that pass through the network to see what its layers do.
    examples: usize,
    /// Resolutions below that of the tile.
    bits_below: u32,
}

const fn effort(scale: Scale) -> Effort {
    const ALL: usize = AXES.len();
    match scale {
        Scale::Smoke => {
            Effort { programmings: 2, evaluations: 2, axes: 2, examples: 4, bits_below: 2 }
        }
        Scale::Desk => {
            Effort { programmings: 4, evaluations: 6, axes: ALL, examples: 32, bits_below: 5 }
        }
        Scale::Long => {
            Effort { programmings: 8, evaluations: 8, axes: ALL, examples: 32, bits_below: 5 }
        }
        Scale::Paper => {
            Effort { programmings: 24, evaluations: 10, axes: ALL, examples: 100, bits_below: 6 }
        }
    }
}

impl OneNetwork {
    /// The experiment with a network that is programmed so often, or as often as its scale has it, and
    /// comes onto tiles in that way: if none is said, as its weights are already, or else by
    /// hardware-aware training. Layers that cannot stay on its tile may come onto a better one.
    ///
    /// # Errors
    ///
    /// [`Error::Usage`] if the weights are those of a network on tiles and the method is another.
    pub fn asked_for(
        network: Prepared,
        programmings: Option<u64>,
        method: Option<Method>,
        better: Option<BetterTile>,
    ) -> Result<Self, Error> {
        let Prepared { trained, stage, notes } = network;
        let on_tiles = match stage {
            Stage::Float | Stage::Control | Stage::Rounded => None,
            Stage::Direct => Some(Method::Direct),
            Stage::Hardware => Some(Method::HardwareAware),
        };
        if let (Some(asked), Some(found)) = (method, on_tiles)
            && asked != found
        {
            let reason = "the checkpoint holds a network on tiles, which --method cannot change";
            return Err(Error::Usage(reason.to_owned()));
        }
        let method = on_tiles.or(method).unwrap_or(Method::HardwareAware);
        Ok(Self { trained, method, programmings, better, notes })
    }

    /// Which layers stay digital and why, as a file that `--policy` takes; `None` before its record is
    /// there, or if the network knows nothing.
    ///
    /// # Panics
    ///
    /// If a record is another's.
    pub fn policy(&self, records: &Records<'_>) -> Option<String> {
        let results = Results::read(records);
        let readings = Readings::of(&results);
        readings.baseline().filter(|baseline| useless(baseline).is_none())?;
        let better = self.better.as_ref().map(|better| better.name.as_str());
        let file = spared::placement(&readings, better)?;
        Some(toml::to_string(&file).expect("layers with words are a table"))
    }

    fn effort(&self, scale: Scale) -> Effort {
        let effort = effort(scale);
        Effort { programmings: self.programmings.unwrap_or(effort.programmings), ..effort }
    }

    /// Name, analysis and number of tests of every point, in the order in which they are worth
    /// having.
    fn analyses(&self, layers: &[String], effort: &Effort) -> Vec<(String, Analysis, u64)> {
        let tile = self.trained.recipe.analog.tile();
        let mut analyses = Vec::new();
        let mut budget = |name: String, case: Case| {
            analyses.push((name, Analysis::Budget { case }, 1));
        };
        budget("everything".to_owned(), Case::Everything);
        budget("nothing".to_owned(), Case::Nothing);
        let sources = ErrorSource::of(tile);
        for &source in &sources {
            budget(format!("{} alone", source.words()), Case::Alone(source));
        }
        for &source in &sources {
            budget(format!("without {}", source.words()), Case::Without(source));
        }
        let examples = effort.examples;
        analyses.insert(2, ("layers".to_owned(), Analysis::Layers { examples }, 1));
        let own = converters::own_bits(tile);
        let bits: Vec<u32> = (2.max(own.saturating_sub(effort.bits_below))..=own).rev().collect();
        for &dac_bits in &bits {
            let resolutions =
                Resolutions { dac_bits, adc_bits: bits.clone(), examples: effort.examples.min(8) };
            let analysis = Analysis::Converters(resolutions);
            analyses.push((format!("DAC of {dac_bits} bits"), analysis, bits.len() as u64));
        }
        let raised: Vec<Raised> =
            RAISED.into_iter().filter(|raised| has(tile, raised.nonideality)).collect();
        for layer in layers {
            let (layer, raised) = (layer.clone(), raised.clone());
            let (name, tests) = (format!("layer {layer}"), raised.len() as u64);
            analyses.push((name, Analysis::OneLayer { layer, raised }, tests));
        }
        let better = self.better.as_ref().map(|better| Box::new(better.tile.clone()));
        let most = layers.len() as u64 * if better.is_some() { 3 } else { 2 } + 1;
        let spared = Analysis::Spared { loss_percent: LOSS_PERCENT, better };
        // As often as a search over all of them.
        analyses.push(("layers to spare".to_owned(), spared, most));
        let axes = AXES.iter().filter(|axis| has(tile, axis.nonideality)).take(effort.axes);
        for axis in axes {
            let analysis = Analysis::Tolerance {
                nonideality: axis.nonideality,
                loss_percent: LOSS_PERCENT,
                evaluations: effort.evaluations,
            };
            analyses.push((format!("tolerance: {}", axis.words), analysis, effort.evaluations + 1));
        }
        analyses
    }
}

impl Experiment for OneNetwork {
    type Measure = Sensitivity;

    const ABOUT: About = About {
        id: "sensitivity",
        title: "What imprecise hardware does to a network",
        source: Paper::Beyond.at(&[Part::Passage("after Rasch et al. 2023, Fig. 3 to 5")]),
        stand_ins: StandIns::Never,
    };

    fn describe(&self, scale: Scale) -> String {
        let method = match self.method {
            Method::HardwareAware => "trained for its hardware",
            Method::Direct => "mapped directly",
        };
        let weights = if self.trained.weights.is_some() { " with weights from a file" } else { "" };
        let network = match self.trained.network {
            Subject::Own => "your own network".to_owned(),
            Subject::Registered(id) => format!("the network {id}"),
        };
        format!(
            "{network}{weights}, {method}, programmed {} times and tested 1 h later",
            self.effort(scale).programmings
        )
    }

    fn runs(
        &self,
        request: &Request,
        opened: &mut Networks,
    ) -> Result<Vec<Run<Self::Measure>>, Error> {
        let workload = opened.subject(self.trained.network)?;
        let mut training = self.trained.work(&*workload);
        let policy = self.trained.policy(&*workload, &self.trained.recipe.analog)?;
        let instance = workload.instance(&policy, &numerics::Seed::new(0));
        let layers: Vec<String> =
            instance.parameters.analog().map(|analog| analog.name().to_owned()).collect();
        let examples = instance.test.len() as u64;
        let effort = self.effort(request.scale);
        let run = |(label, analysis, tests): (String, Analysis, u64)| {
            let measure = Sensitivity {
                trained: self.trained.clone(),
                method: self.method,
                repeats: Repeats { programmings: effort.programmings, t_s: TIME_S },
                analysis,
            };
            // The first point that needs the network trains it.
            let work = tests * examples + std::mem::take(&mut training);
            Run { label, measure, seed: request.seed, data: workload.data(), work }
        };
        Ok(self.analyses(&layers, &effort).into_iter().map(run).collect())
    }

    fn findings(&self, results: &Results<Self::Measure>) -> Findings {
        let readings = Readings::of(results);
        let mut findings = Findings::default().notes(self.notes.clone());
        budget::network(&readings, &mut findings);
        layers::add(&readings, &mut findings);
        if let Some(reason) = readings.baseline().and_then(useless) {
            findings.left_out.push(reason);
            return findings;
        }
        budget::add(&readings, &mut findings);
        pipeline::add(&readings, &mut findings);
        converters::add(&readings, self.trained.recipe.analog.tile(), &mut findings);
        tolerances::add(&readings, &mut findings);
        spared::add(&readings, &mut findings);
        findings
    }
}

/// Whether a tile has this nonideality at its standard value, from which a search begins.
fn has(tile: &TileConfig, nonideality: Nonideality) -> bool {
    let mut standard = tile.clone();
    let applied = nonideality.apply(&mut standard, nonideality.axis().standard);
    applied.is_ok() && standard == *tile
}

#[cfg(test)]
mod tests {
    use datasets::DataFolder;

    use super::*;
    use crate::experiment::Done;
    use crate::experiments::rasch2023::networks;
    use crate::measured::measures::sensitivity::{Analysed, Layers, Reading};
    use crate::measured::measures::trained::Baseline;
    use crate::measured::networks::NetworkId;

    /// What is found of a network that is tested on the standard tile alone.
    fn found(float: f64, chance: f64) -> Findings {
        let trained = networks::trained(NetworkId::LstmJapaneseVowels, Scale::Smoke).unwrap();
        let network = Prepared { trained, stage: Stage::Float, notes: Vec::new() };
        let network = OneNetwork::asked_for(network, None, None, None).unwrap();
        let (scale, data) = (Scale::Smoke, DataFolder::new(None));
        let request = Request { scale, seed: 0, seeds: None, data };
        let runs = network.runs(&request, &mut Networks::of(&request)).unwrap();
        let done = |run: Run<Sensitivity>| {
            let baseline = Baseline {
                float_error_percent: float,
                begun_error_percent: None,
                chance_error_percent: chance,
                hwa_train_loss: Vec::new(),
            };
            let analysed = match run.measure.analysis {
                Analysis::Layers { .. } => Analysed::Layers(Layers::default()),
                _ => Analysed::Budget { errors: vec![float, float + 0.5] },
            };
            let outcome = Reading { baseline, analysed };
            Done { measure: run.measure, seed: run.seed, data: run.data, outcome }
        };
        let done = runs.into_iter().map(done).collect();
        network.findings(&Results { scale, data: Vec::new(), done })
    }

    #[test]
    fn a_network_that_knows_nothing_has_nothing_to_lose() {
        let Findings { tables, left_out, .. } = found(8.0, 88.9);
        assert!(left_out.is_empty() && tables.len() > 2, "{left_out:?}");
        assert_eq!(tables[0].rows[0], ["float network", "8.00", "100"]);
        assert_eq!(tables[0].rows[1], ["by chance", "88.90", "0"]);
        // Worse than chance, and better by what a few examples may be.
        for float in [91.62, 88.9, 86.0, f64::NAN] {
            let Findings { tables, left_out, heat_maps, .. } = found(float, 88.9);
            assert!(left_out[0].contains(&format!("errs on {float:.2} %")), "{left_out:?}");
            assert!(left_out[0].contains("chance on 88.90 %"), "{left_out:?}");
            assert!(tables[0].rows.iter().all(|row| row[2] == "–"), "{:?}", tables[0]);
            assert!(
                heat_maps.is_empty() && !tables.iter().any(|t| t.caption.contains("Tolerance"))
            );
        }
    }
}
