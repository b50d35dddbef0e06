//! What commands that judge claims have in common: what they say of them, and how they end.

use clap::Args;

use super::exit;
use crate::findings::claim::{Claim, Verdict};
use crate::measured::error::Error;
use crate::output::Output;
use crate::report::{Report, Summary};
use crate::store::Store;

/// How commands that judge claims end.
pub(super) const OF_CLAIMS: &str = "\
Exit code: 0 if all that was asked for is there, whatever became of the claims of the papers, which are the \
result; 1 if a claim fails that holds by construction (of the accelerator, the tile, its circuits), with \
--strict if any claim fails or is inconclusive, or if a report lacks records; 2 for an error in the command \
line, a file or the data, if records are missing in a merge, or if there is no record to judge.";

/// How claims are judged.
#[derive(Clone, Copy, Debug, Args)]
pub struct Judging {
    /// End with exit code 1 if any claim fails or is inconclusive, and not only one that holds by
    /// construction.
    #[arg(long)]
    pub strict: bool,
}

impl Judging {
    /// Writes the report and says how the claims that were tested came out.
    pub(super) fn write(
        self,
        store: &Store,
        report: &Report,
        output: &mut Output,
    ) -> Result<u8, Error> {
        let path = report.write(store)?;
        for claim in report.claims().filter(|claim| claim.verdict != Verdict::NotRun) {
            let values = [("ours", &claim.measured), ("paper", &claim.paper)];
            let values = values.iter().filter(|(_, value)| *value != "–");
            let values: Vec<String> =
                values.map(|(whose, value)| format!("{whose}: {value}")).collect();
            let (verdict, values) = (claim.verdict.words(), values.join("; "));
            output.line(format_args!("{verdict:<12} {} [{values}]", claim.statement));
        }
        let summary = report.summary();
        output.line(format_args!(
            "\nOf {} claims, {}.\nReport: {}",
            report.claims().count(),
            summary.words(),
            path.display()
        ));
        for Claim { statement, measured, test, .. } in report.broken() {
            output.line(format_args!(
                "A fault of the program: {statement} That holds by construction; measured is {measured}, \
                 and tested: {test}."
            ));
        }
        Ok(self.code(&summary, report.broken().next().is_some()))
    }

    /// How the command ends.
    fn code(self, summary: &Summary, is_broken: bool) -> u8 {
        let holds = summary.all_hold() || !self.strict;
        exit::of(holds && !is_broken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_of_papers_are_results_unless_one_is_strict() {
        let [good, bad, open] = [(0, 0), (1, 0), (0, 1)].map(|(fails, inconclusive)| Summary {
            holds: 3,
            fails,
            inconclusive,
            ..Summary::default()
        });
        let code = |strict, summary: &Summary| Judging { strict }.code(summary, false);
        assert_eq!([&good, &bad, &open].map(|summary| code(false, summary)), [0, 0, 0]);
        assert_eq!([&good, &bad, &open].map(|summary| code(true, summary)), [0, 1, 1]);
        assert_eq!([false, true].map(|strict| Judging { strict }.code(&bad, true)), [1, 1]);
    }
}
