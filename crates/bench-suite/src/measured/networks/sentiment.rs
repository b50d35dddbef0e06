//! Transformers that say whether a sentence of a movie review is positive.

use datasets::movie_reviews::{MovieReviews, Sentence, words};
use datasets::{DataSum, Vocabulary};
use nn::layers::{Activation, Builder, EncoderConfig};
use nn::models::{TextEncoderConfig, text_classifier};
use nn::{Parameters, Policy, Recipe, TextClassification};
use numerics::Seed;

use super::paper_row::PaperRow;
use super::paraphrase;
use super::workload::{Entry, Instance, Workload, adam, recipes};
use crate::measured::error::Error;
use crate::measured::scale::Scale;

/// One block used again and again, as ALBERT has it: on SST-2, or on the snippets where that is not
/// there.
pub(super) const ALBERT: Entry = Entry {
    id: "albert-sentiment",
    title: |data| match data {
        "movie-snippets" => title(3, true, 96, SNIPPETS, [9_512, 1_056]),
        _ => title(3, true, 96, "SST-2", [67_349, 872]),
    },
    recipes: recipes!("albert-sentiment"),
    paper: PaperRow::Albert,
    sound_percent,
    open: |data, scale| {
        if scale == Scale::Paper {
            return paraphrase::open_albert(data, ALBERT);
        }
        let (reviews, what) = match MovieReviews::sst2(data) {
            Err(datasets::Error::NoData(_)) => (MovieReviews::snippets(data)?, SNIPPETS),
            reviews => (reviews?, "SST-2"),
        };
        Ok(open(ALBERT, &reviews, what, scale))
    },
};

/// Blocks of their own, as BERT has them, on the snippets that ship with the source.
pub(super) const BERT: Entry = Entry {
    id: "bert-sentiment",
    title: |_| title(2, false, 96, SNIPPETS, [9_512, 1_056]),
    recipes: recipes!("bert-sentiment"),
    paper: PaperRow::Bert,
    sound_percent,
    open: |data, scale| {
        if scale == Scale::Paper {
            return Err(Error::NoData("at paper scale BERT is bert-stsb's network".to_owned()));
        }
        Ok(open(BERT, &MovieReviews::snippets(data)?, SNIPPETS, scale))
    },
};

const SNIPPETS: &str = "movie-review snippets";

/// Two to four points above Kim, arXiv:1408.5882, Table 2, CNN-rand, a network without other text: 23.9 %
/// on the reviews of which the snippets are a part, 17.3 % on SST-2.
fn sound_percent(data: &str) -> f64 {
    if data == "movie-snippets" { 26.0 } else { 21.0 }
}

/// Network and data in a line.
fn title(
    layers: usize,
    shared: bool,
    width: usize,
    what: &str,
    [train, test]: [usize; 2],
) -> String {
    let uses = if shared { "uses of one block" } else { "blocks" };
    format!("transformer, {layers} {uses} of {width}, on {what}, {train} + {test} sentences")
}

/// The longest sentence in tokens.
const LONGEST: usize = 40;

#[derive(Debug)]
struct Sentiment {
    entry: Entry,
    what: &'static str,
    config: TextEncoderConfig,
    train: Labelled,
    test: Labelled,
    sum: DataSum,
    recipe: Recipe,
}

/// Tokens of sentences, and whether they are positive.
#[derive(Debug)]
struct Labelled {
    sentences: Vec<Vec<u32>>,
    labels: Vec<u32>,
}

fn open(
    entry: Entry,
    reviews: &MovieReviews,
    what: &'static str,
    scale: Scale,
) -> Box<dyn Workload> {
    let smoke = scale == Scale::Smoke;
    let (train, test) = if smoke { (2_000, 200) } else { (usize::MAX, usize::MAX) };
    let cut = |sentences: &[Sentence], len: usize| -> Vec<(Vec<String>, bool)> {
        sentences.iter().take(len).map(|s| (words(&s.text), s.positive)).collect()
    };
    let (train, mut test) = (cut(&reviews.train, train), cut(&reviews.test, test));
    // Sentences of similar length share a batch, so that there is little padding.
    test.sort_by_key(|(words, _)| words.len());
    let vocabulary = Vocabulary::new(
        &["[UNK]", "[CLS]"],
        train.iter().flat_map(|(words, _)| words.iter().map(String::as_str)),
        if smoke { 2_000 } else { 6_000 },
    );
    let labelled = |sentences: &[(Vec<String>, bool)]| {
        let tokens = |words: &Vec<String>| {
            let words = std::iter::once("[CLS]").chain(words.iter().map(String::as_str));
            words.take(LONGEST).map(|word| vocabulary.number(word)).collect()
        };
        let (sentences, labels) =
            sentences.iter().map(|(words, label)| (tokens(words), u32::from(*label))).unzip();
        Labelled { sentences, labels }
    };
    let width = if smoke { 32 } else { 96 };
    let block = EncoderConfig {
        width,
        heads: 4,
        inner: 4 * width,
        activation: Activation::Gelu,
        pre_norm: false,
        dropout: 0.1,
        epsilon: 1e-12,
    };
    let shared = entry.id == ALBERT.id;
    let config = TextEncoderConfig {
        vocabulary: vocabulary.len(),
        positions: LONGEST,
        embedding: if shared { width / 2 } else { width },
        layers: if shared { 3 } else { 2 },
        shared,
        block,
    };
    let recipe = match (smoke, shared) {
        (true, _) => adam(20, 3, 2e-3, Some(1.0)),
        // As many steps on the snippets, of which there are a seventh.
        (false, true) if train.len() < 20_000 => adam(32, 4, 1e-3, Some(1.0)),
        (false, true) => adam(32, 1, 1e-3, Some(1.0)),
        (false, false) => adam(32, 2, 1e-3, Some(1.0)),
    };
    Box::new(Sentiment {
        entry,
        what,
        config,
        train: labelled(&train),
        test: labelled(&test),
        sum: reviews.sum.clone(),
        recipe,
    })
}

impl Workload for Sentiment {
    fn id(&self) -> &str {
        self.entry.id
    }

    fn title(&self) -> String {
        let TextEncoderConfig { layers, shared, block, .. } = self.config;
        let lengths = [self.train.labels.len(), self.test.labels.len()];
        title(layers, shared, block.width, self.what, lengths)
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
        let model = text_classifier(&mut builder, self.config, 2);
        let task = |labelled: &'a Labelled| {
            let Labelled { sentences, labels } = labelled;
            let (model, segments) = (model.clone(), None);
            Box::new(TextClassification { model, sentences, segments, labels })
        };
        Instance { train: task(&self.train), test: task(&self.test), parameters, metric: None }
    }

    fn chance_error(&self) -> f64 {
        0.5
    }
}
