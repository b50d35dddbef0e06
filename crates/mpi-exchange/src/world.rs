//! [`World`]: the world communicator of MPI.

use mpi::environment::Universe;
use mpi::topology::SimpleCommunicator;
use mpi::traits::{Communicator, CommunicatorCollectives};
use mpi::{Threading, initialize_with_threading};
use nn::{Exchange, Processes};

/// MPI, from here on until it is dropped.
pub(super) struct World {
    _universe: Universe,
}

impl std::fmt::Debug for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("World")
    }
}

impl World {
    /// Begins MPI, which should know of so many processes.
    pub(super) fn start(expected: usize) -> Result<Self, String> {
        let Some((universe, threading)) = initialize_with_threading(Threading::Serialized) else {
            return Err("MPI has begun before".to_owned());
        };
        if threading < Threading::Serialized {
            return Err(format!(
                "this MPI gives {threading:?} threads, and needs to give Serialized"
            ));
        }
        let count = Everyone::world().size() as usize;
        if count != expected {
            return Err(format!(
                "one of {expected} processes was started, but MPI knows of {count}: start it with the \
                 mpirun of the MPI that it was built with"
            ));
        }
        Ok(Self { _universe: universe })
    }

    pub(super) fn processes(&self) -> Processes {
        Processes::of(Everyone)
    }

    pub(super) fn abort(&self, code: u8) -> ! {
        Everyone::world().abort(i32::from(code))
    }
}

/// All processes. The thread that trains makes one call after the other.
#[derive(Debug)]
struct Everyone;

impl Everyone {
    fn world() -> SimpleCommunicator {
        SimpleCommunicator::world()
    }
}

impl Exchange for Everyone {
    fn count(&self) -> usize {
        Self::world().size() as usize
    }

    fn index(&self) -> usize {
        Self::world().rank() as usize
    }

    fn all_gather(&self, mine: &[u32], all: &mut [u32]) {
        assert_eq!(all.len(), mine.len() * self.count(), "room for the words of all");
        Self::world().all_gather_into(mine, all);
    }

    fn all_to_all(&self, parts: &[u32], received: &mut [u32]) {
        assert_eq!(parts.len(), received.len(), "as many words come as go");
        assert!(parts.len().is_multiple_of(self.count()), "equal parts");
        Self::world().all_to_all_into(parts, received);
    }
}
