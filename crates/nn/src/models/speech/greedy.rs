//! Greedy search of a transducer for a batch of utterances.

use super::RnnTransducer;
use crate::layers::States;
use crate::ops;
use crate::step::Step;
use crate::tape::Var;
use crate::tensor::Tensor;

impl RnnTransducer {
    /// The labels that a greedy search finds in each encoding of [`Self::encode`]: see
    /// [`transducer_greedy`](crate::decode::transducer_greedy), which this is for a whole batch,
    /// going through the times together. The predictor advances by one label at a time.
    ///
    /// Random bits come from children of the pass, one for each use of the joint network.
    ///
    /// # Panics
    ///
    /// If the shapes do not fit.
    #[track_caller]
    pub fn greedy(
        &self,
        encoding: Var,
        lengths: &[usize],
        per_time: usize,
        step: &mut Step<'_>,
    ) -> Vec<Vec<u32>> {
        let &[batch, time, _] = step.tape.value(encoding).shape() else {
            panic!("encodings are (batch, time, width)");
        };
        assert_eq!(lengths.len(), batch, "{} lengths for a batch of {batch}", lengths.len());
        if batch == 0 {
            return Vec::new();
        }
        let pass = step.pass;
        let search = pass.seed.child("greedy");
        let mut labels = vec![Vec::new(); batch];
        let mut uses = 0u64;
        step.pass.seed = search.child(uses);
        let mut state = self.advance(&vec![0; batch], None, step);
        for t in 0..time {
            let frame = ops::slice(step, encoding, 1, t..t + 1);
            let mut speaking: Vec<bool> = lengths.iter().map(|&length| t < length).collect();
            for _ in 0..per_time {
                uses += 1;
                step.pass.seed = search.child(uses);
                let prediction = step.tape.constant(state.prediction.clone());
                let logits = self.join(frame, prediction, step);
                let logits = step.tape.value(logits).data();
                let said: Vec<u32> = logits
                    .chunks_exact(logits.len() / batch)
                    .map(|row| (1..row.len()).fold(0, |k, i| if row[i] > row[k] { i } else { k }))
                    .map(|class| class as u32)
                    .collect();
                speaking.iter_mut().zip(&said).for_each(|(speaking, &k)| *speaking &= k != 0);
                if !speaking.contains(&true) {
                    break;
                }
                for ((labels, &class), _) in
                    labels.iter_mut().zip(&said).zip(&speaking).filter(|(_, speaking)| **speaking)
                {
                    labels.push(class);
                }
                let next = self.advance(&said, Some(&state.states), step);
                state.take(&next, &speaking);
            }
        }
        step.pass = pass;
        labels
    }

    /// The prediction after one more label of each utterance.
    fn advance(&self, labels: &[u32], states: Option<&States>, step: &mut Step<'_>) -> Prediction {
        let x = self.embedding.forward(labels, &[labels.len(), 1], step);
        let (x, states) = self.predictor.forward(x, None, states.map(Vec::as_slice), step);
        let prediction = self.predictor_projection.forward(x, step);
        Prediction { prediction: step.tape.value(prediction).clone(), states }
    }
}

/// What the predictor says after the labels so far, (batch, 1, joint), and its states.
struct Prediction {
    prediction: Tensor,
    states: States,
}

impl Prediction {
    /// Takes the chosen rows of another.
    fn take(&mut self, other: &Self, chosen: &[bool]) {
        take_rows(&mut self.prediction, &other.prediction, chosen);
        for (state, other) in self.states.iter_mut().zip(&other.states) {
            take_rows(&mut state.hidden, &other.hidden, chosen);
            take_rows(&mut state.cell, &other.cell, chosen);
        }
    }
}

fn take_rows(to: &mut Tensor, from: &Tensor, chosen: &[bool]) {
    let width = (from.data().len() / chosen.len()).max(1);
    let rows = to.data_mut().chunks_exact_mut(width).zip(from.data().chunks_exact(width));
    for ((to, from), _) in rows.zip(chosen).filter(|(_, chosen)| **chosen) {
        to.copy_from_slice(from);
    }
}
