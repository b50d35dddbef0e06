//! Floats and blocks of few bits: against the float twin where formats hold every number, and against
//! products of what the formats make of the operands.

mod common;

use common::{gaussian, pass};
use nn::arithmetic::{
    Accumulator, Block, BlockOperand, FloatOperand, ForwardProduct, InputGradient, LowFloat,
    Master, Products, Scaling, WeightGradient,
};
use nn::layers::{Conv2d, ConvConfig, Init, Linear, Readout, build};
use nn::{
    AnyArithmetic, Float32, Mode, Parameters, Pass, Policy, Step, Tensor, Var, Window, Workspace,
    checkpoint, ops,
};
use numerics::{
    BlockFormat, BlockQuantizer, BlockShape, FloatFormat, FloatQuantizer, Hadamard, HadamardSigns,
    Overflow, Par, Rounding, ScaleRule, Seed, Top,
};
use proptest::prelude::*;

/// Small integers.
fn integers(name: &str, len: usize) -> Vec<f32> {
    let mut words = vec![0; len];
    Seed::new(3).child(name).stream().fill_words(0, &mut words);
    words.into_iter().map(|word| (word % 7) as f32 - 3.0).collect()
}

/// y, ∂x, ∂W and ∂b of Σ g·y.
#[derive(Debug, PartialEq)]
struct Outcome {
    y: Vec<f32>,
    gradients: Vec<Vec<f32>>,
}

/// What a layer is.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Rows {
        inputs: usize,
        outputs: usize,
    },
    Images,
    /// As many rows and columns as the patches of the images.
    Patches,
}

/// Rows and columns that blocks do not divide.
const ROWS: Kind = Kind::Rows { inputs: 40, outputs: 24 };

/// One layer with given numbers.
fn run(
    arithmetic: &AnyArithmetic,
    kind: Kind,
    value: impl Fn(&str, usize) -> Vec<f32>,
    pass: Pass,
) -> Outcome {
    enum Layer {
        Linear(Linear),
        Conv(Conv2d),
    }
    let policy = Policy::uniform(arithmetic.clone());
    let (mut parameters, layer) = build(&policy, Seed::new(1), |builder| {
        let init = Init::Normal { std_dev: 0.4 };
        match kind {
            Kind::Rows { inputs, outputs } => {
                let readout = Readout::Layer;
                Layer::Linear(Linear::new(builder, "layer", inputs, outputs, init, readout))
            }
            Kind::Patches => {
                Layer::Linear(Linear::new(builder, "layer", 45, 7, init, Readout::Layer))
            }
            Kind::Images => {
                let window = Window::square(3).stride(2).padding(1);
                Layer::Conv(Conv2d::new(builder, "layer", 5, 7, ConvConfig::new(window, init)))
            }
        }
    });
    for parameter in parameters.iter_mut() {
        let values = value(parameter.name(), parameter.values().len());
        parameter.set_values(&values);
    }
    let shape = match kind {
        Kind::Rows { inputs, .. } => vec![32, inputs],
        Kind::Images => vec![4, 6, 5, 5],
        Kind::Patches => vec![4, 9, 45],
    };
    let mut work = Workspace::new();
    let x = value("x", shape.iter().product());
    let x = work.tape.variable(Tensor::new(&shape, x));
    let step = &mut work.step(&parameters, pass);
    let y = match &layer {
        Layer::Linear(layer) => layer.forward(x, step),
        Layer::Conv(layer) => layer.forward(x, step),
    };
    let loss = weighted_sum(step, y, &value);
    let y = work.tape.value(y).data().to_vec();
    let gradients = work.tape.backward(loss, 1.0, &mut parameters, pass);
    let mut all = vec![gradients.of(x).unwrap().to_vec()];
    all.extend(parameters.iter().map(|p| p.gradient().unwrap().to_vec()));
    Outcome { y, gradients: all }
}

/// Σ g·y, whose errors δ are g.
fn weighted_sum(step: &mut Step<'_>, y: Var, value: &impl Fn(&str, usize) -> Vec<f32>) -> Var {
    let shape = step.value(y).shape().to_vec();
    let g = value("g", shape.iter().product());
    let g = step.tape.constant(Tensor::new(&shape, g));
    let product = ops::mul(step, y, g);
    ops::sum(step, product)
}

