//! Curves, tables and claims about exempted layers and columns.
//!
//! Assumed: the paper's shares of parameters are of the weights on tiles.

use report::figure::{Curve, Figure, LineStyle, Panel};
use report::number::points;
use report::table::{NONE, Table, cells, named, number, rounded};

use super::super::evaluated::{
    Evaluated, HOUR, ISO_ACCURACY, differences, figure, missing, over_networks,
};
use super::super::paper::normalized_accuracy;
use super::{LAYERS, exempted, size};
use crate::experiment::Results;
use crate::findings::Findings;
use crate::findings::claim::{Claim, Statement, Test, Verdict};
use crate::findings::estimate::of_estimates;
use crate::findings::source::{Paper, Part, Source};
use crate::measured::measures::exemption::{Exact, Exempted, Exemption};
use crate::measured::networks::NetworkId;
use crate::measured::scale::Scale;
use crate::measured::statistics::Estimate;

/// What the paper prints of a network.
struct Printed {
    id: NetworkId,
    /// Share of the parameters in % with whose exemption A* at 1 h reaches 99 %, if it does.
    share: Option<f64>,
    /// A* at 1 h in % with 256, 512, 1024 and all columns of the most sensitive layers exempted, and
    /// with the 1024 least sensitive ones, if it was tried. [Rasch23 Supp. Tab. 8]
    columns: Option<[f64; 5]>,
}

/// [Rasch23 Fig. 7, Supp. Tab. 8]
const PRINTED: [Printed; 4] = [
    Printed {
        id: NetworkId::ResNet18,
        share: Some(6.4),
        columns: Some([98.71, 98.92, 99.03, 99.12, 98.50]),
    },
    Printed {
        id: NetworkId::ResNet50,
        share: Some(2.0),
        columns: Some([98.90, 98.86, 98.98, 99.01, 98.74]),
    },
    Printed {
        id: NetworkId::DenseNet,
        share: Some(11.3),
        columns: Some([98.52, 98.60, 98.89, 99.03, 98.43]),
    },
    Printed { id: NetworkId::WideResNet50, share: None, columns: None },
];

fn printed(id: NetworkId) -> &'static Printed {
    PRINTED.iter().find(|printed| printed.id == id).expect("every network is the paper's")
}

/// Errors with so many layers exempted.
fn layers(count: usize) -> impl Fn(&Exempted) -> &[f64] {
    move |found| found.with(Exact::Layers(count))
}

/// Number of layers on tiles.
fn depth(network: &Evaluated<'_, Exemption>) -> usize {
    network.outcomes().map(|exempted| exempted.order.len()).min().unwrap_or(0)
}

/// Share in % of the weights on tiles that the `count` most sensitive layers have.
fn share(found: &Exempted, count: usize) -> f64 {
    let weights = &found.layer_weights;
    let exempted: usize = found.order.iter().take(count).map(|&layer| weights[layer]).sum();
    100.0 * exempted as f64 / weights.iter().sum::<usize>() as f64
}

fn mean_share(network: &Evaluated<'_, Exemption>, count: usize) -> f64 {
    let shares = network.outcomes().map(|exempted| share(exempted, count));
    shares.sum::<f64>() / network.done.len() as f64
}

/// Numbers of layers that were exempted, all of them last.
fn counts(network: &Evaluated<'_, Exemption>, scale: Scale) -> Vec<usize> {
    let depth = depth(network);
    (0..=exempted(scale).0.min(depth - 1)).chain([depth]).collect()
}

/// Converters, wires and the noise of products weigh more in small networks.
const NOT_THE_DEVICES: &str = "Not even all layers exempted make it iso-accurate: what is left are converters, wires and the \
     noise of products, which weigh more in small networks, whose outputs are sums of few products.";

const GAINED: &str = "The float network gains from the further training that training for the hardware is, so that A* is \
     above 100 %.";

