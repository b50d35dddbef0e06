//! [`Conversion`]: one quantizer of the three kinds, over slices and on several threads.

use numerics::{
    BitSource, BlockLayout, BlockQuantizer, BlockShape, Code, Draw, FloatQuantizer, Format,
    Overflow, Par, ParameterError, Quantizer, Rounding, ScaleRule, Specials, Top, dequantize_slice,
};

use crate::seed::Bits;

/// Elements that a thread converts at a time.
const TASK: usize = 1 << 16;

/// Codes that lie in the cache on their way to values.
const CHUNK: usize = 4096;

/// A quantizer of any kind.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Conversion {
    Fixed(Quantizer),
    Float(FloatQuantizer),
    Block(BlockQuantizer, BlockLayout),
}

/// What only block formats have; `None` is what their specification says.
#[derive(Clone, Copy, Debug)]
pub(super) struct Blocks {
    pub(super) shape: BlockShape,
    pub(super) scale_rule: Option<ScaleRule>,
    pub(super) tensor_scale: Option<bool>,
    pub(super) top: Option<Top>,
}

/// The random bits of an array, and the position of its first element.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    pub(crate) bits: Bits,
    pub(crate) first: u64,
}

impl Source {
    /// The bits from element `index` on.
    pub(super) fn draw(&self, index: usize) -> Draw<&Bits> {
        Draw::new(&self.bits, self.first + index as u64)
    }
}

impl Conversion {
    /// The conversion of an array of that shape.
    pub(super) fn new(
        format: Format,
        rounding: Rounding,
        overflow: Overflow,
        blocks: &Blocks,
        shape: &[usize],
    ) -> Result<Self, String> {
        let of_parameter = |error: ParameterError| error.to_string();
        if !matches!(format, Format::Block(_)) {
            let of_blocks = [
                ("blocks", blocks.shape != BlockShape::AlongRows),
                ("scale_rule", blocks.scale_rule.is_some()),
                ("tensor_scale", blocks.tensor_scale.is_some()),
                ("top", blocks.top.is_some()),
            ];
            if let Some((name, _)) = of_blocks.iter().find(|(_, given)| *given) {
                return Err(format!("{name}: {format} has no blocks"));
            }
        }
        match format {
            Format::Fixed(format) => {
                let quantizer = Quantizer::new(format, rounding).overflow(overflow);
                quantizer.check().map_err(of_parameter)?;
                Ok(Self::Fixed(quantizer))
            }
            Format::Float(format) => {
                if overflow == Overflow::Propagate && format.specials() == Specials::None {
                    return Err(format!("overflow: {format} has neither infinities nor NaN"));
                }
                let quantizer = FloatQuantizer { format, rounding, overflow };
                quantizer.check().map_err(of_parameter)?;
                Ok(Self::Float(quantizer))
            }
            Format::Block(format) => {
                if overflow != Overflow::Saturate {
                    return Err("overflow: elements of blocks saturate".to_owned());
                }
                let usual = BlockQuantizer::new(format, rounding);
                let quantizer = BlockQuantizer {
                    scale_rule: blocks.scale_rule.unwrap_or(usual.scale_rule),
                    tensor_scale: blocks.tensor_scale.unwrap_or(usual.tensor_scale),
                    top: blocks.top.unwrap_or(usual.top),
                    ..usual
                };
                quantizer.check().map_err(of_parameter)?;
                let matrix = shape.len() == 2 || blocks.shape == BlockShape::AlongRows;
                let Some((&cols, leading)) = shape.split_last().filter(|_| matrix) else {
                    return Err(format!("x: shape {shape:?} cannot be cut into such blocks"));
                };
                let rows = leading.iter().product();
                Ok(Self::Block(quantizer, blocks.shape.of(rows, cols)))
            }
        }
    }

    /// Whether f32 holds the results of f32 numbers.
    pub(super) fn check_f32(&self) -> Result<(), String> {
        match self {
            Self::Fixed(q) if q.format.word_length() > 24 => {
                Err(format!("x: float32 does not hold the words of {}; give float64", q.format))
            }
            Self::Float(q) if !q.format.fits_f32() => {
                Err(format!("x: float32 does not hold the numbers of {}; give float64", q.format))
            }
            _ => Ok(()),
        }
    }

