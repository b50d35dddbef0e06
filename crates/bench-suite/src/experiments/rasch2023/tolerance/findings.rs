//! The heat map and the tables of tolerances.

use report::Number;
use report::table::{HeatCell, HeatMap, Table, cells, named, number};

use super::super::paper::{Family, family_words};
use super::super::sensitivity::{Column, Grid, class_words};
use super::LOSS_PERCENT;
use super::claims::claims;
use crate::findings::Findings;
use crate::measured::measures::nonideality::{Axis, Nonideality};
use crate::measured::measures::tolerance::{Bearing, Found};
use crate::measured::networks::NetworkId;
use crate::measured::scale::Scale;
use crate::measured::statistics::Estimate;

/// The 90 % interval of a normal distribution in standard deviations.
const INTERVAL: f64 = 2.0 * 1.645;

/// The tolerance of one network against one nonideality, over all seeds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cell {
    axis: &'static Axis,
    /// ln e*, cut to the interval of the search.
    pub(super) ln_excess: Estimate,
    /// x* at it.
    pub(super) x: f64,
    /// The ends of the 90 % interval of x*.
    ends: [f64; 2],
    /// Probabilities that x* lies beyond and before the interval of the search.
    beyond: f64,
    below: f64,
}

impl Cell {
    fn of(axis: &'static Axis, found: &[&Bearing]) -> Option<Self> {
        let values =
            |of: fn(&Bearing) -> f64| found.iter().map(|bearing| of(bearing)).collect::<Vec<_>>();
        let mean = |of| Estimate::of(&values(of)).map(|estimate| estimate.mean);
        let log =
            |of| -> Vec<f64> { values(of).into_iter().map(|x| axis.excess(x).ln()).collect() };
        let (low, high) = (log(|found| found.least), log(|found| found.most));
        let ln_excess = match (log(|found| found.x).as_slice(), low.as_slice(), high.as_slice()) {
            // What the search itself tells.
            ([found], [low], [high]) => Estimate::known(*found, (high - low) / INTERVAL),
            (all, ..) => Estimate::of(all)?,
        };
        let at = |ln_excess: f64| axis.between(ln_excess.exp());
        let ends = match (low.as_slice(), high.as_slice()) {
            ([low], [high]) => [*low, *high],
            _ => [ln_excess.mean - ln_excess.margin(), ln_excess.mean + ln_excess.margin()],
        };
        Some(Self {
            axis,
            ln_excess,
            x: at(ln_excess.mean),
            ends: ends.map(at),
            beyond: mean(|found| found.beyond)?,
            below: mean(|found| found.below)?,
        })
    }

    /// x* as text, with a sign where it lies outside of what was searched.
    fn text(&self) -> String {
        let [least, most] = self.axis.interval;
        let sign = |more: bool| if more == self.axis.rises() { "> " } else { "< " };
        if self.beyond > 0.5 {
            return format!("{}{}", sign(true), self.axis.text(most));
        }
        if self.below > 0.5 {
            return format!("{}{}", sign(false), self.axis.text(least));
        }
        self.axis.text(self.x)
    }

    /// x* with its 90 % interval.
    pub(super) fn described(&self) -> String {
        format!("{} ({})", self.text(), self.interval())
    }

    fn interval(&self) -> String {
        let [least, most] = self.ends;
        format!("{} to {}", self.axis.text(least), self.axis.text(most))
    }

    /// x* in the direction in which it hurts.
    fn tolerance(&self) -> f64 {
        if self.axis.rises() { self.x } else { -self.x }
    }
}

/// Cells and colour indices of a grid.
pub(super) struct Map<'a> {
    grid: &'a Grid<'a, Found>,
    cells: Vec<Vec<Option<Cell>>>,
}

