//! Damaged files of weights: an error, or weights that can be used; never a panic.
//!
//! `PROPTEST_CASES` says how many inputs each property draws.

use crossbar::TileConfig;
use nn::layers::{Init, build};
use nn::{
    Analog, AnalogTraining, AnyArithmetic, Classification, Devices, FixedPoint, Images, Parameters,
    Pixels, Policy, Recipe, Run, checkpoint, evaluate, load_pretrained, models, same_names, train,
};
use numerics::{Par, Rounding, Seed};
use proptest::prelude::*;

const WIDTHS: [usize; 3] = [4, 3, 2];

fn arithmetics() -> [AnyArithmetic; 3] {
    let fixed = FixedPoint::uniform("<4,12>".parse().unwrap(), Rounding::Stochastic).unwrap();
    let tile = TileConfig::load("standard-pcm").unwrap();
    let analog = Analog::new(tile, AnalogTraining::default()).unwrap();
    [
        AnyArithmetic::Float32,
        AnyArithmetic::FixedPoint(fixed),
        AnyArithmetic::Analog(Box::new(analog)),
    ]
}

fn network(arithmetic: &AnyArithmetic) -> (Parameters, models::Mlp) {
    let policy = Policy::uniform(arithmetic.clone());
    build(&policy, Seed::new(1), |b| models::mlp(b, &WIDTHS, Init::XavierNormal))
}

fn images() -> Images {
    Images::new(&[4], (0..40).collect(), [0, 1].repeat(5))
}

/// A checkpoint with everything in it: codes or values, increments and moments, a note.
fn saved(arithmetic: &AnyArithmetic) -> Vec<u8> {
    let (mut parameters, model) = network(arithmetic);
    let (images, pixels) = (images(), Pixels::unit(arithmetic));
    let task = Classification::new(&model, &images, &pixels);
    train(&task, &mut parameters, &Recipe::sgd(5, 1, 0.1), Run::new(&Seed::new(2), Par::Seq))
        .unwrap();
    checkpoint::save(&parameters, "{\"epoch\":1}")
}

/// The same weights as a file of PyTorch's.
fn foreign() -> Vec<u8> {
    let (parameters, _) = network(&AnyArithmetic::Float32);
    let tensors: Vec<(&str, Vec<usize>, Vec<u8>)> = parameters
        .iter()
        .map(|p| {
            let bytes = p.values().iter().flat_map(|x| x.to_le_bytes()).collect();
            (p.name(), p.shape().to_vec(), bytes)
        })
        .collect();
    let views = tensors.iter().map(|(name, shape, bytes)| {
        let view =
            safetensors::tensor::TensorView::new(safetensors::Dtype::F32, shape.clone(), bytes);
        (*name, view.unwrap())
    });
    safetensors::serialize(views, None).unwrap()
}

/// What happens to a file.
#[derive(Clone, Debug)]
enum Damage {
    Flip { at: usize, bit: u8 },
    Byte { at: usize, value: u8 },
    Cut { at: usize },
    Insert { at: usize, bytes: Vec<u8> },
    Remove { at: usize, len: usize },
}

impl Damage {
    fn act(&self, bytes: &mut Vec<u8>) {
        let place = |at: usize| at % bytes.len().max(1);
        if bytes.is_empty() {
            return;
        }
        match self {
            Self::Flip { at, bit } => {
                let at = place(*at);
                bytes[at] ^= 1 << bit;
            }
            Self::Byte { at, value } => {
                let at = place(*at);
                bytes[at] = *value;
            }
            Self::Cut { at } => bytes.truncate(place(*at)),
            Self::Insert { at, bytes: new } => {
                let at = place(*at);
                bytes.splice(at..at, new.iter().copied());
            }
            Self::Remove { at, len } => {
                let at = place(*at);
                bytes.drain(at..(at + len).min(bytes.len()));
            }
        }
    }
}

fn damages() -> impl Strategy<Value = Vec<Damage>> {
    // Most headers are a few hundred bytes: half of the damage is there.
    let at = || prop_oneof![0..600usize, 0..1_000_000usize];
    let digit = prop_oneof![b'0'..=b'9', any::<u8>()];
    let damage = prop_oneof![
        (at(), 0..8u8).prop_map(|(at, bit)| Damage::Flip { at, bit }),
        (at(), digit).prop_map(|(at, value)| Damage::Byte { at, value }),
        at().prop_map(|at| Damage::Cut { at }),
        (at(), prop::collection::vec(any::<u8>(), 1..9))
            .prop_map(|(at, bytes)| Damage::Insert { at, bytes }),
        (at(), 1..9usize).prop_map(|(at, len)| Damage::Remove { at, len }),
    ];
    prop::collection::vec(damage, 1..4)
}

/// Uses a network in every way there is.
fn assert_usable(arithmetic: &AnyArithmetic, parameters: &mut Parameters, model: &models::Mlp) {
    assert!(parameters.not_finite().is_none());
    let (images, pixels) = (images(), Pixels::unit(arithmetic));
    let task = Classification::new(model, &images, &pixels);
    evaluate(&task, &*parameters, Run::new(&Seed::new(3), Par::Seq));
    let tile = |layer: &nn::AnalogWeights| layer.config().tile().clone();
    let run = |seed| Run::new(&Seed::new(seed), Par::Seq);
    if let Ok(mut devices) = Devices::program(parameters, tile, run(4)) {
        devices.age_to(3600.0, run(5)).unwrap();
        evaluate(&task, &devices, run(3));
    }
    // Weights of any size may diverge, and then say so.
    train(&task, parameters, &Recipe::sgd(5, 1, 0.1), Run::new(&Seed::new(2), Par::Seq)).ok();
}

proptest! {
    #[test]
    fn a_damaged_checkpoint_is_refused_or_can_be_used(of in 0..3usize, damages in damages()) {
        let arithmetic = &arithmetics()[of];
        let mut bytes = saved(arithmetic);
        damages.iter().for_each(|damage| damage.act(&mut bytes));
        let (mut parameters, model) = network(arithmetic);
        let before: Vec<Vec<f32>> = parameters.iter().map(|p| p.values()).collect();
        checkpoint::note(&bytes).ok();
        match checkpoint::load(&mut parameters, &bytes) {
            Ok(_) => assert_usable(arithmetic, &mut parameters, &model),
            Err(error) => {
                prop_assert!(error.to_string().len() < 2000, "{error}");
                let after: Vec<Vec<f32>> = parameters.iter().map(|p| p.values()).collect();
                prop_assert_eq!(before, after, "a refused file changed something");
            }
        }
    }

    #[test]
    fn damaged_weights_of_others_are_refused_or_can_be_used(
        of in 0..3usize,
        damages in damages(),
    ) {
        let arithmetic = &arithmetics()[of];
        let mut bytes = foreign();
        damages.iter().for_each(|damage| damage.act(&mut bytes));
        let (mut parameters, model) = network(arithmetic);
        let before: Vec<Vec<f32>> = parameters.iter().map(|p| p.values()).collect();
        match load_pretrained(&mut parameters, &bytes, same_names) {
            Ok(_) => assert_usable(arithmetic, &mut parameters, &model),
            Err(_) => {
                let after: Vec<Vec<f32>> = parameters.iter().map(|p| p.values()).collect();
                prop_assert_eq!(before, after, "a refused file changed something");
            }
        }
    }
}
