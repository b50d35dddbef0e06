//! [`AnalogTile`]: one programmed array with its periphery.

mod calibration;
mod digital;
mod exempt;
mod lines;
mod stuck;

use std::sync::Arc;

use numerics::{Par, Seed};

use crate::compensation::reference::DriftReference;
use crate::config::TileConfig;
use crate::device::{Device, Draws, Programmed, StuckDevices};
use crate::error::{CONDUCTANCES_US, TileError};
use crate::mapping::{Levels, UnitCell};
use crate::periphery::{
    Accum, ArrayWeights, Batch, Digital, Inputs, MvmNoise, Out, Periphery, Saturation,
};
use crate::tiling::{Cut, Normalized};

/// Devices of one unit of work.
const CHUNK: usize = 16 * 1024;

/// One array: weights programmed into devices, aged to a time, multiplied through converters.
///
/// Programming noise, drift exponents, stuck devices and column errors are drawn once, from the
/// seed of the tile; accumulated read noise once per age; short-term noise for every product, from
/// the seed of the call.
///
/// # Examples
///
/// ```
/// use crossbar::{AnalogTile, MvmNoise, TileConfig};
/// use numerics::{Par, Seed};
///
/// let config = TileConfig::load("standard-pcm")?;
/// let weights = [0.5, -0.25, 1.0, 0.125, -1.0, 0.75]; // (out, in) = (2, 3)
/// let mut tile = AnalogTile::program(&config, &weights, 3, &Seed::new(1), Par::Seq)?;
/// tile.age_to(3600.0, Par::Seq)?;
/// tile.compensate_drift(&Seed::new(2));
///
/// let x = [0.3, -0.9, 0.6]; // (batch, in) = (1, 3)
/// let mut y = [0.0; 2];
/// let noise = MvmNoise { seed: Seed::new(3), first_sample: 0 };
/// let saturation = tile.forward(&x, &noise, Par::Seq, &mut y);
/// assert!((y[0] - 0.975).abs() < 0.3 && (y[1] - 1.3875).abs() < 0.3);
/// assert_eq!((saturation.inputs, saturation.outputs), (0, 0));
/// # Ok::<(), crossbar::TileError>(())
/// ```
#[derive(Debug)]
pub struct AnalogTile {
    config: TileConfig,
    device: Arc<dyn Device>,
    seed: Seed,
    outputs: usize,
    inputs: usize,
    /// Normalised target weights w̆.
    target: Vec<f32>,
    /// Digital scale γ of every output.
    scale: Vec<f32>,
    /// Factor of the drift compensation of every output.
    compensation: Vec<f32>,
    /// Factor of the recalibration of every output.
    recalibration: Vec<f32>,
    bias: Vec<f32>,
    input_range: f32,
    devices: Devices,
    /// Outputs whose devices are free of error; empty for none.
    exempt: Vec<bool>,
    planes: Vec<Plane>,
    periphery: Periphery,
    t_s: f64,
    reference: DriftReference,
}

/// State of all devices, one array of the unit cell after the other.
#[derive(Debug)]
struct Devices {
    target_us: Vec<f32>,
    programmed_us: Vec<f32>,
    parameter: Vec<f32>,
    now_us: Vec<f32>,
    stuck: StuckDevices,
}

/// The part of the weights that one ADC conversion reads.
#[derive(Debug)]
struct Plane {
    significance: f32,
    weights: Vec<f32>,
    packed: ArrayWeights,
}

impl AnalogTile {
    /// Maps a matrix to conductances and programs them.
    ///
    /// The tile is then at age 0 s: programmed, without drift or accumulated read noise, its drift
    /// reference recorded. The input range is 1 until it is set.
    ///
    /// The errors of the devices are named by `seed` and by their places: two layers programmed with
    /// one seed have the same errors. Give each a child of its own, `seed.child("layer").child(i)`.
    ///
    /// # Shapes
    ///
    /// - `weights`: (out, in) row-major, `inputs` columns
    ///
    /// # Errors
    ///
    /// [`TileError`] if the configuration is out of range, or a weight is not finite or not
    /// mappable.
    ///
    /// # Panics
    ///
    /// If `weights` is not a positive whole number of rows.
    #[track_caller]
    pub fn program(
        config: &TileConfig,
        weights: &[f32],
        inputs: usize,
        seed: &Seed,
        par: Par,
    ) -> Result<Self, TileError> {
        assert!(
            inputs > 0 && !weights.is_empty() && weights.len().is_multiple_of(inputs),
            "{} weights are not rows of {inputs} inputs",
            weights.len()
        );
        config.check()?;
        let cut = Cut::whole(weights.len() / inputs, inputs);
        let normalized = cut.normalize(weights, &config.mapping)?;
        Self::program_normalized(config, normalized, seed, par)
    }

