//! [`ArrayWeights`]: a weight matrix in the layout that the product kernels read.
//!
//! ```text
//! panels: [output / 16][input][output mod 16]          w as f32
//! pairs:  [output / 16][input / 2][output mod 16][2]   round(32767 |w| / row maximum) as i16
//! ```
//!
//! Outputs are filled up with zeros to whole panels and inputs to a multiple of four.

use super::product::LANES;

/// Effective weights of one array, normalised to [−1, 1], packed for [`Periphery::forward`].
///
/// [`Periphery::forward`]: super::Periphery::forward
#[derive(Clone, Debug)]
pub struct ArrayWeights {
    outputs: usize,
    inputs: usize,
    panels: Vec<f32>,
    pairs: Vec<i16>,
    /// Weight of one unit of `pairs`, by output.
    pair_unit: Vec<f32>,
    /// What negative inputs see, if that differs.
    negative: Option<Box<Self>>,
}

/// Inputs with their padding: the kernels take four at a time.
pub(super) fn padded(inputs: usize) -> usize {
    inputs.next_multiple_of(4)
}

/// Largest value of `pairs`.
const PAIR_MAX: f32 = 32_767.0;

impl ArrayWeights {
    /// Packs a matrix.
    ///
    /// # Shapes
    ///
    /// - `weights`: (out, in) row-major
    ///
    /// # Panics
    ///
    /// Unless there are `outputs · inputs` weights, at least one.
    #[track_caller]
    pub fn pack(weights: &[f32], outputs: usize, inputs: usize) -> Self {
        assert!(outputs > 0 && inputs > 0, "a matrix of {outputs} × {inputs} has no weights");
        let (panels, filled) = (outputs.div_ceil(LANES), padded(inputs));
        let mut packed = Self {
            outputs,
            inputs,
            panels: vec![0.0; panels * LANES * filled],
            pairs: vec![0; panels * LANES * filled],
            pair_unit: vec![0.0; panels * LANES],
            negative: None,
        };
        packed.repack(weights);
        packed
    }

    /// Replaces the weights by others of the same shape, without allocating: the path of training,
    /// where every mini-batch sees other weights.
    ///
    /// # Panics
    ///
    /// Unless there are `outputs · inputs` weights.
    #[track_caller]
    pub fn repack(&mut self, weights: &[f32]) {
        let (outputs, inputs) = (self.outputs, self.inputs);
        assert_eq!(
            weights.len(),
            outputs * inputs,
            "{} weights do not make a {outputs} × {inputs} matrix",
            weights.len()
        );
        let filled = padded(inputs);
        let panels = self.panels.chunks_exact_mut(LANES * filled);
        let pairs = self.pairs.chunks_exact_mut(LANES * filled);
        let units = self.pair_unit.chunks_exact_mut(LANES);
        let rows = weights.chunks(LANES * inputs);
        for (((panel, pair), unit), rows) in panels.zip(pairs).zip(units).zip(rows) {
            for (lane, row) in rows.chunks_exact(inputs).enumerate() {
                let max = crate::mapping::largest_magnitude(row);
                unit[lane] = max / PAIR_MAX;
                let scale = if max > 0.0 { PAIR_MAX / max } else { 0.0 };
                for (j, &w) in row.iter().enumerate() {
                    panel[j * LANES + lane] = w;
                    // Truncation of a number ≥ 0 after adding ½ rounds it.
                    pair[(j / 2 * LANES + lane) * 2 + j % 2] = (w.abs() * scale + 0.5) as i16;
                }
            }
        }
        self.negative = None;
    }

    /// Gives negative inputs weights of their own: the second phase of an array whose devices
    /// conduct differently in the two polarities.
    ///
    /// # Panics
    ///
    /// Unless there are `outputs · inputs` weights.
    #[track_caller]
    pub fn set_negative_phase(&mut self, weights: &[f32]) {
        self.negative = Some(Box::new(Self::pack(weights, self.outputs, self.inputs)));
    }

    /// Number of outputs (bit lines).
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// Number of inputs (word lines).
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    pub(super) fn negative(&self) -> Option<&Self> {
        self.negative.as_deref()
    }

    /// Number of panels of [`LANES`] outputs.
    pub(super) fn panels(&self) -> usize {
        self.outputs.div_ceil(LANES)
    }

    pub(super) fn panel(&self, index: usize) -> &[f32] {
        let len = LANES * padded(self.inputs);
        &self.panels[index * len..(index + 1) * len]
    }

    pub(super) fn pair_panel(&self, index: usize) -> &[i16] {
        let len = LANES * padded(self.inputs);
        &self.pairs[index * len..(index + 1) * len]
    }

    pub(super) fn pair_unit(&self, index: usize) -> &[f32; LANES] {
        self.pair_unit[index * LANES..].first_chunk().expect("units are padded to whole panels")
    }
}
