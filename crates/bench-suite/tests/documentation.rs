//! The commands that the documents tell a reader to type: each parses, and what it names is there;
//! those that are cheap are run.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use bench_suite::bench;
use bench_suite::cli::{self, Cli};
use bench_suite::cluster::profile::Profile;
use bench_suite::experiments::custom::Custom;
use bench_suite::experiments::select;
use bench_suite::experiments::sweep::{Axes, Sweep};
use bench_suite::measured::measures::evaluation;
use bench_suite::measured::networks::NetworkId;
use clap::{CommandFactory, Parser};
use datasets::DataFolder;

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The README.md of the workspace and of every crate, and every page below docs, by its name.
fn pages() -> Vec<(String, String)> {
    let root = workspace();
    let crates = std::fs::read_dir(root.join("crates")).unwrap().flatten();
    let mut files: Vec<PathBuf> =
        crates.map(|folder| folder.path().join("README.md")).filter(|page| page.exists()).collect();
    files.push(root.join("README.md"));
    let mut folders = vec![root.join("docs")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "md") && !path.ends_with("report.md") {
                files.push(path);
            }
        }
    }
    files.sort();
    let read = |path: PathBuf| {
        let name = path.strip_prefix(&root).unwrap().display().to_string();
        (name, std::fs::read_to_string(path).unwrap())
    };
    files.into_iter().map(read).collect()
}

/// The commands of a page: the lines after `$` of its console blocks, and in its text what stands
/// in backquotes and begins with `cargo xtask`; the words of each, without comments and dots.
fn commands(page: &str) -> Vec<Vec<String>> {
    let words = |line: &str| {
        let words = line.split_whitespace().take_while(|word| !word.starts_with('#'));
        words.filter(|word| *word != "…").map(str::to_owned).collect::<Vec<String>>()
    };
    let mut commands = Vec::new();
    let mut text = String::new();
    let mut block = None;
    for line in page.lines() {
        match (line.strip_prefix("```"), block) {
            (Some(kind), None) => block = Some(kind),
            (Some(_), Some(_)) => block = None,
            (None, Some("console")) => commands.extend(line.strip_prefix("$ ").map(words)),
            (None, Some(_)) => {}
            (None, None) => {
                text += line;
                text.push(' ');
            }
        }
    }
    let spans = text.split('`').skip(1).step_by(2);
    commands.extend(spans.filter(|span| span.starts_with("cargo xtask ")).map(words));
    commands
}

/// Whether a word stands for what the reader puts there.
fn is_placeholder(word: &str) -> bool {
    word.starts_with('[')
        || word.len() > 1 && word.chars().all(|c| c.is_ascii_uppercase() || "/_…".contains(c))
}

/// What is wrong with a command, if anything.
fn check(words: &[String]) -> Result<(), String> {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    if let Some(odd) = words.iter().find(|word| word.contains(['|', '>', '&', ';', '"', '\''])) {
        return Err(format!("'{odd}' is for a shell; this test knows plain commands only"));
    }
    match &words[..] {
        ["cargo", "xtask", name @ ("ci" | "assumptions" | "python")] => xtask_knows(name),
        ["cargo", "xtask", name, ..] => {
            xtask_knows(name)?;
            check_arguments(&words[2..])
        }
        // What the program is called where it is installed.
        ["dither", ..] => check_arguments(&words[1..]),
        // By several processes.
        ["mpirun", "-n", _, "dither", ..] => check_arguments(&words[4..]),
        ["srun", "dither", ..] => check_arguments(&words[2..]),
        ["cargo", "install", "--path", folder] if workspace().join(folder).is_dir() => Ok(()),
        ["cargo", "install", "--path", folder, "--features", "mpi"]
            if workspace().join(folder).is_dir() =>
        {
            Ok(())
        }
        ["cargo", "test" | "doc", rest @ ..] => rest.iter().try_for_each(|word| match *word {
            "--open" | "--workspace" | "-p" => Ok(()),
            name if workspace().join("crates").join(name).is_dir() => Ok(()),
            name => Err(format!("there is no crate '{name}'")),
        }),
        ["git", "checkout", commit] if commit.chars().all(|c| c.is_ascii_hexdigit()) => Ok(()),
        _ => Err("this test does not know the program; teach it".to_owned()),
    }
}

