//! What needs no experiments: their help, and options that they do not have. Building them takes minutes.
//!
//! The pages below `xtask/help` are what `bench-suite` itself says; a test of it compares them.

use std::process::ExitCode;

use crate::{refuse, say};

/// The commands that `bench-suite` runs, with what it says to `--help`.
const PAGES: [(&str, &str); 17] = [
    ("reproduce", include_str!("../help/reproduce.txt")),
    ("fetch", include_str!("../help/fetch.txt")),
    ("train", include_str!("../help/train.txt")),
    ("evaluate", include_str!("../help/evaluate.txt")),
    ("sensitivity", include_str!("../help/sensitivity.txt")),
    ("age", include_str!("../help/age.txt")),
    ("sweep", include_str!("../help/sweep.txt")),
    ("submit", include_str!("../help/submit.txt")),
    ("status", include_str!("../help/status.txt")),
    ("fit-device", include_str!("../help/fit-device.txt")),
    ("check", include_str!("../help/check.txt")),
    ("export", include_str!("../help/export.txt")),
    ("export-help", include_str!("../help/export-help.txt")),
    ("merge", include_str!("../help/merge.txt")),
    ("report", include_str!("../help/report.txt")),
    ("list", include_str!("../help/list.txt")),
    ("bench", include_str!("../help/bench.txt")),
];

/// The page of a command of `bench-suite`.
pub(crate) fn of(command: &str) -> Option<&'static str> {
    PAGES.iter().find(|(name, _)| *name == command).map(|(_, page)| *page)
}

/// The answer to arguments that ask for help or name an option that is not on the page; `None` for
/// those that only `bench-suite` can judge.
pub(crate) fn answer(command: &str, page: &str, arguments: &[String]) -> Option<ExitCode> {
    // What follows is no option of it, whatever it looks like: it may be those of a command that is
    // submitted.
    let ends = |argument: &str| argument == "--" || command == "submit" && of(argument).is_some();
    let arguments = arguments.iter().take_while(|argument| !ends(argument));
    if arguments.clone().any(|argument| argument == "--help" || argument == "-h") {
        return Some(say(page.trim_end()));
    }
    let names = options(page);
    let mut asked = arguments.filter(|argument| argument.starts_with("--"));
    let name =
        |argument: &str| argument.split_once('=').map_or(argument, |(name, _)| name).to_owned();
    let unknown =
        asked.find_map(|argument| Some(name(argument)).filter(|n| !names.contains(&&**n)))?;
    let usage = page.lines().find(|line| line.starts_with("Usage: ")).unwrap_or_default();
    Some(refuse(&format!(
        "'cargo xtask {command}' has no option '{unknown}'; it has {}\n\n{usage}",
        names.join(", ")
    )))
}

/// The options of a page: what its lines begin with.
fn options(page: &str) -> Vec<&str> {
    let lines = page.lines().map(str::trim_start).filter(|line| line.starts_with('-'));
    let words =
        lines.filter_map(|line| line.split([' ', ',', '=', '[']).find(|w| w.starts_with("--")));
    words.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_options_of_what_is_submitted_are_its_own() {
        let page = of("submit").unwrap();
        let judged = |words: &[&str]| {
            let words: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
            answer("submit", page, &words).is_none()
        };
        assert!(judged(&["--dry-run", "reproduce", "--scale", "smoke", "--help"]));
        assert!(!judged(&["--scale", "smoke", "reproduce"]));
    }

    #[test]
    fn a_page_names_its_options() {
        assert_eq!(options(of("list").unwrap()), ["--help"]);
        let report = options(of("report").unwrap());
        for name in ["--scale", "--seeds", "--out", "--data", "--archive", "--help"] {
            assert!(report.contains(&name), "{name} is not in {report:?}");
        }
    }
}
