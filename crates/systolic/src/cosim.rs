//! [`Simulator`]: the RTL under Verilator, run from Rust, and the same run on the model.
//!
//! ```text
//!   Stimulus ──┬──▶ Simulator (a process built from rtl/*.sv and rtl/bridge.cpp) ──▶ Observed
//!              └──▶ Stimulus::on_model (Wavefront)                               ──▶ Observed
//! ```
//!
//! An [`Observed`] holds what every port showed at every clock edge, so two equal ones mean equal
//! results and equal timing.

use std::fs;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::rtl;
use crate::{ArrayConfig, ArrayError, Beat, ColumnRounding, Edge, Flow, Wavefront};

/// The text of the process around the simulated array.
const BRIDGE: &str = include_str!("../rtl/bridge.cpp");

/// Why the RTL could not be simulated.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CosimError {
    /// A program is not installed.
    #[error("{0} is not installed")]
    ToolAbsent(&'static str),
    /// The tool refused the design.
    #[error("verilator could not build the array:\n{0}")]
    Build(String),
    /// The configuration is impossible.
    #[error(transparent)]
    Config(#[from] ArrayError),
    /// The file system or the pipe failed.
    #[error("the simulator cannot be reached: {0}")]
    Io(#[from] io::Error),
}

/// Whether `tool` can be started.
pub fn is_installed(tool: &str) -> bool {
    Command::new(tool).arg("-V").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok()
}

/// What is done to the ports of an array, from reset on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stimulus {
    /// Rows and columns.
    pub n: usize,
    /// n words of A, then n words of B, beat after beat.
    pub words: Vec<i32>,
    /// Whether each beat is the last one of its tile.
    pub last: Vec<bool>,
    /// Stalls cycle by cycle, repeated from the start when they run out.
    pub flow: Vec<Flow>,
    /// Edges after which the run is given up.
    pub most_edges: u32,
}

/// What the ports showed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Observed {
    /// At every edge.
    pub edges: Vec<Edge>,
    /// The words taken from the output FIFOs: edge, column, code.
    pub results: Vec<(u32, u32, i32)>,
}

impl Stimulus {
    /// Words that will leave the output FIFOs.
    pub fn expected_results(&self) -> usize {
        self.last.iter().filter(|&&last| last).count() * self.n * self.n
    }

    /// The same run on the model.
    ///
    /// # Errors
    ///
    /// [`ArrayError`] if the configuration is impossible.
    ///
    /// # Panics
    ///
    /// If the array has not n rows, or the flow is empty.
    #[track_caller]
    pub fn on_model(&self, config: &ArrayConfig) -> Result<Observed, ArrayError> {
        assert_eq!(config.n, self.n, "the stimulus is for {} rows", self.n);
        let mut array = Wavefront::new(config)?;
        let mut observed = Observed::default();
        let mut beats = self.words.chunks_exact(2 * self.n).zip(&self.last).peekable();
        for cycle in 0..self.most_edges {
            if observed.results.len() >= self.expected_results() {
                break;
            }
            let Flow { offer, take } = self.flow[cycle as usize % self.flow.len()];
            let beat = beats.peek().filter(|_| offer).map(|(words, last)| Beat {
                a: &words[..self.n],
                b: &words[self.n..],
                last: **last,
            });
            let edge = array.clock(beat, take, |output| {
                observed.results.push((cycle, output.column as u32, output.code));
            });
            if edge.accepted {
                beats.next();
            }
            observed.edges.push(edge);
        }
        Ok(observed)
    }
}

/// A running simulation of the RTL.
#[derive(Debug)]
pub struct Simulator {
    n: usize,
    seeds: Vec<u64>,
    process: Child,
    requests: Option<BufWriter<ChildStdin>>,
    responses: BufReader<ChildStdout>,
}

impl Simulator {
    /// Builds the array under `directory`, unless the same one was built there before, and starts
    /// it.
    ///
    /// # Errors
    ///
    /// [`CosimError::ToolAbsent`] without Verilator, make or g++, [`CosimError::Build`] with the
    /// messages if the design is refused, [`CosimError::Config`] if the configuration is
    /// impossible.
    pub fn build(config: &ArrayConfig, directory: &Path) -> Result<Self, CosimError> {
        let program = build(config, directory)?;
        let mut process =
            Command::new(program).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let pipe = || io::Error::other("the process has no pipe");
        let requests = process.stdin.take().ok_or_else(pipe)?;
        let responses = process.stdout.take().ok_or_else(pipe)?;
        let seeds = match &config.rounding {
            ColumnRounding::Stochastic(lfsrs) => lfsrs.seeds.clone(),
            ColumnRounding::NearestTiesDown => vec![0; config.n],
        };
        Ok(Self {
            n: config.n,
            seeds,
            process,
            requests: Some(BufWriter::new(requests)),
            responses: BufReader::new(responses),
        })
    }

