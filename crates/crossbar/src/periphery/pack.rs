//! [`ArrayWeights`]: a weight matrix in the layout that the product kernels read.
//!
//! ```text
//! panels:     [output / 16][input][output mod 16]       w as f32
//! magnitudes: [output / 16][input / 2][output mod 16]   [q₀, q₁, q′₀, q′₁] as i16
//! ```
//!
//! with q = round(32767 |w| / row maximum) and q′ = round(q / 128). Outputs are filled up with zeros
//! to whole panels and inputs to a multiple of four.

use numerics::Par;

use super::integer::to_8_bits;
use super::product::{LANES, Lanes};
use super::simd::{Kernel, dispatch};

/// Effective weights of one array, normalised to [−1, 1], packed for [`Periphery::forward`].
///
/// [`Periphery::forward`]: super::Periphery::forward
#[derive(Clone, Debug)]
pub struct ArrayWeights {
    outputs: usize,
    inputs: usize,
    panels: Vec<f32>,
    magnitudes: Vec<[i16; 4]>,
    /// Weight of one unit of q, by output.
    magnitude_unit: Vec<f32>,
    /// What negative inputs see, if that differs.
    negative: Option<Box<Self>>,
}

/// Inputs with their padding: the kernels take four at a time.
pub(super) fn padded(inputs: usize) -> usize {
    inputs.next_multiple_of(4)
}

/// Largest value of q.
const MAGNITUDE_MAX: f32 = 32_767.0;

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
            magnitudes: vec![[0; 4]; panels * LANES * filled / 2],
            magnitude_unit: vec![0.0; panels * LANES],
            negative: None,
        };
        packed.repack(weights, Par::Seq);
        packed
    }

    /// Replaces the weights by others of the same shape, without allocating: the path of training,
    /// where every mini-batch sees other weights. A negative phase is dropped.
    ///
    /// # Panics
    ///
    /// Unless there are `outputs · inputs` weights.
    #[track_caller]
    pub fn repack(&mut self, weights: &[f32], par: Par) {
        let (outputs, inputs) = (self.outputs, self.inputs);
        assert_eq!(
            weights.len(),
            outputs * inputs,
            "{} weights do not make a {outputs} × {inputs} matrix",
            weights.len()
        );
        let filled = padded(inputs);
        let panels = self.panels.chunks_exact_mut(LANES * filled);
        let magnitudes = self.magnitudes.chunks_exact_mut(LANES * filled / 2);
        let units = self.magnitude_unit.as_chunks_mut::<LANES>().0;
        let mut packs: Vec<Pack<'_>> = (panels.zip(magnitudes).zip(units))
            .zip(weights.chunks(LANES * inputs))
            .map(|(((panel, magnitudes), unit), rows)| Pack {
                rows,
                inputs,
                panel,
                magnitudes,
                unit,
            })
            .collect();
        par.for_each_chunk(&mut packs, 1, |_, pack| dispatch(pack[0].reborrow()));
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

    pub(super) fn magnitudes(&self, index: usize) -> &[[i16; 4]] {
        let len = LANES * padded(self.inputs) / 2;
        &self.magnitudes[index * len..(index + 1) * len]
    }

    pub(super) fn magnitude_unit(&self, index: usize) -> &[f32; LANES] {
        self.magnitude_unit[index * LANES..]
            .first_chunk()
            .expect("units are padded to whole panels")
    }
}

/// One panel: up to 16 rows.
struct Pack<'a> {
    rows: &'a [f32],
    inputs: usize,
    panel: &'a mut [f32],
    magnitudes: &'a mut [[i16; 4]],
    unit: &'a mut Lanes,
}

impl Pack<'_> {
    fn reborrow(&mut self) -> Pack<'_> {
        let Self { rows, inputs, panel, magnitudes, unit } = self;
        Pack { rows, inputs: *inputs, panel, magnitudes, unit }
    }
}

