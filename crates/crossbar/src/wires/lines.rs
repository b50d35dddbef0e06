//! [`LineConfig`]: word and bit lines with their drivers and read-outs, as two ladders for every device.
//!
//! ```text
//! driver ──▭───●──▭──●──▭──●──      word line of input j: r_source + r_word, then r_word
//!              ▯ g   ▯ g   ▯ g      devices
//!              │     │     │
//!              ▭ r_bit, at last r_bit + r_ground, to the read-out, a virtual ground
//!
//! I_i = Σ_j g_ij μ_ji λ_ij V_j
//! ```
//!
//! The network is linear: the current of bit line i is a fixed sum over the inputs. μ_ji is the share of V_j that
//! arrives at device (i, j) if no other line had a potential, λ_ij the share of the current of that device that
//! arrives at the read-out if the word lines held theirs. Each is the solution of a ladder,
//!
//! ```text
//! s_k = 1/(1 + r_k L_k),   L_k = g_k + s_{k+1} L_{k+1},   μ_k = s_0 s_1 … s_k
//! ```
//!
//! with the conductances g_k that hang on line k and L_k that of everything from node k on; for λ the nodes are the
//! inputs, node 0 being next to the read-out. So wires cost nothing in a product: they are in its weights.
//!
//! Exact where either kind of line is ideal. Else the currents that one word line puts into others through the bit lines
//! are left out: they are of second order in the drop. Against the exact [`Circuit`](super::Circuit) the error is 0.2 %
//! of the output where the wires take 10 % and 2 % where they take 30 %: `docs/crossbar/ir-drop.md`.
//!
//! Source: Kirchhoff's laws; for one bit line [Rasch23 Eq. 15].
//!
//! Assumed: inputs are voltages in proportion to x, or the time average of pulses, as in [Rasch23 Eq. 15].

use serde::{Deserialize, Serialize};

use numerics::Par;

use crate::error::TileError;

/// Resistances in Ω; 0 is ideal.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LineConfig {
    /// One segment of word line, from an output to the next.
    pub word_ohm: f32,
    /// One segment of bit line, from an input to the next.
    pub bit_ohm: f32,
    /// What drives a word line, before its first segment.
    #[serde(default)]
    pub source_ohm: f32,
    /// What reads a bit line, behind its last segment.
    #[serde(default)]
    pub ground_ohm: f32,
}

/// Where the devices of an array are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Bit lines of an output, side by side.
    pub lines: usize,
    /// Word lines of an input: one, or one for x and one for −x.
    pub polarities: usize,
    /// Outputs.
    pub outputs: usize,
    /// Inputs.
    pub inputs: usize,
}

impl Layout {
    /// Number of devices.
    pub fn devices(&self) -> usize {
        self.lines * self.polarities * self.outputs * self.inputs
    }
}

impl LineConfig {
    pub(crate) fn check(&self) -> Result<(), TileError> {
        for (field, ohm) in [
            ("lines.word_ohm", self.word_ohm),
            ("lines.bit_ohm", self.bit_ohm),
            ("lines.source_ohm", self.source_ohm),
            ("lines.ground_ohm", self.ground_ohm),
        ] {
            TileError::check_within(field, ohm, 0.0..=1e12)?;
        }
        Ok(())
    }

    /// The same with every resistance that many times as large.
    #[must_use]
    pub fn scaled(&self, by: f32) -> Self {
        Self {
            word_ohm: by * self.word_ohm,
            bit_ohm: by * self.bit_ohm,
            source_ohm: by * self.source_ohm,
            ground_ohm: by * self.ground_ohm,
        }
    }