impl<'a> Map<'a> {
    fn new(grid: &'a Grid<'a, Found>) -> Self {
        let cell = |axis: &'static Axis, column: &Column| {
            let found = grid.outcomes(axis.nonideality, column.id).map(|found| &found.bearing);
            Cell::of(axis, &found.collect::<Vec<_>>())
        };
        let row = |axis: &&'static Axis| grid.columns.iter().map(|c| cell(axis, c)).collect();
        Self { grid, cells: grid.axes.iter().map(row).collect() }
    }

    pub(super) fn row(&self, nonideality: Nonideality) -> &[Option<Cell>] {
        let at = self.grid.axes.iter().position(|axis| axis.nonideality == nonideality);
        at.map_or(&[], |at| &self.cells[at])
    }

    /// r_s = (max x* − x*)/(max x* − min x*) over the networks of a row, 1 being the most sensitive;
    /// nothing where all are alike.
    fn indices(row: &[Option<Cell>]) -> Vec<Option<f64>> {
        let tolerances = row.iter().flatten().map(Cell::tolerance);
        let most = tolerances.clone().fold(f64::NEG_INFINITY, f64::max);
        let least = tolerances.fold(f64::INFINITY, f64::min);
        let index = |cell: &Cell| (most - cell.tolerance()) / (most - least);
        row.iter().map(|cell| cell.as_ref().map(index).filter(|index| index.is_finite())).collect()
    }

    /// Indices of the paper's axes.
    fn rows_of_indices(&self) -> Vec<Vec<Option<f64>>> {
        self.grid.papers().map(|axis| Self::indices(self.row(axis.nonideality))).collect()
    }

    /// Index of one network less that of another, for every one of the paper's axes that has both.
    pub(super) fn index_differences(&self, id: NetworkId, than: NetworkId) -> Vec<f64> {
        let place = |id: NetworkId| self.grid.columns.iter().position(|column| column.id == id);
        let Some((id, than)) = place(id).zip(place(than)) else { return Vec::new() };
        let rows = self.rows_of_indices().into_iter();
        rows.filter_map(|row| Some((*row.get(id)?)? - (*row.get(than)?)?)).collect()
    }

    /// Mean index over the paper's axes of every network that has one.
    pub(super) fn network_indices(&self) -> Vec<(Column, f64)> {
        let rows = self.rows_of_indices();
        let mean = |column: usize| {
            let indices: Vec<f64> =
                rows.iter().filter_map(|row| row.get(column).copied().flatten()).collect();
            Estimate::of(&indices).map(|estimate| estimate.mean)
        };
        let columns = self.grid.columns.iter().enumerate();
        columns.filter_map(|(at, column)| Some((*column, mean(at)?))).collect()
    }

    /// x* of an axis and networks, those of the wanted ones that are there.
    pub(super) fn of(
        &self,
        nonideality: Nonideality,
        wanted: impl Fn(&Column) -> bool,
    ) -> Vec<(Column, Cell)> {
        let pairs = self.grid.columns.iter().zip(self.row(nonideality));
        let pairs = pairs.filter(|(column, _)| wanted(column));
        pairs.filter_map(|(column, cell)| Some((*column, (*cell)?))).collect()
    }
}

pub(super) fn findings(grid: &Grid<'_, Found>, scale: Scale) -> Findings {
    let map = Map::new(grid);
    Findings::default()
        .headline("What each network bears", (!grid.axes.is_empty()).then(|| headline(&map)))
        .claims(claims(&map, scale))
        .heat_maps((!grid.axes.is_empty()).then(|| heat_map(&map)))
        .tables([printed(&map), families(&map), intervals(&map)])
        .notes(notes(&map, scale))
        .left_out(grid.left_out(scale))
}

fn axis_name(axis: &Axis) -> String {
    format!("{} ({})", axis.words, axis.unit)
}

fn heat_map(map: &Map<'_>) -> HeatMap {
    let caption = format!(
        "Tolerance x*: the value at which {LOSS_PERCENT} % of the accuracy above chance is lost \
         after 1 h, everything else being standard, as in Fig. 5B. The colour is the paper's \
         index (max x* − x*)/(max x* − min x*) over the networks of a row. > and < stand before \
         the end of what was searched."
    );
    let scale = ("most tolerant", "most sensitive");
    let empty = HeatMap::new(caption, map.grid.column_names(), scale);
    map.grid.axes.iter().zip(&map.cells).fold(empty, |heat_map, (axis, row)| {
        let cells = row
            .iter()
            .zip(Map::indices(row))
            .map(|(cell, index)| cell.map(|cell| HeatCell::new(cell.text(), index.unwrap_or(0.0))));
        heat_map.row(axis_name(axis), cells)
    })
}

