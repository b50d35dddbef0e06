//! [`Dataset`]: what a description's files hold, checked.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::elements::{Elements, Numbers};
use crate::error::Error;
use crate::folder::DataFolder;
use crate::sum::DataSum;

use super::contents::Contents;
use super::description::{Description, Layout, SPLIT};
use super::examples::{Examples, channels};
use super::held_out::held_out;
use super::metric::Metric;
use super::part::Part;
use super::rows::Rows;
use super::targets;
use super::task::Task;

/// Examples to train and to test with.
#[derive(Clone, Debug)]
pub struct Dataset {
    /// What it was read from; task, metric and split are filled in.
    pub description: Description,
    /// Examples to train with.
    pub train: Examples,
    /// Examples to test with.
    pub test: Examples,
    /// The checksum of all files' contents and of the description, paths left out.
    pub sum: DataSum,
    task: Task,
    metric: Metric,
    classes: Option<usize>,
    class_names: Vec<String>,
}

/// What a network is given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputNeed {
    /// The name of the input.
    pub name: String,
    /// The shape of one example, without the axis of the batch; `None` for any length.
    pub shape: Vec<Option<usize>>,
    /// Whether it is of integers.
    pub integers: bool,
}

/// A split that was read: rows by name, and what is known of y.
struct Split {
    inputs: BTreeMap<String, Rows>,
    y: Option<Rows>,
    /// The file of y, or of some input.
    file: PathBuf,
    classes: Option<Vec<String>>,
    columns: Option<Vec<String>>,
}

impl Dataset {
    /// The data set of a file or folder, or of the description that a file in TOML is.
    ///
    /// # Errors
    ///
    /// As [`Description::read`] and [`Self::read`].
    pub fn open(path: &Path, data: &DataFolder) -> Result<Self, Error> {
        let is_description = path.extension().is_some_and(|extension| extension == "toml");
        let description =
            if is_description { Description::read(path)? } else { Description::of_path(path) };
        Self::read(description, data)
    }

    /// Reads and checks the files of a description: in its folder, and those that are not there
    /// among the data sets.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] or [`Error::Data`] naming the file, with the array and the row that is wrong.
    pub fn read(mut description: Description, data: &DataFolder) -> Result<Self, Error> {
        description.check()?;
        let folder = description.folder().to_owned();
        let mut contents = Contents::new(&folder, data);
        let mut train = read_split(&description, "train", &description.train, &mut contents)?;
        let test = match &description.test {
            Some(source) => Some(read_split(&description, "test", source, &mut contents)?),
            None => None,
        };
        let wrong = |split: &Split, reason: String| Error::data(&split.file, reason);
        let task = match (description.task, &train.y) {
            (Some(task), _) => task,
            (None, Some(y)) => targets::inferred(y).map_err(|why| wrong(&train, why))?,
            (None, None) => return Err(wrong(&train, "it has no array y".to_owned())),
        };
        let metric = description.metric.unwrap_or_else(|| Metric::of(task));
        metric.fits(task).map_err(|reason| description.wrong(reason))?;
        let class_names = train.classes.take().unwrap_or_default();
        if !class_names.is_empty() && task != Task::Classification {
            return Err(wrong(&train, format!("its y are names of classes, and the task {task}")));
        }
        let test = test.map(|test| alike(test, &train, &class_names)).transpose()?;
        description.task = Some(task);
        description.metric = Some(metric);
        let file = train.file.clone();
        let test_file = test.as_ref().map_or(file.clone(), |test| test.file.clone());
        let train = examples(task, &description, train)?;
        let (train, test) = match test {
            Some(test) => (train, examples(task, &description, test)?),
            None => {
                let share = *description.split.get_or_insert(SPLIT);
                let [stay, held] = held_out(train.len(), share);
                if stay.is_empty() || held.is_empty() {
                    let reason = format!(
                        "of {} examples a share of {share} cannot be held out",
                        train.len()
                    );
                    return Err(Error::data(&file, reason));
                }
                (train.select(&stay), train.select(&held))
            }
        };
        let classes = classes(task, [&train, &test], [&file, &test_file], &class_names)?;
        let mut parts = std::mem::take(&mut contents.sums);
        parts.push(("description".to_owned(), description.canonical()));
        let sum = DataSum::of("own", parts);
        Ok(Self { description, train, test, sum, task, metric, classes, class_names })
    }

