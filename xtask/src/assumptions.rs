//! `cargo xtask assumptions`: gathers every choice that the source marks into one page.
//!
//! A comment with `Assumed:` marks what a paper leaves open, one with `Differs:` where we depart from
//! it. The text runs to the end of its paragraph. A test fails where the page is not up to date.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::{no_arguments, refuse, say};

/// The page, relative to the workspace.
const PAGE: &str = "docs/assumptions.md";

const MARKS: [&str; 2] = ["Assumed:", "Differs:"];

/// Where choices are looked for: headings of the page with folders.
const PARTS: [(&str, &str); 9] = [
    ("numerics", "crates/numerics"),
    ("crossbar", "crates/crossbar"),
    ("systolic", "crates/systolic"),
    ("nn", "crates/nn"),
    ("datasets", "crates/datasets"),
    ("report", "crates/report"),
    ("bench-suite", "crates/bench-suite"),
    ("python", "crates/python"),
    ("docs", "docs"),
];

/// Writes the page.
pub(crate) fn run(arguments: &[String]) -> ExitCode {
    let help = format!("gather the choices that the source marks in {PAGE}");
    if let Some(exit) = no_arguments("assumptions", &help, arguments) {
        return exit;
    }
    let root = workspace();
    let written = page(&root).and_then(|text| std::fs::write(root.join(PAGE), text));
    match written {
        Ok(()) => say(PAGE),
        Err(error) => refuse(&format!("cannot write {PAGE}: {error}")),
    }
}

/// Cargo says where the package is now, which need not be where it was compiled.
pub(crate) fn workspace() -> PathBuf {
    let package = std::env::var_os("CARGO_MANIFEST_DIR");
    package.map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from).join("..")
}

fn page(root: &Path) -> std::io::Result<String> {
    let mut body = String::new();
    let mut counts = [0; 2];
    for (heading, folder) in PARTS {
        let mut files = Vec::new();
        collect(&root.join(folder), &mut files)?;
        files.sort();
        // A choice that several files share is told once, under all of them.
        let mut choices: Vec<(Choice, Vec<String>)> = Vec::new();
        for file in files {
            let name = file.strip_prefix(root).expect("collected below the workspace");
            let name = name.to_string_lossy().replace('\\', "/");
            if name == PAGE {
                continue;
            }
            let text = std::fs::read_to_string(&file)?;
            for choice in choices_of(&text, &name) {
                match choices.iter_mut().find(|(known, _)| *known == choice) {
                    Some((_, names)) if names.last() != Some(&name) => names.push(name.clone()),
                    Some(_) => {}
                    None => choices.push((choice, vec![name.clone()])),
                }
            }
        }
        let mut by_files: BTreeMap<Vec<String>, Vec<Choice>> = BTreeMap::new();
        for (choice, names) in choices {
            counts[choice.mark] += 1;
            by_files.entry(names).or_default().push(choice);
        }
        if by_files.is_empty() {
            continue;
        }
        write!(body, "\n## {heading}\n").expect("writing into a string cannot fail");
        for (names, choices) in by_files {
            let link = |name: &String| {
                let short = name.strip_prefix(folder).unwrap_or(name).trim_start_matches('/');
                let up = name.strip_prefix("docs/").map_or(format!("../{name}"), str::to_owned);
                format!("[`{short}`]({up})")
            };
            let links: Vec<String> = names.iter().map(link).collect();
            write!(body, "\n{}\n\n", links.join(", ")).expect("writing into a string cannot fail");
            for Choice { mark, text } in choices {
                let mark = MARKS[mark].trim_end_matches(':');
                writeln!(body, "- **{mark}**: {text}").expect("writing into a string cannot fail");
            }
        }
    }
    let [assumed, differs] = counts;
    Ok(format!(
        "# Choices\n\n\
         Every choice that the source marks: {assumed} that a paper leaves open (**Assumed**), and \
         {differs} in which we depart from one (**Differs**). `cargo xtask assumptions` writes this \
         page from the comments; a test fails where it is not up to date.\n{body}"
    ))
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let skipped = ["target", "results", "data"];
        if path.is_dir() {
            if !path.file_name().is_some_and(|name| skipped.iter().any(|&s| name == s)) {
                collect(&path, files)?;
            }
        } else if comment_of(&path.to_string_lossy()).is_some() {
            files.push(path);
        }
    }
    Ok(())
}

