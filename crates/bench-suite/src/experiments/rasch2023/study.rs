//! [`NetworkStudy`]: networks that are trained in some ways, and tested on some tiles as they age.
//!
//! Several experiments of \[Rasch23\] are one such study with another knob. What varies is data: how the
//! recipe or the tile is changed, when and how often is tested. An experiment is a [`Study`]: it has
//! the data, and says what the outcomes mean.

use std::fmt;

use crossbar::TileConfig;
use nn::{Analog, AnalogTraining};

use super::evaluated::{Evaluated, ONE_TRAINING, missing};
use super::networks::{SMOKE, all, runs_of_networks, trained};
use super::paper::TIMES_S;
use crate::experiment::{About, Experiment, Results};
use crate::findings::Findings;
use crate::measured::error::Error;
use crate::measured::measures::aging::Aging;
use crate::measured::measures::comparison::{Comparison, Method, Tested};
use crate::measured::measures::errors::Way;
use crate::measured::measures::hwa_recipe::HwaRecipe;
use crate::measured::networks::NetworkId;
use crate::measured::point::Run;
use crate::measured::scale::Scale;
use crate::opened::Networks;
use crate::request::Request;

/// Which networks, in which ways.
#[derive(Debug)]
pub struct NetworkStudy<W> {
    /// The networks.
    pub(super) networks: Vec<NetworkId>,
    /// Training runs of each network in each way.
    pub(super) seeds: u64,
    /// The ways of training.
    pub(super) trainings: Vec<Training>,
    method: Method,
    programmings: u64,
    times_s: Vec<f64>,
    tests: Vec<(W, Option<TileChange>)>,
}

/// What is done to a configuration.
struct Change<F: ?Sized>(Box<F>);

/// … of the tile that is tested on.
type TileChange = Change<dyn Fn(&mut TileConfig)>;
/// … of the tile that is trained on, and of how.
type RecipeChange = Change<dyn Fn(&mut TileConfig, &mut AnalogTraining)>;

impl<F: ?Sized> fmt::Debug for Change<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Change")
    }
}

/// A way of training: a change of the network's recipe.
#[derive(Debug)]
pub(super) struct Training {
    /// What is said after the network's name; nothing if there is no other way.
    label: String,
    change: RecipeChange,
}

impl Training {
    /// The recipe in this way.
    fn of(&self, recipe: &HwaRecipe) -> Result<HwaRecipe, Error> {
        let (mut tile, mut training) = (recipe.analog.tile().clone(), *recipe.analog.training());
        (self.change.0)(&mut tile, &mut training);
        let analog =
            Analog::new(tile, training).map_err(|error| Error::Usage(error.to_string()))?;
        Ok(HwaRecipe { analog, ..recipe.clone() })
    }
}

/// Three small networks at smoke scale, all others above it.
pub(super) fn all_networks(scale: Scale) -> Vec<NetworkId> {
    if scale == Scale::Smoke { SMOKE.to_vec() } else { all().collect() }
}

impl<W: Way> NetworkStudy<W> {
    /// Networks that are trained so often, by seeds, and each time programmed so often; as they age
    /// they are tested at these of the paper's times.
    pub(super) fn new(
        networks: impl Into<Vec<NetworkId>>,
        [seeds, programmings]: [u64; 2],
        times: &[usize],
    ) -> Self {
        Self {
            networks: networks.into(),
            seeds,
            trainings: Vec::new(),
            method: Method::HardwareAware,
            programmings,
            times_s: times.iter().map(|&time| TIMES_S[time]).collect(),
            tests: Vec::new(),
        }
    }

    /// With networks that are mapped instead of trained on tiles.
    pub(super) fn mapped_directly(self) -> Self {
        Self { method: Method::Direct, ..self }
    }

    /// With training as the recipe has it.
    pub(super) fn trained_as_ever(self) -> Self {
        self.trained("", |_, _| ())
    }

    /// With training under a recipe that was changed.
    pub(super) fn trained(
        mut self,
        label: impl Into<String>,
        change: impl Fn(&mut TileConfig, &mut AnalogTraining) + 'static,
    ) -> Self {
        self.trainings.push(Training { label: label.into(), change: Change(Box::new(change)) });
        self
    }

    /// With tests on the tile that was trained on.
    pub(super) fn tested(mut self, way: W) -> Self {
        self.tests.push((way, None));
        self
    }

    /// With tests on the tile that was trained on, changed.
    pub(super) fn tested_on(mut self, way: W, change: impl Fn(&mut TileConfig) + 'static) -> Self {
        self.tests.push((way, Some(Change(Box::new(change)))));
        self
    }

    fn runs(&self, scale: Scale, opened: &mut Networks) -> Result<Vec<Run<Comparison<W>>>, Error> {
        runs_of_networks(opened, self.seeds, &self.networks, |network, workload| {
            let run = |training: &Training| {
                let mut trained = trained(network, scale)?;
                trained.recipe = training.of(&trained.recipe)?;
                let tests = self.tests.iter().map(|(way, change)| {
                    let changed = |change: &TileChange| {
                        let mut tile = trained.recipe.analog.tile().clone();
                        (change.0)(&mut tile);
                        tile
                    };
                    let tile = change.as_ref().map(changed);
                    let Self { programmings, times_s, .. } = self;
                    (*way, Aging { tile, times_s: times_s.clone(), programmings: *programmings })
                });
                let variants = tests.collect();
                let config = Comparison { trained, method: self.method, variants };
                let work = config.work(workload);
                let label = match training.label.as_str() {
                    "" => network.to_string(),
                    label => format!("{network}, {label}"),
                };
                Ok((label, config, work))
            };
            self.trainings.iter().map(run).collect()
        })
    }
}

