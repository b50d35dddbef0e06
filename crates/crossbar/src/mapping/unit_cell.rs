//! [`UnitCell`]: the devices that hold one signed weight.
//!
//! With R = g_max − g_min and a normalised weight w̆ ∈ [−1, 1]:
//!
//! ```text
//! active device      g = g_min + |w̆| R                             w̆ = sign(w̆) (g − g_min)/R
//! differential pair  g⁺ = g_min + max(w̆, 0) R, g⁻ = …max(−w̆, 0)    w̆ = (g⁺ − g⁻)/R
//! single device      g = g_min + (w̆ + 1)/2 R                       w̆ = 2(g − g_min)/R − 1
//! pairs, f₀ … f_k    pair f₀ fills up first, then f₁, …            w̆ = Σ f (g⁺ − g⁻)/(R Σ f)
//! bit-sliced         |w̆| as digits of base 2^bits, one pair each   w̆ = Σ s_p (g⁺_p − g⁻_p)/R
//! ```
//!
//! The parts of a bit-sliced weight are columns of their own with an ADC conversion each, added
//! digitally with s_p = 2^(bits·p) (2^bits − 1)/(2^(bits·cells) − 1); every other cell adds its
//! currents before the ADC.

use serde::{Deserialize, Serialize};

use crate::error::TileError;

/// The devices that hold one signed weight; see the [module](self).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum UnitCell {
    /// A pair whose inactive device is taken to be exactly at reset. A weight of zero has no active
    /// device and stays zero, unless one of the two is stuck.
    /// Source: [Rasch23 Methods, "PCM"].
    ActiveDevice,
    /// A pair of which both devices are programmed, the inactive one to reset.
    /// Source: AIHWKit 1.1.0, `SinglePairConductanceConverter`.
    DifferentialPair,
    /// One device for the whole signed range.
    ///
    /// Differs: AIHWKit's `SingleDeviceConductanceConverter` maps the smallest and largest weight
    /// of the matrix to the ends of the range, this cell −1 and 1.
    SingleDevice,
    /// Several pairs with relative significances.
    /// Source: AIHWKit 1.1.0, `NPairConductanceConverter`.
    Pairs {
        /// Significance f of each pair, filled in this order.
        significances: Vec<f32>,
    },
    /// Pairs that hold digits of the weight.
    BitSliced {
        /// Bits of one device.
        bits_per_cell: u8,
        /// Number of digits.
        cells: u8,
    },
}

/// What one array of devices, one device per weight, contributes to the weight.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ArrayRole {
    /// Index of the conversion that the array's current takes part in.
    pub plane: usize,
    /// Weight per µS.
    pub weight_per_us: f32,
    /// Conductance in µS that stands for no contribution.
    pub zero_us: f32,
    /// Whether the contribution takes the sign of the target weight.
    pub signed_by_target: bool,
}

impl ArrayRole {
    /// The weight of a pair of devices, the active one and its partner, where either is stuck.
    ///
    /// ```text
    /// w̆ = ±(g − g_partner) / R          with the sign of the target, and + where that is 0
    /// ```
    pub fn of_pair(&self, active_us: f32, partner_us: f32, target: f32) -> f32 {
        let part = (active_us - partner_us) * self.weight_per_us;
        if target < 0.0 { -part } else { part }
    }
}

impl UnitCell {
    pub(crate) fn check(&self) -> Result<(), TileError> {
        match self {
            Self::Pairs { significances } => {
                TileError::check_count(
                    "unit_cell: number of significances",
                    significances.len(),
                    1..=64,
                )?;
                let check = |&f| TileError::check_within("unit_cell: significances", f, 1e-9..=1e9);
                significances.iter().try_for_each(check)
            }
            Self::BitSliced { bits_per_cell, cells } => {
                let bits = u32::from(*bits_per_cell) * u32::from(*cells);
                TileError::check_within("unit_cell: bits_per_cell · cells", bits, 1.0..=16.0)
            }
            Self::ActiveDevice | Self::DifferentialPair | Self::SingleDevice => Ok(()),
        }
    }

