//! Configurations drawn at random, possible and impossible: each is refused when it is read, by a
//! message that names the key, or it runs.

use numerics::{
    Accumulator, BitSource, BlockQuantizer, FixedFormat, FixedMatrix, FloatQuantizer, Product,
    Quantizer, RandomBits, Seed, Tally,
};
use proptest::prelude::*;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// What the text describes, or `None` if it is refused by one of these keys.
fn read<T: DeserializeOwned>(value: &Value, keys: &[&str]) -> Result<Option<T>, TestCaseError> {
    match serde_json::from_str(&value.to_string()) {
        Ok(read) => Ok(Some(read)),
        Err(error) => {
            let message = error.to_string();
            let named = keys.iter().any(|key| message.contains(key));
            prop_assert!(named, "no key of {:?} in '{}', for {}", keys, message, value);
            Ok(None)
        }
    }
}

/// Mostly small numbers, around which limits lie, and some large ones.
fn count() -> impl Strategy<Value = u64> {
    prop_oneof![6 => 0u64..70, 1 => 0u64..3, 1 => any::<u32>().prop_map(u64::from)]
}

fn rounding() -> impl Strategy<Value = Value> {
    let names = [
        "nearest-ties-down",
        "nearest-ties-even",
        "nearest-ties-away",
        "toward-zero",
        "down",
        "up",
        "to-odd",
        "stochastic",
    ];
    let variants = prop::sample::select(vec!["a", "b", "c"]);
    let fractions = prop::sample::select(vec!["twos-complement", "sign-magnitude"]);
    prop_oneof![
        prop::sample::select(names.to_vec()).prop_map(Value::from),
        (0u8..40, variants, fractions).prop_map(|(bits, variant, fraction)| json!({
            "stochastic-bits": { "bits": bits, "variant": variant, "fraction": fraction },
        })),
    ]
}

fn policy() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["saturate", "saturate-finite", "propagate", "wrap"])
}

fn float_format() -> impl Strategy<Value = Value> {
    let specials =
        ["ieee", "nan-only", "none", "p3109-extended", "p3109-finite", "fnuz"].map(Value::from);
    let specials = prop::sample::select(specials.to_vec());
    (0u8..18, 0u8..20, prop_oneof![-20i32..40, -300i32..600, 32000i32..33000], specials).prop_map(
        |(exponent_bits, mantissa_bits, bias, specials)| {
            json!({
                "exponent_bits": exponent_bits, "mantissa_bits": mantissa_bits, "bias": bias,
                "specials": specials,
            })
        },
    )
}

fn fixed_format() -> impl Strategy<Value = Value> {
    prop_oneof![
        3 => (-4i32..12, -4i32..12).prop_map(|(il, fl)| json!(format!("<{il},{fl}>"))),
        1 => (-70i32..70, -70i32..70).prop_map(|(il, fl)| json!(format!("<{il},{fl}>"))),
    ]
}

const FLOAT_KEYS: [&str; 3] = ["exponent_bits", "mantissa_bits", "bias"];

