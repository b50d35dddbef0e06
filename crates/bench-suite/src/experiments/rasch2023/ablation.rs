//! What is injected in training: [Rasch23 Supp. Tab. 2].
//!
//! The same network is trained on tiles without one noise or another, and always tested on the
//! standard tile.

use nn::{Analog, AnalogTraining};
use report::figure::Figure;
use report::number::points;
use report::table::{Table, named, number, rounded};

use super::evaluated::{ONE_TRAINING, YEAR, about, differences, over_time};
use super::networks::configuration;
use super::paper::{TIMES, TIMES_S};
use crate::experiment::{About, Experiment, Results};
use crate::experiments::runs::{Variant, of_every_seed};
use crate::findings::Findings;
use crate::findings::claim::{Claim, Statement, Test};
use crate::findings::estimate::of_estimates;
use crate::findings::source::{Paper, Part};
use crate::findings::words::count;
use crate::measured::error::Error;
use crate::measured::measures::comparison::Method;
use crate::measured::measures::hardware_aware::HardwareAware;
use crate::measured::networks::NetworkId;
use crate::measured::point::Run;
use crate::measured::scale::Scale;
use crate::measured::statistics::Estimate;
use crate::opened::Networks;
use crate::request::Request;

/// The experiment.
#[derive(Debug)]
pub struct Ablation;

/// The network: the paper's is its ResNet-32.
const NETWORK: NetworkId = NetworkId::ResNetCifar10;

/// A way of training, with the paper's errors in % at the four times.
pub(super) struct Ablated {
    name: &'static str,
    paper: [f64; 4],
    change: fn(&mut crossbar::TileConfig, &mut AnalogTraining),
}

const OURS: &str = "everything";

/// Half of the recipe's: there are four networks to train.
const DESK_EPOCHS: usize = 1;

/// Rows of the paper's that are not run here: direct mapping, which `rasch2023/networks` shows, and
/// Joshi et al.'s method, of which it is not said how it was adapted. [Rasch23 Supp. Tab. 2]
const NOT_OURS: [(&str, [f64; 4]); 2] = [
    ("paper: ResNet-32 mapped directly", [10.03, 11.94, 14.27, 22.63]),
    ("paper: ResNet-32 by Joshi et al.'s method", [6.79, 7.27, 7.80, 9.60]),
];

/// [Rasch23 Supp. Tab. 2]
pub(super) const METHODS: [Ablated; 4] = [
    Ablated { name: OURS, paper: [6.79, 7.08, 7.50, 8.36], change: |_, _| () },
    Ablated {
        name: "output noise alone",
        paper: [7.04, 7.40, 8.03, 10.33],
        change: |tile, training| {
            training.weight_noise = None;
            tile.periphery.read_noise = crossbar::ReadNoise::None;
        },
    },
    Ablated {
        name: "short-term noise alone",
        paper: [7.01, 7.62, 8.15, 10.47],
        change: |tile, training| {
            training.weight_noise = None;
            tile.periphery.adc.noise = 0.0;
        },
    },
    Ablated {
        name: "no noise",
        paper: [7.36, 8.04, 8.67, 11.38],
        change: |tile, training| {
            training.weight_noise = None;
            tile.periphery.read_noise = crossbar::ReadNoise::None;
            tile.periphery.adc.noise = 0.0;
        },
    },
];

impl Ablated {
    /// The network trained so, and tested on the standard tile.
    fn measure(&self, scale: Scale) -> Result<HardwareAware, Error> {
        let (_, programmings) = repeats(scale);
        let mut measure = configuration(NETWORK, scale, programmings)?;
        let recipe = &mut measure.trained.recipe;
        let standard = recipe.analog.tile().clone();
        let (mut tile, mut training) = (standard.clone(), *recipe.analog.training());
        (self.change)(&mut tile, &mut training);
        recipe.analog =
            Analog::new(tile, training).map_err(|error| Error::Usage(error.to_string()))?;
        if scale == Scale::Desk {
            recipe.training.epochs = DESK_EPOCHS;
        }
        measure.aging.tile = Some(standard);
        measure.direct = false;
        Ok(measure)
    }
}

/// Training runs, and programmings of each.
pub(super) fn repeats(scale: Scale) -> (u64, u64) {
    scale.of([(1, 1), (1, 4), (3, 10), (3, 25)])
}

impl Experiment for Ablation {
    type Measure = HardwareAware;

    const ABOUT: About = about(
        "rasch2023/ablation",
        "Which noise in training makes the network robust",
        &[Part::SupplementaryTable("2")],
    );

    fn describe(&self, scale: Scale) -> String {
        let (seeds, programmings) = repeats(scale);
        let seeds = crate::experiments::training_runs::seeds_in_words(seeds);
        format!(
            "a residual network for CIFAR-10 trained in four ways, {seeds}, {}",
            count(programmings, "programming")
        )
    }

