//! Tables, figures and claims about the eleven networks.

use super::super::evaluated::{
    DAY, Evaluated, HOUR, ISO_ACCURACY, SECOND, YEAR, differences, figure, missing, over_networks,
    over_time, paper_curve, paper_mean, text,
};
use super::super::paper::{Family, Row, TIMES, TIMES_S, normalized_accuracy, row};
use super::names;
use crate::claim::{Claim, Test, display};
use crate::experiment::{Findings, Results, Scale};
use crate::report::{Figure, Table};
use crate::statistics::Estimate;
use crate::workloads::hardware_aware::{HWA_UNPROGRAMMED, series};
use crate::workloads::trained::FLOAT_ERROR;

/// The series of a method at one of the paper's times.
fn at(method: &str, time: usize) -> String {
    series(method, TIMES_S[time])
}

pub(super) fn findings(results: &Results<'_>) -> Findings {
    let networks = Evaluated::present(results, |_| true);
    let tested = results.scale >= Scale::Desk;
    Findings {
        claims: claims(if tested { &networks } else { &[] }),
        figures: figures(&networks),
        tables: vec![
            table("direct", "Direct mapping", &networks, |row| row.direct),
            table("hwa", "Hardware-aware training", &networks, |row| row.hwa),
        ],
        notes: notes(&networks, results.scale),
        left_out: missing(results, &names().collect::<Vec<_>>()),
        ..Findings::default()
    }
}

