//! Networks whose most sensitive layers or columns have devices without errors: [Rasch23 Fig. 7,
//! Supp. Tab. 8].

mod findings;

use super::evaluated::about;
use super::networks::{runs_of_networks, trained};
use super::paper::TIMES_S;
use crate::experiment::{About, Experiment, Results};
use crate::findings::Findings;
use crate::findings::source::Part;
use crate::findings::words::names;
use crate::measured::error::Error;
use crate::measured::measures::aging::Aging;
use crate::measured::measures::exemption::{Columns, Exemption};
use crate::measured::networks::NetworkId;
use crate::measured::point::Run;
use crate::measured::scale::Scale;
use crate::opened::Networks;
use crate::request::Request;

/// The experiment.
#[derive(Debug)]
pub struct Exemptions;

/// The networks of the paper's figure.
const NETWORKS: [NetworkId; 4] =
    [NetworkId::ResNet18, NetworkId::ResNet50, NetworkId::DenseNet, NetworkId::WideResNet50];

/// How many times its standard error a layer is given to rank it. [Rasch23 Results]
const RANKING_SCALE: f32 = 15.0;

/// At most that many layers are exempted in the paper, and columns are chosen from as many.
const LAYERS: usize = 6;

/// Training runs, programmings of each, and networks.
fn size(scale: Scale) -> (u64, u64, &'static [NetworkId]) {
    scale.of([
        (1, 1, &[NetworkId::ResNet18]),
        (1, 4, &NETWORKS),
        (1, 10, &NETWORKS),
        (1, 10, &NETWORKS),
    ])
}

/// How far layers are exempted one by one, and which columns. [Rasch23 Supp. Tab. 8]: 256, 512,
/// 1024 of about 2048 columns; the six layers of the small networks have 150 or so.
fn exempted(scale: Scale) -> (usize, Columns) {
    let columns = |batches, counts: &[usize]| Columns {
        layers: LAYERS,
        batches,
        counts: counts.to_vec(),
        smallest: counts[counts.len() - 1],
    };
    match scale {
        Scale::Smoke => (1, columns(2, &[8])),
        Scale::Desk | Scale::Long => (8, columns(100, &[16, 32, 64])),
        Scale::Paper => (12, columns(100, &[256, 512, 1024])),
    }
}

impl Experiment for Exemptions {
    type Measure = Exemption;

    const ABOUT: About = about(
        "rasch2023/exemption",
        "A few layers without errors of devices",
        &[Part::Figure("7"), Part::SupplementaryTable("8")],
    );

    fn describe(&self, scale: Scale) -> String {
        let (_, programmings, networks) = size(scale);
        let (layers, _) = exempted(scale);
        format!(
            "{}, trained as ever; layers exempted one after the other: {layers}, then all; \
             programmings: {programmings}, and one for each layer to rank it",
            names(networks, ", ")
        )
    }

    fn runs(
        &self,
        request: &Request,
        opened: &mut Networks,
    ) -> Result<Vec<Run<Self::Measure>>, Error> {
        let (seeds, programmings, networks) = size(request.scale);
        let (layers, columns) = exempted(request.scale);
        runs_of_networks(opened, seeds, networks, |network, workload| {
            let config = Exemption {
                trained: trained(network, request.scale)?,
                aging: Aging {
                    tile: None,
                    times_s: vec![TIMES_S[super::evaluated::HOUR]],
                    programmings,
                },
                ranking_scale: RANKING_SCALE,
                ranking_programmings: 1,
                layers,
                columns: columns.clone(),
            };
            let work = config.work(workload);
            Ok(vec![(network.to_string(), config, work)])
        })
    }

    fn findings(&self, results: &Results<Self::Measure>) -> Findings {
        findings::findings(results)
    }
}
