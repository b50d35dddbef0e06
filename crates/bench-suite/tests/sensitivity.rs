//! What is measured of one network, against the definitions.

use std::collections::BTreeMap;
use std::path::Path;

use bench_suite::experiment::AnyExperiment;
use bench_suite::experiments::EXPERIMENTS;
use bench_suite::measured::context::Context;
use bench_suite::measured::measure::Measure;
use bench_suite::measured::measures::hardware_aware::HardwareAware;
use bench_suite::measured::measures::sensitivity::{
    Analysed, Analysis, Case, ErrorSource, Layers, Method, Reading, Sensitivity,
};
use bench_suite::measured::measures::trained::Trained;
use bench_suite::measured::measures::trial::Repeats;
use bench_suite::measured::networks::subject::Sources;
use bench_suite::measured::networks::workload::Instance;
use bench_suite::measured::point::{self, Point};
use bench_suite::measured::scale::Scale;
use bench_suite::opened::Networks;
use bench_suite::progress::Progress;
use bench_suite::request::Request;
use bench_suite::stop::Stop;
use bench_suite::store::Store;
use crossbar::TileConfig;
use crossbar::compensation::CompensationScope;
use datasets::{DataFolder, japanese_vowels};
use nn::{
    Analog, Devices, Mode, Observer, Pass, RangeStatistic, Run, TileProduct, Weights, Workspace,
};
use numerics::{Par, Seed};

const SEED: u64 = 5;

/// A network whose data ships with the source, with its recipe at smoke scale.
fn trained() -> Trained {
    let find = |e: &&&dyn AnyExperiment| e.id() == "rasch2023/networks";
    let experiment = EXPERIMENTS.iter().find(find).unwrap();
    let data = DataFolder::new(None);
    let request = Request { scale: Scale::Smoke, seed: SEED, seeds: None, data };
    let points = experiment.points(&request, &mut Networks::of(&request)).unwrap();
    let point = points.into_iter().find(|p| p.name.starts_with("lstm-japanese-vowels")).unwrap();
    point.measure::<HardwareAware>().unwrap().trained.clone()
}

fn sensitivity(trained: Trained, method: Method, analysis: Analysis) -> Sensitivity {
    Sensitivity { trained, method, repeats: Repeats { programmings: 1, t_s: 3600.0 }, analysis }
}

