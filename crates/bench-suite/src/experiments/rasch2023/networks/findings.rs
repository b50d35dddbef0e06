//! Tables, figures and claims about the eleven networks.

use super::super::paper::{Family, ROWS, Row, TIMES, TIMES_S, normalized_accuracy, row};
use crate::claim::{Claim, Test, display};
use crate::experiment::{Findings, Results, Scale};
use crate::record::Record;
use crate::report::{Curve, Figure, LineStyle, Panel, Table};
use crate::statistics::Estimate;
use crate::workloads::hardware_aware::{HWA_UNPROGRAMMED, series};
use crate::workloads::networks::NETWORKS;
use crate::workloads::trained::{CHANCE_ERROR, FLOAT_ERROR};

/// Index of one hour in the paper's times.
const HOUR: usize = 1;
/// Index of one year.
const YEAR: usize = 3;
/// A* of a network as accurate as in f32, in %. [Rasch23 Results]
const ISO_ACCURACY: f64 = 99.0;

/// All records of one network.
struct Network<'a> {
    id: &'static str,
    paper: &'static Row,
    records: Vec<&'a Record>,
}

impl Network<'_> {
    fn value(&self, name: &str) -> Option<Estimate> {
        let values = self.records.iter().filter_map(|r| r.measurements.values.get(name).copied());
        Estimate::of(&values.collect::<Vec<_>>(), 0.0)
    }

    /// Errors in % of all programmings of all seeds.
    fn errors(&self, method: &str, time: usize) -> Vec<f64> {
        let name = series(method, TIMES_S[time]);
        self.records.iter().flat_map(|record| record.series(&name).to_vec()).collect()
    }

    /// A* in % of all programmings of all seeds, each against the float network of its seed.
    fn accuracies(&self, method: &str, time: usize) -> Vec<f64> {
        let name = series(method, TIMES_S[time]);
        self.records
            .iter()
            .flat_map(|record| {
                let value = |name: &str| record.measurements.values.get(name).copied();
                let (float, chance) = (value(FLOAT_ERROR), value(CHANCE_ERROR));
                record
                    .series(&name)
                    .iter()
                    .filter_map(|&error| Some(normalized_accuracy(error, float?, chance?)))
                    .collect::<Vec<_>>()
            })
            .collect()
    }

    fn accuracy(&self, method: &str, time: usize) -> Option<Estimate> {
        Estimate::of(&self.accuracies(method, time), 1.0)
    }
}

pub(super) fn findings(results: &Results<'_>) -> Findings {
    let all: Vec<Network<'_>> = NETWORKS
        .into_iter()
        .filter_map(|entry| {
            let records: Vec<&Record> = results
                .points
                .iter()
                .filter(|(point, _)| {
                    point.config.pointer("/trained/network").and_then(|n| n.as_str())
                        == Some(entry.id)
                })
                .filter_map(|(_, record)| record.as_ref())
                .collect();
            Some(Network { id: entry.id, paper: row(entry.paper)?, records })
        })
        .collect();
    let present: Vec<&Network<'_>> = all.iter().filter(|n| !n.records.is_empty()).collect();
    let tested = results.scale >= Scale::Desk;
    Findings {
        claims: claims(if tested { &present } else { &[] }),
        figures: figures(&present),
        tables: vec![
            table("direct", "Direct mapping", &present, |row| row.direct),
            table("hwa", "Hardware-aware training", &present, |row| row.hwa),
        ],
        notes: notes(&all, results.scale),
        left_out: left_out(&all).into_iter().collect(),
        ..Findings::default()
    }
}

