//! What becomes of one network over a year on tiles, what an inference takes, and how often devices must be
//! programmed anew.
//!
//! Not in the register of experiments: `cargo xtask age` asks for one network.

use report::figure::{Curve, Figure, LineStyle, Panel};
use report::table::{NONE, Table, cells, number, rounded};

use super::rasch2023::normalized_accuracy;
use super::sensitivity::readings::useless;
use super::study::Prepared;
use crate::experiment::{About, Done, Experiment, Results, StandIns};
use crate::findings::Findings;
use crate::findings::estimate::of_estimates;
use crate::findings::source::{Paper, Part};
use crate::measured::error::Error;
use crate::measured::measures::comparison::Method;
use crate::measured::measures::lifetime::{Lifetime, Lived};
use crate::measured::measures::trained::{Baseline, Stage, Trained};
use crate::measured::point::Run;
use crate::measured::scale::Scale;
use crate::measured::statistics::Estimate;
use crate::opened::Networks;
use crate::request::Request;

/// Seconds after programming, with their names.
const TIMES: [(f64, &str); 8] = [
    (1.0, "1 s"),
    (60.0, "1 min"),
    (3600.0, "1 h"),
    (86_400.0, "1 day"),
    (604_800.0, "1 week"),
    (2_592_000.0, "1 month"),
    (10_368_000.0, "4 months"),
    (31_536_000.0, "1 year"),
];

/// Those of them that have room along an axis.
const MARKED: [(f64, &str); 5] = [TIMES[0], TIMES[1], TIMES[2], TIMES[3], TIMES[7]];

/// The experiment with one network.
#[derive(Debug)]
pub struct Age {
    trained: Trained,
    methods: Vec<Method>,
    programmings: u64,
    keep_percent: f64,
    /// What is to be known of weights from a file.
    notes: Vec<String>,
}

impl Age {
    /// The experiment with a network that is programmed so often, or as often as its scale has it, and
    /// whose A* in % is to be kept.
    pub fn asked_for(network: Prepared, programmings: Option<u64>, keep_percent: f64) -> Self {
        let Prepared { trained, stage, notes } = network;
        let methods = match stage {
            Stage::Float | Stage::Control | Stage::Rounded => {
                vec![Method::Direct, Method::HardwareAware]
            }
            Stage::Direct => vec![Method::Direct],
            Stage::Hardware => vec![Method::HardwareAware],
        };
        let usual = match trained.scale {
            Scale::Smoke => 2,
            Scale::Desk | Scale::Long => 10,
            Scale::Paper => 24,
        };
        let programmings = programmings.unwrap_or(usual);
        Self { trained, methods, programmings, keep_percent, notes }
    }
}

impl Experiment for Age {
    type Measure = Lifetime;

    const ABOUT: About = About {
        id: "age",
        title: "A network on tiles that age",
        source: Paper::Beyond.at(&[Part::Passage("after Rasch et al. 2023, Tab. 2 and 3")]),
        stand_ins: StandIns::Never,
    };

    fn describe(&self, _: Scale) -> String {
        format!("programmed {} times, tested from 1 s to 1 year", self.programmings)
    }

    fn runs(
        &self,
        request: &Request,
        opened: &mut Networks,
    ) -> Result<Vec<Run<Self::Measure>>, Error> {
        let workload = opened.subject(self.trained.network)?;
        let examples = workload_examples(request.scale);
        let run = |&method: &Method| {
            let measure = Lifetime {
                trained: self.trained.clone(),
                method,
                times_s: TIMES.map(|(t_s, _)| t_s).to_vec(),
                programmings: self.programmings,
                examples,
            };
            let work = measure.work(&*workload);
            let label = words(method).to_owned();
            Run { label, measure, seed: request.seed, data: workload.data(), work }
        };
        Ok(self.methods.iter().map(run).collect())
    }

    fn findings(&self, results: &Results<Self::Measure>) -> Findings {
        let lives: Vec<Life<'_>> = results.done.iter().map(Life).collect();
        let Some(first) = lives.first() else { return Findings::default() };
        if let Some(reason) = useless(&first.0.outcome.baseline) {
            return Findings::default().left_out([reason]);
        }
        Findings::default()
            .tables([errors(&lives), refresh(&lives, self.keep_percent), cost(&lives)])
            .figures([figure(&lives, self.keep_percent)])
            .notes([
                "± is half of a 90 % interval over programmings, each tested on a share of the test \
                 examples of its own: it contains the scatter of devices and of examples.",
            ])
            .notes(self.notes.clone())
    }
}

/// Test examples that the cost is estimated of.
fn workload_examples(scale: Scale) -> usize {
    match scale {
        Scale::Smoke => 4,
        Scale::Desk | Scale::Long => 16,
        Scale::Paper => 64,
    }
}

