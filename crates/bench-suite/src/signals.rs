//! Ctrl-C and what a batch system or a closed terminal sends: each lets running points finish their
//! step and save themselves. A second signal does not wait for that.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use crate::measured::error::Error;
use crate::progress;
use crate::stop::Stop;

/// Ctrl-C: SIGINT, as everywhere.
const INTERRUPT: u8 = 2;

/// What the system wants of the program.
#[derive(Clone, Debug)]
pub struct Signals {
    stop: Stop,
    /// The signal that stopped the run.
    caught: Arc<AtomicU8>,
}

impl Signals {
    /// Signals that will stop what `stop` stops.
    pub fn new(stop: Stop) -> Self {
        Self { stop, caught: Arc::new(AtomicU8::new(INTERRUPT)) }
    }

    /// What they stop.
    pub fn stop(&self) -> &Stop {
        &self.stop
    }

    /// How a stopped program ends: 128 + signal, as shells count. 130 after Ctrl-C, 143 after SIGTERM,
    /// 129 after SIGHUP.
    pub fn exit_code(&self) -> u8 {
        128 + self.caught.load(Ordering::Relaxed)
    }

    /// Stops the run, or the program if the run is about to.
    fn catch(&self, signal: u8) {
        if self.stop.ask() {
            std::process::exit(128 + i32::from(signal));
        }
        self.caught.store(signal, Ordering::Relaxed);
        progress::announce("stopping at the next step …");
    }

    /// From now on signals stop the run.
    ///
    /// # Errors
    ///
    /// [`Error::Usage`] if the system does not let us listen.
    #[cfg(unix)]
    pub fn listen(&self) -> Result<(), Error> {
        use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
        let wrong = |error| Error::Usage(format!("cannot listen for Ctrl-C: {error}"));
        let ignored = ignored();
        let wanted = [SIGINT, SIGTERM, SIGHUP].into_iter().filter(|&signal| match ignored {
            Some(mask) => mask & (1 << (signal - 1)) == 0,
            // It may have been started by nohup.
            None => signal != SIGHUP,
        });
        let caught = self.clone();
        let mut signals = signal_hook::iterator::Signals::new(wanted).map_err(wrong)?;
        std::thread::Builder::new()
            .name("signals".to_owned())
            .spawn(move || {
                signals
                    .forever()
                    .filter_map(|signal| u8::try_from(signal).ok())
                    .for_each(|signal| caught.catch(signal));
            })
            .map_err(wrong)?;
        Ok(())
    }

    /// From now on Ctrl-C stops the run.
    ///
    /// # Errors
    ///
    /// [`Error::Usage`] if the system does not let us listen.
    #[cfg(not(unix))]
    pub fn listen(&self) -> Result<(), Error> {
        let caught = self.clone();
        ctrlc::set_handler(move || caught.catch(INTERRUPT))
            .map_err(|error| Error::Usage(format!("cannot listen for Ctrl-C: {error}")))
    }
}

/// The signals that whoever started us wants ignored, as `nohup` does; a bit each.
#[cfg(unix)]
fn ignored() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"))?;
    u64::from_str_radix(mask.trim(), 16).ok()
}
