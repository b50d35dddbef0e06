//! The experiment of `docs/add-an-experiment.md`: it runs, is judged, and is quoted as it is.

#[path = "../examples/add_an_experiment.rs"]
#[expect(dead_code, reason = "its `main` is for people")]
mod example;

use std::path::Path;

#[test]
fn the_example_runs_and_its_claims_are_judged() {
    let folder = tempfile::tempdir().unwrap();
    example::reproduce(folder.path()).unwrap();
    // Again, with all records there.
    example::reproduce(folder.path()).unwrap();
    let report = std::fs::read_to_string(folder.path().join("report.json")).unwrap();
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    let text = report.to_string();
    for claim in ["lost", "kept"] {
        assert!(text.contains(&format!(r#""id":"{claim}""#)), "{text}");
    }
    assert_eq!(text.matches(r#""verdict":"holds""#).count(), 2, "{text}");
    let records = folder.path().join("records/example/small-increments");
    assert_eq!(std::fs::read_dir(records).unwrap().count(), 10);
}

#[test]
fn the_page_quotes_the_file_and_counts_its_lines() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = std::fs::read_to_string(root.join("../../docs/add-an-experiment.md")).unwrap();
    let text = std::fs::read_to_string(root.join("examples/add_an_experiment.rs")).unwrap();
    let quotes: Vec<&str> = page.split("```rust\n").skip(1).collect();
    assert!(quotes.len() >= 3, "{} quotes", quotes.len());
    for quote in quotes {
        let quote = quote.split("```").next().unwrap();
        assert!(text.contains(quote), "the example has not:\n{quote}");
    }
    let is_code = |line: &&str| !line.trim().is_empty() && !line.trim().starts_with("//");
    let (code, lines) = (text.lines().filter(is_code).count(), text.lines().count());
    assert!(code < 120, "{code} lines of code");
    let counted = format!("{code} lines of code, {lines} with comments and blank lines");
    assert!(page.contains(&counted), "{counted}");
}
