//! Batch normalisation, with what usually follows it in the same pass over memory.
//!
//! ```text
//! μ, σ² = mean and variance of each channel over all rows         (training)
//!         the running statistics                                  (evaluation)
//! x̂ = (x − μ) / √(σ² + ε)
//! y = f(γ·x̂ + β + r)            r: a residual, if there is one;  f: ReLU, if wanted, or nothing
//!
//! δ  = dy·f′,   dβ = Σ δ,   dγ = Σ δ·x̂,   dr = δ
//! dx = γ / √(σ² + ε) · (δ − dβ/n − x̂·dγ/n)                        (training; n rows)
//! dx = γ / √(σ² + ε) · δ                                          (evaluation)
//! ```
//!
//! Everything is f32 under every arithmetic. Sums run over blocks of rows in f32 and over the
//! blocks in f64, in their order, so threads do not change a result. x̂ is computed again in the
//! backward pass, so that only x and y are kept.
//!
//! Source: Ioffe and Szegedy, arXiv:1502.03167, Alg. 1.
//!
//! Assumed: a digital unit normalises; [Gupta15] has no normalisation.

use std::ops::Range;

use numerics::Par;

use crate::leaves::Leaves;
use crate::parameters::{ParameterId, StateId};
use crate::pass::Mode;
use crate::step::Step;
use crate::tape::{Backward, Operation, Var};
use crate::tensor::Tensor;

/// What a normalisation learns and remembers.
#[derive(Clone, Copy, Debug)]
pub struct BatchNormState {
    /// γ, one per channel.
    pub scale: ParameterId,
    /// β, one per channel.
    pub shift: ParameterId,
    /// The running mean.
    pub mean: StateId,
    /// The running variance, that of an unbiased estimate.
    pub variance: StateId,
    /// ε, added to the variance.
    pub epsilon: f32,
    /// How much of a batch's statistics enters the running ones.
    pub momentum: f32,
}

/// Records y, and proposes new running statistics while training.
///
/// # Shapes
///
/// - `x`: (…, channels), all but the last axis being rows
/// - `residual`: as `x`
/// - result: as `x`
///
/// # Panics
///
/// If the shapes do not agree, or there are fewer than two rows to train on.
#[track_caller]
pub fn batch_norm(
    step: &mut Step<'_>,
    state: &BatchNormState,
    x: Var,
    residual: Option<Var>,
    relu: bool,
) -> Var {
    let (rows, channels) = step.tape.value(x).as_matrix();
    let scale = step.parameters.get(state.scale).float();
    let shift = step.parameters.get(state.shift).float();
    assert_eq!(channels, scale.len(), "{channels} channels for {} scales", scale.len());
    let shape = step.tape.value(x).shape().to_vec();
    if let Some(residual) = residual {
        let other = step.tape.value(residual).shape();
        assert_eq!(other, shape, "a residual of shape {other:?} beside {shape:?}");
    }
    let (train, par) = (step.pass.mode == Mode::Train, step.pass.par);
    let (running_mean, running_variance) =
        (step.parameters.state(state.mean), step.parameters.state(state.variance));
    let (mean, variance) = if train {
        let (mean, variance, rows) =
            statistics(step.tape.value(x).data(), channels, step.leaves(), par);
        assert!(
            rows > 1,
            "a batch of {rows} rows has no variance: batch normalisation trains on at least two; \
             leave the last, smaller batch of an epoch out (drop_last)"
        );
        let unbiased = rows as f32 / (rows - 1) as f32;
        let blend = |old: &[f32], new: &[f32], factor: f32| -> Vec<f32> {
            let m = state.momentum;
            old.iter().zip(new).map(|(old, new)| (1.0 - m) * old + m * factor * new).collect()
        };
        let means = blend(running_mean, &mean, 1.0);
        let variances = blend(running_variance, &variance, unbiased);
        step.set_state(state.mean, means);
        step.set_state(state.variance, variances);
        (mean, variance)
    } else {
        (running_mean.to_vec(), running_variance.to_vec())
    };
    let inverse: Vec<f32> = variance.iter().map(|v| (v + state.epsilon).sqrt().recip()).collect();
    // y = a·x + b
    let a: Vec<f32> = scale.iter().zip(&inverse).map(|(g, i)| g * i).collect();
    let b: Vec<f32> = (shift.iter().zip(&a).zip(&mean)).map(|((s, a), m)| s - a * m).collect();
    let mut out = step.tape.scratch(rows * channels);
    let data = step.tape.value(x).data();
    let residual_data = residual.map(|r| step.tape.value(r).data());
    apply(data, residual_data, (&a, &b), relu, &mut out, par);
    let needs_gradient = true;
    let operation = BatchNorm {
        x,
        residual,
        relu,
        scale: state.scale,
        shift: state.shift,
        mean,
        inverse,
        train,
    };
    step.tape.record(Tensor::new(&shape, out), needs_gradient, operation)
}

