//! Standard normal and uniform numbers by position, 32 random bits a sample.
//!
//! A normal number is half of a Box–Muller pair. Within every aligned block of 64 positions the
//! pairs are 32 apart, w being the words of the [`Stream`]:
//!
//! ```text
//! u = (⌊w_i / 2⌋ + ½) · 2^−31                                        i mod 64 in 0..32
//! φ = π/4 · z,   z = the 30 low bits of w_i₊₃₂ as a fraction in [−1, 1)
//!
//! (x_i, x_i₊₃₂) = √(−2 ln u) · (± cos φ, sin φ)   or   √(−2 ln u) · (sin φ, ± cos φ)
//! ```
//!
//! where the highest bit of w_i₊₃₂ is the sign and the next one chooses the axis; together they
//! cover the circle evenly. No magnitude exceeds √(2·32·ln 2) = 6.66; a normal number does once
//! in 3.7·10^10 draws.
//!
//! Logarithm, sine and cosine are polynomials in f32 built from additions, multiplications, one
//! square root and bit operations, each rounded by IEEE 754 and never fused, so every platform
//! gives the same bits. −2 ln u is correct to a relative 6·10^−7, the direction to 2·10^−7 (both
//! tested).

use crate::seed::{Stream, assert_positions};
use crate::simd::{Kernel, dispatch};

/// Positions per block; the pairs of a block are half of it apart. Long enough for every vector
/// width, and no more words than the generator makes at a time.
const BLOCK: usize = 64;
/// Words drawn at a time: they stay in the first-level cache.
const CHUNK: usize = 16 * BLOCK;

impl Stream {
    /// Writes standard normal numbers for the positions `first..first + out.len()`.
    ///
    /// ```text
    /// u = (⌊w_i / 2⌋ + ½) · 2^−31,   φ from w_i₊₃₂                   i mod 64 in 0..32
    /// (x_i, x_i₊₃₂) = √(−2 ln u) · (cos φ, sin φ)
    /// ```
    ///
    /// w_i are the stream's words: 32 bits a sample, no magnitude above 6.66, the same bits on every
    /// platform.
    ///
    /// # Examples
    ///
    /// ```
    /// use numerics::Seed;
    ///
    /// let stream = Seed::new(7).child("noise").stream();
    /// let (mut all, mut two) = ([0.0; 100], [0.0; 2]);
    /// stream.fill_gaussian(0, &mut all);
    /// stream.fill_gaussian(50, &mut two);
    /// assert_eq!(two, all[50..52]);
    /// ```
    ///
    /// # Panics
    ///
    /// If the range ends beyond [`u64::MAX`].
    #[track_caller]
    pub fn fill_gaussian(&self, first: u64, out: &mut [f32]) {
        assert_positions(first, out.len());
        let (mut rest, mut position) = (out, first - first % BLOCK as u64);
        let mut words = [0; CHUNK];
        while !rest.is_empty() {
            let before = first.saturating_sub(position) as usize;
            let blocks = (before + rest.len()).div_ceil(BLOCK).min(CHUNK / BLOCK);
            let words = &mut words[..blocks * BLOCK];
            self.write_words(position, words);
            // Whole blocks go straight to `out`; cut ones at both ends take another way.
            let mut blocks = words.as_chunks::<BLOCK>().0;
            if before > 0 {
                let len = rest.len().min(BLOCK - before);
                fill_cut_block(&blocks[0], before, rest.split_off_mut(..len).unwrap_or_default());
                blocks = &blocks[1..];
            }
            let whole = blocks.len().min(rest.len() / BLOCK);
            let out = rest.split_off_mut(..whole * BLOCK).unwrap_or_default();
            dispatch(GaussianBlocks { words: blocks[..whole].as_flattened(), out });
            if let Some(last) = blocks.get(whole) {
                fill_cut_block(last, 0, std::mem::take(&mut rest));
            }
            position = position.wrapping_add(words.len() as u64);
        }
    }

    /// Writes uniform numbers in [0, 1) for the positions `first..first + out.len()`.
    ///
    /// ```text
    /// x_i = ⌊w_i / 2^8⌋ · 2^−24
    /// ```
    ///
    /// All multiples of 2^−24 are equally likely; 0 occurs, 1 does not.
    ///
    /// # Panics
    ///
    /// If the range ends beyond [`u64::MAX`].
    #[track_caller]
    pub fn fill_uniform(&self, first: u64, out: &mut [f32]) {
        assert_positions(first, out.len());
        let mut words = [0; CHUNK];
        for (chunk, out) in out.chunks_mut(CHUNK).enumerate() {
            let words = &mut words[..out.len()];
            self.fill_words(first + (chunk * CHUNK) as u64, words);
            dispatch(Uniform { words, out });
        }
    }
}