/// What the paper's text says of its tolerances, over networks; its map has colours and no numbers.
const IN_WORDS: [(Nonideality, &str); 7] = [
    (Nonideality::Pcm, "×1.2 to ×3.3"),
    (Nonideality::DacBits, "5 to 6"),
    (Nonideality::StuckReset, "0.42 to 4"),
    (Nonideality::StuckMax, "about 0.05"),
    (Nonideality::StuckRandom, "about 0.05"),
    (Nonideality::IrDrop, "about ×10"),
    (Nonideality::ReadNoise, "up to ×3"),
];

/// Letters of a unit that has room beside its name.
const SHORT: usize = 6;

/// The paper's nonidealities with what its text says, for the first screen of the report.
fn headline(map: &Map<'_>) -> HeatMap {
    let whole = heat_map(map);
    let caption = format!(
        "The value of each nonideality alone at which {LOSS_PERCENT} % of the accuracy above chance is \
         lost after 1 h, as in Fig. 5B. Darker: the networks that bear least of it. Last column: \
         what the paper’s text says of its networks."
    );
    let columns = whole.columns.into_iter().chain(["the paper".to_owned()]);
    let scale = (whole.scale.0.as_str(), whole.scale.1.as_str());
    let empty = HeatMap::new(caption, columns, scale);
    let rows = map.grid.axes.iter().zip(whole.rows).zip(whole.cells);
    rows.filter(|((axis, _), _)| axis.in_paper).fold(empty, |map, ((axis, name), mut cells)| {
        // What a symbol stands for is in the whole map.
        let name = if axis.unit.chars().count() > SHORT { axis.words.to_owned() } else { name };
        let words = IN_WORDS.iter().find(|(nonideality, _)| *nonideality == axis.nonideality);
        cells.push(words.map(|(_, words)| HeatCell::new(*words, f64::NAN)));
        map.row(name, cells)
    })
}

/// What the paper says in words, beside ours.
fn printed(map: &Map<'_>) -> Table {
    let one = |nonideality, id: NetworkId| {
        let cell = map.of(nonideality, |column| column.id == id).pop();
        cell.map(|(_, cell)| cell.described())
    };
    // By tolerance, the least first.
    let range = |nonideality, wanted: &dyn Fn(&Column) -> bool| {
        let mut cells = map.of(nonideality, wanted);
        cells.sort_by(|(_, a), (_, b)| a.tolerance().total_cmp(&b.tolerance()));
        match &cells[..] {
            [] => None,
            [(_, only)] => Some(only.text()),
            [(_, first), .., (_, last)] => Some(format!("{} to {}", first.text(), last.text())),
        }
    };
    let all = |nonideality| range(nonideality, &|_| true);
    let recurrent =
        |nonideality| range(nonideality, &|column: &Column| column.family == Family::Recurrent);
    let rows = [
        ("total PCM noise, ResNet-18", "×1.2", one(Nonideality::Pcm, NetworkId::ResNet18)),
        (
            "total PCM noise, LSTM language model",
            "×3.3",
            one(Nonideality::Pcm, NetworkId::LstmLanguage),
        ),
        (
            "DAC resolution, LSTM language model",
            "5",
            one(Nonideality::DacBits, NetworkId::LstmLanguage),
        ),
        ("DAC resolution, all", "6 has little impact", all(Nonideality::DacBits)),
        ("devices stuck at reset, all", "0.42 % at least", all(Nonideality::StuckReset)),
        ("devices stuck at reset, recurrent", "3 to 4 %", recurrent(Nonideality::StuckReset)),
        ("devices stuck at g_max, all", "0.05 % noticeable", all(Nonideality::StuckMax)),
        ("devices stuck at random, all", "0.05 % noticeable", all(Nonideality::StuckRandom)),
        ("IR drop, all", "about ×10", all(Nonideality::IrDrop)),
        ("short-term read noise, all", "up to ×3", all(Nonideality::ReadNoise)),
    ];
    Table::new(
        "What the paper says of its tolerances in words, and ours of the same family; in \
         brackets the 90 % interval.",
        ["tolerance", "paper", "ours"],
    )
    .rows(rows.into_iter().map(|(what, paper, ours)| cells![what, paper, ours]))
}

