//! What y must be for a task.

use crate::elements::Elements;

use super::rows::Rows;
use super::task::Task;

/// The task that y is of, if nobody says.
///
/// # Errors
///
/// A clause, if it may be several.
pub(super) fn inferred(y: &Rows) -> Result<Task, String> {
    match (y.shape(), y.elements()) {
        (_, Elements::F32(_)) => Ok(Task::Regression),
        ([] | [1], _) => Ok(Task::Classification),
        (shape, _) => Err(format!(
            "y has whole numbers of shape {shape:?} for each example: `task` must say whether that \
             is sequence-labels, multi-label or regression"
        )),
    }
}

/// Targets of a task: labels and truth values are whole, the targets of a regression real.
///
/// # Errors
///
/// A clause that names the row.
pub(super) fn targets(task: Task, y: Rows) -> Result<Rows, String> {
    let (shape, y) = match (task, y.shape()) {
        (Task::Classification, [1]) => (Vec::new(), y.reshaped(&[])),
        (_, shape) => (shape.to_vec(), y),
    };
    let per_example = match task {
        Task::Classification => 0,
        Task::SequenceLabels | Task::MultiLabel => 1,
        Task::Regression => {
            let all: Vec<u32> = (0..y.len() as u32).collect();
            let reals = Elements::F32(y.reals(&all));
            return Ok(y.with(reals));
        }
        Task::LanguageModelling => return Err("language-modelling has no y".to_owned()),
    };
    if shape.len() != per_example {
        let expected = ["one label", "a row of labels"][per_example];
        return Err(format!("y has {shape:?} for each example; {task} has {expected}"));
    }
    let whole = y.to_integers();
    let whole =
        whole.ok_or_else(|| format!("y has numbers that are not whole; {task} has labels"))?;
    let y = y.with(whole);
    let allowed = match task {
        Task::MultiLabel => 0..=1,
        Task::SequenceLabels => -1..=LARGEST,
        _ => 0..=LARGEST,
    };
    within(&y, "y", &allowed)?;
    Ok(y)
}

/// No label is larger.
const LARGEST: i64 = u32::MAX as i64 - 1;

/// The next tokens of x, and −1 behind the last one.
///
/// # Errors
///
/// A clause that names the row.
pub(super) fn next_tokens(x: &Rows) -> Result<Rows, String> {
    let &[steps] = x.shape() else {
        return Err(format!("x has {:?} for each example, not a row of tokens", x.shape()));
    };
    if steps < 2 {
        return Err("x has a single token for each example, and so no next one".to_owned());
    }
    let tokens = x.to_integers().ok_or("x has numbers that are no tokens")?;
    let tokens = x.clone().with(tokens);
    within(&tokens, "x", &(0..=LARGEST))?;
    let all: Vec<u32> = (0..x.len() as u32).collect();
    let mut next = tokens.integers(&all);
    for row in next.chunks_exact_mut(steps) {
        row.rotate_left(1);
        row[steps - 1] = -1;
    }
    Ok(x.clone().with(Elements::I64(next)))
}

fn within(rows: &Rows, name: &str, allowed: &std::ops::RangeInclusive<i64>) -> Result<(), String> {
    let wrong = match rows.elements() {
        Elements::U8(values) => position(values, |&x| !allowed.contains(&i64::from(x))),
        Elements::I64(values) => position(values, |x| !allowed.contains(x)),
        Elements::F32(_) => None,
    };
    let Some((at, value)) = wrong else { return Ok(()) };
    let (row, least, most) = (at / rows.size(), allowed.start(), allowed.end());
    Err(format!("row {row} of {name} has {value}, which is not in {least} … {most}"))
}

fn position<T: Copy + Into<i64>>(values: &[T], wrong: impl Fn(&T) -> bool) -> Option<(usize, i64)> {
    let at = values.iter().position(wrong)?;
    Some((at, values[at].into()))
}

/// The largest label, and the row that has it first.
pub(super) fn largest(y: &Rows) -> Option<(usize, i64)> {
    let (at, largest) = match y.elements() {
        Elements::U8(values) => first_largest(values.iter().map(|&x| x.into())),
        Elements::I64(values) => first_largest(values.iter().copied()),
        Elements::F32(_) => None,
    }?;
    Some((at / y.size(), largest))
}

fn first_largest(values: impl Iterator<Item = i64>) -> Option<(usize, i64)> {
    values.enumerate().fold(None, |best, (at, value)| match best {
        Some((_, most)) if most >= value => best,
        _ => Some((at, value)),
    })
}
