//! Figures and heat maps as comma-separated values (RFC 4180): every point of every curve, also those
//! outside of the axes, with all digits.

use crate::figure::Figure;
use crate::table::HeatMap;

/// The columns of a figure. Its axes, which have the units, differ from panel to panel, so that they
/// are values like others.
const FIGURE: [&str; 9] = [
    "panel",
    "curve",
    "whose",
    "x axis",
    "x",
    "y axis",
    "y",
    "half of the 90 % interval of y",
    "point",
];

/// The values of a figure: a header, then a row for each point of each curve.
pub fn figure(figure: &Figure) -> String {
    let mut text = String::new();
    push(&mut text, FIGURE);
    for panel in &figure.panels {
        for curve in &panel.curves {
            for (index, &(x, y)) in curve.points.iter().enumerate() {
                let margin = curve.margin(index).map(|margin| margin.to_string());
                push(
                    &mut text,
                    [
                        &*panel.title,
                        &*curve.label,
                        curve.style.of(),
                        &*panel.x,
                        &*x.to_string(),
                        &*panel.y,
                        &*y.to_string(),
                        margin.as_deref().unwrap_or_default(),
                        curve.labels.get(index).map(String::as_str).unwrap_or_default(),
                    ],
                );
            }
        }
    }
    text
}

/// The values of a heat map: a header, then a row for each cell that has one.
pub fn heat_map(map: &HeatMap) -> String {
    let (low, high) = &map.scale;
    let mut text = String::new();
    let colour = format!("colour (0: {low}; 1: {high})");
    push(&mut text, ["row", "column", "value", &*colour]);
    for (row, cells) in map.rows.iter().zip(&map.cells) {
        for (column, cell) in map.columns.iter().zip(cells) {
            if let Some(cell) = cell {
                push(&mut text, [&**row, &**column, &*cell.text, &*cell.index.to_string()]);
            }
        }
    }
    text
}

/// Adds a row.
fn push<'a>(text: &mut String, fields: impl IntoIterator<Item = &'a str>) {
    for (index, value) in fields.into_iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        *text += &field(value);
    }
    *text += "\r\n";
}

/// A field in quotes where it has to be.
fn field(value: &str) -> String {
    if value.contains([',', '"', '\r', '\n']) {
        format!("\"{}\"", value.replace('"', "\"\""))
    } else {
        value.to_owned()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::figure::{Curve, LineStyle, Panel};
    use crate::table::HeatCell;

    /// Reads the values as a spreadsheet does.
    pub(crate) fn read(text: &str) -> Vec<Vec<String>> {
        let (mut rows, mut row, mut value) = (Vec::new(), Vec::new(), String::new());
        let mut quoted = false;
        let mut characters = text.chars().peekable();
        while let Some(c) = characters.next() {
            match c {
                '"' if quoted && characters.peek() == Some(&'"') => {
                    value.push('"');
                    characters.next();
                }
                '"' => quoted = !quoted,
                ',' if !quoted => row.push(std::mem::take(&mut value)),
                '\r' if !quoted => {}
                '\n' if !quoted => {
                    row.push(std::mem::take(&mut value));
                    rows.push(std::mem::take(&mut row));
                }
                c => value.push(c),
            }
        }
        assert!(!quoted && value.is_empty() && row.is_empty(), "the last line ends");
        rows
    }

    #[test]
    fn no_digit_and_no_comma_is_lost() {
        let ours = Curve {
            label: "nearest, <8,8> \"first\"".to_owned(),
            points: vec![(1.0, 0.1 + 0.2), (2.0, f64::NAN)],
            band: vec![1.0 / 3.0, 0.0],
            ..Curve::default()
        };
        let paper = Curve::line("line\nbreak", 0, LineStyle::Paper, vec![(1e-9, -4e20)]);
        let named = Curve::scatter("", 1, vec![((3.0, 4.0), "8 bits".to_owned())]);
        // Beyond the axes, and there all the same.
        let panel = Panel::new("(a)", "epoch", "error (%)").y_range((0.0, 0.1));
        let panel = panel.curves([ours, paper, named]);
        let rows = read(&figure(&Figure::new("", [panel])));
        assert_eq!(rows.len(), 1 + 4);
        assert!(rows.iter().all(|row| row.len() == FIGURE.len()), "{rows:?}");
        assert_eq!(rows[1][1], "nearest, <8,8> \"first\"");
        assert_eq!(rows[1][3..7], ["epoch", "1", "error (%)", "0.30000000000000004"]);
        assert_eq!(rows[1][7].parse::<f64>().unwrap(), 1.0 / 3.0);
        assert!(rows[2][6].parse::<f64>().unwrap().is_nan());
        assert_eq!([&rows[3][1], &rows[3][2]], ["line\nbreak", "paper"]);
        let value = |column: usize| rows[3][column].parse::<f64>().unwrap();
        assert_eq!((value(4), value(6)), (1e-9, -4e20));
        assert_eq!(rows[4][7..], ["", "8 bits"]);
    }

    #[test]
    fn cells_have_their_names() {
        let map = HeatMap::new("", ["a, b", "c"], ("robust", "fragile"))
            .row("noise", [Some(HeatCell::new("> 9", 0.25)), None]);
        let rows = read(&heat_map(&map));
        assert_eq!(rows[0][3], "colour (0: robust; 1: fragile)");
        assert_eq!(rows[1..], [["noise", "a, b", "> 9", "0.25"]]);
    }
}
