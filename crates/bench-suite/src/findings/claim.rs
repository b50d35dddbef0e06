//! [`Claim`]: a statement of a paper, the test we put it to, and the verdict.

use std::fmt;

use report::Number;
use report::table::{Cell, NONE};
use serde::Serialize;

use super::source::Source;
use crate::measured::scale::Scale;
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

    /// The limit alone, for a sentence that says on which side.
    fn limit(self) -> String {
        let text = |limit: f64| limit.to_string().replace('-', "−");
        match self {
            Self::Below(limit) | Self::Above(limit) => text(limit),
            Self::Between(from, to) => format!("{} to {}", text(from), text(to)),
        }
    }
}

impl fmt::Display for Test {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Below(_) => write!(f, "< {}", self.limit()),
            Self::Above(_) => write!(f, "> {}", self.limit()),
            Self::Between(from, to) => {
                write!(f, "between {} and {}", Self::Above(from).limit(), Self::Below(to).limit())
            }
        }
    }
}

/// A statement that has no test yet.
#[derive(Clone, Copy, Debug)]
pub struct Statement {
    /// Short name, unique in its experiment.
    pub id: &'static str,
    /// Where it stands.
    pub source: Source,
    /// What it says.
    pub text: &'static str,
}

impl Statement {
    /// A statement of a paper, or one of ours.
    pub const fn new(id: &'static str, source: Source, text: &'static str) -> Self {
        Self { id, source, text }
    }

    /// The claim that a quantity, in words, lies on that side.
    ///
    /// `{test}` in the words is where the test is written, with its side and its limit, and `{limit}`
    /// where the limit is if the words say the side; without either the test comes last.
    pub fn test(self, quantity: impl AsRef<str>, test: Test) -> Claim {
        let words = quantity.as_ref();
        let mut text = words.replace("{test}", &test.to_string());
        text = text.replace("{limit}", &test.limit());
        if text == words {
            text = format!("{words} {test}");
        }
        self.test_in_words(text, test)
    }