fn families(map: &Map<'_>) -> Table {
    let mean = |axis: &Axis, family: Family| {
        let row = map.row(axis.nonideality);
        let pairs = Map::indices(row).into_iter().zip(&map.grid.columns);
        let of_family = pairs.filter(|(_, column)| column.family == family);
        let indices: Vec<f64> = of_family.filter_map(|(index, _)| index).collect();
        number(Estimate::of(&indices).map(|e| e.mean), 2)
    };
    let rows = map.grid.axes.iter().map(|axis| {
        let means = Family::ALL.map(|family| mean(axis, family));
        named(axis.words, [class_words(axis.class).into()].into_iter().chain(means))
    });
    Table::new(
        "Mean colour index by family of networks: 1 is the most sensitive of all, 0 the most \
         tolerant.",
        ["nonideality", "enters at"].into_iter().chain(Family::ALL.map(family_words)),
    )
    .rows(rows)
}

fn intervals(map: &Map<'_>) -> Table {
    let rows = map.grid.axes.iter().zip(&map.cells).map(|(axis, row)| {
        named(axis_name(axis), row.iter().map(|cell| cell.as_ref().map(Cell::interval)))
    });
    Table::new(
        "The 90 % intervals of the tolerances, cut to what was searched.",
        ["nonideality".to_owned()].into_iter().chain(map.grid.column_names()),
    )
    .rows(rows)
}

fn notes(map: &Map<'_>, scale: Scale) -> Vec<String> {
    let mut notes = vec![
        "A tolerance is the median of what the evaluations leave to believe, and its interval holds \
         90 % of that: a curve 1 − 0.99^((e/e*)^p) over the excess e with unknown e* and p is fitted \
         to errors whose noise is estimated from the programmings. Devices, read-outs and noise of \
         the products are the same draws in every evaluation; each programming is tested on its own \
         share of the test examples."
            .to_owned(),
        "The loss is counted in accuracy above chance of the network on the standard tile after 1 h, \
         so a network that loses much there already is not punished again."
            .to_owned(),
        "The paper's colour index is linear in x*, so one network that bears far more than the others \
         brings all of them near 1 in its row; one that bears all that was searched counts with the \
         end of the search."
            .to_owned(),
    ];
    for axis in &map.grid.axes {
        if let Some(why) = axis.not_monotone {
            notes.push(format!("{} need not hurt from the start: {why}.", capital(axis.words)));
        }
    }
    notes.push(
        "S-shape spread: the paper's curvature of 1/4 alone, without spread, changes the gain of \
         every column, which nothing corrects here; networks that lose 1 % by that have no tolerance \
         left for its spread."
            .to_owned(),
    );
    notes.push(
        "Tile size: matrices are mapped anew at every size, the standard one included; a matrix of \
         fewer inputs than the tile is not cut."
            .to_owned(),
    );
    let noise: Vec<String> = map
        .grid
        .columns
        .iter()
        .filter_map(|column| {
            let values: Vec<f64> = map
                .grid
                .axes
                .iter()
                .flat_map(|axis| map.grid.outcomes(axis.nonideality, column.id))
                .map(|found| found.bearing.noise_points)
                .collect();
            let margin = 0.5 * INTERVAL * Estimate::of(&values)?.mean;
            Some(format!("{} {}", column.id, Number::new(margin, 2)))
        })
        .collect();
    if !noise.is_empty() {
        notes.push(format!(
            "Half of the 90 % interval of one evaluation in points of test error: {}.",
            noise.join(", ")
        ));
    }
    if scale < Scale::Paper {
        notes.push(
            "Small networks have few inputs per output: noise at the ends of a short sum weighs more \
             than the paper's networks see, and the wires of a tile that is hardly used drop next to \
             nothing. The order of networks and nonidealities is to be compared, not the numbers."
                .to_owned(),
        );
    }
    notes
}

fn capital(words: &str) -> String {
    let mut characters = words.chars();
    characters
        .next()
        .map_or(String::new(), |first| first.to_uppercase().chain(characters).collect())
}
