//! [`Networks`]: the networks that experiments have asked for.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::measured::error::Error;
use crate::measured::networks::NetworkId;
use crate::measured::networks::subject::{Subject, no_own_network};
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
    own: Option<Arc<dyn Workload>>,
    opened: BTreeMap<NetworkId, Opened>,
}

/// A network, or why its data is not there.
type Opened = Result<Arc<dyn Workload>, String>;

impl Networks {
    /// Those of a request; none is opened yet.
    pub fn of(request: &Request) -> Self {
        Self { request: request.clone(), own: None, opened: BTreeMap::new() }
    }

    /// With the user's own network, if there is one.
    pub fn with(self, own: Option<Arc<dyn Workload>>) -> Self {
        Self { own, ..self }
    }

    /// The request.
    pub fn request(&self) -> &Request {
        &self.request
    }

    /// The networks that were asked for and lack data, each with what it lacks.
    pub fn lacking(&self) -> impl Iterator<Item = (NetworkId, &str)> {
        self.opened.iter().filter_map(|(&id, opened)| Some((id, opened.as_ref().err()?.as_str())))
    }

    /// The network of the register, or the user's own.
    ///
    /// # Errors
    ///
    /// As [`Subject::open`].
    pub fn subject(&mut self, subject: Subject) -> Result<Arc<dyn Workload>, Error> {
        match subject {
            Subject::Registered(id) => self.open(id),
            Subject::Own => self.own.clone().ok_or_else(no_own_network),
        }
    }

    /// The network of the register.
    ///
    /// # Errors
    ///
    /// [`Error::NoData`] if its data is not
    /// there, [`Error::Io`] or [`Error::Data`] if it is damaged.
    pub fn open(&mut self, id: NetworkId) -> Result<Arc<dyn Workload>, Error> {
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
