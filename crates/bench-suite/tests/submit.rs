//! What is submitted, without a scheduler: the scripts run as they are written, by bash.
#![cfg(unix)]

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

/// The program as it is installed, in that folder.
fn dither(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dither"));
    command.args(arguments).current_dir(folder).stdin(Stdio::null());
    command.env_remove("DITHER_DATA").env_remove("DITHER_CALLED");
    // No queue of this machine is asked.
    command.env("SLURM_CONF", folder.join("no slurm.conf"));
    command
}

fn succeeds(mut command: Command) -> String {
    let Output { status, stdout, stderr } = command.output().unwrap();
    assert!(status.success(), "{command:?}: {}", String::from_utf8_lossy(&stderr));
    String::from_utf8(stdout).unwrap()
}

/// Exit code 2 and one line that contains every one of `words`.
fn fails_with(mut command: Command, words: &[&str]) {
    let Output { status, stderr, .. } = command.output().unwrap();
    let stderr = String::from_utf8(stderr).unwrap();
    let errors: Vec<&str> = stderr.lines().filter(|line| line.starts_with("error: ")).collect();
    assert_eq!((status.code(), errors.len()), (Some(2), 1), "{command:?} says: {stderr}");
    for word in words {
        assert!(errors[0].contains(word), "'{word}' is not in: {}", errors[0]);
    }
}

/// Every file below a folder, by its path.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        match path.is_dir() {
            true => found.extend(files(&path)),
            false => drop(found.insert(path.clone(), std::fs::read(&path).unwrap())),
        }
    }
    found
}

/// The records of a store, by the names of their files.
fn records(store: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let named = |(path, content): (PathBuf, Vec<u8>)| {
        (path.strip_prefix(store).unwrap().to_owned(), content)
    };
    files(&store.join("records")).into_iter().map(named).collect()
}

/// A folder with such a name, and a profile in it.
fn folder_with(profile: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path().join("it's a \"cluster\"");
    std::fs::create_dir(&here).unwrap();
    std::fs::write(here.join("slurm.toml"), profile).unwrap();
    (folder, here)
}

const PROFILE: &str = "time = 60\ncores = 1\nshortest = 0\n";

/// A script of a submission.
fn bash(folder: &Path, script: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new("bash");
    command.arg(script).args(arguments).current_dir(folder).stdin(Stdio::null());
    command.env_remove("DITHER_CALLED").env("DITHER_DATA", "");
    command
}

/// Number of elements of the submission in that folder.
fn elements(submission: &Path) -> usize {
    let plan = std::fs::read_to_string(submission.join("plan.json")).unwrap();
    let plan: serde_json::Value = serde_json::from_str(&plan).unwrap();
    plan["elements"].as_array().unwrap().len()
}

/// Runs all elements side by side, each twice as after a requeue, and the merge.
fn run_all(folder: &Path, submission: &Path) {
    let element = |index: usize| {
        let mut command = bash(folder, &submission.join("array.sh"), &[&index.to_string()]);
        command.spawn().unwrap()
    };
    let all: Vec<Child> =
        (1..=elements(submission)).flat_map(|index| [element(index), element(index)]).collect();
    for mut child in all {
        let status = child.wait().unwrap();
        assert!(status.success(), "{status}: {:?}", logs(submission));
    }
    let merged = bash(folder, &submission.join("merge.sh"), &[]).status().unwrap();
    assert!(merged.success(), "{:?}", logs(submission));
}

/// What the jobs said.
fn logs(submission: &Path) -> Vec<String> {
    let texts = files(&submission.join("logs")).into_values();
    texts.map(|text| String::from_utf8(text).unwrap()).collect()
}

