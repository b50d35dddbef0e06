//! The commands as a person starts them: the same bits however a run goes, and one clear line for
//! everything that can be wrong.

#[path = "../../datasets/src/testing/skipped.rs"]
mod skipped;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use skipped::skipped;

/// The folder of data sets that ship with the source.
fn shipped_data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("datasets").join("data")
}

fn bench_suite(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dither"));
    // The tests name their data themselves.
    command.args(arguments).env_remove("DITHER_DATA").stdin(Stdio::null());
    // As `cargo xtask` starts it, so that commands are named as it has them.
    command.env("DITHER_CALLED", "cargo xtask");
    command
}

fn smoke(out: &Path, more: &[&str]) -> Command {
    let mut command =
        bench_suite(&["reproduce", "gupta2015/mnist-dnn", "--scale", "smoke", "--out"]);
    command.arg(out).args(more);
    command
}

/// Exit code 2 and one line on standard error that contains every one of `words`; returns the
/// standard output.
fn fails_with(mut command: Command, words: &[&str]) -> String {
    let Output { status, stdout, stderr } = command.output().unwrap();
    let stderr = String::from_utf8(stderr).unwrap();
    let errors: Vec<&str> = stderr.lines().filter(|line| line.starts_with("error: ")).collect();
    assert_eq!((status.code(), errors.len()), (Some(2), 1), "{command:?} says: {stderr}");
    for word in words {
        assert!(errors[0].contains(word), "'{word}' is not in: {}", errors[0]);
    }
    String::from_utf8(stdout).unwrap()
}

/// Every file below a folder, by its path, but for what was being written when its writer was killed.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).unwrap().flatten() {
            let path = entry.path();
            let is_whole = !entry.file_name().to_string_lossy().starts_with(".tmp");
            if path.is_dir() {
                folders.push(path);
            } else if is_whole {
                found.insert(
                    path.strip_prefix(folder).unwrap().to_owned(),
                    std::fs::read(&path).unwrap(),
                );
            }
        }
    }
    found
}

/// The report without the one part that tells time and machine.
fn report(out: &Path) -> String {
    let mut text = std::fs::read_to_string(out.join("report.html")).unwrap();
    while let Some(start) = text.find("<!-- circumstances -->") {
        let end = text.find("<!-- end of circumstances -->").unwrap();
        text.replace_range(start..end + "<!-- end of circumstances -->".len(), "");
    }
    text
}

#[test]
fn records_do_not_depend_on_threads_or_on_being_killed() {
    let folder = tempfile::tempdir().unwrap();
    let [one, two, killed] = ["one", "two", "killed"].map(|name| folder.path().join(name));
    assert!(smoke(&one, &["--threads", "1"]).output().unwrap().status.success());
    let records = files(&one.join("records"));
    assert_eq!(records.len(), 7, "one record for each arithmetic of Fig. 1");

    // More threads than points: those left over work inside the kernels.
    assert!(smoke(&two, &["--threads", "16"]).output().unwrap().status.success());
    assert_eq!(files(&two.join("records")), records, "sixteen threads");
    assert_eq!(report(&two), report(&one), "sixteen threads");

    // SIGKILL at moments that differ from run to run, each followed by the same command.
    let random = std::process::id();
    for kill in 0..3 {
        let milliseconds =
            200 + u64::from(random.wrapping_mul(2_654_435_761).rotate_left(11 * kill) % 4000);
        let mut child = smoke(&killed, &["--threads", "2"])
            .stderr(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(milliseconds));
        child.kill().unwrap();
        child.wait().unwrap();
        println!("killed after {milliseconds} ms");
    }
    assert!(smoke(&killed, &["--threads", "2"]).output().unwrap().status.success());
    assert_eq!(files(&killed.join("records")), records, "killed three times");
    assert_eq!(report(&killed), report(&one), "killed three times");

    // A report of nothing is none, and records of another seed are there.
    let of_seed = |first: &str, seeds: &str| {
        let mut command = bench_suite(&["report", "gupta2015/mnist-dnn", "--scale", "smoke"]);
        command.args(["--seed", first, "--seeds", seeds, "--out"]).arg(&two);
        command
    };
    fails_with(
        of_seed("7", "1"),
        &["nothing to report: 7 of 7 points have no record in", "7 records there are of another"],
    );
    // One that lacks some says so.
    let output = of_seed("0", "2").output().unwrap();
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{stdout}");
    assert!(stdout.contains("\n7 of 14 points have no record in"), "{stdout}");

    // Shards into two stores, merged into a third.
    let [first, second, merged] =
        ["first", "second", "merged"].map(|name| folder.path().join(name));
    for (out, shard) in [(&first, "1/2"), (&second, "2/2")] {
        let output = smoke(out, &["--shard", shard]).output().unwrap();
        let (stdout, from) = (String::from_utf8_lossy(&output.stdout), out.display());
        let next = format!("cargo xtask merge gupta2015/mnist-dnn --scale smoke --from {from}");
        assert!(output.status.success() && stdout.contains(&next), "{stdout}");
    }
    let merge = |from: &[&Path]| {
        let mut command =
            bench_suite(&["merge", "gupta2015/mnist-dnn", "--scale", "smoke", "--out"]);
        command.arg(&merged);
        for folder in from {
            command.arg("--from").arg(folder);
        }
        command
    };
    fails_with(merge(&[&first]), &["3 of 7 records are missing", "nearest <8,8>, seed 0"]);
    fails_with(merge(&[&first, Path::new("nowhere")]), &["cannot read", "nowhere"]);
    assert!(!merged.exists(), "a merge that lacks something leaves nothing behind");
    assert!(merge(&[&first, &second]).output().unwrap().status.success());
    assert_eq!(files(&merged.join("records")), records, "merged");
    assert_eq!(report(&merged), report(&one), "merged");

    // A record cut in half, and one with a changed digit, are named; the others stay.
    let (name, whole) = records.iter().next().unwrap();
    let victim = one.join("records").join(name);
    let text = String::from_utf8(whole.clone()).unwrap();
    let measurements = text.find("\"measurements\"").unwrap();
    let decimal = measurements + text[measurements..].find('.').unwrap() + 1;
    let mut digit = whole.clone();
    digit[decimal] = if digit[decimal] == b'9' { b'8' } else { digit[decimal] + 1 };
    for (damage, reason) in
        [(&whole[..whole.len() / 2], "is not a complete record"), (&digit, "was altered")]
    {
        std::fs::write(&victim, damage).unwrap();
        let file = victim.file_name().unwrap().to_str().unwrap();
        fails_with(smoke(&one, &[]), &[file, reason, "run its experiment again"]);
    }
    std::fs::remove_file(&victim).unwrap();
    let mut others = records.clone();
    others.remove(name);
    assert_eq!(files(&one.join("records")), others);
}

