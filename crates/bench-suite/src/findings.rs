//! [`Findings`]: what an experiment makes of its records, as data that the report draws.

pub mod claim;
pub mod estimate;
pub mod source;
pub(crate) mod words;

use report::figure::Figure;
use report::table::{HeatMap, Table};

use claim::Claim;

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
