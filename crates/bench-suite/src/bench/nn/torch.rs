//! PyTorch as a process beside ours.
//!
//! PyTorch takes part if `DITHER_TORCH_PYTHON` names a Python that has it. It runs as one process
//! that does a step whenever it is sent a line, on as many threads as we have, so that the two
//! alternate.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use crate::bench::row::{Measured, Unmeasured, alternate};

const PROLOGUE: &str = "
import sys, torch
from torch import nn
import torch.nn.functional as F
torch.manual_seed(0)
torch.set_num_threads(1)
# Libraries that greet on standard output must not be taken for answers.
answers, sys.stdout = sys.stdout, sys.stderr
";

const LOOP: &str = "
for _ in sys.stdin:
    step()
    print('done', file=answers, flush=True)
";

/// A Python process that does one step for every line it is sent.
pub(super) struct Torch {
    process: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
}

impl Torch {
    /// Starts Python with a program that defines `step()` for PyTorch on one thread.
    pub(super) fn start(program: &str) -> Result<Self, String> {
        let python = std::env::var_os("DITHER_TORCH_PYTHON")
            .ok_or("DITHER_TORCH_PYTHON does not name a Python with PyTorch")?;
        let mut process = Command::new(&python)
            .args(["-c", &format!("{PROLOGUE}{program}{LOOP}")])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("cannot start {}: {error}", python.display()))?;
        let to = process.stdin.take().ok_or("the process has no standard input")?;
        let from = process.stdout.take().ok_or("the process has no standard output")?;
        Ok(Self { process, to, from: BufReader::new(from) })
    }

    /// Does one step.
    pub(super) fn step(&mut self) -> Result<(), String> {
        let mut answer = String::new();
        let sent = self.to.write_all(b"\n").and_then(|()| self.from.read_line(&mut answer));
        match sent {
            Ok(_) if answer == "done\n" => Ok(()),
            Ok(_) => Err("PyTorch stopped; its message is above".to_owned()),
            Err(error) => Err(format!("PyTorch stopped: {error}")),
        }
    }
}

impl Drop for Torch {
    fn drop(&mut self) {
        // It ends by itself when its input does; a kill only makes that sooner.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// Times `ours` against steps of the PyTorch program that defines `step()`.
pub(in crate::bench) fn against_torch(
    rounds: usize,
    program: &str,
    mut ours: impl FnMut(),
) -> Result<Measured, Unmeasured> {
    let mut torch = Torch::start(program).map_err(Unmeasured::Missing)?;
    let mut failure = None;
    let measured = alternate(rounds, &mut ours, || {
        if let Err(error) = torch.step() {
            failure = Some(error);
        }
    });
    failure.map_or(Ok(measured), |reason| Err(Unmeasured::Missing(reason)))
}
