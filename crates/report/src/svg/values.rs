//! What a panel says in words: its curves for those who do not see it, a value on each mark.

use std::fmt::Write;

use crate::figure::{Curve, Panel};
use crate::html::escape::escape;
use crate::number::significant;

/// A place of the drawing with its values.
#[derive(Debug)]
pub(super) struct Mark {
    /// In pixels of the drawing.
    pub(super) at: (i32, i32),
    pub(super) words: String,
}

/// Curve, place and value of a point.
pub(super) fn words(panel: &Panel, curve: &Curve, index: usize) -> String {
    let (x, y) = curve.points[index];
    let value = significant(y, curve.margin(index));
    let name = curve.labels.get(index).map_or(String::new(), |name| format!(", {name}"));
    format!("{}{name}\n{}: {}\n{}: {value}", curve.label, panel.x, panel.x_words(x), panel.y)
}

/// The ends of every curve.
pub(super) fn description(panel: &Panel) -> String {
    let mut text = String::from("<desc>");
    for curve in &panel.curves {
        let (Some(first), Some(last)) = (curve.points.first(), curve.points.last()) else {
            continue;
        };
        write!(
            text,
            "{}: {} at {}, {} at {}. ",
            escape(&curve.label),
            significant(first.1, None),
            escape(&panel.x_words(first.0)),
            significant(last.1, None),
            escape(&panel.x_words(last.0))
        )
        .expect("writing into a string cannot fail");
    }
    text.truncate(text.trim_end().len());
    text + "</desc>"
}

/// Rings around the marks, which show under the pointer and have the values as titles.
pub(super) fn targets(marks: &[Mark]) -> String {
    let mut text = String::from("<g class=\"marks\" fill=\"none\" pointer-events=\"all\">\n");
    for Mark { at: (x, y), words } in marks {
        writeln!(
            text,
            "<circle cx=\"{x}\" cy=\"{y}\" r=\"7\"><title>{}</title></circle>",
            escape(words)
        )
        .expect("writing into a string cannot fail");
    }
    text + "</g>"
}

#[cfg(test)]
mod tests {
    use super::super::svg;
    use super::*;
    use crate::figure::LineStyle;

    #[test]
    fn every_mark_has_its_values_and_every_curve_its_ends() {
        let ours = Curve {
            label: "a < b".to_owned(),
            points: vec![(1.0, 97.5), (3600.0, 88.25)],
            band: vec![0.5, 0.0],
            ..Curve::default()
        };
        let level = Curve::line("wanted", 0, LineStyle::Level, vec![(1.0, 99.0), (3600.0, 99.0)]);
        let panel = Panel::new("", "time (s)", "A* (%)").log_x().x_marks([(3600.0, "1 h")]);
        let svg = svg(&panel.curves([ours, level]), 1);
        for part in [
            "<desc>a &lt; b: 97.50 at 1, 88.25 at 1 h. wanted: 99.00 at 1, 99.00 at 1 h.</desc>",
            "<title>a &lt; b\ntime (s): 1\nA* (%): 97.50 ± 0.50</title>",
            "<title>a &lt; b\ntime (s): 1 h\nA* (%): 88.25</title>",
        ] {
            assert!(svg.contains(part), "'{part}' is not in {svg}");
        }
        assert_eq!(svg.matches("<title>").count(), 2, "a level is no mark");
    }
}
