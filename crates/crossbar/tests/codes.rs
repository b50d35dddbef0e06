//! Roundings, ranges and resolutions of converters, against their definitions in f64.

use crossbar::wires::IrDropConfig;
use crossbar::{
    Adc, AdcRange, ArrayWeights, Batch, ClipMask, ConverterRounding, Dac, DacRange, Digital,
    MvmNoise, NoiseManagement, Out, Periphery, PeripheryConfig, ReadNoise, Saturation, TileConfig,
    presets,
};
use numerics::{Par, Seed};
use proptest::prelude::*;

/// Converters without noise behind ideal wires.
fn quiet() -> (PeripheryConfig, IrDropConfig) {
    let TileConfig { mut periphery, ir_drop, .. } = presets::standard_pcm();
    periphery.read_noise = ReadNoise::None;
    periphery.adc.noise = 0.0;
    (periphery, IrDropConfig { scale: 0.0, ..ir_drop })
}

fn uniform(seed: u64, len: usize) -> Vec<f32> {
    let mut values = vec![0.0; len];
    Seed::new(seed).stream().fill_uniform(0, &mut values);
    values.iter().map(|x| 2.0 * x - 1.0).collect()
}

struct Product {
    y: Vec<f32>,
    seen: Saturation,
    clipped_inputs: ClipMask,
    clipped_outputs: ClipMask,
}

fn product(
    (config, wires): &(PeripheryConfig, IrDropConfig),
    weights: &[f32],
    inputs: usize,
    x: &[f32],
    par: Par,
    first_sample: u64,
) -> Product {
    let outputs = weights.len() / inputs;
    let periphery = Periphery::new(config, wires, inputs, outputs, &Seed::new(7)).unwrap();
    let packed = ArrayWeights::pack(weights, outputs, inputs);
    let scale = vec![1.0; outputs];
    let digital = Digital { input_range: 1.0, scale: &scale, bias: &[] };
    let noise = MvmNoise { seed: Seed::new(8), first_sample };
    let mut y = vec![0.0; x.len() / inputs * outputs];
    let [mut clipped_inputs, mut clipped_outputs] = [ClipMask::default(), ClipMask::default()];
    let out = Out {
        clipped_inputs: Some(&mut clipped_inputs),
        clipped_outputs: Some(&mut clipped_outputs),
        ..Out::replace(&mut y)
    };
    let seen = periphery.forward(&packed, Batch::rows(x, &noise), digital, par, out);
    Product { y, seen, clipped_inputs, clipped_outputs }
}

fn nearest(t: f64) -> f64 {
    t.round_ties_even()
}

/// A converter by its definition: from value to code to value.
struct Converter {
    low: f64,
    high: f64,
    step: f64,
    /// Steps are counted from here.
    origin: f64,
    round: fn(f64) -> f64,
    /// Where the codes from the second on change, in steps above the lowest one; empty if that is as
    /// `round` has it.
    transitions: Vec<f64>,
}

struct Converted {
    value: f64,
    /// In steps, before rounding.
    t: f64,
    /// Whether the code lay beyond the ends.
    beyond: bool,
}

impl Converter {
    fn dac(dac: &Dac) -> Self {
        let high = f64::from(dac.bound);
        let steps = f64::from(dac.steps.unwrap());
        let low = if dac.range == DacRange::Unsigned { 0.0 } else { -high };
        Self {
            low,
            high,
            step: (high - low) / steps,
            origin: 0.0,
            round: rule(dac.rounding),
            transitions: Vec::new(),
        }
    }

    fn adc(adc: &Adc) -> Self {
        let bound = || f64::from(adc.bound.unwrap());
        let (low, high, origin) = match adc.range {
            AdcRange::Symmetric => (-bound(), bound(), 0.0),
            AdcRange::Unsigned => (0.0, bound(), 0.0),
            AdcRange::Between { low, high } => (f64::from(low), f64::from(high), f64::from(low)),
        };
        let step = (high - low) / f64::from(adc.steps.unwrap());
        Self { low, high, step, origin, round: rule(adc.rounding), transitions: Vec::new() }
    }

