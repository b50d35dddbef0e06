//! [`Analog`]: a linear map on crossbar tiles, and how it is trained there.
//!
//! ```text
//! y = β + Σ_p α γ_p ⊙ ADC( W̃_p DAC(x_p / α) )        p: the tiles of the matrix
//! W̃_p = w̆_p + injected noise,   w̆ ∈ [−1, 1],   γ_p = c γ̃_p κ_p
//! ```
//!
//! Weights w̆, scales γ̃ (and κ), the input range α and the biases β are parameters.
//!
//! Source: [Rasch23 Eq. 1–2, Eq. 21–22; Methods, "hardware-aware training"].

use crossbar::{BoundPer, TileConfig, TileError, WeightNoise, WeightNoiseConfig};
use serde::de::{self, MapAccess, Visitor, value::MapAccessDeserializer};
use serde::{Deserialize, Deserializer, Serialize};

/// A tile and the rules of training on it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, try_from = "Fields")]
pub struct Analog {
    tile: TileConfig,
    training: AnalogTraining,
}

/// [`Analog`] before it is checked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    #[serde(deserialize_with = "preset_or_table")]
    tile: TileConfig,
    #[serde(default)]
    training: AnalogTraining,
}

/// How an analog map is trained.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AnalogTraining {
    /// Noise injected into the weights of every mini-batch, for the forward and the backward
    /// product; the update goes to the weights without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weight_noise: Option<WeightNoiseConfig>,
    /// Mini-batches over which that noise rises linearly from 0 to its scale.
    pub ramp: u64,
    /// Whether the drop along the wires acts in training.
    pub ir_drop: bool,
    /// How the input range is learned.
    pub input_range: InputRange,
    /// How the ranges of the ADCs are learned, if they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub adc_bound: Option<AdcBound>,
    /// Which digital scales are learned.
    pub learned_scales: LearnedScales,
    /// The fixed factor c of every scale.
    pub scale_unit: ScaleUnit,
    /// Which weights a step of the optimiser acts on.
    pub step: WeightStep,
    /// Every so many mini-batches the largest weight of each column is brought to 1 again, its
    /// scale taking the factor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remap_every: Option<u64>,
}

/// How an input range α is learned, if it is.
///
/// ```text
/// g = Σ_{x ≥ α} δ − Σ_{x ≤ −α} δ            δ = ∂loss/∂x: the straight-through gradient
/// g ← α · g
/// g ← g − (1 − u) α     if a share of outputs u below `outputs_inside` stayed within the ADC
/// g ← g + decay · α     if a share of inputs above `inside` lies within ±α
/// ```
///
/// Source: [Rasch23 Methods, "input range"]; the conditions from AIHWKit 1.1.0, `periphery.py`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InputRange {
    /// Which gradients count.
    pub rule: InputRangeRule,
    /// What pulls the range down.
    pub decay: f32,
    /// Share of the inputs within the range above which it is pulled down.
    #[serde(default = "most")]
    pub inside: f32,
    /// Share of outputs within the bound of the ADC below which the range is raised, if given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outputs_inside: Option<f32>,
}

/// How the ranges of the ADCs are learned: a factor ρ of the configuration's for each group of columns that
/// [`Adc::bound_per`](crossbar::Adc::bound_per) says, at first 1.
///
/// ```text
/// g = Σ δ γ α z / ρ                           over the outputs z that were clipped
/// g ← g + decay · ρ     if a share of the outputs above `inside` lies within the range
/// ```
///
/// ρ is held within \[10⁻³, 10³\].
///
/// Source: the derivative of clipping, as in Choi et al. 2018 (PACT). Assumed: what pulls the ranges down is that
/// of [`InputRange`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdcBound {
    /// What pulls the range down.
    pub decay: f32,
    /// Share of the outputs within the range above which it is pulled down.
    #[serde(default = "most")]
    pub inside: f32,
}

/// Which gradients of clipped inputs move the input range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InputRangeRule {
    /// It stays as it was calibrated.
    Fixed,
    /// All: the derivative of the clipping.
    Paper,
    /// Only those that want a larger range. Source: AIHWKit 1.1.0, `post_backward`.
    Aihwkit,
}

/// Which factors of the digital scales are learned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LearnedScales {
    /// None: they stay as the weights were mapped.
    None,
    /// γ̃, one per column and tile.
    Column,
    /// κ, one per tile.
    Tile,
    /// Both.
    Both,
}

impl LearnedScales {
    pub(crate) fn columns(self) -> bool {
        matches!(self, Self::Column | Self::Both)
    }

    pub(crate) fn tiles(self) -> bool {
        matches!(self, Self::Tile | Self::Both)
    }
}

/// The factor c in γ = c·γ̃·κ, so that what is learned is near 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ScaleUnit {
    /// 1.
    One,
    /// √(3/n) for n inputs: the standard deviation that uniform weights in [−1, 1] need.
    /// Source: [Rasch23 Methods], c_aws.
    FanIn,
}

impl ScaleUnit {
    pub(crate) fn factor(self, inputs: usize) -> f32 {
        match self {
            Self::One => 1.0,
            Self::FanIn => (3.0 / inputs as f32).sqrt(),
        }
    }
}

