//! One training on many processes under MPI: the same records and the same weights for 1, 2 and 4 of them,
//! and for a run that is killed and goes on with another number.
//!
//! Needs the feature `mpi`, and `mpirun`.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const MLP: &str = r#"
    data = "mnist"
    train_images = 1200
    test_images = 200
    [network.mlp]
    widths = [784, 60, 10]
    init = { normal = { std_dev = 0.05 } }
    [recipe]
    batch = 100
    epochs = 3
    learning_rate = 0.1
    leaves = 4
    optimizer = { sgd = { momentum = 0.9, weight_decay = 0.0 } }
"#;

const F32: &str = "[arithmetic]\ndefault = \"float32\"\n";

const FIXED: &str = r#"
    [arithmetic.default.fixed-point]
    weight = { format = "<8,8>", rounding = "nearest-ties-down" }
    bias = { format = "<8,8>", rounding = "nearest-ties-down" }
    output = { format = "<8,8>", rounding = "stochastic" }
    error = { format = "<8,8>", rounding = "stochastic" }
    weight_update = { format = "<8,8>", rounding = "stochastic" }
    bias_update = { format = "<8,8>", rounding = "stochastic" }
"#;

/// Training on tiles; the float network is cut into as many leaves.
const ON_TILES: &str = r#"
    [analog]
    tile = "standard-pcm"
    [analog.training]
    ramp = 5
    ir_drop = true
    learned_scales = "both"
    step = "logical"
    [analog.training.input_range]
    rule = "aihwkit"
    decay = 0.001
    [analog.training.weight_noise]
    model = { kind = "pcm", t_s = 20.0, device = { g_max_us = 25.0, t0_s = 20.0, t_read_s = 250e-9, programming_noise_scale = 1.0, read_noise_scale = 1.0, drift_scale = 1.0 } }
    scale = 3.0
    drop_connect = 0.0
    relative_to = "unit"
    [calibration]
    batches = 2
    tuning = 0
    [training]
    batch = 16
    epochs = 3
    learning_rate = 0.001
    clip_norm = 10.0
    drop_last = true
    leaves = 4
    schedule = { decay = "linear" }
    optimizer = { adam = { beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, weight_decay = 0.0 } }
"#;

/// `mpirun -n processes dither train …` into a folder. There are more processes than cores, and who waits for
/// another lets it work.
fn mpirun(processes: usize, arguments: &[&str], out: &Path) -> Command {
    let mut command = Command::new("mpirun");
    command
        .args(["--allow-run-as-root", "--oversubscribe", "--bind-to", "none"])
        .args(["--mca", "mpi_yield_when_idle", "1", "-n"])
        .args([&processes.to_string(), env!("CARGO_BIN_EXE_dither"), "train", "--threads", "1"])
        .args(arguments)
        .arg("--out")
        .arg(out)
        // With what ships, wherever it runs.
        .env_remove("DITHER_DATA")
        .stdin(Stdio::null());
    command
}

fn is_there() -> bool {
    let found = Command::new("mpirun").arg("--version").stdout(Stdio::null()).status().is_ok();
    if !found {
        eprintln!("skipped: there is no mpirun");
    }
    found
}

/// Trains, and tells how long it took from the end of the first epoch on.
fn train(processes: usize, arguments: &[&str], out: &Path) -> Duration {
    let mut command = mpirun(processes, arguments, out);
    let mut run = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let (mut stderr, mut ended) = (Vec::new(), None);
    for line in BufReader::new(run.stderr.take().unwrap()).lines().map_while(Result::ok) {
        if ended.is_none() && line.contains("epoch 1/") {
            ended = Some(Instant::now());
        }
        stderr.push(line);
    }
    let mut said = String::new();
    run.stdout.take().unwrap().read_to_string(&mut said).unwrap();
    let status = run.wait().unwrap();
    assert!(status.success(), "{processes} processes: {}", stderr.join("\n"));
    assert_eq!(said.matches("Record: ").count(), 1, "one of them says it: {said}");
    ended.map_or(Duration::ZERO, |ended| ended.elapsed())
}

/// Trains, and is killed when that share of the time has passed that is left after the first epoch: at whatever
/// step it is then. Tells whether it was still at work.
fn train_and_be_killed(
    processes: usize,
    arguments: &[&str],
    out: &Path,
    rest: Duration,
    share: f64,
) -> bool {
    let mut run = mpirun(processes, arguments, out).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(run.stderr.take().unwrap()).lines().map_while(Result::ok);
    assert!(lines.any(|line| line.contains("epoch 1/")), "an epoch is over");
    // What it says is read on, or it would wait for that.
    let reader = std::thread::spawn(|| lines.for_each(drop));
    std::thread::sleep(rest.mul_f64(share));
    let at_work = run.try_wait().unwrap().is_none();
    run.kill().unwrap();
    run.wait().unwrap();
    reader.join().unwrap();
    at_work
}

/// A number from 0 to 1 that is another one in every run: tests ask what holds for all.
fn at_random() -> f64 {
    let bits = RandomState::new().build_hasher().finish();
    bits as f64 / u64::MAX as f64
}

