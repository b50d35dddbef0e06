//! Formats of IEEE P3109: the value tables of the interim report 4.0, which do not ship with the crate,
//! and what holds for all formats up to 16 bits.
//!
//! The tables are found through the environment variable `DITHER_SHARED`, a directory that holds
//! `golden/`; without it the test says so and checks nothing.

use std::io::Write;

use numerics::{
    BitSource, Domain, Draw, Exact, FloatFormat, FloatQuantizer, GivenBits, Overflow, Rounding,
    Signedness,
};
use sha2::{Digest, Sha256};

const FILE: &str = "p3109_v4_k3_to_k8.json";
const SHA256: &str = "85648110007ccf0d4e4c952af5bffee1cb1f45a36f8fa20af48cf3b14b1a0ad1";

/// A number such as `-0x1.8p-3`.
fn number(text: &str) -> f64 {
    match text {
        "nan" => return f64::NAN,
        "inf" => return f64::INFINITY,
        "-inf" => return f64::NEG_INFINITY,
        _ => {}
    }
    let (sign, text) = text.strip_prefix('-').map_or((1.0, text), |text| (-1.0, text));
    let (digits, exponent) = text.strip_prefix("0x").and_then(|t| t.split_once('p')).unwrap();
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let significand = u64::from_str_radix(&format!("{whole}{fraction}"), 16).unwrap();
    let exponent = exponent.parse::<i32>().unwrap() - 4 * fraction.len() as i32;
    sign * significand as f64 * 2f64.powi(exponent)
}

#[test]
fn formats_of_p3109_have_the_values_of_its_tables() {
    let Some(directory) = std::env::var_os("DITHER_SHARED") else {
        // Unlike `eprintln!`, this is seen where a test's output is captured.
        let line = format!("skipped: DITHER_SHARED is not set, {FILE} is not checked");
        writeln!(std::io::stderr(), "{line}").unwrap();
        return;
    };
    let path = std::path::Path::new(&directory).join("golden").join(FILE);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let digest: String = Sha256::digest(&text).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(digest, SHA256, "{} is another file", path.display());
    let file: serde_json::Value = serde_json::from_str(&text).unwrap();
    let mut checked = 0;
    for (name, values) in file["tables"].as_object().unwrap() {
        let format: FloatFormat = name.parse().unwrap();
        assert_eq!(format.to_string(), *name);
        let values = values.as_array().unwrap();
        assert_eq!(values.len(), 1 << format.width(), "{name}");
        for (code, value) in values.iter().enumerate() {
            let (ours, theirs) = (format.decode(code as u32), number(value.as_str().unwrap()));
            let same = ours.to_bits() == theirs.to_bits() || ours.is_nan() && theirs.is_nan();
            assert!(same, "{name}, code {code:#x}: {ours}, {theirs}");
        }
        checked += 1;
    }
    assert_eq!(checked, 120, "every format of 3 to 8 bits");
}

/// Every format of `widths`, with its width and precision.
fn formats(widths: std::ops::RangeInclusive<u8>) -> Vec<(i32, i32, FloatFormat)> {
    let mut all = Vec::new();
    for width in widths {
        for precision in 1..=width {
            for signedness in [Signedness::Signed, Signedness::Unsigned] {
                for domain in [Domain::Extended, Domain::Finite] {
                    let made = FloatFormat::p3109_with(width, precision, signedness, domain);
                    all.extend(made.map(|format| (width.into(), precision.into(), format)));
                }
            }
        }
    }
    all
}

/// Orders positive numbers: exponent of the leading bit, then the bits below it.
fn order(code: Exact) -> (i32, u32) {
    match code {
        Exact::Finite { negative: false, significand: 0, .. } => (i32::MIN, 0),
        Exact::Finite { negative: false, significand, exponent } => {
            let top = significand.ilog2();
            (exponent + top as i32, significand << (31 - top))
        }
        Exact::Infinite { negative: false } => (i32::MAX, 0),
        other => panic!("{other:?} is not positive"),
    }
}

/// Order, symmetry, counts, and the ends of the range by their formulas.
#[test]
fn formats_up_to_16_bits_follow_the_rules_of_p3109() {
    let all = formats(3..=16);
    assert_eq!(all.len(), 504, "as many as the report has tables");
    for (width, precision, format) in all {
        let (k, p, signed) = (width, precision, format.is_signed());
        let extended = format.infinity_code().is_some();
        let codes: Vec<Exact> = (0..1 << k).map(|code| format.exact(code)).collect();
        let half = if signed { codes.len() / 2 } else { codes.len() - 1 };
        assert!(codes[..half].windows(2).all(|w| order(w[0]) < order(w[1])), "{format}");
        let nan = codes.iter().filter(|&&code| code == Exact::Nan).count();
        let infinite = codes.iter().filter(|c| matches!(c, Exact::Infinite { .. })).count();
        assert_eq!(nan, 1, "{format}");
        assert_eq!(infinite, usize::from(extended) * if signed { 2 } else { 1 }, "{format}");
        assert_eq!(codes[half], Exact::Nan);
        if signed {
            for (positive, negative) in codes[1..half].iter().zip(&codes[half + 1..]) {
                let mirrored = match *positive {
                    Exact::Finite { significand, exponent, .. } => {
                        Exact::Finite { negative: true, significand, exponent }
                    }
                    Exact::Infinite { .. } => Exact::Infinite { negative: true },
                    Exact::Nan => panic!("NaN is between the signs"),
                };
                assert_eq!(*negative, mirrored);
            }
        }
        // Half of the positive codes lie below 1; the smallest number is 2^(2 − P − bias).
        let exponents = k - p + i32::from(!signed);
        let bias = 1 << (exponents - 1);
        assert_eq!(order(codes[1 << (k - 1 - i32::from(signed))]), (0, 1 << 31), "{format}");
        assert_eq!(order(codes[1]), (2 - p - bias, 1 << 31), "{format}");
        // The largest has all bits set but for the codes above it: ∞, and NaN without a sign.
        let above = u64::from(extended) + u64::from(!signed);
        let code = (1u64 << (exponents + p - 1)) - 1 - above;
        let (field, mantissa) = (code >> (p - 1), code & ((1 << (p - 1)) - 1));
        let largest = order(codes[code as usize]);
        assert_eq!(u64::from(format.max_code()), code);
        if field > 0 {
            let leading = (1 << 31) + ((mantissa as u32) << (32 - p));
            assert_eq!(largest, (field as i32 - bias, leading), "{format}");
        }
        assert_eq!(format.fits_f64(), fits(format), "{format}");
    }
}

