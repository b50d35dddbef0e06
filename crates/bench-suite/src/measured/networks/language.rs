//! An LSTM language model on the State of the Union addresses; at paper scale on the Penn Treebank.

use datasets::ptb::{self, PennTreebank};
use datasets::sotu::{self, Text};
use datasets::{DataFolder, DataSum};
use nn::layers::{Builder, Init};
use nn::models::{LanguageModelConfig, lstm_language_model};
use nn::optim::Decay;
use nn::{LanguageModelling, Optimizer, Parameters, Policy, Recipe, Schedule, Sgd};
use numerics::Seed;

use super::paper_row::PaperRow;
use super::workload::{Entry, Instance, Workload, adam, recipes};
use crate::measured::error::Error;
use crate::measured::scale::Scale;

/// The LSTM language model.
pub(super) const LSTM: Entry = Entry {
    id: "lstm-language",
    title: |_| {
        "2 × 96 LSTM on State of the Union addresses, 2000 different words, 383665 + 20000 words"
            .to_owned()
    },
    recipes: recipes!("lstm-language"),
    paper: PaperRow::Language,
    // Assumed: one word in six is foretold; the commonest word is one in twenty.
    sound_percent: |_| 84.0,
    open,
};

/// Words that a window predicts: as many as truncated back-propagation on the Penn Treebank usually
/// has.
const WINDOW: usize = 35;
/// Words that bring the states up before a test window.
const CONTEXT: usize = 10;

#[derive(Debug)]
struct LanguageNetwork {
    config: LanguageModelConfig,
    text: Text,
    what: &'static str,
    sum: DataSum,
    context: [usize; 2],
    recipe: Recipe,
}

fn open(data: &DataFolder, scale: Scale) -> Result<Box<dyn Workload>, Error> {
    let (vocabulary, width, train, test, recipe) = match scale {
        Scale::Paper => return penn_treebank(data),
        Scale::Smoke => (500, 32, 20_000, 2_000, adam(5, 4, 5e-3, Some(1.0))),
        Scale::Desk => (2_000, 96, usize::MAX, 20_000, adam(5, 3, 3e-3, Some(1.0))),
        Scale::Long => (5_000, 200, usize::MAX, usize::MAX, adam(10, 6, 3e-3, Some(1.0))),
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
    let what = "State of the Union addresses";
    let (sum, context) = (sotu::sum(), [0, CONTEXT]);
    Ok(Box::new(LanguageNetwork { config, text, what, sum, context, recipe }))
}

/// The paper's network on the Penn Treebank, trained as by Zaremba et al., arXiv:1409.2329, §4.1.
///
/// Assumed: that its training in f32 was this one, which the paper does not describe. Differs: the
/// states come from 35 words before each window instead of all words before it.
fn penn_treebank(data: &DataFolder) -> Result<Box<dyn Workload>, Error> {
    let ptb = ptb::load(data)?;
    let recipe = Recipe {
        // From the sixth epoch on divided by 1.2 after each.
        schedule: Schedule {
            warm_up_steps: 0,
            decay: Decay::Step { epochs: (6..39).collect(), factor: 1.0 / 1.2 },
        },
        optimizer: Optimizer::Sgd(Sgd::default()),
        clip_norm: Some(5.0),
        ..Recipe::sgd(20, 39, 1.0)
    };
    let PennTreebank { vocabulary, train, validation, test, sum } = ptb;
    Ok(Box::new(LanguageNetwork {
        config: LanguageModelConfig::penn_treebank(),
        text: Text { vocabulary, train, validation, test },
        what: "the Penn Treebank",
        sum,
        context: [WINDOW; 2],
        recipe,
    }))
}

impl Workload for LanguageNetwork {
    fn id(&self) -> &str {
        LSTM.id
    }

    fn title(&self) -> String {
        let LanguageModelConfig { vocabulary, width, layers, .. } = self.config;
        let (train, test) = (self.text.train.len(), self.text.test.len());
        format!(
            "{layers} × {width} LSTM on {}, {vocabulary} different words, {train} + {test} words",
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
        let model = lstm_language_model(&mut builder, self.config);
        let task = |words, context| {
            let model = model.clone();
            Box::new(LanguageModelling { model, words, window: WINDOW, context })
        };
        Instance {
            train: task(&self.text.train, self.context[0]),
            test: task(&self.text.test, self.context[1]),
            parameters,
            metric: None,
        }
    }

    /// As the paper's 99.99 % of 10,000 words: a guess among all.
    fn chance_error(&self) -> f64 {
        1.0 - 1.0 / self.config.vocabulary as f64
    }
}
