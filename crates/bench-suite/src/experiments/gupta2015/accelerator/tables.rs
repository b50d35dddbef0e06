//! The wave front cell by cell, cells beside the paper's table, energy, and every product.

use report::table::{NONE, Table, cells, named, number};
use systolic::networks::TrainedNetwork;
use systolic::resources::PAPER_TABLE_1;

use super::{CARDS, Found, WAVES};

pub(super) fn wave(found: &Found<'_>) -> Table {
    let (name, n, k, _) = WAVES[0];
    let (first, last) = (found.series(name, "first"), found.series(name, "last"));
    let rows = (0..n).map(|i| {
        let cells = (0..n).map(|j| {
            let (first, last) = (first.get(i * n + j)?, last.get(i * n + j)?);
            Some(format!("{first}–{last}"))
        });
        named(format!("row {i}"), cells)
    });
    Table::new(format!(
            "The wave front on a {n} × {n} array, k = {k}: first and last cycle in which each cell multiplies, as measured. A enters from the left, B from the top; the front moves along the anti-diagonals."
        ), std::iter::once(String::new())
            .chain((0..n).map(|j| format!("column {j}")))
            ).rows(rows)
}

pub(super) fn resources(found: &Found<'_>) -> Table {
    let rows = PAPER_TABLE_1.iter().map(|row| {
        let ours = |what: &str| match row.name {
            "LUT" => found.text("cells", &format!("{what}: lut"), 0),
            "FF" => found.text("cells", &format!("{what}: ff"), 0),
            "DSP" => found.text("cells", &format!("{what}: dsp"), 0),
            _ => "0".into(),
        };
        cells![
            row.name,
            row.used,
            row.available,
            format!("{} %", row.percent),
            ours("28 × 28 with FIFOs"),
            ours("28 × 28 array, stochastic"),
            ours("28 × 28 from cell and unit"),
        ]
    });
    Table::new(
        "The paper's Table 1 (whole design, on the device) beside the RTL here (array with \
         and without FIFOs, as Yosys maps it; last column: 784 cells and 28 rounding units \
         extrapolated from one of each). Our rounding units take look-up tables instead of \
         28 DSP slices.",
        [
            "resource",
            "paper: used",
            "available",
            "share",
            "array with FIFOs",
            "array",
            "extrapolated",
        ],
    )
    .rows(rows)
}

pub(super) fn parts(found: &Found<'_>) -> Table {
    let names = [
        "cell",
        "rounding unit, stochastic",
        "rounding unit, nearest",
        "LFSR",
        "28 × 28 array, stochastic",
        "28 × 28 array, nearest",
    ];
    let rows = names.map(|name| {
        let count = |resource| found.text("cells", &format!("{name}: {resource}"), 0);
        named(name, ["dsp", "lut", "ff", "carry4"].map(count))
    });
    let overhead = |resource| found.text("cells", &format!("overhead: {resource}"), 2);
    let over = cells![
        "stochastic over nearest (%)",
        overhead("dsp"),
        overhead("lut"),
        overhead("ff"),
        NONE
    ];
    Table::new(
        "Cells of each part, operands and results in ⟨2, 14⟩. The last row is what \
         stochastic rounding adds to the array; in its DSP column the paper's count, 28 \
         rounding slices for 784 cells. A 48-bit LFSR with 32 steps per sample is most of \
         it: the paper does not say how long its registers are.",
        ["part", "DSP48E1", "LUT", "FF", "CARRY4"],
    )
    .rows(rows)
    .row(over)
}

pub(super) fn energy(found: &Found<'_>) -> Table {
    let mut rows = Vec::new();
    for (card, _) in CARDS {
        for network in TrainedNetwork::of_the_paper() {
            let text = |what: &str, digits| {
                found.text(&format!("card {card}"), &format!("{}: {what}", network.name), digits)
            };
            let operations =
                found.value(&format!("card {card}"), &format!("{}: operations", network.name));
            rows.push(cells![
                format!("{}, {card}", network.name),
                number(operations.map(|ops| ops / 1e12), 2),
                text("seconds", 1),
                text("update_seconds", 2),
                text("gops", 1),
                text("joules", 0),
                text("pj_per_op", 1)
            ]);
        }
    }
    Table::new("An epoch of training: forward, backward and gradient products of every layer and \
                minibatch on the array, updates streamed past it. Energy is the card's power times \
                the time; the Alveo's is an upper bound. At its peak the paper's card takes 26.9 pJ \
                per operation.", [
            "network and card",
            "T-ops",
            "time (s)",
            "of it updates (s)",
            "sustained G-ops/s",
            "energy (J)",
            "pJ per operation",
        ]).rows(rows)
}

pub(super) fn products(found: &Found<'_>) -> Table {
    let networks = TrainedNetwork::of_the_paper();
    let rows = networks.iter().flat_map(|network| {
        network.products().into_iter().map(move |product| {
            let name = format!("{}: {} {:?}", network.name, product.layer.name, product.kind);
            let (utilisation, bound) = match found.series("card Kintex-7 325T", &name) {
                [_, _, _, utilisation, bound] => (Some(*utilisation), Some(*bound > 0.0)),
                _ => (None, None),
            };
            let bound = bound.map(|memory| if memory { "memory" } else { "array" });
            cells![name, product.shape.to_string(), number(utilisation, 1), bound]
        })
    });
    Table::new(
        "Every product of a minibatch on the paper's card: its sizes l × k × m, the share of \
         the peak rate that it sustains, and what limits it. Convolutions with few maps \
         leave most columns of the array empty.",
        ["product", "l × k × m", "of the peak (%)", "limited by"],
    )
    .rows(rows)
}
