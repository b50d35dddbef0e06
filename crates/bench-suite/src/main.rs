//! `bench-suite`, started by `cargo xtask`: parses the command line and turns errors into one line
//! and an exit code.
#![forbid(unsafe_code)]

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use bench_suite::Error;
use bench_suite::cli::{
    self, Bench, Beside, Cli, Command, Evaluate, Export, Merge, NamedNetwork, Reproduce, Selection,
    Sensitivity, Train,
};
use bench_suite::experiment::{AnyExperiment, Records};
use bench_suite::experiments::age::Age;
use bench_suite::experiments::custom::Custom;
use bench_suite::experiments::one;
use bench_suite::experiments::sensitivity::OneNetwork;
use bench_suite::experiments::study::Study;
use bench_suite::experiments::{EXPERIMENTS, select};
use bench_suite::findings::claim::Verdict;
use bench_suite::measured::measures::evaluation::registered::test_error;
use bench_suite::measured::measures::evaluation::{self, Evaluation};
use bench_suite::measured::measures::fine_tuning::{self, FineTuning, Hardware, Kept};
use bench_suite::measured::measures::trained::weights::Taken;
use bench_suite::measured::measures::trained::{Stage, Trained};
use bench_suite::measured::models::Models;
use bench_suite::measured::networks::NetworkId;
use bench_suite::measured::networks::own::{Files, Own};
use bench_suite::measured::networks::subject::Sources;
use bench_suite::measured::networks::workload::Workload;
use bench_suite::measured::point::Point;
use bench_suite::measured::scale::Scale;
use bench_suite::opened::Networks;
use bench_suite::output::{Output, remark};
use bench_suite::program::as_typed;
use bench_suite::report::{Job, Report, archive};
use bench_suite::request::Request;
use bench_suite::signals::Signals;
use bench_suite::stop::Stop;
use bench_suite::store::Store;
use bench_suite::{bench, check, fault, merge, runner};
use clap::Parser;
use datasets::DataFolder;

/// From a model of PyTorch to the files that other commands take.
const EXPORT_HELP: &str = include_str!("export_help.py");
/// Every claim that was tested holds.
const HOLDS: u8 = 0;
/// A claim does not hold, an answer is wrong, or training diverged.
const DOES_NOT_HOLD: u8 = 1;
/// An error in the command line, a file or the data; or a fault of the program.
const ERROR: u8 = 2;

fn main() -> ExitCode {
    fault::watch();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(answer) => return say(&answer),
    };
    let mut output = Output::standard();
    let signals = Signals::new(Stop::default());
    let done = fault::caught(|| run(&cli.command, &signals, &mut output));
    let done = done.and_then(|code| output.end().map(|()| code));
    ExitCode::from(done.unwrap_or_else(|error| {
        remark(format_args!("error: {error}"));
        match error.root() {
            Error::Interrupted => {
                remark(
                    "Finished points and epochs are kept; the same command, without --fresh, goes on \
                     from there.",
                );
                signals.exit_code()
            }
            Error::Diverged { .. } => DOES_NOT_HOLD,
            _ => ERROR,
        }
    }))
}

/// Help, the version, or what is wrong with the command line.
fn say(answer: &clap::Error) -> ExitCode {
    let code = if answer.use_stderr() { ERROR } else { HOLDS };
    let stream_is_terminal = if answer.use_stderr() {
        std::io::stderr().is_terminal()
    } else {
        std::io::stdout().is_terminal()
    };
    let plain = std::env::var_os("NO_COLOR").is_some() || !stream_is_terminal;
    let text = answer.render();
    let text = as_typed(&if plain { text.to_string() } else { text.ansi().to_string() });
    let said = match answer.use_stderr() {
        true => write!(std::io::stderr(), "{text}"),
        false => write!(std::io::stdout(), "{text}"),
    };
    match said {
        Err(error) if !answer.use_stderr() && error.kind() != std::io::ErrorKind::BrokenPipe => {
            remark(format_args!("error: cannot write to standard output: {error}"));
            ExitCode::from(ERROR)
        }
        _ => ExitCode::from(code),
    }
}

