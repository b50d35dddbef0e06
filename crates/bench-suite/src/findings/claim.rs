//! [`Claim`]: a statement of a paper, the test we put it to, and the verdict.

use report::Number;
use serde::Serialize;

use super::source::Source;
use crate::measured::statistics::Estimate;

/// What a test says of a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The whole 90 % interval is on the claimed side.
    Holds,
    /// The whole 90 % interval is on the other side.
    Fails,
    /// The 90 % interval contains the limit: more seeds are needed.
    Inconclusive,
    /// There is one value, and nothing tells how far it scatters: a second seed is needed.
    Undecided,
    /// The claim needs a longer schedule or more data than this scale has, or there is no record.
    NotRun,
}

impl Verdict {
    /// The verdict in words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Holds => "holds",
            Self::Fails => "fails",
            Self::Inconclusive => "inconclusive",
            Self::Undecided => "undecided",
            Self::NotRun => "not tested",
        }
    }
}

/// The side of a limit on which a measured quantity is claimed to lie.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Test {
    /// Below the limit.
    Below(f64),
    /// Above the limit.
    Above(f64),
    /// Between two limits.
    Between(f64, f64),
}

impl Test {
    /// Holds if the whole interval passes, fails if none of it does; undecided without an interval.
    pub fn verdict(self, measured: Estimate) -> Verdict {
        if !measured.has_interval() && measured.mean.is_finite() {
            return Verdict::Undecided;
        }
        let (low, high) = (measured.mean - measured.margin(), measured.mean + measured.margin());
        let (passes, misses) = match self {
            Self::Below(limit) => (high < limit, low >= limit),
            Self::Above(limit) => (low > limit, high <= limit),
            Self::Between(from, to) => (from < low && high < to, high <= from || low >= to),
        };
        match (passes, misses) {
            (true, _) => Verdict::Holds,
            (_, true) => Verdict::Fails,
            // NaN compares as neither: something diverged, and nothing was shown.
            _ => Verdict::Inconclusive,
        }
    }
}

/// A statement of a paper with its test and outcome.
#[derive(Clone, Debug, Serialize)]
pub struct Claim {
    /// Short name, unique in its experiment.
    pub id: &'static str,
    /// Where the statement stands.
    pub source: Source,
    /// What the paper says.
    pub statement: &'static str,
    /// The quantity that is tested and its limit, in words.
    pub test: String,
    /// The paper's value of that quantity, where it has one.
    pub paper: String,
    /// Our value with its interval.
    pub measured: String,
    /// The outcome.
    pub verdict: Verdict,
}

impl Claim {
    /// A claim that has not been judged yet.
    pub fn new(
        id: &'static str,
        source: Source,
        statement: &'static str,
        test: String,
        paper: String,
    ) -> Self {
        Self {
            id,
            source,
            statement,
            test,
            paper,
            measured: "–".to_owned(),
            verdict: Verdict::NotRun,
        }
    }

    /// Whether the statement is ours and not the paper's.
    pub fn is_ours(&self) -> bool {
        self.source.is_ours
    }

    /// Fills in measured value and verdict; without an estimate the claim was not tested.
    #[must_use]
    pub fn judge(mut self, measured: Option<Estimate>, test: Test, unit: &str) -> Self {
        if let Some(estimate) = measured {
            self.verdict = test.verdict(estimate);
            self.measured = display(estimate, unit);
        }
        self
    }
}

impl Claim {
    /// Shows a measured value in other words than those of the quantity that is tested, where that is
    /// not what a reader thinks in.
    #[must_use]
    pub fn shown_as(mut self, measured: Option<String>) -> Self {
        if self.verdict != Verdict::NotRun {
            self.measured = measured.unwrap_or(self.measured);
        }
        self
    }
}

/// An estimate as text, see [`Number::measured`].
pub fn display(estimate: Estimate, unit: &str) -> String {
    format!("{}{unit}", Number::measured(estimate))
}

/// An estimate with so many decimals, see [`Number::rounded`]; a dash for nothing.
pub(crate) fn rounded(estimate: Option<Estimate>, digits: usize) -> String {
    report::table::rounded(estimate, digits).into()
}

/// A number with so many decimals.
pub(crate) fn number(x: f64, digits: usize) -> String {
    Number::new(x, digits).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verdict_needs_the_whole_interval() {
        let at = |mean| Estimate::known(mean, 0.1);
        assert_eq!(Test::Below(1.0).verdict(at(0.5)), Verdict::Holds);
        assert_eq!(Test::Below(1.0).verdict(at(0.9)), Verdict::Inconclusive);
        assert_eq!(Test::Below(1.0).verdict(at(1.5)), Verdict::Fails);
        assert_eq!(Test::Above(1.0).verdict(at(1.5)), Verdict::Holds);
        assert_eq!(Test::Between(1.0, 2.0).verdict(at(1.5)), Verdict::Holds);
        assert_eq!(Test::Between(1.0, 2.0).verdict(at(2.1)), Verdict::Inconclusive);
        assert_eq!(Test::Between(1.0, 2.0).verdict(at(2.5)), Verdict::Fails);
        assert_eq!(Test::Below(1.0).verdict(at(f64::NAN)), Verdict::Inconclusive);
        // One seed, however far from the limit, has no interval.
        assert_eq!(Test::Below(1.0).verdict(Estimate::of(&[0.0]).unwrap()), Verdict::Undecided);
    }
}
