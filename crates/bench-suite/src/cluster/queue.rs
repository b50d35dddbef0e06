//! What `squeue` says of the elements of array jobs.

use std::process::Command;

/// The columns that are asked for: the array's number, the element's, and its state.
const FORMAT: &str = "--format=%F|%K|%T";

/// Where an element is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// It waits, perhaps after a requeue.
    Waiting,
    /// It has a machine.
    Running,
    /// It has ended, however it did.
    Ended,
}

/// A line of the queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Queued {
    /// The number of the job, or of the array of which it is an element.
    pub job: String,
    /// The element, counted as in the array; none of a single job.
    pub element: Option<usize>,
    /// Where it is.
    pub phase: Phase,
}

/// The elements of jobs that the scheduler still knows; `None` where there is no `squeue`, or it
/// cannot be asked.
pub fn ask(jobs: &[String]) -> Option<Vec<Queued>> {
    if jobs.is_empty() {
        return None;
    }
    let mut command = Command::new("squeue");
    command.args(["--noheader", "--array", "--states=all", FORMAT]);
    let output = command.arg(format!("--jobs={}", jobs.join(","))).output().ok()?;
    let said = String::from_utf8_lossy(&output.stdout);
    let why = String::from_utf8_lossy(&output.stderr);
    // A job that ended long ago is forgotten, which is not an error of the queue.
    let forgotten = why.contains("Invalid job id");
    (output.status.success() || forgotten).then(|| parse(&said))
}

/// Reads the lines of the queue. What is no such line says nothing.
pub fn parse(text: &str) -> Vec<Queued> {
    text.lines().filter_map(parse_line).collect()
}

fn parse_line(line: &str) -> Option<Queued> {
    let mut columns = line.trim().split('|');
    let (job, element, state) = (columns.next()?, columns.next()?, columns.next()?);
    let is_number = !job.is_empty() && job.bytes().all(|b| b.is_ascii_digit());
    if !is_number || columns.next().is_some() {
        return None;
    }
    Some(Queued { job: job.to_owned(), element: element.parse().ok(), phase: phase(state) })
}

/// The states of Slurm, in its own words.
fn phase(state: &str) -> Phase {
    match state {
        "PENDING" | "REQUEUED" | "REQUEUE_HOLD" | "REQUEUE_FED" | "SPECIAL_EXIT" | "SUSPENDED"
        | "RESV_DEL_HOLD" => Phase::Waiting,
        "RUNNING" | "COMPLETING" | "CONFIGURING" | "RESIZING" | "SIGNALING" | "STAGE_OUT"
        | "STOPPED" => Phase::Running,
        _ => Phase::Ended,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_and_single_jobs_are_read() {
        let said = "12|1|COMPLETED\n12|2|RUNNING\n12|3|PENDING\n12|4|TIMEOUT\n 12|5|NODE_FAIL \n\
                    13|N/A|PENDING\n12|7|COMPLETING\n";
        let all = parse(said);
        let phases: Vec<Phase> = all.iter().map(|queued| queued.phase).collect();
        use Phase::{Ended, Running, Waiting};
        assert_eq!(phases, [Ended, Running, Waiting, Ended, Ended, Waiting, Running]);
        assert_eq!(all[1], Queued { job: "12".to_owned(), element: Some(2), phase: Running });
        assert_eq!((&*all[5].job, all[5].element), ("13", None));
    }

    #[test]
    fn what_is_no_line_of_the_queue_says_nothing() {
        for line in [
            "",
            "slurm_load_jobs error: Invalid job id specified",
            "12|1",
            "a|1|RUNNING",
            "1|2|3|4",
        ] {
            assert_eq!(parse(line), [], "{line}");
        }
        assert_eq!(parse("1|2|A_STATE_OF_TOMORROW")[0].phase, Phase::Ended);
    }
}
