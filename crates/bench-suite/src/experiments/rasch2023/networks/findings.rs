//! Tables, figures and claims about the eleven networks.

use report::Number;
use report::figure::Figure;
use report::number::points;
use report::table::{Table, cells, number, rounded};

use super::super::evaluated::{
    DAY, Evaluated, HOUR, ISO_ACCURACY, SECOND, YEAR, differences, figure, largest, least, missing,
    over_networks, over_time, paper_curve, paper_mean,
};
use super::super::paper::{Family, ROWS, Row, TIMES, TIMES_S, normalized_accuracy, row};
use super::reasons::{NOTHING_CLIPPED, TRAINED_BRIEFLY};
use super::{all, desk, headline};
use crate::experiment::Results;
use crate::findings::Findings;
use crate::findings::claim::{Claim, Statement, Test};
use crate::findings::source::{Paper, Part};
use crate::measured::measures::comparison::Method;
use crate::measured::measures::hardware_aware::{Aged, HardwareAware};
use crate::measured::measures::trained::Baseline;
use crate::measured::networks::NetworkId;
use crate::measured::networks::paper_row::PaperRow;
use crate::measured::scale::Scale;
use crate::measured::statistics::Estimate;

/// Errors of a method at one of the paper's times.
fn at(method: Method, time: usize) -> impl Fn(&Aged) -> &[f64] {
    move |aged| aged.errors.at(method, TIMES_S[time])
}

pub(super) fn findings(results: &Results<HardwareAware>) -> Findings {
    let networks = Evaluated::present(results);
    let (sound, unsound) = sound(Evaluated::present(results), results.scale);
    let claims = claims(&sound).into_iter();
    Findings::default()
        .headline("A year on analog tiles", headline::figure(&networks))
        .claims(claims.map(|claim| claim.tested_from(Scale::Desk, results.scale)))
        .reasons(TRAINED_BRIEFLY.iter().filter(|_| results.scale == Scale::Desk))
        .reasons(NOTHING_CLIPPED.iter().filter(|_| clip_little(&networks)))
        .figures(figures(&networks))
        .tables((results.scale == Scale::Desk).then(|| desk::table(&networks)).into_iter().chain([
            table(Method::Direct, "Direct mapping", &networks, |row| {
                (row.direct, row.direct_accuracies)
            }),
            table(Method::HardwareAware, "Hardware-aware training", &networks, |row| {
                (row.hwa, row.hwa_accuracies)
            }),
        ]))
        .notes(notes(&networks, results.scale))
        .left_out(missing(results, &all().collect::<Vec<_>>()))
        .left_out(unsound)
}

/// A* in % of a method at one of the paper's times. Its interval has the sampling of the test set in it,
/// which the networks on tiles and in f32 share.
fn accuracy(
    network: &Evaluated<'_, HardwareAware>,
    method: Method,
    time: usize,
) -> Option<Estimate> {
    let accuracy = network.accuracy(at(method, time))?;
    let sampling = network.done.iter().filter_map(|done| {
        let tested = done.measure.aging.times_s.iter().position(|&t_s| t_s == TIMES_S[time])?;
        let points = done.outcome.sampling_percent(method).get(tested)?;
        let Baseline { float_error_percent: float, chance_error_percent: chance, .. } =
            done.outcome.baseline;
        Some(100.0 * points / (chance - float))
    });
    // The same examples in every training run: more of these do not make it smaller.
    Some(accuracy.with_scatter(sampling.fold(0.0, f64::max)))
}

/// The networks whose float baselines say something of their families, and a line on each of the others. At
/// smoke scale nothing is claimed, and at paper scale baselines are the paper's.
fn sound(
    networks: Vec<Evaluated<'_, HardwareAware>>,
    scale: Scale,
) -> (Vec<Evaluated<'_, HardwareAware>>, Vec<String>) {
    let mut unsound = Vec::new();
    let mut keep = |network: &Evaluated<'_, HardwareAware>| {
        let data = network.done.first().and_then(|done| done.data.first());
        let limit = (network.id.entry().sound_percent)(data.map_or("", |sum| &sum.name));
        match network.float() {
            Some(float) if float.mean > limit && !matches!(scale, Scale::Smoke | Scale::Paper) => {
                unsound.push(format!(
                    "No claim rests on {}: its float network errs in {} %, where one that was trained \
                     well enough errs in {limit} % at most.",
                    network.id,
                    Number::measured(float),
                ));
                false
            }
            _ => true,
        }
    };
    let sound = networks.into_iter().filter(|network| keep(network)).collect();
    (sound, unsound)
}

