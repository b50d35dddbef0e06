//! [`FixedProducts`]: exact sums and one Convert per element.
//!
//! Images are converted once, with the random bits of their elements' positions; patches are
//! read in place where 32-bit sums suffice, and otherwise gathered from the codes for an exact
//! [`Product`]: the bits are the same. Padding is an exact zero.

use std::any::Any;
use std::ops::Range;
use std::sync::LazyLock;

use numerics::{
    BitSource, Code, Codes, CodesRef, FixedMatrix, FixedView, NamedBits, Par, Product, Quantizer,
    dequantize_sums,
};

use super::bits::ResultBits;
use super::config::Signals;
use super::patches::{Conversion, convolve, gradient_product};
use super::spare::Spare;
use super::storage::FixedWords;
use crate::arithmetic::input::Input;
use crate::arithmetic::layer::{Layer, Readout};
use crate::arithmetic::multiply::{Forward, Multiply};
use crate::parameters::{Parameter, ParameterId, Parameters};
use crate::pass::Pass;
use crate::rows::{Rows, rearrange};
use crate::simd;
use crate::tape::Backward;

/// y = Convert(x·Wᵀ + b).
#[derive(Debug)]
pub(super) struct FixedProducts<B> {
    pub(super) layer: Layer,
    pub(super) signals: Signals,
    /// Where the roundings of results take their bits from.
    pub(super) bits: B,
    /// Memory of the codes of a step.
    pub(super) spare: Spare,
}

/// The codes that were multiplied.
#[derive(Debug)]
pub(super) struct Use {
    x: Codes,
    rows: Rows,
    /// Convert(∂loss/∂y), once it is known.
    errors: Option<Codes>,
    /// That of the forward pass: a map that is used several times draws other bits each time.
    pass: Pass,
}

impl<B: ResultBits> Multiply for FixedProducts<B> {
    type Use = Use;

    fn describe(&self) -> String {
        format!("fixed point {}", self.signals.weight.format)
    }

    fn multiplies(&self, weight: &Parameter, _: &Parameters) -> bool {
        let storage: &dyn Any = weight.storage();
        storage.is::<FixedWords<B>>() && weight.storage().describe() == self.describe()
    }

    fn forward(&self, x: &Input<'_>, y: &mut [f32], context: &mut Forward<'_>) -> Use {
        let Self { layer, signals, spare, .. } = self;
        let (pass, parameters, rows) = (context.pass, context.parameters, x.rows);
        let (bits, x) = (signals.bits, x.values);
        let first = first_position(&pass, &rows, x.len());
        let source = || bits.of(&layer.seed(&pass, "input"));
        let codes = spare.take(signals.output.format, x.len());
        let codes = onto_grid(x, signals.output, source, first, pass.par, codes);
        let bias = layer.bias.map(|id| Self::words(parameters, id).codes());
        self.product(&rows, &codes, Self::words(parameters, layer.weight), bias, y, &pass);
        Use { x: codes, rows, errors: None, pass }
    }

    fn propagate(
        &self,
        used: &mut Use,
        _: &Input<'_>,
        errors: &mut [f32],
        dx: Option<&mut [f32]>,
        context: &mut Backward<'_>,
    ) {
        let Use { rows, pass, .. } = *used;
        let errors = used.errors(self, errors);
        if let Some(dx) = dx {
            let weight = Self::words(context.parameters, self.layer.weight);
            self.product_back(&rows, errors, weight, dx, &pass);
        }
    }

    fn accumulate(
        &self,
        uses: &mut [&mut Use],
        _: &Input<'_>,
        errors: &[f32],
        context: &mut Backward<'_>,
    ) {
        let len = errors.len() / uses.len().max(1);
        // Each share is brought into f32 by itself, the last use first.
        for (used, errors) in uses.iter_mut().zip(errors.chunks(len.max(1))).rev() {
            used.errors(self, errors);
            self.add_gradient(used, context);
            // The errors first, so that the next forward pass finds codes of the inputs' size.
            let codes =
                [used.errors.take(), Some(std::mem::replace(&mut used.x, Codes::I8(vec![])))];
            codes.into_iter().flatten().for_each(|codes| self.spare.give(codes));
        }
    }
}

impl Use {
    /// Convert(∂loss/∂y).
    fn errors<B: ResultBits>(&mut self, map: &FixedProducts<B>, errors: &[f32]) -> &Codes {
        let Self { rows, pass, .. } = self;
        self.errors.get_or_insert_with(|| {
            let first = first_position(pass, rows, errors.len());
            let source = || map.signals.bits.of(&map.layer.seed(pass, "error"));
            let codes = map.spare.take(map.signals.error.format, errors.len());
            onto_grid(errors, map.signals.error, source, first, pass.par, codes)
        })
    }
}

