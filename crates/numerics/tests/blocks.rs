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
    let BlockLayout { rows, cols, .. } = layout;
    for par in [
        Par::Seq,
        #[cfg(feature = "rayon")]
        Par::Rayon,
    ] {
        let mut again = vec![2.0; x.len()];
        quantizer.decode_into(x, layout, source.at(3), par, &mut again);
        assert_eq!(bits(&again), bits(&decoded));
        let mut transposed = vec![4.0; x.len()];
        let scale = quantizer.decode_transposed_into(x, layout, source.at(3), par, &mut transposed);
        assert_eq!(scale, t);
        let back = (0..rows).flat_map(|r| (0..cols).map(move |c| c * rows + r));
        let back: Vec<f32> = back.map(|at| transposed[at]).collect();
        assert_eq!(bits(&back), bits(&decoded));
    }
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
        BlockQuantizer::new(format, Rounding::NearestTiesEven),
        BlockQuantizer::new(BlockFormat::NVFP4, Rounding::Stochastic),
        BlockQuantizer::new(BlockFormat::NVFP4, Rounding::NearestTiesEven),
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

/// What lies between two elements, and the numbers before and behind it, under scales of all kinds: the
/// fast roundings to nearest are the definition there, too.
#[test]
fn ties_and_their_neighbours_round_as_defined() {
    let bits = Seed::new(10).stream();
    for block in [8, 16, 25] {
        for quantizer in quantizers(Rounding::NearestTiesEven, block) {
            let element = quantizer.format.element;
            let codes = element_codes_of(element);
            let mut values: Vec<f64> = codes.iter().map(|&code| value_of(element, code)).collect();
            values.sort_by(f64::total_cmp);
            let ties: Vec<f64> = values.windows(2).map(|pair| (pair[0] + pair[1]) / 2.0).collect();
            for (scale, tensor_scale) in
                [(1.0, 1.0), (0.0078125, 0.37), (208.0, 1.7e-3), (3.5, 1e-30), (0.875, 2.9e-38)]
            {
                let tensor_scale = if quantizer.tensor_scale {
                    tensor_scale as f32
                } else {
                    quantizer.fixed_tensor_scale()
                };
                let unit = scale * f64::from(tensor_scale);
                let largest = (value_of(element, codes[codes.len() - 1]).abs() * unit) as f32;
                let near = ties.iter().map(|tie| (tie * unit) as f32);
                let near = near.flat_map(|x| [x.next_down(), x, x.next_up(), largest]);
                let mut x: Vec<f32> = near.collect();
                x.resize(x.len().next_multiple_of(30), 0.0);
                for shape in SHAPES {
                    let layout = shape.of(x.len() / 30, 30);
                    let matrix =
                        quantizer.quantize_matrix_scaled(&x, layout, tensor_scale, bits.at(0));
                    let mut y = vec![1.0; x.len()];
                    let draw = bits.at(0);
                    quantizer.decode_scaled_into(&x, layout, tensor_scale, draw, Par::Seq, &mut y);
                    assert!(self::bits(&y) == self::bits(&matrix.to_scaled_f32()), "{quantizer:?}");
                }
            }
        }
    }
}

/// The codes of finite elements of any width.
fn element_codes_of(element: Element) -> Vec<u8> {
    match element {
        Element::Float(_) => element_codes(element).0,
        Element::Fixed(format) => {
            let max = format.max_code() as i8;
            (-max..=max).map(|code| code as u8).collect()
        }
    }
}

fn value_of(element: Element, code: u8) -> f64 {
    match element {
        Element::Float(format) => format.decode(code.into()),
        Element::Fixed(format) => f64::from(code as i8) * format.epsilon(),
    }
}