fn table(
    method: &str,
    title: &str,
    networks: &[Evaluated<'_>],
    paper: impl Fn(&Row) -> (f64, [f64; 4], f64),
) -> Table {
    let header = ["network", "float"].into_iter().chain(TIMES);
    let header =
        header.map(str::to_owned).chain(["A* 1 h", "A* 1 day", "A* 1 year"].map(str::to_owned));
    let number = |x: f64| format!("{x:.2}");
    let mut rows = Vec::new();
    for network in networks {
        let mut ours = vec![network.id.to_owned(), text(network.value(FLOAT_ERROR), 2)];
        let errors = |t: usize| Estimate::of(&network.errors(&at(method, t)), 0.0);
        ours.extend((0..4).map(|t| text(errors(t), 2)));
        ours.extend((1..4).map(|t| text(network.accuracy(&at(method, t)), 1)));
        rows.push(ours);
        let (float, errors, chance) = paper(network.paper);
        // The paper's transformers are another task here than in its other tables.
        let name = match network.paper.family {
            Family::Transformer if method == "hwa" => network.paper.name.replace("MRPC", "GLUE"),
            _ => network.paper.name.to_owned(),
        };
        let mut theirs = vec![format!("paper: {name}"), number(float)];
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

fn figures(networks: &[Evaluated<'_>]) -> Vec<Figure> {
    let panels = networks.iter().map(|network| {
        let curves = vec![
            network.curve("hwa", "hardware-aware", 3),
            network.curve("direct", "direct", 1),
            paper_curve(network.paper.hwa, "hardware-aware, paper", 3),
            paper_curve(network.paper.direct, "direct, paper", 1),
        ];
        over_time(network.id, "A* (%)", curves)
    });
    figure(
        "Normalised accuracy A* over time, 100 % being the float network and 0 % chance; dashed, \
         the paper's network of the same family, the transformers mapped directly on MRPC and \
         trained for the hardware on eight tasks of GLUE.",
        panels.collect(),
    )
}

fn claims(networks: &[Evaluated<'_>]) -> Vec<Claim> {
    let of = |family: Family| move |n: &&Evaluated<'_>| n.paper.family == family;
    // As a difference, for a ratio says nothing where direct mapping loses next to nothing.
    let recovery = |id, time: usize, statement, paper: &str| {
        let gap = |method: &'static str| {
            over_networks(networks.iter(), |n| {
                n.accuracies(&at(method, time)).into_iter().map(|a| 100.0 - a).collect()
            })
        };
        let halved: Vec<f64> = gap("direct").into_iter().map(|gap| 0.5 * gap).collect();
        let test = format!(
            "mean over networks of 100 % − A* at {}, less half of that of direct mapping, < 0",
            TIMES[time]
        );
        Claim::new(id, "Tab. 2, Tab. 3", statement, test, paper.to_owned()).judge(
            Estimate::of(&differences(&gap("hwa"), &halved), 1.0),
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
    let hour = |family| {
        over_networks(networks.iter().filter(of(family)), |n| n.accuracies(&at("hwa", HOUR)))
    };
    let robust = differences(&hour(Family::Recurrent), &hour(Family::Convolutional));
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
        let is_named = move |n: &&Evaluated<'_>| {
            ["DenseNet", "WideResNet-50", "ALBERT"].iter().any(|p| n.paper.name.starts_with(p))
                == named
        };
        over_networks(networks.iter().filter(is_named), |n| {
            differences(&n.accuracies(&at("hwa", HOUR)), &n.accuracies(&at("hwa", YEAR)))
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
            Estimate::of(&differences(&loss(true), &loss(false)), 1.0),
            Test::Above(0.0),
            " points",
        ),
    );
    // Of two networks of a row the first has the paper's kind of data.
    let of_row = |paper: &str| networks.iter().find(|n| n.paper.name == paper);
    let keeps = |id, paper: &str, statement, time: usize, limit: f64| {
        let printed = row(paper).map_or("–".to_owned(), |row| {
            let (float, errors, chance) = row.hwa;
            format!("{:.1} %", normalized_accuracy(errors[time], float, chance))
        });
        Claim::new(
            id,
            "Tab. 3",
            statement,
            format!("A* at {}, trained for the hardware, > {limit} %", TIMES[time]),
            printed,
        )
        .judge(
            of_row(paper).and_then(|n| n.accuracy(&at("hwa", time))),
            Test::Above(limit),
            " %",
        )
    };
    let [wide_resnet, bert, speech, language, rnn_t] = [
        "WideResNet-16 CIFAR-100",
        "BERT-base MRPC",
        "Speech SWB300 (LSTM-HMM)",
        "LSTM PTB",
        "RNN-T SWB300",
    ];
    for (id, paper, statement) in [
        ("iso-wide-resnet", wide_resnet, "WideResNet-16 is iso-accurate after 1 h."),
        ("iso-bert", bert, "BERT is iso-accurate after 1 h."),
        ("iso-speech", speech, "The acoustic LSTM is iso-accurate after 1 h."),
        ("iso-language", language, "The LSTM language model is iso-accurate after 1 h."),
        ("iso-rnn-t", rnn_t, "The RNN transducer is iso-accurate after 1 h."),
    ] {
        claims.push(keeps(id, paper, statement, HOUR, ISO_ACCURACY));
    }
    for (id, paper, statement) in [
        ("year-speech", speech, "The acoustic LSTM still is after a year."),
        ("year-language", language, "The LSTM language model still is after a year."),
    ] {
        claims.push(keeps(id, paper, statement, YEAR, ISO_ACCURACY));
    }
    for (id, paper, statement) in [
        ("better-wide-resnet", wide_resnet, "WideResNet-16 on tiles is better than in f32 at 1 s."),
        ("better-bert", bert, "BERT on tiles is better than in f32 at 1 s."),
    ] {
        claims.push(keeps(id, paper, statement, SECOND, 100.0));
    }
    let drift = [speech, rnn_t].map(of_row);
    let drift = over_networks(drift.into_iter().flatten(), |n| {
        differences(&n.accuracies(&at("direct", DAY)), &n.accuracies(&at("direct", SECOND)))
    });
    let printed = [speech, rnn_t].into_iter().filter_map(|name| {
        let (float, errors, chance) = row(name)?.direct;
        let at = |time: usize| normalized_accuracy(errors[time], float, chance);
        Some(at(DAY) - at(SECOND))
    });
    claims.push(
        Claim::new(
            "drift-helps",
            "Tab. 2",
            "Mapped directly, the acoustic LSTM and the transducer gain from drift: smaller weights \
             fit the range of the outputs.",
            "mean over the two of A* of direct mapping, 1 day − 1 s, > 0".to_owned(),
            format!("{:+.1} points", printed.sum::<f64>() / 2.0),
        )
        .judge(Estimate::of(&drift, 1.0), Test::Above(0.0), " points"),
    );
    let resnet = networks.iter().find(|n| n.id == "resnet-cifar10");
    claims.push(
        Claim::new(
            "resnet-cifar10",
            "Tab. 3",
            "A residual network for CIFAR-10 keeps its accuracy within 2 % after 1 h.",
            "A* at 1 h, trained for the hardware, > 98 %".to_owned(),
            "98.6 %".to_owned(),
        )
        .judge(resnet.and_then(|n| n.accuracy(&at("hwa", HOUR))), Test::Above(98.0), " %"),
    );
    claims
}

/// The paper's difference of mean A* at 1 h between two families, as text.
fn paper_difference(a: Family, b: Family) -> String {
    let mean = |family| {
        paper_mean(&[family], |row| normalized_accuracy(row.hwa.1[HOUR], row.hwa.0, row.hwa.2))
    };
    format!("{:+.1} points", mean(a) - mean(b))
}

fn notes(networks: &[Evaluated<'_>], scale: Scale) -> Vec<String> {
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
             further training that hardware-aware training is, and A* exceed 100 %. So do the \
             published weights of resnet-cifar10, which are taken as they are: as many epochs in \
             f32 lower their error by almost two points. Small networks also have few inputs per \
             output, which changes what noise does to them."
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
