//! The order in which the nodes of a crossbar are eliminated.
//!
//! A crossbar has two nodes at every crossing: one on the word line, one on the bit line. Word
//! nodes connect along rows, bit nodes along columns, and a device connects the two of a crossing.
//! So the word nodes of one column cut the array from top to bottom, and the bit nodes of one row
//! from left to right: a separator has one node per line, not two. Cutting recursively and
//! numbering each separator after the two parts (nested dissection, A. George 1973) leaves a
//! Cholesky factor of O(n² log n) numbers for n × n crossings, made in O(n³) operations.

use std::ops::Range;

/// A rectangle of word nodes and one of bit nodes, which together form one part of the array.
#[derive(Clone)]
struct Part {
    word: [Range<usize>; 2],
    bit: [Range<usize>; 2],
}

/// Nodes in order of elimination: (row · columns + column) for a word node, the same plus
/// rows · columns for a bit node.
pub(super) fn nested_dissection(rows: usize, columns: usize) -> Vec<u32> {
    let mut order = Vec::with_capacity(2 * rows * columns);
    let all = [0..rows, 0..columns];
    let mut emit = |bit: bool, row: usize, column: usize| {
        let node = row * columns + column + if bit { rows * columns } else { 0 };
        order.push(node as u32);
    };
    dissect(Part { word: all.clone(), bit: all }, &mut emit);
    order
}

fn dissect(part: Part, emit: &mut impl FnMut(bool, usize, usize)) {
    let Part { word: [word_rows, word_columns], bit: [bit_rows, bit_columns] } = part;
    if word_rows.is_empty() || word_columns.is_empty() {
        // Columns of bit nodes are chains without a connection between them.
        for column in bit_columns {
            bit_rows.clone().for_each(|row| emit(true, row, column));
        }
        return;
    }
    if bit_rows.is_empty() || bit_columns.is_empty() {
        for row in word_rows {
            word_columns.clone().for_each(|column| emit(false, row, column));
        }
        return;
    }
    if word_columns.len() >= bit_rows.len() {
        let cut = word_columns.start + word_columns.len() / 2;
        let bit_cut = cut.clamp(bit_columns.start, bit_columns.end);
        let left = Part {
            word: [word_rows.clone(), word_columns.start..cut],
            bit: [bit_rows.clone(), bit_columns.start..bit_cut],
        };
        let right = Part {
            word: [word_rows.clone(), cut + 1..word_columns.end],
            bit: [bit_rows, bit_cut..bit_columns.end],
        };
        dissect(left, emit);
        dissect(right, emit);
        word_rows.for_each(|row| emit(false, row, cut));
    } else {
        let cut = bit_rows.start + bit_rows.len() / 2;
        let word_cut = cut.clamp(word_rows.start, word_rows.end);
        let upper = Part {
            word: [word_rows.start..word_cut, word_columns.clone()],
            bit: [bit_rows.start..cut, bit_columns.clone()],
        };
        let lower = Part {
            word: [word_cut..word_rows.end, word_columns],
            bit: [cut + 1..bit_rows.end, bit_columns.clone()],
        };
        dissect(upper, emit);
        dissect(lower, emit);
        bit_columns.for_each(|column| emit(true, cut, column));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_node_is_eliminated_once() {
        for (rows, columns) in [(1, 1), (1, 7), (6, 1), (2, 2), (5, 9), (33, 20)] {
            let mut order = nested_dissection(rows, columns);
            order.sort_unstable();
            let all: Vec<u32> = (0..2 * (rows * columns) as u32).collect();
            assert_eq!(order, all, "{rows} × {columns}");
        }
    }
}
