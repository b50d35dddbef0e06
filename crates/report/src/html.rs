//! Figures, heat maps and tables as HTML.

pub(crate) mod escape;
mod heat_map;

use std::fmt::{Result, Write};

use crate::figure::{Figure, LineStyle, Panel};
use crate::svg::{COLOURS, marker, svg};
use crate::table::Table;

pub use escape::escape;
pub use heat_map::write_heat_map;

/// The style sheet of a page: light and dark, for screens and for paper.
pub const STYLE: &str = include_str!("html/style.css");

/// Columns from which a table may be wider than the text.
const WIDE: usize = 6;

/// Writes a figure, whose panels have headings of that level; `from`, HTML, follows its caption.
///
/// # Errors
///
/// None where `page` is a string.
pub fn write_figure(page: &mut String, figure: &Figure, level: usize, from: &str) -> Result {
    writeln!(page, "<figure>\n<div class=\"panels\">")?;
    for panel in &figure.panels {
        let title = escape(&panel.title);
        writeln!(page, "<div class=\"panel\"><h{level}>{title}</h{level}>{}", svg(panel))?;
        write_legend(page, panel)?;
        writeln!(page, "</div>")?;
    }
    writeln!(page, "</div>\n<figcaption>{}{from}</figcaption>\n</figure>", escape(&figure.caption))
}

fn write_legend(page: &mut String, panel: &Panel) -> Result {
    write!(page, "<ul class=\"legend\">")?;
    let paper = panel
        .curves
        .iter()
        .any(|curve| curve.style == LineStyle::Paper && !curve.points.is_empty());
    for curve in panel.curves.iter().filter(|curve| curve.style != LineStyle::Paper) {
        let colour = COLOURS[curve.colour % COLOURS.len()];
        let hex = format!("#{:02X}{:02X}{:02X}", colour.0, colour.1, colour.2);
        write!(page, "<li><svg viewBox=\"0 0 32 11\" aria-hidden=\"true\">")?;
        if curve.style == LineStyle::Ours {
            write!(
                page,
                "<line x1=\"1\" y1=\"5.5\" x2=\"31\" y2=\"5.5\" stroke=\"{hex}\" stroke-width=\"2\"/>"
            )?;
        }
        match marker(curve.colour) {
            [] => write!(page, "<circle cx=\"16\" cy=\"5.5\" r=\"3\" fill=\"{hex}\"/>")?,
            corners => {
                write!(page, "<polygon transform=\"translate(16 5.5)\" fill=\"{hex}\" points=\"")?;
                for (x, y) in corners {
                    write!(page, "{x},{y} ")?;
                }
                write!(page, "\"/>")?;
            }
        }
        write!(page, "</svg>{}</li>", escape(&curve.label))?;
    }
    if paper {
        write!(
            page,
            "<li><svg viewBox=\"0 0 32 11\" aria-hidden=\"true\"><line x1=\"1\" y1=\"5.5\" x2=\"31\" y2=\"5.5\" \
             stroke=\"#000000\" stroke-dasharray=\"5 4\"/></svg>the paper’s, in the same colours</li>"
        )?;
    }
    writeln!(page, "</ul>")
}

/// Writes a table; `from`, HTML, follows its caption.
///
/// # Errors
///
/// None where `page` is a string.
pub fn write_table(page: &mut String, table: &Table, from: &str) -> Result {
    // A column of numbers is set flush right; the first one names the row.
    let is_number = |column: usize| {
        column > 0
            && table.rows.iter().all(|row| {
                row[column].chars().all(|c| c.is_ascii_digit() || " .±−–-+×%e".contains(c))
            })
    };
    // The caption stands outside, so that it does not scroll away with a wide table.
    let caption = escape(&table.caption);
    write!(
        page,
        "<p class=\"caption\">{caption}{from}</p>\n\
         <div class=\"scroll{wide}\" role=\"region\" tabindex=\"0\" aria-label=\"{caption}\"><table><thead><tr>",
        wide = if table.header.len() >= WIDE { " wide" } else { "" },
    )?;
    for (column, cell) in table.header.iter().enumerate() {
        let class = if is_number(column) { " class=\"number\"" } else { "" };
        match cell.as_str() {
            // A corner above the names of rows is no heading.
            "" => write!(page, "<td></td>")?,
            cell => write!(page, "<th scope=\"col\"{class}>{}</th>", escape(cell))?,
        }
    }
    writeln!(page, "</tr></thead><tbody>")?;
    for row in &table.rows {
        write!(page, "<tr>")?;
        for (column, cell) in row.iter().enumerate() {
            let (start, end) = if column == 0 { ("th scope=\"row\"", "th") } else { ("td", "td") };
            let class = if is_number(column) { " class=\"number\"" } else { "" };
            write!(page, "<{start}{class}>{}</{end}>", escape(cell))?;
        }
        writeln!(page, "</tr>")?;
    }
    writeln!(page, "</tbody></table></div>")
}
