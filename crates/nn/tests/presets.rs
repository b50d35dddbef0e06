//! Arithmetics by name: what the files say, and what a configuration may say in their place.

use nn::arithmetic::{Master, presets};
use nn::{AnyArithmetic, Float32, Policy};
use numerics::{HadamardSigns, Rounding, ScaleRule, Top};
use proptest::prelude::*;

fn named(name: &str) -> AnyArithmetic {
    AnyArithmetic::named(name).unwrap_or_else(|error| panic!("{name}: {error}"))
}

#[test]
fn every_preset_is_read_and_written() {
    for name in presets::names() {
        let arithmetic = named(name);
        let file = toml::to_string(&arithmetic).unwrap();
        assert_eq!(toml::from_str::<AnyArithmetic>(&file).unwrap(), arithmetic, "{name}: {file}");
        let value = serde_json::to_value(&arithmetic).unwrap();
        assert!(value.is_object(), "{name} is written by its fields");
        assert_eq!(serde_json::from_value::<AnyArithmetic>(value).unwrap(), arithmetic, "{name}");
        for other in presets::names().filter(|&other| other != name) {
            assert_ne!(named(other), arithmetic, "{name} and {other}");
        }
    }
}

#[test]
fn every_group_of_fields_names_its_source() {
    for name in presets::names() {
        let text = presets::text(name).unwrap();
        // A group is a table with the comment above it or beside its name.
        let mut comment = String::new();
        for line in text.lines() {
            if line.starts_with('[') {
                comment += line.split_once('#').map_or("", |(_, beside)| beside);
                let known = ["arXiv:", "Transformer Engine", "torchao"];
                assert!(known.iter().any(|k| comment.contains(k)), "{name}: {line}");
            }
            if line.starts_with('#') {
                comment += line;
            } else {
                comment.clear();
            }
        }
    }
}

#[test]
fn a_policy_takes_names_wherever_it_takes_arithmetics() {
    let text = "default = \"nvfp4\"\n[layers]\nfc1 = \"mxfp8\"\nfc3 = \"float32\"\n";
    let policy: Policy = toml::from_str(text).unwrap();
    let same = Policy::uniform(named("nvfp4")).with("fc1", named("mxfp8")).with("fc3", Float32);
    assert_eq!(policy, same);
    let written = toml::to_string(&policy).unwrap();
    assert_eq!(toml::from_str::<Policy>(&written).unwrap(), policy);
}

#[test]
fn an_unknown_name_lists_those_that_there_are() {
    for text in ["default = \"nvfp5\"", "default = \"\"", "default = \"block\""] {
        let error = toml::from_str::<Policy>(text).unwrap_err().to_string();
        let all = "there are float32, mxfp8, nvfp4, fp8, fp8-delayed, mxfp4-sr-rht, bf16";
        assert!(error.contains(all) && error.contains("line 1"), "{error}");
    }
}

#[test]
fn a_table_has_one_kind() {
    let two = "[default.low-float]\n[default.block]\n";
    let error = toml::from_str::<Policy>(two).unwrap_err().to_string();
    assert!(error.contains("one kind"), "{error}");
    let error = toml::from_str::<Policy>("[default]\n").unwrap_err().to_string();
    assert!(error.len() > 10, "{error}");
    let json = r#"{"default": {"block": {}, "float32": null}}"#;
    let error = serde_json::from_str::<Policy>(json).unwrap_err().to_string();
    assert!(error.contains("one kind"), "{error}");
}

#[test]
fn slips_in_a_preset_are_refused_with_their_key() {
    for (name, from, to, word) in [
        ("nvfp4", "square", "sqare", "sqare"),
        ("nvfp4", "weight_gradient", "wgrad", "wgrad"),
        ("nvfp4", "size = 16", "size = 32", "`signs`: NVIDIA's signs are 16, not 32"),
        ("nvfp4", "size = 16", "size = 24", "24"),
        (
            "nvfp4",
            "\"nvfp4\", rounding",
            "\"nvfp4\", scale_rule = \"floor\", rounding",
            "forward.input: `scale_rule`",
        ),
        ("mxfp8", "\"rceil\"", "\"nearest\"", "forward.input: `scale_rule`"),
        ("mxfp8", "mxfp8-e4m3", "mxfp8-e3m4", "mxfp8-e3m4"),
        ("mxfp4-sr-rht", "size = 64", "size = 3", "size"),
        ("fp8", "\"current\"", "\"latest\"", "latest"),
        ("fp8-delayed", "window = 1024", "window = 0", "forward.input: scaling.delayed.window"),
        ("bf16", "master.float", "master.flaot", "flaot"),
    ] {
        let text = presets::text(name).unwrap();
        assert!(text.contains(from), "{name}: {from}");
        let error = toml::from_str::<AnyArithmetic>(&text.replacen(from, to, 1)).unwrap_err();
        assert!(error.to_string().contains(word), "{name}, {to}: {error}");
    }
}

