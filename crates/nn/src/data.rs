//! [`Images`]: labelled 8-bit images; [`batches`]: their order in an epoch.

use numerics::Seed;

use crate::{Arithmetic, Tensor};

/// Labelled images of 8-bit pixels, kept as bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Images {
    shape: Vec<usize>,
    pixels: Vec<u8>,
    labels: Vec<u8>,
}

impl Images {
    /// Images of that shape, (C, H, W) or flat.
    ///
    /// # Panics
    ///
    /// If the numbers of pixels and labels do not agree.
    #[track_caller]
    pub fn new(shape: &[usize], pixels: Vec<u8>, labels: Vec<u8>) -> Self {
        let len: usize = shape.iter().product();
        assert_eq!(
            pixels.len(),
            labels.len() * len,
            "{} pixels for {} images of {shape:?}",
            pixels.len(),
            labels.len()
        );
        Self { shape: shape.to_vec(), pixels, labels }
    }

    /// Number of images.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// The labels.
    pub fn labels(&self) -> &[u8] {
        &self.labels
    }

    /// The first `len` images, or all if there are fewer.
    #[must_use]
    pub fn first(&self, len: usize) -> Self {
        let len = len.min(self.len());
        let pixels = self.pixels[..len * self.pixels_per_image()].to_vec();
        Self { shape: self.shape.clone(), pixels, labels: self.labels[..len].to_vec() }
    }

    fn pixels_per_image(&self) -> usize {
        self.shape.iter().product()
    }

    /// The images at `indices` as values, (batch, …shape), with their labels. Pixel p becomes
    /// `values[p]`, see [`pixel_values`]; the values go into `buffer`.
    pub(crate) fn gather(
        &self,
        indices: &[u32],
        values: &[f32; 256],
        mut buffer: Vec<f32>,
    ) -> (Tensor, Vec<u8>) {
        let len = self.pixels_per_image();
        for (out, &index) in buffer.chunks_exact_mut(len).zip(indices) {
            let pixels = &self.pixels[index as usize * len..][..len];
            out.iter_mut().zip(pixels).for_each(|(x, &p)| *x = values[usize::from(p)]);
        }
        let labels = indices.iter().map(|&i| self.labels[i as usize]).collect();
        let shape: Vec<usize> =
            std::iter::once(indices.len()).chain(self.shape.iter().copied()).collect();
        (Tensor::new(&shape, buffer), labels)
    }

    /// Number of values of a batch of `rows` images.
    pub(crate) fn batch_len(&self, rows: usize) -> usize {
        rows * self.pixels_per_image()
    }
}

/// The value of every pixel, p / 255 in the numbers of `arithmetic`: [0, 1], no other
/// preprocessing. Source: [Gupta15 §4.1].
pub(crate) fn pixel_values(arithmetic: &Arithmetic) -> [f32; 256] {
    std::array::from_fn(|p| arithmetic.input(p as f32 / 255.0))
}

/// The batches of one epoch: a random order of 0..`len`, cut into pieces of `batch` (the last one
/// may be shorter). It depends on `seed` only.
///
/// # Panics
///
/// If `batch` is zero.
pub fn batches(len: usize, batch: usize, seed: &Seed) -> Vec<Vec<u32>> {
    seed.stream().permutation(len).chunks(batch).map(<[u32]>::to_vec).collect()
}
