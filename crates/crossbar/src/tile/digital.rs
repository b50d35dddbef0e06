//! The digital numbers of a tile: input range, scales, compensation, recalibration and bias.

use numerics::{Par, Seed};

use super::AnalogTile;
use crate::compensation::reference::DriftReadout;
use crate::error::TileError;
use crate::periphery::dac::mean;
use crate::periphery::{MvmNoise, Saturation};

impl AnalogTile {
    /// Digital scale, compensation and recalibration of an output.
    pub(super) fn digital_scale(&self, output: usize) -> f32 {
        self.scale[output] * self.compensation[output] * self.recalibration[output]
    }

    /// Compares a read-out with that after programming and sets the compensation accordingly, as
    /// the configuration says; `seed` draws the noise of the read-out. What [`Self::recalibrate`]
    /// found stays. Returns what the read-out clipped; [`Self::drift_readout`] tells more.
    pub fn compensate_drift(&mut self, seed: &Seed) -> Saturation {
        let (factors, saturation) = self.reference.factors(self, seed);
        self.compensation = factors;
        saturation
    }

    /// The read-out that [`Self::compensate_drift`] does with this seed, its factors and how far they can be
    /// trusted, without changing anything: it reads the known inputs three times.
    pub fn drift_readout(&self, seed: &Seed) -> DriftReadout {
        self.reference.read_out(self, seed)
    }

    /// Sets the compensation factor of every output.
    ///
    /// # Errors
    ///
    /// [`TileError::DigitalNotFinite`] for a factor that is NaN or infinite; then none is changed.
    ///
    /// # Panics
    ///
    /// Unless there is one per output.
    #[track_caller]
    pub fn set_compensation(&mut self, factors: &[f32]) -> Result<(), TileError> {
        assert_eq!(factors.len(), self.outputs, "factors are not one per output");
        TileError::check_digital("compensation factor", factors, self.outputs)?;
        self.compensation.copy_from_slice(factors);
        Ok(())
    }

    /// Compensation factor of every output.
    pub fn compensation(&self) -> &[f32] {
        &self.compensation
    }

    /// Factor by which every output was recalibrated, 1 if it was not.
    pub fn recalibration(&self) -> &[f32] {
        &self.recalibration
    }

    /// Fits scale and bias of every output to reference outputs, by least squares: the digital
    /// recalibration of a tile whose devices stay as they are.
    ///
    /// ```text
    /// s_i, β_i = argmin Σ_k (s y_ik + β − r_ik)²
    /// ```
    ///
    /// The scale multiplies those of earlier recalibrations, and the bias takes the place of the one
    /// that was set; a drift compensation changes neither. A column whose outputs do not vary keeps
    /// its scale.
    ///
    /// # Shapes
    ///
    /// - `x`: (batch, in)
    /// - `reference`: (batch, out)
    ///
    /// # Errors
    ///
    /// [`TileError::DigitalNotFinite`] for a reference that is NaN or infinite; then nothing is
    /// changed.
    ///
    /// # Panics
    ///
    /// If a shape differs or the batch is empty.
    #[track_caller]
    pub fn recalibrate(
        &mut self,
        x: &[f32],
        reference: &[f32],
        noise: &MvmNoise,
        par: Par,
    ) -> Result<(), TileError> {
        assert!(!x.is_empty(), "recalibration needs inputs");
        TileError::check_digital("reference", reference, self.outputs)?;
        let mut y = vec![0.0; reference.len()];
        self.bias.clear();
        self.forward(x, noise, par, &mut y);
        let batch = (y.len() / self.outputs) as f64;
        let mut bias = vec![0.0; self.outputs];
        for (i, bias) in bias.iter_mut().enumerate() {
            let pairs = || {
                let column =
                    |m: &'_ [f32]| m.iter().skip(i).step_by(self.outputs).copied().collect();
                let (y, r): (Vec<f32>, Vec<f32>) = (column(&y), column(reference));
                y.into_iter().zip(r).map(|(y, r)| (f64::from(y), f64::from(r)))
            };
            let (sum_y, sum_r) = pairs().fold((0.0, 0.0), |(a, b), (y, r)| (a + y, b + r));
            let (mean_y, mean_r) = (sum_y / batch, sum_r / batch);
            let (yy, yr) = pairs().fold((0.0, 0.0), |(yy, yr), (y, r)| {
                (yy + (y - mean_y).powi(2), yr + (y - mean_y) * (r - mean_r))
            });
            let slope = if yy > 0.0 { yr / yy } else { 1.0 };
            self.recalibration[i] *= slope as f32;
            *bias = (mean_r - slope * mean_y) as f32;
        }
        self.bias = bias;
        Ok(())
    }

    /// Sets the input range α.
    ///
    /// # Errors
    ///
    /// [`TileError::Config`] unless it is positive and finite.
    pub fn set_input_range(&mut self, input_range: f32) -> Result<(), TileError> {
        TileError::check_positive("input_range", input_range)?;
        self.input_range = input_range;
        Ok(())
    }

    /// Sets the digital scale γ of every output: for a tile that was programmed with weights in
    /// [−1, 1] whose scales are learned.
    ///
    /// # Errors
    ///
    /// [`TileError::DigitalNotFinite`] for a scale that is NaN or infinite; then none is changed.
    ///
    /// # Panics
    ///
    /// Unless there is one per output.
    #[track_caller]
    pub fn set_scale(&mut self, scale: &[f32]) -> Result<(), TileError> {
        assert_eq!(scale.len(), self.outputs, "scales are not one per output");
        TileError::check_digital("scale", scale, self.outputs)?;
        self.scale.copy_from_slice(scale);
        Ok(())
    }

    /// Sets the input range to the mean over batches of the largest magnitude, at most 10; of an unsigned converter
    /// that of the inputs above 0.
    ///
    /// Source: [Rasch23 Methods, "input range"].
    ///
    /// # Panics
    ///
    /// If there are no batches.
    #[track_caller]
    pub fn calibrate_input_range<'a>(&mut self, batches: impl IntoIterator<Item = &'a [f32]>) {
        let dac = &self.config.periphery.dac;
        let range = mean(batches, |batch| f64::from(dac.largest(batch))).min(10.0);
        if range > 0.0 {
            self.input_range = range;
        }
    }

    /// Sets the digital bias of every output, or removes it if the slice is empty.
    ///
    /// # Errors
    ///
    /// [`TileError::DigitalNotFinite`] for a bias that is NaN or infinite; then none is changed.
    ///
    /// # Panics
    ///
    /// Unless there is one per output, or none.
    #[track_caller]
    pub fn set_bias(&mut self, bias: &[f32]) -> Result<(), TileError> {
        let outputs = self.outputs;
        let count = bias.len();
        assert!(count == 0 || count == outputs, "{count} biases for {outputs} outputs");
        TileError::check_digital("bias", bias, outputs)?;
        self.bias = bias.to_vec();
        Ok(())
    }

    /// Digital scale γ of every output.
    pub fn scale(&self) -> &[f32] {
        &self.scale
    }

    /// The input range α.
    pub fn input_range(&self) -> f32 {
        self.input_range
    }
}