#[test]
fn nvfp4_is_the_recipe_of_its_paper() {
    let AnyArithmetic::Block(block) = named("nvfp4") else { panic!("it has blocks") };
    let products = block.products();
    let [x, w] = [products.forward.input, products.forward.weight].map(Option::unwrap);
    assert_eq!((x.square, w.square), (false, true));
    assert_eq!(products.input_gradient.weight, Some(w), "the same function in both passes");
    assert_eq!(products.weight_gradient.input, Some(x));
    let error = products.input_gradient.error.unwrap();
    assert_eq!(error.quantizer.rounding, Rounding::Stochastic);
    assert_eq!(products.weight_gradient.error, Some(error));
    let hadamard = products.weight_gradient.hadamard.unwrap();
    assert_eq!((hadamard.size, hadamard.signs), (16, HadamardSigns::Nvidia));
    assert!(products.forward.hadamard.is_none() && products.input_gradient.hadamard.is_none());
    // Two levels of scales, as the format has them if a file does not say otherwise.
    for operand in [x, w, error] {
        let quantizer = operand.quantizer;
        assert_eq!(quantizer.scale_rule, ScaleRule::Nearest);
        assert!(quantizer.tensor_scale && quantizer.top == Top::Largest);
    }
    assert_eq!(products.master, Master::F32);
}

/// Of what is stochastic nothing may clip, or it is biased.
#[test]
fn scales_of_mx_presets_never_clip() {
    for name in ["mxfp8", "mxfp4-sr-rht"] {
        let AnyArithmetic::Block(block) = named(name) else { panic!("{name} has blocks") };
        let products = block.products();
        let backward = [
            products.input_gradient.error,
            products.input_gradient.weight,
            products.weight_gradient.error,
            products.weight_gradient.input,
        ];
        for operand in backward.into_iter().flatten().chain(products.forward.input) {
            let rule = operand.quantizer.scale_rule;
            assert!(matches!(rule, ScaleRule::Rceil | ScaleRule::ScaledFloor), "{name}: {rule:?}");
        }
    }
}

/// Words of all presets, and some that are none.
fn words() -> Vec<&'static str> {
    let texts = presets::names().filter_map(presets::text);
    let known = texts.flat_map(|text| text.split(|c: char| !(c.is_alphanumeric() || c == '-')));
    let mut words: Vec<&str> = known.chain(["0", "-1", "\"", "{", "64", "true", "up"]).collect();
    words.sort_unstable();
    words.dedup();
    words.retain(|word| !word.is_empty());
    words
}

proptest! {
    /// A preset with slips of the pen is refused with a word, or is read, checked and written.
    #[test]
    fn a_changed_preset_is_refused_or_survives_its_file(
        name in prop::sample::select(presets::names().collect::<Vec<_>>()),
        slips in prop::collection::vec(
            (any::<prop::sample::Index>(), prop::sample::select(words()), prop::sample::select(words())),
            1..4,
        ),
    ) {
        let mut text = presets::text(name).unwrap().to_owned();
        for (place, from, to) in slips {
            let places: Vec<usize> = text.match_indices(from).map(|(at, _)| at).collect();
            if !places.is_empty() {
                let at = *place.get(&places);
                text.replace_range(at..at + from.len(), to);
            }
        }
        match toml::from_str::<AnyArithmetic>(&text) {
            Err(error) => prop_assert!(error.message().len() > 5, "{error}"),
            Ok(read) => {
                let written = toml::to_string(&read).unwrap();
                prop_assert_eq!(toml::from_str::<AnyArithmetic>(&written).unwrap(), read);
            }
        }
    }
}
