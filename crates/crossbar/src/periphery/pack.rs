//! [`ArrayWeights`]: a weight matrix in the layout that the product kernels read.
//!
//! ```text
//! [output / 16][input / 4]   weights      [input mod 4][output mod 16]          w as f32
//!                            magnitudes   [input mod 4 / 2][output mod 16]      [q₀, q₁, q′₀, q′₁] as i16
//! ```
//!
//! with q = round(32767 |w| / row maximum) and q′ = round(q / 128). Outputs are filled up with zeros
//! to whole panels and inputs to a multiple of four.
//!
//! An output with a weight that is not finite is packed as NaN altogether: integers cannot hold it, an
//! infinite weight would saturate like a large one, and an input of 0 would hide it.

use std::cell::Cell;
use std::ops::Range;

use numerics::Par;

use super::integer::{small_integer, to_8_bits};
use super::layout::{FourInputs, LANES, Lanes, padded};
use super::simd::{Kernel, dispatch};

/// Effective weights of one array, normalised to [−1, 1], packed for [`Periphery::forward`].
///
/// [`Periphery::forward`]: super::Periphery::forward
#[derive(Clone, Debug)]
pub struct ArrayWeights {
    outputs: usize,
    inputs: usize,
    panels: Vec<FourInputs>,
    /// Weight of one unit of q, by output.
    magnitude_unit: Vec<f32>,
    /// What negative inputs see, if that differs.
    negative: Option<Box<Self>>,
}

thread_local! {
    /// Rows of a slab, for the next one.
    static ROWS: Cell<Vec<f32>> = const { Cell::new(Vec::new()) };
}

/// Largest value of q.
const MAGNITUDE_MAX: f32 = 32_767.0;

impl ArrayWeights {
    /// Outputs that [`Self::repack_with`] packs at a time: their rows stay in the second-level cache,
    /// and whole blocks of random numbers fill them.
    pub const SLAB: usize = 4 * LANES;

    /// A matrix of zeros, to be repacked.
    ///
    /// # Panics
    ///
    /// If there are no outputs or no inputs.
    #[track_caller]
    pub fn zeros(outputs: usize, inputs: usize) -> Self {
        assert!(outputs > 0 && inputs > 0, "a matrix of {outputs} × {inputs} has no weights");
        let (panels, filled) = (outputs.div_ceil(LANES), padded(inputs));
        Self {
            outputs,
            inputs,
            panels: vec![FourInputs::ZERO; panels * filled / 4],
            magnitude_unit: vec![0.0; panels * LANES],
            negative: None,
        }
    }

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
        let mut packed = Self::zeros(outputs, inputs);
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
        let mut slabs: Vec<_> = self.slabs().zip(weights.chunks(Self::SLAB * inputs)).collect();
        par.for_each_chunk(&mut slabs, 1, |_, slab| {
            let (slab, rows) = &mut slab[0];
            slab.pack(rows);
        });
        self.negative = None;
    }

    /// [`Self::repack`] with weights that are made on the way: `write` is given a range of outputs,
    /// the room for their rows, and one of the things `beside`, which are for [`Self::SLAB`] outputs each.
    /// The rows are packed while they are in the cache.
    ///
    /// # Panics
    ///
    /// If there are not as many things as slabs.
    #[track_caller]
    pub fn repack_with<T: Send>(
        &mut self,
        beside: impl ExactSizeIterator<Item = T>,
        par: Par,
        write: impl Fn(Range<usize>, &mut T, &mut [f32]) + Sync,
    ) {
        let (outputs, inputs) = (self.outputs, self.inputs);
        assert_eq!(
            beside.len(),
            outputs.div_ceil(Self::SLAB),
            "one thing for each slab of outputs"
        );
        let mut slabs: Vec<_> = self.slabs().zip(beside).collect();
        par.for_each_chunk(&mut slabs, 1, |index, slab| {
            let (slab, beside) = &mut slab[0];
            let range = index * Self::SLAB..outputs.min((index + 1) * Self::SLAB);
            let mut rows = ROWS.take();
            rows.resize(range.len() * inputs, 0.0);
            write(range, beside, &mut rows);
            slab.pack(&rows);
            ROWS.set(rows);
        });
        self.negative = None;
    }

    fn slabs(&mut self) -> impl Iterator<Item = Slab<'_>> {
        let inputs = self.inputs;
        let panels = self.panels.chunks_mut(Self::SLAB / LANES * padded(inputs) / 4);
        let units = self.magnitude_unit.chunks_mut(Self::SLAB);
        panels.zip(units).map(move |(panels, units)| Slab { inputs, panels, units })
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

    pub(super) fn panel(&self, index: usize) -> &[FourInputs] {
        let len = padded(self.inputs) / 4;
        &self.panels[index * len..(index + 1) * len]
    }

    pub(super) fn magnitude_unit(&self, index: usize) -> &[f32; LANES] {
        self.magnitude_unit[index * LANES..]
            .first_chunk()
            .expect("units are padded to whole panels")
    }
}

