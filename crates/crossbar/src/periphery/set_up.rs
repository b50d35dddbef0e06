//! [`Periphery`]: the converters of one array with their column errors, ready to multiply.

use numerics::Seed;

use super::adc::{Adc, Columns};
use super::codes::{ConverterRounding, InputCodes};
use super::config::PeripheryConfig;
use super::draw::Streams;
use super::drop::Drop;
use super::encoding::Slices;
use super::epilogue::Chain;
use super::inputs::SumKind;
use super::layout::LANES;
use super::product::{INTEGER_CODE, INTEGER_DROP, INTEGER_INPUTS};
use super::read_noise::ReadNoise;
use crate::error::TileError;
use crate::wires::IrDropConfig;

/// The periphery of one array: converters with their column errors, ready to multiply.
#[derive(Clone, Debug)]
pub struct Periphery {
    pub(super) config: PeripheryConfig,
    pub(super) inputs: usize,
    pub(super) outputs: usize,
    /// The codes of the inputs.
    pub(super) codes: InputCodes,
    pub(super) chain: Chain,
    pub(super) columns: Columns,
    /// By panel, a bit for each output that its converter saturates without any input.
    pub(super) beyond_help: Vec<u32>,
    pub(super) sums: SumKind,
    /// Of the codes, if they come in slices; `chain` and `sums` are those of a slice then.
    pub(super) slices: Option<Slices>,
}

impl Periphery {
    /// The periphery of an array; `seed` draws what differs between its columns.
    ///
    /// # Errors
    ///
    /// [`TileError`] if a field of a configuration is out of range.
    ///
    /// # Panics
    ///
    /// If there are no inputs or no outputs.
    #[track_caller]
    pub fn new(
        config: &PeripheryConfig,
        wires: &IrDropConfig,
        inputs: usize,
        outputs: usize,
        seed: &Seed,
    ) -> Result<Self, TileError> {
        assert!(inputs > 0 && outputs > 0, "an array of {outputs} × {inputs} has no weights");
        config.check()?;
        wires.check()?;
        let PeripheryConfig { dac, read_noise, adc, .. } = config;
        let columns = adc.columns(outputs, seed);
        let beyond_help = beyond_help(adc, &columns, adc.is_coded());
        let slices = dac.cut_codes();
        let mut codes = dac.codes();
        if let Some(Slices { code, .. }) = slices {
            // Whole numbers, to the last bit.
            codes.high = code;
            codes.low = if dac.range.is_symmetric() { -code } else { 0.0 };
        }
        let (pcm, constant) = match *read_noise {
            ReadNoise::None => (0.0, 0.0),
            ReadNoise::Pcm { sigma } => (sigma * sigma, 0.0),
            ReadNoise::Constant { sigma } => (0.0, sigma * sigma),
        };
        let unit = slices.as_ref().map_or(codes.unit, |slices| slices.unit);
        let largest =
            unit * slices.as_ref().map_or(codes.high.max(-codes.low), |slices| slices.largest);
        let chain = Chain {
            unit,
            drop: Drop::new(wires, inputs, unit, largest),
            pcm_variance: pcm,
            constant_variance: constant,
            output_noise: adc.noise,
            s_shape: adc.s_shape.is_some(),
            prefactor: columns.prefactor,
            step: adc.step().unwrap_or(0.0),
            bound: adc.bound.unwrap_or(f32::INFINITY),
            beyond: adc
                .bound
                .map_or(f32::INFINITY, |bound| bound + 0.25 * adc.step().unwrap_or(0.0)),
            stochastic: adc.steps.is_some() && adc.rounding == ConverterRounding::Stochastic,
            nearest: adc.steps.is_some() && adc.rounding == ConverterRounding::Nearest,
            floor: adc.steps.is_some() && adc.rounding == ConverterRounding::Floor,
            coded: adc.is_coded(),
            codes: adc.codes(),
        };
        // With an odd or broken number of steps the codes at the bounds are no integers.
        let small_codes = dac.steps.is_some_and(|steps| {
            let largest = match &slices {
                Some(slices) => slices.largest,
                None if dac.range.is_symmetric() => 0.5 * steps,
                None => steps,
            };
            largest <= INTEGER_CODE && largest.fract() == 0.0
        });
        let small_drop = wires.scale * wires.gamma() <= INTEGER_DROP;
        let sums = if wires.scale * wires.gamma() == 0.0 && pcm == 0.0 {
            SumKind::Plain
        } else if small_codes && small_drop && dac.noise == 0.0 && inputs <= INTEGER_INPUTS {
            SumKind::Integer
        } else {
            SumKind::Float
        };
        let config = config.clone();
        Ok(Self { config, inputs, outputs, codes, chain, columns, beyond_help, sums, slices })
    }

