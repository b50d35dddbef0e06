//! The potentials along one line whose neighbours do not matter.

/// Potentials along one line: node k hangs on `far[k]` through `devices[k]`, its neighbours
/// through `line`, and node 0 on `end` through one more segment.
///
/// Gaussian elimination from the far end, which is stable: the matrix is diagonally dominant.
pub(super) fn ladder(line: f64, end: f64, devices: &[f64], far: &[f64]) -> Vec<f64> {
    let n = devices.len();
    // Conductance and current that the rest of the line shows to node k.
    let (mut load, mut current) = (vec![0.0; n], vec![0.0; n]);
    for k in (0..n).rev() {
        let (rest, from_rest) = if k + 1 < n {
            let share = line / (line + load[k + 1]);
            (load[k + 1] * share, current[k + 1] * share)
        } else {
            (0.0, 0.0)
        };
        load[k] = devices[k] + rest;
        current[k] = devices[k] * far[k] + from_rest;
    }
    let mut x = vec![0.0; n];
    let mut before = end;
    for k in 0..n {
        before = (line * before + current[k]) / (line + load[k]);
        x[k] = before;
    }
    x
}

/// Squared norms of the residual and of the driving currents of a ladder.
#[cfg(feature = "circuit")]
pub(super) fn ladder_residual(
    line: f64,
    end: f64,
    devices: &[f64],
    far: &[f64],
    x: &[f64],
) -> (f64, f64) {
    let (mut error, mut drive) = (0.0, 0.0);
    for k in 0..x.len() {
        let before = if k == 0 { end } else { x[k - 1] };
        let after = x.get(k + 1).map_or(0.0, |next| line * (next - x[k]));
        let r = line * (before - x[k]) + after + devices[k] * (far[k] - x[k]);
        let b = devices[k] * far[k] + if k == 0 { line * end } else { 0.0 };
        error += r * r;
        drive += b * b;
    }
    (error, drive)
}
