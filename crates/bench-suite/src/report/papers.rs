//! Sections paper by paper, in the order of their parts.

use super::contents::Section;
use crate::findings::source::Paper;

impl Section {
    /// Whether its question is none of a paper's.
    pub(super) fn is_beyond(&self) -> bool {
        self.source.paper == Paper::Beyond
    }
}

/// Sorts sections into the papers' order; those of one place stay as they are.
pub(super) fn sort(sections: &mut [Section]) {
    sections.sort_by_key(|section| section.source.place());
}

/// The sections paper by paper, without papers that have none.
pub(super) fn group(sections: &[Section]) -> Vec<(Paper, &[Section])> {
    sections
        .chunk_by(|a, b| a.source.paper == b.source.paper)
        .map(|group| (group[0].source.paper, group))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiments::EXPERIMENTS;

    #[test]
    fn every_experiment_is_of_the_paper_that_its_name_says() {
        for experiment in EXPERIMENTS {
            let source = experiment.source();
            let name = experiment.id().split_once('/').map(|(paper, _)| paper);
            assert_eq!(name, Some(source.paper.id()), "{source}");
            let named = ["Fig.", "Tab.", "Eq.", "Supp."];
            let named = named.iter().any(|kind| source.parts().contains(kind));
            assert!(
                named || source.paper == Paper::Beyond,
                "{source} names no figure, table, equation or supplement"
            );
        }
    }
}