fn xtask_knows(command: &str) -> Result<(), String> {
    let read = |file: &str| std::fs::read_to_string(workspace().join(file)).unwrap();
    let source = read("xtask/src/main.rs") + &read("xtask/src/help.rs");
    let known = source.contains(&format!("\"{command}\""))
        && source.contains(&format!("cargo xtask {command}"));
    if known { Ok(()) } else { Err(format!("cargo xtask and its help do not know '{command}'")) }
}

/// The words after `cargo xtask`, as the program itself reads them.
fn check_arguments(words: &[&str]) -> Result<(), String> {
    if let Some(place) = words.iter().position(|word| is_placeholder(word)) {
        // What comes before it is a command with options that it has.
        let command = Cli::command();
        let command = command.find_subcommand(words[0]).ok_or("there is no such command")?;
        return words[1..place].iter().filter_map(|word| word.strip_prefix("--")).try_for_each(
            |name| {
                let mut options = command.get_arguments().filter_map(clap::Arg::get_long);
                options
                    .any(|option| option == name)
                    .then_some(())
                    .ok_or(format!("no option --{name}"))
            },
        );
    }
    let line = ["cargo xtask"].iter().chain(words);
    let cli = Cli::try_parse_from(line).map_err(|error| error.to_string())?;
    let ids = |ids: &[String]| select(ids).map(drop).map_err(|error| error.to_string());
    match &cli.command {
        cli::Command::Reproduce(arguments) => ids(&arguments.selection.ids),
        cli::Command::Merge(arguments) => ids(&arguments.selection.ids),
        cli::Command::Report(arguments) => ids(&arguments.selection.ids),
        cli::Command::Train(arguments) => {
            let Some(config) = &arguments.config else { return Ok(()) };
            let file = workspace().join(config);
            let point = Custom::point(&file, 0, &DataFolder::new(None));
            point.map(drop).map_err(|error| error.to_string())
        }
        cli::Command::Sweep(arguments) => {
            let axes = Axes::read(&workspace().join(&arguments.axes));
            let sweep = axes.and_then(|axes| Sweep::of(axes, arguments.scale));
            sweep.map(drop).map_err(|error| error.to_string())
        }
        cli::Command::Submit(arguments) => {
            let words: Vec<&str> = arguments.command.iter().map(String::as_str).collect();
            check_arguments(&words)
        }
        cli::Command::Evaluate(arguments) => arguments
            .names
            .iter()
            .try_for_each(|name| match name.parse::<NetworkId>() {
                Ok(_) => Ok(()),
                Err(_) => evaluation::find(name).map(drop),
            })
            .map_err(|error| error.to_string()),
        cli::Command::Bench(arguments) => match &arguments.only {
            Some(only) if !bench::rows().iter().any(|row| row.name.contains(&**only)) => {
                Err(format!("no row contains '{only}'"))
            }
            _ => Ok(()),
        },
        _ => Ok(()),
    }
}

