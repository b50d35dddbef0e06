//! Bidirectional LSTM acoustic models.
//!
//! The network says a class for every frame, as the paper's says states of a hidden Markov model;
//! the frames of an utterance decide together.

use datasets::fsdd::SpokenDigits;
use datasets::fsdd::{Recording, SAMPLE_RATE};
use datasets::log_mel::{LogMel, stacked, standardise};
use datasets::{DataFolder, DataSum, japanese_vowels, switchboard};
use nn::layers::{Builder, Cell, RecurrentConfig};
use nn::models::{AcousticConfig, acoustic_model};
use nn::optim::Decay;
use nn::{Parameters, Policy, Recipe, Schedule, SequenceClassification, SequenceLabels, Sequences};
use numerics::Seed;

use super::paper_row::PaperRow;
use super::workload::{Entry, Instance, Workload, adam, recipes};
use crate::measured::error::Error;
use crate::measured::scale::Scale;

/// Which digit is spoken; at paper scale the states of Switchboard.
pub(super) const SPOKEN_DIGITS: Entry = Entry {
    id: "lstm-spoken-digits",
    title: |_| "bidirectional 2 × 64 LSTM on spoken digits, 2700 + 300 utterances".to_owned(),
    recipes: recipes!("lstm-spoken-digits"),
    paper: PaperRow::Acoustic,
    // Assumed: what networks of this size reach on the recordings' own split.
    sound_percent: |_| 5.0,
    open: open_digits,
};

/// Who speaks a vowel.
pub(super) const JAPANESE_VOWELS: Entry = Entry {
    id: "lstm-japanese-vowels",
    title: |_| "bidirectional 2 × 64 LSTM on Japanese vowels, 270 + 370 utterances".to_owned(),
    recipes: recipes!("lstm-japanese-vowels"),
    paper: PaperRow::Acoustic,
    // Kudo et al. 1999: 5.9 %.
    sound_percent: |_| 6.0,
    open: open_vowels,
};

/// Mel bands of a frame.
const BANDS: usize = 24;
/// Frames side by side.
const STACK: usize = 2;

#[derive(Debug)]
struct AcousticNetwork {
    entry: Entry,
    what: &'static str,
    config: AcousticConfig,
    train: (Sequences, Labels),
    test: (Sequences, Labels),
    sum: DataSum,
    recipe: Recipe,
}

/// Classes of whole utterances or of their frames.
#[derive(Debug)]
enum Labels {
    Whole(Vec<u32>),
    Each(Vec<Vec<u32>>),
}

/// The paper's network on the user's features of Switchboard, trained with the schedule of
/// [Rasch23, Supplementary, Speech-SWB300].
///
/// Differs: the error is that of the states of frames; the paper's is the word error rate of a
/// decoder that is not part of the network.
fn switchboard(data: &DataFolder) -> Result<Box<dyn Workload>, Error> {
    let config = AcousticConfig::switchboard();
    let ([train, test], sum) = switchboard::load(data, "hmm", config.lstm.inputs, config.classes)?;
    let recipe = Recipe {
        schedule: Schedule {
            warm_up_steps: 0,
            decay: Decay::Step { epochs: vec![12, 24], factor: 0.1f32.sqrt() },
        },
        clip_norm: Some(10.0),
        ..Recipe::sgd(256, 30, 5e-3)
    };
    Ok(Box::new(AcousticNetwork {
        entry: SPOKEN_DIGITS,
        what: "Switchboard",
        config,
        train: (train.frames, Labels::Each(train.labels)),
        test: (test.frames, Labels::Each(test.labels)),
        sum,
        recipe,
    }))
}

fn config(inputs: usize, width: usize, classes: usize) -> AcousticConfig {
    let lstm = RecurrentConfig {
        cell: Cell::Lstm,
        inputs,
        width,
        layers: 2,
        bidirectional: true,
        dropout: 0.1,
    };
    AcousticConfig { lstm, bottleneck: width, classes }
}

fn open_digits(data: &DataFolder, scale: Scale) -> Result<Box<dyn Workload>, Error> {
    if scale == Scale::Paper {
        return switchboard(data);
    }
    let digits = SpokenDigits::open(data)?;
    let smoke = scale == Scale::Smoke;
    let features = LogMel::new(SAMPLE_RATE, BANDS);
    let part = |recordings: &[Recording], len: usize| {
        let (mut sequences, mut labels) = (Sequences::new(STACK * BANDS), Vec::new());
        for recording in recordings.iter().take(len) {
            sequences.push(&stacked(&features.frames(&recording.samples), BANDS, STACK));
            labels.push(recording.digit);
        }
        (sequences, Labels::Whole(labels))
    };
    let mut train = part(&digits.train, if smoke { 240 } else { usize::MAX });
    let mut test = part(&digits.test, if smoke { 60 } else { usize::MAX });
    standardise(&mut train.0, &mut test.0);
    let recipe = if smoke { adam(20, 4, 1e-2, Some(5.0)) } else { adam(32, 8, 5e-3, Some(5.0)) };
    Ok(Box::new(AcousticNetwork {
        entry: SPOKEN_DIGITS,
        what: "spoken digits",
        config: config(STACK * BANDS, if smoke { 16 } else { 64 }, 10),
        train,
        test,
        sum: digits.sum(),
        recipe,
    }))
}

fn open_vowels(data: &DataFolder, scale: Scale) -> Result<Box<dyn Workload>, Error> {
    if scale == Scale::Paper {
        let reason = "at paper scale the acoustic model is lstm-spoken-digits's network";
        return Err(Error::NoData(reason.to_owned()));
    }
    let smoke = scale == Scale::Smoke;
    let mut parts =
        japanese_vowels::load(data)?.map(|part| (part.sequences, Labels::Whole(part.speakers)));
    let [train, test] = &mut parts;
    standardise(&mut train.0, &mut test.0);
    let [train, test] = parts;
    let recipe = if smoke { adam(20, 4, 1e-2, Some(5.0)) } else { adam(20, 12, 5e-3, Some(5.0)) };
    let width = if smoke { 16 } else { 64 };
    Ok(Box::new(AcousticNetwork {
        entry: JAPANESE_VOWELS,
        what: "Japanese vowels",
        config: config(train.0.width(), width, japanese_vowels::SPEAKERS),
        train,
        test,
        sum: japanese_vowels::sum(),
        recipe,
    }))
}

impl Workload for AcousticNetwork {
    fn id(&self) -> &str {
        self.entry.id
    }

    fn title(&self) -> String {
        let RecurrentConfig { layers, width, .. } = self.config.lstm;
        let (train, test) = (self.train.0.len(), self.test.0.len());
        let what = self.what;
        format!("bidirectional {layers} × {width} LSTM on {what}, {train} + {test} utterances")
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
        let model = acoustic_model(&mut builder, self.config);
        let task = |(sequences, labels): &'a (Sequences, Labels)| {
            let labels = match labels {
                Labels::Whole(labels) => SequenceLabels::Whole(labels),
                Labels::Each(labels) => SequenceLabels::Each(labels),
            };
            Box::new(SequenceClassification { model: model.clone(), sequences, labels })
        };
        Instance { train: task(&self.train), test: task(&self.test), parameters, metric: None }
    }

    fn chance_error(&self) -> f64 {
        1.0 - 1.0 / self.config.classes as f64
    }
}
