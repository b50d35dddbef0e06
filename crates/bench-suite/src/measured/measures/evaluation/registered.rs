//! Networks of the register with published weights, for which no accuracy is known.

use datasets::DataFolder;
use nn::{AnyArithmetic, Policy, Run};
use numerics::{Par, Seed};

use crate::measured::error::Error;
use crate::measured::networks::NetworkId;
use crate::measured::scale::Scale;

/// The test error in f32 and the one by chance, both in %, on the threads of the pool that it is called
/// in.
///
/// # Errors
///
/// [`Error::Usage`] if the network has no weights that are taken as they are; and what is wrong with its
/// data.
pub fn test_error(
    network: NetworkId,
    scale: Scale,
    data: &DataFolder,
) -> Result<(f64, f64), Error> {
    let workload = network.open(data, scale)?;
    let published = if workload.recipe().is_none() { workload.pretrained()? } else { None };
    let Some(weights) = published else {
        return Err(Error::Usage(format!(
            "there are no published weights of '{network}' at {scale} scale; to train it: cargo xtask \
             train --network {network} --scale {scale}"
        )));
    };
    let policy = Policy::uniform(AnyArithmetic::Float32);
    let mut instance = workload.instance(&policy, &Seed::new(0));
    instance.parameters.copy_from(&weights);
    let error = workload.test_error(&instance, Run::new(&Seed::new(0), Par::Rayon));
    Ok((100.0 * error, 100.0 * workload.chance_error()))
}