fn table(
    method: &str,
    title: &str,
    networks: &[&Network<'_>],
    paper: impl Fn(&Row) -> (f64, [f64; 4], f64),
) -> Table {
    let header = ["network", "float"].into_iter().chain(TIMES);
    let header =
        header.map(str::to_owned).chain(["A* 1 h", "A* 1 day", "A* 1 year"].map(str::to_owned));
    let number = |x: f64| format!("{x:.2}");
    let mut rows = Vec::new();
    for network in networks {
        let estimate = |e: Option<Estimate>, digits: usize| match e {
            Some(e) if e.samples > 1 => {
                format!("{:.digits$} ± {:.digits$}", e.mean, e.standard_error)
            }
            Some(e) => format!("{:.digits$}", e.mean),
            None => "–".to_owned(),
        };
        let mut ours = vec![network.id.to_owned(), estimate(network.value(FLOAT_ERROR), 2)];
        ours.extend((0..4).map(|t| estimate(Estimate::of(&network.errors(method, t), 0.0), 2)));
        ours.extend((1..4).map(|t| estimate(network.accuracy(method, t), 1)));
        rows.push(ours);
        let (float, errors, chance) = paper(network.paper);
        let mut theirs = vec![format!("paper: {}", network.paper.name), number(float)];
        theirs.extend(errors.iter().map(|&e| number(e)));
        theirs.extend(
            errors[1..].iter().map(|&e| format!("{:.1}", normalized_accuracy(e, float, chance))),
        );
        rows.push(theirs);
    }
    Table {
        caption: format!(
            "{title}: test error in % (± standard error over programmings), and A*, after each \
             time; under each network the paper's row of the same family."
        ),
        header: header.collect(),
        rows,
    }
}

fn figures(networks: &[&Network<'_>]) -> Vec<Figure> {
    let panels = networks.iter().map(|network| {
        let ours = |method: &str, label: &str, colour: usize| {
            let points: Vec<(f64, Estimate)> = (0..4)
                .filter_map(|t| Some((TIMES_S[t].log10(), network.accuracy(method, t)?)))
                .collect();
            Curve {
                label: label.to_owned(),
                colour,
                style: LineStyle::Ours,
                points: points.iter().map(|(x, e)| (*x, e.mean)).collect(),
                band: points.iter().map(|(_, e)| e.standard_error).collect(),
                ..Curve::default()
            }
        };
        let paper = |(float, errors, chance): (f64, [f64; 4], f64), label: &str, colour: usize| {
            let at = |t: usize| (TIMES_S[t].log10(), normalized_accuracy(errors[t], float, chance));
            Curve::line(label, colour, LineStyle::Paper, (0..4).map(at).collect())
        };
        Panel {
            title: network.id.to_owned(),
            x: "log₁₀ of seconds after programming".to_owned(),
            y: "A* (%)".to_owned(),
            curves: vec![
                ours("hwa", "hardware-aware", 3),
                ours("direct", "direct", 1),
                paper(network.paper.hwa, "hardware-aware, paper", 3),
                paper(network.paper.direct, "direct, paper", 1),
            ],
            ..Panel::default()
        }
    });
    let panels: Vec<Panel> = panels.collect();
    if panels.is_empty() {
        return Vec::new();
    }
    vec![Figure {
        caption: "Normalised accuracy A* over time, 100 % being the float network and 0 % chance; \
                  dashed, the paper's network of the same family."
            .to_owned(),
        panels,
    }]
}

/// Mean over networks of a quantity, programming by programming: what the claims about groups of
/// networks scatter by.
fn over_networks<'a>(
    networks: impl Iterator<Item = &'a &'a Network<'a>>,
    of: impl Fn(&Network<'_>) -> Vec<f64>,
) -> Vec<f64> {
    let all: Vec<Vec<f64>> = networks.map(|n| of(n)).filter(|v| !v.is_empty()).collect();
    let count = all.iter().map(Vec::len).min().unwrap_or(0);
    (0..count).map(|i| all.iter().map(|values| values[i]).sum::<f64>() / all.len() as f64).collect()
}

fn differences(a: Vec<f64>, b: Vec<f64>) -> Vec<f64> {
    a.into_iter().zip(b).map(|(a, b)| a - b).collect()
}

fn claims(networks: &[&Network<'_>]) -> Vec<Claim> {
    let of = |family: Family| move |n: &&&Network<'_>| n.paper.family == family;
    // As a difference, for a ratio says nothing where direct mapping loses next to nothing.
    let recovery = |id, time: usize, statement, paper: &str| {
        let gap = |method: &'static str| {
            over_networks(networks.iter(), |n| {
                n.accuracies(method, time).into_iter().map(|a| 100.0 - a).collect()
            })
        };
        let halved = gap("direct").into_iter().map(|gap| 0.5 * gap).collect();
        let test = format!(
            "mean over networks of 100 % − A* at {}, less half of that of direct mapping, < 0",
            TIMES[time]
        );
        Claim::new(id, "Tab. 2, Tab. 3", statement, test, paper.to_owned()).judge(
            Estimate::of(&differences(gap("hwa"), halved), 1.0),
            Test::Below(0.0),
            " points",
        )
    };
    let mut claims = vec![
        recovery(
            "recovery",
            HOUR,
            "Hardware-aware training recovers most of what direct mapping loses.",
            "−4.5 points (1.1 of 11.3 %)",
        ),
        recovery(
            "recovery-year",
            YEAR,
            "… and most of what it loses within a year.",
            "−6.5 points (3.3 of 19.5 %)",
        ),
    ];
    let hour =
        |family| over_networks(networks.iter().filter(of(family)), |n| n.accuracies("hwa", HOUR));
    let robust = differences(hour(Family::Recurrent), hour(Family::Convolutional));
    claims.push(
        Claim::new(
            "recurrent-robust",
            "Fig. 5, Tab. 3",
            "Recurrent networks are the most robust, convolutional ones the least.",
            "mean A* at 1 h of recurrent − convolutional networks, trained for the hardware, > 0"
                .to_owned(),
            paper_difference(Family::Recurrent, Family::Convolutional),
        )
        .judge(Estimate::of(&robust, 1.0), Test::Above(0.0), " points"),
    );
    let loss = |named: bool| {
        let is_named = move |n: &&&Network<'_>| {
            ["DenseNet", "WideResNet-50", "ALBERT"].iter().any(|p| n.paper.name.starts_with(p))
                == named
        };
        over_networks(networks.iter().filter(is_named), |n| {
            differences(n.accuracies("hwa", HOUR), n.accuracies("hwa", YEAR))
        })
    };
    claims.push(
        Claim::new(
            "a-year",
            "Tab. 3",
            "DenseNet-121, WideResNet-50 and ALBERT lose most within a year.",
            "mean loss of A* from 1 h to 1 year of those three − of the others > 0".to_owned(),
            "+2.9 points".to_owned(),
        )
        .judge(
            Estimate::of(&differences(loss(true), loss(false)), 1.0),
            Test::Above(0.0),
            " points",
        ),
    );
    for (id, paper, statement) in [
        ("iso-wide-resnet", "WideResNet-16 CIFAR-100", "WideResNet-16 is iso-accurate after 1 h."),
        ("iso-bert", "BERT-base MRPC", "BERT is iso-accurate after 1 h."),
        ("iso-speech", "Speech SWB300 (LSTM-HMM)", "The acoustic LSTM is iso-accurate after 1 h."),
        ("iso-language", "LSTM PTB", "The LSTM language model is iso-accurate after 1 h."),
        ("iso-rnn-t", "RNN-T SWB300", "The RNN transducer is iso-accurate after 1 h."),
    ] {
        // Of two networks of a row the first has the paper's kind of data.
        let network = networks.iter().find(|n| n.paper.name == paper);
        let printed = row(paper).map_or("–".to_owned(), |row| {
            let (float, errors, chance) = row.hwa;
            format!("{:.1} %", normalized_accuracy(errors[HOUR], float, chance))
        });
        claims.push(
            Claim::new(
                id,
                "Tab. 3",
                statement,
                format!("A* at 1 h, trained for the hardware, > {ISO_ACCURACY} %"),
                printed,
            )
            .judge(
                network.and_then(|n| n.accuracy("hwa", HOUR)),
                Test::Above(ISO_ACCURACY),
                " %",
            ),
        );
    }
    let resnet = networks.iter().find(|n| n.id == "resnet-cifar10");
    claims.push(
        Claim::new(
            "resnet-cifar10",
            "Tab. 3",
            "A residual network for CIFAR-10 keeps its accuracy within 2 % after 1 h.",
            "A* at 1 h, trained for the hardware, > 98 %".to_owned(),
            "98.6 %".to_owned(),
        )
        .judge(resnet.and_then(|n| n.accuracy("hwa", HOUR)), Test::Above(98.0), " %"),
    );
    claims
}

/// The paper's difference of mean A* at 1 h between two families, as text.
fn paper_difference(a: Family, b: Family) -> String {
    let mean = |family: Family| {
        let values: Vec<f64> = ROWS
            .iter()
            .filter(|row| row.family == family)
            .map(|row| normalized_accuracy(row.hwa.1[HOUR], row.hwa.0, row.hwa.2))
            .collect();
        values.iter().sum::<f64>() / values.len() as f64
    };
    format!("{:+.1} points", mean(a) - mean(b))
}

/// The networks without a record, in a sentence.
fn left_out(networks: &[Network<'_>]) -> Option<String> {
    let missing: Vec<&str> =
        networks.iter().filter(|n| n.records.is_empty()).map(|n| n.id).collect();
    let list = missing.join(", ");
    (!missing.is_empty()).then(|| format!("Without results so far, or without their data: {list}."))
}

fn notes(networks: &[Network<'_>], scale: Scale) -> Vec<String> {
    let mut notes = vec![
        "A* = 1 − (ε − ε_float)/(ε_chance − ε_float). Programmings of one network scatter as \
         intervals say; where a single training run is behind them, its own scatter is not in \
         them."
            .to_owned(),
    ];
    if scale < Scale::Paper {
        notes.push(
            "The networks are small members of the paper's families, with one short training each \
             on small data: a float network that is not trained to its end may gain from the \
             further training that hardware-aware training is, and A* exceed 100 %. Small \
             networks also have few inputs per output, which changes what noise does to them."
                .to_owned(),
        );
    }
    let unprogrammed: Vec<String> = networks
        .iter()
        .filter_map(|n| {
            let error = n.value(HWA_UNPROGRAMMED)?;
            Some(format!("{} {}", n.id, display(error, " %")))
        })
        .collect();
    if !unprogrammed.is_empty() {
        notes.push(format!(
            "Test error after hardware-aware training on tiles whose devices are exact: {}.",
            unprogrammed.join(", ")
        ));
    }
    notes
}
