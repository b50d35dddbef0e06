//! One network by itself: one point, trained for its hardware with its recipe on its own data.

use super::rasch2023::networks::repeats;
use crate::measured::error::Error;
use crate::measured::measures::fine_tuning::{FineTuning, Hardware, Tuned};
use crate::measured::measures::trained::Trained;
use crate::measured::networks::subject::Sources;
use crate::measured::point::{Point, Run};
use crate::measured::scale::Scale;
use crate::measured::statistics::Estimate;
use crate::record::Record;

/// The experiment that its records are of.
const ID: &str = "network";

/// Training in f32, unless the network comes with its weights, then for its hardware; on tiles it is tested
/// after an hour, too.
///
/// # Errors
///
/// What is wrong with its data, or with what its recipe asks for.
pub fn point(
    (trained, hardware): (Trained, Hardware),
    sources: Sources<'_>,
    (scale, seed): (Scale, u64),
) -> Result<Point, Error> {
    let workload = trained.network.open(sources, scale)?;
    trained.check(&*workload)?;
    let (_, programmings) = repeats(scale);
    let label = workload.id().to_owned();
    let measure = FineTuning { trained, hardware, programmings };
    let work = measure.work(&*workload);
    Ok(Point::new(ID, Run { label, work, data: workload.data(), measure, seed }))
}

/// What a record of such a point says, a line each.
///
/// # Panics
///
/// If the record is another's.
pub fn lines(record: &Record) -> Vec<String> {
    let tuned: Tuned = record.measurements.read().expect("a record is checked as it is read");
    let (float, chance) = (tuned.baseline.float_error_percent, tuned.baseline.chance_error_percent);
    let errors = &tuned.test_error_percent;
    let error = |epoch: usize| errors.get(epoch).copied().unwrap_or(f64::NAN);
    let mut lines = vec![
        format!("Test error: {float:.2} % in f32; by chance {chance:.2} %"),
        format!(
            "For its hardware: {:.2} % before training, {:.2} % after its last epoch, at best {:.2} % \
             after epoch {}",
            error(0),
            error(errors.len().saturating_sub(1)),
            error(tuned.best_epoch),
            tuned.best_epoch
        ),
    ];
    if let Some(hour) = Estimate::of(&tuned.hour_error_percent) {
        lines.push(format!("On devices: {:.2} % an hour after programming", hour.mean));
    }
    lines
}
