//! A network of one's own, from its file to its reports, as a person does it.

#[path = "../../datasets/src/testing/skipped.rs"]
mod skipped;

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use datasets::DataFolder;
use datasets::mnist::Mnist;
use skipped::skipped;

fn example(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/examples/own").join(file)
}

/// The program as it is installed.
fn dither(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dither"));
    command.args(arguments).stdin(Stdio::null());
    command.env_remove("DITHER_DATA").env_remove("DITHER_CALLED");
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

fn idx(path: &Path, shape: &[usize], bytes: &[u8]) {
    let mut file = vec![0, 0, 8, shape.len() as u8];
    shape.iter().for_each(|&n| file.extend((n as u32).to_be_bytes()));
    file.extend(bytes);
    std::fs::write(path, file).unwrap();
}

/// The first images of MNIST, described in TOML.
fn some_of_mnist(folder: &Path, train: usize, test: usize) -> PathBuf {
    let mnist = Mnist::open(&DataFolder::new(None)).unwrap();
    for (name, images, len) in [("train", &mnist.train, train), ("test", &mnist.test, test)] {
        let images = images.first(len);
        idx(&folder.join(format!("{name}-x")), &[len, 28, 28], images.pixels());
        idx(&folder.join(format!("{name}-y")), &[len], images.labels());
    }
    let description = "task = \"classification\"\n\
         train = { x = \"train-x\", y = \"train-y\" }\n\
         test = { x = \"test-x\", y = \"test-y\" }\n\
         [normalization]\n\
         scale = 0.00392156862745098\nmean = [0.1307]\nstd = [0.3081]\n";
    let file = folder.join("mnist.toml");
    std::fs::write(&file, description).unwrap();
    file
}

/// A command about the example's network.
fn about(command: &str, data: &Path, out: &Path, more: &[&str]) -> Command {
    about_model(&example("model.onnx"), command, data, out, more)
}

/// A command about a network of a file.
fn about_model(model: &Path, command: &str, data: &Path, out: &Path, more: &[&str]) -> Command {
    let mut command = dither(&[command, "--scale", "smoke", "--epochs", "1"]);
    command.arg("--network").arg(model).arg("--data").arg(data).arg("--out").arg(out).args(more);
    command
}

fn number_before<'a>(text: &'a str, words: &str) -> f64 {
    let before: &'a str = text.split(words).next().unwrap();
    before.split_whitespace().last().unwrap().parse().unwrap()
}

#[test]
fn it_is_the_same_network_as_in_pytorch() {
    let mut check = dither(&["check"]);
    check.arg(example("model.onnx")).arg("--expect").arg(example("io.npz"));
    let said = succeeds(check);
    assert!(said.contains("logits: equal"), "{said}");
    assert!(said.contains("conv1") && said.contains("4 layers"), "{said}");
    let help = succeeds(dither(&["export-help"]));
    assert!(help.contains("torch.onnx.export") && help.contains("np.savez"), "{help}");
}

