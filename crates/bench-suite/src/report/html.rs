//! The report as one HTML file: the first screen and the contents. [`section`] has the experiments.

mod records;
mod section;

use std::fmt::{Result, Write};

use super::overview::Named;
use super::words::count;
use super::{Report, Section, Summary, papers};
use crate::claim::{Claim, Verdict};
use crate::provenance;

/// Text with the characters that HTML reserves replaced.
pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

pub(super) fn render(report: &Report) -> String {
    let mut page = String::new();
    write_page(&mut page, report).expect("writing into a string cannot fail");
    page
}

fn write_page(page: &mut String, report: &Report) -> Result {
    let (scale, code) = (report.scale, provenance::CODE_VERSION);
    if let Some(subject) = &report.subject {
        write_head(page, &escape(subject))?;
        writeln!(
            page,
            "<h1 id=\"contents\">{}</h1>\n\
             <p class=\"soft\">At <b>{scale}</b> scale, code version <code>{code}</code>.</p>",
            escape(subject),
        )?;
        report.sections.iter().try_for_each(|section| section::write(page, section))?;
        return writeln!(page, "</body>\n</html>");
    }
    write_head(page, &format!("reproduction at {scale} scale"))?;
    writeln!(
        page,
        "<h1>Neural networks on imprecise hardware</h1>\n\
         <p class=\"soft\">A reproduction at <b>{scale}</b> scale, code version <code>{code}</code>.</p>\n\
         <p class=\"lead\">Of {total} claims, {words}.</p>",
        total = report.claims().count(),
        words = report.summary().words(),
    )?;
    write_papers(page, report)?;
    writeln!(page, "<div class=\"overview\">")?;
    write_disagreements(page, report)?;
    write_left_out(page, report)?;
    write_new(page, report)?;
    writeln!(page, "</div>")?;
    writeln!(
        page,
        "<p class=\"soft\">± is half of a 90 % interval (Student’s t) over what a section repeats: \
         seeds, programmings of one trained network, or networks. A claim holds if the whole \
         interval is on the claimed side, which is a one-sided test at the 95 % level; it fails \
         if none of the interval is, and is inconclusive otherwise. Limits of tests are ours, values of \
         papers are theirs.</p>"
    )?;
    write_contents(page, report)?;
    for (paper, sections) in papers::group(&report.sections) {
        writeln!(
            page,
            "<h2 id=\"{}\">{}</h2>\n<p class=\"soft\">{}</p>",
            paper.id,
            escape(paper.name),
            escape(paper.title)
        )?;
        for section in sections {
            section::write(page, section)?;
        }
    }
    writeln!(page, "</body>\n</html>")
}

/// All before the page's heading.
fn write_head(page: &mut String, title: &str) -> Result {
    writeln!(
        page,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>dither: {title}</title>\n<style>\n{css}</style>\n</head>\n<body>",
        css = include_str!("style.css"),
    )
}

/// The counts, paper by paper.
fn write_papers(page: &mut String, report: &Report) -> Result {
    writeln!(
        page,
        "<div class=\"scroll\"><table class=\"papers\"><thead><tr><th>reproduced</th>\
         <th class=\"number wide\">experiments</th><th class=\"number wide\">records</th>\
         <th class=\"number wide\">claims</th>\
         <th class=\"number\">hold</th><th class=\"number\">fail</th><th class=\"number\">incon&shy;clusive</th>\
         <th class=\"number\">not tested</th></tr></thead><tbody>"
    )?;
    for (paper, sections) in papers::group(&report.sections) {
        let claims = || sections.iter().flat_map(|section| &section.findings.claims);
        let Summary { holds, fails, inconclusive, not_run } = Summary::of(claims());
        let run = sections.iter().filter(|section| section.left_out.is_none()).count();
        let of = |part: usize, all: usize| {
            if part == all { format!("{all}") } else { format!("{part} of {all}") }
        };
        let points: usize = sections.iter().map(|section| section.points.len()).sum();
        let missing: usize = sections.iter().map(Section::missing).sum();
        write!(
            page,
            "<tr><th><a href=\"#{}\">{}</a></th><td class=\"number wide\">{}</td>\
             <td class=\"number wide\">{}</td><td class=\"number wide\">{}</td>",
            paper.id,
            escape(paper.name),
            of(run, sections.len()),
            of(points - missing, points),
            claims().count(),
        )?;
        for (number, class) in [
            (holds, "holds"),
            (fails, "fails"),
            (inconclusive, "inconclusive"),
            (not_run, "not-run"),
        ] {
            let class = if number > 0 { class } else { "soft" };
            write!(page, "<td class=\"number verdict {class}\">{number}</td>")?;
        }
        writeln!(page, "</tr>")?;
    }
    writeln!(page, "</tbody></table></div>")
}

