//! The claims about tolerances.

use super::super::evaluated::{largest, least};
use super::super::paper::Family;
use super::super::sensitivity::Column;
use super::findings::{Cell, Map};
use crate::findings::claim::{Claim, Statement, Test};
use crate::findings::source::{Paper, Part, Source};
use crate::measured::measures::nonideality::Nonideality;
use crate::measured::scale::Scale;
use crate::measured::statistics::Estimate;

/// The network that the paper calls the most robust.
const LANGUAGE: &str = "lstm-language";

/// The difference of the means of two groups, with the error of both.
fn difference(a: &[f64], b: &[f64]) -> Option<Estimate> {
    // Two groups of two say something of their scatter.
    if a.len() < 2 || b.len() < 2 {
        return None;
    }
    let (a, b) = (Estimate::of(a)?, Estimate::of(b)?);
    Some(Estimate {
        mean: a.mean - b.mean,
        standard_error: a.standard_error.hypot(b.standard_error),
        // One more than the degrees of freedom.
        samples: a.samples + b.samples - 1,
    })
}

/// The tolerance of the network that is the most sensitive.
fn least_tolerant(cells: &[(Column, Cell)]) -> Option<&(Column, Cell)> {
    cells.iter().min_by(|(_, a), (_, b)| a.ln_excess.mean.total_cmp(&b.ln_excess.mean))
}

/// ln e of x on an axis.
fn ln_excess(nonideality: Nonideality, x: f64) -> f64 {
    nonideality.axis().excess(x).ln()
}

/// The IR drop that every network has to bear: the paper's bear "about" ten times the standard one,
/// and half of that is left to the word.
const IR_DROP: f64 = 5.0;

/// What the claims are about.
const FIGURE_5: Source = Paper::Rasch2023.at(&[Part::Figure("5")]);

pub(super) fn claims(map: &Map<'_>, scale: Scale) -> Vec<Claim> {
    let pairs = map.row(Nonideality::StuckReset).iter().zip(map.row(Nonideality::StuckMax));
    let ratio: Vec<f64> = pairs
        .filter_map(|(reset, max)| Some((reset.as_ref()?.x / max.as_ref()?.x).log10()))
        .collect();
    let stuck = Statement::new(
        "stuck-at-g-max",
        FIGURE_5,
        "Devices stuck at g_max hurt sooner than devices stuck at reset.",
    )
    .test("mean over networks of log₁₀ of the ratio of tolerated fractions", Test::Above(0.0))
    .paper("about 1 (0.42 and 0.05 %)")
    .tested_from(Scale::Desk, scale)
    .judge(Estimate::of(&ratio).filter(|e| e.samples > 1));
    let claims = by_network(map, scale).into_iter().chain(borne_by_all(map, scale));
    claims.chain([stuck]).collect()
}

/// Which networks are more sensitive than others.
fn by_network(map: &Map<'_>, scale: Scale) -> [Claim; 3] {
    let indices = map.network_indices();
    let of = |family: Family| -> Vec<f64> {
        indices.iter().filter(|(c, _)| c.family == family).map(|(_, index)| *index).collect()
    };
    let [convolutional, recurrent, transformers] =
        [Family::Convolutional, Family::Recurrent, Family::Transformer].map(of);
    // Beside the most robust of the others, nonideality by nonideality.
    let rival = indices
        .iter()
        .filter(|(column, _)| column.id != LANGUAGE)
        .min_by(|(_, a), (_, b)| a.total_cmp(b))
        .map(|(column, _)| column.id);
    let apart = rival.map(|rival| map.index_differences(LANGUAGE, rival));
    [
        Statement::new(
            "convolutional-sensitive",
            FIGURE_5,
            "Convolutional networks are the most sensitive.",
        )
        .test(
            "mean colour index over the paper's nonidealities, convolutional networks − the more \
             sensitive of recurrent ones and transformers,",
            Test::Above(0.0),
        )
        .paper("> 0")
        .tested_from(Scale::Desk, scale)
        .judge(difference(&convolutional, &largest([recurrent.clone(), transformers.clone()]))),
        Statement::new("recurrent-robust", FIGURE_5, "Recurrent networks are the least sensitive.")
            .test(
                "the same, recurrent networks − the less sensitive of the two others,",
                Test::Below(0.0),
            )
            .paper("< 0")
            .tested_from(Scale::Desk, scale)
            .judge(difference(&recurrent, &least([convolutional, transformers]))),
        Statement::new(
            "language-robust",
            FIGURE_5,
            "The LSTM language model is the most robust of all.",
        )
        .test(
            "its colour index − that of the most robust of the others, mean over nonidealities,",
            Test::Below(0.0),
        )
        .paper("< 0")
        .tested_from(Scale::Desk, scale)
        .judge(apart.and_then(|apart| Estimate::of(&apart)).filter(|e| e.samples > 1)),
    ]
}

/// What the most sensitive network still bears.
fn borne_by_all(map: &Map<'_>, scale: Scale) -> [Claim; 3] {
    // Over a margin of ln e: positive if the most sensitive network still bears x.
    let bears = |statement: Statement, words: &str, paper: &str, nonideality, x: f64| {
        let cells = map.of(nonideality, |_| true);
        // Less than half of the networks is no statement about all.
        let least = least_tolerant(&cells).filter(|_| cells.len() >= 6);
        let margin = least.map(|(_, cell)| {
            let e = cell.ln_excess;
            Estimate { mean: e.mean - ln_excess(nonideality, x), ..e }
        });
        statement
            .test_in_words(words, Test::Above(0.0))
            .paper(paper)
            .tested_from(Scale::Desk, scale)
            .judge(margin)
            .shown_as(least.map(|(column, cell)| format!("{} in {}", cell.described(), column.id)))
    };
    [
        bears(
            Statement::new(
                "dac-6-bits",
                FIGURE_5,
                "A DAC of 6 bits has little impact on any network.",
            ),
            "the most sensitive network bears 6 bits: ln of the variance of rounding there over that \
             of its tolerance < 0",
            "6 or fewer",
            Nonideality::DacBits,
            6.0,
        ),
        bears(
            Statement::new(
                "ir-drop-tolerance",
                FIGURE_5,
                "The IR drop could be about ten times as large.",
            ),
            &format!(
                "the most sensitive network bears ×{IR_DROP}, half of what the paper says, in ln of \
                 the squared rise"
            ),
            "about ×10",
            Nonideality::IrDrop,
            IR_DROP,
        ),
        bears(
            Statement::new(
                "short-term-tolerance",
                FIGURE_5,
                "Short-term read noise can be up to three times as large.",
            ),
            "the most sensitive network bears ×3, in ln of the squared rise",
            "up to ×3",
            Nonideality::ReadNoise,
            3.0,
        ),
    ]
}
