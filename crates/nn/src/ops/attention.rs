//! Scaled dot-product attention with several heads, as one operation.
//!
//! ```text
//! S = Q·Kᵀ / √d,   P = softmax(S) over the visible keys,   O = P·V          per head of width d
//! dV = Pᵀ·dO,   dP = dO·Vᵀ,   dS = P∘(dP − Σ P∘dP),   dQ = dS·K / √d,   dK = dSᵀ·Q / √d
//! ```
//!
//! A head is a stretch of columns of Q, K, V and O, read where it lies: nothing is transposed or
//! copied. The products of two activations are digital, in f32.
//!
//! Source: Vaswani et al., Attention is all you need, NeurIPS 2017, §3.2.

use numerics::Seed;

use crate::float_gemm::{Operand, matmul_into_columns};
use crate::functions::{self, dot, vectorised};
use crate::pass::Mode;
use crate::step::Step;
use crate::tape::{Backward, Operation, Var};
use crate::tensor::Tensor;

/// Which keys a query sees.
#[derive(Clone, Copy, Debug, Default)]
pub struct Mask<'a> {
    /// Number of keys of each sequence of the batch, the first ones; all if not given.
    pub lengths: Option<&'a [usize]>,
    /// A query sees only keys that are not later than itself; the last query sees all keys.
    pub causal: bool,
}

/// Records attention. A query that sees no key gives zeros.
///
/// In training each probability is set to zero with probability `dropout` and otherwise divided by
/// 1 − `dropout`; the random bits are those of `seed`, a child of the pass.
///
/// # Shapes
///
/// - `query` and result: (batch, queries, width); `key` and `value`: (batch, keys, width)
///
/// # Panics
///
/// If the shapes do not agree, `heads` does not divide the width, or `dropout` is not in [0, 1).
#[track_caller]
pub fn attention(
    step: &mut Step<'_>,
    [query, key, value]: [Var; 3],
    heads: usize,
    mask: Mask<'_>,
    (dropout, seed): (f32, &Seed),
) -> Var {
    let sequence = |var: Var| {
        let &[batch, time, width] = step.tape.value(var).shape() else {
            panic!("a sequence is (batch, time, width), not {:?}", step.tape.value(var).shape());
        };
        (batch, time, width)
    };
    let (batch, queries, width) = sequence(query);
    let (_, keys, _) = sequence(key);
    assert!(
        sequence(key) == (batch, keys, width) && sequence(value) == (batch, keys, width),
        "queries {:?}, keys {:?} and values {:?} do not fit",
        sequence(query),
        sequence(key),
        sequence(value)
    );
    assert!(heads > 0 && width % heads == 0, "{heads} heads do not divide a width of {width}");
    assert!((0.0..1.0).contains(&dropout), "the dropout is {dropout}, not in [0, 1)");
    let lengths = match mask.lengths {
        Some(lengths) => {
            assert!(
                lengths.len() == batch && lengths.iter().all(|&l| l <= keys),
                "lengths {lengths:?} do not fit a batch of {batch} with {keys} keys"
            );
            lengths.to_vec()
        }
        None => vec![keys; batch],
    };
    let shape = Shape { batch, heads, queries, keys, width };
    let [q, k, v] = [query, key, value];
    let mut probabilities = step.tape.scratch(shape.scores() * batch);
    let mut output = step.tape.scratch(batch * queries * width);
    let par = step.pass.par;
    {
        let (q, k) = (step.tape.value(q).data(), step.tape.value(k).data());
        par.for_each_chunk(&mut probabilities, shape.scores().max(1), |b, p| {
            let (q, k) = (shape.queries_of(q, b), shape.keys_of(k, b));
            for head in 0..heads {
                let p = &mut p[head * queries * keys..][..queries * keys];
                let (q, k) = (shape.head(q, head), shape.head(k, head).t());
                matmul_into_columns(p, (keys, 0), shape.scale(), q, k);
                for (query, row) in p.chunks_exact_mut(keys.max(1)).enumerate() {
                    // Signed, for there may be more queries than keys.
                    let past = (keys + query + 1).saturating_sub(queries);
                    let visible = if mask.causal { past.min(lengths[b]) } else { lengths[b] };
                    let (visible, hidden) = row.split_at_mut(visible);
                    hidden.fill(0.0);
                    vectorised!(functions::softmax(visible));
                }
            }
        });
    }
    let dropped = (step.pass.mode == Mode::Train && dropout > 0.0).then(|| {
        let mut dropped = step.tape.scratch(probabilities.len());
        dropped.copy_from_slice(&probabilities);
        let first = step.pass.first_row * shape.scores() as u64;
        let stream = seed.stream();
        // Kept if a word of 32 bits is at least this.
        let threshold = (f64::from(dropout) * 4_294_967_296.0) as u32;
        let scale = 1.0 / (1.0 - dropout);
        par.for_each_chunk(&mut dropped, 4096, |chunk, p| {
            let mut words = vec![0; p.len()];
            stream.fill_words(first + (chunk * 4096) as u64, &mut words);
            for (p, word) in p.iter_mut().zip(words) {
                *p = if word >= threshold { *p * scale } else { 0.0 };
            }
        });
        dropped
    });
    {
        let weights = dropped.as_ref().unwrap_or(&probabilities);
        let v = step.tape.value(v).data();
        par.for_each_chunk(&mut output, (queries * width).max(1), |b, out| {
            let v = shape.keys_of(v, b);
            for head in 0..heads {
                let p = shape.scores_of(weights, b, head);
                matmul_into_columns(out, shape.columns(head), 1.0, p, shape.head(v, head));
            }
        });
    }
    let needs_gradient = [q, k, v].iter().any(|&var| step.tape.needs_gradient(var));
    let value = Tensor::new(&[batch, queries, width], output);
    let operation = Attention { q, k, v, shape, probabilities, dropped };
    step.tape.record(value, needs_gradient, operation)
}