fn write_disagreements(page: &mut String, report: &Report) -> Result {
    writeln!(page, "<section><h2>What disagrees</h2>")?;
    let found = report.disagreements();
    if found.is_empty() {
        writeln!(page, "<p>Every claim that was tested holds.</p>")?;
    } else {
        writeln!(page, "<ul>")?;
        for named in &found {
            write_named(page, named)?;
        }
        writeln!(page, "</ul>")?;
    }
    writeln!(page, "</section>")
}

/// A claim in one line, with a link to its place.
fn write_named(page: &mut String, Named { section, claim, statement }: &Named<'_>) -> Result {
    writeln!(
        page,
        "<li>{}: <a href=\"#{}\">{}</a> <span class=\"soft\">Ours {}, paper {}.</span></li>",
        verdict(claim),
        claim_anchor(section, claim),
        escape(statement),
        escape(&claim.measured),
        escape(&claim.paper),
    )
}

fn write_left_out(page: &mut String, report: &Report) -> Result {
    writeln!(page, "<section><h2>What is left out</h2>\n<ul>")?;
    let found = report.left_out();
    for left_out in &found {
        writeln!(
            page,
            "<li><a href=\"#{}\">{}</a>: {}</li>",
            anchor(left_out.section),
            escape(left_out.section.title),
            escape(&left_out.reason)
        )?;
    }
    let not_run = report.summary().not_run;
    if not_run > 0 {
        let (claims, are) = (count(not_run, "claim"), if not_run == 1 { "is" } else { "are" });
        writeln!(
            page,
            "<li>{claims} {are} not tested at {} scale, or not without data or records that are \
             missing; the tables of the experiments have them, with their tests.</li>",
            report.scale
        )?;
    }
    if found.is_empty() && not_run == 0 {
        writeln!(page, "<li>Nothing of what was asked for.</li>")?;
    }
    writeln!(page, "</ul></section>")
}

fn write_new(page: &mut String, report: &Report) -> Result {
    let beyond: Vec<&Section> = report.sections.iter().filter(|s| s.is_beyond()).collect();
    let own = report.own_claims();
    if beyond.is_empty() && own.is_empty() {
        return Ok(());
    }
    writeln!(page, "<section><h2>What is new</h2>\n<ul>")?;
    for section in beyond {
        writeln!(
            page,
            "<li><a href=\"#{}\">{}</a> <span class=\"soft\">{}</span></li>",
            anchor(section),
            escape(section.title),
            claims_in_words(section)
        )?;
    }
    for named in &own {
        write_named(page, named)?;
    }
    writeln!(page, "</ul></section>")
}

fn write_contents(page: &mut String, report: &Report) -> Result {
    writeln!(page, "<nav aria-labelledby=\"contents\"><h2 id=\"contents\">Contents</h2>")?;
    for (paper, sections) in papers::group(&report.sections) {
        writeln!(page, "<h3><a href=\"#{}\">{}</a></h3>\n<ul>", paper.id, escape(paper.name))?;
        for section in sections {
            writeln!(
                page,
                "<li><a href=\"#{}\">{}</a> <span class=\"soft\">{} · {}</span></li>",
                anchor(section),
                escape(section.title),
                escape(section.part()),
                claims_in_words(section)
            )?;
        }
        writeln!(page, "</ul>")?;
    }
    writeln!(page, "</nav>")
}

/// The verdicts without the zeros: "3 hold, 6 not tested".
fn claims_in_words(section: &Section) -> String {
    let Summary { holds, fails, inconclusive, not_run } = section.summary();
    let counts = [
        (holds, if holds == 1 { "holds" } else { "hold" }),
        (fails, if fails == 1 { "fails" } else { "fail" }),
        (inconclusive, "inconclusive"),
        (not_run, "not tested"),
    ];
    let words = counts.iter().filter(|(n, _)| *n > 0).map(|(n, word)| format!("{n} {word}"));
    let words = words.collect::<Vec<_>>().join(", ");
    match section.findings.claims.len() {
        0 => "no claims".to_owned(),
        n => format!("{}: {words}", count(n, "claim")),
    }
}

fn anchor(section: &Section) -> String {
    section.id.replace('/', "-")
}

fn claim_anchor(section: &Section, claim: &Claim) -> String {
    format!("{}-claim-{}", anchor(section), claim.id)
}

/// The verdict in words, in its colour.
fn verdict(claim: &Claim) -> String {
    let class = match claim.verdict {
        Verdict::Holds => "holds",
        Verdict::Fails => "fails",
        Verdict::Inconclusive => "inconclusive",
        Verdict::NotRun => "not-run",
    };
    format!("<span class=\"verdict {class}\">{}</span>", claim.verdict.words())
}
