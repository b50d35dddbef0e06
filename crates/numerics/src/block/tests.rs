//! Blocks along a tensor: hand-computed cases, bounds of errors, positions of bits.

use super::format::exponent;
use super::*;
use crate::draw::{BitSource, Draw};
use crate::float::FloatFormat;
use crate::rounding::Rounding;
use crate::seed::Seed;

const PRESETS: [BlockFormat; 7] = [
    BlockFormat::MXFP8_E4M3,
    BlockFormat::MXFP8_E5M2,
    BlockFormat::MXFP6_E3M2,
    BlockFormat::MXFP6_E2M3,
    BlockFormat::MXFP4,
    BlockFormat::MXINT8,
    BlockFormat::NVFP4,
];

fn quantize(format: BlockFormat, x: &[f32]) -> BlockTensor {
    let rounding = Rounding::NearestTiesEven;
    BlockQuantizer::new(format, rounding).quantize(x, Draw::none())
}

#[test]
fn a_power_of_two_scale_puts_the_largest_element_into_the_top_binade() {
    // OCP MX 1.0 §6.3 by hand: max 1.75 has exponent 0; E4M3's largest has 8, so X = 2^−8.
    let tensor = quantize(BlockFormat::MXFP8_E4M3, &[1.75, -0.01, 0.0]);
    assert_eq!(tensor.scales(), [127 - 8]);
    assert_eq!(tensor.codes()[0], 0x7e, "1.75 · 2^8 = 448");
    // MXINT8: 1.99 has exponent 0, X = 1, 127/64 is the largest element.
    let tensor = quantize(BlockFormat::MXINT8, &[1.99, -1.0, 0.5]);
    assert_eq!(tensor.scales(), [127]);
    assert_eq!(tensor.codes(), [127, 192, 32]);
    // Block floating point of 4 bits: elements k/8 below 1, so 3.0 has scale 4.
    let bfp = BlockFormat::block_floating_point(4, 8).unwrap();
    assert_eq!(quantize(bfp, &[3.0, -1.5, 0.25]).to_f32(), [3.0, -1.5, 0.0]);
}

#[test]
fn nvfp4_reaches_its_largest_scale_and_element() {
    let mut x = [0.01f32; 32];
    (x[0], x[16]) = (-3.0, 1.0);
    let tensor = quantize(BlockFormat::NVFP4, &x);
    assert_eq!(tensor.tensor_scale(), 3.0 / 2688.0);
    assert_eq!(tensor.scales()[0], 0x7e, "448");
    assert_eq!((tensor.codes()[0], tensor.codes()[16]), (0xf, 0x7), "∓6");
    assert!((tensor.to_f32()[0] + 3.0).abs() < 1e-6);
    // 448/3 = 149.33 is 144 in E4M3 (spacing 16), and 1 saturates at 6 of its units.
    assert!((f64::from(tensor.to_f32()[16]) - 144.0 * 6.0 * 3.0 / 2688.0).abs() < 1e-6);
}

#[test]
fn converted_tensors_do_not_change_again() {
    let mut x = vec![0.0; 1000];
    Seed::new(3).stream().fill_gaussian(0, &mut x);
    for format in PRESETS.into_iter().filter(|f| f.scale == BlockScale::PowerOfTwo) {
        let once = quantize(format, &x).to_f32();
        let twice = quantize(format, &once).to_f32();
        // A block whose largest element rounds up to the next power of two gets a larger
        // scale; its elements must still be on the coarser grid or move by one rounding.
        for (block, (once, twice)) in once.chunks(32).zip(twice.chunks(32)).enumerate() {
            let top = |x: &[f32]| exponent(x.iter().fold(0.0, |m: f64, x| m.max(x.abs().into())));
            if top(&x[block * 32..(block * 32 + 32).min(1000)]) == top(once) {
                assert_eq!(once, twice);
            }
        }
    }
}