fn words(method: Method) -> &'static str {
    match method {
        Method::Direct => "mapped directly",
        Method::HardwareAware => "trained for its hardware",
    }
}

/// One way onto tiles, and what became of it.
struct Life<'a>(&'a Done<Lifetime>);

impl<'a> Life<'a> {
    fn method(&self) -> Method {
        self.0.measure.method
    }

    fn lived(&self) -> &'a Lived {
        &self.0.outcome
    }

    /// Test errors in % at a time.
    fn errors(&self, t_s: f64) -> &'a [f64] {
        self.lived().errors.at(self.method(), t_s)
    }

    /// A* in % at a time.
    fn accuracy(&self, t_s: f64) -> Option<Estimate> {
        let Baseline { float_error_percent: float, chance_error_percent: chance, .. } =
            self.lived().baseline;
        let accuracies = self.errors(t_s).iter();
        let accuracies = accuracies.map(|&error| normalized_accuracy(error, float, chance));
        Estimate::of(&accuracies.collect::<Vec<f64>>())
    }

    /// A* over time, where it is known.
    fn accuracies(&self) -> Vec<(f64, Estimate)> {
        let known = |(t_s, _): (f64, &str)| Some((t_s, self.accuracy(t_s)?));
        TIMES.into_iter().filter_map(known).collect()
    }
}

