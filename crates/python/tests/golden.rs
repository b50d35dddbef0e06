//! What the Rust library gives, for the Python tests to compare with bit by bit.
//!
//! With `DITHER_UPDATE` the test writes `tests/golden.json` instead of comparing.

use std::error::Error;

use crossbar::wires::{Circuit, LineResistance};
use crossbar::{AnalogMatrix, MvmNoise, TileConfig};
use nn::layers::{Builder, Init, Linear, Readout};
use nn::{
    AnyArithmetic, Backward, FixedPoint, Mode, Operation, Parameters, Pass, Policy, Tensor, Var,
    Workspace,
};
use numerics::{
    Accumulator, BlockQuantizer, BlockShape, Draw, FixedMatrix, FloatQuantizer, Format, Narrow,
    Overflow, Par, Product, Quantizer, Register, Rounding, Schedule, Seed, dequantize,
};
use serde_json::{Value, json};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden.json");

#[test]
fn python_has_the_numbers_of_this_library() -> Result<(), Box<dyn Error>> {
    let golden = json!({
        "words": words(),
        "conversions": conversions()?,
        "products": products()?,
        "tile": tile()?,
        "circuit": circuit()?,
        "layer": layer()?,
    });
    let text = format!("{}\n", serde_json::to_string(&golden)?);
    if std::env::var_os("DITHER_UPDATE").is_some() {
        std::fs::write(FILE, text)?;
    } else {
        let there = std::fs::read_to_string(FILE)?;
        assert!(there == text, "{FILE} is of another version; DITHER_UPDATE=1 writes it anew");
    }
    Ok(())
}

/// Normal numbers of that name, times a factor.
fn normal(name: &str, len: usize, factor: f32) -> Vec<f32> {
    let mut x = vec![0.0; len];
    Seed::new(7).child(name).stream().fill_gaussian(0, &mut x);
    x.iter_mut().for_each(|x| *x *= factor);
    x
}

/// The bits of f32 numbers: JSON has no infinities, and no zeros with a sign.
fn bits(x: &[f32]) -> Vec<u32> {
    x.iter().map(|x| x.to_bits()).collect()
}

fn words() -> Value {
    let stream = Seed::new(2015).child("layer1").child(7_u64).stream();
    let (mut words, mut uniform, mut normal) = ([0; 8], [0.0; 8], [0.0; 8]);
    stream.fill_words(1000, &mut words);
    stream.fill_uniform(1000, &mut uniform);
    stream.fill_gaussian(1000, &mut normal);
    json!({
        "words": words,
        "uniform": bits(&uniform),
        "normal": bits(&normal),
        "permutation": stream.permutation(20),
    })
}

fn conversions() -> Result<Vec<Value>, Box<dyn Error>> {
    let few = r#"{"stochastic-bits": {"bits": 5, "variant": "b", "fraction": "sign-magnitude"}}"#;
    let roundings = [
        "\"nearest-ties-even\"",
        "\"nearest-ties-down\"",
        "\"toward-zero\"",
        "\"to-odd\"",
        "\"stochastic\"",
        few,
    ];
    let names =
        ["<8,8>", "<2,6>", "<-2,14>", "<4,18>", "e4m3", "e5m2", "bf16", "p3109:8:3", "tf32"];
    let mut all = Vec::new();
    for name in names.into_iter().chain(["mxfp8-e4m3", "mxfp4", "mxint8", "nvfp4"]) {
        for text in roundings {
            let rounding: Rounding = serde_json::from_str(text)?;
            let y = converted(name.parse()?, rounding);
            all.push(json!({"format": name, "rounding": rounding, "first": 11, "y": bits(&y)}));
        }
    }
    Ok(all)
}

/// 3 × 40 numbers, some of them beyond the range, in a format.
fn converted(format: Format, rounding: Rounding) -> Vec<f32> {
    let x = normal("x", 120, 3.0);
    let draw = Draw::new(Seed::new(7).child("bits").stream(), 11);
    match format {
        Format::Fixed(format) => {
            let codes = Quantizer::new(format, rounding).quantize_vec(&x, draw);
            let mut y = vec![0.0; x.len()];
            dequantize(&codes, format, &mut y);
            y
        }
        Format::Float(format) => {
            let quantizer = FloatQuantizer { format, rounding, overflow: Overflow::Saturate };
            let mut y = x;
            quantizer.convert_slice(&mut y, draw);
            y
        }
        Format::Block(format) => {
            let quantizer = BlockQuantizer::new(format, rounding);
            quantizer.quantize_matrix(&x, BlockShape::AlongRows.of(3, 40), draw).to_f32()
        }
    }
}

fn products() -> Result<Vec<Value>, Box<dyn Error>> {
    let (rows, inner, columns) = (5, 33, 7);
    let nearest = Quantizer::new("<4,8>".parse()?, Rounding::NearestTiesEven);
    let matrix = |name: &str, rows, cols| {
        FixedMatrix::quantize(&normal(name, rows * cols, 1.0), rows, cols, nearest, Draw::none())
    };
    let (a, b) = (matrix("a", rows, inner), matrix("b", inner, columns));
    let narrow =
        |register, rounding, schedule| Accumulator::Narrow(Narrow { register, rounding, schedule });
    let accumulators = [
        Accumulator::Exact,
        Accumulator::Saturating { bits: 19 },
        Accumulator::Wrapping { bits: 17 },
        Accumulator::FloatGemm,
        narrow(Register::Fixed("<6,10>".parse()?), Rounding::Stochastic, Schedule::EachStep),
        narrow(Register::Float("e6m9".parse()?), Rounding::Stochastic, Schedule::ChunkBased(8)),
        narrow(Register::Float("f16".parse()?), Rounding::NearestTiesEven, Schedule::EachChunk(4)),
    ];
    let seed = Seed::new(7).child("c");
    let register = seed.child("accumulator").stream();
    let quantizer = Quantizer::new("<5,3>".parse()?, Rounding::Stochastic);
    let each = accumulators.map(|accumulator| {
        let product =
            Product::new(a.view(), b.view()).accumulator(accumulator, Draw::new(&register, 0));
        let mut sums = vec![0; rows * columns];
        product.wide(&mut sums);
        let codes = product.convert(quantizer, seed.draw()).codes().to_i32();
        json!({"accumulator": accumulator, "sums": sums, "codes": codes})
    });
    Ok(each.to_vec())
}

