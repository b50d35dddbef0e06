//! The eleven networks from direct mapping to hardware-aware training: [Rasch23 Tab. 2, Tab. 3].

mod desk;
mod findings;

use serde::Serialize;

use super::paper::TIMES_S;
use crate::experiment::{Experiment, Results};
use crate::experiments::training_runs::seeds_in_words;
use crate::findings::Findings;
use crate::findings::source::{Paper, Part, Source};
use crate::measured::context::Context;
use crate::measured::error::Error;
use crate::measured::measurements::Measurements;
use crate::measured::measures::aging::Aging;
use crate::measured::measures::hardware_aware::HardwareAware;
use crate::measured::measures::hwa_recipe::HwaRecipe;
use crate::measured::measures::trained::Trained;
use crate::measured::networks::workload::Workload;
use crate::measured::point::Point;
use crate::measured::scale::Scale;
use crate::opened;
use crate::request::Request;

/// The experiment.
#[derive(Debug)]
pub struct Networks;

macro_rules! recipes {
    ($($name:literal),* $(,)?) => {
        &[$((
            $name,
            include_str!(concat!("../../../recipes/rasch2023/paper/", $name, ".toml")),
            include_str!(concat!("../../../recipes/rasch2023/desk/", $name, ".toml")),
        )),*]
    };
}

/// Name, recipe at paper scale, recipe at desk scale, in the order in which results are worth having:
/// one network of every kind soon.
const RECIPES: &[(&str, &str, &str)] = recipes![
    "lstm-japanese-vowels",
    "resnet18",
    "bert-sentiment",
    "lstm-language",
    "resnet-cifar10",
    "albert-sentiment",
    "lstm-spoken-digits",
    "wide-resnet",
    "densenet",
    "rnn-t",
    "resnet50",
    "wide-resnet50",
    "bert-stsb",
];

/// All networks in the order in which results are worth having.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    RECIPES.iter().map(|(name, ..)| *name)
}

/// Three small networks of different kinds, for the machinery of a smoke run.
pub(super) const SMOKE: [&str; 3] = ["lstm-japanese-vowels", "resnet18", "bert-sentiment"];

/// The recipe of a network. At smoke scale it is that of desk scale, cut to one epoch.
///
/// # Errors
///
/// [`Error::Usage`] if there is none of that name.
pub(crate) fn recipe(network: &str, scale: Scale) -> Result<HwaRecipe, Error> {
    let (_, paper, desk) = RECIPES
        .iter()
        .find(|(name, ..)| *name == network)
        .ok_or_else(|| Error::Usage(format!("there is no recipe for '{network}'")))?;
    let text = if scale == Scale::Paper { paper } else { desk };
    let mut recipe: HwaRecipe = toml::from_str(text)
        .map_err(|error| Error::Usage(format!("recipe of '{network}': {error}")))?;
    recipe.training.check().map_err(|reason| Error::Usage(format!("'{network}': {reason}")))?;
    if scale == Scale::Smoke {
        recipe.training.epochs = 1;
        recipe.training.batch = recipe.training.batch.min(10);
        recipe.calibration.batches = 2;
        recipe.calibration.tuning = 2;
    }
    Ok(recipe)
}

/// Training runs, and programmings of each.
pub(super) fn repeats(scale: Scale) -> (u64, u64) {
    match scale {
        Scale::Smoke => (1, 1),
        // Test sets are small, and training is what takes the time.
        Scale::Desk => (1, 10),
        // [Rasch23 Tab. 2, Tab. 3]
        Scale::Paper => (3, 24),
    }
}

/// A network trained as its recipe says.
pub(crate) fn trained(network: &str, scale: Scale) -> Result<Trained, Error> {
    let recipe = recipe(network, scale)?;
    Ok(Trained { network: network.to_owned(), scale, recipe, weights: None })
}

/// What a point runs.
pub(super) fn configuration(
    network: &str,
    scale: Scale,
    programmings: u64,
) -> Result<HardwareAware, Error> {
    Ok(HardwareAware {
        trained: trained(network, scale)?,
        direct: true,
        aging: Aging {
            tile: None,
            times_s: if scale == Scale::Smoke { vec![3600.0] } else { TIMES_S.to_vec() },
            programmings,
        },
    })
}

