//! The transform against its definition, products and lengths that stay.

use proptest::prelude::*;

use super::*;

fn gaussian(name: &str, len: usize) -> Vec<f32> {
    let mut x = vec![0.0; len];
    Seed::new(11).child(name).stream().fill_gaussian(0, &mut x);
    x
}

/// The definition, in f64, of a run of as many elements as signs.
fn naive(run: &[f64], hadamard: &RandomHadamard) -> Vec<f64> {
    let element = |j: usize| -> f64 {
        run.iter()
            .enumerate()
            .map(|(i, x)| {
                let odd = (i & j).count_ones() % 2 == 1;
                if odd != (hadamard.signs[i] != 0) { -x } else { *x }
            })
            .sum()
    };
    (0..run.len()).map(|j| element(j) / (run.len() as f64).sqrt()).collect()
}

/// Lengths of the runs of a row.
fn runs(mut len: usize, size: usize) -> Vec<usize> {
    let mut runs = Vec::new();
    while len > 0 {
        runs.push(power_of_two_within(len.min(size)));
        len -= runs[runs.len() - 1];
    }
    runs
}

fn transforms() -> Vec<RandomHadamard> {
    let mut all: Vec<RandomHadamard> = (1..=10)
        .map(|log| Hadamard { size: 1 << log, signs: HadamardSigns::Random })
        .map(|hadamard| hadamard.of(&Seed::new(12).child("signs")))
        .collect();
    all.push(Hadamard { size: 16, signs: HadamardSigns::Nvidia }.of(&Seed::new(0)));
    all.push(Hadamard { size: 32, signs: HadamardSigns::Plain }.of(&Seed::new(0)));
    all
}

#[test]
fn runs_are_transformed_by_the_definition() {
    for hadamard in transforms() {
        for (rows, cols) in [(1, 1024), (3, 100), (2, 16), (5, 7), (1, 1), (4, 1100)] {
            let x = gaussian("x", rows * cols);
            let mut y = x.clone();
            hadamard.along_rows(&mut y, rows, cols, Par::Seq);
            for (x, y) in x.chunks(cols).zip(y.chunks(cols)) {
                let mut at = 0;
                for run in runs(cols, hadamard.size()) {
                    let exact: Vec<f64> = x[at..at + run].iter().map(|&x| x.into()).collect();
                    for (exact, y) in naive(&exact, &hadamard).iter().zip(&y[at..]) {
                        // log₂ d sums of numbers of about 1, and the normaliser.
                        assert!((exact - f64::from(*y)).abs() < 1e-5, "{exact}, {y}");
                    }
                    at += run;
                }
            }
        }
    }
}

#[test]
fn columns_are_rows_of_the_transpose() {
    for hadamard in transforms() {
        for (rows, cols) in [(1024, 3), (100, 37), (16, 300), (7, 5), (33, 1)] {
            let x = gaussian("x", rows * cols);
            let transposed = |x: &[f32], rows: usize, cols: usize| -> Vec<f32> {
                (0..cols).flat_map(|c| (0..rows).map(move |r| x[r * cols + c])).collect()
            };
            let mut expected = transposed(&x, rows, cols);
            hadamard.along_rows(&mut expected, cols, rows, Par::Seq);
            let mut y = x.clone();
            hadamard.along_columns(&mut y, rows, cols, Par::THREADS);
            assert_eq!(y, transposed(&expected, cols, rows), "({rows}, {cols})");
            let (mut seq, mut rayon) = (x.clone(), x);
            hadamard.along_columns(&mut seq, rows, cols, Par::Seq);
            assert_eq!(seq, y);
            hadamard.along_rows(&mut seq, rows, cols, Par::Seq);
            hadamard.along_columns(&mut rayon, rows, cols, Par::THREADS);
            hadamard.along_rows(&mut rayon, rows, cols, Par::THREADS);
            assert_eq!(seq, rayon);
        }
    }
}

#[test]
fn nvidias_signs_are_their_list() {
    let hadamard = Hadamard { size: 16, signs: HadamardSigns::Nvidia }.of(&Seed::new(0));
    let list = [1, 1, 1, -1, 1, -1, -1, -1, -1, -1, -1, 1, -1, 1, -1, -1];
    for (sign, listed) in hadamard.signs.iter().zip(list) {
        assert_eq!(signed(1.0, *sign), listed as f32);
    }
}

#[test]
fn random_signs_have_the_name_of_their_seed() {
    let hadamard = Hadamard { size: 128, signs: HadamardSigns::Random };
    let of = |name| hadamard.of(&Seed::new(3).child(name));
    assert_eq!(of("a"), of("a"));
    assert_ne!(of("a"), of("b"));
    let negative = of("a").signs.iter().filter(|&&sign| sign != 0).count();
    // Outside this range once in 10⁷ draws.
    assert!((35..=93).contains(&negative), "{negative} of 128");
}

#[cfg(feature = "serde")]
#[test]
fn what_cannot_be_is_refused() {
    let message = |text: &str| serde_json::from_str::<Hadamard>(text).unwrap_err().to_string();
    for size in [0, 1, 3, 48, 2048] {
        let text = message(&format!(r#"{{"size":{size},"signs":"random"}}"#));
        assert!(
            text.starts_with(&format!("`size`: {size} is no power of two in 2..=1024")),
            "{text}"
        );
    }
    let text = message(r#"{"size":32,"signs":"nvidia"}"#);
    assert!(text.starts_with("`signs`: NVIDIA's signs are 16, not 32"), "{text}");
    assert!(message(r#"{"size":16,"signs":"plain","block":1}"#).contains("block"));
    let hadamard = Hadamard { size: 64, signs: HadamardSigns::Random };
    let text = serde_json::to_string(&hadamard).unwrap();
    assert_eq!(serde_json::from_str::<Hadamard>(&text).unwrap(), hadamard);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    /// (AH)(BH)ᵀ = ABᵀ, lengths stay, and the transform is undone.
    #[test]
    fn products_and_lengths_stay(seed: u64, log in 1u32..8, rows in 1usize..4, cols in 1usize..300) {
        let hadamard = Hadamard { size: 1 << log, signs: HadamardSigns::Random }.of(&Seed::new(seed));
        let a = gaussian("a", rows * cols);
        let b = gaussian("b", rows * cols);
        let (mut ah, mut bh) = (a.clone(), b.clone());
        hadamard.along_rows(&mut ah, rows, cols, Par::Seq);
        hadamard.along_rows(&mut bh, rows, cols, Par::Seq);
        let dot = |a: &[f32], b: &[f32]| -> f64 {
            a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum()
        };
        let tolerance = 1e-6 * cols as f64;
        for (i, j) in (0..rows).flat_map(|i| (0..rows).map(move |j| (i, j))) {
            let row = |x: &[f32], i: usize| x[i * cols..(i + 1) * cols].to_vec();
            let rotated = dot(&row(&ah, i), &row(&bh, j));
            prop_assert!((rotated - dot(&row(&a, i), &row(&b, j))).abs() < tolerance);
        }
        prop_assert!((dot(&ah, &ah) - dot(&a, &a)).abs() < tolerance * rows as f64);
        hadamard.undo_along_rows(&mut ah, rows, cols, Par::THREADS);
        for (a, back) in a.iter().zip(&ah) {
            prop_assert!((a - back).abs() < 1e-5);
        }
    }
}
