//! [`Variant`]: what an experiment runs with every seed.

use datasets::DataSum;

use crate::measured::point::Run;
use crate::request::Request;

/// A run without its seed.
#[derive(Clone, Debug)]
pub(super) struct Variant<M> {
    /// Unique within the experiment and the scale; empty if there is no other.
    pub(super) name: String,
    pub(super) measure: M,
    pub(super) data: Vec<DataSum>,
    pub(super) work: u64,
}

/// The runs of all variants, seed by seed in the order of the variants; `seeds` counts if the request
/// does not say how many.
pub(super) fn of_every_seed<M: Clone>(
    request: &Request,
    seeds: u64,
    variants: &[Variant<M>],
) -> Vec<Run<M>> {
    let seeds = request.seed..request.seed + request.seeds.unwrap_or(seeds);
    let run = |seed: u64, variant: &Variant<M>| {
        let Variant { name, measure, data, work } = variant.clone();
        let label = match name.as_str() {
            "" => format!("seed {seed}"),
            name => format!("{name}, seed {seed}"),
        };
        Run { label, measure, seed, data, work }
    };
    seeds.flat_map(|seed| variants.iter().map(move |variant| run(seed, variant))).collect()
}

/// The runs of the only variant, which reads no data.
pub(super) fn alone<M: Clone>(request: &Request, seeds: u64, measure: M, work: u64) -> Vec<Run<M>> {
    let variant = Variant { name: String::new(), measure, data: Vec::new(), work };
    of_every_seed(request, seeds, &[variant])
}
