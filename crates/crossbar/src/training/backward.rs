//! The backward product of rows.

use numerics::Par;

use super::kept::Kept;
use super::perturbed::PerturbedMatrix;

/// The gradients of a product; formulas and what they pass through are those of the
/// [module](super).
#[derive(Clone, Debug, PartialEq)]
pub struct Gradients {
    /// ∂L/∂w̆, (out, in).
    pub weights: Vec<f32>,
    /// ∂L/∂γ, (scales), tile by tile; empty unless products were kept.
    pub scales: Vec<f32>,
    /// ∂L/∂β, (out).
    pub bias: Vec<f32>,
    /// ∂L/∂α.
    pub input_range: f32,
    /// ∂L/∂x, (batch, in).
    pub inputs: Vec<f32>,
}

impl PerturbedMatrix {
    /// The gradients of everything that the product depends on, by the chain rule: learning rules
    /// that change one of them (a threshold, a decay, the step of another parameter) are the caller's.
    ///
    /// # Shapes
    ///
    /// - `x`: (batch, in), the rows that [`Self::forward`] multiplied
    /// - `errors`: (batch, out), δ = ∂L/∂y
    ///
    /// # Panics
    ///
    /// If a shape differs, nothing was kept, or the weights are those of an evaluation.
    #[track_caller]
    pub fn backward(&self, kept: &Kept, x: &[f32], errors: &[f32], par: Par) -> Gradients {
        let cut = self.tiles.cut();
        let (outputs, inputs) = (cut.outputs(), cut.inputs());
        let samples = x.len() / inputs;
        assert_eq!(x.len(), samples * inputs, "{} inputs are not rows of {inputs}", x.len());
        let given = errors.len();
        assert_eq!(given, samples * outputs, "{given} errors for {samples} × {outputs}");
        let kept_samples = kept.outputs() / cut.scales();
        assert_eq!(kept_samples, samples, "{samples} samples, of which {kept_samples} were kept");
        let effective = self.effective();

        let mut bias = vec![0.0; outputs];
        for errors in errors.chunks_exact(outputs) {
            bias.iter_mut().zip(errors).for_each(|(sum, error)| *sum += error);
        }
        let scales = kept.scale_gradient(cut, 0..samples, errors);
        let mut errors = errors.to_vec();
        kept.stop_saturated(cut, &mut errors);

        let multiplied = kept.multiplied(x, |len| vec![0.0; len]);
        let mut weights = vec![0.0; outputs * inputs];
        par.for_each_chunk(&mut weights, inputs, |output, row| {
            let errors = errors.iter().skip(output).step_by(outputs);
            for (&error, x) in errors.zip(multiplied.chunks_exact(inputs)) {
                add_scaled(error, x, row);
            }
        });
        cut.scale(&mut weights, &self.scales);

        let mut dx = vec![0.0; x.len()];
        par.for_each_chunk(&mut dx, inputs, |sample, row| {
            let errors = &errors[sample * outputs..][..outputs];
            for (&error, weights) in errors.iter().zip(effective.chunks_exact(inputs)) {
                add_scaled(error, weights, row);
            }
        });
        let towards = kept.at_range(x).map(|i| f64::from(dx[i] * x[i].signum()));
        let input_range = towards.sum::<f64>() as f32;
        Gradients { weights, scales, bias, input_range, inputs: dx }
    }
}

/// sum += factor · values
fn add_scaled(factor: f32, values: &[f32], sum: &mut [f32]) {
    sum.iter_mut().zip(values).for_each(|(sum, value)| *sum += factor * value);
}
