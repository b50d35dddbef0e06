//! What leads to sections and claims, and their verdicts.

use super::super::contents::Section;
use crate::findings::claim::{Claim, Verdict};

/// The name of a section's place.
pub(super) fn anchor(section: &Section) -> String {
    section.id.replace('/', "-")
}

/// The name of a claim's place.
pub(super) fn claim_anchor(section: &Section, claim: &Claim) -> String {
    format!("{}-claim-{}", anchor(section), claim.id)
}

/// The verdict in words, in its colour.
pub(super) fn verdict(section: &Section, claim: &Claim) -> String {
    let class = match claim.verdict {
        Verdict::Holds => "holds",
        Verdict::Fails => "fails",
        Verdict::Inconclusive => "inconclusive",
        Verdict::Undecided => "undecided",
        Verdict::NotRun => "not-run",
    };
    format!("<span class=\"verdict {class}\">{}</span>", section.verdict(claim))
}
