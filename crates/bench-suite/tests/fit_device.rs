//! `fit-device`, as a person uses it: files in, a tile and a report out.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crossbar::TileConfig;
use crossbar::device::{DeviceConfig, drift_exponent_mean, programming_std_us};

fn document(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/examples").join(file)
}

fn dither(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dither"));
    command.args(arguments).current_dir(folder).stdin(Stdio::null());
    command.env_remove("DITHER_DATA").env_remove("DITHER_CALLED").output().unwrap()
}

/// The example of the documents: its device is that which it was drawn from, and other commands take it.
#[test]
fn readings_become_a_tile_and_a_report() {
    let folder = tempfile::tempdir().unwrap();
    let readings = document("device/readings.csv");
    let Output { status, stdout, stderr } = dither(
        folder.path(),
        &[
            "fit-device",
            readings.to_str().unwrap(),
            "--t0",
            "20",
            "--read-time",
            "250e-9",
            "--out",
            "mine.toml",
        ],
    );
    let (stdout, stderr) = (String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap());
    assert!(status.success(), "{stderr}");
    for words in
        ["written: mine.toml, mine.html", "a share of the drifted conductance", "within 90 %"]
    {
        assert!(stdout.contains(words), "no '{words}' in {stdout}");
    }
    assert!(stderr.contains("note: the last reading is 6.048e5 s"), "{stderr}");

    let tile = TileConfig::load(folder.path().join("mine.toml").to_str().unwrap()).unwrap();
    let DeviceConfig::Measured(device) = &tile.device else { panic!("it is measured") };
    assert_eq!((device.table.g_target_us.len(), tile.ir_drop.g_max_us), (11, 25.0));
    let mut ratios = 0.0;
    for (i, &target) in device.table.g_target_us.iter().enumerate().skip(1) {
        // Four standard errors of 40 devices that scatter by 1.1 µS, read noise included, and of their exponents.
        assert!(
            (device.table.g_mean_us[i] - target).abs() < 0.7,
            "{target} µS: {}",
            device.table.g_mean_us[i]
        );
        let nu = drift_exponent_mean(target / 25.0);
        let error = if target < 10.0 { 0.02 } else { 0.006 };
        assert!(
            (device.table.nu_mean[i] - nu).abs() < error,
            "{target} µS: {}",
            device.table.nu_mean[i]
        );
        ratios += device.table.g_std_us[i] / programming_std_us(target / 25.0, 25.0);
    }
    // Of one state the spread errs by a fifth.
    assert!((ratios / 10.0 - 1.0).abs() < 0.25, "{ratios}");
    assert_eq!(tile.faults.stuck_at_random, 0.0);
    assert_eq!(tile.faults.stuck_at_g_max, 0.0);

    let page = std::fs::read_to_string(folder.path().join("mine.html")).unwrap();
    for words in [
        "Before it is believed",
        "Programming error",
        "Drift exponent",
        "devices of the fit",
        "base = ",
    ] {
        assert!(page.contains(words), "no '{words}'");
    }
    assert!(!page.contains("http://") && !page.contains("https://"), "the page needs a network");

    let model = document("own/model.onnx");
    let checked = dither(folder.path(), &["check", model.to_str().unwrap(), "--tile", "mine.toml"]);
    assert!(checked.status.success(), "{checked:?}");
}

#[test]
fn what_cannot_be_fitted_is_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("good.csv", "device,target (µS),t (s),G (µS)\na,1,1,1\nb,2,1,2\n");
    write("bad.csv", "device,target (µS),t (s),G (µS)\na,1,1,x\n");
    write("one.csv", "device,target (µS),t (s),G (µS)\na,1,1,1\nb,1,1,1\n");
    for (arguments, words) in [
        (vec!["none.csv"], "cannot read none.csv"),
        (vec!["bad.csv"], "bad.csv, line 2: 'x' is not a number"),
        (vec!["one.csv"], "2 devices in one state"),
        (vec!["good.csv", "--t0", "-3"], "t0 = -3 s lies outside"),
        (vec!["good.csv", "--base", "no-such-tile"], "'no-such-tile' is neither a preset"),
        (vec!["good.csv", "--hold-out", "2"], "held-out share = 2 lies outside"),
    ] {
        let Output { status, stderr, .. } =
            dither(folder.path(), &[&["fit-device"], arguments.as_slice()].concat());
        let stderr = String::from_utf8(stderr).unwrap();
        let errors: Vec<&str> = stderr.lines().filter(|line| line.starts_with("error: ")).collect();
        assert!(status.code() == Some(2) && errors.len() == 1, "{arguments:?}: {stderr}");
        assert!(errors[0].contains(words), "{arguments:?}: {stderr}");
    }
}
