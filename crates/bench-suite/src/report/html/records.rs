//! Where an experiment's numbers are from: each point with its seed, settings, record and time.
//!
//! Times and machines are the only part in which two runs of the same code differ. Comments mark
//! every piece of that part.

use std::collections::BTreeSet;
use std::fmt::{Result, Write};

use report::html::escape;

use super::super::contents::Section;
use super::super::settings::Settings;
use super::place::anchor;
use crate::findings::words::{count, date, duration};
use crate::record;

/// Settings of a point that are no longer than this stand in its row.
const SHORT: usize = 80;

/// A link to the records of a section, if it has any.
pub(super) fn link(section: &Section) -> Option<String> {
    let there = section.points.len() - section.missing();
    let (anchor, records) = (anchor(section), count(there, "record"));
    (there > 0).then(|| format!("<a class=\"from\" href=\"#{anchor}-records\">{records}</a>"))
}

pub(super) fn write(page: &mut String, section: &Section) -> Result {
    let Some((first, ..)) = section.points.first() else { return Ok(()) };
    let settings = Settings::of(section.points.iter().map(|(point, ..)| point));
    let seeds: BTreeSet<u64> = section.points.iter().map(|(point, ..)| point.seed).collect();
    let seeds = match (seeds.first(), seeds.last()) {
        (Some(a), Some(b)) if a != b && b - a + 1 == seeds.len() as u64 => format!("seeds {a}–{b}"),
        (Some(a), Some(b)) if a == b => format!("seed {a}"),
        _ => count(seeds.len(), "seed"),
    };
    writeln!(
        page,
        "<details><summary id=\"{}-records\">{} in <code>records/{}</code>, {seeds}, with settings, data \
         and times</summary>",
        anchor(section),
        count(section.points.len() - section.missing(), "record"),
        first.experiment,
    )?;
    write_points(page, section, &settings)?;
    write_settings(page, section, &settings)?;
    let data: BTreeSet<(&str, &str)> = section
        .points
        .iter()
        .flat_map(|(point, ..)| &point.data)
        .map(|data| (data.name.as_str(), data.sha256.as_str()))
        .collect();
    for (name, sha256) in data {
        writeln!(page, "<p>Data: {}, SHA-256 <code>{sha256}</code></p>", escape(name))?;
    }
    write_machine(page, section)?;
    writeln!(page, "</details>")
}

fn is_short(own: &str) -> bool {
    own.len() <= SHORT && !own.is_empty()
}

fn write_points(page: &mut String, section: &Section, settings: &Settings) -> Result {
    let differ = settings.own.len() > 1;
    let heading = if differ { "<th scope=\"col\">settings of its own</th>" } else { "" };
    writeln!(
        page,
        "<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"Records\"><table class=\"records\">\
         <caption class=\"hidden\">Points with their records</caption><thead><tr>\
         <th scope=\"col\">point</th><th scope=\"col\" class=\"number\">seed</th>{heading}\
         <th scope=\"col\">record</th><th scope=\"col\" class=\"number\">time</th></tr></thead><tbody>"
    )?;
    for ((point, found, run), &own) in section.points.iter().zip(&settings.of_point) {
        write!(
            page,
            "<tr><td>{}</td><td class=\"number\">{}</td>",
            escape(&point.name),
            point.seed
        )?;
        if differ {
            let text = &settings.own[own];
            if is_short(text) {
                let text = escape(&text.trim_end().replace('\n', "; "));
                write!(page, "<td><code>{text}</code></td>")?;
            } else if text.is_empty() {
                write!(page, "<td></td>")?;
            } else {
                let anchor = anchor(section);
                write!(page, "<td><a href=\"#{anchor}-settings-{own}\">no. {}</a></td>", own + 1)?;
            }
        }
        let key = record::key(point);
        match found {
            Some(_) => write!(
                page,
                "<td><a href=\"records/{}/{key}.json\"><code>{key}</code></a></td>",
                point.experiment
            )?,
            None => write!(page, "<td><code>{key}</code> (missing)</td>")?,
        }
        write!(page, "<td class=\"number\"><!-- circumstances -->")?;
        if let Some(run) = run {
            write!(page, "{}", duration(run.seconds))?;
        }
        writeln!(page, "<!-- end of circumstances --></td></tr>")?;
    }
    writeln!(page, "</tbody></table></div>")
}

fn write_settings(page: &mut String, section: &Section, settings: &Settings) -> Result {
    if !settings.shared.is_empty() {
        let all =
            if settings.own.len() > 1 { "Settings that all points share" } else { "Settings" };
        writeln!(
            page,
            "<details><summary>{all}</summary><pre>{}</pre></details>",
            escape(&settings.shared)
        )?;
    }
    for (i, own) in settings.own.iter().enumerate() {
        if own.is_empty() || is_short(own) {
            continue;
        }
        let points = settings.of_point.iter().filter(|&&own| own == i).count();
        writeln!(
            page,
            "<details><summary id=\"{}-settings-{i}\">Settings no. {}, of {}</summary><pre>{}</pre></details>",
            anchor(section),
            i + 1,
            count(points, "point"),
            escape(own)
        )?;
    }
    writeln!(
        page,
        "<p class=\"soft\">The name of a record leads to its file, which is in <code>records</code> beside \
         this page. Where that folder is missing, the archive that came with the page has it: unpack \
         it, and open the page in there. A setting is a path in the record’s <code>config</code>; the record holds all of \
         them. Its name is the hash of experiment, settings, seed, data and code.</p>"
    )
}

/// The sum of the times, and the machines.
fn write_machine(page: &mut String, section: &Section) -> Result {
    write!(page, "<!-- circumstances -->")?;
    let runs: Vec<_> = section.points.iter().filter_map(|(.., run)| run.as_ref()).collect();
    if let Some(last) = runs.iter().max_by_key(|run| run.finished_unix_s) {
        let seconds: f64 = runs.iter().map(|run| run.seconds).sum();
        let list =
            |values: BTreeSet<&str>| escape(&values.into_iter().collect::<Vec<_>>().join("; "));
        write!(
            page,
            "<p>{} of computation in {}, {} side by side. Last on {}; {}; {}; commit <code>{}</code>.</p>",
            duration(seconds),
            count(runs.len(), "point"),
            last.workers,
            date(last.finished_unix_s),
            list(runs.iter().map(|run| &*run.machine).collect()),
            list(runs.iter().map(|run| &*run.compiler).collect()),
            list(runs.iter().map(|run| &*run.commit).collect()),
        )?;
    }
    writeln!(page, "<!-- end of circumstances -->")
}
