//! Slices of f32 converted in place: the values of the codes, element by element.

use numerics::{
    BitSource, Domain, FloatFormat, FloatQuantizer, Fraction, GivenBits, Overflow, Rounding, Seed,
    Signedness, Specials, StochasticBits, StochasticVariant,
};
use proptest::prelude::*;

fn formats() -> Vec<FloatFormat> {
    vec![
        FloatFormat::F16,
        FloatFormat::BF16,
        FloatFormat::TF32,
        FloatFormat::E4M3,
        FloatFormat::E5M2,
        FloatFormat::E4M3FNUZ,
        FloatFormat::E3M2,
        FloatFormat::E2M1,
        FloatFormat::FP16_E6M9,
        FloatFormat::p3109(8, 1).unwrap(),
        FloatFormat::p3109(8, 3).unwrap(),
        FloatFormat::p3109_with(8, 4, Signedness::Signed, Domain::Finite).unwrap(),
        FloatFormat::p3109_with(8, 4, Signedness::Unsigned, Domain::Extended).unwrap(),
        FloatFormat::new(2, 9, -60, Specials::NanOnly).unwrap(),
    ]
}

fn roundings() -> Vec<Rounding> {
    let mut all = vec![
        Rounding::NearestTiesEven,
        Rounding::Stochastic,
        Rounding::NearestTiesAway,
        Rounding::Down,
        Rounding::ToOdd,
    ];
    for variant in [StochasticVariant::A, StochasticVariant::B, StochasticVariant::C] {
        for fraction in [Fraction::TwosComplement, Fraction::SignMagnitude] {
            for bits in [1, 8, 16, 31] {
                all.push(Rounding::StochasticBits(StochasticBits { bits, variant, fraction }));
            }
        }
    }
    all
}

const POLICIES: [Overflow; 3] = [Overflow::Saturate, Overflow::SaturateFinite, Overflow::Propagate];

fn check(quantizer: FloatQuantizer, x: &[f32], source: &(impl BitSource + Sync)) {
    let mut y = x.to_vec();
    quantizer.convert_slice(&mut y, source.at(5));
    for (i, (&x, y)) in x.iter().zip(y).enumerate() {
        let code = quantizer.code(f64::from(x), source.at(5 + i as u64));
        let expected = quantizer.format.decode(code) as f32;
        let same = y.to_bits() == expected.to_bits() || y.is_nan() && expected.is_nan();
        assert!(same, "{x:e} became {y:e}, not {expected:e}, under {quantizer:?}");
    }
}

#[test]
fn slices_are_the_values_of_their_codes() {
    let mut x = vec![0.0; 2500];
    Seed::new(21).stream().fill_gaussian(0, &mut x);
    for (i, x) in x.iter_mut().enumerate() {
        *x *= 10f32.powi(i as i32 % 90 - 45);
    }
    let specials = [0.0, -0.0, f32::INFINITY, f32::NEG_INFINITY, f32::NAN, -f32::NAN, f32::MAX];
    x[40..47].copy_from_slice(&specials);
    let bits = Seed::new(21).child("bits").stream();
    for format in formats() {
        for rounding in roundings() {
            for overflow in POLICIES {
                check(FloatQuantizer { format, rounding, overflow }, &x, &bits);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    /// Any f32, or one near the numbers of the format, with words of which many are extreme.
    #[test]
    fn any_slice_is_the_values_of_its_codes(
        x in prop::collection::vec((any::<u32>(), 0u8..3, any::<u32>(), 0u8..6), 1..60),
        format in any::<prop::sample::Index>(), rounding in any::<prop::sample::Index>(), policy in 0usize..3,
    ) {
        let format = *format.get(&formats());
        let values: Vec<f32> = x.iter().map(|&(bits, kind, ..)| {
            let near = format.decode(bits >> 8 & ((1 << format.width()) - 1)) as f32;
            match kind {
                0 => f32::from_bits(bits),
                1 => near,
                _ => f32::from_bits(near.to_bits() ^ bits & 0xf_ffff),
            }
        }).collect();
        let words: Vec<u32> = x.iter().map(|&(.., word, kind)| match kind {
            0 => 0, 1 => u32::MAX, 2 => word & 0xff, 3 => word | 0xffff_ff00, _ => word,
        }).collect();
        let words = [&[0; 5][..], &words].concat();
        let rounding = *rounding.get(&roundings());
        check(FloatQuantizer { format, rounding, overflow: POLICIES[policy] }, &values, &GivenBits(&words));
    }
}
