//! The claims about tolerances.

use super::super::paper::Family;
use super::findings::{Cell, Map};
use crate::claim::{Claim, Test};
use crate::statistics::Estimate;
use crate::workloads::nonideality::Nonideality;

/// The difference of the means of two groups, with the error of both.
fn difference(a: &[f64], b: &[f64]) -> Option<Estimate> {
    // Two groups of two say something of their scatter.
    if a.len() < 2 || b.len() < 2 {
        return None;
    }
    let (a, b) = (Estimate::of(a, 0.0)?, Estimate::of(b, 0.0)?);
    Some(Estimate {
        mean: a.mean - b.mean,
        standard_error: a.standard_error.hypot(b.standard_error),
        // One more than the degrees of freedom.
        samples: a.samples + b.samples - 1,
    })
}

/// Of the network that is the most sensitive: its tolerance in ln e, and its own error.
fn least(cells: &[Cell]) -> Option<Estimate> {
    let least = cells.iter().min_by(|a, b| a.ln_excess.mean.total_cmp(&b.ln_excess.mean))?;
    Some(least.ln_excess)
}

/// ln e of x on an axis.
fn ln_excess(nonideality: Nonideality, x: f64) -> f64 {
    nonideality.axis().excess(x).ln()
}

/// The IR drop that every network has to bear: the paper's bear "about" ten times the standard one,
/// and half of that is left to the word.
const IR_DROP: f64 = 5.0;

pub(super) fn claims(map: &Map<'_>, tested: bool) -> Vec<Claim> {
    let claim = |id, source, statement, test: &str, paper: &str, measured, limit, unit: &str| {
        Claim::new(id, source, statement, test.to_owned(), paper.to_owned()).judge(
            if tested { measured } else { None },
            limit,
            unit,
        )
    };
    let indices = map.network_indices();
    let of = |family: Family| -> Vec<f64> {
        indices.iter().filter(|(c, _)| c.family == family).map(|(_, index)| *index).collect()
    };
    let language: Vec<f64> =
        indices.iter().filter(|(c, _)| c.id == "lstm-language").map(|(_, index)| *index).collect();
    let others: Vec<f64> =
        indices.iter().filter(|(c, _)| c.id != "lstm-language").map(|(_, index)| *index).collect();
    let apart = Estimate::of(&others, 0.2)
        .filter(|others| others.samples > 1)
        .zip(language.first())
        .map(|(others, language)| Estimate { mean: language - others.mean, ..others });
    // Over a margin of ln e: positive if the most sensitive network still bears x.
    let bears = |nonideality, x: f64| {
        let cells = map.of(nonideality, |_| true);
        // Less than half of the networks is no statement about all.
        let enough = cells.len() >= 6;
        let margin = least(&cells).filter(|_| enough);
        margin.map(|e| Estimate { mean: e.mean - ln_excess(nonideality, x), ..e })
    };
    let ratio = || -> Vec<f64> {
        let pairs = map.row(Nonideality::StuckReset).iter().zip(map.row(Nonideality::StuckMax));
        pairs
            .filter_map(|(reset, max)| Some((reset.as_ref()?.x / max.as_ref()?.x).log10()))
            .collect()
    };
    vec![
        claim(
            "convolutional-sensitive",
            "Fig. 5",
            "Convolutional networks are the most sensitive, recurrent ones the least.",
            "mean colour index over the paper's nonidealities, convolutional − recurrent networks, > 0",
            "> 0",
            difference(&of(Family::Convolutional), &of(Family::Recurrent)),
            Test::Above(0.0),
            "",
        ),
        claim(
            "language-robust",
            "Fig. 5",
            "The LSTM language model is the most robust of all.",
            "its mean colour index − the mean of all others < 0",
            "< 0",
            apart,
            Test::Below(0.0),
            "",
        ),
        claim(
            "dac-6-bits",
            "Fig. 5",
            "A DAC of 6 bits has little impact on any network.",
            "ln of the variance of rounding that the most sensitive network bears, over that of 6 \
             bits, > 0",
            "> 0",
            bears(Nonideality::DacBits, 6.0),
            Test::Above(0.0),
            "",
        ),
        claim(
            "ir-drop-tolerance",
            "Fig. 5",
            "The IR drop could be about ten times as large.",
            "ln of the squared rise that the most sensitive network bears, over that to ×5, > 0",
            "> 0 (×10)",
            bears(Nonideality::IrDrop, IR_DROP),
            Test::Above(0.0),
            "",
        ),
        claim(
            "short-term-tolerance",
            "Fig. 5",
            "Short-term read noise can be up to three times as large.",
            "ln of the squared rise that the most sensitive network bears, over that to ×3, > 0",
            "> 0 (up to ×3)",
            bears(Nonideality::ReadNoise, 3.0),
            Test::Above(0.0),
            "",
        ),
        claim(
            "stuck-at-g-max",
            "Fig. 5",
            "Devices stuck at g_max hurt sooner than devices stuck at reset.",
            "mean over networks of log₁₀ of the ratio of tolerated fractions > 0",
            "about 1 (0.42 and 0.05 %)",
            Estimate::of(&ratio(), 0.2).filter(|e| e.samples > 1),
            Test::Above(0.0),
            "",
        ),
    ]
}