fn values() -> Vec<f32> {
    let mut x = vec![0.0; 100];
    Seed::new(1).stream().fill_gaussian(0, &mut x);
    x.extend([0.0, -0.0, 1e30, -1e30, 1e-40, f32::INFINITY, f32::NEG_INFINITY, f32::NAN]);
    x
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn fixed_point_conversions(format in fixed_format(), rounding in rounding(), overflow in prop::option::of(policy())) {
        let mut config = json!({ "format": format, "rounding": rounding });
        if let Some(overflow) = overflow {
            config["overflow"] = json!(overflow);
        }
        if let Some(quantizer) = read::<Quantizer>(&config, &["`bits`", "`overflow`", "⟨"])? {
            let x = values();
            let mut codes = vec![0i32; x.len()];
            quantizer.quantize(&x, Seed::new(2).draw(), &mut codes);
            prop_assert_eq!(quantizer.tally(&x, &codes).count, x.len() as u64);
            let written = json!(quantizer);
            prop_assert_eq!(serde_json::from_value::<Quantizer>(written.clone()).unwrap(), quantizer);
            // The key of what saturates is left out, so that files from before it keep their hash.
            let saturates = overflow.is_none_or(|overflow| overflow == "saturate");
            prop_assert_eq!(written.get("overflow").is_none(), saturates);
        }
    }

    #[test]
    fn floating_point_conversions(format in float_format(), rounding in rounding(),
                                  overflow in policy()) {
        let config = json!({ "format": format, "rounding": rounding, "overflow": overflow });
        let keys = [&FLOAT_KEYS[..], &["`bits`", "`overflow`"]].concat();
        if let Some(quantizer) = read::<FloatQuantizer>(&config, &keys)? {
            let (x, mut codes) = (values(), vec![0u32; 108]);
            quantizer.quantize(&x, Seed::new(2).draw(), &mut codes);
            prop_assert_eq!(quantizer.tally(&x, &codes).count, x.len() as u64);
            prop_assert_eq!(serde_json::from_value::<FloatQuantizer>(json!(quantizer)).unwrap(), quantizer);
        }
    }

    #[test]
    fn blocks(float in float_format(), fixed in fixed_format(), is_float: bool, block in count(),
              rounding in rounding(), scale in prop::sample::select(vec!["power-of-two", "e4-m3"])) {
        let element = if is_float { json!({ "float": float }) } else { json!({ "fixed": fixed }) };
        let format = json!({ "element": element, "block": block, "scale": scale });
        let config = json!({ "format": format, "rounding": rounding });
        let keys = [&FLOAT_KEYS[..], &["`bits`", "`block`", "`element`", "⟨"]].concat();
        if let Some(quantizer) = read::<BlockQuantizer>(&config, &keys)? {
            let tensor = quantizer.quantize(&values(), Seed::new(2).draw());
            prop_assert_eq!(tensor.to_f32().len(), tensor.len());
            prop_assert_eq!(serde_json::from_value::<BlockQuantizer>(json!(quantizer)).unwrap(), quantizer);
        }
    }

    /// What reads as a register but does not suit the product is refused before it adds up.
    #[test]
    fn accumulators(kind in 0..6, bits in 0u8..80, chunk in count(), float in float_format(), fixed in fixed_format(),
                    is_float: bool, rounding in rounding()) {
        let register = if is_float { json!({ "float": float }) } else { json!({ "fixed": fixed }) };
        let schedule = [json!("each-step"), json!({ "each-chunk": chunk }), json!({ "chunk-based": chunk })];
        let config = match kind {
            0 => json!("exact"),
            1 => json!({ "saturating": { "bits": bits } }),
            2 => json!({ "wrapping": { "bits": bits } }),
            3 => json!("float-gemm"),
            _ => json!({ "narrow": {
                "register": register, "rounding": rounding, "schedule": schedule[chunk as usize % 3],
            } }),
        };
        let keys = [&FLOAT_KEYS[..], &["`bits`", "`each-chunk`", "`chunk-based`", "⟨"]].concat();
        if let Some(accumulator) = read::<Accumulator>(&config, &keys)? {
            prop_assert_eq!(serde_json::from_value::<Accumulator>(json!(accumulator)).unwrap(), accumulator);
            let format = FixedFormat::new(4, 4).unwrap();
            let codes: Vec<i32> = (0..40).map(|i| i * 7 % 256 - 128).collect();
            let a = FixedMatrix::from_codes(format, 2, 20, &codes).unwrap();
            let (product, stream) = (Product::new(a.view(), a.t()), Seed::new(3).stream());
            match product.check_accumulator(accumulator) {
                Ok(()) => product.accumulator(accumulator, stream.at(0)).wide(&mut [0; 4]),
                Err(error) => prop_assert!(["register", "bits"].contains(&error.key), "{}", error),
            }
        }
    }

    #[test]
    fn generators(width in count(), taps: u64, seed in count(), steps in count(), sound: bool) {
        // Taps of the right degree, or any.
        let top = 1u64 << (width.clamp(1, 64) - 1);
        let taps = if sound { taps & (top - 1) | top } else { taps };
        let register = json!({ "width": width, "taps": taps, "seed": seed, "steps_per_sample": steps });
        let keys = ["width", "taps", "seed", "steps_per_sample"];
        if let Some(bits) = read::<RandomBits>(&json!({ "lfsr": register }), &keys)? {
            bits.of(&Seed::new(4)).fill(7, &mut [0; 20]);
            prop_assert_eq!(serde_json::from_value::<RandomBits>(json!(bits)).unwrap(), bits);
        }
    }

    #[test]
    fn tallies(counts in prop::array::uniform6(prop_oneof![0u64..30, any::<u64>()]), error: i64) {
        let [count, saturated, rounded_up, rounded_down, underflowed, nan] = counts;
        let config = json!({
            "count": count, "saturated": saturated, "rounded_up": rounded_up,
            "rounded_down": rounded_down, "underflowed": underflowed, "nan": nan, "error": error,
        });
        if let Some(tally) = read::<Tally>(&config, &["`count`"])? {
            prop_assert!(tally.bias().is_finite());
            prop_assert_eq!(serde_json::from_value::<Tally>(json!(tally)).unwrap(), tally);
        }
    }
}

