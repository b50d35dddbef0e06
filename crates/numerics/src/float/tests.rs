//! Formats against their specifications, tables of limits, names.

use super::*;

#[test]
fn named_formats_have_the_numbers_of_their_specifications() {
    // OCP FP8 1.0 Tab. 1, OCP MX 1.0 Tab. 4 and 5: largest, smallest normal, smallest.
    let table = [
        (FloatFormat::E5M2, 57344.0, 2f64.powi(-14), 2f64.powi(-16)),
        (FloatFormat::E4M3, 448.0, 2f64.powi(-6), 2f64.powi(-9)),
        (FloatFormat::E3M2, 28.0, 0.25, 0.0625),
        (FloatFormat::E2M3, 7.5, 1.0, 0.125),
        (FloatFormat::E2M1, 6.0, 1.0, 0.5),
        (FloatFormat::F16, 65504.0, 2f64.powi(-14), 2f64.powi(-24)),
    ];
    for (format, max, normal, subnormal) in table {
        assert_eq!(format.max(), max);
        assert_eq!(exp2(format.min_exponent()), normal);
        assert_eq!(format.min_positive(), subnormal);
    }
    let fp4: Vec<f64> = (0..8).map(|code| FloatFormat::E2M1.decode(code)).collect();
    assert_eq!(fp4, [0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0]);
    assert!(FloatFormat::E2M1.decode(8).is_sign_negative());
}

#[test]
fn p3109_formats_have_the_codes_of_the_report() {
    for precision in 1..=7 {
        let format = FloatFormat::p3109(8, precision).unwrap();
        assert!(format.decode(0x80).is_nan());
        assert_eq!(format.decode(0x40), 1.0, "half of the positive codes lie below 1");
        assert_eq!(format.decode(0x7f), f64::INFINITY);
        assert_eq!(format.decode(0xff), f64::NEG_INFINITY);
        assert_eq!(format.decode(0xfe), -format.max());
        assert_eq!(format.decode(0).to_bits(), 0);
    }
    let p = |precision| FloatFormat::p3109(8, precision).unwrap();
    // From the working group's value table of binary8p1se.
    assert_eq!((p(1).max(), p(1).min_positive()), (2f64.powi(62), 2f64.powi(-63)));
    assert_eq!((p(3).max(), p(3).min_positive()), (49152.0, 2f64.powi(-17)));
    assert_eq!((p(4).max(), p(4).min_positive()), (224.0, 2f64.powi(-10)));
    assert_eq!((p(5).max(), p(5).min_positive()), (15.0, 2f64.powi(-7)));
    assert_eq!(p(4).decode(0x21), 1.125 * 2f64.powi(-4));
}

#[test]
fn values_increase_with_their_codes() {
    for format in [FloatFormat::E4M3, FloatFormat::F16, FloatFormat::p3109(8, 1).unwrap()] {
        for code in 1..=format.max_code() {
            assert!(format.decode(code) > format.decode(code - 1), "{code:#x}");
        }
    }
}

#[test]
fn the_half_crate_decodes_alike() {
    for code in 0..=0xffffu16 {
        let check = |ours: f64, theirs: f64| {
            assert!(
                ours.to_bits() == theirs.to_bits() || ours.is_nan() && theirs.is_nan(),
                "{code:#x}: {ours}, {theirs}"
            );
        };
        check(FloatFormat::F16.decode(code.into()), half::f16::from_bits(code).to_f64());
        check(FloatFormat::BF16.decode(code.into()), half::bf16::from_bits(code).to_f64());
    }
}

/// Every field on both sides of every limit.
#[test]
fn a_format_is_made_exactly_where_its_fields_say() {
    for width in 0..=20u8 {
        for precision in 0..=20u8 {
            let signed = (3..=16).contains(&width) && (1..width).contains(&precision);
            let unsigned = (3..=16).contains(&width) && (1..=width).contains(&precision);
            for domain in [Domain::Extended, Domain::Finite] {
                let of = |signedness| FloatFormat::p3109_with(width, precision, signedness, domain);
                assert_eq!(of(Signedness::Signed).is_ok(), signed, "{width}, {precision}");
                assert_eq!(of(Signedness::Unsigned).is_ok(), unsigned, "{width}, {precision}");
            }
        }
    }
    for (exponent, mantissa) in (0..=18u8).flat_map(|e| (0..=19u8).map(move |m| (e, m))) {
        let natural = 1i32 << exponent >> 1;
        let biases = [-257, -256, -255, 0, 511, 512, 513];
        for bias in biases.into_iter().chain([natural - 2, natural - 1, natural, natural + 1]) {
            let made = (1..=16).contains(&exponent)
                && (2..=18).contains(&(exponent + mantissa))
                && ((-256..=512).contains(&bias) || bias == natural || bias == natural - 1);
            let of = |specials| FloatFormat::new(exponent, mantissa, bias, specials).is_ok();
            let fields = format!("{exponent}, {mantissa}, {bias}");
            assert_eq!(of(Specials::None), made, "{fields}");
            assert_eq!(of(Specials::Ieee), made && mantissa > 0, "{fields}");
        }
    }
}