    fn convert(&self, value: f64) -> Converted {
        let t = (value - self.origin) / self.step;
        let ideal = self.origin + (self.round)(t) * self.step;
        let beyond = ideal > self.high + 0.25 * self.step || ideal < self.low - 0.25 * self.step;
        if self.transitions.is_empty() {
            return Converted { value: ideal.clamp(self.low, self.high), t, beyond };
        }
        let above = (value - self.low) / self.step;
        let code = self.transitions.iter().filter(|&&change| change <= above).count();
        Converted { value: self.low + code as f64 * self.step, t, beyond }
    }

    /// How far a value is from one at which the code changes, in steps.
    fn to_change(&self, value: f64, rounding: ConverterRounding) -> f64 {
        let above = (value - self.low) / self.step;
        let changes = self.transitions.iter().map(|change| (change - above).abs());
        changes.fold(to_tie((value - self.origin) / self.step, rounding), f64::min)
    }
}

fn rule(rounding: ConverterRounding) -> fn(f64) -> f64 {
    match rounding {
        ConverterRounding::Nearest => nearest,
        ConverterRounding::Floor => f64::floor,
        ConverterRounding::Stochastic => unreachable!("not compared value by value"),
    }
}

/// How far from a value at which the code changes, in steps.
fn to_tie(t: f64, rounding: ConverterRounding) -> f64 {
    let t = if rounding == ConverterRounding::Floor { t } else { t + 0.5 };
    (t - t.round()).abs()
}

fn dacs() -> impl Strategy<Value = Dac> {
    let roundings = [ConverterRounding::Nearest, ConverterRounding::Floor];
    let range = prop_oneof![
        (prop::sample::select(vec![2.0, 14.0, 254.0]), Just(DacRange::Symmetric)),
        (prop::sample::select(vec![1.0, 15.0, 63.0, 255.0]), Just(DacRange::Unsigned)),
    ];
    (range, prop::sample::select(roundings.to_vec()), 0.5f32..1.5).prop_map(
        |((steps, range), rounding, bound)| Dac {
            steps: Some(steps),
            range,
            rounding,
            bound,
            ..presets::standard_pcm().periphery.dac
        },
    )
}

fn adcs() -> impl Strategy<Value = Adc> {
    let roundings = [ConverterRounding::Nearest, ConverterRounding::Floor];
    let range = prop_oneof![
        (Just(AdcRange::Symmetric), prop::sample::select(vec![2.0f32, 7.2, 62.0, 254.0])),
        (Just(AdcRange::Unsigned), prop::sample::select(vec![1.0f32, 63.0, 255.0])),
        (-3.0f32..0.0, 0.1f32..5.0, prop::sample::select(vec![1.0f32, 62.0, 63.0, 255.0]))
            .prop_map(|(low, high, steps)| (AdcRange::Between { low, high }, steps)),
    ];
    (range, prop::sample::select(roundings.to_vec()), 0.5f32..4.0).prop_map(
        |((range, steps), rounding, bound)| Adc {
            steps: Some(steps),
            range,
            rounding,
            bound: (!matches!(range, AdcRange::Between { .. })).then_some(bound),
            ..quiet().0.adc
        },
    )
}

/// Inputs of which none is near a value where its code changes.
fn off_ties(x: &[f32], dac: &Dac) -> Vec<f32> {
    let converter = Converter::dac(dac);
    let moved = |x: f32| match converter.convert(f64::from(x)) {
        Converted { t, .. } if to_tie(t, dac.rounding) < 0.01 => x + 0.05 * converter.step as f32,
        _ => x,
    };
    x.iter().map(|&x| moved(x)).collect()
}

