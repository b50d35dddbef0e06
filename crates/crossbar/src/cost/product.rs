//! The cost of a product of a tile and of a matrix.

use super::energy::{Cost, Energy};
use super::figures::CostFigures;
use super::programming::Programming;
use super::range::Range;
use crate::array::AnalogMatrix;
use crate::config::TileConfig;
use crate::mapping::UnitCell;
use crate::tile::AnalogTile;

/// How often an array is driven and converted for one product.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Passes {
    /// Parts of an input that drive the word lines one after another.
    pub slices: usize,
    /// Parts of a weight that are columns of their own.
    pub planes: usize,
}

impl Passes {
    /// Those of a tile.
    pub fn of(config: &TileConfig) -> Self {
        Self { slices: config.periphery.conversions(), planes: config.mapping.unit_cell.planes() }
    }

    /// Conversions that one output takes.
    pub fn conversions(self) -> usize {
        self.slices * self.planes
    }
}

/// What one product asks of an array: numbers of what the figures are of.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Work {
    /// Word lines.
    pub inputs: usize,
    /// Outputs.
    pub outputs: usize,
    /// How often the array is driven and converted.
    pub passes: Passes,
    /// Σ_ij g_ij f(x_j) in S over all devices and slices of the inputs, with f as in [`InputEncoding`].
    ///
    /// [`InputEncoding`]: super::InputEncoding
    pub driven_s: Range,
    /// What the array takes beside these currents, in pJ: capacitors and lines that are charged,
    /// adders.
    pub charges_pj: Range,
    /// Bits of an input and of an output where they are stored and carried.
    pub bits: [f64; 2],
    /// Devices.
    pub devices: usize,
}

/// Devices that hold a weight; of a pair both, although one may stay at reset.
fn devices_per_weight(cell: &UnitCell) -> usize {
    match cell {
        UnitCell::ActiveDevice => 2,
        cell => cell.arrays(),
    }
}

impl CostFigures {
    /// Cost of one product of a tile, averaged over a batch of inputs.
    ///
    /// The array's energy takes the conductances as they are now, those of both devices of a pair;
    /// the partner that [`UnitCell::ActiveDevice`] does not model conducts g_min, or what it is stuck
    /// at. The converters are those of the tile, unless [`Self::converters`] names others.
    ///
    /// # Shapes
    ///
    /// - `x`: (batch, in)
    ///
    /// # Panics
    ///
    /// If the batch is empty or not rows of the tile's inputs.
    #[track_caller]
    pub fn tile(&self, tile: &AnalogTile, x: &[f32]) -> Cost {
        let (inputs, outputs) = (tile.inputs(), tile.outputs());
        assert!(
            !x.is_empty() && x.len().is_multiple_of(inputs),
            "{} inputs are not rows of {inputs}",
            x.len()
        );
        let passes = Passes::of(tile.config());
        let converters = self.converters_of(tile);
        let work = Work {
            inputs,
            outputs,
            passes,
            bits: self.stored_as(tile).bits(),
            driven_s: Range::exactly(self.driven_s(tile, x)),
            charges_pj: Range::default(),
            devices: devices_per_weight(&tile.config().mapping.unit_cell) * inputs * outputs,
        };
        self.scaled_to(converters).product(&work)
    }

