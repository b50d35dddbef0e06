//! What metrics are computed of.

/// Number, mean, and sum of squares about the mean.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Moments {
    count: f64,
    mean: f64,
    pub(super) squares: f64,
}

impl Moments {
    /// Those of some numbers.
    pub(super) fn of(values: impl Iterator<Item = f64>) -> Self {
        let mut moments = Self::default();
        values.for_each(|value| moments.add(value));
        moments
    }

    /// Adds a number.
    ///
    /// Source: Welford, Technometrics 4 (1962) 419.
    pub(super) fn add(&mut self, value: f64) {
        self.count += 1.0;
        let apart = value - self.mean;
        self.mean += apart / self.count;
        self.squares += apart * (value - self.mean);
    }

    /// Adds those of other numbers.
    pub(super) fn merge(&mut self, other: &Self) {
        let count = self.count + other.count;
        if count > 0.0 {
            let apart = other.mean - self.mean;
            self.squares += other.squares + apart * apart * self.count * other.count / count;
            self.mean += apart * other.count / count;
        }
        self.count = count;
    }
}

/// ln(1 + eᶻ).
pub(super) fn softplus(z: f64) -> f64 {
    z.max(0.0) + (-z.abs()).exp().ln_1p()
}
