//! [`Sequences`]: sequences of vectors, each of its own length.

use crate::tensor::Tensor;

/// Sequences of vectors of the same width, such as the frames of utterances, one after another.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sequences {
    width: usize,
    values: Vec<f32>,
    /// Where each sequence ends, in vectors.
    ends: Vec<usize>,
}

impl Sequences {
    /// None yet, of vectors of that width.
    ///
    /// # Panics
    ///
    /// If the width is 0.
    #[track_caller]
    pub fn new(width: usize) -> Self {
        assert!(width > 0, "vectors have at least one value");
        Self { width, ..Self::default() }
    }

    /// Adds a sequence of row-major values.
    ///
    /// # Panics
    ///
    /// If there is not at least one whole vector.
    #[track_caller]
    pub fn push(&mut self, values: &[f32]) {
        assert!(
            !values.is_empty() && values.len().is_multiple_of(self.width),
            "{} values are no sequence of vectors of {}",
            values.len(),
            self.width
        );
        self.values.extend_from_slice(values);
        self.ends.push(self.values.len() / self.width);
    }

    /// Number of sequences.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Values of a vector.
    pub fn width(&self) -> usize {
        self.width
    }

    /// The row-major values of a sequence.
    ///
    /// # Panics
    ///
    /// If there is no such sequence.
    #[track_caller]
    pub fn get(&self, index: usize) -> &[f32] {
        let start = if index == 0 { 0 } else { self.ends[index - 1] };
        &self.values[start * self.width..self.ends[index] * self.width]
    }

    /// All values, sequence after sequence.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// All values, to be changed in place, as a normalisation does.
    pub fn values_mut(&mut self) -> &mut [f32] {
        &mut self.values
    }

    /// The length of the longest sequence at `indices`.
    pub(crate) fn longest(&self, indices: &[u32]) -> usize {
        indices.iter().map(|&i| self.length(i)).max().unwrap_or(0)
    }

    fn length(&self, index: u32) -> usize {
        self.get(index as usize).len() / self.width
    }

    /// The sequences at `indices`, (batch, longest, width), padded with zeros, and their lengths;
    /// `scratch` gives a buffer of that many values.
    pub(crate) fn gather(
        &self,
        indices: &[u32],
        longest: usize,
        scratch: impl FnOnce(usize) -> Vec<f32>,
    ) -> (Tensor, Vec<usize>) {
        let lengths: Vec<usize> = indices.iter().map(|&i| self.length(i)).collect();
        let mut buffer = scratch(indices.len() * longest * self.width);
        for (out, &index) in buffer.chunks_exact_mut((longest * self.width).max(1)).zip(indices) {
            let sequence = self.get(index as usize);
            out[..sequence.len()].copy_from_slice(sequence);
            out[sequence.len()..].fill(0.0);
        }
        (Tensor::new(&[indices.len(), longest, self.width], buffer), lengths)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequences_are_padded_to_the_longest() {
        let mut sequences = Sequences::new(2);
        for values in [&[1.0, 2.0, 3.0, 4.0][..], &[5.0, 6.0], &[7.0, 8.0]] {
            sequences.push(values);
        }
        assert_eq!((sequences.len(), sequences.get(1)), (3, &[5.0, 6.0][..]));
        let (x, lengths) =
            sequences.gather(&[1, 0], sequences.longest(&[1, 0]), |len| vec![f32::NAN; len]);
        assert_eq!(x, Tensor::new(&[2, 2, 2], vec![5.0, 6.0, 0.0, 0.0, 1.0, 2.0, 3.0, 4.0]));
        assert_eq!(lengths, [1, 2]);
        let (x, _) = sequences.gather(&[], sequences.longest(&[]), |len| vec![0.0; len]);
        assert_eq!(x.shape(), [0, 0, 2]);
    }

    #[test]
    #[should_panic(expected = "3 values are no sequence of vectors of 2")]
    fn half_a_vector_is_refused() {
        Sequences::new(2).push(&[1.0, 2.0, 3.0]);
    }
}
