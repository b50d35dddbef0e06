//! Training a fully connected network with every product on the accelerator's rounding units.
//!
//! ```text
//!   Y  = Convert(X·W)              X with a column of ones, W with a row of biases
//!   δ′ = Convert(δ·Wᵀ)
//!   ΔW = Convert(Xᵀ·δ · 2^−s),     W ← saturate(W + ΔW)
//! ```
//!
//! δ is y − p, so that ΔW has its sign; the learning rate over the batch size is 2^−s and so part
//! of the cut below which the rounding bits are added. Each product takes its bits from the columns'
//! registers, in the order in which the array computes its tiles. Softmax and its errors are the
//! host's: float, and converted with ChaCha bits in every variant.

use nn::{Images, batches};
use numerics::{BitSource, Draw, FixedFormat, FixedMatrix, Product, Quantizer, Rounding, Seed};
use serde::{Deserialize, Serialize};
use systolic::{ColumnLfsrs, ColumnStream, Tiles};

use crate::Error;
use crate::experiment::Context;
use crate::record::Measurements;

/// Where the rounding bits of the products come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProductBits {
    /// ChaCha, by name and position.
    Chacha,
    /// The registers of an array's columns.
    Lfsr {
        /// The registers, one per column.
        columns: ColumnLfsrs,
        /// p: row tiles in a block.
        row_tiles: usize,
    },
}

/// Everything that determines a training run but its seed and its data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LfsrTraining {
    /// Layer widths.
    pub widths: Vec<usize>,
    /// The format of weights, outputs, errors and updates.
    pub format: FixedFormat,
    /// Where the rounding bits of the products come from.
    pub bits: ProductBits,
    /// Standard deviation of the initial weights.
    pub init_std_dev: f32,
    /// Images per step.
    pub batch: usize,
    /// s: learning rate over batch size is 2^−s.
    pub update_shift: u32,
    /// Passes through the training images.
    pub epochs: usize,
    /// How many of the training images are used.
    pub train_images: usize,
    /// How many of the test images are used.
    pub test_images: usize,
}

/// Images as codes, without the column of ones.
struct Codes {
    pixels: Vec<i32>,
    labels: Vec<u8>,
}

impl LfsrTraining {
    /// Amount of work in images; a test image counts a third, having no backward pass.
    pub fn work(&self) -> u64 {
        (self.epochs * (self.train_images + self.test_images / 3)) as u64
    }

    /// Trains and tests: `train_loss` in nats and `test_error_percent`, one number per epoch.
    ///
    /// # Errors
    ///
    /// [`Error::Interrupted`], [`Error::Usage`] for impossible registers, or what is wrong with
    /// the data.
    pub fn run(&self, seed: u64, context: &Context<'_>) -> Result<Measurements, Error> {
        let mnist = context.data.mnist()?;
        let train = self.codes(&mnist.train, self.train_images);
        let test = self.codes(&mnist.test, self.test_images);
        let seed = Seed::new(seed);
        let mut network = Network::new(self, &seed, context.par)?;
        let mut measurements = Measurements::default();
        for epoch in 0..self.epochs {
            let order = batches(train.labels.len(), self.batch, &seed.child("order").child(epoch));
            let mut loss = 0.0;
            for (step, batch) in order.iter().enumerate() {
                let errors = seed.child("errors").child(epoch).child(step);
                loss += network.step(&train, batch, &errors);
                context.progress.advance(batch.len() as u64);
                if context.progress.stopped() {
                    return Err(Error::Interrupted);
                }
            }
            let error = network.test(&test, self.batch);
            let loss = loss / train.labels.len() as f64;
            context.progress.say(&format!(
                "epoch {}/{}: loss {loss:.4}, test error {error:.2} %",
                epoch + 1,
                self.epochs
            ));
            for (name, value) in [("train_loss", loss), ("test_error_percent", error)] {
                measurements.series.entry(name.to_owned()).or_default().push(value);
            }
        }
        Ok(measurements)
    }

    /// The first `count` images as codes: p / 255 to nearest.
    fn codes(&self, images: &Images, count: usize) -> Codes {
        let images = images.first(count);
        let nearest = Quantizer::new(self.format, Rounding::NearestTiesDown);
        let codes: Vec<i32> =
            (0..256).map(|p| nearest.code(f64::from(p) / 255.0, Draw::none())).collect();
        Codes {
            pixels: images.pixels().iter().map(|&p| codes[usize::from(p)]).collect(),
            labels: images.labels().to_vec(),
        }
    }
}