/// The outcomes of a network that was trained in one way.
pub(super) type Outcome<'a, W> = &'a Evaluated<'a, Comparison<W>>;

/// The outcomes of a study.
#[derive(Debug)]
pub struct Outcomes<'a, W: Way> {
    pub(super) scale: Scale,
    pub(super) study: NetworkStudy<W>,
    /// \[network, in the order of Table 1\]\[way of training\]; some are empty.
    pub(super) networks: Vec<Vec<Evaluated<'a, Comparison<W>>>>,
}

impl<'a, W: Way> Outcomes<'a, W> {
    fn new(study: NetworkStudy<W>, results: &'a Results<Comparison<W>>) -> Self {
        let of_network = |&network: &NetworkId| {
            let recipe = trained(network, results.scale).map(|trained| trained.recipe);
            let of_training = |training: &Training| {
                let wanted = recipe.as_ref().ok().and_then(|recipe| training.of(recipe).ok());
                Evaluated::of(results, network, |measure| {
                    wanted.as_ref() == Some(&measure.trained.recipe)
                })
            };
            study.trainings.iter().map(of_training).collect()
        };
        let networks = NetworkId::ALL.iter().map(of_network).collect();
        Self { scale: results.scale, study, networks }
    }

    /// The networks that have an outcome of every way of training, of which there are `N`.
    pub(super) fn complete<const N: usize>(&self) -> Vec<[Outcome<'_, W>; N]> {
        let there = self.networks.iter().filter(|ways| ways.iter().all(|n| !n.done.is_empty()));
        there.map(|ways| std::array::from_fn(|way| &ways[way])).collect()
    }

    /// The networks that have an outcome, of a study with one way of training.
    pub(super) fn present(&self) -> Vec<Outcome<'_, W>> {
        self.complete().into_iter().map(|[network]| network).collect()
    }
}

/// Errors of one way at one of the paper's times.
pub(super) fn at<W: Way>(way: W, time: usize) -> impl Fn(&Tested<W>) -> &[f64] {
    move |tested| tested.errors.at(way, TIMES_S[time])
}

/// An experiment that is a [`NetworkStudy`].
pub trait Study: fmt::Debug + Sync {
    /// What tells its tests apart.
    type Way: Way;

    /// What it is.
    const ABOUT: About;

    /// What of the paper's networks is left out at desk scale, and why.
    const LEFT_OUT_AT_DESK: Option<&'static str> = None;

    /// The study at a scale.
    fn study(scale: Scale) -> NetworkStudy<Self::Way>;

    /// What is run, without the number of programmings.
    fn describe(study: &NetworkStudy<Self::Way>) -> String;

    /// Claims, figures and tables from the outcomes that are there.
    fn findings(outcomes: &Outcomes<'_, Self::Way>) -> Findings;
}

impl<S: Study> Experiment for S {
    type Measure = Comparison<S::Way>;

    const ABOUT: About = S::ABOUT;

    fn describe(&self, scale: Scale) -> String {
        let study = S::study(scale);
        format!("{}, programmings: {}", S::describe(&study), study.programmings)
    }

    fn runs(
        &self,
        request: &Request,
        opened: &mut Networks,
    ) -> Result<Vec<Run<Self::Measure>>, Error> {
        S::study(request.scale).runs(request.scale, opened)
    }

    fn findings(&self, results: &Results<Self::Measure>) -> Findings {
        let outcomes = Outcomes::new(S::study(results.scale), results);
        let NetworkStudy { networks, seeds, trainings, method, .. } = &outcomes.study;
        let compared_once = *method == Method::HardwareAware && trainings.len() > 1 && *seeds == 1;
        let at_desk =
            S::LEFT_OUT_AT_DESK.filter(|_| matches!(results.scale, Scale::Desk | Scale::Long));
        S::findings(&outcomes)
            .notes(compared_once.then_some(ONE_TRAINING))
            .left_out(missing(results, networks))
            .left_out(at_desk)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiments::rasch2023::column_scales::ColumnScales;
    use crate::experiments::rasch2023::dynamic_input::DynamicInput;
    use crate::experiments::rasch2023::noise_structure::NoiseStructure;
    use crate::experiments::rasch2023::read_noise::ReadNoise;
    use crate::experiments::rasch2023::reram::Reram;
    use crate::experiments::rasch2023::scale_precision::ScalePrecision;
    use crate::experiments::rasch2023::tile_wise_training::TileWiseTraining;

    /// An outcome belongs to the way of training whose recipe it has.
    fn differ<S: Study>() {
        for scale in Scale::ALL {
            let NetworkStudy { networks, trainings, .. } = S::study(scale);
            for network in networks {
                let recipe = trained(network, scale).unwrap().recipe;
                let recipes: Vec<_> = trainings.iter().map(|t| t.of(&recipe).unwrap()).collect();
                for (i, recipe) in recipes.iter().enumerate() {
                    let same = recipes[..i].iter().position(|other| other == recipe);
                    assert_eq!(same, None, "{network}, {}", trainings[i].label);
                }
            }
        }
    }

    #[test]
    fn ways_of_training_differ() {
        differ::<ColumnScales>();
        differ::<DynamicInput>();
        differ::<NoiseStructure>();
        differ::<ReadNoise>();
        differ::<Reram>();
        differ::<ScalePrecision>();
        differ::<TileWiseTraining>();
    }

    /// What is trained as ever is the network of the other experiments, so that it is trained once.
    #[test]
    fn a_recipe_that_is_not_changed_is_the_recipe() {
        let recipe = trained(NetworkId::ResNet18, Scale::Desk).unwrap().recipe;
        let study = DynamicInput::study(Scale::Desk);
        assert_eq!(study.trainings[0].of(&recipe).unwrap(), recipe);
    }
}
