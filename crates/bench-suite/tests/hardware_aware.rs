//! A run from f32 to a year of drift: the same record for any number of threads, and however often
//! it is stopped.

#[path = "../../datasets/src/testing/skipped.rs"]
mod skipped;

use std::path::Path;
use std::time::Duration;

use bench_suite::Error;
use bench_suite::experiments::EXPERIMENTS;
use bench_suite::measured::context::Context;
use bench_suite::measured::measure::Measure;
use bench_suite::measured::measures::comparison::Method;
use bench_suite::measured::measures::hardware_aware::{Aged, HardwareAware};
use bench_suite::measured::networks::subject::Sources;
use bench_suite::measured::point::{Point, Run};
use bench_suite::measured::scale::Scale;
use bench_suite::opened::Networks;
use bench_suite::progress::Progress;
use bench_suite::request::Request;
use bench_suite::stop::Stop;
use bench_suite::store::Store;
use datasets::DataFolder;
use nn::ops::Distillation;
use numerics::Par;
use skipped::skipped;

fn data() -> DataFolder {
    DataFolder::new(std::env::var_os("DITHER_DATA").as_deref().map(Path::new))
}

/// The point of a network, if its data are there.
fn point(network: &str) -> Option<Point> {
    let experiment = EXPERIMENTS.iter().find(|e| e.id() == "rasch2023/networks").unwrap();
    let request = Request { scale: Scale::Smoke, seed: 3, seeds: None, data: data() };
    let points = experiment.points(&request, &mut Networks::of(&request)).unwrap();
    points.into_iter().find(|p| p.name.starts_with(network))
}

/// What it measures.
fn measure(point: &Point) -> &HardwareAware {
    point.measure().unwrap()
}

/// Runs the point in a store, stopped after `stop_after` if given.
fn run(
    point: &Point,
    folder: &Path,
    par: Par,
    stop_after: Option<Duration>,
) -> Result<Aged, Error> {
    let data = data();
    let store = Store::open(folder).unwrap();
    let stop = Stop::default();
    let progress = Progress::silent(point.work, stop.clone());
    let progress = progress.start(point);
    let (checkpoint, models) = (store.checkpoint(point), store.models());
    let context = Context {
        processes: &nn::Processes::one(),
        sources: Sources::registered(&data),
        sums: &point.data,
        par,
        progress: &progress,
        checkpoint: &checkpoint,
        models: &models,
    };
    std::thread::scope(|scope| {
        if let Some(after) = stop_after {
            scope.spawn(move || {
                std::thread::sleep(after);
                stop.ask();
            });
        }
        measure(point).run(point.seed, &context)
    })
}

/// The point, whose network on tiles has the float one as a teacher.
fn distilled(point: Point) -> Point {
    let mut measure = measure(&point).clone();
    measure.trained.recipe.distillation = Some(Distillation { temperature: 10.0, mix: 0.75 });
    measure.direct = false;
    let Point { name: label, seed, data, work, .. } = point;
    Point::new(point.experiment, Run { label, measure, seed, data, work })
}

#[test]
fn records_do_not_depend_on_threads_or_interruptions() {
    let (folder, point) = (tempfile::tempdir().unwrap(), point("lstm-japanese-vowels").unwrap());
    let whole = run(&point, &folder.path().join("whole"), Par::Seq, None).unwrap();
    let (float, chance) = (whole.baseline.float_error_percent, whole.baseline.chance_error_percent);
    assert!(float < chance, "the float network errs in {float} %, chance is {chance} %");
    for method in [Method::Direct, Method::HardwareAware] {
        assert_eq!(whole.errors.at(method, 3600.0).len(), 1, "{method:?}");
    }
    assert_eq!(whole, run(&point, &folder.path().join("threads"), Par::Rayon, None).unwrap());
    let (mut stops, mut after) = (0, Duration::from_millis(5));
    let resumed = loop {
        match run(&point, &folder.path().join("stopped"), Par::Seq, Some(after)) {
            Err(Error::Interrupted) => stops += 1,
            finished => break finished.unwrap(),
        }
        // Longer and longer, so that some epoch ends on any machine.
        after = after.mul_f64(1.3);
    };
    assert!(stops > 0, "the run was over before it could be stopped");
    assert_eq!(whole, resumed);
}

#[test]
fn a_recipe_may_ask_for_distillation() {
    let folder = tempfile::tempdir().unwrap();
    // One store: both have the same float network.
    let run = |point: &Point| run(point, folder.path(), Par::Seq, None);
    let vowels = point("lstm-japanese-vowels").unwrap();
    let alone = run(&vowels).unwrap();
    let taught = run(&distilled(vowels)).unwrap();
    let (alone, taught) = (alone.baseline, taught.baseline);
    assert_eq!(alone.float_error_percent, taught.float_error_percent);
    assert_ne!(alone.hwa_train_loss, taught.hwa_train_loss);
    let Some(transducer) = point("rnn-t") else {
        skipped("the data of rnn-t, whose loss has no logits, are not there");
        return;
    };
    assert_eq!(
        run(&distilled(transducer)).unwrap_err().to_string(),
        "recipe of 'rnn-t': distillation needs a network whose loss is a cross-entropy of logits"
    );
}

#[test]
fn data_that_have_changed_since_the_point_was_made_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut vowels = point("lstm-japanese-vowels").unwrap();
    vowels.data[0].sha256 = "0".repeat(64);
    let error = run(&vowels, folder.path(), Par::Seq, None).unwrap_err().to_string();
    let expected = "network 'lstm-japanese-vowels': its data have changed since this command began";
    assert_eq!(error, expected);
}
