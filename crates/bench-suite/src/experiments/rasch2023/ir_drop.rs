//! The IR-drop estimate against exact circuits: [Rasch23 Eq. 15–18].

use report::Number;
use report::figure::{Curve, Figure, LineStyle, Panel};
use report::table::{Table, named, number};

use super::point_per_seed;
use crate::experiment::{Experiment, Results};
use crate::experiments::training_runs::seeds_in_words;
use crate::findings::Findings;
use crate::findings::claim::{Statement, Test};
use crate::findings::source::{Paper, Part, Source};
use crate::measured::context::Context;
use crate::measured::error::Error;
use crate::measured::measurements::Measurements;
use crate::measured::measures::ir_drop::{
    AGAINST_CIRCUIT, AGAINST_LINE, DROP, IrDrop as Run, LINE_DROP, LOAD, SMALL_DROP,
    SMALL_ESTIMATE, SMALL_RATIO, UNIFORM_DROP, UNIFORM_ESTIMATE, UNIFORM_RATIO,
};
use crate::measured::point::Point;
use crate::measured::scale::Scale;
use crate::measured::statistics::Estimate;
use crate::opened::Networks;
use crate::request::Request;

/// The experiment.
#[derive(Debug)]
pub struct IrDrop;

/// Multiples of the paper's wire resistance, up to where the estimate's cubic diverges.
///
/// Assumed: the paper varies the multiplier of the drop, not the wires.
const FACTORS: [f64; 8] = [0.1, 1.0, 10.0, 31.6, 100.0, 178.0, 316.0, 562.0];
/// Active rows of the second comparison.
const ROWS: [usize; 6] = [16, 32, 64, 128, 256, 512];

/// Rows and columns of the square array, bit lines of the second comparison, and seeds.
const fn size(scale: Scale) -> (usize, usize, u64) {
    match scale {
        Scale::Smoke => (40, 32, 1),
        Scale::Desk => (96, 128, 3),
        Scale::Paper => (256, 512, 10),
    }
}

impl Experiment for IrDrop {
    fn id(&self) -> &'static str {
        "rasch2023/ir-drop"
    }

    fn title(&self) -> &'static str {
        "The IR-drop estimate against exact circuits"
    }

    fn source(&self) -> Source {
        Paper::Rasch2023.at(&[Part::Equation("15–18")])
    }

    fn describe(&self, scale: Scale) -> String {
        let (size, columns, seeds) = size(scale);
        format!(
            "{size} × {size} circuits with {} wire resistances, {columns} bit lines of up to {} \
             rows, {}",
            FACTORS.len(),
            ROWS[ROWS.len() - 1],
            seeds_in_words(seeds)
        )
    }

    fn points(&self, request: &Request, _: &mut Networks) -> Result<Vec<Point>, Error> {
        let (size, columns, seeds) = size(request.scale);
        let run = Run { size, columns, factors: FACTORS.to_vec(), rows: ROWS.to_vec() };
        Ok(point_per_seed(self.id(), request, seeds, &run, (size * size) as u64))
    }

    fn run(&self, point: &Point, context: &Context<'_>) -> Result<Measurements, Error> {
        Run::run_point(point, context)
    }

    fn findings(&self, results: &Results<'_>) -> Findings {
        let found = Found { results };
        // Over seeds the ratios scatter by less than a tenth.
        let claim = Statement::new(
            "estimate-too-small",
            Paper::Rasch2023.at(&[Part::Passage("Methods"), Part::Passage("after Eq. 18")]),
            "The estimate is too small for normal weights with small, correlated inputs.",
        )
        .test(
            "drop of a bit line with 512 rows over its estimate is above {limit}",
            Test::Above(2.0),
        )
        .unit(" times")
        .paper("about 5")
        .judge(found.estimate(SMALL_RATIO, ROWS.len() - 1));
        Findings::default()
            .claims([claim])
            .figures([figure(&found)])
            .tables([by_load(&found), by_rows(&found)])
            .notes([
                "The estimate puts the average current everywhere on the line and knows nothing of \
                 word lines. Beyond a ≈ 2 its cubic diverges; the standard tile is at a ≈ 0.05.",
                "Small inputs are N(0, 0.1) mixed with one column w of the weights, ρ w + (1 − ρ) x \
                 with ρ = 0.05, as the paper has it for Fig. 4A; it names neither number for its \
                 factor of about five.",
            ])
    }
}

