//! The fully connected network of [Gupta15 §4.1].

use nn::layers::{Builder, Init};
use nn::optim::Update;
use nn::{
    AnyArithmetic, FixedPoint, Mode, Model, Optimizer, Parameters, Pass, Policy, Sgd, Tensor,
    Workspace, ops,
};
use numerics::{FixedFormat, Par, Rounding, Seed};

use crate::bench::row::{Measured, Row, Unmeasured, alternate};
use crate::measured::measures::image_classifier::Network;

/// The rows.
pub(super) const ROWS: &[Row] = &[
    Row {
        name: "mlp_step_fixed",
        what: "step of the 784-1000-1000-10 network, batch 100, stochastic <8,8>, against ours in f32",
        target: 1.0 / 0.9,
        measure: || against_float(fixed_8_8()),
    },
    Row {
        name: "mlp_step_float_torch",
        what: "the same step in f32 against PyTorch's, one thread each",
        target: 1.0 / 1.1,
        measure: || against_torch(AnyArithmetic::Float32),
    },
    Row {
        name: "mlp_step_fixed_torch",
        what: "the same step in stochastic <8,8> against PyTorch's in f32, one thread each",
        target: 1.0,
        measure: || against_torch(fixed_8_8()),
    },
];

/// A step in that arithmetic against one in f32.
pub(super) fn against_float(arithmetic: AnyArithmetic) -> Result<Measured, Unmeasured> {
    let mut other = Mlp::new(arithmetic);
    let mut float = Mlp::new(AnyArithmetic::Float32);
    other.check()?;
    float.check()?;
    Ok(alternate(
        ROUNDS,
        || {
            other.step();
        },
        || {
            float.step();
        },
    ))
}

const ROUNDS: usize = 60;
const BATCH: usize = 100;

fn fixed_8_8() -> AnyArithmetic {
    let format = FixedFormat::new(8, 8).expect("a 16-bit format");
    AnyArithmetic::FixedPoint(FixedPoint::uniform(format, Rounding::Stochastic).expect("it fits"))
}

/// The network of [Gupta15 §4.1] with one batch of random images.
struct Mlp {
    model: Box<dyn Model>,
    parameters: Parameters,
    input: Vec<f32>,
    labels: Vec<u8>,
    work: Workspace,
    steps: usize,
}

impl Mlp {
    fn new(arithmetic: AnyArithmetic) -> Self {
        let mut parameters = Parameters::new();
        let mut input = vec![0.0; BATCH * 784];
        Seed::new(1).stream().fill_uniform(0, &mut input);
        input.iter_mut().for_each(|x| *x = arithmetic.input(*x));
        let policy = Policy::uniform(arithmetic);
        let mut builder =
            Builder { parameters: &mut parameters, policy: &policy, seed: Seed::new(0) };
        let (widths, init) = (vec![784, 1000, 1000, 10], Init::Normal { std_dev: 0.01 });
        let model = Network::Mlp { widths, init }.build(&mut builder);
        let labels = (0..BATCH).map(|i| (i % 10) as u8).collect();
        Self { model, parameters, input, labels, work: Workspace::new(), steps: 0 }
    }

    /// One step; returns the loss before it.
    fn step(&mut self) -> f32 {
        let seed = Seed::new(2).child(self.steps);
        let pass = Pass { seed, first_row: 0, step: 0, mode: Mode::Train, par: Par::Seq };
        let mut x = self.work.tape.scratch(self.input.len());
        x.copy_from_slice(&self.input);
        let x = self.work.tape.constant(Tensor::new(&[BATCH, 784], x));
        let mut step = self.work.step(&self.parameters, pass);
        let logits = self.model.forward(x, &mut step);
        let loss = ops::softmax_cross_entropy(&mut step, logits, &self.labels);
        let value = self.work.tape.value(loss).item();
        let scale = BATCH as f32;
        self.work.tape.backward(loss, scale, &mut self.parameters, pass);
        let sgd = Optimizer::Sgd(Sgd::default());
        let update = Update {
            learning_rate: 0.1,
            gradient_scale: 1.0 / scale,
            step: self.steps as u64 + 1,
            seed: seed.child("update"),
            groups: &[],
        };
        sgd.step(&mut self.parameters, &update);
        self.work.clear();
        self.steps += 1;
        value
    }

    /// A network that is timed must learn: the loss starts at ln 10 and falls.
    fn check(&mut self) -> Result<(), String> {
        let first = self.step();
        let last = (0..10).fold(first, |_, _| self.step());
        let starts = (first - 10f32.ln()).abs() < 0.05;
        if starts && last < first {
            Ok(())
        } else {
            Err(format!("the network does not learn: loss {first}, then {last}"))
        }
    }
}

fn against_torch(arithmetic: AnyArithmetic) -> Result<Measured, Unmeasured> {
    let mut mlp = Mlp::new(arithmetic);
    mlp.check()?;
    super::torch::against_torch(ROUNDS, TORCH, || {
        mlp.step();
    })
}

const TORCH: &str = "
model = nn.Sequential(nn.Linear(784, 1000), nn.ReLU(), nn.Linear(1000, 1000), nn.ReLU(), nn.Linear(1000, 10))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
x, y = torch.rand(100, 784), torch.arange(100) % 10
def step():
    optimizer.zero_grad()
    F.cross_entropy(model(x), y).backward()
    optimizer.step()
";
