//! The heat map, the tables and the claims at an equal error of the product.

use report::table::{HeatCell, HeatMap, Table};

use super::super::boosts::{self, SCATTER};
use super::super::paper::Family;
use super::super::sensitivity::{Column, FAMILIES, Grid, class_words, family_words};
use super::ERROR_PERCENT;
use crate::findings::Findings;
use crate::findings::claim::{Claim, Test, display};
use crate::findings::source::{Paper, Part, Source};
use crate::measured::measures::equal_error::{
    CHANCE_ERROR, ERRORS, PRODUCT_ERROR, STANDARD_ERRORS, STANDARD_PRODUCT_ERROR, VALUE,
};
use crate::measured::measures::nonideality::{Axis, Class, Nonideality};
use crate::measured::scale::Scale;
use crate::measured::statistics::Estimate;
use crate::record::Record;

/// How much more a product may err where the axis begins, in points, for the value to count as one
/// of an equal error.
const TOO_MUCH: f64 = 0.5;
/// Loss in % up to which a nonideality does a network nothing: about the noise of one network.
const NOTHING: f64 = 2.0;
/// By what factor losses may differ and still be of similar size.
const SIMILAR: f64 = 3.0;

/// Losses by axis and network.
struct Map<'a> {
    grid: &'a Grid<'a>,
    /// [axis][network]
    losses: Vec<Vec<Option<Estimate>>>,
}

/// 100 (A_std − A)/(A_std − A_chance) of every programming of every seed.
fn losses(record: &Record) -> Option<Vec<f64>> {
    let (standard, raised) = (record.series(STANDARD_ERRORS), record.series(ERRORS));
    let chance = *record.measurements.values.get(CHANCE_ERROR)?;
    // One span for all: that of a single programming may be small by chance.
    let span = chance - Estimate::of(standard)?.mean;
    Some(raised.iter().zip(standard).map(|(a, b)| 100.0 * (a - b) / span).collect())
}

impl<'a> Map<'a> {
    fn new(grid: &'a Grid<'a>) -> Self {
        let cell = |axis: &'static Axis, column: &Column| {
            let all = grid.records(axis.nonideality, column.id).filter_map(losses);
            Estimate::of(&all.flatten().collect::<Vec<_>>())
        };
        let row = |axis: &&'static Axis| grid.columns.iter().map(|c| cell(axis, c)).collect();
        Self { grid, losses: grid.axes.iter().map(row).collect() }
    }

    fn value(&self, nonideality: Nonideality, name: &str) -> Option<Estimate> {
        // All networks of a seed have the same; the first one that is there says it.
        let column = self
            .grid
            .columns
            .iter()
            .find(|column| self.grid.records(nonideality, column.id).next().is_some())?;
        let values: Vec<f64> = self
            .grid
            .records(nonideality, column.id)
            .filter_map(|record| record.measurements.values.get(name).copied())
            .collect();
        Estimate::of(&values)
    }

    /// Whether the error of the product is that of the others.
    fn is_equal(&self, axis: &Axis) -> bool {
        self.value(axis.nonideality, PRODUCT_ERROR)
            .is_some_and(|error| (error.mean - ERROR_PERCENT).abs() < TOO_MUCH)
    }

    /// The loss of one network by one nonideality.
    fn loss(&self, nonideality: Nonideality, column: usize) -> Option<f64> {
        let at = self.grid.axes.iter().position(|axis| axis.nonideality == nonideality)?;
        Some(self.losses[at][column]?.mean)
    }

    /// Mean loss of one network over the paper's nonidealities of a class.
    fn class_loss(&self, class: Class, column: usize) -> Option<f64> {
        let axes = self.grid.papers().filter(|axis| axis.class == class && self.is_equal(axis));
        let losses: Vec<f64> =
            axes.filter_map(|axis| self.loss(axis.nonideality, column)).collect();
        Estimate::of(&losses).map(|estimate| estimate.mean)
    }

    /// One number of every network that has it.
    fn over_networks(&self, of: impl Fn(usize) -> Option<f64>) -> Vec<f64> {
        (0..self.grid.columns.len()).filter_map(of).collect()
    }
}

