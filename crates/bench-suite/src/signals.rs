//! Ctrl-C and what a batch system or a closed terminal sends: each lets running points finish their
//! step and save themselves. A second signal does not wait for that.

use std::sync::atomic::{AtomicU8, Ordering};

use crate::Error;
use crate::progress::{self, STOP};

/// Ctrl-C: SIGINT, as everywhere.
const INTERRUPT: u8 = 2;

/// The signal that stopped the run.
static CAUGHT: AtomicU8 = AtomicU8::new(INTERRUPT);

/// How a stopped program ends: 128 + signal, as shells count. 130 after Ctrl-C, 143 after SIGTERM, 129
/// after SIGHUP.
pub fn exit_code() -> u8 {
    128 + CAUGHT.load(Ordering::Relaxed)
}

/// Stops the run, or the program if the run is about to.
fn caught(signal: u8) {
    if STOP.swap(true, Ordering::Relaxed) {
        std::process::exit(128 + i32::from(signal));
    }
    CAUGHT.store(signal, Ordering::Relaxed);
    progress::announce("stopping at the next step …");
}

/// From now on signals stop the run.
///
/// # Errors
///
/// [`Error::Usage`] if the system does not let us listen.
#[cfg(unix)]
pub fn listen() -> Result<(), Error> {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    let wrong = |error| Error::Usage(format!("cannot listen for Ctrl-C: {error}"));
    let ignored = ignored();
    let wanted = [SIGINT, SIGTERM, SIGHUP].into_iter().filter(|&signal| match ignored {
        Some(mask) => mask & (1 << (signal - 1)) == 0,
        // It may have been started by nohup.
        None => signal != SIGHUP,
    });
    let mut signals = signal_hook::iterator::Signals::new(wanted).map_err(wrong)?;
    std::thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || {
            signals.forever().filter_map(|signal| u8::try_from(signal).ok()).for_each(caught);
        })
        .map_err(wrong)?;
    Ok(())
}

/// The signals that whoever started us wants ignored, as `nohup` does; a bit each.
#[cfg(unix)]
fn ignored() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"))?;
    u64::from_str_radix(mask.trim(), 16).ok()
}

/// From now on Ctrl-C stops the run.
///
/// # Errors
///
/// [`Error::Usage`] if the system does not let us listen.
#[cfg(not(unix))]
pub fn listen() -> Result<(), Error> {
    ctrlc::set_handler(|| caught(INTERRUPT))
        .map_err(|error| Error::Usage(format!("cannot listen for Ctrl-C: {error}")))
}
