//! Two results that are rounded with draws of their own have independent errors.

use numerics::{BitSource, FixedFormat, FixedMatrix, Product, Quantizer, Rounding, Seed};

fn stochastic() -> Quantizer {
    Quantizer::new(FixedFormat::new(2, 14).unwrap(), Rounding::Stochastic)
}

/// Mean and correlation of pairs.
struct Statistics {
    mean: [f64; 2],
    correlation: f64,
    deviation: [f64; 2],
}

fn statistics(pairs: &[[f64; 2]]) -> Statistics {
    let n = pairs.len() as f64;
    let mean = [0, 1].map(|k| pairs.iter().map(|p| p[k]).sum::<f64>() / n);
    let moment = |j: usize, k: usize| {
        pairs.iter().map(|p| (p[j] - mean[j]) * (p[k] - mean[k])).sum::<f64>() / n
    };
    let deviation = [moment(0, 0).sqrt(), moment(1, 1).sqrt()];
    Statistics { mean, correlation: moment(0, 1) / (deviation[0] * deviation[1]), deviation }
}

/// The errors of a₀₀ and of c₀₀ in ulp, where C = Convert(A·Aᵀ) as in the README and A has values off
/// the grid: over 20,000 seeds neither is biased nor are the two correlated. Each of the three
/// numbers lies within four of its standard deviations with a probability of 1 − 6·10^−5.
#[test]
fn operands_and_products_of_named_draws_are_uncorrelated() {
    const N: usize = 20_000;
    let epsilon = stochastic().format.epsilon();
    let x: Vec<f32> = [0.5, -0.25, 1.0, 1.5].iter().map(|x| x + 0.37 * epsilon as f32).collect();
    let pairs: Vec<[f64; 2]> = (0..N)
        .map(|seed| {
            let layer = Seed::new(2015).child(seed);
            let a = FixedMatrix::quantize(&x, 2, 2, stochastic(), layer.child("a").draw());
            let c = Product::new(a.view(), a.t()).convert(stochastic(), layer.child("c").draw());
            let mut sums = [0; 4];
            Product::new(a.view(), a.t()).wide(&mut sums);
            let exact = sums[0] as f64 * epsilon * epsilon;
            [f64::from(a.to_f32()[0] - x[0]), f64::from(c.to_f32()[0]) - exact]
                .map(|error| error / epsilon)
        })
        .collect();
    let Statistics { mean, correlation, deviation } = statistics(&pairs);
    let sigma = 1.0 / (N as f64).sqrt();
    assert!(correlation.abs() < 4.0 * sigma, "correlation {correlation}");
    for k in [0, 1] {
        assert!(deviation[k] > 0.1, "nothing is rounded");
        assert!(mean[k].abs() < 4.0 * sigma * deviation[k], "bias {} ulp", mean[k]);
    }
}

/// E[SR(x)·SR(y)] = x·y for parts of one draw. Both are half an ulp off the grid: with shared bits
/// they would round up together, and the mean be ¼ ulp² too large. Four standard deviations of the
/// mean of ±¼: a false alarm in 6·10^−5.
#[test]
fn parts_of_one_draw_round_independently() {
    const N: usize = 40_000;
    let epsilon = stochastic().format.epsilon();
    let x = vec![0.5 * epsilon as f32; N];
    let (first, second) = Seed::new(7).draw().split_at(N as u64);
    let a = FixedMatrix::quantize(&x, 1, N, stochastic(), first).codes().to_i32();
    let b = FixedMatrix::quantize(&x, N, 1, stochastic(), second).codes().to_i32();
    let mean = a.iter().zip(&b).map(|(a, b)| f64::from(a * b)).sum::<f64>() / N as f64;
    // The product is 0 or 1 with probability ¼: deviation √3/4.
    assert!((mean - 0.25).abs() < 4.0 * 3f64.sqrt() / 4.0 / (N as f64).sqrt(), "{mean}");
    // What the type keeps apart: the same positions round together.
    let stream = Seed::new(7).stream();
    let twice = FixedMatrix::quantize(&x, 1, N, stochastic(), stream.at(0)).codes().to_i32();
    assert_eq!(twice, a);
}
