//! Networks, each one function with its source.

mod gupta;
mod language;
mod mlp;
mod speech;
mod text;

use crate::{Step, Var};

pub use gupta::{CifarCnn, CifarPadding, MnistCnn, gupta_cifar_cnn, gupta_mnist_cnn};
pub use language::{LanguageModel, LanguageModelConfig, lstm_language_model};
pub use mlp::{Mlp, mlp};
pub use speech::{
    AcousticConfig, AcousticModel, RnnTransducer, SpeechTransformer, SpeechTransformerConfig,
    TransducerConfig, acoustic_model, rnn_transducer, speech_transformer,
};
pub use text::{
    TextClassifier, TextEncoder, TextEncoderConfig, Tokens, albert_name, bert_name,
    text_classifier, text_encoder,
};

/// A network: from a batch of inputs to logits.
pub trait Model: std::fmt::Debug + Send {
    /// Records the forward pass.
    fn forward(&self, x: Var, step: &mut Step<'_>) -> Var;
}
