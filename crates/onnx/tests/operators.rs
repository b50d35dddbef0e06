//! `docs/operators.md` has every operator; with `DITHER_UPDATE` the page is written instead.

use std::path::Path;

use onnx::{Kind, operators};

fn page() -> String {
    let mut page = "# Operators of ONNX\n\n\
        What `check`, `age`, `sensitivity` and `train` know, of version 11 and later, by what becomes of each.\n\
        Computed by the tests of `onnx`; what is not here is named when a file is read, with the nodes that\n\
        use it.\n"
        .to_owned();
    for (kind, words) in [
        (
            Kind::Layer,
            "Linear maps of `nn`, where a factor is constant: in any arithmetic, and on tiles",
        ),
        (Kind::Operation, "Operations on the tape, with their gradients"),
        (Kind::Move, "Moving numbers, on the tape or known ones"),
        (Kind::Known, "Numbers that are made of known ones, such as shapes"),
    ] {
        let names = operators().into_iter().filter(|(_, k)| *k == kind);
        let names: Vec<String> = names.map(|(name, _)| format!("`{name}`")).collect();
        page += &format!("\n## {words}\n\n{}\n", names.join(", "));
    }
    page
}

#[test]
fn the_page_has_every_operator() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/operators.md");
    if std::env::var_os("DITHER_UPDATE").is_some() {
        std::fs::write(&file, page()).unwrap();
    }
    let there = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(there == page(), "docs/operators.md is not up to date; DITHER_UPDATE=1 writes it");
}
