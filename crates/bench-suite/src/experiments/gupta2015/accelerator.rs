//! The accelerator of [Gupta15 §5]: its wave, its throughput, its cells and its energy.
//!
//! Peak numbers and the resource table are the paper's; sustained numbers are ours, since the paper
//! gives none.

use crate::Error;
use crate::claim::{Claim, Test, Verdict};
use crate::experiment::{Context, Experiment, Findings, Point, Request, Results, Scale};
use crate::record::{Measurements, Record};
use crate::report::{Curve, Figure, LineStyle, Panel, Table};
use crate::statistics::Estimate;
use crate::workloads::accelerator::{Accelerator, CardName};
use systolic::networks::TrainedNetwork;
use systolic::resources::PAPER_TABLE_1;

/// The experiment.
#[derive(Debug)]
pub struct AcceleratorModel;

/// (name, n, k, tiles) of the waves: the drawn one, then those whose cells are counted.
const WAVES: [(&str, usize, usize, usize); 5] = [
    ("wave, one tile, drawn", 4, 6, 1),
    ("wave, one tile", 8, 16, 1),
    ("wave, back to back", 8, 16, 4),
    ("wave, drain-limited", 8, 4, 8),
    ("wave, the paper's array", 28, 784, 3),
];

const CARDS: [(&str, CardName); 2] =
    [("Kintex-7 325T", CardName::Kintex325t), ("Alveo U280", CardName::AlveoU280)];

/// Sizes of the square products.
fn sizes() -> Vec<usize> {
    (1..=60).map(|i| 28 * i).chain((61..=180).step_by(7).map(|i| 28 * i)).collect()
}

const WIDEST: u32 = 14;
const MOST_STEPS: u32 = 20;

impl Experiment for AcceleratorModel {
    fn id(&self) -> &'static str {
        "gupta2015/accelerator"
    }

    fn title(&self) -> &'static str {
        "The systolic accelerator with stochastic rounding"
    }

    fn source(&self) -> &'static str {
        "Gupta et al. 2015, §5, Tab. 1"
    }

    fn describe(&self, _: Scale) -> String {
        "The 28 × 28 array cycle by cycle, the card as a model of memory and clock, the cells as \
         Yosys maps the RTL; the same at every scale"
            .to_owned()
    }

    fn points(&self, request: &Request) -> Result<Vec<Point>, Error> {
        let waves = WAVES
            .iter()
            .map(|&(name, n, k, tiles)| (name.to_owned(), Accelerator::Wave { n, k, tiles }));
        let cards = CARDS.iter().map(|&(name, card)| {
            (format!("card {name}"), Accelerator::Card { card, sizes: sizes() })
        });
        let others = [
            (
                "random bits".to_owned(),
                Accelerator::Lfsr { widest: WIDEST, most_steps: MOST_STEPS, samples: 100_000 },
            ),
            ("cells".to_owned(), Accelerator::Resources),
        ];
        Ok(waves
            .chain(cards)
            .chain(others)
            .map(|(name, config)| Point {
                experiment: self.id(),
                name,
                config: serde_json::to_value(config).expect("a configuration is plain data"),
                // Nothing here is drawn: one point serves every seed.
                seed: request.seed,
                data: Vec::new(),
                work: 1,
            })
            .collect())
    }

    fn run(&self, point: &Point, _: &Context<'_>) -> Result<Measurements, Error> {
        let config: Accelerator = serde_json::from_value(point.config.clone())
            .map_err(|error| Error::Usage(format!("configuration of '{}': {error}", point.name)))?;
        config.run()
    }

    fn findings(&self, results: &Results<'_>) -> Findings {
        let found = Found { results };
        Findings {
            claims: claims(&found),
            figures: vec![
                wave_figure(&found),
                throughput_figure(&found),
                roofline_figure(&found),
                lfsr_figure(&found),
            ],
            tables: vec![
                wave_table(&found),
                resource_table(&found),
                part_table(&found),
                energy_table(&found),
                product_table(&found),
            ],
            notes: NOTES.iter().map(|&note| note.to_owned()).collect(),
        }
    }
}

