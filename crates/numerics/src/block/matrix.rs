//! [`BlockMatrix`]: a matrix in blocks.

use super::format::BlockFormat;
use super::shape::BlockLayout;
use crate::error::ParameterError;

/// A row-major matrix in a block format: codes, scales and one factor t for all of it.
///
/// # Examples
///
/// ```
/// use numerics::{BlockFormat, BlockQuantizer, BlockShape, Draw, Rounding};
///
/// // Weights in 16 × 16 blocks: quantised and transposed is transposed and quantised.
/// let quantizer = BlockQuantizer::new(BlockFormat::NVFP4, Rounding::NearestTiesEven);
/// let w = [1.0, -2.0, 3.0, 0.1, 0.2, 0.3]; // (2, 3)
/// let wt = [1.0, 0.1, -2.0, 0.2, 3.0, 0.3]; // (3, 2)
/// let of = |w: &[f32], rows, cols| {
///     quantizer.quantize_matrix(w, BlockShape::Square.of(rows, cols), Draw::none())
/// };
/// assert_eq!(of(&w, 2, 3).transpose(), of(&wt, 3, 2));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct BlockMatrix {
    format: BlockFormat,
    layout: BlockLayout,
    tensor_scale: f32,
    scales: Vec<u8>,
    codes: Vec<u8>,
}

impl BlockMatrix {
    pub(super) fn new(
        format: BlockFormat,
        layout: BlockLayout,
        tensor_scale: f32,
        scales: Vec<u8>,
        codes: Vec<u8>,
    ) -> Self {
        Self { format, layout, tensor_scale, scales, codes }
    }

    /// The matrix of stored scales and codes, as [`Self::scales`] and [`Self::codes`] have them.
    ///
    /// # Errors
    ///
    /// [`ParameterError`] if the format cannot be ([`BlockFormat::check`]), if there are more or fewer
    /// codes than elements or scales than blocks, if a code is none of the format, or if the tensor
    /// scale is not a positive finite number.
    pub fn from_parts(
        format: BlockFormat,
        layout: BlockLayout,
        tensor_scale: f32,
        scales: Vec<u8>,
        codes: Vec<u8>,
    ) -> Result<Self, ParameterError> {
        format.check()?;
        let error = |key, problem| Err(ParameterError::new(key, problem));
        let BlockLayout { rows, cols, .. } = layout;
        if rows.checked_mul(cols) != Some(codes.len()) {
            let problem = format!("{} are no matrix of {rows} × {cols}", codes.len());
            return error("codes", problem);
        }
        let (grid_rows, grid_cols) = layout.grid(format.block);
        if scales.len() != grid_rows * grid_cols {
            let problem = format!("{} for {grid_rows} × {grid_cols} blocks", scales.len());
            return error("scales", problem);
        }
        if let Some(&code) = codes.iter().find(|&&code| !format.element.has(code)) {
            return error("codes", format!("{code:#x} is the code of no element"));
        }
        if let Some(&code) = scales.iter().find(|&&code| !format.scale.has(code)) {
            return error("scales", format!("{code:#x} is the code of no scale"));
        }
        if !(tensor_scale > 0.0 && tensor_scale.is_finite()) {
            let problem = format!("{tensor_scale} is not a positive finite number");
            return error("tensor_scale", problem);
        }
        Ok(Self { format, layout, tensor_scale, scales, codes })
    }

    pub(super) fn into_codes(self) -> (Vec<u8>, Vec<u8>) {
        (self.scales, self.codes)
    }

    /// The format of the blocks.
    pub fn format(&self) -> BlockFormat {
        self.format
    }

    /// Rows, columns, and which elements share a scale.
    pub fn layout(&self) -> BlockLayout {
        self.layout
    }

    /// The factor t of all blocks: see [`BlockQuantizer`](super::BlockQuantizer).
    pub fn tensor_scale(&self) -> f32 {
        self.tensor_scale
    }

    /// The code of each block's scale, row by row in the grid of [`BlockLayout::grid`].
    pub fn scales(&self) -> &[u8] {
        &self.scales
    }

    /// The code of each element, row by row: of a floating-point one in the low bits, of a
    /// fixed-point one sign-extended.
    pub fn codes(&self) -> &[u8] {
        &self.codes
    }

    /// The same numbers, rows and columns exchanged.
    pub fn transpose(&self) -> Self {
        let BlockLayout { rows, cols, .. } = self.layout;
        let (grid_rows, grid_cols) = self.layout.grid(self.format.block);
        Self {
            layout: self.layout.transposed(),
            scales: transposed(&self.scales, grid_rows, grid_cols),
            codes: transposed(&self.codes, rows, cols),
            ..*self
        }
    }

    /// s_b · e_i of every element, without t: exact, but that a value of 2^128 is ∞. A rounding
    /// leads there only from f32 within half a last place of an element.
    pub fn to_scaled_f32(&self) -> Vec<f32> {
        self.decode(1.0)
    }

    /// t · s_b · e_i of every element, rounded to the nearest f32.
    pub fn to_f32(&self) -> Vec<f32> {
        self.decode(f64::from(self.tensor_scale))
    }

    fn decode(&self, factor: f64) -> Vec<f32> {
        let BlockFormat { element, block, scale } = self.format;
        let (_, grid_cols) = self.layout.grid(block);
        let (height, width) = self.layout.shape.block(block);
        let value = |(i, &code): (usize, &u8)| {
            let (row, col) = (i / self.layout.cols, i % self.layout.cols);
            let scale = scale.decode(self.scales[row / height * grid_cols + col / width]);
            (factor * scale * element.decode(code)) as f32
        };
        self.codes.iter().enumerate().map(value).collect()
    }
}

fn transposed(codes: &[u8], rows: usize, cols: usize) -> Vec<u8> {
    (0..cols).flat_map(|c| (0..rows).map(move |r| codes[r * cols + c])).collect()
}
