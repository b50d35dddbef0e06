//! What does not belong together is refused, by name: policies, models and parameters, files.

mod common;

use std::panic::{AssertUnwindSafe, catch_unwind};

use common::{gaussian, pass};
use crossbar::TileConfig;
use nn::arithmetic::{AnalogTraining, LearnedScales, ScaleUnit};
use nn::layers::{
    Builder, Conv2d, ConvConfig, Init, build, from_pytorch_recurrent_name, try_build,
};
use nn::{
    Analog, AnyArithmetic, Classification, FixedPoint, Images, Model, Parameters, Pixels, Policy,
    Recipe, Run, Step, Tensor, Var, Window, Workspace, checkpoint, evaluate, load_pretrained,
    models, ops, same_names, train,
};
use numerics::{Par, Rounding, Seed};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};

fn fixed(format: &str) -> AnyArithmetic {
    let config = FixedPoint::uniform(format.parse().unwrap(), Rounding::Stochastic);
    AnyArithmetic::FixedPoint(config.unwrap())
}

fn tiles(change: impl FnOnce(&mut TileConfig, &mut AnalogTraining)) -> AnyArithmetic {
    let mut tile = TileConfig::load("standard-pcm").unwrap();
    let mut training = AnalogTraining::default();
    change(&mut tile, &mut training);
    AnyArithmetic::Analog(Box::new(Analog::new(tile, training).unwrap()))
}

fn mlp(arithmetic: &AnyArithmetic, widths: &[usize]) -> (Parameters, models::Mlp) {
    let policy = Policy::uniform(arithmetic.clone());
    build(&policy, Seed::new(1), |b| models::mlp(b, widths, Init::XavierNormal))
}

#[test]
fn a_policy_names_only_layers_that_there_are() {
    let mut policy = Policy::uniform(AnyArithmetic::Float32);
    policy.layers.insert("fc2".to_owned(), fixed("<4,12>"));
    let make = |b: &mut Builder<'_>| models::mlp(b, &[4, 3, 2], Init::XavierNormal);
    assert!(try_build(&policy, Seed::new(1), make).is_ok());
    policy.layers.insert("fc9".to_owned(), fixed("<4,12>"));
    policy.layers.insert("FC1".to_owned(), AnyArithmetic::Float32);
    let error = try_build(&policy, Seed::new(1), make).unwrap_err().to_string();
    assert_eq!(error, "there is no layer 'FC1', 'fc9'; there are fc1, fc2");
    assert!(catch_unwind(AssertUnwindSafe(|| build(&policy, Seed::new(1), make))).is_err());
}

/// The message of the panic of `f`.
fn message(f: impl FnOnce()) -> String {
    let panic = catch_unwind(AssertUnwindSafe(f)).unwrap_err();
    panic.downcast_ref::<String>().expect("a formatted message").clone()
}

/// One message for parameters of another network or arithmetic, with the line that gave them.
#[test]
fn a_model_takes_only_parameters_of_its_own() {
    let images = Images::new(&[4], vec![7; 40], vec![0; 10]);
    let pixels = Pixels::unit(&AnyArithmetic::Float32);
    let fan_in = tiles(|_, training| training.scale_unit = ScaleUnit::FanIn);
    let arithmetics =
        [AnyArithmetic::Float32, fixed("<4,12>"), fixed("<2,14>"), tiles(|_, _| ()), fan_in];
    let names = ["f32", "fixed point <4,12>", "fixed point <2,14>", "tiles", "tiles"];
    for (i, of_model) in arithmetics.iter().enumerate() {
        for (j, of_parameters) in arithmetics.iter().enumerate() {
            let (_, model) = mlp(of_model, &[4, 3, 2]);
            let (parameters, _) = mlp(of_parameters, &[4, 3, 2]);
            let task = Classification::new(&model, &images, &pixels);
            let line = line!() + 1;
            let run = || _ = evaluate(&task, &parameters, Run::new(&Seed::new(2), Par::Seq));
            if i == j {
                run();
                continue;
            }
            let message = message(run);
            let other = if names[i] == names[j] { "other " } else { "" };
            let expected = format!(
                "are of another arithmetic: they hold fc1 for {}, and the model runs it on {other}{}",
                names[j], names[i]
            );
            assert!(message.ends_with(&expected), "{message}");
            assert!(message.contains(&format!("mismatches.rs:{line}:")), "{message}");
        }
    }
    let (_, model) = mlp(&AnyArithmetic::Float32, &[4, 3, 2]);
    let task = Classification::new(&model, &images, &pixels);
    let of = |parameters: Parameters| {
        message(|| _ = evaluate(&task, &parameters, Run::new(&Seed::new(2), Par::Seq)))
    };
    let wider = of(mlp(&AnyArithmetic::Float32, &[4, 5, 2]).0);
    assert!(wider.contains("are of another network: fc1 is of shape [5, 4], not 3 × 4"), "{wider}");
    let empty = of(Parameters::new());
    assert!(empty.ends_with("are of another network: it has no fc1 there"), "{empty}");
    // The same network of another making is its own.
    let (again, _) = mlp(&AnyArithmetic::Float32, &[4, 3, 2]);
    evaluate(&task, &again, Run::new(&Seed::new(2), Par::Seq));
}