#[test]
fn elements_that_run_side_by_side_and_twice_give_the_records_of_one_process() {
    let (_kept, here) = folder_with(PROFILE);
    let reproduce =
        ["reproduce", "gupta2015/mnist-cnn", "gupta2015/accelerator", "--scale", "smoke"];
    succeeds(dither(&here, &[&reproduce[..], &["--out", "alone"]].concat()));
    let submit =
        [&["submit", "--scheduler", "parallel"], &reproduce[..], &["--out", "a b"]].concat();
    let said = succeeds(dither(&here, &submit));
    let store = here.join("a b");
    let submission = store.join("jobs/1");
    let count = elements(&submission);
    assert!(count > 5, "{count}");
    let quoted = submission.display().to_string().replace('\'', r"'\''");
    assert!(
        said.contains(&format!("seq {count} | parallel --jobs 1 bash '{quoted}/array.sh'")),
        "{said}"
    );
    let status = succeeds(dither(&here, &["status", "a b"]));
    assert!(status.contains("points    0 of 14 done, 0 running, 0 failed, 14 to do"), "{status}");
    run_all(&here, &submission);
    assert_eq!(records(&store), records(&here.join("alone")));
    assert!(store.join("report.html").is_file());
    let said = succeeds(dither(&here, &submit));
    assert!(said.starts_with("All 14 points have their records in "), "{said}");

    // Only what is missing comes again, and what is known of the others is how long it takes.
    let gone =
        records(&store).into_keys().find(|path| path.starts_with("records/gupta2015/mnist-cnn"));
    std::fs::remove_file(store.join(gone.unwrap())).unwrap();
    succeeds(dither(&here, &submit));
    assert_eq!(elements(&store.join("jobs/2")), 1);
    // A plan of another version of the code is refused.
    let plan = store.join("jobs/2/plan.json");
    let text = std::fs::read_to_string(&plan).unwrap();
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    let other = text.replace(value["code"].as_str().unwrap(), "0123456789abcdef");
    std::fs::write(&plan, other).unwrap();
    assert!(!bash(&here, &store.join("jobs/2/array.sh"), &["1"]).status().unwrap().success());
    let said = logs(&store.join("jobs/2")).concat();
    assert!(said.contains("it is of code version 0123456789abcdef"), "{said}");
    std::fs::write(&plan, text).unwrap();
    run_all(&here, &store.join("jobs/2"));
    assert_eq!(records(&store), records(&here.join("alone")));
}

#[test]
fn a_sweep_is_divided_and_its_table_has_every_training() {
    let (_kept, here) = folder_with(PROFILE);
    let axes = "networks = [\"lstm-japanese-vowels\"]\ntiles = [\"standard-pcm\"]\n\
                formats = [\"<4,12>\"]\nepochs = 1\nseeds = 2\n";
    std::fs::write(here.join("my sweep.toml"), axes).unwrap();
    let sweep = ["sweep", "my sweep.toml", "--scale", "smoke"];
    succeeds(dither(&here, &[&sweep[..], &["--out", "alone"]].concat()));
    succeeds(dither(&here, &[&["submit", "--scheduler", "parallel"], &sweep[..]].concat()));
    let store = here.join("results/sweep/my sweep/smoke");
    // Trainings for two hardwares begin with the same float network.
    assert_eq!(elements(&store.join("jobs/1")), 2);
    run_all(&here, &store.join("jobs/1"));
    assert_eq!(records(&store), records(&here.join("alone")));
    let [ours, alone] = [&store, &here.join("alone")]
        .map(|store| std::fs::read_to_string(store.join("sweep.csv")).unwrap());
    assert_eq!(ours, alone);
    assert_eq!(ours.lines().count(), 5, "{ours}");
    let status = succeeds(dither(&here, &["status"]));
    assert!(
        status.starts_with("results/sweep/my sweep/smoke, submission 1: sweep 'my sweep.toml'"),
        "{status}"
    );
    assert!(status.contains("4 of 4 done"), "{status}");
}

#[test]
fn a_sensitivity_is_divided_and_has_its_policy() {
    let (_kept, here) = folder_with(PROFILE);
    let sensitivity = ["sensitivity", "--network", "lstm-japanese-vowels", "--scale", "smoke"];
    succeeds(dither(&here, &[&sensitivity[..], &["--out", "alone"]].concat()));
    let submit =
        [&["submit", "--scheduler", "hq"], &sensitivity[..], &["--out", "divided"]].concat();
    let said = succeeds(dither(&here, &submit));
    assert!(said.contains("hq submit --wait --array=1-1 --cpus=1 --time-limit=3600s"), "{said}");
    let submission = here.join("divided/jobs/1");
    let mut element = bash(&here, &submission.join("array.sh"), &[]);
    assert!(element.env("HQ_TASK_ID", "1").status().unwrap().success(), "{:?}", logs(&submission));
    assert!(bash(&here, &submission.join("merge.sh"), &[]).status().unwrap().success());
    let [divided, alone] = ["divided", "alone"].map(|name| here.join(name));
    assert_eq!(records(&divided), records(&alone));
    let [ours, whole] =
        [&divided, &alone].map(|store| std::fs::read(store.join("policy.toml")).ok());
    assert_eq!(ours, whole);
}

