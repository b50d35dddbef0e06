//! Networks, each one function with its source.

mod densenet;
mod gupta;
mod language;
mod mlp;
mod resnet;
mod resnet_cifar;
mod speech;
mod text;
mod wide_resnet;

use crate::step::Step;
use crate::tape::Var;

pub use densenet::{DenseNet, DenseNetConfig, densenet_bc, densenet121};
pub use gupta::{CifarCnn, CifarPadding, MnistCnn, gupta_cifar_cnn, gupta_mnist_cnn};
pub use language::{LanguageModel, LanguageModelConfig, lstm_language_model};
pub use mlp::{Mlp, mlp};
pub use resnet::{
    ResNet, ResNetBlock, ResNetConfig, Stem, resnet, resnet18, resnet50, wide_resnet50_2,
};
pub use resnet_cifar::{CifarResNet, CifarResNetConfig, Shortcut, cifar_resnet};
pub use speech::{
    AcousticConfig, AcousticModel, RnnTransducer, SpeechTransformer, SpeechTransformerConfig,
    TransducerConfig, acoustic_model, rnn_transducer, speech_transformer,
};
pub use text::{
    TextClassifier, TextEncoder, TextEncoderConfig, Tokens, from_albert_name, from_bert_name,
    text_classifier, text_encoder,
};
pub use wide_resnet::{WideResNet, WideResNetConfig, wide_resnet};

/// A network: from a batch of inputs to logits.
pub trait Model: std::fmt::Debug + Send + Sync {
    /// Records the forward pass.
    fn forward(&self, x: Var, step: &mut Step<'_>) -> Var;
}