pub(super) fn findings(grid: &Grid<'_>, scale: Scale) -> Findings {
    let map = Map::new(grid);
    Findings {
        claims: claims(&map, scale >= Scale::Desk),
        heat_maps: if grid.axes.is_empty() { Vec::new() } else { vec![heat_map(&map)] },
        tables: vec![classes(&map), values(&map)],
        notes: notes(&map, scale),
        left_out: grid.left_out(scale),
        ..Findings::default()
    }
}

fn axis_name(map: &Map<'_>, axis: &Axis) -> String {
    let value = map.value(axis.nonideality, VALUE);
    let value = value.map_or(String::new(), |value| format!(", {}", axis.text(value.mean)));
    format!("{}{value}", axis.words)
}

fn heat_map(map: &Map<'_>) -> HeatMap {
    let most = map.losses.iter().flatten().flatten().fold(1.0f64, |most, loss| most.max(loss.mean));
    let cell = |loss: &Option<Estimate>| {
        loss.map(|loss| HeatCell {
            text: format!("{:.1}", loss.mean).replace('-', "−"),
            index: (loss.mean / most).clamp(0.0, 1.0),
        })
    };
    HeatMap {
        caption: format!(
            "Loss of accuracy above chance in % of that of the standard tile, after 1 h, with one \
             nonideality raised to where the standard product errs by {ERROR_PERCENT} %, as in Fig. \
             4B. Beside each its value there."
        ),
        rows: map.grid.axes.iter().map(|axis| axis_name(map, axis)).collect(),
        columns: map.grid.column_names(),
        cells: map.losses.iter().map(|row| row.iter().map(cell).collect()).collect(),
        scale: ("nothing lost".to_owned(), format!("{most:.0} % lost")),
    }
}

fn classes(map: &Map<'_>) -> Table {
    let text = |values: &[f64]| {
        Estimate::of(values).map_or("–".to_owned(), |estimate| display(estimate, ""))
    };
    let classes = [Class::InputOutput, Class::WeightLike, Class::Weight];
    let rows = classes.map(|class| {
        let of = |family: Option<Family>| {
            map.over_networks(|column| {
                let wanted = family.is_none_or(|family| map.grid.columns[column].family == family);
                map.class_loss(class, column).filter(|_| wanted)
            })
        };
        let mut row = vec![class_words(class).to_owned(), text(&of(None))];
        row.extend(FAMILIES.map(|family| text(&of(Some(family)))));
        row
    });
    let header = ["enters at", "all networks"].map(str::to_owned).into_iter();
    Table {
        caption: "Mean loss in % over the paper's nonidealities by where they enter, and its 90 % \
                  interval over networks."
            .to_owned(),
        header: header.chain(FAMILIES.map(|family| family_words(family).to_owned())).collect(),
        rows: rows.to_vec(),
    }
}

/// What was found by search beside what is known.
fn values(map: &Map<'_>) -> Table {
    let rows = map.grid.axes.iter().map(|axis| {
        let value = |name: &str| map.value(axis.nonideality, name);
        let text = |x: Option<f64>| x.map_or("–".to_owned(), |x| axis.text(x));
        let percent = |error: Option<Estimate>| {
            error.map_or("–".to_owned(), |error| format!("{:.1} %", error.mean))
        };
        let known = boosts::of(axis.nonideality);
        vec![
            format!("{} ({})", axis.words, axis.unit),
            text(value(VALUE).map(|value| value.mean)),
            percent(value(PRODUCT_ERROR)),
            percent(value(STANDARD_PRODUCT_ERROR)),
            text(known.and_then(|known| known.simulated)),
            text(known.and_then(|known| known.simulated_hour)),
            text(known.and_then(|known| known.paper)),
        ]
    });
    let header = [
        "raised alone",
        "value",
        "product error",
        "standard",
        "simulation",
        "simulation, 1 h",
        "paper",
    ];
    Table {
        caption: format!(
            "The value at which the standard product errs by {ERROR_PERCENT} %, found by bisection, \
             beside those of an independent simulation of the same tile in two conventions (weights \
             divided by the matrix maximum and no drift, as here; weights cut at ±1, both devices of \
             a pair, 1 h) and of the paper, which prints one."
        ),
        header: header.map(str::to_owned).to_vec(),
        rows: rows.collect(),
    }
}

