//! The search finds tolerances that are known.

use super::*;
use numerics::Seed;

const INTERVAL: [f64; 2] = [-3.0, 9.0];
const CHANCE: f64 = 90.0;
const STANDARD: f64 = 20.0;

/// Errors of four programmings on a curve, with noise of its own each.
fn measure(ln_excess: f64, curve: (f64, f64), noise: f64, seed: &Seed) -> Vec<f64> {
    let (ln_tolerance, exponent) = curve;
    let mut shared = [0.0; 4];
    seed.child("shared").stream().fill_gaussian(0, &mut shared);
    let mut own = [0.0; 4];
    seed.child(ln_excess.to_bits()).stream().fill_gaussian(0, &mut own);
    let power = (exponent * (ln_excess - ln_tolerance)).exp();
    let loss = 1.0 - 0.99f64.powf(power);
    let clean = STANDARD + (CHANCE - STANDARD) * loss;
    shared.iter().zip(own).map(|(a, b)| clean + f64::from(*a) + noise * f64::from(b)).collect()
}

/// The belief after at most `evaluations`, and how many there were.
fn search(curve: (f64, f64), noise: f64, evaluations: usize, seed: u64) -> (Belief, usize) {
    let seed = Seed::new(seed);
    let standard = measure(f64::NEG_INFINITY, curve, noise, &seed);
    let mut search = Search::new(INTERVAL, 0.01, CHANCE, 1.0, standard);
    for _ in 0..evaluations {
        let Some(ln_excess) = search.next(|wanted| wanted) else { break };
        let errors = measure(ln_excess, curve, noise, &seed);
        search.observe(Observation { ln_excess, errors });
    }
    (search.belief(), search.observations().len() - 1)
}

#[test]
fn the_interval_holds_the_tolerance_about_as_often_as_it_says() {
    let (mut inside, mut total, mut width) = (0, 0, 0.0);
    for seed in 0..40 {
        for (at, exponent) in [(0.0, 1.0), (2.0, 0.7), (3.5, 1.0), (5.0, 2.0), (6.5, 1.4)] {
            let (belief, evaluations) = search((at, exponent), 1.0, 6, seed);
            assert!((2..=6).contains(&evaluations));
            inside += usize::from((belief.low..=belief.high).contains(&at));
            total += 1;
            width += belief.high - belief.low;
        }
    }
    // 90 % of 200 ± four standard errors of 2.1 %.
    assert!(inside * 100 >= 82 * total, "{inside} of {total}");
    // A factor e of excess is one of 1.6 in a standard deviation.
    assert!(width / f64::from(total as u32) < 2.6, "{}", width / f64::from(total as u32));
}

#[test]
fn little_noise_leaves_little_doubt() {
    for (at, exponent) in [(0.0, 1.0), (4.0, 1.0), (6.0, 2.0)] {
        let (belief, evaluations) = search((at, exponent), 0.05, 8, 1);
        assert!((belief.median - at).abs() < 0.4, "{at}: {belief:?} after {evaluations}");
        assert!(belief.high - belief.low < 1.2, "{at}: {belief:?}");
    }
}

#[test]
fn what_lies_outside_the_interval_is_said_to() {
    let (belief, evaluations) = search((14.0, 1.0), 0.5, 6, 1);
    assert!(belief.beyond > 0.75 && evaluations < 6, "{belief:?} after {evaluations}");
    let (belief, _) = search((-6.0, 1.0), 0.5, 6, 1);
    assert!(belief.below > 0.75, "{belief:?}");
}

#[test]
fn evaluations_keep_their_distance() {
    let seed = Seed::new(3);
    let curve = (2.0, 1.0);
    let mut search = Search::new(INTERVAL, 0.01, CHANCE, 1.0, vec![20.0; 4]);
    while let Some(ln_excess) = search.next(f64::round) {
        assert_eq!(ln_excess, ln_excess.round());
        let taken = search.observations().iter().any(|o| o.ln_excess == ln_excess);
        assert!(!taken, "{ln_excess} twice");
        search.observe(Observation { ln_excess, errors: measure(ln_excess, curve, 2.0, &seed) });
    }
    assert!(search.observations().len() > 3);
}
