//! [`BlockTensor`]: a run of numbers in blocks.

use super::format::BlockFormat;

/// Numbers in a block format, blocks being consecutive elements.
#[derive(Clone, Debug, PartialEq)]
pub struct BlockTensor {
    pub(super) format: BlockFormat,
    pub(super) tensor_scale: f32,
    pub(super) scales: Vec<u8>,
    pub(super) codes: Vec<u8>,
}

impl BlockTensor {
    /// The format of the blocks.
    pub fn format(&self) -> BlockFormat {
        self.format
    }

    /// The factor of all blocks: see [`BlockQuantizer`](super::BlockQuantizer).
    pub fn tensor_scale(&self) -> f32 {
        self.tensor_scale
    }

    /// The code of each block's scale.
    pub fn scales(&self) -> &[u8] {
        &self.scales
    }

    /// The code of each element: of a floating-point one in the low bits, of a fixed-point one
    /// sign-extended.
    pub fn codes(&self) -> &[u8] {
        &self.codes
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        self.codes.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.codes.is_empty()
    }

    /// Writes the values, rounded to the nearest f32; exact in the formats of OCP MX.
    ///
    /// # Panics
    ///
    /// If `out` does not have [`Self::len`] elements.
    #[track_caller]
    pub fn write_f32(&self, out: &mut [f32]) {
        assert_eq!(self.len(), out.len(), "{} codes do not fill {} values", self.len(), out.len());
        let BlockFormat { element, block, scale: kind } = self.format;
        for ((codes, out), &scale) in
            self.codes.chunks(block).zip(out.chunks_mut(block)).zip(&self.scales)
        {
            let scale = kind.decode(scale) * f64::from(self.tensor_scale);
            for (&code, out) in codes.iter().zip(out) {
                *out = (scale * element.decode(code)) as f32;
            }
        }
    }

    /// The values as [`Self::write_f32`] gives them.
    pub fn to_f32(&self) -> Vec<f32> {
        let mut out = vec![0.0; self.len()];
        self.write_f32(&mut out);
        out
    }
}