    /// What a network is asked.
    pub fn task(&self) -> Task {
        self.task
    }

    /// What is measured.
    pub fn metric(&self) -> Metric {
        self.metric
    }

    /// The number of classes, tokens or labels: one more than the largest in training; none in a
    /// regression.
    pub fn classes(&self) -> Option<usize> {
        self.classes
    }

    /// The names of the classes, if the files have names.
    pub fn class_names(&self) -> &[String] {
        &self.class_names
    }

    /// Gives inputs the names and shapes that a network has, and checks them: the only input may be
    /// called x; axes of length 1 come and go, and a flat row of numbers becomes whatever shape has as
    /// many; whole numbers become integers where those are needed.
    ///
    /// # Errors
    ///
    /// As [`Self::check`].
    pub fn fit(&mut self, needs: &[InputNeed]) -> Result<(), Error> {
        let layout = self.description.layout;
        for examples in [&mut self.train, &mut self.test] {
            let inputs = &mut examples.inputs;
            if let ([need], 1) = (needs, inputs.len())
                && let Some(rows) = inputs.remove("x")
            {
                inputs.insert(need.name.clone(), rows);
            }
            for need in needs {
                let Some(rows) = inputs.remove(&need.name) else { continue };
                inputs.insert(need.name.clone(), fitted(rows, need, layout));
            }
        }
        self.check(needs)
    }

    /// Whether a network of these inputs can be given the examples: their names, the shape and kind
    /// of each, and whether normalisation and augmentation fit them.
    ///
    /// # Errors
    ///
    /// [`Error::Data`] naming the input.
    pub fn check(&self, needs: &[InputNeed]) -> Result<(), Error> {
        for (split, examples) in [("training", &self.train), ("test", &self.test)] {
            let inputs = &examples.inputs;
            let of_input = |name: &str, why: String| {
                self.description.wrong(format!("{split} data, input {name}: {why}"))
            };
            for need in needs {
                let name = &*need.name;
                let Some(rows) = inputs.get(name) else {
                    let found: Vec<&str> = inputs.keys().map(|name| &**name).collect();
                    let why = format!("no array has that name; there are {}", found.join(", "));
                    return Err(of_input(name, why));
                };
                if !fits(rows.shape(), &need.shape) {
                    let axis = |n: &Option<usize>| n.map_or("any".to_owned(), |n| n.to_string());
                    let want: Vec<String> = need.shape.iter().map(axis).collect();
                    let (shape, want) = (rows.shape(), want.join(", "));
                    let why =
                        format!("an example is of shape {shape:?}, and the network takes ({want})");
                    return Err(of_input(name, why));
                }
                if need.integers {
                    if matches!(rows.elements(), Elements::F32(_)) {
                        let why = "real numbers, where the network takes integers".to_owned();
                        return Err(of_input(name, why));
                    }
                } else if let Some(normalization) = &examples.normalization {
                    let fits = normalization.fits(channels(rows.shape()));
                    fits.map_err(|why| of_input(name, why))?;
                }
                if self.description.augmentation.is_some()
                    && (need.integers || rows.shape().len() != 3)
                {
                    let why = "only images (channels, height, width) can be augmented".to_owned();
                    return Err(of_input(name, why));
                }
            }
            let extra = inputs.keys().find(|name| needs.iter().all(|need| need.name != **name));
            if let Some(extra) = extra {
                return Err(of_input(extra, "the network has no such input".to_owned()));
            }
        }
        Ok(())
    }
}

