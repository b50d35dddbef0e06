//! The networks of [Rasch23 Tab. 1] with one input each: surveyed without multiplying, or built.

use crossbar::split;
use nn::layers::Builder;
use nn::models::{
    AcousticConfig, CifarResNetConfig, LanguageModelConfig, TextEncoderConfig, Tokens,
    TransducerConfig, acoustic_model, cifar_resnet, densenet121, lstm_language_model, resnet18,
    resnet50, rnn_transducer, text_classifier, wide_resnet, wide_resnet50_2,
};
use nn::{Arithmetic, MapUse, Mode, Model, Parameters, Pass, Policy, Step, Tape, Tensor};
use numerics::{Par, Seed};

/// Rows and columns of a tile. [Rasch23 Supp. Tab. 1]
pub(super) const TILE: usize = 512;

/// A row of the paper's Table 1, and our network.
pub(super) struct Row {
    pub(super) name: &'static str,
    /// Millions of parameters, and of those on tiles.
    pub(super) millions: [f64; 2],
    pub(super) tiles: usize,
    /// In %.
    pub(super) utilisation: f64,
    /// Products of a tile per input, in thousands.
    pub(super) products: f64,
    /// Products per tile.
    pub(super) reuse: f64,
    /// Whether the length of the input that the paper counts is known.
    pub(super) length_known: bool,
    /// Builds the network and passes one input through it.
    network: fn(&mut Survey),
}

pub(super) const ROWS: [Row; 11] = [
    Row {
        name: "ResNet-32 CIFAR-10",
        millions: [0.36, 0.36],
        tiles: 34,
        utilisation: 4.0,
        products: 14.0,
        reuse: 435.0,
        length_known: true,
        network: |s| {
            s.images(32, &[], |b| Box::new(cifar_resnet(b, &CifarResNetConfig::rasch2023())))
        },
    },
    Row {
        name: "WideResNet-16 CIFAR-100",
        millions: [11.0, 11.0],
        tiles: 68,
        utilisation: 61.7,
        products: 19.0,
        reuse: 286.0,
        length_known: true,
        network: |s| s.images(32, &[], |b| Box::new(wide_resnet(b, 16, 8, 100))),
    },
    Row {
        name: "ResNet-18 ImageNet",
        millions: [11.7, 11.2],
        tiles: 75,
        utilisation: 56.8,
        products: 40.0,
        reuse: 533.0,
        length_known: true,
        network: |s| s.images(224, &["conv1", "fc"], |b| Box::new(resnet18(b, 1000))),
    },
    Row {
        name: "ResNet-50 ImageNet",
        millions: [25.6, 23.4],
        tiles: 149,
        utilisation: 60.0,
        products: 74.0,
        reuse: 497.0,
        length_known: true,
        network: |s| s.images(224, &["conv1", "fc"], |b| Box::new(resnet50(b, 1000))),
    },
    Row {
        name: "DenseNet-121 ImageNet",
        millions: [8.0, 6.9],
        tiles: 266,
        utilisation: 9.8,
        products: 143.0,
        reuse: 537.0,
        length_known: true,
        network: |s| {
            s.images(224, &["features.conv0", "classifier"], |b| Box::new(densenet121(b, 1000)));
        },
    },
    Row {
        name: "WideResNet-50 ImageNet",
        millions: [69.0, 66.8],
        tiles: 296,
        utilisation: 86.0,
        products: 101.0,
        reuse: 342.0,
        length_known: true,
        network: |s| s.images(224, &["conv1", "fc"], |b| Box::new(wide_resnet50_2(b, 1000))),
    },
    Row {
        name: "BERT-base MRPC",
        millions: [108.0, 85.0],
        tiles: 486,
        utilisation: 67.1,
        products: 61.0,
        reuse: 126.0,
        length_known: true,
        network: |s| s.text(TextEncoderConfig::bert_base()),
    },
    Row {
        name: "ALBERT-base MRPC",
        millions: [12.0, 7.8],
        tiles: 48,
        utilisation: 61.7,
        products: 61.0,
        reuse: 1285.0,
        length_known: true,
        network: |s| s.text(TextEncoderConfig::albert_base()),
    },
    Row {
        name: "Speech SWB300 (LSTM-HMM)",
        millions: [30.0, 30.0],
        tiles: 153,
        utilisation: 74.8,
        products: 2.5,
        reuse: 17.0,
        length_known: false,
        // Assumed: 21 frames, the usual cut of this corpus; the paper gives none.
        network: |s| {
            let batch = s.batch(16);
            s.run(&[], move |b| {
                let model = acoustic_model(b, AcousticConfig::switchboard());
                Box::new(move |step| {
                    let x = Tensor::new(&[batch, 21, 140], vec![0.0; batch * 21 * 140]);
                    let x = step.tape.constant(x);
                    model.forward(x, None, step);
                })
            });
        },
    },
    Row {
        name: "LSTM PTB",
        millions: [19.8, 13.3],
        tiles: 88,
        utilisation: 57.5,
        products: 2.2,
        reuse: 26.0,
        length_known: false,
        // Assumed: 26 words, which the paper's products and reuse give.
        network: |s| {
            let batch = s.batch(20);
            s.run(&[], move |b| {
                let model = lstm_language_model(b, LanguageModelConfig::penn_treebank());
                Box::new(move |step| {
                    model.forward(&vec![0; 26 * batch], [batch, 26], None, step);
                })
            });
        },
    },
    Row {
        name: "RNN-T SWB300",
        millions: [57.0, 57.0],
        tiles: 304,
        utilisation: 71.6,
        products: 240.0,
        reuse: 790.0,
        length_known: false,
        // Assumed: 500 frames, the longest sequences of the training, and 50 labels; the paper says
        // "maximal input length" and gives none.
        network: |s| {
            s.run(&[], |b| {
                let model = rnn_transducer(b, TransducerConfig::switchboard());
                Box::new(move |step| {
                    let x = step.tape.constant(Tensor::new(&[1, 500, 340], vec![0.0; 500 * 340]));
                    let encoding = model.encode(x, None, step);
                    let prediction = model.predict(&[vec![1; 50]], step);
                    model.join(encoding, prediction, step);
                })
            });
        },
    },
];