    /// Programs normalised weights, with one scale for each output.
    pub(crate) fn program_normalized(
        config: &TileConfig,
        Normalized { weights: mut target, scales: scale }: Normalized,
        seed: &Seed,
        par: Par,
    ) -> Result<Self, TileError> {
        let (outputs, inputs) = (scale.len(), target.len() / scale.len());
        let device = config.device.build()?;
        let cell = &config.mapping.unit_cell;
        if let Some(levels) = Levels::new(cell, config.mapping.levels) {
            levels.round(&mut target);
        }
        let mut wires = config.ir_drop;
        if config.lines.is_some() {
            wires.scale = 0.0; // they are in the weights
        }
        let periphery =
            Periphery::new(&config.periphery, &wires, inputs, outputs, &seed.child("columns"))?;
        let devices = Devices::program(config, device.as_ref(), &target, seed, par);
        let planes = (0..cell.planes())
            .map(|plane| Plane {
                significance: cell.plane_significance(plane),
                weights: vec![0.0; target.len()],
                packed: ArrayWeights::pack(&vec![0.0; target.len()], outputs, inputs),
            })
            .collect();
        let mut tile = Self {
            config: config.clone(),
            device,
            seed: *seed,
            outputs,
            inputs,
            target,
            scale,
            compensation: vec![1.0; outputs],
            recalibration: vec![1.0; outputs],
            bias: Vec::new(),
            input_range: 1.0,
            devices,
            exempt: Vec::new(),
            planes,
            periphery,
            t_s: 0.0,
            reference: DriftReference::default(),
        };
        tile.read_out(par);
        tile.reference = DriftReference::record(&tile, &seed.child("drift-reference"));
        Ok(tile)
    }

    /// Ages the devices to `t_s` seconds after programming; earlier ages may follow later ones.
    ///
    /// Reads the devices for the first time at that age; see [`Self::age_to_reading`]. The age 0 is a
    /// reading, too: a model whose read noise has begun to accumulate by then gives other
    /// conductances than those right after programming.
    ///
    /// # Errors
    ///
    /// [`TileError::Time`] if the time is negative or not finite.
    pub fn age_to(&mut self, t_s: f64, par: Par) -> Result<(), TileError> {
        self.age_to_reading(t_s, 0, par)
    }

    /// [`Self::age_to`] with the accumulated read noise drawn for reading number `reading`: other
    /// numbers are other draws of the same devices at the same age.
    ///
    /// # Errors
    ///
    /// [`TileError::Time`] if the time is negative or not finite.
    pub fn age_to_reading(&mut self, t_s: f64, reading: u64, par: Par) -> Result<(), TileError> {
        if !(t_s.is_finite() && t_s >= 0.0) {
            return Err(TileError::Time { t_s });
        }
        // Of the two zeros the positive one: they are one age, and so one reading.
        let t_s = t_s + 0.0;
        let seed = self.seed.child("read").child(t_s.to_bits()).child(reading);
        let Devices { target_us, programmed_us, parameter, now_us, .. } = &mut self.devices;
        let device = self.device.as_ref();
        par.for_each_chunk(now_us, CHUNK, |chunk, now_us| {
            let range = chunk * CHUNK..chunk * CHUNK + now_us.len();
            let part = Programmed {
                target_us: &target_us[range.clone()],
                programmed_us: &programmed_us[range.clone()],
                parameter: &parameter[range.clone()],
            };
            device.drift(part, t_s, now_us);
            device.read(part, t_s, &Draws::new(seed, range.start as u64), now_us);
        });
        self.t_s = t_s;
        self.read_out(par);
        Ok(())
    }

