//! The report's claims and tables as Markdown.

use std::fmt::Write;

use super::{HeatMap, Report, Table};

pub(super) fn render(report: &Report) -> String {
    let mut text = String::new();
    write_report(&mut text, report).expect("writing into a string cannot fail");
    text
}

fn write_report(text: &mut String, report: &Report) -> std::fmt::Result {
    writeln!(text, "# Reproduction at {} scale\n", report.scale)?;
    writeln!(
        text,
        "Code version `{}`. Claims: {}.",
        crate::provenance::CODE_VERSION,
        report.summary().words()
    )?;
    for section in &report.sections {
        writeln!(text, "\n## {}\n", section.title)?;
        writeln!(text, "{} · `{}`\n\n{}.\n", section.source, section.id, section.description)?;
        let claims = Table {
            caption: String::new(),
            header: ["claim", "test", "paper", "ours", "verdict"].map(str::to_owned).to_vec(),
            rows: section
                .findings
                .claims
                .iter()
                .map(|c| {
                    let statement = format!("{} ({})", c.statement, c.source);
                    vec![
                        statement,
                        c.test.clone(),
                        c.paper.clone(),
                        c.measured.clone(),
                        c.verdict.words().to_owned(),
                    ]
                })
                .collect(),
        };
        write_table(text, &claims)?;
        for map in &section.findings.heat_maps {
            writeln!(text, "\n{}\n", map.caption)?;
            write_table(text, &as_table(map))?;
        }
        for table in &section.findings.tables {
            writeln!(text, "\n{}\n", table.caption)?;
            write_table(text, table)?;
        }
        if !section.findings.notes.is_empty() {
            writeln!(text)?;
        }
        for note in &section.findings.notes {
            writeln!(text, "- {note}")?;
        }
    }
    Ok(())
}

/// The numbers without their colours.
fn as_table(map: &HeatMap) -> Table {
    let cell = |cell: &Option<super::HeatCell>| {
        cell.as_ref().map_or_else(|| "–".to_owned(), |cell| cell.text.clone())
    };
    let row = |(name, cells): (&String, &Vec<_>)| {
        std::iter::once(name.clone()).chain(cells.iter().map(cell)).collect()
    };
    Table {
        caption: String::new(),
        header: std::iter::once(String::new()).chain(map.columns.iter().cloned()).collect(),
        rows: map.rows.iter().zip(&map.cells).map(row).collect(),
    }
}

fn write_table(text: &mut String, table: &Table) -> std::fmt::Result {
    let row = |text: &mut String, cells: &[String]| {
        let cells: Vec<String> =
            cells.iter().map(|c| c.replace('|', "\\|").replace('<', "&lt;")).collect();
        writeln!(text, "| {} |", cells.join(" | "))
    };
    row(text, &table.header)?;
    writeln!(text, "|{}", " --- |".repeat(table.header.len()))?;
    table.rows.iter().try_for_each(|cells| row(text, cells))
}
