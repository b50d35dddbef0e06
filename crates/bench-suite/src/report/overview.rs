//! What the first screen says: what was reproduced, what disagrees, what is left out, what is new.

use super::words::{count, sentence};
use super::{Report, Section, Summary};
use crate::claim::{Claim, Verdict};

/// A claim that can be read outside its table.
#[derive(Debug)]
pub(super) struct Named<'a> {
    pub(super) section: &'a Section,
    pub(super) claim: &'a Claim,
    /// Its statement; one that continues the claim before it begins with that.
    pub(super) statement: String,
}

/// Something that is not in the report, with the reason.
#[derive(Debug)]
pub(super) struct LeftOut<'a> {
    pub(super) section: &'a Section,
    pub(super) reason: String,
}

impl Section {
    /// The claims' verdicts.
    pub(super) fn summary(&self) -> Summary {
        Summary::of(&self.findings.claims)
    }

    /// The source without the name of the paper, which a heading has said.
    pub(super) fn part(&self) -> &'static str {
        let rest = self.source.split_once(" et al. ").and_then(|(_, rest)| rest.split_once(", "));
        match rest {
            Some((_, part)) if !self.source.starts_with("Not in") => part,
            _ => self.source,
        }
    }

    /// Why the experiment, or what of it, was not run.
    pub(super) fn reasons(&self) -> impl Iterator<Item = &str> {
        self.left_out.iter().chain(&self.findings.left_out).map(String::as_str)
    }

    fn named(&self) -> impl Iterator<Item = Named<'_>> {
        let mut whole = String::new();
        self.findings.claims.iter().map(move |claim| {
            if claim.statement.starts_with('…') && !whole.is_empty() {
                whole = format!("{} {}", whole.trim_end_matches('.'), claim.statement);
            } else {
                claim.statement.clone_into(&mut whole);
            }
            Named { section: self, claim, statement: whole.clone() }
        })
    }
}

impl Report {
    /// Every claim that was tested and does not hold: those that fail, then the inconclusive ones.
    pub(super) fn disagreements(&self) -> Vec<Named<'_>> {
        let of = |verdict| {
            let all = self.sections.iter().flat_map(Section::named);
            all.filter(move |named| named.claim.verdict == verdict)
        };
        of(Verdict::Fails).chain(of(Verdict::Inconclusive)).collect()
    }

    /// Experiments without their data, parts of experiments, points without a record.
    pub(super) fn left_out(&self) -> Vec<LeftOut<'_>> {
        let mut left_out = Vec::new();
        for section in &self.sections {
            left_out.extend(
                section.reasons().map(|reason| LeftOut { section, reason: sentence(reason) }),
            );
            let missing = section.missing();
            if missing > 0 {
                let points = count(section.points.len(), "point");
                let reason = format!("{missing} of {points} without a record yet.");
                left_out.push(LeftOut { section, reason });
            }
        }
        left_out
    }

    /// Claims of ours in the experiments of a paper.
    pub(super) fn own_claims(&self) -> Vec<Named<'_>> {
        let papers = self.sections.iter().filter(|section| !section.is_beyond());
        papers.flat_map(Section::named).filter(|named| named.claim.is_ours()).collect()
    }
}
