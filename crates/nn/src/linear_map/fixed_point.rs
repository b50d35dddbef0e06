//! The four actions of a linear map in fixed point: exact sums and one Convert per element.
//!
//! Images are converted once, with the random bits of their elements' positions; patches are
//! read in place where 32-bit sums suffice, and otherwise gathered from the codes for an exact
//! [`Product`]: the bits are the same. Padding is an exact zero.

mod patches;

use std::ops::Range;

use numerics::{
    Codes, CodesRef, FixedMatrix, FixedView, GivenBits, NamedBits, Product, Quantizer, RandomBits,
    Rounding, Seed, dequantize_sums,
};

use super::rows::{Rows, rearrange};
use super::{LinearMap, Operand, Readout};
use crate::arithmetic::Signals;
use crate::{Parameters, Pass, Storage};
use patches::{Conversion, convolve, gradient_product};

pub(super) fn storage(
    values: &[f32],
    rows: usize,
    cols: usize,
    initial: Quantizer,
    update: Quantizer,
    bits: RandomBits,
) -> Storage {
    // The stream serves a stochastic rounding of initial values, if a configuration asks for one.
    let stream = Seed::new(0).child("initial").stream();
    Storage::Fixed {
        codes: FixedMatrix::quantize(values, rows, cols, initial, &stream),
        update,
        bits,
        increment: None,
    }
}

/// y = Convert(x·Wᵀ + b).
pub(super) fn forward(
    map: &LinearMap,
    signals: &Signals,
    parameters: &Parameters,
    x: &[f32],
    rows: &Rows,
    y: &mut [f32],
    pass: &Pass,
) -> Operand {
    let bits = signals.bits;
    let first = first_position(pass, rows, x.len());
    let codes = onto_grid(x, signals.output, || bits.of(&map.seed(pass, "input")), first);
    let weight = parameters.get(map.weight).fixed().t();
    let bias = map.bias.map(|id| parameters.get(id).fixed().codes());
    let source = bits.of(&map.seed(pass, "output"));
    let first = first_position(pass, rows, y.len());
    if let (Rows::Patches(patches), Codes::I16(x), Codes::I16(w)) =
        (rows, &codes, parameters.get(map.weight).fixed().codes())
    {
        let shift =
            signals.output.format.fl() + signals.weight.format.fl() - signals.bias.format.fl();
        let bias =
            bias.map(|codes| codes.to_i32().iter().map(|&b| i64::from(b) << shift).collect());
        let quantizer = (map.readout == Readout::Layer).then_some(signals.output);
        let fraction_bits = signals.output.format.fl() + signals.weight.format.fl();
        let rounding = Conversion { quantizer, fraction_bits, source: &source, first };
        if convolve(patches, x, w, bias, map.outputs, &rounding, y, pass.par) {
            return Operand::Fixed(codes);
        }
    }
    each_block(rows, &codes, signals.output, |range, x| {
        let y = &mut y[range.start * map.outputs..range.end * map.outputs];
        let product = Product::new(x, weight);
        let product = match bias {
            Some(bias) => product.bias(bias, signals.bias.format),
            None => product,
        };
        let product =
            product.par(pass.par).first_position(first + (range.start * map.outputs) as u64);
        match map.readout {
            Readout::Layer => product.convert_to_f32(signals.output, &source, y),
            Readout::Wide => product.wide_f32(y),
        }
    });
    Operand::Fixed(codes)
}

/// Convert(∂loss/∂y).
pub(super) fn take_errors(
    map: &LinearMap,
    signals: &Signals,
    gradient: &[f32],
    rows: &Rows,
    pass: &Pass,
) -> Codes {
    let first = first_position(pass, rows, gradient.len());
    onto_grid(gradient, signals.error, || signals.bits.of(&map.seed(pass, "error")), first)
}

