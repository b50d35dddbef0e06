//! [`Rows`]: an array whose first axis counts examples.

use crate::elements::{Elements, Numbers};

/// What all examples have of one array.
#[derive(Clone, Debug, PartialEq)]
pub struct Rows {
    shape: Vec<usize>,
    elements: Elements,
    len: usize,
}

impl Rows {
    /// Examples of that shape each.
    ///
    /// # Panics
    ///
    /// If an example has no elements, or there is no whole number of them.
    #[track_caller]
    pub fn new(shape: &[usize], elements: Elements) -> Self {
        let size: usize = shape.iter().product();
        let found = elements.len();
        assert!(
            size > 0 && found.is_multiple_of(size),
            "{found} elements are no examples of {shape:?}"
        );
        Self { shape: shape.to_vec(), len: found / size, elements }
    }

    /// # Errors
    ///
    /// A clause, if the array has no axis of examples, or examples of no elements.
    pub(super) fn of(numbers: Numbers) -> Result<Self, String> {
        let Numbers { shape, elements } = numbers;
        let Some((&len, shape)) = shape.split_first() else {
            return Err("a single number, not an array of examples".to_owned());
        };
        if u32::try_from(len).is_err() {
            return Err(format!("{len} examples, which are too many"));
        }
        if shape.contains(&0) {
            return Err(format!("examples of shape {shape:?}, which have no elements"));
        }
        Ok(Self { shape: shape.to_vec(), len, elements })
    }

    /// Number of examples.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The shape of one example; none for a single number.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Number of elements of one example.
    pub fn size(&self) -> usize {
        self.shape.iter().product()
    }

    /// The elements of all examples.
    pub fn elements(&self) -> &Elements {
        &self.elements
    }

    /// The elements of some examples as real numbers.
    ///
    /// # Panics
    ///
    /// If there is no such example.
    #[track_caller]
    pub fn reals(&self, examples: &[u32]) -> Vec<f32> {
        match &self.elements {
            Elements::U8(values) => self.gathered(values, examples, |x| x.into()),
            Elements::F32(values) => self.gathered(values, examples, |x| x),
            Elements::I64(values) => self.gathered(values, examples, |x| x as f32),
        }
    }

    /// The elements of some examples as integers.
    ///
    /// # Panics
    ///
    /// If there is no such example, or they are real numbers.
    #[track_caller]
    pub fn integers(&self, examples: &[u32]) -> Vec<i64> {
        match &self.elements {
            Elements::U8(values) => self.gathered(values, examples, |x| x.into()),
            Elements::I64(values) => self.gathered(values, examples, |x| x),
            Elements::F32(_) => panic!("real numbers are no integers"),
        }
    }

    #[track_caller]
    fn gathered<T: Copy, U>(&self, values: &[T], examples: &[u32], to: impl Fn(T) -> U) -> Vec<U> {
        let size = self.size();
        let of = |&example: &u32| &values[example as usize * size..][..size];
        examples.iter().flat_map(of).map(|&x| to(x)).collect()
    }

    /// Some of the examples.
    #[must_use]
    pub(super) fn select(&self, examples: &[u32]) -> Self {
        let elements = match &self.elements {
            Elements::U8(values) => Elements::U8(self.gathered(values, examples, |x| x)),
            Elements::F32(values) => Elements::F32(self.gathered(values, examples, |x| x)),
            Elements::I64(values) => Elements::I64(self.gathered(values, examples, |x| x)),
        };
        Self { shape: self.shape.clone(), elements, len: examples.len() }
    }

    /// The same elements under another shape of as many.
    #[must_use]
    pub(super) fn reshaped(self, shape: &[usize]) -> Self {
        debug_assert_eq!(
            self.size(),
            shape.iter().product::<usize>(),
            "a shape of as many elements"
        );
        Self { shape: shape.to_vec(), ..self }
    }

    /// Other elements of the same examples.
    #[must_use]
    pub(super) fn with(self, elements: Elements) -> Self {
        debug_assert_eq!(self.elements.len(), elements.len(), "an element for each");
        Self { elements, ..self }
    }

    /// Images (height, width, channels) as (channels, height, width).
    #[must_use]
    pub(super) fn channels_first(self) -> Self {
        let [height, width, channels] = *self.shape else { return self };
        fn turned<T: Copy>(values: &[T], pixels: usize, channels: usize) -> Vec<T> {
            let images = values.chunks_exact(pixels * channels);
            let turned = images.flat_map(|image| {
                (0..channels).flat_map(move |c| (0..pixels).map(move |p| image[p * channels + c]))
            });
            turned.collect()
        }
        let pixels = height * width;
        let elements = match &self.elements {
            _ if channels == 1 => self.elements,
            Elements::U8(values) => Elements::U8(turned(values, pixels, channels)),
            Elements::F32(values) => Elements::F32(turned(values, pixels, channels)),
            Elements::I64(values) => Elements::I64(turned(values, pixels, channels)),
        };
        Self { shape: vec![channels, height, width], elements, len: self.len }
    }

    /// The example of the first element that is not finite, and that element.
    pub(super) fn not_finite(&self) -> Option<(usize, f32)> {
        let Elements::F32(values) = &self.elements else { return None };
        let at = values.iter().position(|x| !x.is_finite())?;
        Some((at / self.size(), values[at]))
    }

    /// The elements as integers, if all of them are whole.
    pub(super) fn to_integers(&self) -> Option<Elements> {
        let Elements::F32(values) = &self.elements else { return Some(self.elements.clone()) };
        // Beyond 2⁵³ they are no counts of anything.
        let whole = |x: &f32| x.trunc() == *x && x.abs() < 9e15;
        let integers = || values.iter().map(|&x| x as i64).collect();
        values.iter().all(whole).then(|| Elements::I64(integers()))
    }
}
