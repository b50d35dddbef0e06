//! Words of a command line as a shell reads them.

use std::ffi::OsStr;

/// A word that a shell reads as it is: in single quotes unless it has nothing but letters, digits and
/// a few signs that mean nothing.
pub fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-+=/.,:@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// Words with spaces between them.
pub fn line<W: AsRef<OsStr>>(words: impl IntoIterator<Item = W>) -> String {
    let quote = |word: W| quoted(&word.as_ref().to_string_lossy());
    words.into_iter().map(quote).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(unix)]
    fn a_shell_reads_what_was_written() {
        let words = [
            "plain", "a b", "it's", "'", "", "$HOME", "`date`", "\"", "\\", "a\nb", "*", "~", "#",
            "<4,12>", "é", "!x", "a=b;c", "-n", "{1,2}",
        ];
        let script = format!("for word in {}; do printf '%s\\0' \"$word\"; done", line(words));
        let output = std::process::Command::new("sh").args(["-c", &script]).output().unwrap();
        let read = String::from_utf8(output.stdout).unwrap();
        let read: Vec<&str> = read.strip_suffix('\0').unwrap().split('\0').collect();
        assert_eq!(read, words);
        assert_eq!(line(["dither", "--out", "/a/b-1.2"]), "dither --out /a/b-1.2");
    }
}