    /// Multiplies every conductance by μλ: what is left is what the read-outs see of it.
    ///
    /// # Shapes
    ///
    /// - `g_us`: (lines, polarities, out, in) row-major, in µS
    ///
    /// # Panics
    ///
    /// If there is not one conductance for each device of the layout.
    #[track_caller]
    pub fn attenuate(&self, g_us: &mut [f32], layout: Layout, par: Par) {
        let (have, want) = (g_us.len(), layout.devices());
        assert_eq!(have, want, "{have} conductances for {want} devices");
        let [arriving, leaving] = [self.arriving(g_us, layout), self.leaving(g_us, layout, par)];
        let Layout { lines, polarities, outputs, inputs } = layout;
        let rows = g_us.chunks_exact_mut(inputs).zip(arriving.chunks_exact(inputs));
        for (at, (g, mu)) in rows.enumerate() {
            let (line, output) = (at / (polarities * outputs), at % outputs);
            debug_assert!(line < lines);
            let lambda = &leaving[(line * outputs + output) * inputs..][..inputs];
            for ((g, mu), lambda) in g.iter_mut().zip(mu).zip(lambda) {
                *g = (f64::from(*g) * mu * lambda) as f32;
            }
        }
    }

    /// μ of every device, in the order of the conductances. All word lines of a polarity are solved side by side.
    fn arriving(&self, g_us: &[f32], layout: Layout) -> Vec<f64> {
        let Layout { lines, polarities, outputs, inputs } = layout;
        let row = |node: usize, polarity: usize| {
            let (output, line) = (node / lines, node % lines);
            ((line * polarities + polarity) * outputs + output) * inputs
        };
        let (word, source) = (1e-6 * f64::from(self.word_ohm), 1e-6 * f64::from(self.source_ohm));
        let mut mu = vec![0.0; g_us.len()];
        for polarity in 0..polarities {
            let mut rest = vec![0.0; inputs];
            for node in (0..lines * outputs).rev() {
                let ohm = if node == 0 { word + source } else { word };
                let at = row(node, polarity)..row(node, polarity) + inputs;
                let (shares, g) = (&mut mu[at.clone()], &g_us[at]);
                for ((share, rest), &g) in shares.iter_mut().zip(&mut rest).zip(g) {
                    (*share, *rest) = node_of_ladder(ohm, g, *rest);
                }
            }
            let mut before = vec![1.0; inputs];
            for node in 0..lines * outputs {
                let shares = &mut mu[row(node, polarity)..][..inputs];
                for (share, before) in shares.iter_mut().zip(&mut before) {
                    *before *= *share;
                    *share = *before;
                }
            }
        }
        mu
    }

    /// λ of every node of every bit line, (lines, out, in).
    fn leaving(&self, g_us: &[f32], layout: Layout, par: Par) -> Vec<f64> {
        let Layout { lines, polarities, outputs, inputs } = layout;
        let (bit, ground) = (1e-6 * f64::from(self.bit_ohm), 1e-6 * f64::from(self.ground_ohm));
        let mut lambda = vec![0.0; lines * outputs * inputs];
        par.for_each_chunk(&mut lambda, inputs, |at, shares| {
            let (line, output) = (at / outputs, at % outputs);
            let row =
                |polarity| &g_us[((line * polarities + polarity) * outputs + output) * inputs..];
            let mut rest = 0.0;
            for node in (0..inputs).rev() {
                let ohm = if node == 0 { bit + ground } else { bit };
                let g = (0..polarities).map(|polarity| row(polarity)[node]).sum();
                (shares[node], rest) = node_of_ladder(ohm, g, rest);
            }
            let mut before = 1.0;
            for share in shares {
                before *= *share;
                *share = before;
            }
        });
        lambda
    }
}

/// s and s·L of a node of a ladder with a device of g, what is behind it conducting `rest`; in MΩ and µS.
#[inline(always)]
fn node_of_ladder(ohm: f64, g: f32, rest: f64) -> (f64, f64) {
    let load = f64::from(g) + rest;
    let share = 1.0 / (1.0 + ohm * load);
    (share, share * load)
}

#[cfg(test)]
mod tests {
    use numerics::Seed;

    use super::*;
    use crate::wires::bit_line_currents;

    const LAYOUT: Layout = Layout { lines: 1, polarities: 2, outputs: 5, inputs: 7 };

    fn conductances(layout: Layout, g_max_us: f32) -> Vec<f32> {
        let mut g = vec![0.0; layout.devices()];
        Seed::new(1).child("g").stream().fill_uniform(0, &mut g);
        g.iter_mut().for_each(|g| *g *= g_max_us);
        g
    }

