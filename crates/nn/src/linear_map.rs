//! [`LinearMap`]: y = x·Wᵀ + b with W held and multiplied by one arithmetic.
//!
//! The four places where an arithmetic acts are the four methods: the forward product, the
//! taking of errors, the gradient product and the backward product.

use numerics::{Codes, FixedMatrix, FixedView, Product, Quantizer, Rounding, Seed};

use crate::float_gemm::{Operand as FloatOperand, matmul};
use crate::{Arithmetic, ParameterId, Parameters, Pass, Storage};

/// y = x·Wᵀ + b, W of shape (out, in).
///
/// It names its parameters and its arithmetic; the numbers live in [`Parameters`].
#[derive(Clone, Debug)]
pub struct LinearMap {
    name: String,
    outputs: usize,
    inputs: usize,
    weight: ParameterId,
    bias: Option<ParameterId>,
    arithmetic: Arithmetic,
    readout: Readout,
}

/// What leaves a map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readout {
    /// The output of a layer, in the arithmetic's output numbers.
    Layer,
    /// Logits: the sums before their rounding, for a softmax in f32.
    ///
    /// Assumed: [Gupta15] counts the softmax's probabilities as the last layer's Y. Rounding the
    /// logits to ⟨2, 14⟩ would clip them to [−2, 2) and training would fail.
    Wide,
}

/// What the forward pass keeps of x for the gradient.
#[derive(Debug)]
pub(crate) enum Operand {
    /// x itself, which the tape keeps.
    Tape,
    /// The codes that were multiplied.
    Fixed(Codes),
}

/// The errors δ of a map's outputs, in the arithmetic's numbers.
#[derive(Debug)]
pub(crate) enum Errors<'a> {
    Float(&'a [f32]),
    Fixed(Codes),
}

impl LinearMap {
    /// Adds W and b (if `bias`) to `parameters`, with the initial values `weight` and zeros.
    ///
    /// # Panics
    ///
    /// Unless there are `outputs · inputs` weights, and the names are new.
    #[track_caller]
    pub fn new(
        parameters: &mut Parameters,
        arithmetic: &Arithmetic,
        name: &str,
        (outputs, inputs): (usize, usize),
        weight: &[f32],
        bias: bool,
        readout: Readout,
    ) -> Self {
        assert_eq!(
            weight.len(),
            outputs * inputs,
            "{} weights for {name}, which is {outputs} × {inputs}",
            weight.len()
        );
        let bias_values = vec![0.0; outputs];
        let (weight, bias_storage) = match arithmetic {
            Arithmetic::Float32 => (float_storage(weight), float_storage(&bias_values)),
            Arithmetic::FixedPoint(config) => {
                let s = config.signals();
                (
                    fixed_storage(weight, outputs, inputs, s.weight, s.weight_update),
                    fixed_storage(&bias_values, 1, outputs, s.bias, s.bias_update),
                )
            }
        };
        let weight = parameters.add(format!("{name}.weight"), &[outputs, inputs], weight);
        let bias = bias.then(|| parameters.add(format!("{name}.bias"), &[outputs], bias_storage));
        Self {
            name: name.to_owned(),
            outputs,
            inputs,
            weight,
            bias,
            arithmetic: arithmetic.clone(),
            readout,
        }
    }

    /// The layer's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Length of y.
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// Length of x.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// Writes y for a batch of rows x.
    pub(crate) fn forward(
        &self,
        parameters: &Parameters,
        x: &[f32],
        y: &mut [f32],
        pass: &Pass,
    ) -> Operand {
        let rows = x.len() / self.inputs;
        let weight = parameters.get(self.weight);
        let bias = self.bias.map(|id| parameters.get(id));
        match &self.arithmetic {
            Arithmetic::Float32 => {
                let w = FloatOperand::new(weight.float(), self.outputs, self.inputs);
                matmul(y, FloatOperand::new(x, rows, self.inputs), w.t(), false, pass.par);
                if let Some(bias) = bias {
                    for row in y.chunks_exact_mut(self.outputs) {
                        row.iter_mut().zip(bias.float()).for_each(|(y, &b)| *y += b);
                    }
                }
                Operand::Tape
            }
            Arithmetic::FixedPoint(config) => {
                let s = config.signals();
                let codes = onto_grid(
                    x,
                    s.output,
                    &self.seed(pass, "input"),
                    pass.first_row * self.inputs as u64,
                );
                let product =
                    Product::new(view(&codes, s.output, rows, self.inputs), weight.fixed().t());
                let product = match bias {
                    Some(bias) => product.bias(bias.fixed().codes(), s.bias.format),
                    None => product,
                };
                let product =
                    product.par(pass.par).first_position(pass.first_row * self.outputs as u64);
                match self.readout {
                    Readout::Layer => {
                        product.convert_to_f32(s.output, &self.seed(pass, "output").stream(), y)
                    }
                    Readout::Wide => product.wide_f32(y),
                }
                Operand::Fixed(codes)
            }
        }
    }

