//! The heat map, the tables and the claims at an equal error of the product.

use report::table::{HeatCell, HeatMap, Table, cells, measured, named};

use super::super::boosts::{self, SCATTER};
use super::super::paper::{Family, family_words};
use super::super::sensitivity::{Column, Grid, class_words};
use super::ERROR_PERCENT;
use crate::findings::Findings;
use crate::findings::claim::{Claim, Statement, Test};
use crate::findings::source::{Paper, Part, Source};
use crate::measured::measures::equal_error::Equal;
use crate::measured::measures::nonideality::{Axis, Class, Nonideality};
use crate::measured::scale::Scale;
use crate::measured::statistics::Estimate;

/// How much more a product may err where the axis begins, in points, for the value to count as one
/// of an equal error.
const TOO_MUCH: f64 = 0.5;
/// Loss in % up to which a nonideality does a network nothing: about the noise of one network.
const NOTHING: f64 = 2.0;
/// By what factor losses may differ and still be of similar size.
const SIMILAR: f64 = 3.0;

/// Devices that do not move.
const STUCK: [Nonideality; 3] =
    [Nonideality::StuckReset, Nonideality::StuckMax, Nonideality::StuckRandom];
/// Noise of those that do.
const NOISE: [Nonideality; 4] = [
    Nonideality::Pcm,
    Nonideality::Programming,
    Nonideality::AccumulatedNoise,
    Nonideality::ReadNoise,
];

/// A number of an outcome, if it has it.
type Number = fn(&Equal) -> Option<f64>;

/// The value of the nonideality.
const VALUE: Number = |equal| equal.network.as_ref().map(|network| network.x);
const PRODUCT_ERROR: Number = |equal| Some(equal.product_error_percent);
const STANDARD_PRODUCT_ERROR: Number = |equal| Some(equal.standard_product_error_percent);

/// Losses by axis and network.
struct Map<'a> {
    grid: &'a Grid<'a, Equal>,
    /// [axis][network]
    losses: Vec<Vec<Option<Estimate>>>,
}

/// 100 (A_std − A)/(A_std − A_chance) of every programming of every seed.
fn losses(equal: &Equal) -> Option<Vec<f64>> {
    let network = equal.network.as_ref()?;
    let (standard, raised) = (&network.standard_error_percent, &network.error_percent);
    // One span for all: that of a single programming may be small by chance.
    let span = network.chance_error_percent - Estimate::of(standard)?.mean;
    Some(raised.iter().zip(standard).map(|(a, b)| 100.0 * (a - b) / span).collect())
}

impl<'a> Map<'a> {
    fn new(grid: &'a Grid<'a, Equal>) -> Self {
        let cell = |axis: &'static Axis, column: &Column| {
            let all = grid.outcomes(axis.nonideality, column.id).filter_map(losses);
            Estimate::of(&all.flatten().collect::<Vec<_>>())
        };
        let row = |axis: &&'static Axis| grid.columns.iter().map(|c| cell(axis, c)).collect();
        Self { grid, losses: grid.axes.iter().map(row).collect() }
    }

    fn value(&self, nonideality: Nonideality, of: Number) -> Option<Estimate> {
        // All networks of a seed have the same; the first one that is there says it.
        let column = self
            .grid
            .columns
            .iter()
            .find(|column| self.grid.outcomes(nonideality, column.id).next().is_some())?;
        let values: Vec<f64> = self.grid.outcomes(nonideality, column.id).filter_map(of).collect();
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

    /// Mean loss of one network over some nonidealities.
    fn mean_loss(&self, nonidealities: &[Nonideality], column: usize) -> Option<f64> {
        let losses: Vec<f64> = nonidealities.iter().filter_map(|n| self.loss(*n, column)).collect();
        Estimate::of(&losses).map(|estimate| estimate.mean)
    }

    /// One number of every network that has it.
    fn over_networks(&self, of: impl Fn(usize) -> Option<f64>) -> Vec<f64> {
        (0..self.grid.columns.len()).filter_map(of).collect()
    }
}

pub(super) fn findings(grid: &Grid<'_, Equal>, scale: Scale) -> Findings {
    let map = Map::new(grid);
    Findings::default()
        .claims(claims(&map, scale))
        .heat_maps((!grid.axes.is_empty()).then(|| heat_map(&map)))
        .tables([classes(&map), values(&map)])
        .notes(notes(&map, scale))
        .left_out(grid.left_out(scale))
}