fn float(format: FloatFormat, rounding: Rounding, scaling: Scaling) -> FloatOperand {
    FloatOperand { rounding, scaling, ..FloatOperand::nearest(format) }
}

fn low_float(products: Products<FloatOperand>) -> AnyArithmetic {
    LowFloat::new(products).unwrap().into()
}

fn block(products: Products<BlockOperand>) -> AnyArithmetic {
    Block::new(products).unwrap().into()
}

fn mx(format: BlockFormat, rounding: Rounding, rule: ScaleRule) -> BlockQuantizer {
    BlockQuantizer { scale_rule: rule, ..BlockQuantizer::new(format, rounding) }
}

const HADAMARD: Hadamard = Hadamard { size: 16, signs: HadamardSigns::Nvidia };

/// Integers below 2^7, and their sums of 16 over 4, are exact in every one of these formats: so are y
/// and all gradients.
#[test]
fn formats_that_hold_every_number_give_the_float_network() {
    let none = Products::<FloatOperand>::unrounded();
    let bf16 = float(FloatFormat::BF16, Rounding::Stochastic, Scaling::None);
    let f16 = float(FloatFormat::F16, Rounding::NearestTiesEven, Scaling::None);
    let wide = BlockFormat::block_floating_point(8, 16).unwrap();
    let wide = mx(wide, Rounding::Stochastic, ScaleRule::Rceil);
    let mut transformed = Products::uniform(BlockOperand::along(wide));
    transformed.forward.hadamard = Some(HADAMARD);
    transformed.input_gradient.hadamard = Some(HADAMARD);
    transformed.weight_gradient.hadamard = Some(HADAMARD);
    let square = Products::uniform(BlockOperand::square(wide));
    let exact = Products { accumulator: Accumulator::Exact, ..square };
    let arithmetics = [
        low_float(none),
        low_float(Products::uniform(bf16)),
        low_float(Products::uniform(f16)),
        low_float(Products { accumulator: Accumulator::Exact, ..Products::uniform(bf16) }),
        block(Products::uniform(BlockOperand::along(wide))),
        block(square),
        block(exact),
    ];
    for kind in [ROWS, Kind::Images] {
        let float = run(&AnyArithmetic::Float32, kind, integers, pass());
        assert!(float.gradients.iter().all(|g| g.iter().any(|g| *g != 0.0)));
        for arithmetic in &arithmetics {
            let found = run(arithmetic, kind, integers, pass());
            assert!(found == float, "{kind:?} in {arithmetic:?}");
        }
    }
    // Runs of 16 alone: the factor 1/√d of others is no number of these formats.
    let kind = Kind::Rows { inputs: 48, outputs: 32 };
    let float = run(&AnyArithmetic::Float32, kind, integers, pass());
    let found = run(&block(transformed), kind, integers, pass());
    assert!(found == float, "with a transform");
}

/// Nothing rounded on rows of a matrix: the bits of f32, whatever the numbers.
#[test]
fn without_roundings_the_bits_are_those_of_f32() {
    let none = low_float(Products::unrounded());
    let float = run(&AnyArithmetic::Float32, ROWS, gaussian, pass());
    assert_eq!(run(&none, ROWS, gaussian, pass()), float);
}

