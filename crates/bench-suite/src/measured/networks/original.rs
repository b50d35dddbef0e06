//! [`Original`]: the networks of [Rasch23 Tab. 1] with their own sizes and one input each.

use nn::layers::Builder;
use nn::models::{
    AcousticConfig, LanguageModelConfig, TextEncoderConfig, Tokens, TransducerConfig,
    acoustic_model, lstm_language_model, rnn_transducer, text_classifier,
};
use nn::{AnyArithmetic, MapUse, Mode, Parameters, Pass, Policy, Step, Tensor, Workspace};
use numerics::{Par, Seed};

use super::images::network::Network;
use super::paper_row::PaperRow;

/// Passes an input through a network.
type Forward = Box<dyn Fn(&mut Step<'_>)>;

/// A network of the paper with its own sizes.
#[derive(Clone, Copy, Debug)]
pub struct Original {
    row: PaperRow,
}

impl Original {
    /// That of a row.
    pub const fn of(row: PaperRow) -> Self {
        Self { row }
    }

    /// The row.
    pub const fn row(self) -> PaperRow {
        self.row
    }

    /// Layers that are not on tiles.
    pub fn digital_layers(self) -> Vec<String> {
        Network::original(self.row).map_or_else(Vec::new, |network| network.digital_layers())
    }

    /// Inputs that pass through at once where the network multiplies: a recurrent product of a
    /// single row would be slow.
    const fn batch(self) -> usize {
        match self.row {
            PaperRow::Acoustic => 16,
            PaperRow::Language => 20,
            _ => 1,
        }
    }

    /// Adds the network's parameters; what it gives passes that many inputs through.
    fn add(self, builder: &mut Builder<'_>, batch: usize) -> Forward {
        match self.row {
            PaperRow::ResNet32 | PaperRow::WideResNet16 => images(self.row, builder, [batch, 32]),
            PaperRow::ResNet18
            | PaperRow::ResNet50
            | PaperRow::DenseNet121
            | PaperRow::WideResNet50 => images(self.row, builder, [batch, 224]),
            PaperRow::Bert => text(builder, TextEncoderConfig::bert_base(), batch),
            PaperRow::Albert => text(builder, TextEncoderConfig::albert_base(), batch),
            PaperRow::Acoustic => acoustic(builder, batch),
            PaperRow::Language => language(builder, batch),
            PaperRow::Transducer => transducer(builder, batch),
        }
    }

    /// The network under `arithmetic`, its digital layers in f32, with inputs for one pass.
    pub(crate) fn build(self, arithmetic: AnyArithmetic) -> BuiltNetwork {
        self.build_for(arithmetic, self.batch())
    }

    /// Passes one input through the network without multiplying: its number of parameters, and the
    /// uses of its linear maps in their order.
    pub(crate) fn survey(self) -> (usize, Vec<MapUse>) {
        let BuiltNetwork { parameters, forward, mut work, .. } =
            self.build_for(AnyArithmetic::Float32, 1);
        work.survey();
        forward(&mut work.step(&parameters, pass()));
        (parameters.count(), work.surveyed())
    }

    fn build_for(self, arithmetic: AnyArithmetic, batch: usize) -> BuiltNetwork {
        let (mut parameters, seed) = (Parameters::new(), Seed::new(0));
        let digital = self.digital_layers().into_iter();
        let float = digital.map(|layer| (layer, AnyArithmetic::Float32));
        let policy = Policy { default: arithmetic, layers: float.collect() };
        let mut builder = Builder { parameters: &mut parameters, policy: &policy, seed };
        let forward = self.add(&mut builder, batch);
        BuiltNetwork { batch, parameters, forward, work: Workspace::new() }
    }
}

/// Images of (side, side, 3); the shape is (batch, side).
fn images(row: PaperRow, builder: &mut Builder<'_>, [batch, side]: [usize; 2]) -> Forward {
    let model = Network::original(row).expect("a row of images").build(builder);
    Box::new(move |step| {
        let x = Tensor::new(&[batch, side, side, 3], vec![0.0; batch * side * side * 3]);
        let x = step.tape.constant(x);
        model.forward(x, step);
    })
}

/// Sentences of 128 tokens into two classes. [Rasch23 Supp. Methods]
fn text(builder: &mut Builder<'_>, config: TextEncoderConfig, batch: usize) -> Forward {
    let model = text_classifier(builder, config, 2);
    Box::new(move |step| {
        let tokens = Tokens {
            ids: &vec![0; 128 * batch],
            segments: None,
            shape: [batch, 128],
            lengths: None,
        };
        model.forward(&tokens, step);
    })
}

/// Assumed: 21 frames, the usual cut of this corpus; the paper gives none.
fn acoustic(builder: &mut Builder<'_>, batch: usize) -> Forward {
    let model = acoustic_model(builder, AcousticConfig::switchboard());
    Box::new(move |step| {
        let x = Tensor::new(&[batch, 21, 140], vec![0.0; batch * 21 * 140]);
        let x = step.tape.constant(x);
        model.forward(x, None, step);
    })
}

/// Assumed: 26 words, which the paper's products and reuse give.
fn language(builder: &mut Builder<'_>, batch: usize) -> Forward {
    let model = lstm_language_model(builder, LanguageModelConfig::penn_treebank());
    Box::new(move |step| {
        model.forward(&vec![0; 26 * batch], [batch, 26], None, step);
    })
}

/// Assumed: 500 frames, the longest sequences of the training, and 50 labels; the paper says "maximal
/// input length" and gives none.
fn transducer(builder: &mut Builder<'_>, batch: usize) -> Forward {
    let model = rnn_transducer(builder, TransducerConfig::switchboard());
    Box::new(move |step| {
        let x = Tensor::new(&[batch, 500, 340], vec![0.0; batch * 500 * 340]);
        let x = step.tape.constant(x);
        let encoding = model.encode(x, None, step);
        let prediction = model.predict(&vec![vec![1; 50]; batch], step);
        model.join(encoding, prediction, step);
    })
}

/// A network with inputs.
pub(crate) struct BuiltNetwork {
    /// Inputs that pass through at once.
    pub(crate) batch: usize,
    parameters: Parameters,
    forward: Forward,
    work: Workspace,
}

impl BuiltNetwork {
    /// Passes the inputs through.
    pub(crate) fn forward(&mut self) {
        let Self { parameters, forward, work, .. } = self;
        forward(&mut work.step(&*parameters, pass()));
        work.clear();
    }
}

fn pass() -> Pass {
    Pass { seed: Seed::new(0), first_row: 0, step: 0, mode: Mode::Eval, par: Par::Seq }
}
