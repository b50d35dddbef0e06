//! Moments of the device models.

use crossbar::device::{
    AcceptanceRange, Device, Draws, Hermes, HermesDevices, Measured, MeasuredTable, Pcm,
    PcmAihwkit, Programmed, ReRamCmo, ReRamWan, StateIndependent,
};
use numerics::Seed;
use serde_json::{Map, Value};

use super::moments::{Golden, MOMENT, Moments};
use super::reading::{draws, list, number, object, required};
use super::{Row, nan_max};

/// Draws per target in a file of aihwkit.
const GOLDEN_DRAWS: f64 = 20_000.0;
/// Draws of ours per target.
const DRAWS: usize = 200_000;

const KEYS: [&str; 14] = [
    "model",
    "g_target_uS",
    "t_s",
    "analytic",
    "draws",
    "table_csv",
    "t0_s",
    "t_read_s",
    "programmed_mean",
    "programmed_std",
    "nu_mean",
    "nu_std",
    "read_mean",
    "read_std",
];

/// The model of that name; `pcm` is aihwkit's.
fn device(model: &str, case: &Map<String, Value>, place: &str) -> Result<Box<dyn Device>, String> {
    Ok(match model {
        "pcm" | "pcm-aihwkit" => Box::new(PcmAihwkit(Pcm::paper())),
        "pcm-paper" => Box::new(Pcm::paper()),
        "hermes-one" => Box::new(Hermes::chip(HermesDevices::One)),
        "hermes-two" => Box::new(Hermes::chip(HermesDevices::Two)),
        "reram-wan" => Box::new(ReRamWan::paper()),
        "reram-cmo-narrow" => Box::new(ReRamCmo::measured(AcceptanceRange::Narrow)),
        "reram-cmo-wide" => Box::new(ReRamCmo::measured(AcceptanceRange::Wide)),
        "state-independent" => Box::new(StateIndependent::aihwkit()),
        "measured" => {
            let text = required(case, "table_csv", place)?;
            let text = text.as_str().ok_or_else(|| format!("{place}.table_csv is not a text"))?;
            let fail = |error: crossbar::TileError| format!("{place}: {error}");
            let table = MeasuredTable::from_csv(text).map_err(fail)?;
            let time = |key: &str| number(required(case, key, place)?, &format!("{place}.{key}"));
            Box::new(Measured::new(table, time("t0_s")?, Some(time("t_read_s")?)).map_err(fail)?)
        }
        _ => return Err(format!("{place}.model: '{model}' is not known")),
    })
}

pub(super) fn check(index: usize, case: &Value, rows: &mut Vec<Row>) -> Result<(), String> {
    let place = &format!("device[{index}]");
    let case = object(case, place, &KEYS)?;
    let model = required(case, "model", place)?;
    let model = model.as_str().ok_or_else(|| format!("{place}.model is not a text"))?;
    let t_s = number(required(case, "t_s", place)?, &format!("{place}.t_s"))?;
    if !(t_s.is_finite() && t_s >= 0.0) {
        return Err(format!("{place}.t_s = {t_s} is not finite and ≥ 0"));
    }
    let targets = required(case, "g_target_uS", place)?;
    let targets = list(targets, &format!("{place}.g_target_uS"), None)?;
    let device = device(model, case, place)?;
    let draws = draws(case, place, GOLDEN_DRAWS)?;

    let column = |stage: &str, moment: &str| -> Result<Option<Vec<f64>>, String> {
        let key = format!("{stage}_{moment}");
        let values = case.get(&key);
        let list = |values| list(values, &format!("{place}.{key}"), Some(targets.len()));
        values.map(list).transpose()
    };
    let stages = ["programmed", "nu", "read"];
    let golden = stages.map(|stage| Ok([column(stage, "mean")?, column(stage, "std")?]));
    let golden: Vec<[Option<Vec<f64>>; 2]> = golden.into_iter().collect::<Result<_, String>>()?;
    let counted = |stage: &[Option<Vec<f64>>; 2]| stage.iter().flatten().count() * targets.len();
    if golden.iter().map(counted).sum::<usize>() == 0 {
        return Err(format!("{place} has no moment to be checked"));
    }
    let mut worst = [0.0f64; 3];
    for (at, &target) in targets.iter().enumerate() {
        let samples = simulate(device.as_ref(), target as f32, t_s, index * 100 + at);
        for ((worst, golden), samples) in worst.iter_mut().zip(&golden).zip(&samples) {
            let [mean, std] = golden.each_ref().map(|column| column.as_ref().map(|c| c[at]));
            let ours = Moments::of(samples.iter().map(|&x| f64::from(x)));
            // The models are f32: a few roundings of numbers of this size.
            let floor = 4.0 * f64::from(f32::EPSILON) * ours.mean.abs();
            let error = Golden { mean, std, draws }.standard_errors(&ours, floor);
            *worst = nan_max(*worst, error);
        }
    }
    for ((stage, golden), worst) in stages.into_iter().zip(&golden).zip(worst) {
        let values = counted(golden);
        if values > 0 {
            let quantity = format!("{place} {model} {stage} at {t_s} s");
            rows.push(Row { quantity, values, worst, tolerance: MOMENT });
        }
    }
    Ok(())
}

/// Programmed conductance, drift parameter and conductance at `t_s` of many devices.
fn simulate(device: &dyn Device, target: f32, t_s: f64, index: usize) -> [Vec<f32>; 3] {
    let seed = Seed::new(3).child(index);
    let target_us = vec![target; DRAWS];
    let (mut programmed_us, mut parameter) = (vec![0.0; DRAWS], vec![0.0; DRAWS]);
    let draws = Draws::new(seed.child("programming"), 0);
    device.program(&target_us, &draws, &mut programmed_us, &mut parameter);
    let devices =
        Programmed { target_us: &target_us, programmed_us: &programmed_us, parameter: &parameter };
    let mut g_us = vec![0.0; DRAWS];
    device.drift(devices, t_s, &mut g_us);
    device.read(devices, t_s, &Draws::new(seed.child("read"), 0), &mut g_us);
    [programmed_us, parameter, g_us]
}
