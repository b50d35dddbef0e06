//! The report: what was reproduced, what disagrees, what is new; then paper by paper each experiment
//! with its claims, figures, tables and records.
//!
//! `report.html` is one file that needs no network; `report.md` has the same tables, and
//! `report.json` claims and tables for machines. [`archive`] packs them with the records.

pub mod archive;
mod contents;
pub(crate) mod html;
mod json;
mod markdown;
mod overview;
mod papers;
mod settings;
mod typography;

use crate::experiment::{AnyExperiment, Records};
use crate::findings::Findings;
use crate::findings::headline::Headline;
use crate::measured::error::Error;
use crate::measured::point::Point;
use crate::measured::scale::Scale;
use crate::store::Store;
use contents::Section;
pub use contents::{Report, Summary};

/// What a report is made of: an experiment and its points.
#[derive(Debug)]
pub struct Job<'a> {
    /// The experiment.
    pub experiment: &'a dyn AnyExperiment,
    /// Its points; none if it was left out.
    pub points: Vec<Point>,
    /// Why it was left out.
    pub left_out: Option<String>,
}

impl Report {
    /// Collects the records that are in the store.
    ///
    /// # Errors
    ///
    /// [`Error::Record`] if one is damaged.
    pub fn collect(store: &Store, scale: Scale, jobs: &[Job<'_>]) -> Result<Self, Error> {
        let mut sections = Vec::new();
        for Job { experiment, points, left_out } in jobs {
            let mut loaded = Vec::new();
            for point in points {
                loaded.push((point.clone(), store.load(point)?));
            }
            let mut findings = experiment.findings(&Records { scale, points: &loaded });
            typography::set(&mut findings);
            if left_out.is_some() {
                // Its title: the first screen says why there is no picture.
                let headline = findings.headline.map(|h| Headline { picture: None, ..h });
                let claims = findings.claims;
                findings = Findings { claims, headline, ..Findings::default() };
            }
            let points = loaded.into_iter().map(|(point, record)| {
                let run = store.run(&point);
                (point, record, run)
            });
            sections.push(Section {
                id: experiment.id(),
                title: experiment.title(),
                source: experiment.source(),
                description: typography::numbers(&experiment.describe(scale)),
                left_out: left_out.clone(),
                has_stand_ins: experiment.has_stand_ins(scale),
                findings,
                points: points.collect(),
            });
        }
        papers::sort(&mut sections);
        Ok(Self { subject: None, scale, sections })
    }

    /// Writes `report.html`, `report.md` and `report.json`; returns the path of the first.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if a file cannot be written.
    pub fn write(&self, store: &Store) -> Result<std::path::PathBuf, Error> {
        store.write("report.json", &json::render(self))?;
        store.write("report.md", &markdown::render(self))?;
        store.write("report.html", &html::render(self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::claim::{Claim, Statement, Test, Verdict};
    use crate::findings::source::{NOT_IN_THE_PAPER, Paper, Part, Source};
    use crate::measured::measurements::Measurements;
    use crate::measured::statistics::Estimate;
    use crate::provenance::Run;
    use crate::record::Record;
    use report::figure::{Curve, Figure, Panel};
    use report::table::{HeatCell, HeatMap};

    const TABLE_2: Source = Paper::Rasch2023.at(&[Part::Table("2")]);

    fn claim(id: &'static str, source: Source, statement: &'static str, mean: f64) -> Claim {
        let estimate = Estimate { mean, standard_error: 0.1, samples: 4 };
        Statement::new(id, source, statement)
            .test("x", Test::Below(1.0))
            .unit(" points")
            .paper("0.4")
            .judge((!mean.is_nan()).then_some(estimate))
    }

    fn section(id: &'static str, source: Source, claims: Vec<Claim>) -> Section {
        let point = |seed| {
            let config = serde_json::json!({ "net": { "width": seed, "depth": 3 } });
            crate::measured::point::testing::point(id, &format!("width {seed} < 9"), config, seed)
        };
        let run = Run {
            seconds: 63.0,
            finished_unix_s: 1_795_392_000,
            machine: "a machine".to_owned(),
            workers: 2,
            threads: 1,
            commit: "abc".to_owned(),
            compiler: "rustc".to_owned(),
        };
        let measured = |point: &Point| Record::new(point, Measurements::default());
        let cell = |text: &str, index| Some(HeatCell { text: text.to_owned(), index });
        let map = HeatMap {
            caption: "How much of each nonideality a network tolerates.".to_owned(),
            rows: ["input noise", "read noise", "IR drop"].map(str::to_owned).to_vec(),
            columns: ["ResNet-20", "DenseNet", "LSTM language model"].map(str::to_owned).to_vec(),
            cells: vec![
                vec![cell("0.01", 0.0), cell("0.02", 0.3), cell("0.05", 1.0)],
                vec![cell("2.5", 0.6), None, cell("4", 0.9)],
                vec![cell("> 16", 1.0), cell("3", 0.1), cell("7.5", 0.5)],
            ],
            scale: ("least sensitive".to_owned(), "most".to_owned()),
        };
        let named = |x: f64, y, name: &str| ((x, y), name.to_owned());
        let bits = vec![
            named(0.5, 91.0, "5 bits"),
            named(1.1, 97.5, "6 bits"),
            named(2.4, 99.1, "7 bits"),
        ];
        let panel = Panel {
            title: "Pareto".to_owned(),
            x: "energy per input (µJ)".to_owned(),
            y: "A* (%)".to_owned(),
            log_x: true,
            curves: vec![Curve::scatter("resolution of the ADC", 3, bits)],
            ..Panel::default()
        };
        let shown = Figure { caption: "A picture.".to_owned(), panels: vec![panel.clone()] };
        let headline = Headline { title: "A headline", picture: Some(shown.into()) };
        Section {
            id,
            title: "A title",
            source,
            description: "what is run".to_owned(),
            left_out: None,
            has_stand_ins: id == "rasch2023/networks",
            findings: Findings {
                headline: (id == "rasch2023/networks").then_some(headline),
                claims,
                figures: vec![Figure { caption: "A figure.".to_owned(), panels: vec![panel] }],
                heat_maps: vec![map],
                ..Findings::default()
            },
            points: (0..2)
                .map(|seed| (point(seed), Some(measured(&point(seed))), Some(run.clone())))
                .chain([(point(2), None, None)])
                .collect(),
        }
    }

    pub(super) fn report() -> Report {
        let mut sections = vec![
            section("beyond/own", Paper::Beyond.at(&[Part::Passage("a question")]), Vec::new()),
            section(
                "rasch2023/networks",
                TABLE_2,
                vec![
                    claim("good", TABLE_2, "Training recovers most.", 0.1),
                    claim("bad", TABLE_2, "… and all within a year.", 3.0),
                    claim("unclear", TABLE_2, "Noise < drift.", 1.05),
                    claim("later", TABLE_2, "The long run.", f64::NAN),
                    claim("ours", NOT_IN_THE_PAPER, "A statement of ours.", 0.2),
                ],
            ),
            section("rasch2023/mvm", Paper::Rasch2023.at(&[Part::Figure("3")]), Vec::new()),
        ];
        sections[2].left_out = Some("there is no CIFAR-10 in /data".to_owned());
        sections[2].findings.headline = Some(Headline { title: "Products", picture: None });
        papers::sort(&mut sections);
        Report { subject: None, scale: Scale::Desk, sections }
    }

    #[test]
    fn the_first_screen_says_what_disagrees_is_left_out_and_is_new() {
        let report = report();
        let html = html::render(&report);
        let first = &html[..html.find("<nav").unwrap()];
        for part in [
            "Of 5 claims, 2 hold, 1 fails, 1 is inconclusive, 1 is not tested.",
            // A claim that continues another is named with it, and with a link to its place.
            "fails for our stand-ins</span>: <a href=\"#rasch2023-networks-claim-bad\">Training recovers \
             most … and all within a year.</a>",
            "inconclusive for our stand-ins</span>: <a href=\"#rasch2023-networks-claim-unclear\">Noise &lt; drift.</a>",
            "there is no CIFAR-10 in /data.</li>",
            "1 of 3 points without a record yet.</li>",
            "<a href=\"#beyond-own\">A title</a>",
            "A statement of ours.</a>",
        ] {
            assert!(first.contains(part), "'{part}' is not in {first}");
        }
        assert!(!first.contains("The long run"), "what is not tested is counted, not listed");
        let markdown = markdown::render(&report);
        for part in [
            "- **fails for our stand-ins**: Training recovers most … and all",
            "no CIFAR-10",
            "| 0.01 |",
        ] {
            assert!(markdown.contains(part), "'{part}' is not in {markdown}");
        }
    }

    #[test]
    fn pictures_come_first_with_their_verdicts() {
        let html = html::render(&report());
        let first = &html[..html.find("How to read").unwrap()];
        for part in [
            "<h3>A headline</h3>\n<figure id=\"rasch2023-networks-picture\">",
            "<figcaption>A picture. From <a class=\"from\" href=\"#rasch2023-networks-records\">",
            "2 of 5 claims hold for our stand-ins, 1 fails, 1 is inconclusive, 1 is not tested.",
            "<h3>Products</h3>\n<p>No picture: there is no CIFAR-10 in /data.",
        ] {
            assert!(first.contains(part), "'{part}' is not in {first}");
        }
    }

    #[test]
    fn what_fails_by_construction_is_a_fault() {
        let mut report = report();
        assert_eq!(report.broken().count(), 0);
        for claim in report.sections.iter_mut().flat_map(|section| &mut section.findings.claims) {
            *claim = claim.clone().by_construction();
        }
        let broken: Vec<&str> = report.broken().map(|claim| claim.id).collect();
        assert_eq!(broken, ["bad"]);
    }

    #[test]
    fn verdicts_are_on_what_ran() {
        let mut report = report();
        let note = "The networks of Rasch et al. did not run at desk scale.";
        let words = |report: &Report| html::render(report);
        assert!(words(&report).contains(note));
        // A claim of ours is about our networks.
        assert!(
            words(&report).contains("holds</span>: <a href=\"#rasch2023-networks-claim-ours\"")
        );
        report.sections.iter_mut().for_each(|section| section.has_stand_ins = false);
        assert!(!words(&report).contains("stand-ins") && !words(&report).contains(note));
    }

    #[test]
    fn a_single_value_decides_nothing_and_says_so() {
        let single = claim("single", TABLE_2, "One run.", 0.1);
        let single = single.judge(Estimate::of(&[0.1]));
        assert_eq!((single.measured.as_str(), single.verdict), ("0.10 points", Verdict::Undecided));
        let mut sections =
            vec![section("gupta2015/one", Paper::Gupta2015.at(&[Part::Figure("1")]), vec![single])];
        sections[0].has_stand_ins = false;
        let report = Report { subject: None, scale: Scale::Smoke, sections };
        assert_eq!(report.summary().words(), "1 is undecided with one value");
        assert!(report.summary().all_hold(), "nothing fails");
        let outcome = report.sections[0].outcome();
        assert_eq!(outcome, "None of 1 claim is decided: 1 is undecided with one value.");
        for text in [html::render(&report), markdown::render(&report)] {
            for part in
                ["1 claim is undecided: there is one value of each", "No claim was decided."]
            {
                assert!(text.contains(part), "'{part}' is not in {text}");
            }
        }
    }

    #[test]
    fn what_the_paper_does_not_have_is_not_printed_as_a_value() {
        let mut report = report();
        for claim in report.sections.iter_mut().flat_map(|section| &mut section.findings.claims) {
            claim.paper = "–".to_owned();
        }
        for text in [html::render(&report), markdown::render(&report)] {
            assert!(text.contains("Ours 3.00 ± 0.24 points."), "{text}");
            assert!(!text.contains("paper –"), "{text}");
        }
    }

    /// What a screen reader goes by: one main part, headings that skip no level, no empty ones.
    #[test]
    fn the_page_has_an_order() {
        let about = report().about("Imprecise hardware and a network".to_owned());
        for page in [html::render(&report()), html::render(&about)] {
            assert_eq!((page.matches("<main ").count(), page.matches("</main>").count()), (1, 1));
            let levels: Vec<u32> = page
                .match_indices("<h")
                .filter_map(|(at, _)| page[at + 2..].chars().next()?.to_digit(10))
                .collect();
            assert!(levels.windows(2).all(|pair| pair[1] <= pair[0] + 1), "{levels:?}");
            let empty = page
                .split("<th")
                .skip(1)
                .filter(|th| th.split_once('>').is_some_and(|(_, text)| text.starts_with("</th>")));
            assert_eq!(empty.count(), 0);
        }
    }

    #[test]
    fn sections_follow_the_papers_and_every_link_leads_somewhere() {
        let html = html::render(&report());
        let place = |id: &str| html.find(&format!("<article id=\"{id}\"")).unwrap();
        assert!(place("rasch2023-mvm") < place("rasch2023-networks"));
        assert!(place("rasch2023-networks") < place("beyond-own"));
        for link in html.split("href=\"#").skip(1) {
            let id = &link[..link.find('"').unwrap()];
            assert_eq!(html.matches(&format!(" id=\"{id}\"")).count(), 1, "#{id}");
        }
    }

    #[test]
    fn numbers_lead_to_their_records() {
        let report = report();
        let html = html::render(&report);
        let (point, ..) = &report.sections[0].points[1];
        let key = crate::record::key(point);
        for part in [
            " From <a class=\"from\" href=\"#rasch2023-networks-records\">2 records</a>.",
            &format!("<a href=\"records/rasch2023/mvm/{key}.json\"><code>{key}</code></a>"),
            "<td>width 1 &lt; 9</td><td class=\"number\">1</td><td><code>net.width = 1</code></td>",
            "<pre>net.depth = 3\n</pre>",
            "<!-- circumstances -->1 min 3 s<!-- end of circumstances -->",
            "(missing)",
        ] {
            assert!(html.contains(part), "'{part}' is not in {html}");
        }
    }
}
