//! Another program's values, compared with ours one by one.
//!
//! Two kinds of files are known: `{"tables": {name: [value by code point]}}` with the formats of IEEE
//! P3109 by name and values as C hexadecimal floats, and `{"values": …, "cases": …}` with scales and
//! codes of torchao.

use std::path::Path;

use numerics::{
    BlockFormat, BlockQuantizer, BlockShape, Draw, Exact, FloatFormat, FloatQuantizer, Overflow,
    Rounding, ScaleRule,
};
use serde_json::Value;

/// Why a comparison ended.
#[derive(Debug)]
pub(crate) enum Failure {
    /// A value is another one: where, theirs, ours.
    Differs(String),
    /// The file is not one of the two kinds.
    Unreadable(String),
}

fn unreadable(what: impl Into<String>) -> Failure {
    Failure::Unreadable(what.into())
}

/// Compares a file; what was compared, a line for each kind of thing.
pub(crate) fn file(path: &Path) -> Result<Vec<String>, Failure> {
    text(&std::fs::read_to_string(path).map_err(|error| unreadable(error.to_string()))?)
}

/// [`file`], of its text.
pub(crate) fn text(text: &str) -> Result<Vec<String>, Failure> {
    let file: Value = serde_json::from_str(text).map_err(|error| unreadable(error.to_string()))?;
    if let Some(tables) = file["tables"].as_object() {
        let mut values = 0;
        for (name, table) in tables {
            values += compare_table(name, list(table, name)?)?;
        }
        return Ok(vec![format!("{} tables, {values} values: no difference", tables.len())]);
    }
    if file["cases"].is_array() {
        return blocks(&file);
    }
    Err(unreadable("neither `tables` nor `cases` in it"))
}

fn list<'a>(value: &'a Value, name: &str) -> Result<&'a Vec<Value>, Failure> {
    value.as_array().ok_or_else(|| unreadable(format!("`{name}` is no list")))
}

/// Compares the values of one format, by code.
fn compare_table(name: &str, table: &[Value]) -> Result<usize, Failure> {
    let format: FloatFormat = name.parse().map_err(|error| unreadable(format!("{error}")))?;
    if table.len() != 1 << format.width() {
        let (theirs, ours) = (table.len(), 1u32 << format.width());
        return Err(Failure::Differs(format!("{name} has {theirs} values, ours {ours}")));
    }
    for (code, value) in (0..).zip(table) {
        let text = value.as_str().unwrap_or_default();
        let theirs =
            number(text).ok_or_else(|| unreadable(format!("{name}, code {code:#x}: {value}")))?;
        let ours = reduced(format.exact(code));
        if theirs != ours {
            let difference = format!("{name}, code {code:#x}: {text}, ours {ours}");
            return Err(Failure::Differs(difference));
        }
    }
    Ok(table.len())
}

/// With an odd significand, or exponent 0 if it is 0.
fn reduced(number: Exact) -> Exact {
    match number {
        Exact::Finite { negative, significand: 0, .. } => {
            Exact::Finite { negative, significand: 0, exponent: 0 }
        }
        Exact::Finite { negative, significand, exponent } => {
            let zeros = significand.trailing_zeros();
            let (significand, exponent) = (significand >> zeros, exponent + zeros as i32);
            Exact::Finite { negative, significand, exponent }
        }
        special => special,
    }
}

/// A number such as `-0x1.8p-3`, reduced.
fn number(text: &str) -> Option<Exact> {
    let (negative, text) = text.strip_prefix('-').map_or((false, text), |text| (true, text));
    match text {
        "nan" => return Some(Exact::Nan),
        "inf" => return Some(Exact::Infinite { negative }),
        _ => {}
    }
    let (digits, exponent) = text.strip_prefix("0x")?.split_once('p')?;
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let significand = u32::from_str_radix(&format!("{whole}{fraction}"), 16).ok()?;
    let exponent = exponent.parse::<i32>().ok()? - 4 * fraction.len() as i32;
    Some(reduced(Exact::Finite { negative, significand, exponent }))
}

fn numbers(value: &Value, name: &str) -> Result<Vec<f32>, Failure> {
    list(value, name)?.iter().map(|bits| float(bits, name)).collect()
}

/// An f32 as its bits in hexadecimal.
fn float(bits: &Value, name: &str) -> Result<f32, Failure> {
    let bits = bits.as_str().and_then(|text| u32::from_str_radix(text, 16).ok());
    bits.map(f32::from_bits).ok_or_else(|| unreadable(format!("`{name}` holds no bits of f32")))
}

fn codes(value: &Value, name: &str) -> Result<Vec<u8>, Failure> {
    let code = |code: &Value| code.as_u64().and_then(|code| u8::try_from(code).ok());
    let codes: Option<Vec<u8>> = list(value, name)?.iter().map(code).collect();
    codes.ok_or_else(|| unreadable(format!("`{name}` holds no codes")))
}

/// Compares scales and codes of torchao. Where it departs from its specification, the predicate is
/// exact, and how often it held is said.
fn blocks(file: &Value) -> Result<Vec<String>, Failure> {
    let values = numbers(&file["values"], "values")?;
    let mut seen = Seen::default();
    for case in list(&file["cases"], "cases")? {
        let name = case["format"].as_str().unwrap_or_default();
        if name == "nvfp4" {
            nvfp4(case, &mut seen)?;
        } else {
            mx(name, case, &values, &mut seen)?;
        }
    }
    let Seen { cases, scales, elements, halved, unscaled } = seen;
    Ok(vec![
        format!("{cases} cases, {scales} scales, {elements} elements: no difference but"),
        format!(
            "{halved} elements under scale code 0 of floor, ceil and even: divided by 2^-126, the \
             smallest normal f32, and stored beside 2^-127, so that they stand for half of their values"
        ),
        format!(
            "{unscaled} elements under scale code 0 of rceil: divided by 1, and stored beside 2^-127, \
             so that they are zeros of their sign"
        ),
    ])
}

