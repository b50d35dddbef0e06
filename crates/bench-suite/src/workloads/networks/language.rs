//! An LSTM language model on the State of the Union addresses.

use nn::layers::{Builder, Init};
use nn::models::{LanguageModelConfig, lstm_language_model};
use nn::{LanguageModelling, Parameters, Policy, Recipe};
use numerics::Seed;

use super::{Entry, Instance, Workload, adam};
use crate::Error;
use crate::datasets::sotu::{self, Text};
use crate::datasets::{DataFolder, DataSum};
use crate::experiment::Scale;

/// The LSTM language model.
pub(super) const LSTM: Entry = Entry { id: "lstm-language", paper: "LSTM PTB", open };

/// Words that a window predicts: as many as truncated back-propagation on the Penn Treebank usually
/// has.
const WINDOW: usize = 35;
/// Words that bring the states up before a test window.
const CONTEXT: usize = 10;

#[derive(Debug)]
struct LanguageNetwork {
    config: LanguageModelConfig,
    text: Text,
    recipe: Recipe,
}

fn open(data: &DataFolder, scale: Scale) -> Result<Box<dyn Workload>, Error> {
    let (vocabulary, width, train, test, recipe) = match scale {
        Scale::Smoke => (500, 32, 20_000, 2_000, adam(20, 2, 5e-3, Some(5.0))),
        _ => (2_000, 96, usize::MAX, 20_000, adam(5, 4, 3e-3, Some(1.0))),
    };
    let mut text = sotu::load(data, vocabulary)?;
    text.train.truncate(train);
    text.test.truncate(test);
    let config = LanguageModelConfig {
        vocabulary: text.vocabulary,
        width,
        layers: 2,
        dropout: 0.1,
        embedding: Init::Normal { std_dev: 0.1 },
    };
    Ok(Box::new(LanguageNetwork { config, text, recipe }))
}

impl Workload for LanguageNetwork {
    fn id(&self) -> &'static str {
        LSTM.id
    }

    fn paper(&self) -> &'static str {
        LSTM.paper
    }

    fn title(&self) -> String {
        let LanguageModelConfig { vocabulary, width, layers, .. } = self.config;
        let (train, test) = (self.text.train.len(), self.text.test.len());
        format!(
            "{layers} × {width} LSTM on State of the Union addresses, {vocabulary} different words, \
             {train} + {test} words"
        )
    }

    fn data(&self) -> Vec<DataSum> {
        vec![sotu::sum()]
    }

    fn recipe(&self) -> &Recipe {
        &self.recipe
    }

    fn instance<'a>(&'a self, policy: &Policy, seed: &Seed) -> Instance<'a> {
        let mut parameters = Parameters::new();
        let mut builder = Builder { parameters: &mut parameters, policy, seed: *seed };
        let model = lstm_language_model(&mut builder, self.config);
        let task = |words, context| {
            let model = model.clone();
            Box::new(LanguageModelling { model, words, window: WINDOW, context })
        };
        Instance {
            train: task(&self.text.train, 0),
            test: task(&self.text.test, CONTEXT),
            parameters,
            metric: None,
        }
    }

    /// As the paper's 99.99 % of 10,000 words: a guess among all.
    fn chance_error(&self) -> f64 {
        1.0 - 1.0 / self.config.vocabulary as f64
    }
}
