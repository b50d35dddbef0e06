//! [`Tensor`]: a row-major array of f32 with a shape.

/// A dense, row-major array of f32 of any rank.
///
/// Under a limited-precision arithmetic the values lie on that arithmetic's grid; an f32 holds
/// words of up to 24 bits exactly.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tensor {
    shape: Vec<usize>,
    data: Vec<f32>,
}

impl Tensor {
    /// A tensor of these values.
    ///
    /// # Panics
    ///
    /// If the number of values is not the product of the shape.
    #[track_caller]
    pub fn new(shape: &[usize], data: Vec<f32>) -> Self {
        let len: usize = shape.iter().product();
        assert_eq!(
            data.len(),
            len,
            "{} values do not fill a tensor of shape {shape:?}",
            data.len()
        );
        Self { shape: shape.to_vec(), data }
    }

    /// The shape; a scalar has none.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The values in row-major order.
    pub fn data(&self) -> &[f32] {
        &self.data
    }

    /// The values in row-major order, to be changed in place.
    pub fn data_mut(&mut self) -> &mut [f32] {
        &mut self.data
    }

    /// The only value of a tensor with one element.
    ///
    /// # Panics
    ///
    /// If there is not exactly one.
    #[track_caller]
    pub fn item(&self) -> f32 {
        assert_eq!(self.data.len(), 1, "a tensor of shape {:?} is not one number", self.shape);
        self.data[0]
    }

    /// (rows, columns) when everything but the last axis counts as rows.
    ///
    /// # Panics
    ///
    /// If the tensor is a scalar.
    #[track_caller]
    pub fn as_matrix(&self) -> (usize, usize) {
        let columns = *self.shape.last().expect("a scalar has no rows");
        (self.shape[..self.shape.len() - 1].iter().product(), columns)
    }

    /// (batch, height, width, channels) of a batch of images.
    ///
    /// # Panics
    ///
    /// If there are not four axes.
    #[track_caller]
    pub fn image_shape(&self) -> [usize; 4] {
        match *self.shape {
            [batch, height, width, channels] => [batch, height, width, channels],
            _ => {
                panic!("a tensor of shape {:?} is not (batch, height, width, channels)", self.shape)
            }
        }
    }

    /// The buffer, to be used again.
    pub(crate) fn into_data(self) -> Vec<f32> {
        self.data
    }
}
