//! Numbers of parameters against the published ones, and one pass through each network.

use nn::layers::{Builder, Init};
use nn::models::{self, CifarPadding, CifarResNetConfig, Model};
use nn::{Arithmetic, Mode, Parameters, Pass, Policy, Step, Tape, Tensor};
use numerics::{Par, Seed};

fn build<M: Model + 'static>(
    make: impl FnOnce(&mut Builder<'_>) -> M,
) -> (Parameters, Box<dyn Model>) {
    let (mut parameters, seed) = (Parameters::new(), Seed::new(0));
    let policy = Policy::uniform(Arithmetic::Float32);
    let model = make(&mut Builder { parameters: &mut parameters, policy: &policy, seed });
    (parameters, Box::new(model))
}

fn logits(parameters: &Parameters, model: &dyn Model, shape: &[usize], mode: Mode) -> Tensor {
    let mut tape = Tape::new();
    let mut x = vec![0.0; shape.iter().product()];
    Seed::new(1).stream().fill_gaussian(0, &mut x);
    let x = tape.constant(Tensor::new(shape, x));
    let pass = Pass { seed: Seed::new(2), first_row: 0, mode, par: Par::Rayon };
    let y = model.forward(x, &mut Step { tape: &mut tape, parameters, pass });
    tape.value(y).clone()
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
        ("WideResNet-16-4", build(|b| models::wide_resnet(b, 16, 4, 10)), 2_748_890),
        ("WideResNet-40-4", build(|b| models::wide_resnet(b, 40, 4, 10)), 8_949_210),
        ("WideResNet-16-8", build(|b| models::wide_resnet(b, 16, 8, 10)), 10_961_370),
        // Huang et al., Table 2: 0.8 M for k = 12 and depth 100.
        ("DenseNet-BC-100-12", build(|b| models::densenet_bc(b, 100, 12, 10)), 769_162),
    ];
    for (name, (parameters, _), expected) in counts {
        assert_eq!(parameters.count(), expected, "{name}");
    }
}

#[test]
fn every_network_gives_one_row_of_logits_per_image() {
    let init = Init::HeNormal;
    let small: [(&str, (Parameters, Box<dyn Model>), [usize; 4]); 6] = [
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
        ("WideResNet-10-1", build(|b| models::wide_resnet(b, 10, 1, 10)), [2, 32, 32, 3]),
        ("DenseNet-BC-10-4", build(|b| models::densenet_bc(b, 10, 4, 10)), [2, 32, 32, 3]),
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