/// One convolution whose weights have the same shape in both layouts, and a layer after it.
#[derive(Debug)]
struct Rgb(Conv2d);

impl Model for Rgb {
    fn forward(&self, x: Var, step: &mut Step<'_>) -> Var {
        self.0.forward(x, step)
    }
}

fn rgb() -> (Parameters, Rgb) {
    build(&Policy::uniform(AnyArithmetic::Float32), Seed::new(1), |b| {
        Rgb(Conv2d::new(b, "conv", 3, 2, ConvConfig::new(Window::square(3), Init::HeNormal)))
    })
}

fn file(tensors: &[(&str, Dtype, &[usize])]) -> Vec<u8> {
    let of = |dtype: Dtype, len: usize| -> Vec<u8> {
        let values = (0..len).map(|i| i as f32 / 8.0);
        match dtype {
            Dtype::F32 => values.flat_map(f32::to_le_bytes).collect(),
            _ => vec![0; 2 * len],
        }
    };
    let bytes: Vec<Vec<u8>> =
        tensors.iter().map(|(_, dtype, shape)| of(*dtype, shape.iter().product())).collect();
    let views = tensors.iter().zip(&bytes).map(|((name, dtype, shape), bytes)| {
        (*name, TensorView::new(*dtype, shape.to_vec(), bytes).unwrap())
    });
    safetensors::serialize(views, None).unwrap()
}

#[test]
fn a_file_says_which_layout_it_has() {
    let (mut parameters, _) = rgb();
    let before: Vec<_> = parameters.iter().map(|p| p.values()).collect();
    let ours = checkpoint::save(&parameters, "note");
    let error = load_pretrained(&mut parameters, &ours, same_names).unwrap_err().to_string();
    assert_eq!(
        error,
        "a checkpoint, whose layout is not that of PyTorch; checkpoint::load reads it"
    );
    let theirs =
        file(&[("conv.weight", Dtype::F32, &[2, 3, 3, 3]), ("conv.bias", Dtype::F32, &[2])]);
    let error = checkpoint::load(&mut parameters, &theirs).unwrap_err().to_string();
    assert!(error.contains("load_pretrained"), "{error}");
    assert_eq!(before, parameters.iter().map(|p| p.values()).collect::<Vec<_>>());
    load_pretrained(&mut parameters, &theirs, same_names).unwrap();
    assert_ne!(before, parameters.iter().map(|p| p.values()).collect::<Vec<_>>());
    checkpoint::load(&mut parameters, &ours).unwrap();
    assert_eq!(before, parameters.iter().map(|p| p.values()).collect::<Vec<_>>());
}