impl<B: ResultBits> FixedProducts<B> {
    fn words(parameters: &Parameters, id: ParameterId) -> &FixedMatrix {
        parameters.get(id).stored::<FixedWords<B>>().codes()
    }

    /// y = Convert(x·Wᵀ + b).
    fn product(
        &self,
        rows: &Rows,
        codes: &Codes,
        weight: &FixedMatrix,
        bias: Option<&Codes>,
        y: &mut [f32],
        pass: &Pass,
    ) {
        let Self { layer, signals, bits, .. } = self;
        let first = first_position(pass, rows, y.len());
        let shape = (rows.count(), layer.outputs);
        let source = bits.of_matrix(&layer.seed(pass, "output"), first, shape);
        if let (Rows::Patches(patches), Codes::I16(x), Codes::I16(w)) =
            (rows, codes, weight.codes())
        {
            let shift =
                signals.output.format.fl() + signals.weight.format.fl() - signals.bias.format.fl();
            let bias: Vec<i64> = bias.map_or_else(Vec::new, |codes| {
                codes.to_i32().iter().map(|&b| i64::from(b) << shift).collect()
            });
            let quantizer = (layer.readout == Readout::Layer).then_some(signals.output);
            let fraction_bits = signals.output.format.fl() + signals.weight.format.fl();
            let rounding = Conversion { quantizer, fraction_bits, source: &source, first };
            if convolve(patches, x, w, &bias, layer.outputs, &rounding, y, pass.par) {
                return;
            }
        }
        each_block(rows, codes, signals.output, |range, x| {
            let y = &mut y[range.start * layer.outputs..range.end * layer.outputs];
            let product = Product::new(x, weight.t());
            let product = match bias {
                Some(bias) => product.bias(bias, signals.bias.format),
                None => product,
            };
            let product = product.par(pass.par).first_row(range.start as u64);
            match layer.readout {
                Readout::Layer => product.convert_to_f32(signals.output, source.at(first), y),
                Readout::Wide => product.wide_f32(y),
            }
        });
    }

    /// Adds δᵀ·x and Σδ, exact sums in the nearest f32, to the gradients of W and b. Leaves change
    /// nothing: of several processes the integers are added up first.
    fn add_gradient(&self, used: &Use, context: &mut Backward<'_>) {
        let Self { layer, signals, .. } = self;
        let Use { rows, errors: Some(errors), .. } = used else { return };
        let fraction_bits = signals.error.format.fl() + signals.output.format.fl();
        if rows.is_matrix() && rows.count() > 0 && !context.leaves().is_shared() {
            // The product reads its sums out as f32 itself.
            let gradient = context.parameters.get_mut(layer.weight);
            gradient.accumulate(|gradient, add| {
                let mut share = vec![0.0; if add { gradient.len() } else { 0 }];
                let out = if add { &mut share[..] } else { &mut *gradient };
                self.each_product_of_errors(used, errors, |product| product.wide_f32(out));
                gradient.iter_mut().zip(&share).for_each(|(g, s)| *g += s);
            });
        } else {
            let sums = self.exact_gradient(used, errors);
            context.accumulate_exact(layer.weight, sums, move |sums, out| {
                dequantize_sums(sums, fraction_bits, out);
            });
        }
        let Some(bias) = layer.bias else { return };
        let (sums, epsilon) = (column_sums(errors, layer.outputs), signals.error.format.epsilon());
        context.accumulate_exact(bias, sums, move |sums, out| {
            out.iter_mut().zip(sums).for_each(|(g, &sum)| *g = (sum as f64 * epsilon) as f32);
        });
    }

