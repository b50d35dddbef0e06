//! One experiment: claims, figures, heat maps, tables, notes, records.

use std::fmt::{Result, Write};

use report::html::{self, escape};
use report::table::NONE;

use super::super::contents::Section;
use super::place::{anchor, claim_anchor, verdict};
use super::records;
use crate::findings::claim::Claim;
use crate::findings::words::{capital, count, sentence};

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
    let from = records::link(section).map_or(String::new(), |link| format!(" From {link}."));
    write_claims(page, section, &from)?;
    let id = |kind: &str, index: usize| format!("{}-{kind}-{}", anchor(section), index + 1);
    for (index, figure) in section.findings.figures.iter().enumerate() {
        html::write_figure(page, figure, level + 1, &id("figure", index), &from)?;
    }
    for (index, map) in section.findings.heat_maps.iter().enumerate() {
        html::write_heat_map(page, map, &id("map", index), &from)?;
    }
    for (index, table) in section.findings.tables.iter().enumerate() {
        html::write_table(page, table, &id("table", index), &from)?;
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
        "<table class=\"claims\"><caption class=\"hidden\">Claims: {}</caption><thead><tr>\
         <th scope=\"col\">claim</th><th scope=\"col\">paper</th><th scope=\"col\">ours</th>\
         <th scope=\"col\">verdict</th></tr></thead><tbody>",
        escape(section.title)
    )?;
    for claim in &section.findings.claims {
        writeln!(
            page,
            "<tr id=\"{}\"><td>{} <span class=\"soft\">({})</span><span class=\"test\">Test: {}.</span>{}</td>\
             <td data-label=\"paper\"{}>{}</td><td data-label=\"ours\"{}>{}</td><td>{}</td></tr>",
            claim_anchor(section, claim),
            escape(claim.statement),
            escape(&claim.source.parts()),
            escape(&claim.test),
            why(claim),
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

/// Why a claim does not hold, in its own words; nothing where it does.
fn why(claim: &Claim) -> String {
    let words = claim.why().map(|why| format!("<span class=\"why\">Why: {}</span>", escape(&why)));
    words.unwrap_or_default()
}

/// Marks an empty cell, which a phone does not show.
fn none(cell: &str) -> &'static str {
    if cell == NONE { " class=\"none\"" } else { "" }
}
