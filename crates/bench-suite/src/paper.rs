//! The curves that the papers print, for comparison.
//!
//! Source: `data/gupta2015/README.md` says how they were read from the published figures.

use std::collections::BTreeMap;
use std::sync::LazyLock;

type Figures = BTreeMap<String, BTreeMap<String, Vec<(f64, f64)>>>;

static GUPTA2015: LazyLock<Figures> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../data/gupta2015/curves.json"))
        .expect("the shipped curves are valid JSON")
});

/// The points (epoch counted from 0, value) of a curve of Gupta et al.; empty if there is none.
pub fn gupta2015(figure: &str, curve: &str) -> Vec<(f64, f64)> {
    GUPTA2015.get(figure).and_then(|curves| curves.get(curve)).cloned().unwrap_or_default()
}

/// The mean of a curve over the epochs `from..to`, if it has at least half of them: a few points
/// of the printed curves are hidden or cut off by the axes.
pub fn mean_over(curve: &[(f64, f64)], from: usize, to: usize) -> Option<f64> {
    let inside: Vec<f64> = curve
        .iter()
        .filter(|(x, _)| (from as f64..to as f64).contains(x))
        .map(|&(_, y)| y)
        .collect();
    (2 * inside.len() >= to - from && !inside.is_empty())
        .then(|| inside.iter().sum::<f64>() / inside.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_float_curve_ends_where_the_text_says() {
        let curve = gupta2015("1b_mnist_dnn_test_pct", "float");
        let end = mean_over(&curve, 25, 30).unwrap();
        assert!((end - 1.4).abs() < 0.05, "the text says 1.4 %, the curve {end}");
        assert_eq!(mean_over(&curve, 29, 32), None);
    }
}
