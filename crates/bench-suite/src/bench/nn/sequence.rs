//! Sequence networks: the LSTM language model and a transformer encoder.

use nn::layers::{
    Activation, Builder, Embedding, EncoderBlock, EncoderConfig, Init, Linear, Readout,
};
use nn::models::{LanguageModel, LanguageModelConfig, lstm_language_model};
use nn::ops::{CrossEntropy, Mask};
use nn::optim::Update;
use nn::{
    AnyArithmetic, Mode, Optimizer, Parameters, Pass, Policy, Sgd, Step, Var, Workspace, ops,
};
use numerics::{Par, Seed};

use super::torch::against_torch;
use crate::bench::row::{Measured, Row, Unmeasured, alternate};

/// The rows.
pub(super) const ROWS: &[Row] = &[
    Row {
        name: "lstm_lm_step_float_torch",
        what: "step of the 2 × 650 LSTM with 10,000 words, 35 words × 20, against PyTorch, one thread each",
        target: 1.0 / 1.1,
        measure: || measure(language_model, LANGUAGE_MODEL, 0.5, 8),
    },
    Row {
        name: "transformer_step_float_torch",
        what: "step of 4 blocks of 256, 4 heads, 64 tokens × 32, against PyTorch, one thread each",
        target: 1.0 / 1.1,
        measure: || measure(transformer, TRANSFORMER, 0.01, 15),
    },
];

const LANGUAGE_MODEL: &str = "
class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.e, self.r, self.o = nn.Embedding(10000, 650), nn.LSTM(650, 650, 2), nn.Linear(650, 10000)
    def forward(self, x):
        return self.o(self.r(self.e(x))[0]).flatten(0, 1)
model = Model()
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
x, y = torch.randint(0, 10000, (35, 20)), torch.randint(0, 10000, (700,))
def step():
    optimizer.zero_grad()
    F.cross_entropy(model(x), y).backward()
    optimizer.step()
";

const TRANSFORMER: &str = "
layer = nn.TransformerEncoderLayer(256, 4, 1024, batch_first=True, activation='gelu', dropout=0.0)
class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.e, self.t, self.o = nn.Embedding(8000, 256), nn.TransformerEncoder(layer, 4), nn.Linear(256, 2)
    def forward(self, x):
        return self.o(self.t(self.e(x))[:, 0])
model = Model()
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
x, y = torch.randint(0, 8000, (32, 64)), torch.randint(0, 2, (32,))
def step():
    optimizer.zero_grad()
    F.cross_entropy(model(x), y).backward()
    optimizer.step()
";

/// Records a loss, given the step.
type Loss = Box<dyn Fn(&mut Step<'_>) -> Var>;

/// The language model on 35 words of 20 texts.
fn language_model(builder: &mut Builder<'_>) -> Loss {
    let config = LanguageModelConfig { dropout: 0.0, ..LanguageModelConfig::penn_treebank() };
    let model: LanguageModel = lstm_language_model(builder, config);
    let (words, next) = (indices("words", 700, 10_000), indices("next", 700, 10_000));
    Box::new(move |step| {
        let (logits, _) = model.forward(&words, [20, 35], None, step);
        ops::cross_entropy(step, logits, &next, CrossEntropy::default())
    })
}

/// Four blocks and two classes on 64 tokens of 32 texts.
fn transformer(builder: &mut Builder<'_>) -> Loss {
    let config = EncoderConfig {
        width: 256,
        heads: 4,
        inner: 1024,
        activation: Activation::Gelu,
        pre_norm: false,
        dropout: 0.0,
        epsilon: 1e-5,
    };
    let init = Init::FanInUniform;
    let embedding = Embedding::new(builder, "embedding", 8000, 256, Init::Normal { std_dev: 1.0 });
    let blocks: Vec<EncoderBlock> =
        (0..4).map(|i| EncoderBlock::new(builder, &format!("blocks.{i}"), config, init)).collect();
    let output = Linear::new(builder, "output", 256, 2, init, Readout::Wide);
    let (tokens, labels) = (indices("tokens", 32 * 64, 8000), indices("labels", 32, 2));
    Box::new(move |step| {
        let mut x = embedding.forward(&tokens, &[32, 64], step);
        for block in &blocks {
            x = block.forward(x, Mask::default(), step);
        }
        let first = ops::slice(step, x, 1, 0..1);
        let first = ops::reshape(step, first, &[32, 256]);
        let logits = output.forward(first, step);
        ops::cross_entropy(step, logits, &labels, CrossEntropy::default())
    })
}

fn indices(name: &str, len: u64, bound: u32) -> Vec<u32> {
    let stream = Seed::new(3).child(name).stream();
    (0..len).map(|i| stream.below(i, bound)).collect()
}

fn measure(
    build: fn(&mut Builder<'_>) -> Loss,
    program: &str,
    learning_rate: f32,
    rounds: usize,
) -> Result<Measured, Unmeasured> {
    let mut training = Training::new(build, AnyArithmetic::Float32, learning_rate)?;
    against_torch(rounds, program, || {
        training.step();
    })
}

/// A step of the language model in that arithmetic against one in f32.
pub(super) fn language_model_against_ours(
    rounds: usize,
    arithmetic: AnyArithmetic,
) -> Result<Measured, Unmeasured> {
    let mut other = Training::new(language_model, arithmetic, 0.5)?;
    let mut float = Training::new(language_model, AnyArithmetic::Float32, 0.5)?;
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

/// A network that is trained on one batch again and again.
struct Training {
    parameters: Parameters,
    loss: Loss,
    work: Workspace,
    steps: u64,
    learning_rate: f32,
}

impl Training {
    /// A network that has shown that it learns.
    fn new(
        build: fn(&mut Builder<'_>) -> Loss,
        arithmetic: AnyArithmetic,
        learning_rate: f32,
    ) -> Result<Self, String> {
        let mut parameters = Parameters::new();
        let policy = Policy::uniform(arithmetic);
        let seed = Seed::new(0);
        let loss = build(&mut Builder { parameters: &mut parameters, policy: &policy, seed });
        let mut training =
            Self { parameters, loss, work: Workspace::new(), steps: 0, learning_rate };
        let (first, last) = (training.step(), (0..2).fold(0.0, |_, _| training.step()));
        if last.is_nan() || last >= first {
            return Err(format!("the network does not learn: loss {first}, then {last}"));
        }
        Ok(training)
    }

    /// One step; returns the loss before it.
    fn step(&mut self) -> f32 {
        let Self { parameters, loss, work, steps, learning_rate } = self;
        let seed = Seed::new(2).child(*steps);
        let pass = Pass { seed, first_row: 0, step: *steps, mode: Mode::Train, par: Par::Seq };
        let loss = loss(&mut work.step(&*parameters, pass));
        let value = work.tape.value(loss).item();
        work.tape.backward(loss, 1.0, parameters, pass);
        *steps += 1;
        let seed = seed.child("update");
        let learning_rate = *learning_rate;
        let update = Update { learning_rate, gradient_scale: 1.0, step: *steps, seed, groups: &[] };
        let sgd = Optimizer::Sgd(Sgd::default());
        sgd.step(parameters, &update);
        work.clear();
        value
    }
}
