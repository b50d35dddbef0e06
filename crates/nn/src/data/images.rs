//! [`Images`]: labelled 8-bit images.

use numerics::Stream;

use super::{Augmentation, Pixels};
use crate::tensor::Tensor;

/// Labelled images of 8-bit pixels, kept as bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Images {
    shape: Vec<usize>,
    pixels: Vec<u8>,
    labels: Vec<u8>,
}

impl Images {
    /// Images of that shape, (height, width, channels) or flat.
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

    /// The shape of one image: (height, width, channels), or flat.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The pixels, image by image.
    pub fn pixels(&self) -> &[u8] {
        &self.pixels
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

    /// The same pixels under another shape.
    ///
    /// # Panics
    ///
    /// If an image of that shape has another number of pixels.
    #[must_use]
    #[track_caller]
    pub fn reshaped(self, shape: &[usize]) -> Self {
        Self::new(shape, self.pixels, self.labels)
    }

    /// Channels of an image; a flat one has a single channel.
    pub fn channels(&self) -> usize {
        if let [_, _, channels] = *self.shape { channels } else { 1 }
    }

    /// Number of values of a batch of `rows` images.
    pub(crate) fn batch_len(&self, rows: usize) -> usize {
        rows * self.pixels_per_image()
    }

    fn pixels_per_image(&self) -> usize {
        self.shape.iter().product()
    }

    /// The images at `indices` as values, (batch, …shape), with their labels; the values go into
    /// `buffer`. If there is an augmentation, row r draws from its stream at that position + r.
    ///
    /// # Panics
    ///
    /// If a flat image is to be augmented, or `pixels` is for another number of channels.
    #[track_caller]
    pub(crate) fn gather(
        &self,
        indices: &[u32],
        pixels: &Pixels,
        augmentation: Option<(&Augmentation, (&Stream, u64))>,
        mut buffer: Vec<f32>,
    ) -> (Tensor, Vec<u8>) {
        let len = self.pixels_per_image();
        for (row, (out, &index)) in buffer.chunks_exact_mut(len).zip(indices).enumerate() {
            let image = &self.pixels[index as usize * len..][..len];
            match augmentation {
                None => pixels.values(image, out),
                Some((augmentation, (stream, first))) => {
                    let [height, width, channels] = *self.shape else {
                        panic!("images of shape {:?} cannot be augmented", self.shape)
                    };
                    let shape = [height, width, channels];
                    let position = (stream, first + row as u64);
                    augmentation.apply(image, shape, pixels, position, out);
                }
            }
        }
        let labels = indices.iter().map(|&i| self.labels[i as usize]).collect();
        let shape: Vec<usize> =
            std::iter::once(indices.len()).chain(self.shape.iter().copied()).collect();
        (Tensor::new(&shape, buffer), labels)
    }
}