    /// Calls `multiply` with the products δᵀ·x of blocks of rows.
    fn each_product_of_errors(
        &self,
        used: &Use,
        errors: &Codes,
        mut multiply: impl FnMut(Product<'_>),
    ) {
        let (outputs, format) = (self.layer.outputs, self.signals.error.format);
        each_block(&used.rows, &used.x, self.signals.output, |range, x| {
            let errors = part(errors.as_ref(), range.start * outputs..range.end * outputs);
            let errors = FixedView::new(errors, format, range.len(), outputs);
            multiply(Product::new(errors.t(), x).par(used.pass.par));
        });
    }

    /// δᵀ·x, exactly.
    fn exact_gradient(&self, used: &Use, errors: &Codes) -> Vec<i64> {
        let Use { x, rows, pass, .. } = used;
        if let (Rows::Patches(patches), Codes::I16(x), Codes::I16(errors)) = (rows, x, errors) {
            return gradient_product(patches, x, errors, self.layer.outputs, pass.par);
        }
        // The sums of several blocks are exact too.
        let mut sums = vec![0i64; self.layer.outputs * self.layer.inputs];
        let mut block = sums.clone();
        self.each_product_of_errors(used, errors, |product| {
            product.wide(&mut block);
            sums.iter_mut().zip(&block).for_each(|(sum, share)| *sum += share);
        });
        sums
    }

    /// dx = Convert(δ·W).
    fn product_back(
        &self,
        rows: &Rows,
        errors: &Codes,
        weight: &FixedMatrix,
        dx: &mut [f32],
        pass: &Pass,
    ) {
        let Self { layer, signals, bits, .. } = self;
        let first = first_position(pass, rows, dx.len());
        let width = match rows {
            Rows::Matrix { inputs, .. } => *inputs,
            Rows::Patches(patches) => patches.channels(),
        };
        let shape = (dx.len() / width.max(1), width);
        let source = bits.of_matrix(&layer.seed(pass, "propagated"), first, shape);
        let rearranged;
        let (rows, weight) = match rows {
            Rows::Matrix { batch, rows, .. } => {
                let errors = Rows::Matrix { batch: *batch, rows: *rows, inputs: layer.outputs };
                (errors, weight.view())
            }
            Rows::Patches(patches) => {
                let (taps, channels) = (patches.taps(), patches.channels());
                rearranged = rearrange_codes(weight.codes(), layer.outputs, taps, channels);
                let patches = patches.transposed(layer.outputs);
                if let (Codes::I16(errors), Codes::I16(w)) = (errors, &rearranged) {
                    let fraction_bits = signals.error.format.fl() + weight.format().fl();
                    let quantizer = Some(signals.error);
                    let rounding = Conversion { quantizer, fraction_bits, source: &source, first };
                    if convolve(&patches, errors, w, &[], channels, &rounding, dx, pass.par) {
                        return;
                    }
                }
                let (format, inputs) = (weight.format(), taps * layer.outputs);
                let w = FixedView::new(rearranged.as_ref(), format, channels, inputs);
                (Rows::Patches(patches), w.t())
            }
        };
        each_block(&rows, errors, signals.error, |range, errors| {
            let dx = &mut dx[range.start * width..range.end * width];
            let product = Product::new(errors, weight).par(pass.par);
            let product = product.first_row(range.start as u64);
            product.convert_to_f32(signals.error, source.at(first), dx);
        });
    }
}

/// Position of the first of `len` elements that belong to the rows' batch.
fn first_position(pass: &Pass, rows: &Rows, len: usize) -> u64 {
    pass.first_row * (len / rows.batch().max(1)) as u64
}

/// Calls `use_block(rows, codes of the block)` for every block of rows of `codes`.
fn each_block(
    rows: &Rows,
    codes: &Codes,
    quantizer: Quantizer,
    mut use_block: impl FnMut(Range<usize>, FixedView<'_>),
) {
    let mut with_view = |range: Range<usize>, codes: CodesRef<'_>| {
        let view = FixedView::new(codes, quantizer.format, range.len(), rows.inputs());
        use_block(range, view);
    };
    match codes {
        Codes::I8(v) => rows.each_block(v, |range, block| with_view(range, CodesRef::I8(block))),
        Codes::I16(v) => rows.each_block(v, |range, block| with_view(range, CodesRef::I16(block))),
        Codes::I32(v) => rows.each_block(v, |range, block| with_view(range, CodesRef::I32(block))),
    }
}

fn part(codes: CodesRef<'_>, range: Range<usize>) -> CodesRef<'_> {
    match codes {
        CodesRef::I8(v) => CodesRef::I8(&v[range]),
        CodesRef::I16(v) => CodesRef::I16(&v[range]),
        CodesRef::I32(v) => CodesRef::I32(&v[range]),
    }
}

fn rearrange_codes(codes: &Codes, outputs: usize, taps: usize, inputs: usize) -> Codes {
    match codes {
        Codes::I8(v) => Codes::I8(rearrange(v, outputs, taps, inputs)),
        Codes::I16(v) => Codes::I16(rearrange(v, outputs, taps, inputs)),
        Codes::I32(v) => Codes::I32(rearrange(v, outputs, taps, inputs)),
    }
}

/// Convert(x), in the place of as many codes. Values that are on the grid already need no random bits,
/// and most are.
fn onto_grid(
    x: &[f32],
    quantizer: Quantizer,
    source: impl FnOnce() -> NamedBits + Send,
    first: u64,
    par: Par,
    mut codes: Codes,
) -> Codes {
    match &mut codes {
        Codes::I8(out) => convert(x, quantizer, source, first, out, par),
        Codes::I16(out) => convert(x, quantizer, source, first, out, par),
        Codes::I32(out) => convert(x, quantizer, source, first, out, par),
    }
    codes
}

/// Convert(x), stretch by stretch: a stretch that turns out to be off the grid is still in the
/// second-level cache when it is rounded. Random bits belong to positions, so neither the cut nor
/// threads change them.
fn convert<C: Code>(
    x: &[f32],
    quantizer: Quantizer,
    source: impl FnOnce() -> NamedBits + Send,
    first: u64,
    out: &mut [C],
    par: Par,
) {
    const STRETCH: usize = 8 << 10;
    let source = LazyLock::new(source);
    par.for_each_chunk(out, STRETCH, |index, out| {
        let start = index * STRETCH;
        let x = &x[start..start + out.len()];
        if !quantizer.quantize_exact(x, out) {
            quantizer.quantize(x, source.at(first + start as u64), out);
        }
    });
}

/// The exact column sums of δ.
fn column_sums(errors: &Codes, columns: usize) -> Vec<i64> {
    match errors {
        Codes::I8(errors) => sums_of_columns(errors, columns),
        Codes::I16(errors) => sums_of_columns(errors, columns),
        Codes::I32(errors) => sums_of_columns(errors, columns),
    }
}

fn sums_of_columns<C: Code>(rows: &[C], columns: usize) -> Vec<i64> {
    // Several rows beside each other, so that short ones fill vectors.
    let mut sums = vec![0; columns * (64 / columns.max(1)).max(1)];
    simd::dispatch(ColumnSums { rows, sums: &mut sums });
    (0..columns).map(|column| sums.iter().skip(column).step_by(columns).sum()).collect()
}

/// Adds stretches of codes to sums of as many columns.
struct ColumnSums<'a, C> {
    rows: &'a [C],
    sums: &'a mut [i64],
}

impl<C: Code> simd::Kernel for ColumnSums<'_, C> {
    #[inline(always)]
    fn run(self) {
        for codes in self.rows.chunks(self.sums.len().max(1)) {
            let terms = self.sums.iter_mut().zip(codes);
            terms.for_each(|(sum, code)| *sum += i64::from(code.to_i32()));
        }
    }
}

