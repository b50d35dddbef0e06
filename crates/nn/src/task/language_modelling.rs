//! [`LanguageModelling`]: the next word of a text.

use crate::models::LanguageModel;
use crate::ops::{self, CrossEntropy};
use crate::step::Step;
use crate::task::{Outcome, Task};

use super::{IGNORED, Logits, wrong_rows};

/// Predicts each word of a text from those before it, in windows that do not depend on each other.
///
/// Window i predicts `window` words, from word 1 + i·`window` on (the last window may be shorter).
/// The model starts with zero states `context` words earlier; predictions of those words are not
/// counted. Units are words, and a word is wrong if another one has the largest logit: the top-1
/// word error of [Rasch23, Table 1].
///
/// Differs: truncated back-propagation usually carries the states from one window to the next, and
/// so fixes the order of the windows. Here a step depends on its own examples only.
#[derive(Clone, Debug)]
pub struct LanguageModelling<'a> {
    /// From words to logits of the next one.
    pub model: LanguageModel,
    /// The text.
    pub words: &'a [u32],
    /// Words that a window predicts.
    pub window: usize,
    /// Words that bring the states up before.
    pub context: usize,
}

impl LanguageModelling<'_> {
    /// Words to read and, for each, the word to predict after it, of a window.
    fn example(&self, index: usize) -> impl Iterator<Item = (u32, u32)> {
        let first = index * self.window;
        let last = (first + self.window).min(self.words.len() - 1);
        let from = first.saturating_sub(self.context);
        (from..last)
            .map(move |at| (self.words[at], if at < first { IGNORED } else { self.words[at + 1] }))
    }
}

impl Task for LanguageModelling<'_> {
    fn len(&self) -> usize {
        self.words.len().saturating_sub(1).div_ceil(self.window)
    }

    fn has_logits(&self) -> bool {
        true
    }

    fn check_cut(&self) -> Result<(), &'static str> {
        Ok(())
    }

    fn forward(&self, examples: &[u32], step: &mut Step<'_>) -> Outcome {
        let windows: Vec<Vec<(u32, u32)>> =
            examples.iter().map(|&i| self.example(i as usize).collect()).collect();
        let time = step.leaves().longest(windows.iter().map(Vec::len).max().unwrap_or(0));
        // What follows the end of a shorter window cannot reach back into it.
        let padded = windows.iter().flat_map(|window| {
            window.iter().copied().chain(std::iter::repeat((0, IGNORED))).take(time)
        });
        let (words, labels): (Vec<u32>, Vec<u32>) = padded.unzip();
        let (logits, _) = self.model.forward(&words, [examples.len(), time], None, step);
        let options = CrossEntropy { ignore: Some(IGNORED), ..CrossEntropy::default() };
        let loss = ops::cross_entropy(step, logits, &labels, options);
        let units = labels.iter().filter(|&&label| label != IGNORED).count();
        let values = step.tape.value(logits);
        let wrong = wrong_rows(values, &labels, examples.len(), Some(IGNORED));
        Outcome { loss, units, wrong: Some(wrong), logits: Some(Logits { values: logits, labels }) }
    }
}