/// The numbers of one block from the one at `first` on.
fn fill_cut_block(words: &[u32; BLOCK], first: usize, out: &mut [f32]) {
    let mut block = [0.0; BLOCK];
    dispatch(GaussianBlocks { words, out: &mut block });
    out.copy_from_slice(&block[first..first + out.len()]);
}

struct Uniform<'a> {
    words: &'a [u32],
    out: &'a mut [f32],
}

impl Kernel for Uniform<'_> {
    #[inline(always)]
    fn run(self) {
        for (&w, x) in self.words.iter().zip(self.out) {
            // The signed conversion is one instruction everywhere; 24 bits are never negative.
            *x = (w >> 8) as i32 as f32 * (1.0 / 16_777_216.0);
        }
    }
}

struct GaussianBlocks<'a> {
    words: &'a [u32],
    out: &'a mut [f32],
}

impl Kernel for GaussianBlocks<'_> {
    #[inline(always)]
    fn run(self) {
        let out = self.out.as_chunks_mut::<BLOCK>().0;
        for (w, x) in self.words.as_chunks::<BLOCK>().0.iter().zip(out) {
            let (w0, w1) = w.split_at(BLOCK / 2);
            let (x0, x1) = x.split_at_mut(BLOCK / 2);
            for ((&w0, &w1), (x0, x1)) in w0.iter().zip(w1).zip(x0.iter_mut().zip(x1)) {
                [*x0, *x1] = gaussian_pair(w0, w1);
            }
        }
    }
}

#[inline(always)]
fn gaussian_pair(w0: u32, w1: u32) -> [f32; 2] {
    let radius = minus_two_ln(w0).sqrt();
    let [x, y] = direction(w1);
    [radius * x, radius * y]
}

/// −2 ln(1 + f) / f for √½ − 1 ≤ f ≤ √2 − 1, lowest power first: a Chebyshev fit made here.
const LN: [f32; 8] = [
    -1.999_999_9,
    1.000_007_5,
    -0.666_692_14,
    0.499_378_14,
    -0.398_266_97,
    0.345_564_13,
    -0.322_524_96,
    0.197_907_02,
];
/// sin(πz/4) / z in powers of z², for |z| ≤ 1: a Chebyshev fit made here.
const SIN: [f32; 4] =
    [std::f32::consts::FRAC_PI_4, -0.080_745_436, 0.002_490_006_9, -0.000_035_954_29];
/// cos(πz/4) in powers of z², likewise.
const COS: [f32; 4] = [1.0, -0.308_424_26, 0.015_849_91, -0.000_318_877_5];

#[inline(always)]
fn polynomial<const N: usize>(coefficients: [f32; N], x: f32) -> f32 {
    let mut sum = coefficients[N - 1];
    for i in (0..N - 1).rev() {
        sum = sum * x + coefficients[i];
    }
    sum
}

/// −2 ln u for u = (⌊w/2⌋ + ½) · 2^−31, never negative.
#[inline(always)]
fn minus_two_ln(w: u32) -> f32 {
    const SQRT_HALF: u32 = 0x3f35_04f3;
    const ONE: u32 = 0x3f80_0000;
    // 31 bits, because only the signed conversion is one instruction everywhere.
    let w = (w >> 1) as i32;
    // w + ½ = 2^e · (1 + f) with 1 + f in [√½, √2).
    let shifted = (w as f32 + 0.5).to_bits() + (ONE - SQRT_HALF);
    let e = (shifted >> 23) as i32 - 127;
    let f = f32::from_bits((shifted & 0x7f_ffff) + SQRT_HALF) - 1.0;
    // Close to u = 1 the distance 1 − u keeps more correct bits than u itself.
    let below_one = ((w - i32::MAX) as f32 - 0.5) * (1.0 / 2_147_483_648.0);
    let f = if e == 31 { below_one } else { f };
    (31 - e) as f32 * (2.0 * std::f32::consts::LN_2) + f * polynomial(LN, f)
}

