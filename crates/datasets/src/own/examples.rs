//! [`Examples`]: inputs and targets of a split, and how they become a batch.

use std::collections::BTreeMap;

use nn::{Augmentation, Tensor};
use numerics::Stream;

use crate::elements::Elements;

use super::normalization::Normalization;
use super::rows::Rows;

/// Examples of a split: as many of each input as there are targets.
#[derive(Clone, Debug, PartialEq)]
pub struct Examples {
    pub(super) inputs: BTreeMap<String, Rows>,
    pub(super) targets: Rows,
    pub(super) normalization: Option<Normalization>,
}

impl Examples {
    /// Number of examples.
    pub fn len(&self) -> usize {
        self.targets.len()
    }

    /// Whether there are none, which a [`Dataset`](super::Dataset) does not allow.
    pub fn is_empty(&self) -> bool {
        self.targets.is_empty()
    }

    /// The inputs by name; images are (channels, height, width).
    pub fn inputs(&self) -> &BTreeMap<String, Rows> {
        &self.inputs
    }

    /// The targets, as the [`Task`](super::Task) has them: labels are integers.
    pub fn targets(&self) -> &Rows {
        &self.targets
    }

    /// Some examples of an input as real numbers, (batch, …shape), normalised. If there is an
    /// augmentation, row r draws from its stream at position r.
    ///
    /// # Panics
    ///
    /// If there is no such input or example, or if normalisation or augmentation do not fit, which
    /// [`Dataset::check`](super::Dataset::check) says.
    #[track_caller]
    pub fn gather(
        &self,
        input: &str,
        examples: &[u32],
        augmentation: Option<(&Augmentation, &Stream)>,
    ) -> Tensor {
        let rows = self.input(input);
        let mut values = rows.reals(examples);
        let mut shape = vec![examples.len()];
        shape.extend(rows.shape());
        let Some((augmentation, stream)) = augmentation else {
            self.normalize(rows.shape(), &mut values);
            return Tensor::new(&shape, values);
        };
        let [channels, height, width] = *rows.shape() else {
            panic!("{input} of shape {:?} cannot be augmented", rows.shape())
        };
        let mut black = vec![0.0; channels * height * width];
        self.normalize(rows.shape(), &mut black);
        self.normalize(rows.shape(), &mut values);
        let mut augmented = vec![0.0; values.len()];
        let plane = height * width;
        let images = values.chunks_exact(channels * plane);
        let results = augmented.chunks_exact_mut(channels * plane);
        for (row, (image, out)) in (0..).zip(images.zip(results)) {
            let drawn = augmentation.draw([height, width], stream, row);
            for y in 0..height {
                for x in 0..width {
                    let from = drawn.source(y, x).map(|(y, x)| y * width + x);
                    for c in 0..channels {
                        out[c * plane + y * width + x] =
                            from.map_or(black[c * plane], |from| image[c * plane + from]);
                    }
                }
            }
            if let Some([ys, xs]) = drawn.hole() {
                for row in (0..channels).flat_map(|c| ys.clone().map(move |y| c * height + y)) {
                    out[row * width..][xs.clone()].fill(0.0);
                }
            }
        }
        Tensor::new(&shape, augmented)
    }

    /// Some examples of an input as integers, with their shape (batch, …shape).
    ///
    /// # Panics
    ///
    /// If there is no such input or example, or it is of real numbers, which
    /// [`Dataset::check`](super::Dataset::check) says.
    #[track_caller]
    pub fn gather_integers(&self, input: &str, examples: &[u32]) -> (Vec<usize>, Vec<i64>) {
        let rows = self.input(input);
        let mut shape = vec![examples.len()];
        shape.extend(rows.shape());
        (shape, rows.integers(examples))
    }

    #[track_caller]
    fn input(&self, name: &str) -> &Rows {
        self.inputs.get(name).unwrap_or_else(|| panic!("there is no input {name}"))
    }

    /// Normalises the values of examples of that shape.
    #[track_caller]
    fn normalize(&self, shape: &[usize], values: &mut [f32]) {
        let Some(normalization) = &self.normalization else { return };
        normalization.fits(channels(shape)).unwrap_or_else(|why| panic!("{why}"));
        match *shape {
            [channels, height, width] => {
                let planes = values.chunks_exact_mut(height * width);
                for (channel, plane) in (0..channels).cycle().zip(planes) {
                    plane.iter_mut().for_each(|x| *x = normalization.value(channel, *x));
                }
            }
            _ => {
                for row in values.chunks_exact_mut(channels(shape)) {
                    let of = row.iter_mut().enumerate();
                    of.for_each(|(channel, x)| *x = normalization.value(channel, *x));
                }
            }
        }
    }

    /// Some of the examples.
    #[must_use]
    pub(super) fn select(&self, examples: &[u32]) -> Self {
        let inputs = self.inputs.iter();
        Self {
            inputs: inputs.map(|(name, rows)| (name.clone(), rows.select(examples))).collect(),
            targets: self.targets.select(examples),
            normalization: self.normalization.clone(),
        }
    }

    /// Bytes that all elements take.
    pub fn bytes(&self) -> usize {
        let of = |rows: &Rows| match rows.elements() {
            Elements::U8(values) => values.len(),
            Elements::F32(values) => 4 * values.len(),
            Elements::I64(values) => 8 * values.len(),
        };
        self.inputs.values().map(of).sum::<usize>() + of(&self.targets)
    }
}

/// Channels of an example: the first axis of an image, and else the last axis.
pub(super) fn channels(shape: &[usize]) -> usize {
    match *shape {
        [channels, _, _] => channels,
        _ => shape.last().copied().unwrap_or(1),
    }
}
