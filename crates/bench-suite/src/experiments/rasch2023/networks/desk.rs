//! What the networks are at desk scale, for a reader of the report.

use report::table::{Table, cells};

use super::super::evaluated::Evaluated;
use crate::measured::measures::hardware_aware::HardwareAware;

/// The networks that stand in for the paper's.
pub(super) fn table(networks: &[Evaluated<'_, HardwareAware>]) -> Table {
    let rows = networks.iter().map(|network| {
        let data = network.done.first().and_then(|done| done.data.first());
        let title = (network.id.entry().title)(data.map_or("", |sum| &sum.name));
        cells![network.id, title, network.paper.network.name()]
    });
    Table::new(
        "What stands in for the paper's networks at desk scale: the network, its data, and \
         how much of them it is trained and tested with. The names in all sections are \
         these.",
        ["network", "what it is", "the paper's"],
    )
    .rows(rows)
}

#[cfg(test)]
mod tests {

    use crate::measured::error::Error;
    use crate::measured::networks::NetworkId;
    use crate::measured::scale::Scale;
    use crate::testing::skipped;
    use datasets::DataFolder;

    /// The networks without data that ship; other rows of the paper have one of each.
    const NEED_MORE: [NetworkId; 2] = [NetworkId::BertStsb, NetworkId::LstmSpokenDigits];

    #[test]
    fn titles_are_those_of_the_workloads() {
        let folder = std::env::var_os("DITHER_DATA");
        let empty = tempfile::tempdir().unwrap();
        // With what ships alone, and with what else is there.
        for folder in [Some(empty.path()), folder.as_deref().map(AsRef::as_ref)] {
            let data = DataFolder::new(folder);
            for &id in NetworkId::ALL {
                match id.open(&data, Scale::Desk) {
                    Ok(workload) => {
                        let title = (id.entry().title)(&workload.data()[0].name);
                        assert_eq!(workload.title(), title);
                    }
                    Err(Error::NoData(reason)) => {
                        assert!(NEED_MORE.contains(&id), "{id}: {reason}");
                        skipped(format!("{id}: {reason}"));
                    }
                    Err(error) => panic!("{id}: {error}"),
                }
            }
        }
    }
}
