//! Rows of `nn`: training steps against our own float step, and against PyTorch's.

mod aihwkit;
mod hardware_aware;
mod low_precision;
mod mlp;
mod sequence;
mod torch;
mod vision;

use super::{Measured, Row, Unmeasured, alternate};

/// The rows.
pub(super) fn rows() -> Vec<Row> {
    [
        mlp::ROWS,
        vision::ROWS,
        low_precision::ROWS,
        sequence::ROWS,
        hardware_aware::ROWS,
        aihwkit::ROWS,
    ]
    .concat()
}

/// Times `ours` against steps of the PyTorch program that defines `step()`.
fn against_torch(
    rounds: usize,
    program: &str,
    mut ours: impl FnMut(),
) -> Result<Measured, Unmeasured> {
    let mut torch = torch::Torch::start(program).map_err(Unmeasured::Missing)?;
    let mut failure = None;
    let measured = alternate(rounds, &mut ours, || {
        if let Err(error) = torch.step() {
            failure = Some(error);
        }
    });
    failure.map_or(Ok(measured), |reason| Err(Unmeasured::Missing(reason)))
}
