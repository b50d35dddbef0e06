//! [`Status`]: how far a submission is, from its store and, where there is one, the queue.

use super::plan::{Plan, Planned};
use super::queue::{Phase, Queued};
use super::submission::Jobs;
use super::times::core_s;
use crate::measured::error::Error;
use crate::store::{State, Store};

/// How far a submission is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Status {
    /// Points with a record, those among them that were there before.
    pub done: usize,
    /// Points that a process is at.
    pub running: usize,
    /// Points that failed, with the reason.
    pub failed: Vec<(String, String)>,
    /// Points that no one is at.
    pub open: usize,
    /// Seconds on one core that is left to compute.
    pub left_core_s: f64,
    /// The elements that have points without a record.
    pub elements: Elements,
    /// Seconds until the end, if elements are running.
    pub left_s: Option<f64>,
}

/// Elements with points without a record, by their place in the queue.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Elements {
    /// Whether there is a queue that could be asked.
    pub known: bool,
    /// On a machine.
    pub running: usize,
    /// Not yet, or again.
    pub waiting: usize,
    /// No longer: the numbers of elements that have ended without all records and will not be run again.
    pub ended: Vec<usize>,
}

impl Status {
    /// Looks at every point of a plan; `queue` is what the scheduler says of its jobs.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if the store cannot be looked at.
    pub fn of(
        plan: &Plan,
        store: &Store,
        jobs: &Jobs,
        queue: Option<&[Queued]>,
    ) -> Result<Self, Error> {
        let mut status = Self { done: plan.done_before, ..Self::default() };
        let (mut expected_s, mut taken_s) = (0.0, 0.0);
        // What is left of each element.
        let mut left = vec![0.0; plan.elements.len()];
        let mut unfinished = vec![false; plan.elements.len()];
        for (index, element) in plan.elements.iter().enumerate() {
            for point in &element.points {
                let Planned { experiment, key, name, core_s: expected } = point;
                match store.state(experiment, key)? {
                    State::Done(run) => {
                        status.done += 1;
                        if let Some(run) = run {
                            expected_s += expected;
                            taken_s += core_s(&run);
                        }
                        continue;
                    }
                    State::Running => status.running += 1,
                    State::Failed(why) => {
                        status.failed.push((format!("{experiment} {name}"), why));
                    }
                    State::Open => status.open += 1,
                }
                left[index] += expected;
                unfinished[index] = true;
            }
        }
        // What has run tells how good the expectation was.
        let correction = if expected_s > 0.0 && taken_s > 0.0 { taken_s / expected_s } else { 1.0 };
        left.iter_mut().for_each(|seconds| *seconds *= correction);
        status.left_core_s = left.iter().sum();
        let Some(queue) = queue else { return Ok(status) };
        status.elements.known = true;
        let mut longest = 0.0_f64;
        for (index, _) in unfinished.iter().enumerate().filter(|(_, unfinished)| **unfinished) {
            let of_element = |queued: &&Queued| {
                queued.element == Some(index + 1) && jobs.arrays.contains(&queued.job)
            };
            let phases: Vec<Phase> =
                queue.iter().filter(of_element).map(|queued| queued.phase).collect();
            if phases.contains(&Phase::Running) {
                status.elements.running += 1;
                longest = longest.max(left[index] / plan.cores as f64);
            } else if phases.contains(&Phase::Waiting) {
                status.elements.waiting += 1;
            } else {
                status.elements.ended.push(index + 1);
            }
        }
        if status.elements.running > 0 {
            let cores = status.elements.running as f64 * plan.cores as f64;
            status.left_s = Some((status.left_core_s / cores).max(longest));
        }
        Ok(status)
    }

    /// All points.
    pub fn points(&self) -> usize {
        self.done + self.running + self.failed.len() + self.open
    }

    /// Whether every point has its record.
    pub fn is_complete(&self) -> bool {
        self.done == self.points()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::cluster::plan::Element;
    use crate::cluster::queue::parse;
    use crate::measured::hash::CODE_VERSION;
    use crate::measured::measurements::Measurements;
    use crate::measured::point::Point;
    use crate::provenance::Run;
    use crate::record::Record;

    fn point(seed: u64) -> Point {
        crate::measured::point::testing::point(
            "test/status",
            &format!("seed {seed}"),
            serde_json::Value::Null,
            seed,
        )
    }

    /// Three elements of two points, each of which is expected to take 100 s on one core.
    fn plan() -> Plan {
        let element = |seeds: [u64; 2]| Element {
            seconds: 100.0,
            points: seeds.map(|seed| Planned::new(&point(seed), 100.0)).into(),
        };
        Plan {
            code: CODE_VERSION.to_owned(),
            command: Vec::new(),
            done_before: 4,
            cores: 2,
            elements: vec![element([0, 1]), element([2, 3]), element([4, 5])],
        }
    }

    #[test]
    fn a_submission_is_told_from_the_store_and_the_queue() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        // It took twice as long as was expected.
        let run = Run::ending_now(Duration::from_secs(200), 2, 1);
        for seed in [0, 1, 2] {
            let record = Record::new(&point(seed), Measurements::default());
            store.save(&point(seed), &record, &run).unwrap();
        }
        let _lock = store.take(&point(3)).unwrap();
        store.failed(&point(4), &Error::Usage("it broke".to_owned())).unwrap();
        let jobs = Jobs { arrays: vec!["7".to_owned(), "8".to_owned()], merge: None };
        let of = |queue: Option<&[Queued]>| Status::of(&plan(), &store, &jobs, queue).unwrap();

        let alone = of(None);
        assert_eq!((alone.done, alone.running, alone.open, alone.points()), (7, 1, 1, 10));
        assert_eq!(alone.failed, [("test/status seed 4".to_owned(), "it broke".to_owned())]);
        assert_eq!((alone.left_core_s, alone.left_s), (600.0, None));
        assert!(!alone.elements.known && !alone.is_complete());

        let queue = parse("7|1|COMPLETED\n7|2|RUNNING\n7|3|FAILED\n9|3|RUNNING\n");
        let status = of(Some(&queue));
        let Elements { running, waiting, ended, .. } = status.elements;
        assert_eq!((running, waiting, ended), (1, 0, vec![3]));
        assert_eq!(status.left_s, Some(300.0), "600 s on the two cores of one element");
        // A second round will run it again.
        let queue = parse("7|2|RUNNING\n7|3|FAILED\n8|2|PENDING\n8|3|PENDING\n");
        let Elements { running, waiting, ended, .. } = of(Some(&queue)).elements;
        assert_eq!((running, waiting, ended), (1, 1, vec![]));
    }
}
