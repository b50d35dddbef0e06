//! The report as one HTML file.

use std::fmt::Write;

use super::figure::{COLOURS, marker, svg};
use super::{Figure, LineStyle, Panel, Report, Section, Table, date, duration, heat_map};
use crate::claim::{Claim, Verdict};
use crate::provenance;
use crate::record;

/// Text with the characters that HTML reserves replaced.
pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

pub(super) fn render(report: &Report) -> String {
    let mut page = String::new();
    write_page(&mut page, report).expect("writing into a string cannot fail");
    page
}

fn write_page(page: &mut String, report: &Report) -> std::fmt::Result {
    let summary = report.summary();
    write!(
        page,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>dither: reproduction at {scale} scale</title>\n<style>\n{css}</style>\n</head>\n<body>\n\
         <h1>Neural networks on imprecise hardware</h1>\n\
         <p class=\"soft\">A reproduction at <b>{scale}</b> scale, code version <code>{code}</code>.</p>\n\
         <p class=\"lead\">Of {total} claims, {words}.</p>\n",
        scale = report.scale,
        css = include_str!("style.css"),
        code = provenance::CODE_VERSION,
        total = report.claims().count(),
        words = summary.words(),
    )?;
    let missing: usize = report.sections.iter().map(Section::missing).sum();
    if missing > 0 {
        let total: usize = report.sections.iter().map(|s| s.points.len()).sum();
        writeln!(
            page,
            "<p class=\"notice\">This report is partial: {missing} of {total} points have no record yet.</p>"
        )?;
    }
    writeln!(page, "<h2>Claims</h2>")?;
    for section in &report.sections {
        writeln!(
            page,
            "<h3><a href=\"#{0}\">{1}</a></h3>",
            anchor(section),
            escape(section.source)
        )?;
        write_claims(page, &section.findings.claims)?;
    }
    writeln!(
        page,
        "<p class=\"soft\">± is half of a 90 % interval over seeds (Student’s t). A claim holds if the whole \
         interval is on the claimed side, which is a one-sided test at the 95 % level; it fails \
         if none of the interval is, and is inconclusive otherwise.</p>"
    )?;
    for section in &report.sections {
        write_section(page, section)?;
    }
    writeln!(page, "</body>\n</html>")
}

fn anchor(section: &Section) -> String {
    section.id.replace('/', "-")
}

fn write_claims(page: &mut String, claims: &[Claim]) -> std::fmt::Result {
    writeln!(
        page,
        "<table class=\"claims\"><thead><tr><th>claim</th><th>paper</th><th>ours</th><th>verdict</th></tr></thead><tbody>"
    )?;
    for claim in claims {
        let class = match claim.verdict {
            Verdict::Holds => "holds",
            Verdict::Fails => "fails",
            Verdict::Inconclusive => "inconclusive",
            Verdict::NotRun => "not-run",
        };
        writeln!(
            page,
            "<tr><td>{} <span class=\"soft\">({})</span><span class=\"test\">Test: {}.</span></td>\
             <td data-label=\"paper\">{}</td><td data-label=\"ours\">{}</td>\
             <td class=\"verdict {class}\">{}</td></tr>",
            escape(claim.statement),
            escape(claim.source),
            escape(&claim.test),
            escape(&claim.paper),
            escape(&claim.measured),
            claim.verdict.words(),
        )?;
    }
    writeln!(page, "</tbody></table>")
}

fn write_section(page: &mut String, section: &Section) -> std::fmt::Result {
    writeln!(
        page,
        "<h2 id=\"{}\">{}</h2>\n<p class=\"soft\">{} · <code>{}</code></p>\n<p>{}.</p>",
        anchor(section),
        escape(section.title),
        escape(section.source),
        section.id,
        escape(&section.description),
    )?;
    for figure in &section.findings.figures {
        write_figure(page, figure)?;
    }
    for map in &section.findings.heat_maps {
        heat_map::write(page, map)?;
    }
    for table in &section.findings.tables {
        write_table(page, table)?;
    }
    if !section.findings.notes.is_empty() {
        writeln!(page, "<h3>Notes</h3>\n<ul>")?;
        for note in &section.findings.notes {
            writeln!(page, "<li>{}</li>", escape(note))?;
        }
        writeln!(page, "</ul>")?;
    }
    write_provenance(page, section)
}

