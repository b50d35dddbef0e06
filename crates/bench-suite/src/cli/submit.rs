//! `submit`.

use std::path::{Path, PathBuf};

use clap::{Args, Parser};

use super::exit::HOLDS;
use super::{Cli, Command};
use crate::cluster::pack::{Room, element_s, pack};
use crate::cluster::plan::{Element, Plan, Planned};
use crate::cluster::profile::Profile;
use crate::cluster::queue::{self, Phase};
use crate::cluster::scheduler::Scheduler;
use crate::cluster::script::Scripts;
use crate::cluster::shell;
use crate::cluster::submission::{Jobs, Submission};
use crate::cluster::times::Times;
use crate::findings::words::{count, duration};
use crate::measured::error::Error;
use crate::measured::hash::CODE_VERSION;
use crate::measured::point::Point;
use crate::output::{Output, remark};
use crate::store::Store;

/// How `submit` ends.
const ENDS: &str = "\
Exit code: 0 if the jobs are in the queue, or nothing is missing; 2 for an error in the command line, the \
profile or the data, or if the scheduler refuses.";

/// Run a command on a cluster: an array job of the points that have no record yet, and a job behind
/// it that checks that all are there and writes the report.
///
/// The command is reproduce, sensitivity, age or sweep, with its arguments. Options of submit stand before
/// it. The same again submits what is still missing.
///
/// Example: cargo xtask submit --profile slurm.toml reproduce --scale paper
#[derive(Clone, Debug, Args)]
#[command(after_help = ENDS)]
pub struct Submit {
    /// What the cluster is like and what a job may have of it, a TOML file; docs/examples/slurm.toml is one.
    #[arg(long, value_name = "FILE", default_value = "slurm.toml")]
    pub profile: PathBuf,
    /// Whose array job it is. Only Slurm is given it; of the others what to type is printed.
    #[arg(long, value_enum, default_value_t = Scheduler::Slurm)]
    pub scheduler: Scheduler,
    /// Print the scripts, and submit and write nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// The command to run, with its arguments.
    #[arg(
        required = true,
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_name = "COMMAND"
    )]
    pub command: Vec<String>,
}

/// How full an element may be by what its points are expected to cost.
///
/// Assumed: machines and expectations differ by no more than a third.
const FULL: f64 = 0.75;
/// Seconds that a point is taken to last on one core if no one has timed its like.
///
/// Assumed: 10 minutes.
const UNTIMED_S: f64 = 600.0;
/// The most rounds that are submitted unasked.
const MOST_ROUNDS: f64 = 20.0;

impl Submit {
    pub(super) fn run(&self, output: &mut Output) -> Result<u8, Error> {
        let profile = Profile::read(&self.profile)?;
        let (folder, points) = self.asked()?;
        let folder = absolute(&folder)?;
        let total = points.len();
        let store = folder.exists().then(|| Store::existing(&folder)).transpose()?;
        let missing = without_record(store.as_ref(), &points)?;
        if missing.is_empty() {
            output.line(format_args!(
                "All {} have their records in {}; the same command with --collect writes their report.",
                count(total as u64, "point"),
                folder.display()
            ));
            return Ok(HOLDS);
        }
        if let Some(submission) = Submission::newest(&folder) {
            not_in_queue(&submission, &folder)?;
        }
        let times = store.as_ref().map_or_else(Times::default, |store| Times::of(store, &points));
        let Packed { elements, rounds, remarks } = packed(&missing, &times, &profile);
        let longest = elements.iter().map(|element| element.seconds).fold(0.0, f64::max);
        let core_s: f64 = elements.iter().flat_map(|e| &e.points).map(|p| p.core_s).sum();
        output.line(format_args!(
            "{} of {total} points to run, in {} of {}: about {:.1} core-hours, the longest {}.",
            missing.len(),
            count(elements.len() as u64, "element"),
            count(profile.cores, "core"),
            core_s / 3600.0,
            duration(longest)
        ));
        remarks.iter().for_each(remark);

        let submission = Submission::next(&folder);
        let name = name(&folder);
        let directory = absolute(Path::new("."))?;
        let program = std::env::current_exe()
            .map_err(|error| Error::Usage(format!("this program has no path: {error}")))?;
        let scripts = Scripts {
            scheduler: self.scheduler,
            profile: &profile,
            name: &name,
            program: &program,
            command: &self.command,
            directory: &directory,
            store: &folder,
            folder: submission.folder(),
            data: std::env::var_os("DITHER_DATA").filter(|data| !data.is_empty()),
            elements: elements.len(),
        };
        scripts.check()?;
        let files = Scripts::files(submission.folder());
        let logs = Scripts::logs(submission.folder());
        let [array, merge] = &files;
        let typed = self.scheduler.commands([array, merge], elements.len(), scripts.head(&logs));
        if self.dry_run {
            for (file, text) in [(array, scripts.array()), (merge, scripts.merge())] {
                output.line(format_args!("\n{}:\n\n{}", file.display(), text.trim_end()));
            }
            say_to_type(&typed, output);
            return Ok(HOLDS);
        }
        let plan = Plan {
            code: CODE_VERSION.to_owned(),
            command: self.command.clone(),
            done_before: total - missing.len(),
            cores: profile.cores,
            elements,
        };
        // Better to know that it cannot be written to before others try.
        Store::open(&folder)?;
        submission.write(&plan, &scripts)?;
        if self.scheduler != Scheduler::Slurm {
            output.line(format_args!("Written: {}", submission.folder().display()));
            say_to_type(&typed, output);
            return Ok(HOLDS);
        }
        let Jobs { arrays, merge } = submission.submit(rounds)?;
        output.line(format_args!(
            "Submitted: {} {}, merge {}. How far it is: cargo xtask status {}",
            if arrays.len() == 1 { "array" } else { "arrays" },
            arrays.join(", "),
            merge.unwrap_or_default(),
            shell::quoted(&folder.to_string_lossy())
        ));
        Ok(HOLDS)
    }