/// Three processes begin together: each point is run by one of them.
#[test]
fn processes_that_share_a_store_share_its_points() {
    let folder = tempfile::tempdir().unwrap();
    let [alone, shared] = ["alone", "shared"].map(|name| folder.path().join(name));
    assert!(smoke(&alone, &[]).output().unwrap().status.success());
    let start = |_| {
        let mut command = smoke(&shared, &["--threads", "1"]);
        command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let children = [0, 1, 2].map(start);
    let mut done = 0;
    for child in children {
        let output = child.wait_with_output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{stderr}");
        done += stderr.lines().filter(|line| line.starts_with("done: ")).count();
    }
    assert_eq!(done, 7, "one of them runs a point");
    assert_eq!(files(&shared.join("records")), files(&alone.join("records")));
    assert!(!shared.join("locks").exists());
}

#[test]
fn a_damaged_checkpoint_is_named_and_its_point_starts_over() {
    let folder = tempfile::tempdir().unwrap();
    let [whole, damaged] = ["whole", "damaged"].map(|name| folder.path().join(name));
    assert!(smoke(&whole, &[]).output().unwrap().status.success());
    // Killed as soon as there is a checkpoint, until one is left.
    let checkpoints = damaged.join("checkpoints");
    let is_checkpoint = |path: &Path| path.extension().is_some_and(|e| e == "safetensors");
    let checkpoint = || {
        let mut found = std::fs::read_dir(&checkpoints).ok()?.flatten();
        found.find(|entry| is_checkpoint(&entry.path()))
    };
    while checkpoint().is_none() {
        let mut child = smoke(&damaged, &["--threads", "1"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        while checkpoint().is_none() && child.try_wait().unwrap().is_none() {
            std::thread::sleep(Duration::from_millis(1));
        }
        child.kill().unwrap();
        assert!(!child.wait().unwrap().success(), "no point saved itself");
    }
    for (name, mut bytes) in files(&checkpoints) {
        // What was being written when it was killed does not count.
        if !is_checkpoint(&name) {
            continue;
        }
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::write(checkpoints.join(name), bytes).unwrap();
    }
    let output = smoke(&damaged, &["--threads", "1"]).output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{stderr}");
    let line = stderr.lines().find(|line| line.starts_with("damaged: ")).unwrap_or(&stderr);
    for part in [".safetensors", "does not match its checksum", "starts from the beginning"] {
        assert!(line.contains(part), "'{part}' is not in: {line}");
    }
    assert_eq!(files(&damaged.join("records")), files(&whole.join("records")));
}

#[test]
fn damaged_data_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    std::fs::create_dir_all(data.join("mnist")).unwrap();
    for (name, content) in files(&shipped_data().join("mnist")) {
        std::fs::write(data.join("mnist").join(name), content).unwrap();
    }
    let victim = data.join("mnist/train-labels-idx1-ubyte.gz");
    let whole = std::fs::read(&victim).unwrap();
    let out = folder.path().join("out");
    let run = || smoke(&out, &["--data", data.to_str().unwrap()]);
    std::fs::write(&victim, &whole[..whole.len() / 2]).unwrap();
    fails_with(run(), &["train-labels-idx1-ubyte.gz", "not a complete gzip file"]);
    std::fs::copy(data.join("mnist/t10k-labels-idx1-ubyte.gz"), &victim).unwrap();
    fails_with(run(), &["train-labels-idx1-ubyte.gz", "altered", "SHA-256"]);
    std::fs::remove_file(&victim).unwrap();
    fails_with(run(), &["cannot read", "train-labels-idx1-ubyte.gz"]);
}

#[test]
fn what_cannot_be_run_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    fails_with(
        bench_suite(&["reproduce", "gupta2015/mnist-cnm", "--out", out.to_str().unwrap()]),
        &["there is no experiment 'gupta2015/mnist-cnm'", "did you mean 'gupta2015/mnist-cnn'?"],
    );
    // What is asked for by name and has no data does not pass for done.
    fails_with(
        bench_suite(&["reproduce", "gupta2015/cifar10-cnn", "--out", out.to_str().unwrap()]),
        &["CIFAR-10", "; cargo xtask fetch cifar10 gets it"],
    );
    let typo = folder.path().join("dtaa");
    let typo = ["--data", typo.to_str().unwrap()];
    let train = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/examples/mnist-fixed.toml");
    for command in [
        smoke(&out, &typo),
        bench_suite(&["train", train, typo[0], typo[1]]),
        bench_suite(&["evaluate", "resnet20-cifar10", typo[0], typo[1]]),
        sensitivity(&out, &["--network", "resnet18", typo[0], typo[1]]),
    ] {
        fails_with(command, &["cannot read data sets from", "dtaa"]);
    }
    fails_with(
        bench_suite(&["bench", "--only", "quantise"]),
        &["no row of the benchmark contains 'quantise'", "quantize", "systolic_28x28"],
    );
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let json = file.join("below");
    fails_with(
        bench_suite(&["bench", "--json", json.to_str().unwrap()]),
        &["cannot create", "file/below"],
    );
    fails_with(smoke(&file.join("below"), &[]), &["cannot create", "file/below"]);
    fails_with(bench_suite(&["report", "--out", out.to_str().unwrap()]), &["cannot read", "out"]);
    for bad in [
        ["--shard", "3/2"],
        ["--shard", "-1/2"],
        ["--seeds", "0"],
        ["--threads", "none"],
        ["--threads", "1025"],
        ["--seed", "-1"],
        ["--threads", "-2"],
    ] {
        fails_with(smoke(&out, &bad), &[&format!("invalid value '{}'", bad[1]), bad[0]]);
    }
    fails_with(
        bench_suite(&["report", "--archive", "file.tar.gz"]),
        &["there is no experiment 'file.tar.gz'", "--archive=file.tar.gz"],
    );
    fails_with(bench_suite(&["reproduce", "--scale", "huge"]), &["'huge' is not a scale"]);
}

#[test]
fn a_malformed_description_is_named_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/examples/mnist-fixed.toml");
    let good = std::fs::read_to_string(example).unwrap();
    let file = folder.path().join("mine.toml");
    let run = |text: String| {
        std::fs::write(&file, text).unwrap();
        let mut command = bench_suite(&["train", file.to_str().unwrap(), "--out"]);
        command.arg(folder.path().join("out"));
        command
    };
    let replaced = |from: &str, to: &str| {
        assert!(good.contains(from), "{from}");
        good.replacen(from, to, 1)
    };
    fails_with(
        run(replaced("<6,6>", "<6;6>")),
        &["mine.toml: line 25", "'<6;6>' is not a fixed-point format"],
    );
    fails_with(run(replaced("<6,6>", "<30,6>")), &["⟨30,6⟩ has word length 36, outside 2..=32"]);
    fails_with(
        run(replaced("epochs = 2", "epoch = 2")),
        &["mine.toml: line 17", "unknown field `epoch`"],
    );
    fails_with(
        run(replaced(
            "weight_update = { format = \"<4,8>\"",
            "weight_update = { format = \"<4,9>\"",
        )),
        &["off the grid"],
    );
    fails_with(run(replaced("batch = 100", "batch = 0")), &["batch must not be 0"]);
    // What the network does not have would be left out without a word.
    for (table, word) in [
        ("\n[arithmetic.layers]\nfc9 = \"float32\"\n", "'fc9'"),
        ("\n[arithmetic.layers]\nFC1 = \"float32\"\n", "'FC1'"),
        (
            "\n[switch]\nafter_epochs = 1\narithmetic.default = \"float32\"\n\
             arithmetic.layers.conv1 = \"float32\"\n",
            "switch.arithmetic.layers: there is no layer 'conv1'",
        ),
    ] {
        fails_with(run(format!("{good}{table}")), &["mine.toml", word, "there are fc1, fc2"]);
    }
    fails_with(
        run(format!("augmentation = {{ mirror = true }}\n{good}")),
        &["mine.toml", "augmentation", "network.mlp"],
    );
    fails_with(
        run(replaced("[784, 100, 10]", "[784, 4000000000, 10]")),
        &["mine.toml", "widths [784, 4000000000, 10] need about"],
    );
    let small = replaced("train_images = 60000", "train_images = 500").replacen(
        "test_images = 10000",
        "test_images = 100",
        1,
    );
    let output = run(small).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(String::from_utf8_lossy(&output.stdout).starts_with("Test error: "));
}

