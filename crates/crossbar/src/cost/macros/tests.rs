//! Tests of the cost of published macros.

use super::*;

fn read(name: &str) -> Macro {
    Macro::from_toml(Macro::text(name).unwrap()).unwrap()
}

/// Components by hand: 1 fF per µm and per µm of gate, 45 nm at 0.9 V.
fn round() -> Components {
    let exactly = Range::exactly;
    Components {
        wire_ff_per_um: exactly(1.0),
        gate_ff_per_um: exactly(1.0),
        gate_width: exactly(2.0),
        adder_fj: exactly(2.0),
        multiplier_8b_pj: exactly(0.5),
        memory_pj_per_byte: exactly(3.0),
        activity: exactly(0.5),
    }
}

const CHARGES: &str = r#"
    name = "by hand"
    source = "none"
    why = ""

    [published]
    operation = "an operation"
    scope = "all of it"
    tops_per_watt = 1.0

    [design]
    technology_nm = 90.0
    supply_v = 0.9
    inputs = 10
    outputs = 4
    columns = 3
    planes = 3
    slices = 2
    bits = [16.0, 8.0]
    cell_um = [2.0, 3.0]
    bit_line_swing_v = 0.5
    integration_ns = 7.0

    [design.array.charges]
    unit_ff = { low = 1.0, nominal = 2.0, high = 4.0 }
    units = 5.0

    [design.word_lines]
    lines = 2.0
    gates = 4.0
    swing_v = 0.8
    pulses = 3.0
    converter_ff = 10.0

    [design.converter]
    kind = "sar"
    bits = 6.0
    samples_per_s = 5e8
    columns_per_adc = 4
    overlapped = false

    [design.digital]
    adder_bits = 16.0
    multiplications = 6.0
    buffered = true
"#;

#[test]
fn a_macro_of_charges_costs_what_a_hand_computes() {
    let by_hand = Macro::from_toml(CHARGES).unwrap();
    let energy = by_hand.cost(&round()).energy;
    let near = |a: f64, b: f64| assert!((a - b).abs() < 1e-9 * b.abs(), "{a} pJ for {b}");
    // 12 cells of 2 µm of wire and four gates of 0.18 µm: 32.64 fF on each of two lines, and 10 fF
    // of the converter; 0.8 V from 0.9 V, three pulses, 10 inputs, two slices.
    near(energy.dac_pj.nominal, 75.28e-3 * 0.72 * 3.0 * 20.0);
    // 120 cells of five units of 2 fF, half of them charged, in two slices; 12 bit lines of 10
    // cells of 3 µm and one gate of 0.18 µm, by 0.5 V from 0.9 V, in two slices.
    near(energy.array_pj.nominal, 240.0 * 5e-3 * 0.81 + 24.0 * 31.8e-3 * 0.45);
    near(energy.array_pj.high - energy.array_pj.nominal, 240.0 * 5e-3 * 0.81);
    // 4 outputs on three columns in two slices.
    near(energy.adc_pj.nominal, 24.0 * conversion_pj(6.0, 5e8, 90.0).nominal);
    // Twice of 45 nm: 16 bits for each conversion, six multiplications for each output.
    near(energy.digital_pj.nominal, 2.0 * (24.0 * 32e-3 + 24.0 * 0.5));
    // 20 bytes in and 4 out.
    near(energy.buffer_pj.nominal, 24.0 * 6.0);
    // 12 columns behind three converters: 7 ns and four of 2 ns, twice.
    near(by_hand.interval_ns(), 30.0);
    near(by_hand.tops(), 80.0 / 30e3);
    let text = CHARGES.replace("overlapped = false", "overlapped = true");
    near(Macro::from_toml(&text).unwrap().interval_ns(), 16.0);
}

#[test]
fn a_macro_of_currents_costs_what_a_hand_computes() {
    let array = "[design.array.currents]
        conductance_us = { low = 1.0, nominal = 4.0, high = 5.0 }
        read_v = 0.25
        source_v = 1.0
        full_input_ns = 50.0
        mean_input = 0.5";
    let [before, after] = ["    [design.array.charges]", "    [design.word_lines]"];
    let (head, rest) = CHARGES.split_once(before).unwrap();
    let (_, tail) = rest.split_once(after).unwrap();
    let text = format!("{head}{array}\n{after}{tail}").replace("bit_line_swing_v = 0.5", "");
    let energy = Macro::from_toml(&text).unwrap().cost(&round()).energy;
    // 40 weights of 4 µS in two slices, half an input: 0.25 V · 1 V · 160 µS · 50 ns = 2 pJ.
    assert!((energy.array_pj.nominal - 2.0).abs() < 1e-9, "{:?}", energy.array_pj);
    assert!((energy.array_pj.low - 0.5).abs() < 1e-9);
}

#[test]
fn numbers_that_no_circuit_has_are_refused_by_name() {
    for (from, to, message) in [
        ("supply_v = 0.9", "supply_v = 0.0", "design.supply_v = 0 is not > 0"),
        ("slices = 2", "slices = 0", "design.slices = 0 lies outside"),
        ("units = 5.0", "units = -1.0", "charges.units = -1 lies outside"),
        ("tops_per_watt = 1.0", "tops_per_watt = nan", "published.tops_per_watt = NaN"),
        ("samples_per_s = 5e8", "samples_per_s = inf", "converter.samples_per_s = inf"),
        ("columns_per_adc = 4", "columns_per_adc = 0", "columns_per_adc = 0 lies outside"),
    ] {
        let error = Macro::from_toml(&CHARGES.replace(from, to)).unwrap_err().to_string();
        assert!(error.starts_with(message), "{error}");
    }
    let error = Macro::from_toml(&CHARGES.replace("pulses", "pulse")).unwrap_err().to_string();
    assert!(error.contains("pulse") && error.contains("line"), "{error}");
}

/// What is published of the same macro agrees with itself.
#[test]
fn throughputs_follow_from_the_designs() {
    for (name, macros) in Macro::shipped() {
        let Some(tops) = macros.published.tops else { continue };
        let ratio = macros.tops() / tops;
        assert!((0.95..1.06).contains(&ratio), "{name}: {} TOPS, published {tops}", macros.tops());
    }
    // [LeGallo23] has four times the energy in four times the time.
    let [one, four] = ["ibm-64-core-one-phase", "ibm-64-core-four-phase"].map(read);
    let energy = one.published.tops_per_watt / four.published.tops_per_watt;
    let time = one.published.tops.unwrap() / four.published.tops.unwrap();
    assert!((energy / time - 1.0).abs() < 0.02);
}

#[test]
fn every_number_of_a_macro_names_its_source() {
    let components = include_str!("../../../presets/cost-components.toml");
    let texts = SHIPPED.iter().map(|&(_, text)| text).chain([components]);
    for line in texts.flat_map(str::lines).filter(|l| l.contains('=') && !l.starts_with('#')) {
        if ["name = ", "source = ", "why = "].iter().any(|key| line.starts_with(key)) {
            continue;
        }
        let source = line.split_once(" # ").map_or("", |(_, comment)| comment);
        assert!(source.starts_with('[') || source.starts_with("Assumed: "), "{line}");
    }
}
