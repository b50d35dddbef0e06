//! [`PaperRow`]: the paper's eleven networks.

use serde::{Deserialize, Serialize};

/// A row of [Rasch23, Table 1], which is a row of most of its other tables. What the paper prints of a
/// network is found by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum PaperRow {
    /// ResNet-32 for CIFAR-10.
    ResNet32,
    /// WideResNet-16 for CIFAR-100.
    WideResNet16,
    /// ResNet-18 for `ImageNet`.
    ResNet18,
    /// ResNet-50 for `ImageNet`.
    ResNet50,
    /// DenseNet-121 for `ImageNet`.
    DenseNet121,
    /// WideResNet-50 for `ImageNet`.
    WideResNet50,
    /// BERT-base for sentences.
    Bert,
    /// ALBERT-base for sentences.
    Albert,
    /// The acoustic LSTM of a hidden Markov model for Switchboard.
    Acoustic,
    /// The LSTM language model of the Penn Treebank.
    Language,
    /// The RNN transducer for Switchboard.
    Transducer,
}

impl PaperRow {
    /// All, in the order of the table.
    pub const ALL: [Self; 11] = [
        Self::ResNet32,
        Self::WideResNet16,
        Self::ResNet18,
        Self::ResNet50,
        Self::DenseNet121,
        Self::WideResNet50,
        Self::Bert,
        Self::Albert,
        Self::Acoustic,
        Self::Language,
        Self::Transducer,
    ];

    /// As the table has it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ResNet32 => "ResNet-32 CIFAR-10",
            Self::WideResNet16 => "WideResNet-16 CIFAR-100",
            Self::ResNet18 => "ResNet-18 ImageNet",
            Self::ResNet50 => "ResNet-50 ImageNet",
            Self::DenseNet121 => "DenseNet-121 ImageNet",
            Self::WideResNet50 => "WideResNet-50 ImageNet",
            Self::Bert => "BERT-base MRPC",
            Self::Albert => "ALBERT-base MRPC",
            Self::Acoustic => "Speech SWB300 (LSTM-HMM)",
            Self::Language => "LSTM PTB",
            Self::Transducer => "RNN-T SWB300",
        }
    }
}

impl std::fmt::Display for PaperRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

impl From<PaperRow> for String {
    fn from(row: PaperRow) -> Self {
        row.name().to_owned()
    }
}

impl TryFrom<String> for PaperRow {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        let of_name = |row: &Self| row.name() == name;
        Self::ALL.into_iter().find(of_name).ok_or_else(|| format!("there is no network '{name}'"))
    }
}
