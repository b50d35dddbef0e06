//! `age`.

use std::path::PathBuf;

use clap::Args;

use super::beside::with_networks;
use super::exit::HOLDS;
use super::one_network::{ENDS, OneNetwork};
use crate::experiments::age;
use crate::experiments::study::Prepared;
use crate::measured::error::Error;
use crate::measured::point::Point;
use crate::output::Output;
use crate::signals::Signals;

/// What its results are below.
const ID: &str = "age";

/// Tell what becomes of one network on tiles from a second to a year, and what an inference takes.
///
/// Writes a report: accuracy over time, mapped directly and trained for the hardware, energy and time of
/// an inference, and how often devices must be programmed anew.
///
/// Example: cargo xtask age --network model.onnx --data data.npz
#[derive(Clone, Debug, Args)]
#[command(after_help = with_networks(ENDS))]
pub struct Age {
    /// The network on its tiles.
    #[command(flatten)]
    pub one: OneNetwork,
    /// The share of the accuracy above chance that is to be kept, in %: how often must devices be
    /// programmed anew for it?
    // After the network.
    #[arg(long, value_name = "X", default_value_t = 99.0, display_order = 1)]
    pub keep: f64,
}

impl Age {
    /// The folder of records, and all points of the command.
    pub(super) fn asked(&self) -> Result<(PathBuf, Vec<Point>), Error> {
        self.one.points(ID, |network| self.experiment(network))
    }

    fn experiment(&self, network: Prepared) -> Result<age::Age, Error> {
        Ok(age::Age::asked_for(network, self.one.programmings, self.keep))
    }

    pub(super) fn run(&self, signals: &Signals, output: &mut Output) -> Result<u8, Error> {
        let title = format!("A year of {}", self.one.network);
        self.one.ask(ID, title, |network| self.experiment(network), (signals, output))?;
        Ok(HOLDS)
    }
}
