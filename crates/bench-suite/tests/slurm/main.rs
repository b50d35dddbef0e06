//! Submitting to a cluster: a private Slurm of three emulated nodes runs the points of a command, one
//! node dies in the middle, an element is requeued, and the records are those of one machine.
#![cfg(unix)]

mod cluster;
#[path = "../../../datasets/src/testing/skipped.rs"]
mod skipped;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use cluster::Cluster;
use skipped::skipped;

const PROGRAM: &str = env!("CARGO_BIN_EXE_dither");

/// Experiments at smoke scale: trainings of their own, and some that share trained networks.
const EXPERIMENTS: [&str; 3] = ["gupta2015", "rasch2023/conductances", "rasch2023/read-noise"];

/// The program in that folder, with its own data alone.
fn in_folder(mut command: Command, folder: &Path, arguments: &[&str]) -> Command {
    command.args(arguments).current_dir(folder);
    command.env_remove("DITHER_DATA").env_remove("DITHER_CALLED").stdin(Stdio::null());
    command
}

/// What a command says that succeeds.
fn succeeds(mut command: Command) -> String {
    let Output { status, stdout, stderr } = command.output().unwrap();
    assert!(status.success(), "{command:?}: {}", String::from_utf8_lossy(&stderr));
    String::from_utf8(stdout).unwrap()
}

/// Every file below a folder, by its path.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).into_iter().flatten().flatten() {
            let path = entry.path();
            match path.is_dir() {
                true => folders.push(path),
                false => {
                    let name = path.strip_prefix(folder).unwrap().to_owned();
                    found.insert(name, std::fs::read(&path).unwrap());
                }
            }
        }
    }
    found
}

/// The elements that run: job, element and node.
fn running(cluster: &Cluster) -> Vec<(String, String)> {
    let said = cluster.says("squeue", &["-h", "-r", "-t", "R", "-o", "%K|%N"]);
    let pair = |line: &str| line.split_once('|').map(|(a, b)| (a.to_owned(), b.to_owned()));
    said.lines().filter_map(pair).filter(|(element, _)| element != "N/A").collect()
}

/// How often an element was started again.
fn restarts(cluster: &Cluster, job: &str, element: &str) -> u32 {
    let said = cluster.says("scontrol", &["-o", "show", "job", &format!("{job}_{element}")]);
    let word = said.split_whitespace().find_map(|word| word.strip_prefix("Restarts="));
    word.unwrap_or_else(|| panic!("{said}")).parse().unwrap()
}