    /// Resets the array and runs the stimulus.
    ///
    /// # Errors
    ///
    /// [`CosimError::Io`] if the process has ended.
    ///
    /// # Panics
    ///
    /// If the array has not n rows, or the flow is empty.
    #[track_caller]
    pub fn run(&mut self, stimulus: &Stimulus) -> Result<Observed, CosimError> {
        assert_eq!(self.n, stimulus.n, "the stimulus is for {} rows", stimulus.n);
        assert!(!stimulus.flow.is_empty(), "a flow has at least one cycle");
        let requests =
            self.requests.as_mut().ok_or_else(|| io::Error::other("the pipe is closed"))?;
        for size in [
            stimulus.last.len() as u32,
            stimulus.expected_results() as u32,
            stimulus.most_edges,
            stimulus.flow.len() as u32,
        ] {
            requests.write_all(&size.to_le_bytes())?;
        }
        for seed in &self.seeds {
            requests.write_all(&seed.to_le_bytes())?;
        }
        for flow in &stimulus.flow {
            requests.write_all(&[u8::from(flow.offer) | u8::from(flow.take) << 1])?;
        }
        for (words, &last) in stimulus.words.chunks_exact(2 * self.n).zip(&stimulus.last) {
            for word in words.iter().chain([&i32::from(last)]) {
                requests.write_all(&word.to_le_bytes())?;
            }
        }
        requests.flush()?;

        let edges = self.read_u32()?;
        let mut flags = vec![0; edges as usize];
        self.responses.read_exact(&mut flags)?;
        let bit = |flags: u8, i: u32| flags >> i & 1 == 1;
        let edges = flags
            .into_iter()
            .map(|f| Edge {
                accepted: bit(f, 0),
                issued: bit(f, 1),
                frozen: bit(f, 2),
                done: bit(f, 3),
            })
            .collect();
        let results = (0..self.read_u32()?)
            .map(|_| Ok((self.read_u32()?, self.read_u32()?, self.read_u32()? as i32)))
            .collect::<io::Result<_>>()?;
        Ok(Observed { edges, results })
    }

    fn read_u32(&mut self) -> io::Result<u32> {
        let mut bytes = [0; 4];
        self.responses.read_exact(&mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        // The end of its input ends the process.
        self.requests = None;
        let _ = self.process.wait();
    }
}

/// The path of the simulation program of `config`, built if it is not there.
fn build(config: &ArrayConfig, directory: &Path) -> Result<PathBuf, CosimError> {
    let parameters = rtl::parameters(config)?;
    // Verilator writes C++ and a makefile.
    for tool in ["verilator", "make", "g++"] {
        if !is_installed(tool) {
            return Err(CosimError::ToolAbsent(tool));
        }
    }
    let lfsr_width = match &config.rounding {
        ColumnRounding::Stochastic(lfsrs) => lfsrs.width,
        ColumnRounding::NearestTiesDown => 32,
    };
    let description = format!("{parameters:?}");
    let home = directory.join(format!("array-{:016x}", fingerprint(&description)));
    let program = home.join("Vaccelerator");
    if program.exists() {
        return Ok(program);
    }

    // Built beside its place and moved there, so that what is there is complete; by one thread of
    // one process only.
    static BUILDS: AtomicU32 = AtomicU32::new(0);
    let build = BUILDS.fetch_add(1, Ordering::Relaxed);
    let workshop = home.with_extension(format!("{}-{build}", std::process::id()));
    fs::create_dir_all(&workshop)?;
    let sources = rtl::write_sources(&workshop)?;
    let bridge = workshop.join("bridge.cpp");
    fs::write(&bridge, BRIDGE)?;

    let value = |name: &str| {
        parameters.iter().find(|(key, _)| *key == name).map_or("0", |(_, value)| value.as_str())
    };
    let mut flags = format!("-O1 -DLFSR_W={lfsr_width}");
    for name in ["N", "WA", "WB", "WO"] {
        flags += &format!(" -D{name}={}", value(name));
    }
    let output = Command::new("verilator")
        .args(["-Wall", "--cc", "--exe", "--build", "-j", "1", "-O3", "--top-module", rtl::TOP])
        .args(parameters.iter().map(|(name, value)| format!("-G{name}={value}")))
        .args(["-CFLAGS", &flags, "--Mdir"])
        .arg(&workshop)
        .args(sources)
        .arg(&bridge)
        .output()?;
    if !output.status.success() {
        let text = [output.stdout, output.stderr].concat();
        return Err(CosimError::Build(String::from_utf8_lossy(&text).into_owned()));
    }
    match fs::rename(&workshop, &home) {
        Ok(()) => {}
        // Another build was faster; its program is the same one.
        Err(_) if program.exists() => fs::remove_dir_all(&workshop)?,
        Err(error) => return Err(error.into()),
    }
    Ok(program)
}

/// FNV-1a of the parameters and of every source.
fn fingerprint(description: &str) -> u64 {
    let texts = rtl::SOURCES.iter().map(|(_, text)| *text).chain([BRIDGE, description]);
    texts.flat_map(str::bytes).fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
