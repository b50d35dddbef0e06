//! [`Rows`]: the rows that a linear map multiplies, from a matrix or from patches of images.
//!
//! ```text
//! image     (batch, height, width, channels)      channels last: the result of a product is an image
//! patch     one row per output pixel: the values under the window, as (tap_y, tap_x, channel)
//! source    pixel(row, tap) = (row · step + tap · tap_step + shift) / spread     on each axis
//! ```
//!
//! Patches never exist for a whole batch: an arithmetic reads them in place, or gathers those of a
//! few images at a time (see [`Plan`](plan::Plan)). Where
//! the division leaves a remainder or the pixel lies outside, the patch holds zeros. `spread` is 1
//! in a forward pass. With the window's stride as `spread` the same rule describes the patches of
//! errors whose product with the rearranged weights is the gradient of the image, so that every
//! element of it is one sum and no overlapping shares are added up.

pub(crate) mod plan;

/// The window of a convolution or a pooling, each pair for (height, width).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Taps.
    pub kernel: [usize; 2],
    /// Pixels from one window to the next.
    pub stride: [usize; 2],
    /// Pixels of zeros (minus infinity for a maximum) on each side.
    pub padding: [usize; 2],
    /// Pixels from one tap to the next.
    pub dilation: [usize; 2],
    /// Whether a window may stick out at the end, as long as it starts inside.
    pub ceil: bool,
}

impl Window {
    /// `size` × `size` taps next to each other, one pixel from window to window, no padding.
    pub fn square(size: usize) -> Self {
        Self { kernel: [size; 2], stride: [1; 2], padding: [0; 2], dilation: [1; 2], ceil: false }
    }

    /// `size` taps along the width of images of height 1.
    pub fn line(size: usize) -> Self {
        Self { kernel: [1, size], ..Self::square(1) }
    }

    /// The same with this many pixels from one window to the next.
    #[must_use]
    pub fn stride(self, stride: usize) -> Self {
        self.along(self.stride, stride, |window, stride| window.stride = stride)
    }

    /// The same with this many pixels of padding on each side.
    #[must_use]
    pub fn padding(self, padding: usize) -> Self {
        self.along([0; 2], padding, |window, padding| window.padding = padding)
    }

    /// The same with windows that may stick out at the end.
    #[must_use]
    pub fn ceil(self) -> Self {
        Self { ceil: true, ..self }
    }

    /// The same with this many pixels from one tap to the next.
    #[must_use]
    pub fn dilation(self, dilation: usize) -> Self {
        self.along([1; 2], dilation, |window, dilation| window.dilation = dilation)
    }

    /// Sets `value` on both axes, or along the width if the window is a line.
    fn along(
        self,
        keep: [usize; 2],
        value: usize,
        set: impl FnOnce(&mut Self, [usize; 2]),
    ) -> Self {
        let mut window = self;
        let height = if self.kernel[0] == 1 && self.kernel[1] != 1 { keep[0] } else { value };
        set(&mut window, [height, value]);
        window
    }

    /// Number of taps.
    pub fn taps(&self) -> usize {
        self.kernel[0] * self.kernel[1]
    }

    /// Number of windows on each axis of an image of that (height, width):
    /// ⌊(n + 2·padding − dilation·(kernel − 1) − 1) / stride⌋ + 1, or with ⌈ ⌉ if `ceil` is set,
    /// without windows that would start behind the image.
    ///
    /// # Panics
    ///
    /// If a window is larger than the padded image, or a kernel or stride is 0.
    #[track_caller]
    pub fn output(&self, size: [usize; 2]) -> [usize; 2] {
        std::array::from_fn(|axis| {
            let span = self.span(axis);
            let padded = size[axis] + 2 * self.padding[axis];
            assert!(
                padded >= span,
                "a window of {span} pixels does not fit into {} with {} of padding",
                size[axis],
                self.padding[axis]
            );
            let stride = self.stride[axis];
            if self.ceil {
                let starts = (size[axis] + self.padding[axis]).div_ceil(stride);
                ((padded - span).div_ceil(stride) + 1).min(starts)
            } else {
                (padded - span) / stride + 1
            }
        })
    }

    /// Pixels from the first to the last tap.
    #[track_caller]
    pub(crate) fn span(&self, axis: usize) -> usize {
        assert!(
            self.kernel[axis] > 0 && self.stride[axis] > 0 && self.dilation[axis] > 0,
            "kernel, stride and dilation are at least 1 in {self:?}"
        );
        self.dilation[axis] * (self.kernel[axis] - 1) + 1
    }
}

/// Which source pixel a tap of a row reads, along one axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Axis {
    /// Pixels of the source.
    pub(crate) len: usize,
    /// Rows along this axis.
    pub(crate) rows: usize,
    pub(crate) taps: usize,
    pub(crate) step: isize,
    pub(crate) tap_step: isize,
    pub(crate) shift: isize,
    pub(crate) spread: isize,
}