    fn runs(
        &self,
        request: &Request,
        opened: &mut Networks,
    ) -> Result<Vec<Run<Self::Measure>>, Error> {
        let (seeds, _) = repeats(request.scale);
        let workload = opened.open(NETWORK)?;
        let variant = |method: &Ablated| {
            let measure = method.measure(request.scale)?;
            let (name, work) = (method.name.to_owned(), measure.work(&*workload));
            Ok(Variant { name, measure, data: workload.data(), work })
        };
        let variants = METHODS.iter().map(variant).collect::<Result<Vec<_>, Error>>()?;
        Ok(of_every_seed(request, seeds, &variants))
    }

    fn findings(&self, results: &Results<Self::Measure>) -> Findings {
        let found = Found { results };
        let float = results.outcomes().next().map(|aged| aged.baseline.float_error_percent);
        Findings::default()
            .claims(claims(&found))
            .figures([figure(&found)])
            .tables([table(&found)])
            .notes(notes(float, results.scale))
    }
}

/// The outcomes, asked by method.
struct Found<'a> {
    results: &'a Results<HardwareAware>,
}

impl Found<'_> {
    /// By seed and programming, so that methods can be compared pair by pair.
    fn errors(&self, method: &Ablated, time: usize) -> Vec<f64> {
        let is = |measure: &HardwareAware| {
            method.measure(self.results.scale).is_ok_and(|this| this.trained == measure.trained)
        };
        let errors = self.results.of(is).map(|done| &done.outcome.errors);
        errors.flat_map(|errors| errors.at(Method::HardwareAware, TIMES_S[time]).to_vec()).collect()
    }

    fn mean(&self, method: &Ablated, time: usize) -> Option<Estimate> {
        Estimate::of(&self.errors(method, time))
    }

    /// What a method errs more than another after a year.
    fn worse(&self, method: &Ablated, than: &Ablated) -> Option<Estimate> {
        Estimate::of(&differences(&self.errors(method, YEAR), &self.errors(than, YEAR)))
    }
}

fn claims(found: &Found<'_>) -> [Claim; 3] {
    let [everything, output, short_term, none] = &METHODS;
    let claim = |id, method: &Ablated, text, rivals: &str, others: &[&Ablated]| {
        let printed = |method: &Ablated| method.paper[YEAR];
        let least = others.iter().map(|other| printed(other)).fold(f64::INFINITY, f64::min);
        let worse = others.iter().filter_map(|other| found.worse(method, other));
        Statement::new(id, Paper::Rasch2023.at(&[Part::SupplementaryTable("2")]), text)
            .test(format!("test error after 1 year − that with {rivals}"), Test::Above(0.0))
            .unit(" points")
            .paper(points(printed(method) - least, 2))
            .tested_from(Scale::Desk, found.results.scale)
            .judge(worse.min_by(|a, b| a.mean.total_cmp(&b.mean)))
    };
    [
        claim(
            "output-noise",
            output,
            "Output noise alone is not enough for a year.",
            "everything injected",
            &[everything],
        ),
        claim(
            "short-term-noise",
            short_term,
            "Short-term weight noise alone is not enough for a year.",
            "everything injected",
            &[everything],
        ),
        // What costs most is compared with the better of the two that inject one noise.
        claim(
            "no-noise",
            none,
            "Without noise in training a year costs most.",
            "either noise alone",
            &[output, short_term],
        ),
    ]
}

fn figure(found: &Found<'_>) -> Figure {
    let curves = METHODS.iter().enumerate().map(|(colour, method)| {
        let at = |t: usize| Some((TIMES_S[t], found.mean(method, t)?));
        of_estimates(method.name, colour, (0..TIMES.len()).filter_map(at))
    });
    Figure::new(
        "Test error on the standard tile over time, by what was injected in training; bands are \
         90 % intervals over programmings.",
        [over_time("Noise in training", "test error (%)", curves.collect())],
    )
}

fn table(found: &Found<'_>) -> Table {
    let printed = |name: &str, errors: [f64; 4]| named(name, errors.map(|error| number(error, 2)));
    let rows = METHODS.iter().flat_map(|method| {
        let ours = (0..TIMES.len()).map(|t| rounded(found.mean(method, t), 2));
        [named(method.name, ours), printed("paper: ResNet-32", method.paper)]
    });
    Table::new(
        "Test error in % by what was injected in training, always tested on the standard tile. ± is half \
         of a 90 % interval over programmings.",
        ["injected in training"].into_iter().chain(TIMES),
    )
    .rows(rows)
    .rows(NOT_OURS.map(|(name, errors)| printed(name, errors)))
}

fn notes(float: Option<f64>, scale: Scale) -> Vec<String> {
    let mut notes = Vec::new();
    notes.extend(float.map(|error| format!("The float network has a test error of {error:.2} %.")));
    if repeats(scale).0 == 1 {
        notes.push(ONE_TRAINING.to_owned());
    }
    if scale == Scale::Desk {
        notes.push(
            "Every way is trained for one epoch, less than the network is trained for elsewhere: \
             “everything” is not the network of the other sections."
                .to_owned(),
        );
    }
    notes
}
