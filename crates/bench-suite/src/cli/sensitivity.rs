//! `sensitivity`.

use std::path::PathBuf;

use clap::Args;

use super::beside::with_networks;
use super::exit::HOLDS;
use super::one_network::{Answered, ENDS, OneNetwork};
use crate::experiment::Records;
use crate::experiments::sensitivity::{self, BetterTile};
use crate::experiments::study::Prepared;
use crate::measured::error::Error;
use crate::measured::measures::sensitivity::Method;
use crate::measured::point::Point;
use crate::output::Output;
use crate::signals::Signals;

/// What its results are below.
const ID: &str = "sensitivity";

/// Tell what imprecise hardware does to one network, where, and which converters are enough.
///
/// Writes a report of its own, and policy.toml with the layers to keep digital or on better tiles. The same command again
/// goes on where a run stopped.
///
/// Example: cargo xtask sensitivity --network model.onnx --data data.toml
#[derive(Clone, Debug, Args)]
#[command(after_help = with_networks(ENDS))]
pub struct Sensitivity {
    /// The network on its tiles.
    #[command(flatten)]
    pub one: OneNetwork,
    /// How the network comes onto tiles [default: hardware-aware; that of the checkpoint if it is a
    /// network on tiles].
    // After the network.
    #[arg(long, value_enum, display_order = 1)]
    pub method: Option<Method>,
    /// A less imprecise tile, a preset of crossbar or a TOML file: layers that need not be digital come onto it
    /// in policy.toml.
    #[arg(long, value_name = "PRESET|FILE", display_order = 1)]
    pub better_tile: Option<String>,
}

impl Sensitivity {
    /// The folder of records, and all points of the command.
    pub(super) fn asked(&self) -> Result<(PathBuf, Vec<Point>), Error> {
        let better = self.better()?;
        self.one.points(ID, |network| self.experiment(network, better.clone()))
    }

    fn better(&self) -> Result<Option<BetterTile>, Error> {
        self.better_tile.as_deref().map(BetterTile::load).transpose()
    }

    fn experiment(
        &self,
        network: Prepared,
        better: Option<BetterTile>,
    ) -> Result<sensitivity::OneNetwork, Error> {
        let Self { one, method, .. } = self;
        sensitivity::OneNetwork::asked_for(network, one.programmings, *method, better)
    }

    pub(super) fn run(&self, signals: &Signals, output: &mut Output) -> Result<u8, Error> {
        let title = format!("Imprecise hardware and {}", self.one.network);
        let better = self.better()?;
        let experiment = |network| self.experiment(network, better.clone());
        let Some(Answered { experiment, points, store }) =
            self.one.ask(ID, title, experiment, (signals, output))?
        else {
            return Ok(HOLDS);
        };
        let mut with_records = Vec::new();
        for point in points {
            let record = store.load(&point)?;
            with_records.push((point, record));
        }
        let records = Records { scale: self.one.beside.scale, points: &with_records };
        if let Some(policy) = experiment.policy(&records) {
            let file = store.write("policy.toml", &policy)?;
            output.line(format_args!(
                "Layers to keep digital or on better tiles: {}",
                file.display()
            ));
        }
        Ok(HOLDS)
    }
}
