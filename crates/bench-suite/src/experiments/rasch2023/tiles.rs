//! What the paper's networks ask of their hardware: [Rasch23 Tab. 1].
//!
//! The networks are built with their own sizes and surveyed in one forward pass that multiplies
//! nothing; nothing is trained.

use crossbar::split;
use nn::layers::Builder;
use nn::models::{
    AcousticConfig, CifarResNetConfig, LanguageModelConfig, TextEncoderConfig, Tokens,
    TransducerConfig, acoustic_model, cifar_resnet, densenet121, lstm_language_model, resnet18,
    resnet50, rnn_transducer, text_classifier, wide_resnet, wide_resnet50_2,
};
use nn::{Arithmetic, MapUse, Mode, Model, Parameters, Pass, Policy, Step, Tape, Tensor};
use numerics::{Par, Seed};

use crate::Error;
use crate::claim::{Claim, Test};
use crate::experiment::{Context, Experiment, Findings, Point, Request, Results, Scale};
use crate::record::Measurements;
use crate::report::Table;
use crate::statistics::Estimate;

/// The experiment.
#[derive(Debug)]
pub struct Tiles;

/// Rows and columns of a tile. [Rasch23 Supp. Tab. 1]
const TILE: usize = 512;

/// A row of the paper's Table 1, and our network.
struct Row {
    name: &'static str,
    /// Millions of parameters, and of those on tiles.
    millions: [f64; 2],
    tiles: usize,
    /// In %.
    utilisation: f64,
    /// Products of a tile per input, in thousands.
    products: f64,
    /// Products per tile.
    reuse: f64,
    /// Whether the length of the input that the paper counts is known.
    length_known: bool,
    /// Builds the network and passes one input through it.
    network: fn(&mut Survey),
}

