//! What the paper prints of its eleven networks.

use crate::measured::networks::paper_row::PaperRow;

/// Seconds after programming at which networks are tested: 1 s, 1 h, 1 day, 1 year.
pub(super) const TIMES_S: [f64; 4] = [1.0, 3600.0, 86_400.0, 31_536_000.0];

/// The same in words.
pub(super) const TIMES: [&str; 4] = ["1 s", "1 h", "1 day", "1 year"];

/// What kind of network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    Convolutional,
    Transformer,
    Recurrent,
}

impl Family {
    /// All, in the order of [Rasch23 Table 1].
    pub(super) const ALL: [Self; 3] = [Self::Convolutional, Self::Transformer, Self::Recurrent];
}

/// The family in words.
pub(super) const fn family_words(family: Family) -> &'static str {
    match family {
        Family::Convolutional => "convolutional",
        Family::Transformer => "transformers",
        Family::Recurrent => "recurrent",
    }
}

/// A row of Tables 2 and 3; errors in %.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    /// Which.
    pub(super) network: PaperRow,
    pub(super) family: Family,
    /// Error of the float network in Table 2, at the times of direct mapping, and by chance.
    pub(super) direct: (f64, [f64; 4], f64),
    /// A* in % as printed there, at 1 h, 1 day and 1 year.
    pub(super) direct_accuracies: [f64; 3],
    /// The same of Table 3, hardware-aware training.
    pub(super) hwa: (f64, [f64; 4], f64),
    /// A* in % as printed there.
    pub(super) hwa_accuracies: [f64; 3],
}

/// A* in % for an error, both errors in %. [Rasch23 Eq. 3]
pub(crate) fn normalized_accuracy(error: f64, float: f64, chance: f64) -> f64 {
    100.0 * (1.0 - (error - float) / (chance - float))
}

/// What the paper prints of a network.
pub(super) fn row(network: PaperRow) -> &'static Row {
    &ROWS[network as usize]
}

/// What another table, which has every network, prints of one.
pub(super) fn printed<T: Copy>(table: &[(PaperRow, T)], network: PaperRow) -> T {
    table.iter().find(|(name, _)| *name == network).expect("every row is printed").1
}

/// Tables 2 and 3. [Rasch23 Tab. 2, Tab. 3]
///
/// The chance errors are not printed; these reproduce every printed A*. The two transformers are
/// tested on MRPC in Table 2 and on eight tasks of GLUE in Table 3.
pub(super) static ROWS: [Row; PaperRow::ALL.len()] = {
    use Family::{Convolutional, Recurrent, Transformer};
    [
        Row {
            network: PaperRow::ResNet32,
            family: Convolutional,
            direct: (5.80, [12.25, 13.14, 13.64, 18.49], 90.0),
            direct_accuracies: [91.3, 90.7, 84.9],
            hwa: (5.80, [6.73, 6.99, 7.33, 8.55], 90.0),
            hwa_accuracies: [98.6, 98.2, 96.7],
        },
        Row {
            network: PaperRow::WideResNet16,
            family: Convolutional,
            direct: (20.00, [24.06, 25.11, 25.74, 30.58], 99.0),
            direct_accuracies: [93.5, 92.7, 86.6],
            hwa: (20.00, [19.61, 19.78, 20.10, 21.12], 99.0),
            hwa_accuracies: [100.3, 99.9, 98.6],
        },
        Row {
            network: PaperRow::ResNet18,
            family: Convolutional,
            direct: (30.50, [36.56, 37.98, 40.11, 47.61], 99.9),
            direct_accuracies: [89.2, 86.2, 75.4],
            hwa: (30.50, [31.28, 31.59, 31.98, 33.43], 99.9),
            hwa_accuracies: [98.4, 97.9, 95.8],
        },
        Row {
            network: PaperRow::ResNet50,
            family: Convolutional,
            direct: (23.87, [35.28, 36.51, 37.77, 46.25], 99.9),
            direct_accuracies: [83.4, 81.7, 70.6],
            hwa: (23.87, [24.56, 24.83, 25.29, 27.21], 99.9),
            hwa_accuracies: [98.7, 98.1, 95.6],
        },
        Row {
            network: PaperRow::DenseNet121,
            family: Convolutional,
            direct: (25.57, [35.25, 35.59, 38.82, 53.73], 99.9),
            direct_accuracies: [86.5, 82.2, 62.1],
            hwa: (25.57, [26.46, 26.96, 27.67, 30.85], 99.9),
            hwa_accuracies: [98.1, 97.2, 92.9],
        },
        Row {
            network: PaperRow::WideResNet50,
            family: Convolutional,
            direct: (21.53, [33.41, 34.14, 36.59, 46.54], 99.9),
            direct_accuracies: [83.9, 80.8, 68.1],
            hwa: (21.53, [23.43, 23.76, 24.21, 26.71], 99.9),
            hwa_accuracies: [97.2, 96.6, 93.4],
        },
        Row {
            network: PaperRow::Bert,
            family: Transformer,
            direct: (14.60, [21.77, 22.87, 23.39, 28.01], 66.0),
            direct_accuracies: [83.9, 82.9, 73.9],
            hwa: (17.47, [17.43, 17.55, 17.58, 17.99], 64.58),
            hwa_accuracies: [99.8, 99.8, 98.9],
        },
        Row {
            network: PaperRow::Albert,
            family: Transformer,
            direct: (15.08, [32.00, 32.00, 31.25, 31.50], 66.0),
            direct_accuracies: [66.8, 68.2, 67.8],
            hwa: (19.46, [20.52, 20.45, 21.08, 22.18], 64.58),
            hwa_accuracies: [97.8, 96.4, 94.0],
        },
        Row {
            network: PaperRow::Acoustic,
            family: Recurrent,
            direct: (14.05, [21.40, 15.43, 14.77, 14.78], 100.0),
            direct_accuracies: [98.4, 99.2, 99.1],
            hwa: (14.05, [14.24, 14.24, 14.29, 14.42], 100.0),
            hwa_accuracies: [99.8, 99.7, 99.6],
        },
        Row {
            network: PaperRow::Language,
            family: Recurrent,
            direct: (72.90, [72.98, 73.11, 73.27, 73.52], 99.99),
            direct_accuracies: [99.2, 98.6, 97.7],
            hwa: (72.90, [72.97, 73.00, 73.02, 73.10], 99.99),
            hwa_accuracies: [99.6, 99.6, 99.3],
        },
        Row {
            network: PaperRow::Transducer,
            family: Recurrent,
            direct: (11.80, [18.90, 12.33, 12.35, 12.86], 100.0),
            direct_accuracies: [99.4, 99.4, 98.8],
            hwa: (11.80, [12.22, 12.36, 12.42, 12.78], 100.0),
            hwa_accuracies: [99.4, 99.3, 98.9],
        },
    ]
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_in_the_order_of_table_1() {
        assert_eq!(ROWS.each_ref().map(|row| row.network), PaperRow::ALL);
    }

    /// The printed A* at 1 h, 1 day and 1 year, which the printed errors and the chance levels
    /// must give to rounding of either.
    #[test]
    fn normalised_accuracies_are_the_printed_ones() {
        for row in &ROWS {
            let tables = [(row.hwa, row.hwa_accuracies), (row.direct, row.direct_accuracies)];
            for ((float, errors, chance), printed) in tables {
                for (error, printed) in errors[1..].iter().zip(printed) {
                    let ours = normalized_accuracy(*error, float, chance);
                    assert!(
                        (ours - printed).abs() < 0.11,
                        "{}: {ours}, not {printed}",
                        row.network
                    );
                }
            }
        }
    }
}