/// The rounding units of the products, and where their bits come from.
struct Rounder {
    format: FixedFormat,
    bits: Source,
    products: u64,
}

enum Source {
    Chacha(Seed),
    Lfsr { stream: ColumnStream, n: usize, row_tiles: usize },
}

impl Rounder {
    fn new(config: &LfsrTraining, seed: &Seed) -> Result<Self, Error> {
        let bits = match &config.bits {
            ProductBits::Chacha => Source::Chacha(seed.child("products")),
            ProductBits::Lfsr { columns, row_tiles } => {
                let registers =
                    columns.registers().map_err(|error| Error::Usage(error.to_string()))?;
                Source::Lfsr {
                    stream: ColumnStream::new(&registers),
                    n: registers.len(),
                    row_tiles: *row_tiles,
                }
            }
        };
        Ok(Self { format: config.format, bits, products: 0 })
    }

    /// Convert(A·B · 2^−`shift`), every sum exact and rounded once.
    fn convert(&mut self, product: &Product<'_>, (l, m): (usize, usize), shift: u32) -> Vec<i32> {
        let mut sums = vec![0; l * m];
        product.wide(&mut sums);
        let fraction_bits = product.fraction_bits() + shift as i32;
        let quantizer = Quantizer::new(self.format, Rounding::Stochastic);
        let mut codes = vec![0; l * m];
        match &mut self.bits {
            Source::Chacha(seed) => {
                let bits = seed.child(self.products).draw();
                quantizer.quantize_sums(&sums, fraction_bits, bits, &mut codes);
            }
            Source::Lfsr { stream, n, row_tiles } => {
                let tiles = Tiles { l, m, n: *n, row_tiles: *row_tiles };
                let drop = (fraction_bits - self.format.fl()).unsigned_abs();
                let words = stream.words(tiles, drop);
                quantizer.quantize_sums(&sums, fraction_bits, words.at(0), &mut codes);
            }
        }
        self.products += 1;
        codes
    }
}

struct Network {
    format: FixedFormat,
    update_shift: u32,
    par: numerics::Par,
    /// (in + 1, out) each, the last row the biases.
    weights: Vec<FixedMatrix>,
    rounder: Rounder,
}

impl Network {
    fn new(config: &LfsrTraining, seed: &Seed, par: numerics::Par) -> Result<Self, Error> {
        let format = config.format;
        if !(0..=30).contains(&format.fl()) || !format.contains(1 << format.fl()) {
            return Err(Error::Usage(format!("{format} has no 1, which multiplies the biases")));
        }
        let nearest = Quantizer::new(format, Rounding::NearestTiesDown);
        let weights = config
            .widths
            .windows(2)
            .enumerate()
            .map(|(layer, pair)| {
                let mut values = vec![0.0; pair[0] * pair[1]];
                let stream = seed.child("weights").child(layer).stream();
                stream.fill_gaussian(0, &mut values);
                values.iter_mut().for_each(|w| *w *= config.init_std_dev);
                values.resize((pair[0] + 1) * pair[1], 0.0);
                FixedMatrix::quantize(&values, pair[0] + 1, pair[1], nearest, Draw::none())
            })
            .collect();
        let rounder = Rounder::new(config, seed)?;
        Ok(Self { format, update_shift: config.update_shift, par, weights, rounder })
    }

    /// The inputs of every layer, each with its column of ones, and the logits.
    fn forward(&mut self, images: &Codes, batch: &[u32]) -> (Vec<FixedMatrix>, Vec<f64>) {
        let one = 1 << self.format.fl();
        let rows = batch.len();
        let with_ones = |codes: Vec<i32>, width: usize| {
            let codes: Vec<i32> = codes
                .chunks_exact(width)
                .flat_map(|row| row.iter().copied().chain(std::iter::once(one)))
                .collect();
            FixedMatrix::from_codes(self.format, rows, width + 1, &codes)
                .expect("rounded words are in the format")
        };
        let width = self.weights[0].nrows() - 1;
        let pixels = batch
            .iter()
            .flat_map(|&i| &images.pixels[i as usize * width..(i as usize + 1) * width])
            .copied()
            .collect();
        let mut inputs = vec![with_ones(pixels, width)];
        let last = self.weights.len() - 1;
        for weights in &self.weights[..last] {
            let product =
                Product::new(inputs[inputs.len() - 1].view(), weights.view()).par(self.par);
            let mut y = self.rounder.convert(&product, (rows, weights.ncols()), 0);
            y.iter_mut().for_each(|y| *y = (*y).max(0));
            inputs.push(with_ones(y, weights.ncols()));
        }
        let product = Product::new(inputs[last].view(), self.weights[last].view()).par(self.par);
        let mut sums = vec![0; rows * self.weights[last].ncols()];
        product.wide(&mut sums);
        let scale = 2f64.powi(-product.fraction_bits());
        (inputs, sums.into_iter().map(|z| z as f64 * scale).collect())
    }