#[test]
fn modules_setup_and_container_come_before_the_program() {
    let profile = "time = 60\ncores = 2\nmodules = [\"gcc/13\", \"apptainer\"]\n\
                   setup = [\"export MARK='a b'\"]\n\
                   [container]\nimage = \"my image.sif\"\nbinds = [\"/usr\"]\n";
    let (_kept, here) = folder_with(profile);
    // A container that is none: it notes what it is given, and starts the program in its folder.
    let tools = here.join("tools");
    std::fs::create_dir(&tools).unwrap();
    let dither_path = env!("CARGO_BIN_EXE_dither");
    for (name, text) in [
        (
            "apptainer",
            "#!/bin/bash\nprintf '%s\\n' \"$MARK\" \"$@\" > \"$NOTES\"\n[ \"$1 $2\" = 'exec --pwd' ] || exit 9\n\
             cd \"$3\" || exit 9\nshift 3\nwhile [ \"$1\" = --bind ]; do shift 2; done\nshift\nexec \"$@\"\n"
                .to_owned(),
        ),
        ("dither", format!("#!/bin/bash\nexec '{dither_path}' \"$@\"\n")),
    ] {
        let file = tools.join(name);
        std::fs::write(&file, text).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    let submit = [
        "submit",
        "--scheduler",
        "parallel",
        "reproduce",
        "gupta2015/accelerator",
        "--scale",
        "smoke",
    ];
    succeeds(dither(&here, &submit));
    let submission = here.join("results/smoke/jobs/1");
    let path = format!("{}:{}", tools.display(), std::env::var("PATH").unwrap());
    for (script, argument) in [("array.sh", "1"), ("merge.sh", "")] {
        let (notes, modules) = (here.join("notes"), here.join("modules"));
        let mut command = bash(&here, &submission.join(script), &[argument]);
        // The function that a login shell has where there are modules.
        command.env("BASH_FUNC_module%%", "() { printf '%s\\n' \"$@\" > \"$MODULES\"; }");
        command.env("PATH", &path).env("NOTES", &notes).env("MODULES", &modules);
        assert!(command.status().unwrap().success(), "{:?}", logs(&submission));
        assert_eq!(std::fs::read_to_string(&modules).unwrap(), "load\ngcc/13\napptainer\n");
        let notes = std::fs::read_to_string(&notes).unwrap();
        let here = here.display();
        let expected = format!(
            "a b\nexec\n--pwd\n{here}\n--bind\n{here}\n--bind\n/usr\nmy image.sif\ndither\nreproduce\n"
        );
        assert!(notes.starts_with(&expected), "{notes}");
    }
    assert!(here.join("results/smoke/report.html").is_file());
}

#[test]
fn what_cannot_be_submitted_is_said_in_one_line() {
    let (_kept, here) = folder_with(PROFILE);
    let submit = |words: &[&str]| dither(&here, &[&["submit", "--dry-run"], words].concat());
    fails_with(submit(&["list"]), &["'list' has no points"]);
    fails_with(
        submit(&["reproduce", "--scale", "smal"]),
        &["submit reproduce --scale smal", "smal"],
    );
    fails_with(submit(&["reproduce", "--fresh"]), &["--fresh"]);
    fails_with(submit(&["reproduce", "--threads", "2"]), &["--threads", "cores of the profile"]);
    fails_with(submit(&["reproduce", "--shard", "1/2"]), &["--shard"]);
    fails_with(submit(&["reproduce", "--collect"]), &["--collect"]);
    fails_with(
        dither(&here, &["submit", "reproduce", "--scale", "smoke", "--dry-run"]),
        &["--dry-run stands before the command"],
    );
    fails_with(dither(&here, &["status"]), &["nothing was submitted"]);
    fails_with(dither(&here, &["status", "."]), &["nothing was submitted to it"]);
    std::fs::write(here.join("slurm.toml"), "time = 60\ncores = 1\nparttion = \"a\"\n").unwrap();
    fails_with(submit(&["reproduce"]), &["slurm.toml: line 3", "unknown field `parttion`"]);
    std::fs::remove_file(here.join("slurm.toml")).unwrap();
    fails_with(submit(&["reproduce"]), &["slurm.toml"]);
    // Nothing was written by any of them.
    assert_eq!(files(&here).len(), 0);
}