    /// Number of device arrays: devices per weight.
    pub fn arrays(&self) -> usize {
        match self {
            Self::ActiveDevice | Self::SingleDevice => 1,
            Self::DifferentialPair => 2,
            Self::Pairs { significances } => 2 * significances.len(),
            Self::BitSliced { cells, .. } => 2 * usize::from(*cells),
        }
    }

    /// Number of ADC conversions per weight, at least 1.
    pub fn planes(&self) -> usize {
        match self {
            Self::BitSliced { cells, .. } => usize::from(*cells),
            _ => 1,
        }
    }

    /// Digital factor of the conversion `plane`: a part at ±1 contributes this much to the weight.
    pub fn plane_significance(&self, plane: usize) -> f32 {
        match self {
            Self::BitSliced { bits_per_cell, cells } => {
                let (bits, cells) = (u32::from(*bits_per_cell), u32::from(*cells));
                let digit = f64::from((1u32 << bits) - 1);
                let all = f64::from((1u32 << (bits * cells)) - 1);
                (digit * f64::from(1u32 << (bits * plane as u32)) / all) as f32
            }
            _ => 1.0,
        }
    }

    /// Role of device array `array` for a device between `range_us[0]` and `range_us[1]`.
    pub fn role(&self, array: usize, range_us: [f32; 2]) -> ArrayRole {
        let [g_min, g_max] = range_us;
        let range = g_max - g_min;
        let polarity = if array.is_multiple_of(2) { 1.0 } else { -1.0 };
        let role = |plane, weight_per_us| ArrayRole {
            plane,
            weight_per_us,
            zero_us: g_min,
            signed_by_target: false,
        };
        match self {
            Self::ActiveDevice => ArrayRole { signed_by_target: true, ..role(0, 1.0 / range) },
            Self::DifferentialPair => role(0, polarity / range),
            Self::SingleDevice => {
                ArrayRole { zero_us: g_min + 0.5 * range, ..role(0, 2.0 / range) }
            }
            Self::Pairs { significances } => {
                let total: f32 = significances.iter().sum();
                role(0, polarity * significances[array / 2] / (total * range))
            }
            Self::BitSliced { .. } => role(array / 2, polarity / range),
        }
    }

    /// Writes the target conductances in µS of device array `array`.
    ///
    /// # Panics
    ///
    /// If the lengths differ.
    #[track_caller]
    pub fn encode(&self, array: usize, weights: &[f32], range_us: [f32; 2], target_us: &mut [f32]) {
        assert_eq!(weights.len(), target_us.len(), "weights and conductances differ in number");
        let [g_min, g_max] = range_us;
        let range = g_max - g_min;
        let positive = array.is_multiple_of(2);
        let polarised = |w: f32| if positive { w.max(0.0) } else { (-w).max(0.0) };
        let mut write = |share: &dyn Fn(f32) -> f32| {
            for (&w, g) in weights.iter().zip(target_us.iter_mut()) {
                *g = g_min + share(w) * range;
            }
        };
        match self {
            Self::ActiveDevice => write(&|w| w.abs()),
            Self::DifferentialPair => write(&polarised),
            Self::SingleDevice => write(&|w| 0.5 * (w + 1.0)),
            Self::Pairs { significances } => {
                let pair = array / 2;
                let total: f32 = significances.iter().sum();
                let below: f32 = significances[..pair].iter().sum();
                let f = significances[pair];
                write(&|w| ((polarised(w) * total - below) / f).clamp(0.0, 1.0));
            }
            Self::BitSliced { bits_per_cell, cells } => {
                let (bits, cells) = (u32::from(*bits_per_cell), u32::from(*cells));
                let all = ((1u32 << (bits * cells)) - 1) as f32;
                let digit = (1u32 << bits) - 1;
                let shift = bits * (array / 2) as u32;
                write(&|w| {
                    let code = (polarised(w) * all).round() as u32;
                    ((code >> shift) & digit) as f32 / digit as f32
                });
            }
        }
    }