/// Calls `f` with all that a running point has.
fn with_context<R>(store: &Path, f: impl FnOnce(&Context<'_>) -> R) -> R {
    let data = DataFolder::new(None);
    let analysis = Analysis::Budget { case: Case::Nothing };
    let run = point::Run {
        label: "a test".to_owned(),
        measure: sensitivity(trained(), Method::Direct, analysis),
        seed: SEED,
        data: vec![japanese_vowels::sum()],
        work: 1,
    };
    let point = Point::new("sensitivity", run);
    let store = Store::open(store).unwrap();
    let progress = Progress::silent(1, Stop::default());
    let progress = progress.start(&point);
    let (checkpoint, models) = (store.checkpoint(&point), store.models());
    f(&Context {
        processes: &nn::Processes::one(),
        sources: Sources::registered(&data),
        sums: &point.data,
        par: Par::Seq,
        progress: &progress,
        checkpoint: &checkpoint,
        models: &models,
    })
}

fn run(store: &Path, sensitivity: &Sensitivity) -> Reading {
    with_context(store, |context| sensitivity.run(SEED, context).unwrap())
}

#[test]
fn without_any_source_of_errors_the_network_is_the_float_one() {
    let folder = tempfile::tempdir().unwrap();
    let mut trained = trained();
    // Tuning changes scales, and with them the network.
    trained.recipe.calibration.tuning = 0;
    let errors = |case: Case| {
        let analysis = Analysis::Budget { case };
        let measured = run(folder.path(), &sensitivity(trained.clone(), Method::Direct, analysis));
        let Analysed::Budget { errors } = measured.analysed else { unreachable!() };
        (errors, measured.baseline.float_error_percent)
    };
    let (nothing, float) = errors(Case::Nothing);
    assert_eq!(nothing, [float]);
    // Losses of single examples, for test errors move in steps and may be the same by chance.
    with_context(folder.path(), |context| {
        let workload = trained.open(context).unwrap();
        let seed = Seed::new(SEED);
        let losses = |Instance { test, .. }: &Instance<'_>, weights: Weights<'_>| -> Vec<f64> {
            let loss = |example: usize| {
                let mut work = Workspace::new();
                let first_row = example as u64;
                let pass = Pass { seed, first_row, step: 0, mode: Mode::Eval, par: Par::Seq };
                let mut step = work.step(weights, pass);
                let loss = test.forward(&[example as u32], &mut step).loss;
                f64::from(work.tape.value(loss).data()[0])
            };
            (0..test.len()).map(loss).collect()
        };
        let float = trained.reference(&*workload, SEED, context).unwrap().instance;
        let float = losses(&float, (&float.parameters).into());
        let mean_change = |case: Case| {
            let instance = trained.direct(&*workload, SEED, context).unwrap().instance;
            let tile = case.tile(trained.recipe.analog.tile());
            let run = Run::new(&seed, Par::Seq);
            let program =
                Devices::program(&instance.parameters, |_| tile.clone(), run.child("devices"));
            let mut devices = program.unwrap();
            devices.age_to(3600.0, run.child("read-out")).unwrap();
            let changes = losses(&instance, (&devices).into())
                .into_iter()
                .zip(&float)
                .map(|(a, b)| (a - b).abs());
            changes.sum::<f64>() / float.len() as f64
        };
        let [nothing, everything] = [Case::Nothing, Case::Everything].map(mean_change);
        assert!(nothing < 1e-5, "without sources of errors losses change by {nothing}");
        assert!(everything > 1e-2, "the standard tile changes losses by {everything} only");
    });
}

/// Rows and outputs of every product, by layer.
#[derive(Debug, Default)]
struct Products(BTreeMap<String, (Vec<f32>, Vec<f32>)>);

impl Observer for Products {
    fn see(&mut self, product: &TileProduct<'_>) {
        let (rows, outputs) = self.0.entry(product.layer().to_owned()).or_default();
        rows.extend(product.rows());
        outputs.extend(product.output());
    }
}

/// The quantities of every layer, from its rows and outputs one number after another.
#[test]
fn layers_are_what_the_definitions_say() {
    const EXAMPLES: usize = 3;
    let folder = tempfile::tempdir().unwrap();
    let mut trained = trained();
    // Clipped outputs are at the bound itself, no factor of a compensation in between; several
    // tiles to a matrix.
    let mut tile = trained.recipe.analog.tile().clone();
    tile.periphery.adc.steps = None;
    tile.periphery.adc.bound = Some(0.75);
    tile.compensation.scope = CompensationScope::None;
    tile.mapping.max_inputs = 20;
    // A range that inputs go beyond.
    trained.recipe.calibration.statistic = RangeStatistic::MeanAbsMax { cap: 0.5 };
    trained.recipe.analog = Analog::new(tile.clone(), *trained.recipe.analog.training()).unwrap();
    let analysis = Analysis::Layers { examples: EXAMPLES };
    let reading =
        run(folder.path(), &sensitivity(trained.clone(), Method::HardwareAware, analysis));
    with_context(folder.path(), |context| {
        let workload = trained.open(context).unwrap();
        let instance = trained.hardware_aware(&*workload, SEED, context).unwrap().instance;
        let seed = Seed::new(SEED).child("trial").child(0u64);
        let (parameters, run) = (&instance.parameters, Run::new(&seed, Par::Seq));
        let program = Devices::program(parameters, |_| tile.clone(), run.child("devices"));
        let mut devices = program.unwrap();
        devices.age_to(3600.0, run.child("read-out")).unwrap();
        let mut work = Workspace::new();
        work.observe(Products::default());
        for k in 0..EXAMPLES {
            let example = (k * instance.test.len() / EXAMPLES) as u32;
            let pass = Pass {
                seed: Seed::new(SEED).child("observed"),
                first_row: u64::from(example),
                step: 0,
                mode: Mode::Eval,
                par: Par::Seq,
            };
            instance.test.forward(&[example], &mut work.step(&devices, pass));
            work.clear();
        }
        let Products(products) = work.observed().unwrap();
        let names: Vec<String> = parameters.analog().map(|a| a.name().to_owned()).collect();
        let Analysed::Layers(Layers(layers)) = &reading.analysed else { unreachable!() };
        assert_eq!(layers.iter().map(|layer| layer.name.clone()).collect::<Vec<_>>(), names);
        let (mut clipped_inputs, mut clipped_outputs) = (0, 0);
        for (analog, known) in parameters.analog().zip(layers) {
            let layer = analog.name();
            let ((outputs, inputs), (rows, ys)) = (analog.shape(), &products[layer]);
            let bias = parameters.iter().find(|p| *p.name() == format!("{layer}.bias"));
            let bias = bias.map_or(vec![0.0; outputs], |bias| bias.values());
            let weights = analog.logical(parameters);
            let (mut error, mut size) = (0.0, 0.0);
            for (x, y) in rows.chunks_exact(inputs).zip(ys.chunks_exact(outputs)) {
                let (mut e, mut s) = (0.0, 0.0);
                for o in 0..outputs {
                    let terms = x.iter().zip(&weights[o * inputs..][..inputs]);
                    let exact: f64 = terms.map(|(x, w)| f64::from(*x) * f64::from(*w)).sum();
                    e += (f64::from(y[o] - bias[o]) - exact).powi(2);
                    s += exact.powi(2);
                }
                error += e.sqrt();
                size += s.sqrt();
            }
            let expected = 100.0 * error / size;
            let found = known.mvm_error_percent;
            assert!((found / expected - 1.0).abs() < 1e-4, "{layer}: {found} %, not {expected} %");
            assert!(found > 1.0, "{layer} is nearly exact: {found} %");

            let count = rows.len() / inputs;
            assert_eq!(known.products, count as f64 / EXAMPLES as f64);
            assert_eq!(known.tiles, inputs.div_ceil(20));
            let alpha = analog.input_range(parameters);
            let beyond = rows.iter().filter(|x| x.abs() > alpha).count();
            let expected = 100.0 * beyond as f64 / rows.len() as f64;
            assert!((known.inputs_clipped_percent - expected).abs() < 1e-9, "{layer}");
            clipped_inputs += beyond;
            if analog.cut().parts().len() > 1 {
                continue;
            }
            let scales = analog.scales(parameters);
            let at_bound = ys
                .chunks_exact(outputs)
                .flat_map(|y| (0..outputs).map(move |o| (y[o], o)))
                .filter(|&(y, o)| ((y - bias[o]) / (alpha * scales[o])).abs() > 0.75 * (1.0 - 1e-5))
                .count();
            let expected = 100.0 * at_bound as f64 / ys.len() as f64;
            assert!((known.outputs_clipped_percent - expected).abs() < 1e-9, "{layer}");
            clipped_outputs += at_bound;
        }
        assert!(clipped_inputs > 0 && clipped_outputs > 0, "{clipped_inputs}, {clipped_outputs}");
    });
}

/// What is digital may as well be on a tile without errors, and is on it then, to the same errors.
#[test]
fn a_better_tile_is_taken_where_it_is_enough() {
    let folder = tempfile::tempdir().unwrap();
    let mut trained = trained();
    trained.recipe.calibration.tuning = 0;
    // So noisy that no network bears it.
    let mut standard = trained.recipe.analog.tile().clone();
    standard.periphery.adc.noise = 1.0;
    let training = *trained.recipe.analog.training();
    trained.recipe.analog = Analog::new(standard.clone(), training).unwrap();
    let spared = |better: TileConfig| {
        // Whatever is lost is too much.
        let analysis = Analysis::Spared { loss_percent: 0.0, better: Some(Box::new(better)) };
        let measured = run(folder.path(), &sensitivity(trained.clone(), Method::Direct, analysis));
        let Analysed::Spared(spared) = measured.analysed else { unreachable!() };
        spared
    };
    let exact = spared(ErrorSource::none(&standard));
    let digital: Vec<&str> = exact.together().map(|(layer, _)| layer).collect();
    assert!(!digital.is_empty(), "the standard tile loses nothing");
    let mut better: Vec<&str> = exact.better().map(|(layer, _)| layer).collect();
    better.reverse();
    assert_eq!(better, digital);
    let errors = |found: Option<(&str, &[f64])>| found.unwrap().1.to_vec();
    assert_eq!(errors(exact.better().last()), errors(exact.together().last()));
    // The standard tile is no better one: a layer that came onto it would not have been spared.
    let same = spared(standard);
    assert_eq!(same.together().count(), digital.len());
    assert!(same.better().count() < digital.len());
}