/// The example with few images and a change.
fn small_example(from: &str, to: &str) -> String {
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/examples/mnist-fixed.toml");
    let mut text = std::fs::read_to_string(example).unwrap();
    for (from, to) in [("60000", "500"), ("test_images = 10000", "test_images = 100"), (from, to)] {
        assert!(text.contains(from), "{from}");
        text = text.replacen(from, to, 1);
    }
    text
}

#[test]
fn the_example_on_tiles_learns_and_its_noise_has_a_kind() {
    let folder = tempfile::tempdir().unwrap();
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/examples/mnist-analog.toml");
    let example = std::fs::read_to_string(example).unwrap();
    let file = folder.path().join("tiles.toml");
    let run = |text: &str| {
        std::fs::write(&file, text.replace("= 20000", "= 2000").replace("= 10000", "= 500"))
            .unwrap();
        let mut command = bench_suite(&["train", file.to_str().unwrap(), "--out"]);
        command.arg(folder.path().join("out"));
        command
    };
    let stdout = String::from_utf8(run(&example).output().unwrap().stdout).unwrap();
    let error: f64 = stdout.split_whitespace().nth(2).unwrap().parse().unwrap();
    assert!(error < 40.0, "chance errs on 90 %: {stdout}");
    let model = example.lines().find(|line| line.starts_with("model = ")).unwrap();
    fails_with(
        run(&example.replace(model, "model = \"pcm\"")),
        &["tiles.toml: line 30", "its kind: none, constant, pcm or reram-wan"],
    );
}

