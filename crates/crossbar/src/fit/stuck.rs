//! [`Sorted`]: which devices follow their targets, and where the others are stuck.

use super::curve::Curve;
use super::level::Group;
use super::robust::median_and_spread;

/// Spreads from the middle of its state within which a device is at one of the ends.
const NEAR: f64 = 3.0;
/// The share of the range of conductances below which no spread is believed: a state whose devices were
/// verified to a few per cent may have a device that is a little off, but it is not stuck.
const LEAST_SPREAD: f64 = 0.005;

/// Where a device is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Follows,
    AtReset,
    AtMax,
    Elsewhere,
    /// Stuck at an end that is so near to its state that others like it may not have been noticed.
    Unplaced,
}

/// Median and spread of a state. Where devices lie at 0, a part of the distribution is cut off, and the part above the
/// median tells the spread.
fn middle(conductances: &[f64]) -> (f64, f64) {
    let (centre, spread) = median_and_spread(conductances);
    if conductances.iter().all(|&a| a > 0.0) {
        return (centre, spread);
    }
    let above = conductances.iter().filter(|&&a| a > centre);
    let mirrored: Vec<f64> = above.flat_map(|&a| [a, 2.0 * centre - a]).collect();
    if mirrored.is_empty() { (centre, spread) } else { (centre, median_and_spread(&mirrored).1) }
}

/// Spreads from the middle of a state of so many devices beyond which one does not belong to it: where a normal
/// distribution puts about one device of a hundred such states, and a half more of few devices, whose spread may have
/// come out small by chance.
fn far(devices: usize) -> f64 {
    let n = devices as f64;
    ((1.0 + 2.0 / n.sqrt()) * (2.0 * libm::log(100.0 * n)).sqrt()).clamp(4.0, 6.0)
}

/// Devices by their places, and how many could have been seen to be stuck there.
#[derive(Clone, Debug)]
pub(super) struct Sorted {
    pub(super) places: Vec<Place>,
    /// Devices whose states are far from the lowest one, and from the highest one.
    pub(super) exposed: [usize; 2],
}

impl Sorted {
    pub(super) fn of(groups: &[Group], curves: &[Curve]) -> Self {
        let middles: Vec<(f64, f64)> = groups
            .iter()
            .map(|group| {
                middle(&group.devices.iter().map(|&at| curves[at].a_us).collect::<Vec<_>>())
            })
            .collect();
        let (low, high) = (middles[0], middles[middles.len() - 1]);
        let range = (high.0 - low.0).abs();
        let mut spreads: Vec<f64> = middles.iter().map(|&(_, spread)| spread).collect();
        let typical = super::robust::median(&mut spreads);
        // Of a few devices the spread may come out small by chance.
        let spread_of = |(_, spread): (f64, f64), devices: usize| {
            let least = if devices < 20 { typical } else { 0.0 };
            spread.max(least).max(LEAST_SPREAD * range)
        };
        let mut sorted = Self { places: vec![Place::Follows; curves.len()], exposed: [0; 2] };
        for (group, &middle) in groups.iter().zip(&middles) {
            let n = group.devices.len();
            let spread = spread_of(middle, n);
            let far = far(n) * spread;
            let ends = [low, high].map(|end| (end.0, spread_of(end, n)));
            // Whether a device of this state that sits at the end is always told from the others.
            let exposed = ends.map(|(end, width)| (middle.0 - end).abs() > far + NEAR * width);
            for (count, exposed) in sorted.exposed.iter_mut().zip(exposed) {
                *count += if exposed { n } else { 0 };
            }
            for &at in &group.devices {
                let a = curves[at].a_us;
                if (a - middle.0).abs() <= far {
                    continue;
                }
                let near = ends.map(|(end, width)| (a - end).abs() <= NEAR * width);
                sorted.places[at] = match (near, exposed) {
                    ([true, _], [true, _]) => Place::AtReset,
                    ([_, true], [_, true]) => Place::AtMax,
                    ([false, false], _) => Place::Elsewhere,
                    _ => Place::Unplaced,
                };
            }
        }
        sorted
    }

    pub(super) fn count(&self, place: Place) -> usize {
        self.places.iter().filter(|&&p| p == place).count()
    }
}