#[test]
fn it_is_trained_for_its_hardware() {
    let folder = tempfile::tempdir().unwrap();
    let data = some_of_mnist(folder.path(), 600, 300);
    let mut errors = Vec::new();
    for hardware in ["standard-pcm", "<6,10>", "mxfp8"] {
        let out = folder.path().join(hardware.replace(['<', '>'], ""));
        let said = succeeds(about("train", &data, &out, &["--hardware", hardware]));
        assert!(number_before(&said, " % in f32") < 5.0, "{said}");
        let after = number_before(&said, " % after its last epoch");
        assert!(after < 8.0, "{hardware}: {said}");
        errors.push(after);
        assert_eq!(said.contains("an hour after"), hardware == "standard-pcm", "{said}");
        // The same command again has nothing to do.
        assert_eq!(succeeds(about("train", &data, &out, &["--hardware", hardware])), said);
        for weights in ["best.safetensors", "last.safetensors"] {
            let bytes = std::fs::read(out.join(weights)).unwrap();
            let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
            let shape = |name: &str| tensors.tensor(name).unwrap().shape().to_vec();
            assert_eq!(shape("conv1.weight"), [8, 1, 5, 5], "{hardware} {weights}");
            assert_eq!(shape("fc1.weight"), [32, 784]);
            assert_eq!(shape("fc2.bias"), [10]);
        }
    }
    // There is nothing to export of a training that was not made.
    let weights = folder.path().join("weights.safetensors");
    let to = ["--hardware", "nvfp4", "--to", weights.to_str().unwrap()];
    let out = folder.path().join("mxfp8");
    fails_with(about("export", &data, &out, &to), &["no such training", "mxfp8"]);
    // What was trained on tiles is taken as it is, from the file that PyTorch would read, too.
    let trained = folder.path().join("standard-pcm/last.safetensors");
    let out = folder.path().join("again");
    let more = ["--checkpoint", trained.to_str().unwrap()];
    let mut age = about("age", &data, &out, &more);
    age.args(["--programmings", "2"]);
    succeeds(age);
    let report = std::fs::read_to_string(out.join("report.md")).unwrap();
    assert!(report.contains("in f32"), "{report}");
}

/// The Python that has PyTorch; without one, tests that want it are skipped with a line.
fn pytorch() -> Option<std::ffi::OsString> {
    let python = std::env::var_os("DITHER_TORCH_PYTHON");
    if python.is_none() {
        skipped("DITHER_TORCH_PYTHON does not name a Python with PyTorch");
    }
    python
}

/// Trains a network here; PyTorch, which `theirs` starts with the weights, has to err on as many images.
fn errs_as_often_in_pytorch(model: &Path, mut theirs: Command) {
    let folder = tempfile::tempdir().unwrap();
    let data = some_of_mnist(folder.path(), 600, 1000);
    let out = folder.path().join("train");
    let said = succeeds(about_model(model, "train", &data, &out, &["--hardware", "float32"]));
    let ours = number_before(&said, " % after its last epoch");
    let weights = folder.path().join("weights.safetensors");
    let to = ["--hardware", "float32", "--to", weights.to_str().unwrap()];
    succeeds(about_model(model, "export", &data, &out, &to));
    assert_eq!(
        std::fs::read(&weights).unwrap(),
        std::fs::read(out.join("last.safetensors")).unwrap()
    );
    theirs.arg(&weights).args(["test-x", "test-y"].map(|name| folder.path().join(name)));
    let theirs = number_before(&succeeds(theirs), " of 1000 are wrong") / 10.0;
    assert!((ours - theirs).abs() < 0.11, "{ours} % here, {theirs} % in PyTorch");
}

#[test]
fn trained_weights_are_as_good_in_pytorch() {
    let Some(python) = pytorch() else { return };
    let mut theirs = Command::new(python);
    theirs.arg(example("accuracy.py"));
    errs_as_often_in_pytorch(&example("model.onnx"), theirs);
}

/// The same of networks that others trained, where their files are.
#[test]
fn trained_weights_of_known_networks_are_as_good_in_pytorch() {
    let Some(python) = pytorch() else { return };
    let Some(golden) = std::env::var_os("DITHER_SHARED").filter(|folder| !folder.is_empty()) else {
        return skipped("DITHER_SHARED names no folder of golden files");
    };
    for name in ["mnist-residual", "mnist-gru"] {
        let model = Path::new(&golden).join("golden/onnx-trained").join(name).join("model.onnx");
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/own_network/accuracy.py");
        let mut theirs = Command::new(&python);
        theirs.arg(script).arg(name);
        errs_as_often_in_pytorch(&model, theirs);
    }
}

