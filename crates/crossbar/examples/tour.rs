//! A matrix on PCM tiles through a year, and a step of training for such tiles.

#![expect(clippy::print_stdout, reason = "an example shows its results")]

use crossbar::training::{Keep, MatrixWeights, PerturbedMatrix, TrainingTiles};
use crossbar::{
    AnalogMatrix, Batch, MvmNoise, Normalized, TileConfig, TileError, WeightNoise,
    WeightNoiseConfig, mvm_error,
};
use numerics::{Par, Seed};

const OUTPUTS: usize = 64;
const INPUTS: usize = 700;
const SAMPLES: usize = 32;

fn main() -> Result<(), TileError> {
    // A tile is data: a preset, or the name of a TOML file.
    let config = TileConfig::load("standard-pcm")?;
    let mut weights = vec![0.0; OUTPUTS * INPUTS];
    Seed::new(1).child("weights").stream().fill_gaussian(0, &mut weights);
    let mut x = vec![0.0; SAMPLES * INPUTS];
    Seed::new(1).child("inputs").stream().fill_uniform(0, &mut x);
    x.iter_mut().for_each(|x| *x = 2.0 * *x - 1.0);

    years_on_tiles(&config, &weights, &x)?;
    a_step_of_training(&config, &weights, &x)
}

/// Programs the matrix, lets it age, and compares its products with exact ones.
fn years_on_tiles(config: &TileConfig, weights: &[f32], x: &[f32]) -> Result<(), TileError> {
    let mut matrix = AnalogMatrix::program(config, weights, INPUTS, &Seed::new(2), Par::Rayon)?;
    for (rows, columns, _) in matrix.tiles() {
        println!("a tile holds outputs {rows:?} of inputs {columns:?}");
    }
    let exact: Vec<f32> = x
        .chunks_exact(INPUTS)
        .flat_map(|x| weights.chunks_exact(INPUTS).map(move |w| (w, x)))
        .map(|(w, x)| w.iter().zip(x).map(|(w, x)| w * x).sum())
        .collect();
    const HOUR_S: f64 = 3600.0;
    for (when, t_s) in [("an hour", HOUR_S), ("a day", 24.0 * HOUR_S), ("a year", 8760.0 * HOUR_S)]
    {
        matrix.age_to(t_s, Par::Rayon)?;
        let error = |matrix: &AnalogMatrix| {
            // Fresh noise for every product; the devices are the same.
            let noise = MvmNoise { seed: Seed::new(3).child(t_s.to_bits()), first_sample: 0 };
            let mut y = vec![0.0; exact.len()];
            matrix.forward(x, &noise, Par::Rayon, &mut y);
            100.0 * mvm_error(&exact, &y, OUTPUTS)
        };
        let drifted = error(&matrix);
        matrix.compensate_drift(&Seed::new(4).child(t_s.to_bits()));
        let compensated = error(&matrix);
        println!("{when}: error {drifted:.1} %, read out again {compensated:.1} %");
    }
    Ok(())
}

/// One product through perturbed weights, forward and backward.
fn a_step_of_training(config: &TileConfig, weights: &[f32], x: &[f32]) -> Result<(), TileError> {
    let tiles = TrainingTiles::new(config, OUTPUTS, INPUTS, &Seed::new(5))?;
    // What is learned: weights in [−1, 1], a scale for each output of each tile, biases.
    let Normalized { weights, scales } = tiles.cut().normalize(weights, &config.mapping)?;
    let learned = MatrixWeights { weights: &weights, scales: &scales, bias: &[0.0; OUTPUTS] };

    let batch = Seed::new(6).child("batch").child(0);
    let noise = WeightNoise::new(&WeightNoiseConfig::paper(3.0, 0.01))?;
    let mut matrix = PerturbedMatrix::zeros(&tiles);
    matrix.perturb(learned, Some(noise.for_batch(1.0, &batch.child("weights"))), Par::Rayon);

    let noise = MvmNoise { seed: batch.child("product"), first_sample: 0 };
    let mut y = vec![0.0; SAMPLES * OUTPUTS];
    let keep = Keep::Products(Vec::new());
    let kept = matrix.forward(Batch::rows(x, &noise), 0.9, keep, Par::Rayon, &mut y);
    let seen = kept.saturation();
    println!("\ninput range 0.9: {} inputs and {} outputs saturated", seen.inputs, seen.outputs);

    // L = Σ y²/2, so δ = y.
    let gradients = matrix.backward(&kept, x, &y, Par::Rayon);
    let length = |values: &[f32]| values.iter().map(|v| v * v).sum::<f32>().sqrt();
    println!("|∂L/∂w̆| = {:.1} over {} weights", length(&gradients.weights), weights.len());
    println!("|∂L/∂γ| = {:.1} over {} scales", length(&gradients.scales), scales.len());
    println!("|∂L/∂β| = {:.1}, ∂L/∂α = {:.1}", length(&gradients.bias), gradients.input_range);
    Ok(())
}
