//! The report's claims and tables as Markdown.

use std::fmt::{Result, Write};

use report::markdown::{escape, write_heat_map, write_table};
use report::table::{Table, cells};

use super::contents::{Report, Section, Summary};
use super::overview::Named;
use super::papers;
use crate::findings::claim::Claim;
use crate::findings::source::Paper;
use crate::findings::words::{capital, count, sentence};
use crate::measured::hash::CODE_VERSION;

pub(super) fn render(report: &Report) -> String {
    let mut text = String::new();
    write_report(&mut text, report).expect("writing into a string cannot fail");
    text
}

fn write_report(text: &mut String, report: &Report) -> Result {
    if let Some(subject) = &report.subject {
        let (scale, code) = (report.scale, CODE_VERSION);
        let subject = escape(subject);
        writeln!(text, "# {subject}\n\nAt {scale} scale, code version `{code}`.")?;
        return report.sections.iter().try_for_each(|section| write_section(text, section));
    }
    writeln!(text, "# Reproduction at {} scale\n", report.scale)?;
    writeln!(
        text,
        "Code version `{}`. Of {} claims, {}. The figures are in `report.html`.\n",
        CODE_VERSION,
        report.claims().count(),
        report.summary().words()
    )?;
    for note in report.reading() {
        writeln!(text, "{}\n", escape(&note))?;
    }
    write_papers(text, report)?;
    write_overview(text, report)?;
    for (paper, sections) in papers::group(&report.sections) {
        writeln!(text, "\n## {}\n\n{}", paper.name(), paper.title())?;
        for section in sections {
            write_section(text, section)?;
        }
    }
    Ok(())
}

fn write_papers(text: &mut String, report: &Report) -> Result {
    let header = [
        "reproduced",
        "experiments",
        "claims",
        "hold",
        "fail",
        "inconclusive",
        "undecided",
        "not tested",
    ];
    let row = |(paper, sections): (Paper, &[Section])| {
        let claims = || sections.iter().flat_map(|section| &section.findings.claims);
        let Summary { holds, fails, inconclusive, undecided, not_run } = Summary::of(claims());
        let run = sections.iter().filter(|section| section.left_out.is_none()).count();
        let count = claims().count();
        cells![paper.name(), run, count, holds, fails, inconclusive, undecided, not_run]
    };
    let rows = papers::group(&report.sections).into_iter().map(row);
    write_table(text, &Table::new("", header).rows(rows))
}

fn write_overview(text: &mut String, report: &Report) -> Result {
    let named = |text: &mut String, named: &Named<'_>| {
        let values = named.values();
        writeln!(
            text,
            "- **{}**: {}{}{} (`{}`)",
            named.verdict(),
            escape(&named.statement),
            if values.is_empty() { "" } else { " " },
            escape(&values),
            named.section.id
        )
    };
    writeln!(text, "\n## What disagrees\n")?;
    let found = report.disagreements();
    if found.is_empty() {
        writeln!(text, "{}", report.agreement())?;
    }
    found.iter().try_for_each(|claim| named(text, claim))?;
    writeln!(text, "\n## What is left out\n")?;
    let found = report.left_out();
    for left_out in &found {
        writeln!(text, "- `{}`: {}", left_out.section.id, escape(&left_out.reason))?;
    }
    let open = report.open();
    open.iter().try_for_each(|words| writeln!(text, "- {}", escape(words)))?;
    if found.is_empty() && open.is_empty() {
        writeln!(text, "Nothing of what was asked for.")?;
    }
    let own = report.own_claims();
    let mut beyond = report.sections.iter().filter(|section| section.is_beyond()).peekable();
    if beyond.peek().is_some() || !own.is_empty() {
        writeln!(text, "\n## What is new\n")?;
        for section in beyond {
            writeln!(
                text,
                "- `{}`: {}; {}.",
                section.id,
                escape(section.title),
                section.summary().words()
            )?;
        }
        own.iter().try_for_each(|claim| named(text, claim))?;
    }
    Ok(())
}

fn write_section(text: &mut String, section: &Section) -> Result {
    writeln!(text, "\n### {}\n", section.title)?;
    let description = capital(&sentence(&section.description));
    writeln!(text, "{} · `{}`\n\n{description}", section.source, section.id)?;
    for reason in section.reasons() {
        writeln!(text, "\nLeft out: {}", escape(&sentence(reason)))?;
    }
    if !section.findings.claims.is_empty() {
        writeln!(text)?;
        write_table(text, &claims(section))?;
    }
    for map in &section.findings.heat_maps {
        let (low, high) = &map.scale;
        writeln!(
            text,
            "\n{} Colours in `report.html` from “{low}” to “{high}”.\n",
            escape(&map.caption)
        )?;
        write_heat_map(text, map)?;
    }
    for table in &section.findings.tables {
        writeln!(text, "\n{}\n", escape(&table.caption))?;
        write_table(text, table)?;
    }
    if !section.findings.notes.is_empty() {
        writeln!(text)?;
    }
    for note in &section.findings.notes {
        writeln!(text, "- {}", escape(note))?;
    }
    let (all, missing) = (section.points.len(), section.missing());
    if all > missing {
        let records = count(all - missing, "record");
        writeln!(text, "\n{records} in `records/{}`.", section.id)?;
    }
    if missing > 0 {
        writeln!(text, "\n{missing} of {} without a record yet.", count(all, "point"))?;
    }
    Ok(())
}

fn claims(section: &Section) -> Table {
    let row = |claim: &Claim| {
        cells![
            format!("{} ({})", claim.statement, claim.source.parts()),
            claim.test.as_str(),
            claim.paper.as_str(),
            claim.measured.as_str(),
            match claim.why() {
                Some(why) => format!("{}: {why}", section.verdict(claim)),
                None => section.verdict(claim),
            },
        ]
    };
    Table::new("", ["claim", "test", "paper", "ours", "verdict"])
        .rows(section.findings.claims.iter().map(row))
}
