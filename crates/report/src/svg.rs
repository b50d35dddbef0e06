//! Panels as SVG. Black, white and grey stand for the page's own colours, which the style sheet
//! puts in their place, so that one drawing serves light and dark pages.

mod labels;

use plotters::coord::ranged1d::{Ranged, ValueFormatter};
use plotters::prelude::*;

use crate::figure::{Curve, LineStyle, Panel};
use crate::html::escape::escape;
use labels::{HEIGHT, place};

/// Okabe and Ito's colour-blind safe palette; black stands for the page's ink.
pub(crate) const COLOURS: [RGBColor; 6] = [
    RGBColor(0, 0, 0),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(0, 114, 178),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
];

const SIZE: (u32, u32) = (460, 340);
/// Size of the letters at the axes: a phone shrinks the drawing to three quarters.
const FONT: i32 = 16;
/// Curves with more points than this have no marker on each of them.
const MARKERS: usize = 40;
const GRID: RGBColor = RGBColor(221, 221, 221);

/// The panel as an `<svg>` element.
pub(crate) fn svg(panel: &Panel) -> String {
    let mut text = String::new();
    {
        let root = SVGBackend::with_string(&mut text, SIZE).into_drawing_area();
        draw(panel, &root).expect("drawing into a string cannot fail");
    }
    // The page scales the drawing; its own size would fix it.
    let fixed = format!("<svg width=\"{}\" height=\"{}\"", SIZE.0, SIZE.1);
    let label = escape(&format!("{}: {} against {}", panel.title, panel.y, panel.x));
    text.replacen(&fixed, &format!("<svg role=\"img\" aria-label=\"{label}\""), 1)
}

type Area<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;
type DrawError<'a> = DrawingAreaErrorKind<<SVGBackend<'a> as DrawingBackend>::ErrorType>;

/// Corners of the marker of a colour, relative to the point; none for a circle. Shapes tell curves
/// apart where colours do not, as in print.
pub(crate) fn marker(colour: usize) -> &'static [(i32, i32)] {
    const SQUARE: &[(i32, i32)] = &[(-3, -3), (3, -3), (3, 3), (-3, 3)];
    const UP: &[(i32, i32)] = &[(0, -4), (4, 3), (-4, 3)];
    const DIAMOND: &[(i32, i32)] = &[(0, -4), (4, 0), (0, 4), (-4, 0)];
    const DOWN: &[(i32, i32)] = &[(0, 4), (4, -3), (-4, -3)];
    #[rustfmt::skip]
    const CROSS: &[(i32, i32)] = &[
        (-1, -4), (1, -4), (1, -1), (4, -1), (4, 1), (1, 1),
        (1, 4), (-1, 4), (-1, 1), (-4, 1), (-4, -1), (-1, -1),
    ];
    [&[], SQUARE, UP, DIAMOND, DOWN, CROSS][colour % COLOURS.len()]
}

/// Least and greatest of the finite numbers, positive ones for a logarithmic axis.
fn limits(values: impl Iterator<Item = f64>, log: bool) -> Option<(f64, f64)> {
    values
        .filter(|v| v.is_finite() && (!log || *v > 0.0))
        .fold(None, |limits, v| limits.map_or(Some((v, v)), |(a, b)| Some((v.min(a), v.max(b)))))
}

/// A range with some room around it; one that is empty gets a width.
fn widen((low, high): (f64, f64), log: bool, part: f64) -> (f64, f64) {
    if log {
        let factor = (high / low).powf(part).max(if low < high { 1.0 } else { 2.0 });
        (low / factor, high * factor)
    } else {
        let pad = if low < high { part * (high - low) } else { 0.1 * low.abs().max(0.1) };
        (low - pad, high + pad)
    }
}

fn draw<'a>(panel: &Panel, root: &Area<'a>) -> Result<(), DrawError<'a>> {
    let points = || panel.curves.iter().flat_map(|curve| &curve.points);
    let scatter = panel.curves.iter().any(|curve| curve.style == LineStyle::Points);
    let x = limits(points().map(|p| p.0), panel.log_x).unwrap_or((0.1, 1.0));
    // Lines begin at the axis; points keep away from it.
    let (x_min, x_max) = widen(x, panel.log_x, if scatter { 0.06 } else { 0.0 });
    let y = limits(points().map(|p| p.1), panel.log_y);
    let (low, high) = match (panel.y_range, y) {
        (Some(range), _) => range,
        (None, Some((low, high))) if panel.log_y => (0.8 * low, 1.25 * high),
        (None, y) => widen(y.unwrap_or((0.1, 1.0)), panel.log_y, 0.05),
    };
    let mut builder = ChartBuilder::on(root);
    builder.margin(8).margin_right(14).x_label_area_size(46).y_label_area_size(64);
    let (x, y) = (x_min..x_max, low..high);
    let log = |range: std::ops::Range<f64>| {
        let ticks = decade_ticks(range.start, range.end);
        range.log_scale().with_key_points(ticks)
    };
    match (panel.log_x, panel.log_y) {
        (false, false) => curves(panel, builder.build_cartesian_2d(x, y)?),
        (false, true) => curves(panel, builder.build_cartesian_2d(x, log(y))?),
        (true, false) => curves(panel, builder.build_cartesian_2d(log(x), y)?),
        (true, true) => curves(panel, builder.build_cartesian_2d(log(x), log(y))?),
    }
}