    fn inputs(layout: Layout) -> Vec<f64> {
        let mut x = vec![0.0; layout.inputs];
        Seed::new(1).child("x").stream().fill_uniform(0, &mut x);
        x.iter().map(|&x| 2.0 * f64::from(x) - 1.0).collect()
    }

    /// Currents in µA at the read-outs, (out, lines), by elimination over all nodes of the array: slow and plain.
    fn exact(lines: &LineConfig, g_us: &[f32], layout: Layout, x: &[f64]) -> Vec<f64> {
        let Layout { lines: many, polarities, outputs, inputs } = layout;
        let columns = outputs * many;
        // Word lines of each polarity first, then bit lines.
        let word = |p: usize, j: usize, c: usize| (p * inputs + j) * columns + c;
        let bit = |j: usize, c: usize| (polarities * inputs + j) * columns + c;
        let nodes = (polarities + 1) * inputs * columns;
        let mut matrix = vec![vec![0.0; nodes + 1]; nodes];
        let mut join = |a: usize, b: Option<usize>, siemens: f64, potential: f64| {
            matrix[a][a] += siemens;
            match b {
                Some(b) => {
                    matrix[b][b] += siemens;
                    matrix[a][b] -= siemens;
                    matrix[b][a] -= siemens;
                }
                None => matrix[a][nodes] += siemens * potential,
            }
        };
        let us = |ohm: f32| 1e6 / f64::from(ohm);
        for (j, x) in x.iter().enumerate() {
            for c in 0..columns {
                for p in 0..polarities {
                    if c == 0 {
                        let v = if p == 0 { *x } else { -x };
                        join(word(p, j, c), None, us(lines.word_ohm + lines.source_ohm), v);
                    } else {
                        join(word(p, j, c), Some(word(p, j, c - 1)), us(lines.word_ohm), 0.0);
                    }
                    let (output, line) = (c / many, c % many);
                    let at = ((line * polarities + p) * outputs + output) * inputs + j;
                    join(word(p, j, c), Some(bit(j, c)), f64::from(g_us[at]), 0.0);
                }
                if j == 0 {
                    join(bit(j, c), None, us(lines.bit_ohm + lines.ground_ohm), 0.0);
                } else {
                    join(bit(j, c), Some(bit(j - 1, c)), us(lines.bit_ohm), 0.0);
                }
            }
        }
        for k in 0..nodes {
            let pivot = matrix[k].clone();
            for row in matrix.iter_mut().skip(k + 1).filter(|row| row[k] != 0.0) {
                let factor = row[k] / pivot[k];
                row.iter_mut().zip(&pivot).skip(k).for_each(|(a, b)| *a -= factor * b);
            }
        }
        let mut v = vec![0.0; nodes];
        for k in (0..nodes).rev() {
            let known: f64 = (k + 1..nodes).map(|m| matrix[k][m] * v[m]).sum();
            v[k] = (matrix[k][nodes] - known) / matrix[k][k];
        }
        (0..columns).map(|c| v[bit(0, c)] * us(lines.bit_ohm + lines.ground_ohm)).collect()
    }

    /// The same with the reduced model.
    fn reduced(lines: &LineConfig, g_us: &[f32], layout: Layout, x: &[f64]) -> Vec<f64> {
        let mut seen = g_us.to_vec();
        lines.attenuate(&mut seen, layout, Par::Seq);
        summed(&seen, layout, x)
    }

    fn summed(g_us: &[f32], layout: Layout, x: &[f64]) -> Vec<f64> {
        let Layout { lines: many, polarities, outputs, inputs } = layout;
        let current = |column: usize| {
            let (output, line) = (column / many, column % many);
            let of = |p: usize| {
                let row = &g_us[((line * polarities + p) * outputs + output) * inputs..][..inputs];
                row.iter().zip(x).map(|(&g, x)| f64::from(g) * x).sum::<f64>()
            };
            if polarities == 2 { of(0) - of(1) } else { of(0) }
        };
        (0..outputs * many).map(current).collect()
    }

    fn length(v: impl Iterator<Item = f64>) -> f64 {
        v.map(|v| v * v).sum::<f64>().sqrt()
    }

    fn far(a: &[f64], b: &[f64]) -> f64 {
        length(a.iter().zip(b).map(|(a, b)| a - b)) / length(b.iter().copied())
    }

