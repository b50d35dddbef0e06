//! Matrices in blocks: the hot path against its definition, invariants of both.

use numerics::{
    BitSource, BlockFormat, BlockLayout, BlockMatrix, BlockQuantizer, BlockShape, Draw,
    FixedFormat, FloatFormat, Fraction, GivenBits, Par, Rounding, ScaleRule, Seed, StochasticBits,
    StochasticVariant, Top,
};
use numerics::{BlockScale, Element};
use proptest::prelude::*;

const SHAPES: [BlockShape; 3] =
    [BlockShape::AlongRows, BlockShape::AlongColumns, BlockShape::Square];

fn roundings() -> Vec<Rounding> {
    let mut all = vec![
        Rounding::NearestTiesEven,
        Rounding::Stochastic,
        Rounding::NearestTiesAway,
        Rounding::NearestTiesDown,
        Rounding::TowardZero,
        Rounding::Down,
        Rounding::Up,
        Rounding::ToOdd,
    ];
    for variant in [StochasticVariant::A, StochasticVariant::B, StochasticVariant::C] {
        for fraction in [Fraction::TwosComplement, Fraction::SignMagnitude] {
            for bits in [1, 4, 8, 16, 31] {
                all.push(Rounding::StochasticBits(StochasticBits { bits, variant, fraction }));
            }
        }
    }
    all
}

/// Every kind of quantizer, with blocks of `block`.
fn quantizers(rounding: Rounding, block: usize) -> Vec<BlockQuantizer> {
    let mut all = Vec::new();
    let mx = [
        BlockFormat::MXFP8_E4M3,
        BlockFormat::MXFP8_E5M2,
        BlockFormat::MXFP6_E3M2,
        BlockFormat::MXFP6_E2M3,
        BlockFormat::MXFP4,
        BlockFormat::MXINT8,
        BlockFormat::block_floating_point(4, 8).unwrap(),
    ];
    let rules = [
        ScaleRule::Floor,
        ScaleRule::Ceil,
        ScaleRule::Even,
        ScaleRule::Rceil,
        ScaleRule::ScaledFloor,
    ];
    for format in mx {
        for scale_rule in rules {
            let format = BlockFormat { block, ..format };
            all.push(BlockQuantizer { scale_rule, ..BlockQuantizer::new(format, rounding) });
        }
    }
    let elements = [
        Element::Float(FloatFormat::E2M1),
        Element::Float(FloatFormat::E4M3FNUZ),
        Element::Float(FloatFormat::p3109(6, 3).unwrap()),
        // No mantissa bits: the definition alone.
        Element::Float(FloatFormat::new(4, 0, 7, numerics::Specials::None).unwrap()),
        Element::Fixed(FixedFormat::new(1, 3).unwrap()),
    ];
    for element in elements {
        let format = BlockFormat { element, block, scale: BlockScale::E4M3 };
        for (tensor_scale, top) in
            [(true, Top::Largest), (false, Top::Largest), (true, Top::Unbiased)]
        {
            all.push(BlockQuantizer { tensor_scale, top, ..BlockQuantizer::new(format, rounding) });
        }
        let scale_rule = ScaleRule::TorchaoInference;
        all.push(BlockQuantizer { scale_rule, ..BlockQuantizer::new(format, rounding) });
    }
    all
}

/// Bits, all NaNs being one.
fn bits(x: &[f32]) -> Vec<u32> {
    x.iter().map(|x| if x.is_nan() { f32::NAN.to_bits() } else { x.to_bits() }).collect()
}

/// The hot path gives the bits of the definition, whatever the pool, and a part those of the whole.
fn check(
    quantizer: &BlockQuantizer,
    x: &[f32],
    layout: BlockLayout,
    source: &(impl BitSource + Sync),
) {
    let matrix = quantizer.quantize_matrix(x, layout, source.at(3));
    let mut decoded = vec![1.0; x.len()];
    let t = quantizer.decode_into(x, layout, source.at(3), Par::Seq, &mut decoded);
    assert_eq!(t, matrix.tensor_scale(), "{quantizer:?}");
    let expected = matrix.to_scaled_f32();
    for (i, (ours, theirs)) in bits(&decoded).iter().zip(bits(&expected)).enumerate() {
        let values = (f32::from_bits(*ours), f32::from_bits(theirs));
        assert_eq!(*ours, theirs, "{} at {i} became {values:?} in {quantizer:?}, {layout:?}", x[i]);
    }
    let mut parallel = vec![2.0; x.len()];
    quantizer.decode_into(x, layout, source.at(3), Par::Rayon, &mut parallel);
    assert_eq!(bits(&parallel), bits(&decoded));
    let middle = layout.rows / 2 / quantizer.format.block * quantizer.format.block;
    let cut = middle * layout.cols;
    let mut parts = vec![3.0; x.len()];
    let (head, tail) = parts.split_at_mut(cut);
    let rows = |rows| layout.shape.of(rows, layout.cols);
    let (first, second) = (source.at(3), source.at(3 + cut as u64));
    quantizer.decode_scaled_into(&x[..cut], rows(middle), t, first, Par::Seq, head);
    quantizer.decode_scaled_into(&x[cut..], rows(layout.rows - middle), t, second, Par::Seq, tail);
    assert_eq!(bits(&parts), bits(&decoded));
    assert_eq!(matrix.transpose().transpose(), matrix);
    let stored = BlockMatrix::from_parts(
        matrix.format(),
        layout,
        t,
        matrix.scales().to_vec(),
        matrix.codes().to_vec(),
    );
    assert_eq!(stored, Ok(matrix));
}

