//! Digital scales: what a normalised weight of 1 stands for.

use serde::{Deserialize, Serialize};

use crate::error::TileError;

/// Which weights share one digital scale γ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WeightScale {
    /// One scale per output column of a tile. Source: [Rasch23 Eq. 21].
    Column,
    /// One scale per tile.
    Tile,
    /// One scale for the whole matrix, over all of its tiles.
    Matrix,
    /// No scale: weights must already lie within [−1, 1].
    Unit,
}

/// The scale γ of every output row of one tile.
///
/// ```text
/// γ_i = max |w| over the row, the tile or the matrix
/// q_i = a_N ⌈γ_i / a_N⌉,   a_N = max_i γ_i / N          with `levels` = N  [Rasch23 Supp. "scale precision"]
/// ```
///
/// Quantised, the scales of a tile are integers but for one number of the tile, a_N.
/// Rounding up keeps every normalised weight w/q within [−1, 1].
/// Assumed: a row of zeros has the scale 1, or the smallest level if the scales are quantised.
///
/// # Shapes
///
/// - `weights`: (out, in) row-major, the tile's part of the matrix
/// - result: (out)
///
/// # Errors
///
/// [`TileError::WeightNotFinite`]; [`TileError::WeightRange`] with [`WeightScale::Unit`].
///
/// # Panics
///
/// If `weights` is not a whole number of rows of `inputs` weights.
#[track_caller]
pub fn weight_scales(
    weights: &[f32],
    inputs: usize,
    scale: WeightScale,
    levels: Option<u32>,
    matrix_max: f32,
) -> Result<Vec<f32>, TileError> {
    assert!(
        inputs > 0 && weights.len().is_multiple_of(inputs),
        "{} weights are not rows of {inputs} inputs",
        weights.len()
    );
    check_weights(weights, inputs, scale)?;
    let row_max: Vec<f32> = weights.chunks_exact(inputs).map(largest_magnitude).collect();
    let tile_max = row_max.iter().fold(0.0f32, |max, &x| max.max(x));
    let or_one = |x: f32| if x > 0.0 { x } else { 1.0 };
    let mut scales: Vec<f32> = match scale {
        WeightScale::Column => row_max,
        WeightScale::Tile => vec![tile_max; row_max.len()],
        WeightScale::Matrix => vec![matrix_max; row_max.len()],
        WeightScale::Unit => return Ok(vec![1.0; row_max.len()]),
    };
    if let Some(levels) = levels {
        let largest = scales.iter().fold(0.0f32, |max, &x| max.max(x));
        let step = or_one(largest) / levels as f32;
        for scale in &mut scales {
            // The quotient of the largest scale may come out a rounding above N.
            let level = (*scale / step * (1.0 - f32::EPSILON)).ceil().clamp(1.0, levels as f32);
            *scale = step * level;
        }
    } else {
        for scale in &mut scales {
            *scale = or_one(*scale);
        }
    }
    Ok(scales)
}

pub(crate) fn largest_magnitude(values: &[f32]) -> f32 {
    values.iter().fold(0.0f32, |max, x| max.max(x.abs()))
}

pub(crate) fn check_weights(
    weights: &[f32],
    inputs: usize,
    scale: WeightScale,
) -> Result<(), TileError> {
    let unit = scale == WeightScale::Unit;
    let bad = |w: &f32| !w.is_finite() || unit && w.abs() > 1.0;
    match weights.iter().position(bad) {
        None => Ok(()),
        Some(at) => {
            let (value, output, input) = (weights[at], at / inputs, at % inputs);
            Err(if value.is_finite() {
                TileError::WeightRange { value, output, input, limit: 1.0 }
            } else {
                TileError::WeightNotFinite { value, output, input }
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const W: [f32; 6] = [0.5, -0.25, 0.0, 0.0, 0.3, 0.8];

    fn scales(scale: WeightScale, levels: Option<u32>) -> Vec<f32> {
        weight_scales(&W, 2, scale, levels, 1.6).unwrap()
    }

    #[test]
    fn a_scale_is_the_largest_weight_of_its_part() {
        assert_eq!(scales(WeightScale::Column, None), [0.5, 1.0, 0.8]);
        assert_eq!(scales(WeightScale::Tile, None), [0.8; 3]);
        assert_eq!(scales(WeightScale::Matrix, None), [1.6; 3]);
        assert_eq!(scales(WeightScale::Unit, None), [1.0; 3]);
    }

    #[test]
    fn quantised_scales_are_rounded_up_to_levels_of_the_largest() {
        assert_eq!(scales(WeightScale::Column, Some(4)), [0.6, 0.2, 0.8]);
        assert_eq!(scales(WeightScale::Column, Some(1)), [0.8; 3]);
        assert_eq!(scales(WeightScale::Matrix, Some(4)), [1.6; 3]);
    }

    #[test]
    fn no_quantised_scale_lies_below_its_weights() {
        for n in 1..200u32 {
            let w: Vec<f32> = (1..=n).map(|i| i as f32 * 0.001_3).collect();
            let max = largest_magnitude(&w);
            let q = weight_scales(&w, 1, WeightScale::Column, Some(16), max).unwrap();
            for (w, q) in w.iter().zip(q) {
                assert!(w / q <= 1.0 + f32::EPSILON, "{w} over {q}");
            }
        }
    }

    #[test]
    fn bad_weights_are_named_with_their_place() {
        let error = |w: &[f32], scale| weight_scales(w, 2, scale, None, 1.0).unwrap_err();
        let nan = error(&[0.0, 0.0, 0.0, f32::NAN], WeightScale::Column);
        assert_eq!(nan.to_string(), "weight NaN at (output 1, input 1) is not finite");
        let large = error(&[0.0, -1.5], WeightScale::Unit);
        assert_eq!(large.to_string(), "weight -1.5 at (output 0, input 1) lies outside [−1, 1]");
    }
}
