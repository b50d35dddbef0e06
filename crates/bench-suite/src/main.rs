//! `bench-suite`, started by `cargo xtask`: parses the command line and turns errors into one line
//! and an exit code.
#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "this is the program that a person talks to")]

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::Ordering;

use bench_suite::cli::{
    self, Bench, Cli, Command, Evaluate, Merge, Reproduce, Selection, Sensitivity, Train,
};
use bench_suite::datasets::DataFolder;
use bench_suite::experiment::{Experiment, Request, Scale};
use bench_suite::experiments::custom::Custom;
use bench_suite::experiments::sensitivity::OneNetwork;
use bench_suite::experiments::{EXPERIMENTS, select};
use bench_suite::report::{Job, Report, archive};
use bench_suite::store::Store;
use bench_suite::workloads::evaluation::{self, Evaluation};
use bench_suite::{Error, bench, merge, progress, runner};
use clap::Parser;

/// Every claim that was tested holds.
const HOLDS: u8 = 0;
/// A claim does not hold, or an answer is wrong.
const DOES_NOT_HOLD: u8 = 1;
/// An error in the command line, a file or the data.
const ERROR: u8 = 2;
/// Stopped by Ctrl-C: 128 + SIGINT, as shells count.
const INTERRUPTED: u8 = 130;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let result = match cli.command {
        Command::Reproduce(arguments) => reproduce(&arguments),
        Command::Train(arguments) => train(&arguments),
        Command::Evaluate(arguments) => evaluate(&arguments),
        Command::Sensitivity(arguments) => sensitivity(&arguments),
        Command::Merge(arguments) => merge(&arguments),
        Command::Report(arguments) => report(&arguments),
        Command::List => Ok(list()),
        Command::Bench(arguments) => run_bench(&arguments),
    };
    ExitCode::from(result.unwrap_or_else(|error| {
        eprintln!("error: {error}");
        if matches!(error, Error::Interrupted) {
            eprintln!(
                "Finished points and epochs are kept; the same command, without --fresh, goes on \
                 from there."
            );
            return INTERRUPTED;
        }
        ERROR
    }))
}

/// Where data sets are read from. A folder that cannot be read is a slip of the pen: taken as it is,
/// the run would leave out all that needs it.
fn data_folder(named: Option<&Path>) -> Result<DataFolder, Error> {
    if let Some(folder) = named {
        std::fs::read_dir(folder).map_err(Error::io("read data sets from", folder))?;
    }
    Ok(DataFolder::new(named))
}

/// The points of a selection, and the data they are to read.
///
/// An experiment whose data set is not there is an error if it was asked for by name. Otherwise it
/// has no points, and the report says why.
fn jobs(selection: &Selection) -> Result<(Vec<Job>, DataFolder), Error> {
    let data = data_folder(selection.data.as_deref())?;
    let Selection { scale, seed, seeds, .. } = *selection;
    // With the networks that it has opened it is gone before a point is run.
    let request = Request::new(scale, seed, seeds, data.clone());
    let job = |experiment: &'static dyn Experiment| match experiment.points(&request) {
        Err(Error::NoData(reason)) if !selection.ids.iter().any(|id| id == experiment.id()) => {
            Ok(Job { experiment, points: Vec::new(), left_out: Some(reason) })
        }
        points => Ok(Job { experiment, points: points?, left_out: None }),
    };
    let jobs: Result<Vec<Job>, Error> = select(&selection.ids)?.into_iter().map(job).collect();
    Ok((jobs?, data))
}