const NOTES: [&str; 7] = [
    "Clock (166 MHz) and power (7 W) of the paper's card are estimates of the vendor's tool, as \
     the paper says. 260 G-ops/s is the peak 2 · n² · clock. The paper gives no sustained \
     throughput, for no size: those here are ours.",
    "L2 takes the block RAMs that the paper uses less half a block for each FIFO. Long inner \
     products leave room for fewer rows of A: from k = 3560 on only one tile of rows fits, and the \
     memory is the limit again.",
    "The results move down the columns, not up as in the paper's figure: the wave reaches the top \
     row first, so one register per cell suffices for full rate at k ≥ n.",
    "Minibatches of the two convolutional networks (100), their padding, and the size of the pooled \
     maps are not stated; patches lie expanded in memory; updates stream past the array at the \
     memory's bandwidth.",
    "LFSR width, polynomial, seeds and steps per sample are not stated. The default here: 48 bits, \
     32 steps per sample, columns spread evenly over the cycle.",
    "The paper's table is for the whole design after place and route by the vendor's tool: array, \
     L2, memory and host interfaces, control. Ours is the array with its FIFOs after mapping by \
     Yosys. It has no DSP slice in the rounding units, since an adder without a multiplier is not \
     mapped to one and the RTL names no vendor primitive; it has no block RAM, since its FIFOs are \
     small enough for look-up tables.",
    "The Alveo card's clock and power are assumed, not taken from a design: its numbers say what \
     scales, not what was built.",
];

/// The records, asked by point.
struct Found<'a> {
    results: &'a Results<'a>,
}

impl Found<'_> {
    fn record(&self, name: &str) -> Option<&Record> {
        let found = self.results.points.iter().find(|(point, _)| point.name == name);
        found.and_then(|(_, record)| record.as_ref())
    }

    fn value(&self, point: &str, name: &str) -> Option<f64> {
        self.record(point)?.measurements.values.get(name).copied()
    }

    fn series(&self, point: &str, name: &str) -> &[f64] {
        self.record(point).map_or(&[], |record| record.series(name))
    }

    /// A value as text; a dash if it is not there.
    fn text(&self, point: &str, name: &str, digits: usize) -> String {
        self.value(point, name).map_or("–".to_owned(), |value| format!("{value:.digits$}"))
    }
}

/// Cycles that T tiles back to back take by the paper's formulas.
fn formula(n: usize, k: usize, tiles: usize) -> usize {
    k + (tiles - 1) * k.max(n) + 2 * n - 2
}

