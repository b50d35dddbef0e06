//! [`Distilled`]: a task whose network also learns what a trained one says of its examples.

use std::cell::RefCell;
use std::fmt;

use crate::ops::{self, Distillation};
use crate::parameters::Parameters;
use crate::pass::{Mode, Pass};
use crate::step::{Step, Workspace};
use crate::task::{Outcome, Task};

use super::IGNORED;

/// A task with a teacher: in training its loss is that of [`ops::distillation`], otherwise it is
/// itself.
///
/// The teacher is the same task under other parameters, most often the float network that a network
/// on tiles comes from. It sees the same examples with the same augmentation, without dropout and
/// with its own running statistics, and learns nothing.
///
/// Source: \[Rasch23\] Methods, "distillation": T = 10 and three quarters of the loss.
pub struct Distilled<'a> {
    student: &'a dyn Task,
    teacher: &'a dyn Task,
    parameters: &'a Parameters,
    options: Distillation,
    /// The teacher's own, for its parameters are others.
    work: RefCell<Workspace>,
}

impl fmt::Debug for Distilled<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Distilled").field("options", &self.options).finish_non_exhaustive()
    }
}

/// A task or options with which there is no distillation.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum DistillationError {
    /// The loss is no cross-entropy.
    #[error("distillation needs a network whose loss is a cross-entropy of logits")]
    NoLogits,
    /// A field out of its range.
    #[error("{field} = {value} {condition}")]
    Field {
        /// Its name.
        field: &'static str,
        /// Its value.
        value: f32,
        /// What it does not fulfil.
        condition: &'static str,
    },
}

impl<'a> Distilled<'a> {
    /// A student with a teacher and the teacher's parameters.
    ///
    /// # Errors
    ///
    /// [`DistillationError`] if a task has no logits or an option is out of its range.
    #[track_caller]
    pub fn new(
        student: &'a dyn Task,
        (teacher, parameters): (&'a dyn Task, &'a Parameters),
        options: Distillation,
    ) -> Result<Self, DistillationError> {
        options.check()?;
        if !(student.has_logits() && teacher.has_logits()) {
            return Err(DistillationError::NoLogits);
        }
        // Begun here, so that parameters that are not the teacher's are named by the caller's line.
        let work = RefCell::new(Workspace::new());
        Ok(Self { student, teacher, parameters, options, work })
    }
}

impl Distillation {
    /// Whether the options are in their ranges.
    ///
    /// # Errors
    ///
    /// [`DistillationError::Field`] naming the first that is not.
    pub fn check(&self) -> Result<(), DistillationError> {
        let Self { temperature, mix } = *self;
        let wrong = |field, value, condition| DistillationError::Field { field, value, condition };
        if !(temperature > 0.0 && temperature.is_finite()) {
            return Err(wrong("temperature", temperature, "must be positive and finite"));
        }
        if !(0.0..=1.0).contains(&mix) {
            return Err(wrong("mix", mix, "is not a share"));
        }
        Ok(())
    }
}

impl Task for Distilled<'_> {
    fn len(&self) -> usize {
        self.student.len()
    }

    fn has_logits(&self) -> bool {
        true
    }

    fn check_cut(&self) -> Result<(), &'static str> {
        self.student.check_cut().and_then(|()| self.teacher.check_cut())
    }

    /// # Panics
    ///
    /// If the teacher's logits have another shape than the student's.
    fn forward(&self, examples: &[u32], step: &mut Step<'_>) -> Outcome {
        let outcome = self.student.forward(examples, step);
        let (Mode::Train, Some(logits)) = (step.pass.mode, &outcome.logits) else { return outcome };
        let mut work = self.work.borrow_mut();
        let pass = Pass { mode: Mode::Teach, ..step.pass };
        work.tape.cut(step.leaves().clone());
        let lesson = &mut work.step(self.parameters, pass);
        let said = self.teacher.forward(examples, lesson).logits;
        let said = work.tape.value(said.expect("a task with logits gives them").values).data();
        let labels = &logits.labels;
        let ignored = Some(IGNORED);
        let loss = ops::distillation(step, logits.values, said, labels, ignored, self.options);
        work.clear();
        Outcome { loss, ..outcome }
    }
}