/// Tied to within what f32 sums of a hundred terms leave open, in steps.
const TIE: f64 = 1e-3;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Output for output, but for values within 10⁻³ of a step of a change of code: these may be a
    /// step away.
    #[test]
    fn outputs_are_those_of_the_definition(
        dac in dacs(),
        adc in adcs(),
        outputs in 1usize..40,
        inputs in 1usize..100,
        batch in 1usize..5,
        seed in 0u64..1000,
    ) {
        let mut config = quiet();
        (config.0.dac, config.0.adc) = (dac, adc.clone());
        let w: Vec<f32> = uniform(seed, outputs * inputs).iter().map(|w| w * 0.5).collect();
        let x: Vec<f32> = uniform(seed + 1, batch * inputs).iter().map(|x| x * 1.2).collect();
        let x = off_ties(&x, &dac);
        let ours = product(&config, &w, inputs, &x, Par::Seq, 0);
        let (of_inputs, of_outputs) = (Converter::dac(&dac), Converter::adc(&adc));
        let converted: Vec<Converted> = x.iter().map(|&x| of_inputs.convert(f64::from(x))).collect();
        // An input is beyond the range where its value is.
        let beyond = |x: f32| f64::from(x) > of_inputs.high || f64::from(x) < of_inputs.low;
        prop_assert_eq!(ours.seen.inputs, x.iter().filter(|&&x| beyond(x)).count() as u64);
        for (at, &x) in x.iter().enumerate() {
            prop_assert_eq!(ours.clipped_inputs.is_clipped(at / inputs, at % inputs), beyond(x));
        }
        let (mut saturated, mut unclear) = (0u64, 0u64);
        for (s, x) in converted.chunks(inputs).enumerate() {
            for (i, w) in w.chunks(inputs).enumerate() {
                let sum: f64 = w.iter().zip(x).map(|(&w, x)| f64::from(w) * x.value).sum();
                let Converted { value, t, beyond } = of_outputs.convert(sum);
                let y = f64::from(ours.y[s * outputs + i]);
                if of_outputs.to_change(sum, adc.rounding) < TIE {
                    prop_assert!((y - value).abs() < 1.01 * of_outputs.step, "{} for {}", y, value);
                    unclear += 1;
                    continue;
                }
                prop_assert!((y - value).abs() < 1e-5, "{} for {}, {} steps", y, value, t);
                saturated += u64::from(beyond);
                let at = |end: f64| (value - end).abs() <= 1e-3 * end.abs() + 1e-6;
                let clipped = beyond
                    || at(of_outputs.low) && of_outputs.low != 0.0
                    || at(of_outputs.high) && of_outputs.high != 0.0;
                prop_assert_eq!(ours.clipped_outputs.is_clipped(s, i), clipped, "{}: {:?}", value, adc);
            }
        }
        prop_assert!(ours.seen.outputs >= saturated && ours.seen.outputs <= saturated + unclear);
    }

    #[test]
    fn threads_and_splits_change_no_bit(dac in dacs(), adc in adcs(), outputs in 1usize..40) {
        let (inputs, batch) = (30, 130);
        let mut config = quiet();
        (config.0.dac, config.0.adc) = (dac, adc.clone());
        (config.0.adc.noise, config.0.dac.noise) = (0.1, 0.02);
        let (w, x) = (uniform(1, outputs * inputs), uniform(2, batch * inputs));
        let whole = product(&config, &w, inputs, &x, Par::Seq, 0).y;
        let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
        let two = pool.install(|| product(&config, &w, inputs, &x, Par::Rayon, 0).y);
        prop_assert_eq!(&whole, &two);
        for cut in [1, 60, 77] {
            let (left, right) = x.split_at(cut * inputs);
            let left = product(&config, &w, inputs, left, Par::Seq, 0).y;
            let right = product(&config, &w, inputs, right, Par::Seq, cut as u64).y;
            prop_assert_eq!(&whole, &[left, right].concat());
        }
    }
}

/// One weight of 1 and a continuous DAC: what the ADC does to a number.
fn converted(adc: Adc, x: &[f32]) -> Product {
    let mut config = quiet();
    (config.0.dac.steps, config.0.dac.bound) = (None, 1e3);
    config.0.adc = adc;
    product(&config, &[1.0], 1, x, Par::Seq, 0)
}

