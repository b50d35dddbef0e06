//! Networks for images: Gupta's convolutional ones, and ResNet-32; what is timed of them all.

use nn::layers::{Builder, Init};
use nn::models::{CifarPadding, CifarResNetConfig, Shortcut};
use nn::optim::Update;
use nn::{
    AnyArithmetic, FixedPoint, Leaves, Mode, Model, Optimizer, Parameters, Pass, Policy, Processes,
    Sgd, Tensor, Workspace, models, ops,
};
use numerics::{FixedFormat, Par, Rounding, Seed};

use crate::bench::row::{Measured, Row, Unmeasured, alternate};
use crate::measured::measures::image_classifier::Network as Images;

/// The rows.
pub(super) const ROWS: &[Row] = &[
    Row {
        name: "mnist_cnn_step_float_torch",
        what: "step of Gupta's MNIST network, padded, batch 100, in f32 against PyTorch, one thread each",
        target: 1.0 / 1.1,
        measure: || Network::MnistCnn.against_torch(30, AnyArithmetic::Float32),
    },
    Row {
        name: "cifar_cnn_step_float_torch",
        what: "step of Gupta's CIFAR-10 network, batch 128, in f32 against PyTorch, one thread each",
        target: 1.0 / 1.1,
        measure: || Network::CifarCnn.against_torch(5, AnyArithmetic::Float32),
    },
    Row {
        name: "resnet32_step_float_torch",
        what: "step of ResNet-32, batch 128, in f32 against PyTorch, one thread each",
        target: 1.0 / 1.1,
        measure: || Network::ResNet32.against_torch(5, AnyArithmetic::Float32),
    },
    Row {
        name: "mnist_cnn_step_leaves",
        what: "step of Gupta's MNIST network in f32, its batch in 4 leaves, against ours without",
        target: 1.0 / 1.03,
        measure: || Network::MnistCnn.against_whole(60, AnyArithmetic::Float32, LEAVES),
    },
    Row {
        name: "resnet20_step_leaves",
        what: "step of ResNet-20, batch 128, in f32, its batch in 4 leaves, against ours without",
        target: 1.0 / 1.03,
        measure: || Network::ResNet20.against_whole(10, AnyArithmetic::Float32, LEAVES),
    },
    Row {
        name: "mnist_cnn_step_fixed",
        what: "step of Gupta's MNIST network in stochastic <6,10>, against ours in f32",
        target: 1.0 / 1.2,
        measure: || Network::MnistCnn.against_float(30),
    },
    Row {
        name: "cifar_cnn_step_fixed",
        what: "step of Gupta's CIFAR-10 network in stochastic <6,10>, against ours in f32",
        target: 1.0 / 1.2,
        measure: || Network::CifarCnn.against_float(5),
    },
];

/// Leaves of a batch, for as many processes.
pub(super) const LEAVES: usize = 4;

/// The shapes that are timed.
#[derive(Clone, Copy)]
pub(super) enum Network {
    /// The fully connected network of [Gupta15 §4.1].
    Mlp,
    MnistCnn,
    CifarCnn,
    ResNet20,
    ResNet32,
}

impl Network {
    fn batch(self) -> usize {
        match self {
            Self::Mlp | Self::MnistCnn => 100,
            Self::CifarCnn | Self::ResNet20 | Self::ResNet32 => 128,
        }
    }

