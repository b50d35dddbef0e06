//! The report of a fit, one file for a browser.

use std::fmt::{Result, Write};

use crossbar::fit::{DeviceFit, Readings};
use report::html::{self, escape};

use super::{figures, tables};
use crate::findings::words::count;
use crate::report::html::page::{write_end, write_head};

pub(super) fn render(fit: &DeviceFit, readings: &Readings, files: &[String], tile: &str) -> String {
    let mut page = String::new();
    write_page(&mut page, fit, readings, files, tile).expect("writing into a string cannot fail");
    page
}

fn write_page(
    page: &mut String,
    fit: &DeviceFit,
    readings: &Readings,
    files: &[String],
    tile: &str,
) -> Result {
    write_head(page, "a device from readings")?;
    let (devices, read) = (count(fit.devices, "device"), count(fit.readings, "reading"));
    writeln!(
        page,
        "<h1 id=\"contents\">A device from readings</h1>\n<p class=\"lead\">{read} of {devices}, in {}.</p>\n\
         <p class=\"soft\">From {}.</p>\n</header>\n<main id=\"main\">",
        count(fit.levels.len(), "state"),
        escape(&files.join(", ")),
    )?;
    if !fit.warnings.is_empty() {
        writeln!(page, "<section><h2>Before it is believed</h2>\n<ul>")?;
        for warning in &fit.warnings {
            writeln!(page, "<li>{}</li>", escape(warning))?;
        }
        writeln!(page, "</ul></section>")?;
    }
    writeln!(page, "<section><h2>The fit over the data</h2>")?;
    for (index, figure) in figures::all(fit, readings).iter().enumerate() {
        html::write_figure(page, figure, 3, &format!("figure-{}", index + 1), "")?;
    }
    writeln!(page, "</section>\n<section><h2>What was found</h2>")?;
    let found = [Some(tables::levels(fit)), Some(tables::device(fit)), tables::held_out(fit)];
    for (index, table) in found.iter().flatten().enumerate() {
        html::write_table(page, table, &format!("table-{}", index + 1), "")?;
    }
    writeln!(
        page,
        "</section>\n<section><h2>The tile</h2>\n<pre><code>{}</code></pre></section>",
        escape(tile)
    )?;
    write_end(page)
}
