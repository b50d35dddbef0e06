//! One experiment: claims, figures, heat maps, tables, notes, records.

use std::fmt::{Result, Write};

use super::super::figure::{COLOURS, marker, svg};
use super::super::{Section, heat_map};
use super::{anchor, claim_anchor, escape, records, verdict};
use crate::findings::figure::{Figure, LineStyle, Panel};
use crate::findings::table::{NONE, Table};
use crate::findings::words::{capital, count, sentence};

/// Columns from which a table may be wider than the text.
const WIDE: usize = 6;

/// Writes the section under a heading of that level.
pub(super) fn write(page: &mut String, section: &Section, level: usize) -> Result {
    writeln!(
        page,
        "<article id=\"{}\">\n<h{level}>{}</h{level}>\n<p class=\"soft\">{} · <code>{}</code> · \
         <a href=\"#contents\">contents</a></p>\n<p>{}</p>",
        anchor(section),
        escape(section.title),
        escape(&section.source.to_string()),
        section.id,
        escape(&capital(&sentence(&section.description))),
    )?;
    for reason in section.reasons() {
        writeln!(page, "<p class=\"notice\">Left out: {}</p>", escape(&sentence(reason)))?;
    }
    let missing = section.missing();
    if missing > 0 {
        let points = count(section.points.len(), "point");
        writeln!(page, "<p class=\"notice\">{missing} of {points} without a record yet.</p>")?;
    }
    // Where numbers are from: the records of this experiment, listed below.
    let from = match section.points.len() - missing {
        0 => String::new(),
        n => format!(
            " <a class=\"from\" href=\"#{}-records\">From {}.</a>",
            anchor(section),
            count(n, "record")
        ),
    };
    write_claims(page, section, &from)?;
    for figure in &section.findings.figures {
        write_figure(page, figure, level + 1, &from)?;
    }
    for map in &section.findings.heat_maps {
        heat_map::write(page, map, &from)?;
    }
    for table in &section.findings.tables {
        write_table(page, table, &from)?;
    }
    if !section.findings.notes.is_empty() {
        writeln!(page, "<h{below}>Notes</h{below}>\n<ul>", below = level + 1)?;
        for note in &section.findings.notes {
            writeln!(page, "<li>{}</li>", escape(note))?;
        }
        writeln!(page, "</ul>")?;
    }
    records::write(page, section)?;
    writeln!(page, "</article>")
}

fn write_claims(page: &mut String, section: &Section, from: &str) -> Result {
    if section.findings.claims.is_empty() {
        return Ok(());
    }
    writeln!(
        page,
        "<table class=\"claims\"><thead><tr><th>claim</th><th>paper</th><th>ours</th><th>verdict</th></tr></thead><tbody>"
    )?;
    for claim in &section.findings.claims {
        writeln!(
            page,
            "<tr id=\"{}\"><td>{} <span class=\"soft\">({})</span><span class=\"test\">Test: {}.</span></td>\
             <td data-label=\"paper\"{}>{}</td><td data-label=\"ours\"{}>{}</td><td>{}</td></tr>",
            claim_anchor(section, claim),
            escape(claim.statement),
            escape(&claim.source.parts()),
            escape(&claim.test),
            none(&claim.paper),
            escape(&claim.paper),
            none(&claim.measured),
            escape(&claim.measured),
            verdict(section, claim),
        )?;
    }
    writeln!(page, "</tbody></table>")?;
    if from.is_empty() { Ok(()) } else { writeln!(page, "<p class=\"soft\">{from}</p>") }
}

/// Marks an empty cell, which a phone does not show.
fn none(cell: &str) -> &'static str {
    if cell == NONE { " class=\"none\"" } else { "" }
}

fn write_figure(page: &mut String, figure: &Figure, level: usize, from: &str) -> Result {
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

fn write_table(page: &mut String, table: &Table, from: &str) -> Result {
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