/// Whatever the numbers of tiles are multiples of is in the file, and a file of other units is
/// refused; what only training depends on is not.
#[test]
fn a_checkpoint_of_tiles_goes_back_only_where_its_numbers_mean_the_same() {
    let saved = |change: fn(&mut TileConfig, &mut AnalogTraining)| {
        checkpoint::save(&mlp(&tiles(change), &[40, 30, 2]).0, "")
    };
    let load = |bytes: &[u8], change: fn(&mut TileConfig, &mut AnalogTraining)| {
        let (mut parameters, _) = mlp(&tiles(change), &[40, 30, 2]);
        checkpoint::load(&mut parameters, bytes).map_err(|error| error.to_string())
    };
    let plain = saved(|_, _| ());
    load(&plain, |_, _| ()).unwrap();
    load(&plain, |_, training| training.ramp = 7).unwrap();
    load(&plain, |tile, _| tile.periphery.adc.bound = Some(3.0)).unwrap();
    let error = load(&plain, |_, training| training.scale_unit = ScaleUnit::FanIn).unwrap_err();
    assert!(
        error.contains(
            "fc1 is on tiles of 30 × 40, scale_unit = one, \
             not on tiles of 30 × 40, scale_unit = fan-in"
        ),
        "{error}"
    );
    // Two tiles either way, but cut elsewhere.
    let cut = saved(|tile, _| tile.mapping.max_inputs = 25);
    let error = load(&cut, |tile, _| tile.mapping.max_outputs = Some(15)).unwrap_err();
    assert!(error.contains("fc1 is on tiles of 30 × 20+20"), "{error}");
    assert!(error.contains("not on tiles of 15+15 × 40"), "{error}");
    // With tile scales the bound of the ADC is a factor of the weights.
    let scaled = saved(|_, training| training.learned_scales = LearnedScales::Both);
    let error = load(&scaled, |tile, training| {
        training.learned_scales = LearnedScales::Both;
        tile.periphery.adc.bound = Some(3.0);
    });
    assert!(error.unwrap_err().contains("tile scales of bound"));
}

#[test]
fn a_damaged_checkpoint_is_refused_and_changes_nothing() {
    for arithmetic in [AnyArithmetic::Float32, fixed("<4,12>"), tiles(|_, _| ())] {
        let (mut parameters, _) = mlp(&arithmetic, &[4, 3, 2]);
        let bytes = checkpoint::save(&parameters, "note");
        let before: Vec<_> = parameters.iter().map(|p| p.values()).collect();
        for (i, _) in bytes.iter().enumerate() {
            checkpoint::load(&mut parameters, &bytes[..i]).unwrap_err();
        }
        assert_eq!(before, parameters.iter().map(|p| p.values()).collect::<Vec<_>>());
    }
}

/// Momentum that is missing would count as none.
#[test]
fn a_checkpoint_without_one_of_its_tensors_is_refused() {
    let (mut parameters, model) = mlp(&AnyArithmetic::Float32, &[4, 3, 2]);
    let images = Images::new(&[4], (0..40).collect(), [0, 1].repeat(5));
    let pixels = Pixels::unit(&AnyArithmetic::Float32);
    let task = Classification::new(&model, &images, &pixels);
    train(&task, &mut parameters, &Recipe::sgd(5, 1, 0.1), Run::new(&Seed::new(2), Par::Seq))
        .unwrap();
    let bytes = checkpoint::save(&parameters, "");
    let (_, header) = SafeTensors::read_metadata(&bytes).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    for lost in tensors.names() {
        let kept = tensors.iter().filter(|(name, _)| *name != lost);
        let bytes = safetensors::serialize(kept, header.metadata().clone()).unwrap();
        let error = checkpoint::load(&mut parameters, &bytes).unwrap_err().to_string();
        assert!(error.contains("it holds 7 tensors, not 8"), "without {lost}: {error}");
    }
}