/// Products in f64 of what the formats make of the operands, with the random bits of the layer.
fn twin(products: &Products<BlockOperand>, pass: Pass) -> Outcome {
    let (rows, inputs, outputs) = (32, 40, 24);
    let seed = |name: &str| pass.seed.child("layer").child(name);
    let rounded = |operand: Option<BlockOperand>,
                   hadamard: Option<Hadamard>,
                   (x, rows, cols): (&[f32], usize, usize),
                   sum: BlockShape,
                   name: &str,
                   transform: &str|
     -> Vec<f32> {
        let mut x = x.to_vec();
        if let Some(hadamard) = hadamard {
            let hadamard = hadamard.of(&seed(transform));
            match sum {
                BlockShape::AlongColumns => hadamard.along_columns(&mut x, rows, cols, Par::Seq),
                _ => hadamard.along_rows(&mut x, rows, cols, Par::Seq),
            }
        }
        let Some(BlockOperand { quantizer, square }) = operand else { return x };
        let shape = if square { BlockShape::Square } else { sum };
        quantizer.quantize_matrix(&x, shape.of(rows, cols), seed(name).draw()).to_f32()
    };
    let (x, w) = (gaussian("x", rows * inputs), gaussian("layer.weight", outputs * inputs));
    let (b, g) = (gaussian("layer.bias", outputs), gaussian("g", rows * outputs));
    let sum = |n: usize, f: &dyn Fn(usize) -> (f32, f32)| -> f64 {
        (0..n).map(f).map(|(a, b)| f64::from(a) * f64::from(b)).sum()
    };
    let (x, w, b, g) = (&x, &w, &b, &g);
    let along = BlockShape::AlongRows;
    let down = BlockShape::AlongColumns;
    let ForwardProduct { input, weight, hadamard } = products.forward;
    let (fx, fw) = (
        rounded(input, hadamard, (x, rows, inputs), along, "input", "forward transform"),
        rounded(weight, hadamard, (w, outputs, inputs), along, "weight", "forward transform"),
    );
    let y = (0..rows * outputs).map(|i| {
        let (r, o) = (i / outputs, i % outputs);
        (sum(inputs, &|k| (fx[r * inputs + k], fw[o * inputs + k])) + f64::from(b[o])) as f32
    });
    let InputGradient { error, weight, hadamard } = products.input_gradient;
    let transform = "input gradient transform";
    let be = rounded(error, hadamard, (g, rows, outputs), along, "error", transform);
    let same = products.forward.weight == weight
        && products.forward.hadamard.is_none()
        && hadamard.is_none()
        && weight.is_none_or(|w| w.square && !w.quantizer.rounding.is_stochastic());
    let name = if same { "weight" } else { "weight of errors" };
    let bw = rounded(weight, hadamard, (w, outputs, inputs), down, name, transform);
    let dx = (0..rows * inputs).map(|i| {
        let (r, k) = (i / inputs, i % inputs);
        sum(outputs, &|o| (be[r * outputs + o], bw[o * inputs + k])) as f32
    });
    let WeightGradient { error, input, hadamard } = products.weight_gradient;
    let transform = "weight gradient transform";
    let ue = rounded(error, hadamard, (g, rows, outputs), down, "error of the update", transform);
    let ux = rounded(input, hadamard, (x, rows, inputs), down, "input of the update", transform);
    let dw = (0..outputs * inputs).map(|i| {
        let (o, k) = (i / inputs, i % inputs);
        sum(rows, &|r| (ue[r * outputs + o], ux[r * inputs + k])) as f32
    });
    let db = (0..outputs).map(|o| sum(rows, &|r| (g[r * outputs + o], 1.0)) as f32);
    Outcome { y: y.collect(), gradients: vec![dx.collect(), dw.collect(), db.collect()] }
}

fn operands() -> impl Strategy<Value = Option<BlockOperand>> {
    let formats = prop::sample::select(vec![
        (BlockFormat::MXFP8_E4M3, ScaleRule::Rceil),
        (BlockFormat::MXFP6_E3M2, ScaleRule::Floor),
        (BlockFormat::MXFP4, ScaleRule::ScaledFloor),
        (BlockFormat::MXINT8, ScaleRule::Even),
        (BlockFormat::NVFP4, ScaleRule::Nearest),
    ]);
    let rounding = prop::sample::select(vec![Rounding::NearestTiesEven, Rounding::Stochastic]);
    (formats, rounding, any::<bool>(), any::<bool>()).prop_map(
        |((format, rule), rounding, square, none)| {
            let quantizer = mx(format, rounding, rule);
            (!none).then_some(BlockOperand { quantizer, square })
        },
    )
}

