//! [`BlockQuantizer::decode_transposed_into`]: values of elements, rows and columns exchanged.

use super::{BlockLayout, BlockQuantizer};
use crate::draw::{BitSource, Draw};
use crate::par::Par;

/// Elements that are converted before they are exchanged: they stay in the second-level cache.
const BAND: usize = 1 << 16;
/// Columns that are exchanged together: a line of the cache.
const TILE: usize = 16;

impl BlockQuantizer {
    /// [`Self::decode_into`] that writes the transposed matrix: the value of element (r, c) at
    /// c · rows + r. Blocks and random bits are those of `x` as it is.
    ///
    /// # Shapes
    ///
    /// - `x`: that of `layout`, row by row
    /// - `out`: the same, column by column
    ///
    /// # Panics
    ///
    /// As [`Self::decode_into`].
    #[track_caller]
    pub fn decode_transposed_into(
        &self,
        x: &[f32],
        layout: BlockLayout,
        bits: Draw<impl BitSource + Sync>,
        par: Par,
        out: &mut [f32],
    ) -> f32 {
        self.assert_possible();
        layout.assert_holds(x.len());
        layout.assert_holds(out.len());
        let tensor_scale = self.tensor_scale_for(x);
        if x.is_empty() {
            return tensor_scale;
        }
        let BlockLayout { shape, rows, cols } = layout;
        let (source, first) = bits.serve(self.rounding, x.len());
        let (height, _) = shape.block(self.format.block);
        let band = height * (BAND / height.saturating_mul(cols).max(1)).max(1);
        let mut values = vec![0.0; band.min(rows) * cols];
        for top in (0..rows).step_by(band) {
            let height = band.min(rows - top);
            let (start, end) = (top * cols, (top + height) * cols);
            let values = &mut values[..height * cols];
            let bits = Draw::new(&source, first + start as u64);
            let part = shape.of(height, cols);
            self.decode_scaled_into(&x[start..end], part, tensor_scale, bits, par, values);
            let values = &*values;
            par.for_each_chunk(out, TILE * rows, |tile, columns| {
                let left = tile * TILE;
                for (r, row) in values.chunks_exact(cols).enumerate() {
                    for (&value, column) in row[left..].iter().zip(columns.chunks_exact_mut(rows)) {
                        column[top + r] = value;
                    }
                }
            });
        }
        tensor_scale
    }
}
