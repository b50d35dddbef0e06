//! [`Column`]: what a column of a laboratory's file holds, by its heading.
//!
//! A heading is a word and a unit: `G (µS)`, `Time [ms]`, `R / kOhm`, `t_s`, `conductance_us`. Case, quotes and
//! the two letters µ do not matter.

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Column {
    /// Part of the name of a device.
    Device,
    /// The conductance that was asked for.
    Target(Scale),
    /// The pulse after which the device was read: a state without a conductance.
    Pulse,
    /// Time since programming, in seconds when multiplied.
    Time(f64),
    /// What was measured.
    Conductance(Scale),
    /// The unit of the conductance in its row.
    Unit,
    /// Anything else.
    Other,
}

/// How a number becomes a conductance in µS.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Scale {
    /// Multiplied by this.
    Times(f64),
    /// This, divided by it: a resistance.
    Over(f64),
    /// As the row or another column says.
    Open,
}

impl Scale {
    pub(super) fn of(self, value: f64) -> f64 {
        match self {
            Self::Times(factor) => value * factor,
            Self::Over(factor) => factor / value,
            Self::Open => f64::NAN,
        }
    }
}

/// A heading that names a quantity without its unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NoUnit {
    /// What one would write.
    pub(super) example: &'static str,
}

const DEVICE: [&str; 13] = [
    "device",
    "dev",
    "device id",
    "device no",
    "id",
    "cell",
    "row",
    "col",
    "column",
    "chip",
    "die",
    "array",
    "site",
];
const TARGET: [&str; 7] =
    ["target", "g target", "target g", "target conductance", "g goal", "goal", "setpoint"];
const PULSE: [&str; 5] = ["pulse", "pulses", "pulse number", "pulse no", "pulse count"];
const TIME: [&str; 7] = ["time", "t", "elapsed", "elapsed time", "t read", "read time", "delay"];
const CONDUCTANCE: [&str; 9] = [
    "g",
    "conductance",
    "cond",
    "g read",
    "g meas",
    "g measured",
    "measured conductance",
    "read conductance",
    "measured",
];
const RESISTANCE: [&str; 5] = ["r", "resistance", "r read", "r meas", "measured resistance"];

impl Column {
    /// The column under a heading.
    pub(super) fn of(heading: &str) -> Result<Self, NoUnit> {
        let (word, unit) = split(heading);
        let is = |names: &[&str]| names.contains(&word.as_str());
        let conductance = |example| match (&unit, unit.as_deref().and_then(conductance_us)) {
            (_, Some(scale)) => Ok(scale),
            (None, None) => Ok(Scale::Open),
            (Some(_), None) => Err(NoUnit { example }),
        };
        Ok(if is(&TIME) {
            let seconds = unit.as_deref().and_then(seconds);
            Self::Time(seconds.ok_or(NoUnit { example: "time (s)" })?)
        } else if is(&TARGET) {
            Self::Target(conductance("target (µS)")?)
        } else if is(&CONDUCTANCE) {
            Self::Conductance(conductance("conductance (µS)")?)
        } else if is(&RESISTANCE) {
            match conductance("resistance (Ohm)")? {
                Scale::Times(_) => return Err(NoUnit { example: "resistance (Ohm)" }),
                scale => Self::Conductance(scale),
            }
        } else if is(&PULSE) {
            Self::Pulse
        } else if is(&DEVICE) {
            Self::Device
        } else if is(&["unit", "units"]) {
            Self::Unit
        } else {
            Self::Other
        })
    }
}

/// A heading's word and its unit, if there is one.
fn split(heading: &str) -> (String, Option<String>) {
    let plain = heading.trim().trim_matches(['"', '\'']).replace('μ', "µ");
    let open = plain.find(['(', '[', '/']);
    let (word, unit) = match open {
        Some(at) => {
            let unit = plain[at + 1..].trim().trim_end_matches([')', ']']).trim();
            (&plain[..at], Some(unit.to_owned()))
        }
        None => match plain.rsplit_once('_') {
            // `g_target` ends with a word, `g_target_us` with a unit.
            Some((word, unit)) if conductance_us(unit).is_some() || seconds(unit).is_some() => {
                (word, Some(unit.to_owned()))
            }
            _ => (plain.as_str(), None),
        },
    };
    let word = word.trim().to_lowercase().replace(['_', '-', '.'], " ");
    let word = word.split_whitespace().collect::<Vec<_>>().join(" ");
    (word, unit.filter(|unit| !unit.is_empty()))
}

