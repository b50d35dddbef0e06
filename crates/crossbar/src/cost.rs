//! Energy, latency and area of analog products, estimated from named component figures.
//!
//! ```text
//! energy  = inputs · E_DAC + outputs · E_ADC + outputs · E_digital + E_array
//! E_array = V_read² t_int Σ_ij (g⁺_ij + g⁻_ij) x_j²      from the conductances and inputs at hand
//! latency = t_DAC + t_int + ⌈outputs / ADCs⌉ t_ADC + t_digital
//! area    = devices · A_cell + inputs · A_DAC + ADCs · A_ADC + outputs · A_digital
//! ```
//!
//! The figures are those of 8-bit converters. For a tile whose converters have other numbers of
//! steps, or for others that the caller names ([`CostFigures::at_steps`]),
//!
//! ```text
//! E_ADC, t_ADC ∝ 2^bits       a converter that counts takes its energy and its time per count
//! t_int        ∝ 2^bits       inputs are widths of pulses, in as many slots
//! ```
//!
//! with 2^bits = steps + 2 of the converter. So the array's energy grows with the resolution of the
//! DAC, and its own conversion, one charging of a word line, does not.
//!
//! Assumed: both scalings, and that areas stay; they are those of the counting ADC and the
//! pulse-width DAC of \[Hermes22\] and \[LeGallo23\], from which the figures come. A constant energy
//! per conversion step is the common figure of merit of converters of few bits.
//! Assumed: a converter without steps, which none is, costs as much as one of 8 bits.
//!
//! Every figure is a value with a range, from low to high, and names its source in the TOML file
//! that it is read from. Results carry the range along: all figures at their low end, at their
//! nominal value, at their high end. They are estimates of the parts that are named, without
//! routing, buffers, control and the network between tiles.

use serde::{Deserialize, Serialize};

use crate::array::AnalogMatrix;
use crate::error::TileError;
use crate::mapping::UnitCell;
use crate::periphery::PeripheryConfig;
use crate::periphery::dac::check_steps;
use crate::tile::AnalogTile;

const STANDARD: &str = include_str!("../presets/cost-standard.toml");

/// 2^bits of the converters that the figures are of.
const EIGHT_BIT_CODES: f64 = 256.0;

/// Largest figure in any of the units: what is beyond is a slip.
const LARGEST: f64 = 1e12;

/// A number with the range in which it is believed to lie.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Range {
    /// Lower end.
    pub low: f64,
    /// Nominal value.
    pub nominal: f64,
    /// Upper end.
    pub high: f64,
}

impl Range {
    fn map(self, f: impl Fn(f64) -> f64) -> Self {
        Self { low: f(self.low), nominal: f(self.nominal), high: f(self.high) }
    }

    fn scaled(self, factor: f64) -> Self {
        self.map(|x| x * factor)
    }
}

impl std::ops::Add for Range {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            low: self.low + other.low,
            nominal: self.nominal + other.nominal,
            high: self.high + other.high,
        }
    }
}

/// What the components of a tile cost.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CostFigures {
    /// Energy of one input conversion in pJ.
    pub dac_pj: Range,
    /// Energy of one output conversion in pJ.
    pub adc_pj: Range,
    /// Energy of scale, bias and accumulation per output in pJ.
    pub digital_pj: Range,
    /// Amplitude of a full input in V.
    pub read_v: Range,
    /// Time for which the inputs drive the array in ns.
    pub integration_ns: Range,
    /// Time of the input conversion in ns.
    pub dac_ns: Range,
    /// Time of one output conversion in ns.
    pub adc_ns: Range,
    /// Time of the digital arithmetic in ns.
    pub digital_ns: Range,
    /// Area of one device with its selector in µm².
    pub cell_um2: Range,
    /// Area of one input converter in µm².
    pub dac_um2: Range,
    /// Area of one output converter in µm².
    pub adc_um2: Range,
    /// Area of the digital arithmetic per output in µm².
    pub digital_um2: Range,
    /// Columns that share one output converter, at least 1.
    pub columns_per_adc: usize,
    /// Converters that every product is taken to have; those of each tile if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub converters: Option<ConverterSteps>,
}

/// Steps of the two converters, 2^bits − 2 each.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConverterSteps {
    /// Of the inputs.
    pub dac: f32,
    /// Of the outputs.
    pub adc: f32,
}

impl ConverterSteps {
    /// 8 bits: what the figures are of.
    pub const EIGHT_BIT: Self = Self { dac: 254.0, adc: 254.0 };

    fn check(&self) -> Result<(), TileError> {
        check_steps("converters.dac", Some(self.dac))?;
        check_steps("converters.adc", Some(self.adc))
    }
}

