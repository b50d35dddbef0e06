//! Features of speech: logarithms of the energy in mel-spaced bands.
//!
//! ```text
//! frames of 25 ms every 10 ms → Hann window → |DFT|² → triangular bands → ln(energy + 1)
//! mel(f) = 2595·log₁₀(1 + f / 700 Hz), bands of equal width in mel from 0 to half the sample rate
//! ```
//!
//! The discrete Fourier transform is a product with a table of cosines and sines.
//!
//! Source: the usual front end of speech recognition (Davis and Mermelstein 1980, without the
//! cosine transform). Assumed: its constants; Rasch et al. 2023 name only the widths of its features.

use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use nn::Sequences;

/// From samples to frames of band energies.
#[derive(Clone, Debug)]
pub struct LogMel {
    frame: usize,
    shift: usize,
    bands: usize,
    /// cos and −sin of each frequency, times the window: (frame, 2·frequencies).
    fourier: Vec<f32>,
    /// The weight of each frequency in each band: (frequencies, bands).
    filters: Vec<f32>,
}

impl LogMel {
    /// Features of that many bands at a sample rate in Hz.
    pub fn new(sample_rate: u32, bands: usize) -> Self {
        let rate = f64::from(sample_rate);
        let (frame, shift) = ((0.025 * rate) as usize, (0.010 * rate) as usize);
        let points = frame.next_power_of_two();
        let frequencies = points / 2 + 1;
        let mut fourier = vec![0.0; frame * 2 * frequencies];
        for (n, row) in fourier.chunks_exact_mut(2 * frequencies).enumerate() {
            let tau = std::f64::consts::TAU;
            let window = 0.5 - 0.5 * (tau * n as f64 / frame as f64).cos();
            for (k, pair) in row.as_chunks_mut::<2>().0.iter_mut().enumerate() {
                let (sin, cos) = (tau * (n * k % points) as f64 / points as f64).sin_cos();
                *pair = [(window * cos) as f32, (-window * sin) as f32];
            }
        }
        let mel = |hertz: f64| 2595.0 * (1.0 + hertz / 700.0).log10();
        let step = mel(rate / 2.0) / (bands + 1) as f64;
        let filters = (0..frequencies * bands)
            .map(|i| {
                let (k, band) = (i / bands, i % bands);
                // In units of a band's half width, from the band's centre.
                let at = mel(k as f64 * rate / points as f64) / step - (band + 1) as f64;
                (1.0 - at.abs()).max(0.0) as f32
            })
            .collect();
        Self { frame, shift, bands, fourier, filters }
    }

    /// The frames of a recording, (frames, bands): those that lie in it whole, but at least one, for
    /// which silence is added.
    pub fn frames(&self, samples: &[i16]) -> Vec<f32> {
        let count = samples.len().saturating_sub(self.frame) / self.shift + 1;
        let cut: Vec<f32> = (0..count)
            .flat_map(|t| {
                (0..self.frame)
                    .map(move |n| samples.get(t * self.shift + n).map_or(0.0, |&s| f32::from(s)))
            })
            .collect();
        let frequencies = self.filters.len() / self.bands;
        let spectrum = product(&cut, &self.fourier, [count, self.frame, 2 * frequencies]);
        let power: Vec<f32> =
            spectrum.as_chunks::<2>().0.iter().map(|[re, im]| re * re + im * im).collect();
        let mut energy = product(&power, &self.filters, [count, frequencies, self.bands]);
        energy.iter_mut().for_each(|e| *e = (*e + 1.0).ln());
        energy
    }
}

/// (m, k) times (k, n).
fn product(a: &[f32], b: &[f32], [m, k, n]: [usize; 3]) -> Vec<f32> {
    let mut out = vec![0.0; m * n];
    let (a, b) = (MatRef::from_row_major_slice(a, m, k), MatRef::from_row_major_slice(b, k, n));
    let product = MatMut::from_row_major_slice_mut(&mut out, m, n);
    matmul(product, Accum::Replace, a, b, 1.0, Par::Seq);
    out
}

/// `count` vectors of `width` values side by side in place of each `count` of a sequence; the last
/// vector is repeated where the sequence ends before.
pub fn stacked(vectors: &[f32], width: usize, count: usize) -> Vec<f32> {
    let vectors: Vec<&[f32]> = vectors.chunks_exact(width).collect();
    vectors
        .chunks(count)
        .flat_map(|group| {
            let last = group[group.len() - 1];
            group.iter().copied().chain(std::iter::repeat(last)).take(count)
        })
        .flatten()
        .copied()
        .collect()
}

/// Brings every value of the vectors to mean 0 and standard deviation 1 over the `train` sequences,
/// in both.
pub fn standardise(train: &mut Sequences, test: &mut Sequences) {
    let width = train.width();
    let count = (train.values().len() / width) as f64;
    for at in 0..width {
        let column = || train.values()[at..].iter().step_by(width).map(|&x| f64::from(x));
        let mean = column().sum::<f64>() / count;
        let variance = column().map(|x| (x - mean).powi(2)).sum::<f64>() / count;
        let scale = if variance > 0.0 { variance.sqrt().recip() } else { 0.0 };
        for sequences in [&mut *train, &mut *test] {
            for x in sequences.values_mut()[at..].iter_mut().step_by(width) {
                *x = ((f64::from(*x) - mean) * scale) as f32;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A tone is in the band around its frequency, and the transform is the textbook's sum.
    #[test]
    fn a_tone_is_found_in_its_band() {
        let features = LogMel::new(8000, 20);
        let step = 2595.0 * (1.0f64 + 4000.0 / 700.0).log10() / 21.0;
        for band in [3, 10, 18] {
            let centre = 700.0 * (10f64.powf(step * f64::from(band + 1) / 2595.0) - 1.0);
            let samples: Vec<i16> = (0..800)
                .map(|n| 8000.0 * (std::f64::consts::TAU * centre * f64::from(n) / 8000.0).sin())
                .map(|x| x as i16)
                .collect();
            let frames = features.frames(&samples);
            assert_eq!(frames.len(), (600 / 80 + 1) * 20);
            for frame in frames.chunks_exact(20) {
                let largest = (0..20).max_by(|&a, &b| frame[a].total_cmp(&frame[b])).unwrap();
                assert_eq!(largest, band as usize, "{frame:?}");
            }
        }
        // Silence is ln 1; a recording shorter than a frame has one.
        assert_eq!(features.frames(&[]), [0.0; 20]);
    }

    #[test]
    fn vectors_are_stacked_and_standardised() {
        let x = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
        assert_eq!(stacked(&x, 2, 2), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 5.0, 6.0]);
        let (mut train, mut test) = (Sequences::new(2), Sequences::new(2));
        train.push(&[1.0, 7.0, 3.0, 7.0]);
        test.push(&[5.0, 9.0]);
        standardise(&mut train, &mut test);
        assert_eq!(train.values(), [-1.0, 0.0, 1.0, 0.0]);
        assert_eq!(test.values(), [3.0, 0.0]);
    }
}
