//! [`Subject`]: which network is studied; [`Sources`]: where it is found.

use std::sync::Arc;

use datasets::DataFolder;
use serde::{Deserialize, Serialize};

use super::NetworkId;
use super::workload::Workload;
use crate::measured::error::Error;
use crate::measured::scale::Scale;

/// A network that is studied.
///
/// Of the user's own the name says nothing: it is told from others by the checksums of its file and its
/// data, which stand beside it wherever a result is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Subject {
    /// One of the register.
    Registered(NetworkId),
    /// The user's own.
    Own,
}

/// What [`Subject::Own`] is called in files.
const OWN: &str = "own";

/// Where networks and their data are found.
#[derive(Clone, Copy, Debug)]
pub struct Sources<'a> {
    /// Data sets of the networks of the register, and others that ship.
    pub data: &'a DataFolder,
    /// The user's own network with its data, if there is one.
    pub own: Option<&'a Arc<dyn Workload>>,
}

impl<'a> Sources<'a> {
    /// Those of the register alone.
    pub fn registered(data: &'a DataFolder) -> Self {
        Self { data, own: None }
    }
}

impl Subject {
    /// The network of the register, if it is one.
    pub fn registered(self) -> Option<NetworkId> {
        match self {
            Self::Registered(id) => Some(id),
            Self::Own => None,
        }
    }

    /// The network with its data at a scale; the user's own has one scale.
    ///
    /// # Errors
    ///
    /// [`Error::Usage`] if there is no network of the user's, and as [`NetworkId::open`].
    pub fn open(self, sources: Sources<'_>, scale: Scale) -> Result<Arc<dyn Workload>, Error> {
        match self {
            Self::Registered(id) => Ok(id.open(sources.data, scale)?.into()),
            Self::Own => sources.own.cloned().ok_or_else(no_own_network),
        }
    }
}

/// That one's own network is asked for, and none is given.
pub(crate) fn no_own_network() -> Error {
    Error::Usage("a network of one's own is asked for, and none is given".to_owned())
}

impl From<NetworkId> for Subject {
    fn from(id: NetworkId) -> Self {
        Self::Registered(id)
    }
}

impl PartialEq<NetworkId> for Subject {
    fn eq(&self, id: &NetworkId) -> bool {
        self.registered() == Some(*id)
    }
}

impl std::fmt::Display for Subject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.registered().map_or(OWN, NetworkId::name))
    }
}

impl From<Subject> for String {
    fn from(subject: Subject) -> Self {
        subject.to_string()
    }
}

impl TryFrom<String> for Subject {
    type Error = Error;

    fn try_from(name: String) -> Result<Self, Error> {
        if name == OWN { Ok(Self::Own) } else { name.parse().map(Self::Registered) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_network_of_the_register_is_called_as_ones_own() {
        for &id in NetworkId::ALL {
            let written = String::from(Subject::Registered(id));
            assert_eq!(Subject::try_from(written).unwrap(), Subject::Registered(id));
        }
        assert_eq!(Subject::try_from(OWN.to_owned()).unwrap(), Subject::Own);
    }
}
