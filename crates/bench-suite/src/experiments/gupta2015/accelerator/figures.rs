//! The wave, throughput against size, the roofline, and what an LFSR leaves of uniform bits.

use report::figure::{Curve, Figure, LineStyle, Panel};
use systolic::networks::TrainedNetwork;

use super::{CARDS, Found, MOST_STEPS, WAVES, WIDEST, sizes};
use crate::measured::measures::accelerator::CardName;

/// The limits of the paper's card are the paper's.
fn limit_style(card: CardName) -> LineStyle {
    match card {
        CardName::Kintex325t => LineStyle::Paper,
        CardName::AlveoU280 => LineStyle::Ours,
    }
}

fn indexed(values: &[f64]) -> Vec<(f64, f64)> {
    values.iter().enumerate().map(|(i, &value)| (i as f64, value)).collect()
}

pub(super) fn wave(found: &Found<'_>) -> Figure {
    let panels = WAVES[1..].iter().map(|&(name, n, k, tiles)| {
        Panel::new(
            format!(
                "{}: n = {n}, k = {k}, {tiles} {}",
                &name["wave, ".len()..],
                if tiles == 1 { "tile" } else { "tiles" }
            ),
            "cycle",
            "cells at work",
        )
        .y_range((0.0, 1.1 * (n * n) as f64))
        .curves([Curve::line(
            "cells that multiply",
            3,
            LineStyle::Ours,
            indexed(&thinned(found.series(name, "busy"))),
        )])
    });
    Figure::new(
        "The wave as it passes through the array: cells that multiply in each cycle, \
         measured on the model. One tile fills and empties the array in k + 2n − 2 cycles; \
         the next one follows without a gap; with k < n the drain of n results per column \
         sets the pace. In the last panel every tenth cycle is shown, counted in tens.",
        panels,
    )
}

/// Every tenth value of a series that is too long to be drawn point by point.
fn thinned(values: &[f64]) -> Vec<f64> {
    let step = if values.len() > 500 { 10 } else { 1 };
    values.iter().copied().step_by(step).collect()
}

pub(super) fn throughput(found: &Found<'_>) -> Figure {
    let panels = CARDS.iter().map(|&(name, card)| {
        let point = format!("card {name}");
        let gops = found.series(&point, "gops");
        let roof = found.series(&point, "roof_gops");
        let at = |values: &[f64]| -> Vec<(f64, f64)> {
            sizes().iter().map(|&size| size as f64).zip(values.iter().copied()).collect()
        };
        let peak = found.value(&point, "peak_gops").unwrap_or(f64::NAN);
        let last = sizes().last().copied().unwrap_or(1) as f64;
        Panel::new(name, "size of the square matrices", "G-ops/s").curves([
            Curve::line("sustained (ours)", 3, LineStyle::Ours, at(gops)),
            Curve::line("roofline of its traffic", 2, LineStyle::Ours, at(roof)),
            Curve::line("peak", 0, limit_style(card), vec![(0.0, peak), (last, peak)]),
        ])
    });
    Figure::new(
        "Throughput of square products against their size, with as many rows of A in L2 as \
         fit, and the peak, which is the paper's 260 G-ops/s on its card. The saw-tooth \
         is that of tiles that do not fill the array or the block; where inner products \
         grow too long for L2 the memory takes over.",
        panels,
    )
}

pub(super) fn roofline(found: &Found<'_>) -> Figure {
    let panels = CARDS.iter().map(|&(name, card)| {
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
            Curve::line("peak and bandwidth", 0, limit_style(card), roof),
            Curve::line("square products of 28 to 1120", 3, LineStyle::Ours, squares),
        ];
        for (i, network) in TrainedNetwork::of_the_paper().iter().enumerate() {
            let key = |what: &str| value(&format!("{}: {what}", network.name));
            let point = vec![(key("ops_per_byte").log2(), key("gops"))];
            let label = format!("epoch of the {}", network.name);
            curves.push(Curve::line(label, [1, 2, 4][i], LineStyle::Ours, point));
        }
        Panel::new(name, "log₂ (operations per byte)", "G-ops/s").log_y().curves(curves)
    });
    Figure::new(
        "Roofline: the most that peak rate and memory bandwidth allow at each intensity, \
         from the paper's numbers on its card (dashed); with markers what square products \
         and whole epochs of the paper's networks sustain.",
        panels,
    )
}

pub(super) fn lfsr(found: &Found<'_>) -> Figure {
    let bias = found.series("random bits", "bias_ulp");
    let widths: Vec<f64> = (2..=WIDEST).map(f64::from).collect();
    let measured = widths.iter().copied().zip(bias.iter().copied()).collect();
    let expected = widths.iter().map(|&width| (width, (-width - 1.0).exp2())).collect();
    let correlation = found.series("random bits", "serial_correlation");
    let correlation: Vec<(f64, f64)> =
        (1..=MOST_STEPS).map(f64::from).zip(correlation.iter().copied()).collect();
    let halves = (1..=MOST_STEPS).map(|s| (f64::from(s), (-f64::from(s)).exp2())).collect();
    let line = |label: &str, colour, points| Curve::line(label, colour, LineStyle::Ours, points);
    Figure::new(
        "What the LFSR leaves of uniform bits. Left: a register of N bits that fills N \
         dropped bits is never 0 and rounds up too often, by 2^−(N+1) ulp on average, \
         measured over whole periods. Right: words read from a 48-bit register are \
         correlated with the ones before them by 2^−s for s steps per sample; one step \
         per sample rounds neighbours alike.",
        [
            Panel::new("never zero", "bits of the register", "bias (ulp)")
                .log_y()
                .curves([line("measured", 3, measured), line("2^−(N+1)", 0, expected)]),
            Panel::new("serial correlation", "steps per sample", "correlation")
                .curves([line("measured", 1, correlation), line("2^−s", 0, halves)]),
        ],
    )
}
