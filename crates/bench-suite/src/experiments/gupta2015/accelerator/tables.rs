//! The wave front cell by cell, cells beside the paper's table, energy, and every product.

use report::table::{Cell, NONE, Table, cells, named, number};
use systolic::networks::TrainedNetwork;
use systolic::resources::PAPER_TABLE_1;

use super::{CARDS, Found, WAVES};
use crate::measured::measures::accelerator::{
    CardName, CellCounts, OnCardEpoch, Overhead, Part, product_name,
};

pub(super) fn wave(found: &Found<'_>) -> Table {
    let (_, n, k, tiles) = WAVES[0];
    let wave = found.wave((n, k, tiles));
    let rows = (0..n).map(|i| {
        let cells = (0..n).map(|j| {
            let (first, last) = (wave?.first.get(i * n + j)?, wave?.last.get(i * n + j)?);
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
        let ours = |part: Part| -> Cell {
            let count: fn(&CellCounts) -> u64 = match row.name {
                "LUT" => |cells| cells.lut,
                "FF" => |cells| cells.ff,
                "DSP" => |cells| cells.dsp,
                _ => return "0".into(),
            };
            found.resources().and_then(|resources| resources.parts.0.get(&part)).map(count).into()
        };
        cells![
            row.name,
            row.used,
            row.available,
            format!("{} %", row.percent),
            ours(Part::WithFifos),
            ours(Part::StochasticArray),
            ours(Part::Extrapolated),
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
    let parts = [
        Part::Cell,
        Part::StochasticUnit,
        Part::NearestUnit,
        Part::Lfsr,
        Part::StochasticArray,
        Part::NearestArray,
    ];
    let resources = found.resources();
    let rows = parts.map(|part| {
        let cells = resources.and_then(|resources| resources.parts.0.get(&part));
        let counts = cells.map(|cells| [cells.dsp, cells.lut, cells.ff, cells.carry4]);
        named(part.words(), (0..4).map(|i| counts.map(|counts| counts[i])))
    });
    let overhead = resources.and_then(|resources| resources.overhead);
    let percent = |of: fn(&Overhead) -> f64| number(overhead.as_ref().map(of), 2);
    let over = cells![
        "stochastic over nearest (%)",
        percent(|overhead| overhead.dsp),
        percent(|overhead| overhead.lut),
        percent(|overhead| overhead.ff),
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
    for (name, card) in CARDS {
        for network in TrainedNetwork::of_the_paper() {
            let epoch = found.card(card).and_then(|card| card.epochs.0.get(network.name));
            let text = |of: fn(&OnCardEpoch) -> f64, digits| number(epoch.map(of), digits);
            rows.push(cells![
                format!("{}, {name}", network.name),
                text(|epoch| epoch.operations / 1e12, 2),
                text(|epoch| epoch.seconds, 1),
                text(|epoch| epoch.update_seconds, 2),
                text(|epoch| epoch.gops, 1),
                text(|epoch| epoch.joules, 0),
                text(|epoch| epoch.pj_per_op, 1)
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
    let kintex = found.card(CardName::Kintex325t);
    let networks = TrainedNetwork::of_the_paper();
    let rows = networks.iter().flat_map(|network| {
        network.products().into_iter().map(move |product| {
            let name = product_name(&product);
            let on_card =
                kintex.and_then(|card| card.epochs.0.get(network.name)?.products.get(&name));
            let bound = on_card.map(|p| if p.bandwidth_bound { "memory" } else { "array" });
            cells![
                format!("{}: {name}", network.name),
                product.shape.to_string(),
                number(on_card.map(|product| product.utilisation_percent), 1),
                bound
            ]
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