#[derive(Clone, Copy, Debug)]
struct Shape {
    batch: usize,
    heads: usize,
    queries: usize,
    keys: usize,
    width: usize,
}

impl Shape {
    /// Number of scores of one sequence.
    fn scores(&self) -> usize {
        self.heads * self.queries * self.keys
    }

    fn scale(&self) -> f32 {
        1.0 / ((self.width / self.heads) as f32).sqrt()
    }

    /// (width, first column) of a head.
    fn columns(&self, head: usize) -> (usize, usize) {
        (self.width, head * (self.width / self.heads))
    }

    /// The columns of a head.
    fn head<'a>(&self, x: Operand<'a>, head: usize) -> Operand<'a> {
        x.columns(self.columns(head).1, self.width / self.heads)
    }

    fn queries_of<'a>(&self, x: &'a [f32], b: usize) -> Operand<'a> {
        let len = self.queries * self.width;
        Operand::new(&x[b * len..(b + 1) * len], self.queries, self.width)
    }

    fn keys_of<'a>(&self, x: &'a [f32], b: usize) -> Operand<'a> {
        let len = self.keys * self.width;
        Operand::new(&x[b * len..(b + 1) * len], self.keys, self.width)
    }

    fn scores_of<'a>(&self, x: &'a [f32], b: usize, head: usize) -> Operand<'a> {
        let len = self.queries * self.keys;
        Operand::new(&x[(b * self.heads + head) * len..][..len], self.queries, self.keys)
    }
}

/// Probabilities (batch, head, query, key) before and, if there is one, after dropout.
#[derive(Debug)]
struct Attention {
    q: Var,
    k: Var,
    v: Var,
    shape: Shape,
    probabilities: Vec<f32>,
    dropped: Option<Vec<f32>>,
}

impl Operation for Attention {
    fn backward(&mut self, gradient: &mut [f32], context: &mut Backward<'_>) {
        let shape = self.shape;
        let Shape { batch, heads, queries, keys, width } = shape;
        let par = context.pass.par;
        let [q, k, v] = [self.q, self.k, self.v].map(|var| context.value(var).data());
        let weights = self.dropped.as_ref().unwrap_or(&self.probabilities);
        let mut ds = context.scratch(batch * shape.scores());
        par.for_each_chunk(&mut ds, shape.scores().max(1), |b, ds| {
            let (d_out, v) = (shape.queries_of(gradient, b), shape.keys_of(v, b));
            for head in 0..heads {
                let at = head * queries * keys;
                let ds = &mut ds[at..][..queries * keys];
                let (d_out, v) = (shape.head(d_out, head), shape.head(v, head).t());
                matmul_into_columns(ds, (keys, 0), 1.0, d_out, v);
                let at = b * shape.scores() + at;
                let rows = ds
                    .chunks_exact_mut(keys.max(1))
                    .zip(self.probabilities[at..].chunks_exact(keys.max(1)))
                    .zip(weights[at..].chunks_exact(keys.max(1)));
                vectorised!({
                    for ((ds, p), w) in rows {
                        // A dropped weight carries nothing back: w∘dw is p∘dp.
                        let mean = dot(ds, w);
                        for ((ds, p), w) in ds.iter_mut().zip(p).zip(w) {
                            *ds = *ds * w - mean * p;
                        }
                    }
                });
            }
        });
        type Product<'a> = &'a (dyn Fn(usize, usize) -> (Operand<'a>, Operand<'a>) + Sync);
        let shares: [(Var, usize, f32, Product<'_>); 3] = [
            (self.q, queries, shape.scale(), &|b, head| {
                (shape.scores_of(&ds, b, head), shape.head(shape.keys_of(k, b), head))
            }),
            (self.k, keys, shape.scale(), &|b, head| {
                (shape.scores_of(&ds, b, head).t(), shape.head(shape.queries_of(q, b), head))
            }),
            (self.v, keys, 1.0, &|b, head| {
                let d_out = shape.queries_of(gradient, b);
                (shape.scores_of(weights, b, head).t(), shape.head(d_out, head))
            }),
        ];
        for (var, times, scale, product) in shares {
            if !context.needs_gradient(var) {
                continue;
            }
            let mut share = context.scratch(batch * times * width);
            par.for_each_chunk(&mut share, (times * width).max(1), |b, out| {
                for head in 0..heads {
                    let (left, right) = product(b, head);
                    matmul_into_columns(out, shape.columns(head), scale, left, right);
                }
            });
            context.give(var, share);
        }
        context.recycle(ds);
    }

    fn recycle(self: Box<Self>, spare: &mut Vec<Vec<f32>>) {
        spare.push(self.probabilities);
        spare.extend(self.dropped);
    }
}
