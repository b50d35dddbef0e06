//! The cost of a product of a tile and of a matrix.

use super::energy::{Cost, Energy};
use super::figures::CostFigures;
use super::range::Range;
use crate::array::AnalogMatrix;
use crate::mapping::UnitCell;
use crate::tile::AnalogTile;

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
        let figures = self.scaled_to(self.converters_of(tile));
        let batch = (x.len() / inputs) as f64;
        // Σ_i g_ij in µS, and the mean square of the clipped input.
        let mut load = vec![0.0f64; inputs];
        for array in tile.conductances_us() {
            for row in array.chunks_exact(inputs) {
                load.iter_mut().zip(row).for_each(|(sum, &g)| *sum += f64::from(g));
            }
        }
        let cell = &tile.config().mapping.unit_cell;
        if *cell == UnitCell::ActiveDevice {
            let at_reset = f64::from(tile.range_us()[0]);
            load.iter_mut().for_each(|sum| *sum += outputs as f64 * at_reset);
            for (place, g) in tile.stuck_partners_us() {
                load[place % inputs] += f64::from(g) - at_reset;
            }
        }
        let mut squares = vec![0.0f64; inputs];
        let dac = &tile.config().periphery.dac;
        for row in x.chunks_exact(inputs) {
            let range = dac.range_of(row, tile.input_range());
            for (sum, &x) in squares.iter_mut().zip(row) {
                // The DAC takes NaN for 0.
                let x = if x.is_nan() { 0.0 } else { x / range };
                *sum += f64::from(x.clamp(-dac.bound, dac.bound)).powi(2) / batch;
            }
        }
        let siemens: f64 = load.iter().zip(&squares).map(|(g, s)| g * 1e-6 * s).sum();
        // 1 V² S ns = 10⁻⁹ J = 10³ pJ.
        let array = |v: f64, ns: f64| v * v * siemens * ns * 1e3;
        let array_pj = Range {
            low: array(figures.read_v.low, figures.integration_ns.low),
            nominal: array(figures.read_v.nominal, figures.integration_ns.nominal),
            high: array(figures.read_v.high, figures.integration_ns.high),
        };
        // Bit slices are columns of their own.
        let columns = outputs * cell.planes();
        let adcs = columns.div_ceil(figures.columns_per_adc);
        let rounds = columns.div_ceil(adcs) as f64;
        let devices = tile.conductances_us().count() * inputs * outputs;
        Cost {
            energy: Energy {
                dac_pj: figures.dac_pj.scaled(inputs as f64),
                array_pj,
                adc_pj: figures.adc_pj.scaled(columns as f64),
                digital_pj: figures.digital_pj.scaled(columns as f64),
            },
            latency_ns: figures.dac_ns
                + figures.integration_ns
                + figures.adc_ns.scaled(rounds)
                + figures.digital_ns,
            area_um2: figures.cell_um2.scaled(devices as f64)
                + figures.dac_um2.scaled(inputs as f64)
                + figures.adc_um2.scaled(adcs as f64)
                + figures.digital_um2.scaled(columns as f64),
            macs: (inputs * outputs) as u64,
        }
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
        let later = |a: Range, b: Range| if a.nominal >= b.nominal { a } else { b };
        parts
            .reduce(|a, b| Cost {
                energy: Energy {
                    dac_pj: a.energy.dac_pj + b.energy.dac_pj,
                    array_pj: a.energy.array_pj + b.energy.array_pj,
                    adc_pj: a.energy.adc_pj + b.energy.adc_pj,
                    digital_pj: a.energy.digital_pj + b.energy.digital_pj,
                },
                latency_ns: later(a.latency_ns, b.latency_ns),
                area_um2: a.area_um2 + b.area_um2,
                macs: a.macs + b.macs,
            })
            .expect("a matrix has at least one tile")
    }
}
