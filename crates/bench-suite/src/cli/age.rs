//! `age`.

use clap::Args;

use super::beside::with_networks;
use super::exit::HOLDS;
use super::one_network::{ENDS, OneNetwork};
use crate::experiments::age;
use crate::measured::error::Error;
use crate::output::Output;
use crate::signals::Signals;

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
    pub(super) fn run(&self, signals: &Signals, output: &mut Output) -> Result<u8, Error> {
        let title = format!("A year of {}", self.one.network);
        let experiment =
            |network| Ok(age::Age::asked_for(network, self.one.programmings, self.keep));
        self.one.ask("age", title, experiment, (signals, output))?;
        Ok(HOLDS)
    }
}
