//! How numbers are set, in one place for all that experiments write: a minus sign and no hyphen before
//! a number, no sign before a zero, and a comma between thousands from 10,000 on.

use crate::findings::Findings;
use crate::findings::headline::{Headline, Picture};

/// Sets the numbers of claims, heat maps and tables.
pub(super) fn set(findings: &mut Findings) {
    for claim in &mut findings.claims {
        claim.measured = numbers(&claim.measured);
        claim.paper = numbers(&claim.paper);
        claim.test = numbers(&claim.test);
    }
    let first = match &mut findings.headline {
        Some(Headline { picture: Some(Picture::HeatMap(map)), .. }) => Some(map),
        _ => None,
    };
    let maps = findings.heat_maps.iter_mut().chain(first);
    for cell in maps.flat_map(|map| &mut map.cells).flatten().flatten() {
        cell.text = numbers(&cell.text);
    }
    for table in &mut findings.tables {
        table.rows.iter_mut().flatten().for_each(|cell| *cell = numbers(cell));
    }
}

/// The text with its numbers set.
pub(super) fn numbers(text: &str) -> String {
    let mut set = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(|c: char| c.is_ascii_digit()) {
        let (before, from) = rest.split_at(start);
        let end = from.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(from.len());
        let (number, after) = from.split_at(end);
        // What follows a letter, a digit or a comma is part of a name, a date or a list.
        let (before, sign) = match before.strip_suffix(['-', '−']) {
            Some(before) if stands_alone(&set, before) => (before, true),
            _ => (before, false),
        };
        let alone = sign || stands_alone(&set, before);
        set += before;
        if sign && number.bytes().any(|byte| matches!(byte, b'1'..=b'9')) {
            set.push('−');
        }
        let name = after.starts_with(|c: char| c.is_alphabetic() || c == '_' || c == ',');
        set += &if alone && !name { thousands(number) } else { number.to_owned() };
        rest = after;
    }
    set + rest
}

/// Whether a number begins after `set` and `before`.
fn stands_alone(set: &str, before: &str) -> bool {
    let last = before.chars().next_back().or_else(|| set.chars().next_back());
    last.is_none_or(|c| c.is_whitespace() || "(<>≈=±×–".contains(c))
}

/// With a comma before every third digit of the whole part, if it has five or more.
fn thousands(number: &str) -> String {
    let (whole, rest) = number.split_at(number.find('.').unwrap_or(number.len()));
    if whole.len() < 5 {
        return number.to_owned();
    }
    let mut set = String::new();
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index) % 3 == 0 {
            set.push(',');
        }
        set.push(digit);
    }
    set + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_set_as_a_reader_expects() {
        for (written, read) in [
            ("-0.58", "−0.58"),
            ("-0.00", "0.00"),
            ("10000–20000", "10,000–20,000"),
            ("−0.0 ± 0.3", "0.0 ± 0.3"),
            ("62922", "62,922"),
            ("1234567.25 nJ", "1,234,567.25 nJ"),
            ("(-12345 to -0.5)", "(−12,345 to −0.5)"),
            ("1024 × 65536", "1024 × 65,536"),
            // Names, dates, exponents and lists stay.
            ("densenet-22-8", "densenet-22-8"),
            ("2026-11-23", "2026-11-23"),
            ("1e-6", "1e-6"),
            ("2^-16384", "2^-16384"),
            ("10000,20000", "10000,20000"),
            ("fc-12345", "fc-12345"),
            ("0.30000", "0.30000"),
            ("⟨8,8⟩", "⟨8,8⟩"),
        ] {
            assert_eq!(numbers(written), read, "{written}");
        }
    }
}
