//! What a source file says of other modules: a parser that knows as much of Rust as that takes.

/// What a file says of other modules.
#[derive(Debug, Default)]
pub(crate) struct Module {
    /// Paths in imports and in code, each with the inline modules around it.
    pub(crate) paths: Vec<(Vec<String>, Vec<String>)>,
    /// The modules in other files that it declares for its tests.
    pub(crate) tests: Vec<String>,
}

impl Module {
    pub(crate) fn of(text: &str) -> Self {
        let mut module = Self::default();
        module.read(&tokens(text), &mut Vec::new());
        module
    }

    /// Reads tokens that stand inside the inline modules `around`.
    fn read(&mut self, tokens: &[String], around: &mut Vec<String>) {
        let at = |i: usize| tokens.get(i).map_or("", String::as_str);
        let mut i = 0;
        while i < tokens.len() {
            match at(i) {
                "#" if is_for_tests(&tokens[i..]) => {
                    while at(i) == "#" {
                        i += 1 + closed(&tokens[i + 1..]);
                    }
                    if at(i) == "mod" && at(i + 2) == ";" {
                        self.tests.push(at(i + 1).to_owned());
                    }
                    i += item(&tokens[i..]);
                }
                // What a module exports of its children it does not need itself.
                "pub" if at(i + 1) == "use" => i += 1 + item(&tokens[i + 1..]),
                // How far something is visible is no use of a module.
                "pub" if at(i + 1) == "(" => i += 1 + closed(&tokens[i + 1..]),
                "mod" if at(i + 2) == "{" => {
                    let end = i + 2 + closed(&tokens[i + 2..]);
                    around.push(at(i + 1).to_owned());
                    self.read(&tokens[i + 3..end - 1], around);
                    around.pop();
                    i = end;
                }
                "use" if at(i + 1) != "<" => {
                    let end = i + item(&tokens[i..]);
                    let mut paths = Vec::new();
                    tree(&tokens[i + 1..end - 1], &[], &mut paths);
                    self.paths.extend(paths.into_iter().map(|path| (path, around.clone())));
                    i = end;
                }
                word if is_word(word) && at(i + 1) == "::" => {
                    let mut path = vec![word.to_owned()];
                    while at(i + 1) == "::" && is_word(at(i + 2)) {
                        path.push(at(i + 2).to_owned());
                        i += 2;
                    }
                    self.paths.push((path, around.clone()));
                    i += 1;
                }
                // Behind a turbofish or a type in brackets a path goes on, it does not begin.
                "::" => i += 2,
                _ => i += 1,
            }
        }
    }
}

/// Whether an attribute keeps what follows for tests: `#[cfg(test)]` or `#[cfg(all(test, …))]`.
fn is_for_tests(tokens: &[String]) -> bool {
    let begins = |with: &[&str]| tokens.iter().zip(with).all(|(a, b)| a == b);
    begins(&["#", "[", "cfg", "(", "test", ")"])
        || begins(&["#", "[", "cfg", "(", "all", "(", "test"])
}

/// The number of tokens of a bracket, or of anything else up to the end of its first brackets.
fn closed(tokens: &[String]) -> usize {
    let mut depth = 0;
    for (i, token) in tokens.iter().enumerate() {
        match token.as_str() {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => {
                depth -= 1;
                if depth == 0 {
                    return i + 1;
                }
            }
            _ => {}
        }
    }
    tokens.len()
}

/// The number of tokens of an item: to its semicolon, or to the end of its braces.
fn item(tokens: &[String]) -> usize {
    let mut i = 0;
    while i < tokens.len() {
        match tokens[i].as_str() {
            ";" => return i + 1,
            "{" if tokens[0] != "use" => return i + closed(&tokens[i..]),
            "(" | "[" | "{" => i += closed(&tokens[i..]),
            _ => i += 1,
        }
    }
    i
}