type Chart<'a, 'b, X, Y> = ChartContext<'b, SVGBackend<'a>, Cartesian2d<X, Y>>;

fn curves<'a, X, Y>(panel: &Panel, mut chart: Chart<'a, '_, X, Y>) -> Result<(), DrawError<'a>>
where
    X: Ranged<ValueType = f64> + ValueFormatter<f64>,
    Y: Ranged<ValueType = f64> + ValueFormatter<f64>,
{
    let font = ("sans-serif", FONT).into_font();
    let (x_range, y_range) = (chart.x_range(), chart.y_range());
    let whole = panel.curves.iter().flat_map(|curve| &curve.points).all(|p| p.0.fract() == 0.0);
    let x_labels = if whole && !panel.log_x {
        // No more labels than there are whole numbers, so that none lies between two.
        ((x_range.end - x_range.start).round() as usize + 1).clamp(2, 7)
    } else {
        7
    };
    let span = |range: &std::ops::Range<f64>| range.end - range.start;
    chart
        .configure_mesh()
        .x_desc(&panel.x)
        .y_desc(&panel.y)
        .x_labels(x_labels)
        .y_labels(6)
        .label_style(font.clone())
        .axis_desc_style(font)
        .bold_line_style(GRID)
        .light_line_style(TRANSPARENT)
        .x_label_formatter(&|x| tick(*x, if panel.log_x { *x } else { span(&x_range) }))
        .y_label_formatter(&|y| tick(*y, if panel.log_y { *y } else { span(&y_range) }))
        .draw()?;
    // A point beyond the range ends the line, so that nothing is drawn outside the axes.
    let inside = |(x, y): (f64, f64)| {
        x.is_finite()
            && y.is_finite()
            && x_range.contains(&x) | (x == x_range.end)
            && (y_range.start..=y_range.end).contains(&y)
    };
    for curve in &panel.curves {
        let colour = COLOURS[curve.colour % COLOURS.len()];
        for (from, to) in segments(curve, &inside) {
            let points = &curve.points[from..to];
            if !curve.band.is_empty() {
                let clamp = |y: f64| y.clamp(y_range.start, y_range.end);
                let upper = (from..to)
                    .map(|i| (curve.points[i].0, clamp(curve.points[i].1 + curve.band[i])));
                let lower = (from..to)
                    .rev()
                    .map(|i| (curve.points[i].0, clamp(curve.points[i].1 - curve.band[i])));
                chart.draw_series([Polygon::new(
                    upper.chain(lower).collect::<Vec<_>>(),
                    colour.mix(0.2),
                )])?;
            }
            if curve.style == LineStyle::Paper {
                let line =
                    DashedLineSeries::new(points.iter().copied(), 5, 4, colour.stroke_width(1));
                chart.draw_series(line)?;
                continue;
            }
            if curve.style == LineStyle::Ours {
                let line = LineSeries::new(points.iter().copied(), colour.stroke_width(2));
                chart.draw_series(line)?;
            }
            let every =
                if curve.style == LineStyle::Points { 1 } else { points.len().div_ceil(MARKERS) };
            let points = points.iter().step_by(every);
            let corners = marker(curve.colour);
            if corners.is_empty() {
                chart.draw_series(points.map(|&p| Circle::new(p, 3, colour.filled())))?;
            } else {
                chart.draw_series(points.map(|&p| {
                    EmptyElement::at(p) + Polygon::new(corners.to_vec(), colour.filled())
                }))?;
            }
        }
    }
    labels(panel, &chart, &inside)
}

/// Writes the names of the points, those of all curves together.
fn labels<'a, X, Y>(
    panel: &Panel,
    chart: &Chart<'a, '_, X, Y>,
    inside: &impl Fn((f64, f64)) -> bool,
) -> Result<(), DrawError<'a>>
where
    X: Ranged<ValueType = f64> + ValueFormatter<f64>,
    Y: Ranged<ValueType = f64> + ValueFormatter<f64>,
{
    let named = panel.curves.iter().flat_map(|curve| curve.points.iter().zip(&curve.labels));
    let (points, names): (Vec<_>, Vec<String>) = named
        .filter(|(point, _)| inside(**point))
        .map(|(point, name)| (chart.backend_coord(point), name.clone()))
        .unzip();
    let area = chart.plotting_area();
    let (x, y) = area.get_pixel_range();
    let places = place(&points, &names, (x.start, y.start), (x.end - x.start, y.end - y.start));
    let font = ("sans-serif", HEIGHT).into_font();
    let root = area.strip_coord_spec();
    for (name, (left, top)) in names.iter().zip(places) {
        // An area without coordinates counts from its own corner.
        root.draw(&Text::new(name.clone(), (left - x.start, top - y.start), font.clone()))?;
    }
    Ok(())
}

