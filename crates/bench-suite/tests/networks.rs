//! Every network at smoke scale: it opens, learns, is tested, and gives the same bits on any number
//! of threads. Networks whose data are not there are left out with a line that says so.

#[path = "../../datasets/src/testing/skipped.rs"]
mod skipped;

use std::ops::ControlFlow;
use std::sync::LazyLock;

use bench_suite::Error;
use bench_suite::measured::networks::NetworkId;
use bench_suite::measured::networks::workload::{Instance, Workload};
use bench_suite::measured::scale::Scale;
use datasets::DataFolder;
use nn::{AnyArithmetic, Policy, Progress, Recipe, Run, train_epoch};
use numerics::{Par, Seed};
use skipped::skipped;

/// The data folder; what one test has read, the others need not read again.
static DATA: LazyLock<DataFolder> = LazyLock::new(|| {
    let folder = std::env::var_os("DITHER_DATA");
    DataFolder::new(folder.as_deref().map(std::path::Path::new))
});

/// The networks that need data that do not ship; no test runs without the others.
const NEED_MORE: [NetworkId; 2] = [NetworkId::BertStsb, NetworkId::LstmSpokenDigits];

fn ships(id: NetworkId) -> bool {
    !NEED_MORE.contains(&id)
}

/// The network at smoke scale, if its data are there.
fn open(id: NetworkId) -> Option<Box<dyn Workload>> {
    match id.open(&DATA, Scale::Smoke) {
        Err(Error::NoData(reason)) => {
            assert!(!ships(id), "the data of {id} ship: {reason}");
            skipped(format!("{id}: {reason}"));
            None
        }
        workload => Some(workload.unwrap()),
    }
}

fn instance(workload: &dyn Workload) -> Instance<'_> {
    let policy = Policy::uniform(AnyArithmetic::Float32);
    workload.instance(&policy, &Seed::new(1).child("init"))
}

/// Trains for as many steps, and returns the bits of all parameters.
fn bits_after(workload: &dyn Workload, steps: usize, par: Par) -> Vec<u32> {
    let mut instance = instance(workload);
    let on_step = |progress: &Progress, _: usize| match progress.step < steps {
        true => ControlFlow::Continue(()),
        false => ControlFlow::Break(()),
    };
    // Weights that are taken as they are can be trained, too.
    let recipe = workload.recipe().cloned().unwrap_or_else(|| Recipe::sgd(10, 1, 0.01));
    let mut progress = Progress::default();
    // Stopped, or at the end of the epoch: both are as far as it shall go.
    let _ = train_epoch(
        &*instance.train,
        &mut instance.parameters,
        &recipe,
        &mut progress,
        Run::new(&Seed::new(2), par),
        on_step,
    );
    let error = instance.test_error(Run::new(&Seed::new(3), par));
    let values = instance.parameters.iter().flat_map(nn::Parameter::values);
    let states = instance.parameters.states().flat_map(|(_, values)| values.to_vec());
    let bits = values.chain(states).map(f32::to_bits);
    bits.chain([error.to_bits() as u32, (error.to_bits() >> 32) as u32]).collect()
}

#[test]
fn networks_that_are_trained_here_learn() {
    let mut trained = Vec::new();
    for &id in NetworkId::ALL {
        let Some(workload) = open(id) else { continue };
        if workload.pretrained().unwrap().is_some() {
            continue;
        }
        trained.push(id);
        let recipe = workload.recipe().expect("it has no weights to take");
        recipe.check().unwrap();
        let mut instance = instance(&*workload);
        let (seed, mut progress) = (Seed::new(2), Progress::default());
        let mut losses = Vec::new();
        while progress.epoch < recipe.epochs {
            let stats = train_epoch(
                &*instance.train,
                &mut instance.parameters,
                recipe,
                &mut progress,
                Run::new(&seed, Par::Rayon),
                |_, _| ControlFlow::Continue(()),
            );
            losses.push(stats.unwrap().loss);
        }
        let (first, last) = (losses[0], losses[losses.len() - 1]);
        assert!(last < first, "{}: losses of {losses:?}", id);
        let error = workload.test_error(&instance, Run::new(&seed, Par::Rayon));
        assert!((0.0..=1.0).contains(&error), "{}: a test error of {error}", id);
    }
    // ResNet-20 has weights where its first choice of data is there.
    let ours = NetworkId::ALL.iter().filter(|&&id| ships(id) && id != NetworkId::ResNetCifar10);
    assert!(ours.clone().all(|id| trained.contains(id)), "only {trained:?} were trained");
}