#[cfg(test)]
mod tests {
    use numerics::{RandomBits, Rounding, Seed};
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// On the grid or off it, in any stretch: the bits of one conversion of the whole.
        #[test]
        fn stretches_do_not_change_the_bits(
            len in 0..40_000usize,
            off in 0..40_000usize,
            first in 0..100u64,
            format in prop::sample::select(vec!["<3,4>", "<6,10>", "<12,12>"]),
        ) {
            let quantizer =
                Quantizer::new(format.parse().unwrap(), Rounding::Stochastic);
            let epsilon = quantizer.format.epsilon() as f32;
            let source = || RandomBits::default().of(&Seed::new(5));
            let half_range = 0.5 * quantizer.format.max_code() as f32;
            let mut x: Vec<f32> = (0..len)
                .map(|i| ((i * 7919 % 1009) as f32 / 500.0 - 1.0) * half_range)
                .map(|code| code.floor() * epsilon)
                .collect();
            x.iter_mut().skip(off).take(700).for_each(|x| *x += 0.3 * epsilon);
            let whole = quantizer.quantize_vec(&x, source().at(first));
            for par in [Par::Seq, Par::Rayon] {
                // Whatever was there before.
                let codes = Codes::from_i32(quantizer.format, &vec![1; len]).unwrap();
                prop_assert_eq!(&onto_grid(&x, quantizer, source, first, par, codes), &whole);
            }
        }

        #[test]
        fn columns_are_summed_exactly(rows in 0..70usize, columns in 1..70usize, seed in 0..9u64) {
            let mut words = vec![0; rows * columns];
            Seed::new(seed).stream().fill_words(0, &mut words);
            let codes: Vec<i16> = words.into_iter().map(|word| word as i16).collect();
            let naive = |column: usize| -> i64 {
                codes.chunks(columns).map(|row| i64::from(row[column])).sum()
            };
            let expected: Vec<i64> = (0..columns).map(naive).collect();
            prop_assert_eq!(sums_of_columns(&codes, columns), expected);
        }
    }
}