/// A point on the unit circle: 30 bits of angle within a quadrant, one of two axes, one of two signs.
#[inline(always)]
fn direction(w: u32) -> [f32; 2] {
    let z = (w << 2) as i32 as f32 * (1.0 / 2_147_483_648.0);
    let y = z * z;
    let cos = polynomial(COS, y).to_bits() ^ (w & 0x8000_0000);
    let sin = (z * polynomial(SIN, y)).to_bits();
    let swap = ((w << 1) as i32 >> 31) as u32;
    let difference = (cos ^ sin) & swap;
    [f32::from_bits(cos ^ difference), f32::from_bits(sin ^ difference)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Seed;

    #[test]
    fn a_sample_depends_on_its_position_only() {
        let stream = Seed::new(4).stream();
        let mut all = vec![0.0; 3000];
        let mut uniform = vec![0.0; 3000];
        stream.fill_gaussian(0, &mut all);
        stream.fill_uniform(0, &mut uniform);
        for first in [0, 1, 63, 64, 65, 511, 1023, 1024] {
            for len in [0, 1, 2, 31, 62, 63, 64, 65, 129, 600, 1024, 1500] {
                let mut part = vec![0.0; len];
                stream.fill_gaussian(first as u64, &mut part);
                assert_eq!(part, all[first..first + len], "samples {first}..{}", first + len);
                stream.fill_uniform(first as u64, &mut part);
                assert_eq!(part, uniform[first..first + len], "samples {first}..{}", first + len);
            }
        }
    }

    /// Made by this code; pins both streams. A change here is a value-breaking change.
    #[test]
    fn value_stability() {
        let stream = Seed::new(2015).child("layer1").child(7).stream();
        let (mut normal, mut uniform) = ([0.0; 4], [0.0; 4]);
        stream.fill_gaussian(30, &mut normal);
        stream.fill_uniform(0, &mut uniform);
        assert_eq!(
            normal.map(f32::to_bits),
            [3_217_015_314, 1_067_078_641, 1_056_400_103, 1_048_651_555]
        );
        assert_eq!(
            uniform.map(f32::to_bits),
            [1_062_166_481, 1_057_840_645, 1_052_148_992, 1_064_603_360]
        );
    }

    /// The vector kernel, compiled for this processor, against the scalar one: bit for bit.
    #[test]
    fn the_vector_kernel_equals_its_scalar_twin() {
        let mut words = vec![0; 1 << 16];
        Seed::new(6).stream().fill_words(0, &mut words);
        words[..32].copy_from_slice(&EDGES);
        let (mut vector, mut scalar) = (vec![0.0f32; words.len()], vec![0.0f32; words.len()]);
        for (words, out) in words.chunks(CHUNK).zip(vector.chunks_mut(CHUNK)) {
            dispatch(GaussianBlocks { words, out });
        }
        for (w, x) in words.chunks_exact(BLOCK).zip(scalar.chunks_exact_mut(BLOCK)) {
            for i in 0..BLOCK / 2 {
                let pair = gaussian_pair(w[i], w[i + BLOCK / 2]);
                [x[i], x[i + BLOCK / 2]] = std::hint::black_box(pair);
            }
        }
        assert!(vector.iter().zip(&scalar).all(|(v, s)| v.to_bits() == s.to_bits()));
    }

    /// Words at which a branch of the approximation begins or ends, and the extremes.
    const EDGES: [u32; 32] = [
        0,
        1,
        2,
        0xffff,
        0x1_0000,
        0xff_ffff,
        0x100_0000,
        0x1fff_ffff,
        0x2000_0000,
        0x2000_0001,
        0x3fff_ffff,
        0x4000_0000,
        0x5fff_ffff,
        0x6000_0000,
        0x7fff_ffff,
        0x8000_0000,
        0x8000_0001,
        0x9fff_ffff,
        0xa000_0000,
        0xb504_f333,
        0xb504_f334,
        0xb504_f300,
        0xb504_f400,
        0xbfff_ffff,
        0xc000_0000,
        0xdfff_ffff,
        0xe000_0000,
        0xff00_0000,
        0xffff_0000,
        0xffff_fffd,
        0xffff_fffe,
        0xffff_ffff,
    ];

    #[test]
    fn the_polynomials_are_the_functions() {
        let mut words = vec![0; 200_000];
        Seed::new(8).stream().fill_words(0, &mut words);
        for w in words.into_iter().chain(EDGES) {
            let exact = -2.0 * libm::log((f64::from(w >> 1) + 0.5) / 2_147_483_648.0);
            let ours = f64::from(minus_two_ln(w));
            assert!((ours - exact).abs() <= 6e-7 * exact, "−2 ln u of {w:#x}: {ours}, {exact}");
            let z = f64::from((w << 2) as i32) / 2_147_483_648.0;
            let (sin, cos) = libm::sincos(std::f64::consts::FRAC_PI_4 * z);
            let cos = if w >> 31 == 1 { -cos } else { cos };
            let exact = if w >> 30 & 1 == 1 { [sin, cos] } else { [cos, sin] };
            for (ours, exact) in direction(w).into_iter().zip(exact) {
                assert!((f64::from(ours) - exact).abs() <= 2e-7, "{w:#x}: {ours}, {exact}");
            }
        }
        assert!(minus_two_ln(0) < 44.37 && minus_two_ln(u32::MAX) > 0.0);
    }

    /// √n·D of the Kolmogorov–Smirnov test; above 1.95 for a correct sampler once in a thousand.
    fn kolmogorov_smirnov(mut x: Vec<f32>, cdf: impl Fn(f64) -> f64) -> f64 {
        x.sort_by(f32::total_cmp);
        let n = x.len() as f64;
        let distance = x.iter().enumerate().fold(0.0f64, |d, (i, &x)| {
            let cdf = cdf(f64::from(x));
            d.max((cdf - i as f64 / n).abs()).max((cdf - (i + 1) as f64 / n).abs())
        });
        distance * n.sqrt()
    }

    fn normal_cdf(x: f64) -> f64 {
        0.5 * libm::erfc(-x / std::f64::consts::SQRT_2)
    }

    /// Kolmogorov–Smirnov at α = 0.001. The seeds are fixed, so it cannot flake: α is the chance
    /// that a correct sampler fails on the day a seed is chosen.
    #[test]
    fn samples_follow_their_distributions() {
        let stream = Seed::new(5).stream();
        let mut x = vec![0.0; 400_000];
        stream.fill_gaussian(0, &mut x);
        let statistic = kolmogorov_smirnov(x.clone(), normal_cdf);
        assert!(statistic < 1.95, "normal: √n·D = {statistic}");
        // The squared radius of a pair is exponential: this sees the joint distribution.
        let radii = x
            .chunks_exact(BLOCK)
            .flat_map(|x| (0..BLOCK / 2).map(|i| x[i].powi(2) + x[i + BLOCK / 2].powi(2)))
            .collect();
        let statistic = kolmogorov_smirnov(radii, |r| -libm::expm1(-r / 2.0));
        assert!(statistic < 1.95, "radius: √n·D = {statistic}");
        stream.fill_uniform(0, &mut x);
        let statistic = kolmogorov_smirnov(x, |x| x.clamp(0.0, 1.0));
        assert!(statistic < 1.95, "uniform: √n·D = {statistic}");
    }

    /// The tail beyond 4 holds 6.33·10^−5 of the probability: of 2^22 samples 265.7 ± 16.3, and
    /// a count farther away than 3.29 deviations comes once in a thousand (α = 0.001).
    #[test]
    fn the_tail_is_as_heavy_as_it_should_be() {
        let mut x = vec![0.0; 1 << 22];
        Seed::new(10).stream().fill_gaussian(0, &mut x);
        let count = x.iter().filter(|x| x.abs() > 4.0).count() as f64;
        assert!((count - 265.7).abs() < 3.29 * 16.3, "{count} samples beyond 4");
    }

    /// Autocorrelations at lags 1..=64 of the samples and of their squares. Each of the 192
    /// estimates is normal with deviation 1/√n; at α = 0.001 for all of them together (Šidák) none
    /// exceeds 4.56/√n.
    #[test]
    fn samples_are_uncorrelated() {
        let stream = Seed::new(11).stream();
        let (mut normal, mut uniform) = (vec![0.0; 300_000], vec![0.0; 300_000]);
        stream.fill_gaussian(0, &mut normal);
        stream.fill_uniform(0, &mut uniform);
        // Each series has mean 0 and variance 1.
        let series: [Vec<f64>; 3] = [
            normal.iter().map(|&x| f64::from(x)).collect(),
            normal.iter().map(|&x| (f64::from(x).powi(2) - 1.0) / 2f64.sqrt()).collect(),
            uniform.iter().map(|&x| (f64::from(x) - 0.5) * 12f64.sqrt()).collect(),
        ];
        for (name, x) in ["normal", "squared normal", "uniform"].iter().zip(&series) {
            for lag in 1..=64 {
                let n = (x.len() - lag) as f64;
                let r = x.iter().zip(&x[lag..]).map(|(a, b)| a * b).sum::<f64>() / n;
                assert!(r.abs() * n.sqrt() < 4.56, "{name}, lag {lag}: √n·r = {}", r * n.sqrt());
            }
        }
    }
}