#[test]
fn the_example_in_four_bits_learns_and_its_arithmetic_has_a_name() {
    let folder = tempfile::tempdir().unwrap();
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/examples/mnist-nvfp4.toml");
    let example = std::fs::read_to_string(example).unwrap();
    let file = folder.path().join("four-bits.toml");
    let run = |text: &str| {
        std::fs::write(&file, text.replace("= 60000", "= 2000").replace("= 10000", "= 500"))
            .unwrap();
        let mut command = bench_suite(&["train", file.to_str().unwrap(), "--out"]);
        command.arg(folder.path().join("out"));
        command
    };
    let output = run(&example).output().unwrap();
    let stdout = String::from_utf8(output.stdout).unwrap();
    let error: f64 = stdout.split_whitespace().nth(2).unwrap().parse().unwrap();
    assert!(error < 40.0, "chance errs on 90 %: {stdout}");
    fails_with(
        run(&example.replace("\"nvfp4\"", "\"nvfp5\"")),
        &["four-bits.toml: line 23", "there is no arithmetic 'nvfp5'", "mxfp8, nvfp4, fp8"],
    );
}

#[test]
fn the_same_run_under_another_name_has_an_answer() {
    let folder = tempfile::tempdir().unwrap();
    let run = |name: &str| {
        let file = folder.path().join(name);
        std::fs::write(&file, small_example("batch = 100", "batch = 50")).unwrap();
        let mut command = bench_suite(&["train", file.to_str().unwrap(), "--out"]);
        let output = command.arg(folder.path().join("out")).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        (output.stdout, String::from_utf8(output.stderr).unwrap())
    };
    let (first, said) = run("mine.toml");
    assert!(said.contains("custom mlp on mnist"), "{said}");
    let (second, said) = run("other.toml");
    assert_eq!((second, said.as_str()), (first, ""), "nothing is run again");
}

#[test]
fn training_that_diverges_stops_and_keeps_no_answer() {
    let folder = tempfile::tempdir().unwrap();
    let (file, out) = (folder.path().join("mine.toml"), folder.path().join("out"));
    let text = small_example("learning_rate = 0.5", "learning_rate = 1e30");
    let fixed = text.find("[arithmetic.default").unwrap();
    let float = format!("{}[arithmetic]\ndefault = \"float32\"\n", &text[..fixed]);
    std::fs::write(&file, float.replace("epochs = 2", "epochs = 50")).unwrap();
    let mut command = bench_suite(&["train", file.to_str().unwrap(), "--out"]);
    let output = command.arg(&out).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains("error: custom mlp on mnist: training diverged in epoch 1, step "),
        "{said}"
    );
    assert!(!said.contains("epoch 2/") && output.stdout.is_empty(), "{said}");
    assert!(!out.join("records").exists());
}

/// Ends as the command does, whoever stops to listen; a full disk is an error of one line.
#[test]
#[cfg(unix)]
fn a_reader_that_leaves_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let arguments = ["gupta2015/accelerator", "--scale", "smoke", "--out", out.to_str().unwrap()];
    let run = |name: &str| {
        let mut command = bench_suite(&[name]);
        command.args(arguments).stderr(Stdio::null());
        command
    };
    let code = run("reproduce").output().unwrap().status.code();
    assert_eq!(code, Some(0));
    let closed = || {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        writer
    };
    for (name, code) in [("reproduce", code), ("report", code), ("list", Some(0))] {
        let mut command = if name == "list" { bench_suite(&[name]) } else { run(name) };
        let left = command.stdout(closed()).status().unwrap();
        assert_eq!(left.code(), code, "{name} into a closed pipe");
    }
    // Nor does standard error that no one reads, as in `2>&1 | head`.
    std::fs::remove_dir_all(&out).unwrap();
    let both = run("reproduce").stdout(closed()).stderr(closed()).status().unwrap();
    assert_eq!(both.code(), code);
    assert_eq!(bench_suite(&["--help"]).stdout(closed()).status().unwrap().code(), Some(0));
    let Ok(full) = std::fs::OpenOptions::new().write(true).open("/dev/full") else {
        writeln!(std::io::stderr(), "skipped: there is no /dev/full").unwrap();
        return;
    };
    for arguments in [&["list"][..], &["--help"], &["evaluate"]] {
        let mut command = bench_suite(arguments);
        command.stdout(full.try_clone().unwrap());
        fails_with(command, &["cannot write to standard output: No space left on device"]);
    }
}