#[test]
fn nothing_converts_to_nothing() {
    for quantizer in quantizers(Rounding::NearestTiesEven, 16) {
        for layout in SHAPES.into_iter().flat_map(|s| [s.of(0, 5), s.of(5, 0), s.of(0, 0)]) {
            let matrix = quantizer.quantize_matrix(&[], layout, Draw::none());
            assert!(matrix.codes().is_empty() && matrix.to_f32().is_empty());
            assert!(matrix.transpose().scales().is_empty());
            let t = quantizer.decode_into(&[], layout, Draw::none(), Par::Seq, &mut []);
            let transposed =
                quantizer.decode_transposed_into(&[], layout, Draw::none(), Par::Seq, &mut []);
            assert_eq!((t, transposed), (matrix.tensor_scale(), matrix.tensor_scale()));
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

const MX: [BlockFormat; 6] = [
    BlockFormat::MXFP8_E4M3,
    BlockFormat::MXFP8_E5M2,
    BlockFormat::MXFP6_E3M2,
    BlockFormat::MXFP6_E2M3,
    BlockFormat::MXFP4,
    BlockFormat::MXINT8,
];

/// The codes of finite elements, and that of the largest one.
fn element_codes(element: Element) -> (Vec<u8>, u8) {
    match element {
        Element::Float(format) => {
            let finite = |code: &u8| format.decode((*code).into()).is_finite();
            let width = format.width();
            let all = (0..=u8::MAX).take(1 << width).filter(finite).collect();
            (all, format.max_code() as u8)
        }
        // The lowest code is left unused.
        Element::Fixed(_) => ((0..=u8::MAX).filter(|&code| code != 0x80).collect(), 0x7f),
    }
}

/// One block for every scale, each with the largest element: all codes, in as many blocks as needed.
fn blocks_of(format: BlockFormat, scales: std::ops::RangeInclusive<u8>) -> BlockMatrix {
    let (all, largest) = element_codes(format.element);
    let (mut codes, mut used) = (Vec::new(), Vec::new());
    for scale in scales {
        for part in all.chunks(format.block - 1) {
            let mut block = vec![largest; format.block];
            block[1..=part.len()].copy_from_slice(part);
            codes.extend(block);
            used.push(scale);
        }
    }
    let layout = BlockShape::AlongRows.of(used.len(), format.block);
    BlockMatrix::from_parts(format, layout, 1.0, used, codes).unwrap()
}

/// Numbers on the grid come back as the codes and scales that they were, from every scale.
#[test]
fn every_element_under_every_scale_converts_to_itself() {
    let roundings = [Rounding::NearestTiesEven, Rounding::Stochastic, Rounding::ToOdd];
    let check = |quantizer: BlockQuantizer, blocks: &BlockMatrix| {
        let x = blocks.to_scaled_f32();
        let bits = Seed::new(1).stream();
        let again = quantizer.quantize_matrix_scaled(&x, blocks.layout(), 1.0, bits.at(0));
        // Thousands of codes are not worth printing.
        assert!(again.scales() == blocks.scales(), "scales of {quantizer:?}");
        assert!(again.codes() == blocks.codes(), "codes of {quantizer:?}");
        let mut y = vec![1.0; x.len()];
        quantizer.decode_scaled_into(&x, blocks.layout(), 1.0, bits.at(0), Par::Seq, &mut y);
        assert!(self::bits(&y) == self::bits(&x), "values of {quantizer:?}");
    };
    for rounding in roundings {
        for format in MX {
            // M · 2^(code − 127) must be a number of f32.
            let top = match format.element {
                Element::Float(format) => format.max().log2().floor() as u8,
                Element::Fixed(_) => 0,
            };
            for scale_rule in [ScaleRule::Floor, ScaleRule::Even, ScaleRule::Rceil] {
                // `Even` adds to the bits of a subnormal number, whose significand is shorter.
                let subnormal = scale_rule == ScaleRule::Even && format == BlockFormat::MXINT8;
                let blocks = blocks_of(format, u8::from(subnormal)..=254 - top);
                let quantizer =
                    BlockQuantizer { scale_rule, ..BlockQuantizer::new(format, rounding) };
                check(quantizer, &blocks);
            }
        }
        let blocks = blocks_of(BlockFormat::NVFP4, 1..=0x7e);
        check(BlockQuantizer::new(BlockFormat::NVFP4, rounding), &blocks);
        let one_level = BlockQuantizer {
            tensor_scale: false,
            ..BlockQuantizer::new(BlockFormat::NVFP4, rounding)
        };
        check(one_level, &blocks);
    }
}

/// The counts of three blocks by hand: one clips under floor, in one an element vanishes, one is NaN.
#[test]
fn tallies_count_what_was_lost() {
    let format = BlockFormat { block: 2, ..BlockFormat::MXFP4 };
    let x = [7.0, 1.0, 4.0, 0.2, f32::NAN, 1.0];
    let layout = BlockShape::AlongRows.of(3, 2);
    let of = |scale_rule| {
        let quantizer =
            BlockQuantizer { scale_rule, ..BlockQuantizer::new(format, Rounding::NearestTiesEven) };
        let mut y = [0.0; 6];
        let t = quantizer.decode_into(&x, layout, Draw::none(), Par::Seq, &mut y);
        quantizer.tally(&x, layout, &y, t)
    };
    let floor = of(ScaleRule::Floor);
    assert_eq!((floor.count, floor.clipped, floor.zeroed, floor.nan), (6, 1, 1, 2));
    let rceil = of(ScaleRule::Rceil);
    assert_eq!((rceil.count, rceil.clipped, rceil.zeroed, rceil.nan), (6, 0, 1, 2));
    let mut sum = floor;
    sum += rceil;
    assert_eq!((sum.count, sum.clipped, sum.zeroed, sum.nan), (12, 1, 2, 4));
}

#[test]
fn foreign_parts_are_checked() {
    let layout = BlockShape::Square.of(20, 17);
    let of = |scales: Vec<u8>, codes: Vec<u8>, t| {
        let made = BlockMatrix::from_parts(BlockFormat::NVFP4, layout, t, scales, codes);
        made.map_or_else(|error| error.to_string(), |_| String::new())
    };
    assert_eq!(of(vec![0x38; 4], vec![7; 340], 1.0), "");
    assert_eq!(of(vec![0x38; 4], vec![7; 339], 1.0), "`codes`: 339 are no matrix of 20 × 17");
    assert_eq!(of(vec![0x38; 3], vec![7; 340], 1.0), "`scales`: 3 for 2 × 2 blocks");
    assert_eq!(of(vec![0x38; 4], vec![16; 340], 1.0), "`codes`: 0x10 is the code of no element");
    assert_eq!(of(vec![0x80; 4], vec![7; 340], 1.0), "`scales`: 0x80 is the code of no scale");
    let scale = "`tensor_scale`: 0 is not a positive finite number";
    assert_eq!(of(vec![0x38; 4], vec![7; 340], 0.0), scale);
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

    /// Inside a block, larger numbers do not become smaller ones.
    #[test]
    fn conversion_is_monotone(mut x in prop::collection::vec(-1e3f32..1e3, 2..33), kind in any::<prop::sample::Index>(),
                              rounding in 0usize..8, exponent in -30i32..30) {
        x.iter_mut().for_each(|x| *x *= 2f32.powi(exponent));
        x.sort_by(f32::total_cmp);
        let rounding = [0, 2, 3, 4, 5, 6, 7, 0].map(|i| roundings()[i])[rounding];
        let quantizers = quantizers(rounding, 40);
        let quantizer = kind.get(&quantizers);
        let mut y = vec![0.0; x.len()];
        quantizer.decode_into(&x, BlockShape::AlongRows.of(1, x.len()), Draw::none(), Par::Seq, &mut y);
        prop_assert!(y.windows(2).all(|y| y[0] <= y[1]), "{:?} became {:?} in {:?}", x, y, quantizer);
    }
}