fn run(command: &Command, signals: &Signals, output: &mut Output) -> Result<u8, Error> {
    match command {
        Command::Reproduce(arguments) => reproduce(arguments, signals, output),
        Command::Train(arguments) => train(arguments, signals, output),
        Command::Evaluate(arguments) => evaluate(arguments, output),
        Command::Sensitivity(arguments) => sensitivity(arguments, signals, output),
        Command::Age(arguments) => age(arguments, signals, output),
        Command::Check(arguments) => {
            let cli::Check { model, expect, tolerance, tile } = arguments;
            let expect = expect.as_deref().map(|file| (file, *tolerance));
            let equal = check::run(model, expect, tile, output)?;
            Ok(if equal { HOLDS } else { DOES_NOT_HOLD })
        }
        Command::Export(arguments) => export(arguments, output),
        Command::ExportHelp => {
            output.line(EXPORT_HELP.trim_end());
            Ok(HOLDS)
        }
        Command::Merge(arguments) => merge(arguments, output),
        Command::Report(arguments) => report(arguments, output),
        Command::List => Ok(list(output)),
        Command::Bench(arguments) => run_bench(arguments, output),
    }
}

/// Where data sets are read from: the folder of `--data`, or else that of the environment, where an
/// empty name is none. A folder that cannot be read is a slip of the pen: taken as it is, the run would
/// leave out all that needs it.
fn data_folder(named: Option<&Path>) -> Result<DataFolder, Error> {
    let set = || std::env::var_os("DITHER_DATA").filter(|name| !name.is_empty()).map(PathBuf::from);
    let folder = named.map(Path::to_owned).or_else(set);
    if let Some(folder) = &folder {
        std::fs::read_dir(folder).map_err(Error::io("read data sets from", folder))?;
    }
    Ok(DataFolder::new(folder.as_deref()))
}

/// The points of a selection, and the data they are to read.
///
/// An experiment whose data set is not there is an error if it was asked for by name. Otherwise it
/// has no points, and the report says why.
fn jobs(selection: &Selection) -> Result<(Vec<Job<'static>>, DataFolder), Error> {
    let data = data_folder(selection.data.as_deref())?;
    let Selection { scale, seed, seeds, .. } = *selection;
    let request = Request { scale, seed, seeds, data: data.clone() };
    // They are gone before a point is run.
    let mut networks = Networks::of(&request);
    let job =
        |experiment: &'static dyn AnyExperiment| match experiment.points(&request, &mut networks) {
            Err(Error::NoData(reason)) if !selection.ids.iter().any(|id| id == experiment.id()) => {
                let left_out = Some(without_folders(reason, &data));
                Ok(Job { experiment, points: Vec::new(), left_out })
            }
            points => Ok(Job { experiment, points: points?, left_out: None }),
        };
    let jobs: Result<Vec<Job<'static>>, Error> =
        select(&selection.ids)?.into_iter().map(job).collect();
    Ok((jobs?, data))
}

/// A reason for the report, which is to be the same for every checkout: where data was looked for is
/// `DATA`.
fn without_folders(reason: String, data: &DataFolder) -> String {
    data.folders().fold(reason, |reason, folder| {
        let folder = folder.join("").display().to_string();
        reason.replace(&folder, "DATA/")
    })
}

fn reproduce(arguments: &Reproduce, signals: &Signals, output: &mut Output) -> Result<u8, Error> {
    let (jobs, data) = jobs(&arguments.selection)?;
    let store = Store::open(&arguments.selection.out())?;
    let mut wanted: Vec<Point> = jobs.iter().flat_map(|job| job.points.clone()).collect();
    if let Some(shard) = arguments.shard {
        wanted = wanted.into_iter().skip(shard.index - 1).step_by(shard.count).collect();
    }
    if arguments.fresh {
        wanted.iter().try_for_each(|point| store.forget(point))?;
        // Points that were not asked for, or that others run, share the trained networks.
        if arguments.selection.ids.is_empty() && arguments.shard.is_none() {
            store.forget_models()?;
        }
    }
    for job in &jobs {
        if let Some(reason) = &job.left_out {
            remark(format_args!("left out: {}: {reason}", job.experiment.id()));
        }
    }
    signals.listen()?;
    runner::run(
        &wanted,
        &store,
        Sources::registered(&data),
        threads(arguments.threads),
        signals.stop(),
    )?;
    match arguments.shard {
        Some(shard) => {
            output.line(format_args!(
                "shard {}/{} is complete in {folder}; when all are, run this, with a --from for the \
                 folder of each: cargo xtask merge{} --from {folder}",
                shard.index,
                shard.count,
                arguments.selection.arguments(),
                folder = store.folder().display()
            ));
            Ok(HOLDS)
        }
        None => {
            let report = Report::collect(&store, arguments.selection.scale, &jobs)?;
            write(&store, &report, output)
        }
    }
}