    /// Replaces what programming left by conductances that were measured on a chip, in µS, and puts the tile back to
    /// age 0; its drift reference is recorded anew.
    ///
    /// The targets, and with them the signs of [`UnitCell::ActiveDevice`], stay those of the weights that the tile was
    /// programmed with; so do scales, and the devices' draws of drift and noise. Devices that the configuration holds
    /// stuck stay so.
    ///
    /// # Shapes
    ///
    /// - `g_us`: (devices of the unit cell, out, in), as [`Self::conductances_us`] gives them
    ///
    /// # Errors
    ///
    /// [`TileError::Table`] for a conductance that is negative, not finite or above 10⁵ µS.
    ///
    /// # Panics
    ///
    /// If there is not one conductance for each device.
    #[track_caller]
    pub fn set_programmed_us(&mut self, g_us: &[f32], par: Par) -> Result<(), TileError> {
        let devices = self.devices.programmed_us.len();
        assert_eq!(g_us.len(), devices, "{} conductances for {devices} devices", g_us.len());
        let limits = 0.0..=*CONDUCTANCES_US.end();
        if let Some(at) = g_us.iter().position(|g| !limits.contains(g)) {
            return Err(TileError::Table {
                column: "measured conductances",
                row: at + 1,
                value: f64::from(g_us[at]),
                problem: "does not lie in [0, 100000] µS",
            });
        }
        self.devices.programmed_us.copy_from_slice(g_us);
        self.devices.now_us.copy_from_slice(g_us);
        self.t_s = 0.0;
        self.read_out(par);
        self.reference = DriftReference::record(self, &self.seed.child("drift-reference"));
        Ok(())
    }

    /// Computes the weights that the present conductances stand for.
    fn read_out(&mut self, par: Par) {
        let range_us = self.range_us();
        self.devices.stuck.apply(&mut self.devices.now_us);
        self.restore_exempt();
        let cell = &self.config.mapping.unit_cell;
        for plane in &mut self.planes {
            plane.weights.fill(0.0);
        }
        if let Some(lines) = self.config.lines {
            self.read_through(&lines, par);
        } else {
            let arrays = self.devices.now_us.chunks_exact(self.target.len());
            for (array, g_us) in arrays.enumerate() {
                let plane = &mut self.planes[cell.role(array, range_us).plane];
                cell.decode_into(array, g_us, &self.target, range_us, &mut plane.weights);
            }
            self.read_stuck_pairs();
        }
        let asymmetry = self.config.periphery.polarity_asymmetry;
        for (index, plane) in self.planes.iter_mut().enumerate() {
            plane.packed.repack(&plane.weights, par);
            if asymmetry > 0.0 {
                let stream = self.seed.child("polarity").child(index).stream();
                let mut negative = vec![0.0; plane.weights.len()];
                stream.fill_gaussian(0, &mut negative);
                for (n, w) in negative.iter_mut().zip(&plane.weights) {
                    *n = w * (1.0 + asymmetry * *n);
                }
                plane.packed.set_negative_phase(&negative);
            }
        }
    }

    /// Multiplies a batch by the weights as they are now.
    ///
    /// ```text
    /// y = β + α γ s r ⊙ Σ_p f_p ADC_p( W̃_p DAC(x/α) )
    /// ```
    ///
    /// over the slices p of a bit-sliced weight (one otherwise), each of which takes a conversion for
    /// every slice of the inputs, s being the drift
    /// compensation and r the recalibration. See [`Periphery::forward`] for the noise and for the promise of equal bits.
    ///
    /// # Shapes
    ///
    /// - `x`: (batch, in)
    /// - `y`: (batch, out)
    ///
    /// # Panics
    ///
    /// If a shape differs.
    #[track_caller]
    pub fn forward(&self, x: &[f32], noise: &MvmNoise, par: Par, y: &mut [f32]) -> Saturation {
        self.forward_batch(Batch::rows(x, noise), Accum::Replace, par, y)
    }

    /// [`Self::forward`] for rows or windows, replacing what is in `y` or adding to it.
    ///
    /// # Panics
    ///
    /// If a shape differs, or a window leaves its image.
    #[track_caller]
    pub fn forward_batch(
        &self,
        batch: Batch<Inputs<'_>>,
        accum: Accum,
        par: Par,
        y: &mut [f32],
    ) -> Saturation {
        let mut saturation = Saturation::default();
        for (index, plane) in self.planes.iter().enumerate() {
            let scale: Vec<f32> =
                (0..self.outputs).map(|i| self.digital_scale(i) * plane.significance).collect();
            // The bias belongs to the output, not to each of its conversions.
            let bias: &[f32] = if index == 0 { &self.bias } else { &[] };
            let digital = Digital { input_range: self.input_range, scale: &scale, bias };
            let noise = if index == 0 { batch.noise } else { batch.noise.child(index) };
            let accum = if index == 0 { accum } else { Accum::Add };
            let (batch, out) = (Batch { noise, ..batch }, Out { accum, ..Out::replace(y) });
            saturation += self.periphery.forward(&plane.packed, batch, digital, par, out);
        }
        saturation
    }