/// A network's use of its hardware.
#[derive(Default)]
pub(super) struct Survey {
    pub(super) parameters: usize,
    /// Of those on tiles.
    pub(super) mapped: usize,
    pub(super) tiles: usize,
    /// Products of a tile with a vector.
    pub(super) products: usize,
    /// Multiplications and additions of the linear maps, digital ones included.
    pub(super) macs: usize,
    /// Outputs of the linear maps.
    pub(super) outputs: usize,
    /// The arithmetic of the network if it is built and not surveyed.
    arithmetic: Option<Arithmetic>,
    built: Option<Network>,
    /// Inputs at once.
    batch: usize,
}

/// A network with an input.
pub(super) struct Network {
    /// Inputs that pass through at once.
    pub(super) batch: usize,
    parameters: Parameters,
    forward: Forward,
    tape: Tape,
}

impl Network {
    /// The row's network under `arithmetic`, its digital layers in f32.
    pub(super) fn of(row: &Row, arithmetic: Arithmetic) -> Self {
        let mut survey = Survey { arithmetic: Some(arithmetic), batch: 1, ..Survey::default() };
        (row.network)(&mut survey);
        survey.built.expect("every row runs one network")
    }

    /// Passes the input through.
    pub(super) fn forward(&mut self) {
        let Self { parameters, forward, tape, .. } = self;
        forward(&mut Step { tape, parameters, pass: pass() });
        tape.clear();
    }
}

fn pass() -> Pass {
    Pass { seed: Seed::new(0), first_row: 0, step: 0, mode: Mode::Eval, par: Par::Seq }
}

type Forward = Box<dyn Fn(&mut Step<'_>)>;

impl Survey {
    /// Builds the row's network and passes one input through it without multiplying.
    pub(super) fn of(row: &Row) -> Self {
        let mut survey = Self::default();
        (row.network)(&mut survey);
        survey
    }

    /// How many inputs pass through at once: `built` where the network is built, for a recurrent
    /// product of a single row would be slow; one in a survey.
    fn batch(&mut self, built: usize) -> usize {
        self.batch = if self.arithmetic.is_some() { built } else { 1 };
        self.batch
    }

    fn images(
        &mut self,
        side: usize,
        digital: &[&str],
        build: impl FnOnce(&mut Builder<'_>) -> Box<dyn Model>,
    ) {
        self.run(digital, |builder| {
            let model = build(builder);
            Box::new(move |step| {
                let x = Tensor::new(&[1, side, side, 3], vec![0.0; side * side * 3]);
                let x = step.tape.constant(x);
                model.forward(x, step);
            })
        });
    }

    /// A sentence of 128 tokens into two classes. [Rasch23 Supp. Methods]
    fn text(&mut self, config: TextEncoderConfig) {
        self.run(&[], |builder| {
            let model = text_classifier(builder, config, 2);
            Box::new(move |step| {
                let tokens =
                    Tokens { ids: &[0; 128], segments: None, shape: [1, 128], lengths: None };
                model.forward(&tokens, step);
            })
        });
    }

    fn run(&mut self, digital: &[&str], build: impl FnOnce(&mut Builder<'_>) -> Forward) {
        let (mut parameters, seed) = (Parameters::new(), Seed::new(0));
        let arithmetic = self.arithmetic.clone();
        let float = (digital.iter()).map(|&layer| (layer.to_owned(), Arithmetic::Float32));
        let policy = Policy {
            default: arithmetic.clone().unwrap_or(Arithmetic::Float32),
            layers: float.collect(),
        };
        let forward = build(&mut Builder { parameters: &mut parameters, policy: &policy, seed });
        let mut tape = Tape::new();
        if arithmetic.is_some() {
            self.built = Some(Network { batch: self.batch, parameters, forward, tape });
            return;
        }
        tape.survey();
        forward(&mut Step { tape: &mut tape, parameters: &parameters, pass: pass() });
        self.parameters = parameters.count();
        let mut layers: Vec<MapUse> = Vec::new();
        for used in tape.surveyed() {
            match layers.iter_mut().find(|layer| layer.layer == used.layer) {
                Some(layer) => layer.rows += used.rows,
                None => layers.push(used),
            }
        }
        for layer in &layers {
            self.macs += layer.outputs * layer.inputs * layer.rows;
            self.outputs += layer.outputs * layer.rows;
        }
        for layer in layers.iter().filter(|layer| !digital.contains(&&*layer.layer)) {
            // Channels are not cut: a 3 × 3 convolution has 56 of them on a tile. The paper does
            // not say so, but only so are its numbers of tiles met.
            let channels = split(layer.inputs / layer.taps, TILE / layer.taps).len();
            let tiles = split(layer.outputs, TILE).len() * channels;
            self.mapped += layer.outputs * layer.inputs;
            self.tiles += tiles;
            self.products += tiles * layer.rows;
        }
    }

    pub(super) fn utilisation(&self) -> f64 {
        100.0 * self.mapped as f64 / (self.tiles * TILE * TILE) as f64
    }

    pub(super) fn reuse(&self) -> f64 {
        self.products as f64 / self.tiles as f64
    }
}