/// A batch system's signal: the step is finished and saved, and the same command goes on.
#[test]
#[cfg(unix)]
fn a_signal_of_a_batch_system_is_as_ctrl_c() {
    let folder = tempfile::tempdir().unwrap();
    for (signal, code) in [("TERM", 143), ("HUP", 129), ("INT", 130)] {
        let out = folder.path().join(signal);
        let mut child = smoke(&out, &["--threads", "1"])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
        // It listens once it runs.
        let first: Vec<String> =
            said.by_ref().take_while(|line| !line.contains("points to run")).collect();
        assert!(first.is_empty(), "{first:?}");
        let id = child.id().to_string();
        assert!(Command::new("kill").args(["-s", signal, &id]).status().unwrap().success());
        let rest: Vec<String> = said.collect();
        assert_eq!(child.wait().unwrap().code(), Some(code), "{signal}: {rest:?}");
        for part in ["stopping at the next step …", "error: interrupted", "goes on from there"] {
            assert!(rest.iter().any(|line| line.contains(part)), "{signal}: '{part}': {rest:?}");
        }
    }
    // What was started to outlive its terminal does.
    let mut nohup = Command::new("nohup");
    nohup.arg(env!("CARGO_BIN_EXE_dither"));
    nohup.args(["reproduce", "gupta2015/mnist-dnn", "--scale", "smoke", "--threads", "1", "--out"]);
    let mut child = nohup
        .arg(folder.path().join("nohup"))
        .env_remove("DITHER_DATA")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    said.by_ref().find(|line| line.contains("points to run")).unwrap();
    let id = child.id().to_string();
    for signal in ["HUP", "TERM"] {
        assert!(Command::new("kill").args(["-s", signal, &id]).status().unwrap().success());
    }
    assert_eq!(child.wait().unwrap().code(), Some(143), "{:?}", said.collect::<Vec<_>>());
}

/// On a terminal that cannot move its cursor there are lines, as in a pipe; on one that can, bars.
#[test]
#[cfg(target_os = "linux")]
fn a_terminal_that_only_prints_gets_lines() {
    if !Command::new("script").arg("--version").output().is_ok_and(|o| o.status.success()) {
        writeln!(std::io::stderr(), "skipped: there is no script(1) to make a terminal").unwrap();
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let typed = |out: &str, term: Option<&str>| {
        let out = folder.path().join(out);
        let mut command = Command::new("script");
        let line = format!(
            "{} reproduce gupta2015/accelerator --scale smoke --out {}",
            env!("CARGO_BIN_EXE_dither"),
            out.display()
        );
        command.args(["--quiet", "--return", "--command", &line, "/dev/null"]);
        command.env_remove("TERM").envs(term.map(|term| ("TERM", term))).stdin(Stdio::null());
        String::from_utf8(command.output().unwrap().stdout).unwrap()
    };
    let drawn = "\u{1b}[";
    for (out, term) in [("dumb", Some("dumb")), ("unset", None)] {
        let said = typed(out, term);
        for part in ["points to run", "done: gupta2015/accelerator ", "(1 of ", "Report: "] {
            assert!(said.contains(part), "TERM={term:?}: '{part}' is not in: {said}");
        }
        assert!(!said.contains(drawn), "TERM={term:?}: {said}");
    }
    assert!(typed("xterm", Some("xterm")).contains(drawn));
}

#[test]
fn an_empty_variable_names_no_data() {
    let list = |value: &str| {
        let mut command = bench_suite(&["evaluate", "resnet20-cifar10"]);
        command.env("DITHER_DATA", value);
        command
    };
    fails_with(list(""), &["--data"]);
    fails_with(list("/no/such/folder"), &["cannot read data sets from /no/such/folder"]);
}

/// A command that finds no data sets but those that ship, and no network.
fn without_data(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = bench_suite(arguments);
    command.env("XDG_DATA_HOME", folder.join("of-user"));
    // No one listens there.
    command.env("HTTPS_PROXY", "http://127.0.0.1:1").env_remove("NO_PROXY").env_remove("no_proxy");
    command
}

#[test]
fn what_can_be_fetched_is_listed_and_named_where_it_lacks() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path().join("here");
    std::fs::create_dir_all(here.join("glue/STS-B")).unwrap();
    let list = |data: &str| {
        let output = without_data(folder.path(), &["fetch", "--data", data]).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let (none, some) = (list("/no/such/folder"), list(here.to_str().unwrap()));
    for part in ["cifar10  (171 MB)  not here", "ptb  (by hand)  not here", "licence: CC BY-SA"] {
        assert!(none.contains(part), "'{part}' is not in: {none}");
    }
    assert!(
        some.contains("stsb  (803 kB)  ") && !some.contains("stsb  (803 kB)  not here"),
        "{some}"
    );
    // A run says in its first lines what it is without.
    let out = folder.path().join("out");
    let run = ["reproduce", "gupta2015", "--scale", "smoke", "--shard", "1/1000", "--out"];
    let mut run = without_data(folder.path(), &run);
    let output = run.arg(&out).output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{stderr}");
    let first: Vec<&str> =
        stderr.lines().take_while(|line| !line.contains("points to run")).collect();
    let wanted = "cargo xtask fetch cifar10 would add gupta2015/cifar10-cnn";
    assert!(first.contains(&wanted), "{first:?}");
}

#[test]
fn what_cannot_be_fetched_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let fetch = |name: &str| without_data(folder.path(), &["fetch", name]);
    fails_with(fetch("cifar"), &["no data set 'cifar'", "cifar10", "imagenet"]);
    fails_with(
        fetch("ptb"),
        &["ptb (of the Linguistic Data Consortium) must be got by hand", "LDC99T42"],
    );
    let place = folder.path().join("of-user/dither/fetch/mrpc/msr_paraphrase_train.txt");
    fails_with(
        fetch("mrpc"),
        &["https://", "refused", "brought by other means", place.to_str().unwrap()],
    );
    // What is brought and is something else is named, too.
    std::fs::create_dir_all(place.parent().unwrap()).unwrap();
    std::fs::write(&place, "something else").unwrap();
    fails_with(fetch("mrpc"), &["SHA-256", "60a9b09084528f06"]);
    assert!(!place.exists());
    fails_with(
        without_data(folder.path(), &["fetch", "--from", folder.path().to_str().unwrap()]),
        &["cannot read", "crates/datasets/data"],
    );
}