/// What begins a comment in a file of that name; nothing in Markdown, where all is text.
fn comment_of(name: &str) -> Option<&'static str> {
    match name.rsplit_once('.')?.1 {
        "rs" | "sv" => Some("//"),
        "toml" | "py" => Some("#"),
        "md" => Some(""),
        _ => None,
    }
}

/// A marked text, without its mark.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Choice {
    /// Index into [`MARKS`].
    mark: usize,
    text: String,
}

/// A line of a comment: the code before it, the column where the comment begins, its text.
#[derive(Clone, Copy, Debug)]
struct Line<'a> {
    code: &'a str,
    column: usize,
    text: &'a str,
}

fn line<'a>(whole: &'a str, comment: &str) -> Option<Line<'a>> {
    if comment.is_empty() {
        return Some(Line { code: "", column: 0, text: whole.trim() });
    }
    let column = if whole.trim_start().starts_with(comment) {
        whole.len() - whole.trim_start().len()
    } else {
        // Behind code, only what is set off by a space, so that no address is taken for a comment.
        whole.find(&format!(" {comment} "))? + 1
    };
    let text = whole[column..].trim_start_matches(['/', '!', '#']).trim();
    Some(Line { code: whole[..column].trim(), column, text })
}

fn choices_of(text: &str, name: &str) -> Vec<Choice> {
    let comment = comment_of(name).expect("only such files are read");
    let whole: Vec<&str> = text.lines().collect();
    let lines: Vec<Option<Line<'_>>> = whole.iter().map(|whole| line(whole, comment)).collect();
    let mut choices = Vec::new();
    let mut i = 0;
    while i < lines.len() {
        let Some(first) = lines[i].filter(|line| !line.text.is_empty()) else {
            i += 1;
            continue;
        };
        // The paragraph: what follows in the same column with no code before it.
        let mut paragraph = first.text.to_owned();
        let documents = whole[i].trim_start().starts_with("///");
        i += 1;
        while let Some(Some(next)) = lines.get(i)
            && next.code.is_empty()
            && next.column == first.column
            && !next.text.is_empty()
            && !next.text.starts_with(['-', '#', '|', '`'])
        {
            paragraph += " ";
            paragraph += next.text;
            i += 1;
        }
        let subject = if first.code.is_empty() {
            documents.then(|| item(&whole[i..])).flatten()
        } else {
            Some(first.code.trim_end_matches(',').to_owned())
        };
        choices.extend(marked(&paragraph).into_iter().map(|mut choice| {
            if let Some(subject) = &subject {
                choice.text = format!("`{subject}`: {}", choice.text);
            }
            choice
        }));
    }
    choices
}

/// The name of the item that a documentation comment stands before.
fn item(lines: &[&str]) -> Option<String> {
    let mut code = lines.iter().map(|line| line.trim());
    let mut in_attribute = false;
    let line = code.find(|line| {
        let attribute = in_attribute || line.starts_with("#[");
        in_attribute = attribute && !line.ends_with(']');
        !attribute && !line.starts_with("//")
    })?;
    let keywords = ["pub", "const", "static", "unsafe", "fn", "struct", "enum", "trait", "type"];
    let mut words = line.split([' ', '(', ')', '<', ':', '{', ',', ';', '=']);
    let is_name = |word: &&str| !word.is_empty() && !keywords.contains(word);
    words.find(|word| is_name(word) && !["crate", "super", "in"].contains(word)).map(str::to_owned)
}