fn tile() -> Result<Value, Box<dyn Error>> {
    let config = TileConfig::load("standard-pcm")?;
    let (outputs, inputs) = (6, 700);
    let weights = normal("weights", outputs * inputs, 0.3);
    let seed = Seed::new(11);
    let mut matrix = AnalogMatrix::program(&config, &weights, inputs, &seed, Par::Seq)?;
    matrix.set_input_range(2.0)?;
    matrix.age_to(86_400.0, Par::Seq)?;
    matrix.compensate_drift(&seed.child("compensation").child(86_400f64.to_bits()));
    let x = normal("inputs", 3 * inputs, 1.0);
    let mut y = vec![0.0; 3 * outputs];
    let noise = MvmNoise { seed: seed.child("product"), first_sample: 0 };
    matrix.forward(&x, &noise, Par::Seq, &mut y);
    Ok(json!({"weights": bits(&matrix.weights()[..50]), "y": bits(&y)}))
}

fn circuit() -> Result<Value, Box<dyn Error>> {
    let g: Vec<f64> = normal("g", 20, 1e-5).iter().map(|g| f64::from(g.abs())).collect();
    let lines = LineResistance { word_ohm: 1.5, bit_ohm: 0.5 };
    let circuit = Circuit::new(&g, 5, 4, lines)?;
    let solution = circuit.solve(&[0.1, 0.2, -0.1, 0.0, 0.3])?;
    let gradients = circuit.gradients(&solution, &[1.0, -1.0, 0.5, 2.0])?;
    let bits = |x: &[f64]| x.iter().map(|x| x.to_bits()).collect::<Vec<u64>>();
    Ok(json!({
        "outputs_a": bits(&solution.outputs_a),
        "inputs": bits(&gradients.inputs),
        "conductances": bits(&gradients.conductances),
    }))
}

/// Errors that come from outside, as if a loss had them.
#[derive(Debug)]
struct Errors(Var, Vec<f32>);

impl Operation for Errors {
    fn backward(&mut self, _: &mut [f32], context: &mut Backward<'_>) {
        context.give(self.0, self.1.clone());
    }
}

/// A linear layer in stochastic ⟨8,8⟩: a product, its gradients, and weights after an update.
fn layer() -> Result<Value, Box<dyn Error>> {
    let (rows, inputs, outputs) = (4, 9, 5);
    let on = AnyArithmetic::from(FixedPoint::uniform("<8,8>".parse()?, Rounding::Stochastic)?);
    let policy = Policy::uniform(on);
    let mut parameters = Parameters::new();
    let mut builder = Builder { parameters: &mut parameters, policy: &policy, seed: Seed::new(0) };
    let init = Init::Uniform { bound: 0.0 };
    let linear = Linear::new(&mut builder, "layer", inputs, outputs, init, Readout::Layer);
    let ids: Vec<_> = parameters.of_float_network().map(|(id, _)| id).collect();
    parameters.assign(ids[0], &normal("w", outputs * inputs, 0.5))?;
    parameters.assign(ids[1], &normal("bias", outputs, 0.5))?;

    // The seeds that `dither.torch` gives a layer with the seed 3 and the name "layer".
    let root = Seed::new(3).child("layer");
    let seed = root.child("pass").child(0_u64).child(0_u64);
    let pass = Pass { seed, first_row: 0, step: 0, mode: Mode::Train, par: Par::Seq };
    let mut work = Workspace::new();
    let mut step = work.step(&parameters, pass);
    let x = step.tape.variable(Tensor::new(&[rows, inputs], normal("rows", rows * inputs, 1.0)));
    let y = linear.forward(x, &mut step);
    let value = work.tape.value(y).data().to_vec();
    let errors = Errors(y, normal("errors", rows * outputs, 0.1));
    let loss = work.tape.record(Tensor::new(&[], vec![0.0]), true, errors);
    let gradients = work.tape.backward(loss, 1.0, &mut parameters, pass);
    let dx = gradients.of(x).unwrap_or_default().to_vec();
    let of = |parameters: &Parameters, id| parameters.get(id).gradient().map(bits);
    let (dw, db) = (of(&parameters, ids[0]), of(&parameters, ids[1]));

    let update = root.child("update").child(0_u64);
    for (index, &id) in ids.iter().enumerate() {
        let seed = update.child(index);
        parameters.get_mut(id).apply(false, &seed, |g, _, w| (w - 0.01 * g) - w);
    }
    Ok(json!({
        "y": bits(&value),
        "dx": bits(&dx),
        "dw": dw,
        "db": db,
        "updated": ids.iter().map(|&id| bits(&parameters.get(id).values())).collect::<Vec<_>>(),
    }))
}
