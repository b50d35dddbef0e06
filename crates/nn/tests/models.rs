//! Numbers of parameters against the published ones, and one pass through each network.

use nn::layers::{Builder, Init};
use nn::models::{self, CifarPadding, CifarResNetConfig, DenseNetConfig, Model, WideResNetConfig};
use nn::{AnyArithmetic, Mode, Parameters, Pass, Policy, Tensor, Workspace};
use numerics::{Par, Seed};

type Network = (Parameters, Box<dyn Model>);

fn wide(depth: usize, width: usize) -> WideResNetConfig {
    WideResNetConfig { inputs: 3, depth, width, classes: 10 }
}

fn dense(depth: usize, growth: usize) -> DenseNetConfig {
    DenseNetConfig { inputs: 3, depth, growth, classes: 10 }
}

fn build<M: Model + 'static>(make: impl FnOnce(&mut Builder<'_>) -> M) -> Network {
    let (mut parameters, seed) = (Parameters::new(), Seed::new(0));
    let policy = Policy::uniform(AnyArithmetic::Float32);
    let model = make(&mut Builder { parameters: &mut parameters, policy: &policy, seed });
    (parameters, Box::new(model))
}

fn logits(parameters: &Parameters, model: &dyn Model, shape: &[usize], mode: Mode) -> Tensor {
    let mut work = Workspace::new();
    let mut x = vec![0.0; shape.iter().product()];
    Seed::new(1).stream().fill_gaussian(0, &mut x);
    let x = work.tape.constant(Tensor::new(shape, x));
    let pass = Pass { seed: Seed::new(2), first_row: 0, step: 0, mode, par: Par::Rayon };
    let y = model.forward(x, &mut work.step(parameters, pass));
    work.tape.value(y).clone()
}

/// Trainable parameters: weights, biases, scales and shifts.
#[test]
fn parameter_counts_are_the_published_ones() {
    let init = Init::HeNormal;
    let cifar = |depth| {
        move |b: &mut Builder<'_>| models::cifar_resnet(b, &CifarResNetConfig::he2015(depth))
    };
    let counts = [
        // By hand from [Gupta15 §4.1], unpadded: 5²·8+8, 5²·8·16+16, 256·128+128, 128·10+10.
        ("MNIST CNN", build(|b| models::gupta_mnist_cnn(b, 0, init)), 37_610),
        // By hand from [Gupta15 §4.2]: 5²·3·64+64, twice 5²·64²+64, 4²·64·10+10.
        (
            "CIFAR-10 CNN",
            build(|b| models::gupta_cifar_cnn(b, CifarPadding { conv: 2, pool: 1 }, init)),
            220_042,
        ),
        // The README of the published weights gives 0.27, 0.46, 0.66, 0.85 M; the exact numbers
        // are those of its files.
        ("ResNet-20", build(cifar(20)), 269_722),
        ("ResNet-32", build(cifar(32)), 464_154),
        ("ResNet-44", build(cifar(44)), 658_586),
        ("ResNet-56", build(cifar(56)), 853_018),
        // torchvision.models documentation, num_params.
        ("ResNet-18", build(|b| models::resnet18(b, 1000)), 11_689_512),
        ("ResNet-50", build(|b| models::resnet50(b, 1000)), 25_557_032),
        ("WideResNet-50-2", build(|b| models::wide_resnet50_2(b, 1000)), 68_883_240),
        ("DenseNet-121", build(|b| models::densenet121(b, 1000)), 7_978_856),
        // Zagoruyko and Komodakis, Table 4: 2.7, 8.9 and 11.0 M; the exact numbers are those of
        // the same layers in PyTorch.
        ("WideResNet-16-4", build(|b| models::wide_resnet(b, &wide(16, 4))), 2_748_890),
        ("WideResNet-40-4", build(|b| models::wide_resnet(b, &wide(40, 4))), 8_949_210),
        ("WideResNet-16-8", build(|b| models::wide_resnet(b, &wide(16, 8))), 10_961_370),
        // Huang et al., Table 2: 0.8 M for k = 12 and depth 100.
        ("DenseNet-BC-100-12", build(|b| models::densenet_bc(b, &dense(100, 12))), 769_162),
    ];
    for (name, (parameters, _), expected) in counts {
        assert_eq!(parameters.count(), expected, "{name}");
    }
}