#[test]
fn what_is_shown_is_what_a_reader_types() {
    for command in ["reproduce", "sensitivity", "train", "bench"] {
        let help = bench_suite(&[command, "--help"]).output().unwrap().stdout;
        let help = String::from_utf8(help).unwrap();
        assert!(help.contains(&format!("Usage: cargo xtask {command} ")), "{help}");
    }
    fails_with(bench_suite(&["list", "--all"]), &["unexpected argument '--all'"]);
}

/// A file system of 256 KiB, mounted for one command: the records that fit stay, the run stops.
#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_loses_nothing_that_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let mount = "mount -t tmpfs -o size=256k tmpfs \"$0\"";
    let mut probe = Command::new("unshare");
    probe.args(["--user", "--map-root-user", "--mount", "sh", "-c", mount]).arg(folder.path());
    if !probe.output().is_ok_and(|output| output.status.success()) {
        skipped("this system lets no one mount a small file system");
        return;
    }
    // A checkpoint of the network has megabytes and cannot be written; what is there stays whole.
    let script = format!(
        "{mount} && echo kept > \"$0/kept\" && {{ \"$@\"; code=$?; cat \"$0\"/kept; find \"$0\" -type f; exit $code; }}"
    );
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "--mount", "sh", "-c", &script]).arg(folder.path());
    command.arg(env!("CARGO_BIN_EXE_dither"));
    command.args([
        "reproduce",
        "gupta2015/mnist-dnn",
        "--scale",
        "smoke",
        "--threads",
        "1",
        "--out",
    ]);
    command.arg(folder.path());
    let stdout = fails_with(command, &["cannot write", "No space left on device"]);
    let lines: Vec<&str> = stdout.lines().collect();
    assert_eq!(
        lines,
        ["kept", folder.path().join("kept").to_str().unwrap()],
        "no half-written file is left"
    );
}

/// What a reviewer gets: the same bytes each time, and a store that makes the same report again.
/// Of an experiment with a claim that holds and one that does not.
#[test]
fn claims_that_fail_are_results_unless_one_is_strict() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let ends = |command: &str, more: &[&str]| {
        let mut run = bench_suite(&[command, "rasch2023/few-bits", "--out"]);
        let output = run.arg(&out).args(more).output().unwrap();
        let stdout = String::from_utf8(output.stdout).unwrap();
        assert!(stdout.contains("\nOf 2 claims, 1 holds, 1 fails.\n"), "{stdout}");
        output.status.code()
    };
    assert_eq!(ends("reproduce", &[]), Some(0));
    for command in ["reproduce", "report", "merge"] {
        assert_eq!(ends(command, &[]), Some(0), "{command}");
        assert_eq!(ends(command, &["--strict"]), Some(1), "{command}");
    }
}

