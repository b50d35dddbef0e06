//! Pooling of images: the maximum or the mean of the values under a window, channel by channel.
//!
//! ```text
//! maximum   y = max_t x_t, NaN if any is    dx = dy at the first of the largest, 0 elsewhere
//! mean      y = Σ_t x_t / n                 dx = dy / n
//! adaptive  window i of m over n pixels is  ⌊i·n/m⌋ .. ⌈(i+1)·n/m⌉
//! ```

use std::ops::Range;

use crate::rows::Window;
use crate::simd;
use crate::step::Step;
use crate::tape::{Backward, Operation, Var};
use crate::tensor::Tensor;

/// Records the largest value under each window; padding never wins.
///
/// # Shapes
///
/// - `x`: (batch, height, width, channels)
/// - result: (batch, height′, width′, channels), see [`Window::output`]
///
/// # Panics
///
/// If `x` is not a batch of images, the window does not fit or has over 255 taps, or the padding
/// is as wide as a window, so that some window would see padding only.
#[track_caller]
pub fn max_pool(step: &mut Step<'_>, x: Var, window: &Window) -> Var {
    let par = step.pass.par;
    let shape = step.tape.value(x).image_shape();
    let [batch, height, width, channels] = shape;
    let [out_y, out_x] = window.output([height, width]);
    assert!(window.taps() <= 255, "a maximum over {:?} taps", window.kernel);
    assert!(
        (0..2).all(|axis| 2 * window.padding[axis] <= window.span(axis)),
        "padding {:?} is more than half of a window of {:?}",
        window.padding,
        window.kernel
    );
    let mut out = step.tape.scratch(batch * out_y * out_x * channels);
    let mut winners = vec![0u8; out.len()];
    let offsets = tap_offsets(window, width, channels);
    let data = step.tape.value(x).data();
    let images = images_per_part(out_y * out_x * channels);
    let part_len = (images * out_y * out_x * channels).max(1);
    let mut parts: Vec<(&mut [f32], &mut [u8])> =
        out.chunks_mut(part_len).zip(winners.chunks_mut(part_len)).collect();
    par.for_each_chunk(&mut parts, 1, |part, outputs| {
        let first = part * images;
        for (out, winners) in outputs {
            simd::dispatch(Maximum {
                window,
                images: images.min(batch - first),
                shape,
                size: [out_y, out_x],
                offsets: &offsets,
                data: &data[first * height * width * channels..],
                out,
                winners,
            });
        }
    });
    let value = Tensor::new(&[batch, out_y, out_x, channels], out);
    let needs_gradient = step.tape.needs_gradient(x);
    step.tape.record(value, needs_gradient, MaxPool { x, window: *window, shape, winners, offsets })
}

/// The forward pass, a few channels at a time in registers.
struct Maximum<'a> {
    window: &'a Window,
    images: usize,
    shape: [usize; 4],
    size: [usize; 2],
    offsets: &'a [isize],
    data: &'a [f32],
    out: &'a mut [f32],
    winners: &'a mut [u8],
}

impl simd::Kernel for Maximum<'_> {
    #[inline(always)]
    fn run(self) {
        let Self { window, images, shape, size: [out_y, out_x], offsets, data, out, winners } =
            self;
        let [_, height, width, channels] = shape;
        let mut at = 0;
        for image in 0..images {
            for y in 0..out_y {
                let taps_y = inside(window, 0, y, height);
                for x in 0..out_x {
                    let taps = [taps_y.clone(), inside(window, 1, x, width)];
                    let corner = corner(window, shape, image, y, x);
                    let mut channel = 0;
                    while channel + LANES <= channels {
                        let first = corner + channel as isize;
                        let (best, winner) =
                            largest::<LANES>(data, first, offsets, &taps, window.kernel[1]);
                        out[at..at + LANES].copy_from_slice(&best);
                        winners[at..at + LANES].copy_from_slice(&winner);
                        channel += LANES;
                        at += LANES;
                    }
                    while channel < channels {
                        let first = corner + channel as isize;
                        let ([best], [winner]) =
                            largest(data, first, offsets, &taps, window.kernel[1]);
                        (out[at], winners[at]) = (best, winner);
                        channel += 1;
                        at += 1;
                    }
                }
            }
        }
    }
}

const LANES: usize = 8;

/// Images that one thread takes at a time, given how many elements each gives.
fn images_per_part(len: usize) -> usize {
    const ELEMENTS: usize = 16 << 10;
    (ELEMENTS / len.max(1)).max(1)
}

