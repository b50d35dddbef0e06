//! [`Headline`]: what of an experiment stands on the report's first screen.

use report::figure::Figure;
use report::table::HeatMap;

/// One picture, which a reader of the paper knows.
#[derive(Debug)]
pub struct Headline {
    /// What it shows, as a heading.
    pub title: &'static str,
    /// Ours beside the paper's; none without outcomes.
    pub picture: Option<Picture>,
}

/// What is drawn.
#[derive(Debug)]
pub enum Picture {
    /// Panels of curves.
    Figure(Figure),
    /// A map of numbers.
    HeatMap(HeatMap),
}

impl From<Figure> for Picture {
    fn from(figure: Figure) -> Self {
        Self::Figure(figure)
    }
}

impl From<HeatMap> for Picture {
    fn from(map: HeatMap) -> Self {
        Self::HeatMap(map)
    }
}