/// Whether the networks that drift helps in the paper are iso-accurate from the start.
fn clip_little(networks: &[Evaluated<'_, HardwareAware>]) -> bool {
    let of = networks.iter().filter(|n| DRIFT_HELPS.contains(&n.paper.network));
    let mut found = of.filter_map(|n| n.accuracy(at(Method::Direct, SECOND))).peekable();
    found.peek().is_some() && found.all(|accuracy| accuracy.mean > ISO_ACCURACY)
}

/// Errors of a method at any time.
fn over_time_of(method: Method) -> impl Fn(&Aged, f64) -> &[f64] {
    move |aged, t_s| aged.errors.at(method, t_s)
}

fn table(
    method: Method,
    title: &str,
    networks: &[Evaluated<'_, HardwareAware>],
    paper: impl Fn(&Row) -> ((f64, [f64; 4], f64), [f64; 3]),
) -> Table {
    let header = ["network", "float"].into_iter().chain(TIMES);
    let caption = format!(
        "{title}: test error in %, and A*, after each time (± is half of a 90 % interval over \
         programmings, of A* over the sampling of the test set too); under each network \
         the paper's row of the same family."
    );
    let mut table = Table::new(caption, header.chain(["A* 1 h", "A* 1 day", "A* 1 year"]));
    for network in networks {
        let mut ours = cells![network.id, rounded(network.float(), 2)];
        let error = |t: usize| rounded(network.error(at(method, t)), 2);
        ours.extend((0..4).map(error));
        ours.extend((1..4).map(|t| rounded(accuracy(network, method, t), 1)));
        table.push(ours);
        let ((float, errors, _), accuracies) = paper(network.paper);
        // The paper's transformers are another task here than in its other tables.
        let name = match network.paper.family {
            Family::Transformer if method == Method::HardwareAware => {
                network.paper.network.name().replace("MRPC", "GLUE")
            }
            _ => network.paper.network.name().to_owned(),
        };
        let mut theirs = cells![format!("paper: {name}"), number(float, 2)];
        theirs.extend(errors.map(|error| number(error, 2)));
        theirs.extend(accuracies.map(|accuracy| number(accuracy, 1)));
        table.push(theirs);
    }
    table
}

fn figures(networks: &[Evaluated<'_, HardwareAware>]) -> Option<Figure> {
    let panels = networks.iter().map(|network| {
        let curves = vec![
            network.curve(over_time_of(Method::HardwareAware), "hardware-aware", 3),
            network.curve(over_time_of(Method::Direct), "direct", 1),
            paper_curve(network.paper.hwa, "hardware-aware, paper", 3),
            paper_curve(network.paper.direct, "direct, paper", 1),
        ];
        over_time(network.id.name(), "A* (%)", curves)
    });
    figure(
        "Normalised accuracy A* over time, 100 % being the float network and 0 % chance; dashed, \
         the paper's network of the same family, the transformers mapped directly on MRPC and \
         trained for the hardware on eight tasks of GLUE.",
        panels.collect(),
    )
}

fn claims(networks: &[Evaluated<'_, HardwareAware>]) -> Vec<Claim> {
    let mut claims = Vec::from(recovery(networks));
    claims.extend(by_family(networks));
    claims.extend(a_year(networks));
    claims.extend(keeps(networks));
    claims.push(drift_helps(networks));
    let resnet = networks.iter().find(|n| n.id == NetworkId::ResNetCifar10);
    claims.push(
        Statement::new(
            "resnet-cifar10",
            Paper::Rasch2023.at(&[Part::Table("3")]),
            "A residual network for CIFAR-10 keeps its accuracy within 2 % after 1 h.",
        )
        .test("A* at 1 h, trained for the hardware, {test} %", Test::Above(98.0))
        .unit(" %")
        .paper("98.6 %")
        .judge(resnet.and_then(|n| accuracy(n, Method::HardwareAware, HOUR))),
    );
    claims
}

/// What hardware-aware training wins back of what direct mapping loses.
fn recovery(networks: &[Evaluated<'_, HardwareAware>]) -> [Claim; 2] {
    // As a difference, for a ratio says nothing where direct mapping loses next to nothing.
    let claim = |id, time: usize, text, paper: &str| {
        let gap = |method| {
            over_networks(networks.iter(), |n| {
                n.accuracies(at(method, time)).into_iter().map(|a| 100.0 - a).collect()
            })
        };
        let halved: Vec<f64> = gap(Method::Direct).into_iter().map(|gap| 0.5 * gap).collect();
        let words = format!(
            "mean over networks of 100 % − A* at {}, less half of that of direct mapping,",
            TIMES[time]
        );
        Statement::new(id, Paper::Rasch2023.at(&[Part::Table("2"), Part::Table("3")]), text)
            .test(words, Test::Below(0.0))
            .unit(" points")
            .paper(paper)
            .judge(Estimate::of(&differences(&gap(Method::HardwareAware), &halved)))
    };
    [
        claim(
            "recovery",
            HOUR,
            "Hardware-aware training recovers most of what direct mapping loses.",
            "−4.5 points (1.1 of 11.3 %)",
        ),
        claim(
            "recovery-year",
            YEAR,
            "… and most of what it loses within a year.",
            "−6.5 points (3.3 of 19.5 %)",
        ),
    ]
}

/// Which families are robust.
fn by_family(networks: &[Evaluated<'_, HardwareAware>]) -> [Claim; 2] {
    let of = |family: Family| move |n: &&Evaluated<'_, HardwareAware>| n.paper.family == family;
    let hour = |family| {
        over_networks(networks.iter().filter(of(family)), |n| {
            n.accuracies(at(Method::HardwareAware, HOUR))
        })
    };
    let families = [Family::Recurrent, Family::Convolutional, Family::Transformer];
    let [recurrent, convolutional, transformers] = families.map(hour);
    let [printed_recurrent, printed_convolutional, printed_transformers] = families.map(|family| {
        let hour = |row: &Row| normalized_accuracy(row.hwa.1[HOUR], row.hwa.0, row.hwa.2);
        vec![paper_mean(&[family], hour)]
    });
    let claim = |id, text, words: &str, test, printed: f64, values: Option<Estimate>| {
        Statement::new(id, Paper::Rasch2023.at(&[Part::Figure("5"), Part::Table("3")]), text)
            .test(format!("mean A* at 1 h, trained for the hardware, of {words},"), test)
            .unit(" points")
            .paper(points(printed, 1))
            .judge(values)
    };
    let rivals = [convolutional.clone(), transformers.clone()];
    let printed_rivals = [printed_convolutional.clone(), printed_transformers.clone()];
    [
        claim(
            "recurrent-robust",
            "Recurrent networks are the most robust.",
            "recurrent networks − the better of convolutional ones and transformers",
            Test::Above(0.0),
            printed_recurrent[0] - largest(printed_rivals)[0],
            Estimate::difference(&recurrent, &largest(rivals)),
        ),
        claim(
            "convolutional-sensitive",
            "Convolutional networks are the least robust.",
            "convolutional networks − the worse of recurrent ones and transformers",
            Test::Below(0.0),
            printed_convolutional[0] - least([printed_recurrent, printed_transformers])[0],
            Estimate::difference(&convolutional, &least([recurrent, transformers])),
        ),
    ]
}

const WIDE_RESNET: PaperRow = PaperRow::WideResNet16;
const BERT: PaperRow = PaperRow::Bert;
const SPEECH: PaperRow = PaperRow::Acoustic;
const LANGUAGE: PaperRow = PaperRow::Language;
const TRANSDUCER: PaperRow = PaperRow::Transducer;

/// Networks that keep so much of their accuracy until then: claim, network, time, A* in %.
const KEEP: [(&str, &str, PaperRow, usize, f64); 9] = [
    (
        "iso-wide-resnet",
        "WideResNet-16 is iso-accurate after 1 h.",
        WIDE_RESNET,
        HOUR,
        ISO_ACCURACY,
    ),
    ("iso-bert", "BERT is iso-accurate after 1 h.", BERT, HOUR, ISO_ACCURACY),
    ("iso-speech", "The acoustic LSTM is iso-accurate after 1 h.", SPEECH, HOUR, ISO_ACCURACY),
    (
        "iso-language",
        "The LSTM language model is iso-accurate after 1 h.",
        LANGUAGE,
        HOUR,
        ISO_ACCURACY,
    ),
    ("iso-rnn-t", "The RNN transducer is iso-accurate after 1 h.", TRANSDUCER, HOUR, ISO_ACCURACY),
    ("year-speech", "The acoustic LSTM still is after a year.", SPEECH, YEAR, ISO_ACCURACY),
    (
        "year-language",
        "The LSTM language model still is after a year.",
        LANGUAGE,
        YEAR,
        ISO_ACCURACY,
    ),
    (
        "better-wide-resnet",
        "WideResNet-16 on tiles is better than in f32 at 1 s.",
        WIDE_RESNET,
        SECOND,
        100.0,
    ),
    ("better-bert", "BERT on tiles is better than in f32 at 1 s.", BERT, SECOND, 100.0),
];

/// The claims of [`KEEP`].
fn keeps(networks: &[Evaluated<'_, HardwareAware>]) -> [Claim; 9] {
    KEEP.map(|(id, text, paper, time, limit)| {
        // Of two networks of a row the first has the paper's kind of data.
        let network = networks.iter().find(|n| n.paper.network == paper);
        // What is not printed follows from the errors.
        let row = row(paper);
        let (float, errors, chance) = row.hwa;
        let printed = time.checked_sub(HOUR).map(|t| row.hwa_accuracies[t]);
        let follows = || normalized_accuracy(errors[time], float, chance);
        let printed = format!("{} %", Number::new(printed.unwrap_or_else(follows), 1));
        let words = format!("A* at {}, trained for the hardware, {{test}} %", TIMES[time]);
        Statement::new(id, Paper::Rasch2023.at(&[Part::Table("3")]), text)
            .test(words, Test::Above(limit))
            .unit(" %")
            .paper(printed)
            .judge(network.and_then(|n| accuracy(n, Method::HardwareAware, time)))
    })
}

/// Networks whose errors by direct mapping fall within a day in the paper.
const DRIFT_HELPS: [PaperRow; 2] = [SPEECH, TRANSDUCER];

fn drift_helps(networks: &[Evaluated<'_, HardwareAware>]) -> Claim {
    let drift = DRIFT_HELPS.map(|paper| networks.iter().find(|n| n.paper.network == paper));
    let drift = over_networks(drift.into_iter().flatten(), |n| {
        differences(
            &n.accuracies(at(Method::Direct, DAY)),
            &n.accuracies(at(Method::Direct, SECOND)),
        )
    });
    let printed = DRIFT_HELPS.into_iter().map(|name| {
        let (float, errors, chance) = row(name).direct;
        let at = |time: usize| normalized_accuracy(errors[time], float, chance);
        at(DAY) - at(SECOND)
    });
    Statement::new(
        "drift-helps",
        Paper::Rasch2023.at(&[Part::Table("2")]),
        "Mapped directly, the acoustic LSTM and the transducer gain from drift: smaller weights fit \
         the range of the outputs.",
    )
    .test("mean over the two of A* of direct mapping, 1 day − 1 s,", Test::Above(0.0))
    .unit(" points")
    .paper(points(printed.sum::<f64>() / 2.0, 1))
    .judge(Estimate::of(&drift))
}

/// Networks of which the paper says that they lose most within a year.
const LOSE_MOST: [(&str, PaperRow, &str); 3] = [
    (
        "year-densenet",
        PaperRow::DenseNet121,
        "DenseNet-121 is one of three that lose most within a year.",
    ),
    (
        "year-wide-resnet50",
        PaperRow::WideResNet50,
        "WideResNet-50 is one of three that lose most within a year.",
    ),
    ("year-albert", PaperRow::Albert, "ALBERT is one of three that lose most within a year."),
];

/// What each of [`LOSE_MOST`] loses, beside the one of the others that loses most.
fn a_year(networks: &[Evaluated<'_, HardwareAware>]) -> Vec<Claim> {
    let loss = |n: &Evaluated<'_, HardwareAware>| {
        differences(
            &n.accuracies(at(Method::HardwareAware, HOUR)),
            &n.accuracies(at(Method::HardwareAware, YEAR)),
        )
    };
    let mean = |values: &[f64]| Estimate::of(values).map_or(f64::NEG_INFINITY, |e| e.mean);
    let named = |paper: PaperRow| LOSE_MOST.iter().any(|(_, name, _)| *name == paper);
    let others = networks.iter().filter(|n| !named(n.paper.network)).map(loss);
    let others = others.max_by(|a, b| mean(a).total_cmp(&mean(b))).unwrap_or_default();
    let printed_loss = |row: &Row| {
        let (float, errors, chance) = row.hwa;
        let [hour, year] = [HOUR, YEAR].map(|t| normalized_accuracy(errors[t], float, chance));
        hour - year
    };
    let printed_others = ROWS.iter().filter(|row| !named(row.network)).map(printed_loss);
    let printed_others = printed_others.fold(f64::NEG_INFINITY, f64::max);
    let claims = LOSE_MOST.iter().map(|&(id, name, statement)| {
        let network = networks.iter().find(|n| n.paper.network == name);
        let losses = network.map(|n| differences(&loss(n), &others)).unwrap_or_default();
        let printed = printed_loss(row(name)) - printed_others;
        Statement::new(id, Paper::Rasch2023.at(&[Part::Table("3")]), statement)
            .test(
                "its loss of A* from 1 h to 1 year − the largest of the networks that are not of the \
                 three,",
                Test::Above(0.0),
            )
            .unit(" points")
            .paper(points(printed, 1))
            .judge(Estimate::of(&losses))
    });
    claims.collect()
}

/// How much there is that drift could give back.
fn drift_note(networks: &[Evaluated<'_, HardwareAware>]) -> Option<String> {
    let ours: Vec<String> = networks
        .iter()
        .filter(|n| DRIFT_HELPS.contains(&n.paper.network))
        .filter_map(|n| {
            let accuracy = accuracy(n, Method::Direct, SECOND)?;
            Some(format!("{} % ({})", Number::new(accuracy.mean, 1), n.id))
        })
        .collect();
    let printed = DRIFT_HELPS.into_iter().map(|paper| {
        let (float, errors, chance) = row(paper).direct;
        format!("{} %", Number::new(normalized_accuracy(errors[SECOND], float, chance), 1))
    });
    let printed: Vec<String> = printed.collect();
    (!ours.is_empty()).then(|| {
        format!(
            "Drift can only give back what outputs beyond the range of the ADC have cost: mapped \
             directly, the acoustic LSTM and the transducer keep {} of A* at 1 s here, and {} in the \
             paper.",
            ours.join(", "),
            printed.join(", ")
        )
    })
}

fn notes(networks: &[Evaluated<'_, HardwareAware>], scale: Scale) -> Vec<String> {
    let mut notes = vec![
        "A* = 1 − (ε − ε_float)/(ε_chance − ε_float). Programmings of one network scatter as \
         intervals say; where a single training run is behind them, its own scatter is not in \
         them."
            .to_owned(),
    ];
    if scale < Scale::Paper {
        notes.push(
            "The networks are small members of the paper's families, with one short training each \
             on small data. What they are compared with was trained on in f32 for as many epochs as \
             they were on tiles, unless that made it worse, so that A* holds nothing of what further \
             training of any kind gains. Small networks have few inputs per output, which changes what \
             noise does to them."
                .to_owned(),
        );
        notes.push(
            "bert-stsb has its input ranges at six standard deviations of the inputs, chosen among \
             four values by the error on its test pairs."
                .to_owned(),
        );
        notes.push(
            "Direct mapping calibrates input ranges on ten batches and tunes nothing: a few steps of \
             the paper's tuning of scales and ranges made it worse. Hardware-aware training has no \
             distillation, drop-connect or mapping anew, which the paper uses for some networks (the \
             WideResNet's gain over f32 is one of distillation), and AIHWKit's rule for input ranges. \
             The recipes at paper scale have all of it."
                .to_owned(),
        );
        notes.extend(drift_note(networks));
    }
    let unprogrammed: Vec<String> = networks
        .iter()
        .filter_map(|n| {
            let error = n.value(|aged| aged.hwa_unprogrammed_percent)?;
            Some(format!("{} {} %", n.id, Number::measured(error)))
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