#[test]
fn every_command_of_a_document_can_be_given() {
    let mut wrong = Vec::new();
    let mut count = 0;
    for (name, page) in pages() {
        for words in commands(&page) {
            count += 1;
            if let Err(reason) = check(&words) {
                wrong.push(format!("{name}: {}: {reason}", words.join(" ")));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count >= 10, "only {count} commands were found");
}

#[test]
fn the_example_of_a_profile_has_every_key() {
    let text = std::fs::read_to_string(workspace().join("docs/examples/slurm.toml")).unwrap();
    // Every line that is commented out is one as well.
    let all: Vec<&str> = text
        .lines()
        .filter_map(|line| match line.strip_prefix("# ") {
            Some(rest) if rest.contains(" = ") || rest.starts_with('[') => Some(rest),
            Some(_) => None,
            None => Some(line).filter(|line| !line.starts_with('#')),
        })
        .collect();
    for text in [text.clone(), all.join("\n")] {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("slurm.toml");
        std::fs::write(&file, &text).unwrap();
        Profile::read(&file).unwrap_or_else(|error| panic!("{error}\n{text}"));
    }
    for key in
        ["account", "at_once", "elements", "rounds", "modules", "options", "setup", "program"]
    {
        assert!(all.iter().any(|line| line.starts_with(&format!("{key} = "))), "{key}");
    }
}

#[test]
fn a_wrong_command_is_found() {
    let page = "Text `cargo xtask lisst`.\n```console\n$ cargo xtask reproduce gupta2015 # all\n\
                $ cargo xtask reproduce gupta2016 …\n$ cargo xtask bench --onyl ID\n```\n";
    let verdicts: Vec<bool> = commands(page).iter().map(|words| check(words).is_ok()).collect();
    assert_eq!(verdicts, [true, false, false, false]);
}

#[test]
fn cargo_xtask_passes_every_command_on() {
    for command in Cli::command().get_subcommands() {
        xtask_knows(command.get_name()).unwrap();
    }
}

/// `cargo xtask COMMAND --help` answers without a build, from pages that are this program's own words.
/// With `DITHER_UPDATE` they are written instead.
#[test]
fn cargo_xtask_gives_the_help_of_every_command() {
    for command in Cli::command().get_subcommands().map(clap::Command::get_name) {
        let mut program = Command::new(env!("CARGO_BIN_EXE_dither"));
        let said = program.args([command, "--help"]).env("DITHER_CALLED", "cargo xtask");
        let said = said.output().unwrap().stdout;
        let said = String::from_utf8(said).unwrap();
        let file = workspace().join(format!("xtask/help/{command}.txt"));
        if std::env::var_os("DITHER_UPDATE").is_some() {
            std::fs::write(&file, &said).unwrap();
        }
        let page = std::fs::read_to_string(&file).unwrap();
        assert!(page == said, "{} is not up to date; DITHER_UPDATE=1 writes it", file.display());
    }
}

/// Without the experiments themselves, whose commands are checked above and run by others.
#[test]
fn cheap_commands_run() {
    let folder = tempfile::tempdir().unwrap();
    let mut lines: BTreeSet<Vec<String>> = BTreeSet::new();
    for command in Cli::command().get_subcommands() {
        lines.insert(vec![command.get_name().to_owned(), "--help".to_owned()]);
    }
    for (_, page) in pages() {
        for words in commands(&page) {
            let cheap = match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
                ["cargo", "xtask", "fetch" | "list" | "evaluate"] => true,
                ["cargo", "xtask", "report", ..] => !words.iter().any(|word| is_placeholder(word)),
                _ => false,
            };
            if cheap {
                lines.insert(words[2..].to_vec());
            }
        }
    }
    assert!(lines.iter().any(|line| line[0] == "report"), "no document says how to report");
    for line in lines {
        let reports = line[0] == "report" && line[1..] != ["--help"];
        if reports {
            let Ok(Cli { command: cli::Command::Report(report) }) =
                Cli::try_parse_from(["cargo xtask"].into_iter().chain(line.iter().map(|w| &**w)))
            else {
                panic!("{line:?} does not parse")
            };
            // An empty store: an error that says so.
            std::fs::create_dir_all(folder.path().join(report.selection.out())).unwrap();
        }
        let output = Command::new(env!("CARGO_BIN_EXE_dither"))
            .args(&line)
            .current_dir(folder.path())
            .env_remove("DITHER_DATA")
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let (stdout, stderr) = (&output.stdout, String::from_utf8_lossy(&output.stderr));
        if line[0] == "report" && line[1..] != ["--help"] {
            assert!(
                stderr.starts_with("error: there is nothing to report: "),
                "{line:?}: {stderr}"
            );
        } else {
            assert!(output.status.success() && !stdout.is_empty(), "{line:?}: {stderr}");
        }
    }
}
