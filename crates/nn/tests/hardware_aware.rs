//! Onto tiles and down the drift curve: the same numbers as step by step.

mod common;

use common::gaussian;
use crossbar::{DacRange, TileConfig};
use nn::layers::{Init, Linear, Readout, build};
use nn::{
    Analog, AnalogTraining, AnyArithmetic, Calibration, Devices, Outcome, Parameters, Policy,
    RangeStatistic, Run, Step, Task, Tensor, Var, age_and_test, drift_curve, map_onto_tiles, ops,
};
use numerics::{Par, Seed};

const INPUTS: usize = 64;
const OUTPUTS: usize = 32;
const ROWS: usize = 400;

/// Rows of inputs into one layer. A unit is wrong if the first output is not its largest.
#[derive(Debug)]
struct Rows {
    layer: Linear,
    x: Vec<f32>,
}

impl Rows {
    fn outputs(&self, examples: &[u32], step: &mut Step<'_>) -> Var {
        let rows = examples.iter().flat_map(|&i| &self.x[i as usize * INPUTS..][..INPUTS]);
        let x = Tensor::new(&[examples.len(), INPUTS], rows.copied().collect());
        let x = step.tape.constant(x);
        self.layer.forward(x, step)
    }
}

impl Task for Rows {
    fn len(&self) -> usize {
        ROWS
    }

    fn forward(&self, examples: &[u32], step: &mut Step<'_>) -> Outcome {
        let y = self.outputs(examples, step);
        let rows = step.tape.value(y).data().chunks_exact(OUTPUTS);
        let wrong = rows.map(|row| u32::from(row[1..].iter().any(|y| *y > row[0]))).collect();
        Outcome { loss: ops::sum(step, y), units: examples.len(), wrong: Some(wrong), logits: None }
    }
}

fn arithmetic(tile: TileConfig) -> AnyArithmetic {
    AnyArithmetic::Analog(Box::new(Analog::new(tile, AnalogTraining::default()).unwrap()))
}

/// A layer whose inputs have a few that are `outliers` times as large as the others.
fn task(arithmetic: AnyArithmetic, outliers: f32) -> (Parameters, Rows) {
    let (parameters, layer) = build(&Policy::uniform(arithmetic), Seed::new(7), |builder| {
        Linear::new(builder, "layer", INPUTS, OUTPUTS, Init::XavierNormal, Readout::Layer)
    });
    let mut x = gaussian("x", ROWS * INPUTS);
    x.iter_mut().skip(5).step_by(INPUTS).for_each(|x| *x *= outliers);
    (parameters, Rows { layer, x })
}

fn range(parameters: &Parameters) -> f32 {
    parameters.analog().next().unwrap().input_range(parameters)
}

fn calibrated(tile: &TileConfig, outliers: f32, statistic: RangeStatistic) -> (Parameters, Rows) {
    let (float, _) = task(AnyArithmetic::Float32, outliers);
    let (mut tiles, rows) = task(arithmetic(tile.clone()), outliers);
    let calibration = Calibration { statistic, batch: 50, batches: 8 };
    map_onto_tiles(&rows, &mut tiles, &float, calibration, Run::new(&Seed::new(3), Par::Seq));
    (tiles, rows)
}

#[test]
fn ranges_come_from_data() {
    let tile = TileConfig::load("standard-pcm").unwrap();
    let max_of = |x: &[f32]| x.iter().fold(0.0f32, |max, x| max.max(x.abs()));
    let (tiles, rows) = calibrated(&tile, 30.0, RangeStatistic::MeanAbsMax { cap: 1e3 });
    let per_batch = rows.x.chunks(50 * INPUTS).map(max_of).sum::<f32>() / 8.0;
    // The mini-batches are others.
    assert!((range(&tiles) / per_batch - 1.0).abs() < 0.1, "{} {per_batch}", range(&tiles));
    let (capped, _) = calibrated(&tile, 30.0, RangeStatistic::default());
    assert_eq!(range(&capped), 10.0);
    let (scaled, _) = calibrated(&tile, 1.0, RangeStatistic::ScaledStd { factor: 3.0 });
    assert!((range(&scaled) - 3.0).abs() < 0.1, "{}", range(&scaled));
}

/// Negative inputs of an unsigned converter become 0: they do not widen its range.
#[test]
fn the_range_of_an_unsigned_converter_comes_from_what_it_takes() {
    let mut tile = TileConfig::load("standard-pcm").unwrap();
    tile.periphery.dac.range = DacRange::Unsigned;
    tile.periphery.dac.steps = Some(255.0);
    let (float, _) = task(AnyArithmetic::Float32, 1.0);
    let (mut tiles, mut rows) = task(arithmetic(tile), 1.0);
    rows.x.iter_mut().filter(|x| **x < 0.0).for_each(|x| *x *= 100.0);
    let calibration =
        Calibration { statistic: RangeStatistic::MeanAbsMax { cap: 1e3 }, batch: 50, batches: 8 };
    map_onto_tiles(&rows, &mut tiles, &float, calibration, Run::new(&Seed::new(3), Par::Seq));
    let largest = rows.x.iter().fold(0.0f32, |max, &x| max.max(x));
    assert!((0.5 * largest..=largest).contains(&range(&tiles)), "{} {largest}", range(&tiles));
}

#[test]
fn a_drift_curve_is_what_its_steps_give() {
    let tile = TileConfig::load("standard-pcm").unwrap();
    let (tiles, rows) = calibrated(&tile, 1.0, RangeStatistic::default());
    let (seed, times_s) = (Seed::new(4), [1.0, 3600.0, 31_536_000.0]);
    let run = Run::new(&seed, Par::Seq);
    let curve = drift_curve(&rows, &tiles, &times_s, run).unwrap();
    let program = |run: Run| Devices::program(&tiles, |layer| layer.config().tile().clone(), run);
    let mut devices = program(run.child("devices")).unwrap();
    for (t_s, stats) in times_s.into_iter().zip(&curve) {
        devices.age_to(t_s, run.child("read-out")).unwrap();
        let run = run.child("test").child(t_s.to_bits());
        assert_eq!(nn::evaluate(&rows, &devices, run), *stats);
    }
    // A test may end it.
    let stopped: Result<Vec<f64>, Box<dyn std::error::Error>> =
        age_and_test(program, &times_s, run, |devices, _| {
            let name = tiles.analog().next().unwrap().name();
            assert!(devices.layer(name).is_some());
            Err("stopped".into())
        });
    assert_eq!(stopped.unwrap_err().to_string(), "stopped");
}
