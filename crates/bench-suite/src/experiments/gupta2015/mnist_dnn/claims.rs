//! What the paper says of Fig. 1, as tests.

use super::runs::{Quantity, Runs};
use super::variants::{
    FLOAT, NEAREST_2_14, NEAREST_6_10, NEAREST_8_8, STOCHASTIC_2_14, STOCHASTIC_6_10,
    STOCHASTIC_8_8, Variant,
};
use crate::findings::claim::{Claim, Test};
use crate::findings::source::{Paper, Part};
use crate::measured::scale::Scale;

/// Within half a point of float: as wide as the paper's own curves scatter from epoch to epoch.
const NEAR_FLOAT_POINTS: f64 = 0.5;
/// The paper's nearest ⟨8, 8⟩ ends 1.5 points above its stochastic twin; a third of that is
/// clearly worse.
const CLEARLY_WORSE_POINTS: f64 = 0.5;
/// The paper's loss of nearest ⟨8, 8⟩ is 3 times that of its twin after the first epoch, 6 times
/// after the sixth.
const STAGNATION_RATIO: f64 = 2.0;
/// The paper's loss of nearest ⟨6, 10⟩ is 1.7 times the float one at its fourth epoch.
const DEGRADED_RATIO: f64 = 1.2;
/// More than half.
const MOST_PERCENT: f64 = 50.0;
/// 1.4 % in the text; 0.3 covers the seed and the fitted learning rate.
const FLOAT_ERROR_PERCENT: (f64, f64) = (1.1, 1.7);

/// The claims with their verdicts.
pub(super) fn claims(runs: &Runs<'_>) -> Vec<Claim> {
    let scale = runs.results.scale;
    let from = |least: Scale| scale >= least;
    let paper_points = |variant, reference| {
        let end = |variant| runs.paper_end(variant, Quantity::TestError);
        match (end(variant), end(reference)) {
            (Some(a), Some(b)) => format!("{:+.2} points", a - b).replace('-', "−"),
            _ => "–".to_owned(),
        }
    };
    let paper_ratio = |variant, reference| {
        let end = |variant| runs.paper_end(variant, Quantity::TrainLoss);
        match (end(variant), end(reference)) {
            (Some(a), Some(b)) => format!("{:.1}×", a / b),
            _ => "–".to_owned(),
        }
    };
    let near_float = |id, source, statement, variant: Variant| {
        let test = format!("test error − float < {NEAR_FLOAT_POINTS} points");
        let measured = from(Scale::Desk).then(|| runs.difference(variant, FLOAT)).flatten();
        Claim::new(id, source, statement, test, paper_points(variant, FLOAT)).judge(
            measured,
            Test::Below(NEAR_FLOAT_POINTS),
            " points",
        )
    };
    let (low, high) = FLOAT_ERROR_PERCENT;
    vec![
        Claim::new(
            "float",
            Paper::Gupta2015.at(&[Part::Section("4.1")]),
            "The float baseline reaches a test error of 1.4 % in the long run.",
            format!("test error between {low} and {high} %"),
            "1.4 %".to_owned(),
        )
        .judge(
            from(Scale::Paper).then(|| runs.error(FLOAT)).flatten(),
            Test::Between(low, high),
            " %",
        ),
        near_float(
            "stochastic-8-8",
            Paper::Gupta2015.at(&[Part::Section("4.1"), Part::Figure("1d")]),
            "With stochastic rounding, ⟨8, 8⟩ learns without significant loss.",
            STOCHASTIC_8_8,
        ),
        Claim::new(
            "nearest-8-8-worse",
            Paper::Gupta2015.at(&[Part::Section("4.1"), Part::Figure("1b")]),
            "With rounding to nearest, ⟨8, 8⟩ is clearly worse.",
            format!("test error − stochastic ⟨8, 8⟩ > {CLEARLY_WORSE_POINTS} points"),
            paper_points(NEAREST_8_8, STOCHASTIC_8_8),
        )
        .judge(
            runs.difference(NEAREST_8_8, STOCHASTIC_8_8),
            Test::Above(CLEARLY_WORSE_POINTS),
            " points",
        ),
        Claim::new(
            "nearest-8-8-stagnates",
            Paper::Gupta2015.at(&[Part::Section("4.1"), Part::Figure("1a")]),
            "With rounding to nearest, ⟨8, 8⟩ stagnates: its training loss stays high.",
            format!("training loss / stochastic ⟨8, 8⟩ > {STAGNATION_RATIO}"),
            paper_ratio(NEAREST_8_8, STOCHASTIC_8_8),
        )
        .judge(
            runs.loss_ratio(NEAREST_8_8, STOCHASTIC_8_8),
            Test::Above(STAGNATION_RATIO),
            "×",
        ),
        Claim::new(
            "most-updates-are-zero",
            Paper::Gupta2015.at(&[Part::Section("4.1")]),
            "The reason: most of its weight updates are rounded to zero.",
            format!("updates rounded to zero > {MOST_PERCENT} %"),
            "“most”".to_owned(),
        )
        .judge(runs.zero_updates(NEAREST_8_8), Test::Above(MOST_PERCENT), " %"),
        Claim::new(
            "nearest-6-10-degrades",
            Paper::Gupta2015.at(&[Part::Section("4.1"), Part::Figure("1a")]),
            "With rounding to nearest, fewer than 14 fractional bits degrade training.",
            format!("training loss of nearest ⟨6, 10⟩ / float > {DEGRADED_RATIO}"),
            paper_ratio(NEAREST_6_10, FLOAT),
        )
        .judge(
            from(Scale::Desk).then(|| runs.loss_ratio(NEAREST_6_10, FLOAT)).flatten(),
            Test::Above(DEGRADED_RATIO),
            "×",
        ),
        near_float(
            "stochastic-6-10",
            Paper::Gupta2015.at(&[Part::Section("4.1"), Part::Figure("1d")]),
            "With stochastic rounding, ⟨6, 10⟩ is as good as float.",
            STOCHASTIC_6_10,
        ),
        near_float(
            "nearest-2-14",
            Paper::Gupta2015.at(&[Part::Section("4.1"), Part::Figure("1b")]),
            "⟨2, 14⟩ is as good as float, even with rounding to nearest.",
            NEAREST_2_14,
        ),
        near_float(
            "stochastic-2-14",
            Paper::Gupta2015.at(&[Part::Section("4.1"), Part::Figure("1d")]),
            "⟨2, 14⟩ with stochastic rounding is as good as float.",
            STOCHASTIC_2_14,
        ),
    ]
}