/// What a folder holds: records as they are, the tensors of models and weights.
fn results(out: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![out.to_owned()];
    while let Some(folder) = folders.pop() {
        for path in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            let name = path.strip_prefix(out).unwrap().display().to_string();
            if path.is_dir() {
                folders.push(path);
            } else if name.starts_with("records") {
                found.insert(name, std::fs::read(path).unwrap());
            } else if name.ends_with(".safetensors") {
                let bytes = std::fs::read(path).unwrap();
                for (tensor, view) in
                    safetensors::SafeTensors::deserialize(&bytes).unwrap().tensors()
                {
                    found.insert(format!("{name}: {tensor}"), view.data().to_vec());
                }
            }
        }
    }
    assert!(found.keys().any(|name| name.starts_with("records")), "there is a record");
    found
}

#[track_caller]
fn assert_same(one: &Path, other: &Path, what: &str) {
    let (one, other) = (results(one), results(other));
    assert!(one.keys().eq(other.keys()), "{what}: {:?}, {:?}", one.keys(), other.keys());
    for (name, bytes) in &one {
        assert!(other[name] == *bytes, "{what}: {name} differs");
    }
}

/// The same on 1, 2 and 4 processes; killed at a random step with 2 and resumed with 4, and with 4 and 1.
#[track_caller]
fn check(arguments: &[&str]) {
    if !is_there() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let out = |name: &str| folder.path().join(name);
    train(1, arguments, &out("1"));
    for (first, then) in [(2, 4), (4, 1)] {
        let whole = out(&first.to_string());
        let rest = train(first, arguments, &whole);
        assert_same(&folder.path().join("1"), &whole, &format!("{first} processes"));
        let out = out(&format!("{first} then {then}"));
        // The last tenth it may need to write what it has.
        let share = 0.9 * at_random();
        let at_work = train_and_be_killed(first, arguments, &out, rest, share);
        let what = format!(
            "killed with {first} processes after {share:.3} of {rest:?}, resumed with {then}; {}",
            if at_work { "it was at work" } else { "it had ended" }
        );
        eprintln!("{what}");
        train(then, arguments, &out);
        assert_same(&folder.path().join("1"), &out, &what);
    }
}

fn check_file(text: &str) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("training.toml");
    std::fs::write(&file, text).unwrap();
    check(&[file.to_str().unwrap()]);
}

fn check_network(network: &str) {
    let folder = tempfile::tempdir().unwrap();
    let recipe = folder.path().join("recipe.toml");
    std::fs::write(&recipe, ON_TILES).unwrap();
    let recipe = recipe.to_str().unwrap();
    check(&["--network", network, "--scale", "smoke", "--recipe", recipe]);
}

#[test]
fn a_perceptron_in_f32() {
    check_file(&format!("{MLP}{F32}"));
}

#[test]
fn a_perceptron_in_fixed_point() {
    check_file(&format!("{MLP}{FIXED}"));
}

/// Convolutions with batch normalisation, in f32 and then on tiles.
#[test]
fn a_residual_network_on_tiles() {
    check_network("resnet-cifar10");
}

#[test]
fn an_lstm_on_tiles() {
    check_network("lstm-japanese-vowels");
}

/// Whoever has the point, all wait for it: the first cannot have it, and the others have folders of their own.
#[test]
fn what_another_run_is_at_is_waited_for() {
    if !is_there() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let [file, out] = ["training.toml", "out"].map(|name| folder.path().join(name));
    std::fs::write(&file, format!("{MLP}{F32}").replace("epochs = 3", "epochs = 40")).unwrap();
    let arguments = [file.to_str().unwrap()];
    let start = |mut command: Command| {
        let command = command.stdout(Stdio::null()).stderr(Stdio::piped());
        let mut run = command.spawn().unwrap();
        let lines = BufReader::new(run.stderr.take().unwrap()).lines().map_while(Result::ok);
        (run, lines)
    };
    let mut by_itself = Command::new(env!("CARGO_BIN_EXE_dither"));
    by_itself.args(["train", "--threads", "1"]).args(arguments).arg("--out").arg(&out);
    let (mut alone, mut said) = start(by_itself);
    assert!(said.any(|line| line.contains("epoch 1/")), "it is at work");
    let send = |signal: &str| {
        let sent = Command::new("kill").args([signal, &alone.id().to_string()]).status();
        assert!(sent.unwrap().success());
    };
    send("-STOP");
    let (mut together, mut waiting) = start(mpirun(2, &arguments, &out));
    assert!(waiting.any(|line| line.starts_with("left to process")), "they wait");
    send("-CONT");
    said.for_each(drop);
    let rest: Vec<String> = waiting.collect();
    assert!(alone.wait().unwrap().success() && together.wait().unwrap().success(), "{rest:?}");
    assert!(!rest.iter().any(|line| line.contains("epoch")), "it was made once: {rest:?}");
}

#[test]
fn what_ends_one_ends_all_with_one_line() {
    if !is_there() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("training.toml");
    std::fs::write(&file, format!("{MLP}{F32}")).unwrap();
    let arguments = [file.to_str().unwrap()];
    let done = mpirun(5, &arguments, &folder.path().join("out")).output().unwrap();
    let stderr = String::from_utf8_lossy(&done.stderr);
    let lines: Vec<&str> = stderr.lines().filter(|line| line.starts_with("error: ")).collect();
    let [line] = lines[..] else { panic!("{stderr}") };
    assert!(line.contains("5 processes cannot share a recipe with leaves = 4"), "{line}");
    assert_eq!(done.status.code(), Some(2), "{stderr}");
}
