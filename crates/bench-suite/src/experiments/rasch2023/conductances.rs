//! How conductances are distributed before and after training on tiles: [Rasch23 Fig. 6].

use super::evaluated::{Evaluated, differences, figure, missing, points_of_networks, text};
use super::networks::{SMOKE, names, trained};
use crate::Error;
use crate::claim::{Claim, Test};
use crate::experiment::{Context, Experiment, Findings, Point, Request, Results, Scale};
use crate::record::{Measurements, Record};
use crate::report::{Curve, Figure, LineStyle, Panel, Table};
use crate::statistics::Estimate;
use crate::workloads::conductances::{
    Conductances, FLOAT_COLUMNS, FLOAT_ONE_SCALE, HARDWARE_AWARE, WEIGHTS,
};

/// The experiment.
#[derive(Debug)]
pub struct ConductanceDistribution;

/// Series with their headings, in the order of the paper's argument.
const CASES: [(&str, &str); 3] = [
    (FLOAT_ONE_SCALE, "float, one scale"),
    (FLOAT_COLUMNS, "float, column scales"),
    (HARDWARE_AWARE, "hardware-aware"),
];

/// Training runs and networks.
fn size(scale: Scale) -> (u64, Vec<&'static str>) {
    match scale {
        Scale::Smoke => (1, SMOKE.to_vec()),
        Scale::Desk => (1, names().collect()),
        Scale::Paper => (3, names().collect()),
    }
}

/// Mean over the layers of a network, each counting as many times as it has weights.
fn mean_kurtosis(record: &Record, series: &str) -> Option<f64> {
    let (layers, weights) = (record.series(series), record.series(WEIGHTS));
    let total: f64 = weights.iter().sum();
    let sum: f64 = layers.iter().zip(weights).map(|(kurtosis, n)| kurtosis * n).sum();
    (total > 0.0).then(|| sum / total)
}

/// That mean for every seed of a network.
fn kurtoses(network: &Evaluated<'_>, series: &str) -> Vec<f64> {
    network.records.iter().filter_map(|record| mean_kurtosis(record, series)).collect()
}

/// Before and after, network by network.
fn figures(networks: &[Evaluated<'_>]) -> Vec<Figure> {
    let kurtosis = |network: &Evaluated<'_>, series: &str| {
        Some(Estimate::of(&kurtoses(network, series), 0.0)?.mean + 3.0)
    };
    let pairs = |before: &str| -> Vec<((f64, f64), String)> {
        let pair = |network: &Evaluated<'_>| {
            let point = (kurtosis(network, before)?, kurtosis(network, HARDWARE_AWARE)?);
            Some((point, network.id.to_owned()))
        };
        networks.iter().filter_map(pair).collect()
    };
    let one_scale = pairs(FLOAT_ONE_SCALE);
    let columns: Vec<(f64, f64)> = pairs(FLOAT_COLUMNS).into_iter().map(|(at, _)| at).collect();
    let all = one_scale.iter().map(|(at, _)| at).chain(&columns);
    let (least, most) = all.fold((f64::INFINITY, f64::NEG_INFINITY), |(least, most), (x, y)| {
        (least.min(x.min(*y)), most.max(x.max(*y)))
    });
    let same = vec![(least, least), (most, most)];
    let panel = Panel {
        title: "Kurtosis of conductances".to_owned(),
        x: "before: float weights".to_owned(),
        y: "after hardware-aware training".to_owned(),
        log_x: true,
        log_y: true,
        curves: vec![
            Curve::scatter("one scale per layer", 1, one_scale),
            Curve::line("column scales", 3, LineStyle::Points, columns),
            Curve::line("no change", 0, LineStyle::Paper, same),
        ],
        ..Panel::default()
    };
    let panels = if networks.is_empty() { Vec::new() } else { vec![panel] };
    figure(
        "Kurtosis of conductances (3 is that of normal weights) before and after training for the \
         hardware, network by network, as the bars of Fig. 6C: below the line it has fallen.",
        panels,
    )
}

impl Experiment for ConductanceDistribution {
    fn id(&self) -> &'static str {
        "rasch2023/conductances"
    }

    fn title(&self) -> &'static str {
        "How conductances are distributed before and after hardware-aware training"
    }

    fn source(&self) -> &'static str {
        "Rasch et al. 2023, Fig. 6"
    }

    fn describe(&self, scale: Scale) -> String {
        let (_, networks) = size(scale);
        format!("every layer on tiles of {} networks", networks.len())
    }

    fn points(&self, request: &Request) -> Result<Vec<Point>, Error> {
        let (seeds, networks) = size(request.scale);
        points_of_networks(self.id(), request, seeds, &networks, |network, workload| {
            let trained = trained(network, request.scale)?;
            let work = trained.work(workload);
            Ok(vec![(network.to_owned(), Conductances { trained }, work)])
        })
    }

    fn run(&self, point: &Point, context: &Context<'_>) -> Result<Measurements, Error> {
        Conductances::run_point(point, context)
    }

    fn findings(&self, results: &Results<'_>) -> Findings {
        let networks = Evaluated::present(results, |_| true);
        // Networks are what this scatters over. Their kurtoses differ by two orders of magnitude, so
        // ratios are compared: of the fourth moments, which are positive.
        let falls = |from: &str| {
            let fall = |network: &Evaluated<'_>| {
                let moments = |series: &str| -> Vec<f64> {
                    kurtoses(network, series)
                        .into_iter()
                        .map(|excess| (excess + 3.0).ln())
                        .collect()
                };
                let pairs = differences(&moments(from), &moments(HARDWARE_AWARE));
                Some(Estimate::of(&pairs, 0.0)?.mean)
            };
            let tested = if results.scale >= Scale::Desk { &*networks } else { &[] };
            let falls: Vec<f64> = tested.iter().filter_map(fall).collect();
            Estimate::of(&falls, 1.0)
        };
        let claim = |id, statement, from: &str, what: &str| {
            Claim::new(
                id,
                "Fig. 6C",
                statement,
                format!("mean over networks of ln of the kurtosis of {what} over that after, > 0"),
                "lower".to_owned(),
            )
            .judge(falls(from), Test::Above(0.0), "")
        };
        let mut header = vec!["network".to_owned()];
        header.extend(CASES.map(|(_, heading)| heading.to_owned()));
        let row = |network: &Evaluated<'_>| {
            let mut row = vec![network.id.to_owned()];
            row.extend(
                CASES.map(|(series, _)| text(Estimate::of(&kurtoses(network, series), 0.0), 2)),
            );
            row
        };
        Findings {
            claims: vec![
                claim(
                    "kurtosis-one-scale",
                    "Training for the hardware with column scales makes conductances less \
                     heavy-tailed than float weights under one scale.",
                    FLOAT_ONE_SCALE,
                    "float weights under one scale per layer",
                ),
                claim(
                    "kurtosis-columns",
                    "… and less than column scales alone do.",
                    FLOAT_COLUMNS,
                    "float weights under column scales",
                ),
            ],
            figures: figures(&networks),
            tables: vec![Table {
                caption: "Excess kurtosis of conductances, mean over the layers of a network by \
                          number of weights; 0 is that of normal weights. The paper shows bars \
                          without numbers."
                    .to_owned(),
                header,
                rows: networks.iter().map(row).collect(),
            }],
            left_out: missing(results, &size(results.scale).1),
            ..Findings::default()
        }
    }
}
