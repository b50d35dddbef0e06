//! The weights of a tile as its read-outs see them through word and bit lines.

use numerics::Par;

use super::AnalogTile;
use crate::device::Stuck;
use crate::mapping::UnitCell;
use crate::wires::{Layout, LineConfig};

impl AnalogTile {
    /// Adds up the weights of every plane from conductances that the lines have attenuated.
    ///
    /// ```text
    /// pairs           w̆ = (g⁺ μ⁺ − g⁻ μ⁻) λ / R        both devices on one bit line, on word lines of x and −x
    /// single device   w̆ = 2 (g μ λ − g₀ μ₀ λ₀) / R      g₀ = (g_min + g_max)/2
    /// ```
    ///
    /// with μ and λ of [`LineConfig`]. Both devices of a pair load the lines, reset ones too. Pairs of one weight have
    /// bit lines side by side.
    ///
    /// Assumed: devices that stand for 0 beside single devices are a column of their own, the last one of the tile; each
    /// output has what it takes off from there.
    pub(super) fn read_through(&mut self, lines: &LineConfig, par: Par) {
        let (inputs, outputs, range_us) = (self.inputs, self.outputs, self.range_us());
        let cell = self.config.mapping.unit_cell.clone();
        let single = cell == UnitCell::SingleDevice;
        let mut g_us = match cell {
            UnitCell::ActiveDevice => self.pairs_us(),
            _ => self.devices.now_us.clone(),
        };
        if single {
            g_us.extend(std::iter::repeat_n(cell.role(0, range_us).zero_us, inputs));
        }
        let outputs_and_zero = outputs + usize::from(single);
        let polarities = if single { 1 } else { 2 };
        let bit_lines = g_us.len() / (polarities * outputs_and_zero * inputs);
        let layout = Layout { lines: bit_lines, polarities, outputs: outputs_and_zero, inputs };
        lines.attenuate(&mut g_us, layout, par);
        if single {
            let (seen, zero) = g_us.split_at(outputs * inputs);
            let per_us = cell.role(0, range_us).weight_per_us;
            let rows = self.planes[0].weights.chunks_exact_mut(inputs);
            for (weights, seen) in rows.zip(seen.chunks_exact(inputs)) {
                for ((w, g), zero) in weights.iter_mut().zip(seen).zip(zero) {
                    *w = (g - zero) * per_us;
                }
            }
            return;
        }
        for (array, seen) in g_us.chunks_exact(outputs * inputs).enumerate() {
            let (plane, per_us) = match cell {
                UnitCell::ActiveDevice => {
                    let per_us = cell.role(0, range_us).weight_per_us;
                    (0, if array == 0 { per_us } else { -per_us })
                }
                _ => {
                    let role = cell.role(array, range_us);
                    (role.plane, role.weight_per_us)
                }
            };
            for (w, g) in self.planes[plane].weights.iter_mut().zip(seen) {
                *w += g * per_us;
            }
        }
    }

    /// Conductances of both devices of every pair of which only the active one is modelled, (2, out, in): on the
    /// word line of x, and on that of −x.
    fn pairs_us(&self) -> Vec<f32> {
        let reset = self.range_us()[0];
        let mut active = self.devices.now_us.clone();
        let mut partner = vec![reset; active.len()];
        for (active, target) in active.iter_mut().zip(&self.target) {
            if *target == 0.0 {
                *active = reset; // neither is active
            }
        }
        for (i, stuck) in self.devices.stuck.iter() {
            if self.is_exempt(i / self.inputs) {
                continue;
            }
            match stuck {
                Stuck::Device(g) => active[i] = g,
                Stuck::Partner(g) => partner[i] = g,
            }
        }
        for ((active, partner), target) in active.iter_mut().zip(&mut partner).zip(&self.target) {
            if *target < 0.0 {
                std::mem::swap(active, partner);
            }
        }
        active.append(&mut partner);
        active
    }
}
