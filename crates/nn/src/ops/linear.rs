//! y = x·Wᵀ + b through whichever arithmetic holds W, over rows or over patches of images.

use std::sync::Arc;

use crate::linear_map::{Operand, Patches, Rows, Window};
use crate::tape::{Backward, Operation, Shown};
use crate::{LinearMap, Pass, Step, Tensor, Var};

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
    let pass = step.pass;
    if step.tape.surveys(map, rows.count(), rows.taps()) {
        return step.tape.constant(Tensor::new(shape, vec![0.0; rows.count() * map.outputs()]));
    }
    map.assert_own(step.parameters, step.tape);
    let weights = map.step_weights(step.tape, step.parameters, &pass);
    let mut y = step.tape.scratch(rows.count() * map.outputs());
    let kept = step.tape.scratch(map.kept(&rows, &pass));
    let x_data = step.tape.value(x).data();
    let weights = weights.as_ref();
    let operand = map.forward(step.parameters, weights, x_data, &rows, &mut y, kept, &pass);
    step.tape.show(map, Shown::Var(x), &rows, &y, &operand);
    let operation = Linear { map: Arc::clone(map), x, rows, operand, pass };
    step.tape.record(Tensor::new(shape, y), true, operation)
}

#[derive(Debug)]
struct Linear {
    map: Arc<LinearMap>,
    x: Var,
    rows: Rows,
    operand: Operand,
    /// That of the forward pass: a map that is used several times draws other bits each time.
    pass: Pass,
}

impl Operation for Linear {
    fn backward(&self, gradient: &[f32], context: &mut Backward<'_>) {
        let x = context.value(self.x).data();
        let (map, operand, rows, pass) = (&self.map, &self.operand, &self.rows, &self.pass);
        let errors = map.take_errors(context, operand, gradient, rows, pass);
        map.accumulate_use(context.parameters, operand, gradient);
        map.accumulate_gradient(context, operand, x, rows, &errors, pass);
        let wanted = context.needs_gradient(self.x);
        let mut dx = None;
        if wanted {
            let mut errors_of_x = context.scratch(x.len());
            map.propagate(context.parameters, operand, rows, &errors, &mut errors_of_x, pass);
            dx = Some(errors_of_x);
        } else if map.needs_input_gradient(operand, x) {
            let mut errors_of_x = context.scratch(x.len());
            map.propagate_for_range(operand, x, rows, &errors, &mut errors_of_x, pass);
            dx = Some(errors_of_x);
        }
        errors.recycle(context);
        map.accumulate_range(context.parameters, operand, x, dx.as_deref(), context.loss_scale);
        match dx {
            Some(dx) if wanted => context.give(self.x, dx),
            Some(dx) => context.recycle(dx),
            None => {}
        }
    }

    fn recycle(self: Box<Self>, spare: &mut Vec<Vec<f32>>) {
        spare.extend(self.operand.into_buffer());
    }
}
