//! What a network on rounding units computes is what the array does.

use nn::layers::{Builder, Init, Linear, Readout};
use nn::optim::Update;
use nn::{Mode, Optimizer, Parameters, Pass, Policy, Sgd, Tensor, Workspace, ops};
use numerics::{FixedFormat, FixedMatrix, Par, Rounding};
use proptest::prelude::*;
use systolic::SystolicArray;

use super::*;

fn format() -> FixedFormat {
    FixedFormat::new(8, 8).unwrap()
}

fn units(n: usize, width: u32, row_tiles: usize) -> RoundingUnits {
    let config = numerics::LfsrConfig::maximal(width, 1, 3).unwrap();
    let columns = ColumnLfsrs {
        width,
        taps: config.taps,
        steps_per_sample: config.steps_per_sample,
        seeds: (1..=n as u64).collect(),
    };
    RoundingUnits { columns, row_tiles }
}

fn on_units(units: &RoundingUnits) -> OnUnits {
    OnUnits::new(FixedPoint::uniform(format(), Rounding::Stochastic).unwrap(), units).unwrap()
}

/// Codes of at most half the units.
fn codes(salt: i32, len: usize) -> Vec<i32> {
    (0..len as i32).map(|i| (i + salt) * 577 % 401 - 200).collect()
}

fn values(codes: &[i32]) -> Vec<f32> {
    codes.iter().map(|&code| code as f32 / 256.0).collect()
}

fn transposed(codes: &[i32], cols: usize) -> Vec<i32> {
    (0..cols).flat_map(|j| codes.iter().skip(j).step_by(cols).copied()).collect()
}

/// A·B on the array whose registers stand as those of `bits` before the matrix of that name.
fn on_array(
    units: &RoundingUnits,
    bits: &ColumnBits,
    (name, first): (&Seed, u64),
    out: FixedFormat,
    [a, b]: [(&[i32], usize); 2],
) -> Vec<i32> {
    let seeds = bits.registers(name, first).iter().map(Lfsr::state).collect();
    let rounding = ColumnRounding::Stochastic(ColumnLfsrs { seeds, ..units.columns.clone() });
    let array = ArrayConfig::new(units.columns.seeds.len(), format(), rounding);
    let mut array =
        SystolicArray::new(ArrayConfig { out, row_tiles: units.row_tiles, ..array }).unwrap();
    let matrix = |(codes, cols): (&[i32], usize)| {
        FixedMatrix::from_codes(format(), codes.len() / cols, cols, codes).unwrap()
    };
    array.multiply(&matrix(a), &matrix(b)).unwrap().0.codes().to_i32()
}

