//! Value tables of IEEE P3109 that do not ship with the crate.
//!
//! They are found through the environment variable `DITHER_SHARED`, a directory that holds
//! `golden/`; without it the test says so and checks nothing.

use std::io::Write;

use numerics::{FloatFormat, Specials};
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
fn signed_formats_of_p3109_have_the_values_of_its_tables() {
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
        let (width, rest) = name.strip_prefix("Binary").unwrap().split_once('p').unwrap();
        let (precision, kind) = rest.split_at(rest.len() - 2);
        let (width, precision): (u8, u8) = (width.parse().unwrap(), precision.parse().unwrap());
        let format = match kind {
            "se" => FloatFormat::p3109(width, precision).unwrap(),
            "sf" => {
                let extended = FloatFormat::p3109(width, precision).unwrap();
                let (exponent_bits, bias) = (width - precision, extended.bias() as i16);
                FloatFormat::new(exponent_bits, precision - 1, bias, Specials::P3109Finite).unwrap()
            }
            _ => continue, // unsigned formats are not covered
        };
        let values = values.as_array().unwrap();
        assert_eq!(values.len(), 1 << width, "{name}");
        for (code, value) in values.iter().enumerate() {
            let (ours, theirs) = (format.decode(code as u16), number(value.as_str().unwrap()));
            let same = ours.to_bits() == theirs.to_bits() || ours.is_nan() && theirs.is_nan();
            assert!(same, "{name}, code {code:#x}: {ours}, {theirs}");
        }
        checked += 1;
    }
    assert_eq!(checked, 54, "one extended and one finite format for each width and precision");
}
