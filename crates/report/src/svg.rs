//! Panels as SVG. Black, white and grey stand for the page's own colours, which the style sheet
//! puts in their place, so that one drawing serves light and dark pages.

mod labels;
mod ticks;
mod values;

use plotters::coord::ranged1d::{Ranged, ValueFormatter};
use plotters::prelude::*;

use crate::figure::{Curve, LineStyle, Panel};
use crate::html::escape::escape;
use labels::{HEIGHT, place};
use ticks::{decade_ticks, set, tick};
use values::Mark;

/// Okabe and Ito's colour-blind safe palette; black stands for the page's ink.
pub(crate) const COLOURS: [RGBColor; 6] = [
    RGBColor(0, 0, 0),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(0, 114, 178),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
];

/// Pixels of a drawing, which the page scales.
const SIZE: (u32, u32) = (460, 340);
/// The same where three or more stand beside each other, so that their letters stay as large.
const NARROW: (u32, u32) = (340, 290);
/// Size of the letters at the axes: a phone shrinks the drawing to three quarters.
const FONT: i32 = 16;
/// Curves with more points than this have no marker on each of them.
const MARKERS: usize = 40;
const GRID: RGBColor = RGBColor(221, 221, 221);

/// The panel, one of so many of a figure, as an `<svg>` element, with its curves in words and a title on
/// each mark.
pub(crate) fn svg(panel: &Panel, panels: usize) -> String {
    let size = if panels == 3 || panels > 4 { NARROW } else { SIZE };
    let mut text = String::new();
    let marks = {
        let root = SVGBackend::with_string(&mut text, size).into_drawing_area();
        draw(panel, &root).expect("drawing into a string cannot fail")
    };
    // The page scales the drawing; its own size would fix it. Inside a page it needs no name space.
    let start = text.find('>').map_or(0, |end| end + 1);
    let label = escape(&format!("{}: {} against {}", panel.title, panel.y, panel.x));
    let head = format!(
        "<svg role=\"img\" aria-label=\"{label}\" viewBox=\"0 0 {} {}\">{}",
        size.0,
        size.1,
        values::description(panel)
    );
    let body = text[start..].trim_end().trim_end_matches("</svg>");
    format!("{head}{body}{}</svg>\n", values::targets(&marks))
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

fn draw<'a>(panel: &Panel, root: &Area<'a>) -> Result<Vec<Mark>, DrawError<'a>> {
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
    // Words at the end of an axis are wider than numbers.
    let right = if panel.x_marks.is_empty() { 14 } else { 30 };
    builder.margin(8).margin_right(right).x_label_area_size(46).y_label_area_size(64);
    let (x, y) = (x_min..x_max, low..high);
    let log = |range: std::ops::Range<f64>, marks: &[(f64, String)]| {
        let ticks = match marks {
            [] => decade_ticks(range.start, range.end),
            marks => marks.iter().map(|mark| mark.0).collect(),
        };
        range.log_scale().with_key_points(ticks)
    };
    let marks = &panel.x_marks;
    match (panel.log_x, panel.log_y) {
        (false, false) => curves(panel, builder.build_cartesian_2d(x, y)?),
        (false, true) => curves(panel, builder.build_cartesian_2d(x, log(y, &[]))?),
        (true, false) => curves(panel, builder.build_cartesian_2d(log(x, marks), y)?),
        (true, true) => curves(panel, builder.build_cartesian_2d(log(x, marks), log(y, &[]))?),
    }
}

type Chart<'a, 'b, X, Y> = ChartContext<'b, SVGBackend<'a>, Cartesian2d<X, Y>>;

fn curves<'a, X, Y>(
    panel: &Panel,
    mut chart: Chart<'a, '_, X, Y>,
) -> Result<Vec<Mark>, DrawError<'a>>
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
        .x_label_formatter(&|x| match panel.x_marks.iter().find(|(mark, _)| mark == x) {
            Some((_, words)) => words.clone(),
            None => set(&tick(*x, if panel.log_x { *x } else { span(&x_range) })),
        })
        .y_label_formatter(&|y| set(&tick(*y, if panel.log_y { *y } else { span(&y_range) })))
        .draw()?;
    // A point beyond the range ends the line, so that nothing is drawn outside the axes.
    let inside = |(x, y): (f64, f64)| {
        x.is_finite()
            && y.is_finite()
            && x_range.contains(&x) | (x == x_range.end)
            && (y_range.start..=y_range.end).contains(&y)
    };
    let mut marks = Vec::new();
    for curve in &panel.curves {
        let colour = COLOURS[curve.colour % COLOURS.len()];
        for (from, to) in segments(curve, &inside) {
            let points = &curve.points[from..to];
            let every =
                if curve.style == LineStyle::Points { 1 } else { points.len().div_ceil(MARKERS) };
            if curve.style != LineStyle::Level {
                marks.extend((from..to).step_by(every).map(|index| Mark {
                    at: chart.backend_coord(&curve.points[index]),
                    words: values::words(panel, curve, index),
                }));
            }
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
            if let Some((dash, gap, width)) = dashes(curve.style) {
                let style = colour.stroke_width(width);
                let line = DashedLineSeries::new(points.iter().copied(), dash, gap, style);
                chart.draw_series(line)?;
                continue;
            }
            if curve.style == LineStyle::Ours {
                let line = LineSeries::new(points.iter().copied(), colour.stroke_width(2));
                chart.draw_series(line)?;
            }
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
    labels(panel, &chart, &inside)?;
    Ok(marks)
}

/// Length of the dashes of a line, of the gaps between them, and its width; none for a whole line.
fn dashes(style: LineStyle) -> Option<(u32, u32, u32)> {
    match style {
        LineStyle::Ours | LineStyle::Points => None,
        LineStyle::Paper => Some((6, 4, 1)),
        LineStyle::Level => Some((2, 4, 2)),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panel_without_data_is_still_drawn() {
        for (log_x, log_y) in [(false, false), (false, true), (true, false), (true, true)] {
            let (title, x) = ("a < b".to_owned(), "epoch".to_owned());
            let y = "loss".to_owned();
            let svg = svg(&Panel { title, x, y, log_x, log_y, ..Panel::default() }, 1);
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
            let svg = svg(&Panel { log_x, curves, ..Panel::default() }, 1);
            assert!(svg.contains("5 bits") && svg.contains("8 bits"), "{svg}");
            assert_eq!(svg.matches("<polygon").count(), 2, "two squares and no more: {svg}");
            assert!(!svg.contains("stroke=\"#D55E00\""), "no line joins them: {svg}");
        }
        // One point alone is inside the axes, too.
        let curves = vec![Curve::scatter("", 1, vec![named(3.0, 4.0, "alone")])];
        assert!(svg(&Panel { curves, ..Panel::default() }, 1).contains("alone"));
    }
}
