//! What the ablation says of published findings: claims and notes.

use numerics::{ScaleRule, StochasticVariant};

use super::variants::{GRADIENTS, MXFP8, MXFP8_STOCHASTIC, NEAREST, STOCHASTIC, Stochastic, Way};
use super::{Model, Variant, figures, quantizers};
use crate::experiment::Results;
use crate::experiments::training_runs::TrainingRuns;
use crate::findings::Findings;
use crate::findings::claim::{Claim, Statement, Test};
use crate::findings::source::{NOT_IN_THE_PAPER, Paper, Part, Source};
use crate::measured::measures::low_precision::LowPrecision;
use crate::measured::scale::Scale;

/// How far the training losses of a format that is as good as f32 may be from its.
const AS_FLOAT: (f64, f64) = (0.95, 1.05);

pub(super) fn findings(
    runs: &TrainingRuns<'_, Variant>,
    results: &Results<LowPrecision>,
) -> Findings {
    let mut claims = quantizers::claims(results);
    claims.extend(trained(runs));
    Findings::default()
        .claims(claims)
        .figures([figures::curves(runs), figures::choices(runs)])
        .tables([figures::operands(runs), figures::table(runs), quantizers::table(results)])
        .notes([
            "The last layer is in f32 in every variant that does not say otherwise. W of forward \
             and backward products of NVFP4 is in blocks of 16 × 16, so that both see the same \
             numbers; in the variants of block length and scale rule blocks lie along the sum.",
            "Published differences are of language models of 10⁸ to 10¹⁰ parameters after 10⁹ to \
             10¹³ tokens. Several were seen at the largest sizes alone, so that none here is no \
             contradiction.",
            "Contested, and therefore no claims: whether nearest rounding after a transform of ∂W \
             is better than stochastic rounding (for it Quartet, arXiv:2505.14669v4; against it \
             arXiv:2509.25149, 2502.20586), whether x of ∂W should be stochastic (for it \
             arXiv:2505.19115, 2601.22813; against it arXiv:2509.25149), and whether forward \
             products should be transformed (for it arXiv:2505.14669; against it \
             arXiv:2509.25149). The table has all of them.",
            "N random bits of rule A are the carry of an adder, rounding towards zero on average; \
             of rule C the fraction is rounded to N bits first.",
        ])
}

/// Claims on training losses of the MLP, the network with all variants.
fn trained(runs: &TrainingRuns<'_, Variant>) -> Vec<Claim> {
    let compare = |id, source, text, (variant, reference): (Way, Way), test: Test| {
        let [ours, other] = [variant, reference].map(|way| Variant { model: Model::Mlp, way });
        Statement::new(id, source, text)
            .test(format!("MLP, training loss of “{variant}” / “{reference}”"), test)
            .unit("×")
            .paper("a direction")
            // A small network after few steps says nothing about training.
            .tested_from(Scale::Desk, runs.scale)
            .judge(runs.loss_ratio(ours, other))
    };
    let mut claims = vec![compare(
        "mxfp8-as-float",
        Paper::Beyond.at(&[Part::Arxiv("2506.08027")]),
        "MXFP8 in all three products, scales rounded up, trains as float does.",
        (MXFP8, Way::Float),
        Test::Between(AS_FLOAT.0, AS_FLOAT.1),
    )];
    claims.extend(of_operands(&compare));
    claims.extend(of_formats(&compare));
    claims
}

/// A claim on the training losses of two variants.
type Compare<'a> = &'a dyn Fn(&'static str, Source, &'static str, (Way, Way), Test) -> Claim;

const BETTER: Test = Test::Below(1.0);
const WORSE: Test = Test::Above(1.0);

