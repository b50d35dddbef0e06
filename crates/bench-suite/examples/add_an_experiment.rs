//! The experiment of `docs/add-an-experiment.md`: what becomes of many small increments.

use bench_suite::Error;
use bench_suite::experiment::{About, Experiment, Results, StandIns};
use bench_suite::findings::Findings;
use bench_suite::findings::claim::{Statement, Test};
use bench_suite::findings::source::{Paper, Part, Source};
use bench_suite::measured::context::Context;
use bench_suite::measured::measure::Measure;
use bench_suite::measured::networks::subject::Sources;
use bench_suite::measured::point::{Point, Run};
use bench_suite::measured::scale::Scale;
use bench_suite::measured::statistics::Estimate;
use bench_suite::opened::Networks;
use bench_suite::report::{Job, Report};
use bench_suite::request::Request;
use bench_suite::stop::Stop;
use bench_suite::store::Store;
use bench_suite::{experiment::AnyExperiment, runner};
use datasets::DataFolder;
use numerics::{BitSource, FixedFormat, Quantizer, Rounding, Seed};
use report::cells;
use report::number::Number;
use report::table::Table;
use serde::{Deserialize, Serialize};

// What is measured: a value that runs itself.

/// Adds `count` increments of ε/10 to a word of <6,10>, which is rounded after each.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Increments {
    rounding: Rounding,
    count: u32,
}

/// What became of them.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Kept {
    /// The sum in the word as a share of the true one.
    share: f64,
}

impl Measure for Increments {
    type Outcome = Kept;

    fn run(&self, seed: u64, _: &Context<'_>) -> Result<Kept, Error> {
        let format = FixedFormat::new(6, 10).expect("16 bits are a format");
        let quantizer = Quantizer::new(format, self.rounding);
        // The bits of each rounding have a name and a place.
        let bits = Seed::new(seed).child("increments").stream();
        let increment = format.epsilon() / 10.0;
        let add = |sum, i| quantizer.convert(sum + increment, bits.at(u64::from(i)));
        let sum = (0..self.count).fold(0.0, add);
        Ok(Kept { share: sum / (increment * f64::from(self.count)) })
    }
}

// What is run, and what is made of it.

#[derive(Debug)]
struct SmallIncrements;

const ROUNDINGS: [(Rounding, &str); 2] =
    [(Rounding::NearestTiesEven, "to nearest"), (Rounding::Stochastic, "stochastic")];
const SOURCE: Source = Paper::Gupta2015.at(&[Part::Section("3.1")]);

impl Experiment for SmallIncrements {
    type Measure = Increments;

    const ABOUT: About = About {
        id: "example/small-increments",
        title: "What becomes of increments below half of ε",
        source: SOURCE,
        stand_ins: StandIns::Never,
    };

    fn describe(&self, _: Scale) -> String {
        "10,000 increments of ε/10, five seeds".to_owned()
    }

    fn runs(&self, request: &Request, _: &mut Networks) -> Result<Vec<Run<Increments>>, Error> {
        let seeds = request.seed..request.seed + request.seeds.unwrap_or(5);
        let run = |seed, (rounding, name)| Run {
            label: format!("{name}, seed {seed}"),
            measure: Increments { rounding, count: 10_000 },
            seed,
            data: Vec::new(),
            work: 1,
        };
        Ok(seeds.flat_map(|seed| ROUNDINGS.map(|rounding| run(seed, rounding))).collect())
    }

    fn findings(&self, results: &Results<Increments>) -> Findings {
        let share = |rounding: Rounding| {
            let done = results.of(|increments| increments.rounding == rounding);
            Estimate::of(&done.map(|done| done.outcome.share).collect::<Vec<f64>>())
        };
        let claim = |id, text, rounding, test| {
            Statement::new(id, SOURCE, text)
                .test("share of the true sum", test)
                .judge(share(rounding))
        };
        let lost = "Rounding to nearest loses what is below half of ε.";
        let kept = "Stochastic rounding keeps it in expectation.";
        let table = Table::new("Share of the true sum that the word holds.", ["rounding", "share"])
            .rows(
                ROUNDINGS
                    .map(|(rounding, name)| cells![name, share(rounding).map(Number::measured)]),
            );
        Findings::default()
            .claims([
                claim("lost", lost, Rounding::NearestTiesEven, Test::Below(0.01)),
                claim("kept", kept, Rounding::Stochastic, Test::Between(0.9, 1.1)),
            ])
            .tables([table])
    }
}

/// Runs it and writes its report, as `cargo xtask reproduce` does with those of the register.
pub(crate) fn reproduce(folder: &std::path::Path) -> Result<(), Error> {
    let (store, data) = (Store::open(folder)?, DataFolder::new(None));
    let request = Request { scale: Scale::Smoke, seed: 0, seeds: None, data: data.clone() };
    let experiment: &dyn AnyExperiment = &SmallIncrements;
    let points: Vec<Point> = experiment.points(&request, &mut Networks::of(&request))?;
    runner::run(&points, &store, Sources::registered(&data), 2, &Stop::default())?;
    let job = Job { experiment, points, left_out: None };
    Report::collect(&store, request.scale, &[job])?.write(&store).map(drop)
}

fn main() -> Result<(), Error> {
    reproduce("target/small-increments".as_ref())
}
