//! The wave front cell by cell, cells beside the paper's table, energy, and every product.

use report::table::Table;
use systolic::networks::TrainedNetwork;
use systolic::resources::PAPER_TABLE_1;

use super::{CARDS, Found, WAVES};

pub(super) fn wave(found: &Found<'_>) -> Table {
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

pub(super) fn resources(found: &Found<'_>) -> Table {
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

pub(super) fn parts(found: &Found<'_>) -> Table {
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

pub(super) fn energy(found: &Found<'_>) -> Table {
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

pub(super) fn products(found: &Found<'_>) -> Table {
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
