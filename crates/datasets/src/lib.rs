//! Data sets of images, speech and text, checked on load.
//!
#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

pub mod cifar10;
pub mod cifar100;
pub mod cmudict;
mod elements;
mod error;
pub mod fashion_mnist;
pub mod files;
mod folder;
pub mod fsdd;
mod glue;
#[cfg(test)]
mod grey_jpeg;
mod idx;
pub mod imagenet;
pub mod japanese_vowels;
pub mod log_mel;
pub mod mnist;
pub mod movie_reviews;
pub mod mrpc;
pub mod npy;
pub mod own;
pub mod ptb;
pub mod sotu;
pub mod stsb;
pub mod sum;
pub mod switchboard;
#[cfg(test)]
mod testing;
mod unpack;
mod vocabulary;
mod wav;

pub use error::Error;
pub use folder::DataFolder;
pub use sum::DataSum;
pub use vocabulary::Vocabulary;
