//! The report as one HTML file: the first screen and the contents. [`pictures`] has what it shows first,
//! [`claims`] the table of all claims, [`section`] the experiments.

mod claims;
#[cfg(test)]
mod form;
pub(crate) mod page;
mod pictures;
mod place;
mod records;
mod section;

use std::fmt::{Result, Write};

use report::html::escape;

use super::contents::{Report, Section, Summary};
use super::overview::Named;
use super::papers;
use crate::findings::words::count;
use crate::measured::hash::CODE_VERSION;
use page::{write_end, write_head};
use place::{anchor, claim_anchor, verdict};

pub(super) fn render(report: &Report) -> String {
    let mut page = String::new();
    write_page(&mut page, report).expect("writing into a string cannot fail");
    page
}

fn write_page(page: &mut String, report: &Report) -> Result {
    let (scale, code) = (report.scale, CODE_VERSION);
    if let Some(subject) = &report.subject {
        write_head(page, &escape(subject))?;
        writeln!(
            page,
            "<h1 id=\"contents\">{}</h1>\n\
             <p class=\"soft\">At <b>{scale}</b> scale, code version <code>{code}</code>.</p>\n\
             </header>\n<main id=\"main\">",
            escape(subject),
        )?;
        report.sections.iter().try_for_each(|section| section::write(page, section, 2))?;
        return write_end(page);
    }
    write_head(page, &format!("reproduction at {scale} scale"))?;
    writeln!(
        page,
        "<h1>Neural networks on imprecise hardware</h1>\n\
         <p class=\"soft\">A reproduction at <b>{scale}</b> scale, code version <code>{code}</code>.</p>\n\
         <p class=\"lead\">Of {total} claims, {words}.</p>\n</header>\n<main id=\"main\">",
        total = report.claims().count(),
        words = report.summary().words(),
    )?;
    pictures::write(page, report)?;
    writeln!(page, "<section><h2>How to read the verdicts</h2>")?;
    for note in report.reading() {
        writeln!(page, "<p>{}</p>", escape(&note))?;
    }
    write_papers(page, report)?;
    writeln!(page, "</section>\n<div class=\"overview\">")?;
    write_disagreements(page, report)?;
    write_left_out(page, report)?;
    write_new(page, report)?;
    writeln!(page, "</div>")?;
    write_contents(page, report)?;
    claims::write(page, report)?;
    for (paper, sections) in papers::group(&report.sections) {
        writeln!(
            page,
            "<h2 id=\"{}\">{}</h2>\n<p class=\"soft\">{}</p>",
            paper.id(),
            escape(paper.name()),
            escape(paper.title())
        )?;
        for section in sections {
            section::write(page, section, 3)?;
        }
    }
    write_end(page)
}

/// The counts, paper by paper.
fn write_papers(page: &mut String, report: &Report) -> Result {
    writeln!(
        page,
        "<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"Verdicts by paper\">\
         <table class=\"papers\"><caption class=\"hidden\">Verdicts by paper</caption><thead><tr>"
    )?;
    for (heading, class) in [
        ("reproduced", ""),
        ("experiments", "number more"),
        ("records", "number more"),
        ("claims", "number more"),
        ("hold", "number"),
        ("fail", "number"),
        ("incon&shy;clusive", "number"),
        ("un&shy;decided", "number"),
        ("not tested", "number"),
    ] {
        write!(page, "<th scope=\"col\" class=\"{class}\">{heading}</th>")?;
    }
    writeln!(page, "</tr></thead><tbody>")?;
    for (paper, sections) in papers::group(&report.sections) {
        let claims = || sections.iter().flat_map(|section| &section.findings.claims);
        let Summary { holds, fails, inconclusive, undecided, not_run } = Summary::of(claims());
        let run = sections.iter().filter(|section| section.left_out.is_none()).count();
        let of = |part: usize, all: usize| {
            if part == all { format!("{all}") } else { format!("{part} of {all}") }
        };
        let points: usize = sections.iter().map(|section| section.points.len()).sum();
        let missing: usize = sections.iter().map(Section::missing).sum();
        write!(
            page,
            "<tr><th scope=\"row\"><a href=\"#{}\">{}</a></th><td class=\"number more\">{}</td>\
             <td class=\"number more\">{}</td><td class=\"number more\">{}</td>",
            paper.id(),
            escape(paper.name()),
            of(run, sections.len()),
            of(points - missing, points),
            claims().count(),
        )?;
        for (number, class) in [
            (holds, "holds"),
            (fails, "fails"),
            (inconclusive, "inconclusive"),
            (undecided, "undecided"),
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
        writeln!(page, "<p>{}</p>", report.agreement())?;
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
fn write_named(page: &mut String, named: &Named<'_>) -> Result {
    let Named { section, claim, statement } = named;
    writeln!(
        page,
        "<li>{}: <a href=\"#{}\">{}</a> <span class=\"soft\">{}{}</span></li>",
        verdict(section, claim),
        claim_anchor(section, claim),
        escape(statement),
        escape(&named.values()),
        // Where nothing was found its place says so.
        claim.reason().map_or(String::new(), |why| format!(" {}", escape(why))),
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
    let open = report.open();
    open.iter()
        .try_for_each(|words| writeln!(page, "<li>{}</li>", escape(&words.replace('`', ""))))?;
    if found.is_empty() && open.is_empty() {
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
        writeln!(page, "<h3><a href=\"#{}\">{}</a></h3>\n<ul>", paper.id(), escape(paper.name()))?;
        for section in sections {
            writeln!(
                page,
                "<li><a href=\"#{}\">{}</a> <span class=\"soft\">{} · {}</span></li>",
                anchor(section),
                escape(section.title),
                escape(&section.part()),
                claims_in_words(section)
            )?;
        }
        writeln!(page, "</ul>")?;
    }
    writeln!(page, "</nav>")
}

/// The verdicts without the zeros: "3 hold, 6 not tested".
fn claims_in_words(section: &Section) -> String {
    let Summary { holds, fails, inconclusive, undecided, not_run } = section.summary();
    let counts = [
        (holds, if holds == 1 { "holds" } else { "hold" }),
        (fails, if fails == 1 { "fails" } else { "fail" }),
        (inconclusive, "inconclusive"),
        (undecided, "undecided"),
        (not_run, "not tested"),
    ];
    let words = counts.iter().filter(|(n, _)| *n > 0).map(|(n, word)| format!("{n} {word}"));
    let words = words.collect::<Vec<_>>().join(", ");
    match section.findings.claims.len() {
        0 => "no claims".to_owned(),
        n => format!("{}: {words}", count(n, "claim")),
    }
}
