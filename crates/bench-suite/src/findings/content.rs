//! What an experiment may show: figures, heat maps, tables.

use serde::Serialize;

use crate::measured::statistics::Estimate;

/// One or more panels under one caption.
#[derive(Clone, Debug)]
pub struct Figure {
    /// What is shown and how to read it.
    pub caption: String,
    /// The panels, in reading order.
    pub panels: Vec<Panel>,
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
    /// The vertical range, if it is not that of the data.
    pub y_range: Option<(f64, f64)>,
    /// The curves.
    pub curves: Vec<Curve>,
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
    pub fn line(label: &str, colour: usize, style: LineStyle, points: Vec<(f64, f64)>) -> Self {
        Self { label: label.to_owned(), colour, style, points, ..Self::default() }
    }

    /// Points with a name each, without a line.
    pub fn scatter(label: &str, colour: usize, points: Vec<((f64, f64), String)>) -> Self {
        let (points, labels) = points.into_iter().unzip();
        let label = label.to_owned();
        Self { label, colour, style: LineStyle::Points, points, labels, ..Self::default() }
    }

    /// The mean over seeds at x = `first`, `first` + 1, …, with a band of half a 90 % interval.
    pub fn of_seeds(label: &str, colour: usize, first: f64, seeds: &[Vec<f64>]) -> Self {
        let len = seeds.iter().map(Vec::len).min().unwrap_or(0);
        let estimates: Vec<_> = (0..len)
            .filter_map(|i| {
                let values: Vec<f64> = seeds.iter().map(|series| series[i]).collect();
                Estimate::of(&values)
            })
            .collect();
        Self {
            label: label.to_owned(),
            colour,
            style: LineStyle::Ours,
            points: estimates.iter().enumerate().map(|(i, e)| (first + i as f64, e.mean)).collect(),
            band: if seeds.len() > 1 {
                estimates.iter().map(Estimate::margin).collect()
            } else {
                Vec::new()
            },
            labels: Vec::new(),
        }
    }
}

/// A grid of numbers under one caption: rows by columns, coloured by an index in [0, 1].
///
/// The number is always printed and the index drawn as a bar, so that colour never says alone what
/// a cell says.
#[derive(Clone, Debug, Default)]
pub struct HeatMap {
    /// What is shown and how to read it.
    pub caption: String,
    /// Names of the rows.
    pub rows: Vec<String>,
    /// Names of the columns.
    pub columns: Vec<String>,
    /// The cells by row and column; `None` where nothing was measured.
    pub cells: Vec<Vec<Option<HeatCell>>>,
    /// What the indices 0 (near white) and 1 (vermilion) mean, for the legend.
    pub scale: (String, String),
}

/// A cell of a [`HeatMap`].
#[derive(Clone, Debug, PartialEq)]
pub struct HeatCell {
    /// The number as it is printed.
    pub text: String,
    /// Where it lies between the ends of the scale; values outside [0, 1] take the colour of the end.
    pub index: f64,
}

/// A table of text.
#[derive(Clone, Debug, Serialize)]
pub struct Table {
    /// What is shown and how to read it.
    pub caption: String,
    /// Column headings.
    pub header: Vec<String>,
    /// Rows, as long as the header; the first cell names the row.
    pub rows: Vec<Vec<String>>,
}