/// The largest values of N neighbouring channels, and the taps that have them; of equals the first.
#[inline(always)]
fn largest<const N: usize>(
    data: &[f32],
    first: isize,
    offsets: &[isize],
    [taps_y, taps_x]: &[Range<usize>; 2],
    kernel_x: usize,
) -> ([f32; N], [u8; N]) {
    let values = |tap: usize| -> [f32; N] {
        let start = (first + offsets[tap]) as usize;
        data[start..start + N].try_into().expect("N values")
    };
    let start = taps_y.start * kernel_x + taps_x.start;
    let (mut best, mut winner) = (values(start), [start as u32; N]);
    for tap_y in taps_y.clone() {
        for tap in tap_y * kernel_x + taps_x.start..tap_y * kernel_x + taps_x.end {
            let values = values(tap);
            for i in 0..N {
                // NaN wins, and nothing wins over it.
                let wins = (values[i] > best[i]) | values[i].is_nan();
                best[i] = if wins { values[i] } else { best[i] };
                winner[i] = if wins { tap as u32 } else { winner[i] };
            }
        }
    }
    (best, winner.map(|tap| tap as u8))
}

/// From the corner of a window to each of its taps, in elements.
fn tap_offsets(window: &Window, width: usize, channels: usize) -> Vec<isize> {
    let [kernel_y, kernel_x] = window.kernel;
    let [dilation_y, dilation_x] = window.dilation;
    (0..kernel_y)
        .flat_map(|y| (0..kernel_x).map(move |x| (y * dilation_y, x * dilation_x)))
        .map(|(y, x)| ((y * width + x) * channels) as isize)
        .collect()
}

/// The element under the first tap of a window, which may lie in the padding.
fn corner(window: &Window, shape: [usize; 4], image: usize, y: usize, x: usize) -> isize {
    let [_, height, width, channels] = shape.map(|n| n as isize);
    let y = (y * window.stride[0]) as isize - window.padding[0] as isize;
    let x = (x * window.stride[1]) as isize - window.padding[1] as isize;
    ((image as isize * height + y) * width + x) * channels
}

/// The taps of window `index` that lie in the image, along one axis of `len` pixels.
fn inside(window: &Window, axis: usize, index: usize, len: usize) -> Range<usize> {
    let (start, padding) = (index * window.stride[axis], window.padding[axis]);
    let dilation = window.dilation[axis];
    let first = padding.saturating_sub(start).div_ceil(dilation);
    let end = (len + padding).saturating_sub(start).div_ceil(dilation);
    first..end.min(window.kernel[axis])
}

#[derive(Debug)]
struct MaxPool {
    x: Var,
    window: Window,
    shape: [usize; 4],
    /// The tap that gave each output.
    winners: Vec<u8>,
    offsets: Vec<isize>,
}

impl Operation for MaxPool {
    fn backward(&mut self, gradient: &mut [f32], context: &mut Backward<'_>) {
        let [_, height, width, channels] = self.shape;
        let [out_y, out_x] = self.window.output([height, width]);
        let (len, out_len) = (height * width * channels, out_y * out_x * channels);
        let images = images_per_part(out_len);
        let par = context.pass.par;
        context.accumulate(self.x, |dx, _| {
            par.for_each_chunk(dx, (images * len).max(1), |part, dx| {
                let outputs = part * images * out_len..;
                let channels = channels.max(1);
                let gradient = gradient[outputs.clone()].chunks_exact(channels);
                let winners = self.winners[outputs].chunks_exact(channels);
                let pixels = dx.len() / len * out_y * out_x;
                for (pixel, (dy, winners)) in gradient.zip(winners).take(pixels).enumerate() {
                    let (image, y, x) =
                        (pixel / (out_y * out_x), pixel / out_x % out_y, pixel % out_x);
                    let corner = corner(&self.window, self.shape, image, y, x);
                    for (channel, (dy, &tap)) in dy.iter().zip(winners).enumerate() {
                        dx[(corner + self.offsets[usize::from(tap)]) as usize + channel] += dy;
                    }
                }
            });
        });
    }
}

/// Records the mean of the values under each window; padding counts as zeros.
///
/// # Shapes
///
/// As [`max_pool`].
///
/// # Panics
///
/// If `x` is not a batch of images, or the window does not fit or is dilated.
#[track_caller]
pub fn average_pool(step: &mut Step<'_>, x: Var, window: &Window) -> Var {
    assert_eq!(window.dilation, [1; 2], "a mean over a dilated window");
    let [_, height, width, _] = step.tape.value(x).image_shape();
    let size = [height, width];
    let out = window.output(size);
    let spans = std::array::from_fn(|axis| {
        (0..out[axis])
            .map(|index| {
                let (start, padding) = (index * window.stride[axis], window.padding[axis]);
                let end = start + window.kernel[axis];
                let clip = |at: usize| at.saturating_sub(padding).min(size[axis]);
                Span {
                    pixels: clip(start)..clip(end),
                    len: end.min(size[axis] + 2 * padding) - start,
                }
            })
            .collect()
    });
    average(step, x, spans)
}

