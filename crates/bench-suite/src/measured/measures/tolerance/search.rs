//! [`Search`]: where an error that is measured with noise has risen to a limit, in few evaluations.
//!
//! ```text
//! ε_i = B + G L(e_i) + ξ_i,   L(e) = 1 − (1 − λ)^((e/e*)^p),   Var ξ_i = s² + (κ G L)²
//! ```
//!
//! with the error B at e = 0, the distance G to chance, and the loss λ that defines the tolerance e*.
//! What is believed of (ln e*, p) is a table of weights; B has a flat prior and is integrated out;
//! s² comes from how much the programmings of one network disagree about the shape of the curve.
//! The next evaluation is the one after which ln e* is expected to be known best. Everything is a
//! pure function of the observations.
//!
//! Assumed: the curve. κ says how far it may be from the truth, in parts of the loss, so that what is
//! measured far above the limit says little more than that it is above.

/// Exponents p of the table: a loss in proportion to the added variance has 1, a network that bears
/// noise up to a threshold more.
const EXPONENTS: [f64; 6] = [0.5, 0.7, 1.0, 1.4, 2.0, 2.8];
/// Standard deviation of ln p before anything is measured.
const EXPONENT_SPREAD: f64 = 0.5;
/// κ.
const MODEL_ERROR: f64 = 0.3;
/// Step of ln e* in the table.
const STEP: f64 = 0.1;
/// How far the table goes on beyond the interval, where the tolerance is known to lie outside only.
const BEYOND: f64 = 1.5;
/// Least distance of ln e between two evaluations: those with the same draws side by side would
/// repeat each other's noise.
const SPACING: f64 = 0.35;
/// Least loss that is worth an evaluation, in parts of λ: where next to nothing is lost the same
/// draws give the errors of the standard tile once more, noise and all.
const LEAST_LOSS: f64 = 0.25;
/// Largest expected loss that is: how a network dies says little of where it begins to suffer.
const MOST_LOSS: f64 = 0.4;
/// Values of ln e among which the next is chosen.
const CANDIDATES: usize = 32;
/// Values of its outcome over which the expectation is taken.
const OUTCOMES: usize = 20;
/// Loss in parts of λ up to which an evaluation says something of the noise.
const NEAR: f64 = 5.0;
/// Residuals that the guess of the noise counts as.
const GUESS_WEIGHT: f64 = 2.0;
/// Standard deviation of ln e* at which more evaluations are not worth their time.
const SETTLED: f64 = 0.2;

/// One evaluation.
#[derive(Clone, Debug, PartialEq)]
pub struct Observation {
    /// ln e; −∞ for the standard tile.
    pub ln_excess: f64,
    /// The error of each programming, in %.
    pub errors: Vec<f64>,
}

/// What is known of the tolerance.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Belief {
    /// Median of ln e*.
    pub median: f64,
    /// Its 5 % quantile.
    pub low: f64,
    /// Its 95 % quantile.
    pub high: f64,
    /// Probability that it lies above the interval of the search.
    pub beyond: f64,
    /// Probability that it lies below.
    pub below: f64,
    /// Standard error s of one evaluation, in points of error.
    pub noise: f64,
}

/// A search for the tolerance of one network against one nonideality.
#[derive(Clone, Debug)]
pub struct Search {
    interval: [f64; 2],
    /// λ.
    limit: f64,
    chance: f64,
    /// Variance of the error of one programming before anything is known of it.
    guess: f64,
    observations: Vec<Observation>,
    /// (ln e*, p, prior weight)
    table: Vec<(f64, f64, f64)>,
}

/// A row of the table against the observations.
#[derive(Clone, Copy, Debug)]
struct Row {
    ln_tolerance: f64,
    exponent: f64,
    weight: f64,
    /// Mean and variance of B.
    base: (f64, f64),
}

impl Search {
    /// Begins with the errors on the standard tile.
    ///
    /// `interval` is where ln e is looked for; `limit` the loss λ, a share of the accuracy above
    /// chance; `chance` the error by chance in %; `guess` the variance that the error of one
    /// programming is expected to have beside what all programmings share.
    ///
    /// # Panics
    ///
    /// If there are no errors or the interval is empty.
    #[track_caller]
    pub fn new(
        interval: [f64; 2],
        limit: f64,
        chance: f64,
        guess: f64,
        standard: Vec<f64>,
    ) -> Self {
        let [low, high] = interval;
        assert!(low < high && !standard.is_empty(), "nothing to search in {low}..{high}");
        let steps = ((high - low + 2.0 * BEYOND) / STEP).ceil() as usize;
        let table = (0..=steps).flat_map(|step| {
            let ln_tolerance = low - BEYOND + step as f64 * STEP;
            EXPONENTS.map(|p| (ln_tolerance, p, (-0.5 * (p.ln() / EXPONENT_SPREAD).powi(2)).exp()))
        });
        let first = Observation { ln_excess: f64::NEG_INFINITY, errors: standard };
        let table = table.collect();
        Self { interval, limit, chance, guess, observations: vec![first], table }
    }

