//! How far an analog product is from the exact one.

/// ε_M: the ratio of the mean length of the error to the mean length of the result.
///
/// ```text
/// ε_M = ⟨‖y_k − ỹ_k‖₂⟩_k / ⟨‖y_k‖₂⟩_k
/// ```
///
/// # Shapes
///
/// - `exact`, `analog`: (batch, out)
///
/// # Examples
///
/// ```
/// let error = crossbar::mvm_error(&[3.0, 4.0, 0.0, 1.0], &[3.0, 4.6, 0.0, 1.6], 2);
/// assert!((error - 0.2).abs() < 1e-6); // (0.6 + 0.6) / (5 + 1)
/// ```
///
/// # Panics
///
/// If the shapes differ or the batch is empty.
///
/// Source: [Rasch23 Eq. 20].
#[track_caller]
pub fn mvm_error(exact: &[f32], analog: &[f32], outputs: usize) -> f64 {
    assert!(!exact.is_empty(), "no outputs have no error");
    let (error, size) = mvm_lengths(exact, analog, outputs);
    error / size
}

/// Σ_k ‖y_k − ỹ_k‖₂ and Σ_k ‖y_k‖₂, whose quotient is [`mvm_error`]: for batches that come one after
/// another.
///
/// # Shapes
///
/// - `exact`, `analog`: (batch, out)
///
/// # Panics
///
/// If the shapes differ.
#[track_caller]
pub fn mvm_lengths(exact: &[f32], analog: &[f32], outputs: usize) -> (f64, f64) {
    assert_eq!(exact.len(), analog.len(), "exact and analog outputs differ in number");
    assert!(
        outputs > 0 && exact.len().is_multiple_of(outputs),
        "{} outputs are not rows of {outputs}",
        exact.len()
    );
    let length = |v: f64| v.sqrt();
    let (mut error, mut size) = (0.0, 0.0);
    for (y, z) in exact.chunks_exact(outputs).zip(analog.chunks_exact(outputs)) {
        let squares = |f: &dyn Fn(f64, f64) -> f64| -> f64 {
            y.iter().zip(z).map(|(&y, &z)| f(f64::from(y), f64::from(z)).powi(2)).sum()
        };
        error += length(squares(&|y, z| y - z));
        size += length(squares(&|y, _| y));
    }
    (error, size)
}

/// Excess kurtosis: the fourth central moment over the squared variance, less 3.
///
/// Zero for a normal distribution, −1.2 for a uniform one, 3 for a Laplace distribution.
///
/// Source: [Rasch23 Fig. 6].
///
/// # Panics
///
/// If there are no values.
#[track_caller]
pub fn excess_kurtosis(values: &[f32]) -> f64 {
    assert!(!values.is_empty(), "no values have no kurtosis");
    let n = values.len() as f64;
    let mean = values.iter().map(|&x| f64::from(x)).sum::<f64>() / n;
    let moment = |k: i32| values.iter().map(|&x| (f64::from(x) - mean).powi(k)).sum::<f64>() / n;
    moment(4) / moment(2).powi(2) - 3.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kurtosis_of_two_points_is_the_lowest_there_is() {
        assert_eq!(excess_kurtosis(&[-1.0, 1.0, -1.0, 1.0]), -2.0);
    }
}
