//! Dropout: elements set to zero at random while training.
//!
//! ```text
//! y_i = m_i · x_i / (1 − p)      m_i = 0 with probability p, else 1      dx_i = m_i · dy_i / (1 − p)
//! ```
//!
//! Source: Srivastava et al., JMLR 15 (2014), in the inverted form, which leaves evaluation alone.

use crate::pass::Mode;
use crate::step::Step;
use crate::tape::{Backward, Operation, Var};
use crate::tensor::Tensor;

/// Records y; where nothing is trained, or with `probability` 0, x itself.
///
/// The mask is drawn from the child `name` of the pass's seed, by position in the batch.
///
/// # Panics
///
/// Unless 0 ≤ `probability` < 1.
#[track_caller]
pub fn dropout(step: &mut Step<'_>, name: &str, x: Var, probability: f32) -> Var {
    assert!((0.0..1.0).contains(&probability), "{probability} is no probability below 1");
    if step.pass.mode != Mode::Train || probability == 0.0 {
        return x;
    }
    let mut out = step.tape.scratch(step.tape.value(x).data().len());
    let value = step.tape.value(x);
    let batch = value.shape().first().copied().unwrap_or(1).max(1);
    let first = step.pass.first_row * (out.len() / batch) as u64;
    let mut words = vec![0; out.len()];
    step.pass.seed.child(name).child("dropout").stream().fill_words(first, &mut words);
    // P(word < t) = t / 2^32: the probability to the nearest 2^−32.
    let threshold = (f64::from(probability) * 2f64.powi(32)).round() as u32;
    let kept = 1.0 / (1.0 - probability);
    let mask: Vec<f32> =
        words.iter().map(|&word| if word < threshold { 0.0 } else { kept }).collect();
    for ((y, x), m) in out.iter_mut().zip(value.data()).zip(&mask) {
        *y = m * x;
    }
    let value = Tensor::new(value.shape(), out);
    let needs_gradient = step.tape.needs_gradient(x);
    step.tape.record(value, needs_gradient, Dropout { x, mask })
}

#[derive(Debug)]
struct Dropout {
    x: Var,
    mask: Vec<f32>,
}

impl Operation for Dropout {
    fn backward(&mut self, gradient: &mut [f32], context: &mut Backward<'_>) {
        context.accumulate(self.x, |dx, _| {
            dx.iter_mut().zip(&*gradient).zip(&self.mask).for_each(|((dx, dy), m)| *dx += m * dy);
        });
    }
}