fn claims(found: &Found<'_>) -> Vec<Claim> {
    let exact = |mean: f64| Estimate { mean, standard_error: 0.0, samples: 1 };
    let claim = |id, source, statement, test: &str, paper: &str| Claim {
        id,
        source,
        statement,
        test: test.to_owned(),
        paper: paper.to_owned(),
        measured: String::new(),
        verdict: Verdict::NotRun,
    };
    let kintex = |name| found.value("card Kintex-7 325T", name).map(exact);
    let excess: Option<Vec<f64>> = WAVES
        .iter()
        .map(|&(name, n, k, tiles)| {
            Some(found.value(name, "wave_cycles")? - formula(n, k, tiles) as f64)
        })
        .collect();
    let excess = excess.map(|all| exact(all.into_iter().fold(0.0, |a, b| a.max(b.abs()))));
    vec![
        claim(
            "wave-cycles",
            "§5.2",
            "The last cell of the array finishes after k + 2n − 2 cycles, and tiles follow each other without a gap.",
            "largest difference between the model's cycles and k + (T − 1) · max(k, n) + 2n − 2 over the waves shown is 0",
            "0 cycles",
        )
        .judge(excess, Test::Between(-0.5, 0.5), " cycles"),
        claim(
            "dsp-units",
            "§5.3, Tab. 1",
            "28 × 28 cells and 28 rounding units take 812 of 840 DSP slices.",
            "slices of the largest array that fits = 812",
            "812",
        )
        .judge(kintex("dsp_units"), Test::Between(811.5, 812.5), ""),
        claim(
            "peak",
            "§5.3",
            "The card computes 260 G-ops/s.",
            "peak 2 · n² · clock between 259.5 and 260.5 G-ops/s",
            "260 G-ops/s",
        )
        .judge(kintex("peak_gops"), Test::Between(259.5, 260.5), " G-ops/s"),
        claim(
            "efficiency",
            "§5.3",
            "At 7 W that is 37 G-ops/s/W.",
            "peak per watt between 36.5 and 37.5 G-ops/s/W",
            "37 G-ops/s/W",
        )
        .judge(kintex("peak_gops_per_w"), Test::Between(36.5, 37.5), " G-ops/s/W"),
        claim(
            "better-than-processors",
            "§5.3",
            "That is far above the 1 to 5 G-ops/s/W of processors and graphics cards.",
            "sustained rate per watt over an epoch of the MNIST DNN > 5 G-ops/s/W",
            "37 at the peak",
        )
        .judge(
            found
                .value("card Kintex-7 325T", "MNIST DNN: gops")
                .zip(found.value("card Kintex-7 325T", "power_w"))
                .map(|(gops, watts)| exact(gops / watts)),
            Test::Above(5.0),
            " G-ops/s/W",
        ),
        claim(
            "rounding-overhead",
            "§5.2",
            "Stochastic rounding costs less than 4 % of the hardware.",
            "rounding units over cells, each one DSP slice, < 4 %",
            "< 4 %",
        )
        .judge(
            found.value("cells", "overhead: dsp").map(exact),
            Test::Below(4.0),
            " %",
        ),
    ]
}

fn indexed(values: &[f64]) -> Vec<(f64, f64)> {
    values.iter().enumerate().map(|(i, &value)| (i as f64, value)).collect()
}

fn wave_figure(found: &Found<'_>) -> Figure {
    let panels = WAVES[1..]
        .iter()
        .map(|&(name, n, k, tiles)| Panel {
            title: format!("{}: n = {n}, k = {k}, {tiles} tiles", &name["wave, ".len()..]),
            x: "cycle".to_owned(),
            y: "cells at work".to_owned(),
            log_y: false,
            y_range: Some((0.0, 1.1 * (n * n) as f64)),
            curves: vec![Curve::line(
                "cells that multiply",
                3,
                LineStyle::Ours,
                indexed(&thinned(found.series(name, "busy"))),
            )],
        })
        .collect();
    Figure {
        caption: "The wave as it passes through the array: cells that multiply in each cycle, \
                  measured on the model. One tile fills and empties the array in k + 2n − 2 cycles; \
                  the next one follows without a gap; with k < n the drain of n results per column \
                  sets the pace. In the last panel every tenth cycle is shown, counted in tens."
            .to_owned(),
        panels,
    }
}

/// Every tenth value of a series that is too long to be drawn point by point.
fn thinned(values: &[f64]) -> Vec<f64> {
    let step = if values.len() > 500 { 10 } else { 1 };
    values.iter().copied().step_by(step).collect()
}

fn wave_table(found: &Found<'_>) -> Table {
    let (name, n, k, _) = WAVES[0];
    let (first, last) = (found.series(name, "first"), found.series(name, "last"));
    let rows = (0..n)
        .map(|i| {
            let cells = (0..n).map(|j| match (first.get(i * n + j), last.get(i * n + j)) {
                (Some(first), Some(last)) => format!("{first}–{last}"),
                _ => "–".to_owned(),
            });
            std::iter::once(format!("row {i}")).chain(cells).collect()
        })
        .collect();
    Table {
        caption: format!(
            "The wave front on a {n} × {n} array, k = {k}: first and last cycle in which each cell multiplies, as measured. A enters from the left, B from the top; the front moves along the anti-diagonals."
        ),
        header: std::iter::once(String::new())
            .chain((0..n).map(|j| format!("column {j}")))
            .collect(),
        rows,
    }
}

