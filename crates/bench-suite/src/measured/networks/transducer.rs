//! An RNN transducer on connected spoken digits, or where these are not there on words; at paper scale
//! on Switchboard.
//!
//! An utterance is several recordings of one speaker, one after another with short silences between
//! them: real speech with an exact transcript. The words are the digits, so the edit distance over
//! the number of digits is the word error rate.
//!
//! Of a word the frames are its letters, and a mark at its end; the labels are its phonemes, so the same
//! ratio is the phoneme error rate.

use datasets::cmudict::{self, LETTERS, PHONEMES, Word};
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
    title: |data| match data {
        "cmudict" => title(2, 64, LETTERS_TO_PHONEMES, [20_000, 2_000]),
        _ => title(2, 64, SPOKEN_DIGITS, [3_000, 250]),
    },
    recipes: recipes!("rnn-t"),
    paper: PaperRow::Transducer,
    // Assumed: of words half more than the 10 % of g2p-en, a larger network that learned from all of them.
    sound_percent: |data| if data == "cmudict" { 15.0 } else { 10.0 },
    open: |data, scale| match scale {
        Scale::Paper => switchboard(data),
        _ => match SpokenDigits::open(data) {
            Err(datasets::Error::NoData(_)) => letters(data, scale),
            digits => spoken_digits(&*digits?, scale),
        },
    },
};

/// What the frames and labels are.
const SPOKEN_DIGITS: &str = "connected spoken digits, {} utterances";
const LETTERS_TO_PHONEMES: &str = "letters and phonemes of CMUdict, {} words";
const SWITCHBOARD: &str = "Switchboard, {} utterances";

/// Network and data in a line.
fn title(layers: usize, width: usize, what: &str, [train, test]: [usize; 2]) -> String {
    let what = what.replace("{}", &format!("{train} + {test}"));
    format!("RNN transducer (bidirectional {layers} × {width} LSTM) on {what}")
}

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

/// The network on connected spoken digits.
fn spoken_digits(digits: &SpokenDigits, scale: Scale) -> Result<Box<dyn Workload>, Error> {
    let (train, test, width, recipe) = match scale {
        Scale::Smoke => (600, 30, 24, adam(10, 8, 5e-3, Some(5.0))),
        Scale::Desk => (3_000, 250, 64, adam(10, 14, 2e-3, Some(5.0))),
        _ => (6_000, 1_000, 64, adam(10, 20, 2e-3, Some(5.0))),
    };
    // The utterances are part of the data, the same for every seed of a run.
    let seed = Seed::new(0).child("connected digits");
    let mut train = utterances(&digits.train, train, &seed.child("train"));
    let mut test = utterances(&digits.test, test, &seed.child("test"));
    standardise(&mut train.frames, &mut test.frames);
    Ok(Box::new(Transducer {
        config: small(STACK * BANDS, width, 1 + 10),
        train,
        test,
        what: SPOKEN_DIGITS,
        labels_per_time: 2,
        separator: None,
        sum: digits.sum(),
        recipe,
    }))
}

/// A small network of so many inputs; class 0 is the blank.
fn small(inputs: usize, width: usize, classes: usize) -> TransducerConfig {
    let encoder = RecurrentConfig {
        cell: Cell::Lstm,
        inputs,
        width,
        layers: 2,
        bidirectional: true,
        dropout: 0.1,
    };
    // As many inputs of the predictor as there are labels to tell apart.
    let predictor =
        RecurrentConfig { inputs: classes - 1, layers: 1, bidirectional: false, ..encoder };
    TransducerConfig { encoder, predictor, joint: width, pairing: Pairing::Product, classes }
}

/// The network on words that ship with the source.
fn letters(data: &DataFolder, scale: Scale) -> Result<Box<dyn Workload>, Error> {
    let (train, test, width, recipe) = match scale {
        Scale::Smoke => (2_000, 100, 24, adam(20, 4, 5e-3, Some(5.0))),
        Scale::Desk => (20_000, 2_000, 64, adam(20, 10, 2e-3, Some(5.0))),
        _ => (usize::MAX, 10_000, 128, adam(32, 8, 2e-3, Some(5.0))),
    };
    let [all, held_out] = cmudict::load(data)?;
    let part = |words: &[Word], len: usize| {
        let (mut frames, mut labels) = (Sequences::new(LETTERS + 1), Vec::new());
        for word in &words[..len.min(words.len())] {
            frames.push(&one_hot(&word.letters));
            labels.push(word.phonemes.iter().map(|&phoneme| 1 + u32::from(phoneme)).collect());
        }
        Utterances { frames, labels }
    };
    Ok(Box::new(Transducer {
        config: small(LETTERS + 1, width, 1 + PHONEMES.len()),
        train: part(&all, train),
        test: part(&held_out, test),
        what: LETTERS_TO_PHONEMES,
        labels_per_time: 3,
        separator: None,
        sum: cmudict::sum(),
        recipe,
    }))
}

/// A frame for each letter, which is 1 where the letter is; then one for the end of the word.
fn one_hot(letters: &[u8]) -> Vec<f32> {
    let places = letters.iter().map(|&letter| usize::from(letter)).chain([LETTERS]);
    let mut frames = vec![0.0; (letters.len() + 1) * (LETTERS + 1)];
    for (frame, place) in frames.chunks_exact_mut(LETTERS + 1).zip(places) {
        frame[place] = 1.0;
    }
    frames
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
        what: SWITCHBOARD,
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
        title(layers, width, self.what, [self.train.labels.len(), self.test.labels.len()])
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