#[test]
fn the_hot_path_is_the_definition() {
    let stream = Seed::new(7).child("bits").stream();
    let (rows, cols) = (37, 43);
    let mut x = vec![0.0; rows * cols];
    Seed::new(7).child("x").stream().fill_gaussian(0, &mut x);
    // Zeros of both signs, subnormal numbers, numbers on the grid, and a block of zeros.
    for (i, x) in x.iter_mut().enumerate() {
        match i % 23 {
            0 => *x = 0.0,
            1 => *x = -0.0,
            2 => *x *= 1e-40,
            3 => *x = (*x * 4.0).round() / 4.0,
            4 => *x *= 1e-3,
            5 => *x *= 1e-7,
            _ => {}
        }
        if i % cols >= 32 && i / cols >= 32 {
            *x = 0.0;
        }
    }
    for rounding in roundings() {
        for (i, quantizer) in quantizers(rounding, 8).iter().enumerate() {
            check(quantizer, &x, SHAPES[i % 3].of(rows, cols), &stream);
            check(quantizer, &x, SHAPES[(i + 1) % 3].of(rows, cols), &stream);
        }
    }
}

#[test]
fn long_rows_and_columns_are_cut_into_chunks() {
    let stream = Seed::new(8).child("bits").stream();
    let mut x = vec![0.0; 70_000];
    Seed::new(8).child("x").stream().fill_gaussian(0, &mut x);
    let format = BlockFormat::MXFP8_E4M3;
    for quantizer in [
        BlockQuantizer::new(format, Rounding::Stochastic),
        BlockQuantizer::new(BlockFormat::NVFP4, Rounding::Stochastic),
    ] {
        for (rows, cols) in
            [(1, 70_000), (70_000, 1), (7, 10_000), (10, 7_000), (700, 100), (64, 96)]
        {
            for shape in SHAPES {
                check(&quantizer, &x[..rows * cols], shape.of(rows, cols), &stream);
            }
        }
    }
}

#[test]
fn what_is_not_finite_takes_its_block_and_no_other() {
    let (rows, cols) = (40, 48);
    for special in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let mut x = vec![1.0; rows * cols];
        x[17 * cols + 20] = special;
        for quantizer in quantizers(Rounding::NearestTiesEven, 16) {
            for shape in SHAPES {
                let layout = shape.of(rows, cols);
                check(&quantizer, &x, layout, &Seed::new(0).stream());
                let mut y = vec![0.0; x.len()];
                let t = quantizer.decode_into(&x, layout, Draw::none(), Par::Seq, &mut y);
                let (height, width) = shape.block(16);
                let nan = y.iter().filter(|y| y.is_nan()).count();
                assert_eq!(nan, height * width);
                assert_eq!(quantizer.tally(&x, layout, &y, t).nan, (height * width) as u64);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// Any f32, mostly of a few binades, given words of which many are extreme.
    #[test]
    fn the_hot_path_is_the_definition_for_any_numbers(
        x in prop::collection::vec((any::<u32>(), 0u8..4, any::<u32>(), 0u8..6), 1..80),
        block in 1usize..40, rounding in 0usize..38, kind in any::<prop::sample::Index>(),
        shape in 0usize..3, rows in 1usize..5, magnitude in 1u32..250,
    ) {
        let cols = x.len().div_ceil(rows);
        let mut values: Vec<f32> = x.iter().map(|&(bits, kind, ..)| match kind {
            0 => f32::from_bits(bits),
            1 => 0.0,
            // The given binade and the four below.
            _ => f32::from_bits(bits & 0x807f_ffff | (magnitude + 5 - bits % 5) << 23),
        }).collect();
        values.resize(rows * cols, 0.5);
        let mut words: Vec<u32> = x.iter().map(|&(.., word, kind)| match kind {
            0 => 0, 1 => u32::MAX, 2 => word & 0xff, 3 => word | 0xffff_ff00, _ => word,
        }).collect();
        words.resize(rows * cols, 0);
        let words = [&[0; 3][..], &words].concat();
        let roundings = roundings();
        let quantizers = quantizers(roundings[rounding % roundings.len()], block);
        let quantizer = kind.get(&quantizers);
        check(quantizer, &values, SHAPES[shape].of(rows, cols), &GivenBits(&words));
    }
}
