//! The networks of [Rasch23 Tab. 1] with one input each.

use nn::layers::Builder;
use nn::models::{
    AcousticConfig, CifarResNetConfig, LanguageModelConfig, TextEncoderConfig, Tokens,
    TransducerConfig, acoustic_model, cifar_resnet, densenet121, lstm_language_model, resnet18,
    resnet50, rnn_transducer, text_classifier, wide_resnet, wide_resnet50_2,
};
use nn::{AnyArithmetic, MapUse, Mode, Model, Parameters, Pass, Policy, Step, Tensor, Workspace};
use numerics::{Par, Seed};

use crate::measured::error::Error;

/// Passes an input through a network.
type Forward = Box<dyn Fn(&mut Step<'_>)>;

/// A network of the paper with its own sizes.
#[derive(Debug)]
pub struct PaperNetwork {
    /// As in Table 1.
    pub name: &'static str,
    /// Layers that are not on tiles.
    pub(super) digital: &'static [&'static str],
    /// Inputs that pass through at once where the network multiplies: a recurrent product of a
    /// single row would be slow.
    batch: usize,
    /// Adds the network's parameters; what it gives passes that many inputs through.
    build: fn(&mut Builder<'_>, usize) -> Forward,
}

/// The networks in the order of the table.
pub static NETWORKS: [PaperNetwork; 11] = [
    PaperNetwork {
        name: "ResNet-32 CIFAR-10",
        digital: &[],
        batch: 1,
        build: |b, batch| images(cifar_resnet(b, &CifarResNetConfig::rasch2023()), [batch, 32]),
    },
    PaperNetwork {
        name: "WideResNet-16 CIFAR-100",
        digital: &[],
        batch: 1,
        build: |b, batch| images(wide_resnet(b, 16, 8, 100), [batch, 32]),
    },
    PaperNetwork {
        name: "ResNet-18 ImageNet",
        digital: &["conv1", "fc"],
        batch: 1,
        build: |b, batch| images(resnet18(b, 1000), [batch, 224]),
    },
    PaperNetwork {
        name: "ResNet-50 ImageNet",
        digital: &["conv1", "fc"],
        batch: 1,
        build: |b, batch| images(resnet50(b, 1000), [batch, 224]),
    },
    PaperNetwork {
        name: "DenseNet-121 ImageNet",
        digital: &["features.conv0", "classifier"],
        batch: 1,
        build: |b, batch| images(densenet121(b, 1000), [batch, 224]),
    },
    PaperNetwork {
        name: "WideResNet-50 ImageNet",
        digital: &["conv1", "fc"],
        batch: 1,
        build: |b, batch| images(wide_resnet50_2(b, 1000), [batch, 224]),
    },
    PaperNetwork {
        name: "BERT-base MRPC",
        digital: &[],
        batch: 1,
        build: |b, batch| text(b, TextEncoderConfig::bert_base(), batch),
    },
    PaperNetwork {
        name: "ALBERT-base MRPC",
        digital: &[],
        batch: 1,
        build: |b, batch| text(b, TextEncoderConfig::albert_base(), batch),
    },
    PaperNetwork {
        name: "Speech SWB300 (LSTM-HMM)",
        digital: &[],
        batch: 16,
        // Assumed: 21 frames, the usual cut of this corpus; the paper gives none.
        build: |b, batch| {
            let model = acoustic_model(b, AcousticConfig::switchboard());
            Box::new(move |step| {
                let x = Tensor::new(&[batch, 21, 140], vec![0.0; batch * 21 * 140]);
                let x = step.tape.constant(x);
                model.forward(x, None, step);
            })
        },
    },
    PaperNetwork {
        name: "LSTM PTB",
        digital: &[],
        batch: 20,
        // Assumed: 26 words, which the paper's products and reuse give.
        build: |b, batch| {
            let model = lstm_language_model(b, LanguageModelConfig::penn_treebank());
            Box::new(move |step| {
                model.forward(&vec![0; 26 * batch], [batch, 26], None, step);
            })
        },
    },
    PaperNetwork {
        name: "RNN-T SWB300",
        digital: &[],
        batch: 1,
        // Assumed: 500 frames, the longest sequences of the training, and 50 labels; the paper says
        // "maximal input length" and gives none.
        build: |b, batch| {
            let model = rnn_transducer(b, TransducerConfig::switchboard());
            Box::new(move |step| {
                let x = Tensor::new(&[batch, 500, 340], vec![0.0; batch * 500 * 340]);
                let x = step.tape.constant(x);
                let encoding = model.encode(x, None, step);
                let prediction = model.predict(&vec![vec![1; 50]; batch], step);
                model.join(encoding, prediction, step);
            })
        },
    },
];

/// The network of that name.
///
/// # Errors
///
/// [`Error::Usage`] if there is none.
pub fn network(name: &str) -> Result<&'static PaperNetwork, Error> {
    NETWORKS
        .iter()
        .find(|network| network.name == name)
        .ok_or_else(|| Error::Usage(format!("there is no network '{name}'")))
}

/// Images of (side, side, 3); the shape is (batch, side).
fn images(model: impl Model + 'static, [batch, side]: [usize; 2]) -> Forward {
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

impl PaperNetwork {
    /// The network under `arithmetic`, its digital layers in f32, with inputs for one pass.
    pub(crate) fn build(&self, arithmetic: AnyArithmetic) -> BuiltNetwork {
        self.build_for(arithmetic, self.batch)
    }

    /// Passes one input through the network without multiplying: its number of parameters, and the
    /// uses of its linear maps in their order.
    pub(super) fn survey(&self) -> (usize, Vec<MapUse>) {
        let BuiltNetwork { parameters, forward, mut work, .. } =
            self.build_for(AnyArithmetic::Float32, 1);
        work.survey();
        forward(&mut work.step(&parameters, pass()));
        (parameters.count(), work.surveyed())
    }

    fn build_for(&self, arithmetic: AnyArithmetic, batch: usize) -> BuiltNetwork {
        let (mut parameters, seed) = (Parameters::new(), Seed::new(0));
        let float = self.digital.iter().map(|&layer| (layer.to_owned(), AnyArithmetic::Float32));
        let policy = Policy { default: arithmetic, layers: float.collect() };
        let mut builder = Builder { parameters: &mut parameters, policy: &policy, seed };
        let forward = (self.build)(&mut builder, batch);
        BuiltNetwork { batch, parameters, forward, work: Workspace::new() }
    }
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
