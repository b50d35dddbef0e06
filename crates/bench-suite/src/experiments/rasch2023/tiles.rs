//! What the paper's networks ask of their hardware: [Rasch23 Tab. 1].
//!
//! The networks are built with their own sizes and surveyed in one forward pass that multiplies
//! nothing; nothing is trained.

mod paper;
#[cfg(test)]
mod paper_scale;

use paper::{ROWS, Row};
use report::table::{Table, cells, number};

use crate::experiment::{Experiment, Results};
use crate::findings::Findings;
use crate::findings::claim::{Statement, Test};
use crate::findings::source::{Paper, Part, Source};
use crate::measured::context::Context;
use crate::measured::error::Error;
use crate::measured::measurements::Measurements;
use crate::measured::measures::survey::{
    MAPPED, PARAMETERS, PRODUCTS, REUSE, Survey, TILES, UTILISATION,
};
use crate::measured::point::Point;
use crate::measured::scale::Scale;
use crate::measured::statistics::Estimate;
use crate::opened::Networks;
use crate::request::Request;

/// The experiment.
#[derive(Debug)]
pub struct Tiles;

/// Rows and columns of a tile. [Rasch23 Supp. Tab. 1]
const TILE: usize = 512;

impl Experiment for Tiles {
    fn id(&self) -> &'static str {
        "rasch2023/tiles"
    }

    fn title(&self) -> &'static str {
        "What eleven networks ask of their hardware"
    }

    fn source(&self) -> Source {
        Paper::Rasch2023.at(&[Part::Table("1")])
    }

    fn describe(&self, _: Scale) -> String {
        "the paper's networks with their own sizes, surveyed without multiplying".to_owned()
    }

    fn points(&self, _: &Request, _: &mut Networks) -> Result<Vec<Point>, Error> {
        Ok(ROWS
            .iter()
            .map(|row| Point {
                experiment: self.id(),
                name: row.name.to_owned(),
                config: serde_json::to_value(Survey { network: row.name.to_owned(), tile: TILE })
                    .expect("plain data"),
                seed: 0,
                data: Vec::new(),
                work: 100,
            })
            .collect())
    }

    fn run(&self, point: &Point, context: &Context<'_>) -> Result<Measurements, Error> {
        Survey::run_point(point, context)
    }

    fn findings(&self, results: &Results<'_>) -> Findings {
        let value = |row: &Row, name: &str| {
            let point = results.points.iter().find(|(point, _)| point.name == row.name)?;
            point.1.as_ref()?.measurements.values.get(name).copied()
        };
        let complete = ROWS.iter().all(|row| value(row, TILES).is_some());
        let count = |agrees: &dyn Fn(&Row) -> bool| {
            let agreeing = ROWS.iter().filter(|row| agrees(row)).count() as f64;
            complete.then_some(Estimate::exact(agreeing))
        };
        let near = |row: &Row, name: &str, printed: f64, half: f64| {
            value(row, name).is_some_and(|ours| (ours - printed).abs() <= half)
        };
        let sizes = count(&|row| {
            near(row, TILES, row.tiles as f64, 0.0) && near(row, UTILISATION, row.utilisation, 0.1)
        });
        // The paper cuts some thousands off and rounds others.
        let products = count(&|row| {
            let unit = if row.products < 10.0 { 100.0 } else { 1000.0 };
            row.length_known
                && near(row, PRODUCTS, 1000.0 * row.products, unit)
                && near(row, REUSE, row.reuse, 1.0)
        });
        let known = ROWS.iter().filter(|row| row.length_known).count();
        let claims = vec![
            Statement::new(
                "tiles",
                Paper::Rasch2023.at(&[Part::Table("1")]),
                "Eleven networks occupy 34 to 486 tiles of 512 × 512.",
            )
            .test_in_words(
                "networks whose tiles and utilisation are the printed ones, all 11",
                Test::Above(10.5),
            )
            .paper("11")
            .judge(sizes),
            Statement::new(
                "products",
                Paper::Rasch2023.at(&[Part::Table("1")]),
                "Each tile is used up to 1285 times per input.",
            )
            .test_in_words(
                format!(
                    "networks whose products per input and reuse are the printed ones, all of the \
                     {known} whose input length is known"
                ),
                Test::Above(known as f64 - 0.5),
            )
            .paper(known)
            .judge(products),
        ];
        let rows = ROWS.iter().map(|row| {
            let beside = |name: &str, unit: f64, digits: usize, printed: &dyn std::fmt::Display| {
                let ours = number(value(row, name).map(|x| x / unit), digits);
                format!("{} / {printed}", String::from(ours))
            };
            let [parameters, mapped] = row.millions;
            cells![
                row.name,
                beside(PARAMETERS, 1e6, 2, &parameters),
                beside(MAPPED, 1e6, 2, &mapped),
                beside(TILES, 1.0, 0, &row.tiles),
                beside(UTILISATION, 1.0, 1, &row.utilisation),
                beside(PRODUCTS, 1000.0, 2, &row.products),
                beside(REUSE, 1.0, 0, &row.reuse),
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
        Findings::default().claims(claims).tables([Table::new("Each cell: ours / the paper's.", header).rows(rows)]).notes(["The paper does not say how long the inputs of the two speech networks are, so \
                                                                                                                             their products, 2.5 and 240 thousand in the paper, were not reproduced: a guess of \
                                                                                                                             21 frames gives what the table shows for the one, 500 frames with 50 labels for the \
                                                                                                                             other. Its 26 words of the language model follow from its own numbers."])
    }
}