/// Rows whose sums are taken in f32.
const BLOCK: usize = 64;

/// Mean and (biased) variance of every channel, and the number of rows.
fn statistics(
    x: &[f32],
    channels: usize,
    leaves: &Leaves,
    par: Par,
) -> (Vec<f32>, Vec<f32>, usize) {
    let count = x.len() / channels.max(1);
    if !leaves.is_cut() {
        let (origin, [first, second]) = moments(x, channels, par);
        let rows = count.max(1) as f64;
        let mean = |i: usize| first[i] / rows;
        let means = (0..channels).map(|i| (f64::from(origin[i]) + mean(i)) as f32).collect();
        let variances =
            (0..channels).map(|i| (second[i] / rows - mean(i) * mean(i)).max(0.0) as f32);
        return (means, variances.collect(), count);
    }
    // Each leaf has a first row of its own, so they are added about zero: Σ x and Σ x² in f64, which
    // have digits to spare for the difference of the squares.
    let sums = leaves.sums(count, 2 * channels + 1, |rows, sums| {
        let x = &x[rows.start * channels..rows.end * channels];
        let (origin, moments) = moments(x, channels, par);
        let n = rows.len() as f64;
        for (i, &o) in origin.iter().enumerate() {
            let (o, first, second) = (f64::from(o), moments[0][i], moments[1][i]);
            sums[i] = first + n * o;
            sums[channels + i] = second + o * (2.0 * first + n * o);
        }
        sums[2 * channels] = n;
    });
    let rows = sums[2 * channels];
    let mean = |i: usize| sums[i] / rows;
    let variance = |i: usize| (sums[channels + i] / rows - mean(i) * mean(i)).max(0.0) as f32;
    let means = (0..channels).map(|i| mean(i) as f32).collect();
    (means, (0..channels).map(variance).collect(), rows as usize)
}

/// The first row, about which sums lose little to cancellation, and Σ and Σ² of the differences from it.
fn moments(x: &[f32], channels: usize, par: Par) -> (Vec<f32>, [Vec<f64>; 2]) {
    let origin = x[..channels.min(x.len())].to_vec();
    let sums = block_sums(channels, x.len() / channels.max(1), par, |range, sums| {
        let (first, second) = sums.split_at_mut(channels);
        for row in x[range.start * channels..range.end * channels].chunks_exact(channels) {
            let terms = row.iter().zip(&origin).zip(first.iter_mut().zip(second.iter_mut()));
            terms.for_each(|((x, o), (first, second))| {
                let d = x - o;
                *first += d;
                *second += d * d;
            });
        }
    });
    (origin, sums)
}

/// Two sums per channel: f32 within a block of rows, f64 over the blocks.
fn block_sums(
    channels: usize,
    rows: usize,
    par: Par,
    add: impl Fn(Range<usize>, &mut [f32]) + Sync,
) -> [Vec<f64>; 2] {
    let mut sums = vec![0.0f32; 2 * channels * rows.div_ceil(BLOCK)];
    let blocks = (rows_per_part(channels) / BLOCK).max(1);
    par.for_each_chunk(&mut sums, (blocks * 2 * channels).max(1), |part, sums| {
        let blocks = (part * blocks..).zip(sums.chunks_exact_mut(2 * channels));
        blocks.for_each(|(block, sums)| add(block * BLOCK..rows.min((block + 1) * BLOCK), sums));
    });
    let mut totals = [vec![0.0; channels], vec![0.0; channels]];
    for sums in sums.chunks_exact((2 * channels).max(1)) {
        for (totals, sums) in totals.iter_mut().zip(sums.chunks_exact(channels)) {
            totals.iter_mut().zip(sums).for_each(|(total, &sum)| *total += f64::from(sum));
        }
    }
    totals
}

/// Rows that one thread takes at a time.
fn rows_per_part(channels: usize) -> usize {
    const ELEMENTS: usize = 32 << 10;
    (ELEMENTS / channels.max(1)).max(1)
}

/// max(y, floor), and NaN of NaN, which f32::max would hide.
#[inline(always)]
fn at_least(y: f32, floor: f32) -> f32 {
    if y < floor { floor } else { y }
}

