//! The IR drop of the sums of a panel: [`ir_drop_estimate`](crate::wires::ir_drop_estimate), lane by lane.

use super::layout::LANES;
use super::sums::Sums;
use crate::wires::IrDropConfig;
use crate::wires::estimate::{DROP, RANGE};

/// The estimate for sums in input codes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Drop {
    /// Load a for a current of one code.
    gain: f32,
    /// Multiplies the drop.
    scale: f32,
    /// Whether loads may lie beyond the range of the estimate.
    pub(super) is_guarded: bool,
}

impl Drop {
    /// For `inputs` word lines whose inputs, of at most `largest` in magnitude, come in codes of `unit`.
    pub(super) fn new(wires: &IrDropConfig, inputs: usize, unit: f32, largest: f32) -> Self {
        let gain = wires.gamma() * inputs as f32 * unit;
        // Weights lie in [−1, 1] but for their noise, and so do inputs; half of the range is room for that.
        let largest = wires.gamma() * (inputs * inputs) as f32 * largest;
        let is_guarded = wires.scale > 0.0 && largest > 0.5 * RANGE;
        Self { gain, scale: wires.scale, is_guarded }
    }

    /// Whether there is a drop at all.
    pub(super) fn is_some(&self) -> bool {
        self.gain > 0.0 && self.scale > 0.0
    }

    /// The sum of a lane with the drop taken off; `guard` says whether loads may lie beyond the range.
    #[inline(always)]
    pub(super) fn applied_to(&self, sums: &Sums, lane: usize, guard: bool) -> f32 {
        let mut a = self.gain * sums.current[lane];
        // Not a minimum: NaN stays visible.
        if guard && a > RANGE {
            a = RANGE;
        }
        let [c3, c2, c1] = DROP;
        let c = ((c3 * a + c2) * a + c1) * a;
        sums.y[lane] - self.scale * c * sums.z[lane]
    }

    /// In how many lanes the load lies beyond the range.
    #[inline(always)]
    pub(super) fn beyond(&self, sums: &Sums) -> u64 {
        sums.current.iter().map(|current| u64::from(self.gain * current > RANGE)).sum()
    }

    /// Takes the drop of one phase off its sums, so that the two phases of a product can be added, each of which
    /// has had its own current; returns in how many lanes its load lay beyond the range.
    pub(super) fn settle(&self, sums: &mut Sums) -> u64 {
        let beyond = if self.is_guarded { self.beyond(sums) } else { 0 };
        for lane in 0..LANES {
            sums.y[lane] = self.applied_to(sums, lane, self.is_guarded);
        }
        (sums.z, sums.current) = ([0.0; LANES], [0.0; LANES]);
        beyond
    }
}