fn axis_name(map: &Map<'_>, axis: &Axis) -> String {
    let value = map.value(axis.nonideality, VALUE);
    let value = value.map_or(String::new(), |value| format!(", {}", axis.text(value.mean)));
    format!("{}{value}", axis.words)
}

fn heat_map(map: &Map<'_>) -> HeatMap {
    let most = map.losses.iter().flatten().flatten().fold(1.0f64, |most, loss| most.max(loss.mean));
    let cell = |loss: Estimate| {
        HeatCell::new(report::Number::new(loss.mean, 1), (loss.mean / most).clamp(0.0, 1.0))
    };
    let caption = format!(
        "Loss of accuracy above chance in % of that of the standard tile, after 1 h, with one \
         nonideality raised to where the standard product errs by {ERROR_PERCENT} %, as in Fig. \
         4B. Beside each its value there."
    );
    let scale = ("nothing lost", &*format!("{most:.0} % lost"));
    let empty = HeatMap::new(caption, map.grid.column_names(), scale);
    map.grid.axes.iter().zip(&map.losses).fold(empty, |heat_map, (axis, losses)| {
        heat_map.row(axis_name(map, axis), losses.iter().map(|loss| loss.map(cell)))
    })
}

fn classes(map: &Map<'_>) -> Table {
    let rows = [Class::InputOutput, Class::WeightLike, Class::Weight].map(|class| {
        let of = |family: Option<Family>| {
            let losses = map.over_networks(|column| {
                let wanted = family.is_none_or(|family| map.grid.columns[column].family == family);
                map.class_loss(class, column).filter(|_| wanted)
            });
            measured(Estimate::of(&losses), "")
        };
        let families = Family::ALL.map(|family| of(Some(family)));
        named(class_words(class), [of(None)].into_iter().chain(families))
    });
    Table::new(
        "Mean loss in % over the paper's nonidealities by where they enter; ± is half of a 90 % \
         interval over networks.",
        ["enters at", "all networks"].into_iter().chain(Family::ALL.map(family_words)),
    )
    .rows(rows)
}

