//! [`Source`]: the files of a split.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::elements::Numbers;
use crate::error::Error;

use super::arrays::arrays;
use super::contents::Contents;
use super::image_folder::image_folder;
use super::part::Part;
use super::table::{Table, Wanted, table};
use super::task::Task;

/// Where the examples of a split are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A file of all arrays, a table, or a folder of images.
    File(PathBuf),
    /// A file for each array, by the names of the network's inputs, or `x`; and `y`.
    Files(BTreeMap<String, PathBuf>),
}

/// Names of columns of a table: one, or several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Columns(pub Vec<String>);

impl Source {
    /// What the files hold.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] or [`Error::Data`] naming the file.
    pub(super) fn read(
        &self,
        split: &str,
        target: Option<&Columns>,
        task: Option<Task>,
        contents: &mut Contents<'_>,
    ) -> Result<Part, Error> {
        let mut part = Part::default();
        match self {
            Self::File(path) => {
                let path = contents.find(path);
                if !path.is_dir() && is_table(&path) {
                    return of_table(split, &path, target, task, contents);
                }
                if target.is_some() {
                    return Err(Error::data(&path, "`target` names columns of a table, not this"));
                }
                if path.is_dir() {
                    return image_folder(split, &path, contents);
                }
                let content = contents.read(split, &path)?;
                let arrays =
                    arrays(&path, &content).map_err(|reason| Error::data(&path, reason))?;
                for (name, array) in arrays {
                    let name = if name.is_empty() { "x".to_owned() } else { name };
                    part.arrays.insert(name, (path.clone(), array));
                }
            }
            Self::Files(files) => {
                for (name, path) in files {
                    let path = contents.find(path);
                    let content = contents.read(&format!("{split}.{name}"), &path)?;
                    let array =
                        only(name, &path, &content).map_err(|why| Error::data(&path, why))?;
                    part.arrays.insert(name.clone(), (path, array));
                }
            }
        }
        Ok(part)
    }

    /// What they are, without where: the extension of each file.
    pub(super) fn without_paths(&self) -> Self {
        let kind = |path: &PathBuf| PathBuf::from(path.extension().unwrap_or_default());
        match self {
            Self::File(path) => Self::File(kind(path)),
            Self::Files(files) => {
                Self::Files(files.iter().map(|(name, path)| (name.clone(), kind(path))).collect())
            }
        }
    }
}

/// Whether a file is a table, packed or not.
fn is_table(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    name.trim_end_matches(".gz").ends_with(".csv")
}

fn of_table(
    split: &str,
    path: &Path,
    target: Option<&Columns>,
    task: Option<Task>,
    contents: &mut Contents<'_>,
) -> Result<Part, Error> {
    let wanted = match target {
        Some(Columns(names)) => Wanted::Named(names),
        None if task == Some(Task::LanguageModelling) => Wanted::Nothing,
        None => Wanted::Last,
    };
    let text = matches!(task, None | Some(Task::Classification));
    let content = contents.read(split, path)?;
    let Table { columns, x, y, classes } =
        table(&content, wanted, text).map_err(|reason| Error::data(path, reason))?;
    let mut part = Part { classes, columns: Some(columns), ..Part::default() };
    part.arrays.insert("x".to_owned(), (path.to_owned(), x));
    if let Some(y) = y {
        part.arrays.insert("y".to_owned(), (path.to_owned(), y));
    }
    Ok(part)
}

/// The array of that name, or the only one.
fn only(name: &str, path: &Path, content: &[u8]) -> Result<Numbers, String> {
    if path.is_dir() || is_table(path) {
        return Err("a table or a folder stands for x and y together: train = \"PATH\"".to_owned());
    }
    let mut arrays = arrays(path, content)?;
    if let Some(array) = arrays.remove(name) {
        return Ok(array);
    }
    let names: Vec<&str> = arrays.keys().map(|name| &**name).collect();
    if names.len() != 1 {
        return Err(format!("it has no array {name}, but {}", names.join(", ")));
    }
    Ok(arrays.into_values().next().expect("there is one"))
}

impl Serialize for Source {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::File(path) => path.serialize(serializer),
            Self::Files(files) => files.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Source {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = Source;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a path, or a table of paths: { x = \"…\", y = \"…\" }")
            }

            fn visit_str<E: serde::de::Error>(self, path: &str) -> Result<Source, E> {
                Ok(Source::File(path.into()))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Source, A::Error> {
                BTreeMap::deserialize(MapAccessDeserializer::new(map)).map(Source::Files)
            }
        }
        deserializer.deserialize_any(Either)
    }
}

impl Serialize for Columns {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &*self.0 {
            [name] => name.serialize(serializer),
            names => names.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Columns {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = Columns;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("the name of a column, or a list of names")
            }

            fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<Columns, E> {
                Ok(Columns(vec![name.to_owned()]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, names: A) -> Result<Columns, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(names)).map(Columns)
            }
        }
        deserializer.deserialize_any(Either)
    }
}
