//! [`Code`]: the integers that hold fixed-point codes; [`Codes`]: a vector of them.

use crate::error::CodeError;
use crate::format::FixedFormat;

mod sealed {
    pub trait Sealed: Sized {
        /// The bytes of codes, in the order of this machine.
        fn bytes(codes: &[Self]) -> &[u8];
    }
}

/// An integer type that stores codes: `i8`, `i16` or `i32`.
pub trait Code: sealed::Sealed + Copy + Default + Send + Sync + 'static {
    /// The longest word that the type holds.
    const BITS: u32;

    /// Narrows a code that is known to fit.
    fn from_i32(code: i32) -> Self;

    /// Widens the code.
    fn to_i32(self) -> i32;
}

macro_rules! code {
    ($($t:ty)*) => {$(
        impl sealed::Sealed for $t {
            fn bytes(codes: &[Self]) -> &[u8] {
                bytemuck::cast_slice(codes)
            }
        }
        impl Code for $t {
            const BITS: u32 = <$t>::BITS;
            #[inline(always)]
            fn from_i32(code: i32) -> Self {
                code as $t
            }
            #[inline(always)]
            fn to_i32(self) -> i32 {
                i32::from(self)
            }
        }
    )*};
}
code!(i8 i16 i32);

/// Codes in the narrowest integer type that holds their word length.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Codes {
    /// Words of at most 8 bits.
    I8(Vec<i8>),
    /// Words of 9 to 16 bits.
    I16(Vec<i16>),
    /// Words of 17 to 32 bits.
    I32(Vec<i32>),
}

/// Runs `$body` with `$v` bound to the vector of whichever width `$codes` has.
macro_rules! each_width {
    ($codes:expr, $v:ident => $body:expr) => {
        match $codes {
            $crate::code::Codes::I8($v) => $body,
            $crate::code::Codes::I16($v) => $body,
            $crate::code::Codes::I32($v) => $body,
        }
    };
}
pub(crate) use each_width;

impl Codes {
    /// `len` zeros in the type that holds the words of `format`.
    pub fn zeros(format: FixedFormat, len: usize) -> Self {
        match format.word_length() {
            0..=8 => Self::I8(vec![0; len]),
            9..=16 => Self::I16(vec![0; len]),
            _ => Self::I32(vec![0; len]),
        }
    }

    /// Takes over codes after checking that each lies in `format`.
    ///
    /// # Errors
    ///
    /// [`CodeError`] naming the first code outside the format.
    pub fn from_i32(format: FixedFormat, values: &[i32]) -> Result<Self, CodeError> {
        if let Some(index) = values.iter().position(|&code| !format.contains(code)) {
            return Err(CodeError { code: values[index], index, format });
        }
        let mut codes = Self::zeros(format, values.len());
        each_width!(&mut codes, v => v.iter_mut().zip(values).for_each(|(to, &code)| *to = Code::from_i32(code)));
        Ok(codes)
    }

    /// Number of codes.
    pub fn len(&self) -> usize {
        each_width!(self, v => v.len())
    }

    /// The longest word that the codes' type holds: 8, 16 or 32 bits.
    pub fn bits(&self) -> u32 {
        fn of<C: Code>(_: &[C]) -> u32 {
            C::BITS
        }
        each_width!(self, v => of(v))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The code at `index`.
    ///
    /// # Panics
    ///
    /// If `index` is out of range.
    #[track_caller]
    pub fn get(&self, index: usize) -> i32 {
        each_width!(self, v => v[index].to_i32())
    }

    /// All codes, widened.
    pub fn to_i32(&self) -> Vec<i32> {
        each_width!(self, v => v.iter().map(|&code| code.to_i32()).collect())
    }
}