    /// Whether f64 holds the results of f64 numbers.
    pub(super) fn check_f64(&self) -> Result<(), String> {
        match self {
            Self::Float(q) if !q.format.fits_f64() => {
                Err(format!("x: float64 does not hold the numbers of {}", q.format))
            }
            Self::Block(q, _) => Err(format!(
                "x: the scales of {} follow from float32 magnitudes; give float32",
                q.format
            )),
            _ => Ok(()),
        }
    }

    /// Writes the values of f32 numbers in the format.
    pub(super) fn values_f32(&self, x: &[f32], source: &Source, par: Par, out: &mut [f32]) {
        match self {
            Self::Block(quantizer, layout) => {
                let t = quantizer.decode_into(x, *layout, source.draw(0), par, out);
                if t != 1.0 {
                    par.for_each_chunk(out, TASK, |_, out| {
                        out.iter_mut().for_each(|value| *value *= t);
                    });
                }
            }
            Self::Float(quantizer) => par.for_each_chunk(out, TASK, |task, out| {
                let first = task * TASK;
                out.copy_from_slice(&x[first..first + out.len()]);
                quantizer.convert_slice(out, source.draw(first));
            }),
            Self::Fixed(quantizer) => par.for_each_chunk(out, TASK, |task, out| {
                let first = task * TASK;
                let x = &x[first..first + out.len()];
                match quantizer.format.word_length() {
                    0..=8 => fixed_values::<i8>(quantizer, x, source, first, out),
                    9..=16 => fixed_values::<i16>(quantizer, x, source, first, out),
                    _ => fixed_values::<i32>(quantizer, x, source, first, out),
                }
            }),
        }
    }

    /// Writes the values of f64 numbers in a format without blocks.
    pub(super) fn values_f64(&self, x: &[f64], source: &Source, par: Par, out: &mut [f64]) {
        match self {
            Self::Fixed(q) => {
                each_f64(x, out, source, q.rounding, par, |x, bits| q.convert(x, bits));
            }
            Self::Float(q) => {
                each_f64(x, out, source, q.rounding, par, |x, bits| q.convert(x, bits));
            }
            Self::Block(..) => unreachable!("`check_f64` refuses blocks"),
        }
    }
}

/// Values by way of codes, which stay in the cache.
fn fixed_values<C: Code>(
    quantizer: &Quantizer,
    x: &[f32],
    source: &Source,
    first: usize,
    out: &mut [f32],
) {
    let mut codes = [C::default(); CHUNK];
    for (chunk, (x, out)) in x.chunks(CHUNK).zip(out.chunks_mut(CHUNK)).enumerate() {
        let codes = &mut codes[..x.len()];
        quantizer.quantize(x, source.draw(first + chunk * CHUNK), codes);
        dequantize_slice(codes, quantizer.format, out);
    }
}

/// Converts f64 numbers one by one, their leading random words drawn together.
pub(super) fn each_f64<T: Copy + Send>(
    x: &[f64],
    out: &mut [T],
    source: &Source,
    rounding: Rounding,
    par: Par,
    convert: impl Fn(f64, Draw<&Ahead<'_>>) -> T + Sync,
) {
    par.for_each_chunk(out, TASK, |task, out| {
        let start = task * TASK;
        let mut words = [0; CHUNK];
        for (chunk, out) in out.chunks_mut(CHUNK).enumerate() {
            let start = start + chunk * CHUNK;
            let first = source.first + start as u64;
            let words = &mut words[..out.len()];
            if rounding.is_stochastic() {
                source.bits.fill(first, words);
            }
            let ahead = Ahead { first, words, source: &source.bits };
            for ((out, &x), position) in out.iter_mut().zip(&x[start..]).zip(first..) {
                *out = convert(x, ahead.at(position));
            }
        }
    });
}

/// A source whose leading words of some elements are at hand.
pub(super) struct Ahead<'a> {
    first: u64,
    words: &'a [u32],
    source: &'a Bits,
}

impl BitSource for Ahead<'_> {
    fn word(&self, position: u64, depth: u32) -> u32 {
        match depth {
            0 => self.words[(position - self.first) as usize],
            _ => self.source.word(position, depth),
        }
    }

    fn is_empty(&self) -> bool {
        self.source.is_empty()
    }
}
