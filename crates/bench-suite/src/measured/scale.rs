//! [`Scale`]: how much of an experiment is run.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// How much of an experiment is run. The definitions are the same code with other numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scale {
    /// About a minute for all experiments, for continuous integration: does the machinery work.
    Smoke,
    /// Real data, about an hour for all experiments on two cores: the qualitative claims.
    Desk,
    /// A night on two cores: whole data sets, longer trainings, and three of each that a headline rests on.
    Long,
    /// The paper's own sizes and schedules.
    Paper,
}

impl Scale {
    /// All, from the least on.
    pub const ALL: [Self; 4] = [Self::Smoke, Self::Desk, Self::Long, Self::Paper];

    /// What belongs to this scale, of smoke, desk, long and paper.
    pub const fn of<T: Copy>(self, [smoke, desk, long, paper]: [T; 4]) -> T {
        match self {
            Self::Smoke => smoke,
            Self::Desk => desk,
            Self::Long => long,
            Self::Paper => paper,
        }
    }
}

impl fmt::Display for Scale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Smoke => "smoke",
            Self::Desk => "desk",
            Self::Long => "long",
            Self::Paper => "paper",
        })
    }
}

impl FromStr for Scale {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "smoke" => Ok(Self::Smoke),
            "desk" => Ok(Self::Desk),
            "long" => Ok(Self::Long),
            "paper" => Ok(Self::Paper),
            _ => Err(format!("'{text}' is not a scale; there are smoke, desk, long and paper")),
        }
    }
}