/// The records, asked by series and place.
struct Found<'a> {
    results: &'a Results<'a>,
}

impl Found<'_> {
    fn estimate(&self, name: &str, i: usize) -> Option<Estimate> {
        let records = self.results.points.iter().filter_map(|(_, record)| record.as_ref());
        let values: Vec<f64> = records.filter_map(|r| r.series(name).get(i).copied()).collect();
        Estimate::of(&values)
    }

    fn mean(&self, name: &str, i: usize) -> Option<f64> {
        self.estimate(name, i).map(|e| e.mean)
    }
}

fn figure(found: &Found<'_>) -> Figure {
    // Log axes of a quantity that is 0 have no place for it.
    let by_load = |name: &str| -> Vec<(f64, f64)> {
        (0..FACTORS.len())
            .filter_map(|i| Some((found.mean(LOAD, i)?.log10(), found.mean(name, i)?)))
            .collect()
    };
    let by_rows = |name: &str| -> Vec<(f64, f64)> {
        (0..ROWS.len())
            .filter_map(|i| Some(((ROWS[i] as f64).log2(), found.mean(name, i)?)))
            .collect()
    };
    let line = |label: &str, colour, points| Curve::line(label, colour, LineStyle::Ours, points);
    Figure::new(
        "Left: what the wires take away from positive weights and inputs, and the error that the \
         estimate leaves, by load a = γ n Σ|w||x|; both against the full circuit and against the \
         bit line alone (Eq. 15). Right: the drop of a bit line at the paper's wires for weights \
         N(0, 0.246), exact and estimated, by active rows.",
        [
            Panel::new("Positive weights, by load", "log₁₀ a", "relative length (%)")
                .log_y()
                .curves([
                    line("drop, full circuit", 0, by_load(DROP)),
                    line("drop, bit line", 1, by_load(LINE_DROP)),
                    line("error of the estimate, full circuit", 2, by_load(AGAINST_CIRCUIT)),
                    line("error of the estimate, bit line", 3, by_load(AGAINST_LINE)),
                ]),
            Panel::new("Signed weights, by rows", "log₂ of the active rows", "drop (%)")
                .log_y()
                .curves([
                    line("bit line, uniform inputs", 0, by_rows(UNIFORM_DROP)),
                    line("estimate, uniform inputs", 1, by_rows(UNIFORM_ESTIMATE)),
                    line("bit line, small inputs", 2, by_rows(SMALL_DROP)),
                    line("estimate, small inputs", 3, by_rows(SMALL_ESTIMATE)),
                ]),
        ],
    )
}

fn by_load(found: &Found<'_>) -> Table {
    let percent = |name: &str, i: usize| {
        found.mean(name, i).map(|value| match value {
            v if v < 0.1 => format!("{} %", Number::new(v, 4)),
            v if v < 10.0 => format!("{} %", Number::new(v, 2)),
            v => format!("{} %", Number::new(v, 0)),
        })
    };
    let header = [
        "load a",
        "drop, full circuit",
        "drop, bit line",
        "estimate against circuit",
        "estimate against bit line",
    ];
    let rows = (0..FACTORS.len()).map(|i| {
        let load = found.mean(LOAD, i).map(|a| format!("{a:.1e}"));
        let lengths = [DROP, LINE_DROP, AGAINST_CIRCUIT, AGAINST_LINE];
        named(load, lengths.map(|name| percent(name, i)))
    });
    Table::new("Positive weights: relative lengths over columns, means over seeds.", header)
        .rows(rows)
}

fn by_rows(found: &Found<'_>) -> Table {
    let rows = (0..ROWS.len()).map(|i| {
        let ratios = [UNIFORM_RATIO, SMALL_RATIO];
        named(ROWS[i], ratios.map(|name| number(found.mean(name, i), 2)))
    });
    Table::new(
        "Signed weights at the paper's wires: drop of the bit line over the estimated drop, means \
         over seeds.",
        ["active rows", "uniform inputs", "small correlated inputs"],
    )
    .rows(rows)
}