/// The number that was asked for, or that of the cores.
fn threads(asked: Option<u32>) -> usize {
    let cores = || std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    asked.map_or_else(cores, |n| n as usize)
}

/// What `train` and `export` are about: where it is found, and the point.
struct Training {
    data: DataFolder,
    own: Option<Arc<dyn Workload>>,
    store: Store,
    point: Point,
}

impl Training {
    fn asked_for(arguments: &Train) -> Result<Self, Error> {
        let (data, own) = sources_of(arguments.network.as_ref(), &arguments.beside)?;
        let Beside { scale, seed, .. } = arguments.beside;
        let sources = Sources { data: &data, own: own.as_ref() };
        let study = arguments.study();
        let asked = |store: &Store| match (&arguments.config, &study) {
            (Some(file), _) => Custom::point(file, seed, &data),
            (None, Some(study)) => {
                let asked = to_train(study, arguments.hardware.as_deref(), sources, store)?;
                one::point(asked, sources, (scale, seed))
            }
            (None, None) => Err(Error::Usage("there is nothing to train".to_owned())),
        };
        let store = Store::open(&arguments.out())?;
        let mut point = asked(&store)?;
        if arguments.fresh {
            store.forget(&point)?;
            if study.is_some() {
                store.forget_models()?;
                // Weights of a file were among them.
                point = asked(&store)?;
            }
        }
        Ok(Self { data, own, store, point })
    }

    fn sources(&self) -> Sources<'_> {
        Sources { data: &self.data, own: self.own.as_ref() }
    }

    /// The weights that were kept, under the names that they came with, and where the store has them with
    /// their tiles.
    fn weights(&self, kept: Kept) -> Result<Option<Weights>, Error> {
        let Some(tuning) = self.point.measure::<FineTuning>() else { return Ok(None) };
        let workload = tuning.trained.network.open(self.sources(), tuning.trained.scale)?;
        let policy = tuning.policy(&*workload)?;
        let (models, seed) = (self.store.models(), self.point.seed);
        let instance = fine_tuning::kept(tuning, kept, (&*workload, seed), &models)?;
        let Some(instance) = instance else { return Ok(None) };
        let on_tiles = (tuning.hardware == Hardware::Tiles)
            .then(|| models.path(&tuning.key(kept, seed, &*workload)));
        Ok(Some(Weights { file: workload.exported(&policy, &instance.parameters)?, on_tiles }))
    }
}

/// Weights of a training.
struct Weights {
    /// A safetensors file with the names that they came with.
    file: Vec<u8>,
    /// The model of the store.
    on_tiles: Option<PathBuf>,
}

fn train(arguments: &Train, signals: &Signals, output: &mut Output) -> Result<u8, Error> {
    let training = Training::asked_for(arguments)?;
    let Training { store, point, .. } = &training;
    signals.listen()?;
    runner::run(
        std::slice::from_ref(point),
        store,
        training.sources(),
        threads(arguments.beside.threads),
        signals.stop(),
    )?;
    if let Some(record) = store.load(point)? {
        if arguments.network.is_some() {
            one::lines(&record).iter().for_each(|line| output.line(line));
        } else if let Some(error) = Custom::outcome(&record).test_error_percent.last() {
            output.line(format_args!("Test error: {error:.2} %"));
        }
    }
    for (kept, words, name) in
        [(Kept::Best, "Best weights", "best"), (Kept::Last, "Last weights", "last")]
    {
        let Some(Weights { file, on_tiles }) = training.weights(kept)? else { continue };
        let file = store.write_bytes(&format!("{name}.safetensors"), &file)?;
        output.line(format_args!("{words}: {}", file.display()));
        if let Some(model) = on_tiles {
            output.line(format_args!("{words} with their tiles: {}", model.display()));
        }
    }
    output.line(format_args!("Record: {}", store.record_path(point).display()));
    Ok(HOLDS)
}

