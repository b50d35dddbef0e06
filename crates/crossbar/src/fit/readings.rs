//! [`Readings`]: what was measured, device by device.

use std::collections::HashMap;

use super::error::FitError;
use super::text::{self, Row};

/// What a device was programmed to.
#[derive(Clone, Debug, PartialEq)]
pub enum State {
    /// A conductance in µS.
    Target(f64),
    /// What so many pulses, or pulses of such a height, leave: a name for a state.
    Pulse(String),
}

/// One programming of one device, with its readings.
#[derive(Clone, Debug)]
pub struct DeviceReadings {
    /// The device, as the file names it.
    pub device: String,
    /// What it was programmed to.
    pub state: State,
    /// Time of each reading, in seconds since programming, not decreasing.
    pub t_s: Vec<f64>,
    /// The conductances in µS.
    pub g_us: Vec<f64>,
}

/// Readings of devices, in the order in which their first rows came.
///
/// Targets have six digits. A device that was programmed to several states counts as one for each: their errors are taken to be
/// independent.
///
/// # Examples
///
/// ```
/// use crossbar::fit::Readings;
///
/// let mut readings = Readings::default();
/// readings.read("chip.csv", "device; target (µS); Time (min); G (µS)\n\
///                            % read at 0,2 V\n\
///                            a; 10; 1; 9,8\n\
///                            a; 10; 60; 7,9\n\
///                            b; 10; 1; n/a\n".as_bytes())?;
/// let device = &readings.devices()[0];
/// assert_eq!((device.t_s[1], device.g_us[1]), (3600.0, 7.9));
/// assert_eq!(readings.notes(), ["chip.csv: 1 row lacks a value and went unused (line 5)"]);
/// # Ok::<(), crossbar::fit::FitError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Readings {
    devices: Vec<DeviceReadings>,
    index: HashMap<(String, String), usize>,
    notes: Vec<String>,
    count: usize,
}

impl Readings {
    /// Adds a file: a table with a heading for each column, one row a reading.
    ///
    /// | column | headings | units |
    /// | --- | --- | --- |
    /// | device | `device`, `id`, `cell`, `chip`, `row`, `col` …; several together name a device | – |
    /// | target | `target`, `target conductance`, `g_target` … | S, mS, µS, nS |
    /// | pulse, in the place of a target | `pulse`, `pulse number` … | – |
    /// | time, 0 where there is none | `time`, `t`, `elapsed` … | s, ms, µs, min, h, d |
    /// | conductance | `conductance`, `G`, `measured` … | S, mS, µS, nS |
    /// | or resistance | `resistance`, `R` … | Ohm, kOhm, MOhm, GOhm, Ω |
    /// | unit of the conductances of a row | `unit` | as above |
    ///
    /// A unit stands in its heading, `G (µS)`, `G [uS]`, `G / µS` or `g_us`. Values are separated by commas,
    /// semicolons, tabs or `|`; where it is not by commas, a decimal comma is one. Lines before the headings and
    /// those that begin with `#`, `%`, `!` or `//` are skipped. Rows without a value (`n/a`, `NaN`, `OVLD`, an
    /// empty cell) are counted in [`Self::notes`]. Without a column of devices every row is one of its own.
    /// Other columns are ignored.
    ///
    /// # Errors
    ///
    /// [`FitError`] with the line for a text without such a table, an unknown unit, text in the place of a
    /// number, and values that no memory device has.
    pub fn read(&mut self, file: &str, bytes: &[u8]) -> Result<(), FitError> {
        text::read(file, bytes, self)
    }

    /// Adds a reading.
    ///
    /// # Panics
    ///
    /// If a number is not finite, or the target or the time negative.
    #[track_caller]
    pub fn push(&mut self, device: &str, state: State, t_s: f64, g_us: f64) {
        assert!(
            t_s >= 0.0 && t_s.is_finite() && g_us.is_finite(),
            "a reading of {g_us} µS at {t_s} s"
        );
        if let State::Target(target) = state {
            assert!(target >= 0.0 && target.is_finite(), "a target of {target} µS");
        }
        self.push_row(Row { device: device.to_owned(), state, t_s, g_us });
    }

    pub(super) fn push_row(&mut self, Row { device, state, t_s, g_us }: Row) {
        // Six digits, so that targets are the same in any unit.
        let (key, state) = match state {
            State::Target(target) => {
                let key = format!("{target:.5e}");
                let target = key.parse().unwrap_or(target);
                (key, State::Target(target))
            }
            State::Pulse(pulse) => (format!("pulse {pulse}"), State::Pulse(pulse)),
        };
        let at = *self.index.entry((device, key)).or_insert_with_key(|(device, _)| {
            let device = device.clone();
            self.devices.push(DeviceReadings { device, state, t_s: Vec::new(), g_us: Vec::new() });
            self.devices.len() - 1
        });
        let DeviceReadings { t_s: times, g_us: values, .. } = &mut self.devices[at];
        let place = times.partition_point(|&t| t <= t_s);
        times.insert(place, t_s);
        values.insert(place, g_us);
        self.count += 1;
    }

    pub(super) fn note(&mut self, words: String) {
        self.notes.push(words);
    }

    /// The devices.
    pub fn devices(&self) -> &[DeviceReadings] {
        &self.devices
    }

    /// How many readings there are.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// What of the files was not used, in words.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }
}
