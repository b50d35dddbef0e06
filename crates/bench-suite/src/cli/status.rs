//! `status`.

use std::path::{Path, PathBuf};

use clap::Args;

use super::exit::HOLDS;
use crate::cluster::queue;
use crate::cluster::shell;
use crate::cluster::status::{Elements, Status};
use crate::cluster::submission::Submission;
use crate::findings::words::{count, duration};
use crate::measured::error::Error;
use crate::output::Output;
use crate::store::Store;

/// How `status` ends.
const ENDS: &str =
    "Exit code: 0, however far it is; 2 if nothing was submitted, or a file cannot be read.";

/// Failed points that are named.
const NAMED: usize = 5;

/// Tell how far what was submitted to a cluster is, and how long the rest takes.
///
/// Points are looked for in the folder of records, elements in the queue of Slurm; without it the
/// folder is enough.
#[derive(Clone, Debug, Args)]
#[command(after_help = ENDS)]
pub struct StatusOf {
    /// Folders of records [default: all below results to which something was submitted].
    #[arg(value_name = "DIR")]
    pub folders: Vec<PathBuf>,
}

impl StatusOf {
    pub(super) fn run(&self, output: &mut Output) -> Result<u8, Error> {
        let results = Path::new("results");
        let folders = match self.folders.is_empty() {
            true => submitted_below(results),
            false => self.folders.clone(),
        };
        if folders.is_empty() {
            let reason = "nothing was submitted from here: no folder below results has jobs";
            return Err(Error::Usage(reason.to_owned()));
        }
        for folder in &folders {
            let Some(submission) = Submission::newest(folder) else {
                let reason = format!("{}: nothing was submitted to it", folder.display());
                return Err(Error::Usage(reason));
            };
            let (store, plan, jobs) =
                (Store::existing(folder)?, submission.plan()?, submission.jobs());
            let queue = queue::ask(&jobs.all());
            let status = Status::of(&plan, &store, &jobs, queue.as_deref())?;
            let (number, command) = (submission.number(), shell::line(&plan.command));
            output.line(format_args!("{}, submission {number}: {command}", folder.display()));
            lines(&status).iter().for_each(|line| output.line(format_args!("  {line}")));
        }
        Ok(HOLDS)
    }
}

/// Folders below this one to which something was submitted, in the order of their names.
fn submitted_below(folder: &Path) -> Vec<PathBuf> {
    /// `results/sensitivity/NETWORK/SCALE`.
    const DEEPEST: usize = 3;
    let mut found = Vec::new();
    let mut folders = vec![(folder.to_owned(), 0)];
    while let Some((folder, depth)) = folders.pop() {
        if Submission::newest(&folder).is_some() {
            found.push(folder);
        } else if depth < DEEPEST {
            let entries = std::fs::read_dir(&folder).into_iter().flatten().flatten();
            let inside = entries.map(|entry| entry.path()).filter(|path| path.is_dir());
            folders.extend(inside.map(|path| (path, depth + 1)));
        }
    }
    found.sort();
    found
}

/// What there is to say.
fn lines(status: &Status) -> Vec<String> {
    let Status { done, running, failed, open, left_core_s, elements, left_s } = status;
    let total = status.points();
    let mut lines = vec![format!(
        "points    {done} of {total} done, {running} running, {} failed, {open} to do",
        failed.len()
    )];
    if status.is_complete() {
        return lines;
    }
    let Elements { known, running, waiting, ended } = elements;
    if *known {
        let ended = ended.len();
        lines.push(format!(
            "elements  {running} running, {waiting} waiting, {ended} ended without all their records"
        ));
    }
    let hours = left_core_s / 3600.0;
    let alone = format!("{hours:.1} core-hours");
    lines.push(match left_s {
        Some(seconds) => format!(
            "the rest  about {} with {}; {alone}",
            duration(*seconds),
            count(*running as u64, "element") + " running"
        ),
        None => format!("the rest  about {alone}"),
    });
    for (point, why) in failed.iter().take(NAMED) {
        lines.push(format!("failed    {point}: {why}"));
    }
    if failed.len() > NAMED {
        lines.push(format!("          and {} more", failed.len() - NAMED));
    }
    if *known && *running + *waiting == 0 {
        lines.push(
            "Nothing of it is in the queue; submit again, and what is missing is run.".to_owned(),
        );
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_reads_well() {
        let elements = Elements { known: true, running: 2, waiting: 1, ended: vec![4] };
        let mut status = Status {
            done: 5,
            running: 2,
            failed: vec![("test/a seed 1".to_owned(), "it broke".to_owned())],
            open: 3,
            left_core_s: 7200.0,
            elements,
            left_s: Some(1800.0),
        };
        let expected = [
            "points    5 of 11 done, 2 running, 1 failed, 3 to do",
            "elements  2 running, 1 waiting, 1 ended without all their records",
            "the rest  about 30 min 0 s with 2 elements running; 2.0 core-hours",
            "failed    test/a seed 1: it broke",
        ];
        assert_eq!(lines(&status), expected);
        status.elements = Elements { known: true, ..Elements::default() };
        status.left_s = None;
        let said = lines(&status);
        assert!(said.last().unwrap().contains("submit again"), "{said:?}");
        let done = Status { done: 11, ..Status::default() };
        assert_eq!(lines(&done), ["points    11 of 11 done, 0 running, 0 failed, 0 to do"]);
    }

    #[test]
    fn what_was_submitted_is_found() {
        let folder = tempfile::tempdir().unwrap();
        for store in ["desk/jobs/1", "sensitivity/lstm/desk/jobs/2", "smoke/records"] {
            std::fs::create_dir_all(folder.path().join(store)).unwrap();
        }
        let found = submitted_below(folder.path());
        let expected = ["desk", "sensitivity/lstm/desk"].map(|name| folder.path().join(name));
        assert_eq!(found, expected);
    }
}