impl Axis {
    /// The definition.
    pub(crate) fn pixel(&self, row: usize, tap: usize) -> Option<usize> {
        let spread = row as isize * self.step + tap as isize * self.tap_step + self.shift;
        let pixel = spread / self.spread;
        let inside = spread >= 0 && spread % self.spread == 0 && pixel < self.len as isize;
        inside.then_some(pixel as usize)
    }
}

/// The patches of a batch of images: a geometry, without the pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Patches {
    pub(crate) batch: usize,
    pub(crate) axes: [Axis; 2],
    pub(crate) channels: usize,
}

impl Patches {
    /// The patches under `window` of images of shape (batch, height, width, channels).
    #[track_caller]
    pub(crate) fn new(window: &Window, shape: [usize; 4]) -> Self {
        let [batch, height, width, channels] = shape;
        let rows = window.output([height, width]);
        let axes = std::array::from_fn(|axis| Axis {
            len: [height, width][axis],
            rows: rows[axis],
            taps: window.kernel[axis],
            step: window.stride[axis] as isize,
            tap_step: window.dilation[axis] as isize,
            shift: -(window.padding[axis] as isize),
            spread: 1,
        });
        Self { batch, axes, channels }
    }

    /// The patches of errors, with `channels` channels, whose product with the weights rearranged
    /// as (channel of the image, taps, output) is the gradient of the image.
    ///
    /// Tap t of output o reads pixel o · stride + t · dilation − padding; so pixel p reads output
    /// (p − t · dilation + padding) / stride through tap t. Taps are in reverse order, so that
    /// neighbouring taps read neighbouring outputs from left to right.
    pub(crate) fn transposed(&self, channels: usize) -> Self {
        let axes = self.axes.map(|axis| Axis {
            len: axis.rows,
            rows: axis.len,
            taps: axis.taps,
            step: axis.spread,
            tap_step: axis.tap_step,
            shift: -axis.shift - (axis.taps as isize - 1) * axis.tap_step,
            spread: axis.step,
        });
        Self { batch: self.batch, axes, channels }
    }

    pub(crate) fn taps(&self) -> usize {
        self.axes[0].taps * self.axes[1].taps
    }

    pub(crate) fn channels(&self) -> usize {
        self.channels
    }

    pub(crate) fn rows_per_image(&self) -> usize {
        self.axes[0].rows * self.axes[1].rows
    }

    pub(crate) fn image_len(&self) -> usize {
        self.axes[0].len * self.axes[1].len * self.channels
    }
}

/// The rows that a linear map multiplies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rows {
    /// The rows of a matrix, which belong to `batch` items of the batch in equal parts.
    Matrix { batch: usize, rows: usize, inputs: usize },
    /// Patches of images.
    Patches(Patches),
}

impl Rows {
    /// Number of rows.
    pub(crate) fn count(&self) -> usize {
        match self {
            Self::Matrix { rows, .. } => *rows,
            Self::Patches(patches) => patches.batch * patches.rows_per_image(),
        }
    }

    /// Length of a row.
    pub(crate) fn inputs(&self) -> usize {
        match self {
            Self::Matrix { inputs, .. } => *inputs,
            Self::Patches(patches) => patches.taps() * patches.channels,
        }
    }

    /// Elements of a row that belong to one channel.
    pub(crate) fn taps(&self) -> usize {
        match self {
            Self::Matrix { .. } => 1,
            Self::Patches(patches) => patches.taps(),
        }
    }

    /// Whether the rows lie in memory as they are.
    pub(crate) fn is_matrix(&self) -> bool {
        matches!(self, Self::Matrix { .. })
    }

    /// Number of items in the batch.
    pub(crate) fn batch(&self) -> usize {
        match self {
            Self::Matrix { batch, .. } => *batch,
            Self::Patches(patches) => patches.batch,
        }
    }
}

/// Rearranges W from (out, taps, in) to (in, taps in reverse, out): the map of
/// [`Patches::transposed`].
pub(crate) fn rearrange<T: Copy>(w: &[T], outputs: usize, taps: usize, inputs: usize) -> Vec<T> {
    let mut out = Vec::with_capacity(w.len());
    for input in 0..inputs {
        for tap in (0..taps).rev() {
            out.extend((0..outputs).map(|o| w[(o * taps + tap) * inputs + input]));
        }
    }
    out
}

#[cfg(test)]
pub(crate) mod tests {
    use std::ops::Range;

    use super::*;
    use proptest::prelude::*;

