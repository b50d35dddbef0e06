//! The values of a figure below it: as a file to save, and as a table to read.

use std::fmt::{Result, Write};

use crate::csv;
use crate::figure::Figure;
use crate::html::escape::escape;
use crate::number::significant;
use crate::table::HeatMap;

/// Writes a link that saves comma-separated values under that name, without a network.
pub(super) fn write_link(page: &mut String, name: &str, csv: &str) -> Result {
    write!(
        page,
        "<a class=\"csv\" download=\"{name}.csv\" href=\"data:text/csv;charset=utf-8,{}\">CSV</a>",
        percent(csv)
    )
}

/// Writes the values of a figure, folded; as a file under the name `id`.
pub(super) fn write_figure(page: &mut String, figure: &Figure, id: &str) -> Result {
    write!(page, "<details class=\"data\"><summary>Values</summary>\n<p>With all digits: ")?;
    write_link(page, id, &csv::figure(figure))?;
    writeln!(page, "</p>")?;
    for panel in &figure.panels {
        if panel.curves.iter().all(|curve| curve.points.is_empty()) {
            continue;
        }
        writeln!(
            page,
            "<table><caption>{}</caption><thead><tr><th scope=\"col\">curve</th>\
             <th scope=\"col\">{}</th><th scope=\"col\">{}</th></tr></thead><tbody>",
            escape(&panel.title),
            escape(&panel.x),
            escape(&panel.y)
        )?;
        for curve in &panel.curves {
            for (index, &(x, y)) in curve.points.iter().enumerate() {
                writeln!(
                    page,
                    "<tr><th scope=\"row\">{}</th><td>{}</td><td>{}</td></tr>",
                    escape(&curve.label),
                    escape(&panel.x_words(x)),
                    significant(y, curve.margin(index)),
                )?;
            }
        }
        writeln!(page, "</tbody></table>")?;
    }
    writeln!(page, "</details>")
}

/// Writes the link to the values of a heat map, which is a table itself.
pub(super) fn write_heat_map(page: &mut String, map: &HeatMap, id: &str) -> Result {
    write!(page, " Values: ")?;
    write_link(page, id, &csv::heat_map(map))?;
    write!(page, ".")
}

/// Text as a part of an address (RFC 3986): letters, digits and `-._~` stay.
fn percent(text: &str) -> String {
    let mut set = String::with_capacity(2 * text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b',' => {
                set.push(byte.into());
            }
            byte => write!(set, "%{byte:02X}").expect("writing into a string cannot fail"),
        }
    }
    set
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::csv::tests::read;
    use crate::figure::{Curve, LineStyle, Panel};

    /// What a browser saves.
    fn saved(page: &str) -> String {
        let (_, data) = page.split_once("href=\"data:text/csv;charset=utf-8,").unwrap();
        let data = &data[..data.find('"').unwrap()];
        let (mut bytes, mut rest) = (Vec::new(), data.as_bytes());
        while let [first, others @ ..] = rest {
            if *first == b'%' {
                let hex = std::str::from_utf8(&others[..2]).unwrap();
                bytes.push(u8::from_str_radix(hex, 16).unwrap());
                rest = &others[2..];
            } else {
                bytes.push(*first);
                rest = others;
            }
        }
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn what_is_saved_is_what_was_drawn() {
        let points = vec![(1.0, 1.0 / 3.0), (2.0, 2e-7)];
        let curve = Curve::line("⟨8, 8⟩ & \"more\" <b>", 0, LineStyle::Ours, points.clone());
        let panel = Panel::new("100 %", "epoch", "loss (nats)").curves([curve]);
        let mut page = String::new();
        write_figure(&mut page, &Figure::new("", [panel]), "a-figure").unwrap();
        assert!(page.contains("download=\"a-figure.csv\""), "{page}");
        let rows = read(&saved(&page));
        let found: Vec<(f64, f64)> = rows[1..]
            .iter()
            .map(|row| (row[4].parse().unwrap(), row[6].parse().unwrap()))
            .collect();
        assert_eq!(found, points);
        assert_eq!(rows[1][1], "⟨8, 8⟩ & \"more\" <b>");
        assert_eq!(page.matches("<tr>").count(), 1 + points.len());
    }
}