proptest! {
    /// Y, δ′, ΔW and Δb of a layer, whatever its size, a later part of a batch included.
    #[test]
    fn a_layer_is_rounded_as_the_array_rounds_it(
        rows in 1..9usize, inputs in 1..9usize, outputs in 1..9usize,
        n in 1..5usize, row_tiles in 1..4usize, width in 12..20u32, first_row in 0..3u64,
    ) {
        let units = units(n, width, row_tiles);
        let on_units = on_units(&units);
        let bits = on_units.bits.clone();
        let [x, w, b] = [(1, rows * inputs), (2, outputs * inputs), (3, outputs)]
            .map(|(salt, len)| codes(salt, len));
        let errors = codes(4, rows * outputs);

        let policy = Policy::uniform(AnyArithmetic::own(on_units));
        let mut parameters = Parameters::new();
        let mut builder =
            Builder { parameters: &mut parameters, policy: &policy, seed: Seed::new(0) };
        let layer =
            Linear::new(&mut builder, "fc", inputs, outputs, Init::HeNormal, Readout::Layer);
        for (parameter, codes) in parameters.iter_mut().zip([&w, &b]) {
            parameter.set_values(&values(codes));
        }
        let (seed, mode) = (Seed::new(7), Mode::Train);
        let pass = Pass { seed, first_row, step: 0, mode, par: Par::Seq };
        let mut work = Workspace::new();
        let input = work.tape.variable(Tensor::new(&[rows, inputs], values(&x)));
        let given = work.tape.constant(Tensor::new(&[rows, outputs], values(&errors)));
        let y = layer.forward(input, &mut work.step(&parameters, pass));
        let weighted = ops::mul(&mut work.step(&parameters, pass), y, given);
        let loss = ops::sum(&mut work.step(&parameters, pass), weighted);
        let found_y = work.tape.value(y).data().to_vec();
        let gradients = work.tape.backward(loss, 1.0, &mut parameters, pass);

        // X with ones, Wᵀ with biases below it.
        let with_ones: Vec<i32> =
            x.chunks(inputs).flat_map(|row| row.iter().copied().chain([256])).collect();
        let with_biases = [transposed(&w, inputs), b.clone()].concat();
        let name = |signal: &str| seed.child("fc").child(signal);
        let y = on_array(
            &units, &bits, (&name("output"), first_row * outputs as u64), format(),
            [(&with_ones, inputs + 1), (&with_biases, outputs)],
        );
        prop_assert_eq!(found_y, values(&y));
        let dx = on_array(
            &units, &bits, (&name("propagated"), first_row * inputs as u64), format(),
            [(&errors, outputs), (&w, inputs)],
        );
        prop_assert_eq!(gradients.of(input).unwrap(), values(&dx));

        // η = 2^−4: the units cut four bits higher.
        let update = Update {
            learning_rate: 1.0 / 16.0,
            gradient_scale: 1.0,
            step: 1,
            seed: seed.child("update"),
            groups: &[],
        };
        Optimizer::Sgd(Sgd::default()).step(&mut parameters, &update);
        let shifted = FixedFormat::new(12, 4).unwrap();
        let negative: Vec<i32> = errors.iter().map(|code| -code).collect();
        let name = |parameter: &str| (update.seed.child(parameter), 0);
        let (weight, bias) = (name("fc.weight"), name("fc.bias"));
        let dw = on_array(
            &units, &bits, (&weight.0, weight.1), shifted,
            [(&transposed(&negative, outputs), rows), (&x, inputs)],
        );
        let db = on_array(
            &units, &bits, (&bias.0, bias.1), shifted,
            [(&vec![256; rows], rows), (&negative, outputs)],
        );
        for (parameter, (old, step)) in parameters.iter().zip([(&w, &dw), (&b, &db)]) {
            let new: Vec<i32> = old.iter().zip(step).map(|(old, step)| old + step).collect();
            prop_assert_eq!(parameter.values(), values(&new), "{}", parameter.name());
        }
    }
}

#[test]
fn names_and_parts_begin_at_places_of_their_own() {
    let bits = on_units(&units(3, 16, 1)).bits;
    let seed = Seed::new(1);
    let states = |name: &str, first| {
        let registers = bits.registers(&seed.child(name), first);
        registers.iter().map(Lfsr::state).collect::<Vec<_>>()
    };
    assert_eq!(states("a", 0), states("a", 0));
    assert_ne!(states("a", 0), states("b", 0));
    assert_ne!(states("a", 0), states("a", 1));
    let source = bits.of_matrix(&seed, 5, (4, 7));
    let mut words = [0; 28];
    source.fill(5, &mut words);
    assert_eq!(words[27], source.word(32, 0));
    assert!(words.iter().any(|&word| word != words[0]));
}

#[test]
fn what_no_array_can_do_is_refused() {
    let training = |format: &str, units| {
        let fixed = FixedPoint::uniform(format.parse().unwrap(), Rounding::Stochastic).unwrap();
        let text = include_str!("../../../../../../docs/examples/mnist-fixed.toml");
        let mut classifier: ImageClassifier = toml::from_str(text).unwrap();
        classifier.arithmetic = Policy::uniform(fixed);
        ArrayTraining { classifier, units: Some(units) }
    };
    let refused = |training: ArrayTraining| training.on_units().unwrap_err().to_string();
    assert!(training("<8,8>", units(3, 8, 1)).on_units().is_ok());
    assert_eq!(
        refused(training("<1,15>", units(3, 16, 1))),
        "classifier.arithmetic: <1,15> has no 1, which multiplies the biases"
    );
    for impossible in [units(3, 7, 1), units(3, 8, 0), units(0, 8, 1)] {
        let message = refused(training("<8,8>", impossible));
        assert!(message.starts_with("units: "), "{message}");
    }
    let mut float = training("<8,8>", units(3, 8, 1));
    float.classifier.arithmetic = Policy::uniform(nn::Float32);
    assert_eq!(refused(float), "classifier.arithmetic must be fixed point");
    let mut mixed = training("<8,8>", units(3, 8, 1));
    mixed.classifier.arithmetic = mixed.classifier.arithmetic.with("fc1", nn::Float32);
    assert_eq!(refused(mixed), "classifier must have one arithmetic for all");
}
