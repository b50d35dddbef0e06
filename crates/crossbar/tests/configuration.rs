//! Every configuration is refused with the name of the key, or can be used: no value of any key
//! makes a later step panic, hang or take all memory.

use crossbar::cost::CostFigures;
use crossbar::{AnalogMatrix, MvmNoise, TileConfig, presets};
use numerics::{Par, Seed};
use proptest::prelude::*;
use toml::{Table, Value};

const INPUTS: usize = 11;
const OUTPUTS: usize = 5;

/// A place in a table: keys, and numbers of elements of lists.
#[derive(Clone, Debug)]
enum Step {
    Key(String),
    Item(usize),
}

/// All numbers, texts and lists of a table.
fn places(value: &Value) -> Vec<Vec<Step>> {
    let mut all = Vec::new();
    let mut below = |step: Step, value: &Value| {
        all.push(vec![step.clone()]);
        all.extend(places(value).into_iter().map(|rest| [vec![step.clone()], rest].concat()));
    };
    match value {
        Value::Table(table) => {
            table.iter().for_each(|(key, value)| below(Step::Key(key.clone()), value));
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(i, value)| below(Step::Item(i), value));
        }
        _ => {}
    }
    all
}

fn at<'a>(value: &'a mut Value, place: &[Step]) -> &'a mut Value {
    place.iter().fold(value, |value, step| match step {
        Step::Key(key) => &mut value.as_table_mut().expect("a table")[key],
        Step::Item(i) => &mut value.as_array_mut().expect("a list")[*i],
    })
}

/// What nobody would write, and what somebody might.
fn edge_values() -> Vec<Value> {
    let whole =
        [-1, 0, 1, 2, 3, 7, 30, 31, 255, 65_536, 1 << 20, u32::MAX.into(), 1 << 40, i64::MAX];
    let broken =
        [-1.0, -0.0, 0.0, 1e-300, 1e-45, 1e-7, 0.5, 1.0, 1.5, 3.0, 1e3, 1e6, 1e10, 3.4e38, 1e300];
    let special = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY];
    let texts = [
        "",
        "none",
        "column",
        "abs-max",
        "stochastic",
        "one-hot",
        "single-device",
        "floor",
        "unsigned",
    ];
    let inline = [
        "iterative = { max_halvings = 4294967295 }",
        "iterative = { max_halvings = 30 }",
        "uniform = { samples = 1 }",
        "uniform = { samples = 4294967296 }",
        "uniform = { samples = 9223372036854775807 }",
        "pairs = { significances = [] }",
        "pairs = { significances = [1e-9, 1e9] }",
        "bit-sliced = { bits_per_cell = 0, cells = 4 }",
        "bit-sliced = { bits_per_cell = 1, cells = 16 }",
        "bit-sliced = { bits_per_cell = 255, cells = 255 }",
        "pcm = { sigma = 1e6 }",
        "constant = { sigma = 1e6 }",
        "bit-serial = { bits_per_slice = 1 }",
        "bit-serial = { bits_per_slice = 31 }",
    ];
    let table = |text: &str| Value::Table(text.parse::<Table>().expect("a table"));
    (whole.into_iter().map(Value::Integer))
        .chain(broken.into_iter().chain(special).map(Value::Float))
        .chain(texts.into_iter().map(Value::from))
        .chain(inline.into_iter().map(table))
        .collect()
}