    /// One step on a batch; returns the sum of its cross-entropies in nats.
    fn step(&mut self, images: &Codes, batch: &[u32], seed: &Seed) -> f64 {
        let (inputs, mut logits) = self.forward(images, batch);
        let rows = batch.len();
        let classes = logits.len() / rows;
        let mut loss = 0.0;
        for (row, &image) in logits.chunks_exact_mut(classes).zip(batch) {
            let label = usize::from(images.labels[image as usize]);
            // A probability that underflows counts as the smallest number, not as infinite loss.
            loss -= softmax(row)[label].max(f64::MIN_POSITIVE).ln();
            for (j, p) in row.iter_mut().enumerate() {
                *p = f64::from(u8::from(j == label)) - *p;
            }
        }
        let stochastic = Quantizer::new(self.format, Rounding::Stochastic);
        let stream = seed.stream();
        let codes: Vec<i32> =
            (0..).zip(&logits).map(|(i, &x)| stochastic.code(x, stream.at(i))).collect();
        let in_format = |cols: usize, codes: &[i32]| {
            FixedMatrix::from_codes(self.format, rows, cols, codes)
                .expect("rounded words are in the format")
        };
        let mut errors = in_format(classes, &codes);
        for layer in (0..self.weights.len()).rev() {
            let input = &inputs[layer];
            let weights = &self.weights[layer];
            let (width, outputs) = (weights.nrows(), weights.ncols());
            let propagated = (layer > 0).then(|| {
                let product = Product::new(errors.view(), weights.t()).par(self.par);
                let codes = self.rounder.convert(&product, (rows, width), 0);
                // Through ReLU, and without the column of the biases.
                let masked: Vec<i32> = codes
                    .chunks_exact(width)
                    .enumerate()
                    .flat_map(|(i, row)| {
                        row[..width - 1]
                            .iter()
                            .enumerate()
                            .map(move |(j, &code)| if input.get(i, j) > 0 { code } else { 0 })
                    })
                    .collect();
                in_format(width - 1, &masked)
            });
            let product = Product::new(input.t(), errors.view()).par(self.par);
            let update = self.rounder.convert(&product, (width, outputs), self.update_shift);
            let update = numerics::Codes::from_i32(self.format, &update)
                .expect("rounded words are in the format");
            self.weights[layer].add_saturating(&update, self.format);
            if let Some(propagated) = propagated {
                errors = propagated;
            }
        }
        loss
    }

    /// Test error in %.
    fn test(&mut self, images: &Codes, batch: usize) -> f64 {
        let indices: Vec<u32> = (0..images.labels.len() as u32).collect();
        let mut wrong = 0;
        for batch in indices.chunks(batch) {
            let logits = self.forward(images, batch).1;
            for (row, &image) in logits.chunks_exact(logits.len() / batch.len()).zip(batch) {
                let best =
                    (0..row.len()).fold(0, |best, j| if row[j] > row[best] { j } else { best });
                wrong += usize::from(best != usize::from(images.labels[image as usize]));
            }
        }
        100.0 * wrong as f64 / images.labels.len() as f64
    }
}

/// Replaces logits by probabilities.
fn softmax(row: &mut [f64]) -> &[f64] {
    let max = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    row.iter_mut().for_each(|x| *x = (*x - max).exp());
    let sum: f64 = row.iter().sum();
    row.iter_mut().for_each(|x| *x /= sum);
    row
}

#[cfg(test)]
mod tests {
    use super::*;
    use systolic::{ArrayConfig, ColumnRounding, SystolicArray};

