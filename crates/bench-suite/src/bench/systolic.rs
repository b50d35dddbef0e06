//! Rows of `systolic`: the model's speed against the bound it must keep.

use numerics::{BitSource, Draw, FixedFormat, FixedMatrix, Product, Quantizer, Rounding, Seed};
use systolic::{ArrayConfig, ColumnLfsrs, ColumnRounding, SystolicArray};

use crate::bench::row::{Measured, Row, Unmeasured, alternate};

/// The rows, in the order in which they are printed.
pub(super) const ROWS: &[Row] = &[Row {
    name: "systolic_28x28",
    what: "100 × 784 by 784 × 1000 on the 28 × 28 model, against 5·10⁸ cell-cycles a second",
    target: 1.0,
    measure: systolic_28x28,
}];

fn systolic_28x28() -> Result<Measured, Unmeasured> {
    const N: usize = 28;
    const CELL_CYCLES_PER_S: f64 = 5e8;
    let (l, k, m) = (100, 784, 1000);
    let text = |error: &dyn std::error::Error| error.to_string();

    let format = FixedFormat::new(2, 14).map_err(|error| text(&error))?;
    let seed = Seed::new(2015);
    let nearest = Quantizer::new(format, Rounding::NearestTiesDown);
    let matrix = |name: &str, rows: usize, cols: usize, scale: f32| {
        let mut words = vec![0; rows * cols];
        let stream = seed.child(name).stream();
        stream.fill_words(0, &mut words);
        let values: Vec<f32> = words.iter().map(|&w| scale * w as i32 as f32 / 2e9).collect();
        FixedMatrix::quantize(&values, rows, cols, nearest, Draw::none())
    };
    let (a, b) = (matrix("a", l, k, 1.0), matrix("b", k, m, 0.05));
    let rounding = ColumnRounding::Stochastic(ColumnLfsrs::spread(N, &seed.child("columns")));
    let mut array =
        SystolicArray::new(ArrayConfig::new(N, format, rounding)).map_err(|error| text(&error))?;

    let bits = array.rounding_words(l, m);
    let (c, trace) = array.multiply(&a, &b).map_err(|error| text(&error))?;
    let quantizer = Quantizer::new(format, Rounding::Stochastic);
    let product = Product::new(a.view(), b.view());
    let mut sums = vec![0; l * m];
    product.wide(&mut sums);
    for (i, z) in sums.into_iter().enumerate() {
        if c.codes().get(i) != quantizer.code_of_sum(z, product.fraction_bits(), bits.at(i as u64))
        {
            return Err(Unmeasured::Wrong(format!(
                "element {i} differs from the product of numerics"
            )));
        }
    }

    let measured = alternate(5, || drop(array.multiply(&a, &b)), || ());
    let cell_cycles = (N * N) as f64 * trace.total_cycles as f64;
    Ok(Measured { baseline_ms: 1e3 * cell_cycles / CELL_CYCLES_PER_S, ..measured })
}