#[test]
fn an_archive_unpacks_to_the_same_report() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let select = ["gupta2015/accelerator", "rasch2023/ir-drop", "--scale", "smoke", "--out"];
    let run = |command: &str, out: &Path, more: &[&std::ffi::OsStr]| {
        let mut run = bench_suite(&[command]);
        let output = run.args(select).arg(out).args(more).output().unwrap();
        assert!(output.status.code() < Some(2), "{}", String::from_utf8_lossy(&output.stderr));
    };
    run("reproduce", &out, &[]);
    run("report", &out, &["--archive".as_ref()]);
    let archive = std::fs::read(out.join("dither-smoke.tar.gz")).unwrap();
    let again = folder.path().join("again.tar.gz");
    let mut to = std::ffi::OsString::from("--archive=");
    to.push(&again);
    run("report", &out, &[&to]);
    assert!(std::fs::read(&again).unwrap() == archive, "two archives of one store differ");
    let mut into_a_folder = bench_suite(&["report"]);
    to = "--archive=".into();
    to.push(folder.path());
    into_a_folder.args(select).arg(&out).arg(to);
    fails_with(into_a_folder, &["no regular file; it stays"]);

    tar::Archive::new(flate2::read::GzDecoder::new(&*archive)).unpack(folder.path()).unwrap();
    let unpacked = folder.path().join("dither-smoke");
    let before = files(&unpacked);
    let names: Vec<_> = before.keys().filter(|name| name.components().count() == 1).collect();
    let expected =
        ["README.md", "SHA256SUMS", "report.html", "report.json", "report.md"].map(Path::new);
    assert_eq!(names, expected);
    for kind in ["records", "runs"] {
        let whole = files(&out.join(kind));
        assert!(whole.len() > 1);
        assert_eq!(files(&unpacked.join(kind)), whole, "{kind}");
    }
    // The report anew from what was unpacked, times and machine included.
    run("report", &unpacked, &[]);
    assert_eq!(files(&unpacked), before);

    let sums = String::from_utf8(before[Path::new("SHA256SUMS")].clone()).unwrap();
    assert_eq!(sums.lines().count(), before.len() - 1);
    for line in sums.lines() {
        use sha2::{Digest, Sha256};
        let (sum, name) = line.split_once("  ").unwrap();
        let found = datasets::sum::hex(&Sha256::digest(&before[Path::new(name)]));
        assert_eq!(found, sum, "{name}");
    }
    let readme = String::from_utf8(before[Path::new("README.md")].clone()).unwrap();
    let command = "cargo xtask report gupta2015/accelerator rasch2023/ir-drop --scale smoke";
    assert!(readme.contains(command), "{readme}");
}

#[test]
fn records_that_are_taken_away_are_missed() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = smoke(folder.path(), &["--threads", "1"])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    said.by_ref().find(|line| line.starts_with("done: ")).unwrap();
    std::fs::remove_dir_all(folder.path().join("records")).unwrap();
    let rest: Vec<String> = said.collect();
    assert_eq!(child.wait().unwrap().code(), Some(2), "{rest:?}");
    let error = rest.last().unwrap();
    assert!(error.contains(" of 7 records have gone from ") && error.contains("seed 0"), "{error}");
}

/// Two checkouts and two users give the same report.
#[test]
fn a_report_names_no_folder_of_the_machine() {
    let folder = tempfile::tempdir().unwrap();
    let (out, data) = (folder.path().join("out"), folder.path().join("data"));
    std::fs::create_dir(&data).unwrap();
    let run = |arguments: &[&str]| {
        let mut command = bench_suite(arguments);
        let output = command.args(["--scale", "smoke", "--out"]).arg(&out).output().unwrap();
        assert!(output.status.code() < Some(2), "{}", String::from_utf8_lossy(&output.stderr));
    };
    run(&["reproduce", "gupta2015/accelerator"]);
    for named in [&[][..], &["--data", data.to_str().unwrap()]] {
        run(&[&["report", "gupta2015"][..], named].concat());
        for (file, text) in files(&out) {
            let text = String::from_utf8_lossy(&text).into_owned();
            for path in [&*shipped_data(), folder.path()] {
                let path = path.to_str().unwrap();
                assert!(!text.contains(path), "{path} is in {}", file.display());
            }
        }
        let report = std::fs::read_to_string(out.join("report.md")).unwrap();
        assert!(report.contains("is not in DATA/: name with --data"), "{report}");
    }
}

fn sensitivity(out: &Path, more: &[&str]) -> Command {
    let mut command = bench_suite(&["sensitivity", "--scale", "smoke", "--out"]);
    command.arg(out).args(more);
    command
}

/// On tiles whose ADCs have learned the range of each column: on those without ranges there is none to take over.
#[test]
fn a_network_that_learned_the_ranges_of_its_converters_is_analysed() {
    let folder = tempfile::tempdir().unwrap();
    let [tile, recipe, out] = ["tile.toml", "recipe.toml", "out"].map(|f| folder.path().join(f));
    std::fs::write(&tile, "base = \"standard-pcm\"\n[periphery.adc]\nbound_per = \"column\"\n")
        .unwrap();
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("recipes/rasch2023/desk/lstm-japanese-vowels.toml");
    let text = std::fs::read_to_string(shipped).unwrap();
    let text = text
        .replace("tile = \"standard-pcm\"", &format!("tile = {:?}", tile.to_str().unwrap()))
        .replace("[analog.training]\n", "[analog.training]\nadc_bound = { decay = 0.01 }\n");
    assert!(text.contains("adc_bound") && text.contains("tile.toml"), "{text}");
    std::fs::write(&recipe, text).unwrap();
    let more = ["--network", "lstm-japanese-vowels", "--programmings", "1", "--epochs", "1"];
    let mut command = sensitivity(&out, &more);
    let done = command.arg("--recipe").arg(&recipe).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    assert!(out.join("report.html").is_file());
}