    pub(crate) fn windows() -> impl Strategy<Value = (Window, [usize; 4])> {
        let pair = |range: Range<usize>| [range.clone(), range];
        (
            pair(1..4),
            pair(1..4),
            pair(0..3),
            pair(1..3),
            any::<bool>(),
            0..3usize,
            pair(1..8),
            1..4usize,
        )
            .prop_map(|(kernel, stride, padding, dilation, ceil, batch, [h, w], channels)| {
                (Window { kernel, stride, padding, dilation, ceil }, [batch, h, w, channels])
            })
            .prop_filter("the window fits", |(window, [_, h, w, _])| {
                (0..2).all(|axis| window.span(axis) <= [h, w][axis] + 2 * window.padding[axis])
            })
    }

    /// The patch by the definition, one element after another.
    fn naive(window: &Window, [batch, h, w, channels]: [usize; 4], x: &[i32]) -> Vec<i32> {
        let [rows_y, rows_x] = window.output([h, w]);
        let mut out = Vec::new();
        for b in 0..batch {
            for (row_y, row_x) in (0..rows_y).flat_map(|y| (0..rows_x).map(move |x| (y, x))) {
                for tap_y in 0..window.kernel[0] {
                    for tap_x in 0..window.kernel[1] {
                        let at = |row: usize, tap: usize, axis: usize| {
                            (row * window.stride[axis] + tap * window.dilation[axis])
                                .checked_sub(window.padding[axis])
                                .filter(|&p| p < [h, w][axis])
                        };
                        for c in 0..channels {
                            out.push(match (at(row_y, tap_y, 0), at(row_x, tap_x, 1)) {
                                (Some(y), Some(x_)) => x[((b * h + y) * w + x_) * channels + c],
                                _ => 0,
                            });
                        }
                    }
                }
            }
        }
        out
    }

    /// The patches of all rows, element by element.
    pub(crate) fn gather<T: Copy + Default>(patches: &Patches, x: &[T]) -> Vec<T> {
        let [vertical, horizontal] = patches.axes;
        let mut out = Vec::new();
        for image in x.chunks_exact(patches.image_len().max(1)) {
            for row in 0..patches.rows_per_image() {
                for tap in 0..patches.taps() {
                    let y = vertical.pixel(row / horizontal.rows, tap / horizontal.taps);
                    let x = horizontal.pixel(row % horizontal.rows, tap % horizontal.taps);
                    for c in 0..patches.channels {
                        let at = |(y, x)| image[(y * horizontal.len + x) * patches.channels + c];
                        out.push(y.zip(x).map_or(T::default(), at));
                    }
                }
            }
        }
        out
    }

    proptest! {
        #[test]
        fn patches_are_what_the_definition_says((window, shape) in windows()) {
            let x: Vec<i32> = (1..=shape.iter().product::<usize>() as i32).collect();
            let patches = Patches::new(&window, shape);
            let rows = Rows::Patches(patches);
            let expected = naive(&window, shape, &x);
            prop_assert_eq!(rows.count() * rows.inputs(), expected.len());
            prop_assert_eq!(gather(&patches, &x), expected);
        }

        /// ⟨patches(x)·w, δ⟩ = ⟨x, patchesᵀ(δ)·rearranged(w)⟩ for every x, w, δ.
        #[test]
        fn transposed_patches_give_the_adjoint((window, shape) in windows(), outputs in 1..4usize) {
            let value = |i: usize| (i * 7919 % 23) as i64 - 11;
            let [.., channels] = shape;
            let patches = Patches::new(&window, shape);
            let rows = Rows::Patches(patches);
            let back = patches.transposed(outputs);
            let x: Vec<i64> = (0..shape.iter().product()).map(value).collect();
            let delta: Vec<i64> = (0..rows.count() * outputs).map(|i| value(i + 5)).collect();
            let w: Vec<i64> = (0..outputs * rows.inputs()).map(|i| value(i + 9)).collect();
            let product = |patches: &Patches, x: &[i64], w: &[i64], other: &[i64]| -> i64 {
                let rows = Rows::Patches(*patches);
                let block = gather(patches, x);
                let n = w.len() / rows.inputs();
                let row_dot = |r: usize, o: usize| -> i64 {
                    let a = &block[r * rows.inputs()..][..rows.inputs()];
                    a.iter().zip(&w[o * rows.inputs()..]).map(|(a, b)| a * b).sum()
                };
                (0..rows.count() * n).map(|i| row_dot(i / n, i % n) * other[i]).sum()
            };
            let rearranged = rearrange(&w, outputs, patches.taps(), channels);
            prop_assert_eq!(
                product(&patches, &x, &w, &delta),
                product(&back, &delta, &rearranged, &x)
            );
        }
    }

    #[test]
    fn a_line_leaves_the_height_alone() {
        let window = Window::line(3).stride(2).padding(1).dilation(2);
        assert_eq!((window.stride, window.padding, window.dilation), ([1, 2], [0, 1], [1, 2]));
        assert_eq!(window.output([1, 9]), [1, 4]);
    }
}
