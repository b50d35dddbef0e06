//! [`Normalized`]: logical weights as weights in [−1, 1] and digital scales.

use crate::columns::columns_of;
use crate::error::TileError;
use crate::mapping::{MappingConfig, check_weights, largest_magnitude, weight_scales};

use super::Cut;

/// A matrix as tiles hold it, w = γ ⊙ w̆.
#[derive(Clone, Debug, PartialEq)]
pub struct Normalized {
    /// w̆ in [−1, 1], (out, in).
    pub weights: Vec<f32>,
    /// γ of every output of every tile, tile by tile.
    pub scales: Vec<f32>,
}

impl Cut {
    /// Takes the scales of every tile out of its weights.
    ///
    /// ```text
    /// γ_i = max |w| over the row, the tile or the matrix,    w̆_ij = w_ij / γ_i
    /// ```
    ///
    /// with γ quantised if the mapping says so, see [`weight_scales`].
    ///
    /// Source: [Rasch23 Eq. 21–22].
    ///
    /// # Shapes
    ///
    /// - `weights`: (out, in)
    ///
    /// # Errors
    ///
    /// [`TileError::WeightNotFinite`]; [`TileError::WeightRange`] with
    /// [`WeightScale::Unit`](crate::WeightScale::Unit). Places are those of the whole matrix.
    ///
    /// # Panics
    ///
    /// If the shape differs.
    #[track_caller]
    pub fn normalize(
        &self,
        weights: &[f32],
        mapping: &MappingConfig,
    ) -> Result<Normalized, TileError> {
        self.check_weights(weights);
        let (rule, levels, inputs) = (mapping.scale, mapping.scale_levels, self.inputs());
        check_weights(weights, inputs, rule)?;
        let matrix_max = largest_magnitude(weights);
        let mut scales = Vec::with_capacity(self.scales());
        for part in self.parts() {
            let rows = &weights[part.rows.start * inputs..part.rows.end * inputs];
            let rows = columns_of(rows, inputs, &part.columns);
            scales.extend(weight_scales(&rows, part.columns.len(), rule, levels, matrix_max)?);
        }
        let mut weights = weights.to_vec();
        for (stretch, scale) in self.stretches().zip(&scales) {
            // Division may round a weight one place beyond its own scale.
            weights[stretch].iter_mut().for_each(|w| *w = (*w / scale).clamp(-1.0, 1.0));
        }
        Ok(Normalized { weights, scales })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{TileConfig, WeightScale};

    proptest! {
        #[test]
        fn scales_times_normalized_weights_are_the_weights(
            weights in proptest::collection::vec(-3.0f32..3.0, 7 * 23),
            rule in prop::sample::select(vec![WeightScale::Column, WeightScale::Tile, WeightScale::Matrix]),
            levels in prop::option::of(1u32..300),
        ) {
            let mut mapping = TileConfig::load("ideal").unwrap().mapping;
            (mapping.max_inputs, mapping.max_outputs) = (6, Some(3));
            (mapping.scale, mapping.scale_levels) = (rule, levels);
            let cut = Cut::new(7, 23, &mapping);
            let Normalized { weights: mut product, scales } = cut.normalize(&weights, &mapping).unwrap();
            prop_assert!(product.iter().all(|w| w.abs() <= 1.0));
            for part in cut.parts() {
                let tile = &scales[part.scales.clone()];
                prop_assert!(levels.is_some() || rule == WeightScale::Column || tile.windows(2).all(|s| s[0] == s[1]));
            }
            cut.scale(&mut product, &scales);
            for (product, w) in product.iter().zip(&weights) {
                // A quotient and a product are rounded, and a scale may be one below its weight.
                prop_assert!((product - w).abs() <= 2.0 * w.abs() * f32::EPSILON);
            }
        }
    }

    #[test]
    fn a_bad_weight_is_named_with_its_place_in_the_matrix() {
        let mut mapping = TileConfig::load("ideal").unwrap().mapping;
        mapping.max_inputs = 2;
        let cut = Cut::new(2, 4, &mapping);
        let error = cut.normalize(&[0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, f32::NAN], &mapping);
        let error = error.unwrap_err().to_string();
        assert_eq!(error, "weight NaN at (output 1, input 3) is not finite");
    }
}
