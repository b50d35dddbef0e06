//! Ranges of the ADCs that are learned: factors of the configuration's, and their gradient.
//!
//! ```text
//! z_i = clip(…, ±ρ_g b),   ∂L/∂ρ_g = Σ δ_i γ_i α z_i / ρ_g    over the clipped outputs i of the group g
//! ```
//!
//! Source: the derivative of a clipping by its bound, as Choi et al. 2018 (PACT) learn that of activations.
//! Assumed: a code passes the gradient as the clipping does, so that steps within the range have none.

use std::ops::Range;

use super::kept::Kept;
use super::perturbed::PerturbedMatrix;
use super::tiles::TrainingTiles;
use crate::error::TileError;

/// What is summed over samples for the gradient of one group of columns.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct BoundSums {
    /// Σ δ γ α z over the clipped outputs: ρ times the gradient.
    pub gradient: f64,
    /// How many outputs were clipped.
    pub clipped: f64,
}

impl TrainingTiles {
    /// The columns of every group that has a range of the ADC together, as places of
    /// [`scales`](crate::Cut::scales): tile by tile, as [`Adc::bound_per`](crate::Adc::bound_per) says.
    pub fn adc_groups(&self) -> Vec<Range<usize>> {
        let of_tile = |part: &crate::tiling::Part| {
            let Range { start, end } = part.scales.clone();
            let columns = self.bound_per().columns(end - start).max(1);
            (start..end).step_by(columns).map(move |first| first..end.min(first + columns))
        };
        self.cut().parts().iter().flat_map(of_tile).collect()
    }
}

impl PerturbedMatrix {
    /// Gives the ADCs the range of their configuration times ρ of each of the
    /// [groups](TrainingTiles::adc_groups), until other ones come.
    ///
    /// # Errors
    ///
    /// [`TileError`] if the ADC has no bound, or one of them leaves \[10⁻⁶, 10⁹\].
    ///
    /// # Panics
    ///
    /// Unless there is one per group.
    #[track_caller]
    pub fn set_adc_bounds(&mut self, factors: &[f32]) -> Result<(), TileError> {
        let groups = self.tiles.adc_groups();
        assert_eq!(factors.len(), groups.len(), "factors of ranges are not one per group");
        let mut of_columns = vec![0.0; self.tiles.cut().scales()];
        for (group, &factor) in groups.into_iter().zip(factors) {
            of_columns[group].fill(factor);
        }
        let mut peripheries = self.tiles.peripheries().to_vec();
        for (periphery, part) in peripheries.iter_mut().zip(self.tiles.cut().parts()) {
            let bounds: Vec<f32> = of_columns[part.scales.clone()]
                .iter()
                .zip(periphery.adc_bounds())
                .map(|(factor, bound)| factor * bound)
                .collect();
            periphery.set_adc_bounds(&bounds)?;
        }
        self.peripheries = Some(peripheries);
        Ok(())
    }
}

impl Kept {
    /// Adds the sums over some samples of the batch, in their order, to those of every group.
    ///
    /// # Shapes
    ///
    /// - `errors`: (samples, out), those of saturated outputs with the others
    /// - `scales`: γ, (scales)
    /// - `sums`: one for each of the [groups](TrainingTiles::adc_groups)
    ///
    /// # Panics
    ///
    /// If a shape differs, or products were not kept.
    #[track_caller]
    pub fn add_bound_sums(
        &self,
        tiles: &TrainingTiles,
        samples: Range<usize>,
        errors: &[f32],
        scales: &[f32],
        sums: &mut [BoundSums],
    ) {
        let (cut, groups) = (tiles.cut(), tiles.adc_groups());
        assert_eq!(sums.len(), groups.len(), "sums are not one per group");
        assert_eq!(errors.len(), samples.len() * cut.outputs(), "errors are (samples, out)");
        // Then no error is stopped, either.
        if self.saturation.outputs == 0 {
            return;
        }
        let mut group_of = vec![0; cut.scales()];
        for (index, group) in groups.into_iter().enumerate() {
            group_of[group].fill(index);
        }
        let (mut products, mut first) = (&self.products[..], 0);
        for masks in &self.masks {
            let count = masks.first().map_or(0, crate::periphery::ClipMask::rows);
            for (part, mask) in cut.parts().iter().zip(masks) {
                let height = part.rows.len();
                let products = products.split_off(..count * height).expect("α z of every block");
                for sample in samples.start.max(first)..samples.end.min(first + count) {
                    let errors = &errors[(sample - samples.start) * cut.outputs()..];
                    let products = &products[(sample - first) * height..][..height];
                    for column in mask.clipped_in(sample - first) {
                        let place = part.scales.start + column;
                        let error = errors[part.rows.start + column] * scales[place];
                        let sums = &mut sums[group_of[place]];
                        sums.gradient += f64::from(error) * f64::from(products[column]);
                        sums.clipped += 1.0;
                    }
                }
            }
            first += count;
        }
    }
}
