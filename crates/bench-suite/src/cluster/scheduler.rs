//! [`Scheduler`]: what each scheduler calls an array of jobs.

use std::path::Path;

use super::profile::{Memory, Profile, TimeLimit};
use super::shell::{line, quoted};

/// What runs the elements.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Scheduler {
    /// Slurm: `sbatch`. The others' scripts are written, and their commands printed.
    #[default]
    Slurm,
    /// OpenPBS and PBS Pro: `qsub`.
    Pbs,
    /// IBM Spectrum LSF: `bsub`.
    Lsf,
    /// HyperQueue: `hq submit`.
    Hq,
    /// GNU parallel, on this machine or those of `--sshloginfile`.
    Parallel,
}

/// What a script is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The elements of an array, counted from 1.
    Elements(usize),
    /// What comes after them.
    Merge,
}

/// What stands at the head of a script.
#[derive(Clone, Copy, Debug)]
pub struct Head<'a> {
    /// What the queue shows.
    pub name: &'a str,
    /// The folder of what jobs say.
    pub logs: &'a Path,
    /// What a job gets.
    pub profile: &'a Profile,
}

/// A merge reads records and draws figures.
const MERGE: TimeLimit = TimeLimit { seconds: 3600 };

impl Scheduler {
    /// The number of an element in its script, for bash.
    pub fn element(self, elements: usize) -> &'static str {
        match self {
            // An array of one is none there.
            Self::Pbs if elements == 1 => "1",
            Self::Slurm => "$SLURM_ARRAY_TASK_ID",
            Self::Pbs => "$PBS_ARRAY_INDEX",
            Self::Lsf => "$LSB_JOBINDEX",
            Self::Hq => "$HQ_TASK_ID",
            Self::Parallel => "$1",
        }
    }

    /// Whether what a job says goes where the head of its script has it.
    pub fn keeps_logs(self) -> bool {
        self == Self::Slurm
    }

    /// What the scheduler reads in the comments of a script, a line each.
    pub fn head(self, part: Part, head: Head<'_>) -> Vec<String> {
        let Head { profile, .. } = head;
        let Profile { partition, account, time, memory, options, .. } = profile;
        let (cores, time) = match part {
            Part::Elements(_) => (profile.cores, *time),
            Part::Merge => (1, MERGE.min(*time)),
        };
        let job = Asked { part, head, cores, time };
        let mut lines = match self {
            Self::Slurm => job.slurm(),
            Self::Pbs => job.pbs(),
            Self::Lsf => job.lsf(),
            Self::Hq | Self::Parallel => return Vec::new(),
        };
        let (partition_is, account_is) = match self {
            Self::Slurm => ("--partition=", "--account="),
            Self::Pbs => ("-q ", "-A "),
            _ => ("-q ", "-P "),
        };
        lines.extend(partition.iter().map(|name| format!("{partition_is}{name}")));
        lines.extend(account.iter().map(|name| format!("{account_is}{name}")));
        if let (Self::Slurm, Some(Memory { mib })) = (self, memory) {
            lines.push(format!("--mem={mib}M"));
        }
        lines.extend(options.iter().cloned());
        let comment = match self {
            Self::Slurm => "#SBATCH",
            Self::Pbs => "#PBS",
            _ => "#BSUB",
        };
        lines.into_iter().map(|line| format!("{comment} {line}")).collect()
    }

    /// What a person types to submit both scripts, a line each; none of Slurm, which is asked itself.
    pub fn commands(
        self,
        [array, merge]: [&Path; 2],
        elements: usize,
        head: Head<'_>,
    ) -> Vec<String> {
        let Profile { cores, time, at_once, .. } = head.profile;
        let [array, merge] = [array, merge].map(|file| quoted(&file.to_string_lossy()));
        match self {
            Self::Slurm => Vec::new(),
            Self::Pbs => vec![
                format!("array=$(qsub {array})"),
                format!("qsub -W \"depend=afterany:$array\" {merge}"),
            ],
            Self::Lsf => {
                let name = line([head.name]);
                vec![format!("bsub < {array}"), format!("bsub -w 'ended({name})' < {merge}")]
            }
            Self::Hq => {
                let name = quoted(head.name);
                let to = format!("--stdout=none --stderr=none --name={name}");
                vec![
                    format!(
                        "hq submit --wait --array=1-{elements} --cpus={cores} --time-limit={}s {to} -- \
                         bash {array}",
                        time.seconds
                    ),
                    format!("bash {merge}"),
                ]
            }
            Self::Parallel => {
                let jobs = at_once.map_or_else(|| "1".to_owned(), |n| n.to_string());
                vec![
                    format!("seq {elements} | parallel --jobs {jobs} bash {array}"),
                    format!("bash {merge}"),
                ]
            }
        }
    }
}