#[test]
fn errors_stay_below_half_a_last_place_of_the_top_binade() {
    let mut x = vec![0.0; 4096];
    Seed::new(4).stream().fill_gaussian(0, &mut x);
    for format in PRESETS {
        let y = quantize(format, &x).to_f32();
        for (x, y) in x.chunks(format.block).zip(y.chunks(format.block)) {
            let max = x.iter().fold(0.0f32, |m, x| m.max(x.abs()));
            // The coarsest step is 2^−m of the top binade; saturation can cost as much as the
            // part of the binade that the largest element leaves out, a quarter (E2M1, E3M2 …).
            let bound = match format.element {
                Element::Fixed(_) => max / 64.0,
                Element::Float(f) => max * 0.5f32.powi(f.mantissa_bits() as i32 + 1).max(0.125),
            };
            let slack = if format.scale == BlockScale::E4M3 { 1.07 } else { 1.0 };
            for (x, y) in x.iter().zip(y) {
                assert!((x - y).abs() <= bound * slack, "{x} became {y} in {format:?}");
            }
        }
    }
}

#[test]
fn specials_make_their_block_nan_and_no_other() {
    for format in PRESETS {
        let mut x = vec![1.0f32; 3 * format.block];
        x[format.block] = f32::NEG_INFINITY;
        let y = quantize(format, &x).to_f32();
        let nan = |y: &[f32]| y.iter().filter(|y| y.is_nan()).count();
        assert_eq!(nan(&y), format.block);
        assert_eq!(nan(&y[format.block..2 * format.block]), format.block);
    }
}

#[test]
fn zeros_and_extreme_numbers_survive() {
    for format in PRESETS {
        assert!(quantize(format, &[0.0; 40]).to_f32().iter().all(|&y| y == 0.0));
        for x in [f32::MAX, f32::MIN_POSITIVE, 1e-45] {
            let y = quantize(format, &[x, -x]).to_f32();
            assert!(y[0].is_finite() && y[0] >= 0.0 && y[1] == -y[0], "{x} in {format:?}");
        }
        assert!(quantize(format, &[]).is_empty());
    }
}

#[test]
fn elements_draw_the_bits_of_their_positions() {
    let mut x = vec![0.0; 320];
    let stream = Seed::new(5).stream();
    stream.fill_gaussian(0, &mut x);
    for format in PRESETS {
        let quantizer = BlockQuantizer::new(format, Rounding::Stochastic);
        let scale = if format.scale == BlockScale::E4M3 { 0.001 } else { 1.0 };
        let whole = quantizer.quantize_scaled(&x, scale, stream.at(0));
        let part = quantizer.quantize_scaled(&x[96..], scale, stream.at(96));
        let mut distinct = whole.codes().to_vec();
        distinct.sort_unstable();
        distinct.dedup();
        assert!(distinct.len() > 8, "codes at the ends of the range tell no bits apart");
        assert_eq!(part.codes(), &whole.codes()[96..]);
        assert_eq!(part.scales(), &whole.scales()[96 / format.block..]);
    }
}

/// A tensor scale of 1 is none: what `quantize` does.
#[test]
fn powers_of_two_are_scaled_by_nothing_else() {
    let x = [6.0, 3.0, 1.0, -0.3];
    for format in PRESETS.into_iter().filter(|f| f.scale == BlockScale::PowerOfTwo) {
        let quantizer = BlockQuantizer::new(format, Rounding::NearestTiesEven);
        let scaled = quantizer.quantize_scaled(&x, 1.0, Draw::none());
        assert_eq!(scaled, quantizer.quantize(&x, Draw::none()));
        assert_eq!(scaled.to_f32()[..3], [6.0, 3.0, 1.0], "{format:?}");
    }
}

#[test]
#[should_panic(expected = "blocks scaled by powers of two have no tensor scale, 0.5 cannot")]
fn a_tensor_scale_of_powers_of_two_is_refused() {
    let format = BlockFormat::MXFP4;
    let quantizer = BlockQuantizer::new(format, Rounding::NearestTiesEven);
    quantizer.quantize_scaled(&[6.0, 3.0, 1.0], 0.5, Draw::none());
}

#[test]
#[should_panic(expected = "block elements of 16 bits are wider than 8")]
fn wide_elements_are_refused() {
    let element = Element::Float(FloatFormat::F16);
    quantize(BlockFormat { element, block: 8, scale: BlockScale::PowerOfTwo }, &[1.0]);
}