/// What was found by search beside what is known.
fn values(map: &Map<'_>) -> Table {
    let rows = map.grid.axes.iter().map(|axis| {
        let value = |of: Number| map.value(axis.nonideality, of).map(|value| value.mean);
        let text = |x: Option<f64>| x.map(|x| axis.text(x));
        let percent =
            |error: Option<f64>| error.map(|e| format!("{} %", report::Number::new(e, 1)));
        let known = boosts::of(axis.nonideality);
        cells![
            format!("{} ({})", axis.words, axis.unit),
            text(value(VALUE)),
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
    let caption = format!(
        "The value at which the standard product errs by {ERROR_PERCENT} %, found by bisection, \
         beside those of an independent simulation of the same tile in two conventions (weights \
         divided by the matrix maximum and no drift, as here; weights cut at ±1, both devices of a \
         pair, 1 h) and of the paper, which prints one."
    );
    Table::new(caption, header).rows(rows)
}

/// What the claims are about.
const FIGURE_4: Source = Paper::Rasch2023.at(&[Part::Figure("4")]);

/// A claim about networks, of which a single one is no scatter.
fn over(claim: Claim, scale: Scale, values: &[f64]) -> Claim {
    let several = Estimate::of(values).filter(|estimate| estimate.samples > 1);
    claim.tested_from(Scale::Desk, scale).judge(several)
}

fn claims(map: &Map<'_>, scale: Scale) -> Vec<Claim> {
    let mut claims = Vec::from(by_class(map, scale));
    claims.extend(of_asymmetry(map, scale));
    // Where next to nothing is lost a ratio has no meaning; one point more in both keeps it finite.
    let ratio = map.over_networks(|column| {
        let (stuck, noise) = (map.mean_loss(&STUCK, column)?, map.mean_loss(&NOISE, column)?);
        Some(((stuck.max(0.0) + 1.0) / (noise.max(0.0) + 1.0)).log10())
    });
    let similar = SIMILAR.log10();
    let stuck = Statement::new(
        "yield",
        FIGURE_4,
        "Devices that are stuck do about as much as other noise of the weights.",
    )
    .test_in_words(
        format!(
            "mean over networks of log₁₀ of (1 % + loss by stuck devices)/(1 % + loss by noise of \
             weights), within a factor {SIMILAR}: between −{similar:.2} and {similar:.2}"
        ),
        Test::Between(-similar, similar),
    )
    .paper("0");
    claims.push(over(stuck, scale, &ratio));
    let simulated = map.grid.axes.iter().filter_map(|axis| {
        let simulated = boosts::of(axis.nonideality)?.simulated?;
        let ours = map.value(axis.nonideality, VALUE)?.mean;
        Some((axis.excess(ours) / axis.excess(simulated)).ln().abs())
    });
    // The excess goes with the square of an amplitude.
    let scatter = 2.0 * (1.0 + SCATTER).ln();
    let values = Statement::new(
        "values",
        Source::ours(&[Part::Passage("not in the paper"), Part::Passage("beside Fig. 4")]),
        "The values at 20 % are those of an independent simulation of the tile.",
    )
    .test_in_words(
        format!(
            "mean over nonidealities of |ln| of the excess over that of the simulation, within \
             {:.0} % of an amplitude: < {scatter:.2}",
            100.0 * SCATTER
        ),
        Test::Below(scatter),
    );
    claims.push(over(values, scale, &simulated.collect::<Vec<_>>()));
    claims
}

/// What is lost by one class or nonideality and not by another.
fn by_class(map: &Map<'_>, scale: Scale) -> [Claim; 3] {
    let worse = |id,
                 text,
                 words: &str,
                 a: &dyn Fn(usize) -> Option<f64>,
                 b: &dyn Fn(usize) -> Option<f64>| {
        let differences = map.over_networks(|column| Some(a(column)? - b(column)?));
        let claim = Statement::new(id, FIGURE_4, text).test(words, Test::Above(0.0));
        over(claim.unit(" %").paper("> 0"), scale, &differences)
    };
    let class = |class| move |column: usize| map.class_loss(class, column);
    let one = |nonideality| move |column: usize| map.loss(nonideality, column);
    [
        worse(
            "inputs-and-outputs",
            "At an equal error of the product, noise at inputs and outputs hurts much more than that \
             of weights.",
            "mean over networks of the loss by inputs and outputs − that by weights",
            &class(Class::InputOutput),
            &class(Class::Weight),
        ),
        worse(
            "ir-drop-like-weights",
            "The IR drop hurts less than noise at inputs and outputs.",
            "mean over networks of the loss by inputs and outputs − that by the IR drop",
            &class(Class::InputOutput),
            &class(Class::WeightLike),
        ),
        worse(
            "fixed-or-fresh",
            "An error of programming, which stays, is slightly worse than noise of every product.",
            "mean over networks of the loss by programming error − that by short-term noise",
            &one(Nonideality::Programming),
            &one(Nonideality::ReadNoise),
        ),
    ]
}

/// What polarity asymmetry does where inputs are signed and where they are not.
fn of_asymmetry(map: &Map<'_>, scale: Scale) -> [Claim; 3] {
    let is_signed = |column: usize| map.grid.columns[column].family != Family::Convolutional;
    let loss = |column: usize| map.loss(Nonideality::Asymmetry, column);
    let unsigned = Statement::new(
        "asymmetry-unsigned",
        FIGURE_4,
        "Polarity asymmetry does nothing where inputs are not negative: networks of ReLUs.",
    )
    .test(
        "mean over convolutional networks of the loss by asymmetry {test} %",
        Test::Below(NOTHING),
    )
    .unit(" %")
    .paper("0 %");
    let signed = Statement::new(
        "asymmetry-signed",
        FIGURE_4,
        "Where inputs are signed, in recurrent networks and transformers, polarity asymmetry has an \
         effect.",
    )
    .test(
        "mean over recurrent networks and transformers of the loss by asymmetry",
        Test::Above(0.0),
    )
    .unit(" %")
    .paper("> 0");
    let modest = Statement::new(
        "asymmetry-modest",
        FIGURE_4,
        "That effect of polarity asymmetry is modest.",
    )
    .test("mean over them of the loss by inputs and outputs − that by asymmetry", Test::Above(0.0))
    .unit(" %")
    .paper("> 0");
    let of = |wanted: bool| {
        map.over_networks(|column| loss(column).filter(|_| is_signed(column) == wanted))
    };
    let more = map.over_networks(|column| {
        let loss = loss(column).filter(|_| is_signed(column))?;
        Some(map.class_loss(Class::InputOutput, column)? - loss)
    });
    [over(unsigned, scale, &of(false)), over(signed, scale, &of(true)), over(modest, scale, &more)]
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
            Some(format!("{} ({} %)", axis.words, report::Number::new(error.mean, 1)))
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
