//! [`Findings`]: what an experiment makes of its records, as data that the report draws.

pub mod claim;
pub mod figure;
pub mod number;
pub mod source;
pub mod table;
pub(crate) mod words;

use claim::Claim;
use figure::Figure;
use table::{HeatMap, Table};

/// What an experiment makes of its records.
#[derive(Debug, Default)]
pub struct Findings {
    /// The claims with their verdicts.
    pub claims: Vec<Claim>,
    /// The figures.
    pub figures: Vec<Figure>,
    /// The heat maps.
    pub heat_maps: Vec<HeatMap>,
    /// The tables.
    pub tables: Vec<Table>,
    /// What the reader must know: choices that the paper leaves open, and the like.
    pub notes: Vec<String>,
    /// What of the experiment was not run, and why; the report's first screen names it.
    pub left_out: Vec<String>,
}