#[test]
fn what_cannot_work_is_refused_when_it_is_read() {
    fn message<T: DeserializeOwned>(config: &Value) -> String {
        serde_json::from_str::<T>(&config.to_string()).err().expect("a refusal").to_string()
    }
    let few = |bits: u8| {
        let rule = json!({ "bits": bits, "variant": "a", "fraction": "sign-magnitude" });
        message::<Quantizer>(&json!({ "format": "<8,8>", "rounding": { "stochastic-bits": rule } }))
    };
    assert!(few(0).starts_with("`bits`: stochastic rounding takes 1 to 31 random bits, not 0"));
    assert!(few(40).starts_with("`bits`: stochastic rounding takes 1 to 31 random bits, not 40"));
    let e4m3 = json!({ "exponent_bits": 4, "mantissa_bits": 3, "bias": 7, "specials": "nan-only" });
    let f16 = json!({ "exponent_bits": 5, "mantissa_bits": 10, "bias": 15, "specials": "ieee" });
    let wrap = json!({ "format": e4m3, "rounding": "up", "overflow": "wrap" });
    let e2m1 = json!({ "format": "e2m1", "rounding": "up", "overflow": "OvfInf" });
    assert!(
        message::<FloatQuantizer>(&e2m1).starts_with("`overflow`: a format without infinities")
    );
    let named = json!({ "format": "Binary8p3se", "rounding": "up", "overflow": "OvfInf" });
    let named: FloatQuantizer = serde_json::from_value(named).unwrap();
    assert_eq!(named.overflow, numerics::Overflow::Propagate);
    assert!(message::<FloatQuantizer>(&wrap).starts_with("`overflow`: floating-point numbers do"));
    let propagate = json!({ "format": "<8,8>", "rounding": "up", "overflow": "propagate" });
    assert!(message::<Quantizer>(&propagate).starts_with("`overflow`: <8,8> has neither"));
    let unknown = json!({ "format": "<8,8>", "rounding": "up", "overflows": "wrap" });
    assert!(message::<Quantizer>(&unknown).starts_with("unknown field `overflows`"));
    let blocks = |element: &Value, block: usize| {
        let format = json!({
            "element": { "float": element }, "block": block, "scale": "power-of-two",
        });
        message::<BlockQuantizer>(&json!({ "format": format, "rounding": "up" }))
    };
    assert!(blocks(&e4m3, 0).starts_with("`block`: a block of no elements"));
    assert!(blocks(&f16, 32).starts_with("`element`: block elements of 16 bits are wider than 8"));
    let unsigned =
        json!({ "element": { "float": "Binary8p4ue" }, "block": 32, "scale": "power-of-two" });
    let unsigned = json!({ "format": unsigned, "rounding": "up" });
    assert!(
        message::<BlockQuantizer>(&unsigned).starts_with("`element`: block elements have a sign")
    );
    let scaled = |scale: &str, key: &str, value: Value| {
        let format = json!({ "element": { "float": "e2m1" }, "block": 16, "scale": scale });
        let mut config = json!({ "format": format, "rounding": "up" });
        config[key] = value;
        message::<BlockQuantizer>(&config)
    };
    let text = scaled("e4-m3", "scale_rule", json!("rceil"));
    assert!(text.starts_with("`scale_rule`: a rule for powers of two, and the scales are E4M3"));
    let text = scaled("power-of-two", "scale_rule", json!("nearest"));
    assert!(text.starts_with("`scale_rule`: a rule for E4M3, and the scales are powers of two"));
    let text = scaled("power-of-two", "tensor_scale", json!(true));
    assert!(text.starts_with("`tensor_scale`: blocks scaled by powers of two have no tensor"));
    let text = scaled("power-of-two", "top", json!("unbiased"));
    assert!(text.starts_with("`top`: blocks scaled by powers of two have a scale rule"));
    assert!(scaled("e4-m3", "bits", json!(8)).contains("unknown field `bits`"));
    let saturating = message::<Accumulator>(&json!({ "saturating": { "bits": 99 } }));
    assert!(saturating.starts_with("`bits`: a register of 99 bits is outside 2..=63"));
}
