//! [`Findings`]: what an experiment makes of its records, as data that the report draws.

pub mod claim;
pub mod estimate;
pub mod headline;
pub mod source;
pub(crate) mod words;

use report::figure::Figure;
use report::table::{HeatMap, Table};

use claim::Claim;
use headline::{Headline, Picture};

/// What an experiment makes of its records.
#[derive(Debug, Default)]
pub struct Findings {
    /// What of it stands on the report's first screen, if something does.
    pub headline: Option<Headline>,
    /// The claims with their verdicts.
    pub claims: Vec<Claim>,
    /// The figures.
    pub figures: Vec<Figure>,
    /// The heat maps.
    pub heat_maps: Vec<HeatMap>,
    /// The tables.
    pub tables: Vec<Table>,
    /// What the reader must know: choices that the paper leaves open, and the like.
    pub notes: Vec<String>,
    /// What of the experiment was not run, and why; the report's first screen names it.
    pub left_out: Vec<String>,
}

impl Findings {
    /// With a picture on the report's first screen; without one, for want of outcomes, the report says
    /// there that it is missing.
    #[must_use]
    pub fn headline(self, title: &'static str, picture: Option<impl Into<Picture>>) -> Self {
        let headline = Headline { title, picture: picture.map(Into::into) };
        Self { headline: Some(headline), ..self }
    }

    /// With the reasons, by the names of claims, why they do not hold; a reason of a claim that holds,
    /// or was not tested, is left out.
    ///
    /// # Panics
    ///
    /// If there is no claim of a name.
    #[must_use]
    pub fn reasons<'a>(
        mut self,
        reasons: impl IntoIterator<Item = &'a (&'a str, &'a str)>,
    ) -> Self {
        for (id, reason) in reasons {
            let claim = self.claims.iter_mut().find(|claim| claim.id == *id);
            claim.unwrap_or_else(|| panic!("there is no claim {id}")).because(*reason);
        }
        self
    }

    /// With these claims after those that there are.
    #[must_use]
    pub fn claims(mut self, claims: impl IntoIterator<Item = Claim>) -> Self {
        self.claims.extend(claims);
        self
    }

    /// With these figures after those that there are.
    #[must_use]
    pub fn figures(mut self, figures: impl IntoIterator<Item = Figure>) -> Self {
        self.figures.extend(figures);
        self
    }

    /// With these heat maps after those that there are.
    #[must_use]
    pub fn heat_maps(mut self, maps: impl IntoIterator<Item = HeatMap>) -> Self {
        self.heat_maps.extend(maps);
        self
    }

    /// With these tables after those that there are.
    #[must_use]
    pub fn tables(mut self, tables: impl IntoIterator<Item = Table>) -> Self {
        self.tables.extend(tables);
        self
    }

    /// With these notes after those that there are.
    #[must_use]
    pub fn notes(mut self, notes: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.notes.extend(notes.into_iter().map(Into::into));
        self
    }

    /// With these reasons after those that there are.
    #[must_use]
    pub fn left_out(mut self, reasons: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.left_out.extend(reasons.into_iter().map(Into::into));
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_come_in_the_order_in_which_they_are_given() {
        let table = |caption: &str| Table::new(caption, ["network"]);
        let findings = Findings::default()
            .tables([table("a")])
            .tables(Some(table("b")))
            .heat_maps(None)
            .notes(["one"])
            .notes(vec!["two".to_owned()])
            .left_out(None::<String>);
        let captions: Vec<&str> = findings.tables.iter().map(|t| t.caption.as_str()).collect();
        assert_eq!(captions, ["a", "b"]);
        assert_eq!(findings.notes, ["one", "two"]);
        assert!(findings.left_out.is_empty() && findings.heat_maps.is_empty());
    }

    #[test]
    fn reasons_are_of_claims_by_name() {
        let claim = |id, mean| {
            let statement = claim::Statement::new(id, source::NOT_IN_THE_PAPER, "A statement.");
            statement
                .test("x", claim::Test::Below(1.0))
                .judge(Some(crate::measured::statistics::Estimate::exact(mean)))
        };
        let findings = Findings::default().claims([claim("good", 0.5), claim("bad", 2.0)]);
        let findings = findings.reasons(&[("good", "No reason."), ("bad", "Too little noise.")]);
        let why: Vec<Option<String>> = findings.claims.iter().map(Claim::why).collect();
        assert_eq!(why, [None, Some("Too little noise.".to_owned())]);
    }

    #[test]
    #[should_panic(expected = "there is no claim other")]
    fn a_reason_without_a_claim_is_a_mistake() {
        let _ = Findings::default().reasons(&[("other", "A reason.")]);
    }
}