    /// Adds what device array `array` contributes to the weights of its plane.
    ///
    /// `target` are the weights that were encoded; they matter for their sign only. With
    /// [`Self::ActiveDevice`] the partners are taken to be at reset: see [`ArrayRole::of_pair`] for
    /// pairs of which a device is stuck.
    ///
    /// # Panics
    ///
    /// If the lengths differ.
    #[track_caller]
    pub fn decode_into(
        &self,
        array: usize,
        g_us: &[f32],
        target: &[f32],
        range_us: [f32; 2],
        weights: &mut [f32],
    ) {
        assert_eq!(g_us.len(), weights.len(), "conductances and weights differ in number");
        assert_eq!(target.len(), weights.len(), "targets and weights differ in number");
        let role = self.role(array, range_us);
        for ((w, &g), &target) in weights.iter_mut().zip(g_us).zip(target) {
            let part = (g - role.zero_us) * role.weight_per_us;
            *w += match (role.signed_by_target, target) {
                (false, _) => part,
                (true, t) if t > 0.0 => part,
                (true, t) if t < 0.0 => -part,
                (true, _) => 0.0,
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells() -> Vec<UnitCell> {
        vec![
            UnitCell::ActiveDevice,
            UnitCell::DifferentialPair,
            UnitCell::SingleDevice,
            UnitCell::Pairs { significances: vec![1.0, 3.0, 0.5] },
            UnitCell::BitSliced { bits_per_cell: 2, cells: 4 },
            UnitCell::BitSliced { bits_per_cell: 8, cells: 1 },
        ]
    }

    /// Encodes and decodes through ideal devices.
    fn round_trip(cell: &UnitCell, w: &[f32], range: [f32; 2]) -> Vec<f32> {
        let mut sum = vec![0.0; w.len()];
        for plane in 0..cell.planes() {
            let mut part = vec![0.0; w.len()];
            for array in (0..cell.arrays()).filter(|&a| cell.role(a, range).plane == plane) {
                let mut g = vec![0.0; w.len()];
                cell.encode(array, w, range, &mut g);
                assert!(g.iter().all(|g| (range[0]..=range[1]).contains(g)), "{cell:?}: {g:?}");
                cell.decode_into(array, &g, w, range, &mut part);
            }
            assert!(part.iter().all(|p| p.abs() <= 1.0 + 1e-6));
            for (sum, part) in sum.iter_mut().zip(part) {
                *sum += cell.plane_significance(plane) * part;
            }
        }
        sum
    }

    #[test]
    fn the_inverse_mapping_gives_the_weight_back() {
        let w: Vec<f32> = (-100..=100).map(|i| i as f32 / 100.0).collect();
        for cell in cells() {
            // Digits hold the weight to half a step of 255; the others to rounding: at most eight
            // operations on conductances of up to 25 µS with a zero at 9 µS.
            let tolerance = match cell {
                UnitCell::BitSliced { .. } => 0.5 / 255.0 + 1e-6,
                _ => 8.0 * f32::EPSILON * 25.0 / 16.0,
            };
            for (w, back) in w.iter().zip(round_trip(&cell, &w, [9.0, 25.0])) {
                assert!((w - back).abs() <= tolerance, "{cell:?}: {w} became {back}");
            }
        }
    }

    #[test]
    fn every_digit_of_a_sliced_weight_is_exact() {
        let cell = UnitCell::BitSliced { bits_per_cell: 2, cells: 4 };
        let w: Vec<f32> = (-255..=255).map(|i| i as f32 / 255.0).collect();
        for (w, back) in w.iter().zip(round_trip(&cell, &w, [0.0, 25.0])) {
            assert!((w - back).abs() <= 4.0 * f32::EPSILON, "{w} became {back}");
        }
    }

    #[test]
    fn the_pair_of_lowest_significance_fills_first() {
        let cell = UnitCell::Pairs { significances: vec![1.0, 3.0] };
        let mut g = [0.0; 2];
        cell.encode(2, &[0.2, 0.5], [0.0, 10.0], &mut g);
        assert_eq!(g[0], 0.0, "0.2 of 4 units fits into the first pair");
        assert!((g[1] - 10.0 / 3.0).abs() < 1e-5, "of 2 units one is left for a pair of 3");
    }

    #[test]
    fn a_zero_weight_ignores_what_its_device_was_programmed_to() {
        let mut w = [0.0];
        UnitCell::ActiveDevice.decode_into(0, &[3.0], &[0.0], [0.0, 25.0], &mut w);
        assert_eq!(w, [0.0]);
    }
}