fn claims(map: &Map<'_>, tested: bool) -> Vec<Claim> {
    let claim = |id, statement, test: &str, paper: &str, values: &[f64], limit, unit: &str| {
        // A single network is no scatter of networks.
        let measured = Estimate::of(values).filter(|e| tested && e.samples > 1);
        let source = if id == "values" {
            Source::ours(&[Part::Passage("not in the paper, beside Fig. 4")])
        } else {
            Paper::Rasch2023.at(&[Part::Figure("4")])
        };
        Claim::new(id, source, statement, test.to_owned(), paper.to_owned())
            .judge(measured, limit, unit)
    };
    let difference = |a: &dyn Fn(usize) -> Option<f64>, b: &dyn Fn(usize) -> Option<f64>| {
        map.over_networks(|column| Some(a(column)? - b(column)?))
    };
    let class = |class| move |column: usize| map.class_loss(class, column);
    let one = |nonideality| move |column: usize| map.loss(nonideality, column);
    let mean_of = |nonidealities: &'static [Nonideality]| {
        move |column: usize| {
            let losses: Vec<f64> =
                nonidealities.iter().filter_map(|n| map.loss(*n, column)).collect();
            Estimate::of(&losses).map(|estimate| estimate.mean)
        }
    };
    let of_family = |wanted: &dyn Fn(Family) -> bool, nonideality| {
        map.over_networks(|column| {
            let loss = map.loss(nonideality, column);
            loss.filter(|_| wanted(map.grid.columns[column].family))
        })
    };
    let stuck: &[Nonideality] =
        &[Nonideality::StuckReset, Nonideality::StuckMax, Nonideality::StuckRandom];
    let noise: &[Nonideality] = &[
        Nonideality::Pcm,
        Nonideality::Programming,
        Nonideality::AccumulatedNoise,
        Nonideality::ReadNoise,
    ];
    // Where next to nothing is lost a ratio has no meaning; one point more in both keeps it finite.
    let ratio = map.over_networks(|column| {
        let (stuck, noise) = (mean_of(stuck)(column)?, mean_of(noise)(column)?);
        Some(((stuck.max(0.0) + 1.0) / (noise.max(0.0) + 1.0)).log10())
    });
    let known: Vec<f64> = map
        .grid
        .axes
        .iter()
        .filter_map(|axis| {
            let simulated = boosts::of(axis.nonideality)?.simulated?;
            let ours = map.value(axis.nonideality, VALUE)?.mean;
            Some((axis.excess(ours) / axis.excess(simulated)).ln().abs())
        })
        .collect();
    // The excess goes with the square of an amplitude.
    let scatter = 2.0 * (1.0 + SCATTER).ln();
    vec![
        claim(
            "inputs-and-outputs",
            "At an equal error of the product, noise at inputs and outputs hurts much more than \
             that of weights.",
            "mean over networks of the loss by inputs and outputs − that by weights > 0",
            "> 0",
            &difference(&class(Class::InputOutput), &class(Class::Weight)),
            Test::Above(0.0),
            " %",
        ),
        claim(
            "ir-drop-like-weights",
            "The IR drop hurts less than noise at inputs and outputs.",
            "mean over networks of the loss by inputs and outputs − that by the IR drop > 0",
            "> 0",
            &difference(&class(Class::InputOutput), &class(Class::WeightLike)),
            Test::Above(0.0),
            " %",
        ),
        claim(
            "fixed-or-fresh",
            "An error of programming, which stays, is slightly worse than noise of every product.",
            "mean over networks of the loss by programming error − that by short-term noise > 0",
            "> 0",
            &difference(&one(Nonideality::Programming), &one(Nonideality::ReadNoise)),
            Test::Above(0.0),
            " %",
        ),
        claim(
            "asymmetry-unsigned",
            "Polarity asymmetry does nothing where inputs are not negative: networks of ReLUs.",
            &format!("mean over convolutional networks of the loss by asymmetry < {NOTHING} %"),
            "0 %",
            &of_family(&|family| family == Family::Convolutional, Nonideality::Asymmetry),
            Test::Below(NOTHING),
            " %",
        ),
        claim(
            "asymmetry-signed",
            "Where inputs are signed, in recurrent networks and transformers, polarity asymmetry has an \
             effect.",
            "mean over recurrent networks and transformers of the loss by asymmetry > 0",
            "> 0",
            &of_family(&|family| family != Family::Convolutional, Nonideality::Asymmetry),
            Test::Above(0.0),
            " %",
        ),
        claim(
            "asymmetry-modest",
            "That effect of polarity asymmetry is modest.",
            "mean over them of the loss by inputs and outputs − that by asymmetry > 0",
            "> 0",
            &map.over_networks(|column| {
                let signed = map.grid.columns[column].family != Family::Convolutional;
                let loss = map.loss(Nonideality::Asymmetry, column).filter(|_| signed)?;
                Some(map.class_loss(Class::InputOutput, column)? - loss)
            }),
            Test::Above(0.0),
            " %",
        ),
        claim(
            "yield",
            "Devices that are stuck do about as much as other noise of the weights.",
            &format!(
                "mean over networks of log₁₀ of (1 % + loss by stuck devices)/(1 % + loss by noise of \
                 weights), within a factor {SIMILAR}: ± {:.2}",
                SIMILAR.log10()
            ),
            "0",
            &ratio,
            Test::Between(-SIMILAR.log10(), SIMILAR.log10()),
            "",
        ),
        claim(
            "values",
            "The values at 20 % are those of an independent simulation of the tile.",
            &format!(
                "mean over nonidealities of |ln| of the excess over that of the simulation, within \
                 {:.0} % of an amplitude: < {scatter:.2}",
                100.0 * SCATTER
            ),
            "–",
            &known,
            Test::Below(scatter),
            "",
        ),
    ]
}

