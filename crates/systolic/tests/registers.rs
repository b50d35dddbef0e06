//! The fast model against one that moves every word through its register, edge by edge.

mod common;

use common::registers::Registers;
use common::{CODES, FORMATS, config, matrix, short_lfsrs, stalls};
use proptest::prelude::*;
use systolic::{Beat, Flow, Wavefront};

/// Runs both for `edges` edges and compares all that their ports show.
fn check(
    config: &systolic::ArrayConfig,
    lengths: &[usize],
    kind: common::Codes,
    seed: u64,
    mut flow: impl FnMut(u64) -> Flow,
) {
    let n = config.n;
    let beats: usize = lengths.iter().sum();
    let a = matrix(config.a, beats, n, kind, seed).codes().to_i32();
    let b = matrix(config.b, beats, n, kind, seed ^ 1).codes().to_i32();
    let last: Vec<bool> =
        lengths.iter().flat_map(|&k| (1..=k).map(move |step| step == k)).collect();

    let mut fast = Wavefront::new(config).unwrap();
    let mut plain = Registers::new(config);
    let (mut next, mut received) = (0, 0);
    for cycle in 0.. {
        let Flow { offer, take } = flow(cycle);
        let beat = (offer && next < beats).then(|| Beat {
            a: &a[next * n..(next + 1) * n],
            b: &b[next * n..(next + 1) * n],
            last: last[next],
        });
        let (mut left, mut right) = (Vec::new(), Vec::new());
        let edge = fast.clock(beat, take, |output| left.push(output));
        let expected = plain.clock(beat, take, &mut |output| right.push(output));
        assert_eq!(edge, expected, "edge {cycle}");
        assert_eq!(left, right, "outputs at edge {cycle}");
        next += usize::from(edge.accepted);
        received += left.len();
        if received == lengths.len() * n * n {
            break;
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn every_port_shows_the_same_at_every_edge(
        n in 1usize..7, formats in 0..FORMATS.len(), stochastic: bool, kind in 0..CODES.len(),
        lengths in prop::collection::vec(1usize..20, 1..6), seed: u64, percent in 0u32..70,
        edge_depth in 1usize..9, output_depth in 1usize..9,
    ) {
        let mut config = config(n, formats, stochastic, seed);
        (config.edge_depth, config.output_depth) = (edge_depth, output_depth);
        check(&config, &lengths, CODES[kind], seed, stalls(seed, percent));
    }
}

#[test]
fn long_tiles_pass_the_end_of_the_delay_lines() {
    for n in [1, 2, 5] {
        let config = config(n, 0, true, 1);
        check(&config, &[700, 3, 1300], common::Codes::Uniform, 7, |_| Flow::FREE);
    }
}

#[test]
fn poor_lfsrs_are_modelled_as_they_are() {
    let mut config = config(3, 0, true, 1);
    config.rounding = short_lfsrs(3, 14);
    check(&config, &[5, 9, 30], common::Codes::Small, 3, stalls(5, 20));
}
