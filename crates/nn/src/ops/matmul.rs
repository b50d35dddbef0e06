//! Products of two activations, in f32.

use crate::float_gemm::{self, Operand};
use crate::step::Step;
use crate::tape::{Backward, Operation, Var};
use crate::tensor::Tensor;
use numerics::Par;

/// A factor of [`matmul`]: a variable, or its transpose in the last two axes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Factor {
    var: Var,
    transposed: bool,
}

impl From<Var> for Factor {
    fn from(var: Var) -> Self {
        Self { var, transposed: false }
    }
}

impl Factor {
    /// The transpose of `var` in its last two axes.
    pub fn t(var: Var) -> Self {
        Self { var, transposed: true }
    }
}

/// Records A·B, matrix by matrix.
///
/// # Shapes
///
/// - `a`: (…, m, k) and `b`: (…, k, n) after transposition, with the same leading axes; or `b`:
///   (k, n), which then multiplies every matrix of `a`
/// - result: (…, m, n)
///
/// # Panics
///
/// If the shapes do not agree.
#[track_caller]
pub fn matmul(step: &mut Step<'_>, a: impl Into<Factor>, b: impl Into<Factor>) -> Var {
    let (a, b) = (a.into(), b.into());
    let (a_shape, b_shape) = (step.tape.value(a.var).shape(), step.tape.value(b.var).shape());
    assert!(
        a_shape.len() >= 2 && b_shape.len() >= 2,
        "factors are matrices, not {a_shape:?} and {b_shape:?}"
    );
    let leading = &a_shape[..a_shape.len() - 2];
    let shared = b_shape.len() == 2 && !leading.is_empty();
    assert!(
        shared || leading == &b_shape[..b_shape.len() - 2],
        "the batches of {a_shape:?} and {b_shape:?} differ"
    );
    let matrix = |shape: &[usize], transposed: bool| {
        let [rows, cols] = [shape[shape.len() - 2], shape[shape.len() - 1]];
        if transposed { [cols, rows] } else { [rows, cols] }
    };
    let [m, k] = matrix(a_shape, a.transposed);
    let [inner, n] = matrix(b_shape, b.transposed);
    assert_eq!(k, inner, "cannot multiply matrices of {a_shape:?} by those of {b_shape:?}");
    let count: usize = leading.iter().product();
    let shape: Vec<usize> = leading.iter().copied().chain([m, n]).collect();
    let mut out = step.tape.scratch(count * m * n);
    let needs_gradient = step.tape.needs_gradient(a.var) || step.tape.needs_gradient(b.var);
    let product = Matmul { a, b, shared, count, m, k, n };
    let (x, y) = (step.tape.value(a.var).data(), step.tape.value(b.var).data());
    each(&mut out, m * n, count, step.pass.par, |i, out, par| {
        float_gemm::matmul(out, product.a(x, i), product.b(y, i), false, par);
    });
    step.tape.record(Tensor::new(&shape, out), needs_gradient, product)
}

/// Calls `f` for each of `count` chunks. Threads go to the chunks, or to the product if there is
/// only one.
fn each(
    data: &mut [f32],
    len: usize,
    count: usize,
    par: Par,
    f: impl Fn(usize, &mut [f32], Par) + Sync,
) {
    if count == 1 {
        f(0, data, par);
    } else if len > 0 {
        par.for_each_chunk(data, len, |i, chunk| f(i, chunk, Par::Seq));
    }
}

/// `count` products of (m, k) and (k, n); all have the same second factor if it is `shared`.
#[derive(Debug)]
struct Matmul {
    a: Factor,
    b: Factor,
    shared: bool,
    count: usize,
    m: usize,
    k: usize,
    n: usize,
}

impl Matmul {
    fn a<'x>(&self, x: &'x [f32], i: usize) -> Operand<'x> {
        operand(x, i, self.m, self.k, self.a.transposed)
    }

    fn b<'x>(&self, x: &'x [f32], i: usize) -> Operand<'x> {
        operand(x, if self.shared { 0 } else { i }, self.k, self.n, self.b.transposed)
    }
}

/// The `i`-th (rows, cols) matrix of `x`, where it may be stored transposed.
fn operand(x: &[f32], i: usize, rows: usize, cols: usize, transposed: bool) -> Operand<'_> {
    let x = &x[i * rows * cols..(i + 1) * rows * cols];
    if transposed { Operand::new(x, cols, rows).t() } else { Operand::new(x, rows, cols) }
}

impl Operation for Matmul {
    fn backward(&mut self, gradient: &mut [f32], context: &mut Backward<'_>) {
        let Self { a, b, shared, count, m, k, n } = *self;
        let par = context.pass.par;
        let dy = |i| operand(gradient, i, m, n, false);
        if context.needs_gradient(a.var) {
            let y = context.value(b.var).data();
            let mut dx = context.scratch(count * m * k);
            each(&mut dx, m * k, count, par, |i, out, par| {
                // dA = dY·Bᵀ, or its transpose B·dYᵀ.
                let (left, right) = (dy(i), self.b(y, i).t());
                let (left, right) =
                    if a.transposed { (right.t(), left.t()) } else { (left, right) };
                float_gemm::matmul(out, left, right, false, par);
            });
            context.give(a.var, dx);
        }
        if context.needs_gradient(b.var) {
            let x = context.value(a.var).data();
            let matrices = if shared { 1 } else { count };
            let mut dx = context.scratch(matrices * k * n);
            // dB = Aᵀ·dY, or its transpose dYᵀ·A.
            let product = |i, out: &mut [f32], add, par| {
                let (left, right) = (self.a(x, i).t(), dy(i));
                let (left, right) =
                    if b.transposed { (right.t(), left.t()) } else { (left, right) };
                float_gemm::matmul(out, left, right, add, par);
            };
            if shared {
                dx.fill(0.0);
                (0..count).for_each(|i| product(i, &mut dx, true, par));
            } else {
                each(&mut dx, k * n, count, par, |i, out, par| product(i, out, false, par));
            }
            context.give(b.var, dx);
        }
    }
}
