//! [`Levels`]: weights whose devices hold one of a few conductances.

use super::UnitCell;

/// The conductances g_min + k R/(L − 1), k = 0 … L − 1, that the devices of a unit cell are programmed to.
///
/// ```text
/// one pair        w̆ → sgn(w̆) round(|w̆| (L − 1))/(L − 1)
/// single device   w̆ → 2 round(½(w̆ + 1) (L − 1))/(L − 1) − 1
/// pairs f₀ … f_k  the share of every pair so
/// ```
///
/// Ties go to the even level. In training the noise is that of the levels, and the update goes to the weights between
/// them.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Levels<'a> {
    cell: &'a UnitCell,
    /// L − 1.
    steps: f32,
}

impl<'a> Levels<'a> {
    /// `levels` of every device of a cell; `None` for any conductance.
    pub(crate) fn new(cell: &'a UnitCell, levels: Option<u32>) -> Option<Self> {
        levels.map(|levels| Self { cell, steps: (levels - 1) as f32 })
    }

    /// Rounds weights in [−1, 1] to what their devices can hold.
    pub(crate) fn round(&self, weights: &mut [f32]) {
        let steps = self.steps;
        match self.cell {
            UnitCell::SingleDevice => {
                for w in weights {
                    *w = 2.0 * (0.5 * (*w + 1.0) * steps).round_ties_even() / steps - 1.0;
                }
            }
            UnitCell::Pairs { significances } => {
                let total: f32 = significances.iter().sum();
                for w in weights {
                    let mut below = 0.0;
                    let held = significances.iter().map(|f| {
                        let share = ((w.abs() * total - below) / f).clamp(0.0, 1.0);
                        below += f;
                        f * (share * steps).round_ties_even() / steps
                    });
                    *w = (held.sum::<f32>() / total).copysign(*w);
                }
            }
            _ => {
                for w in weights {
                    *w = (*w * steps).round_ties_even() / steps;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells() -> [UnitCell; 4] {
        [
            UnitCell::ActiveDevice,
            UnitCell::DifferentialPair,
            UnitCell::SingleDevice,
            UnitCell::Pairs { significances: vec![1.0, 0.25] },
        ]
    }

    /// Encoded, every device is at one of the levels, and the nearest one to where it was.
    #[test]
    fn every_device_holds_its_nearest_level() {
        let (range, levels) = ([5.0f32, 25.0], 9);
        let step = (range[1] - range[0]) / 8.0;
        let w: Vec<f32> = (-1000..=1000).map(|k| k as f32 / 1000.0).collect();
        for cell in cells() {
            let mut rounded = w.clone();
            Levels::new(&cell, Some(levels)).unwrap().round(&mut rounded);
            for array in 0..cell.arrays() {
                let [mut before, mut after] = [vec![0.0; w.len()], vec![0.0; w.len()]];
                cell.encode(array, &w, range, &mut before);
                cell.encode(array, &rounded, range, &mut after);
                for ((w, before), after) in w.iter().zip(before).zip(after) {
                    let level = (after - range[0]) / step;
                    assert!((level - level.round()).abs() < 1e-4, "{cell:?}: {w} at {after} µS");
                    assert!((after - before).abs() < 0.5 * step + 1e-3, "{cell:?}: {w}");
                }
            }
        }
    }

    #[test]
    fn weights_at_levels_stay() {
        for cell in cells() {
            let mut once: Vec<f32> = (-100..=100).map(|k| k as f32 / 100.0).collect();
            let levels = Levels::new(&cell, Some(16)).unwrap();
            levels.round(&mut once);
            let mut twice = once.clone();
            levels.round(&mut twice);
            for (once, twice) in once.iter().zip(&twice) {
                assert!((once - twice).abs() < 1e-6, "{cell:?}: {once} became {twice}");
            }
        }
    }

    #[test]
    fn not_a_number_stays_visible() {
        for cell in cells() {
            let mut w = [f32::NAN];
            Levels::new(&cell, Some(16)).unwrap().round(&mut w);
            assert!(w[0].is_nan(), "{cell:?}");
        }
    }
}
