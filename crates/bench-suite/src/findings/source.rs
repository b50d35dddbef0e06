//! [`Source`]: where in which paper something stands.

use std::fmt;

use serde::{Serialize, Serializer};

/// A paper that is reproduced, in the report's order; or what goes beyond them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Paper {
    /// Gupta et al. 2015.
    Gupta2015,
    /// Rasch et al. 2023.
    Rasch2023,
    /// Other papers, and what no paper asks.
    Beyond,
}

/// What the report says of a paper.
#[derive(Debug)]
struct About {
    id: &'static str,
    name: &'static str,
    title: &'static str,
    /// Its figures and tables as they follow each other.
    order: &'static [Part],
}

/// By paper.
///
/// Source: [Gupta15]; [Rasch23], whose methods come after its results and whose supplement comes
/// last.
static PAPERS: [About; 3] = [
    About {
        id: "gupta2015",
        name: "Gupta et al. 2015",
        title: "Deep learning with limited numerical precision",
        order: &[
            Part::Figure("1"),
            Part::Figure("2"),
            Part::Figure("3"),
            Part::Figure("4"),
            Part::Figure("5"),
            Part::Table("1"),
        ],
    },
    About {
        id: "rasch2023",
        name: "Rasch et al. 2023",
        title: "Hardware-aware training for large-scale and diverse deep learning inference \
                workloads using in-memory computing-based accelerators",
        order: &[
            Part::Figure("1"),
            Part::Figure("2"),
            Part::Figure("3"),
            Part::Table("1"),
            Part::Table("2"),
            Part::Table("3"),
            Part::Figure("4"),
            Part::Figure("5"),
            Part::Figure("6"),
            Part::Figure("7"),
        ],
    },
    About {
        id: "beyond",
        name: "Beyond the papers",
        title: "Questions that neither paper asks",
        order: &[],
    },
];

impl Paper {
    fn about(self) -> &'static About {
        &PAPERS[self as usize]
    }

    /// First part of its experiments' names.
    pub fn id(self) -> &'static str {
        self.about().id
    }

    /// How the report calls it.
    pub fn name(self) -> &'static str {
        self.about().name
    }

    /// Its title, or what is under this heading.
    pub fn title(self) -> &'static str {
        self.about().title
    }

    /// These parts of it.
    pub const fn at(self, parts: &'static [Part]) -> Source {
        Source { paper: self, parts, is_ours: false }
    }
}

