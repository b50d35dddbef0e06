//! [`TrainingTiles`]: where the parts of a matrix are, and their converters.

use std::sync::Arc;

use numerics::Seed;

use crate::config::TileConfig;
use crate::error::TileError;
use crate::mapping::{Levels, UnitCell};
use crate::periphery::{BoundPer, DacRange, Periphery};
use crate::tiling::Cut;

/// The tiles of a matrix without weights: what does not change from mini-batch to mini-batch.
///
/// A clone is another handle to the same tiles.
#[derive(Clone, Debug)]
pub struct TrainingTiles {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    cut: Cut,
    unit_cell: UnitCell,
    /// Conductances that its devices can be programmed to.
    levels: Option<u32>,
    /// Whether negative inputs become 0.
    unsigned: bool,
    /// Slices of an input.
    slices: usize,
    /// Which columns have one range of the ADC.
    bound_per: BoundPer,
    /// One for each part of the cut.
    peripheries: Vec<Periphery>,
}

impl TrainingTiles {
    /// Cuts a matrix (out, in) as [`Cut::new`] does; `seed` draws the column errors of the converters.
    /// The devices of the configuration are not used, but for their levels.
    ///
    /// # Errors
    ///
    /// [`TileError`] if the configuration is out of range.
    ///
    /// # Panics
    ///
    /// If there are no outputs or no inputs.
    #[track_caller]
    pub fn new(
        config: &TileConfig,
        outputs: usize,
        inputs: usize,
        seed: &Seed,
    ) -> Result<Self, TileError> {
        config.check()?;
        let cut = Cut::new(outputs, inputs, &config.mapping);
        let (periphery, wires) = (&config.periphery, &config.ir_drop);
        let periphery_of = |(index, part): (usize, &crate::tiling::Part)| {
            let (inputs, outputs) = (part.columns.len(), part.rows.len());
            Periphery::new(periphery, wires, inputs, outputs, &seed.child(index))
        };
        let peripheries: Result<_, _> = cut.parts().iter().enumerate().map(periphery_of).collect();
        let unsigned = periphery.dac.range == DacRange::Unsigned;
        Ok(Self {
            shared: Arc::new(Shared {
                cut,
                unit_cell: config.mapping.unit_cell.clone(),
                levels: config.mapping.levels,
                unsigned,
                slices: periphery.conversions(),
                bound_per: periphery.adc.bound_per,
                peripheries: peripheries?,
            }),
        })
    }

    /// The parts of the matrix.
    pub fn cut(&self) -> &Cut {
        &self.shared.cut
    }

    /// What weights are rounded to before they are multiplied.
    pub(super) fn levels(&self) -> Option<Levels<'_>> {
        Levels::new(&self.shared.unit_cell, self.shared.levels)
    }

    pub(super) fn is_unsigned(&self) -> bool {
        self.shared.unsigned
    }

    pub(super) fn slices(&self) -> usize {
        self.shared.slices
    }

    pub(super) fn bound_per(&self) -> BoundPer {
        self.shared.bound_per
    }

    pub(super) fn peripheries(&self) -> &[Periphery] {
        &self.shared.peripheries
    }

    /// Whether both are handles to the same tiles.
    pub(super) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }
}
