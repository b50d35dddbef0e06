//! Energy, latency and area of analog products, estimated from named component figures.
//!
//! ```text
//! energy  = inputs · E_DAC + outputs · E_ADC + outputs · E_digital + E_array
//! E_array = V_read² t_int Σ_ij (g⁺_ij + g⁻_ij) x_j²      from the conductances and inputs at hand
//! latency = t_DAC + t_int + ⌈outputs / ADCs⌉ t_ADC + t_digital
//! area    = devices · A_cell + inputs · A_DAC + ADCs · A_ADC + outputs · A_digital
//! ```
//!
//! Every figure is a value with a range, from low to high, and names its source in the TOML file
//! that it is read from. Results carry the range along: all figures at their low end, at their
//! nominal value, at their high end. They are estimates of the parts that are named, without
//! routing, buffers, control and the network between tiles.

use serde::{Deserialize, Serialize};

use crate::{AnalogMatrix, AnalogTile, TileError};

const STANDARD: &str = include_str!("../presets/cost-standard.toml");

/// 2^bits of the converters that the figures are of.
const EIGHT_BIT_CODES: f64 = 256.0;

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

    /// The figures, which are those of 8-bit converters, for converters of other resolutions.
    ///
    /// ```text
    /// E_ADC, t_ADC ∝ 2^bits       a converter that counts takes its energy and its time per count
    /// t_int        ∝ 2^bits       inputs are widths of pulses, in as many slots
    /// ```
    ///
    /// with 2^bits = steps + 2 of the converter. So the array's energy grows with the resolution of
    /// the DAC, and its own conversion, one charging of a word line, does not.
    ///
    /// Assumed: both scalings, and that areas stay; they are those of the counting ADC and the
    /// pulse-width DAC of \[Hermes22\] and \[LeGallo23\], from which the figures come. A constant energy
    /// per conversion step is the common figure of merit of converters of few bits.
    ///
    /// # Panics
    ///
    /// Unless both numbers of steps are positive and finite.
    #[must_use]
    #[track_caller]
    pub fn at_steps(&self, dac_steps: f32, adc_steps: f32) -> Self {
        let factor = |steps: f32| {
            assert!(steps > 0.0 && steps.is_finite(), "{steps} steps are no converter");
            (f64::from(steps) + 2.0) / EIGHT_BIT_CODES
        };
        let (dac, adc) = (factor(dac_steps), factor(adc_steps));
        Self {
            adc_pj: self.adc_pj.scaled(adc),
            adc_ns: self.adc_ns.scaled(adc),
            integration_ns: self.integration_ns.scaled(dac),
            ..self.clone()
        }
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
            let ordered = low >= 0.0 && low <= nominal && nominal <= high && high.is_finite();
            TileError::check(ordered, field, nominal, "is not in 0 ≤ low ≤ nominal ≤ high")?;
        }
        let columns = self.columns_per_adc as f64;
        TileError::check(self.columns_per_adc > 0, "columns_per_adc", columns, "is not ≥ 1")
    }

    /// Cost of one product of a tile, averaged over a batch of inputs.
    ///
    /// The array's energy takes the conductances as they are now, both devices of a pair if both
    /// are modelled.
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
        let batch = (x.len() / inputs) as f64;
        // Σ_i g_ij in µS, and the mean square of the clipped input.
        let mut load = vec![0.0f64; inputs];
        for array in tile.conductances_us() {
            for row in array.chunks_exact(inputs) {
                load.iter_mut().zip(row).for_each(|(sum, &g)| *sum += f64::from(g));
            }
        }
        let mut squares = vec![0.0f64; inputs];
        for row in x.chunks_exact(inputs) {
            for (sum, &x) in squares.iter_mut().zip(row) {
                *sum += f64::from((x / tile.input_range()).clamp(-1.0, 1.0)).powi(2) / batch;
            }
        }
        let siemens: f64 = load.iter().zip(&squares).map(|(g, s)| g * 1e-6 * s).sum();
        // 1 V² S ns = 10⁻⁹ J = 10³ pJ.
        let array = |v: f64, ns: f64| v * v * siemens * ns * 1e3;
        let array_pj = Range {
            low: array(self.read_v.low, self.integration_ns.low),
            nominal: array(self.read_v.nominal, self.integration_ns.nominal),
            high: array(self.read_v.high, self.integration_ns.high),
        };
        let cell = &tile.config().mapping.unit_cell;
        // Bit slices are columns of their own.
        let columns = outputs * cell.planes();
        let adcs = columns.div_ceil(self.columns_per_adc);
        let rounds = columns.div_ceil(adcs) as f64;
        let devices = tile.conductances_us().count() * inputs * outputs;
        Cost {
            energy: Energy {
                dac_pj: self.dac_pj.scaled(inputs as f64),
                array_pj,
                adc_pj: self.adc_pj.scaled(columns as f64),
                digital_pj: self.digital_pj.scaled(columns as f64),
            },
            latency_ns: self.dac_ns
                + self.integration_ns
                + self.adc_ns.scaled(rounds)
                + self.digital_ns,
            area_um2: self.cell_um2.scaled(devices as f64)
                + self.dac_um2.scaled(inputs as f64)
                + self.adc_um2.scaled(adcs as f64)
                + self.digital_um2.scaled(columns as f64),
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
mod tests {
    use super::*;
    use crate::TileConfig;
    use numerics::{Par, Seed};

    fn ideal_tile() -> AnalogTile {
        let config = TileConfig::load("ideal").unwrap();
        AnalogTile::program(&config, &[1.0; 8], 4, &Seed::new(1), Par::Seq).unwrap()
    }

    #[test]
    fn the_array_energy_is_voltage_squared_times_conductance_times_time() {
        let figures = CostFigures {
            read_v: Range { low: 0.2, nominal: 0.2, high: 0.2 },
            integration_ns: Range { low: 100.0, nominal: 100.0, high: 100.0 },
            ..CostFigures::standard()
        };
        let cost = figures.tile(&ideal_tile(), &[1.0, 1.0, 0.0, 0.5]);
        // 2 columns of 25 µS, Σ x² = 2.25: (0.2 V)² · 112.5 µS · 100 ns = 0.45 pJ.
        assert!((cost.energy.array_pj.nominal - 0.45).abs() < 1e-9);
        assert_eq!(cost.macs, 8);
    }

    #[test]
    fn the_cost_of_a_matrix_is_that_of_its_tiles() {
        let mut config = TileConfig::load("ideal").unwrap();
        config.mapping.max_inputs = 3;
        let w: Vec<f32> = (0..30).map(|i| (i as f32 - 15.0) / 15.0).collect();
        let matrix = AnalogMatrix::program(&config, &w, 6, &Seed::new(1), Par::Seq).unwrap();
        let figures = CostFigures::standard();
        let x = [0.5; 12];
        let total = figures.matrix(&matrix, &x);
        let parts: Vec<Cost> =
            matrix.tiles().map(|(_, _, tile)| figures.tile(tile, &[0.5; 6])).collect();
        let sum: f64 = parts.iter().map(|p| p.energy.total_pj().nominal).sum();
        assert_eq!(parts.len(), 2);
        assert!((total.energy.total_pj().nominal - sum).abs() < 1e-9 * sum);
        assert_eq!(total.latency_ns, parts[0].latency_ns);
    }

    /// Two bits less: a quarter of what counts, and the rest as it was.
    #[test]
    fn coarser_converters_count_less() {
        let figures = CostFigures::standard();
        assert_eq!(figures.at_steps(254.0, 254.0), figures);
        let cost = |figures: &CostFigures| figures.tile(&ideal_tile(), &[1.0, 1.0, 0.0, 0.5]);
        let (eight, adc, dac) = (
            cost(&figures),
            cost(&figures.at_steps(254.0, 62.0)),
            cost(&figures.at_steps(62.0, 254.0)),
        );
        assert_eq!(4.0 * adc.energy.adc_pj.nominal, eight.energy.adc_pj.nominal);
        assert_eq!(adc.energy.array_pj, eight.energy.array_pj);
        assert!(
            (4.0 * dac.energy.array_pj.nominal / eight.energy.array_pj.nominal - 1.0).abs() < 1e-9
        );
        assert_eq!(dac.energy.adc_pj, eight.energy.adc_pj);
        let nanoseconds = |cost: &Cost| cost.latency_ns.nominal;
        assert!((nanoseconds(&eight) - nanoseconds(&dac) - 96.0).abs() < 1e-9);
        assert!((nanoseconds(&eight) - nanoseconds(&adc) - 3.75).abs() < 1e-9);
    }

    #[test]
    fn a_nominal_value_outside_its_range_is_refused() {
        let mut figures = CostFigures::standard();
        figures.adc_pj.nominal = 1e9;
        assert!(figures.check().unwrap_err().to_string().starts_with("adc_pj = 1000000000"));
    }

    /// [Hermes22] measures 10.5 TOPS/W, [LeGallo23] 133 ns a product; a core of theirs has 0.62 mm².
    #[test]
    fn a_tile_of_the_published_size_takes_what_was_measured() {
        let n = 256;
        let (mut w, mut x) = (vec![0.0; n * n], vec![0.0; 20 * n]);
        Seed::new(1).stream().fill_gaussian(0, &mut w);
        Seed::new(2).stream().fill_uniform(0, &mut x);
        x.iter_mut().for_each(|x| *x = 2.0 * *x - 1.0);
        let config = crate::presets::standard_pcm();
        let tile = AnalogTile::program(&config, &w, n, &Seed::new(3), Par::Seq).unwrap();
        let cost = CostFigures::standard().tile(&tile, &x);
        let (efficiency, area_mm2) = (cost.tops_per_watt(), cost.area_um2.nominal * 1e-6);
        assert!((9.5..11.5).contains(&efficiency), "{efficiency} TOPS/W, measured 10.5");
        assert!((0.56..0.68).contains(&area_mm2), "{area_mm2} mm², 0.62 derived");
        let Range { low, nominal, high } = cost.latency_ns;
        assert!((120.0..160.0).contains(&nominal), "{nominal} ns, measured 133");
        assert!(low < 133.0 && 521.0 < high, "{low} to {high} ns");
    }

    #[test]
    fn every_figure_names_its_source() {
        for line in STANDARD.lines().filter(|l| l.contains('=') && !l.starts_with('#')) {
            let source = line.split_once('#').map_or("", |(_, comment)| comment);
            assert!(source.contains('[') || source.contains("Assumed:"), "{line}");
        }
    }
}
