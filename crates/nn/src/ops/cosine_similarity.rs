//! The cosine of the angle between vectors.
//!
//! ```text
//! c = a·b / (|a|·|b|)          ∂c/∂a = (b/|b| − c·a/|a|) / |a|,   and b alike
//! ```

use crate::functions::dot;
use crate::step::Step;
use crate::tape::{Backward, Operation, Var};
use crate::tensor::Tensor;

/// Records the cosine of each row of `a` with the row of `b`. Where one of them is zero, the cosine
/// and its gradient are 0.
///
/// # Shapes
///
/// - `a`, `b`: (rows, width)
/// - result: (rows)
///
/// # Panics
///
/// If the shapes differ.
#[track_caller]
pub fn cosine_similarity(step: &mut Step<'_>, a: Var, b: Var) -> Var {
    let (x, y) = (step.tape.value(a), step.tape.value(b));
    let (&[rows, width], true) = (x.shape(), x.shape() == y.shape()) else {
        panic!("rows of {:?} and {:?} have no angle", x.shape(), y.shape());
    };
    let pairs = x.data().chunks_exact(width.max(1)).zip(y.data().chunks_exact(width.max(1)));
    let angles: Vec<Angle> = pairs.map(|(x, y)| Angle::new(x, y)).collect();
    // Rows without columns are zero vectors.
    let mut cosines: Vec<f32> = angles.iter().map(|angle| angle.cosine).collect();
    cosines.resize(rows, 0.0);
    let needs_gradient = step.tape.needs_gradient(a) || step.tape.needs_gradient(b);
    step.tape.record(Tensor::new(&[rows], cosines), needs_gradient, Cosine { a, b, width, angles })
}

/// A cosine with 1/|a| and 1/|b|; all 0 where a vector is zero.
#[derive(Clone, Copy, Debug)]
struct Angle {
    cosine: f32,
    inverse_norms: [f32; 2],
}

impl Angle {
    fn new(x: &[f32], y: &[f32]) -> Self {
        let norms = [dot(x, x).sqrt(), dot(y, y).sqrt()];
        if norms.contains(&0.0) {
            return Self { cosine: 0.0, inverse_norms: [0.0; 2] };
        }
        let inverse_norms = norms.map(f32::recip);
        let cosine = dot(x, y) * inverse_norms[0] * inverse_norms[1];
        Self { cosine, inverse_norms }
    }
}

#[derive(Debug)]
struct Cosine {
    a: Var,
    b: Var,
    width: usize,
    angles: Vec<Angle>,
}

impl Operation for Cosine {
    fn backward(&mut self, gradient: &mut [f32], context: &mut Backward<'_>) {
        let values = [context.value(self.a).data(), context.value(self.b).data()];
        for (side, var) in [self.a, self.b].into_iter().enumerate() {
            context.accumulate(var, |sum, _| {
                let width = self.width.max(1);
                let rows = (sum.chunks_exact_mut(width))
                    .zip(values[side].chunks_exact(width))
                    .zip(values[1 - side].chunks_exact(width));
                for (((sum, own), other), (g, angle)) in rows.zip(gradient.iter().zip(&self.angles))
                {
                    let [n_own, n_other] =
                        [angle.inverse_norms[side], angle.inverse_norms[1 - side]];
                    for ((s, x), y) in sum.iter_mut().zip(own).zip(other) {
                        *s += g * n_own * (y * n_other - angle.cosine * x * n_own);
                    }
                }
            });
        }
    }
}