fn write_figure(page: &mut String, figure: &Figure) -> std::fmt::Result {
    writeln!(page, "<figure>\n<div class=\"panels\">")?;
    for panel in &figure.panels {
        writeln!(page, "<div class=\"panel\"><h4>{}</h4>{}", escape(&panel.title), svg(panel))?;
        write_legend(page, panel)?;
        writeln!(page, "</div>")?;
    }
    writeln!(page, "</div>\n<figcaption>{}</figcaption>\n</figure>", escape(&figure.caption))
}

fn write_legend(page: &mut String, panel: &Panel) -> std::fmt::Result {
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

fn write_table(page: &mut String, table: &Table) -> std::fmt::Result {
    // A column of numbers is set flush right; the first one names the row.
    let is_number = |column: usize| {
        column > 0
            && table.rows.iter().all(|row| {
                row[column].chars().all(|c| c.is_ascii_digit() || " .±–-+×%e".contains(c))
            })
    };
    write!(
        page,
        "<div class=\"scroll\"><table><caption>{}</caption><thead><tr>",
        escape(&table.caption)
    )?;
    for (column, cell) in table.header.iter().enumerate() {
        let class = if is_number(column) { " class=\"number\"" } else { "" };
        write!(page, "<th{class}>{}</th>", escape(cell))?;
    }
    writeln!(page, "</tr></thead><tbody>")?;
    for row in &table.rows {
        write!(page, "<tr>")?;
        for (column, cell) in row.iter().enumerate() {
            let tag = if column == 0 { "th" } else { "td" };
            let class = if is_number(column) { " class=\"number\"" } else { "" };
            write!(page, "<{tag}{class}>{}</{tag}>", escape(cell))?;
        }
        writeln!(page, "</tr>")?;
    }
    writeln!(page, "</tbody></table></div>")
}

/// Configuration, seeds, versions; then time and machine, the only part that differs between two
/// runs of the same code. Comments mark that part.
fn write_provenance(page: &mut String, section: &Section) -> std::fmt::Result {
    writeln!(
        page,
        "<details><summary>Configuration, seeds, data</summary>\n<div class=\"scroll\"><table>"
    )?;
    writeln!(page, "<thead><tr><th>point</th><th>seed</th><th>record</th></tr></thead><tbody>")?;
    for (point, found, _) in &section.points {
        let state = if found.is_some() { "" } else { " (missing)" };
        writeln!(
            page,
            "<tr><td>{}</td><td>{}</td><td><code>records/{}/{}.json</code>{state}</td></tr>",
            escape(&point.name),
            point.seed,
            point.experiment,
            record::key(point)
        )?;
    }
    writeln!(page, "</tbody></table></div>")?;
    if let Some((point, ..)) = section.points.first() {
        let config = serde_json::to_string_pretty(&point.config).unwrap_or_default();
        writeln!(
            page,
            "<p>Configuration of “{}”; those of the others are in their records.</p>",
            escape(&point.name)
        )?;
        writeln!(page, "<pre>{}</pre>", escape(&config))?;
        for data in &point.data {
            writeln!(
                page,
                "<p>Data: {}, SHA-256 <code>{}</code></p>",
                escape(&data.name),
                data.sha256
            )?;
        }
    }
    writeln!(page, "</details>\n<!-- circumstances -->")?;
    let runs: Vec<_> =
        section.points.iter().filter_map(|(point, _, run)| Some((point, run.as_ref()?))).collect();
    if let Some((_, last)) = runs.iter().max_by_key(|(_, run)| run.finished_unix_s) {
        let seconds: f64 = runs.iter().map(|(_, run)| run.seconds).sum();
        writeln!(
            page,
            "<details><summary>Time and machine</summary>\n<p>{} of computation in {} points, {} side by side. \
             Last on {} on {}; {}, commit <code>{}</code>.</p>",
            duration(seconds),
            runs.len(),
            last.workers,
            date(last.finished_unix_s),
            escape(&last.machine),
            escape(&last.compiler),
            escape(&last.commit),
        )?;
        writeln!(
            page,
            "<div class=\"scroll\"><table><thead><tr><th>point</th><th class=\"number\">time</th></tr></thead><tbody>"
        )?;
        for (point, run) in &runs {
            writeln!(
                page,
                "<tr><td>{}</td><td class=\"number\">{}</td></tr>",
                escape(&point.name),
                duration(run.seconds)
            )?;
        }
        writeln!(page, "</tbody></table></div></details>")?;
    }
    writeln!(page, "<!-- end of circumstances -->")
}