    /// The folder of records of the command, and all its points.
    fn asked(&self) -> Result<(PathBuf, Vec<Point>), Error> {
        let words = ["cargo xtask"].into_iter().chain(self.command.iter().map(String::as_str));
        let cli = Cli::try_parse_from(words).map_err(|error| self.not_understood(&error))?;
        let (part, fresh, threads) = match &cli.command {
            Command::Reproduce(command) => (&command.part, command.fresh, command.threads),
            Command::Sensitivity(command) => {
                (&command.one.part, command.one.fresh, command.one.beside.threads)
            }
            Command::Age(command) => {
                (&command.one.part, command.one.fresh, command.one.beside.threads)
            }
            Command::Sweep(command) => (&command.part, command.fresh, command.threads),
            _ => {
                let reason = format!(
                    "'{}' has no points that can be divided; reproduce, sensitivity, age and sweep have",
                    self.command[0]
                );
                return Err(Error::Usage(reason));
            }
        };
        let refused = [
            (part.shard.is_some(), "--shard: submit divides the points itself"),
            (part.collect, "--collect is what comes after all elements; give the command itself"),
            (fresh, "--fresh: an element that is requeued would begin again; use another --out"),
            (threads.is_some(), "--threads: those of an element are the cores of the profile"),
        ];
        if let Some((_, reason)) = refused.into_iter().find(|(is_given, _)| *is_given) {
            return Err(Error::Usage(reason.to_owned()));
        }
        match &cli.command {
            Command::Reproduce(command) => command.asked(),
            Command::Sensitivity(command) => command.asked(),
            Command::Age(command) => command.asked(),
            Command::Sweep(command) => command.asked(),
            _ => unreachable!("it was refused"),
        }
    }

    /// What is wrong with the command, in one line.
    fn not_understood(&self, error: &clap::Error) -> Error {
        let text = error.to_string();
        let first = text.split("\n\n").next().unwrap_or_default();
        let line = first.lines().map(str::trim).collect::<Vec<_>>().join(" ");
        let line = line.strip_prefix("error: ").unwrap_or(&line);
        let own = ["--dry-run", "--profile", "--scheduler"];
        let misplaced =
            own.iter().find(|own| self.command.iter().any(|word| word.starts_with(**own)));
        Error::Usage(match misplaced {
            Some(own) => format!("{own} stands before the command: cargo xtask submit {own} …"),
            None => format!("submit {}: {line}", self.command.join(" ")),
        })
    }
}

/// The points that are to be run.
fn without_record<'a>(store: Option<&Store>, points: &'a [Point]) -> Result<Vec<&'a Point>, Error> {
    let mut missing = Vec::new();
    for point in points {
        let record = store.map_or(Ok(None), |store| store.load(point))?;
        if record.is_none() {
            missing.push(point);
        }
    }
    Ok(missing)
}

/// That nothing of the last submission is still to come: its elements would run the same points.
fn not_in_queue(submission: &Submission, folder: &Path) -> Result<(), Error> {
    let jobs = submission.jobs();
    let queue = queue::ask(&jobs.all()).unwrap_or_default();
    let is_there = |job: &String| {
        queue.iter().any(|queued| queued.job == *job && queued.phase != Phase::Ended)
    };
    let there: Vec<String> = jobs.all().into_iter().filter(is_there).collect();
    if there.is_empty() {
        return Ok(());
    }
    Err(Error::Usage(format!(
        "submission {} to {} is still in the queue; `scancel {}` ends it and loses nothing",
        submission.number(),
        folder.display(),
        there.join(" ")
    )))
}

/// Points in elements.
struct Packed {
    elements: Vec<Element>,
    rounds: u64,
    /// What a person should know.
    remarks: Vec<String>,
}

