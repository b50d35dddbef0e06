//! y = x·Wᵀ + b through whichever arithmetic holds W, over rows or over patches of images.

use std::sync::Arc;

use crate::arithmetic::input::Input;
use crate::arithmetic::multiply::Used;
use crate::linear_map::LinearMap;
use crate::rows::{Patches, Rows, Window};
use crate::step::{Source, Step};
use crate::tape::{Backward, Operation, Var};
use crate::tensor::Tensor;

/// Records y = x·Wᵀ + b.
///
/// # Shapes
///
/// - `x`: (…, in); the first axis is the batch
/// - result: (…, out)
///
/// # Panics
///
/// If the last axis of `x` is not the map's input.
#[track_caller]
pub fn linear(step: &mut Step<'_>, map: &Arc<LinearMap>, x: Var) -> Var {
    let (count, inputs) = step.tape.value(x).as_matrix();
    assert_eq!(inputs, map.inputs(), "{} takes {} inputs, not {inputs}", map.name(), map.inputs());
    let mut shape = step.tape.value(x).shape().to_vec();
    *shape.last_mut().expect("as_matrix has seen a last axis") = map.outputs();
    let batch = if shape.len() > 1 { shape[0] } else { 1 };
    record(step, map, x, Rows::Matrix { batch, rows: count, inputs }, &shape)
}

/// Records the convolution of images with W, which reads (tap_y, tap_x, channel) of each window.
///
/// ```text
/// y[b, i, j, o] = b[o] + Σ_{p, q, c} x[b, i·s + p·d − padding, j·s + q·d − padding, c] · W[o, p, q, c]
/// ```
///
/// # Shapes
///
/// - `x`: (batch, height, width, in)
/// - result: (batch, height′, width′, out), see [`Window::output`]
///
/// # Panics
///
/// If `x` is not a batch of images, or the taps and channels are not the map's input.
#[track_caller]
pub fn convolution(step: &mut Step<'_>, map: &Arc<LinearMap>, window: &Window, x: Var) -> Var {
    let shape = step.tape.value(x).image_shape();
    let [batch, height, width, channels] = shape;
    assert_eq!(
        window.taps() * channels,
        map.inputs(),
        "{} takes {} inputs, not {:?} × {channels}",
        map.name(),
        map.inputs(),
        window.kernel
    );
    let [out_y, out_x] = window.output([height, width]);
    let rows = if window.taps() == 1 && window.stride == [1; 2] && window.padding == [0; 2] {
        Rows::Matrix { batch, rows: batch * height * width, inputs: channels }
    } else {
        Rows::Patches(Patches::new(window, shape))
    };
    record(step, map, x, rows, &[batch, out_y, out_x, map.outputs()])
}

fn record(step: &mut Step<'_>, map: &Arc<LinearMap>, x: Var, rows: Rows, shape: &[usize]) -> Var {
    let len = rows.count() * map.outputs();
    if step.surveys(map, &rows) {
        return step.tape.constant(Tensor::new(shape, vec![0.0; len]));
    }
    let mut y = step.scratch(len);
    let used = step.multiply(map, Source::Var(x), &rows, &mut y, step.pass);
    let operation = Linear { map: Arc::clone(map), x, rows, used };
    step.tape.record(Tensor::new(shape, y), true, operation)
}

#[derive(Debug)]
struct Linear {
    map: Arc<LinearMap>,
    x: Var,
    rows: Rows,
    used: Used,
}

impl Operation for Linear {
    fn backward(&mut self, gradient: &mut [f32], context: &mut Backward<'_>) {
        let Self { map, x: var, rows, used } = self;
        let in_leaves = context.leaves().is_cut();
        let x = Input { values: context.value(*var).data(), rows: *rows, in_leaves };
        let mut dx = context.needs_gradient(*var).then(|| context.scratch(x.values.len()));
        map.propagate(used, &x, gradient, dx.as_deref_mut(), context);
        map.accumulate_one(used, &x, gradient, context);
        if let Some(dx) = dx {
            context.give(*var, dx);
        }
    }

    fn recycle(self: Box<Self>, spare: &mut Vec<Vec<f32>>) {
        self.map.recycle(self.used, spare);
    }
}
