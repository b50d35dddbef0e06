//! Arithmetics by name: the TOML files of the crate's `presets` folder, each group of fields with its
//! source.
//!
//! | name | products |
//! | --- | --- |
//! | `mxfp8` | MXFP8 in all three, arXiv:2506.08027 |
//! | `nvfp4` | NVFP4 in all three, arXiv:2509.25149 |
//! | `fp8` | E4M3, gradients E5M2, one scale per tensor |
//! | `fp8-delayed` | the same, scales from past steps |
//! | `mxfp4-sr-rht` | MXFP4 in both backward products, arXiv:2502.20586 |
//! | `bf16` | bf16, weights too |

const PRESETS: [(&str, &str); 6] = [
    ("mxfp8", include_str!("../../presets/mxfp8.toml")),
    ("nvfp4", include_str!("../../presets/nvfp4.toml")),
    ("fp8", include_str!("../../presets/fp8.toml")),
    ("fp8-delayed", include_str!("../../presets/fp8-delayed.toml")),
    ("mxfp4-sr-rht", include_str!("../../presets/mxfp4-sr-rht.toml")),
    ("bf16", include_str!("../../presets/bf16.toml")),
];

/// A name that no arithmetic has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no arithmetic '{0}'; there are float32, {list}", list = names().collect::<Vec<_>>().join(", "))]
pub struct UnknownArithmetic(pub String);

/// The names of all presets.
pub fn names() -> impl Iterator<Item = &'static str> {
    PRESETS.iter().map(|&(name, _)| name)
}

/// The text of a preset.
pub fn text(name: &str) -> Option<&'static str> {
    PRESETS.iter().find(|(n, _)| *n == name).map(|&(_, text)| text)
}