#[test]
fn impossible_formats_are_refused_by_name() {
    let message =
        |e, m, bias, specials| FloatFormat::new(e, m, bias, specials).unwrap_err().to_string();
    assert_eq!(
        message(8, 23, 127, Specials::Ieee),
        "a floating-point format of 8 exponent bits, 23 mantissa bits and bias 127 is not \
         covered: sign, exponent_bits and mantissa_bits are 3 to 19 bits"
    );
    for (text, limit) in [
        (message(17, 0, 7, Specials::Ieee), "exponent_bits lies in 1..=16"),
        (message(0, 3, 7, Specials::Ieee), "exponent_bits lies in 1..=16"),
        (message(8, 11, 7, Specials::Ieee), "exponent_bits and mantissa_bits are 3 to 19 bits"),
        (message(1, 0, 7, Specials::None), "exponent_bits and mantissa_bits are 3 to 19 bits"),
        (message(4, 3, 513, Specials::None), "bias lies in -256..=512"),
        (message(4, 0, 7, Specials::Ieee), "mantissa_bits is at least 1"),
    ] {
        assert!(text.contains(limit), "{text}");
    }
    let message = |width, precision| FloatFormat::p3109(width, precision).unwrap_err().to_string();
    for (text, limit) in [
        (message(2, 1), "binary2p1 is not covered: the width lies in 3..=16"),
        (message(17, 4), "the width lies in 3..=16"),
        (message(8, 8), "the precision is at least 1 and below the width"),
        (message(8, 0), "the precision is at least 1 and below the width"),
    ] {
        assert!(text.contains(limit), "{text}");
    }
    let unsigned = FloatFormat::p3109_with(8, 9, Signedness::Unsigned, Domain::Finite).unwrap_err();
    assert!(unsigned.to_string().contains("not above the width"), "{unsigned}");
}

#[test]
fn names_are_read_as_they_are_printed() {
    for width in 3..=16u8 {
        for precision in 1..=width {
            for signedness in [Signedness::Signed, Signedness::Unsigned] {
                for domain in [Domain::Extended, Domain::Finite] {
                    let Ok(format) = FloatFormat::p3109_with(width, precision, signedness, domain)
                    else {
                        continue;
                    };
                    let name = format.to_string();
                    assert_eq!(name.parse(), Ok(format), "{name}");
                    #[cfg(feature = "serde")]
                    {
                        let json = serde_json::to_string(&format).unwrap();
                        assert_eq!(serde_json::from_str::<FloatFormat>(&json).unwrap(), format);
                    }
                }
            }
        }
    }
    assert_eq!(FloatFormat::p3109(8, 3).unwrap().to_string(), "Binary8p3se");
    assert_eq!(FloatFormat::TF32.to_string(), "tf32");
    assert_eq!("e4m3fnuz".parse(), Ok(FloatFormat::E4M3FNUZ));
    let other = FloatFormat::new(4, 3, 11, Specials::P3109Finite).unwrap();
    assert_eq!(other.to_string(), "e4m3 of bias 11 (P3109Finite)");
    for text in
        ["", "E4M3", "Binary8p3", "Binary8p3s", "Binary08p3se", "Binary8p+3se", "Binary8p8se"]
    {
        assert!(text.parse::<FloatFormat>().is_err(), "{text}");
    }
    let message = "fp9".parse::<FloatFormat>().unwrap_err().to_string();
    assert!(message.starts_with("'fp9' is not a floating-point format; write a name"), "{message}");
}

#[test]
fn tf32_has_the_numbers_of_f32_with_ten_mantissa_bits() {
    let tf32 = FloatFormat::TF32;
    assert_eq!(tf32.width(), 19);
    for code in (0..1u32 << 19).step_by(7) {
        let (ours, f32) = (tf32.decode(code), f64::from(f32::from_bits(code << 13)));
        assert!(ours.to_bits() == f32.to_bits() || ours.is_nan() && f32.is_nan(), "{code:#x}");
    }
}

#[cfg(feature = "serde")]
#[test]
fn configuration_text_is_checked() {
    let json = r#"{"exponent_bits":4,"mantissa_bits":3,"bias":7,"specials":"nan-only"}"#;
    assert_eq!(serde_json::from_str::<FloatFormat>(json).unwrap(), FloatFormat::E4M3);
    assert_eq!(serde_json::to_string(&FloatFormat::E4M3).unwrap(), json);
    assert!(serde_json::from_str::<FloatFormat>(&json.replace('4', "0")).is_err());
    assert_eq!(serde_json::from_str::<FloatFormat>("\"e4m3\"").unwrap(), FloatFormat::E4M3);
    assert!(serde_json::from_str::<FloatFormat>("\"e4m4\"").is_err());
    let unsigned = json.replace("}", ",\"signed\":false}");
    let message = serde_json::from_str::<FloatFormat>(&unsigned).unwrap_err().to_string();
    assert!(message.contains("only specials of P3109 go with signed = false"), "{message}");
    let unknown = json.replace("}", ",\"width\":8}");
    let message = serde_json::from_str::<FloatFormat>(&unknown).unwrap_err().to_string();
    assert!(message.contains("unknown field `width`"), "{message}");
}

#[test]
fn exact_values_are_written_as_c_does() {
    let text = |code| FloatFormat::E4M3.exact(code).to_string();
    let codes = [0x00, 0x80, 0x01, 0x08, 0x39, 0x3a, 0x3c, 0xbf, 0x7e, 0x7f];
    let expected = [
        "0x0p+0",
        "-0x0p+0",
        "0x1p-9",
        "0x1p-6",
        "0x1.2p+0",
        "0x1.4p+0",
        "0x1.8p+0",
        "-0x1.ep+0",
        "0x1.cp+8",
        "nan",
    ];
    assert_eq!(codes.map(text), expected);
    assert_eq!(FloatFormat::F16.exact(0xfc00).to_string(), "-inf");
    assert_eq!(FloatFormat::F16.exact(0x3c01).to_string(), "0x1.004p+0");
    assert_eq!(FloatFormat::TF32.exact(0x1fc01).to_string(), "0x1.004p+0");
}