    fn image(self) -> &'static [usize] {
        match self {
            Self::Mlp => &[784],
            Self::MnistCnn => &[28, 28, 1],
            Self::CifarCnn | Self::ResNet20 | Self::ResNet32 => &[32, 32, 3],
        }
    }

    /// The learning rate and the momentum.
    fn rates(self) -> (f32, f32) {
        if matches!(self, Self::Mlp) { (0.1, 0.0) } else { (0.01, 0.9) }
    }

    fn build(self, builder: &mut Builder<'_>) -> Box<dyn Model> {
        let init = Init::HeNormal;
        let depth = match self {
            Self::Mlp => {
                let (widths, init) = (vec![784, 1000, 1000, 10], Init::Normal { std_dev: 0.01 });
                return Images::Mlp { widths, init }.build(builder);
            }
            Self::MnistCnn => return Images::GuptaMnistCnn { padding: 2, init }.build(builder),
            Self::CifarCnn => {
                let padding = CifarPadding { conv: 2, pool: 1 };
                return Images::GuptaCifarCnn { padding, init }.build(builder);
            }
            Self::ResNet20 => 20,
            Self::ResNet32 => 32,
        };
        // With shortcuts that PyTorch's program below has.
        let shortcut = Shortcut::Projection;
        let config = CifarResNetConfig { shortcut, ..CifarResNetConfig::he2015(depth) };
        Box::new(models::cifar_resnet(builder, &config))
    }

    fn program(self) -> String {
        let model = match self {
            Self::Mlp => {
                "
model = nn.Sequential(
    nn.Linear(784, 1000), nn.ReLU(), nn.Linear(1000, 1000), nn.ReLU(), nn.Linear(1000, 10))
"
            }
            Self::MnistCnn => {
                "
model = nn.Sequential(
    nn.Conv2d(1, 8, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
    nn.Conv2d(8, 16, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
    nn.Flatten(), nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))
"
            }
            Self::CifarCnn => {
                "
def conv(inputs): return [nn.Conv2d(inputs, 64, 5, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2, 1)]
model = nn.Sequential(*conv(3), *conv(64), *conv(64), nn.Flatten(), nn.Linear(1024, 10))
"
            }
            Self::ResNet20 | Self::ResNet32 => {
                "
class Block(nn.Module):
    def __init__(self, i, o, stride):
        super().__init__()
        self.c1, self.b1 = nn.Conv2d(i, o, 3, stride, 1, bias=False), nn.BatchNorm2d(o)
        self.c2, self.b2 = nn.Conv2d(o, o, 3, 1, 1, bias=False), nn.BatchNorm2d(o)
        self.s = nn.Identity() if i == o else nn.Sequential(
            nn.Conv2d(i, o, 1, stride, bias=False), nn.BatchNorm2d(o))
    def forward(self, x):
        y = F.relu(self.b1(self.c1(x)))
        return F.relu(self.b2(self.c2(y)) + self.s(x))
layers = [nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU()]
i = 16
for o, stride in ((16, 1), (32, 2), (64, 2)):
    for b in range(BLOCKS):
        layers.append(Block(i, o, stride if b == 0 else 1))
        i = o
model = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10))
"
            }
        };
        let blocks = if matches!(self, Self::ResNet20) { 3 } else { 5 };
        // PyTorch has the channels first.
        let image = match *self.image() {
            [height, width, channels] => format!("{channels}, {height}, {width}"),
            ref pixels => pixels.iter().map(ToString::to_string).collect(),
        };
        let (batch, (rate, momentum)) = (self.batch(), self.rates());
        format!(
            "BLOCKS = {blocks}
{model}
optimizer = torch.optim.SGD(model.parameters(), lr={rate}, momentum={momentum})
x, y = torch.rand({batch}, {image}), torch.arange({batch}) % 10
def step():
    optimizer.zero_grad()
    F.cross_entropy(model(x), y).backward()
    optimizer.step()
"
        )
    }

    /// A step in that arithmetic against PyTorch's in f32.
    pub(super) fn against_torch(
        self,
        rounds: usize,
        arithmetic: AnyArithmetic,
    ) -> Result<Measured, Unmeasured> {
        self.against_program(rounds, arithmetic, &self.program())
    }

    /// A step in that arithmetic against one of a PyTorch program that defines `step()`.
    pub(super) fn against_program(
        self,
        rounds: usize,
        arithmetic: AnyArithmetic,
        program: &str,
    ) -> Result<Measured, Unmeasured> {
        let mut ours = Training::new(self, arithmetic);
        ours.check()?;
        super::torch::against_torch(rounds, program, || {
            ours.step();
        })
    }

    fn against_float(self, rounds: usize) -> Result<Measured, Unmeasured> {
        let format = FixedFormat::new(6, 10).expect("a 16-bit format");
        let fixed = FixedPoint::uniform(format, Rounding::Stochastic).expect("it fits");
        self.against_ours(rounds, AnyArithmetic::FixedPoint(fixed))
    }

    /// A step whose batch is cut into leaves, against the same without them.
    pub(super) fn against_whole(
        self,
        rounds: usize,
        arithmetic: AnyArithmetic,
        leaves: usize,
    ) -> Result<Measured, Unmeasured> {
        let mut cut = Training::new(self, arithmetic.clone());
        cut.work.tape.cut(Leaves::new(leaves, self.batch(), &Processes::one()));
        let mut whole = Training::new(self, arithmetic);
        cut.check()?;
        whole.check()?;
        Ok(alternate(
            rounds,
            || {
                cut.step();
            },
            || {
                whole.step();
            },
        ))
    }

    /// A step in that arithmetic against one in f32.
    pub(super) fn against_ours(
        self,
        rounds: usize,
        arithmetic: AnyArithmetic,
    ) -> Result<Measured, Unmeasured> {
        let mut other = Training::new(self, arithmetic);
        let mut float = Training::new(self, AnyArithmetic::Float32);
        other.check()?;
        float.check()?;
        Ok(alternate(
            rounds,
            || {
                other.step();
            },
            || {
                float.step();
            },
        ))
    }
}