fn notes(map: &Map<'_>, scale: Scale) -> Vec<String> {
    let mut notes = vec![
        "The value of every nonideality was found with the same matrix, inputs and noise at every \
         step; drift exponents and their spread after 1 h with compensation, all others without \
         drift."
            .to_owned(),
        "The networks are those trained for the standard tile, with the same draws of devices and \
         noise on both tiles."
            .to_owned(),
    ];
    let unequal = map.grid.axes.iter().filter(|axis| !map.is_equal(axis));
    let unequal: Vec<String> = unequal
        .filter_map(|axis| {
            let error = map.value(axis.nonideality, PRODUCT_ERROR)?;
            Some(format!("{} ({:.1} %)", axis.words, error.mean))
        })
        .collect();
    if !unequal.is_empty() {
        notes.push(format!(
            "Without a value at {ERROR_PERCENT} %, and so in no mean or claim about classes: {}. The \
             paper's S-shape of strength 1/4 errs by more even without spread, so its boost cannot \
             be this one.",
            unequal.join(", ")
        ));
    }
    if scale < Scale::Paper {
        notes.push(
            "Of the convolutional networks resnet-cifar10 and wide-resnet have their first layer on \
             tiles, whose pixels are signed, so that asymmetry can matter to them."
                .to_owned(),
        );
        notes.push(
            "The matrices of small networks have few inputs, so that a share of the current of 512 \
             inputs is not theirs: noise at outputs, which does not grow with the inputs, weighs more \
             in them than in the standard product, and the IR drop less."
                .to_owned(),
        );
    }
    notes
}