fn reproduce(arguments: &Reproduce) -> Result<u8, Error> {
    let (jobs, data) = jobs(&arguments.selection)?;
    let store = Store::open(&arguments.selection.out())?;
    let mut wanted: Vec<runner::Job<'_>> = jobs
        .iter()
        .flat_map(|job| job.points.iter().map(|point| (job.experiment, point.clone())))
        .collect();
    if let Some(shard) = arguments.shard {
        wanted = wanted.into_iter().skip(shard.index - 1).step_by(shard.count).collect();
    }
    if arguments.fresh {
        wanted.iter().try_for_each(|(_, point)| store.forget(point))?;
        // Points that were not asked for, or that others run, share the trained networks.
        if arguments.selection.ids.is_empty() && arguments.shard.is_none() {
            store.forget_models()?;
        }
    }
    for job in &jobs {
        if let Some(reason) = &job.left_out {
            eprintln!("left out: {}: {reason}", job.experiment.id());
        }
    }
    stop_on_ctrl_c()?;
    runner::run(&wanted, &store, &data, threads(arguments.threads))?;
    match arguments.shard {
        Some(shard) => {
            println!(
                "shard {}/{} is complete in {folder}; when all are, run this, with a --from for the \
                 folder of each: cargo xtask merge{} --from {folder}",
                shard.index,
                shard.count,
                arguments.selection.arguments(),
                folder = store.folder().display()
            );
            Ok(HOLDS)
        }
        None => judge(&store, arguments.selection.scale, &jobs),
    }
}

/// Lets running points stop at their next step; a second Ctrl-C does not wait for it.
fn stop_on_ctrl_c() -> Result<(), Error> {
    let handler = || {
        if progress::STOP.swap(true, Ordering::Relaxed) {
            std::process::exit(INTERRUPTED.into());
        }
        eprintln!("stopping at the next step …");
    };
    ctrlc::set_handler(handler)
        .map_err(|error| Error::Usage(format!("cannot listen for Ctrl-C: {error}")))
}

/// The number that was asked for, or that of the cores.
fn threads(asked: Option<u32>) -> usize {
    let cores = || std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    asked.map_or_else(cores, |n| n as usize)
}

fn train(arguments: &Train) -> Result<u8, Error> {
    let data = data_folder(arguments.data.as_deref())?;
    let point = Custom::point(&arguments.config, arguments.seed, &data)?;
    let store = Store::open(&arguments.out)?;
    if arguments.fresh {
        store.forget(&point)?;
    }
    stop_on_ctrl_c()?;
    runner::run(&[(&Custom, point.clone())], &store, &data, threads(arguments.threads))?;
    if let Some(record) = store.load(&point)?
        && let Some(error) = record.series("test_error_percent").last()
    {
        println!("Test error: {error:.2} %");
    }
    println!("Record: {}", store.record_path(&point).display());
    Ok(HOLDS)
}

fn sensitivity(arguments: &Sensitivity) -> Result<u8, Error> {
    let data = data_folder(arguments.data.as_deref())?;
    // What is wrong with the question, the checkpoint or the data is said before anything is removed.
    let asked = OneNetwork::asked_for(arguments)?;
    let store = Store::open(&arguments.out())?;
    if let Some(file) = arguments.checkpoint.as_deref()
        && arguments.fresh
        && store.holds(file)
    {
        let file = file.display();
        let reason = format!("{file}: --fresh would remove it; copy it out of the store");
        return Err(Error::Usage(reason));
    }
    let with_checkpoint =
        |asked: OneNetwork| asked.with_checkpoint(arguments, &data, &store.models());
    let mut asked = with_checkpoint(asked)?;
    let (scale, seed) = (arguments.scale, arguments.seed);
    let points = asked.points(&Request::new(scale, seed, None, data.clone()))?;
    if arguments.fresh {
        points.iter().try_for_each(|point| store.forget(point))?;
        store.forget_models()?;
        // The weights of the checkpoint were among them.
        asked = with_checkpoint(asked)?;
    }
    // A report keeps its experiments as long as the program runs.
    let experiment: &'static OneNetwork = Box::leak(Box::new(asked));
    let wanted: Vec<runner::Job<'_>> =
        points.iter().map(|point| (experiment as &dyn Experiment, point.clone())).collect();
    stop_on_ctrl_c()?;
    runner::run(&wanted, &store, &data, threads(arguments.threads))?;
    let jobs = [Job { experiment, points, left_out: None }];
    let subject = format!("Imprecise hardware and {}", arguments.workload);
    let report = Report::collect(&store, scale, &jobs)?.about(subject);
    println!("Report: {}", report.write(&store)?.display());
    Ok(HOLDS)
}

