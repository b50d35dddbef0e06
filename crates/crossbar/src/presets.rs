//! Tiles by name: the TOML files of the crate's `presets` folder, each field with its source.
//!
//! | name | device |
//! | --- | --- |
//! | `standard-pcm` | PCM as in the paper, [Rasch23 Supp. Tab. 1] |
//! | `aihwkit-pcm` | PCM as in AIHWKit, both devices of a pair programmed |
//! | `hermes-one`, `hermes-two` | 14 nm PCM of the HERMES chip |
//! | `reram-wan` | resistive RAM, Wan et al. 2022 |
//! | `reram-cmo` | CMO/HfOx resistive RAM |
//! | `state-independent` | errors that do not depend on the state |
//! | `measured-example` | a table of measurements, to be replaced by one's own |
//! | `ideal` | exact devices behind the standard periphery |

use crate::config::TileConfig;

const PRESETS: [(&str, &str); 9] = [
    ("standard-pcm", include_str!("../presets/standard-pcm.toml")),
    ("aihwkit-pcm", include_str!("../presets/aihwkit-pcm.toml")),
    ("hermes-one", include_str!("../presets/hermes-one.toml")),
    ("hermes-two", include_str!("../presets/hermes-two.toml")),
    ("reram-wan", include_str!("../presets/reram-wan.toml")),
    ("reram-cmo", include_str!("../presets/reram-cmo.toml")),
    ("state-independent", include_str!("../presets/state-independent.toml")),
    ("measured-example", include_str!("../presets/measured-example.toml")),
    ("ideal", include_str!("../presets/ideal.toml")),
];

/// The names of all presets.
pub fn names() -> impl Iterator<Item = &'static str> {
    PRESETS.iter().map(|&(name, _)| name)
}

/// The text of a preset.
pub fn text(name: &str) -> Option<&'static str> {
    PRESETS.iter().find(|(n, _)| *n == name).map(|&(_, text)| text)
}

/// The standard tile of the paper.
///
/// Source: [Rasch23 Supp. Tab. 1].
///
/// # Panics
///
/// Never: a test reads every preset.
pub fn standard_pcm() -> TileConfig {
    TileConfig::load("standard-pcm").expect("presets are read by a test")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_preset_is_a_configuration() {
        for name in names() {
            let config = TileConfig::load(name).unwrap_or_else(|error| panic!("{name}: {error}"));
            let again = TileConfig::from_toml(&config.to_toml()).unwrap();
            assert_eq!(config, again, "{name} written and read");
        }
    }

    #[test]
    fn every_field_of_a_preset_names_its_source() {
        for (name, text) in PRESETS {
            for line in text.lines().filter(|l| l.contains('=') && !l.starts_with('#')) {
                let source = line.split_once('#').map_or("", |(_, comment)| comment);
                let known = ["[Rasch23", "AIHWKit 1.1.0", "Assumed:", "crossbar::", "Assumed"];
                assert!(known.iter().any(|k| source.contains(k)), "{name}: {line}");
            }
        }
    }

    #[test]
    fn an_unknown_key_is_refused_with_its_line() {
        for (from, to) in [
            ("t0_s", "t_zero"),
            ("max_inputs", "max_input_size"),
            ("segment_ohm", "ohm"),
            ("scope", "kind"),
            ("pcm = { sigma", "pcm = { std"),
        ] {
            let text = text("standard-pcm").unwrap().replacen(from, to, 1);
            let error = TileConfig::from_toml(&text).unwrap_err().to_string();
            assert!(
                error.contains("line") && error.contains(to.rsplit(' ').next().unwrap()),
                "{error}"
            );
        }
    }

    #[test]
    fn a_name_that_is_neither_preset_nor_file_lists_the_presets() {
        let error = TileConfig::load("standard-pcn").unwrap_err().to_string();
        assert!(error.contains("standard-pcm, aihwkit-pcm"), "{error}");
    }
}
