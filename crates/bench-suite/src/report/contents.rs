//! [`Report`]: everything that the report shows, whoever draws it.

use serde::Serialize;

use crate::findings::Findings;
use crate::findings::claim::{Claim, Verdict};
use crate::findings::source::Source;
use crate::measured::point::Point;
use crate::measured::scale::Scale;
use crate::provenance::Run;
use crate::record::Record;

/// One experiment in the report.
#[derive(Debug)]
pub(crate) struct Section {
    pub(crate) id: &'static str,
    pub(crate) title: &'static str,
    pub(crate) source: Source,
    pub(crate) description: String,
    /// Why it was left out.
    pub(crate) left_out: Option<String>,
    /// Whether its networks stand for those of the paper.
    pub(crate) has_stand_ins: bool,
    pub(crate) findings: Findings,
    pub(crate) points: Vec<(Point, Option<Record>, Option<Run>)>,
}

impl Section {
    /// Why the experiment, or what of it, was not run.
    pub(crate) fn reasons(&self) -> impl Iterator<Item = &str> {
        self.left_out.iter().chain(&self.findings.left_out).map(String::as_str)
    }

    pub(crate) fn missing(&self) -> usize {
        self.points.iter().filter(|(_, record, _)| record.is_none()).count()
    }
}

/// Everything the report shows.
#[derive(Debug)]
pub struct Report {
    /// What it is about, if it reproduces nothing: then it is its experiments and no more.
    pub(crate) subject: Option<String>,
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
    /// Claims of which there is one value, and no interval.
    pub undecided: usize,
    /// Claims that were not tested: at this scale, without data, or without records.
    pub not_run: usize,
}

impl Report {
    /// The report without what is said of papers, under a heading of its own.
    #[must_use]
    pub fn about(self, subject: String) -> Self {
        Self { subject: Some(subject), ..self }
    }

    /// Number of claims by verdict.
    pub fn summary(&self) -> Summary {
        Summary::of(self.claims())
    }

    /// Every claim, in order.
    pub fn claims(&self) -> impl Iterator<Item = &Claim> {
        self.sections.iter().flat_map(|section| &section.findings.claims)
    }

    /// Claims that hold by construction and fail: the program is wrong.
    pub fn broken(&self) -> impl Iterator<Item = &Claim> {
        self.claims().filter(|claim| claim.is_broken())
    }

    /// What is left out of the experiments, and why.
    pub fn reasons(&self) -> impl Iterator<Item = &str> {
        self.sections.iter().flat_map(Section::reasons)
    }

    /// The titles of the points without a record.
    pub fn missing(&self) -> Vec<String> {
        let points = self.sections.iter().flat_map(|section| &section.points);
        points.filter(|(_, record, _)| record.is_none()).map(|(point, ..)| point.title()).collect()
    }

    /// Number of points.
    pub fn points(&self) -> usize {
        self.sections.iter().map(|section| section.points.len()).sum()
    }
}

impl Summary {
    /// Counts the verdicts.
    pub fn of<'a>(claims: impl IntoIterator<Item = &'a Claim>) -> Self {
        let mut summary = Self::default();
        for claim in claims {
            *match claim.verdict {
                Verdict::Holds => &mut summary.holds,
                Verdict::Fails => &mut summary.fails,
                Verdict::Inconclusive => &mut summary.inconclusive,
                Verdict::Undecided => &mut summary.undecided,
                Verdict::NotRun => &mut summary.not_run,
            } += 1;
        }
        summary
    }

    /// The counts in words.
    pub fn words(&self) -> String {
        let parts = [
            (self.holds, "hold", "holds"),
            (self.fails, "fail", "fails"),
            (self.inconclusive, "are inconclusive", "is inconclusive"),
            (self.undecided, "are undecided with one value each", "is undecided with one value"),
            (self.not_run, "are not tested", "is not tested"),
        ];
        let words: Vec<String> = parts
            .iter()
            .filter(|(count, ..)| *count > 0)
            .map(|(count, many, one)| format!("{count} {}", if *count == 1 { one } else { many }))
            .collect();
        if words.is_empty() { "no claims".to_owned() } else { words.join(", ") }
    }

    /// Whether every claim that was decided holds.
    pub fn all_hold(&self) -> bool {
        self.fails == 0 && self.inconclusive == 0
    }
}