fn evaluate(arguments: &Evaluate) -> Result<u8, Error> {
    if arguments.names.is_empty() {
        for Evaluation { name, what, .. } in evaluation::all() {
            println!("{name}\n  {what}");
        }
        return Ok(HOLDS);
    }
    let data = data_folder(arguments.data.as_deref())?;
    let chosen: Result<Vec<Evaluation>, Error> =
        arguments.names.iter().map(|name| evaluation::find(name)).collect();
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads(arguments.threads))
        .build()
        .map_err(|error| Error::Usage(format!("cannot start threads: {error}")))?;
    let mut exit = HOLDS;
    for evaluation in chosen? {
        println!("{}", evaluation.name);
        for value in pool.install(|| (evaluation.run)(&data))? {
            let mark = if value.holds() { "as known" } else { "NOT AS KNOWN" };
            println!("  {value}: {mark}");
            if !value.holds() {
                exit = DOES_NOT_HOLD;
            }
        }
    }
    Ok(exit)
}

fn merge(arguments: &Merge) -> Result<u8, Error> {
    let (jobs, _) = jobs(&arguments.selection)?;
    let points = jobs.iter().flat_map(|job| &job.points);
    let warn = |line: &str| eprintln!("{line}");
    let store = merge::merge(&arguments.selection.out(), &arguments.from, points, warn)?;
    judge(&store, arguments.selection.scale, &jobs)
}

fn report(arguments: &cli::Report) -> Result<u8, Error> {
    let selection = &arguments.selection;
    let (jobs, _) = jobs(selection)?;
    let store = Store::existing(&selection.out())?;
    let report = Report::collect(&store, selection.scale, &jobs)?;
    let (missing, all) = report.missing();
    // Records made by other code have other names, and would be missed without a word.
    let others = match store.others(jobs.iter().flat_map(|job| &job.points)) {
        0 => String::new(),
        1 => "; 1 record there is of another version of the code, data, scale or seed".to_owned(),
        n => format!("; {n} records there are of another version of the code, data, scale or seed"),
    };
    let lacks =
        format!("{missing} of {all} points have no record in {}{others}", store.folder().display());
    if missing == all && all > 0 {
        return Err(Error::Usage(lacks));
    }
    let exit = write(&store, &report)?;
    if missing > 0 {
        println!("{lacks}");
    }
    if let Some(path) = arguments.archive() {
        archive::write(&report, &store, &selection.arguments(), &path)?;
        println!("Archive: {}", path.display());
    }
    Ok(exit)
}

/// Writes the report and says how the claims came out.
fn judge(store: &Store, scale: Scale, jobs: &[Job]) -> Result<u8, Error> {
    write(store, &Report::collect(store, scale, jobs)?)
}

fn write(store: &Store, report: &Report) -> Result<u8, Error> {
    let path = report.write(store)?;
    for claim in report.claims() {
        println!(
            "{:<12} {} [ours: {}; paper: {}]",
            claim.verdict.words(),
            claim.statement,
            claim.measured,
            claim.paper
        );
    }
    let summary = report.summary();
    println!(
        "\nOf {} claims, {}.\nReport: {}",
        report.claims().count(),
        summary.words(),
        path.display()
    );
    Ok(if summary.all_hold() { HOLDS } else { DOES_NOT_HOLD })
}

fn list() -> u8 {
    let mut text = String::new();
    for experiment in EXPERIMENTS {
        let (id, source, title) = (experiment.id(), experiment.source(), experiment.title());
        text += &format!("{id}  ({source})\n  {title}\n");
        for scale in [Scale::Smoke, Scale::Desk, Scale::Paper] {
            text += &format!("  {:<6} {}\n", format!("{scale}:"), experiment.describe(scale));
        }
    }
    // A reader such as `head` may have seen enough.
    drop(std::io::stdout().write_all(text.as_bytes()));
    HOLDS
}

fn run_bench(arguments: &Bench) -> Result<u8, Error> {
    let right = bench::run(arguments.only.as_deref(), arguments.json.as_deref())?;
    Ok(if right { HOLDS } else { DOES_NOT_HOLD })
}