/// The scale of a unit of conductance or resistance.
pub(super) fn conductance_us(unit: &str) -> Option<Scale> {
    let unit = unit.trim().replace('μ', "µ");
    let scale = match unit.as_str() {
        "S" | "s" | "siemens" | "Siemens" => Scale::Times(1e6),
        "mS" | "ms" => Scale::Times(1e3),
        "µS" | "uS" | "us" | "µs" | "US" => Scale::Times(1.0),
        "nS" | "ns" => Scale::Times(1e-3),
        _ => match unit.replace(['Ω', 'Ω'], "ohm").to_lowercase().as_str() {
            "ohm" | "ohms" => Scale::Over(1e6),
            "kohm" | "kohms" => Scale::Over(1e3),
            // Nobody measures milliohms of a memory device.
            "mohm" | "mohms" | "megohm" => Scale::Over(1.0),
            "gohm" | "gohms" => Scale::Over(1e-3),
            _ => return None,
        },
    };
    Some(scale)
}

/// Seconds in a unit of time.
fn seconds(unit: &str) -> Option<f64> {
    Some(match unit.trim().replace('μ', "µ").to_lowercase().as_str() {
        "s" | "sec" | "second" | "seconds" => 1.0,
        "ms" => 1e-3,
        "us" | "µs" => 1e-6,
        "ns" => 1e-9,
        "min" | "minutes" => 60.0,
        "h" | "hr" | "hours" => 3600.0,
        "d" | "day" | "days" => 86_400.0,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_are_read_as_people_write_them() {
        let us = Scale::Times(1.0);
        for (heading, column) in [
            ("G (µS)", Column::Conductance(us)),
            ("\"Conductance [uS]\"", Column::Conductance(us)),
            ("conductance_us", Column::Conductance(us)),
            ("g / nS", Column::Conductance(Scale::Times(1e-3))),
            ("G(S)", Column::Conductance(Scale::Times(1e6))),
            ("R (kΩ)", Column::Conductance(Scale::Over(1e3))),
            ("Resistance [Ohm]", Column::Conductance(Scale::Over(1e6))),
            ("g_target_us", Column::Target(us)),
            ("Target conductance (mS)", Column::Target(Scale::Times(1e3))),
            ("target", Column::Target(Scale::Open)),
            ("t_s", Column::Time(1.0)),
            ("Time (ms)", Column::Time(1e-3)),
            ("elapsed_time [h]", Column::Time(3600.0)),
            ("Pulse number", Column::Pulse),
            ("Device ID", Column::Device),
            ("row", Column::Device),
            ("operator", Column::Other),
            ("unit", Column::Unit),
        ] {
            assert_eq!(Column::of(heading), Ok(column), "{heading}");
        }
    }

    #[test]
    fn a_time_needs_a_unit_and_a_unit_must_be_one() {
        assert_eq!(Column::of("time"), Err(NoUnit { example: "time (s)" }));
        assert_eq!(Column::of("G (V)"), Err(NoUnit { example: "conductance (µS)" }));
        assert_eq!(Column::of("R (µS)"), Err(NoUnit { example: "resistance (Ohm)" }));
    }

    #[test]
    fn resistances_become_conductances() {
        for (unit, value) in [("Ohm", 1e5), ("kOhm", 100.0), ("MΩ", 0.1), ("GOhm", 1e-4)] {
            let Some(scale) = conductance_us(unit) else { panic!("{unit}") };
            assert!((scale.of(value) - 10.0).abs() < 1e-12, "{unit}");
        }
    }
}
