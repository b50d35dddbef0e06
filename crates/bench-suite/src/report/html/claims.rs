//! All claims in one table. It is complete as it stands; where scripts run it sorts and filters.

use std::fmt::{Result, Write};

use report::html::escape;
use report::table::NONE;

use super::super::contents::Report;
use super::super::overview::Named;
use super::place::{anchor, claim_anchor, verdict};
use super::records;

pub(super) fn write(page: &mut String, report: &Report) -> Result {
    let claims = report.named();
    if claims.is_empty() {
        return Ok(());
    }
    writeln!(
        page,
        "<section><h2 id=\"claims\">All claims</h2>\n\
         <table class=\"claims all\" data-sort><caption class=\"hidden\">All claims with their \
         verdicts</caption><thead><tr><th scope=\"col\">claim</th>\
         <th scope=\"col\" data-filter=\"from\">from</th>\
         <th scope=\"col\" data-filter=\"experiment\">experiment</th>\
         <th scope=\"col\">paper</th><th scope=\"col\">ours</th>\
         <th scope=\"col\" data-filter=\"verdict\">verdict</th></tr></thead><tbody>"
    )?;
    claims.iter().try_for_each(|named| write_row(page, named))?;
    writeln!(page, "</tbody></table></section>")
}

fn write_row(page: &mut String, named: &Named<'_>) -> Result {
    let Named { section, claim, statement } = named;
    let cell = |value: &str| if value == NONE { String::new() } else { escape(value) };
    // A statement of ours is under no paper's name.
    let paper = escape(claim.source.paper.name());
    let experiment = section.id.split_once('/').map_or(section.id, |(_, name)| name);
    writeln!(
        page,
        "<tr><th scope=\"row\"><a href=\"#{}\">{}</a></th>\
         <td data-filter=\"{paper}\" data-key=\"{paper} {}\">{paper}, {}</td>\
         <td data-filter=\"{experiment}\"><a href=\"#{}\">{experiment}</a>{}</td>\
         <td data-label=\"paper\">{}</td><td data-label=\"ours\">{}</td>\
         <td data-filter=\"{}\">{}</td></tr>",
        claim_anchor(section, claim),
        escape(statement),
        escape(&claim.source.parts()),
        escape(&claim.source.parts()),
        anchor(section),
        records::link(section).map_or(String::new(), |link| format!(", {link}")),
        cell(&claim.paper),
        cell(&claim.measured),
        claim.verdict.words(),
        verdict(section, claim),
    )
}
