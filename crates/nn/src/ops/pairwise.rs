//! Every vector of one sequence with every vector of another.
//!
//! ```text
//! sum      y[b, t, u] = x[b, t] + z[b, u]        dx[b, t] = Σ_u dy[b, t, u]
//! product  y[b, t, u] = x[b, t] ∘ z[b, u]        dx[b, t] = Σ_u dy[b, t, u] ∘ z[b, u]
//! ```

use crate::step::Step;
use crate::tape::{Backward, Operation, Var};
use crate::tensor::Tensor;

/// How two vectors are joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pairing {
    /// x + z.
    Sum,
    /// x ∘ z.
    Product,
}

/// Records all pairs of vectors.
///
/// # Shapes
///
/// - `x`: (batch, times, width); `z`: (batch, nodes, width)
/// - result: (batch, times, nodes, width)
///
/// # Panics
///
/// If the shapes do not agree.
#[track_caller]
pub fn pairwise(step: &mut Step<'_>, x: Var, z: Var, pairing: Pairing) -> Var {
    let (&[batch, times, width], &[others, nodes, other_width]) =
        (step.tape.value(x).shape(), step.tape.value(z).shape())
    else {
        panic!(
            "sequences of {:?} and {:?}",
            step.tape.value(x).shape(),
            step.tape.value(z).shape()
        );
    };
    assert!(
        batch == others && width == other_width,
        "sequences of {:?} and {:?} do not pair",
        step.tape.value(x).shape(),
        step.tape.value(z).shape()
    );
    let shape = Shape { times, nodes, width };
    let mut out = step.tape.scratch(batch * times * nodes * width);
    shape.each(&mut out, step.tape.value(x).data(), step.tape.value(z).data(), |y, x, z| {
        match pairing {
            Pairing::Sum => y.iter_mut().zip(x).zip(z).for_each(|((y, x), z)| *y = x + z),
            Pairing::Product => y.iter_mut().zip(x).zip(z).for_each(|((y, x), z)| *y = x * z),
        }
    });
    let needs_gradient = step.tape.needs_gradient(x) || step.tape.needs_gradient(z);
    let value = Tensor::new(&[batch, times, nodes, width], out);
    step.tape.record(value, needs_gradient, Pairwise { x, z, shape, pairing })
}

#[derive(Clone, Copy, Debug)]
struct Shape {
    times: usize,
    nodes: usize,
    width: usize,
}

impl Shape {
    /// Calls `f` with the vectors y[b, t, u], x[b, t], z[b, u].
    fn each(&self, y: &mut [f32], x: &[f32], z: &[f32], f: impl Fn(&mut [f32], &[f32], &[f32])) {
        let Self { times, nodes, width } = *self;
        for (index, y) in y.chunks_exact_mut(width.max(1)).enumerate() {
            let (row, u) = (index / nodes, index % nodes);
            let z = &z[(row / times * nodes + u) * width..][..width];
            f(y, &x[row * width..][..width], z);
        }
    }
}

#[derive(Debug)]
struct Pairwise {
    x: Var,
    z: Var,
    shape: Shape,
    pairing: Pairing,
}

impl Operation for Pairwise {
    fn backward(&mut self, gradient: &mut [f32], context: &mut Backward<'_>) {
        let Shape { times, nodes, width } = self.shape;
        let (x, z) = (context.value(self.x).data(), context.value(self.z).data());
        let product = self.pairing == Pairing::Product;
        // The vectors of the pair at `index`: x[b, t] starts at .0, z[b, u] at .1.
        let pair = |index: usize| {
            let (row, u) = (index / nodes, index % nodes);
            (row * width, (row / times * nodes + u) * width)
        };
        for (var, of_x) in [(self.x, true), (self.z, false)] {
            context.accumulate(var, |sum, _| {
                for (index, g) in gradient.chunks_exact(width.max(1)).enumerate() {
                    let (at_x, at_z) = pair(index);
                    let (at, other) = if of_x {
                        (at_x, &z[at_z..][..width])
                    } else {
                        (at_z, &x[at_x..][..width])
                    };
                    let sum = &mut sum[at..][..width];
                    if product {
                        sum.iter_mut().zip(g).zip(other).for_each(|((s, g), o)| *s += g * o);
                    } else {
                        sum.iter_mut().zip(g).for_each(|(s, g)| *s += g);
                    }
                }
            });
        }
    }
}