fn export(arguments: &Export, output: &mut Output) -> Result<u8, Error> {
    let training = Training::asked_for(&arguments.train)?;
    let kept = if arguments.best { Kept::Best } else { Kept::Last };
    // The best ones are kept before the last epoch is over.
    let done = training.store.load(&training.point)?.is_some();
    let weights = if done { training.weights(kept)? } else { None };
    let Some(Weights { file, .. }) = weights else {
        let folder = training.store.folder().display();
        let reason = format!("{folder} has no such training that is finished; train makes it");
        return Err(Error::Usage(reason));
    };
    std::fs::write(&arguments.to, file).map_err(Error::io("write", &arguments.to))?;
    output.line(format_args!("Weights: {}", arguments.to.display()));
    Ok(HOLDS)
}

/// The network with the weights of its file, if it has one, and what it is trained for.
fn to_train(
    study: &Study,
    hardware: Option<&str>,
    sources: Sources<'_>,
    store: &Store,
) -> Result<(Trained, Hardware), Error> {
    let (mut trained, hardware) = study.trained_for(hardware)?;
    let taken = study.take_weights(&mut trained, sources, &store.models())?;
    if let Some(Taken { stage, notes }) = taken {
        notes.iter().for_each(remark);
        if stage != Stage::Float {
            let reason = "--checkpoint: training begins with float weights, and these are on tiles";
            return Err(Error::Usage(reason.to_owned()));
        }
    }
    Ok((trained, hardware))
}

/// The user's own network with its data, if a command names a file; and where other data sets are.
fn sources_of(
    network: Option<&NamedNetwork>,
    beside: &Beside,
) -> Result<(DataFolder, Option<Arc<dyn Workload>>), Error> {
    let Some(NamedNetwork::File(model)) = network else {
        if beside.test.is_some() {
            let reason = "--test is for a network of a file; one of the register has its own";
            return Err(Error::Usage(reason.to_owned()));
        }
        return Ok((data_folder(beside.data.as_deref())?, None));
    };
    let Some(data) = beside.data.as_deref() else {
        let reason = "a network of a file needs its examples: --data data.npz, or a TOML file that \
                      describes them";
        return Err(Error::Usage(reason.to_owned()));
    };
    let folder = data_folder(None)?;
    let own = Own::open(Files { model, data, test: beside.test.as_deref() }, &folder)?;
    Ok((folder, Some(Arc::new(own))))
}

/// What wants to be asked of one network: a store that may hold its weights, and whether to begin anew.
struct Asked<'a> {
    out: PathBuf,
    checkpoint: Option<&'a Path>,
    fresh: bool,
    beside: &'a Beside,
    /// What its report is about.
    subject: String,
}

impl Asked<'_> {
    /// Runs an experiment of one network, which is made with the weights that are kept in a store's models,
    /// and writes its report.
    fn run<E: AnyExperiment>(
        &self,
        (data, own): &(DataFolder, Option<Arc<dyn Workload>>),
        experiment: impl Fn(Sources<'_>, &Models) -> Result<E, Error>,
        (signals, output): (&Signals, &mut Output),
    ) -> Result<Answered<E>, Error> {
        let store = Store::open(&self.out)?;
        if let Some(file) = self.checkpoint
            && self.fresh
            && store.holds(file)
        {
            let file = file.display();
            let reason = format!("{file}: --fresh would remove it; copy it out of the store");
            return Err(Error::Usage(reason));
        }
        let sources = Sources { data, own: own.as_ref() };
        let mut asked = experiment(sources, &store.models())?;
        let Beside { scale, seed, .. } = *self.beside;
        let request = Request { scale, seed, seeds: None, data: data.clone() };
        let mut networks = Networks::of(&request).with(own.clone());
        let points = asked.points(&request, &mut networks)?;
        drop(networks);
        if self.fresh {
            points.iter().try_for_each(|point| store.forget(point))?;
            store.forget_models()?;
            // The weights of the checkpoint were among them.
            asked = experiment(sources, &store.models())?;
        }
        signals.listen()?;
        runner::run(&points, &store, sources, threads(self.beside.threads), signals.stop())?;
        let jobs = [Job { experiment: &asked as &dyn AnyExperiment, points, left_out: None }];
        let report = Report::collect(&store, scale, &jobs)?.about(self.subject.clone());
        for reason in report.reasons() {
            output.line(format_args!("Left out: {reason}."));
        }
        output.line(format_args!("Report: {}", report.write(&store)?.display()));
        let [Job { points, .. }] = jobs;
        Ok(Answered { experiment: asked, points, store })
    }
}

