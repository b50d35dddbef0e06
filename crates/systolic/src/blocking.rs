//! [`Tiles`]: how a large product is cut into n × n tiles, and in which order they are computed.
//!
//! ```text
//!             n columns of B at a time ─▶
//!            ┌───┬───┬───┬─┐
//!   p·n rows │ 0 │ 2 │ 4 │6│      p = 2: rows of A stay on chip while all of B streams by,
//!   of A     ├───┼───┼───┼─┤      so each slice of B is used for p tiles,
//!            │ 1 │ 3 │ 5 │7│      and each block of A for all columns
//!            ├───┼───┼───┼─┤
//!            │ 8 │ 9 │10 │11      the last block has the rows that are left
//!            └───┴───┴───┴─┘
//! ```
//!
//! Tiles at the right and lower edges do not fill the array; the missing words are 0.
//!
//! Source: [Gupta15 §5.1].

use std::fmt;

/// The sizes of a product: A is (l, k), B is (k, m), the result (l, m).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct GemmShape {
    /// Rows of A and of the result.
    pub l: usize,
    /// Length of the inner products.
    pub k: usize,
    /// Columns of B and of the result.
    pub m: usize,
}

impl GemmShape {
    /// Multiply-accumulate operations, l · k · m, or 2^64 − 1 if there are more.
    pub fn macs(&self) -> u64 {
        (self.l as u64).saturating_mul(self.k as u64).saturating_mul(self.m as u64)
    }

    /// Operations as the paper counts them: a multiplication and an addition per step.
    pub fn ops(&self) -> u64 {
        self.macs().saturating_mul(2)
    }
}

impl fmt::Display for GemmShape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} × {} × {}", self.l, self.k, self.m)
    }
}

/// The first row and column of a tile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tile {
    /// First row of A and of the result.
    pub row: usize,
    /// First column of B and of the result.
    pub column: usize,
}

/// The tiles of an (l, m) result in the order in which the array computes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tiles {
    /// Rows of the result.
    pub l: usize,
    /// Columns of the result.
    pub m: usize,
    /// Rows and columns of the array.
    pub n: usize,
    /// p: row tiles in a block.
    pub row_tiles: usize,
}

impl Tiles {
    /// Number of tiles.
    pub fn len(&self) -> usize {
        self.l.div_ceil(self.n) * self.m.div_ceil(self.n)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The tiles: block of rows by block of rows, in it column by column, in it row by row.
    pub fn iter(&self) -> impl Iterator<Item = Tile> + use<> {
        let Self { l, m, n, row_tiles } = *self;
        // As many row tiles as there are, if more are asked for.
        let rows = n.saturating_mul(row_tiles);
        (0..l).step_by(rows).flat_map(move |block| {
            (0..m).step_by(n).flat_map(move |column| {
                (block..l.min(block.saturating_add(rows)))
                    .step_by(n)
                    .map(move |row| Tile { row, column })
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_of_rows_stay_while_columns_pass() {
        let tiles = Tiles { l: 5, m: 7, n: 2, row_tiles: 2 };
        let order: Vec<(usize, usize)> = tiles.iter().map(|t| (t.row, t.column)).collect();
        let first = [(0, 0), (2, 0), (0, 2), (2, 2), (0, 4), (2, 4), (0, 6), (2, 6)];
        let second = [(4, 0), (4, 2), (4, 4), (4, 6)];
        assert_eq!(order, [first.as_slice(), second.as_slice()].concat());
    }

    #[test]
    fn every_element_lies_in_exactly_one_tile() {
        for (l, m, n, row_tiles) in [(1, 1, 4, 1), (9, 5, 3, 2), (8, 8, 4, 3), (10, 3, 1, 4)] {
            let tiles = Tiles { l, m, n, row_tiles };
            let mut seen = vec![0; l * m];
            for tile in tiles.iter() {
                for i in tile.row..l.min(tile.row + n) {
                    for j in tile.column..m.min(tile.column + n) {
                        seen[i * m + j] += 1;
                    }
                }
            }
            assert!(seen.iter().all(|&times| times == 1), "{tiles:?}");
            assert_eq!(tiles.iter().count(), tiles.len());
        }
    }
}
