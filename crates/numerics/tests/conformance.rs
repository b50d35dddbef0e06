//! The vectors in `conformance/` are what the code computes.

#[path = "../examples/conformance/vectors.rs"]
mod vectors;

#[test]
fn the_vectors_are_fresh() {
    for (name, expected) in vectors::files() {
        let path = vectors::folder().join(name);
        let found = std::fs::read_to_string(&path).expect("a file of vectors");
        let differs = found.lines().zip(vectors::text(&expected).lines()).position(|(a, b)| a != b);
        assert!(
            found == vectors::text(&expected),
            "{name} differs from line {differs:?} on; `cargo run -p numerics --example \
             conformance` writes it anew"
        );
    }
}

/// The files themselves are complete: every rule, policy and format is in them.
#[test]
fn the_vectors_cover_every_rule() {
    let text = |name| std::fs::read_to_string(vectors::folder().join(name)).expect("a file");
    let (fixed, float, products) = (text("fixed.json"), text("float.json"), text("products.json"));
    for rule in [
        "nearest-ties-down",
        "nearest-ties-even",
        "nearest-ties-away",
        "toward-zero",
        "\"down\"",
        "\"up\"",
        "to-odd",
        "\"stochastic\"",
        "\"variant\":\"a\"",
        "\"variant\":\"b\"",
        "\"variant\":\"c\"",
        "twos-complement",
        "sign-magnitude",
    ] {
        assert!(fixed.contains(rule) && float.contains(rule), "{rule} has no vector");
    }
    for accumulator in [
        "\"exact\"",
        "saturating",
        "wrapping",
        "float-gemm",
        "each-step",
        "each-chunk",
        "chunk-based",
    ] {
        assert!(products.contains(accumulator), "{accumulator} has no vector");
    }
}
