//! Rounding by rational arithmetic: integers on a common denominator.

use numerics::{BitSource, Rounding};

/// The leading word, then zeros.
pub(crate) struct Given(pub(crate) u32);

impl BitSource for Given {
    fn word(&self, _: u64, depth: u32) -> u32 {
        if depth == 0 { self.0 } else { 0 }
    }
}

pub(crate) const DETERMINISTIC: [Rounding; 7] = [
    Rounding::NearestTiesDown,
    Rounding::NearestTiesEven,
    Rounding::NearestTiesAway,
    Rounding::TowardZero,
    Rounding::Down,
    Rounding::Up,
    Rounding::ToOdd,
];

/// n / 2^d to an integer, from the words of each rule; `even` says which of two neighbours is even.
pub(crate) fn rounded(n: i64, d: u32, rounding: Rounding, even: impl Fn(i64) -> bool) -> i64 {
    let unit = 1 << d;
    let (floor, rest) = (n.div_euclid(unit), n.rem_euclid(unit));
    let ceiling = if rest == 0 { floor } else { floor + 1 };
    let nearer = |tie: i64| match (2 * rest).cmp(&unit) {
        std::cmp::Ordering::Less => floor,
        std::cmp::Ordering::Equal => tie,
        std::cmp::Ordering::Greater => ceiling,
    };
    match rounding {
        Rounding::NearestTiesDown => nearer(floor),
        Rounding::NearestTiesEven => nearer(if even(floor) { floor } else { ceiling }),
        Rounding::NearestTiesAway => nearer(if n < 0 { floor } else { ceiling }),
        Rounding::TowardZero => n / unit,
        Rounding::Down => floor,
        Rounding::Up => ceiling,
        Rounding::ToOdd => {
            if rest == 0 || !even(floor) {
                floor
            } else {
                ceiling
            }
        }
        Rounding::Stochastic | Rounding::StochasticBits(_) => unreachable!("counted instead"),
    }
}