fn products() -> impl Strategy<Value = Products<BlockOperand>> {
    let six = prop::array::uniform6(operands());
    let transforms = prop::array::uniform3(any::<bool>());
    (six, transforms, any::<bool>()).prop_map(|([a, b, c, d, e, f], transforms, exact)| {
        let [first, second, third] = transforms.map(|yes| yes.then_some(HADAMARD));
        Products {
            forward: ForwardProduct { input: a, weight: b, hadamard: first },
            input_gradient: InputGradient { error: c, weight: d, hadamard: second },
            weight_gradient: WeightGradient { error: e, input: f, hadamard: third },
            accumulator: if exact { Accumulator::Exact } else { Accumulator::F32 },
            ..Products::unrounded()
        }
    })
}

/// The windows of [`Kind::Images`] as the rows of a matrix: 3 × 3 taps, 2 pixels apart, one pixel of
/// zeros around images of 6 × 5 with 5 channels.
fn patches(x: &[f32]) -> Vec<f32> {
    let mut rows = Vec::new();
    for (image, y, x0) in
        (0..4).flat_map(|i| (0..3).flat_map(move |y| (0..3).map(move |x| (i, y, x))))
    {
        for (dy, dx) in (0..3).flat_map(|dy| (0..3).map(move |dx| (dy, dx))) {
            let (y, x0) = (2 * y + dy, 2 * x0 + dx);
            let inside = (1..7).contains(&y) && (1..6).contains(&x0);
            let at = inside.then(|| ((image * 6 + y - 1) * 5 + x0 - 1) * 5);
            rows.extend((0..5).map(|c| at.map_or(0.0, |at| x[at + c])));
        }
    }
    rows
}

proptest! {
    /// A convolution is the product of its patches, whatever they are rounded into: y and ∂W of a
    /// layer over images are those of one over the patches.
    #[test]
    fn convolutions_are_products_of_patches(mut products in products()) {
        // The patches of a batch have another largest magnitude than its images only where a pixel is
        // in no patch, which these have not; ∂x is no matrix of patches.
        products.input_gradient = Products::unrounded().input_gradient;
        let arithmetic = block(products);
        let images = run(&arithmetic, Kind::Images, gaussian, pass());
        let x = patches(&gaussian("x", 4 * 6 * 5 * 5));
        let value = |name: &str, len: usize| if name == "x" { x.clone() } else { gaussian(name, len) };
        let kind = Kind::Patches;
        let rows = run(&arithmetic, kind, value, pass());
        let pairs = [(&images.y, &rows.y), (&images.gradients[1], &rows.gradients[1])];
        for (a, b) in pairs.into_iter().flat_map(|(a, b)| a.iter().zip(b)) {
            prop_assert!((a - b).abs() < 3e-5 * b.abs().max(1.0), "{} and {}", a, b);
        }
    }

    /// Whatever is rounded, and how: the products of the rounded operands, up to the sums in f32.
    #[test]
    fn products_are_those_of_the_rounded_operands(products in products()) {
        let found = run(&block(products), ROWS, gaussian, pass());
        let expected = twin(&products, pass());
        let pairs = [(&found.y, &expected.y)];
        let gradients = found.gradients.iter().zip(&expected.gradients);
        for (found, expected) in pairs.into_iter().chain(gradients) {
            prop_assert_eq!(found.len(), expected.len());
            for (a, b) in found.iter().zip(expected) {
                prop_assert!((a - b).abs() < 3e-5 * b.abs().max(1.0), "{} and {}", a, b);
            }
        }
    }
}

fn nvfp4() -> Products<BlockOperand> {
    let nearest = BlockQuantizer::new(BlockFormat::NVFP4, Rounding::NearestTiesEven);
    let stochastic = BlockQuantizer { rounding: Rounding::Stochastic, ..nearest };
    let along = |quantizer| Some(BlockOperand::along(quantizer));
    let weight = Some(BlockOperand::square(nearest));
    Products {
        forward: ForwardProduct { input: along(nearest), weight, hadamard: None },
        input_gradient: InputGradient { error: along(stochastic), weight, hadamard: None },
        weight_gradient: WeightGradient {
            error: along(stochastic),
            input: along(nearest),
            hadamard: Some(HADAMARD),
        },
        ..Products::unrounded()
    }
}