impl Kernel for Pack<'_> {
    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let Self { rows, inputs, panel, magnitudes, unit } = self;
        // 16 × 16 weights at a time: read along rows, written along columns.
        let mut largest = [[0.0f32; LANES]; LANES];
        for (block, panel) in panel.chunks_mut(LANES * LANES).enumerate() {
            let first = block * LANES;
            let width = LANES.min(inputs.saturating_sub(first));
            let mut square = [[0.0f32; LANES]; LANES];
            for (lane, row) in rows.chunks_exact(inputs).enumerate() {
                square[lane][..width].copy_from_slice(&row[first..first + width]);
            }
            for (square, largest) in square.iter().zip(&mut largest) {
                for (w, largest) in square.iter().zip(largest) {
                    *largest = largest.max(w.abs());
                }
            }
            for (j, column) in panel.as_chunks_mut::<LANES>().0.iter_mut().enumerate() {
                for (lane, w) in column.iter_mut().enumerate() {
                    *w = square[lane][j];
                }
            }
        }
        let mut scale = [0.0; LANES];
        for lane in 0..LANES {
            let max = crate::mapping::largest_magnitude(&largest[lane]);
            unit[lane] = max / MAGNITUDE_MAX;
            scale[lane] = if max > 0.0 { MAGNITUDE_MAX / max } else { 0.0 };
        }
        let two = panel.as_chunks::<LANES>().0.as_chunks::<2>().0;
        let magnitudes = magnitudes.as_chunks_mut::<LANES>().0;
        for (w, magnitudes) in two.iter().zip(magnitudes) {
            for lane in 0..LANES {
                // Truncation of a number ≥ 0 after adding ½ rounds it.
                let code = |w: f32| (w.abs() * scale[lane] + 0.5) as i32 as i16;
                let [q0, q1] = [code(w[0][lane]), code(w[1][lane])];
                magnitudes[lane] = [q0, q1, to_8_bits(q0), to_8_bits(q1)];
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use numerics::Seed;

    #[test]
    fn every_weight_is_at_its_place_and_the_rest_is_zero() {
        for (outputs, inputs) in [(1, 1), (3, 2), (16, 4), (17, 16), (33, 131)] {
            let mut w = vec![0.0; outputs * inputs];
            Seed::new(1).stream().fill_gaussian(0, &mut w);
            let packed = ArrayWeights::pack(&w, outputs, inputs);
            for panel in 0..packed.panels() {
                let (values, magnitudes) = (packed.panel(panel), packed.magnitudes(panel));
                for (at, &value) in values.iter().enumerate() {
                    let (j, lane) = (at / LANES, at % LANES);
                    let i = panel * LANES + lane;
                    let inside = i < outputs && j < inputs;
                    let expected = if inside { w[i * inputs + j] } else { 0.0 };
                    assert_eq!(value, expected, "weight ({i}, {j}) of {outputs} × {inputs}");
                    let two = magnitudes[j / 2 * LANES + lane];
                    let code = f64::from(two[j % 2]);
                    let unit = f64::from(packed.magnitude_unit(panel)[lane]);
                    let error = (code * unit - f64::from(expected.abs())).abs();
                    // Half a unit, and three roundings of f32 in a product of up to 32767.
                    let bound = (0.5 + 3.0 * 32_767.0 * 2f64.powi(-24)) * unit;
                    assert!(error <= bound, "code {code} for {expected}");
                    assert_eq!(f64::from(two[2 + j % 2]), (code / 128.0).round());
                }
            }
        }
    }

    #[test]
    fn two_threads_pack_like_one() {
        let (outputs, inputs) = (130, 77);
        let mut w = vec![0.0; outputs * inputs];
        Seed::new(2).stream().fill_gaussian(0, &mut w);
        let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
        let one = ArrayWeights::pack(&w, outputs, inputs);
        let mut two = ArrayWeights::pack(&vec![0.0; w.len()], outputs, inputs);
        pool.install(|| two.repack(&w, Par::Rayon));
        assert_eq!(one.panels, two.panels);
        assert_eq!(one.magnitudes, two.magnitudes);
        assert_eq!(one.magnitude_unit, two.magnitude_unit);
    }
}
