//! Tables and heat maps as Markdown.

use std::fmt::{Result, Write};

use crate::table::{Cell, HeatCell, HeatMap, Table};

/// Text in which nothing is taken for a tag.
pub fn escape(text: &str) -> String {
    text.replace('<', "&lt;")
}

/// Writes a table without its caption.
///
/// # Errors
///
/// None where `text` is a string.
pub fn write_table(text: &mut String, table: &Table) -> Result {
    let row = |text: &mut String, cells: &[String]| {
        let cells: Vec<String> =
            cells.iter().map(|cell| escape(cell).replace('|', "\\|")).collect();
        writeln!(text, "| {} |", cells.join(" | "))
    };
    row(text, &table.header)?;
    writeln!(text, "|{}", " --- |".repeat(table.header.len()))?;
    table.rows.iter().try_for_each(|cells| row(text, cells))
}

/// Writes the numbers of a map without their colours, and without its caption.
///
/// # Errors
///
/// None where `text` is a string.
pub fn write_heat_map(text: &mut String, map: &HeatMap) -> Result {
    write_table(text, &as_table(map))
}

/// The numbers without their colours.
fn as_table(map: &HeatMap) -> Table {
    let header = std::iter::once("").chain(map.columns.iter().map(String::as_str));
    let rows = map.rows.iter().zip(&map.cells).map(|(name, cells)| {
        let text =
            |cell: &Option<HeatCell>| Cell::from(cell.as_ref().map(|cell| cell.text.as_str()));
        std::iter::once(Cell::from(name.as_str())).chain(cells.iter().map(text))
    });
    Table::new("", header).rows(rows)
}