    /// Cost of one product, from numbers of what the figures are of. The figures are taken as they
    /// are, for whatever converters those have.
    pub fn product(&self, work: &Work) -> Cost {
        let Work { inputs, outputs, passes, driven_s, charges_pj, bits, devices } = *work;
        // 1 V² S ns = 10⁻⁹ J = 10³ pJ.
        let each_siemens = self.read_v.zip(self.integration_ns, |v, ns| v * v * ns * 1e3);
        let array_pj = each_siemens.zip(driven_s, |pj, s| pj * s) + charges_pj;
        let (columns, slices) = (outputs * passes.planes, passes.slices as f64);
        let conversions = (outputs * passes.conversions()) as f64;
        let adcs = columns.div_ceil(self.columns_per_adc);
        let rounds = columns.div_ceil(adcs) as f64;
        let bytes = [inputs as f64 * bits[0] / 8.0, outputs as f64 * bits[1] / 8.0];
        Cost {
            energy: Energy {
                dac_pj: self.dac_pj.scaled(slices * inputs as f64),
                array_pj,
                adc_pj: self.adc_pj.scaled(conversions),
                digital_pj: self.digital_pj.scaled(conversions),
                buffer_pj: self.buffers.map_or_else(Range::default, |b| b.pj(bytes)),
                network_pj: self.network.map_or_else(Range::default, |n| n.pj(bytes)),
                periphery_pj: self.digital_units.map_or_else(Range::default, |u| u.pj(outputs)),
            },
            latency_ns: self.dac_ns
                + (self.integration_ns + self.adc_ns.scaled(rounds)).scaled(slices)
                + self.digital_ns,
            area_um2: self.cell_um2.scaled(devices as f64)
                + self.dac_um2.scaled(inputs as f64)
                + self.adc_um2.scaled(adcs as f64)
                + self.digital_um2.scaled(columns as f64),
            macs: (inputs * outputs) as u64,
            programming: self.programming.map_or_else(Programming::default, |p| p.of(devices)),
        }
    }

    /// Σ_ij g_ij f(x_j) in S, the mean over a batch, f being what an input costs in its encoding.
    fn driven_s(&self, tile: &AnalogTile, x: &[f32]) -> f64 {
        let (inputs, outputs) = (tile.inputs(), tile.outputs());
        // Σ_i g_ij in µS.
        let mut load = vec![0.0f64; inputs];
        for array in tile.conductances_us() {
            for row in array.chunks_exact(inputs) {
                load.iter_mut().zip(row).for_each(|(sum, &g)| *sum += f64::from(g));
            }
        }
        if tile.config().mapping.unit_cell == UnitCell::ActiveDevice {
            let at_reset = f64::from(tile.range_us()[0]);
            load.iter_mut().for_each(|sum| *sum += outputs as f64 * at_reset);
            for (place, g) in tile.stuck_partners_us() {
                load[place % inputs] += f64::from(g) - at_reset;
            }
        }
        let batch = (x.len() / inputs) as f64;
        let dac = &tile.config().periphery.dac;
        let mut driven = vec![0.0f64; inputs];
        for row in x.chunks_exact(inputs) {
            let range = dac.range_of(row, tile.input_range());
            for (sum, &x) in driven.iter_mut().zip(row) {
                // The DAC takes NaN for 0.
                let x = if x.is_nan() { 0.0 } else { x / range };
                for driven in dac.drives(x) {
                    *sum += self.input_encoding.energy_of(f64::from(driven)) / batch;
                }
            }
        }
        load.iter().zip(&driven).map(|(g, f)| g * 1e-6 * f).sum()
    }

    /// Cost of one product of a matrix on its tiles: energies and areas add up, the slowest tile
    /// sets the latency.
    ///
    /// # Shapes
    ///
    /// - `x`: (batch, in)
    ///
    /// # Panics
    ///
    /// If the batch is empty or not rows of the matrix's inputs.
    #[track_caller]
    pub fn matrix(&self, matrix: &AnalogMatrix, x: &[f32]) -> Cost {
        let inputs = matrix.inputs();
        assert!(
            !x.is_empty() && x.len().is_multiple_of(inputs),
            "{} inputs are not rows of {inputs}",
            x.len()
        );
        let parts = matrix.tiles().map(|(_, columns, tile)| {
            let x: Vec<f32> = x
                .chunks_exact(inputs)
                .flat_map(|row| row[columns.clone()].iter().copied())
                .collect();
            self.tile(tile, &x)
        });
        parts.reduce(|a, b| a.beside(&b)).expect("a matrix has at least one tile")
    }
}
