//! Heat maps as HTML tables.
//!
//! The scale runs from near white to vermilion (Okabe and Ito's) and only ever gets darker, so that a
//! copy in grey shows the same order. All of it is light enough for black figures to stay legible, on a
//! dark page and in print without backgrounds too. A bar under the number shows the index once more.

use std::fmt::{Result, Write};

use super::data;
use crate::html::escape::escape;
use crate::table::HeatMap;

/// Colours at the indices 0 and 1.
const ENDS: [(u8, u8, u8); 2] = [(250, 250, 247), (222, 106, 16)];

/// The colour of an index, `#rrggbb`.
fn colour(index: f64) -> String {
    let part = index.clamp(0.0, 1.0);
    let mix = |a: u8, b: u8| (f64::from(a) + part * (f64::from(b) - f64::from(a))).round() as u8;
    let [(r0, g0, b0), (r1, g1, b1)] = ENDS;
    format!("#{:02x}{:02x}{:02x}", mix(r0, r1), mix(g0, g1), mix(b0, b1))
}

/// Writes a map, whose values are saved under its `id`; `from`, HTML, follows its caption.
///
/// # Errors
///
/// None where `page` is a string.
pub fn write_heat_map(page: &mut String, map: &HeatMap, id: &str, from: &str) -> Result {
    let caption = escape(&map.caption);
    write!(page, "<p class=\"caption\" id=\"{id}\">{caption}{from}")?;
    data::write_heat_map(page, map, id)?;
    write!(
        page,
        "</p>\n<div class=\"scroll wide\" role=\"region\" tabindex=\"0\" aria-labelledby=\"{id}\">\
         <table class=\"heat\" aria-labelledby=\"{id}\"><thead><tr><td></td>"
    )?;
    for column in &map.columns {
        write!(page, "<th scope=\"col\">{}</th>", escape(column))?;
    }
    writeln!(page, "</tr></thead><tbody>")?;
    for (row, cells) in map.rows.iter().zip(&map.cells) {
        write!(page, "<tr><th scope=\"row\">{}</th>", escape(row))?;
        for (cell, column) in cells.iter().zip(&map.columns) {
            match cell {
                Some(cell) if cell.index.is_finite() => write!(
                    page,
                    "<td class=\"cell\" title=\"{}, {}: {}\" style=\"background:{}\">{}\
                     <i style=\"width:{:.0}%\"></i></td>",
                    escape(row),
                    escape(column),
                    escape(&cell.text),
                    colour(cell.index),
                    escape(&cell.text),
                    100.0 * cell.index.clamp(0.0, 1.0),
                )?,
                Some(cell) => write!(page, "<td>{}</td>", escape(&cell.text))?,
                None => write!(page, "<td class=\"soft\">–</td>")?,
            }
        }
        writeln!(page, "</tr>")?;
    }
    writeln!(page, "</tbody></table></div>")?;
    let (low, high) = &map.scale;
    writeln!(
        page,
        "<p class=\"scale\"><span>{}</span><i style=\"background:linear-gradient(to right,{},{})\">\
         </i><span>{}</span></p>",
        escape(low),
        colour(0.0),
        colour(1.0),
        escape(high)
    )
}

#[cfg(test)]
mod tests {
    use super::super::contrast::luminance;
    use super::*;
    use crate::table::HeatCell;

    #[test]
    fn every_number_is_printed_and_colours_darken_but_stay_light() {
        let cell = |text: &str, index| Some(HeatCell { text: text.to_owned(), index });
        let map = HeatMap {
            caption: "tolerance < 1".to_owned(),
            rows: vec!["ResNet-20".to_owned(), "LSTM".to_owned()],
            columns: vec!["read noise".to_owned(), "offset".to_owned()],
            cells: vec![vec![cell("0.31", 0.0), None], vec![cell("> 9", 7.0), cell("–", f64::NAN)]],
            scale: ("robust".to_owned(), "fragile".to_owned()),
        };
        let mut page = String::new();
        write_heat_map(&mut page, &map, "map", " From 2 records.").unwrap();
        for part in [
            "<p class=\"caption\" id=\"map\">tolerance &lt; 1 From 2 records.",
            "<table class=\"heat\" aria-labelledby=\"map\">",
            "download=\"map.csv\"",
            "<th scope=\"row\">LSTM</th>",
            "background:#fafaf7\">0.31<i style=\"width:0%\">",
            "background:#de6a10\">&gt; 9<i style=\"width:100%\">",
            "<td class=\"soft\">–</td>",
            "<td>–</td>",
            "fragile",
            "robust",
        ] {
            assert!(page.contains(part), "'{part}' is not in {page}");
        }
        // Relative luminance of WCAG 2; 0.2 is a contrast of 5 to black. It falls from step to step.
        let mut above = 1.0;
        for i in 0..=100 {
            let hex = colour(f64::from(i) / 100.0);
            let luminance = luminance(&hex);
            assert!(luminance > 0.2 && luminance < above, "{hex}");
            above = luminance;
        }
    }
}
