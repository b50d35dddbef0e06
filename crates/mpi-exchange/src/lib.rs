//! [`Mpi`]: the processes that `mpirun` or `srun` started, for a training that they share.
//!
//! ```text
//! mpirun -n 4 dither train …      four processes, each with some leaves of every batch
//! ```
//!
//! Two collective operations are all that MPI does here: gathering what all have, and exchanging parts.
//! Sums are taken by [`nn::Leaves`], in an order that no library chooses; so the bits do not depend on it.
//!
//! Without the feature `mpi` this crate needs no MPI, and refuses to be one of several processes.
#![forbid(unsafe_code)]

#[cfg(feature = "mpi")]
mod world;

use nn::Processes;

/// What those who start processes tell each of them: how many there are. In the order of Open MPI, MPICH
/// and those that speak PMI, and Slurm.
const COUNTS: [&str; 3] = ["OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "SLURM_STEP_NUM_TASKS"];

/// The processes that were started together, until it is dropped: then MPI ends.
#[derive(Debug)]
pub struct Mpi {
    #[cfg(feature = "mpi")]
    world: Option<world::World>,
}

impl Mpi {
    /// The processes that were started with this one. One that was started alone is alone, and begins no
    /// MPI.
    ///
    /// # Errors
    ///
    /// A clause that says so, if there are several and this program is built without MPI, or MPI does not
    /// let threads take turns; or if it knows of another number of processes.
    pub fn start() -> Result<Self, String> {
        Self::of(started(|name| std::env::var(name).ok()))
    }

    #[cfg(feature = "mpi")]
    fn of(count: usize) -> Result<Self, String> {
        let world = if count > 1 { Some(world::World::start(count)?) } else { None };
        Ok(Self { world })
    }

    #[cfg(not(feature = "mpi"))]
    fn of(count: usize) -> Result<Self, String> {
        if count > 1 {
            return Err(format!(
                "started as one of {count} processes, but built without MPI: build with --features mpi"
            ));
        }
        Ok(Self {})
    }

    /// The processes.
    pub fn processes(&self) -> Processes {
        #[cfg(feature = "mpi")]
        if let Some(world) = &self.world {
            return world.processes();
        }
        Processes::one()
    }

    /// Ends all processes at once with that exit code; one that is alone just ends.
    pub fn abort(&self, code: u8) -> ! {
        #[cfg(feature = "mpi")]
        if let Some(world) = &self.world {
            world.abort(code);
        }
        std::process::exit(i32::from(code))
    }
}

/// How many processes were started together.
fn started(variable: impl Fn(&str) -> Option<String>) -> usize {
    COUNTS.iter().find_map(|name| variable(name)?.parse().ok()).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_starts_processes_says_how_many() {
        let of = |set: &[(&str, &str)]| {
            let variable = |name: &str| {
                set.iter().find(|(set, _)| *set == name).map(|(_, value)| (*value).to_owned())
            };
            started(variable)
        };
        assert_eq!(of(&[]), 1);
        assert_eq!(of(&[("OMPI_COMM_WORLD_SIZE", "4")]), 4);
        assert_eq!(of(&[("PMI_SIZE", "3"), ("SLURM_STEP_NUM_TASKS", "8")]), 3);
        assert_eq!(of(&[("SLURM_STEP_NUM_TASKS", "2")]), 2);
        assert_eq!(of(&[("PMI_SIZE", "many")]), 1);
    }

    #[cfg(not(feature = "mpi"))]
    #[test]
    fn several_processes_need_mpi() {
        assert!(Mpi::of(1).unwrap().processes().is_first());
        let refused = Mpi::of(4).unwrap_err();
        assert!(refused.starts_with("started as one of 4 processes"), "{refused}");
    }
}
