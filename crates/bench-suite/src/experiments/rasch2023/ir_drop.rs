//! The IR-drop estimate against exact circuits: [Rasch23 Eq. 15–18].

use report::Number;
use report::figure::{Curve, Figure, LineStyle, Panel};
use report::table::{Table, named, number};

use crate::experiment::{About, Experiment, Results, StandIns};
use crate::experiments::runs::alone;
use crate::experiments::training_runs::seeds_in_words;
use crate::findings::Findings;
use crate::findings::claim::{Statement, Test};
use crate::findings::source::{Paper, Part};
use crate::measured::error::Error;
use crate::measured::measures::ir_drop::{self as measured, Drops};
use crate::measured::point::Run;
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
    scale.of([(40, 32, 1), (96, 128, 3), (96, 128, 10), (256, 512, 10)])
}

impl Experiment for IrDrop {
    type Measure = measured::IrDrop;

    const ABOUT: About = About {
        id: "rasch2023/ir-drop",
        title: "The IR-drop estimate against exact circuits",
        source: Paper::Rasch2023.at(&[Part::Equation("15–18")]),
        stand_ins: StandIns::Never,
    };

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

    fn runs(&self, request: &Request, _: &mut Networks) -> Result<Vec<Run<Self::Measure>>, Error> {
        let (size, columns, seeds) = size(request.scale);
        let (factors, rows) = (FACTORS.to_vec(), ROWS.to_vec());
        let circuits = measured::IrDrop { size, columns, factors, rows };
        Ok(alone(request, seeds, circuits, (size * size) as u64))
    }

    fn findings(&self, results: &Results<Self::Measure>) -> Findings {
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
        .judge(found.estimate(|d| &d.small_ratio, ROWS.len() - 1))
        // Of circuits alone.
        .by_construction();
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

/// Numbers by wire resistance or by active rows.
type Series = fn(&Drops) -> &[f64];

/// The outcomes, asked by series and place.
struct Found<'a> {
    results: &'a Results<measured::IrDrop>,
}

impl Found<'_> {
    fn estimate(&self, series: Series, i: usize) -> Option<Estimate> {
        let values = self.results.outcomes().filter_map(|drops| series(drops).get(i).copied());
        Estimate::of(&values.collect::<Vec<_>>())
    }

    fn mean(&self, series: Series, i: usize) -> Option<f64> {
        self.estimate(series, i).map(|e| e.mean)
    }
}

fn figure(found: &Found<'_>) -> Figure {
    // Log axes of a quantity that is 0 have no place for it.
    let by_load = |series: Series| -> Vec<(f64, f64)> {
        (0..FACTORS.len())
            .filter_map(|i| Some((found.mean(|d| &d.load, i)?.log10(), found.mean(series, i)?)))
            .collect()
    };
    let by_rows = |series: Series| -> Vec<(f64, f64)> {
        (0..ROWS.len())
            .filter_map(|i| Some(((ROWS[i] as f64).log2(), found.mean(series, i)?)))
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
                    line("drop, full circuit", 0, by_load(|d| &d.drop)),
                    line("drop, bit line", 1, by_load(|d| &d.line_drop)),
                    line("error of the estimate, full circuit", 2, by_load(|d| &d.against_circuit)),
                    line("error of the estimate, bit line", 3, by_load(|d| &d.against_line)),
                ]),
            Panel::new("Signed weights, by rows", "log₂ of the active rows", "drop (%)")
                .log_y()
                .curves([
                    line("bit line, uniform inputs", 0, by_rows(|d| &d.uniform_drop)),
                    line("estimate, uniform inputs", 1, by_rows(|d| &d.uniform_estimate)),
                    line("bit line, small inputs", 2, by_rows(|d| &d.small_drop)),
                    line("estimate, small inputs", 3, by_rows(|d| &d.small_estimate)),
                ]),
        ],
    )
}

fn by_load(found: &Found<'_>) -> Table {
    let percent = |series: Series, i: usize| {
        found.mean(series, i).map(|value| match value {
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
        let load = found.mean(|d| &d.load, i).map(|a| format!("{a:.1e}"));
        let lengths: [Series; 4] =
            [|d| &d.drop, |d| &d.line_drop, |d| &d.against_circuit, |d| &d.against_line];
        named(load, lengths.map(|series| percent(series, i)))
    });
    Table::new("Positive weights: relative lengths over columns, means over seeds.", header)
        .rows(rows)
}

fn by_rows(found: &Found<'_>) -> Table {
    let rows = (0..ROWS.len()).map(|i| {
        let ratios: [Series; 2] = [|d| &d.uniform_ratio, |d| &d.small_ratio];
        named(ROWS[i], ratios.map(|series| number(found.mean(series, i), 2)))
    });
    Table::new(
        "Signed weights at the paper's wires: drop of the bit line over the estimated drop, means \
         over seeds.",
        ["active rows", "uniform inputs", "small correlated inputs"],
    )
    .rows(rows)
}
