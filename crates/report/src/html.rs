//! Figures, heat maps and tables as HTML.

#[cfg(test)]
mod contrast;
mod data;
pub(crate) mod escape;
mod heat_map;

use std::fmt::{Result, Write};

use crate::figure::{Curve, Figure, LineStyle, Panel};
use crate::svg::{COLOURS, marker, svg};
use crate::table::Table;

pub use escape::escape;
pub use heat_map::write_heat_map;

/// The style sheet of a page: light and dark, for screens and for paper.
pub const STYLE: &str = include_str!("html/style.css");

/// What a page can do where scripts run: values under the pointer and by the arrow keys, tables that
/// sort and filter. Nothing is hidden without it.
pub const SCRIPT: &str = include_str!("html/script.js");

/// Columns from which a table may be wider than the text.
const WIDE: usize = 6;

/// Writes a figure, whose panels have headings of that level and whose values are saved under its `id`;
/// `from`, HTML, follows its caption.
///
/// # Errors
///
/// None where `page` is a string.
pub fn write_figure(
    page: &mut String,
    figure: &Figure,
    level: usize,
    id: &str,
    from: &str,
) -> Result {
    let panels = figure.panels.len();
    // Panels of the same curves have one legend below them.
    let shared = figure.panels.windows(2).all(|pair| has_same_legend(&pair[0], &pair[1]));
    writeln!(page, "<figure id=\"{id}\">\n<div class=\"panels\" data-panels=\"{panels}\">")?;
    for panel in &figure.panels {
        let title = escape(&panel.title);
        writeln!(page, "<div class=\"panel\"><h{level}>{title}</h{level}>{}", svg(panel, panels))?;
        if !shared {
            write_legend(page, panel)?;
        }
        writeln!(page, "</div>")?;
    }
    writeln!(page, "</div>")?;
    if let (Some(panel), true) = (figure.panels.first(), shared) {
        write_legend(page, panel)?;
    }
    writeln!(page, "<figcaption>{}{from}</figcaption>", escape(&figure.caption))?;
    data::write_figure(page, figure, id)?;
    writeln!(page, "</figure>")
}

/// Whether two panels show the same curves of other data, so that one legend says both.
fn has_same_legend(a: &Panel, b: &Panel) -> bool {
    let keys = |panel: &Panel| -> Vec<(String, usize, LineStyle)> {
        let ours = panel.curves.iter().filter(|curve| curve.style != LineStyle::Paper);
        ours.map(|curve| (curve.label.clone(), curve.colour, curve.style)).collect()
    };
    keys(a) == keys(b) && has_papers(a) == has_papers(b)
}

/// Whether a curve of the paper is drawn.
fn has_papers(panel: &Panel) -> bool {
    panel.curves.iter().any(|curve| curve.style == LineStyle::Paper && !curve.points.is_empty())
}

fn write_legend(page: &mut String, panel: &Panel) -> Result {
    write!(page, "<ul class=\"legend\">")?;
    for curve in panel.curves.iter().filter(|curve| curve.style != LineStyle::Paper) {
        write_key(page, curve)?;
    }
    if has_papers(panel) {
        write!(
            page,
            "<li><svg viewBox=\"0 0 32 11\" aria-hidden=\"true\"><line x1=\"1\" y1=\"5.5\" x2=\"31\" y2=\"5.5\" \
             stroke=\"#000000\" stroke-dasharray=\"6 4\"/></svg>dashed: the paper’s, in the same colours</li>"
        )?;
    }
    writeln!(page, "</ul>")
}

/// Line, marker and name of a curve.
fn write_key(page: &mut String, curve: &Curve) -> Result {
    let colour = COLOURS[curve.colour % COLOURS.len()];
    let hex = format!("#{:02X}{:02X}{:02X}", colour.0, colour.1, colour.2);
    let line = |dashes: &str| {
        format!(
            "<line x1=\"1\" y1=\"5.5\" x2=\"31\" y2=\"5.5\" stroke=\"{hex}\" stroke-width=\"2\"{dashes}/>"
        )
    };
    write!(page, "<li><svg viewBox=\"0 0 32 11\" aria-hidden=\"true\">")?;
    match curve.style {
        LineStyle::Ours => *page += &line(""),
        LineStyle::Level => *page += &line(" stroke-dasharray=\"2 4\""),
        LineStyle::Points | LineStyle::Paper => {}
    }
    match marker(curve.colour) {
        _ if curve.style == LineStyle::Level => {}
        [] => write!(page, "<circle cx=\"16\" cy=\"5.5\" r=\"3\" fill=\"{hex}\"/>")?,
        corners => {
            write!(page, "<polygon transform=\"translate(16 5.5)\" fill=\"{hex}\" points=\"")?;
            for (x, y) in corners {
                write!(page, "{x},{y} ")?;
            }
            write!(page, "\"/>")?;
        }
    }
    write!(page, "</svg>{}</li>", escape(&curve.label))
}

/// Writes a table; `from`, HTML, follows its caption, which names it by the `id`.
///
/// # Errors
///
/// None where `page` is a string.
pub fn write_table(page: &mut String, table: &Table, id: &str, from: &str) -> Result {
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
        "<p class=\"caption\" id=\"{id}\">{caption}{from}</p>\n\
         <div class=\"scroll{wide}\" role=\"region\" tabindex=\"0\" aria-labelledby=\"{id}\">\
         <table aria-labelledby=\"{id}\"><thead><tr>",
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