/// A part of a paper by its number, which may have letters of panels or a second number after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// A section.
    Section(&'static str),
    /// A figure.
    Figure(&'static str),
    /// A table.
    Table(&'static str),
    /// An equation.
    Equation(&'static str),
    /// A figure of the supplement.
    SupplementaryFigure(&'static str),
    /// A table of the supplement.
    SupplementaryTable(&'static str),
    /// A part of the supplement that has a name and no number.
    Supplement(&'static str),
    /// A paper, or several, by their numbers there.
    Arxiv(&'static str),
    /// A place in words, which have none in the order of parts.
    Passage(&'static str),
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Section(number) => write!(f, "§{number}"),
            Self::Figure(number) => write!(f, "Fig. {number}"),
            Self::Table(number) => write!(f, "Tab. {number}"),
            Self::Equation(number) => write!(f, "Eq. {number}"),
            Self::SupplementaryFigure(number) => write!(f, "Supp. Fig. {number}"),
            Self::SupplementaryTable(number) => write!(f, "Supp. Tab. {number}"),
            Self::Supplement(name) => write!(f, "Supp., {name}"),
            Self::Arxiv(number) => write!(f, "arXiv:{number}"),
            Self::Passage(words) => f.write_str(words),
        }
    }
}

/// The number before letters of panels and further numbers.
fn number(text: &str) -> u32 {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text[..end].parse().unwrap_or(u32::MAX)
}

/// Where in a paper a part stands: figures and tables of the text, equations, the supplement by its
/// numbers, then what has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Text(usize),
    Equation(u32),
    Supplement(u32),
    Unnumbered,
}

impl Part {
    fn place(self, order: &[Self]) -> Place {
        let position = |same: &dyn Fn(&Self) -> bool| {
            Place::Text(order.iter().position(same).unwrap_or(order.len()))
        };
        match self {
            Self::Figure(a) => {
                position(&|part| matches!(part, Self::Figure(b) if number(a) == number(b)))
            }
            Self::Table(a) => {
                position(&|part| matches!(part, Self::Table(b) if number(a) == number(b)))
            }
            Self::Equation(a) => Place::Equation(number(a)),
            Self::SupplementaryFigure(a) | Self::SupplementaryTable(a) => {
                Place::Supplement(number(a))
            }
            Self::Section(_) | Self::Supplement(_) | Self::Arxiv(_) | Self::Passage(_) => {
                Place::Unnumbered
            }
        }
    }
}

/// Where something stands: parts of a paper.
///
/// As text it is the paper with its parts; [`parts`](Self::parts) are what is said where the paper is
/// known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Source {
    /// The paper.
    pub paper: Paper,
    parts: &'static [Part],
    /// Whether a statement is ours and no paper's.
    pub is_ours: bool,
}

/// The source of a statement of ours.
pub const NOT_IN_THE_PAPER: Source = Source::ours(&[Part::Passage("not in the paper")]);

impl Source {
    /// A statement of ours, and what is said of that.
    pub const fn ours(parts: &'static [Part]) -> Self {
        Self { paper: Paper::Beyond, parts, is_ours: true }
    }

    /// Its parts without the paper.
    pub fn parts(&self) -> String {
        let parts: Vec<String> = self.parts.iter().map(Part::to_string).collect();
        parts.join(", ")
    }

    /// By what the report sorts: the paper, and in it the first of the parts that has a place in the
    /// text; of several parts of a supplement the first that is named.
    pub fn place(&self) -> impl Ord + fmt::Debug + use<> {
        let order = self.paper.about().order;
        let places = self.parts.iter().map(|part| part.place(order));
        let supplement = places.clone().find(|place| matches!(place, Place::Supplement(_)));
        let before = places.min().filter(|place| *place < Place::Supplement(0));
        (self.paper, before.or(supplement).unwrap_or(Place::Unnumbered))
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.paper {
            Paper::Beyond => f.write_str(&self.parts()),
            paper => write!(f, "{}, {}", paper.name(), self.parts()),
        }
    }
}

/// As its parts: what is read beside it names the paper.
impl Serialize for Source {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.parts())
    }
}

#[cfg(test)]
mod tests {
    use super::Part::{
        Arxiv, Equation, Figure, Passage, Section, Supplement, SupplementaryFigure,
        SupplementaryTable, Table,
    };
    use super::*;

    #[test]
    fn parts_follow_each_other_as_in_the_paper() {
        let in_order: [&'static [Part]; 10] = [
            &[Equation("20"), Figure("3 and 4A")],
            &[Table("1")],
            &[Table("2"), Table("3"), SupplementaryFigure("1")],
            &[Figure("4B")],
            &[Figure("7"), SupplementaryTable("8")],
            &[Equation("15–18")],
            &[SupplementaryTable("2")],
            &[SupplementaryTable("5"), SupplementaryFigure("1")],
            &[SupplementaryTable("12")],
            &[Supplement("scale precision")],
        ];
        let places = in_order.map(|parts| Paper::Rasch2023.at(parts).place());
        assert!(places.is_sorted_by(|a, b| a < b), "{places:?}");
        let last = Paper::Gupta2015.at(&[Passage("somewhere")]).place();
        let first = Paper::Rasch2023.at(&[Figure("1")]).place();
        assert!(last < first, "paper by paper");
    }

    #[test]
    fn a_source_reads_as_papers_are_cited() {
        let source = Paper::Gupta2015.at(&[Section("4.1"), Figure("1d")]);
        assert_eq!(source.to_string(), "Gupta et al. 2015, §4.1, Fig. 1d");
        assert_eq!(source.parts(), "§4.1, Fig. 1d");
        let supplement = Paper::Rasch2023.at(&[SupplementaryTable("5"), Supplement("noise")]);
        assert_eq!(supplement.to_string(), "Rasch et al. 2023, Supp. Tab. 5, Supp., noise");
        assert_eq!(NOT_IN_THE_PAPER.to_string(), "not in the paper");
        assert!(NOT_IN_THE_PAPER.is_ours && !source.is_ours);
        let other = Paper::Beyond.at(&[Arxiv("1502.02551"), Section("4.1")]);
        assert_eq!(other.to_string(), "arXiv:1502.02551, §4.1");
        assert_eq!(serde_json::to_value(source).unwrap(), "§4.1, Fig. 1d");
    }
}
