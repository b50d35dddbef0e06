//! What the networks are at desk scale, for a reader of the report.

use report::table::{Table, cells};

use super::super::evaluated::Evaluated;
use crate::measured::measures::hardware_aware::HardwareAware;

/// The networks that stand in for the paper's.
pub(super) fn table(networks: &[Evaluated<'_, HardwareAware>]) -> Table {
    let rows = networks
        .iter()
        .map(|network| cells![network.id, network.id.entry().title, network.paper.network.name()]);
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

    #[test]
    fn titles_are_those_of_the_workloads() {
        let folder = std::env::var_os("DITHER_DATA");
        let data = DataFolder::new(folder.as_deref().map(AsRef::as_ref));
        let mut checked = Vec::new();
        for &id in NetworkId::ALL {
            match id.open(&data, Scale::Desk) {
                // With SST-2 at hand the two networks of sentiment are trained on more.
                Ok(workload) if !workload.title().contains("SST-2") => {
                    assert_eq!(workload.title(), id.entry().title);
                    checked.push(id);
                }
                Ok(_) => skipped(format!("{id} is another network with SST-2")),
                Err(Error::NoData(reason)) => skipped(format!("{id}: {reason}")),
                Err(error) => panic!("{id}: {error}"),
            }
        }
        for ships in
            [NetworkId::BertSentiment, NetworkId::LstmJapaneseVowels, NetworkId::LstmLanguage]
        {
            assert!(checked.contains(&ships), "{ships}, whose data ship, was not checked");
        }
    }
}