/// A point of every seed.
pub(super) fn points_of<C: Serialize>(
    experiment: &'static str,
    request: &Request,
    seeds: u64,
    runs: impl IntoIterator<Item = (String, C, Vec<datasets::DataSum>, u64)>,
) -> Vec<Point> {
    let runs: Vec<_> = runs.into_iter().collect();
    let seeds = request.seed..request.seed + request.seeds.unwrap_or(seeds);
    seeds
        .flat_map(|seed| runs.iter().map(move |run| (seed, run)))
        .map(|(seed, (name, config, data, work))| Point {
            experiment,
            name: format!("{name}, seed {seed}"),
            config: serde_json::to_value(config).expect("a configuration is plain data"),
            seed,
            data: data.clone(),
            work: *work,
        })
        .collect()
}

/// The points of networks whose data is there, in the order in which networks are worth having;
/// `of` gives the runs of one: name, configuration and amount of work.
///
/// # Errors
///
/// [`Error::NoData`] if no network has its data, with what the first of them lacks.
pub(super) fn points_of_networks<C: Serialize>(
    experiment: &'static str,
    opened: &mut opened::Networks,
    seeds: u64,
    networks: &[&str],
    of: impl Fn(&str, &dyn Workload) -> Result<Vec<(String, C, u64)>, Error>,
) -> Result<Vec<Point>, Error> {
    let wanted = names().filter(|name| networks.contains(name));
    let runs = of_networks(opened, wanted, |network, workload| {
        let with_data = |(name, config, work)| (name, config, workload.data(), work);
        Ok(of(network, workload)?.into_iter().map(with_data).collect::<Vec<_>>())
    })?;
    Ok(points_of(experiment, opened.request(), seeds, runs.into_iter().flatten()))
}

/// What `of` makes of each of these networks whose data is there, one after the other.
///
/// # Errors
///
/// As [`points_of_networks`].
pub(super) fn of_networks<T>(
    opened: &mut opened::Networks,
    networks: impl IntoIterator<Item = &'static str>,
    of: impl Fn(&'static str, &dyn Workload) -> Result<T, Error>,
) -> Result<Vec<T>, Error> {
    let (mut made, mut lacking) = (Vec::new(), None);
    for network in networks {
        match opened.open(network) {
            // The other networks do without; the report names those that are left out.
            Err(Error::NoData(reason)) => lacking = lacking.or(Some(reason)),
            workload => made.push(of(network, &*workload?)?),
        }
    }
    match lacking {
        Some(reason) if made.is_empty() => Err(Error::NoData(reason)),
        _ => Ok(made),
    }
}

impl Experiment for Networks {
    fn id(&self) -> &'static str {
        "rasch2023/networks"
    }

    fn title(&self) -> &'static str {
        "Eleven networks, mapped directly and trained for their hardware"
    }

    fn source(&self) -> Source {
        Paper::Rasch2023.at(&[Part::Table("2"), Part::Table("3"), Part::SupplementaryFigure("1")])
    }

    fn describe(&self, scale: Scale) -> String {
        let (seeds, programmings) = repeats(scale);
        let what = match scale {
            Scale::Smoke => "tiny members of their families for a moment of training",
            Scale::Desk => "small members of their families on real data",
            Scale::Paper => "the paper's networks and schedules",
        };
        let times = if programmings == 1 { "once" } else { "several times" };
        format!("{what}, {}, programmed {times} ({programmings})", seeds_in_words(seeds))
    }

    fn has_stand_ins(&self, scale: Scale) -> bool {
        scale < Scale::Paper
    }

    fn points(
        &self,
        request: &Request,
        opened: &mut opened::Networks,
    ) -> Result<Vec<Point>, Error> {
        let (seeds, programmings) = repeats(request.scale);
        let networks: Vec<&str> = names().collect();
        points_of_networks(self.id(), opened, seeds, &networks, |network, workload| {
            let config = configuration(network, request.scale, programmings)?;
            let work = config.work(workload);
            Ok(vec![(network.to_owned(), config, work)])
        })
    }

    fn run(&self, point: &Point, context: &Context<'_>) -> Result<Measurements, Error> {
        HardwareAware::run_point(point, context)
    }

    fn findings(&self, results: &Results<'_>) -> Findings {
        findings::findings(results)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measured::networks::NETWORKS;

    #[test]
    fn every_network_has_a_recipe_at_every_scale() {
        assert_eq!(RECIPES.len(), NETWORKS.len());
        for entry in NETWORKS {
            for scale in [Scale::Smoke, Scale::Desk, Scale::Paper] {
                recipe(entry.id, scale).unwrap();
            }
        }
    }
}
