//! Moments of the device models.

use crossbar::device::{
    AcceptanceRange, Device, Draws, Hermes, HermesDevices, Measured, MeasuredTable, Pcm,
    PcmAihwkit, Programmed, ReRamCmo, ReRamWan, StateIndependent,
};
use numerics::Seed;
use serde_json::Value;

use super::{MOMENT, Row, list, moment_error, moments, nan_max, number};

/// Draws per target in a file of aihwkit.
const GOLDEN_DRAWS: f64 = 20_000.0;
/// Draws of ours per target.
const DRAWS: usize = 200_000;

/// The model of that name; `pcm` is aihwkit's.
fn device(model: &str, case: &Value) -> Result<Box<dyn Device>, String> {
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
            let text = case["table_csv"].as_str().ok_or("measured: no table_csv")?;
            let table = MeasuredTable::from_csv(text).map_err(|error| error.to_string())?;
            let t0_s = number(&case["t0_s"], "t0_s")?;
            let t_read_s = number(&case["t_read_s"], "t_read_s")?;
            let device = Measured::new(table, t0_s, Some(t_read_s));
            Box::new(device.map_err(|error| error.to_string())?)
        }
        _ => return Err(format!("device model '{model}' is not known")),
    })
}

pub(super) fn check(index: usize, case: &Value, rows: &mut Vec<Row>) -> Result<(), String> {
    let model = case["model"].as_str().ok_or_else(|| format!("device[{index}]: no model"))?;
    let t_s = number(&case["t_s"], "t_s")?;
    let targets = list(&case["g_target_uS"], "g_target_uS")?;
    let device = device(model, case)?;
    let analytic = case.get("analytic").and_then(Value::as_bool).unwrap_or(false);
    let golden_draws = if analytic { f64::INFINITY } else { GOLDEN_DRAWS };

    let mut worst = [0.0f64; 3];
    let mut counted = [0; 3];
    for (at, &target) in targets.iter().enumerate() {
        let samples = simulate(device.as_ref(), target as f32, t_s, index * 100 + at);
        for (stage, name) in ["programmed", "nu", "read"].into_iter().enumerate() {
            let golden = |moment: &str| -> Result<Option<f64>, String> {
                let key = format!("{name}_{moment}");
                match case.get(&key) {
                    None => Ok(None),
                    Some(values) => Ok(list(values, &key)?.get(at).copied()),
                }
            };
            let golden = (golden("mean")?, golden("std")?);
            let ours = moments(samples[stage].iter().map(|&x| f64::from(x)));
            let error = moment_error(ours, golden, DRAWS as f64, golden_draws);
            worst[stage] = nan_max(worst[stage], error);
            counted[stage] += usize::from(golden.0.is_some()) + usize::from(golden.1.is_some());
        }
    }
    for (stage, name) in ["programmed", "nu", "read"].into_iter().enumerate() {
        if counted[stage] > 0 {
            rows.push(Row {
                quantity: format!("device[{index}] {model} {name} at {t_s} s"),
                values: counted[stage],
                worst: worst[stage],
                tolerance: MOMENT,
            });
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
