//! Rows of `nn`: training steps against our own float step, and against PyTorch's.

mod aihwkit;
mod hardware_aware;
mod low_precision;
mod mlp;
mod sequence;
pub(super) mod torch;
mod vision;

use crate::bench::row::Row;

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