fn packed(points: &[&Point], times: &Times, profile: &Profile) -> Packed {
    let cores = profile.cores as usize;
    let (limit, shortest) = (profile.time.seconds as f64, profile.shortest.seconds as f64);
    let room =
        Room { cores, limit_s: FULL * limit, least_s: shortest, most: profile.elements as usize };
    let guess = UNTIMED_S.min(room.limit_s);
    let costs: Vec<_> = points.iter().map(|point| times.cost(point, guess)).collect();
    let element = |points_of: Vec<usize>| Element {
        seconds: element_s(points_of.iter().map(|&i| costs[i].core_s), cores),
        points: points_of.iter().map(|&i| Planned::new(points[i], costs[i].core_s)).collect(),
    };
    let elements: Vec<Element> = pack(&costs, &room).into_iter().map(element).collect();
    let mut remarks = Vec::new();
    let mut untimed: Vec<&str> = points
        .iter()
        .filter(|point| times.core_s(point).is_none())
        .map(|point| point.experiment)
        .collect();
    untimed.dedup();
    if !untimed.is_empty() {
        remarks.push(format!(
            "No one has timed {}: each of its points is taken to last {} on one core.",
            untimed.join(", "),
            duration(guess)
        ));
    }
    let longest = elements.iter().max_by(|a, b| a.seconds.total_cmp(&b.seconds));
    let longest = longest.expect("there are points");
    let needed = (longest.seconds / room.limit_s).ceil().clamp(1.0, MOST_ROUNDS);
    let rounds = profile.rounds.unwrap_or(needed as u64);
    let over = elements.iter().filter(|element| element.seconds > room.limit_s);
    match over.count() {
        0 => {}
        over => {
            let why = match longest.points.len() {
                1 => "it is one point, which cannot be divided".to_owned(),
                n => format!(
                    "its {n} points are in one for want of more than {} elements",
                    room.most
                ),
            };
            remarks.push(format!(
                "{} of {} may end at the time limit of {}: the longest, {}, is expected to take {}; {why}. \
                 It goes on from what it has saved: {}.",
                over,
                count(elements.len() as u64, "element"),
                profile.time,
                format_args!("{} {}", longest.points[0].experiment, longest.points[0].name),
                duration(longest.seconds),
                match rounds {
                    1 => "submit again when it has ended".to_owned(),
                    n => format!("the array is submitted {n} times, one after another"),
                }
            ));
        }
    }
    Packed { elements, rounds, remarks }
}

fn say_to_type(lines: &[String], output: &mut Output) {
    if !lines.is_empty() {
        output.line(format_args!("\nTo submit:\n\n{}", lines.join("\n")));
    }
}

/// What the queue shows: `dither-desk` of `results/desk`.
fn name(folder: &Path) -> String {
    let last = folder.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    let plain = |c: char| if c.is_ascii_alphanumeric() || "_.-".contains(c) { c } else { '_' };
    format!("dither-{}", last.chars().map(plain).collect::<String>())
}

fn absolute(path: &Path) -> Result<PathBuf, Error> {
    std::path::absolute(path).map_err(Error::io("find", path))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profile(text: &str) -> Profile {
        toml::from_str(text).unwrap()
    }

    fn points(count: u64) -> Vec<Point> {
        let config = serde_json::Value::Null;
        let point = |seed| {
            crate::measured::point::testing::point(
                "test/submit",
                &format!("seed {seed}"),
                config.clone(),
                seed,
            )
        };
        (0..count).map(point).collect()
    }

    #[test]
    fn what_no_one_has_timed_is_guessed_and_said() {
        let all = points(6);
        let all: Vec<&Point> = all.iter().collect();
        let profile = profile("time = 60\ncores = 4\n");
        let Packed { elements, rounds, remarks } = packed(&all, &Times::default(), &profile);
        assert_eq!((elements.len(), rounds), (2, 1));
        assert_eq!(elements[0].seconds, 600.0);
        assert!(remarks[0].starts_with("No one has timed test/submit: "), "{remarks:?}");
    }

    #[test]
    fn too_long_is_said_and_done_in_rounds() {
        let all = points(5);
        let all: Vec<&Point> = all.iter().collect();
        // Two elements for five points that are taken to last as long as an element may.
        let tight = profile("time = 12\ncores = 1\nelements = 2\n");
        let Packed { elements, rounds, remarks } = packed(&all, &Times::default(), &tight);
        assert_eq!(elements.iter().map(|e| e.points.len()).max(), Some(3));
        assert_eq!(rounds, 3, "27 min at 9 min a round");
        let said = remarks.last().unwrap();
        for part in ["2 of 2 elements", "00:12:00", "27 min", "want of more than 2", "3 times"] {
            assert!(said.contains(part), "'{part}' is not in: {said}");
        }
        let once = Profile { rounds: Some(1), ..tight };
        let Packed { rounds, remarks, .. } = packed(&all, &Times::default(), &once);
        assert_eq!(rounds, 1);
        assert!(remarks.last().unwrap().contains("submit again when"), "{remarks:?}");
    }

    #[test]
    fn the_queue_shows_the_folder() {
        assert_eq!(name(Path::new("/a/results/my run")), "dither-my_run");
    }
}