/// 1, 2 and 5 times the powers of ten between two limits; the powers alone beyond three decades.
fn decade_ticks(low: f64, high: f64) -> Vec<f64> {
    let steps: &[f64] = if high / low > 1e3 { &[1.0] } else { &[1.0, 2.0, 5.0] };
    let (first, last) = (low.log10().floor() as i32, high.log10().ceil() as i32);
    let ticks = (first..=last).flat_map(|k| steps.iter().map(move |step| step * 10f64.powi(k)));
    ticks.filter(|tick| (low..=high).contains(tick)).collect()
}

/// The runs of points that lie inside the axes, as index ranges.
fn segments(curve: &Curve, inside: &impl Fn((f64, f64)) -> bool) -> Vec<(usize, usize)> {
    let mut segments = Vec::new();
    let mut start = None;
    for (i, &point) in curve.points.iter().enumerate() {
        match (inside(point), start) {
            (true, None) => start = Some(i),
            (false, Some(from)) => {
                segments.push((from, i));
                start = None;
            }
            _ => {}
        }
    }
    segments.extend(start.map(|from| (from, curve.points.len())));
    segments
}

/// A tick label on an axis of some length: no more digits than it needs, powers of ten for the
/// very small and the very large.
fn tick(value: f64, span: f64) -> String {
    let digits = (2.0 - span.abs().log10().floor()).clamp(0.0, 12.0) as usize;
    let mut text = format!("{value:.digits$}");
    if text.contains('.') {
        text.truncate(text.trim_end_matches('0').trim_end_matches('.').len());
    }
    let rounded: f64 = text.parse().expect("a number was written");
    if rounded == 0.0 {
        return "0".to_owned();
    }
    if !(0.01..1e5).contains(&rounded.abs()) {
        text = format!("{rounded:e}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panel_without_data_is_still_drawn() {
        for (log_x, log_y) in [(false, false), (false, true), (true, false), (true, true)] {
            let (title, x) = ("a < b".to_owned(), "epoch".to_owned());
            let y = "loss".to_owned();
            let svg = svg(&Panel { title, x, y, log_x, log_y, ..Panel::default() });
            assert!(
                svg.starts_with(
                    "<svg role=\"img\" aria-label=\"a &lt; b: loss against epoch\" viewBox="
                ),
                "{svg}"
            );
        }
    }

    #[test]
    fn lines_stop_where_they_leave_the_axes() {
        let points = [1.0, 2.0, 9.0, f64::NAN, 3.0]
            .iter()
            .enumerate()
            .map(|(i, &y)| (i as f64, y))
            .collect();
        let curve = Curve::line("", 0, LineStyle::Ours, points);
        assert_eq!(segments(&curve, &|(_, y)| y < 5.0), [(0, 2), (4, 5)]);
    }

    #[test]
    fn points_are_drawn_with_their_names_and_without_a_line() {
        let named = |x, y, name: &str| ((x, y), name.to_owned());
        for log_x in [false, true] {
            let points = vec![named(0.2, 91.0, "5 bits"), named(40.0, 98.0, "8 bits")];
            let curves = vec![Curve::scatter("ADC", 1, points)];
            let svg = svg(&Panel { log_x, curves, ..Panel::default() });
            assert!(svg.contains("5 bits") && svg.contains("8 bits"), "{svg}");
            assert_eq!(svg.matches("<polygon").count(), 2, "two squares and no more: {svg}");
            assert!(!svg.contains("stroke=\"#D55E00\""), "no line joins them: {svg}");
        }
        // One point alone is inside the axes, too.
        let curves = vec![Curve::scatter("", 1, vec![named(3.0, 4.0, "alone")])];
        assert!(svg(&Panel { curves, ..Panel::default() }).contains("alone"));
    }

    #[test]
    fn logarithmic_ticks_fill_the_axis() {
        let ticks =
            |low, high| decade_ticks(low, high).into_iter().map(|t| tick(t, t)).collect::<Vec<_>>();
        assert_eq!(ticks(0.03, 2.5), ["0.05", "0.1", "0.2", "0.5", "1", "2"]);
        assert_eq!(ticks(0.0005, 3.0), ["1e-3", "0.01", "0.1", "1"]);
    }

    #[test]
    fn ticks_are_short_and_differ() {
        let ticks = |values: [f64; 3], span| values.map(|value| tick(value, span));
        assert_eq!(ticks([0.0, 5.0, 100.0], 100.0), ["0", "5", "100"]);
        assert_eq!(ticks([-0.5, 0.25, 0.0], 1.0), ["-0.5", "0.25", "0"]);
        assert_eq!(ticks([0.0025, 0.00275, 1e-20], 0.001), ["2.5e-3", "2.75e-3", "0"]);
        assert_eq!(ticks([99.995, 100.0, 100.005], 0.01), ["99.995", "100", "100.005"]);
        assert_eq!(ticks([2e5, 250_000.0, 99_000.0], 1e5), ["2e5", "2.5e5", "99000"]);
    }
}
