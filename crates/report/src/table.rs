//! [`Table`] and [`HeatMap`]: numbers in rows and columns.

use std::fmt;

use serde::Serialize;

use crate::number::{Measured, Number};

/// What stands where there is no value.
pub const NONE: &str = "–";

/// The text of a cell: words, a [`Number`], a count, or a dash for none of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cell(String);

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<Cell> for String {
    fn from(cell: Cell) -> Self {
        cell.0
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl From<Number> for Cell {
    fn from(number: Number) -> Self {
        Self(number.to_string())
    }
}

macro_rules! counts {
    ($($count:ty),*) => {$(
        impl From<$count> for Cell {
            fn from(count: $count) -> Self {
                Self(count.to_string())
            }
        }
    )*};
}

// Of whole numbers without a type the compiler takes i32.
counts!(i32, u32, u64, usize);

impl<T: Into<Self>> From<Option<T>> for Cell {
    fn from(value: Option<T>) -> Self {
        value.map_or_else(|| NONE.into(), Into::into)
    }
}

/// A value with so many decimals; a dash where there is none.
pub fn number(value: impl Into<Option<f64>>, digits: usize) -> Cell {
    value.into().map(|value| Number::new(value, digits)).into()
}

/// An estimate with so many decimals and its interval, see [`Number::rounded`].
pub fn rounded(estimate: Option<impl Into<Measured>>, digits: usize) -> Cell {
    estimate.map(|estimate| Number::rounded(estimate, digits)).into()
}

/// An estimate with as many decimals as it has a use for, see [`Number::measured`], and its unit.
pub fn measured(estimate: Option<impl Into<Measured>>, unit: &str) -> Cell {
    estimate.map(|estimate| format!("{}{unit}", Number::measured(estimate))).into()
}

/// A row: its name and its other cells.
pub fn named(name: impl Into<Cell>, cells: impl IntoIterator<Item = impl Into<Cell>>) -> Vec<Cell> {
    std::iter::once(name.into()).chain(cells.into_iter().map(Into::into)).collect()
}

/// Cells of several kinds, as a row has them.
#[macro_export]
macro_rules! cells {
    ($($cell:expr),* $(,)?) => { vec![$($crate::table::Cell::from($cell)),*] };
}
pub use cells;

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

impl Table {
    /// A table without rows.
    pub fn new(
        caption: impl Into<String>,
        header: impl IntoIterator<Item = impl Into<String>>,
    ) -> Self {
        let header = header.into_iter().map(Into::into).collect();
        Self { caption: caption.into(), header, rows: Vec::new() }
    }

    /// With one more row.
    #[must_use]
    pub fn row(mut self, cells: impl IntoIterator<Item = impl Into<Cell>>) -> Self {
        self.push(cells);
        self
    }

    /// With more rows.
    #[must_use]
    pub fn rows<R>(self, rows: impl IntoIterator<Item = R>) -> Self
    where
        R: IntoIterator<Item: Into<Cell>>,
    {
        rows.into_iter().fold(self, Self::row)
    }

    /// Adds a row.
    pub fn push(&mut self, cells: impl IntoIterator<Item = impl Into<Cell>>) {
        self.rows.push(cells.into_iter().map(|cell| cell.into().into()).collect());
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

impl HeatMap {
    /// A map without rows; `scale` is what the indices 0 and 1 mean.
    pub fn new(
        caption: impl Into<String>,
        columns: impl IntoIterator<Item = impl Into<String>>,
        scale: (&str, &str),
    ) -> Self {
        Self {
            caption: caption.into(),
            columns: columns.into_iter().map(Into::into).collect(),
            scale: (scale.0.to_owned(), scale.1.to_owned()),
            ..Self::default()
        }
    }

    /// With one more row.
    #[must_use]
    pub fn row(
        mut self,
        name: impl Into<String>,
        cells: impl IntoIterator<Item = Option<HeatCell>>,
    ) -> Self {
        self.rows.push(name.into());
        self.cells.push(cells.into_iter().collect());
        self
    }
}

/// A cell of a [`HeatMap`].
#[derive(Clone, Debug, PartialEq)]
pub struct HeatCell {
    /// The number as it is printed.
    pub text: String,
    /// Where it lies between the ends of the scale; values outside [0, 1] take the colour of the end.
    pub index: f64,
}

impl HeatCell {
    /// A number with its place between the ends of the scale.
    pub fn new(text: impl Into<Cell>, index: f64) -> Self {
        Self { text: text.into().into(), index }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_has_words_numbers_counts_and_dashes() {
        let table = Table::new("A caption.", ["name", "error", "interval", "seeds", "paper’s"])
            .row(cells![
                "float",
                number(-0.012, 2),
                rounded(Some(Measured { value: 2.0, margin: 1.64 }), 1),
                3,
                None::<&str>,
            ])
            .rows([["a", "b", "c", "d", "e"]]);
        assert_eq!(table.rows[0], ["float", "−0.01", "2.0 ± 1.6", "3", "–"]);
        assert_eq!(table.rows[1].len(), table.header.len());
        assert_eq!(
            [number(None, 2), rounded(None::<Measured>, 2)],
            [Cell::from("–"), Cell::from("–")]
        );
    }

    #[test]
    fn a_map_has_a_cell_for_every_column() {
        let map = HeatMap::new("A caption.", ["a", "b"], ("robust", "fragile"))
            .row("noise", [Some(HeatCell::new(number(-0.0, 1), 0.5)), None]);
        assert_eq!(map.rows, ["noise"]);
        assert_eq!(map.cells[0], [Some(HeatCell { text: "0.0".to_owned(), index: 0.5 }), None]);
        assert_eq!(map.scale, ("robust".to_owned(), "fragile".to_owned()));
    }
}