/// Which weights an increment is proposed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WeightStep {
    /// w̆ itself: ∂loss/∂w̆ = γ ∂loss/∂w. Source: [Rasch23 Methods].
    Normalized,
    /// w = γ w̆, as if it were digital: the gradient of w̆ is taken as ∂loss/∂w / γ, so that
    /// Δw = −η ∂loss/∂w. Learning rates of the float network carry over. Source: AIHWKit 1.1.0,
    /// mapping scales.
    Logical,
}

fn most() -> f32 {
    0.95
}

impl Default for AnalogTraining {
    /// No injected noise, everything of the tile on, ranges and column scales learned.
    fn default() -> Self {
        Self {
            weight_noise: None,
            ramp: 0,
            ir_drop: true,
            input_range: InputRange::default(),
            adc_bound: None,
            learned_scales: LearnedScales::Column,
            scale_unit: ScaleUnit::One,
            step: WeightStep::Logical,
            remap_every: None,
        }
    }
}

impl Default for InputRange {
    /// That of AIHWKit's preset `StandardHWATrainingPreset`.
    fn default() -> Self {
        let rule = InputRangeRule::Aihwkit;
        Self { rule, decay: 0.001, inside: most(), outputs_inside: None }
    }
}

impl TryFrom<Fields> for Analog {
    type Error = AnalogError;

    fn try_from(fields: Fields) -> Result<Self, AnalogError> {
        Self::new(fields.tile, fields.training)
    }
}

/// A configuration out of range.
#[derive(Clone, Debug, thiserror::Error)]
pub enum AnalogError {
    /// A field of the tile or of the injected noise.
    #[error(transparent)]
    Tile(#[from] TileError),
    /// A field of the training rules.
    #[error("{field} = {value} {condition}")]
    Field {
        /// Its name.
        field: &'static str,
        /// Its value.
        value: f32,
        /// What it does not fulfil.
        condition: &'static str,
    },
    /// Something that a tile may have, but not one that is trained on.
    #[error("{field} {reason}")]
    Untrained {
        /// Its name.
        field: &'static str,
        /// Why not.
        reason: &'static str,
    },
}

impl Analog {
    /// Checks a tile and its training rules.
    ///
    /// # Errors
    ///
    /// [`AnalogError`] naming the first field that is out of range.
    pub fn new(tile: TileConfig, training: AnalogTraining) -> Result<Self, AnalogError> {
        tile.check()?;
        check_adc_bound(&tile, &training)?;
        if let Some(noise) = &training.weight_noise {
            WeightNoise::new(noise)?;
        }
        let InputRange { decay, inside, outputs_inside, .. } = training.input_range;
        let shares = [
            ("inside", inside),
            ("outputs_inside", outputs_inside.unwrap_or(0.0)),
            ("adc_bound.inside", training.adc_bound.map_or(0.0, |learned| learned.inside)),
        ];
        for (field, value) in shares {
            if !(0.0..=1.0).contains(&value) {
                return Err(AnalogError::Field { field, value, condition: "is not a share" });
            }
        }
        let of_bounds = training.adc_bound.map_or(0.0, |learned| learned.decay);
        for (field, value) in [("decay", decay), ("adc_bound.decay", of_bounds)] {
            if !value.is_finite() || value < 0.0 {
                let condition = "must be finite and not negative";
                return Err(AnalogError::Field { field, value, condition });
            }
        }
        if training.remap_every == Some(0) {
            let condition = "must be at least one mini-batch";
            return Err(AnalogError::Field { field: "remap_every", value: 0.0, condition });
        }
        Ok(Self { tile, training })
    }

    /// The tile.
    pub fn tile(&self) -> &TileConfig {
        &self.tile
    }

    /// The rules of training.
    pub fn training(&self) -> &AnalogTraining {
        &self.training
    }
}

/// Whether training can have the ranges of the ADCs.
fn check_adc_bound(tile: &TileConfig, training: &AnalogTraining) -> Result<(), AnalogError> {
    let (adc, dac) = (&tile.periphery.adc, &tile.periphery.dac);
    let refuse = |field, reason| Err(AnalogError::Untrained { field, reason });
    if training.adc_bound.is_none() {
        if adc.bound_per != BoundPer::Tile {
            let reason = "is not the tile: columns get bounds of their own from data by \
                          AnalogTile::calibrate_adc, and in training by adc_bound";
            return refuse("adc.bound_per", reason);
        }
        return Ok(());
    }
    if adc.full_scale().is_none() {
        return refuse("adc_bound", "learns the bound of an ADC, and this one has none");
    }
    if dac.slices() > 1 {
        return refuse(
            "adc_bound",
            "learns from outputs that are one conversion, not one of each slice",
        );
    }
    Ok(())
}

/// A tile as a table, or as the name of a preset or a file.
fn preset_or_table<'de, D: Deserializer<'de>>(source: D) -> Result<TileConfig, D::Error> {
    struct Tile;

    impl<'de> Visitor<'de> for Tile {
        type Value = TileConfig;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("a tile, or the name of a preset")
        }

        fn visit_str<E: de::Error>(self, name: &str) -> Result<TileConfig, E> {
            TileConfig::load(name).map_err(E::custom)
        }

        fn visit_map<M: MapAccess<'de>>(self, map: M) -> Result<TileConfig, M::Error> {
            TileConfig::deserialize(MapAccessDeserializer::new(map))
        }
    }
    source.deserialize_any(Tile)
}
