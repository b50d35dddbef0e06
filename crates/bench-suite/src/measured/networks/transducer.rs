//! An RNN transducer on connected spoken digits; at paper scale on Switchboard.
//!
//! An utterance is several recordings of one speaker, one after another with short silences between
//! them: real speech with an exact transcript. The words are the digits, so the edit distance over
//! the number of digits is the word error rate.

use datasets::fsdd::SpokenDigits;
use datasets::fsdd::{Recording, SAMPLE_RATE};
use datasets::log_mel::{LogMel, stacked, standardise};
use datasets::{DataFolder, DataSum, switchboard};
use nn::layers::{Builder, Cell, RecurrentConfig};
use nn::models::{TransducerConfig, rnn_transducer};
use nn::ops::Pairing;
use nn::{Parameters, Policy, Recipe, Sequences, Transduction};
use numerics::Seed;

use super::paper_row::PaperRow;
use super::workload::{Entry, Instance, Workload, adam, recipes};
use crate::measured::error::Error;
use crate::measured::scale::Scale;

/// The RNN transducer.
pub(super) const RNN_T: Entry = Entry {
    id: "rnn-t",
    title: "RNN transducer (bidirectional 2 × 64 LSTM) on connected spoken digits, 3000 + 250 \
         utterances",
    recipes: recipes!("rnn-t"),
    paper: PaperRow::Transducer,
    open,
};

/// Mel bands of a frame.
const BANDS: usize = 24;
/// Frames side by side: the encoder's time goes in steps of 40 ms.
const STACK: usize = 4;
/// The shortest and the longest utterance in digits.
const DIGITS: [u32; 2] = [1, 4];
/// The shortest and the longest silence between two digits in samples: 20 and 100 ms.
const SILENCE: [u32; 2] = [160, 800];

#[derive(Debug)]
struct Transducer {
    config: TransducerConfig,
    train: Utterances,
    test: Utterances,
    what: &'static str,
    labels_per_time: usize,
    separator: Option<u32>,
    sum: DataSum,
    recipe: Recipe,
}

/// Frames and labels: 0 is the blank, digit d is d + 1.
#[derive(Debug)]
struct Utterances {
    frames: Sequences,
    labels: Vec<Vec<u32>>,
}

fn open(data: &DataFolder, scale: Scale) -> Result<Box<dyn Workload>, Error> {
    if scale == Scale::Paper {
        return switchboard(data);
    }
    let digits = SpokenDigits::open(data)?;
    let (train, test, width, recipe) = match scale {
        Scale::Smoke => (600, 30, 24, adam(10, 8, 5e-3, Some(5.0))),
        _ => (3_000, 250, 64, adam(10, 14, 2e-3, Some(5.0))),
    };
    // The utterances are part of the data, the same for every seed of a run.
    let seed = Seed::new(0).child("connected digits");
    let mut train = utterances(&digits.train, train, &seed.child("train"));
    let mut test = utterances(&digits.test, test, &seed.child("test"));
    standardise(&mut train.frames, &mut test.frames);
    let encoder = RecurrentConfig {
        cell: Cell::Lstm,
        inputs: STACK * BANDS,
        width,
        layers: 2,
        bidirectional: true,
        dropout: 0.1,
    };
    let predictor = RecurrentConfig { inputs: 10, layers: 1, bidirectional: false, ..encoder };
    let config = TransducerConfig {
        encoder,
        predictor,
        joint: width,
        pairing: Pairing::Product,
        classes: 11,
    };
    Ok(Box::new(Transducer {
        config,
        train,
        test,
        what: "connected spoken digits",
        labels_per_time: 2,
        separator: None,
        sum: digits.sum(),
        recipe,
    }))
}

/// The paper's network on the user's features of Switchboard. Character 1 is the blank between
/// words.
///
/// Assumed: 20 epochs at a constant rate with Adam; the paper gives the number of epochs only.
/// Differs: none of its augmentations of the recordings, which are made with the features.
fn switchboard(data: &DataFolder) -> Result<Box<dyn Workload>, Error> {
    let config = TransducerConfig::switchboard();
    let (parts, sum) = switchboard::load(data, "rnnt", config.encoder.inputs, config.classes)?;
    let [train, test] = parts.map(|part| Utterances { frames: part.frames, labels: part.labels });
    Ok(Box::new(Transducer {
        config,
        train,
        test,
        what: "Switchboard",
        labels_per_time: 5,
        separator: Some(1),
        sum,
        recipe: Recipe { schedule: nn::Schedule::default(), ..adam(32, 20, 5e-4, Some(10.0)) },
    }))
}

/// Utterances of recordings drawn at random, one speaker each.
fn utterances(recordings: &[Recording], count: usize, seed: &Seed) -> Utterances {
    let features = LogMel::new(SAMPLE_RATE, BANDS);
    let mut speakers: Vec<&str> = recordings.iter().map(|r| &*r.speaker).collect();
    speakers.sort_unstable();
    speakers.dedup();
    let (mut frames, mut labels) = (Sequences::new(STACK * BANDS), Vec::new());
    for utterance in 0..count {
        let stream = seed.child(utterance).stream();
        let mut drawn = 0;
        let mut between = |[low, high]: [u32; 2]| {
            drawn += 1;
            low + stream.below(drawn, high - low + 1)
        };
        let speaker = speakers[between([0, speakers.len() as u32 - 1]) as usize];
        let own: Vec<&Recording> = recordings.iter().filter(|r| r.speaker == speaker).collect();
        let mut samples = Vec::new();
        let mut said = Vec::new();
        for _ in 0..between(DIGITS) {
            let recording = own[between([0, own.len() as u32 - 1]) as usize];
            samples.extend(&recording.samples);
            samples.resize(samples.len() + between(SILENCE) as usize, 0);
            said.push(recording.digit + 1);
        }
        frames.push(&stacked(&features.frames(&samples), BANDS, STACK));
        labels.push(said);
    }
    Utterances { frames, labels }
}

impl Workload for Transducer {
    fn id(&self) -> &str {
        RNN_T.id
    }

    fn title(&self) -> String {
        let RecurrentConfig { layers, width, .. } = self.config.encoder;
        let (train, test) = (self.train.labels.len(), self.test.labels.len());
        format!(
            "RNN transducer (bidirectional {layers} × {width} LSTM) on {}, {train} + {test} utterances",
            self.what
        )
    }

    fn data(&self) -> Vec<DataSum> {
        vec![self.sum.clone()]
    }

    fn recipe(&self) -> Option<&Recipe> {
        Some(&self.recipe)
    }

    fn instance<'a>(&'a self, policy: &Policy, seed: &Seed) -> Instance<'a> {
        let mut parameters = Parameters::new();
        let mut builder = Builder { parameters: &mut parameters, policy, seed: *seed };
        let model = rnn_transducer(&mut builder, self.config);
        let task = |utterances: &'a Utterances| {
            let Utterances { frames: sequences, labels } = utterances;
            Box::new(Transduction {
                model: model.clone(),
                sequences,
                labels,
                labels_per_time: self.labels_per_time,
                separator: self.separator,
            })
        };
        Instance { train: task(&self.train), test: task(&self.test), parameters, metric: None }
    }

    /// As for the paper's word error rates: nothing right.
    fn chance_error(&self) -> f64 {
        1.0
    }
}
