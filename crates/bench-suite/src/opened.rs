//! [`Networks`]: the networks that experiments have asked for.

use std::collections::BTreeMap;
use std::rc::Rc;

use crate::measured::error::Error;
use crate::measured::networks::NetworkId;
use crate::measured::networks::workload::Workload;
use crate::measured::scale::Scale;
use crate::request::Request;

/// The networks at the scale of a request. Many experiments ask for the same ones, and reading and
/// checking their data takes longer than all else of a start: each is opened once.
///
/// What was opened is kept, so drop this before anything is run. At paper scale, where a single data
/// set may fill the memory, only what is missing is kept.
#[derive(Debug)]
pub struct Networks {
    request: Request,
    opened: BTreeMap<NetworkId, Opened>,
}

/// A network, or why its data is not there.
type Opened = Result<Rc<dyn Workload>, String>;

impl Networks {
    /// Those of a request; none is opened yet.
    pub fn of(request: &Request) -> Self {
        Self { request: request.clone(), opened: BTreeMap::new() }
    }

    /// The request.
    pub fn request(&self) -> &Request {
        &self.request
    }

    /// The network.
    ///
    /// # Errors
    ///
    /// [`Error::NoData`] if its data is not
    /// there, [`Error::Io`] or [`Error::Data`] if it is damaged.
    pub fn open(&mut self, id: NetworkId) -> Result<Rc<dyn Workload>, Error> {
        if let Some(known) = self.opened.get(&id) {
            return known.clone().map_err(Error::NoData);
        }
        let opened: Opened = match id.open(&self.request.data, self.request.scale) {
            Err(Error::NoData(reason)) => Err(reason),
            opened => Ok(opened?.into()),
        };
        if self.request.scale < Scale::Paper || opened.is_err() {
            self.opened.insert(id, opened.clone());
        }
        opened.map_err(Error::NoData)
    }
}
