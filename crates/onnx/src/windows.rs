//! Windows of convolutions and pools, as ONNX describes them.

use nn::Window;

use crate::error::Reason;
use crate::graph::Node;

/// A convolution or a pool of images; lines of sequences are images of one row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Geometry {
    /// With the padding that both sides have.
    pub(crate) window: Window,
    /// Further pixels: above, on the left, below, on the right.
    pub(crate) extra: [usize; 4],
    pub(crate) groups: usize,
    /// Outputs and inputs of a convolution.
    pub(crate) channels: [usize; 2],
    /// How `auto_pad` wants the padding to be found from the size, if it does.
    same: Option<Same>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Same {
    Upper,
    Lower,
}

/// A number of pixels: more than any window has is none.
fn length(n: i64) -> Option<usize> {
    usize::try_from(n).ok().filter(|&n| n <= 1 << 16)
}

/// Two numbers of an attribute, for rows and columns; one is for columns alone.
fn two(node: &Node, name: &str, default: usize) -> Reason<[usize; 2]> {
    let length = |n: &i64| length(*n).ok_or_else(|| format!("{name} of {n}"));
    match node.attributes.integers(name) {
        None => Ok([default; 2]),
        Some([x]) => Ok([if name == "pads" { 0 } else { 1 }, length(x)?]),
        Some([y, x]) => Ok([length(y)?, length(x)?]),
        Some(more) => Err(format!("{name} of {} axes: there are lines and images", more.len())),
    }
}

impl Geometry {
    /// Of a convolution with weights of that shape.
    pub(crate) fn of(node: &Node, weight: &[usize]) -> Reason<Self> {
        let (&outputs, &columns, kernel) = match weight {
            [outputs, columns, kernel] => (outputs, columns, [1, *kernel]),
            [outputs, columns, y, x] => (outputs, columns, [*y, *x]),
            _ => return Err(format!("weights of shape {weight:?}: there are lines and images")),
        };
        let groups = usize::try_from(node.attributes.integer("group", 1)).unwrap_or(0);
        if groups == 0 || !outputs.is_multiple_of(groups) {
            return Err(format!("{groups} groups of {outputs} outputs"));
        }
        let mut geometry = Self::with_kernel(node, kernel)?;
        (geometry.groups, geometry.channels) = (groups, [outputs, columns * groups]);
        Ok(geometry)
    }

    /// Of a pool.
    pub(crate) fn of_pool(node: &Node) -> Reason<Self> {
        let kernel = two(node, "kernel_shape", 0)?;
        Self::with_kernel(node, kernel)
    }

    fn with_kernel(node: &Node, kernel: [usize; 2]) -> Reason<Self> {
        let (stride, dilation) = (two(node, "strides", 1)?, two(node, "dilations", 1)?);
        if kernel.contains(&0) || stride.contains(&0) || dilation.contains(&0) {
            return Err("a window of no pixels".to_owned());
        }
        let side = |n: &i64| length(*n).ok_or_else(|| format!("a padding of {n}"));
        let sides = match node.attributes.integers("pads") {
            None => [0; 4],
            Some([left, right]) => [0, side(left)?, 0, side(right)?],
            Some([above, left, below, right]) => {
                [side(above)?, side(left)?, side(below)?, side(right)?]
            }
            Some(more) => return Err(format!("{} pads: there are lines and images", more.len())),
        };
        let padding = [sides[0].min(sides[2]), sides[1].min(sides[3])];
        let extra = std::array::from_fn(|i| sides[i] - padding[i % 2]);
        let same = match node.attributes.text("auto_pad", "NOTSET") {
            "NOTSET" | "VALID" => None,
            "SAME_UPPER" => Some(Same::Upper),
            "SAME_LOWER" => Some(Same::Lower),
            other => return Err(format!("a padding by {other}")),
        };
        let ceil = node.attributes.integer("ceil_mode", 0) != 0;
        let window = Window { kernel, stride, padding, dilation, ceil };
        Ok(Self { window, extra, groups: 1, channels: [0; 2], same })
    }

    /// The window and the further pixels for an image of that size.
    pub(crate) fn at(&self, size: [usize; 2]) -> (Window, [usize; 4]) {
        let Some(same) = self.same else { return (self.window, self.extra) };
        let mut extra = [0; 4];
        for i in 0..2 {
            let Window { kernel, stride, dilation, .. } = self.window;
            let reach = (kernel[i] - 1) * dilation[i] + 1;
            let rows = size[i].div_ceil(stride[i]);
            let total = ((rows.max(1) - 1) * stride[i] + reach).saturating_sub(size[i]);
            let (less, more) = (total / 2, total - total / 2);
            (extra[i], extra[i + 2]) =
                if same == Same::Upper { (less, more) } else { (more, less) };
        }
        (Window { padding: [0; 2], ..self.window }, extra)
    }
}

/// A transposed convolution: each pixel adds its share to those that a kernel reaches.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Transposed {
    pub(crate) kernel: [usize; 2],
    stride: [usize; 2],
    dilation: [usize; 2],
    /// Above, on the left, below, on the right.
    pads: [usize; 4],
    further: [usize; 2],
    /// Inputs and outputs.
    pub(crate) channels: [usize; 2],
}

impl Transposed {
    pub(crate) fn of(node: &Node, weight: &[usize]) -> Reason<Self> {
        let geometry = Geometry::of(node, weight)?;
        if geometry.groups != 1 || geometry.same.is_some() {
            return Err("groups, or a padding that follows from a size".to_owned());
        }
        if node.attributes.integers("output_shape").is_some() {
            return Err("an output_shape".to_owned());
        }
        let Window { kernel, stride, padding, dilation, .. } = geometry.window;
        let pixels = |n: &i64| length(*n).ok_or_else(|| format!("output_padding of {n}"));
        let further = match node.attributes.integers("output_padding") {
            Some([x]) => [0, pixels(x)?],
            Some([y, x]) => [pixels(y)?, pixels(x)?],
            _ => [0; 2],
        };
        let pads = std::array::from_fn(|i| padding[i % 2] + geometry.extra[i]);
        let channels = geometry.channels;
        Ok(Self { kernel, stride, dilation, pads, further, channels })
    }

    /// The size of the result for an image of that size.
    pub(crate) fn size(&self, size: [usize; 2]) -> Reason<[usize; 2]> {
        let mut out = [0; 2];
        for i in 0..2 {
            let reach = (self.kernel[i] - 1) * self.dilation[i] + 1;
            let full = size[i].saturating_sub(1) * self.stride[i] + reach + self.further[i];
            let cut = self.pads[i] + self.pads[i + 2];
            out[i] = full.checked_sub(cut).ok_or("more padding than pixels")?;
        }
        Ok(out)
    }

    /// For each pixel and tap, the pixel of the result that it reaches, if any: rows, taps.
    pub(crate) fn reached(&self, size: [usize; 2], out: [usize; 2]) -> Vec<Option<usize>> {
        let mut reached = Vec::new();
        let along = |i: usize, at: usize, tap: usize| {
            let to = at * self.stride[i] + tap * self.dilation[i];
            to.checked_sub(self.pads[i]).filter(|&to| to < out[i])
        };
        for y in 0..size[0] {
            for x in 0..size[1] {
                for tap_y in 0..self.kernel[0] {
                    for tap_x in 0..self.kernel[1] {
                        let to = along(0, y, tap_y).zip(along(1, x, tap_x));
                        reached.push(to.map(|(y, x)| y * out[1] + x));
                    }
                }
            }
        }
        reached
    }
}
