//! Times and names as a reader wants them.

use crate::measured::networks::NetworkId;

/// Seconds as text: `42 s`, `3 min 20 s`, `2 h 5 min`.
pub(crate) fn duration(seconds: f64) -> String {
    let s = seconds.round() as u64;
    match s {
        0..60 => format!("{s} s"),
        60..3600 => format!("{} min {} s", s / 60, s % 60),
        _ => format!("{} h {} min", s / 3600, s % 3600 / 60),
    }
}

/// Seconds since 1970 as a date, `2026-11-23` (proleptic Gregorian, UTC).
pub(crate) fn date(unix_s: u64) -> String {
    // Days since 0000-03-01, so that the leap day ends a year; then years by the 400-year cycle.
    let days = unix_s / 86_400 + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day_of_year = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day_of_month = day_of_year - (153 * month + 2) / 5 + 1;
    let month_of_year = if month < 10 { month + 3 } else { month - 9 };
    let year = 400 * era + year + u64::from(month_of_year <= 2);
    format!("{year:04}-{month_of_year:02}-{day_of_month:02}")
}

/// A number with its noun: `1 record`, `7 records`.
pub(crate) fn count(number: impl std::fmt::Display + PartialEq + From<u8>, noun: &str) -> String {
    if number == 1.into() { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

/// A text that ends like a sentence, once.
pub(crate) fn sentence(text: &str) -> String {
    if text.ends_with(['.', '!', '?']) { text.to_owned() } else { format!("{text}.") }
}

/// A text that begins like a sentence, unless with the name of a network such as resnet18.
pub(crate) fn capital(text: &str) -> String {
    let first = text.split([' ', ',']).next().unwrap_or_default();
    if first.contains(|c: char| c.is_ascii_digit() || c == '-') {
        return text.to_owned();
    }
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// Names of networks in a sentence.
pub(crate) fn names(networks: &[NetworkId], between: &str) -> String {
    networks.iter().map(|id| id.name()).collect::<Vec<_>>().join(between)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_begin_and_end_once() {
        assert_eq!(sentence("one run"), "one run.");
        assert_eq!(sentence("One run."), "One run.");
        assert_eq!(capital("ökonomisch."), "Ökonomisch.");
        assert_eq!(capital("resnet18, resnet50"), "resnet18, resnet50");
        assert_eq!([count(1, "claim"), count(2, "claim")], ["1 claim", "2 claims"]);
    }

    #[test]
    fn dates_and_durations_read_well() {
        assert_eq!(date(0), "1970-01-01");
        assert_eq!(date(951_782_400), "2000-02-29");
        assert_eq!(date(1_795_392_000), "2026-11-23");
        assert_eq!(
            [duration(59.4), duration(200.0), duration(7_500.0)],
            ["59 s", "3 min 20 s", "2 h 5 min"]
        );
    }
}