    /// Adds an evaluation.
    ///
    /// # Panics
    ///
    /// Unless it has as many programmings as the first.
    #[track_caller]
    pub fn observe(&mut self, observation: Observation) {
        let programmings = self.observations[0].errors.len();
        assert_eq!(observation.errors.len(), programmings, "programmings differ in number");
        self.observations.push(observation);
    }

    /// All evaluations, that of the standard tile first.
    pub fn observations(&self) -> &[Observation] {
        &self.observations
    }

    /// Error of the standard tile.
    fn standard(&self) -> f64 {
        mean(&self.observations[0].errors)
    }

    /// G, at least a point, so that a network that knows nothing stops no search.
    fn span(&self) -> f64 {
        (self.chance - self.standard()).max(1.0)
    }

    /// L(e).
    fn loss(&self, ln_excess: f64, ln_tolerance: f64, exponent: f64) -> f64 {
        let power = (exponent * (ln_excess - ln_tolerance)).min(50.0).exp();
        1.0 - (power * (1.0 - self.limit).ln()).exp()
    }

    /// s²: the variance of the mean error of an evaluation, from what is left of the errors by
    /// programming and evaluation after the means of both. Far above the limit programmings differ
    /// by how much they lose, which is κ's.
    fn noise_variance(&self) -> f64 {
        let most = self.standard() + NEAR * self.limit * self.span();
        let near: Vec<&Observation> =
            self.observations.iter().filter(|o| mean(&o.errors) <= most).collect();
        let programmings = self.observations[0].errors.len();
        let means: Vec<f64> = near.iter().map(|o| mean(&o.errors)).collect();
        let all = mean(&means);
        let mut squares = 0.0;
        for programming in 0..programmings {
            let column: Vec<f64> = near.iter().map(|o| o.errors[programming]).collect();
            let shift = mean(&column) - all;
            for (error, row) in column.iter().zip(&means) {
                squares += (error - row - shift).powi(2);
            }
        }
        let freedom = ((near.len() - 1) * (programmings - 1)) as f64;
        (GUESS_WEIGHT * self.guess + squares) / (GUESS_WEIGHT + freedom) / programmings as f64
    }

    /// The table with the weights that the observations leave, negligible ones left out.
    fn rows(&self) -> Vec<Row> {
        let (noise, span) = (self.noise_variance(), self.span());
        let measured: Vec<(f64, f64)> =
            self.observations.iter().map(|o| (o.ln_excess, mean(&o.errors))).collect();
        let mut rows = Vec::with_capacity(self.table.len());
        for &(ln_tolerance, exponent, prior) in &self.table {
            // With a flat prior of B the likelihood is that of the residuals about their mean.
            let (mut precision, mut sum, mut squares, mut ln_det) = (0.0, 0.0, 0.0, 0.0);
            for &(ln_excess, error) in &measured {
                let rise = span * self.loss(ln_excess, ln_tolerance, exponent);
                let weight = 1.0 / (noise + (MODEL_ERROR * rise).powi(2));
                let residual = error - rise;
                precision += weight;
                sum += weight * residual;
                squares += weight * residual * residual;
                ln_det += weight.ln();
            }
            let ln_likelihood = 0.5 * (ln_det - precision.ln() - (squares - sum * sum / precision));
            let base = (sum / precision, 1.0 / precision);
            rows.push(Row { ln_tolerance, exponent, weight: prior.ln() + ln_likelihood, base });
        }
        let most = rows.iter().fold(f64::NEG_INFINITY, |most, row| most.max(row.weight));
        rows.iter_mut().for_each(|row| row.weight = (row.weight - most).exp());
        rows.retain(|row| row.weight > 1e-6);
        let total: f64 = rows.iter().map(|row| row.weight).sum();
        rows.iter_mut().for_each(|row| row.weight /= total);
        rows
    }

    /// ln e* as far as it matters: cut to the interval.
    fn within(&self, ln_tolerance: f64) -> f64 {
        ln_tolerance.clamp(self.interval[0], self.interval[1])
    }