fn errors(lives: &[Life<'_>]) -> Table {
    let header = ["after"].into_iter().map(str::to_owned).chain(lives.iter().flat_map(|life| {
        let way = words(life.method());
        [format!("{way}: test error (%)"), "A* (%)".to_owned()]
    }));
    let mut table = Table::new(
        "Test error over time. A* is 100 % for the float network's accuracy and 0 % for chance; ± is half \
         of a 90 % interval over programmings.",
        header.collect::<Vec<String>>(),
    );
    if let Some(life) = lives.first() {
        let Baseline { float_error_percent: float, chance_error_percent: chance, .. } =
            life.lived().baseline;
        for (name, error, a) in [("in f32", float, "100"), ("by chance", chance, "0")] {
            let mut row = cells![name];
            lives.iter().for_each(|_| row.extend(cells![number(error, 2), a]));
            table.push(row);
        }
    }
    for (t_s, name) in TIMES {
        let mut row = cells![name];
        for life in lives {
            let error = Estimate::of(life.errors(t_s));
            row.extend(cells![rounded(error, 2), rounded(life.accuracy(t_s), 1)]);
        }
        table.push(row);
    }
    table
}

/// How often devices are programmed anew so that A* stays above what is wanted.
fn refresh(lives: &[Life<'_>], keep_percent: f64) -> Table {
    let rows = lives.iter().map(|life| {
        let accuracies = life.accuracies();
        let mean: Vec<(f64, f64)> = accuracies.iter().map(|(t, e)| (*t, e.mean)).collect();
        let least = |(t, e): &(f64, Estimate)| (*t, e.mean - e.margin().max(0.0));
        let least: Vec<(f64, f64)> = accuracies.iter().map(least).collect();
        cells![
            words(life.method()),
            kept(&mean, keep_percent).in_words(),
            kept(&least, keep_percent).in_words()
        ]
    });
    Table::new(
        format!(
            "How long A* stays above {keep_percent} %, by its mean and by the lower end of its interval, \
             between the times above straight over the logarithm of time: programme the devices anew at \
             least as often."
        ),
        ["the network", "by the mean", "by the lower end"],
    )
    .rows(rows)
}

/// How long something is kept.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kept {
    /// It is not there at the first time.
    Never,
    /// Until so many seconds.
    Until(f64),
    /// Beyond the last time, in seconds.
    Beyond(f64),
    /// Nothing is known.
    Unknown,
}

/// How long values over time stay at or above a limit.
fn kept(values: &[(f64, f64)], limit: f64) -> Kept {
    let Some(&(_, first)) = values.first() else { return Kept::Unknown };
    if first.is_nan() || first < limit {
        return Kept::Never;
    }
    for pair in values.windows(2) {
        let [(t0, a0), (t1, a1)] = [pair[0], pair[1]];
        if a1.is_nan() || a1 < limit {
            let share = if a1.is_nan() { 0.0 } else { (a0 - limit) / (a0 - a1) };
            return Kept::Until((t0.ln() + share * (t1.ln() - t0.ln())).exp());
        }
    }
    Kept::Beyond(values.last().map_or(f64::NAN, |(t, _)| *t))
}

impl Kept {
    fn in_words(self) -> String {
        match self {
            Self::Never => "never reached".to_owned(),
            Self::Until(t_s) => span(t_s),
            Self::Beyond(t_s) => format!("longer than {}", span(t_s)),
            Self::Unknown => NONE.to_owned(),
        }
    }
}

/// A span of time in the largest unit that it has one of.
fn span(t_s: f64) -> String {
    const UNITS: [(f64, &str); 6] = [
        (31_536_000.0, "years"),
        (2_592_000.0, "months"),
        (86_400.0, "days"),
        (3600.0, "h"),
        (60.0, "min"),
        (1.0, "s"),
    ];
    let (unit, name) = UNITS.into_iter().find(|(unit, _)| t_s >= *unit).unwrap_or((1.0, "s"));
    let count = t_s / unit;
    let digits = usize::from(count < 10.0);
    let text = format!("{count:.digits$}");
    let text = text.strip_suffix(".0").unwrap_or(&text);
    let name = if text == "1" { name.trim_end_matches('s') } else { name };
    let name = if name.is_empty() { "s" } else { name };
    format!("{text} {name}")
}

/// How many fit into a second of what takes so many µs, at the least, mostly, and at the most.
fn per_second([low, nominal, high]: [f64; 3]) -> String {
    // Without tiles there is no interval.
    if low <= 0.0 {
        return NONE.to_owned();
    }
    let [most, mostly, least] = [low, nominal, high].map(|us| report::Number::new(1e6 / us, 0));
    if low == high { mostly.to_string() } else { format!("{mostly} ({least} to {most})") }
}

fn cost(lives: &[Life<'_>]) -> Table {
    let rows = lives.iter().map(|life| {
        let cost = life.lived().cost;
        let range = |low: f64, nominal: f64, high: f64| {
            let [low, nominal, high] = [low, nominal, high].map(|x| report::Number::new(x, 1));
            format!("{nominal} ({low} to {high})")
        };
        cells![
            words(life.method()),
            cost.tiles,
            range(cost.energy_low_nj, cost.energy_nj, cost.energy_high_nj),
            range(cost.latency_low_us, cost.latency_us, cost.latency_high_us),
            report::Number::new(cost.area_mm2, 2),
            per_second([cost.interval_low_us, cost.interval_us, cost.interval_high_us]),
            per_second([cost.doubled_interval_us; 3])
        ]
    });
    Table::new(
        "What one example takes at any time after programming, of layers on tiles alone: products of a \
         layer follow one another, layers follow one another. In brackets the least and the most that \
         published converters and arrays need. Inferences per second are those of layers that work on \
         several at a time, with one copy of each, and with copies of the busiest in twice the area.",
        [
            "the network",
            "tiles",
            "energy (nJ)",
            "time (µs)",
            "area (mm²)",
            "inferences per second",
            "in twice the area",
        ],
    )
    .rows(rows)
}

fn figure(lives: &[Life<'_>], keep_percent: f64) -> Figure {
    let curves = lives
        .iter()
        .enumerate()
        .map(|(index, life)| of_estimates(words(life.method()), 1 + index, life.accuracies()));
    let [(first, _), .., (last, _)] = TIMES;
    let wanted = vec![(first, keep_percent), (last, keep_percent)];
    let wanted = Curve::line("to be kept", 0, LineStyle::Level, wanted);
    let panel = Panel::new("Accuracy over a year", "time after programming (s)", "A* (%)");
    Figure::new(
        "The network on tiles over time, with half of a 90 % interval as a band.",
        [panel.log_x().x_marks(MARKED).curves(curves.chain([wanted]))],
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_ends_where_the_line_crosses_the_limit() {
        let values = [(1.0, 100.0), (100.0, 99.0), (10_000.0, 97.0)];
        assert_eq!(kept(&values, 96.0), Kept::Beyond(10_000.0));
        assert_eq!(kept(&values, 100.5), Kept::Never);
        // Half-way between 100 s and 10,000 s on a logarithmic axis.
        let Kept::Until(t_s) = kept(&values, 98.0) else { panic!() };
        assert!((t_s - 1000.0).abs() < 1e-6, "{t_s}");
        assert_eq!(kept(&[], 98.0), Kept::Unknown);
        assert_eq!(kept(&[(1.0, f64::NAN)], 0.0), Kept::Never);
        // It does not come back.
        let dip = [(1.0, 100.0), (10.0, 90.0), (100.0, 100.0)];
        assert!(matches!(kept(&dip, 95.0), Kept::Until(t) if t < 10.0));
    }

    #[test]
    fn the_most_time_leaves_the_fewest_per_second() {
        assert_eq!(per_second([0.5, 2.0, 10.0]), "500000 (100000 to 2000000)");
        assert_eq!(per_second([4.0; 3]), "250000");
        assert_eq!(per_second([0.0; 3]), NONE);
    }

    #[test]
    fn spans_read_well() {
        let spans = [1.0, 59.0, 90.0, 3600.0, 7200.0, 86_400.0, 2e5, 31_536_000.0, 7e7].map(span);
        let expected =
            ["1 s", "59 s", "1.5 min", "1 h", "2 h", "1 day", "2.3 days", "1 year", "2.2 years"];
        assert_eq!(spans, expected);
    }
}
