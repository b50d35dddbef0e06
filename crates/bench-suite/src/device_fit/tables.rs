//! What a fit found, in rows.

use crossbar::device::{ErrorShape, ReadNoiseOf};
use crossbar::fit::{Coverage, DeviceFit, Interval, Level};
use report::number::{Number, significant};
use report::table::{Cell, Table, cells};

/// A value with its interval, with as many decimals as two digits of the interval's width need.
fn with_interval(Interval { value, low, high }: Interval) -> Cell {
    let width = if high > low { high - low } else { value.abs().max(1e-3) };
    let decimals = (1.0 - (0.5 * width).log10().floor()).clamp(0.0, 9.0) as usize;
    let of = |x: f64| Number::new(x, decimals).to_string();
    if high > low {
        format!("{} [{}, {}]", of(value), of(low), of(high)).into()
    } else {
        of(value).into()
    }
}

/// A state by its name: the number of its µS, or its pulse.
pub(super) fn state(level: &Level) -> String {
    match &level.pulse {
        Some(pulse) => format!("pulse {pulse}"),
        None if level.target_us == 0.0 => "0".to_owned(),
        None => significant(level.target_us, None),
    }
}

/// The states with what their devices have in common.
pub(super) fn levels(fit: &DeviceFit) -> Table {
    let mut table = Table::new(
        "States: the conductance after programming, the drift exponent and the read noise of their devices, each with \
         its 95 % interval.",
        [
            "state (µS)",
            "devices",
            "readings",
            "mean (µS)",
            "std (µS)",
            "mean of ν",
            "std of ν",
            "read noise (µS)",
        ],
    );
    for level in &fit.levels {
        table.push(cells![
            state(level),
            level.devices,
            level.readings,
            with_interval(level.g_mean_us),
            with_interval(level.g_std_us),
            level.nu_mean.map(with_interval),
            level.nu_std.map(with_interval),
            level.read_std_us.map(with_interval),
        ]);
    }
    table
}

/// What holds for all states.
pub(super) fn device(fit: &DeviceFit) -> Table {
    let per_cent = |share: Interval| {
        with_interval(Interval {
            value: 100.0 * share.value,
            low: 100.0 * share.low,
            high: 100.0 * share.high,
        })
    };
    let shape = match &fit.error_shape {
        ErrorShape::Normal => "normal",
        ErrorShape::LogNormal => "log-normal",
        ErrorShape::Quantiles(_) => "neither normal nor log-normal: as measured",
    };
    let noise = match (fit.read_noise_of, fit.t_read_s) {
        (ReadNoiseOf::Target, None) => "the same at all times".to_owned(),
        (ReadNoiseOf::Drifted, None) => "a share of the drifted conductance".to_owned(),
        (ReadNoiseOf::Target, Some(t)) => format!("1/f noise of reads of {t:e} s"),
        (ReadNoiseOf::Drifted, Some(t)) => {
            format!("1/f noise of reads of {t:e} s, a share of the drifted conductance")
        }
    };
    Table::new("The device.", ["property", "value"])
        .row(cells!["reference time of the drift (s)", significant(fit.t0_s, None)])
        .row(cells!["programming errors", shape])
        .row(cells!["correlation of error and exponent", fit.correlation.map(with_interval)])
        .row(cells!["read noise", noise])
        .row(cells!["stuck at the lowest conductance (%)", per_cent(fit.stuck.at_reset)])
        .row(cells!["stuck at the highest (%)", per_cent(fit.stuck.at_g_max)])
        .row(cells!["stuck elsewhere (%)", per_cent(fit.stuck.elsewhere)])
        .row(cells!["readings left out as outliers", fit.outliers])
}

/// The test on devices that were held out.
pub(super) fn held_out(fit: &DeviceFit) -> Option<Table> {
    let held = fit.held_out.as_ref()?;
    let mut table = Table::new(
        format!(
            "A test: the device was fitted anew without {} devices, then programmed, aged and read in their place. How \
             many of their readings lie within the middle 50 and 90 % of what it gives.",
            held.devices
        ),
        ["of each device", "readings", "within 50 %", "within 90 %"],
    );
    let per_cent = |share: f64| format!("{:.1} %", 100.0 * share);
    let rows: [(&str, Coverage); 3] = [
        ("the first reading", held.first),
        ("the last one", held.last),
        ("last over first", held.ratio),
    ];
    for (what, coverage) in rows.into_iter().filter(|(_, coverage)| coverage.count > 0) {
        let (half, most) = (per_cent(coverage.share_50()), per_cent(coverage.share_90()));
        table.push(cells![what, coverage.count, half, most]);
    }
    Some(table)
}

/// The same on a terminal, line by line.
pub(super) fn in_words(fit: &DeviceFit) -> Vec<String> {
    let tables = [Some(levels(fit)), Some(device(fit)), held_out(fit)];
    tables.into_iter().flatten().flat_map(|table| aligned(&table)).collect()
}

/// A table with columns of equal width, and an empty line below.
fn aligned(table: &Table) -> Vec<String> {
    let rows = || std::iter::once(&table.header).chain(&table.rows);
    let widths: Vec<usize> = (0..table.header.len())
        .map(|column| rows().map(|row| row[column].chars().count()).max().unwrap_or(0))
        .collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows().map(line).chain([String::new()]).collect()
}
