//! What the formats do to numbers, without any training: N(0, 1) under blocks, scales and roundings.

use numerics::{
    BlockFormat, BlockQuantizer, Fraction, Rounding, ScaleRule, StochasticBits, StochasticVariant,
    Top,
};
use report::table::{Table, cells, measured};

use super::variants::{RANDOM_BITS, rule_name};
use crate::experiment::Results;
use crate::findings::claim::{Claim, Statement, Test};
use crate::findings::source::{Paper, Part};
use crate::measured::measures::low_precision::{Given, LowPrecision};
use crate::measured::measures::quantization_error::{Loss, NamedQuantizer, QuantizationError};
use crate::measured::scale::Scale;
use crate::measured::statistics::Estimate;

const NEAREST: Rounding = Rounding::NearestTiesEven;
const STOCHASTIC: Rounding = Rounding::Stochastic;

/// The name of its points' variant.
pub(super) const NAME: &str = "quantizers";

/// Rules of MXFP4.
const RULES: [ScaleRule; 5] =
    [ScaleRule::Floor, ScaleRule::Even, ScaleRule::Rceil, ScaleRule::Ceil, ScaleRule::ScaledFloor];

const NVFP4_NEAREST: &str = "NVFP4, nearest";
const NVFP4_SQUARE: &str = "NVFP4 16 × 16, nearest";
const NVFP4_STOCHASTIC: &str = "NVFP4, stochastic";
const NVFP4_UNBIASED: &str = "NVFP4, top 6 · 16/17, stochastic";

fn mxfp4(rule: ScaleRule, rounding: Rounding) -> String {
    let rounding = if rounding == NEAREST { "nearest" } else { "stochastic" };
    format!("MXFP4, {}, {rounding}", rule_name(rule))
}

fn few_bits(bits: u8) -> String {
    format!("NVFP4, top 6 · 16/17, {bits} random bits")
}

pub(super) fn workload(scale: Scale) -> QuantizationError {
    let along =
        |name: &str, quantizer| NamedQuantizer { name: name.to_owned(), quantizer, square: false };
    let nvfp4 = |rounding| BlockQuantizer::new(BlockFormat::NVFP4, rounding);
    let unbiased = |rounding| BlockQuantizer { top: Top::Unbiased, ..nvfp4(rounding) };
    let square = NamedQuantizer { square: true, ..along(NVFP4_SQUARE, nvfp4(NEAREST)) };
    let mut quantizers = vec![
        along(NVFP4_NEAREST, nvfp4(NEAREST)),
        square,
        along(NVFP4_STOCHASTIC, nvfp4(STOCHASTIC)),
        along(NVFP4_UNBIASED, unbiased(STOCHASTIC)),
    ];
    for rounding in [NEAREST, STOCHASTIC] {
        for scale_rule in RULES {
            let usual = BlockQuantizer::new(BlockFormat::MXFP4, rounding);
            let quantizer = BlockQuantizer { scale_rule, ..usual };
            quantizers.push(along(&mxfp4(scale_rule, rounding), quantizer));
        }
    }
    for bits in RANDOM_BITS {
        let (variant, fraction) = (StochasticVariant::A, Fraction::SignMagnitude);
        let rounding = Rounding::StochasticBits(StochasticBits { bits, variant, fraction });
        quantizers.push(along(&few_bits(bits), unbiased(rounding)));
    }
    QuantizationError { side: if scale == Scale::Smoke { 256 } else { 1024 }, quantizers }
}

/// What a quantizer did, over seeds, times a factor.
fn scaled(
    results: &Results<LowPrecision>,
    quantizer: &str,
    of: fn(&Loss) -> f64,
    factor: f64,
) -> Option<Estimate> {
    let rounded = results.outcomes().filter_map(|given| match given {
        Given::Rounded(rounded) => rounded.0.get(quantizer),
        Given::Training(_) => None,
    });
    Estimate::of(&rounded.map(of).collect::<Vec<_>>()).map(|estimate| Estimate {
        mean: factor * estimate.mean,
        standard_error: factor * estimate.standard_error,
        ..estimate
    })
}

/// Errors as printed: Quartet II's to half a unit of their last digit, Quartet's to 2 %, for it does not
/// say over how many numbers it averages.
pub(super) fn claims(results: &Results<LowPrecision>) -> Vec<Claim> {
    let quartet = Paper::Beyond.at(&[Part::Arxiv("2505.14669"), Part::Passage("Table 2")]);
    let printed = |id, source, statement, name: &str, unit: f64, (value, half): (f64, f64)| {
        let power = if unit == 1e3 { "10⁻³" } else { "10⁻²" };
        let error = scaled(results, name, |loss| loss.mse, unit);
        let words = format!("mean squared error / {power}, within {half} of {value}");
        Statement::new(id, source, statement)
            .test_in_words(words, Test::Between(value - half, value + half))
            .paper(value.to_string())
            .judge(error)
    };
    let quartet2 = Paper::Beyond.at(&[Part::Arxiv("2601.22813"), Part::Passage("Table 1")]);
    vec![
        printed(
            "mse-nvfp4-nearest",
            quartet2,
            "NVFP4 to nearest has this error on normally distributed numbers.",
            NVFP4_NEAREST,
            1e3,
            (9.0, 0.05),
        ),
        printed(
            "mse-nvfp4-square",
            quartet2,
            "In blocks of 16 × 16 its error is larger.",
            NVFP4_SQUARE,
            1e3,
            (12.4, 0.05),
        ),
        printed(
            "mse-nvfp4-unbiased",
            quartet2,
            "Unbiased stochastic rounding has an error two to three times that of nearest.",
            NVFP4_UNBIASED,
            1e3,
            (23.5, 0.05),
        ),
        printed(
            "mse-mxfp4-nearest",
            quartet,
            "MXFP4 under the scaled floor rule has this error to nearest.",
            &mxfp4(ScaleRule::ScaledFloor, NEAREST),
            1e2,
            (1.37, 0.027),
        ),
        printed(
            "mse-mxfp4-stochastic",
            quartet,
            "Stochastic rounding doubles it.",
            &mxfp4(ScaleRule::ScaledFloor, STOCHASTIC),
            1e2,
            (2.77, 0.055),
        ),
    ]
}

pub(super) fn table(results: &Results<LowPrecision>) -> Table {
    let quantizers = workload(results.scale).quantizers.into_iter();
    let rows = quantizers.map(|NamedQuantizer { name, .. }| {
        cells![
            name.as_str(),
            measured(scaled(results, &name, |loss| loss.mse, 1e3), ""),
            measured(scaled(results, &name, |loss| loss.shrinkage_percent, 1.0), "")
        ]
    });
    Table::new(
        "Rounding normally distributed numbers, without training. The shrinkage, \
         1 − E(x·Q(x)) / E(x²), is 0 for what has no bias; ± is half of a 90 % interval over \
         seeds.",
        ["format", "mean squared error / 10⁻³", "shrinkage (%)"],
    )
    .rows(rows)
}
