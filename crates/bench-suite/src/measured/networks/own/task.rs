//! [`OwnTask`]: a network from a file with examples and a loss.

use std::sync::Arc;

use datasets::own::{Dataset, Examples, Tally, Targets, Task};
use nn::ops::CrossEntropy;
use nn::{
    Augmentation, Logits, Mode, Outcome, Parameters, Pass, Run, Step, Var, Weights, Workspace, ops,
    wrong_rows,
};
use numerics::{Par, Seed};
use onnx::{Data, Given, Graph, Host, Network};

/// Examples of an evaluation that pass at a time.
const BATCH: usize = 100;
/// The label of rows that do not count.
const IGNORED: u32 = u32::MAX;

/// Which value of a network answers.
#[derive(Clone, Debug)]
pub(super) struct Answers {
    value: String,
}

impl Answers {
    /// The first output; where a network ends in probabilities, the logits that they are made of.
    pub(super) fn of(graph: &Graph, task: Task) -> Self {
        let output = graph.outputs().next().expect("a graph has outputs");
        let made_by = match task {
            Task::MultiLabel => "Sigmoid",
            Task::Regression => "",
            Task::Classification | Task::SequenceLabels | Task::LanguageModelling => "Softmax",
        };
        Self { value: graph.before(output, made_by).unwrap_or(output).to_owned() }
    }
}

/// A network with examples.
#[derive(Clone, Debug)]
pub(super) struct OwnTask<'a> {
    network: Arc<Network>,
    answers: &'a Answers,
    data: &'a Dataset,
    examples: &'a Examples,
    /// What is done to images in training.
    augmentation: Option<Augmentation>,
}

impl<'a> OwnTask<'a> {
    pub(super) fn new(
        network: &Arc<Network>,
        answers: &'a Answers,
        data: &'a Dataset,
        examples: &'a Examples,
    ) -> Self {
        Self { network: Arc::clone(network), answers, data, examples, augmentation: None }
    }

    /// With what is done to images in training.
    pub(super) fn augmented(self, augmentation: Option<Augmentation>) -> Self {
        Self { augmentation, ..self }
    }

    /// The outputs for some examples, of which the first may be augmented.
    fn answer(&self, examples: &[u32], step: &mut Step<'_>) -> Result<Var, String> {
        let stream = step.pass.seed.child("augmentation").stream();
        let augmentation = self.augmentation.as_ref().filter(|_| step.pass.mode != Mode::Eval);
        let augmentation = augmentation.map(|augmentation| (augmentation, &stream));
        let mut given = Vec::new();
        for input in self.network.graph().inputs() {
            given.push(if input.integers {
                let (shape, integers) = self.examples.gather_integers(&input.name, examples);
                Given::Host(Host::new(shape, Data::I64(integers))?)
            } else {
                let x = self.examples.gather(&input.name, examples, augmentation);
                Given::Tensor(step.tape.constant(x))
            });
        }
        let values = self.network.run_to(&given, &[&self.answers.value], step);
        Ok(values.map_err(|error| error.to_string())?[0].1)
    }

    /// Rows of answers, one for each label: where time is the last axis, (N, C, T) as PyTorch's loss has
    /// them, it goes before the classes.
    fn rows(&self, answer: Var, step: &mut Step<'_>) -> Var {
        let shape = step.tape.value(answer).shape().to_vec();
        let steps = self.examples.targets().shape().first().copied();
        match (shape.as_slice(), steps) {
            (&[_, classes, last], Some(steps))
                if self.data.task() == Task::SequenceLabels
                    && last == steps
                    && Some(classes) == self.data.classes()
                    && classes != steps =>
            {
                ops::permute(step, answer, &[0, 2, 1])
            }
            _ => answer,
        }
    }

