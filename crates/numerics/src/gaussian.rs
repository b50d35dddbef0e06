//! Standard normal numbers by position: Box–Muller on two words of a [`Stream`].
//!
//! ```text
//! u = (w₂ₖ + ½) · 2^−32,   v = w₂ₖ₊₁ · 2^−32
//! x₂ₖ   = √(−2 ln u) · cos 2πv
//! x₂ₖ₊₁ = √(−2 ln u) · sin 2πv
//! ```
//!
//! The functions are those of the `libm` crate, which give the same bits on every platform. The
//! largest magnitude that can occur is √(2·33·ln 2) = 6.76.

use crate::Stream;

impl Stream {
    /// Writes standard normal numbers for the positions `first..first + out.len()`.
    pub fn fill_gaussian(&self, first: u64, out: &mut [f32]) {
        let start = first & !1;
        let mut words = [0; 512];
        let mut position = start;
        let end = first + out.len() as u64;
        while position < end {
            let len = ((end - position).next_multiple_of(2) as usize).min(words.len());
            self.fill_words(position, &mut words[..len]);
            for (pair, w) in words[..len].chunks_exact(2).enumerate() {
                for (half, x) in gaussian_pair(w[0], w[1]).into_iter().enumerate() {
                    let at = position + (2 * pair + half) as u64;
                    if (first..end).contains(&at) {
                        out[(at - first) as usize] = x;
                    }
                }
            }
            position += len as u64;
        }
    }
}

fn gaussian_pair(w0: u32, w1: u32) -> [f32; 2] {
    const SCALE: f64 = 1.0 / 4_294_967_296.0;
    let radius = (-2.0 * libm::log((f64::from(w0) + 0.5) * SCALE)).sqrt();
    let (sin, cos) = libm::sincos(std::f64::consts::TAU * f64::from(w1) * SCALE);
    [(radius * cos) as f32, (radius * sin) as f32]
}

#[cfg(test)]
mod tests {
    use crate::Seed;

    #[test]
    fn a_sample_depends_on_its_position_only() {
        let stream = Seed::new(4).stream();
        let mut all = vec![0.0; 1500];
        stream.fill_gaussian(0, &mut all);
        for (first, len) in [(0, 1), (1, 1), (1, 600), (511, 514), (513, 2)] {
            let mut part = vec![0.0; len];
            stream.fill_gaussian(first as u64, &mut part);
            assert_eq!(part, all[first..first + len], "samples {first}..{}", first + len);
        }
    }

    /// Kolmogorov–Smirnov at α = 0.001: √n·D < 1.95. Fixed seed, so it cannot flake.
    #[test]
    fn samples_follow_the_normal_distribution() {
        let mut x = vec![0.0; 200_000];
        Seed::new(5).stream().fill_gaussian(0, &mut x);
        x.sort_by(f32::total_cmp);
        let n = x.len() as f64;
        let distance = x.iter().enumerate().fold(0.0f64, |d, (i, &x)| {
            let cdf = 0.5 * libm::erfc(-f64::from(x) / std::f64::consts::SQRT_2);
            d.max((cdf - i as f64 / n).abs()).max((cdf - (i + 1) as f64 / n).abs())
        });
        assert!(distance * n.sqrt() < 1.95, "√n·D = {}", distance * n.sqrt());
    }
}
