//! The synthesis data: what it must say, and that Yosys still says it.

mod common;

use std::path::Path;

use common::skipped;
use systolic::resources::{PAPER_TABLE_1, RoundingOverhead, extrapolate};
use systolic::synthesis::{Synthesis, SynthesisError, configuration, synthesise, tool};

#[test]
fn the_papers_table_is_consistent() {
    for row in PAPER_TABLE_1 {
        let share = 100.0 * row.used as f64 / row.available as f64;
        assert_eq!(share.round() as u64, row.percent, "{}", row.name);
    }
    assert_eq!(PAPER_TABLE_1[2].used, systolic::dsp_units(28));
}

#[test]
fn a_cell_is_one_dsp_slice_and_the_rounding_unit_none() {
    let synthesis = Synthesis::xc7();
    assert_eq!(synthesis.cells("mac_cell", 1, true).unwrap().dsp, 1);
    for stochastic in [true, false] {
        assert_eq!(synthesis.cells("round_unit", 1, stochastic).unwrap().dsp, 0);
        for n in [2, 4, 8, 28] {
            let array = synthesis.cells("systolic_array", n, stochastic).unwrap();
            assert_eq!(array.dsp, (n * n) as u64, "n = {n}");
        }
    }
}

/// The flip-flops are n² cells, n rounding units, and n bits of drain control per column.
#[test]
fn an_array_is_its_cells_and_rounding_units_and_the_drain_control() {
    let synthesis = Synthesis::xc7();
    for stochastic in [true, false] {
        for n in [2, 4, 8, 28] {
            let whole = synthesis.cells("systolic_array", n, stochastic).unwrap();
            let parts = extrapolate(&synthesis, n, stochastic).unwrap();
            assert_eq!(whole.ff, parts.ff + (n * n) as u64, "n = {n}");
            assert_eq!((whole.dsp, whole.carry4), (parts.dsp, parts.carry4));
            let control = whole.lut.checked_sub(parts.lut).unwrap();
            assert!(control <= (n * (n + 1)) as u64, "n = {n}: {control} look-up tables");
        }
    }
}

/// [Gupta15 §5.2]: the overhead of stochastic rounding is below 4 %, counted in DSP slices.
#[test]
fn stochastic_rounding_costs_less_than_four_per_cent_of_the_dsp_slices() {
    let overhead = RoundingOverhead::of(&Synthesis::xc7(), 28).unwrap();
    assert!(overhead.dsp < 0.04 && overhead.dsp_of_all < overhead.dsp);
    assert!((100.0 * overhead.dsp - 3.57).abs() < 0.01);
    assert!((100.0 * overhead.dsp_of_all - 3.45).abs() < 0.01);
    assert!(overhead.lut > 0.0 && overhead.ff > 0.0, "{overhead:?}");
}

#[test]
fn the_array_here_takes_fewer_units_than_the_papers_whole_design() {
    let accelerator = Synthesis::xc7().cells("accelerator", 28, true).unwrap();
    assert!(accelerator.luts() < PAPER_TABLE_1[0].used);
    assert!(accelerator.ff < PAPER_TABLE_1[1].used);
}

#[test]
fn yosys_still_counts_what_the_data_says() {
    let data = Synthesis::xc7();
    match tool() {
        Err(SynthesisError::ToolAbsent) => {
            skipped("yosys_still_counts_what_the_data_says", "yosys is not installed");
            return;
        }
        Ok(tool) if tool != data.tool => {
            let reason = format!("{tool} is installed, the data is by {}", data.tool);
            skipped("yosys_still_counts_what_the_data_says", &reason);
            return;
        }
        result => drop(result.unwrap()),
    }
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("synthesis");
    for (module, n, stochastic) in [
        ("mac_cell", 1, true),
        ("round_unit", 1, true),
        ("round_unit", 1, false),
        ("systolic_array", 2, true),
    ] {
        let cells = synthesise(module, &configuration(n, stochastic).unwrap(), &directory).unwrap();
        assert_eq!(Some(cells), data.cells(module, n, stochastic), "{module}, {stochastic}");
    }
}
