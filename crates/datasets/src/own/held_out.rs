//! Which examples are held out of training for the test.

use numerics::Seed;

/// Examples that stay in training, and those that are held out, both in order. The m = share · n
/// that are held out are spread evenly: example after example is cut into m pieces as equal as can
/// be, and of each piece one is held out at random, always the same one. So neither examples sorted
/// by class nor classes that take turns leave a class out.
pub(super) fn held_out(len: usize, share: f64) -> [Vec<u32>; 2] {
    let count = ((len as f64 * share).round() as usize).min(len);
    let stream = Seed::new(0).child("held out").stream();
    let from = |piece: usize| (piece as u128 * len as u128 / count as u128) as usize;
    let of_piece = |piece: usize| {
        let (from, to) = (from(piece), from(piece + 1));
        from as u32 + stream.below(piece as u64, (to - from) as u32)
    };
    let held: Vec<u32> = (0..count).map(of_piece).collect();
    let mut next = held.iter().peekable();
    let stays = |example: &u32| next.next_if_eq(&example).is_none();
    [(0..len as u32).filter(stays).collect(), held]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_spread_evenly_and_always_the_same() {
        for (len, share, count) in [(100, 0.1, 10), (7, 0.5, 4), (3, 0.01, 0), (10, 0.95, 10)] {
            let [stay, held] = held_out(len, share);
            assert_eq!(held.len(), count);
            let mut all = [&*stay, &held].concat();
            all.sort_unstable();
            assert_eq!(all, (0..len as u32).collect::<Vec<_>>());
            assert_eq!([stay, held], held_out(len, share));
        }
        // Ten classes that take turns: each tenth example would be of the same class.
        let [_, held] = held_out(1000, 0.1);
        let classes: std::collections::BTreeSet<u32> = held.iter().map(|i| i % 10).collect();
        assert_eq!(classes.len(), 10);
        assert!(held.iter().enumerate().all(|(piece, &i)| i as usize / 10 == piece));
    }
}