fn preset() -> impl Strategy<Value = Value> {
    let names: Vec<&str> = presets::names().collect();
    proptest::sample::select(names).prop_map(|name| {
        let text = presets::text(name).expect("a preset");
        let mut value = Value::Table(text.parse().expect("presets are read by a test"));
        // What presets leave out, so that it can be changed.
        for extra in [
            "faults = { stuck_at_reset = 0.1, stuck_at_g_max = 0.1, stuck_at_random = 0.1 }",
            "mapping = { scale_levels = 4, max_outputs = 3 }",
            "periphery = { dac = { noise = 0.01, rounding = 'nearest', range = 'symmetric', encoding = 'whole' } }",
            "periphery = { adc = { gain_std = 0.01, offset_std = 0.01, s_shape = { strength = 0.25, spread = 0.1, slope = 0.5 } } }",
            "periphery = { adc = { rounding = 'nearest', range = 'symmetric', bound_per = 'tile', dnl_std = 0.0 } }",
        ] {
            merge(&mut value, Value::Table(extra.parse().expect("a table")));
        }
        value
    })
}

fn merge(into: &mut Value, from: Value) {
    match (into, from) {
        (Value::Table(into), Value::Table(from)) => {
            for (key, value) in from {
                merge(into.entry(key).or_insert(Value::Boolean(false)), value);
            }
        }
        (into, from) => *into = from,
    }
}

/// The last key of a place.
fn key_of(place: &[Step]) -> Option<String> {
    place.iter().rev().find_map(|step| match step {
        Step::Key(key) => Some(key.clone()),
        Step::Item(_) => None,
    })
}

/// Names by which a key is called where the error is one of several keys together.
fn of_several(key: &str) -> &'static [&'static str] {
    match key {
        "stuck_at_reset" | "stuck_at_g_max" | "stuck_at_random" => &["sum of the stuck fractions"],
        // Steps and a nonlinearity need a bound; the range of the device an order.
        "bound" | "steps" | "s_shape" | "adc" | "range" | "bound_per" => &["adc.bound"],
        // Slices and nonlinearity need codes.
        "rounding" | "bound_management" => &["adc.dnl_std", "adc.inl", "dac.encoding"],
        "g_max_us" => &["g_min_us"],
        _ => &[],
    }
}

/// Programs a matrix on several tiles, ages it, compensates, multiplies, and asks what it costs.
fn use_it(config: &TileConfig) {
    let mut w = vec![0.0; OUTPUTS * INPUTS];
    Seed::new(1).stream().fill_uniform(0, &mut w);
    w[3] = 0.0;
    w[4] = -1.0;
    let mut matrix =
        AnalogMatrix::program(config, &w, INPUTS, &Seed::new(2), Par::Seq).expect("it was checked");
    for t_s in [0.0, 1.0, 3.2e7] {
        matrix.age_to(t_s, Par::Seq).expect("a time");
        matrix.compensate_drift(&Seed::new(3));
        let x = [[0.5; INPUTS], [0.0; INPUTS], [-3.0; INPUTS]].concat();
        let mut y = vec![0.0; 3 * OUTPUTS];
        let noise = MvmNoise { seed: Seed::new(4), first_sample: 0 };
        matrix.forward(&x, &noise, Par::Seq, &mut y);
        let cost = CostFigures::standard().matrix(&matrix, &x);
        assert!(cost.energy.array_pj.nominal >= 0.0 || cost.energy.array_pj.nominal.is_nan());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn a_tile_of_any_values_is_refused_by_key_or_can_be_used(
        tile in preset(),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>()), 1..4),
    ) {
        let (mut tile, values) = (tile, edge_values());
        let mut changed = Vec::new();
        for (place, value) in changes {
            let places = places(&tile);
            let place = &places[place.index(places.len())];
            *at(&mut tile, place) = values[value.index(values.len())].clone();
            changed.extend(key_of(place));
        }
        let text = toml::to_string(&tile).expect("a table");
        match TileConfig::from_toml(&text) {
            Ok(config) => use_it(&config),
            Err(error) => {
                let message = error.to_string();
                let names = |key: &String| {
                    message.contains(key.as_str()) || of_several(key).iter().any(|k| message.contains(k))
                };
                prop_assert!(changed.iter().any(names), "{changed:?}: {message}\n{text}");
            }
        }
    }

    #[test]
    fn figures_of_any_values_are_refused_by_key_or_can_be_used(
        place in any::<prop::sample::Index>(),
        value in any::<prop::sample::Index>(),
    ) {
        let [standard, chip] =
            [include_str!("../presets/cost-standard.toml"), include_str!("../presets/cost-chip.toml")];
        let mut figures = Value::Table(format!("{standard}{chip}").parse().expect("a table"));
        for extra in [
            "converters = { dac = 254.0, adc = 62.0 }",
            "adc_survey = { technology_nm = 28.0, samples_per_s = 1e7, lost_bits = 0.5 }",
        ] {
            merge(&mut figures, Value::Table(extra.parse().unwrap()));
        }
        let (places, values) = (places(&figures), edge_values());
        let place = &places[place.index(places.len())];
        *at(&mut figures, place) = values[value.index(values.len())].clone();
        let key = key_of(place).expect("a table has keys");
        match CostFigures::from_toml(&toml::to_string(&figures).expect("a table")) {
            Ok(figures) => {
                let config = TileConfig::load("ideal").unwrap();
                let w = [0.5; OUTPUTS * INPUTS];
                let seed = Seed::new(2);
                let matrix = AnalogMatrix::program(&config, &w, INPUTS, &seed, Par::Seq).unwrap();
                let cost = figures.matrix(&matrix, &[1.0; INPUTS]);
                prop_assert!(cost.energy.total_pj().high.is_finite());
                prop_assert!(cost.latency_ns.high.is_finite() && cost.area_um2.high.is_finite());
                prop_assert!(cost.programming.energy_pj.high.is_finite());
                prop_assert!(cost.programming.time_ns.high.is_finite());
            }
            Err(error) => {
                let message = error.to_string();
                let of_range = ["low", "nominal", "high"].contains(&key.as_str());
                let named = message.contains(key.as_str());
                prop_assert!(named || of_range && message.contains("low ≤ nominal"), "{key}: {message}");
            }
        }
    }
}