/// Adds δᵀ·x and Σδ, exact sums in the nearest f32, to the gradients of W and b.
pub(super) fn accumulate_gradient(
    map: &LinearMap,
    signals: &Signals,
    parameters: &mut Parameters,
    x: &Codes,
    rows: &Rows,
    errors: &Codes,
    pass: &Pass,
) {
    parameters.get_mut(map.weight).accumulate(|gradient, add| {
        let errors_of = |range: Range<usize>| {
            let errors = part(errors.as_ref(), range.start * map.outputs..range.end * map.outputs);
            FixedView::new(errors, signals.error.format, range.len(), map.outputs)
        };
        let mut share = vec![0.0; if add { gradient.len() } else { 0 }];
        let out = if add { &mut share[..] } else { &mut *gradient };
        let fraction_bits = signals.error.format.fl() + signals.output.format.fl();
        if rows.is_matrix() && rows.count() > 0 {
            each_block(rows, x, signals.output, |range, x| {
                Product::new(errors_of(range).t(), x).par(pass.par).wide_f32(out);
            });
        } else if let (Rows::Patches(patches), Codes::I16(x), Codes::I16(errors)) =
            (rows, x, errors)
        {
            let sums = gradient_product(patches, x, errors, map.outputs, pass.par);
            dequantize_sums(&sums, fraction_bits, out);
        } else {
            // The sums of several blocks are exact too.
            let mut sums = vec![0i64; out.len()];
            let mut block = sums.clone();
            each_block(rows, x, signals.output, |range, x| {
                Product::new(errors_of(range).t(), x).par(pass.par).wide(&mut block);
                sums.iter_mut().zip(&block).for_each(|(sum, share)| *sum += share);
            });
            dequantize_sums(&sums, fraction_bits, out);
        }
        gradient.iter_mut().zip(&share).for_each(|(g, s)| *g += s);
    });
    map.accumulate_bias(parameters, |out| column_sums(errors, signals.error, out));
}

/// dx = Convert(δ·W).
pub(super) fn propagate(
    map: &LinearMap,
    signals: &Signals,
    parameters: &Parameters,
    rows: &Rows,
    errors: &Codes,
    dx: &mut [f32],
    pass: &Pass,
) {
    let weight = parameters.get(map.weight).fixed();
    let source = signals.bits.of(&map.seed(pass, "propagated"));
    let first = first_position(pass, rows, dx.len());
    let rearranged;
    let (rows, weight, width) = match rows {
        Rows::Matrix { batch, rows, inputs } => {
            let errors = Rows::Matrix { batch: *batch, rows: *rows, inputs: map.outputs };
            (errors, weight.view(), *inputs)
        }
        Rows::Patches(patches) => {
            let (taps, channels) = (patches.taps(), patches.channels());
            rearranged = rearrange_codes(weight.codes(), map.outputs, taps, channels);
            let patches = patches.transposed(map.outputs);
            if let (Codes::I16(errors), Codes::I16(w)) = (errors, &rearranged) {
                let fraction_bits = signals.error.format.fl() + weight.format().fl();
                let quantizer = Some(signals.error);
                let rounding = Conversion { quantizer, fraction_bits, source: &source, first };
                if convolve(&patches, errors, w, None, channels, &rounding, dx, pass.par) {
                    return;
                }
            }
            let w =
                FixedView::new(rearranged.as_ref(), weight.format(), channels, taps * map.outputs);
            (Rows::Patches(patches), w.t(), channels)
        }
    };
    each_block(&rows, errors, signals.error, |range, errors| {
        Product::new(errors, weight)
            .par(pass.par)
            .first_position(first + (range.start * width) as u64)
            .convert_to_f32(
                signals.error,
                &source,
                &mut dx[range.start * width..range.end * width],
            );
    });
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

/// Convert(x). Values that are on the grid already need no random bits, and most are.
fn onto_grid(
    x: &[f32],
    quantizer: Quantizer,
    source: impl FnOnce() -> NamedBits,
    first: u64,
) -> Codes {
    if quantizer.rounding.is_stochastic() && quantizer.is_exact(x) {
        let nearest = Quantizer { rounding: Rounding::NearestTiesDown, ..quantizer };
        return nearest.quantize_vec(x, &GivenBits(&[]), first);
    }
    quantizer.quantize_vec(x, &source(), first)
}

/// Adds the exact column sums of δ to `out`.
fn column_sums(errors: &Codes, error: Quantizer, out: &mut [f32]) {
    let mut sums = vec![0i64; out.len()];
    for row in errors.to_i32().chunks_exact(out.len()) {
        sums.iter_mut().zip(row).for_each(|(sum, &code)| *sum += i64::from(code));
    }
    for (g, sum) in out.iter_mut().zip(sums) {
        *g += (sum as f64 * error.format.epsilon()) as f32;
    }
}