    /// Lines of which one kind is as good as ideal: 10⁻⁹ Ω against devices of 10⁵ Ω.
    #[test]
    fn it_is_exact_where_one_kind_of_line_is_ideal() {
        let tiny = 1e-9;
        let (g, x) = (conductances(LAYOUT, 25.0), inputs(LAYOUT));
        for lines in [
            LineConfig { word_ohm: tiny, bit_ohm: 2e3, source_ohm: 0.0, ground_ohm: 5e3 },
            LineConfig { word_ohm: 3e3, bit_ohm: tiny, source_ohm: 9e3, ground_ohm: 0.0 },
        ] {
            let exact = exact(&lines, &g, LAYOUT, &x);
            let error = far(&reduced(&lines, &g, LAYOUT, &x), &exact);
            // Seven products of f32 conductances; the drop is half of the current or more.
            assert!(error < 1e-6, "{lines:?}: {error}");
            assert!(far(&summed(&g, LAYOUT, &x), &exact) > 0.3);
        }
    }

    #[test]
    fn a_bit_line_is_the_ladder_of_one() {
        let layout = Layout { lines: 1, polarities: 2, outputs: 1, inputs: 300 };
        let (g, x) = (conductances(layout, 5.0), inputs(layout));
        let lines = LineConfig { word_ohm: 0.0, bit_ohm: 3.0, source_ohm: 0.0, ground_ohm: 0.0 };
        let siemens = |g: &[f32]| g.iter().map(|&g| 1e-6 * f64::from(g)).collect::<Vec<f64>>();
        let [plus, minus] = [siemens(&g[..300]), siemens(&g[300..])];
        let ladder = 1e6 * bit_line_currents(&plus, &minus, &x, 3.0).unwrap();
        let current = reduced(&lines, &g, layout, &x)[0];
        // Conductances are rounded to f32, at random: 600 of them.
        let bound = f64::from(f32::EPSILON) * summed(&g, layout, &x)[0].abs().max(5.0 * 25.0);
        assert!((current - ladder).abs() < bound, "{current} µA and {ladder} µA");
    }

    /// What is left out is of second order, whatever the layout.
    #[test]
    fn it_is_close_to_the_exact_array() {
        for layout in [
            LAYOUT,
            Layout { polarities: 1, ..LAYOUT },
            Layout { lines: 3, outputs: 2, ..LAYOUT },
            Layout { lines: 2, polarities: 1, outputs: 3, inputs: 6 },
        ] {
            let (g, x) = (conductances(layout, 25.0), inputs(layout));
            for ohm in [1.0, 30.0, 300.0, 1000.0] {
                let lines =
                    LineConfig { word_ohm: ohm, bit_ohm: ohm, source_ohm: ohm, ground_ohm: ohm };
                let exact = exact(&lines, &g, layout, &x);
                let drop = far(&summed(&g, layout, &x), &exact);
                let error = far(&reduced(&lines, &g, layout, &x), &exact);
                assert!(error < 0.5 * drop * drop + 1e-6, "{layout:?}, {ohm} Ω: {error} of {drop}");
            }
        }
    }

    #[test]
    fn ideal_lines_change_nothing() {
        let mut g = conductances(LAYOUT, 25.0);
        let before = g.clone();
        let lines = LineConfig { word_ohm: 0.0, bit_ohm: 0.0, source_ohm: 0.0, ground_ohm: 0.0 };
        lines.attenuate(&mut g, LAYOUT, Par::Seq);
        assert_eq!(g, before);
    }

    #[test]
    #[cfg(feature = "rayon")]
    fn threads_change_nothing() {
        let layout = Layout { lines: 2, polarities: 2, outputs: 33, inputs: 65 };
        let lines = LineConfig { word_ohm: 7.0, bit_ohm: 5.0, source_ohm: 90.0, ground_ohm: 40.0 };
        let [mut one, mut many] = [conductances(layout, 25.0), conductances(layout, 25.0)];
        lines.attenuate(&mut one, layout, Par::Seq);
        lines.attenuate(&mut many, layout, Par::Rayon);
        assert_eq!(one, many);
    }
}