#[test]
fn pretrained_networks_know_their_task() {
    for (id, bound) in [(NetworkId::ResNetCifar10, 0.3), (NetworkId::BertStsb, 0.4)] {
        let Some(workload) = open(id) else { continue };
        let Some(weights) = workload.pretrained().unwrap() else {
            skipped(format!("{id} has no published weights here"));
            continue;
        };
        let mut instance = instance(&*workload);
        instance.parameters.copy_from(&weights);
        let error = workload.test_error(&instance, Run::new(&Seed::new(0), Par::Rayon));
        assert!(error < bound, "{id}: a test error of {error}");
    }
}

#[test]
fn threads_do_not_change_a_bit() {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
    let mut compared = Vec::new();
    for &id in NetworkId::ALL {
        // MiniLM is too large for this; the sentiment networks have the same layers.
        if id == NetworkId::BertStsb {
            continue;
        }
        let Some(workload) = open(id) else { continue };
        let one = bits_after(&*workload, 3, Par::Seq);
        let two = pool.install(|| bits_after(&*workload, 3, Par::Rayon));
        assert!(one == two, "{} depends on the number of threads", id);
        compared.push(id);
    }
    let mut ours = NetworkId::ALL.iter().filter(|&&id| ships(id));
    assert!(ours.all(|id| compared.contains(id)), "only {compared:?} were compared");
}

#[test]
fn names_are_unique_and_layers_exist() {
    let mut names: Vec<&str> = NetworkId::ALL.iter().map(|id| id.name()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), NetworkId::ALL.len());
    for &id in NetworkId::ALL {
        let Some(workload) = open(id) else { continue };
        assert_eq!(workload.id(), id.name());
        assert!((0.4..=1.0).contains(&workload.chance_error()));
        let instance = instance(&*workload);
        for layer in workload.digital_layers() {
            let weight = format!("{layer}.weight");
            assert!(
                instance.parameters.iter().any(|p| p.name() == weight),
                "{} has no layer {layer}",
                id
            );
        }
        assert!(!workload.data().is_empty() && !workload.title().is_empty());
    }
    let error = "no-such".parse::<NetworkId>().unwrap_err().to_string();
    assert!(
        error.starts_with("there is no network 'no-such'; there are: resnet-cifar10"),
        "{error}"
    );
}

#[test]
fn at_paper_scale_missing_data_are_named() {
    let empty = tempfile::tempdir().unwrap();
    let data = DataFolder::new(Some(empty.path()));
    for &id in NetworkId::ALL {
        let error = id.open(&data, Scale::Paper).unwrap_err();
        assert!(matches!(error, Error::NoData(_)), "{}: {error}", id);
    }
}

/// The paper's language model on files in the format of the Penn Treebank.
#[test]
fn the_papers_language_model_reads_the_penn_treebank() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("ptb")).unwrap();
    let words: String = (0..9_998).map(|i| format!("w{i} ")).collect();
    for (name, text) in [("train", &*words), ("valid", "w1 w2\n"), ("test", "w3 w4 <unk>\nw5\n")] {
        std::fs::write(folder.path().join(format!("ptb/ptb.{name}.txt")), text).unwrap();
    }
    let data = DataFolder::new(Some(folder.path()));
    let workload = NetworkId::LstmLanguage.open(&data, Scale::Paper).unwrap();
    workload.recipe().unwrap().check().unwrap();
    assert!((workload.chance_error() - 0.9999).abs() < 1e-12);
    let instance = instance(&*workload);
    assert_eq!(instance.parameters.count(), 19_780_400);
    let tested =
        nn::evaluate(&*instance.test, &instance.parameters, Run::new(&Seed::new(0), Par::Rayon));
    // Untrained: every word is nearly as likely.
    assert!((tested.loss - 10_000f64.ln()).abs() < 0.1, "{tested:?}");
}