#[test]
fn every_network_gives_one_row_of_logits_per_image() {
    let init = Init::HeNormal;
    let small: [(&str, Network, [usize; 4]); 6] = [
        ("MNIST CNN", build(|b| models::gupta_mnist_cnn(b, 0, init)), [2, 28, 28, 1]),
        (
            "CIFAR CNN",
            build(|b| models::gupta_cifar_cnn(b, CifarPadding { conv: 2, pool: 1 }, init)),
            [2, 32, 32, 3],
        ),
        (
            "ResNet-8",
            build(|b| models::cifar_resnet(b, &CifarResNetConfig::he2015(8))),
            [2, 32, 32, 3],
        ),
        (
            "ResNet-32 of Rasch et al.",
            build(|b| models::cifar_resnet(b, &CifarResNetConfig::rasch2023())),
            [2, 32, 32, 3],
        ),
        ("WideResNet-10-1", build(|b| models::wide_resnet(b, &wide(10, 1))), [2, 32, 32, 3]),
        ("DenseNet-BC-10-4", build(|b| models::densenet_bc(b, &dense(10, 4))), [2, 32, 32, 3]),
    ];
    for (name, (parameters, model), shape) in &small {
        for mode in [Mode::Train, Mode::Eval] {
            let y = logits(parameters, &**model, shape, mode);
            assert_eq!(y.shape(), [2, 10], "{name}");
            assert!(y.data().iter().all(|y| y.is_finite()), "{name} in {mode:?}");
        }
    }
    for (name, (parameters, model)) in [
        ("ResNet-18", build(|b| models::resnet18(b, 7))),
        ("ResNet-50", build(|b| models::resnet50(b, 7))),
        ("DenseNet-121", build(|b| models::densenet121(b, 7))),
    ] {
        let y = logits(&parameters, &*model, &[1, 64, 64, 3], Mode::Eval);
        assert_eq!(y.shape(), [1, 7], "{name}");
        assert!(y.data().iter().all(|y| y.is_finite()), "{name}");
    }
}

mod pretrained {
    use nn::layers::{BatchNorm, Conv1d, Conv2d, ConvConfig};
    use nn::{Renames, Window, load_pretrained, same_names};
    use safetensors::Dtype;
    use safetensors::tensor::TensorView;

    use super::*;

    fn network() -> Parameters {
        let (mut parameters, seed) = (Parameters::new(), Seed::new(0));
        let policy = Policy::uniform(AnyArithmetic::Float32);
        let mut builder = Builder { parameters: &mut parameters, policy: &policy, seed };
        let config = ConvConfig::new(Window::square(3), Init::HeNormal);
        Conv2d::new(&mut builder, "image", 2, 3, config);
        Conv2d::new(&mut builder, "grouped", 4, 6, config.groups(2));
        let line = ConvConfig::new(Window::line(5), Init::HeNormal);
        Conv1d::new(&mut builder, "line", 2, 3, line);
        BatchNorm::new(&mut builder, "norm", 3);
        parameters
    }

    fn file(tensors: &[(&str, &[usize])]) -> Vec<u8> {
        file_of(tensors, Dtype::F32, |x| x.to_le_bytes().to_vec())
    }

    fn file_of(
        tensors: &[(&str, &[usize])],
        dtype: Dtype,
        bytes: impl Fn(f32) -> Vec<u8>,
    ) -> Vec<u8> {
        let data: Vec<Vec<u8>> = (tensors.iter())
            .map(|(_, shape)| {
                let len = shape.iter().product::<usize>();
                (0..len).flat_map(|i| bytes(i as f32)).collect()
            })
            .collect();
        let views = tensors.iter().zip(&data).map(|((name, shape), data)| {
            (*name, TensorView::new(dtype, shape.to_vec(), data).unwrap())
        });
        safetensors::serialize(views, None).unwrap()
    }

    const TENSORS: [(&str, &[usize]); 11] = [
        ("image.weight", &[3, 2, 3, 3]),
        ("image.bias", &[3]),
        ("grouped.weight", &[6, 2, 3, 3]),
        ("grouped.bias", &[6]),
        ("line.weight", &[3, 2, 5]),
        ("line.bias", &[3]),
        ("norm.weight", &[3]),
        ("norm.bias", &[3]),
        ("norm.running_mean", &[3]),
        ("norm.running_var", &[3]),
        ("norm.num_batches_tracked", &[]),
    ];

    #[test]
    fn layouts_are_translated() {
        let mut parameters = network();
        load_pretrained(&mut parameters, &file(&TENSORS), same_names).unwrap();
        let values = |name: &str| {
            parameters.iter().find(|p| p.name() == name).expect("a parameter").values()
        };
        // Ours at (o, y, x, i) is theirs at (o, i, y, x).
        assert_eq!(values("image.weight")[((2 * 3 + 1) * 3 + 2) * 2 + 1], 36.0 + 9.0 + 5.0);
        assert_eq!(values("grouped.group1.weight")[((3 + 1) * 3 + 2) * 2], 54.0 + 18.0 + 5.0);
        assert_eq!(values("grouped.group1.bias"), [3.0, 4.0, 5.0]);
        assert_eq!(values("line.weight")[(5 + 3) * 2 + 1], 10.0 + 5.0 + 3.0);
        assert!(parameters.states().all(|(_, values)| values == [0.0, 1.0, 2.0]));
    }