#[test]
fn floor_goes_to_the_code_below_and_says_where_it_ends() {
    let adc = Adc {
        steps: Some(8.0),
        bound: Some(4.0),
        rounding: ConverterRounding::Floor,
        ..quiet().0.adc
    };
    let x = [0.0, 0.9, 1.0, -0.1, -1.0, -1.1, 3.9, 4.0, 4.9, 5.0, -4.0, -4.1, f32::NAN];
    let Product { y, seen, .. } = converted(adc.clone(), &x);
    assert_eq!(y, [0.0, 0.0, 1.0, -1.0, -1.0, -2.0, 3.0, 4.0, 4.0, 4.0, -4.0, -4.0, 0.0]);
    // 5 is a code beyond the last one, and what is below −4 is one before the first.
    assert_eq!((seen.outputs, seen.inputs), (2, 1));
    let unsigned = Adc { range: AdcRange::Unsigned, ..adc.clone() };
    let Product { y, seen, clipped_outputs, .. } = converted(unsigned, &[-0.1, 0.2, 0.6, 3.9, 4.4]);
    assert_eq!(y, [0.0, 0.0, 0.5, 3.5, 4.0]);
    assert_eq!(seen.outputs, 1);
    let clipped: Vec<bool> = (0..5).map(|row| clipped_outputs.is_clipped(row, 0)).collect();
    assert_eq!(clipped, [true, false, false, false, true]);
}

#[test]
fn between_two_ends_the_codes_are_steps_from_the_lower() {
    let adc = Adc {
        steps: Some(12.0),
        bound: None,
        range: AdcRange::Between { low: -2.0, high: 10.0 },
        ..quiet().0.adc
    };
    let Product { y, seen, .. } = converted(adc.clone(), &[-3.0, -2.2, -0.4, 0.6, 9.7, 10.6]);
    assert_eq!(y, [-2.0, -2.0, 0.0, 1.0, 10.0, 10.0]);
    assert_eq!(seen.outputs, 2);
    // Without steps only the ends are left.
    let Product { y, seen, .. } = converted(Adc { steps: None, ..adc.clone() }, &[-3.0, 0.6, 10.6]);
    assert_eq!(y, [-2.0, 0.6, 10.0]);
    assert_eq!(seen.outputs, 2);
    // No limit above, and none needed.
    let half = Adc { steps: None, range: AdcRange::Unsigned, ..adc };
    assert_eq!(converted(half, &[-3.0, 0.6, 90.0]).y, [0.0, 0.6, 90.0]);
}

#[test]
fn an_unsigned_dac_takes_the_largest_input_for_its_range_and_counts_the_negative_ones() {
    let mut config = quiet();
    config.0.dac.range = DacRange::Unsigned;
    config.0.dac.steps = Some(15.0);
    config.0.dac.noise_management = NoiseManagement::AbsMax;
    (config.0.adc.steps, config.0.adc.bound) = (None, None);
    let Product { y, seen, .. } =
        product(&config, &[1.0, 0.0, 0.0], 3, &[2.0, -8.0, 1.0], Par::Seq, 0);
    assert_eq!((y[0], seen.inputs), (2.0, 1));
    // The end of the range is a code.
    config.0.dac.noise_management = NoiseManagement::None;
    for rounding in [ConverterRounding::Nearest, ConverterRounding::Floor] {
        for (range, steps) in [(DacRange::Symmetric, 254.0), (DacRange::Unsigned, 255.0)] {
            (config.0.dac.range, config.0.dac.steps) = (range, Some(steps));
            config.0.dac.rounding = rounding;
            let y = product(&config, &[1.0], 1, &[1.0, 0.0, 7.0], Par::Seq, 0).y;
            for (y, exact) in y.iter().zip([1.0, 0.0, 1.0]) {
                assert!((y - exact).abs() < 1e-6, "{rounding:?} {range:?}: {y}");
            }
        }
    }
}

fn read(change: &str, to: &str) -> Result<TileConfig, String> {
    let text = presets::text("standard-pcm").expect("a preset");
    let (before, adc) = text.split_once("[periphery.adc]").expect("a preset has an ADC");
    let text = match adc.contains(change) {
        true => format!("{before}[periphery.adc]{}", adc.replacen(change, to, 1)),
        false => text.replacen(change, to, 1),
    };
    assert!(text.contains(to), "{change} is in the preset");
    TileConfig::from_toml(&text).map_err(|error| error.to_string())
}