fn throughput_figure(found: &Found<'_>) -> Figure {
    let panels = CARDS
        .iter()
        .map(|&(name, _)| {
            let point = format!("card {name}");
            let gops = found.series(&point, "gops");
            let roof = found.series(&point, "roof_gops");
            let at = |values: &[f64]| -> Vec<(f64, f64)> {
                sizes().iter().map(|&size| size as f64).zip(values.iter().copied()).collect()
            };
            let peak = found.value(&point, "peak_gops").unwrap_or(f64::NAN);
            let last = sizes().last().copied().unwrap_or(1) as f64;
            Panel {
                title: name.to_owned(),
                x: "size of the square matrices".to_owned(),
                y: "G-ops/s".to_owned(),
                log_y: false,
                y_range: None,
                curves: vec![
                    Curve::line("sustained (ours)", 3, LineStyle::Ours, at(gops)),
                    Curve::line("roofline of its traffic", 2, LineStyle::Ours, at(roof)),
                    Curve::line("peak", 0, LineStyle::Paper, vec![(0.0, peak), (last, peak)]),
                ],
            }
        })
        .collect();
    Figure {
        caption: "Throughput of square products against their size, with as many rows of A in L2 as \
                  fit. Dashed: the peak, which is the paper's 260 G-ops/s on its card. The saw-tooth \
                  is that of tiles that do not fill the array or the block; where inner products \
                  grow too long for L2 the memory takes over."
            .to_owned(),
        panels,
    }
}

fn roofline_figure(found: &Found<'_>) -> Figure {
    let panels = CARDS
        .iter()
        .map(|&(name, _)| {
            let point = format!("card {name}");
            let value = |key: &str| found.value(&point, key).unwrap_or(f64::NAN);
            let (peak, bandwidth) = (value("peak_gops"), value("bandwidth_gb_per_s"));
            let roof = (0..=48)
                .map(|i| f64::from(i) / 4.0)
                .map(|x| (x, peak.min(x.exp2() * bandwidth)))
                .collect();
            let squares = found.series(&point, "ops_per_byte");
            let mut squares: Vec<(f64, f64)> = squares
                .iter()
                .zip(found.series(&point, "gops"))
                .take(40)
                .map(|(&x, &y)| (x.log2(), y))
                .collect();
            squares.sort_by(|a, b| a.0.total_cmp(&b.0));
            let mut curves = vec![
                Curve::line("peak and bandwidth", 0, LineStyle::Paper, roof),
                Curve::line("square products of 28 to 1120", 3, LineStyle::Ours, squares),
            ];
            for (i, network) in TrainedNetwork::of_the_paper().iter().enumerate() {
                let key = |what: &str| value(&format!("{}: {what}", network.name));
                let point = vec![(key("ops_per_byte").log2(), key("gops"))];
                let label = format!("epoch of the {}", network.name);
                curves.push(Curve::line(&label, [1, 2, 4][i], LineStyle::Ours, point));
            }
            Panel {
                title: name.to_owned(),
                x: "log₂ (operations per byte)".to_owned(),
                y: "G-ops/s".to_owned(),
                log_y: true,
                y_range: None,
                curves,
            }
        })
        .collect();
    Figure {
        caption: "Roofline: dashed the most that peak rate and memory bandwidth allow at each \
                  intensity, from the paper's numbers on its card; with markers what square products \
                  and whole epochs of the paper's networks sustain."
            .to_owned(),
        panels,
    }
}