    #[test]
    fn numbers_of_other_widths_are_taken() {
        let loaded = |bytes: &[u8]| {
            let mut parameters = network();
            let notes = load_pretrained(&mut parameters, bytes, same_names).unwrap();
            (parameters.iter().map(|p| p.values()).collect::<Vec<_>>(), notes)
        };
        let (expected, notes) = loaded(&file(&TENSORS));
        assert!(notes.is_empty());
        // Whole numbers up to 108 are exact in all of them.
        let half = |x: f32| half::f16::from_f32(x).to_le_bytes().to_vec();
        assert_eq!(loaded(&file_of(&TENSORS, Dtype::F16, half)).0, expected);
        let brain = |x: f32| half::bf16::from_f32(x).to_le_bytes().to_vec();
        assert_eq!(loaded(&file_of(&TENSORS, Dtype::BF16, brain)).0, expected);
        let wide = |x: f32| f64::from(x).to_le_bytes().to_vec();
        assert_eq!(loaded(&file_of(&TENSORS, Dtype::F64, wide)), (expected.clone(), Vec::new()));
        let rounded = |x: f32| (f64::from(x) + f64::from(x == 2.0) * 1e-12).to_le_bytes().to_vec();
        let (values, notes) = loaded(&file_of(&TENSORS, Dtype::F64, rounded));
        assert_eq!(values, expected);
        assert_eq!(notes.len(), 10);
        assert!(notes.contains(&"1 numbers of grouped.weight were rounded to f32".to_owned()));
        let large = |_: f32| 1e300f64.to_le_bytes().to_vec();
        let file = file_of(&TENSORS, Dtype::F64, large);
        let error = load_pretrained(&mut network(), &file, same_names).unwrap_err().to_string();
        assert!(error.contains("image.weight holds inf at 0"), "{error}");
    }

    #[test]
    fn names_are_translated_by_a_table() {
        let mut tensors = TENSORS.to_vec();
        tensors[0].0 = "backbone.weight";
        tensors.push(("steps", &[1]));
        let text = "ignore = [\"steps\"]\nrename = { \"backbone.weight\" = \"image.weight\" }\n";
        let renames = Renames::from_toml(text).unwrap();
        let mut parameters = network();
        load_pretrained(&mut parameters, &file(&tensors), |name| renames.ours(name)).unwrap();
        let image = parameters.iter().find(|p| p.name() == "image.weight").unwrap().values();
        assert_eq!(image[1], 9.0);
        let error = Renames::from_toml("ignore = []\nrenames = {}\n").unwrap_err();
        assert!(error.starts_with("line 2: unknown field `renames`"), "{error}");
    }

    #[test]
    fn everything_that_does_not_fit_is_listed() {
        let mut tensors = TENSORS.to_vec();
        tensors[0].1 = &[3, 2, 3, 2];
        tensors[3].0 = "other.bias";
        tensors.remove(9);
        let mut parameters = network();
        let before: Vec<Vec<f32>> = parameters.iter().map(nn::Parameter::values).collect();
        let error = load_pretrained(&mut parameters, &file(&tensors), same_names).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the weights do not fit the network: image.weight has shape [3, 2, 3, 2], not [3, 2, \
             3, 3]; grouped.bias is missing; norm.running_var is missing; other.bias is not in the \
             network"
        );
        let after: Vec<Vec<f32>> = parameters.iter().map(nn::Parameter::values).collect();
        assert_eq!(before, after);
        let error = load_pretrained(&mut parameters, b"nothing", same_names).unwrap_err();
        assert!(error.to_string().starts_with("not a readable safetensors file"), "{error}");
    }
}

/// Rasch et al., Supplementary Table: 361,712 weights and 10 biases, normalisation not counted.
#[test]
fn the_resnet_of_rasch_et_al_has_its_number_of_weights() {
    let (parameters, _) = build(|b| models::cifar_resnet(b, &CifarResNetConfig::rasch2023()));
    let mapped: usize = (parameters.iter())
        .filter(|p| p.shape().len() > 1 || p.name() == "linear.bias")
        .map(|p| p.shape().iter().product::<usize>())
        .sum();
    assert_eq!(mapped, 361_722);
}
