//! What was reproduced in pictures, ours beside the paper's, each with its verdict: the first screen.

use std::fmt::{Result, Write};

use report::html::{self, escape};

use super::super::contents::{Report, Section};
use super::place::anchor;
use super::records;
use crate::findings::headline::{Headline, Picture};
use crate::findings::words::sentence;

/// Writes the pictures of the experiments that have one.
pub(super) fn write(page: &mut String, report: &Report) -> Result {
    let headlines = || {
        let sections = report.sections.iter();
        sections.filter_map(|section| Some((section, section.findings.headline.as_ref()?)))
    };
    if headlines().next().is_none() {
        return Ok(());
    }
    writeln!(page, "<section class=\"pictures\"><h2>What was reproduced</h2>")?;
    for (section, headline) in headlines() {
        write_one(page, section, headline)?;
    }
    writeln!(page, "</section>")
}

fn write_one(page: &mut String, section: &Section, headline: &Headline) -> Result {
    let Headline { title, picture } = headline;
    let id = format!("{}-picture", anchor(section));
    writeln!(page, "<section class=\"picture\"><h3>{}</h3>", escape(title))?;
    let place = format!("<a href=\"#{}\">{}</a>", anchor(section), escape(section.title));
    let from = records::link(section).map_or(String::new(), |link| format!(" From {link}."));
    match picture {
        None => {
            return writeln!(
                page,
                "<p>No picture: {} {place}.</p></section>",
                escape(&absent(section))
            );
        }
        Some(Picture::Figure(figure)) => html::write_figure(page, figure, 4, &id, &from)?,
        Some(Picture::HeatMap(map)) => html::write_heat_map(page, map, &id, &from)?,
    }
    writeln!(
        page,
        "<p class=\"finding\">{} {} · {place}</p></section>",
        escape(&section.outcome()),
        escape(&section.source.to_string())
    )
}

/// Why there is no picture.
fn absent(section: &Section) -> String {
    match section.left_out.as_deref() {
        Some(reason) => sentence(reason),
        None => "the experiment has no records yet.".to_owned(),
    }
}
