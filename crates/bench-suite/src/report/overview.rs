//! What the first screen says: what was reproduced, what disagrees, what is left out, what is new.

use report::table::NONE;

use super::contents::{Report, Section, Summary};
use crate::findings::claim::{Claim, Verdict};
use crate::findings::source::Paper;
use crate::findings::words::{count, sentence};

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

impl Named<'_> {
    /// The verdict in words; on stand-ins it is theirs.
    pub(super) fn verdict(&self) -> String {
        self.section.verdict(self.claim)
    }

    /// Our value and the paper's, those that there are.
    pub(super) fn values(&self) -> String {
        let Claim { measured, paper, .. } = self.claim;
        match (measured.as_str(), paper.as_str()) {
            (NONE, NONE) => String::new(),
            (ours, NONE) => format!("Ours {ours}."),
            (NONE, paper) => format!("Paper {paper}."),
            (ours, paper) => format!("Ours {ours}, paper {paper}."),
        }
    }
}

impl Section {
    /// The verdict of one of its claims in words.
    pub(super) fn verdict(&self, claim: &Claim) -> String {
        let words = claim.verdict.words();
        if self.has_stand_ins && claim.verdict != Verdict::NotRun && !claim.is_ours() {
            format!("{words} for our stand-ins")
        } else {
            words.to_owned()
        }
    }

    /// How its claims came out, in a sentence.
    pub(super) fn outcome(&self) -> String {
        let summary = self.summary();
        let rest = Summary { holds: 0, ..summary };
        let of = count(self.findings.claims.len(), "claim");
        if summary.holds + summary.fails + summary.inconclusive == 0 {
            return format!("None of {of} is decided: {}.", rest.words());
        }
        let hold = if summary.holds == 1 { "holds" } else { "hold" };
        let others = match rest == Summary::default() {
            true => String::new(),
            false => format!(", {}", rest.words()),
        };
        let stand_ins = if self.has_stand_ins { " for our stand-ins" } else { "" };
        format!("{} of {of} {hold}{stand_ins}{others}.", summary.holds)
    }

    /// The claims' verdicts.
    pub(super) fn summary(&self) -> Summary {
        Summary::of(&self.findings.claims)
    }

    /// The source without the name of the paper, which a heading has said.
    pub(super) fn part(&self) -> String {
        self.source.parts()
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

    /// Every claim, in the order of the sections.
    pub(super) fn named(&self) -> Vec<Named<'_>> {
        self.sections.iter().flat_map(Section::named).collect()
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

    /// What is said where nothing disagrees, which may be because nothing was decided.
    pub(super) fn agreement(&self) -> &'static str {
        match self.summary().holds {
            0 => "No claim was decided.",
            _ => "Every claim that was decided holds.",
        }
    }

    /// What is to be known before any verdict: whose networks ran, and what ± is.
    pub(super) fn reading(&self) -> Vec<String> {
        let mut notes = Vec::new();
        let stand_ins =
            self.sections.iter().filter(|s| s.has_stand_ins && s.points.len() > s.missing());
        if stand_ins.count() > 0 {
            notes.push(format!(
                "The networks of Rasch et al. did not run at {} scale. Small ones of the same families, on \
                 small data, stand for them: each section names its own, and verdicts on them say so.",
                self.scale
            ));
        }
        notes.push(
            "±, and the band of a curve, is half of a 90 % interval (Student’s t) over what a section \
             repeats: seeds, programmings of one trained network, or networks; that of the eleven networks’ \
             A* holds the sampling of the test set, too. A claim holds if the \
             whole interval is on the claimed side, which is a one-sided test at the 95 % level; it \
             fails if none of the interval is, and is inconclusive otherwise. A single measurement has no \
             interval, whatever it is: its claim is undecided. Counts and results of formulas are \
             exact. Limits of tests are ours, values of papers are theirs."
                .to_owned(),
        );
        if self.sections.iter().any(|section| section.source.paper == Paper::Rasch2023) {
            notes.push(
                "A* is the accuracy of a network on analog tiles, 100 % being that of the float network \
                 (f32) and 0 % chance; iso-accurate is what has 99 % or more. Mapped directly, a float \
                 network is programmed as it is; hardware-aware training trains it further under the \
                 noise of its tiles. The MVM error is that of a product of matrix and vector, in % of \
                 its length."
                    .to_owned(),
            );
        }
        notes
    }

    /// Claims of which nothing was decided, and why.
    pub(super) fn open(&self) -> Vec<String> {
        let Summary { undecided, not_run, .. } = self.summary();
        let are = |n: usize| if n == 1 { "is" } else { "are" };
        let mut open = Vec::new();
        if undecided > 0 {
            open.push(format!(
                "{} {} undecided: there is one value of each, as of one seed; `--seeds` runs more.",
                count(undecided, "claim"),
                are(undecided)
            ));
        }
        if not_run > 0 {
            open.push(format!(
                "{} {} not tested at {} scale, or not without data or records that are missing; the \
                 tables of the experiments have them, with their tests.",
                count(not_run, "claim"),
                are(not_run),
                self.scale
            ));
        }
        open
    }

    /// Claims of ours in the experiments of a paper.
    pub(super) fn own_claims(&self) -> Vec<Named<'_>> {
        let papers = self.sections.iter().filter(|section| !section.is_beyond());
        papers.flat_map(Section::named).filter(|named| named.claim.is_ours()).collect()
    }
}
