//! The papers, and the order of their parts.

use super::Section;

/// A paper, or what goes beyond both.
#[derive(Debug)]
pub(crate) struct Paper {
    /// First part of its experiments' names.
    pub(crate) id: &'static str,
    /// How the report calls it.
    pub(crate) name: &'static str,
    /// Its title, or what is under this heading.
    pub(crate) title: &'static str,
    /// Its figures and tables as they follow each other.
    parts: &'static [&'static str],
}

/// In the report's order. What belongs to none comes last.
///
/// Source: [Gupta15]; [Rasch23], whose methods come after its results and whose supplement comes
/// last.
static PAPERS: [Paper; 3] = [
    Paper {
        id: "gupta2015",
        name: "Gupta et al. 2015",
        title: "Deep learning with limited numerical precision",
        parts: &["Fig. 1", "Fig. 2", "Fig. 3", "Fig. 4", "Fig. 5", "Tab. 1"],
    },
    Paper {
        id: "rasch2023",
        name: "Rasch et al. 2023",
        title: "Hardware-aware training for large-scale and diverse deep learning inference \
                workloads using in-memory computing-based accelerators",
        parts: &[
            "Fig. 1", "Fig. 2", "Fig. 3", "Tab. 1", "Tab. 2", "Tab. 3", "Fig. 4", "Fig. 5",
            "Fig. 6", "Fig. 7", "Eq.",
        ],
    },
    Paper {
        id: "beyond",
        name: "Beyond the papers",
        title: "Questions that neither paper asks",
        parts: &[],
    },
];

/// The paper of an experiment; what belongs to none is beyond them.
fn paper_of(id: &str) -> usize {
    let prefix = id.split('/').next();
    PAPERS.iter().position(|paper| prefix == Some(paper.id)).unwrap_or(PAPERS.len() - 1)
}

/// Where in its paper a source stands: the number of its first part, and in the supplement that of
/// the table or figure.
fn place(paper: &Paper, source: &str) -> (usize, u32) {
    // "Supp. Tab. 2" is not "Tab. 2".
    let (main, supplement) = source.split_once("Supp.").unwrap_or((source, ""));
    let main = paper.parts.iter().position(|part| {
        // "Tab. 1" is not in "Tab. 12".
        let ends = |rest: &str| !rest.starts_with(|c: char| c.is_ascii_digit());
        main.split(part).skip(1).any(|rest| part.ends_with("Eq.") || ends(rest))
    });
    if let Some(part) = main {
        return (part, 0);
    }
    let number = supplement.split(|c: char| !c.is_ascii_digit()).find_map(|n| n.parse().ok());
    (paper.parts.len(), number.unwrap_or(u32::MAX))
}

impl Section {
    /// Whether its question is none of a paper's.
    pub(super) fn is_beyond(&self) -> bool {
        PAPERS[paper_of(self.id)].parts.is_empty()
    }
}

/// Sorts sections into the papers' order; those of one place stay as they are.
pub(super) fn sort(sections: &mut [Section]) {
    sections.sort_by_key(|section| {
        let paper = paper_of(section.id);
        (paper, place(&PAPERS[paper], section.source))
    });
}

/// The sections paper by paper, without papers that have none.
pub(super) fn group(sections: &[Section]) -> Vec<(&'static Paper, &[Section])> {
    sections
        .chunk_by(|a, b| paper_of(a.id) == paper_of(b.id))
        .map(|group| (&PAPERS[paper_of(group[0].id)], group))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_follow_each_other_as_in_the_paper() {
        let rasch = &PAPERS[paper_of("rasch2023/networks")];
        let in_order = [
            "Rasch et al. 2023, Eq. 20, Fig. 3 and 4A",
            "Rasch et al. 2023, Tab. 1",
            "Rasch et al. 2023, Tab. 2, Tab. 3, Supp. Fig. 1",
            "Rasch et al. 2023, Fig. 4B",
            "Rasch et al. 2023, Fig. 7, Supp. Tab. 8",
            "Rasch et al. 2023, Eq. 15–18",
            "Rasch et al. 2023, Supp. Tab. 2",
            "Rasch et al. 2023, Supp. Tab. 4",
            "Rasch et al. 2023, Supp. Tab. 12",
        ];
        let places = in_order.map(|source| place(rasch, source));
        assert!(places.is_sorted_by(|a, b| a < b), "{places:?}");
        assert_eq!(paper_of("beyond/lfsr-training"), 2);
        assert_eq!(paper_of("train"), 2);
    }

    #[test]
    fn every_experiment_has_a_place() {
        for experiment in crate::experiments::EXPERIMENTS {
            let paper = &PAPERS[paper_of(experiment.id())];
            assert!(experiment.id().starts_with(paper.id), "{} is of no paper", experiment.id());
            let place = place(paper, experiment.source());
            assert!(
                place != (paper.parts.len(), u32::MAX)
                    || paper.parts.is_empty()
                    || experiment.source().contains("Supp."),
                "{}: '{}' names no figure, table, equation or supplement",
                experiment.id(),
                experiment.source()
            );
        }
    }
}