    /// The same for a limit that is written otherwise than as its number.
    pub fn test_in_words(self, words: impl Into<String>, test: Test) -> Claim {
        Claim {
            id: self.id,
            source: self.source,
            statement: self.text,
            test: words.into(),
            paper: NONE.to_owned(),
            measured: NONE.to_owned(),
            verdict: Verdict::NotRun,
            limit: test,
            unit: "",
            is_out_of_scale: false,
            least: None,
            reason: None,
            must_hold: false,
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
    /// Whether it is about what this program has by construction (its accelerator, its tiles, its circuits), and
    /// not about what comes of them: then it holds on any machine and at any scale, or the program is wrong.
    pub must_hold: bool,
    #[serde(skip)]
    limit: Test,
    #[serde(skip)]
    unit: &'static str,
    #[serde(skip)]
    is_out_of_scale: bool,
    /// From which scale it is tested, if not from all.
    #[serde(skip)]
    least: Option<Scale>,
    /// Why it does not hold, where that is known or was tried.
    reason: Option<String>,
}

impl Claim {
    /// What stands after a measured value, with its space.
    #[must_use]
    pub fn unit(self, unit: &'static str) -> Self {
        Self { unit, ..self }
    }

    /// The paper's value of the quantity.
    #[must_use]
    pub fn paper(self, value: impl Into<Cell>) -> Self {
        Self { paper: value.into().into(), ..self }
    }

    /// Needs at least the scale `least`, and there is `scale`: below it the claim is not tested, whatever
    /// was measured.
    #[must_use]
    pub fn tested_from(mut self, least: Scale, scale: Scale) -> Self {
        self.least = Some(least);
        if scale < least {
            self.reason = None;
            self.is_out_of_scale = true;
            self.verdict = Verdict::NotRun;
            self.measured = NONE.to_owned();
        }
        self
    }

    /// Holds by construction: see [`Self::must_hold`].
    #[must_use]
    pub fn by_construction(self) -> Self {
        Self { must_hold: true, ..self }
    }

    /// Whether the program is wrong.
    pub fn is_broken(&self) -> bool {
        self.must_hold && self.verdict == Verdict::Fails
    }

    /// Fills in measured value and verdict; without an estimate the claim was not tested.
    #[must_use]
    pub fn judge(mut self, measured: Option<Estimate>) -> Self {
        if let Some(estimate) = measured.filter(|_| !self.is_out_of_scale) {
            self.verdict = self.limit.verdict(estimate);
            self.measured = format!("{}{}", Number::measured(estimate), self.unit);
        }
        self
    }

    /// Shows a measured value in other words than those of the quantity that is tested, where that is
    /// not what a reader thinks in.
    #[must_use]
    pub fn shown_as(mut self, measured: Option<String>) -> Self {
        if self.verdict != Verdict::NotRun {
            self.measured = measured.unwrap_or(self.measured);
        }
        self
    }

    /// Why it does not hold, in a sentence: what was found, or what it would take to know. Nothing is
    /// kept where it holds or was not tested, so it is given after the judgement.
    pub fn because(&mut self, reason: impl Into<String>) {
        if matches!(self.verdict, Verdict::Fails | Verdict::Inconclusive) {
            self.reason = Some(reason.into());
        }
    }

    /// The reason that was found or tried, where it does not hold.
    pub fn reason(&self) -> Option<&str> {
        self.reason.as_deref()
    }

    /// Why it does not hold, or is not decided, in a sentence; nothing where it holds.
    pub fn why(&self) -> Option<String> {
        let given = self.reason.clone();
        match (self.verdict, self.least) {
            (Verdict::Holds, _) => None,
            (Verdict::Fails, _) => {
                given.or_else(|| Some("The reason was not examined.".to_owned()))
            }
            (Verdict::Inconclusive, _) => given.or_else(|| {
                Some("The interval contains the limit: it would take more repeats.".to_owned())
            }),
            (Verdict::Undecided, _) => {
                Some("One value has no interval: it would take a second seed.".to_owned())
            }
            (Verdict::NotRun, Some(least)) if self.is_out_of_scale => {
                Some(format!("It would take {least} scale."))
            }
            (Verdict::NotRun, _) => {
                Some("What it compares is not there, or not enough of it.".to_owned())
            }
        }
    }

    /// Whether the statement is ours and not the paper's.
    pub fn is_ours(&self) -> bool {
        self.source.is_ours
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::source::NOT_IN_THE_PAPER;

    fn statement() -> Statement {
        Statement::new("a", NOT_IN_THE_PAPER, "A statement.")
    }

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

    #[test]
    fn what_holds_by_construction_and_fails_is_broken() {
        let claim = |measured| statement().test("x", Test::Below(1.0)).judge(measured);
        let fails = claim(Some(Estimate::exact(2.0)));
        assert!(!fails.is_broken() && fails.by_construction().is_broken());
        for measured in [None, Some(Estimate::exact(0.5)), Estimate::of(&[2.0])] {
            assert!(!claim(measured).by_construction().is_broken(), "{measured:?}");
        }
    }

    #[test]
    fn a_limit_is_written_where_the_words_want_it() {
        let text = |words: &str, test| statement().test(words, test).test;
        assert_eq!(text("loss", Test::Above(0.0)), "loss > 0");
        assert_eq!(text("error {test} points", Test::Below(-1.0)), "error < −1 points");
        assert_eq!(text("error {test} %", Test::Between(0.55, 1.0)), "error between 0.55 and 1 %");
        assert_eq!(text("bits, {limit}", Test::Between(3.5, 4.5)), "bits, 3.5 to 4.5");
        assert_eq!(text("the rise is above {limit}", Test::Above(2.0)), "the rise is above 2");
    }

    #[test]
    fn below_its_scale_a_claim_is_not_tested() {
        let claim = |scale| {
            let claim = statement().test("loss", Test::Below(1.0)).unit("×").paper("about 0.5");
            claim.tested_from(Scale::Desk, scale).judge(Some(Estimate::exact(0.5)))
        };
        let (tested, below) = (claim(Scale::Desk), claim(Scale::Smoke));
        assert_eq!((tested.measured.as_str(), tested.verdict), ("0.5×", Verdict::Holds));
        assert_eq!((below.measured.as_str(), below.verdict), ("–", Verdict::NotRun));
        let other = |claim: Claim| claim.shown_as(Some("a half".to_owned())).measured;
        assert_eq!([other(tested), other(below)], ["a half", "–"]);
    }

    #[test]
    fn what_does_not_hold_says_why() {
        let of = |estimate| statement().test("loss", Test::Below(1.0)).judge(estimate);
        let why = |claim: &Claim| claim.why().unwrap_or_default();
        assert_eq!(of(Some(Estimate::exact(0.5))).why(), None);
        let mut fails = of(Some(Estimate::exact(2.0)));
        assert_eq!(why(&fails), "The reason was not examined.");
        fails.because("The noise is twice as large.");
        assert_eq!(why(&fails), "The noise is twice as large.");
        assert!(why(&of(Some(Estimate::known(1.0, 0.1)))).contains("more repeats"));
        assert!(why(&of(Estimate::of(&[2.0]))).contains("second seed"));
        assert!(why(&of(None)).contains("not enough of it"));
        let below = fails.tested_from(Scale::Paper, Scale::Desk);
        assert_eq!(why(&below), "It would take paper scale.");
    }
}