/// A network with one batch of random images.
struct Training {
    model: Box<dyn Model>,
    parameters: Parameters,
    shape: Vec<usize>,
    optimizer: Optimizer,
    learning_rate: f32,
    input: Vec<f32>,
    labels: Vec<u8>,
    work: Workspace,
    steps: usize,
}

impl Training {
    fn new(network: Network, arithmetic: AnyArithmetic) -> Self {
        let shape = [&[network.batch()], network.image()].concat();
        let mut input = vec![0.0; shape.iter().product()];
        Seed::new(1).stream().fill_uniform(0, &mut input);
        input.iter_mut().for_each(|x| *x = arithmetic.input(*x));
        let mut parameters = Parameters::new();
        let policy = Policy::uniform(arithmetic);
        let model = network.build(&mut Builder {
            parameters: &mut parameters,
            policy: &policy,
            seed: Seed::new(0),
        });
        let labels = (0..network.batch()).map(|i| (i % 10) as u8).collect();
        let (learning_rate, momentum) = network.rates();
        let optimizer = Optimizer::Sgd(Sgd { momentum, ..Sgd::default() });
        let (work, steps) = (Workspace::new(), 0);
        Self { model, parameters, shape, optimizer, learning_rate, input, labels, work, steps }
    }

    /// One step; returns the loss before it.
    fn step(&mut self) -> f32 {
        let seed = Seed::new(2).child(self.steps);
        let pass = Pass { seed, first_row: 0, step: 0, mode: Mode::Train, par: Par::Seq };
        let mut x = self.work.tape.scratch(self.input.len());
        x.copy_from_slice(&self.input);
        let x = self.work.tape.constant(Tensor::new(&self.shape, x));
        let mut step = self.work.step(&self.parameters, pass);
        let logits = self.model.forward(x, &mut step);
        let loss = ops::softmax_cross_entropy(&mut step, logits, &self.labels);
        let value = self.work.tape.value(loss).item();
        let scale = self.labels.len() as f32;
        self.work.tape.backward(loss, scale, &mut self.parameters, pass);
        let update = Update {
            learning_rate: self.learning_rate,
            gradient_scale: 1.0 / scale,
            step: self.steps as u64 + 1,
            seed: seed.child("update"),
            groups: &[],
        };
        self.optimizer.step(&mut self.parameters, &update);
        self.work.clear();
        self.steps += 1;
        value
    }

    /// A network that is timed must learn: the loss falls on a batch that it sees again.
    fn check(&mut self) -> Result<(), String> {
        let first = self.step();
        let last = (0..12).fold(first, |_, _| self.step());
        if last < first && last.is_finite() {
            Ok(())
        } else {
            Err(format!("the network does not learn: loss {first}, then {last}"))
        }
    }
}