#[test]
fn threads_do_not_change_a_bit() {
    let fp8 = float(FloatFormat::E4M3, Rounding::Stochastic, Scaling::Current);
    for kind in [ROWS, Kind::Images] {
        for arithmetic in [block(nvfp4()), low_float(Products::uniform(fp8))] {
            let [one, many] = [Par::Seq, Par::Rayon]
                .map(|par| run(&arithmetic, kind, gaussian, Pass { par, ..pass() }));
            assert!(one == many, "{kind:?} in {arithmetic:?}");
        }
    }
}

/// Steps, layers and the two copies of δ draw bits of their own; one step is the same again.
#[test]
fn random_bits_have_names() {
    let arithmetic = block(nvfp4());
    let at = |seed: u64| {
        run(&arithmetic, ROWS, gaussian, Pass { seed: Seed::new(seed), ..pass() }).gradients
    };
    assert_eq!(at(1), at(1));
    let (first, second) = (at(1), at(2));
    // ∂x and ∂W are rounded at random, Σδ is not.
    assert_ne!(first[0], second[0]);
    assert_ne!(first[1], second[1]);
    assert_eq!(first[2], second[2]);
}

/// The mean of many stochastic gradients is the gradient of unrounded errors: nothing clips under a
/// scale that is rounded up.
#[test]
fn stochastic_errors_give_unbiased_gradients() {
    let quantizer = mx(BlockFormat::MXFP4, Rounding::Stochastic, ScaleRule::Rceil);
    let error = Some(BlockOperand::along(quantizer));
    let mut products = Products::unrounded();
    products.input_gradient.error = error;
    products.weight_gradient.error = error;
    let exact = run(&AnyArithmetic::Float32, ROWS, gaussian, pass());
    const RUNS: u64 = 400;
    let mut sums = exact.gradients.iter().map(|g| vec![(0.0, 0.0); g.len()]).collect::<Vec<_>>();
    for seed in 0..RUNS {
        let pass = Pass { seed: Seed::new(seed), ..pass() };
        let found = run(&block(products), ROWS, gaussian, pass);
        for (sums, found) in sums.iter_mut().zip(&found.gradients) {
            for ((sum, squares), &g) in sums.iter_mut().zip(found) {
                *sum += f64::from(g);
                *squares += f64::from(g) * f64::from(g);
            }
        }
    }
    // Of 2240 means none lies beyond six standard errors: a false alarm in 10^5.
    for (sums, exact) in sums.iter().zip(&exact.gradients) {
        for (&(sum, squares), &exact) in sums.iter().zip(exact) {
            let mean = sum / RUNS as f64;
            let variance = (squares / RUNS as f64 - mean * mean).max(0.0);
            let error = (variance / RUNS as f64).sqrt();
            let off = (mean - f64::from(exact)).abs();
            assert!(off < 6.0 * error + 1e-4, "{mean} ± {error} for {exact}");
        }
    }
}