    /// Outputs for test inputs given in DAC units, without compensation, bias or input range: what
    /// a drift read-out sees.
    pub(crate) fn probe(
        &self,
        x: &[f32],
        seed: &Seed,
        first_sample: usize,
    ) -> (Vec<f32>, Saturation) {
        let mut y = vec![0.0; x.len() / self.inputs * self.outputs];
        let mut saturation = Saturation::default();
        let noise = MvmNoise { seed: *seed, first_sample: first_sample as u64 };
        for (index, plane) in self.planes.iter().enumerate() {
            let scale = vec![plane.significance; self.outputs];
            let digital = Digital { input_range: 1.0, scale: &scale, bias: &[] };
            let batch = Batch::rows(x, &noise.child(index));
            let out = if index == 0 { Out::replace(&mut y) } else { Out::add(&mut y) };
            saturation += self.periphery.forward(&plane.packed, batch, digital, Par::Seq, out);
        }
        (y, saturation)
    }

    /// The weights that the conductances stand for now, (out, in), digital scales, compensation and
    /// recalibration included: the inverse mapping.
    pub fn weights(&self) -> Vec<f32> {
        let mut weights = vec![0.0; self.target.len()];
        for plane in &self.planes {
            for (sum, w) in weights.iter_mut().zip(&plane.weights) {
                *sum += plane.significance * w;
            }
        }
        for (i, row) in weights.chunks_exact_mut(self.inputs).enumerate() {
            let scale = self.digital_scale(i);
            row.iter_mut().for_each(|w| *w *= scale);
        }
        weights
    }

    /// Normalised target weights w̆, (out, in), as the levels of the devices have them.
    pub fn target_weights(&self) -> &[f32] {
        &self.target
    }

    /// Conductances in µS as they are now: one (out, in) matrix for every device of the unit cell
    /// that is modelled. With [`UnitCell::ActiveDevice`] that is the active device of each pair; its
    /// partner is at reset, unless it is one of [`Self::stuck_partners_us`].
    pub fn conductances_us(&self) -> impl Iterator<Item = &[f32]> {
        self.devices.now_us.chunks_exact(self.target.len())
    }

    /// Lowest and highest target conductance in µS.
    pub fn range_us(&self) -> [f32; 2] {
        [self.device.g_min_us(), self.device.g_max_us()]
    }

    /// Seconds since programming.
    pub fn age_s(&self) -> f64 {
        self.t_s
    }

    /// Number of outputs (bit lines).
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// How many conversions of the ADC an output takes: one for each slice of its weights and each slice
    /// of its inputs.
    pub fn conversions(&self) -> usize {
        self.planes.len() * self.config.periphery.conversions()
    }

    /// Number of inputs (word lines).
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// The configuration that the tile was programmed with.
    pub fn config(&self) -> &TileConfig {
        &self.config
    }
}

impl Devices {
    fn program(
        config: &TileConfig,
        device: &dyn Device,
        weights: &[f32],
        seed: &Seed,
        par: Par,
    ) -> Self {
        let cell = &config.mapping.unit_cell;
        let range_us = [device.g_min_us(), device.g_max_us()];
        let count = cell.arrays() * weights.len();
        let mut target_us = vec![0.0; count];
        for (array, target_us) in target_us.chunks_exact_mut(weights.len()).enumerate() {
            cell.encode(array, weights, range_us, target_us);
        }
        // One chunk holds both results side by side, so that one pass writes them.
        let (mut programmed_us, mut parameter) = (vec![0.0; count], vec![0.0; count]);
        let mut parts: Vec<(&mut [f32], &mut [f32])> =
            programmed_us.chunks_mut(CHUNK).zip(parameter.chunks_mut(CHUNK)).collect();
        let draws = seed.child("programming");
        par.for_each_chunk(&mut parts, 1, |chunk, part| {
            let (programmed, parameter) = &mut part[0];
            let first = chunk * CHUNK;
            let target = &target_us[first..first + programmed.len()];
            device.program(target, &Draws::new(draws, first as u64), programmed, parameter);
        });
        let pairs = (*cell == UnitCell::ActiveDevice).then_some(weights);
        let stuck = config.faults.draw(count, pairs, range_us, &seed.child("faults"));
        let now_us = programmed_us.clone();
        Self { target_us, programmed_us, parameter, now_us, stuck }
    }
}
