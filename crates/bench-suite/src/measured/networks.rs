//! The networks of [Rasch23, Table 1], each with its data and its recipe: at paper scale the paper's
//! own, at desk and smoke scale a small member of the same family on real data that fits two cores.
//!
//! A [`Workload`](workload::Workload) is trained, trained with hardware in mind, and evaluated under any
//! [`nn::Policy`]; it knows nothing of what is done with it. Which data a scale uses, and how much
//! of it, is what [`Workload::title`](workload::Workload::title) says.

mod acoustic;
mod imagenet;
mod images;
mod language;
pub(crate) mod minilm;
pub mod original;
pub mod paper_row;
mod paraphrase;
mod sentence_similarity;
mod sentiment;
mod transducer;
mod weights;
pub mod workload;

use workload::Entry;

use crate::measured::error::Error;

/// All networks, in the order of [Rasch23, Table 1]; a row may have two, of which the second needs
/// no data beyond what ships with the source.
pub const NETWORKS: [Entry; 13] = [
    images::RESNET,
    images::WIDE_RESNET,
    images::RESNET18,
    images::RESNET50,
    images::DENSENET,
    images::WIDE_RESNET50,
    sentence_similarity::BERT,
    sentiment::BERT,
    sentiment::ALBERT,
    acoustic::SPOKEN_DIGITS,
    acoustic::JAPANESE_VOWELS,
    language::LSTM,
    transducer::RNN_T,
];

/// The network of that name.
///
/// # Errors
///
/// [`Error::Usage`] with all names if there is none.
pub fn find(id: &str) -> Result<Entry, Error> {
    NETWORKS.into_iter().find(|entry| entry.id == id).ok_or_else(|| {
        let known: Vec<&str> = NETWORKS.iter().map(|entry| entry.id).collect();
        Error::Usage(format!("there is no network '{id}'; there are: {}", known.join(", ")))
    })
}
