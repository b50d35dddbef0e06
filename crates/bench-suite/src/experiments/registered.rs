//! A network of the register by itself: one point, trained with its own recipes on its own data.

use super::rasch2023::networks::{repeats, trained};
use crate::measured::error::Error;
use crate::measured::measures::aging::{Aging, HOUR_S};
use crate::measured::measures::comparison::Method;
use crate::measured::measures::hardware_aware::{Aged, HardwareAware};
use crate::measured::networks::NetworkId;
use crate::measured::point::{Point, Run};
use crate::measured::statistics::Estimate;
use crate::record::Record;
use crate::request::Request;

/// The experiment that its records are of.
const ID: &str = "network";

/// Training in f32, then on tiles, and tests after an hour there: what `rasch2023/networks` does with
/// it, without direct mapping.
///
/// # Errors
///
/// What is wrong with its data.
pub fn point(network: NetworkId, request: &Request) -> Result<Point, Error> {
    let workload = network.open(&request.data, request.scale)?;
    let (_, programmings) = repeats(request.scale);
    let measure = HardwareAware {
        trained: trained(network, request.scale)?,
        direct: false,
        aging: Aging { tile: None, times_s: vec![HOUR_S], programmings },
    };
    let run = Run {
        label: network.to_string(),
        work: measure.work(&*workload),
        data: workload.data(),
        measure,
        seed: request.seed,
    };
    Ok(Point::new(ID, run))
}

/// What a record of such a point says, a line each.
///
/// # Panics
///
/// If the record is another's.
pub fn lines(record: &Record) -> [String; 2] {
    let aged: Aged = record.measurements.read().expect("a record is checked as it is read");
    let (float, chance) = (aged.baseline.float_error_percent, aged.baseline.chance_error_percent);
    let hour = Estimate::of(aged.errors.at(Method::HardwareAware, HOUR_S));
    let hour = hour.map_or(f64::NAN, |hour| hour.mean);
    let trained = aged.hwa_unprogrammed_percent;
    [
        format!("Test error: {float:.2} % in f32; by chance {chance:.2} %"),
        format!("On tiles: {trained:.2} % as trained, {hour:.2} % 1 h after programming"),
    ]
}