/// The paths of the tree of an import.
fn tree(tokens: &[String], prefix: &[String], paths: &mut Vec<Vec<String>>) {
    let mut path = prefix.to_vec();
    let mut i = 0;
    while i < tokens.len() {
        match tokens[i].as_str() {
            "{" => {
                let end = i + closed(&tokens[i..]);
                tree(&tokens[i + 1..end - 1], &path, paths);
                path.clear();
                i = end;
            }
            "," => {
                if path.len() > prefix.len() {
                    paths.push(path);
                }
                path = prefix.to_vec();
                i += 1;
            }
            "as" => i += 2,
            "::" => i += 1,
            word => {
                path.push(word.to_owned());
                i += 1;
            }
        }
    }
    if path.len() > prefix.len() {
        paths.push(path);
    }
}

fn is_word(token: &str) -> bool {
    token.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// Words, `::` and single signs, without comments, texts and lifetimes.
fn tokens(text: &str) -> Vec<String> {
    let mut tokens: Vec<String> = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let raw = rest.trim_start_matches(['b', 'c']).strip_prefix('r').map(|raw| {
            let text = raw.trim_start_matches('#');
            (raw.len() - text.len(), text)
        });
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            comment(rest)
        } else if let Some((hashes, text)) = raw.filter(|(_, text)| text.starts_with('"')) {
            let end = format!("\"{}", "#".repeat(hashes));
            let text = &text[1..];
            rest.len() - text.len() + text.find(&end).map_or(text.len(), |i| i + end.len())
        } else if first == '"' {
            1 + quoted(&rest[1..], '"')
        } else if let Some(quote) = rest.strip_prefix('\'') {
            let mut chars = quote.chars();
            let is_character = chars.next() == Some('\\') || chars.next() == Some('\'');
            if is_character { 1 + quoted(quote, '\'') } else { 1 }
        } else if first.is_alphanumeric() || first == '_' {
            let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
            tokens.push(rest[..end].to_owned());
            end
        } else {
            let length = if rest.starts_with("::") { 2 } else { first.len_utf8() };
            if !first.is_whitespace() {
                tokens.push(rest[..length].to_owned());
            }
            length
        };
        rest = &rest[length..];
    }
    tokens
}

/// The length of a comment between `/*` and `*/`, with those inside it.
fn comment(text: &str) -> usize {
    let (mut depth, mut i) = (0, 0);
    while i < text.len() {
        if text[i..].starts_with("/*") {
            depth += 1;
            i += 2;
        } else if text[i..].starts_with("*/") {
            depth -= 1;
            i += 2;
            if depth == 0 {
                break;
            }
        } else {
            i += text[i..].chars().next().map_or(1, char::len_utf8);
        }
    }
    i
}

/// The length of the rest of a text, up to and with the quote that ends it.
fn quoted(text: &str, end: char) -> usize {
    let mut escaped = false;
    for (i, c) in text.char_indices() {
        if !escaped && c == end {
            return i + c.len_utf8();
        }
        escaped = !escaped && c == '\\';
    }
    text.len()
}

#[test]
fn the_parser_reads_what_rust_means() {
    let text = r##"
        //! use crate::comment::A;
        use crate::{a::{self, B as C}, d::E};
        use super::super::f;
        pub use crate::export::T;
        pub(in crate::g) mod x86 { use super::*; fn h() { crate::i::j(super::k) } }
        mod other;
        #[cfg(test)]
        mod tests { use crate::l; }
        #[cfg(test)]
        mod checks;
        #[cfg(test)]
        fn f(x: [u8; 2]) { crate::m::n() }
        /* use crate::o; /* nested */ */
        const TEXT: [&str; 2] = ["use crate::p;\"", r#"crate::q"#];
        fn life<'a>(x: &'a str) -> impl Fn() + use<'a> { other::r::<crate::s::T>('"', '\'') }
    "##;
    let module = Module::of(text);
    let show = |(path, around): &(Vec<String>, Vec<String>)| {
        format!(
            "{}{}",
            around.iter().map(|name| format!("[{name}] ")).collect::<String>(),
            path.join("::")
        )
    };
    let paths: Vec<String> = module.paths.iter().map(show).collect();
    assert_eq!(
        paths,
        [
            "crate::a::self",
            "crate::a::B",
            "crate::d::E",
            "super::super::f",
            "[x86] super::*",
            "[x86] crate::i::j",
            "[x86] super::k",
            "other::r",
            "crate::s::T",
        ]
    );
    assert_eq!(module.tests, ["checks"]);
}
