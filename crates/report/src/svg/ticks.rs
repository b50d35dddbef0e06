//! Where axes are marked, and what stands there.

/// 1, 2 and 5 times the powers of ten between two limits; the powers alone beyond three decades.
pub(super) fn decade_ticks(low: f64, high: f64) -> Vec<f64> {
    let steps: &[f64] = if high / low > 1e3 { &[1.0] } else { &[1.0, 2.0, 5.0] };
    let (first, last) = (low.log10().floor() as i32, high.log10().ceil() as i32);
    let ticks = (first..=last).flat_map(|k| steps.iter().map(move |step| step * 10f64.powi(k)));
    ticks.filter(|tick| (low..=high).contains(tick)).collect()
}

/// A number with a minus sign in the place of a hyphen.
pub(super) fn set(number: &str) -> String {
    number.replace('-', "−")
}

/// A tick label on an axis of some length: no more digits than it needs, powers of ten for the
/// very small and the very large.
pub(super) fn tick(value: f64, span: f64) -> String {
    let digits = (2.0 - span.abs().log10().floor()).clamp(0.0, 12.0) as usize;
    let mut text = format!("{value:.digits$}");
    if text.contains('.') {
        text.truncate(text.trim_end_matches('0').trim_end_matches('.').len());
    }
    let rounded: f64 = text.parse().expect("a number was written");
    if rounded == 0.0 {
        return "0".to_owned();
    }
    if !(0.01..1e5).contains(&rounded.abs()) {
        text = format!("{rounded:e}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logarithmic_ticks_fill_the_axis() {
        let ticks =
            |low, high| decade_ticks(low, high).into_iter().map(|t| tick(t, t)).collect::<Vec<_>>();
        assert_eq!(ticks(0.03, 2.5), ["0.05", "0.1", "0.2", "0.5", "1", "2"]);
        assert_eq!(ticks(0.0005, 3.0), ["1e-3", "0.01", "0.1", "1"]);
    }

    #[test]
    fn ticks_are_short_and_differ() {
        let ticks = |values: [f64; 3], span| values.map(|value| tick(value, span));
        assert_eq!(ticks([0.0, 5.0, 100.0], 100.0), ["0", "5", "100"]);
        assert_eq!(ticks([-0.5, 0.25, 0.0], 1.0), ["-0.5", "0.25", "0"]);
        assert_eq!(ticks([0.0025, 0.00275, 1e-20], 0.001), ["2.5e-3", "2.75e-3", "0"]);
        assert_eq!(ticks([99.995, 100.0, 100.005], 0.01), ["99.995", "100", "100.005"]);
        assert_eq!(ticks([2e5, 250_000.0, 99_000.0], 1e5), ["2e5", "2.5e5", "99000"]);
    }
}
