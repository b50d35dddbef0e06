//! How many bits of fixed point err as much as the analog tile: [Rasch23 Fig. 3D].

use report::figure::{Curve, Figure, LineStyle, Panel};

use super::point_per_seed;
use crate::experiment::{Experiment, Results};
use crate::experiments::training_runs::seeds_in_words;
use crate::findings::Findings;
use crate::findings::claim::{Statement, Test};
use crate::findings::estimate::of_seeds;
use crate::findings::source::{Paper, Part, Source};
use crate::measured::context::Context;
use crate::measured::error::Error;
use crate::measured::measurements::Measurements;
use crate::measured::measures::few_bits::{ANALOG, BITS, BOTH, FewBits as Run, INPUTS, WEIGHTS};
use crate::measured::point::Point;
use crate::measured::scale::Scale;
use crate::measured::statistics::Estimate;
use crate::opened::Networks;
use crate::record::Record;
use crate::request::Request;

/// The experiment.
#[derive(Debug)]
pub struct FewBits;

/// What is rounded: series and label.
const ROUNDED: [(&str, &str); 3] =
    [(WEIGHTS, "weights rounded"), (INPUTS, "inputs rounded"), (BOTH, "both rounded")];

/// Input vectors of each product, and seeds.
const fn size(scale: Scale) -> (usize, u64) {
    match scale {
        Scale::Smoke => (64, 1),
        Scale::Desk => (400, 5),
        Scale::Paper => (1000, 20),
    }
}

/// Bits q at which the error of rounding is `error`, between two of [`BITS`] on a logarithmic
/// scale; `None` outside.
fn equivalent_bits(errors: &[f64], error: f64) -> Option<f64> {
    let place = errors.windows(2).position(|pair| pair[0] >= error && error > pair[1])?;
    let (above, below) = (errors[place].ln(), errors[place + 1].ln());
    Some(f64::from(BITS[place]) + (above - error.ln()) / (above - below))
}

impl Experiment for FewBits {
    fn id(&self) -> &'static str {
        "rasch2023/few-bits"
    }

    fn title(&self) -> &'static str {
        "Bits of fixed point that err as much as the analog product"
    }

    fn source(&self) -> Source {
        Paper::Rasch2023.at(&[Part::Figure("3D")])
    }

    fn describe(&self, scale: Scale) -> String {
        let (samples, seeds) = size(scale);
        format!(
            "512 × 512 weights, {samples} input vectors each, 2 to 8 bits, {}",
            seeds_in_words(seeds)
        )
    }

    fn points(&self, request: &Request, _: &mut Networks) -> Result<Vec<Point>, Error> {
        let (samples, seeds) = size(request.scale);
        Ok(point_per_seed(self.id(), request, seeds, &Run { samples }, samples as u64))
    }

    fn run(&self, point: &Point, context: &Context<'_>) -> Result<Measurements, Error> {
        Run::run_point(point, context)
    }

    fn findings(&self, results: &Results<'_>) -> Findings {
        let records: Vec<_> =
            results.points.iter().filter_map(|(_, record)| record.as_ref()).collect();
        let analog = |record: &Record| record.measurements.values.get(ANALOG).copied();
        let bits = |rounded: &str| -> Vec<f64> {
            let bits = |r: &&_| equivalent_bits(Record::series(r, rounded), analog(r)?);
            records.iter().filter_map(bits).collect()
        };
        let errors: Vec<f64> = records.iter().filter_map(|record| analog(record)).collect();
        let mut curves: Vec<Curve> = ROUNDED
            .iter()
            .enumerate()
            .map(|(i, (name, label))| {
                let series: Vec<Vec<f64>> =
                    records.iter().map(|r| r.series(name).to_vec()).collect();
                of_seeds(*label, i + 1, f64::from(BITS[0]), &series)
            })
            .collect();
        if let Some(error) = Estimate::of(&errors) {
            let ends = [BITS[0], BITS[BITS.len() - 1]].map(|q| (f64::from(q), error.mean));
            curves.push(Curve::line("standard tile, 1 h", 0, LineStyle::Ours, ends.to_vec()));
        }
        let claim = |id, operand: &str, text, least| {
            let words =
                format!("bits of the {operand} with the error of the tile at 1 h, {{limit}}");
            Statement::new(id, Paper::Rasch2023.at(&[Part::Figure("3D")]), text)
                .test(words, Test::Between(3.5, 4.5))
                .unit(" bit")
                .paper("4 bit")
                .tested_from(least, results.scale)
                .judge(Estimate::of(&bits(operand)))
        };
        let claims = [
            claim(
                "four-bits",
                "weights",
                "With drift the analog product errs as fixed-point weights of about four bits.",
                Scale::Smoke,
            ),
            claim(
                "four-bits-inputs",
                "inputs",
                "… and as fixed-point inputs of about four bits.",
                Scale::Desk,
            ),
        ];
        let figure = Figure::new(
            "MVM error of products whose weights, inputs, or both have few bits, beside that of \
             the standard tile after an hour, as in Fig. 3D.",
            [Panel::new("Bits", "bits", "MVM error (%)").log_y().curves(curves)],
        );
        Findings::default().claims(claims).figures([figure]).notes([NOTE])
    }
}

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
