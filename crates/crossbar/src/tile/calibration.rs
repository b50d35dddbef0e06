//! Ranges of the ADC from data.

use numerics::Par;

use super::AnalogTile;
use crate::compensation::reference::DriftReference;
use crate::error::TileError;
use crate::periphery::{Batch, Digital, MvmNoise};

impl AnalogTile {
    /// Sets the range of the ADC of every column from what the array gives for some inputs, for the
    /// columns together that [`Adc::bound_per`](crate::Adc::bound_per) says.
    ///
    /// ```text
    /// b_g = the smallest of the m(z) of group g that the share q of them does not exceed
    ///       m_(1) ≤ … ≤ m_(N),   b_g = m_(⌈qN⌉)
    /// m(z) = |z|  symmetric,   max(z, 0)  unsigned,   b max(z/h, z/l)  between l and h
    /// ```
    ///
    /// over all samples, columns of the group and conversions of an output, z being what the ADC is
    /// given: gain, offset and noise included, the noise being that which [`Self::forward`] draws for
    /// these samples. With q = 1 nothing of these inputs lies beyond the range. A group whose bound would be below
    /// 10⁻⁶ keeps the one that it has. The outputs stay in the same units: every column is scaled by the
    /// step of its own range.
    ///
    /// At age 0 the reference of the drift compensation is recorded anew, through the new ranges. Later
    /// it stays, and the compensation compares read-outs through different ranges.
    ///
    /// Assumed: the slices of a weight and of an input have the range of their column.
    ///
    /// # Shapes
    ///
    /// - `x`: (batch, in)
    ///
    /// # Errors
    ///
    /// [`TileError::Config`] if the share is not in (0, 1], or the ADC has no bound.
    ///
    /// # Panics
    ///
    /// If the batch is empty or not whole rows.
    #[track_caller]
    pub fn calibrate_adc(
        &mut self,
        x: &[f32],
        share: f32,
        noise: &MvmNoise,
        par: Par,
    ) -> Result<(), TileError> {
        assert!(!x.is_empty(), "calibration needs inputs");
        let in_range = share > 0.0 && share <= 1.0;
        TileError::check(in_range, "share", share, "is not in (0, 1]")?;
        let adc = &self.config.periphery.adc;
        let group = adc.bound_per.columns(self.outputs);
        let mut needed = vec![Vec::new(); self.outputs.div_ceil(group)];
        self.each_conversion(x, noise, par, |z| {
            for row in z.chunks_exact(self.outputs) {
                for (needed, z) in needed.iter_mut().zip(row.chunks(group)) {
                    needed.extend(z.iter().map(|&z| adc.needed_bound(z)).filter(|m| m.is_finite()));
                }
            }
        });
        let mut bounds = self.adc_bounds().to_vec();
        for (bounds, needed) in bounds.chunks_mut(group).zip(&mut needed) {
            let rank = (f64::from(share) * needed.len() as f64).ceil() as usize;
            if rank == 0 {
                continue;
            }
            let (_, &mut bound, _) = needed.select_nth_unstable_by(rank - 1, f32::total_cmp);
            if bound >= LEAST {
                bounds.fill(bound);
            }
        }
        self.set_adc_bounds(&bounds)
    }

    /// Gives every column the range of a calibration before; see
    /// [`Periphery::set_adc_bounds`](crate::Periphery::set_adc_bounds). The reference of the drift
    /// compensation is treated as in [`Self::calibrate_adc`].
    ///
    /// # Errors
    ///
    /// [`TileError::Config`] if the ADC has no bound, or a bound lies outside \[10⁻⁶, 10⁹\].
    ///
    /// # Panics
    ///
    /// Unless there is one per output.
    #[track_caller]
    pub fn set_adc_bounds(&mut self, bounds: &[f32]) -> Result<(), TileError> {
        self.periphery.set_adc_bounds(bounds)?;
        if self.t_s == 0.0 {
            self.reference = DriftReference::record(self, &self.seed.child("drift-reference"));
        }
        Ok(())
    }

    /// The largest output b_i of the ADC of every column, infinite without a bound.
    pub fn adc_bounds(&self) -> &[f32] {
        self.periphery.adc_bounds()
    }

    /// Calls `see` with what the ADC is given in each conversion, (batch, out).
    fn each_conversion(&self, x: &[f32], noise: &MvmNoise, par: Par, mut see: impl FnMut(&[f32])) {
        let dac = &self.config.periphery.dac;
        let open = self.periphery.before_adc();
        let ranges: Vec<f32> =
            x.chunks(self.inputs).map(|x| dac.range_of(x, self.input_range)).collect();
        let mut z = vec![0.0; ranges.len() * self.outputs];
        let scale = vec![1.0; self.outputs];
        let digital = Digital { input_range: self.input_range, scale: &scale, bias: &[] };
        for (index, plane) in self.planes.iter().enumerate() {
            let noise = if index == 0 { *noise } else { noise.child(index) };
            let batch = Batch::rows(x, &noise);
            for (slice, factor) in open.slice_factors().iter().enumerate() {
                open.convert_slice(&plane.packed, batch, digital, par, &mut z, slice);
                for (row, range) in z.chunks_exact_mut(self.outputs).zip(&ranges) {
                    row.iter_mut().for_each(|z| *z /= range * factor);
                }
                see(&z);
            }
        }
    }
}

/// Least bound that is taken from data.
const LEAST: f32 = 1e-6;