/// What was asked of one network, when its records are there.
struct Answered<E> {
    experiment: E,
    points: Vec<Point>,
    store: Store,
}

fn sensitivity(
    arguments: &Sensitivity,
    signals: &Signals,
    output: &mut Output,
) -> Result<u8, Error> {
    // What is wrong with the question, the checkpoint or the data is said before anything is removed.
    let question = arguments.question();
    OneNetwork::asked_for(&question)?;
    let from = sources_of(Some(&arguments.network), &arguments.beside)?;
    let asked = Asked {
        out: arguments.out(),
        checkpoint: arguments.beside.checkpoint.as_deref(),
        fresh: arguments.fresh,
        beside: &arguments.beside,
        subject: format!("Imprecise hardware and {}", arguments.network),
    };
    let experiment = |sources: Sources<'_>, models: &Models| {
        OneNetwork::asked_for(&question)?.with_checkpoint(&question, sources, models)
    };
    let Answered { experiment, points, store } = asked.run(&from, experiment, (signals, output))?;
    let mut with_records = Vec::new();
    for point in points {
        let record = store.load(&point)?;
        with_records.push((point, record));
    }
    let records = Records { scale: arguments.beside.scale, points: &with_records };
    if let Some(policy) = experiment.policy(&records) {
        let file = store.write("policy.toml", &policy)?;
        output.line(format_args!("Layers to keep digital: {}", file.display()));
    }
    Ok(HOLDS)
}

fn age(arguments: &cli::Age, signals: &Signals, output: &mut Output) -> Result<u8, Error> {
    let question = arguments.question();
    let from = sources_of(Some(&arguments.network), &arguments.beside)?;
    let asked = Asked {
        out: arguments.out(),
        checkpoint: arguments.beside.checkpoint.as_deref(),
        fresh: arguments.fresh,
        beside: &arguments.beside,
        subject: format!("A year of {}", arguments.network),
    };
    let experiment =
        |sources: Sources<'_>, models: &Models| Age::asked_for(&question, sources, models);
    asked.run(&from, experiment, (signals, output))?;
    Ok(HOLDS)
}

/// What is evaluated.
enum Evaluated {
    /// A network whose accuracy is known.
    Known(Evaluation),
    /// One of the register.
    Registered(NetworkId),
}

fn evaluate(arguments: &Evaluate, output: &mut Output) -> Result<u8, Error> {
    if arguments.names.is_empty() {
        for Evaluation { name, what, .. } in evaluation::all() {
            output.line(format_args!("{name}\n  {what}"));
        }
        for id in NetworkId::ALL {
            output
                .line(format_args!("{id}\n  of the register; at desk scale {}", id.entry().title));
        }
        return Ok(HOLDS);
    }
    let data = data_folder(arguments.data.as_deref())?;
    // Of the register where nothing is known of that name.
    let find = |name: &String| match name.parse::<NetworkId>() {
        Ok(network) => Ok(Evaluated::Registered(network)),
        Err(_) => evaluation::find(name).map(Evaluated::Known),
    };
    let chosen: Result<Vec<Evaluated>, Error> = arguments.names.iter().map(find).collect();
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads(arguments.threads))
        .build()
        .map_err(|error| Error::Usage(format!("cannot start threads: {error}")))?;
    let mut exit = HOLDS;
    for evaluated in chosen? {
        let evaluation = match evaluated {
            Evaluated::Known(evaluation) => evaluation,
            Evaluated::Registered(network) => {
                let test = || test_error(network, arguments.scale, &data);
                let (error, chance) = pool.install(test)?;
                output.line(format_args!("{network}\n  {error:.2} %; by chance {chance:.2} %"));
                continue;
            }
        };
        output.line(evaluation.name);
        for value in pool.install(|| (evaluation.run)(&data))? {
            let mark = if value.holds() { "as known" } else { "NOT AS KNOWN" };
            output.line(format_args!("  {value}: {mark}"));
            if !value.holds() {
                exit = DOES_NOT_HOLD;
            }
        }
    }
    Ok(exit)
}