const ROWS: [Row; 11] = [
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
            s.run(&[], |b| {
                let model = acoustic_model(b, AcousticConfig::switchboard());
                Box::new(move |step| {
                    let x = step.tape.constant(Tensor::new(&[1, 21, 140], vec![0.0; 21 * 140]));
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
        length_known: true,
        // Assumed: 26 words, which the paper's products and reuse give.
        network: |s| {
            s.run(&[], |b| {
                let model = lstm_language_model(b, LanguageModelConfig::penn_treebank());
                Box::new(move |step| {
                    model.forward(&[0; 26], [1, 26], None, step);
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
#[derive(Debug, Default)]
struct Survey {
    parameters: usize,
    /// Of those on tiles.
    mapped: usize,
    tiles: usize,
    /// Products of a tile with a vector.
    products: usize,
}

type Forward = Box<dyn Fn(&mut Step<'_>)>;

impl Survey {
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
        let policy = Policy::uniform(Arithmetic::Float32);
        let forward = build(&mut Builder { parameters: &mut parameters, policy: &policy, seed });
        let mut tape = Tape::new();
        tape.survey();
        let pass = Pass { seed, first_row: 0, step: 0, mode: Mode::Eval, par: Par::Seq };
        forward(&mut Step { tape: &mut tape, parameters: &parameters, pass });
        self.parameters = parameters.count();
        let mut layers: Vec<MapUse> = Vec::new();
        for used in tape.surveyed() {
            match layers.iter_mut().find(|layer| layer.layer == used.layer) {
                Some(layer) => layer.rows += used.rows,
                None => layers.push(used),
            }
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

    fn utilisation(&self) -> f64 {
        100.0 * self.mapped as f64 / (self.tiles * TILE * TILE) as f64
    }

    fn reuse(&self) -> f64 {
        self.products as f64 / self.tiles as f64
    }
}

impl Experiment for Tiles {
    fn id(&self) -> &'static str {
        "rasch2023/tiles"
    }

    fn title(&self) -> &'static str {
        "What eleven networks ask of their hardware"
    }

    fn source(&self) -> &'static str {
        "Rasch et al. 2023, Tab. 1"
    }

    fn describe(&self, _: Scale) -> String {
        "the paper's networks with their own sizes, surveyed without multiplying".to_owned()
    }

    fn points(&self, _: &Request) -> Result<Vec<Point>, Error> {
        Ok(ROWS
            .iter()
            .map(|row| Point {
                experiment: self.id(),
                name: row.name.to_owned(),
                config: serde_json::json!({ "network": row.name, "tile": TILE }),
                seed: 0,
                data: Vec::new(),
                work: 100,
            })
            .collect())
    }

    fn run(&self, point: &Point, _: &Context<'_>) -> Result<Measurements, Error> {
        let row = ROWS
            .iter()
            .find(|row| row.name == point.name)
            .ok_or_else(|| Error::Usage(format!("there is no network '{}'", point.name)))?;
        let mut survey = Survey::default();
        (row.network)(&mut survey);
        let mut measured = Measurements::default();
        for (name, value) in [
            ("parameters", survey.parameters as f64),
            ("mapped", survey.mapped as f64),
            ("tiles", survey.tiles as f64),
            ("utilisation_percent", survey.utilisation()),
            ("products", survey.products as f64),
            ("reuse", survey.reuse()),
        ] {
            measured.values.insert(name.to_owned(), value);
        }
        Ok(measured)
    }

    fn findings(&self, results: &Results<'_>) -> Findings {
        let value = |row: &Row, name: &str| {
            let point = results.points.iter().find(|(point, _)| point.name == row.name)?;
            point.1.as_ref()?.measurements.values.get(name).copied()
        };
        let complete = ROWS.iter().all(|row| value(row, "tiles").is_some());
        let count = |agrees: &dyn Fn(&Row) -> bool| {
            let agreeing = ROWS.iter().filter(|row| agrees(row)).count() as f64;
            complete.then(|| Estimate::of(&[agreeing], 0.0)).flatten()
        };
        let near = |row: &Row, name: &str, printed: f64, half: f64| {
            value(row, name).is_some_and(|ours| (ours - printed).abs() <= half)
        };
        let sizes = count(&|row| {
            near(row, "tiles", row.tiles as f64, 0.0)
                && near(row, "utilisation_percent", row.utilisation, 0.1)
        });
        // The paper cuts some thousands off and rounds others.
        let products = count(&|row| {
            let unit = if row.products < 10.0 { 100.0 } else { 1000.0 };
            near(row, "products", 1000.0 * row.products, unit) && near(row, "reuse", row.reuse, 1.0)
        });
        let known = ROWS.iter().filter(|row| row.length_known).count() as f64;
        let claims = vec![
            Claim::new(
                "tiles",
                "Tab. 1",
                "Eleven networks occupy 34 to 486 tiles of 512 × 512.",
                "networks whose tiles and utilisation are the printed ones, all 11".to_owned(),
                "11".to_owned(),
            )
            .judge(sizes, Test::Above(10.5), ""),
            Claim::new(
                "products",
                "Tab. 1",
                "Each tile is used 17 to 1285 times per input.",
                format!(
                    "networks whose products per input and reuse are the printed ones, at least \
                     {known} (all whose input length is known)"
                ),
                "11".to_owned(),
            )
            .judge(products, Test::Above(known - 0.5), ""),
        ];
        let millions = |x: Option<f64>| x.map_or("–".to_owned(), |x| format!("{:.2}", x / 1e6));
        let fixed =
            |x: Option<f64>, digits: usize| x.map_or("–".to_owned(), |x| format!("{x:.digits$}"));
        let rows = ROWS.iter().map(|row| {
            let [parameters, mapped] = row.millions;
            vec![
                row.name.to_owned(),
                format!("{} / {parameters}", millions(value(row, "parameters"))),
                format!("{} / {mapped}", millions(value(row, "mapped"))),
                format!("{} / {}", fixed(value(row, "tiles"), 0), row.tiles),
                format!("{} / {}", fixed(value(row, "utilisation_percent"), 1), row.utilisation),
                format!(
                    "{} / {}",
                    fixed(value(row, "products").map(|x| x / 1000.0), 2),
                    row.products
                ),
                format!("{} / {}", fixed(value(row, "reuse"), 0), row.reuse),
            ]
        });
        let header = [
            "network",
            "parameters (10⁶)",
            "mapped (10⁶)",
            "tiles",
            "utilisation (%)",
            "products per input (10³)",
            "products per tile",
        ];
        Findings {
            claims,
            tables: vec![Table {
                caption: "Each cell: ours / the paper's.".to_owned(),
                header: header.map(str::to_owned).to_vec(),
                rows: rows.collect(),
            }],
            notes: vec![
                "The paper does not say how long the inputs of the two speech networks are, so \
                 their products depend on a guess: 21 frames, and 500 frames with 50 labels. Its \
                 26 words of the language model follow from its own numbers."
                    .to_owned(),
            ],
            ..Findings::default()
        }
    }
}