/// The marked texts of a paragraph: each from its mark, or from the beginning of the sentence in
/// which the mark stands, to the next mark or the end.
fn marked(paragraph: &str) -> Vec<Choice> {
    let mut at: Vec<(usize, usize)> = Vec::new();
    for (mark, word) in MARKS.iter().enumerate() {
        // In backquotes it is only spoken of.
        let found = paragraph.match_indices(word).filter(|(i, _)| !paragraph[..*i].ends_with('`'));
        at.extend(found.map(|(i, _)| (i, mark)));
    }
    at.sort_unstable();
    // Beginning of the text, its mark, where that stands, end of the text.
    let mut parts: Vec<(usize, usize, usize, usize)> = Vec::new();
    for (i, &(position, mark)) in at.iter().enumerate() {
        let end = at.get(i + 1).map_or(paragraph.len(), |next| next.0);
        let start = sentence(paragraph, position);
        match parts.last_mut() {
            // A second mark within a sentence.
            Some((_, _, last, until)) if start <= *last => *until = end,
            _ => {
                if let Some((.., until)) = parts.last_mut() {
                    *until = start;
                }
                parts.push((start, mark, position, end));
            }
        }
    }
    let text = |&(start, mark, position, end): &(usize, usize, usize, usize)| {
        let rest = &paragraph[position + MARKS[mark].len()..end];
        let text = format!("{}{}", &paragraph[start..position], rest.trim_start());
        Choice { mark, text: plain(text.trim()) }
    };
    parts.iter().map(text).collect()
}

/// Where the sentence begins in which a mark stands.
fn sentence(paragraph: &str, position: usize) -> usize {
    let before = &paragraph[..position];
    // A mark behind a stop begins a sentence of its own.
    if before.is_empty() || before.trim_end().ends_with(['.', ':', ';']) {
        return position;
    }
    // A stop before a number belongs to an abbreviation.
    let stops = before.match_indices(". ").map(|(dot, _)| dot + 2);
    stops.filter(|&i| paragraph[i..].starts_with(char::is_uppercase)).last().unwrap_or(0)
}

/// Rustdoc's markup as Markdown of a page: no escapes, no links that lead nowhere.
fn plain(text: &str) -> String {
    let text = text.replace("\\[", "[").replace("\\]", "]");
    text.replace("[`", "`").replace("`]", "`").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str, name: &str) -> Vec<String> {
        let show = |c: Choice| format!("{} {}", MARKS[c.mark], c.text);
        choices_of(text, name).into_iter().map(show).collect()
    }

    #[test]
    fn a_choice_is_the_rest_of_its_paragraph() {
        let text = "\
/// A layer.
///
/// Assumed: ε = 1e-5,
/// as \\[X\\] has it in [`Y`].
///
/// # Panics
fn f() { // Differs: no bias
    let url = \"https://x.org\"; // Assumed: this one
                               // and no other
    // 4 layers; their width is not given (Assumed: 32).
    // A note. Differs: one. Assumed: two.

    // See Eq. 3: low is Assumed: half, high is Assumed: double.
}";
        assert_eq!(
            texts(text, "a.rs"),
            [
                "Assumed: `f`: ε = 1e-5, as [X] has it in `Y`.",
                "Differs: `fn f() {`: no bias",
                "Assumed: `let url = \"https://x.org\";`: this one and no other",
                "Assumed: 4 layers; their width is not given (32). A note.",
                "Differs: one.",
                "Assumed: two.",
                "Assumed: See Eq. 3: low is half, high is Assumed: double.",
            ]
        );
    }

    #[test]
    fn attributes_of_several_lines_are_not_the_item() {
        let text =
            "/// Assumed: one.\n#[x]\n#[cfg_attr(\n    x,\n    derive(Y)\n)]\npub struct S;\n";
        assert_eq!(texts(text, "a.rs"), ["Assumed: `S`: one."]);
    }

    #[test]
    fn other_languages_have_other_comments() {
        let toml = "# A file.\nbits = 8   # Assumed: as usual\nname = \"x\"  # [X]\n";
        assert_eq!(texts(toml, "a.toml"), ["Assumed: `bits = 8`: as usual"]);
        let page = "Differs: α is one\nnumber.\n\nMarked `Assumed:` in the source.\n";
        assert_eq!(texts(page, "a.md"), ["Differs: α is one number."]);
    }

    #[test]
    fn the_page_is_up_to_date() {
        let root = workspace();
        let written = std::fs::read_to_string(root.join(PAGE)).unwrap_or_default();
        let page = page(&root).expect("the source is readable");
        assert!(written == page, "{PAGE} is not up to date; run: cargo xtask assumptions");
    }
}
