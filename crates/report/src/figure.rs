//! [`Figure`]: panels of curves under one caption.

use crate::number::significant;

/// One or more panels under one caption.
#[derive(Clone, Debug)]
pub struct Figure {
    /// What is shown and how to read it.
    pub caption: String,
    /// The panels, in reading order.
    pub panels: Vec<Panel>,
}

impl Figure {
    /// Panels under a caption.
    pub fn new(caption: impl Into<String>, panels: impl IntoIterator<Item = Panel>) -> Self {
        Self { caption: caption.into(), panels: panels.into_iter().collect() }
    }
}

/// One pair of axes.
#[derive(Clone, Debug, Default)]
pub struct Panel {
    /// A short heading.
    pub title: String,
    /// Label of the horizontal axis.
    pub x: String,
    /// Label of the vertical axis.
    pub y: String,
    /// Whether the horizontal axis is logarithmic.
    pub log_x: bool,
    /// Whether the vertical axis is logarithmic.
    pub log_y: bool,
    /// Where a logarithmic horizontal axis is marked, and what stands there; empty for numbers.
    pub x_marks: Vec<(f64, String)>,
    /// The vertical range, if it is not that of the data.
    pub y_range: Option<(f64, f64)>,
    /// The curves.
    pub curves: Vec<Curve>,
}

impl Panel {
    /// Axes with their labels, without curves.
    pub fn new(title: impl Into<String>, x: impl Into<String>, y: impl Into<String>) -> Self {
        Self { title: title.into(), x: x.into(), y: y.into(), ..Self::default() }
    }

    /// With a logarithmic horizontal axis.
    #[must_use]
    pub fn log_x(self) -> Self {
        Self { log_x: true, ..self }
    }

    /// With a logarithmic vertical axis.
    #[must_use]
    pub fn log_y(self) -> Self {
        Self { log_y: true, ..self }
    }

    /// With these words along a logarithmic horizontal axis in the place of numbers.
    #[must_use]
    pub fn x_marks(self, marks: impl IntoIterator<Item = (f64, impl Into<String>)>) -> Self {
        let x_marks = marks.into_iter().map(|(x, words)| (x, words.into())).collect();
        Self { x_marks, ..self }
    }

    /// A place on the horizontal axis in words: what stands there, a whole number, or four digits.
    pub(crate) fn x_words(&self, x: f64) -> String {
        match self.x_marks.iter().find(|(mark, _)| *mark == x) {
            Some((_, words)) => words.clone(),
            None if x.fract() == 0.0 && x.abs() < 1e6 => format!("{x:.0}").replace('-', "−"),
            None => significant(x, None),
        }
    }

    /// With a vertical range, if there is one, whatever the data.
    #[must_use]
    pub fn y_range(self, range: impl Into<Option<(f64, f64)>>) -> Self {
        Self { y_range: range.into(), ..self }
    }

    /// With these curves after those that it has.
    #[must_use]
    pub fn curves(mut self, curves: impl IntoIterator<Item = Curve>) -> Self {
        self.curves.extend(curves);
        self
    }
}

/// Whose curve it is, and how it is drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LineStyle {
    /// Ours: solid with markers.
    #[default]
    Ours,
    /// Ours: markers without a line.
    Points,
    /// The paper's: dashed.
    Paper,
    /// A level that is asked for and not measured: dotted.
    Level,
}

impl LineStyle {
    /// Whose it is, in a word.
    pub fn of(self) -> &'static str {
        match self {
            Self::Ours | Self::Points => "ours",
            Self::Paper => "paper",
            Self::Level => "level",
        }
    }
}

/// A line through points, with an optional band around it; or the points alone.
#[derive(Clone, Debug, Default)]
pub struct Curve {
    /// Name in the legend.
    pub label: String,
    /// Index into the report's colours.
    pub colour: usize,
    /// Ours or the paper's.
    pub style: LineStyle,
    /// (x, y).
    pub points: Vec<(f64, f64)>,
    /// Half the height of the band at each point; empty for no band.
    pub band: Vec<f64>,
    /// What is written beside each point; empty for nothing.
    pub labels: Vec<String>,
}

impl Curve {
    /// A line without a band.
    pub fn line(
        label: impl Into<String>,
        colour: usize,
        style: LineStyle,
        points: Vec<(f64, f64)>,
    ) -> Self {
        Self { label: label.into(), colour, style, points, ..Self::default() }
    }

    /// Half the height of the band at a point, if there is one.
    pub fn margin(&self, point: usize) -> Option<f64> {
        self.band.get(point).copied()
    }

    /// Points with a name each, without a line.
    pub fn scatter(
        label: impl Into<String>,
        colour: usize,
        points: Vec<((f64, f64), String)>,
    ) -> Self {
        let (points, labels) = points.into_iter().unzip();
        let label = label.into();
        Self { label, colour, style: LineStyle::Points, points, labels, ..Self::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panel_has_what_it_was_given_in_order() {
        let line = |label| Curve::line(label, 0, LineStyle::Ours, vec![(1.0, 2.0)]);
        let panel = Panel::new("test", "epoch", "error (%)").log_y().y_range((0.0, 5.0));
        let panel = panel.curves([line("float")]).curves(vec![line("nearest"), line("stochastic")]);
        assert!(panel.log_y && !panel.log_x && panel.y_range == Some((0.0, 5.0)));
        let labels: Vec<&str> = panel.curves.iter().map(|curve| curve.label.as_str()).collect();
        assert_eq!(labels, ["float", "nearest", "stochastic"]);
        assert_eq!(panel.clone().y_range(None).log_x().y_range, None);
        assert_eq!(Figure::new("A figure.", [panel]).panels.len(), 1);
    }
}