/// Whether the ends of the range are numbers of f64.
fn fits(format: FloatFormat) -> bool {
    let (low, _) = order(format.exact(1));
    let (high, _) = order(format.exact(format.max_code()));
    low >= -1074 && high <= 1023
}

/// Numbers of f64 convert into every format, to a neighbour, and numbers of the format to themselves.
#[test]
fn every_format_takes_its_own_numbers_as_they_are() {
    for (_, _, format) in formats(3..=16) {
        let step = 1 + (1usize << format.width()) / 1000;
        for rounding in [Rounding::NearestTiesEven, Rounding::Stochastic, Rounding::ToOdd] {
            let quantizer = FloatQuantizer { format, rounding, overflow: Overflow::Saturate };
            for code in (0..1u32 << format.width()).step_by(step) {
                let x = format.decode(code);
                let exact = match format.exact(code) {
                    Exact::Finite { significand: 0, .. } | Exact::Nan | Exact::Infinite { .. } => {
                        true
                    }
                    Exact::Finite { .. } => x != 0.0 && x.is_finite(),
                };
                // Subnormal numbers of f64 may have lost bits.
                if exact && (x == 0.0 || !x.is_finite() || x.abs() >= f64::MIN_POSITIVE) {
                    let bits = GivenBits(&[u32::MAX]);
                    assert_eq!(quantizer.code(x, bits.at(0)), code, "{x:e} in {format}");
                }
            }
        }
    }
}

/// Between neighbours of every unsigned format up to 7 bits, and beyond the ends.
#[test]
fn unsigned_formats_round_and_saturate() {
    for (_, _, format) in formats(3..=7).into_iter().filter(|(.., format)| !format.is_signed()) {
        let of = |rounding, overflow| FloatQuantizer { format, rounding, overflow };
        for code in 0..format.max_code() {
            let (low, high) = (format.decode(code), format.decode(code + 1));
            for k in 1..16 {
                let x = low + (high - low) * f64::from(k) / 16.0;
                let nearest = match k {
                    8 => code + (code & 1),
                    _ => code + u32::from(k > 8),
                };
                for (rounding, expected) in [
                    (Rounding::NearestTiesEven, nearest),
                    (Rounding::Down, code),
                    (Rounding::TowardZero, code),
                    (Rounding::Up, code + 1),
                    (Rounding::ToOdd, code | 1),
                ] {
                    let found = of(rounding, Overflow::Saturate).code(x, Draw::none());
                    assert_eq!(found, expected, "{x} in {format}, {rounding:?}");
                }
                let up = |r: &u32| {
                    let bits = GivenBits(&[r << 28]);
                    of(Rounding::Stochastic, Overflow::Saturate).code(x, bits.at(0)) > code
                };
                assert_eq!((0..16u32).filter(up).count() as i32, k);
            }
        }
        let (min, even) = (format.min_positive(), Rounding::NearestTiesEven);
        let infinity = f64::INFINITY;
        for x in [-min, -1e30, -infinity] {
            for overflow in [Overflow::Saturate, Overflow::SaturateFinite] {
                assert_eq!(of(even, overflow).code(x, Draw::none()), 0);
            }
            let propagate = |rounding| of(rounding, Overflow::Propagate).convert(x, Draw::none());
            assert!(propagate(even).is_nan() && propagate(Rounding::Down).is_nan());
            if x.is_finite() {
                assert_eq!((propagate(Rounding::Up), propagate(Rounding::TowardZero)), (0.0, 0.0));
            }
        }
        // What rounds to 0 is not below the range.
        let zero = of(even, Overflow::Propagate).code(-0.4 * min, Draw::none());
        assert_eq!((zero, of(even, Overflow::Propagate).code(-0.0, Draw::none())), (0, 0));
        let extended = format.infinity_code().is_some();
        let top = |overflow, x| of(even, overflow).convert(x, Draw::none());
        let beyond = if extended { infinity } else { format.max() };
        assert_eq!(top(Overflow::Saturate, infinity), beyond);
        assert_eq!(top(Overflow::Saturate, 1e300), format.max());
        assert_eq!(top(Overflow::SaturateFinite, infinity), format.max());
        assert_eq!(top(Overflow::Propagate, 1e300), beyond);
        assert!(top(Overflow::Saturate, f64::NAN).is_nan());
    }
}