/// The arrays of a split as rows, finite and as many of each.
fn read_split(
    description: &Description,
    split: &str,
    source: &super::source::Source,
    contents: &mut Contents<'_>,
) -> Result<Split, Error> {
    let (target, task) = (description.target.as_ref(), description.task);
    let Part { arrays, classes, columns } = source.read(split, target, task, contents)?;
    let mut inputs = BTreeMap::new();
    let (mut y, mut first): (_, Option<(PathBuf, String, usize)>) = (None, None);
    let mut file = None;
    for (name, (path, numbers)) in arrays {
        let wrong = |reason: String| Error::data(&path, format!("array {name}: {reason}"));
        let rows = rows(numbers).map_err(wrong)?;
        if let Some((other_path, other, len)) = &first
            && *len != rows.len()
        {
            let beside = if *other_path == path {
                String::new()
            } else {
                format!(" of {}", other_path.display())
            };
            let reason = format!("{} examples, and {len} of array {other}{beside}", rows.len());
            return Err(wrong(reason));
        }
        if rows.is_empty() {
            return Err(wrong("no examples".to_owned()));
        }
        first.get_or_insert((path.clone(), name.clone(), rows.len()));
        if name == "y" {
            (y, file) = (Some(rows), Some(path));
        } else {
            let rows = stored(rows, description.layout).map_err(wrong)?;
            inputs.insert(name, rows);
            file.get_or_insert(path);
        }
    }
    let file = file.unwrap_or_else(|| description.folder().to_owned());
    if inputs.is_empty() {
        return Err(Error::data(&file, "it has no array x, nor any other that is not y"));
    }
    if y.is_none() && !matches!(task, None | Some(Task::LanguageModelling)) {
        return Err(Error::data(&file, "it has no array y"));
    }
    for (key, there) in [
        ("normalization", description.normalization.is_some()),
        ("augmentation", description.augmentation.is_some()),
    ] {
        if there && inputs.len() > 1 {
            let names: Vec<&str> = inputs.keys().map(|name| &**name).collect();
            let reason = format!("{key} is of one input; there are {}", names.join(", "));
            return Err(description.wrong(reason));
        }
    }
    Ok(Split { inputs, y, file, classes, columns })
}

fn rows(numbers: Numbers) -> Result<Rows, String> {
    let rows = Rows::of(numbers)?;
    match rows.not_finite() {
        Some((row, value)) => Err(format!("row {row} has {value}")),
        None => Ok(rows),
    }
}

/// Images as networks are given them.
fn stored(rows: Rows, layout: Layout) -> Result<Rows, String> {
    match (layout, rows.shape()) {
        (Layout::Nhwc, [_, _, _]) => Ok(rows.channels_first()),
        // Grey images without an axis of channels, and those of tables.
        (Layout::Nchw, _) | (Layout::Nhwc, [_] | [_, _]) => Ok(rows),
        (Layout::Nhwc, shape) => Err(format!("layout nhwc of examples of shape {shape:?}")),
    }
}

/// A test whose columns and classes are those of training, numbered as those are.
fn alike(mut test: Split, train: &Split, classes: &[String]) -> Result<Split, Error> {
    let wrong = |reason: String| Err(Error::data(&test.file, reason));
    if test.columns != train.columns {
        let names = |of: &Split| of.columns.as_ref().map_or("none".to_owned(), |c| c.join(", "));
        return wrong(format!(
            "its columns of x are {}; those of training are {}",
            names(&test),
            names(train)
        ));
    }
    match (test.classes.take(), classes) {
        (None, []) => {}
        (None, _) => return wrong("its y are numbers, and those of training names".to_owned()),
        (Some(_), []) => return wrong("its y are names, and those of training numbers".to_owned()),
        (Some(names), _) => {
            let mut numbers = Vec::with_capacity(names.len());
            for name in &names {
                match classes.iter().position(|class| class == name) {
                    Some(class) => numbers.push(class as i64),
                    None => return wrong(format!("no training example is of the class {name:?}")),
                }
            }
            let y = test.y.take().expect("classes are of y");
            let all: Vec<u32> = (0..y.len() as u32).collect();
            let labels = y.integers(&all).into_iter().map(|i| numbers[i as usize]).collect();
            test.y = Some(y.with(Elements::I64(labels)));
        }
    }
    for (name, rows) in &train.inputs {
        let other = test.inputs.get(name);
        if other.is_none_or(|other| other.shape() != rows.shape()) {
            let found = other.map_or("absent".to_owned(), |o| format!("of shape {:?}", o.shape()));
            return wrong(format!(
                "an example of {name} is {found}; in training it is of shape {:?}",
                rows.shape()
            ));
        }
    }
    if let Some(extra) = test.inputs.keys().find(|name| !train.inputs.contains_key(*name)) {
        return wrong(format!("training has no array {extra}"));
    }
    Ok(test)
}

