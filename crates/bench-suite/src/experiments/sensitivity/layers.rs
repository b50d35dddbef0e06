//! What the tiles of every layer do to real inputs.

use report::Number;
use report::figure::{Curve, Figure, LineStyle, Panel};
use report::table::{Table, cells};

use super::readings::Readings;
use crate::findings::Findings;
use crate::measured::measures::sensitivity::{Analysis, LayerQuantity, layer_value, layers_of};

pub(super) fn add(readings: &Readings<'_>, findings: &mut Findings) {
    let layers = |(analysis, record): &(Analysis, _)| match analysis {
        Analysis::Layers { examples } => Some((*examples, *record)),
        _ => None,
    };
    let Some((examples, record)) = readings.0.iter().find_map(layers) else { return };
    let measured = &record.measurements;
    let names = layers_of(measured);
    let value = |layer: &str, quantity| layer_value(measured, layer, quantity).unwrap_or(f64::NAN);
    let energy: f64 = names.iter().map(|layer| value(layer, LayerQuantity::Energy)).sum();
    let rows = names.iter().enumerate().map(|(index, layer)| {
        let number = |quantity, digits| Number::new(value(layer, quantity), digits);
        cells![
            format!("{} {layer}", index + 1),
            format!("{} × {}", number(LayerQuantity::Outputs, 0), number(LayerQuantity::Inputs, 0)),
            number(LayerQuantity::MvmError, 1),
            number(LayerQuantity::InputsClipped, 2),
            number(LayerQuantity::OutputsClipped, 3),
            number(LayerQuantity::InputRange, 2),
            number(LayerQuantity::LargestInput, 2),
            number(LayerQuantity::Tiles, 0),
            number(LayerQuantity::Utilisation, 1),
            number(LayerQuantity::Products, 1),
            Number::new(100.0 * value(layer, LayerQuantity::Energy) / energy, 1)
        ]
    });
    let header = [
        "layer",
        "out × in",
        "MVM error (%)",
        "DAC clips (%)",
        "ADC clips (%)",
        "input range",
        "largest input",
        "tiles",
        "utilisation (%)",
        "products per example",
        "energy (%)",
    ];
    findings.tables.push(
        Table::new(
            format!(
                "Every layer at 1 h, on inputs of {examples} test examples: error of its product \
                 against the exact one of the same inputs (Eq. 20), conversions that are clipped, \
                 and what it takes of the tiles and of the estimated energy."
            ),
            header,
        )
        .rows(rows),
    );
    let curve = |label: &str, colour, quantity| {
        let points =
            names.iter().enumerate().map(|(i, layer)| ((i + 1) as f64, value(layer, quantity)));
        Curve::line(label, colour, LineStyle::Ours, points.collect())
    };
    findings.figures.push(Figure::new(
        "Layers in the network's order, numbered as in the table. Left, how far their products \
         are from exact ones; right, how many conversions are clipped. Clipped inputs ask for a \
         larger input range, clipped outputs for a larger bound of the ADC.",
        [
            Panel::new("Error of the product", "layer", "MVM error (%)").curves([curve(
                "MVM error",
                3,
                LayerQuantity::MvmError,
            )]),
            Panel::new("Clipped conversions", "layer", "share (%)").curves([
                curve("inputs, DAC", 1, LayerQuantity::InputsClipped),
                curve("outputs, ADC", 2, LayerQuantity::OutputsClipped),
            ]),
        ],
    ));
}
