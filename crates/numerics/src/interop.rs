//! Conversions to and from the static types of the `fixed` crate.

use fixed::traits::Fixed;

use crate::FixedFormat;

impl FixedFormat {
    /// The format of a signed type of the `fixed` crate, such as `FixedI16<U14>`.
    ///
    /// `None` for types wider than 32 bits and for unsigned ones.
    ///
    /// # Examples
    ///
    /// ```
    /// use fixed::types::I2F14;
    /// use numerics::FixedFormat;
    ///
    /// let format = FixedFormat::of_fixed::<I2F14>().unwrap();
    /// assert_eq!(format.to_string(), "<2,14>");
    /// assert_eq!(format.value(i32::from(I2F14::MAX.to_bits())), I2F14::MAX.to_num::<f64>());
    /// ```
    pub fn of_fixed<F: Fixed>() -> Option<Self> {
        if !F::IS_SIGNED {
            return None;
        }
        let (il, fl) = (i8::try_from(F::INT_NBITS).ok()?, i8::try_from(F::FRAC_NBITS).ok()?);
        Self::new(il, fl).ok()
    }
}
