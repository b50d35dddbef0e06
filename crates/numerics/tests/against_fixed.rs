//! The `fixed` crate as an oracle: conversions and products of its static types.

use fixed::types::{I2F14, I4F12, I8F8, I16F16};
use numerics::{Draw, FixedFormat, FixedMatrix, Product, Quantizer, Rounding};
use proptest::prelude::*;

macro_rules! conversions_agree {
    ($name:ident, $fixed:ty) => {
        proptest! {
            #[test]
            fn $name(x in prop_oneof![-300.0f32..300.0, any::<f32>().prop_filter("finite", |x| x.is_finite())]) {
                let format = FixedFormat::of_fixed::<$fixed>().unwrap();
                let code = |rounding| Quantizer::new(format, rounding).code(f64::from(x), Draw::none());
                // `fixed` converts floats to nearest, ties to even, saturating on request.
                prop_assert_eq!(code(Rounding::NearestTiesEven), i32::from(<$fixed>::saturating_from_num(x).to_bits()));
                prop_assert_eq!(format.max(), <$fixed>::MAX.to_num::<f64>());
                prop_assert_eq!(format.min(), <$fixed>::MIN.to_num::<f64>());
            }
        }
    };
}

conversions_agree!(i2f14_converts_alike, I2F14);
conversions_agree!(i4f12_converts_alike, I4F12);
conversions_agree!(i8f8_converts_alike, I8F8);
conversions_agree!(i16f16_converts_alike, I16F16);

proptest! {
    /// A wide register of `fixed` (32 fractional bits) holds the exact sum; its floor is ours.
    #[test]
    fn inner_products_agree(a in prop::collection::vec(any::<i16>(), 1..40), seed: u64) {
        let format = FixedFormat::new(8, 8).unwrap();
        let b: Vec<i16> = a.iter().enumerate().map(|(i, &a)| a.wrapping_mul(31).wrapping_add(seed as i16).rotate_left(i as u32)).collect();
        let exact: fixed::types::I48F16 = a.iter().zip(&b)
            .map(|(&a, &b)| I8F8::from_bits(a).wide_mul(I8F8::from_bits(b)))
            .map(fixed::types::I48F16::from_num)
            .sum();
        let matrix = |v: &[i16], rows, cols| {
            let codes: Vec<i32> = v.iter().map(|&c| i32::from(c)).collect();
            FixedMatrix::from_codes(format, rows, cols, &codes).unwrap()
        };
        let (row, column) = (matrix(&a, 1, a.len()), matrix(&b, b.len(), 1));
        let down = Quantizer::new(format, Rounding::Down);
        let c = Product::new(row.view(), column.view()).convert(down, Draw::none());
        prop_assert_eq!(c.get(0, 0), i32::from(I8F8::saturating_from_num(I8F8::MAX.to_num::<fixed::types::I48F16>().min(exact)
            .max(I8F8::MIN.to_num::<fixed::types::I48F16>())).to_bits()));
    }
}