/// What was compared.
#[derive(Default)]
struct Seen {
    cases: usize,
    scales: usize,
    elements: usize,
    /// Nonzero elements under the smallest scale that are divided by 2^-126.
    halved: usize,
    /// Those that are divided by 1.
    unscaled: usize,
}

fn rule(name: &str) -> Option<ScaleRule> {
    match name {
        "floor" => Some(ScaleRule::Floor),
        "ceil" => Some(ScaleRule::Ceil),
        "even" => Some(ScaleRule::Even),
        "rceil" => Some(ScaleRule::Rceil),
        _ => None,
    }
}

fn mx(name: &str, case: &Value, values: &[f32], seen: &mut Seen) -> Result<(), Failure> {
    let (format, element) = match name {
        "mx-e4m3" => (BlockFormat::MXFP8_E4M3, FloatFormat::E4M3),
        "mx-e5m2" => (BlockFormat::MXFP8_E5M2, FloatFormat::E5M2),
        "mx-e3m2" => (BlockFormat::MXFP6_E3M2, FloatFormat::E3M2),
        "mx-e2m3" => (BlockFormat::MXFP6_E2M3, FloatFormat::E2M3),
        "mx-e2m1" => (BlockFormat::MXFP4, FloatFormat::E2M1),
        _ => return Err(unreadable(format!("format '{name}' is not known"))),
    };
    let rule_name = case["scale_rule"].as_str().unwrap_or_default();
    let scale_rule =
        rule(rule_name).ok_or_else(|| unreadable(format!("rule '{rule_name}' is not known")))?;
    let format = BlockFormat { block: block(case)?, ..format };
    let quantizer =
        BlockQuantizer { scale_rule, ..BlockQuantizer::new(format, Rounding::NearestTiesEven) };
    let layout = BlockShape::AlongRows.of(1, values.len());
    let ours = quantizer.quantize_matrix(values, layout, Draw::none());
    let title = format!("{name}, {rule_name}");
    same(&title, "scale", &codes(&case["scales"], "scales")?, ours.scales())?;
    // The departures: another divisor than 2^-127.
    let (divisor, count) = match scale_rule {
        ScaleRule::Rceil => (1.0, &mut seen.unscaled),
        _ => (f64::from(f32::MIN_POSITIVE), &mut seen.halved),
    };
    let nearest = FloatQuantizer {
        format: element,
        rounding: Rounding::NearestTiesEven,
        overflow: Overflow::SaturateFinite,
    };
    let mut expected = ours.codes().to_vec();
    for (i, _) in ours.scales().iter().enumerate().filter(|(_, scale)| **scale == 0) {
        for at in i * format.block..values.len().min((i + 1) * format.block) {
            expected[at] = nearest.code(f64::from(values[at]) / divisor, Draw::none()) as u8;
            *count += usize::from(values[at] != 0.0);
        }
    }
    same(&title, "element", &codes(&case["codes"], "codes")?, &expected)?;
    seen.cases += 1;
    seen.scales += ours.scales().len();
    seen.elements += values.len();
    Ok(())
}

/// torchao's inference chain, which is a rule of its own.
fn nvfp4(case: &Value, seen: &mut Seen) -> Result<(), Failure> {
    let values = numbers(&case["values"], "values")?;
    let tensor_scale = match &case["per_tensor_scale"] {
        Value::Null => None,
        bits => Some(float(bits, "per_tensor_scale")?),
    };
    let format = BlockFormat { block: block(case)?, ..BlockFormat::NVFP4 };
    let quantizer = BlockQuantizer {
        scale_rule: ScaleRule::TorchaoInference,
        tensor_scale: tensor_scale.is_some(),
        ..BlockQuantizer::new(format, Rounding::NearestTiesEven)
    };
    let layout = BlockShape::AlongRows.of(1, values.len());
    let scale = tensor_scale.unwrap_or(1.0);
    let ours = quantizer.quantize_matrix_scaled(&values, layout, scale, Draw::none());
    let title = format!("nvfp4, tensor scale {tensor_scale:?}");
    same(&title, "scale", &codes(&case["scales"], "scales")?, ours.scales())?;
    same(&title, "element", &codes(&case["codes"], "codes")?, ours.codes())?;
    seen.cases += 1;
    seen.scales += ours.scales().len();
    seen.elements += values.len();
    Ok(())
}

fn block(case: &Value) -> Result<usize, Failure> {
    let block = case["block"].as_u64().and_then(|block| usize::try_from(block).ok());
    block.filter(|&block| block > 0).ok_or_else(|| unreadable("`block` is no length"))
}

fn same(case: &str, what: &str, theirs: &[u8], ours: &[u8]) -> Result<(), Failure> {
    if theirs.len() != ours.len() {
        let difference = format!("{case}: {} {what}s, ours {}", theirs.len(), ours.len());
        return Err(Failure::Differs(difference));
    }
    match theirs.iter().zip(ours).position(|(theirs, ours)| theirs != ours) {
        None => Ok(()),
        Some(i) => {
            let (theirs, ours) = (theirs[i], ours[i]);
            let difference = format!("{case}, {what} {i}: {theirs:#04x}, ours {ours:#04x}");
            Err(Failure::Differs(difference))
        }
    }
}
