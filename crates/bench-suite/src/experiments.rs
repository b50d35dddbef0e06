//! The register: one line per experiment, in the papers' order.

pub mod age;
pub mod beyond;
pub mod custom;
pub mod gupta2015;
pub mod one;
pub mod rasch2023;
mod runs;
pub mod sensitivity;
pub mod study;
pub mod sweep;
mod training_runs;

use gupta2015::learning::LearningOf;

use crate::experiment::AnyExperiment;
use crate::measured::error::Error;

/// Every experiment.
pub const EXPERIMENTS: &[&dyn AnyExperiment] = &[
    &LearningOf(gupta2015::mnist_dnn::MnistDnn),
    &LearningOf(gupta2015::mnist_cnn::MnistCnn),
    &LearningOf(gupta2015::cifar10_cnn::Cifar10Cnn),
    &gupta2015::accelerator::AcceleratorModel,
    &rasch2023::mvm_error::MvmError,
    &rasch2023::few_bits::FewBits,
    &rasch2023::weight_distribution::WeightDistribution,
    &rasch2023::ir_drop::IrDrop,
    &rasch2023::tiles::Tiles,
    &rasch2023::networks::Networks,
    &rasch2023::read_noise::ReadNoise,
    &rasch2023::conductances::ConductanceDistribution,
    &rasch2023::equal_error::EqualError,
    &rasch2023::tolerance::Tolerance,
    &rasch2023::exemption::Exemptions,
    &rasch2023::ablation::Ablation,
    &rasch2023::dynamic_input::DynamicInput,
    &rasch2023::reram::Reram,
    &rasch2023::noise_structure::NoiseStructure,
    &rasch2023::column_scales::ColumnScales,
    &rasch2023::scale_precision::ScalePrecision,
    &rasch2023::tile_wise_training::TileWiseTraining,
    &beyond::lfsr_training::LfsrBits,
    &beyond::where_stochastic::WhereStochastic,
    &beyond::four_bits::FourBits,
];

/// The experiments of these names; a name may be a paper, and no name means all.
///
/// # Errors
///
/// [`Error::UnknownExperiment`] naming the first that does not exist.
pub fn select(ids: &[String]) -> Result<Vec<&'static dyn AnyExperiment>, Error> {
    let matches =
        |id: &str, e: &dyn AnyExperiment| e.id() == id || e.id().split('/').next() == Some(id);
    if let Some(id) = ids.iter().find(|id| !EXPERIMENTS.iter().any(|&e| matches(id, e))) {
        return Err(Error::UnknownExperiment { id: id.clone(), hint: hint(id) });
    }
    let wanted = |e: &dyn AnyExperiment| ids.is_empty() || ids.iter().any(|id| matches(id, e));
    Ok(EXPERIMENTS.iter().copied().filter(|&e| wanted(e)).collect())
}

/// What may have been meant by a name that no experiment has.
fn hint(id: &str) -> String {
    /// Similarity from which a name is one with a typing error.
    const ALIKE: f64 = 0.8;
    let mut papers: Vec<&str> =
        EXPERIMENTS.iter().filter_map(|e| e.id().split('/').next()).collect();
    papers.dedup();
    let asked = id.trim_matches('/').to_lowercase();
    // The part after the paper is enough to be understood.
    let alike = |name: &str| {
        let part = name.split_once('/').map_or(name, |(_, part)| part);
        strsim::jaro_winkler(name, &asked).max(strsim::jaro_winkler(part, &asked))
    };
    let names = EXPERIMENTS.iter().map(|e| e.id()).chain(papers.iter().copied());
    match names.max_by(|a, b| alike(a).total_cmp(&alike(b))) {
        Some(name) if alike(name) >= ALIKE => {
            format!("did you mean '{name}'? `cargo xtask list` has all")
        }
        _ => {
            let papers = papers.join(", ");
            format!("there are those of {papers}, which `cargo xtask list` lists")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_almost_right_is_understood() {
        for (asked, meant) in [
            ("gupta2015/mnist-cnm", "'gupta2015/mnist-cnn'"),
            ("gupta2015/", "'gupta2015'"),
            ("GUPTA2015", "'gupta2015'"),
            ("Rasch2023/Ablation/", "'rasch2023/ablation'"),
            ("mnist-dnn", "'gupta2015/mnist-dnn'"),
            ("gupta2016", "'gupta2015'"),
        ] {
            let error = select(&[asked.to_owned()]).unwrap_err().to_string();
            assert!(error.contains(&format!("did you mean {meant}?")), "{error}");
        }
        let error = select(&["report.tar.gz".to_owned()]).unwrap_err().to_string();
        assert!(error.contains("gupta2015, rasch2023, beyond"), "{error}");
    }
}