    fn config(bits: ProductBits) -> LfsrTraining {
        LfsrTraining {
            widths: vec![4, 3, 2],
            format: FixedFormat::new(8, 8).unwrap(),
            bits,
            init_std_dev: 0.5,
            batch: 5,
            update_shift: 4,
            epochs: 1,
            train_images: 5,
            test_images: 0,
        }
    }

    fn lfsr(n: usize) -> ProductBits {
        ProductBits::Lfsr { columns: ColumnLfsrs::spread(n, &Seed::new(1)), row_tiles: 2 }
    }

    /// Two products in turn, the second one with the learning rate in its cut.
    #[test]
    fn products_are_rounded_as_the_array_rounds_them() {
        let (n, format) = (3, FixedFormat::new(8, 8).unwrap());
        let config = config(lfsr(n));
        let mut rounder = Rounder::new(&config, &Seed::new(0)).unwrap();
        let mut columns = ColumnLfsrs::spread(n, &Seed::new(1));
        for (shift, out) in [(0, format), (4, FixedFormat::new(12, 4).unwrap())] {
            let codes = |rows: usize, cols: usize| {
                let codes: Vec<i32> =
                    (0..(rows * cols) as i32).map(|i| i * 577 % 801 - 400).collect();
                FixedMatrix::from_codes(format, rows, cols, &codes).unwrap()
            };
            let (a, b) = (codes(7, 9), codes(9, 5));
            let product = Product::new(a.view(), b.view());
            let ours = rounder.convert(&product, (7, 5), shift);
            let rounding = ColumnRounding::Stochastic(columns.clone());
            let mut array = SystolicArray::new(ArrayConfig {
                out,
                row_tiles: 2,
                ..ArrayConfig::new(n, format, rounding)
            })
            .unwrap();
            assert_eq!(ours, array.multiply(&a, &b).unwrap().0.codes().to_i32(), "shift {shift}");
            // The next product goes on from the registers as this one left them.
            for (seed, lfsr) in columns.seeds.iter_mut().zip(array.registers()) {
                *seed = lfsr.state();
            }
        }
    }

    /// Off the ReLU's kink the update of every weight is the finite difference of the loss.
    #[test]
    fn updates_follow_the_gradient() {
        let mut config = config(ProductBits::Chacha);
        // Wide words make rounding small beside the differences.
        config.format = FixedFormat::new(8, 14).unwrap();
        config.update_shift = 0;
        let images = Codes {
            pixels: (0..20).map(|i| (i * 37 % 50) * (1 << 14) / 50).collect(),
            labels: vec![0, 1, 1, 0, 1],
        };
        let batch = [0, 1, 2, 3, 4];
        let seed = Seed::new(3);
        let fresh = || Network::new(&config, &Seed::new(5), numerics::Par::Seq).unwrap();
        let loss = |network: &mut Network| network.step(&images, &batch, &seed);
        let mut updated = fresh();
        loss(&mut updated);
        let epsilon = config.format.epsilon();
        let h = 1 << 10;
        for layer in 0..2 {
            let before = fresh().weights[layer].codes().to_i32();
            let after = updated.weights[layer].codes().to_i32();
            for (i, (&old, &new)) in before.iter().zip(&after).enumerate() {
                let at = |code: i32| {
                    let mut network = fresh();
                    let mut codes = before.clone();
                    codes[i] = code;
                    let (rows, cols) =
                        (network.weights[layer].nrows(), network.weights[layer].ncols());
                    network.weights[layer] =
                        FixedMatrix::from_codes(config.format, rows, cols, &codes).unwrap();
                    loss(&mut network)
                };
                let slope = (at(old + h) - at(old - h)) / (2.0 * f64::from(h) * epsilon);
                let step = f64::from(new - old) * epsilon;
                // Rounding of 5 hidden outputs, errors and updates: each below ε, times weights and
                // pixels of at most 2, over the 2h of the difference: 5 · 8 · ε / (2h · ε).
                let bound = 40.0 / f64::from(2 * h);
                assert!(
                    (step + slope).abs() < bound,
                    "weight {i} of layer {layer}: {step} {slope}"
                );
            }
        }
    }

    #[test]
    fn formats_without_a_one_are_refused() {
        let config = LfsrTraining { format: FixedFormat::new(1, 15).unwrap(), ..config(lfsr(2)) };
        let error = Network::new(&config, &Seed::new(0), numerics::Par::Seq).err().unwrap();
        assert_eq!(error.to_string(), "<1,15> has no 1, which multiplies the biases");
    }
}