fn merge(arguments: &Merge, output: &mut Output) -> Result<u8, Error> {
    let (jobs, _) = jobs(&arguments.selection)?;
    let points = jobs.iter().flat_map(|job| &job.points);
    let warn = |line: &str| remark(line);
    let store = merge::merge(&arguments.selection.out(), &arguments.from, points, warn)?;
    write(&store, &Report::collect(&store, arguments.selection.scale, &jobs)?, output)
}

fn report(arguments: &cli::Report, output: &mut Output) -> Result<u8, Error> {
    let selection = &arguments.selection;
    let (jobs, _) = jobs(selection).map_err(|error| match error {
        Error::UnknownExperiment { id, hint } if arguments.archive == Some(None) => {
            let hint = format!("{hint}; a file for the archive is --archive={id}");
            Error::UnknownExperiment { id, hint }
        }
        other => other,
    })?;
    let store = Store::existing(&selection.out())?;
    let report = Report::collect(&store, selection.scale, &jobs)?;
    let (missing, all) = (report.missing().len(), report.points());
    // Records made by other code have other names, and would be missed without a word.
    let others = match store.others(jobs.iter().flat_map(|job| &job.points)) {
        0 => String::new(),
        1 => "; 1 record there is of another version of the code, data, scale or seed".to_owned(),
        n => format!("; {n} records there are of another version of the code, data, scale or seed"),
    };
    let without = format!("{missing} of {all} points have no record in");
    let without = format!("{without} {}{others}", store.folder().display());
    if missing == all {
        return Err(Error::Usage(format!("there is nothing to report: {without}")));
    }
    let exit = write(&store, &report, output)?;
    if missing > 0 {
        output.line(without);
    }
    if let Some(path) = arguments.archive() {
        archive::write(&report, &store, &selection.arguments(), &path)?;
        output.line(format_args!("Archive: {}", path.display()));
    }
    Ok(exit)
}

/// Writes the report and says how the claims that were tested came out.
fn write(store: &Store, report: &Report, output: &mut Output) -> Result<u8, Error> {
    let path = report.write(store)?;
    for claim in report.claims().filter(|claim| claim.verdict != Verdict::NotRun) {
        let values = [("ours", &claim.measured), ("paper", &claim.paper)];
        let values = values.iter().filter(|(_, value)| *value != "–");
        let values: Vec<String> =
            values.map(|(whose, value)| format!("{whose}: {value}")).collect();
        let (verdict, values) = (claim.verdict.words(), values.join("; "));
        output.line(format_args!("{verdict:<12} {} [{values}]", claim.statement));
    }
    let summary = report.summary();
    output.line(format_args!(
        "\nOf {} claims, {}.\nReport: {}",
        report.claims().count(),
        summary.words(),
        path.display()
    ));
    Ok(if summary.all_hold() { HOLDS } else { DOES_NOT_HOLD })
}

fn list(output: &mut Output) -> u8 {
    for experiment in EXPERIMENTS {
        let (id, source, title) = (experiment.id(), experiment.source(), experiment.title());
        output.line(format_args!("{id}  ({source})\n  {title}"));
        for scale in [Scale::Smoke, Scale::Desk, Scale::Paper] {
            let name = format!("{scale}:");
            output.line(format_args!("  {name:<6} {}", experiment.describe(scale)));
        }
    }
    HOLDS
}

fn run_bench(arguments: &Bench, output: &mut Output) -> Result<u8, Error> {
    let right = bench::run(arguments.only.as_deref(), arguments.json.as_deref(), output)?;
    Ok(if right { HOLDS } else { DOES_NOT_HOLD })
}
