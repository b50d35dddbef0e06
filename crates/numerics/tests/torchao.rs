//! MX blocks against torchao 0.18.0: scales and codes, one by one.
//!
//! Its rule `floor` is that of OCP MX 1.0 §6.3, which is the one here.
//!
//! It departs from that where the scale is 2^−127, code 0, which f32 has only as a subnormal number:
//! the elements are divided by 2^−126 and stored beside a scale of 2^−127, so that they stand for half
//! of their values.

use numerics::{BlockFormat, BlockQuantizer, Draw, Rounding};
use serde_json::Value;

const FILE: &str = include_str!("golden/mx_torchao_seed1.json");

fn codes(value: &Value) -> Vec<u8> {
    value.as_array().unwrap().iter().map(|code| code.as_u64().unwrap() as u8).collect()
}

fn format(name: &str) -> Option<BlockFormat> {
    match name {
        "mx-e4m3" => Some(BlockFormat::MXFP8_E4M3),
        "mx-e5m2" => Some(BlockFormat::MXFP8_E5M2),
        "mx-e3m2" => Some(BlockFormat::MXFP6_E3M2),
        "mx-e2m3" => Some(BlockFormat::MXFP6_E2M3),
        "mx-e2m1" => Some(BlockFormat::MXFP4),
        _ => None,
    }
}

#[test]
fn blocks_with_the_floor_rule_are_those_of_torchao() {
    let file: Value = serde_json::from_str(FILE).unwrap();
    let number =
        |bits: &Value| f32::from_bits(u32::from_str_radix(bits.as_str().unwrap(), 16).unwrap());
    let values: Vec<f32> = file["values"].as_array().unwrap().iter().map(number).collect();
    let mut checked = 0;
    for case in file["cases"].as_array().unwrap() {
        let name = case["format"].as_str().unwrap();
        let (Some(format), Some("floor")) = (format(name), case["scale_rule"].as_str()) else {
            continue;
        };
        assert_eq!(case["block"], format.block);
        let quantizer = BlockQuantizer::new(format, Rounding::NearestTiesEven);
        let tensor = quantizer.quantize(&values, Draw::none());
        let (scales, elements) = (codes(&case["scales"]), codes(&case["codes"]));
        assert_eq!(tensor.scales(), scales, "{name}: scales");
        // What its elements are the codes of.
        let mut seen = values.clone();
        for (block, _) in scales.iter().enumerate().filter(|(_, scale)| **scale == 0) {
            seen[block * 32..][..32].iter_mut().for_each(|x| *x /= 2.0);
        }
        let theirs = quantizer.quantize(&seen, Draw::none());
        assert_eq!(theirs.codes().len(), elements.len());
        for (i, (ours, theirs)) in theirs.codes().iter().zip(&elements).enumerate() {
            assert_eq!(ours, theirs, "{name}: {} is element {i}", values[i]);
        }
        checked += 1;
    }
    assert_eq!(checked, 5, "every element format");
}
