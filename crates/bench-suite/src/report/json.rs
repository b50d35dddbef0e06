//! The report's claims, tables and record names for machines.

use report::table::Table;
use serde::Serialize;

use super::contents::{Report, Section, Summary};
use super::papers;
use crate::findings::claim::Claim;
use crate::measured::hash::CODE_VERSION;
use crate::measured::scale::Scale;
use crate::record;

#[derive(Serialize)]
struct Json<'a> {
    scale: Scale,
    code: &'a str,
    summary: Summary,
    papers: Vec<Paper<'a>>,
}

#[derive(Serialize)]
struct Paper<'a> {
    paper: &'a str,
    summary: Summary,
    experiments: Vec<Experiment<'a>>,
}

#[derive(Serialize)]
struct Experiment<'a> {
    id: &'a str,
    source: String,
    left_out: Vec<&'a str>,
    claims: &'a [Claim],
    tables: &'a [Table],
    records: Vec<String>,
}

fn experiment(section: &Section) -> Experiment<'_> {
    Experiment {
        id: section.id,
        source: section.source.to_string(),
        left_out: section.reasons().collect(),
        claims: &section.findings.claims,
        tables: &section.findings.tables,
        records: section.points.iter().map(|(point, ..)| record::key(point)).collect(),
    }
}

pub(super) fn render(report: &Report) -> String {
    let papers = papers::group(&report.sections).into_iter().map(|(paper, sections)| Paper {
        paper: paper.name(),
        summary: Summary::of(sections.iter().flat_map(|section| &section.findings.claims)),
        experiments: sections.iter().map(experiment).collect(),
    });
    let json = Json {
        scale: report.scale,
        code: CODE_VERSION,
        summary: report.summary(),
        papers: papers.collect(),
    };
    let mut text = serde_json::to_string_pretty(&json).expect("claims are plain data");
    text.push('\n');
    text
}