/// Which operands are better or worse off with stochastic rounding.
fn of_operands(compare: Compare<'_>) -> Vec<Claim> {
    let [forward_x, forward_w, dx_error, _, update_error, _] =
        std::array::from_fn(|operand| Way::Plain(Stochastic::One(operand)));
    vec![
        compare(
            "stochastic-gradients-help",
            Paper::Beyond.at(&[Part::Arxiv("2505.19115, 2509.25149")]),
            "In four bits stochastic rounding of δ is better than nearest.",
            (GRADIENTS, NEAREST),
            BETTER,
        ),
        compare(
            "stochastic-error-of-dx-helps",
            Paper::Beyond.at(&[Part::Arxiv("2505.19115")]),
            "… of δ in dx = δ·W alone.",
            (dx_error, NEAREST),
            BETTER,
        ),
        compare(
            "stochastic-error-of-update-helps",
            Paper::Beyond.at(&[Part::Arxiv("2505.19115")]),
            "… of δ in ∂W = δᵀ·x alone.",
            (update_error, NEAREST),
            BETTER,
        ),
        compare(
            "stochastic-input-hurts",
            Paper::Beyond.at(&[Part::Arxiv("2505.19115, 2509.25149")]),
            "Stochastic rounding of x in the forward product is worse than nearest.",
            (forward_x, NEAREST),
            WORSE,
        ),
        compare(
            "stochastic-weight-hurts",
            Paper::Beyond.at(&[Part::Arxiv("2505.19115, 2509.25149")]),
            "… and of W in the forward product.",
            (forward_w, NEAREST),
            WORSE,
        ),
        compare(
            "all-stochastic-is-worse",
            Paper::Beyond.at(&[Part::Arxiv("2509.25149")]),
            "Stochastic rounding everywhere is worse than of gradients alone.",
            (STOCHASTIC, GRADIENTS),
            WORSE,
        ),
    ]
}

/// What layers, blocks, scales and eight bits need.
fn of_formats(compare: Compare<'_>) -> Vec<Claim> {
    vec![
        compare(
            "last-layer-in-float",
            Paper::Beyond.at(&[Part::Arxiv("2509.25149")]),
            "Four bits in the last layer, too, are worse.",
            (Way::LastToo, Way::Nvfp4),
            WORSE,
        ),
        compare(
            "large-blocks-lose",
            Paper::Beyond.at(&[Part::Arxiv("2505.19115")]),
            "Blocks of 128 are worse than blocks of 16.",
            (Way::Blocks(128), Way::Blocks(16)),
            WORSE,
        ),
        compare(
            "powers-of-two-lose",
            Paper::Beyond.at(&[Part::Arxiv("2505.19115, 2509.25149")]),
            "With blocks of the same length, scales that are powers of two are worse than E4M3 ones.",
            (Way::PowersOf16, Way::Blocks(16)),
            WORSE,
        ),
        compare(
            "floor-is-biased",
            Paper::Beyond.at(&[Part::Passage("implied by arXiv:2502.20586")]),
            "Under the floor rule, which clips, stochastic rounding is worse than where nothing clips.",
            (Way::Rule(ScaleRule::Floor), Way::Rule(ScaleRule::Rceil)),
            WORSE,
        ),
        compare(
            "bf16-needs-stochastic-updates",
            Paper::Beyond.at(&[
                Part::Arxiv("1502.02551"),
                Part::Section("4.1"),
                Part::Passage("for fixed point; torchao"),
            ]),
            "Without a master copy, updates rounded to nearest lose to stochastic ones in bf16, too.",
            (Way::Bf16Nearest, Way::Bf16),
            WORSE,
        ),
        compare(
            "eight-bits-need-none",
            NOT_IN_THE_PAPER,
            "In eight bits stochastic rounding of every operand is not needed: nearest is no worse.",
            (MXFP8, MXFP8_STOCHASTIC),
            Test::Below(AS_FLOAT.1),
        ),
        compare(
            "eight-random-bits-suffice",
            NOT_IN_THE_PAPER,
            "Eight random bits for δ are as good as all.",
            (Way::RandomBits(8, StochasticVariant::A), Way::Nvfp4),
            Test::Between(AS_FLOAT.0, AS_FLOAT.1),
        ),
    ]
}
