//! Text inside HTML.

/// Text with the characters that HTML reserves replaced. No line of it begins with a unit or a number that
/// belongs to what is before, and an apostrophe inside a word is one.
pub fn escape(text: &str) -> String {
    let text = [" %", "Fig. ", "Tab. "].into_iter().fold(text.to_owned(), |text, together| {
        text.replace(together, &together.replace(' ', "\u{a0}"))
    });
    let text = apostrophes(&text);
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// With ’ where ' stands between two letters.
fn apostrophes(text: &str) -> String {
    let mut before = ' ';
    let mut set = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        let inside = before.is_alphabetic() && characters.peek().is_some_and(|c| c.is_alphabetic());
        set.push(if c == '\'' && inside { '’' } else { c });
        before = c;
    }
    set
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_set_and_reserved_characters_are_not_tags() {
        assert_eq!(escape("a < b & \"c\""), "a &lt; b &amp; &quot;c&quot;");
        assert_eq!(
            escape("the paper's 'resnet18' in Fig. 1"),
            "the paper’s 'resnet18' in Fig.\u{a0}1"
        );
        assert_eq!(escape("within 2 % of it"), "within 2\u{a0}% of it");
    }
}