#[test]
fn weights_that_are_not_finite_are_refused() {
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let (mut parameters, _) = mlp(&AnyArithmetic::Float32, &[4, 3, 2]);
        for parameter in parameters.iter_mut().filter(|p| p.name() == "fc2.bias") {
            parameter.set_values(&[0.5, bad]);
        }
        let bytes = checkpoint::save(&parameters, "");
        let (mut fresh, _) = mlp(&AnyArithmetic::Float32, &[4, 3, 2]);
        let error = checkpoint::load(&mut fresh, &bytes).unwrap_err().to_string();
        assert_eq!(
            error,
            format!("the checkpoint does not fit the network: fc2.bias holds {bad} at 1")
        );
        let values = [0.5f32, bad].map(f32::to_le_bytes).concat();
        let weights = vec![0; 4 * 6];
        let views = [
            ("fc.bias", TensorView::new(Dtype::F32, vec![2], &values).unwrap()),
            ("fc.weight", TensorView::new(Dtype::F32, vec![2, 3], &weights).unwrap()),
        ];
        let theirs = safetensors::serialize(views, None).unwrap();
        let (mut single, _) = mlp(&AnyArithmetic::Float32, &[3, 2]);
        let rename = |name: &str| Some(name.replace("fc.", "fc1."));
        let error = load_pretrained(&mut single, &theirs, rename).unwrap_err().to_string();
        assert!(error.contains(&format!("fc.bias holds {bad} at 1")), "{error}");
    }
}

#[test]
fn foreign_files_are_named_for_what_they_are() {
    let (mut parameters, _) = mlp(&AnyArithmetic::Float32, &[4, 3]);
    let mut load = |bytes: &[u8], rename: fn(&str) -> Option<String>| {
        load_pretrained(&mut parameters, bytes, rename).unwrap_err().to_string()
    };
    for start in [&b"PK\x03\x04"[..], b"\x80\x02"] {
        let error = load(&[start, &[0; 100]].concat(), same_names);
        assert!(error.contains("torch.save") && error.contains("save_file"), "{error}");
    }
    let whole = file(&[("fc1.weight", Dtype::I16, &[3, 4]), ("fc1.bias", Dtype::I16, &[3])]);
    let error = load(&whole, same_names);
    let expected = "fc1.bias and another one hold I16, not f32, f16, bf16 or f64";
    assert!(error.ends_with(expected), "{error}");
    let twice = file(&[
        ("bn1.bias", Dtype::F32, &[3]),
        ("fc1.bias", Dtype::F32, &[3]),
        ("fc1.weight", Dtype::F32, &[3, 4]),
    ]);
    let error = load(&twice, |name| Some(name.replace("bn1", "fc1")));
    assert!(error.contains("fc1.bias is named twice, by bn1.bias and by fc1.bias"), "{error}");
}

/// A tensor that is missing is called what the file would have to call it.
#[test]
fn a_missing_tensor_has_the_name_of_the_file() {
    let config = nn::layers::RecurrentConfig {
        cell: nn::layers::Cell::Lstm,
        inputs: 2,
        width: 2,
        layers: 1,
        bidirectional: true,
        dropout: 0.0,
    };
    let (mut parameters, _) = build(&Policy::uniform(AnyArithmetic::Float32), Seed::new(1), |b| {
        nn::layers::Recurrent::new(b, "lstm", config)
    });
    let bytes = file(&[("lstm.weight_hh_l0", Dtype::F32, &[8, 2])]);
    let rename = |name: &str| Some(from_pytorch_recurrent_name(name));
    let error = load_pretrained(&mut parameters, &bytes, rename).unwrap_err().to_string();
    assert!(error.contains("lstm.weight_ih_l0 is missing"), "{error}");
    assert!(error.contains("lstm.bias_hh_l0_reverse is missing"), "{error}");
    assert!(!error.contains("lstm.weight_hh_l0 is"), "{error}");
}

/// A tape that the caller began is named too.
#[test]
fn a_step_of_ones_own_names_its_line() {
    let (_, model) = mlp(&fixed("<4,12>"), &[4, 3]);
    let (parameters, _) = mlp(&AnyArithmetic::Float32, &[4, 3]);
    let line = line!() + 1;
    let mut work = Workspace::new();
    let x = work.tape.constant(Tensor::new(&[1, 4], gaussian("x", 4)));
    let message = message(|| {
        let step = &mut work.step(&parameters, pass());
        let y = model.forward(x, step);
        ops::relu(step, y);
    });
    assert!(message.contains(&format!("mismatches.rs:{line}:")), "{message}");
}