fn with(change: &str, to: &str) -> Result<TileConfig, String> {
    let text = presets::text("standard-pcm").expect("a preset");
    assert!(text.contains(change), "{change} is in the preset");
    TileConfig::from_toml(&text.replacen(change, to, 1)).map_err(|error| error.to_string())
}

#[test]
fn values_that_no_tile_can_have_are_refused_by_their_keys() {
    for (change, to, message) in [
        ("g_max_us = 25.0", "g_max_us = 2.5e-5", "g_max_us = 0.000024999999"),
        ("steps = 254.0", "steps = 1.0", "dac.steps = 1 is not above 1"),
        ("steps = 254.0", "steps = 1e9", "dac.steps = 1000000000 lies outside"),
        (
            "bound_management = \"none\"",
            "bound_management = { iterative = { max_halvings = 4294967295 } }",
            "dac.bound_management.max_halvings = 4294967295 lies outside [0, 30]",
        ),
        ("samples = 128", "samples = 1000000000000", "compensation.inputs.samples = 1000000000000"),
        (
            "max_inputs = 512",
            "max_inputs = 9223372036854775807",
            "max_inputs = 9223372036854776000 lies outside",
        ),
        ("max_inputs = 512", "max_inputs = 0", "max_inputs = 0 lies outside [1, 1048576]"),
        ("segment_ohm = 0.35", "segment_ohm = nan", "ir_drop.segment_ohm = NaN lies outside"),
    ] {
        let error = with(change, to).unwrap_err();
        assert!(error.starts_with(message), "{error}");
    }
    assert!(with("g_max_us = 25.0", "g_max_us = 2.5e-5").unwrap_err().ends_with("is it in µS?"));
}

/// Sweeps of the resolution take them, and the paper does.
#[test]
fn steps_between_whole_bits_are_accepted() {
    for steps in ["7.2", "15.0", "1.03", "16777214.0"] {
        with("steps = 254.0", &format!("steps = {steps}")).unwrap();
    }
}