/// Scales of past steps: 1 before the first, then M over the largest magnitude of the window.
#[test]
fn delayed_scales_look_at_past_steps() {
    let scaling = Scaling::Delayed { window: 2, margin: 1 };
    let operand = float(FloatFormat::E4M3, Rounding::NearestTiesEven, scaling);
    let mut products = Products::unrounded();
    products.forward.input = Some(operand);
    let policy = Policy::uniform(low_float(products));
    let (mut parameters, layer) = build(&policy, Seed::new(1), |builder| {
        Linear::new(builder, "layer", 2, 1, Init::Normal { std_dev: 0.0 }, Readout::Layer)
    });
    for parameter in parameters.iter_mut().filter(|p| p.name() == "layer.weight") {
        parameter.set_values(&[1.0, 0.0]);
    }
    let mut output = |x: [f32; 2]| {
        let mut work = Workspace::new();
        let x = work.tape.constant(Tensor::new(&[1, 2], x.to_vec()));
        let step = &mut work.step(&parameters, pass());
        let y = layer.forward(x, step);
        let loss = ops::sum(step, y);
        let y = work.tape.value(y).item();
        work.tape.backward(loss, 1.0, &mut parameters, pass());
        y
    };
    // s = 1: the grid of E4M3 itself, on which 17 is halfway between 16 and 18.
    assert_eq!(output([17.0, -20.0]), 16.0);
    // s = 448 / 20 / 2 = 11.2: 11.2 · 17 = 190.4 becomes 192.
    assert_eq!(output([17.0, 0.0]), 192.0 * (1.0 / (448.0f32 / 20.0 / 2.0)));
    // The window still holds 20, then only 17.
    assert_eq!(output([17.0, 0.0]), 192.0 * (1.0 / (448.0f32 / 20.0 / 2.0)));
    let scale = 448.0f32 / 17.0 / 2.0;
    assert_eq!(output([17.0, 0.0]), 224.0 * (1.0 / scale));
    let states: Vec<_> = parameters.states().collect();
    assert_eq!(states, [("layer.largest.forward.input", &[17.0, 17.0][..])]);
    // An evaluation changes nothing.
    let mut work = Workspace::new();
    let x = work.tape.constant(Tensor::new(&[1, 2], vec![99.0, 0.0]));
    layer.forward(x, &mut work.step(&parameters, Pass { mode: Mode::Eval, ..pass() }));
    assert_eq!(parameters.states().next().unwrap().1, [17.0, 17.0]);
}

/// Weights of bf16: nearest loses an update below half a unit, stochastic keeps it in the mean.
#[test]
fn weights_of_a_format_are_on_its_grid() {
    let step = |master: Master| {
        let products = Products { master, ..Products::<FloatOperand>::unrounded() };
        let policy = Policy::uniform(low_float(products));
        let (mut parameters, _) = build(&policy, Seed::new(1), |builder| {
            Linear::new(builder, "layer", 100, 100, Init::Normal { std_dev: 0.0 }, Readout::Layer)
        });
        let weight = parameters.iter_mut().find(|p| p.name() == "layer.weight").unwrap();
        weight.set_values(&[1.0; 10_000]);
        weight.accumulate(|g, _| g.fill(2f32.powi(-10)));
        let rounded = weight.apply(false, &Seed::new(4), |g, _, _| g);
        (weight.values(), rounded)
    };
    let in_bf16 = |rounding| {
        let overflow = Overflow::Saturate;
        Master::Float(FloatQuantizer { format: FloatFormat::BF16, rounding, overflow })
    };
    let (nearest, lost) = step(in_bf16(Rounding::NearestTiesEven));
    assert!(nearest.iter().all(|w| *w == 1.0));
    assert_eq!((lost.total, lost.to_zero), (10_000, 10_000));
    let (stochastic, lost) = step(in_bf16(Rounding::Stochastic));
    // A unit is 2^−7, so one in eight goes up: 1250 ± 33, six standard deviations.
    let ups = stochastic.iter().filter(|w| **w == 1.0 + 2f32.powi(-7)).count();
    assert!((1050..1450).contains(&ups), "{ups} went up");
    assert_eq!(lost.to_zero, 10_000 - ups);
    assert!(stochastic.iter().all(|w| *w == 1.0 || *w == 1.0 + 2f32.powi(-7)));
    let (kept, lost) = step(Master::F32);
    assert!(kept.iter().all(|w| *w == 1.0 + 2f32.powi(-10)));
    assert_eq!(lost.total, 0);
}

