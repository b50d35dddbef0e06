//! [`Part`]: which points of a command this process runs, and whether it writes the report.

use std::path::PathBuf;

use clap::Args;

use crate::cluster::plan::{Element, Plan};
use crate::measured::error::Error;
use crate::measured::point::Point;
use crate::output::Output;
use crate::store::Store;

/// A share of a command's points.
#[derive(Clone, Debug, Default, Args)]
pub struct Part {
    /// Run only every N-th point, starting with the I-th (1 ≤ I ≤ N), and write no report.
    #[arg(long, value_name = "I/N", allow_hyphen_values = true)]
    pub shard: Option<Shard>,
    /// Divide the points as this file says, which `submit` has written, and not by every N-th.
    #[arg(long, value_name = "FILE", requires = "shard")]
    pub plan: Option<PathBuf>,
    /// Run nothing: check that all records are there, and write the report.
    #[arg(long, conflicts_with_all = ["shard", "fresh"])]
    pub collect: bool,
}

/// What a process has of a command.
pub(super) enum Share {
    /// All of it.
    Whole,
    /// Every N-th point.
    Shard(Shard),
    /// An element of a plan, which is in that file.
    Element(PathBuf, Element),
    /// No point, but the report.
    Report,
}

impl Part {
    /// What it asks for.
    ///
    /// # Errors
    ///
    /// What is wrong with the plan.
    pub(super) fn share(&self) -> Result<Share, Error> {
        match (self.shard, &self.plan) {
            (Some(Shard { index, count }), Some(file)) => {
                let plan = Plan::read(file)?;
                let element = plan.element(file, index, count)?.clone();
                Ok(Share::Element(file.clone(), element))
            }
            (Some(shard), None) => Ok(Share::Shard(shard)),
            (None, _) if self.collect => Ok(Share::Report),
            (None, _) => Ok(Share::Whole),
        }
    }
}

impl Share {
    /// Its points.
    ///
    /// # Errors
    ///
    /// [`Error::Data`] if the command has not all points of the element.
    pub(super) fn of(&self, points: Vec<Point>) -> Result<Vec<Point>, Error> {
        match self {
            Self::Whole => Ok(points),
            Self::Shard(Shard { index, count }) => {
                Ok(points.into_iter().skip(index - 1).step_by(*count).collect())
            }
            Self::Element(file, element) => element.take(file, points),
            Self::Report => Ok(Vec::new()),
        }
    }

    /// Whether a report comes after it, for which all records must be there.
    pub(super) fn reports(&self) -> bool {
        matches!(self, Self::Whole | Self::Report)
    }

    /// That all points have their records, where nothing was run that would have made them.
    ///
    /// # Errors
    ///
    /// [`Error::Incomplete`] with those that have none; [`Error::Record`] if one is damaged.
    pub(super) fn check<'a>(
        &self,
        store: &Store,
        points: impl IntoIterator<Item = &'a Point>,
    ) -> Result<(), Error> {
        if !matches!(self, Self::Report) {
            return Ok(());
        }
        let (mut missing, mut total) = (Vec::new(), 0);
        for point in points {
            total += 1;
            if store.load(point)?.is_none() {
                missing.push(point.title());
            }
        }
        match missing.is_empty() {
            true => Ok(()),
            false => Err(Error::Incomplete { folder: store.folder().to_owned(), missing, total }),
        }
    }

    /// Says that an element of a plan is complete.
    pub(super) fn say_complete(&self, store: &Store, output: &mut Output) {
        let what = match self {
            Self::Shard(Shard { index, count }) => format!("shard {index}/{count}"),
            Self::Element(..) => "this element".to_owned(),
            Self::Whole | Self::Report => return,
        };
        output.line(format_args!("{what} is complete in {}", store.folder().display()));
    }
}

/// Every `count`-th point, beginning with the `index`-th, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    /// Which share.
    pub index: usize,
    /// Of how many.
    pub count: usize,
}

impl std::str::FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parse = |(index, count): (&str, &str)| Some((index.parse().ok()?, count.parse().ok()?));
        let (index, count) = text
            .split_once('/')
            .and_then(parse)
            .ok_or_else(|| format!("'{text}' is not a shard; write I/N, for example 1/4"))?;
        if index < 1 || index > count {
            return Err(format!("there is no shard {index} of {count}; shards count from 1"));
        }
        Ok(Self { index, count })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_count_from_one() {
        assert_eq!("2/3".parse(), Ok(Shard { index: 2, count: 3 }));
        for bad in ["0/3", "4/3", "2", "a/b", "1/0", "-1/2"] {
            assert!(bad.parse::<Shard>().is_err(), "{bad}");
        }
    }
}