    /// Where to evaluate next; none once the tolerance is known well enough, or every candidate is
    /// next to what was evaluated. `place` gives the ln e at which a wanted ln e can be evaluated.
    pub fn next(&self, place: impl Fn(f64) -> f64) -> Option<f64> {
        let rows = self.rows();
        if variance(rows.iter().map(|row| (row.weight, self.within(row.ln_tolerance)))).sqrt()
            < SETTLED
        {
            return None;
        }
        let [low, high] = self.interval;
        let mut best: Option<(f64, f64)> = None;
        for candidate in 0..CANDIDATES {
            let ln_excess = place(low + candidate as f64 / (CANDIDATES - 1) as f64 * (high - low));
            let near = |o: &Observation| (o.ln_excess - ln_excess).abs() < SPACING;
            let lost =
                |row: &Row| row.weight * self.loss(ln_excess, row.ln_tolerance, row.exponent);
            let lost: f64 = rows.iter().map(lost).sum();
            let worth = LEAST_LOSS * self.limit..=MOST_LOSS;
            if !worth.contains(&lost) || self.observations.iter().any(near) {
                continue;
            }
            let expected = self.expected_variance(&rows, ln_excess);
            if best.is_none_or(|(least, _)| expected < least) {
                best = Some((expected, ln_excess));
            }
        }
        best.map(|(_, ln_excess)| ln_excess)
    }

    /// The variance of ln e* that is expected to be left after an evaluation.
    fn expected_variance(&self, rows: &[Row], ln_excess: f64) -> f64 {
        let (noise, span) = (self.noise_variance(), self.span());
        let outcomes: Vec<(f64, f64)> = rows
            .iter()
            .map(|row| {
                let rise = span * self.loss(ln_excess, row.ln_tolerance, row.exponent);
                let (base, uncertain) = row.base;
                (base + rise, (noise + uncertain + (MODEL_ERROR * rise).powi(2)).sqrt())
            })
            .collect();
        let low = outcomes.iter().fold(f64::INFINITY, |low, (y, sd)| low.min(y - 2.0 * sd));
        let high = outcomes.iter().fold(f64::NEG_INFINITY, |high, (y, sd)| high.max(y + 2.0 * sd));
        let (mut expected, mut total) = (0.0, 0.0);
        for step in 0..OUTCOMES {
            let y = low + (step as f64 + 0.5) / OUTCOMES as f64 * (high - low);
            let weights: Vec<f64> = rows
                .iter()
                .zip(&outcomes)
                .map(|(row, (mean, sd))| row.weight * (-0.5 * ((y - mean) / sd).powi(2)).exp() / sd)
                .collect();
            let probability: f64 = weights.iter().sum();
            if probability > 0.0 {
                let pairs = weights.iter().zip(rows);
                let pairs = pairs.map(|(weight, row)| (*weight, self.within(row.ln_tolerance)));
                expected += probability * variance(pairs);
                total += probability;
            }
        }
        expected / total
    }

    /// What the evaluations so far say.
    pub fn belief(&self) -> Belief {
        let rows = self.rows();
        let quantile = |share: f64| {
            // The table is sorted by ln e*; within a step it is taken as uniform.
            let mut sum = 0.0;
            let mut at = self.table[0].0;
            for group in rows.chunk_by(|a, b| a.ln_tolerance == b.ln_tolerance) {
                let weight: f64 = group.iter().map(|row| row.weight).sum();
                at = group[0].ln_tolerance;
                if sum + weight >= share {
                    return at + STEP * ((share - sum) / weight - 0.5);
                }
                sum += weight;
            }
            at
        };
        let share = |outside: &dyn Fn(f64) -> bool| -> f64 {
            let outside = rows.iter().filter(|row| outside(row.ln_tolerance));
            outside.fold(0.0, |sum, row| sum + row.weight)
        };
        let [low, high] = self.interval;
        Belief {
            median: quantile(0.5),
            low: quantile(0.05),
            high: quantile(0.95),
            beyond: share(&|ln| ln > high),
            below: share(&|ln| ln < low),
            noise: self.noise_variance().sqrt(),
        }
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Of values with weights.
fn variance(values: impl Iterator<Item = (f64, f64)>) -> f64 {
    let (mut total, mut sum, mut squares) = (0.0, 0.0, 0.0);
    for (weight, value) in values {
        total += weight;
        sum += weight * value;
        squares += weight * value * value;
    }
    (squares / total - (sum / total).powi(2)).max(0.0)
}

#[cfg(test)]
mod tests;