/// Why claims do not hold at desk scale, by a network and what shows it of its A* with all layers
/// exempted.
const REASONS: [(&str, NetworkId, Test, &str); 3] = [
    ("few-resnet50", NetworkId::ResNet50, Test::Below(ISO_ACCURACY), NOT_THE_DEVICES),
    ("few-densenet", NetworkId::DenseNet, Test::Below(ISO_ACCURACY), NOT_THE_DEVICES),
    ("none-wide-resnet50", NetworkId::WideResNet50, Test::Above(100.0), GAINED),
];

/// Those of [`REASONS`] that the outcomes show.
fn reasons(networks: &[Evaluated<'_, Exemption>]) -> Vec<(&'static str, &'static str)> {
    let shown = REASONS.into_iter().filter(|(_, id, test, _)| {
        let network = networks.iter().find(|network| network.id == *id);
        let left = network.and_then(|network| network.accuracy(layers(depth(network))));
        left.is_some_and(|left| test.verdict(left) == Verdict::Holds)
    });
    shown.map(|(claim, .., words)| (claim, words)).collect()
}

pub(super) fn findings(results: &Results<Exemption>) -> Findings {
    let networks = Evaluated::present(results);
    let scale = results.scale;
    let mut notes = vec![
        "Exempted devices hold their weights exactly; wires, converters and the noise of products \
         stay, so all layers exempted is what is left to them. Shares are of the weights on tiles."
            .to_owned(),
        "Layers are ranked by the error of the network with the devices of one layer 15 times as \
         imprecise and all others exact, programmed once."
            .to_owned(),
    ];
    if matches!(scale, Scale::Desk | Scale::Long) {
        notes.push(
            "With all layers exempted only converters, wires and the noise of products are left: \
             where even that is not iso-accurate, no choice of layers can be. These weigh more in \
             small networks, whose outputs are sums of few products. A* above 100 % is that of a \
             float network which gains from the further training."
                .to_owned(),
        );
    }
    for network in &networks {
        let reached = counts(network, scale).into_iter().find_map(|count| {
            let accuracy = network.accuracy(layers(count))?;
            (accuracy.mean > ISO_ACCURACY).then_some(count)
        });
        notes.push(match reached {
            Some(count) => format!(
                "{}: A* is above {ISO_ACCURACY} % with {count} of {} layers exempted, {:.1} % of \
                 the weights.",
                network.id,
                depth(network),
                mean_share(network, count)
            ),
            None => format!(
                "{}: A* stays below {ISO_ACCURACY} %; with all layers exempted it is {} %.",
                network.id,
                rounded(network.accuracy(layers(depth(network))), 1)
            ),
        });
    }
    let reasons = if scale == Scale::Desk { reasons(&networks) } else { Vec::new() };
    Findings::default()
        .claims(claims(&networks, scale))
        .reasons(&reasons)
        .figures(figures(&networks, scale))
        .tables([layers_table(&networks, scale), columns_table(&networks, scale)])
        .notes(notes)
        .left_out(missing(results, size(scale).2))
}

fn claims(networks: &[Evaluated<'_, Exemption>], scale: Scale) -> Vec<Claim> {
    let mut claims = Vec::from(iso_accuracy(networks, scale));
    // Half of what all layers bring is what a few bring at least.
    let most = over_networks(networks, |network| {
        let at = |count: usize| network.accuracies(layers(count));
        let (none, some, all) = (at(0), at(few(network)), at(depth(network)));
        let half: Vec<f64> = none.iter().zip(&all).map(|(a, b)| 0.5 * (a + b)).collect();
        differences(&some, &half)
    });
    let words = format!(
        "mean over networks of what exempting {LAYERS} layers gains of A* at 1 h, less half of what \
         exempting all gains,"
    );
    claims.push(
        Statement::new(
            "most-of-it",
            Source::ours(&[Part::Passage("not in the paper"), Part::Passage("after Fig. 7")]),
            "A few layers hold most of what errors of devices cost.",
        )
        .test(words, Test::Above(0.0))
        .unit(" points")
        .tested_from(Scale::Desk, scale)
        .judge(Estimate::of(&most)),
    );
    let smallest = exempted(scale).1.smallest;
    let columns = over_networks(networks, |network| {
        let largest = network.accuracies(|found| found.with(Exact::Columns(smallest)));
        differences(&largest, &network.accuracies(|found| found.with(Exact::SmallestColumns)))
    });
    let of_paper: Vec<f64> =
        PRINTED.iter().filter_map(|p| p.columns.map(|c| c[2] - c[4])).collect();
    let paper = of_paper.iter().sum::<f64>() / of_paper.len() as f64;
    let words = format!(
        "mean over networks of A* at 1 h, the {smallest} columns of the largest gradients exempted − \
         those of the smallest,"
    );
    claims.push(
        Statement::new(
            "columns",
            Paper::Rasch2023.at(&[Part::SupplementaryTable("8")]),
            "Columns of large gradients are the ones to exempt.",
        )
        .test(words, Test::Above(0.0))
        .unit(" points")
        .paper(points(paper, 2))
        .tested_from(Scale::Desk, scale)
        .judge(Estimate::of(&columns)),
    );
    claims
}

/// The layers that are a few of a network's.
fn few(network: &Evaluated<'_, Exemption>) -> usize {
    LAYERS.min(depth(network))
}

/// Which networks become as accurate as in f32.
fn iso_accuracy(networks: &[Evaluated<'_, Exemption>], scale: Scale) -> [Claim; 4] {
    const FIGURE_7: Source = Paper::Rasch2023.at(&[Part::Figure("7")]);
    let accuracy = |id: NetworkId, count: &dyn Fn(&Evaluated<'_, Exemption>) -> usize| {
        let network = networks.iter().find(|network| network.id == id)?;
        network.accuracy(layers(count(network)))
    };
    // What is iso-accurate as it is says nothing about exemption.
    let iso_accurate = |id: NetworkId| accuracy(id, &|_| 0).is_some_and(|a| a.mean > ISO_ACCURACY);
    let reaches = |id, network: NetworkId, text| {
        let share = printed(network).share.unwrap_or_default();
        let words =
            format!("A* at 1 h with the {LAYERS} most sensitive layers exempted {{test}} %");
        Statement::new(id, FIGURE_7, text)
            .test(words, Test::Above(ISO_ACCURACY))
            .unit(" %")
            .paper(format!("> 99 % with {share} % of the parameters"))
            .tested_from(Scale::Desk, scale)
            .judge(accuracy(network, &few).filter(|_| !iso_accurate(network)))
    };
    [
        reaches(
            "few-resnet18",
            NetworkId::ResNet18,
            "A few exempted layers make ResNet-18 iso-accurate.",
        ),
        reaches(
            "few-resnet50",
            NetworkId::ResNet50,
            "A few exempted layers make ResNet-50 iso-accurate.",
        ),
        reaches(
            "few-densenet",
            NetworkId::DenseNet,
            "A few exempted layers make DenseNet-121 iso-accurate.",
        ),
        Statement::new(
            "none-wide-resnet50",
            FIGURE_7,
            "WideResNet-50 does not become iso-accurate, whatever is exempted.",
        )
        .test("A* at 1 h with all layers exempted {test} %", Test::Below(ISO_ACCURACY))
        .unit(" %")
        .paper("about 98 %")
        .tested_from(Scale::Desk, scale)
        .judge(accuracy(NetworkId::WideResNet50, &depth)),
    ]
}

fn layers_table(networks: &[Evaluated<'_, Exemption>], scale: Scale) -> Table {
    let (most, _) = exempted(scale);
    let mut header = vec!["network".to_owned()];
    header.extend((0..=most).map(|count| count.to_string()));
    header.push("all".to_owned());
    let columns = header.len();
    let mut table = Table::new(
        "A* in % (± is half of a 90 % interval over programmings) 1 h after programming, by the number of exempted layers, the \
         most sensitive first.",
        header,
    );
    for network in networks {
        let counts = counts(network, scale);
        let accuracy = |&count: &usize| rounded(network.accuracy(layers(count)), 1);
        let share = |&count: &usize| number(mean_share(network, count), 1);
        let accuracies = named(network.id, counts.iter().map(accuracy));
        let shares = named("… share of weights (%)", counts.iter().map(share));
        // A network of fewer layers than are asked for has all of them last.
        for mut row in [accuracies, shares] {
            while row.len() < columns {
                row.insert(row.len() - 1, NONE.into());
            }
            table.push(row);
        }
    }
    table
}

fn columns_table(networks: &[Evaluated<'_, Exemption>], scale: Scale) -> Table {
    let (_, columns) = exempted(scale);
    let mut header: Vec<String> = ["network", "columns", "none"].map(str::to_owned).to_vec();
    header.extend(columns.counts.iter().map(|count| format!("{count} largest")));
    header.extend(["all".to_owned(), format!("{} smallest", columns.smallest)]);
    // At smoke scale there are fewer counts than the paper has.
    let whole = header.len() == 3 + 5;
    let caption = format!(
        "A* in % (± is half of a 90 % interval over programmings) 1 h after programming, by the number of exempted columns of \
         the {LAYERS} most sensitive layers, those of the largest mean gradient first."
    );
    let mut table = Table::new(caption, header);
    for network in networks {
        let all = network.value(|found| found.all_columns as f64);
        let all = all.map_or(0.0, |all| all.mean) as usize;
        let accuracy = |exact| rounded(network.accuracy(|found| found.with(exact)), 2);
        let mut row = cells![network.id, all, accuracy(Exact::Layers(0))];
        row.extend(columns.counts.iter().map(|&count| accuracy(Exact::Columns(count))));
        row.extend([accuracy(Exact::Columns(all)), accuracy(Exact::SmallestColumns)]);
        table.push(row);
        if let (Some(printed), true) = (printed(network.id).columns, whole) {
            let paper = network.paper;
            let none = normalized_accuracy(paper.hwa.1[HOUR], paper.hwa.0, paper.hwa.2);
            let columns = if network.id == NetworkId::DenseNet { "1664" } else { "2048" };
            let name = format!("paper: {} (256, 512, 1024, …)", paper.network);
            let mut row = cells![name, columns, number(none, 2)];
            row.extend(printed.map(|accuracy| number(accuracy, 2)));
            table.push(row);
        }
    }
    table
}

fn figures(networks: &[Evaluated<'_, Exemption>], scale: Scale) -> Option<Figure> {
    let panels = networks.iter().map(|network| {
        let counts = counts(network, scale);
        // All layers would take the whole width.
        let some = &counts[..counts.len() - 1];
        let at =
            |&count: &usize| Some((mean_share(network, count), network.accuracy(layers(count))?));
        let mut curves = vec![of_estimates("ours", 3, some.iter().filter_map(at))];
        let paper = network.paper;
        let none = normalized_accuracy(paper.hwa.1[HOUR], paper.hwa.0, paper.hwa.2);
        if let Some(share) = printed(network.id).share {
            let points = vec![(0.0, none), (share, ISO_ACCURACY)];
            curves.push(Curve::line(
                "paper, to where it is iso-accurate",
                3,
                LineStyle::Paper,
                points,
            ));
        }
        Panel::new(network.id, "exempted weights (%)", "A* (%)").curves(curves)
    });
    figure(
        "A* 1 h after programming over the share of the weights on exempted layers, the most \
         sensitive first; dashed, where the paper's network begins and where it is iso-accurate.",
        panels.collect(),
    )
}