/// Energy of one product by component, in pJ.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Energy {
    /// Input conversions.
    pub dac_pj: Range,
    /// Currents through the devices.
    pub array_pj: Range,
    /// Output conversions.
    pub adc_pj: Range,
    /// Scale, bias, accumulation.
    pub digital_pj: Range,
}

impl Energy {
    /// Sum over the components.
    pub fn total_pj(&self) -> Range {
        self.dac_pj + self.array_pj + self.adc_pj + self.digital_pj
    }
}

/// Cost of one product of a tile or matrix, averaged over the inputs it was asked for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cost {
    /// Energy of one product.
    pub energy: Energy,
    /// Time of one product in ns. Tiles work at the same time.
    pub latency_ns: Range,
    /// Silicon area in µm².
    pub area_um2: Range,
    /// Multiply-accumulate operations of one product.
    pub macs: u64,
}

impl Cost {
    /// Nominal efficiency in 10¹² operations per second and watt, a multiplication and an addition
    /// counting as two.
    pub fn tops_per_watt(&self) -> f64 {
        2.0 * self.macs as f64 / self.energy.total_pj().nominal
    }
}

impl CostFigures {
    /// Figures whose totals are those of published 8-bit AIMC macros; the comments of
    /// `presets/cost-standard.toml` say which parts are known and which assumed.
    ///
    /// # Panics
    ///
    /// Never: a test reads the file.
    pub fn standard() -> Self {
        Self::from_toml(STANDARD).expect("the shipped figures are read by a test")
    }

    /// Reads figures.
    ///
    /// # Errors
    ///
    /// [`TileError::Syntax`] for text that is no table of figures; [`TileError::Config`] for a
    /// negative figure or one outside its own range.
    pub fn from_toml(text: &str) -> Result<Self, TileError> {
        let figures: Self = toml::from_str(text).map_err(|e| TileError::Syntax(e.to_string()))?;
        figures.check()?;
        Ok(figures)
    }

    /// The figures for products that have these converters, whatever those of the tile are; see the
    /// [module](self) for how they scale.
    ///
    /// # Panics
    ///
    /// Unless both numbers of steps are finite and at least 2.
    #[must_use]
    #[track_caller]
    pub fn at_steps(&self, dac: f32, adc: f32) -> Self {
        let converters = ConverterSteps { dac, adc };
        if let Err(error) = converters.check() {
            panic!("{error}");
        }
        Self { converters: Some(converters), ..self.clone() }
    }

    /// The figures as numbers of those converters.
    fn scaled_to(&self, ConverterSteps { dac, adc }: ConverterSteps) -> Self {
        let factor = |steps: f32| (f64::from(steps) + 2.0) / EIGHT_BIT_CODES;
        Self {
            adc_pj: self.adc_pj.scaled(factor(adc)),
            adc_ns: self.adc_ns.scaled(factor(adc)),
            integration_ns: self.integration_ns.scaled(factor(dac)),
            ..self.clone()
        }
    }

    /// The converters that a product of a tile is taken to have.
    fn converters_of(&self, tile: &AnalogTile) -> ConverterSteps {
        let PeripheryConfig { dac, adc, .. } = &tile.config().periphery;
        let eight = ConverterSteps::EIGHT_BIT;
        self.converters.unwrap_or(ConverterSteps {
            dac: dac.steps.unwrap_or(eight.dac),
            adc: adc.steps.unwrap_or(eight.adc),
        })
    }

    fn check(&self) -> Result<(), TileError> {
        for (field, range) in [
            ("dac_pj", self.dac_pj),
            ("adc_pj", self.adc_pj),
            ("digital_pj", self.digital_pj),
            ("read_v", self.read_v),
            ("integration_ns", self.integration_ns),
            ("dac_ns", self.dac_ns),
            ("adc_ns", self.adc_ns),
            ("digital_ns", self.digital_ns),
            ("cell_um2", self.cell_um2),
            ("dac_um2", self.dac_um2),
            ("adc_um2", self.adc_um2),
            ("digital_um2", self.digital_um2),
        ] {
            let Range { low, nominal, high } = range;
            let ordered = low >= 0.0 && low <= nominal && nominal <= high && high <= LARGEST;
            TileError::check(
                ordered,
                field,
                nominal,
                "is not in 0 ≤ low ≤ nominal ≤ high ≤ 10^12",
            )?;
        }
        self.converters.map_or(Ok(()), |converters| converters.check())?;
        let columns = self.columns_per_adc as f64;
        TileError::check(self.columns_per_adc > 0, "columns_per_adc", columns, "is not ≥ 1")
    }

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

#[cfg(test)]
mod tests;