fn examples(task: Task, description: &Description, split: Split) -> Result<Examples, Error> {
    let Split { inputs, y, file, .. } = split;
    let targets = match (task, y) {
        (Task::LanguageModelling, Some(_)) => {
            Err("y is there, where language-modelling has the next token of x".to_owned())
        }
        (Task::LanguageModelling, None) => {
            let mut rows = inputs.values();
            match (rows.next(), rows.next()) {
                (Some(x), None) => targets::next_tokens(x),
                _ => Err("language-modelling has one input".to_owned()),
            }
        }
        (_, Some(y)) => targets::targets(task, y),
        (_, None) => Err("it has no array y".to_owned()),
    };
    let targets = targets.map_err(|reason| Error::data(&file, reason))?;
    Ok(Examples { inputs, targets, normalization: description.normalization.clone() })
}

/// The number of classes of training, which are all that a test may have.
fn classes(
    task: Task,
    [train, test]: [&Examples; 2],
    [train_file, test_file]: [&Path; 2],
    names: &[String],
) -> Result<Option<usize>, Error> {
    if task == Task::Regression {
        return Ok(None);
    }
    if let (Task::MultiLabel, &[labels]) = (task, train.targets.shape()) {
        if test.targets.shape() != [labels] {
            let reason =
                format!("y has {:?} labels, and {labels} in training", test.targets.shape());
            return Err(Error::data(test_file, reason));
        }
        return Ok(Some(labels));
    }
    let of_input = |examples: &Examples| {
        let x = examples.inputs.values().next()?;
        targets::largest(&x.clone().with(x.to_integers()?))
    };
    let largest = |examples: &Examples| match task {
        // The first token of a row is nobody's next one.
        Task::LanguageModelling => of_input(examples),
        _ => targets::largest(&examples.targets),
    };
    let classes = largest(train).map_or(0, |(_, label)| label + 1);
    if classes == 0 {
        return Err(Error::data(train_file, "y counts no label at all"));
    }
    let classes = (classes as usize).max(names.len());
    if let Some((row, label)) = largest(test)
        && label >= classes as i64
    {
        let reason = format!(
            "test example {row} has the class {label}, and no training example a class above {}",
            classes - 1
        );
        return Err(Error::data(test_file, reason));
    }
    Ok(Some(classes))
}

/// Whether a shape is one that is needed.
fn fits(shape: &[usize], need: &[Option<usize>]) -> bool {
    shape.len() == need.len()
        && shape.iter().zip(need).all(|(have, want)| want.is_none_or(|want| want == *have))
}

/// Rows under the shape that is needed, if they can be, and as integers if those are.
fn fitted(rows: Rows, need: &InputNeed, layout: Layout) -> Rows {
    let whole = if need.integers { rows.to_integers() } else { None };
    let rows = match whole {
        Some(whole) => rows.with(whole),
        None => rows,
    };
    if fits(rows.shape(), &need.shape) {
        return rows;
    }
    let known: Option<Vec<usize>> = need.shape.iter().copied().collect();
    if let ([len], Some(known)) = (rows.shape(), &known)
        && known.iter().product::<usize>() == *len
    {
        return match (layout, &**known) {
            (Layout::Nhwc, &[channels, height, width]) => {
                rows.reshaped(&[height, width, channels]).channels_first()
            }
            _ => rows.reshaped(known),
        };
    }
    // The same axes but for those of length 1.
    let mut have = rows.shape().iter().copied().filter(|&n| n != 1);
    let shape: Option<Vec<usize>> =
        need.shape.iter().map(|&want| if want == Some(1) { want } else { have.next() }).collect();
    match shape {
        Some(shape) if have.next().is_none() && fits(&shape, &need.shape) => rows.reshaped(&shape),
        _ => rows,
    }
}