/// The analysis of one network: a report with every part of it, the same records when it is stopped
/// and goes on, and from a checkpoint of its own.
#[test]
fn one_network_is_analysed() {
    let folder = tempfile::tempdir().unwrap();
    let [whole, killed, again] = ["whole", "killed", "again"].map(|name| folder.path().join(name));
    let vowels = ["--network", "lstm-japanese-vowels"];
    let output = sensitivity(&whole, &vowels).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let markdown = std::fs::read_to_string(whole.join("report.md")).unwrap();
    for part in [
        "Error budget",
        "IR drop",
        "MVM error (%)",
        "lstm",
        "least energy of all pairs",
        "Tolerance of",
    ] {
        assert!(markdown.contains(part), "'{part}' is not in the report: {markdown}");
    }
    let records = files(&whole.join("records"));
    let mut child = sensitivity(&killed, &vowels).stderr(Stdio::null()).spawn().unwrap();
    std::thread::sleep(Duration::from_millis(1500));
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(sensitivity(&killed, &vowels).output().unwrap().status.success());
    assert_eq!(files(&killed.join("records")), records, "killed");

    // A bit of each model turns over: they are named and made again, and the records stay the same.
    let models = files(&killed.join("models"));
    for (name, mut bytes) in models.clone() {
        let last = bytes.len() - 5;
        bytes[last] ^= 4;
        std::fs::write(killed.join("models").join(name), bytes).unwrap();
    }
    std::fs::remove_dir_all(killed.join("records")).unwrap();
    let output = sensitivity(&killed, &vowels).output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{stderr}");
    assert_eq!(
        stderr.matches("it does not match its checksum; the model is made again").count(),
        // In f32, its control, and on tiles.
        3
    );
    assert_eq!(files(&killed.join("records")), records, "from models made again");
    assert_eq!(files(&killed.join("models")), models, "made again");

    // A model of the store is a checkpoint; another network's, or the file of something else, is not.
    let models = files(&whole.join("models"));
    let model = |stage: &str| {
        let marked = |(_, bytes): &(&PathBuf, &Vec<u8>)| {
            String::from_utf8_lossy(&bytes[..4096]).contains(&format!("\\\"stage\\\":\\\"{stage}"))
        };
        let (name, _) = models.iter().find(marked).unwrap();
        whole.join("models").join(name)
    };
    let with = |checkpoint: &Path, more: &[&str]| {
        let mut command = sensitivity(&again, more);
        command.arg("--checkpoint").arg(checkpoint);
        command
    };
    let hardware = model("hardware");
    let output = with(&hardware, &vowels).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let values = |out: &Path| std::fs::read_to_string(out.join("report.md")).unwrap();
    let tables = |text: &str| text.lines().filter(|l| l.starts_with('|')).collect::<String>();
    assert_eq!(tables(&values(&again)), tables(&markdown), "from the model of the store");
    let mut bytes = std::fs::read(&hardware).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    let damaged = folder.path().join("damaged.safetensors");
    std::fs::write(&damaged, bytes).unwrap();
    fails_with(with(&damaged, &vowels), &["damaged.safetensors: it was altered"]);
    fails_with(
        with(&model("float"), &["--network", "lstm-language"]),
        &["a model of 'lstm-japanese-vowels', not of 'lstm-language'"],
    );
    fails_with(
        with(&hardware, &[vowels[0], vowels[1], "--method", "direct"]),
        &["--method cannot change"],
    );
    let mut fresh = sensitivity(&whole, &vowels);
    fresh.arg("--checkpoint").arg(&hardware).arg("--fresh");
    fails_with(fresh, &["--fresh would remove it"]);
    assert!(hardware.exists());
}

#[test]
fn what_cannot_be_analysed_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    fails_with(sensitivity(&out, &["--network", "lstm"]), &["invalid value 'lstm'", "--network"]);
    let help = bench_suite(&["sensitivity", "--help"]).output().unwrap().stdout;
    let help = String::from_utf8(help).unwrap();
    assert!(["lstm-japanese-vowels", "resnet18", "rnn-t"].iter().all(|name| help.contains(name)));
    let vowels = |more: &[&str]| {
        let mut command = sensitivity(&out, &["--network", "lstm-japanese-vowels"]);
        command.args(more);
        command
    };
    fails_with(vowels(&["--tile", "no-such-tile"]), &["--tile", "no-such-tile", "standard-pcm"]);
    fails_with(vowels(&["--recipe", "no-such-file"]), &["cannot read", "no-such-file"]);
    fails_with(vowels(&["--checkpoint", "no-such-file"]), &["cannot read", "no-such-file"]);
    // A checkpoint that does not fit is no reason to remove what is there.
    let model = out.join("models/some.safetensors");
    std::fs::create_dir_all(model.parent().unwrap()).unwrap();
    std::fs::write(&model, "").unwrap();
    fails_with(vowels(&["--fresh", "--checkpoint", "no-such-file"]), &["cannot read"]);
    assert!(model.exists());
    let file = folder.path().join("weights.safetensors");
    let name = file.to_str().unwrap();
    std::fs::write(&file, "no weights").unwrap();
    fails_with(vowels(&["--checkpoint", name]), &["weights.safetensors", "not a readable"]);
    let tensor = safetensors::tensor::TensorView::new(
        safetensors::Dtype::F32,
        vec![2],
        &[0, 0, 0, 0, 0, 0, 0, 0],
    );
    let bytes = safetensors::serialize([("stray", tensor.unwrap())], None).unwrap();
    std::fs::write(&file, bytes).unwrap();
    fails_with(
        vowels(&["--checkpoint", name]),
        &["weights.safetensors", "stray is not in the network", "weight is missing"],
    );
}