/// What was trained of the register is written with the names of PyTorch, and taken by them.
#[test]
fn weights_of_the_register_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let [train, age] = ["train", "age"].map(|name| folder.path().join(name));
    let about = |command: &str, out: &Path| {
        let mut command =
            dither(&[command, "--network", "lstm-japanese-vowels", "--scale", "smoke"]);
        command.arg("--out").arg(out);
        command
    };
    succeeds(about("train", &train));
    let weights = train.join("last.safetensors");
    let bytes = std::fs::read(&weights).unwrap();
    let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    assert_eq!(tensors.tensor("lstm.weight_hh_l1_reverse").unwrap().shape(), [64, 16]);
    let mut taken = about("age", &age);
    taken.arg("--checkpoint").arg(&weights).args(["--programmings", "1"]);
    succeeds(taken);
}

#[test]
fn it_ages_and_says_how_often_it_must_be_programmed() {
    let folder = tempfile::tempdir().unwrap();
    let data = some_of_mnist(folder.path(), 600, 300);
    let out = folder.path().join("age");
    let said = succeeds(about("age", &data, &out, &[]));
    assert!(said.contains("report.html"), "{said}");
    let report = std::fs::read_to_string(out.join("report.md")).unwrap();
    for part in
        ["1 year", "mapped directly", "trained for its hardware", "energy (nJ)", "by the mean"]
    {
        assert!(report.contains(part), "'{part}' is not in {report}");
    }
}

#[test]
fn where_it_hurts_becomes_a_policy_that_the_next_command_takes() {
    let folder = tempfile::tempdir().unwrap();
    let data = some_of_mnist(folder.path(), 600, 100);
    let out = folder.path().join("sensitivity");
    let said = succeeds(about("sensitivity", &data, &out, &["--method", "direct"]));
    assert!(said.contains("policy.toml"), "{said}");
    let policy = out.join("policy.toml");
    let text = std::fs::read_to_string(&policy).unwrap();
    let layers: toml::Table = text.parse().unwrap();
    let layers = layers["layers"].as_table().unwrap();
    assert!(
        layers.len() <= 4 && layers.values().all(|layer| layer["on"].as_str() == Some("digital"))
    );
    let out = folder.path().join("age");
    let given = ["--policy", policy.to_str().unwrap(), "--programmings", "1"];
    succeeds(about("age", &data, &out, &given));
    std::fs::write(&policy, "[layers.fc9]\non = \"digital\"\n").unwrap();
    let given = ["--policy", policy.to_str().unwrap()];
    fails_with(
        about("train", &data, &folder.path().join("train"), &given),
        &["there is no layer 'fc9'", "conv1, conv2, fc1, fc2"],
    );
}

#[test]
fn what_does_not_fit_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let data = some_of_mnist(folder.path(), 20, 20);
    let model = example("model.onnx");
    let model = model.to_str().unwrap();
    fails_with(dither(&["age", "--network", model]), &["needs its examples", "--data"]);
    fails_with(
        dither(&["age", "--network", "no-such-network", "--data", "x.npz"]),
        &["no ONNX file", "resnet18"],
    );
    fails_with(about("age", &folder.path().join("none.npz"), &out, &[]), &["none.npz"]);
    fails_with(
        about("train", &data, &out, &["--hardware", "mxfp9"]),
        &["--hardware mxfp9", "nvfp4", "standard-pcm"],
    );
    fails_with(about("train", &data, &out, &["--hardware", "<0,99>"]), &["--hardware <0,99>"]);
    // Images of another size, and a class that the network does not have.
    idx(&folder.path().join("train-x"), &[20, 20, 20], &[7; 20 * 400]);
    idx(&folder.path().join("test-x"), &[20, 20, 20], &[7; 20 * 400]);
    fails_with(about("age", &data, &out, &[]), &["input x", "[1, 20, 20]"]);
    let data = some_of_mnist(folder.path(), 20, 20);
    idx(&folder.path().join("train-y"), &[20], &[10; 20]);
    fails_with(about("age", &data, &out, &[]), &["has 10 classes, and the data have 11"]);
    let mut unwanted = dither(&["sensitivity", "--network", "resnet18", "--test", "x.npz"]);
    unwanted.arg("--out").arg(&out);
    fails_with(unwanted, &["--test is for a network of a file"]);
}
