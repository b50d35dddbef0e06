//! The report: claims first, then each experiment with its figures, tables and provenance.
//!
//! `report.html` is one file that needs no network; `report.md` has the same tables, and
//! `report.json` the same claims for machines.

mod content;
mod figure;
mod heat_map;
mod html;
mod labels;
mod markdown;

use serde::Serialize;

use crate::Error;
use crate::claim::{Claim, Verdict};
use crate::experiment::{Experiment, Findings, Point, Results, Scale};
use crate::provenance::{self, Run};
use crate::record::{self, Record};
use crate::store::Store;

pub use content::{Curve, Figure, HeatCell, HeatMap, LineStyle, Panel, Table};

/// What a report is made of: an experiment and its points.
#[derive(Debug)]
pub struct Job {
    /// The experiment.
    pub experiment: &'static dyn Experiment,
    /// Its points; none if it was left out.
    pub points: Vec<Point>,
    /// Why it was left out.
    pub left_out: Option<String>,
}

/// One experiment in the report.
#[derive(Debug)]
pub(crate) struct Section {
    pub(crate) id: &'static str,
    pub(crate) title: &'static str,
    pub(crate) source: &'static str,
    pub(crate) description: String,
    pub(crate) findings: Findings,
    pub(crate) points: Vec<(Point, Option<Record>, Option<Run>)>,
}

impl Section {
    pub(crate) fn missing(&self) -> usize {
        self.points.iter().filter(|(_, record, _)| record.is_none()).count()
    }
}

/// Everything the report shows.
#[derive(Debug)]
pub struct Report {
    pub(crate) scale: Scale,
    pub(crate) sections: Vec<Section>,
}

/// How the claims came out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Claims that hold.
    pub holds: usize,
    /// Claims that fail.
    pub fails: usize,
    /// Claims that need more seeds.
    pub inconclusive: usize,
    /// Claims that this scale does not test.
    pub not_run: usize,
}

impl Report {
    /// Collects the records that are in the store.
    ///
    /// # Errors
    ///
    /// [`Error::Record`] if one is damaged.
    pub fn collect(store: &Store, scale: Scale, jobs: &[Job]) -> Result<Self, Error> {
        let mut sections = Vec::new();
        for Job { experiment, points, left_out } in jobs {
            let mut loaded = Vec::new();
            for point in points {
                loaded.push((point.clone(), store.load(point)?));
            }
            let mut findings = experiment.findings(&Results { scale, points: &loaded });
            if let Some(reason) = left_out {
                findings.figures.clear();
                findings.heat_maps.clear();
                findings.tables.clear();
                findings.notes = vec![format!("Left out: {reason}.")];
            }
            let points = loaded.into_iter().map(|(point, record)| {
                let run = store.run(&point);
                (point, record, run)
            });
            sections.push(Section {
                id: experiment.id(),
                title: experiment.title(),
                source: experiment.source(),
                description: experiment.describe(scale),
                findings,
                points: points.collect(),
            });
        }
        Ok(Self { scale, sections })
    }

    /// Number of claims by verdict.
    pub fn summary(&self) -> Summary {
        let mut summary = Summary::default();
        for claim in self.claims() {
            *match claim.verdict {
                Verdict::Holds => &mut summary.holds,
                Verdict::Fails => &mut summary.fails,
                Verdict::Inconclusive => &mut summary.inconclusive,
                Verdict::NotRun => &mut summary.not_run,
            } += 1;
        }
        summary
    }

    /// Every claim, in order.
    pub fn claims(&self) -> impl Iterator<Item = &Claim> {
        self.sections.iter().flat_map(|section| &section.findings.claims)
    }

    /// Writes `report.html`, `report.md` and `report.json`; returns the path of the first.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if a file cannot be written.
    pub fn write(&self, store: &Store) -> Result<std::path::PathBuf, Error> {
        #[derive(Serialize)]
        struct Json<'a> {
            scale: Scale,
            code: &'a str,
            summary: Summary,
            experiments: Vec<JsonExperiment<'a>>,
        }
        #[derive(Serialize)]
        struct JsonExperiment<'a> {
            id: &'a str,
            source: &'a str,
            claims: &'a [Claim],
            records: Vec<String>,
        }
        let json = Json {
            scale: self.scale,
            code: provenance::CODE_VERSION,
            summary: self.summary(),
            experiments: self
                .sections
                .iter()
                .map(|section| JsonExperiment {
                    id: section.id,
                    source: section.source,
                    claims: &section.findings.claims,
                    records: section.points.iter().map(|(point, ..)| record::key(point)).collect(),
                })
                .collect(),
        };
        let mut json = serde_json::to_string_pretty(&json).expect("claims are plain data");
        json.push('\n');
        store.write("report.json", &json)?;
        store.write("report.md", &markdown::render(self))?;
        store.write("report.html", &html::render(self))
    }
}

impl Summary {
    /// The counts in words.
    pub fn words(&self) -> String {
        let parts = [
            (self.holds, "hold", "holds"),
            (self.fails, "fail", "fails"),
            (self.inconclusive, "are inconclusive", "is inconclusive"),
            (self.not_run, "are not run at this scale", "is not run at this scale"),
        ];
        let words: Vec<String> = parts
            .iter()
            .filter(|(count, ..)| *count > 0)
            .map(|(count, many, one)| format!("{count} {}", if *count == 1 { one } else { many }))
            .collect();
        if words.is_empty() { "no claims".to_owned() } else { words.join(", ") }
    }

    /// Whether every claim that was tested holds.
    pub fn all_hold(&self) -> bool {
        self.fails == 0 && self.inconclusive == 0
    }
}

/// Seconds as text: `42 s`, `3 min 20 s`, `2 h 5 min`.
pub(crate) fn duration(seconds: f64) -> String {
    let s = seconds.round() as u64;
    match s {
        0..60 => format!("{s} s"),
        60..3600 => format!("{} min {} s", s / 60, s % 60),
        _ => format!("{} h {} min", s / 3600, s % 3600 / 60),
    }
}

/// Seconds since 1970 as a date, `2026-11-23` (proleptic Gregorian, UTC).
pub(crate) fn date(unix_s: u64) -> String {
    // Days since 0000-03-01, so that the leap day ends a year; then years by the 400-year cycle.
    let days = unix_s / 86_400 + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day_of_year = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day_of_month = day_of_year - (153 * month + 2) / 5 + 1;
    let month_of_year = if month < 10 { month + 3 } else { month - 9 };
    let year = 400 * era + year + u64::from(month_of_year <= 2);
    format!("{year:04}-{month_of_year:02}-{day_of_month:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_and_durations_read_well() {
        assert_eq!(date(0), "1970-01-01");
        assert_eq!(date(951_782_400), "2000-02-29");
        assert_eq!(date(1_795_392_000), "2026-11-23");
        assert_eq!(
            [duration(59.4), duration(200.0), duration(7_500.0)],
            ["59 s", "3 min 20 s", "2 h 5 min"]
        );
    }
}
