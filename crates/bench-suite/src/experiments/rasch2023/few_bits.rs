//! How many bits of fixed point err as much as the analog tile: [Rasch23 Fig. 3D].

use report::figure::{Curve, Figure, LineStyle, Panel};

use crate::experiment::{About, Experiment, Results, StandIns};
use crate::experiments::runs::alone;
use crate::experiments::training_runs::seeds_in_words;
use crate::findings::Findings;
use crate::findings::claim::{Statement, Test};
use crate::findings::estimate::of_seeds;
use crate::findings::source::{Paper, Part};
use crate::measured::error::Error;
use crate::measured::measures::few_bits::{self as measured, BITS, Errors};
use crate::measured::point::Run;
use crate::measured::scale::Scale;
use crate::measured::statistics::Estimate;
use crate::opened::Networks;
use crate::request::Request;

/// The experiment.
#[derive(Debug)]
pub struct FewBits;

/// Errors by number of bits.
type Series = fn(&Errors) -> &[f64];

const WEIGHTS: Series = |errors| &errors.weights;
const INPUTS: Series = |errors| &errors.inputs;

/// What is rounded, and its label.
const ROUNDED: [(Series, &str); 3] = [
    (WEIGHTS, "weights rounded"),
    (INPUTS, "inputs rounded"),
    (|errors| &errors.both, "both rounded"),
];

/// Input vectors of each product, and seeds.
const fn size(scale: Scale) -> (usize, u64) {
    scale.of([(64, 1), (400, 5), (1000, 20), (1000, 20)])
}

/// Bits q at which the error of rounding is `error`, between two of [`BITS`] on a logarithmic
/// scale; `None` outside.
fn equivalent_bits(errors: &[f64], error: f64) -> Option<f64> {
    let place = errors.windows(2).position(|pair| pair[0] >= error && error > pair[1])?;
    let (above, below) = (errors[place].ln(), errors[place + 1].ln());
    Some(f64::from(BITS[place]) + (above - error.ln()) / (above - below))
}

impl Experiment for FewBits {
    type Measure = measured::FewBits;

    const ABOUT: About = About {
        id: "rasch2023/few-bits",
        title: "Bits of fixed point that err as much as the analog product",
        source: Paper::Rasch2023.at(&[Part::Figure("3D")]),
        stand_ins: StandIns::Never,
    };

    fn describe(&self, scale: Scale) -> String {
        let (samples, seeds) = size(scale);
        format!(
            "512 × 512 weights, {samples} input vectors each, 2 to 8 bits, {}",
            seeds_in_words(seeds)
        )
    }

    fn runs(&self, request: &Request, _: &mut Networks) -> Result<Vec<Run<Self::Measure>>, Error> {
        let (samples, seeds) = size(request.scale);
        Ok(alone(request, seeds, measured::FewBits { samples }, samples as u64))
    }

    fn findings(&self, results: &Results<Self::Measure>) -> Findings {
        let bits = |rounded: Series| -> Vec<f64> {
            let bits = |errors| equivalent_bits(rounded(errors), errors.analog);
            results.outcomes().filter_map(bits).collect()
        };
        let errors: Vec<f64> = results.outcomes().map(|errors| errors.analog).collect();
        let mut curves: Vec<Curve> = ROUNDED
            .iter()
            .enumerate()
            .map(|(i, (rounded, label))| {
                let series: Vec<Vec<f64>> =
                    results.outcomes().map(|errors| rounded(errors).to_vec()).collect();
                of_seeds(*label, i + 1, f64::from(BITS[0]), &series)
            })
            .collect();
        if let Some(error) = Estimate::of(&errors) {
            let ends = [BITS[0], BITS[BITS.len() - 1]].map(|q| (f64::from(q), error.mean));
            curves.push(Curve::line("standard tile, 1 h", 0, LineStyle::Ours, ends.to_vec()));
        }
        let claim = |id, (operand, rounded): (&str, Series), text, least| {
            let words =
                format!("bits of the {operand} with the error of the tile at 1 h, {{limit}}");
            Statement::new(id, Paper::Rasch2023.at(&[Part::Figure("3D")]), text)
                .test(words, Test::Between(3.5, 4.5))
                .unit(" bit")
                .paper("4 bit")
                .tested_from(least, results.scale)
                .judge(Estimate::of(&bits(rounded)))
        };
        let claims = [
            claim(
                "four-bits",
                ("weights", WEIGHTS),
                "With drift the analog product errs as fixed-point weights of about four bits.",
                Scale::Smoke,
            ),
            claim(
                "four-bits-inputs",
                ("inputs", INPUTS),
                "… and as fixed-point inputs of about four bits.",
                Scale::Desk,
            ),
        ];
        let figure = Figure::new(
            "MVM error of products whose weights, inputs, or both have few bits, beside that of \
             the standard tile after an hour, as in Fig. 3D.",
            [Panel::new("Bits", "bits", "MVM error (%)").log_y().curves(curves)],
        );
        Findings::default().claims(claims).reasons(REASONS).figures([figure]).notes([NOTE])
    }
}

/// Why claims do not hold.
const REASONS: &[(&str, &str)] = &[(
    "four-bits-inputs",
    "With uniform inputs over the whole range it cannot be four bits of weights and of inputs: the \
     rounding of inputs is finer relative to their size.",
)];

const NOTE: &str = "Weights are cut at ±1, the range of the levels, on the tile as in fixed \
                    point. The paper says weights or inputs; with uniform inputs over the whole \
                    range it cannot be both, for their rounding is finer relative to their size \
                    than that of weights.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_read_between_the_curve() {
        let errors: Vec<f64> = BITS.iter().map(|&q| 2f64.powi(-(q as i32))).collect();
        assert!((equivalent_bits(&errors, 2f64.powf(-4.25)).unwrap() - 4.25).abs() < 1e-12);
        assert_eq!(equivalent_bits(&errors, 1.0), None);
        assert_eq!(equivalent_bits(&errors, 1e-9), None);
    }
}
