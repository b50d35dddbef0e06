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
    /// The paper's own sizes and schedules.
    Paper,
}

impl Scale {
    /// What belongs to this scale, of smoke, desk and paper.
    pub const fn of<T: Copy>(self, [smoke, desk, paper]: [T; 3]) -> T {
        match self {
            Self::Smoke => smoke,
            Self::Desk => desk,
            Self::Paper => paper,
        }
    }
}

impl fmt::Display for Scale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Smoke => "smoke",
            Self::Desk => "desk",
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
            "paper" => Ok(Self::Paper),
            _ => Err(format!("'{text}' is not a scale; there are smoke, desk and paper")),
        }
    }
}