    /// Brings the gradient of y into the arithmetic's numbers.
    pub(crate) fn take_errors<'a>(&self, gradient: &'a [f32], pass: &Pass) -> Errors<'a> {
        match &self.arithmetic {
            Arithmetic::Float32 => Errors::Float(gradient),
            Arithmetic::FixedPoint(config) => {
                let first = pass.first_row * self.outputs as u64;
                Errors::Fixed(onto_grid(
                    gradient,
                    config.signals().error,
                    &self.seed(pass, "error"),
                    first,
                ))
            }
        }
    }

    /// Adds δᵀ·x and Σδ to the gradients of W and b.
    pub(crate) fn accumulate_gradient(
        &self,
        parameters: &mut Parameters,
        operand: &Operand,
        x: &[f32],
        errors: &Errors<'_>,
        pass: &Pass,
    ) {
        let rows = x.len() / self.inputs;
        match (&self.arithmetic, operand, errors) {
            (Arithmetic::FixedPoint(config), Operand::Fixed(x), Errors::Fixed(errors)) => {
                let s = config.signals();
                let x = view(x, s.output, rows, self.inputs);
                let product =
                    Product::new(view(errors, s.error, rows, self.outputs).t(), x).par(pass.par);
                parameters.get_mut(self.weight).accumulate(|gradient, add| {
                    if add {
                        let mut share = vec![0.0; gradient.len()];
                        product.wide_f32(&mut share);
                        gradient.iter_mut().zip(&share).for_each(|(g, s)| *g += s);
                    } else {
                        product.wide_f32(gradient);
                    }
                });
                self.accumulate_bias(parameters, |out| column_sums(errors, s.error, out));
            }
            (_, _, Errors::Float(errors)) => {
                let dy = FloatOperand::new(errors, rows, self.outputs);
                let x = FloatOperand::new(x, rows, self.inputs);
                parameters
                    .get_mut(self.weight)
                    .accumulate(|gradient, add| matmul(gradient, dy.t(), x, add, pass.par));
                self.accumulate_bias(parameters, |out| {
                    for row in errors.chunks_exact(self.outputs) {
                        out.iter_mut().zip(row).for_each(|(g, &d)| *g += d);
                    }
                });
            }
            _ => unreachable!("operand and errors come from the same arithmetic"),
        }
    }

    /// Adds Σδ, which `sum` adds to a zeroed row, to the gradient of b.
    fn accumulate_bias(&self, parameters: &mut Parameters, sum: impl FnOnce(&mut [f32])) {
        let Some(bias) = self.bias else { return };
        parameters.get_mut(bias).accumulate(|gradient, add| {
            if !add {
                gradient.fill(0.0);
            }
            sum(gradient);
        });
    }

    /// Writes the errors δ·W of x.
    pub(crate) fn propagate(
        &self,
        parameters: &Parameters,
        errors: &Errors<'_>,
        dx: &mut [f32],
        pass: &Pass,
    ) {
        let rows = dx.len() / self.inputs;
        let weight = parameters.get(self.weight);
        match (&self.arithmetic, errors) {
            (Arithmetic::FixedPoint(config), Errors::Fixed(errors)) => {
                let error = config.signals().error;
                Product::new(view(errors, error, rows, self.outputs), weight.fixed().view())
                    .par(pass.par)
                    .first_position(pass.first_row * self.inputs as u64)
                    .convert_to_f32(error, &self.seed(pass, "propagated").stream(), dx);
            }
            (_, Errors::Float(errors)) => {
                let w = FloatOperand::new(weight.float(), self.outputs, self.inputs);
                matmul(dx, FloatOperand::new(errors, rows, self.outputs), w, false, pass.par);
            }
            _ => unreachable!("errors come from the same arithmetic"),
        }
    }

    fn seed(&self, pass: &Pass, signal: &str) -> Seed {
        pass.seed.child(&self.name).child(signal)
    }
}

fn float_storage(values: &[f32]) -> Storage {
    Storage::Float { values: values.to_vec(), increment: None }
}

fn fixed_storage(
    values: &[f32],
    rows: usize,
    cols: usize,
    initial: Quantizer,
    update: Quantizer,
) -> Storage {
    // The stream serves a stochastic rounding of initial values, if a configuration asks for one.
    let stream = Seed::new(0).child("initial").stream();
    Storage::Fixed {
        codes: FixedMatrix::quantize(values, rows, cols, initial, &stream),
        update,
        increment: None,
    }
}

fn view(codes: &Codes, quantizer: Quantizer, rows: usize, cols: usize) -> FixedView<'_> {
    FixedView::new(codes.as_ref(), quantizer.format, rows, cols)
}

/// Convert(x). Values that are on the grid already need no random bits, and most are.
fn onto_grid(x: &[f32], quantizer: Quantizer, seed: &Seed, first: u64) -> Codes {
    let exact = quantizer.rounding.is_stochastic() && quantizer.is_exact(x);
    let rounding = if exact { Rounding::NearestTiesDown } else { quantizer.rounding };
    Quantizer { rounding, ..quantizer }.quantize_vec(x, &seed.stream(), first)
}

/// Adds the exact column sums of δ to `out`.
fn column_sums(errors: &Codes, error: Quantizer, out: &mut [f32]) {
    let mut sums = vec![0i64; out.len()];
    for (i, code) in errors.to_i32().into_iter().enumerate() {
        sums[i % out.len()] += i64::from(code);
    }
    for (g, sum) in out.iter_mut().zip(sums) {
        *g += (sum as f64 * error.format.epsilon()) as f32;
    }
}