    /// Whether the network runs on some examples, and has as many answers as they ask for.
    pub(super) fn try_out(&self, examples: &[u32], parameters: &Parameters) -> Result<(), String> {
        let pass =
            Pass { seed: Seed::new(0), first_row: 0, step: 0, mode: Mode::Eval, par: Par::Seq };
        let mut work = Workspace::new();
        let mut step = work.step(parameters, pass);
        let answer = self.answer(examples, &mut step)?;
        let answer = self.rows(answer, &mut step);
        let (task, value) = (self.data.task(), &self.answers.value);
        let answer = step.tape.value(answer);
        let (shape, width) = (answer.shape(), answer.as_matrix().1);
        let wanted = self.examples.targets().size() * examples.len();
        if !task.has_classes() {
            return if answer.data().len() == wanted {
                Ok(())
            } else {
                let each = self.examples.targets().shape();
                Err(format!(
                    "output {value} is of shape {shape:?} for {} examples, and y of {each:?} for each",
                    examples.len()
                ))
            };
        }
        let rows = answer.data().len() / width.max(1);
        if rows != wanted {
            return Err(format!("output {value} is of shape {shape:?}, for {wanted} labels y"));
        }
        match self.data.classes() {
            Some(classes) if classes > width => {
                Err(format!("output {value} has {width} classes, and the data have {classes}"))
            }
            _ => Ok(()),
        }
    }

    /// Labels of some examples; −1 does not count.
    fn labels(&self, examples: &[u32]) -> Vec<i64> {
        self.examples.targets().integers(examples)
    }

    /// The metric of the data over all examples.
    pub(super) fn metric(&self, weights: Weights<'_>, run: Run) -> f64 {
        let mut work = Workspace::new();
        let all: Vec<u32> = (0..self.examples.len() as u32).collect();
        let mut tally: Option<Tally> = None;
        for (chunk, examples) in all.chunks(BATCH).enumerate() {
            let first_row = (chunk * BATCH) as u64;
            let Run { seed, par } = run;
            let pass = Pass { seed, first_row, step: 0, mode: Mode::Eval, par };
            let mut step = work.step(weights, pass);
            let answer = self.answered(examples, &mut step);
            let answer = step.tape.value(answer);
            let width = if self.data.task() == Task::Regression {
                self.examples.targets().size()
            } else {
                answer.as_matrix().1
            };
            let tally = tally
                .get_or_insert_with(|| Tally::new(self.data.metric(), self.data.task(), width));
            match self.data.task() {
                Task::Regression => {
                    let targets = self.examples.targets().reals(examples);
                    tally.add(answer.data(), Targets::Reals(&targets));
                }
                _ => tally.add(answer.data(), Targets::Labels(&self.labels(examples))),
            }
            work.clear();
        }
        tally.map_or(f64::NAN, |tally| tally.value())
    }

    /// Rows of answers to examples whose shapes were tried out.
    #[track_caller]
    fn answered(&self, examples: &[u32], step: &mut Step<'_>) -> Var {
        match self.answer(examples, step) {
            Ok(answer) => self.rows(answer, step),
            Err(reason) => panic!("{reason}"),
        }
    }

    fn of_classes(&self, examples: &[u32], answer: Var, step: &mut Step<'_>) -> Outcome {
        let labels: Vec<u32> = self
            .labels(examples)
            .into_iter()
            .map(|label| u32::try_from(label).unwrap_or(IGNORED))
            .collect();
        let options = CrossEntropy { ignore: Some(IGNORED), ..CrossEntropy::default() };
        let loss = ops::cross_entropy(step, answer, &labels, options);
        let wrong = wrong_rows(step.tape.value(answer), &labels, examples.len(), Some(IGNORED));
        let units = labels.iter().filter(|&&label| label != IGNORED).count();
        let logits = Some(Logits { values: answer, labels });
        Outcome { loss, units, wrong: Some(wrong), logits }
    }
}

impl nn::Task for OwnTask<'_> {
    fn len(&self) -> usize {
        self.examples.len()
    }

    fn has_logits(&self) -> bool {
        self.data.task().has_classes()
    }

    fn forward(&self, examples: &[u32], step: &mut Step<'_>) -> Outcome {
        let answer = self.answered(examples, step);
        let loss = match self.data.task() {
            Task::Classification | Task::SequenceLabels | Task::LanguageModelling => {
                return self.of_classes(examples, answer, step);
            }
            Task::Regression => {
                let targets = self.examples.targets().reals(examples);
                ops::mean_squared_error(step, answer, &targets)
            }
            Task::MultiLabel => {
                let truths: Vec<f32> =
                    self.labels(examples).into_iter().map(|truth| truth as f32).collect();
                ops::binary_cross_entropy(step, answer, &truths)
            }
        };
        Outcome { loss, units: examples.len(), wrong: None, logits: None }
    }
}
