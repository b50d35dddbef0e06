//! Sums over paths in the logarithmic domain, in f64.

/// ln(eᵃ + eᵇ).
pub(super) fn log_add(a: f64, b: f64) -> f64 {
    let (large, small) = if a > b { (a, b) } else { (b, a) };
    if small == f64::NEG_INFINITY { large } else { large + (small - large).exp().ln_1p() }
}

/// The log-softmax of each row.
pub(super) fn log_softmax_f64(x: &[f32], classes: usize) -> Vec<f64> {
    let mut out: Vec<f64> = x.iter().map(|&x| f64::from(x)).collect();
    for row in out.chunks_exact_mut(classes) {
        let max = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = row.iter().map(|x| (x - max).exp()).sum();
        let normaliser = max + sum.ln();
        row.iter_mut().for_each(|x| *x -= normaliser);
    }
    out
}
