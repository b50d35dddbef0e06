//! What the two experiments about single nonidealities share: networks by axes.

use super::evaluated::without;
use super::networks::{self, of_networks, trained};
use super::paper::{Family, row};
use crate::experiment::{Done, Results};
use crate::experiments::runs::{Variant, of_every_seed};
use crate::measured::error::Error;
use crate::measured::measure::Measure;
use crate::measured::measures::equal_error::EqualError;
use crate::measured::measures::nonideality::{Axis, Class, Nonideality};
use crate::measured::measures::tolerance::Tolerance;
use crate::measured::measures::trained::Trained;
use crate::measured::networks::NetworkId;
use crate::measured::networks::subject::Subject;
use crate::measured::point::Run;
use crate::measured::scale::Scale;
use crate::opened::Networks;

/// The networks, in nearly the order of the other experiments: spoken digits before ALBERT.
///
/// Of the two of a kind of which the second needs no data beyond what ships with the source, both are
/// here where they take seconds; a grid of MiniLM on STS-B would take hours at desk scale, where it has
/// its row in the other experiments.
fn all() -> Vec<NetworkId> {
    let mut all: Vec<NetworkId> = networks::all().collect();
    let place = |wanted| all.iter().position(|id| *id == wanted);
    if let Some((digits, albert)) =
        place(NetworkId::LstmSpokenDigits).zip(place(NetworkId::AlbertSentiment))
    {
        all.swap(digits, albert);
    }
    all
}

/// The networks of a scale: two at smoke scale; at paper scale the only BERT is bert-stsb.
fn of_scale(scale: Scale) -> Vec<NetworkId> {
    let mut wanted = all();
    wanted.retain(|id| match scale {
        Scale::Smoke => [NetworkId::LstmJapaneseVowels, NetworkId::ResNet18].contains(id),
        Scale::Desk | Scale::Long => *id != NetworkId::BertStsb,
        Scale::Paper => *id != NetworkId::BertSentiment,
    });
    wanted
}

/// A run for every network and axis whose data is there: axis by axis, so that every network has
/// its first ones early. `tests` is how often a run goes through the test examples.
///
/// # Errors
///
/// [`Error::NoData`] if no network has its data.
pub(super) fn runs<M: Clone>(
    opened: &mut Networks,
    seeds: u64,
    axes: &[Nonideality],
    tests: u64,
    measure: impl Fn(Trained, Nonideality) -> M,
) -> Result<Vec<Run<M>>, Error> {
    let scale = opened.request().scale;
    let with_data = of_networks(opened, of_scale(scale), |network, workload| {
        let trained = trained(network, scale)?;
        let (training, examples) = (trained.work(workload), trained.test_examples(workload) as u64);
        Ok((trained, workload.data(), training, examples))
    })?;
    let mut variants = Vec::new();
    for (index, nonideality) in axes.iter().enumerate() {
        for (trained, data, training, examples) in &with_data {
            // The first run of a network may have to train it.
            let training = if index == 0 { *training } else { 0 };
            let work = training + tests * examples;
            let name = format!("{}, {}", nonideality.axis().words, trained.network);
            let (measure, data) = (measure(trained.clone(), *nonideality), data.clone());
            variants.push(Variant { name, measure, data, work });
        }
    }
    Ok(of_every_seed(opened.request(), seeds, &variants))
}

/// A network of a grid.
#[derive(Clone, Copy, Debug)]
pub(super) struct Column {
    pub(super) id: NetworkId,
    pub(super) family: Family,
}

/// A measure of one network with one nonideality.
pub(super) trait Swept: Measure {
    /// Which is raised.
    fn nonideality(&self) -> Nonideality;

    /// The network.
    fn trained(&self) -> &Trained;
}

impl Swept for Tolerance {
    fn nonideality(&self) -> Nonideality {
        self.nonideality
    }

    fn trained(&self) -> &Trained {
        &self.trained
    }
}

impl Swept for EqualError {
    fn nonideality(&self) -> Nonideality {
        self.nonideality
    }

    fn trained(&self) -> &Trained {
        &self.trained
    }
}

/// The outcomes by axis and network.
#[derive(Debug)]
pub(super) struct Grid<'a, O> {
    pub(super) axes: Vec<&'static Axis>,
    pub(super) columns: Vec<Column>,
    outcomes: Vec<(Nonideality, Subject, &'a O)>,
}

impl<'a, O> Grid<'a, O> {
    /// The outcomes that are there, with the axes and networks that have any.
    pub(super) fn new<M: Swept<Outcome = O>>(results: &'a Results<M>) -> Self {
        let of = |done: &'a Done<M>| {
            let network = done.measure.trained().network;
            (done.measure.nonideality(), network, &done.outcome)
        };
        let outcomes: Vec<_> = results.done.iter().map(of).collect();
        let mut axes: Vec<&'static Axis> = Vec::new();
        for (nonideality, ..) in &outcomes {
            if axes.iter().all(|axis| axis.nonideality != *nonideality) {
                axes.push(nonideality.axis());
            }
        }
        // The paper's first, by where they enter; each in the order of the table.
        axes.sort_by_key(|axis| (!axis.in_paper, class_order(axis.class)));
        let has = |id: NetworkId| outcomes.iter().any(|(_, network, _)| *network == id);
        let mut columns: Vec<Column> = all()
            .into_iter()
            .filter(|id| has(*id))
            .map(|id| Column { id, family: row(id.paper()).family })
            .collect();
        columns.sort_by_key(|column| column.family as u8);
        Self { axes, columns, outcomes }
    }

    /// The outcomes of all seeds.
    pub(super) fn outcomes(
        &self,
        nonideality: Nonideality,
        network: NetworkId,
    ) -> impl Iterator<Item = &'a O> {
        let wanted =
            self.outcomes.iter().filter(move |(n, id, _)| *n == nonideality && *id == network);
        wanted.map(|(.., outcome)| *outcome)
    }

    /// The paper's axes among those that are there.
    pub(super) fn papers(&self) -> impl Iterator<Item = &'static Axis> {
        self.axes.iter().copied().filter(|axis| axis.in_paper)
    }

    /// Names of the networks.
    pub(super) fn column_names(&self) -> Vec<String> {
        self.columns.iter().map(|column| column.id.to_string()).collect()
    }

    /// What the report says of the networks whose data is missing, or that have no record yet.
    pub(super) fn left_out(&self, scale: Scale) -> Vec<String> {
        let there: Vec<NetworkId> = self.columns.iter().map(|column| column.id).collect();
        let mut left_out = without(&of_scale(scale), &there);
        if matches!(scale, Scale::Desk | Scale::Long) {
            left_out.push(
                "bert-stsb, a test of which takes as long as those of all others.".to_owned(),
            );
        }
        left_out
    }
}

const fn class_order(class: Class) -> u8 {
    match class {
        Class::InputOutput => 0,
        Class::WeightLike => 1,
        Class::Weight => 2,
    }
}

/// The class in words.
pub(super) const fn class_words(class: Class) -> &'static str {
    match class {
        Class::InputOutput => "inputs and outputs",
        Class::WeightLike => "weight-like",
        Class::Weight => "weights",
    }
}