#[test]
fn ranges_and_resolutions_are_read_from_files() {
    let of = |text: &str| {
        let config = read("steps = 254.0", text).unwrap();
        assert_eq!(TileConfig::from_toml(&config.to_toml()).unwrap(), config, "{text}");
        (config.periphery.adc.steps.unwrap(), config.periphery.adc.range)
    };
    assert_eq!(of("bits = 8"), (254.0, AdcRange::Symmetric));
    assert_eq!(of("levels = 255"), (254.0, AdcRange::Symmetric));
    assert_eq!(of("bits = 8\nrange = \"unsigned\""), (255.0, AdcRange::Unsigned));
    let config = read("bound = 10.0", "range = { low = -2.0, high = 10.0 }").unwrap();
    assert_eq!(config.periphery.adc.range, AdcRange::Between { low: -2.0, high: 10.0 });
    assert_eq!(config.periphery.adc.full_scale(), Some(10.0));
    let config = read("bound = 1.0", "bound = 1.0\nrange = \"unsigned\"\nrounding = \"floor\"");
    let dac = config.unwrap().periphery.dac;
    assert_eq!((dac.range, dac.rounding), (DacRange::Unsigned, ConverterRounding::Floor));
    // What has no new key is written without one.
    let text = presets::standard_pcm().to_toml();
    assert!(!text.contains("range") && !text.contains("bits"), "{text}");
}

#[test]
fn bad_ranges_and_resolutions_are_refused_by_their_keys() {
    for (change, to, message) in [
        ("steps = 254.0", "steps = 254.0\nbits = 8", "adc.bits = 8 stands beside adc.steps"),
        ("steps = 254.0", "levels = 256", "adc.levels = 256 is even"),
        ("steps = 254.0", "bits = 1", "adc.bits = 1 is one level on a symmetric range"),
        ("steps = 254.0", "bits = 40", "adc.bits = 40 lies outside [1, 24]"),
        ("bound = 10.0", "range = \"unsigned\"", "adc.steps = 254 needs an adc.bound"),
        (
            "bound = 10.0",
            "bound = 10.0\nrange = { low = -1.0, high = 1.0 }",
            "adc.bound = 10 stands beside the ends of adc.range",
        ),
        ("bound = 10.0", "range = { low = 1.0, high = 2.0 }", "adc.range.low = 1 lies above 0"),
        ("bound = 10.0", "range = { low = -2.0, high = -1.0 }", "adc.range.high = -1 lies below 0"),
        ("bound = 10.0", "range = { low = 0.0, high = 0.0 }", "adc.range.high = 0 is not 10^-6"),
        ("bound = 10.0", "range = { low = nan, high = 1.0 }", "adc.range.low = NaN lies outside"),
        ("bound = 10.0", "range = \"both\"", "expected a range"),
        ("bound = 1.0 ", "bound = 1.0\nrange = \"below\" ", "unknown variant `below`"),
    ] {
        let error = read(change, to).unwrap_err();
        assert!(error.contains(message), "{to}: {error}");
    }
}

