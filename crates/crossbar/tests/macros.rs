//! `docs/crossbar/macros.md`: published macros beside what the component figures make of them. To write
//! the page again:
//!
//! ```console
//! $ DITHER_UPDATE=1 cargo test -p crossbar --test macros
//! ```

use std::fmt::Write;
use std::path::Path;

use crossbar::cost::macros::{Array, Components};
use crossbar::cost::{Cost, Macro, Range};

/// A factor beyond which a difference is called one.
const FAR: f64 = 3.0;

/// Efficiency in TOPS/W; the end of the range that takes the most energy gives the least.
fn tops_per_watt(cost: &Cost) -> Range {
    let of = |pj: f64| 2.0 * cost.macs as f64 / pj;
    let Range { low, nominal, high } = cost.energy.total_pj();
    Range { low: of(high), nominal: of(nominal), high: of(low) }
}

/// A number with three digits.
fn digits(x: f64) -> String {
    let decimals = (2.0 - x.abs().log10().floor()).clamp(0.0, 6.0) as usize;
    format!("{x:.decimals$}")
}

fn kind(array: &Array) -> &'static str {
    match array {
        Array::Currents { .. } => "currents",
        Array::Charges { .. } => "charges",
        Array::Adders { .. } => "adders",
    }
}

fn page() -> String {
    let components = Components::shipped();
    let macros = Macro::shipped();
    let mut page = "# Published macros, and what these figures make of them\n\n\
        What `crossbar::cost` says of macros that were built, or drawn by others, with figures that are not\n\
        theirs: wires, gates and adders of `presets/cost-components.toml`, converters of the survey, and\n\
        the sizes, voltages and times of each macro from `presets/macros`, where every number has its\n\
        source and what is estimated says `Assumed:`. Nothing is fitted. Computed by a test of `crossbar`.\n\n\
        TOPS/W of one product of one array; a multiplication and an addition are two operations. In\n\
        brackets the range: of the quartiles of the survey and of the ranges of the components, all low or\n\
        all high at once.\n\n\
        | macro | technology | array | published TOPS/W | ours | ours / published | published in our range |\n\
        | --- | --- | --- | --- | --- | --- | --- |\n"
        .to_owned();
    let row = |page: &mut String, of: &Macro| {
        let ours = tops_per_watt(&of.cost(&components));
        let published = of.published.tops_per_watt;
        let ratio = ours.nominal / published;
        let inside = (ours.low..=ours.high).contains(&published);
        let far = if (FAR.recip()..=FAR).contains(&ratio) { "" } else { "**" };
        writeln!(
            page,
            "| {} | {} nm | {} × {}, {} | {} | {} ({} to {}) | {far}{}{far} | {} |",
            of.name,
            of.design.technology_nm,
            of.design.inputs,
            of.design.outputs,
            kind(&of.design.array),
            digits(published),
            digits(ours.nominal),
            digits(ours.low),
            digits(ours.high),
            digits(ratio),
            if inside { "yes" } else { "no" }
        )
        .unwrap();
    };
    macros.iter().for_each(|(_, of)| row(&mut page, of));
    let ratios = macros
        .iter()
        .map(|(_, of)| tops_per_watt(&of.cost(&components)).nominal / of.published.tops_per_watt);
    let ratios: Vec<f64> = ratios.collect();
    let far = ratios.iter().filter(|r| !(FAR.recip()..=FAR).contains(*r)).count();
    let logs: f64 = ratios.iter().map(|r| r.ln()).sum();
    let mean = (logs / ratios.len() as f64).exp();
    write!(
        page,
        "\n{far} of {} are off by more than {FAR:.0} times, in bold. The geometric mean of the ratios is {}:\n\
        these figures leave out more than they count twice.\n\n\
        ## Where the energy goes\n\n\
        Nominal shares in %, of a product of one array.\n\n\
        | macro | product (pJ) | inputs | array | converters | digital | memory |\n\
        | --- | --- | --- | --- | --- | --- | --- |\n",
        ratios.len(),
        digits(mean)
    )
    .unwrap();
    for (_, of) in &macros {
        let energy = of.cost(&components).energy;
        let total = energy.total_pj().nominal;
        let share = |range: Range| format!("{:.1}", 100.0 * range.nominal / total);
        writeln!(
            page,
            "| {} | {} | {} | {} | {} | {} | {} |",
            of.name,
            digits(total),
            share(energy.dac_pj),
            share(energy.array_pj),
            share(energy.adc_pj),
            share(energy.digital_pj),
            share(energy.buffer_pj)
        )
        .unwrap();
    }
    page += "\n## What is published, and why ours differs\n";
    for (name, of) in &macros {
        let published = &of.published;
        let throughput = published.tops.map_or_else(String::new, |tops| {
            format!(" One array does {} TOPS, by its design {}.", digits(tops), digits(of.tops()))
        });
        write!(
            page,
            "\n**{}** {} (`{name}.toml`). An operation is {}; the energy is that of {}.{throughput} {}\n",
            of.name, of.source, published.operation, published.scope, of.why
        )
        .unwrap();
    }
    page += "\n## What follows\n\n\
        - The standard figures of a tile, `presets/cost-standard.toml`, take what a column of the HERMES\n  \
        core and of the 64-core chip takes in all, so they agree with these two by construction, and are\n  \
        right for tiles like theirs. Put together from components the same tile seems several times\n  \
        better, for the standing currents of its converters are in no component.\n\
        - Efficiencies of macros differ by what counts as an operation: one of 1 bit is not one of 16.\n\
        - Published numbers are those of the best supply and of inputs that were chosen; ours are those of\n  \
        half of the bits set and uniform inputs.\n";
    page
}

#[test]
fn the_page_of_macros_is_up_to_date() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/crossbar/macros.md");
    if std::env::var_os("DITHER_UPDATE").is_some() {
        std::fs::write(&file, page()).unwrap();
    }
    let there = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(
        there == page(),
        "docs/crossbar/macros.md is not up to date; DITHER_UPDATE=1 writes it"
    );
}

#[test]
fn every_macro_says_why_it_differs() {
    let macros = Macro::shipped();
    assert!(macros.len() >= 6);
    for (name, of) in &macros {
        assert!(of.why.len() > 40, "{name}: {}", of.why);
        let ours = tops_per_watt(&of.cost(&Components::shipped()));
        assert!(0.0 < ours.low && ours.low < ours.nominal && ours.nominal < ours.high, "{name}");
    }
}