    /// The configuration it was made from.
    pub fn config(&self) -> &PeripheryConfig {
        &self.config
    }

    /// The largest output b_i of every column, infinite without a bound.
    pub fn adc_bounds(&self) -> &[f32] {
        &self.columns.bound
    }

    /// Gives every column a range of its own: that of the configuration times b_i / b, b being its
    /// [`full_scale`](Adc::full_scale). Steps grow and shrink with it, and codes stay what they are.
    ///
    /// Assumed: an S-shape is that of the read-out in front of the converter, and stays.
    ///
    /// # Errors
    ///
    /// [`TileError::Config`] if the configuration has no bound, or a bound lies outside
    /// \[10⁻⁶, 10⁹\]; then none is changed.
    ///
    /// # Panics
    ///
    /// Unless there is one per output.
    #[track_caller]
    pub fn set_adc_bounds(&mut self, bounds: &[f32]) -> Result<(), TileError> {
        assert_eq!(bounds.len(), self.outputs, "bounds are not one per output");
        let adc = &self.config.adc;
        let problem = "is no bound that columns could have their own of";
        let full_scale = adc.full_scale();
        TileError::check(full_scale.is_some(), "adc.bound", f32::INFINITY, problem)?;
        let full_scale = full_scale.unwrap_or(1.0);
        for &bound in bounds {
            TileError::check_within("bound of a column", bound, 1e-6..=1e9)?;
        }
        let step = adc.step().unwrap_or(1.0);
        self.columns.bound.copy_from_slice(bounds);
        for (unit, bound) in self.columns.unit.iter_mut().zip(bounds) {
            *unit = step * (bound / full_scale);
        }
        // Bounds of the configuration give the bits that they gave before.
        self.chain.coded = adc.is_coded() || bounds.iter().any(|&bound| bound != full_scale);
        self.beyond_help = beyond_help(adc, &self.columns, self.chain.coded);
        Ok(())
    }

    /// What the results of every conversion are multiplied by: one number for each slice of the inputs.
    pub(crate) fn slice_factors(&self) -> &[f32] {
        self.slices.as_ref().map_or(&[1.0], |slices| &slices.factors)
    }

    /// The same periphery with an ADC that passes everything on.
    pub(crate) fn before_adc(&self) -> Self {
        let mut open = self.clone();
        open.chain = Chain {
            step: 0.0,
            bound: f32::INFINITY,
            beyond: f32::INFINITY,
            stochastic: false,
            coded: false,
            ..open.chain
        };
        open
    }

    /// The streams of a pass.
    pub(super) fn streams(&self, seed: &Seed) -> Streams {
        Streams::new(seed, &self.config.dac, &self.chain)
    }
}

/// By panel, a bit for each output that its converter saturates without any input.
fn beyond_help(adc: &Adc, columns: &Columns, coded: bool) -> Vec<u32> {
    let (offsets, units) = (columns.offset.chunks(LANES), columns.unit.chunks(LANES));
    offsets
        .zip(units)
        .map(|(offsets, units)| {
            let saturated =
                offsets.iter().zip(units).map(|(&o, &unit)| adc.is_saturated_by(o, unit, coded));
            saturated.enumerate().map(|(lane, saturated)| u32::from(saturated) << lane).sum()
        })
        .collect()
}
