//! The networks of [Rasch23, Table 1], each with its data and its recipe: at paper scale the paper's
//! own, at desk and smoke scale a small member of the same family on real data that fits two cores.
//!
//! A [`Workload`] is trained, trained with hardware in mind, and evaluated under any
//! [`nn::Policy`]; it knows nothing of what is done with it. Which data a scale uses, and how much
//! of it, is what [`Workload::title`] says.

mod acoustic;
mod imagenet;
mod images;
mod language;
pub(crate) mod minilm;
pub mod original;
pub mod own;
pub mod paper_row;
mod paraphrase;
mod sentence_similarity;
mod sentiment;
pub mod subject;
mod transducer;
mod weights;
pub mod workload;

use datasets::DataFolder;
use serde::{Deserialize, Serialize};

use paper_row::PaperRow;
use workload::{Entry, Workload};

use crate::measured::error::Error;
use crate::measured::scale::Scale;

/// Makes the register and the type of its keys, so that neither can have what the other lacks.
macro_rules! register {
    ($($(#[$about:meta])* $id:ident = $entry:expr,)*) => {
        /// A network of the register. In files and on the command line it has the name of its entry.
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
        )]
        #[serde(into = "String", try_from = "String")]
        pub enum NetworkId {
            $($(#[$about])* $id,)*
        }

        impl NetworkId {
            /// All, in the order of the register.
            pub const ALL: &'static [Self] = &[$(Self::$id),*];
        }

        /// All networks, in the order of [Rasch23, Table 1]; a row may have two, of which the second
        /// needs no data beyond what ships with the source.
        static NETWORKS: &[Entry] = &[$($entry),*];
    };
}

register! {
    /// ResNet-20, or ResNet-32 at paper scale, for CIFAR-10.
    ResNetCifar10 = images::RESNET,
    /// WideResNet for CIFAR.
    WideResNet = images::WIDE_RESNET,
    /// Four stages of basic blocks.
    ResNet18 = images::RESNET18,
    /// Four stages of bottlenecks.
    ResNet50 = images::RESNET50,
    /// Densely connected layers.
    DenseNet = images::DENSENET,
    /// Four stages of wide bottlenecks.
    WideResNet50 = images::WIDE_RESNET50,
    /// A published BERT on a task of GLUE.
    BertStsb = sentence_similarity::BERT,
    /// A small BERT whose data ship.
    BertSentiment = sentiment::BERT,
    /// ALBERT.
    AlbertSentiment = sentiment::ALBERT,
    /// An acoustic LSTM.
    LstmSpokenDigits = acoustic::SPOKEN_DIGITS,
    /// An acoustic LSTM whose data ship.
    LstmJapaneseVowels = acoustic::JAPANESE_VOWELS,
    /// An LSTM language model.
    LstmLanguage = language::LSTM,
    /// An RNN transducer.
    RnnT = transducer::RNN_T,
}

impl NetworkId {
    /// What the register says of it.
    pub fn entry(self) -> &'static Entry {
        &NETWORKS[self as usize]
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        self.entry().id
    }

    /// The row of the paper's tables whose family it belongs to.
    pub fn paper(self) -> PaperRow {
        self.entry().paper
    }

    /// Reads its data, and gives it at a scale.
    ///
    /// # Errors
    ///
    /// [`Error::NoData`] if data that do not ship with the source are not in the folder,
    /// [`Error::Io`] or [`Error::Data`] if they are damaged.
    pub fn open(self, data: &DataFolder, scale: Scale) -> Result<Box<dyn Workload>, Error> {
        (self.entry().open)(data, scale)
    }
}

impl std::fmt::Display for NetworkId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

impl From<NetworkId> for String {
    fn from(id: NetworkId) -> Self {
        id.name().to_owned()
    }
}

impl std::str::FromStr for NetworkId {
    type Err = Error;

    /// The network of that name; [`Error::Usage`] with all names if there is none.
    fn from_str(name: &str) -> Result<Self, Error> {
        Self::ALL.iter().copied().find(|id| id.name() == name).ok_or_else(|| {
            let known: Vec<&str> = Self::ALL.iter().map(|id| id.name()).collect();
            Error::Usage(format!("there is no network '{name}'; there are: {}", known.join(", ")))
        })
    }
}

impl TryFrom<String> for NetworkId {
    type Error = Error;

    fn try_from(name: String) -> Result<Self, Error> {
        name.parse()
    }
}