#[test]
fn a_node_that_dies_and_an_element_that_is_requeued_lose_nothing() {
    let mut cluster = match Cluster::start(3) {
        Ok(cluster) => cluster,
        Err(why) => return skipped(why),
    };
    let folder = tempfile::tempdir().unwrap();
    // As people name their folders.
    let here = folder.path().join("it's \"my\" 100% cluster");
    std::fs::create_dir(&here).unwrap();
    let profile = "partition = \"main\"\ntime = 30\ncores = 1\nmemory = \"1G\"\nshortest = 0\n\
                   options = [\"--exclusive\"]\n";
    std::fs::write(here.join("slurm.toml"), profile).unwrap();
    let reproduce = [&["reproduce", "--scale", "smoke"], &EXPERIMENTS[..]].concat();
    let dither = |cluster: &Cluster, arguments: &[&str]| {
        in_folder(cluster.command(PROGRAM), &here, arguments)
    };

    let alone = [&reproduce[..], &["--out", "alone"]].concat();
    succeeds(dither(&cluster, &alone));
    let expected = files(&here.join("alone/records"));
    assert!(expected.len() > 20, "{}", expected.len());

    let array = [&["submit"], &reproduce[..], &["--out", "on the cluster"]].concat();
    let said = succeeds(dither(&cluster, &array));
    assert!(said.contains(&format!("{} of {0} points to run", expected.len())), "{said}");
    let store = here.join("on the cluster");
    let jobs = std::fs::read_to_string(store.join("jobs/1/jobs.json")).unwrap();
    let jobs: serde_json::Value = serde_json::from_str(&jobs).unwrap();
    let (job, merge) = (jobs["arrays"][0].as_str().unwrap(), jobs["merge"].as_str().unwrap());

    // In the middle: some records are there, and a node is at a point that has none.
    let plan = std::fs::read_to_string(store.join("jobs/1/plan.json")).unwrap();
    let plan: serde_json::Value = serde_json::from_str(&plan).unwrap();
    let (lost, node) = loop {
        cluster.wait(|cluster| {
            let queue = cluster.says("squeue", &["-h", "-j", job]);
            assert!(!queue.is_empty(), "all elements ended before a node could die");
            files(&store.join("records")).len() >= 2 && running(cluster).len() >= 2
        });
        let now = running(&cluster);
        let Some((element, node)) = now.into_iter().find(|(_, node)| node != "n1") else {
            continue;
        };
        // While it stands still nobody can say that it has ended.
        cluster.freeze_node(&node, true);
        let points = &plan["elements"][element.parse::<usize>().unwrap() - 1]["points"];
        let is_done = points.as_array().unwrap().iter().all(|point| {
            let [experiment, key] = ["experiment", "key"].map(|key| point[key].as_str().unwrap());
            store.join("records").join(experiment).join(format!("{key}.json")).exists()
        });
        // What is only about to start would survive a node that is not yet its own.
        let is_at_work = cluster.is_at_work(&node, "dither");
        if is_at_work && !is_done && running(&cluster).contains(&(element.clone(), node.clone())) {
            break (element, node);
        }
        cluster.freeze_node(&node, false);
    };
    cluster.crash_node(&node);
    let mut requeued = String::new();
    cluster.wait(|cluster| {
        let other = running(cluster).into_iter().find(|(element, _)| *element != lost);
        other.is_some_and(|(element, _)| {
            requeued = element;
            true
        })
    });
    cluster.says("scontrol", &["requeue", &format!("{job}_{requeued}")]);

    // The same again would run the same points twice.
    let refused = dither(&cluster, &array).output().unwrap();
    let why = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(2), "{why}");
    assert!(why.contains("is still in the queue; `scancel "), "{why}");
    let said = succeeds(dither(&cluster, &["status", "on the cluster"]));
    assert!(said.contains(&format!(" of {} done", expected.len())), "{said}");
    assert!(said.contains("elements  "), "{said}");

    cluster.wait(|cluster| {
        let state = cluster.says("squeue", &["-h", "-t", "all", "-j", merge, "-o", "%T"]);
        ["COMPLETED", "FAILED", "CANCELLED", "TIMEOUT"].contains(&state.trim())
    });
    let log =
        std::fs::read_to_string(store.join(format!("jobs/1/logs/merge_{merge}.txt"))).unwrap();
    assert!(store.join("report.html").is_file(), "{log}");
    assert_eq!(files(&store.join("records")), expected);
    assert!(restarts(&cluster, job, &lost) >= 1, "element {lost} ran on {node} when it died");
    assert!(restarts(&cluster, job, &requeued) >= 1, "element {requeued} was requeued");
    for left in ["locks", "checkpoints", "failed"] {
        assert_eq!(files(&store.join(left)).len(), 0, "{left}");
    }
    let said = succeeds(dither(&cluster, &["status", "on the cluster"]));
    let complete =
        format!("points    {0} of {0} done, 0 running, 0 failed, 0 to do", expected.len());
    assert!(said.contains(&complete), "{said}");

    // What is missing, and nothing else, is submitted again.
    let name = expected.keys().next().unwrap();
    std::fs::remove_file(store.join("records").join(name)).unwrap();
    let dry = [&["submit", "--dry-run"], &array[1..]].concat();
    let said = succeeds(dither(&cluster, &dry));
    assert!(
        said.contains(&format!("1 of {} points to run, in 1 element", expected.len())),
        "{said}"
    );
    assert!(!store.join("jobs/2").exists());
    let collect = [&reproduce[..], &["--out", "on the cluster", "--collect"]].concat();
    let incomplete = dither(&cluster, &collect).output().unwrap();
    let why = String::from_utf8(incomplete.stderr).unwrap();
    assert_eq!(incomplete.status.code(), Some(2));
    assert!(why.contains(&format!("1 of {} records are missing", expected.len())), "{why}");
}

/// The commands of `docs/cluster.md`, one after another, with the profile that it shows.
#[test]
fn the_page_can_be_followed() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/cluster.md");
    let page = std::fs::read_to_string(page).unwrap();
    let block = |kind: &str| {
        let fence = format!("```{kind}\n");
        let blocks = page.split(&fence).skip(1);
        blocks.map(|rest| rest.split("```").next().unwrap().to_owned()).collect::<Vec<String>>()
    };
    let mut cluster = match Cluster::start(1) {
        Ok(cluster) => cluster,
        Err(why) => return skipped(why),
    };
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("slurm.toml"), &block("toml")[0]).unwrap();
    let blocks = block("console");
    let lines = blocks.iter().flat_map(|block| block.lines());
    let commands: Vec<&str> = lines.filter_map(|line| line.strip_prefix("$ dither ")).collect();
    assert!(commands.len() >= 7, "{commands:?}");
    let mut submitted = 0;
    for command in commands {
        let words: Vec<&str> = command.split_whitespace().collect();
        let said = succeeds(in_folder(cluster.command(PROGRAM), folder.path(), &words));
        submitted += said.matches("Submitted: array ").count();
        // What a person does in the meantime; not before asking how far it is.
        if words[0] == "status" {
            cluster.wait(|cluster| cluster.says("squeue", &["-h"]).is_empty());
        }
    }
    assert_eq!(submitted, 1, "the second time nothing is missing");
    assert!(folder.path().join("results/smoke/report.html").is_file());
}