/// What the widths of codes and a table make of the changes of code of a column.
fn transitions(adc: &Adc, column: usize, seed: &Seed) -> Vec<f64> {
    let steps = adc.steps.unwrap() as usize;
    let half = if adc.rounding == ConverterRounding::Floor { 0.0 } else { 0.5 };
    let mut draws = vec![0.0; (column + 1) * (steps - 1)];
    seed.child("adc-dnl").stream().fill_gaussian(0, &mut draws);
    let widths: Vec<f64> = draws[column * (steps - 1)..]
        .iter()
        .map(|xi| f64::from(adc.dnl_std) * f64::from(*xi))
        .collect();
    let whole: f64 = widths.iter().sum();
    let mut highest = f64::NEG_INFINITY;
    let mut changes = Vec::new();
    for k in 1..=steps {
        let sum: f64 = widths[..k - 1].iter().sum();
        let fitted = sum - whole * (k - 1) as f64 / (steps - 1).max(1) as f64;
        let table = adc.inl.get(k).map_or(0.0, |&inl| f64::from(inl));
        highest = highest.max(k as f64 - half + table + fitted);
        changes.push(highest);
    }
    changes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// A table, drawn widths, and both, in every range; 8 outputs share panels.
    #[test]
    fn nonlinear_converters_change_their_codes_where_the_definition_does(
        adc in adcs().prop_filter("whole steps", |adc| adc.steps.unwrap().fract() == 0.0),
        table in any::<bool>(),
        dnl_std in prop::sample::select(vec![0.0f32, 0.2, 1.5]),
        outputs in prop_oneof![Just(8usize), 1usize..40],
        batch in 1usize..4,
        seed in 0u64..1000,
    ) {
        let (mut adc, inputs) = (adc, 20);
        adc.dnl_std = dnl_std;
        if table {
            adc.inl = uniform(seed + 2, adc.steps.unwrap() as usize + 1);
            adc.inl[0] = 0.0;
        }
        let mut config = quiet();
        config.0.dac.steps = None;
        config.0.adc = adc.clone();
        let w: Vec<f32> = uniform(seed, outputs * inputs).iter().map(|w| w * 0.5).collect();
        let x = uniform(seed + 1, batch * inputs);
        let ours = product(&config, &w, inputs, &x, Par::Seq, 0);
        for i in 0..outputs {
            let mut converter = Converter::adc(&adc);
            if table || dnl_std > 0.0 {
                converter.transitions = transitions(&adc, i, &Seed::new(7));
            }
            for (s, x) in x.chunks(inputs).enumerate() {
                let w = &w[i * inputs..][..inputs];
                let sum: f64 = w.iter().zip(x).map(|(&w, &x)| f64::from(w) * f64::from(x)).sum();
                let Converted { value, .. } = converter.convert(sum);
                let y = f64::from(ours.y[s * outputs + i]);
                // Missing codes may lie where one changes.
                let unclear = converter.to_change(sum, adc.rounding) < TIE;
                prop_assert!(unclear || (y - value).abs() < 1e-5, "{} for {} of {}", y, value, sum);
            }
        }
    }
}

#[test]
fn tables_are_read_from_lists_and_files() {
    let path = std::env::temp_dir().join(format!("inl-{}.csv", std::process::id()));
    std::fs::write(&path, "code,inl_lsb\n0,0\n1,0.25\n2,-0.5\n").unwrap();
    let list = read("steps = 254.0", "levels = 3\ninl = [0.0, 0.25, -0.5]\ndnl_std = 0.1").unwrap();
    let file = format!("levels = 3\ninl = '{}'\ndnl_std = 0.1", path.display());
    let file = read("steps = 254.0", &file);
    std::fs::remove_file(&path).unwrap();
    assert_eq!(list, file.unwrap());
    // What was in the file is what is written, and what is compared.
    assert!(list.to_toml().contains("inl = [0.0, 0.25, -0.5]"));
    assert_eq!(TileConfig::from_toml(&list.to_toml()).unwrap(), list);
    assert!(!presets::standard_pcm().to_toml().contains("nl"), "nothing of it where there is none");
}

#[test]
fn bad_nonlinearities_are_refused_by_their_keys() {
    for (to, message) in [
        ("steps = 254.0\ninl = [0.0]", "adc.inl = 1 numbers are not one for each of 255 levels"),
        ("levels = 3\ninl = [0.5, 0.0, 0.0]", "adc.inl = 0.5 of the lowest code"),
        ("levels = 3\ninl = [0.0, nan, 0.0]", "adc.inl = NaN lies outside"),
        ("dnl_std = 0.1", "adc.dnl_std = 0.1"),
        ("steps = 7.5\ndnl_std = 0.1", "adc.dnl_std = 0.10000000149011612 needs whole adc.steps"),
        ("bits = 14\ndnl_std = 0.1", "needs whole adc.steps of at most 4096 levels, not 16382"),
        ("bits = 8\ndnl_std = -0.1", "adc.dnl_std = -0.1"),
        ("bits = 8\ndnl_std = 0.1\nrounding = \"stochastic\"", "stands beside adc.rounding"),
        ("levels = 3\ninl = 'no/such.csv'", "inl: 'no/such.csv': "),
        ("levels = 3\ninl = 3", "a list of INL in LSB by code, or the path"),
    ] {
        let error = read("steps = 254.0", to).unwrap_err();
        assert!(error.contains(message), "{to}: {error}");
    }
}