/// y = f(a·x + b + r).
fn apply(
    x: &[f32],
    residual: Option<&[f32]>,
    (a, b): (&[f32], &[f32]),
    relu: bool,
    out: &mut [f32],
    par: Par,
) {
    let channels = a.len().max(1);
    let floor = if relu { 0.0 } else { f32::NEG_INFINITY };
    let part_len = rows_per_part(channels) * channels;
    par.for_each_chunk(out, part_len, |part, out| {
        let range = part * part_len..part * part_len + out.len();
        let residual = residual.map(|residual| &residual[range.clone()]);
        let rows = out.chunks_exact_mut(channels).zip(x[range].chunks_exact(channels));
        for (i, (out, x)) in rows.enumerate() {
            let terms = out.iter_mut().zip(x).zip(a.iter().zip(b));
            match residual {
                None => terms.for_each(|((y, x), (a, b))| *y = at_least(a * x + b, floor)),
                Some(residual) => {
                    let residual = &residual[i * channels..][..channels];
                    terms
                        .zip(residual)
                        .for_each(|(((y, x), (a, b)), r)| *y = at_least(a * x + b + r, floor));
                }
            }
        }
    });
}

#[derive(Debug)]
struct BatchNorm {
    x: Var,
    residual: Option<Var>,
    relu: bool,
    scale: ParameterId,
    shift: ParameterId,
    mean: Vec<f32>,
    inverse: Vec<f32>,
    train: bool,
}

impl Operation for BatchNorm {
    fn backward(&mut self, gradient: &mut [f32], context: &mut Backward<'_>) {
        let channels = self.mean.len();
        let rows = gradient.len() / channels.max(1);
        let (x, y) = (context.value(self.x).data(), context.output().data());
        // δ: the gradient where ReLU let the value through.
        let mut delta = context.scratch(gradient.len());
        let par = context.pass.par;
        let part_len = rows_per_part(channels) * channels.max(1);
        par.for_each_chunk(&mut delta, part_len, |part, delta| {
            let range = part * part_len..part * part_len + delta.len();
            if self.relu {
                let terms = delta.iter_mut().zip(&gradient[range.clone()]).zip(&y[range]);
                terms.for_each(|((d, &dy), &y)| *d = if y <= 0.0 { 0.0 } else { dy });
            } else {
                delta.copy_from_slice(&gradient[range]);
            }
        });
        let own_sums = |of: Range<usize>| {
            block_sums(channels, of.len(), par, |range, sums| {
                let (shift, scale) = sums.split_at_mut(channels);
                let range = (of.start + range.start) * channels..(of.start + range.end) * channels;
                let rows = x[range.clone()].chunks_exact(channels);
                for (x, d) in rows.zip(delta[range].chunks_exact(channels)) {
                    let terms = x.iter().zip(d).zip(&self.mean);
                    terms.zip(shift.iter_mut().zip(scale.iter_mut())).for_each(
                        |(((x, d), m), (shift, scale))| {
                            *shift += d;
                            *scale += d * (x - m);
                        },
                    );
                }
            })
        };
        // Σ δ, Σ δ (x − μ) and n over the whole batch.
        let sums = context.leaves().sums(rows, 2 * channels + 1, |of, sums| {
            sums[2 * channels] = of.len() as f64;
            for (sums, own) in sums.chunks_exact_mut(channels.max(1)).zip(own_sums(of)) {
                sums.copy_from_slice(&own);
            }
        });
        let (shift, scale) = sums[..2 * channels].split_at(channels);
        let scale: Vec<f32> =
            scale.iter().zip(&self.inverse).map(|(&s, &i)| s as f32 * i).collect();
        let shift: Vec<f32> = shift.iter().map(|&s| s as f32).collect();
        if context.needs_gradient(self.x) {
            // dx = a·δ + b·x + c, channel by channel.
            let gamma = context.parameters.get(self.scale).float();
            let n = if self.train { sums[2 * channels] as f32 } else { f32::INFINITY };
            let mut factors = vec![[0.0f32; 3]; channels];
            for (i, factors) in factors.iter_mut().enumerate() {
                let a = gamma[i] * self.inverse[i];
                let b = -a * self.inverse[i] * scale[i] / n;
                *factors = [a, b, -a * shift[i] / n - b * self.mean[i]];
            }
            let mut dx = context.scratch(gradient.len());
            par.for_each_chunk(&mut dx, part_len, |part, dx| {
                let range = part * part_len..part * part_len + dx.len();
                let channels = channels.max(1);
                let rows = x[range.clone()].chunks_exact(channels);
                let rows = rows.zip(delta[range].chunks_exact(channels));
                for (dx, (x, d)) in dx.chunks_exact_mut(channels).zip(rows) {
                    for (((dx, x), d), [a, b, c]) in dx.iter_mut().zip(x).zip(d).zip(&factors) {
                        *dx = a * d + (b * x + c);
                    }
                }
            });
            context.give(self.x, dx);
        }
        for (id, share) in [(self.scale, &scale), (self.shift, &shift)] {
            context.parameters.get_mut(id).accumulate(|gradient, add| {
                if !add {
                    gradient.fill(0.0);
                }
                gradient.iter_mut().zip(share).for_each(|(g, s)| *g += s);
            });
        }
        match self.residual {
            Some(residual) if context.needs_gradient(residual) => context.give(residual, delta),
            _ => context.recycle(delta),
        }
    }
}