/// What is asked of a scheduler.
struct Asked<'a> {
    part: Part,
    head: Head<'a>,
    cores: u64,
    time: TimeLimit,
}

impl Asked<'_> {
    fn name(&self) -> String {
        match self.part {
            Part::Elements(_) => self.head.name.to_owned(),
            Part::Merge => format!("{}-merge", self.head.name),
        }
    }

    fn slurm(&self) -> Vec<String> {
        let logs = self.head.logs.to_string_lossy();
        let log = |name: &str| format!("--output={}", slurm_path(&logs, name));
        let mut lines = vec![format!("--job-name={}", self.name())];
        match self.part {
            Part::Elements(n) => {
                let at_once = self.head.profile.at_once;
                let at_once = at_once.map_or_else(String::new, |n| format!("%{n}"));
                lines.push(format!("--array=1-{n}{at_once}"));
                lines.push(log("%A_%a.txt"));
            }
            Part::Merge => lines.push(log("merge_%j.txt")),
        }
        lines.extend(
            ["--open-mode=append", "--requeue", "--nodes=1", "--ntasks=1"].map(str::to_owned),
        );
        lines.push(format!("--cpus-per-task={}", self.cores));
        lines.push(format!("--time={}", self.time));
        lines
    }

    fn pbs(&self) -> Vec<String> {
        let memory = self.head.profile.memory;
        let memory = memory.map_or_else(String::new, |Memory { mib }| format!(":mem={mib}mb"));
        let mut lines = vec![format!("-N {}", self.name())];
        if let Part::Elements(n @ 2..) = self.part {
            let at_once = self.head.profile.at_once;
            let at_once = at_once.map_or_else(String::new, |n| format!("%{n}"));
            lines.push(format!("-J 1-{n}{at_once}"));
        }
        lines.extend(["-r y", "-j oe", "-o /dev/null"].map(str::to_owned));
        lines.push(format!("-l select=1:ncpus={}{memory}", self.cores));
        lines.push(format!("-l walltime={}", self.time));
        lines
    }

    fn lsf(&self) -> Vec<String> {
        let name = match self.part {
            Part::Elements(n) => {
                let at_once = self.head.profile.at_once;
                let at_once = at_once.map_or_else(String::new, |n| format!("%{n}"));
                format!("-J \"{}[1-{n}]{at_once}\"", self.name())
            }
            Part::Merge => format!("-J {}", self.name()),
        };
        let mut lines = vec![name];
        lines.extend(["-r", "-o /dev/null", "-R \"span[hosts=1]\""].map(str::to_owned));
        lines.push(format!("-n {}", self.cores));
        let minutes = self.time.seconds.div_ceil(60);
        lines.push(format!("-W {}:{:02}", minutes / 60, minutes % 60));
        if let Some(Memory { mib }) = self.head.profile.memory {
            lines.push(format!("-M {mib}MB -R \"rusage[mem={mib}MB]\""));
        }
        lines
    }
}

/// A file in a comment that `sbatch` reads: in double quotes, a per cent sign of the folder twice, for
/// one alone begins what Slurm puts in.
fn slurm_path(folder: &str, name: &str) -> String {
    let folder = folder.replace('\\', r"\\").replace('"', "\\\"").replace('%', "%%");
    format!("\"{folder}/{name}\"")
}
