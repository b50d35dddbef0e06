//! What the paper's networks ask of their hardware: [Rasch23 Tab. 1].
//!
//! The networks are built with their own sizes and surveyed in one forward pass that multiplies
//! nothing; nothing is trained.

mod paper;
#[cfg(test)]
mod paper_scale;

use paper::{ROWS, Row};
use report::table::{Table, cells, number};

use crate::experiment::{About, Experiment, Results, StandIns};
use crate::findings::Findings;
use crate::findings::claim::{Claim, Statement, Test};
use crate::findings::source::{Paper, Part};
use crate::measured::error::Error;
use crate::measured::measures::survey::{Asked, Survey};
use crate::measured::point::Run;
use crate::measured::scale::Scale;
use crate::measured::statistics::Estimate;
use crate::opened::Networks;
use crate::request::Request;

/// The experiment.
#[derive(Debug)]
pub struct Tiles;

/// A number of a survey.
type Number = fn(&Asked) -> f64;

const PARAMETERS: Number = |asked| asked.parameters as f64;
const MAPPED: Number = |asked| asked.mapped as f64;
const TILES: Number = |asked| asked.tiles as f64;
const UTILISATION: Number = |asked| asked.utilisation_percent;
const PRODUCTS: Number = |asked| asked.products as f64;
const REUSE: Number = |asked| asked.reuse;

/// Rows and columns of a tile. [Rasch23 Supp. Tab. 1]
const TILE: usize = 512;

impl Experiment for Tiles {
    type Measure = Survey;

    const ABOUT: About = About {
        id: "rasch2023/tiles",
        title: "What eleven networks ask of their hardware",
        source: Paper::Rasch2023.at(&[Part::Table("1")]),
        stand_ins: StandIns::Never,
    };

    fn describe(&self, _: Scale) -> String {
        "the paper's networks with their own sizes, surveyed without multiplying".to_owned()
    }

    fn runs(&self, _: &Request, _: &mut Networks) -> Result<Vec<Run<Self::Measure>>, Error> {
        let run = |row: &Row| {
            let (label, network) = (row.network.to_string(), row.network);
            let measure = Survey { network, tile: TILE };
            Run { label, measure, seed: 0, data: Vec::new(), work: 100 }
        };
        Ok(ROWS.iter().map(run).collect())
    }

    fn findings(&self, results: &Results<Self::Measure>) -> Findings {
        let found = Found { results };
        Findings::default().claims(claims(&found)).tables([table(&found)]).notes([
            "The paper does not say how long the inputs of the two speech networks are, so their \
             products, 2.5 and 240 thousand in the paper, were not reproduced: a guess of 21 frames \
             gives what the table shows for the one, 500 frames with 50 labels for the other. Its 26 \
             words of the language model follow from its own numbers.",
        ])
    }
}

/// The outcomes, asked by row of the paper.
struct Found<'a> {
    results: &'a Results<Survey>,
}

impl Found<'_> {
    fn value(&self, row: &Row, of: Number) -> Option<f64> {
        let asked = self.results.of(|survey| survey.network == row.network).next()?;
        Some(of(&asked.outcome))
    }

    /// Whether ours is the printed number, which may be off by `half`.
    fn is_near(&self, row: &Row, of: Number, printed: f64, half: f64) -> bool {
        self.value(row, of).is_some_and(|ours| (ours - printed).abs() <= half)
    }

    /// Rows that agree, once there are all of them.
    fn count(&self, agrees: impl Fn(&Row) -> bool) -> Option<Estimate> {
        let complete = ROWS.iter().all(|row| self.value(row, TILES).is_some());
        let agreeing = ROWS.iter().filter(|row| agrees(row)).count() as f64;
        complete.then_some(Estimate::exact(agreeing))
    }
}

fn claims(found: &Found<'_>) -> [Claim; 2] {
    let sizes = found.count(|row| {
        found.is_near(row, TILES, row.tiles as f64, 0.0)
            && found.is_near(row, UTILISATION, row.utilisation, 0.1)
    });
    // The paper cuts some thousands off and rounds others.
    let products = found.count(|row| {
        let unit = if row.products < 10.0 { 100.0 } else { 1000.0 };
        row.length_known
            && found.is_near(row, PRODUCTS, 1000.0 * row.products, unit)
            && found.is_near(row, REUSE, row.reuse, 1.0)
    });
    let known = ROWS.iter().filter(|row| row.length_known).count();
    let source = Paper::Rasch2023.at(&[Part::Table("1")]);
    // A count is the whole one if it is above the one before.
    let all = |count: usize| Test::Above(count as f64 - 0.5);
    [
        Statement::new("tiles", source, "Eleven networks occupy 34 to 486 tiles of 512 × 512.")
            .test_in_words(
                format!(
                    "networks whose tiles and utilisation are the printed ones, all {}",
                    ROWS.len()
                ),
                all(ROWS.len()),
            )
            .paper(ROWS.len())
            .judge(sizes),
        Statement::new("products", source, "Each tile is used up to 1285 times per input.")
            .test_in_words(
                format!(
                    "networks whose products per input and reuse are the printed ones, all of the \
                     {known} whose input length is known"
                ),
                all(known),
            )
            .paper(known)
            .judge(products),
    ]
    // Counts of how layers are laid out.
    .map(Claim::by_construction)
}

fn table(found: &Found<'_>) -> Table {
    let rows = ROWS.iter().map(|row| {
        let ours = |of: Number, unit: f64, digits: usize| {
            number(found.value(row, of).map(|x| x / unit), digits)
        };
        let [parameters, mapped] = row.millions;
        cells![
            row.network.name(),
            format!("{} / {parameters}", ours(PARAMETERS, 1e6, 2)),
            format!("{} / {mapped}", ours(MAPPED, 1e6, 2)),
            format!("{} / {}", ours(TILES, 1.0, 0), row.tiles),
            format!("{} / {}", ours(UTILISATION, 1.0, 1), row.utilisation),
            format!("{} / {}", ours(PRODUCTS, 1000.0, 2), row.products),
            format!("{} / {}", ours(REUSE, 1.0, 0), row.reuse),
        ]
    });
    let header = [
        "network",
        "parameters (10⁶)",
        "mapped (10⁶)",
        "tiles",
        "utilisation (%)",
        "products per input (10³)",
        "products per tile",
    ];
    Table::new("Each cell: ours / the paper's.", header).rows(rows)
}