/// Panels that are packed together.
struct Slab<'a> {
    inputs: usize,
    panels: &'a mut [FourInputs],
    units: &'a mut [f32],
}

impl Slab<'_> {
    fn pack(&mut self, rows: &[f32]) {
        let inputs = self.inputs;
        let panels = self.panels.chunks_exact_mut(padded(inputs) / 4);
        let units = self.units.as_chunks_mut().0;
        for ((panel, unit), rows) in panels.zip(units).zip(rows.chunks(LANES * inputs)) {
            dispatch(Pack { rows, inputs, panel, unit });
        }
    }
}

/// One panel: up to 16 rows.
struct Pack<'a> {
    rows: &'a [f32],
    inputs: usize,
    panel: &'a mut [FourInputs],
    unit: &'a mut Lanes,
}

impl Kernel for Pack<'_> {
    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let Self { rows, inputs, panel, unit } = self;
        // 16 × 16 weights at a time: read along rows, written along columns.
        // Bits of magnitudes, which are ordered as the magnitudes are, with NaN above infinity.
        let mut largest = [[0u32; LANES]; LANES];
        for (block, panel) in panel.chunks_mut(LANES / 4).enumerate() {
            let first = (block * LANES).min(inputs);
            let mut square = [[0.0f32; LANES]; LANES];
            for (square, row) in square.iter_mut().zip(rows.chunks_exact(inputs)) {
                // A whole line is a copy of known length, without a call.
                match row[first..].first_chunk() {
                    Some(line) => *square = *line,
                    None => square.iter_mut().zip(&row[first..]).for_each(|(s, w)| *s = *w),
                }
            }
            for (square, largest) in square.iter().zip(&mut largest) {
                for (w, largest) in square.iter().zip(largest) {
                    *largest = (*largest).max(w.abs().to_bits());
                }
            }
            for (quarter, four) in panel.iter_mut().enumerate() {
                for (r, column) in four.weights.iter_mut().enumerate() {
                    for (lane, w) in column.iter_mut().enumerate() {
                        *w = square[lane][4 * quarter + r];
                    }
                }
            }
        }
        let mut scale = [0.0; LANES];
        *unit = [0.0; LANES];
        for lane in 0..LANES {
            let bits = largest[lane].iter().fold(0, |max, &bits| max.max(bits));
            let max = f32::from_bits(bits);
            if !max.is_finite() {
                // Its magnitudes are then 0.
                let column = panel.iter_mut().flat_map(|four| &mut four.weights);
                column.for_each(|weights| weights[lane] = f32::NAN);
                continue;
            }
            unit[lane] = max / MAGNITUDE_MAX;
            scale[lane] = if max > 0.0 { MAGNITUDE_MAX / max } else { 0.0 };
        }
        for FourInputs { weights, magnitudes } in panel {
            let two = weights.as_chunks::<2>().0;
            for (w, magnitudes) in two.iter().zip(magnitudes) {
                for lane in 0..LANES {
                    // The integer below a number ≥ 0 is its nearest after adding ½.
                    let code = |w: f32| small_integer(w.abs() * scale[lane] + 0.5) as i16;
                    let [q0, q1] = [code(w[0][lane]), code(w[1][lane])];
                    magnitudes[lane] = [q0, q1, to_8_bits(q0), to_8_bits(q1)];
                }
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
                let fours = packed.panel(panel);
                for at in 0..4 * fours.len() * LANES {
                    let (j, lane) = (at / LANES, at % LANES);
                    let FourInputs { weights, magnitudes } = &fours[j / 4];
                    let value = weights[j % 4][lane];
                    let i = panel * LANES + lane;
                    let inside = i < outputs && j < inputs;
                    let expected = if inside { w[i * inputs + j] } else { 0.0 };
                    assert_eq!(value, expected, "weight ({i}, {j}) of {outputs} × {inputs}");
                    let two = magnitudes[j % 4 / 2][lane];
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
    #[cfg(feature = "rayon")]
    fn weights_that_are_made_on_the_way_are_packed_like_others() {
        for outputs in [1, 64, 130] {
            let inputs = 21;
            let mut w = vec![0.0; outputs * inputs];
            Seed::new(3).stream().fill_gaussian(0, &mut w);
            let mut packed = ArrayWeights::zeros(outputs, inputs);
            let mut seen = vec![0..0; outputs.div_ceil(ArrayWeights::SLAB)];
            packed.repack_with(seen.iter_mut(), Par::Rayon, |outputs, seen, rows| {
                rows.copy_from_slice(&w[outputs.start * inputs..outputs.end * inputs]);
                **seen = outputs;
            });
            let whole = ArrayWeights::pack(&w, outputs, inputs);
            assert_eq!(
                (packed.panels, packed.magnitude_unit),
                (whole.panels, whole.magnitude_unit)
            );
            assert!(seen.iter().cloned().flatten().eq(0..outputs), "every output once, in order");
        }
    }

    #[test]
    fn vector_and_scalar_code_pack_alike_and_poison_whole_outputs() {
        let (outputs, inputs) = (LANES, 21);
        let mut w = vec![0.0; outputs * inputs];
        Seed::new(4).stream().fill_gaussian(0, &mut w);
        for (row, bad) in [f32::NAN, -f32::NAN, f32::INFINITY, -f32::INFINITY].iter().enumerate() {
            w[row * inputs + 5 * row] = *bad;
        }
        let packed = |run: fn(Pack<'_>)| {
            let mut panel = vec![FourInputs::ZERO; padded(inputs) / 4];
            let mut unit = [9.0; LANES];
            run(Pack { rows: &w, inputs, panel: &mut panel, unit: &mut unit });
            (panel, unit)
        };
        let bits = |(panel, unit): &(Vec<FourInputs>, Lanes)| {
            let weights = panel.iter().flat_map(|four| four.weights.as_flattened());
            let magnitudes: Vec<_> = panel.iter().map(|four| four.magnitudes).collect();
            let bits: Vec<u32> = weights.chain(unit).map(|w| w.to_bits()).collect();
            (bits, magnitudes)
        };
        let scalar = packed(|pack| pack.run::<false>());
        assert_eq!(bits(&scalar), bits(&packed(|pack| dispatch(pack))));
        for four in &scalar.0 {
            for lane in 0..LANES {
                assert!(four.weights.iter().all(|w| w[lane].is_nan() == (lane < 4)));
                let zero = four.magnitudes.iter().all(|two| two[lane] == [0; 4]);
                assert!(zero || lane >= 4);
            }
        }
    }

    #[test]
    #[cfg(feature = "rayon")]
    fn two_threads_pack_like_one() {
        let (outputs, inputs) = (130, 77);
        let mut w = vec![0.0; outputs * inputs];
        Seed::new(2).stream().fill_gaussian(0, &mut w);
        let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
        let one = ArrayWeights::pack(&w, outputs, inputs);
        let mut two = ArrayWeights::pack(&vec![0.0; w.len()], outputs, inputs);
        pool.install(|| two.repack(&w, Par::Rayon));
        assert_eq!(one.panels, two.panels);
        assert_eq!(one.magnitude_unit, two.magnitude_unit);
    }
}