#[test]
fn weights_of_an_operand_are_its_numbers_and_survive_a_checkpoint() {
    let quantizer = mx(BlockFormat::MXFP8_E4M3, Rounding::NearestTiesEven, ScaleRule::Rceil);
    let mut products = Products::uniform(BlockOperand::along(quantizer));
    products.master = Master::Operand(Rounding::Stochastic);
    let network = |products| {
        build(&Policy::uniform(block(products)), Seed::new(1), |builder| {
            Linear::new(builder, "layer", 64, 10, Init::XavierNormal, Readout::Layer)
        })
        .0
    };
    let mut parameters = network(products);
    let id = 0;
    let weight = parameters.iter_mut().nth(id).unwrap();
    weight.accumulate(|g, _| g.fill(0.01));
    weight.apply(true, &Seed::new(4), |g, _, _| g);
    let values = weight.values();
    // Rounding again changes nothing.
    let layout = BlockShape::AlongRows.of(10, 64);
    assert_eq!(quantizer.quantize_matrix(&values, layout, numerics::Draw::none()).to_f32(), values);
    let file = checkpoint::save(&parameters, "note");
    let mut other = network(products);
    checkpoint::load(&mut other, &file).unwrap();
    let pairs = parameters.iter().zip(other.iter());
    assert!(pairs.into_iter().all(|(a, b)| a.storage() == b.storage()));
    products.master = Master::F32;
    let mut float: Parameters = network(products);
    checkpoint::load(&mut float, &file).unwrap();
    let file = checkpoint::save(&float, "");
    let error = checkpoint::load(&mut other, &file).unwrap_err().to_string();
    assert!(error.contains("layer.weight has no format, not mxfp8-e4m3"), "{error}");
}

#[test]
fn configurations_are_read_back_and_impossible_ones_name_their_key() {
    let text = toml::to_string(&Policy::uniform(block(nvfp4()))).unwrap();
    assert_eq!(toml::from_str::<Policy>(&text).unwrap(), Policy::uniform(block(nvfp4())), "{text}");
    let policy = Policy::uniform(Float32).with("layer", block(nvfp4()));
    let text = toml::to_string(&policy).unwrap();
    assert_eq!(toml::from_str::<Policy>(&text).unwrap(), policy);
    let e4m3 = "format = 'e4m3', rounding = 'nearest-ties-even'";
    let mxfp8 = "format = 'mxfp8-e4m3', rounding = 'nearest-ties-even'";
    let cases = [
        ("low-float", format!("forward = {{ input = {{ {e4m3}, scale = 2 }} }}"), "scale"),
        ("low-float", format!("forwards = {{ input = {{ {e4m3} }} }}"), "forwards"),
        ("low-float", format!("forward = {{ x = {{ {e4m3} }} }}"), "x"),
        (
            "low-float",
            "forward = { input = { format = 'e2m1', rounding = 'nearest-ties-even', overflow = \
             'propagate' } }"
                .to_owned(),
            "overflow",
        ),
        (
            "low-float",
            format!(
                "forward = {{ input = {{ {e4m3}, scaling = {{ delayed = {{ window = 0 }} }} }} }}"
            ),
            "forward.input: scaling.delayed.window",
        ),
        ("low-float", "master = { operand = 'stochastic' }".to_owned(), "master.operand"),
        (
            "block",
            format!("forward = {{ input = {{ {mxfp8}, scale_rule = 'nearest' }} }}"),
            "scale_rule",
        ),
        (
            "block",
            format!("forward = {{ input = {{ {mxfp8}, tensor_scale = true }} }}"),
            "tensor_scale",
        ),
        (
            "block",
            "weight_gradient = { hadamard = { size = 12, signs = 'random' } }".to_owned(),
            "size",
        ),
        (
            "block",
            "weight_gradient = { hadamard = { size = 16, signs = 'random' }, error = { format = { \
             element = { float = 'e2m1' }, block = 24, scale = 'power-of-two' }, rounding = \
             'stochastic' } }"
                .to_owned(),
            "weight_gradient.hadamard.size",
        ),
        (
            "block",
            "forward = { input = { format = 'mxfp7', rounding = 'stochastic' } }".to_owned(),
            "format",
        ),
        ("block", "accumulator = 'f16'".to_owned(), "accumulator"),
    ];
    for (kind, body, key) in cases {
        let text = format!("[default.{kind}]\n{body}\n");
        let error = toml::from_str::<Policy>(&text).unwrap_err().to_string();
        assert!(error.contains(key), "{text}: {error}");
    }
    // In Rust, too.
    let mut products = nvfp4();
    products.forward.input = Some(BlockOperand::along(BlockQuantizer {
        top: Top::Unbiased,
        ..mx(BlockFormat::MXFP4, Rounding::Stochastic, ScaleRule::Floor)
    }));
    let error = Block::new(products).unwrap_err().to_string();
    assert!(error.starts_with("forward.input: `top`"), "{error}");
}
