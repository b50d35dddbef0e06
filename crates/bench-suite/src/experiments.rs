//! The register: one line per experiment, in the papers' order.

pub mod beyond;
pub mod custom;
pub mod gupta2015;
pub mod rasch2023;
pub mod sensitivity;
mod training_runs;

use crate::Error;
use crate::experiment::Experiment;

/// Every experiment.
pub const EXPERIMENTS: &[&dyn Experiment] = &[
    &gupta2015::mnist_dnn::MnistDnn,
    &gupta2015::mnist_cnn::MnistCnn,
    &gupta2015::cifar10_cnn::Cifar10Cnn,
    &gupta2015::accelerator::AcceleratorModel,
    &rasch2023::mvm_error::MvmError,
    &rasch2023::few_bits::FewBits,
    &rasch2023::weight_distribution::WeightDistribution,
    &rasch2023::ir_drop::IrDrop,
    &rasch2023::tiles::Tiles,
    &rasch2023::networks::Networks,
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
];

/// The experiments of these names; a name may be a paper, and no name means all.
///
/// # Errors
///
/// [`Error::UnknownExperiment`] naming the first that does not exist.
pub fn select(ids: &[String]) -> Result<Vec<&'static dyn Experiment>, Error> {
    let matches =
        |id: &str, e: &dyn Experiment| e.id() == id || e.id().split('/').next() == Some(id);
    if let Some(id) = ids.iter().find(|id| !EXPERIMENTS.iter().any(|&e| matches(id, e))) {
        let known = EXPERIMENTS.iter().map(|e| e.id()).collect::<Vec<_>>().join(", ");
        return Err(Error::UnknownExperiment { id: id.clone(), known });
    }
    let wanted = |e: &dyn Experiment| ids.is_empty() || ids.iter().any(|id| matches(id, e));
    Ok(EXPERIMENTS.iter().copied().filter(|&e| wanted(e)).collect())
}
