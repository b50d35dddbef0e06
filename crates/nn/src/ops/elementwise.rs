//! Sums, differences, products and multiples, element by element.
//!
//! The second operand may lack leading axes: it is then repeated along them, as a bias is along
//! the rows.
//!
//! ```text
//! y = a + b      da = dy        db = Σ dy over the repeats
//! y = a − b      da = dy        db = −Σ dy
//! y = a ∘ b      da = dy ∘ b    db = Σ dy ∘ a
//! y = s·a        da = s·dy
//! ```

use crate::step::Step;
use crate::tape::{Backward, Operation, Var};
use crate::tensor::Tensor;

/// Records a + b.
///
/// # Panics
///
/// Unless the shape of `b` is that of `a`, or its last axes; and if `b` is repeated and has a gradient,
/// where the batch is cut into leaves.
#[track_caller]
pub fn add(step: &mut Step<'_>, a: Var, b: Var) -> Var {
    binary(step, a, b, Kind::Add)
}

/// Records a − b.
///
/// # Panics
///
/// As [`add`].
#[track_caller]
pub fn sub(step: &mut Step<'_>, a: Var, b: Var) -> Var {
    binary(step, a, b, Kind::Sub)
}

/// Records a ∘ b, the elementwise product.
///
/// # Panics
///
/// As [`add`].
#[track_caller]
pub fn mul(step: &mut Step<'_>, a: Var, b: Var) -> Var {
    binary(step, a, b, Kind::Mul)
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Add,
    Sub,
    Mul,
}

#[track_caller]
fn binary(step: &mut Step<'_>, a: Var, b: Var, kind: Kind) -> Var {
    let (shape_a, shape_b) = (step.tape.value(a).shape(), step.tape.value(b).shape());
    assert!(
        shape_a.ends_with(shape_b),
        "a tensor of shape {shape_b:?} does not repeat to {shape_a:?}"
    );
    assert!(
        !(step.leaves().is_cut() && shape_a != shape_b && step.tape.needs_gradient(b)),
        "what is repeated for every example has no gradient where the batch is cut into leaves"
    );
    let mut out = step.tape.scratch(step.tape.value(a).data().len());
    let (x, y) = (step.tape.value(a), step.tape.value(b).data());
    if !out.is_empty() {
        for (out, x) in out.chunks_exact_mut(y.len()).zip(x.data().chunks_exact(y.len())) {
            let terms = out.iter_mut().zip(x).zip(y);
            match kind {
                Kind::Add => terms.for_each(|((out, x), y)| *out = x + y),
                Kind::Sub => terms.for_each(|((out, x), y)| *out = x - y),
                Kind::Mul => terms.for_each(|((out, x), y)| *out = x * y),
            }
        }
    }
    let value = Tensor::new(x.shape(), out);
    let needs_gradient = step.tape.needs_gradient(a) || step.tape.needs_gradient(b);
    step.tape.record(value, needs_gradient, Binary { a, b, kind })
}

#[derive(Debug)]
struct Binary {
    a: Var,
    b: Var,
    kind: Kind,
}

impl Operation for Binary {
    fn backward(&mut self, gradient: &mut [f32], context: &mut Backward<'_>) {
        let (a, b) = (context.value(self.a).data(), context.value(self.b).data());
        context.accumulate(self.a, |da, _| match self.kind {
            Kind::Add | Kind::Sub => da.iter_mut().zip(&*gradient).for_each(|(da, dy)| *da += dy),
            Kind::Mul => {
                for (da, dy) in da.chunks_mut(b.len().max(1)).zip(gradient.chunks(b.len().max(1))) {
                    da.iter_mut().zip(dy).zip(b).for_each(|((da, dy), b)| *da += dy * b);
                }
            }
        });
        context.accumulate(self.b, |db, _| {
            let n = db.len().max(1);
            for (dy, a) in gradient.chunks(n).zip(a.chunks(n)) {
                match self.kind {
                    Kind::Add => db.iter_mut().zip(dy).for_each(|(db, dy)| *db += dy),
                    Kind::Sub => db.iter_mut().zip(dy).for_each(|(db, dy)| *db -= dy),
                    Kind::Mul => {
                        db.iter_mut().zip(dy).zip(a).for_each(|((db, dy), a)| *db += dy * a);
                    }
                }
            }
        });
    }
}

/// Records `factor`·x.
pub fn scale(step: &mut Step<'_>, x: Var, factor: f32) -> Var {
    let mut out = step.tape.scratch(step.tape.value(x).data().len());
    out.iter_mut().zip(step.tape.value(x).data()).for_each(|(y, x)| *y = factor * x);
    let value = Tensor::new(step.tape.value(x).shape(), out);
    let needs_gradient = step.tape.needs_gradient(x);
    step.tape.record(value, needs_gradient, Scale { x, factor })
}

#[derive(Debug)]
struct Scale {
    x: Var,
    factor: f32,
}

impl Operation for Scale {
    fn backward(&mut self, gradient: &mut [f32], context: &mut Backward<'_>) {
        context.accumulate(self.x, |dx, _| {
            dx.iter_mut().zip(&*gradient).for_each(|(dx, dy)| *dx += self.factor * dy);
        });
    }
}