fn lfsr_figure(found: &Found<'_>) -> Figure {
    let bias = found.series("random bits", "bias_ulp");
    let widths: Vec<f64> = (2..=WIDEST).map(f64::from).collect();
    let measured = widths.iter().copied().zip(bias.iter().copied()).collect();
    let expected = widths.iter().map(|&width| (width, (-width - 1.0).exp2())).collect();
    let correlation = found.series("random bits", "serial_correlation");
    let correlation: Vec<(f64, f64)> =
        (1..=MOST_STEPS).map(f64::from).zip(correlation.iter().copied()).collect();
    let halves = (1..=MOST_STEPS).map(|s| (f64::from(s), (-f64::from(s)).exp2())).collect();
    let panel = |title: &str, x: &str, y: &str, log_y, curves| Panel {
        title: title.to_owned(),
        x: x.to_owned(),
        y: y.to_owned(),
        log_y,
        y_range: None,
        curves,
    };
    Figure {
        caption: "What the LFSR leaves of uniform bits. Left: a register of N bits that fills N \
                  dropped bits is never 0 and rounds up too often, by 2^−(N+1) ulp on average \
                  (dashed), measured over whole periods. Right: words read from a 48-bit register \
                  are correlated with the ones before them by 2^−s for s steps per sample (dashed); \
                  one step per sample rounds neighbours alike."
            .to_owned(),
        panels: vec![
            panel(
                "never zero",
                "bits of the register",
                "bias (ulp)",
                true,
                vec![
                    Curve::line("measured", 3, LineStyle::Ours, measured),
                    Curve::line("2^−(N+1)", 3, LineStyle::Paper, expected),
                ],
            ),
            panel(
                "serial correlation",
                "steps per sample",
                "correlation",
                false,
                vec![
                    Curve::line("measured", 1, LineStyle::Ours, correlation),
                    Curve::line("2^−s", 1, LineStyle::Paper, halves),
                ],
            ),
        ],
    }
}

fn resource_table(found: &Found<'_>) -> Table {
    let rows = PAPER_TABLE_1
        .iter()
        .map(|row| {
            let ours = |what: &str| match row.name {
                "LUT" => found.text("cells", &format!("{what}: lut"), 0),
                "FF" => found.text("cells", &format!("{what}: ff"), 0),
                "DSP" => found.text("cells", &format!("{what}: dsp"), 0),
                _ => "0".to_owned(),
            };
            vec![
                row.name.to_owned(),
                row.used.to_string(),
                row.available.to_string(),
                format!("{} %", row.percent),
                ours("28 × 28 with FIFOs"),
                ours("28 × 28 array, stochastic"),
                ours("28 × 28 from cell and unit"),
            ]
        })
        .collect();
    Table {
        caption: "The paper's Table 1 (whole design, on the device) beside the RTL here (array with \
                  and without FIFOs, as Yosys maps it; last column: 784 cells and 28 rounding units \
                  extrapolated from one of each). Our rounding units take look-up tables instead of \
                  28 DSP slices."
            .to_owned(),
        header: [
            "resource",
            "paper: used",
            "available",
            "share",
            "array with FIFOs",
            "array",
            "extrapolated",
        ]
        .map(str::to_owned)
        .to_vec(),
        rows,
    }
}

fn part_table(found: &Found<'_>) -> Table {
    let names = [
        "cell",
        "rounding unit, stochastic",
        "rounding unit, nearest",
        "LFSR",
        "28 × 28 array, stochastic",
        "28 × 28 array, nearest",
    ];
    let mut rows: Vec<Vec<String>> = names
        .iter()
        .map(|name| {
            let counts = ["dsp", "lut", "ff", "carry4"]
                .map(|resource| found.text("cells", &format!("{name}: {resource}"), 0));
            std::iter::once((*name).to_owned()).chain(counts).collect()
        })
        .collect();
    rows.push(vec![
        "stochastic over nearest (%)".to_owned(),
        found.text("cells", "overhead: dsp", 2),
        found.text("cells", "overhead: lut", 2),
        found.text("cells", "overhead: ff", 2),
        "–".to_owned(),
    ]);
    Table {
        caption: "Cells of each part, operands and results in ⟨2, 14⟩. The last row is what \
                  stochastic rounding adds to the array; in its DSP column the paper's count, 28 \
                  rounding slices for 784 cells. A 48-bit LFSR with 32 steps per sample is most of \
                  it: the paper does not say how long its registers are."
            .to_owned(),
        header: ["part", "DSP48E1", "LUT", "FF", "CARRY4"].map(str::to_owned).to_vec(),
        rows,
    }
}

