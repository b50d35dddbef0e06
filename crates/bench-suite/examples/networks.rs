//! Trains the networks of Rasch et al. in f32 and prints what it takes:
//! `cargo run --release -p bench-suite --example networks -- SCALE [ID …]`.
#![expect(clippy::print_stdout, reason = "this is what an example is for")]

use std::ops::ControlFlow;
use std::time::Instant;

use bench_suite::measured::networks::{NETWORKS, find};
use bench_suite::measured::scale::Scale;
use datasets::DataFolder;
use nn::{AnyArithmetic, Policy, Progress, Run, train_epoch};
use numerics::{Par, Seed};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let scale: Scale = arguments.next().unwrap_or_else(|| "smoke".to_owned()).parse()?;
    let ids: Vec<String> = arguments.collect();
    let folder = std::env::var_os("DITHER_DATA");
    let data = DataFolder::new(folder.as_deref().map(std::path::Path::new));
    let chosen: Vec<_> = if ids.is_empty() {
        NETWORKS.to_vec()
    } else {
        ids.iter().map(|id| find(id)).collect::<Result<_, _>>()?
    };
    let (seed, par) = (Seed::new(0), Par::Seq);
    for entry in chosen {
        let started = Instant::now();
        let workload = match (entry.open)(&data, scale) {
            Ok(workload) => workload,
            Err(error) => {
                println!("{}: {error}", entry.id);
                continue;
            }
        };
        println!("{}: {}, opened in {:.1?}", entry.id, workload.title(), started.elapsed());
        let policy = Policy::uniform(AnyArithmetic::Float32);
        let mut instance = workload.instance(&policy, &seed.child("init"));
        let parameters = instance.parameters.count();
        if let Some(weights) = workload.pretrained()? {
            instance.parameters.copy_from(&weights);
        }
        let test = |instance: &_| {
            let started = Instant::now();
            let error = workload.test_error(instance, Run::new(&seed.child("test"), par));
            (100.0 * error, started.elapsed())
        };
        let (error, time) = test(&instance);
        let chance = 100.0 * workload.chance_error();
        println!(
            "  {parameters} parameters; error {error:.2} % at first, chance {chance:.2} %, tested in {time:.2?}"
        );
        let Some(recipe) = workload.recipe() else { continue };
        let mut progress = Progress::default();
        let started = Instant::now();
        while progress.epoch < recipe.epochs {
            let stats = train_epoch(
                &*instance.train,
                &mut instance.parameters,
                recipe,
                &mut progress,
                Run::new(&seed, par),
                |_, _| ControlFlow::Continue(()),
            )?;
            let time = started.elapsed();
            let (error, _) = test(&instance);
            let (epoch, loss, train) =
                (progress.epoch, stats.loss, 100.0 * stats.error_rate.unwrap_or(f64::NAN));
            println!(
                "  epoch {epoch}: loss {loss:.4}, train {train:.2} %, test {error:.2} %, {time:.1?}"
            );
        }
    }
    Ok(())
}
