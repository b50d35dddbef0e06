//! The eleven networks from direct mapping to hardware-aware training: [Rasch23 Tab. 2, Tab. 3].

mod desk;
mod findings;
mod headline;
mod reasons;

use super::evaluated::about;
use super::paper::TIMES_S;
use crate::experiment::{About, Experiment, Results};
use crate::experiments::runs::{Variant, of_every_seed};
use crate::experiments::training_runs::seeds_in_words;
use crate::findings::Findings;
use crate::findings::source::Part;
use crate::measured::error::Error;
use crate::measured::measures::aging::{Aging, HOUR_S};
use crate::measured::measures::hardware_aware::HardwareAware;
use crate::measured::measures::hwa_recipe::HwaRecipe;
use crate::measured::measures::placement::Placement;
use crate::measured::measures::trained::Trained;
use crate::measured::networks::NetworkId;
use crate::measured::networks::workload::{Recipes, Workload};
use crate::measured::point::Run;
use crate::measured::scale::Scale;
use crate::opened;
use crate::request::Request;

/// The experiment.
#[derive(Debug)]
pub struct Networks;

/// The first in the order in which results are worth having: one network of every kind soon. The others
/// follow in the order of the register.
const FIRST: [NetworkId; 10] = [
    NetworkId::LstmJapaneseVowels,
    NetworkId::ResNet18,
    NetworkId::BertSentiment,
    NetworkId::LstmLanguage,
    NetworkId::ResNetCifar10,
    NetworkId::AlbertSentiment,
    NetworkId::LstmSpokenDigits,
    NetworkId::WideResNet,
    NetworkId::DenseNet,
    NetworkId::RnnT,
];

/// All networks in the order in which results are worth having.
pub(super) fn all() -> impl Iterator<Item = NetworkId> {
    let others = NetworkId::ALL.iter().copied().filter(|id| !FIRST.contains(id));
    FIRST.into_iter().chain(others)
}

/// Three small networks of different kinds, for the machinery of a smoke run.
pub(super) const SMOKE: [NetworkId; 3] =
    [NetworkId::LstmJapaneseVowels, NetworkId::ResNet18, NetworkId::BertSentiment];

/// Epochs on tiles at long scale, at least: what no longer gains much.
const LONG_EPOCHS: usize = 6;

/// The recipe of a network. At smoke scale it is that of desk scale, cut to one epoch; at long scale it has
/// enough epochs.
///
/// # Errors
///
/// [`Error::Usage`] if it makes no sense.
pub(crate) fn recipe(network: NetworkId, scale: Scale) -> Result<HwaRecipe, Error> {
    let Recipes { paper, desk } = network.entry().recipes;
    let text = if scale == Scale::Paper { paper } else { desk };
    let mut recipe: HwaRecipe = toml::from_str(text)
        .map_err(|error| Error::Usage(format!("recipe of '{network}': {error}")))?;
    recipe.training.check().map_err(|reason| Error::Usage(format!("'{network}': {reason}")))?;
    if scale == Scale::Long && recipe.training.epochs < LONG_EPOCHS {
        recipe.training.epochs = LONG_EPOCHS;
    }
    if scale == Scale::Smoke {
        recipe.training.epochs = 1;
        recipe.training.batch = recipe.training.batch.min(10);
        recipe.calibration.batches = 2;
        recipe.calibration.tuning = 2;
    }
    Ok(recipe)
}

/// Training runs, and programmings of each.
pub(in crate::experiments) fn repeats(scale: Scale) -> (u64, u64) {
    match scale {
        Scale::Smoke => (1, 1),
        // Test sets are small, and training is what takes the time.
        Scale::Desk => (1, 10),
        Scale::Long => (3, 10),
        // [Rasch23 Tab. 2, Tab. 3]
        Scale::Paper => (3, 24),
    }
}

/// A network trained as its recipe says.
pub(crate) fn trained(network: NetworkId, scale: Scale) -> Result<Trained, Error> {
    let recipe = recipe(network, scale)?;
    Ok(Trained {
        network: network.into(),
        scale,
        recipe,
        weights: None,
        placement: Placement::default(),
    })
}

/// What a point runs.
pub(super) fn configuration(
    network: NetworkId,
    scale: Scale,
    programmings: u64,
) -> Result<HardwareAware, Error> {
    Ok(HardwareAware {
        trained: trained(network, scale)?,
        direct: true,
        aging: Aging {
            tile: None,
            times_s: if scale == Scale::Smoke { vec![HOUR_S] } else { TIMES_S.to_vec() },
            programmings,
        },
    })
}

/// The runs of networks whose data is there, in the order in which networks are worth having; `of`
/// gives those of one: name, measure and amount of work.
///
/// # Errors
///
/// [`Error::NoData`] if no network has its data, with what the first of them lacks.
pub(super) fn runs_of_networks<M: Clone>(
    opened: &mut opened::Networks,
    seeds: u64,
    networks: &[NetworkId],
    of: impl Fn(NetworkId, &dyn Workload) -> Result<Vec<(String, M, u64)>, Error>,
) -> Result<Vec<Run<M>>, Error> {
    let wanted = all().filter(|id| networks.contains(id));
    let variants = of_networks(opened, wanted, |network, workload| {
        let with_data = |(name, measure, work)| {
            let data = workload.data();
            Variant { name, measure, data, work }
        };
        Ok(of(network, workload)?.into_iter().map(with_data).collect::<Vec<_>>())
    })?;
    Ok(of_every_seed(opened.request(), seeds, &variants.concat()))
}

/// What `of` makes of each of these networks whose data is there, one after the other.
///
/// # Errors
///
/// As [`runs_of_networks`].
pub(super) fn of_networks<T>(
    opened: &mut opened::Networks,
    networks: impl IntoIterator<Item = NetworkId>,
    of: impl Fn(NetworkId, &dyn Workload) -> Result<T, Error>,
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
    type Measure = HardwareAware;

    const ABOUT: About = about(
        "rasch2023/networks",
        "Eleven networks, mapped directly and trained for their hardware",
        &[Part::Table("2"), Part::Table("3"), Part::SupplementaryFigure("1")],
    );

    fn describe(&self, scale: Scale) -> String {
        let (seeds, programmings) = repeats(scale);
        let what = match scale {
            Scale::Smoke => "tiny members of their families for a moment of training",
            Scale::Desk => "small members of their families on real data",
            Scale::Long => "small members of their families on whole data sets",
            Scale::Paper => "the paper's networks and schedules",
        };
        let times = if programmings == 1 { "once" } else { "several times" };
        format!("{what}, {}, programmed {times} ({programmings})", seeds_in_words(seeds))
    }

    fn runs(
        &self,
        request: &Request,
        opened: &mut opened::Networks,
    ) -> Result<Vec<Run<Self::Measure>>, Error> {
        let (seeds, programmings) = repeats(request.scale);
        let networks: Vec<NetworkId> = all().collect();
        runs_of_networks(opened, seeds, &networks, |network, workload| {
            let config = configuration(network, request.scale, programmings)?;
            let work = config.work(workload);
            Ok(vec![(network.to_string(), config, work)])
        })
    }

    fn findings(&self, results: &Results<Self::Measure>) -> Findings {
        findings::findings(results)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_network_has_a_recipe_at_every_scale() {
        for &id in NetworkId::ALL {
            for scale in Scale::ALL {
                recipe(id, scale).unwrap();
            }
        }
    }
}
