//! A command that several processes run together, as `mpirun` or `srun` started them.

use std::time::Duration;

use mpi_exchange::Mpi;
use nn::Processes;

use super::exit::{DOES_NOT_HOLD, ERROR};
use crate::fault;
use crate::measured::error::Error;
use crate::output::remark;
use crate::signals::Signals;

/// How long others leave it to the first to say what went wrong in all of them.
const FIRST_SAYS: Duration = Duration::from_secs(2);

/// Runs a command in each of the processes that were started together, or in this one alone.
///
/// What ends one ends all, for they wait for each other: with one line, and the exit code that this process
/// would have had alone.
///
/// # Errors
///
/// As the command, in a process that is alone; and [`Error::Usage`] if it is not, without MPI.
pub(super) fn together(
    signals: &Signals,
    command: impl FnOnce(&Processes) -> Result<u8, Error>,
) -> Result<u8, Error> {
    let mpi = Mpi::start().map_err(Error::Usage)?;
    let processes = mpi.processes();
    if processes.count() == 1 {
        return command(&processes);
    }
    let error = match fault::caught(|| command(&processes)) {
        Ok(code) => return Ok(code),
        Err(error) => error,
    };
    if !processes.is_first() {
        std::thread::sleep(FIRST_SAYS);
    }
    let (index, count) = (processes.index() + 1, processes.count());
    remark(format_args!("error: {error} (process {index} of {count})"));
    mpi.abort(match error.root() {
        Error::Interrupted => signals.exit_code(),
        Error::Diverged { .. } => DOES_NOT_HOLD,
        _ => ERROR,
    })
}
