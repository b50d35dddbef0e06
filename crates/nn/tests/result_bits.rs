//! Fixed point with bits of the caller's own: which matrices they are asked for, and where they go.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};

use nn::arithmetic::{NewLayer, ResultBits};
use nn::layers::{Init, build};
use nn::{
    AnyArithmetic, Arithmetic, Classification, FixedPoint, Images, LinearMap, Model, Parameters,
    Pixels, Policy, Recipe, Run, Sgd, evaluate, layers, models, train,
};
use numerics::{NamedBits, Par, RandomBits, Rounding, Seed};

/// First element and shape of each matrix that was asked for.
type Asked = Arc<Mutex<Vec<(u64, (usize, usize))>>>;

/// The bits of other bits, noting what is asked for.
#[derive(Clone, Debug)]
struct Noted {
    bits: RandomBits,
    asked: Asked,
}

impl ResultBits for Noted {
    type Source = NamedBits;

    fn of_matrix(&self, name: &Seed, first: u64, shape: (usize, usize)) -> NamedBits {
        self.asked.lock().unwrap().push((first, shape));
        self.bits.of(name)
    }
}

#[derive(Debug)]
struct Own {
    fixed: FixedPoint,
    bits: Noted,
}

impl Arithmetic for Own {
    fn linear_map(&self, layer: NewLayer<'_>) -> LinearMap {
        self.fixed.linear_map_with(layer, self.bits.clone())
    }

    fn input(&self, x: f32) -> f32 {
        self.fixed.input(x)
    }
}

fn fixed() -> FixedPoint {
    FixedPoint::uniform("<4,8>".parse().unwrap(), Rounding::Stochastic).unwrap()
}

fn own() -> (AnyArithmetic, Asked) {
    let asked = Asked::default();
    let bits = Noted { bits: RandomBits::Chacha, asked: Arc::clone(&asked) };
    (AnyArithmetic::own(Own { fixed: fixed(), bits }), asked)
}

fn images(shape: &[usize], count: usize) -> Images {
    let len = count * shape.iter().product::<usize>();
    let pixels = (0..len).map(|i| (i * 101 % 256) as u8).collect();
    Images::new(shape, pixels, (0..count).map(|i| (i % 2) as u8).collect())
}

fn recipe() -> Recipe {
    let sgd = nn::Optimizer::Sgd(Sgd::default());
    Recipe { optimizer: sgd, ..Recipe::sgd(3, 1, 0.5) }
}

/// Trains for an epoch; parameters, and the loss on the same images.
fn run<M: Model>(
    arithmetic: &AnyArithmetic,
    images: &Images,
    make: impl FnOnce(&mut layers::Builder<'_>) -> M,
) -> (Parameters, f64) {
    let (mut parameters, model) = build(&Policy::uniform(arithmetic.clone()), Seed::new(1), make);
    let pixels = Pixels::unit(arithmetic);
    let task = Classification::new(&model, images, &pixels);
    let run = Run::new(&Seed::new(2), Par::Seq);
    train(&task, &mut parameters, &recipe(), run).unwrap();
    let loss = evaluate(&task, &parameters, run).loss;
    (parameters, loss)
}

fn values(parameters: &Parameters) -> Vec<Vec<f32>> {
    parameters.iter().map(|p| p.values()).collect()
}

#[test]
fn bits_are_asked_for_with_the_shape_of_what_is_rounded() {
    let images = images(&[6], 5);
    let mlp = |b: &mut layers::Builder<'_>| models::mlp(b, &[6, 4, 2], Init::XavierNormal);
    let (arithmetic, asked) = own();
    let (ours, loss) = run(&arithmetic, &images, mlp);
    let (theirs, their_loss) = run(&fixed().into(), &images, mlp);
    assert_eq!((values(&ours), loss), (values(&theirs), their_loss));
    let asked: Vec<_> = std::mem::take(&mut *asked.lock().unwrap());
    // Batches of 3 and of 2, then all 5 in evaluation.
    let step = |rows: usize| {
        let updates = [(4, 6), (1, 4), (2, 4), (1, 2)];
        // Y of both layers, δ′ of the second, the updates.
        let products = [(rows, 4), (rows, 2), (rows, 4)];
        products.into_iter().chain(updates).map(|shape| (0, shape))
    };
    let expected: Vec<_> = step(3).chain(step(2)).chain([(0, (5, 4)), (0, (5, 2))]).collect();
    assert_eq!(asked, expected);
    // Beyond the first hundred examples of an evaluation.
    let images = self::images(&[6], 101);
    let (arithmetic, asked) = own();
    let (parameters, model) = build(&Policy::uniform(arithmetic.clone()), Seed::new(1), mlp);
    let pixels = Pixels::unit(&arithmetic);
    let task = Classification::new(&model, &images, &pixels);
    evaluate(&task, &parameters, Run::new(&Seed::new(2), Par::Seq));
    let asked = asked.lock().unwrap();
    assert_eq!(asked[2..], [(400, (1, 4)), (200, (1, 2))]);
}

/// Rows of channels: those of windows forwards, those of pixels backwards.
#[test]
fn convolutions_ask_for_rows_of_channels() {
    let images = images(&[28, 28, 1], 1);
    let cnn = |b: &mut layers::Builder<'_>| models::gupta_mnist_cnn(b, 0, Init::HeNormal);
    let (arithmetic, asked) = own();
    let (ours, loss) = run(&arithmetic, &images, cnn);
    let (theirs, their_loss) = run(&fixed().into(), &images, cnn);
    assert_eq!((values(&ours), loss), (values(&theirs), their_loss));
    let forward = [(24 * 24, 8), (8 * 8, 16), (1, 128), (1, 10)];
    let backward = [(1, 128), (1, 256), (12 * 12, 8)];
    let updates = [(8, 25), (1, 8), (16, 200), (1, 16), (128, 256), (1, 128), (10, 128), (1, 10)];
    let expected = forward.into_iter().chain(backward).chain(updates).chain(forward);
    let expected: Vec<_> = expected.map(|shape| (0, shape)).collect();
    assert_eq!(*asked.lock().unwrap(), expected);
}

#[test]
fn parameters_for_other_bits_are_refused() {
    let images = images(&[6], 4);
    let mlp = |b: &mut layers::Builder<'_>| models::mlp(b, &[6, 4, 2], Init::XavierNormal);
    let (_, model) = build(&Policy::uniform(own().0), Seed::new(1), mlp);
    let (parameters, _) = build(&Policy::uniform(fixed()), Seed::new(1), mlp);
    let pixels = Pixels::unit(&AnyArithmetic::Float32);
    let task = Classification::new(&model, &images, &pixels);
    let run = || _ = evaluate(&task, &parameters, Run::new(&Seed::new(2), Par::Seq));
    let panic = catch_unwind(AssertUnwindSafe(run)).unwrap_err();
    let message = panic.downcast_ref::<String>().unwrap();
    let expected =
        "hold fc1 for fixed point <4,8>, and the model runs it on other fixed point <4,8>";
    assert!(message.ends_with(expected), "{message}");
}
