//! What `cargo xtask` answers itself, where building the experiments would take minutes.

use std::process::{Command, Output, Stdio};

/// `cargo xtask` with a cargo that is none: whoever starts it is found out.
fn xtask(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command.args(arguments).env("CARGO", "/no/cargo").stdin(Stdio::null());
    command
}

/// Exit code, standard output, standard error.
fn answer(arguments: &[&str]) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = xtask(arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code(), text(stdout), text(stderr))
}

#[test]
fn help_and_version_need_no_build() {
    for command in
        ["reproduce", "train", "evaluate", "sensitivity", "merge", "report", "list", "bench"]
    {
        for asks in ["--help", "-h"] {
            let (code, stdout, stderr) = answer(&[command, "--scale", "smoke", asks]);
            assert_eq!((code, stderr.as_str()), (Some(0), ""), "{command}");
            assert!(stdout.contains(&format!("Usage: cargo xtask {command}")), "{stdout}");
        }
    }
    for (arguments, words) in [(&["--help"][..], "cargo xtask reproduce"), (&[], "cargo xtask ci")]
    {
        let (code, stdout, _) = answer(arguments);
        assert!(code == Some(0) && stdout.contains(words), "{stdout}");
    }
    let (code, stdout, _) = answer(&["--version"]);
    assert_eq!((code, stdout), (Some(0), format!("cargo xtask {}\n", env!("CARGO_PKG_VERSION"))));
}

#[test]
fn what_is_misspelt_needs_no_build() {
    for (arguments, words) in [
        (&["reproduse"][..], "there is no command 'reproduse'"),
        (&["reproduce", "--sclae", "smoke"], "has no option '--sclae'; it has --scale, "),
        (&["report", "--archives=file"], "has no option '--archives'"),
        (&["train", "my.toml", "--seeds", "3"], "has no option '--seeds'; it has --network, "),
        (&["ci", "all"], "takes no arguments, not 'all'"),
    ] {
        let (code, stdout, stderr) = answer(arguments);
        assert_eq!((code, stdout.as_str()), (Some(2), ""), "{arguments:?}");
        assert!(stderr.starts_with("error: ") && stderr.contains(words), "{stderr}");
    }
}

#[test]
fn what_may_be_right_goes_to_the_experiments() {
    for arguments in [
        &["reproduce", "--scale=smoke", "--seed", "-1"][..],
        &["report", "--archive"],
        &["list"],
        &["train", "--", "--odd.toml"],
    ] {
        let (code, _, stderr) = answer(arguments);
        assert_eq!(code, Some(2), "{arguments:?}");
        assert!(stderr.contains("cannot start /no/cargo"), "{arguments:?}: {stderr}");
    }
}

#[test]
fn a_program_that_is_built_is_used_as_it_is() {
    let output = xtask(&["list"]).env("DITHER_PROGRAM", "/no/dither").output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.starts_with("error: cannot start /no/dither"), "{stderr}");
}

#[test]
fn a_reader_that_leaves_is_no_error() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    assert_eq!(xtask(&["--help"]).stdout(writer).status().unwrap().code(), Some(0));
}

/// A build is shown and announced, and what is there starts without a word.
#[test]
#[cfg(unix)]
fn only_a_build_says_that_it_builds() {
    let target = std::env::temp_dir().join(format!("xtask target {}", std::process::id()));
    let [debug, release] = ["debug", "release"].map(|profile| target.join(profile));
    [&debug, &release].iter().for_each(|folder| std::fs::create_dir_all(folder).unwrap());
    let program = debug.join("xtask");
    std::fs::copy(env!("CARGO_BIN_EXE_xtask"), &program).unwrap();
    let start = || {
        // A cargo that says what it is told. A process that another test has just forked may hold the
        // copy open for writing until it is replaced.
        let output = loop {
            match Command::new(&program).arg("list").env("CARGO", "echo").output() {
                Err(error) if error.kind() == std::io::ErrorKind::ExecutableFileBusy => {
                    std::thread::yield_now();
                }
                other => break other.unwrap(),
            }
        };
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (text(output.stdout), text(output.stderr))
    };
    let (told, said) = start();
    assert_eq!(told, "run --release --locked --package bench-suite -- list\n");
    assert!(said.starts_with("Building the experiments"), "{said}");

    let source = target.join("source.rs");
    std::fs::write(&source, "").unwrap();
    std::fs::write(release.join("dither"), "").unwrap();
    let escaped = source.display().to_string().replace(' ', "\\ ");
    std::fs::write(release.join("dither.d"), format!("dither: {escaped}\n")).unwrap();
    let (told, said) = start();
    assert_eq!(told, "run --release --locked --package bench-suite --quiet -- list\n");
    assert_eq!(said, "");
    std::fs::remove_dir_all(&target).unwrap();
}
