//! What the paper prints of its eleven networks on tiles: [Rasch23 Tab. 1].

use crate::measured::networks::paper_row::PaperRow;

/// A row of Table 1.
pub(super) struct Row {
    pub(super) network: PaperRow,
    /// Millions of parameters, and of those on tiles.
    pub(super) millions: [f64; 2],
    pub(super) tiles: usize,
    /// In %.
    pub(super) utilisation: f64,
    /// Products of a tile per input, in thousands.
    pub(super) products: f64,
    /// Products per tile.
    pub(super) reuse: f64,
    /// Whether the length of the input that the paper counts is known.
    pub(super) length_known: bool,
}

/// Table 1.
pub(super) const ROWS: [Row; 11] = [
    Row {
        network: PaperRow::ResNet32,
        millions: [0.36, 0.36],
        tiles: 34,
        utilisation: 4.0,
        products: 14.0,
        reuse: 435.0,
        length_known: true,
    },
    Row {
        network: PaperRow::WideResNet16,
        millions: [11.0, 11.0],
        tiles: 68,
        utilisation: 61.7,
        products: 19.0,
        reuse: 286.0,
        length_known: true,
    },
    Row {
        network: PaperRow::ResNet18,
        millions: [11.7, 11.2],
        tiles: 75,
        utilisation: 56.8,
        products: 40.0,
        reuse: 533.0,
        length_known: true,
    },
    Row {
        network: PaperRow::ResNet50,
        millions: [25.6, 23.4],
        tiles: 149,
        utilisation: 60.0,
        products: 74.0,
        reuse: 497.0,
        length_known: true,
    },
    Row {
        network: PaperRow::DenseNet121,
        millions: [8.0, 6.9],
        tiles: 266,
        utilisation: 9.8,
        products: 143.0,
        reuse: 537.0,
        length_known: true,
    },
    Row {
        network: PaperRow::WideResNet50,
        millions: [69.0, 66.8],
        tiles: 296,
        utilisation: 86.0,
        products: 101.0,
        reuse: 342.0,
        length_known: true,
    },
    Row {
        network: PaperRow::Bert,
        millions: [108.0, 85.0],
        tiles: 486,
        utilisation: 67.1,
        products: 61.0,
        reuse: 126.0,
        length_known: true,
    },
    Row {
        network: PaperRow::Albert,
        millions: [12.0, 7.8],
        tiles: 48,
        utilisation: 61.7,
        products: 61.0,
        reuse: 1285.0,
        length_known: true,
    },
    Row {
        network: PaperRow::Acoustic,
        millions: [30.0, 30.0],
        tiles: 153,
        utilisation: 74.8,
        products: 2.5,
        reuse: 17.0,
        length_known: false,
    },
    Row {
        network: PaperRow::Language,
        millions: [19.8, 13.3],
        tiles: 88,
        utilisation: 57.5,
        products: 2.2,
        reuse: 26.0,
        length_known: false,
    },
    Row {
        network: PaperRow::Transducer,
        millions: [57.0, 57.0],
        tiles: 304,
        utilisation: 71.6,
        products: 240.0,
        reuse: 790.0,
        length_known: false,
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_in_the_order_of_the_table() {
        assert_eq!(ROWS.each_ref().map(|row| row.network), PaperRow::ALL);
    }
}
