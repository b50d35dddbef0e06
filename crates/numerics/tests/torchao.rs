//! Blocks against torchao 0.18.0: scales and codes of every scale rule and of NVFP4's inference chain,
//! one by one, and that the comparison sees what is different.

#[expect(dead_code, reason = "the example also reads files")]
#[path = "../examples/conformance/check.rs"]
mod check;

use check::Failure;
use serde_json::{Value, json};

const FILE: &str = include_str!("golden/mx_torchao_seed1.json");

#[test]
fn scales_and_codes_are_those_of_torchao() {
    let found = check::text(FILE).unwrap();
    assert_eq!(found[0], "22 cases, 1228 scales, 36608 elements: no difference but");
    assert!(found[1].starts_with("2688 elements under scale code 0 of floor, ceil and even"));
    assert!(found[2].starts_with("960 elements under scale code 0 of rceil"));
    assert_eq!(found.len(), 3);
}

fn difference(file: &Value) -> String {
    match check::text(&file.to_string()) {
        Err(Failure::Differs(difference)) => difference,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_first_difference_is_named() {
    let tampered = |case: usize, key: &str, i: usize| {
        let mut file: Value = serde_json::from_str(FILE).unwrap();
        let code = file["cases"][case][key][i].as_u64().unwrap();
        file["cases"][case][key][i] = json!(code ^ 1);
        difference(&file)
    };
    assert_eq!(tampered(3, "scales", 7), "mx-e4m3, rceil, scale 7: 0x79, ours 0x78");
    assert_eq!(tampered(0, "codes", 1), "mx-e4m3, floor, element 1: 0x6c, ours 0x6d");
    assert_eq!(tampered(20, "codes", 0), "nvfp4, tensor scale None, element 0: 0x02, ours 0x03");
    let table = json!({ "tables": { "Binary3p1se": ["0x0p+0", "0x1p-1", "0x1p+0", "inf", "nan", "-0x1p-1", "-0x1.8p+0", "-inf"] } });
    assert!(difference(&table).starts_with("Binary3p1se, code 0x6: -0x1.8p+0, ours"));
    let short = json!({ "tables": { "Binary3p1se": ["0x0p+0"] } });
    assert_eq!(difference(&short), "Binary3p1se has 1 values, ours 8");
}

#[test]
fn what_is_no_such_file_is_said() {
    for (text, reason) in [
        ("", "EOF"),
        ("{}", "neither `tables` nor `cases`"),
        (r#"{"tables":{"Binary9":[]}}"#, "'Binary9' is not a floating-point format"),
        (r#"{"tables":{"Binary3p1se":[1,2,3,4,5,6,7,8]}}"#, "Binary3p1se, code 0x0: 1"),
        (r#"{"values":[],"cases":[{"format":"mx-e4m3"}]}"#, "rule '' is not known"),
        (r#"{"values":["x"],"cases":[]}"#, "`values` holds no bits of f32"),
    ] {
        match check::text(text) {
            Err(Failure::Unreadable(found)) => assert!(found.contains(reason), "{found}"),
            other => panic!("{text}: {other:?}"),
        }
    }
}