fn energy_table(found: &Found<'_>) -> Table {
    let mut rows = Vec::new();
    for (card, _) in CARDS {
        for network in TrainedNetwork::of_the_paper() {
            let text = |what: &str, digits| {
                found.text(&format!("card {card}"), &format!("{}: {what}", network.name), digits)
            };
            let operations = found
                .value(&format!("card {card}"), &format!("{}: operations", network.name))
                .map_or("–".to_owned(), |ops| format!("{:.2}", ops / 1e12));
            rows.push(vec![
                format!("{}, {card}", network.name),
                operations,
                text("seconds", 1),
                text("update_seconds", 2),
                text("gops", 1),
                text("joules", 0),
                text("pj_per_op", 1),
            ]);
        }
    }
    Table {
        caption: "An epoch of training: forward, backward and gradient products of every layer and \
                  minibatch on the array, updates streamed past it. Energy is the card's power times \
                  the time; the Alveo's is an upper bound. At its peak the paper's card takes 26.9 pJ \
                  per operation."
            .to_owned(),
        header: [
            "network and card",
            "T-ops",
            "time (s)",
            "of it updates (s)",
            "sustained G-ops/s",
            "energy (J)",
            "pJ per operation",
        ]
        .map(str::to_owned)
        .to_vec(),
        rows,
    }
}

fn product_table(found: &Found<'_>) -> Table {
    let rows = TrainedNetwork::of_the_paper()
        .iter()
        .flat_map(|network| {
            network.products().into_iter().map(move |product| {
                let name = format!("{}: {} {:?}", network.name, product.layer.name, product.kind);
                let series = found.series("card Kintex-7 325T", &name);
                let [utilisation, bound] = match series {
                    [_, _, _, utilisation, bound] => [
                        format!("{utilisation:.1}"),
                        if *bound > 0.0 { "memory" } else { "array" }.to_owned(),
                    ],
                    _ => ["–".to_owned(), "–".to_owned()],
                };
                vec![name, product.shape.to_string(), utilisation, bound]
            })
        })
        .collect();
    Table {
        caption:
            "Every product of a minibatch on the paper's card: its sizes l × k × m, the share of \
                  the peak rate that it sustains, and what limits it. Convolutions with few maps \
                  leave most columns of the array empty."
                .to_owned(),
        header: ["product", "l × k × m", "of the peak (%)", "limited by"]
            .map(str::to_owned)
            .to_vec(),
        rows,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::datasets::DataFolder;

    fn findings() -> Findings {
        let request =
            Request { scale: Scale::Smoke, seed: 0, seeds: None, data: DataFolder::new(None) };
        let points: Vec<(Point, Option<Record>)> = AcceleratorModel
            .points(&request)
            .unwrap()
            .into_iter()
            .map(|point| {
                let config: Accelerator = serde_json::from_value(point.config.clone()).unwrap();
                let record = Record::new(&point, config.run().unwrap());
                (point, Some(record))
            })
            .collect();
        AcceleratorModel.findings(&Results { scale: Scale::Smoke, points: &points })
    }

    #[test]
    fn every_claim_of_the_hardware_section_holds() {
        for claim in findings().claims {
            assert_eq!(claim.verdict, Verdict::Holds, "{}: {}", claim.id, claim.measured);
        }
    }

    #[test]
    fn no_cell_of_a_table_is_left_empty() {
        for table in findings().tables {
            for row in table.rows {
                assert_eq!(row.len(), table.header.len(), "{row:?}");
                assert!(row[1..].iter().filter(|cell| *cell == "–").count() <= 1, "{row:?}");
            }
        }
    }
}