/// Records means over `size` windows that divide the image as evenly as can be.
///
/// # Shapes
///
/// - `x`: (batch, height, width, channels)
/// - result: (batch, size\[0\], size\[1\], channels)
///
/// # Panics
///
/// If `x` is not a batch of images, or has no pixels.
#[track_caller]
pub fn adaptive_average_pool(step: &mut Step<'_>, x: Var, size: [usize; 2]) -> Var {
    let [_, height, width, _] = step.tape.value(x).image_shape();
    assert!(height * width > 0, "an image without pixels has no mean");
    let spans = std::array::from_fn(|axis| {
        let (n, m) = ([height, width][axis], size[axis]);
        (0..m)
            .map(|i| {
                let pixels = i * n / m..((i + 1) * n).div_ceil(m);
                Span { len: pixels.len(), pixels }
            })
            .collect()
    });
    average(step, x, spans)
}

/// Records the mean of every channel, as a matrix.
///
/// # Shapes
///
/// - `x`: (batch, height, width, channels)
/// - result: (batch, channels)
///
/// # Panics
///
/// If `x` is not a batch of images.
#[track_caller]
pub fn global_average_pool(step: &mut Step<'_>, x: Var) -> Var {
    let _: [usize; 4] = step.tape.value(x).image_shape();
    super::mean_axes(step, x, 1..3)
}

/// The pixels under a window on one axis, and by how many to divide.
#[derive(Clone, Debug)]
struct Span {
    pixels: Range<usize>,
    len: usize,
}

fn average(step: &mut Step<'_>, x: Var, spans: [Vec<Span>; 2]) -> Var {
    let shape = step.tape.value(x).image_shape();
    let [batch, _, _, channels] = shape;
    let mut out = step.tape.scratch(batch * spans[0].len() * spans[1].len() * channels);
    let data = step.tape.value(x).data();
    // The sum is exact for every fixed-point format, so the mean is rounded once.
    let mut sums = vec![0.0f64; channels];
    each_window(shape, &spans, |y, n, pixels| {
        sums.fill(0.0);
        for x in pixels {
            sums.iter_mut().zip(&data[x..x + channels]).for_each(|(sum, &x)| *sum += f64::from(x));
        }
        let out = out[y..y + channels].iter_mut().zip(&sums);
        out.for_each(|(y, sum)| *y = (sum / f64::from(n)) as f32);
    });
    let value = Tensor::new(&[batch, spans[0].len(), spans[1].len(), channels], out);
    let needs_gradient = step.tape.needs_gradient(x);
    step.tape.record(value, needs_gradient, Average { x, shape, spans })
}

/// Calls `f(element of the result, n, elements of the image)` for every window.
fn each_window(
    shape: [usize; 4],
    spans: &[Vec<Span>; 2],
    mut f: impl FnMut(usize, f32, &mut dyn Iterator<Item = usize>),
) {
    let [batch, height, width, channels] = shape;
    let mut out = 0;
    for image in 0..batch {
        for vertical in &spans[0] {
            for horizontal in &spans[1] {
                let n = (vertical.len * horizontal.len) as f32;
                let mut pixels = vertical.pixels.clone().flat_map(|y| {
                    let line = (image * height + y) * width;
                    horizontal.pixels.clone().map(move |x| (line + x) * channels)
                });
                f(out, n, &mut pixels);
                out += channels;
            }
        }
    }
}

#[derive(Debug)]
struct Average {
    x: Var,
    shape: [usize; 4],
    spans: [Vec<Span>; 2],
}

impl Operation for Average {
    fn backward(&mut self, gradient: &mut [f32], context: &mut Backward<'_>) {
        let channels = self.shape[3];
        context.accumulate(self.x, |dx, _| {
            each_window(self.shape, &self.spans, |y, n, pixels| {
                for x in pixels {
                    let (dx, dy) = (&mut dx[x..x + channels], &gradient[y..y + channels]);
                    dx.iter_mut().zip(dy).for_each(|(dx, dy)| *dx += dy / n);
                }
            });
        });
    }
}
