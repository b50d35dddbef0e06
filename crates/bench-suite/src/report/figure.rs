//! Panels as SVG. Black, white and grey stand for the page's own colours, which the style sheet
//! puts in their place, so that one drawing serves light and dark pages.

use plotters::coord::ranged1d::{Ranged, ValueFormatter};
use plotters::prelude::*;

use super::{Curve, LineStyle, Panel};

/// Okabe and Ito's colour-blind safe palette; black stands for the page's ink.
pub(super) const COLOURS: [RGBColor; 6] = [
    RGBColor(0, 0, 0),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(0, 114, 178),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
];

const SIZE: (u32, u32) = (460, 330);
const GRID: RGBColor = RGBColor(221, 221, 221);

/// The panel as an `<svg>` element.
pub(super) fn svg(panel: &Panel) -> String {
    let mut text = String::new();
    {
        let root = SVGBackend::with_string(&mut text, SIZE).into_drawing_area();
        draw(panel, &root).expect("drawing into a string cannot fail");
    }
    // The page scales the drawing; its own size would fix it.
    let fixed = format!("<svg width=\"{}\" height=\"{}\"", SIZE.0, SIZE.1);
    let label = super::html::escape(&format!("{}: {} against {}", panel.title, panel.y, panel.x));
    text.replacen(&fixed, &format!("<svg role=\"img\" aria-label=\"{label}\""), 1)
}

type Area<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;
type DrawError<'a> = DrawingAreaErrorKind<<SVGBackend<'a> as DrawingBackend>::ErrorType>;

fn draw<'a>(panel: &Panel, root: &Area<'a>) -> Result<(), DrawError<'a>> {
    let points = || panel.curves.iter().flat_map(|curve| &curve.points);
    let x = |fold: fn(f64, f64) -> f64, start| points().map(|p| p.0).fold(start, fold);
    let (x_min, x_max) = (x(f64::min, f64::INFINITY), x(f64::max, f64::NEG_INFINITY));
    let (x_min, x_max) = if x_min < x_max { (x_min, x_max) } else { (0.0, 1.0) };
    let finite = || points().map(|p| p.1).filter(|y| y.is_finite() && (!panel.log_y || *y > 0.0));
    let (low, high) = panel.y_range.unwrap_or_else(|| {
        let (low, high) =
            (finite().fold(f64::INFINITY, f64::min), finite().fold(f64::NEG_INFINITY, f64::max));
        if low > high { (0.1, 1.0) } else { (low, high) }
    });
    let mut builder = ChartBuilder::on(root);
    builder.margin(8).margin_right(14).x_label_area_size(38).y_label_area_size(54);
    if panel.log_y {
        let (low, high) = (0.8 * low, 1.25 * high);
        let range = (low..high).log_scale().with_key_points(decade_ticks(low, high));
        curves(panel, builder.build_cartesian_2d(x_min..x_max, range)?)
    } else {
        let pad = if panel.y_range.is_some() { 0.0 } else { 0.05 * (high - low).max(1e-9) };
        curves(panel, builder.build_cartesian_2d(x_min..x_max, low - pad..high + pad)?)
    }
}

fn curves<'a, 'b, Y>(
    panel: &Panel,
    mut chart: ChartContext<
        'b,
        SVGBackend<'a>,
        Cartesian2d<plotters::coord::types::RangedCoordf64, Y>,
    >,
) -> Result<(), DrawError<'a>>
where
    Y: Ranged<ValueType = f64> + ValueFormatter<f64>,
{
    let font = ("sans-serif", 13).into_font();
    // No more labels than there are whole numbers, so that none is shown twice.
    let x_range = chart.x_range();
    let x_labels = ((x_range.end - x_range.start).round() as usize + 1).clamp(2, 7);
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
        .x_label_formatter(&|x| format!("{x:.0}"))
        .y_label_formatter(&|y| tick(*y))
        .draw()?;
    // A point beyond the range ends the line, so that nothing is drawn outside the axes.
    let range = chart.y_range();
    let inside = |y: f64| y.is_finite() && range.contains(&y);
    for curve in &panel.curves {
        let colour = COLOURS[curve.colour % COLOURS.len()];
        for (from, to) in segments(curve, &inside) {
            let points = &curve.points[from..to];
            if !curve.band.is_empty() {
                let clamp = |y: f64| y.clamp(range.start, range.end);
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
            match curve.style {
                LineStyle::Paper => {
                    let line =
                        DashedLineSeries::new(points.iter().copied(), 5, 4, colour.stroke_width(1));
                    chart.draw_series(line)?;
                }
                LineStyle::Ours => {
                    chart.draw_series(LineSeries::new(
                        points.iter().copied(),
                        colour.stroke_width(2),
                    ))?;
                    chart
                        .draw_series(points.iter().map(|&p| Circle::new(p, 3, colour.filled())))?;
                }
            }
        }
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
fn segments(curve: &Curve, inside: &impl Fn(f64) -> bool) -> Vec<(usize, usize)> {
    let mut segments = Vec::new();
    let mut start = None;
    for (i, &(_, y)) in curve.points.iter().enumerate() {
        match (inside(y), start) {
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

/// A tick label: no more digits than it needs.
fn tick(y: f64) -> String {
    if y != 0.0 && y.abs() < 0.01 {
        let exponent = y.abs().log10().floor() as i32;
        let mantissa = y / 10f64.powi(exponent);
        return format!("{mantissa:.0}e{exponent}");
    }
    let text = format!("{y:.2}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    text.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panel_without_data_is_still_drawn() {
        for log_y in [false, true] {
            let panel = Panel {
                title: "a < b".to_owned(),
                x: "epoch".to_owned(),
                y: "loss".to_owned(),
                log_y,
                y_range: None,
                curves: Vec::new(),
            };
            let svg = svg(&panel);
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
        assert_eq!(segments(&curve, &|y| y < 5.0), [(0, 2), (4, 5)]);
    }

    #[test]
    fn logarithmic_ticks_fill_the_axis() {
        let ticks = |low, high| decade_ticks(low, high).into_iter().map(tick).collect::<Vec<_>>();
        assert_eq!(ticks(0.03, 2.5), ["0.05", "0.1", "0.2", "0.5", "1", "2"]);
        assert_eq!(ticks(0.0005, 3.0), ["1e-3", "0.01", "0.1", "1"]);
    }

    #[test]
    fn ticks_are_short() {
        assert_eq!(
            [0.0, 5.0, 0.5, 0.25, 100.0, 0.001].map(tick),
            ["0", "5", "0.5", "0.25", "100", "1e-3"]
        );
    }
}
