//! What the networks are at desk scale, for a reader of the report.

use report::table::{Table, cells};

use super::super::evaluated::Evaluated;

/// Network and data of each, as its workload says.
const TITLES: [(&str, &str); 13] = [
    ("resnet-cifar10", "ResNet-20 on CIFAR-10 (JPEG q75), 50000 + 2000 images"),
    (
        "wide-resnet",
        "WideResNet-10-2 on CIFAR-10 (JPEG q75), averaged to 16 × 16 pixels, 20000 + 1000 images",
    ),
    (
        "resnet18",
        "ResNet of 2, 2, 2, 2 basic blocks, 12 channels at first, on CIFAR-10 (JPEG q75), averaged \
         to 16 × 16 pixels, 20000 + 1000 images",
    ),
    (
        "resnet50",
        "ResNet of 1, 2, 2, 1 bottlenecks, 8 channels at first, on CIFAR-10 (JPEG q75), averaged to \
         16 × 16 pixels, 20000 + 1000 images",
    ),
    (
        "densenet",
        "DenseNet-BC-22-8 on CIFAR-10 (JPEG q75), averaged to 16 × 16 pixels, 20000 + 1000 images",
    ),
    (
        "wide-resnet50",
        "ResNet of 1, 2, 2, 1 bottlenecks 2 times as wide, 8 channels at first, on CIFAR-10 (JPEG \
         q75), averaged to 16 × 16 pixels, 20000 + 1000 images",
    ),
    ("bert-stsb", "MiniLM-L6 on STS-B, 1000 + 250 pairs of sentences"),
    (
        "bert-sentiment",
        "transformer, 2 blocks of 96, on movie-review snippets, 9512 + 1056 sentences",
    ),
    (
        "albert-sentiment",
        "transformer, 3 uses of one block of 96, on movie-review snippets, 9512 + 1056 sentences",
    ),
    ("lstm-spoken-digits", "bidirectional 2 × 64 LSTM on spoken digits, 2700 + 300 utterances"),
    ("lstm-japanese-vowels", "bidirectional 2 × 64 LSTM on Japanese vowels, 270 + 370 utterances"),
    (
        "lstm-language",
        "2 × 96 LSTM on State of the Union addresses, 2000 different words, 383665 + 20000 words",
    ),
    (
        "rnn-t",
        "RNN transducer (bidirectional 2 × 64 LSTM) on connected spoken digits, 3000 + 250 \
         utterances",
    ),
];

/// The networks that stand in for the paper's.
pub(super) fn table(networks: &[Evaluated<'_>]) -> Table {
    let title = |id: &str| TITLES.iter().find(|(known, _)| *known == id).map(|(_, title)| *title);
    let rows =
        networks.iter().map(|network| cells![network.id, title(network.id), network.paper.name]);
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
    use super::*;
    use crate::measured::error::Error;
    use crate::measured::networks::NETWORKS;
    use crate::measured::scale::Scale;
    use crate::testing::skipped;
    use datasets::DataFolder;

    #[test]
    fn titles_are_those_of_the_workloads() {
        let folder = std::env::var_os("DITHER_DATA");
        let data = DataFolder::new(folder.as_deref().map(AsRef::as_ref));
        let mut checked = Vec::new();
        for (entry, (id, title)) in NETWORKS.iter().zip(TITLES) {
            assert_eq!(entry.id, id);
            match (entry.open)(&data, Scale::Desk) {
                // With SST-2 at hand the two networks of sentiment are trained on more.
                Ok(workload) if !workload.title().contains("SST-2") => {
                    assert_eq!(workload.title(), title);
                    checked.push(id);
                }
                Ok(_) => skipped(format!("{id} is another network with SST-2")),
                Err(Error::NoData(reason)) => skipped(format!("{id}: {reason}")),
                Err(error) => panic!("{id}: {error}"),
            }
        }
        for ships in ["bert-sentiment", "lstm-japanese-vowels", "lstm-language"] {
            assert!(checked.contains(&ships), "{ships}, whose data ship, was not checked");
        }
    }
}
