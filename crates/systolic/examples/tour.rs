//! Multiplies on the 28 × 28 wavefront array and asks how fast the card would be.
#![allow(clippy::print_stdout, reason = "an example shows its results")]

use std::error::Error;
use std::time::Instant;

use numerics::{Draw, FixedFormat, FixedMatrix, Quantizer, Rounding, Seed};
use systolic::networks::TrainedNetwork;
use systolic::{ArrayConfig, Card, ColumnLfsrs, ColumnRounding, GemmShape, SystolicArray};

fn main() -> Result<(), Box<dyn Error>> {
    const N: usize = 28;
    let format = FixedFormat::new(2, 14)?;
    let seed = Seed::new(2015);

    // A batch of 100 images through the first layer of the paper's network [Gupta15 §4.1.1].
    let (l, k, m) = (100, 784, 1000);
    let nearest = Quantizer::new(format, Rounding::NearestTiesDown);
    let x: Vec<f32> = (0..l * k).map(|i| (i % 97) as f32 / 97.0).collect();
    let w: Vec<f32> = (0..k * m).map(|i| ((i % 89) as f32 - 44.0) / 4400.0).collect();
    let a = FixedMatrix::quantize(&x, l, k, nearest, Draw::none());
    let b = FixedMatrix::quantize(&w, k, m, nearest, Draw::none());

    let card = Card::kintex_325t();
    let row_tiles = card.row_tiles(k).min(l.div_ceil(N));
    let rounding = ColumnRounding::Stochastic(ColumnLfsrs::spread(N, &seed.child("columns")));
    let mut array =
        SystolicArray::new(ArrayConfig { row_tiles, ..ArrayConfig::new(N, format, rounding) })?;
    let start = Instant::now();
    let (c, trace) = array.multiply(&a, &b)?;
    let seconds = start.elapsed().as_secs_f64();

    println!("{l} × {k} × {m} on {N} × {N}: {} tiles, first result {}", trace.tiles, c.get(0, 0));
    println!("wave {} cycles, {} with FIFOs and drain", trace.wave_cycles, trace.total_cycles);
    println!("multipliers busy {:.1} % of the wave", 100.0 * trace.utilisation(N));
    println!("saturated: {} high, {} low", trace.saturated_high, trace.saturated_low);
    let rate = (N * N) as f64 * trace.total_cycles as f64 / seconds;
    println!("simulated in {seconds:.3} s, {rate:.2e} cell-cycles per second");

    println!("\n{}: peak {:.1} G-ops/s", card.board().name, card.peak_ops_per_s() / 1e9);
    let speed = card.throughput(GemmShape { l, k, m })?;
    println!(
        "this product: {:.1} G-ops/s, {:?}-bound, {:.1} pJ per operation",
        speed.ops_per_s() / 1e9,
        speed.bound,
        speed.joules_per_op() * 1e12
    );
    for network in TrainedNetwork::of_the_paper() {
        let epoch = network.epoch(&card)?;
        println!(
            "an epoch of the {}: {:.1} s, {:.0} J, {:.1} G-ops/s",
            network.name,
            epoch.seconds,
            epoch.joules,
            epoch.ops_per_s() / 1e9
        );
    }
    Ok(())
}
