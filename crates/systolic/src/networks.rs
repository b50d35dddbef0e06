//! [`TrainedNetwork`]: the matrix products that an epoch of training asks of the accelerator.
//!
//! Every layer with weights is a product of three kinds; B is the minibatch, for a convolution
//! multiplied by its output positions:
//!
//! ```text
//!   forward    Y = X · Wᵀ        (B, in) · (in, out)
//!   backward   δ′ = δ · W        (B, out) · (out, in)     not for the first layer
//!   gradient   G = Xᵀ · δ        (in, B) · (B, out)
//! ```
//!
//! and an update W ← W + ΔW, element by element. `in` of a convolution counts a patch: channels
//! times kernel area.
//!
//! Assumed: patches lie expanded in memory; the updates, which the array does not compute, stream
//! past it (ΔW and W read, W written) at the memory's bandwidth and the card's power. Softmax, loss,
//! pooling and ReLU are the host's [Gupta15 §5].

use crate::{BoardError, Card, GemmShape, Throughput};

/// A layer with weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrainedLayer {
    /// Its name in the network.
    pub name: &'static str,
    /// Inputs of each output: channels times kernel area for a convolution.
    pub inputs: usize,
    /// Outputs, or maps of a convolution.
    pub outputs: usize,
    /// Positions at which the weights are applied to one sample; 1 for a fully connected layer.
    pub positions: usize,
}

/// Which of a layer's products.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProductKind {
    /// Y = X · Wᵀ.
    Forward,
    /// δ′ = δ · W.
    Backward,
    /// G = Xᵀ · δ.
    Gradient,
}

/// One product of every minibatch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrainingProduct {
    /// The layer.
    pub layer: TrainedLayer,
    /// What it computes.
    pub kind: ProductKind,
    /// Its sizes.
    pub shape: GemmShape,
}

/// A network as the accelerator sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrainedNetwork {
    /// Name.
    pub name: &'static str,
    /// Layers with weights, from the input on.
    pub layers: Vec<TrainedLayer>,
    /// Training samples per epoch.
    pub samples: usize,
    /// Samples per minibatch.
    pub batch: usize,
}

/// What an epoch takes on a card.
#[derive(Clone, Debug, PartialEq)]
pub struct EpochCost {
    /// Each product of a minibatch.
    pub products: Vec<(TrainingProduct, Throughput)>,
    /// Operations of all products of the epoch.
    pub ops: u64,
    /// Time of the products and the updates.
    pub seconds: f64,
    /// The updates' share of it.
    pub update_seconds: f64,
    /// Energy of the card.
    pub joules: f64,
}

impl EpochCost {
    /// Sustained rate over the epoch.
    pub fn ops_per_s(&self) -> f64 {
        self.ops as f64 / self.seconds
    }

    /// Energy per operation of the products.
    pub fn joules_per_op(&self) -> f64 {
        self.joules / self.ops as f64
    }
}

const fn layer(
    name: &'static str,
    inputs: usize,
    outputs: usize,
    positions: usize,
) -> TrainedLayer {
    TrainedLayer { name, inputs, outputs, positions }
}

impl TrainedNetwork {
    /// 784-1000-1000-10 on MNIST, minibatches of 100. Source: [Gupta15 §4.1.1].
    pub fn mnist_dnn() -> Self {
        let layers = vec![
            layer("fc1", 784, 1000, 1),
            layer("fc2", 1000, 1000, 1),
            layer("fc3", 1000, 10, 1),
        ];
        Self { name: "MNIST DNN", layers, samples: 60_000, batch: 100 }
    }

    /// Two 5 × 5 convolutions with 8 and 16 maps, each pooled 2 × 2, 128 units, 10 outputs, on
    /// MNIST. Source: [Gupta15 §4.1.2].
    ///
    /// Assumed: no padding (28 → 24 → 12 → 8 → 4) and minibatches of 100; the paper states neither.
    pub fn mnist_cnn() -> Self {
        let layers = vec![
            layer("conv1", 25, 8, 24 * 24),
            layer("conv2", 8 * 25, 16, 8 * 8),
            layer("fc1", 16 * 4 * 4, 128, 1),
            layer("fc2", 128, 10, 1),
        ];
        Self { name: "MNIST CNN", layers, samples: 60_000, batch: 100 }
    }

    /// Three 5 × 5 convolutions with 64 maps, each pooled 3 × 3 with stride 2, and 10 outputs, on
    /// CIFAR-10. Source: [Gupta15 §4.2].
    ///
    /// Assumed: padding that keeps the size, pooling 32 → 16 → 8 → 4, minibatches of 100; the paper
    /// states none of them.
    pub fn cifar10_cnn() -> Self {
        let layers = vec![
            layer("conv1", 3 * 25, 64, 32 * 32),
            layer("conv2", 64 * 25, 64, 16 * 16),
            layer("conv3", 64 * 25, 64, 8 * 8),
            layer("fc", 64 * 4 * 4, 10, 1),
        ];
        Self { name: "CIFAR-10 CNN", layers, samples: 50_000, batch: 100 }
    }

    /// The paper's three networks.
    pub fn of_the_paper() -> [Self; 3] {
        [Self::mnist_dnn(), Self::mnist_cnn(), Self::cifar10_cnn()]
    }

    /// Weights and biases.
    pub fn parameters(&self) -> usize {
        self.layers.iter().map(|layer| (layer.inputs + 1) * layer.outputs).sum()
    }

    /// The products of one minibatch.
    pub fn products(&self) -> Vec<TrainingProduct> {
        let mut products = Vec::new();
        for (depth, &layer) in self.layers.iter().enumerate() {
            let (inputs, outputs) = (layer.inputs, layer.outputs);
            let rows = self.batch * layer.positions;
            let mut push = |kind, l, k, m| {
                products.push(TrainingProduct { layer, kind, shape: GemmShape { l, k, m } });
            };
            push(ProductKind::Forward, rows, inputs, outputs);
            if depth > 0 {
                push(ProductKind::Backward, rows, outputs, inputs);
            }
            push(ProductKind::Gradient, inputs, rows, outputs);
        }
        products
    }

    /// Time and energy of an epoch on a card, minibatch after minibatch.
    ///
    /// # Errors
    ///
    /// [`BoardError::Zero`] if a size of the network is 0.
    pub fn epoch(&self, card: &Card) -> Result<EpochCost, BoardError> {
        let products = self
            .products()
            .into_iter()
            .map(|product| Ok((product, card.throughput(product.shape)?)))
            .collect::<Result<Vec<_>, BoardError>>()?;
        let minibatches = self.samples as f64 / self.batch as f64;
        let update_bytes = 3 * self.parameters() as u64 * card.design().word_bytes;
        let update_seconds = minibatches * update_bytes as f64 / card.board().bandwidth_bytes_per_s;
        let product_seconds: f64 =
            minibatches * products.iter().map(|(_, throughput)| throughput.seconds).sum::<f64>();
        let ops = products.iter().map(|(product, _)| product.shape.ops()).sum::<u64>() as f64;
        let seconds = product_seconds + update_seconds;
        Ok(EpochCost {
            products,
            ops: (minibatches * ops).round() as u64,
            seconds,
            update_seconds,
            joules: seconds * card.design().power_w,
        })
    }
}
