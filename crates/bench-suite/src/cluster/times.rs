//! [`Times`]: how long points take, from those that have run.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;
use serde_json::Value;

use super::pack::Cost;
use crate::measured::networks::NetworkId;
use crate::measured::networks::paper_row::PaperRow;
use crate::measured::point::Point;
use crate::measured::scale::Scale;
use crate::provenance::Run;
use crate::store::Store;

/// Times by what points have in common, the closest first.
///
/// Points whose configuration differs in nothing but the seed take as long as each other; others of an
/// experiment and a network, or of an experiment, as long by their work. Where nothing has run yet there
/// are the times of the committed results, and at paper scale those of one forward pass.
#[derive(Debug, Default)]
pub struct Times {
    same: BTreeMap<String, Sum>,
    alike: BTreeMap<Kind, Sum>,
}

/// Seconds on one core for so much of something.
#[derive(Clone, Copy, Debug, Default)]
struct Sum {
    core_s: f64,
    of: f64,
}

impl Sum {
    fn add(&mut self, core_s: f64, of: f64) {
        self.core_s += core_s;
        self.of += of;
    }

    fn rate(self) -> Option<f64> {
        (self.of > 0.0).then(|| self.core_s / self.of)
    }
}

/// An experiment, and the network that is trained, if there is one.
type Kind = (String, Option<String>);

/// Seconds on one core that were measured elsewhere, for one unit of work.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Shipped {
    /// Of an experiment without a network of the register.
    experiments_core_s: BTreeMap<String, f64>,
    /// Of a network of the register at the scales below that of the paper.
    networks_core_s: BTreeMap<String, f64>,
    /// Of a network in one experiment: of experiments that share a trained network each point says that it
    /// trains it, and one does.
    both_core_s: BTreeMap<String, BTreeMap<String, f64>>,
}

static SHIPPED: LazyLock<Shipped> =
    LazyLock::new(|| toml::from_str(include_str!("times.toml")).expect("a test reads it"));

/// What one input takes at the paper's own size.
#[derive(Debug, Deserialize)]
struct Paper {
    forward_ms: BTreeMap<PaperRow, Forward>,
}

#[derive(Debug, Deserialize)]
struct Forward {
    tiles: f64,
}

static PAPER: LazyLock<Paper> = LazyLock::new(|| {
    toml::from_str(include_str!("../../../../docs/paper-scale.toml")).expect("a test reads it")
});

impl Times {
    /// Those of the points of a store that have run.
    pub fn of<'a>(store: &Store, points: impl IntoIterator<Item = &'a Point>) -> Self {
        let mut times = Self::default();
        for point in points {
            if let Some(run) = store.run(point).filter(|_| store.has(point)) {
                times.add(point, core_s(&run));
            }
        }
        times
    }

    fn add(&mut self, point: &Point, core_s: f64) {
        self.same.entry(configuration(point)).or_default().add(core_s, 1.0);
        let (experiment, network) = (point.experiment.to_owned(), network(point));
        let work = point.work as f64;
        self.alike.entry((experiment.clone(), None)).or_default().add(core_s, work);
        if network.is_some() {
            self.alike.entry((experiment, network)).or_default().add(core_s, work);
        }
    }

    /// Seconds on one core that a point is expected to take; `None` if no one has timed its like.
    pub fn core_s(&self, point: &Point) -> Option<f64> {
        let same = || self.same.get(&configuration(point)).copied().and_then(Sum::rate);
        let alike = |network: Option<String>| {
            let sum = self.alike.get(&(point.experiment.to_owned(), network)).copied();
            sum.and_then(Sum::rate)
        };
        let by_work = || alike(network(point)).or_else(|| alike(None)).or_else(|| shipped(point));
        same().or_else(|| by_work().map(|rate| rate * point.work as f64))
    }

    /// What a point is expected to cost; `unknown` seconds on one core if no one has timed its like.
    pub fn cost(&self, point: &Point, unknown: f64) -> Cost {
        Cost { core_s: self.core_s(point).unwrap_or(unknown), group: group(point) }
    }
}

/// Seconds on one core.
pub fn core_s(run: &Run) -> f64 {
    run.seconds * run.threads as f64
}

/// What was measured elsewhere.
fn shipped(point: &Point) -> Option<f64> {
    let Some(network) = network(point) else {
        return SHIPPED.experiments_core_s.get(point.experiment).copied();
    };
    let at_paper_scale = scale(point) == Some(Scale::Paper);
    match network.parse::<NetworkId>() {
        Ok(id) if at_paper_scale => {
            PAPER.forward_ms.get(&id.paper()).map(|forward| forward.tiles / 1000.0)
        }
        _ => {
            let together = SHIPPED.both_core_s.get(point.experiment);
            let one = |rates: &BTreeMap<String, f64>| rates.get(&network).copied();
            together
                .and_then(one)
                .or_else(|| together.and_then(middle))
                .or_else(|| one(&SHIPPED.networks_core_s))
                .or_else(|| middle(&SHIPPED.networks_core_s))
        }
    }
}

/// For a network whose data do not ship: as others, which differ by a factor of ten.
fn middle(rates: &BTreeMap<String, f64>) -> Option<f64> {
    let sum: f64 = rates.values().map(|rate| rate.ln()).sum();
    (!rates.is_empty()).then(|| (sum / rates.len() as f64).exp())
}

/// The configuration without the seed.
fn configuration(point: &Point) -> String {
    format!("{} {}", point.experiment, point.config)
}

/// What is said of the network that is trained, by its key.
fn trained<'a>(point: &'a Point, key: &str) -> Option<&'a Value> {
    point.config.get("trained")?.get(key)
}

/// The network that is trained, if there is one.
fn network(point: &Point) -> Option<String> {
    trained(point, "network")?.as_str().map(str::to_owned)
}

fn scale(point: &Point) -> Option<Scale> {
    trained(point, "scale")?.as_str()?.parse().ok()
}

/// Points with the same network, scale and seed look at the same trained float network, and mostly at
/// the same network on tiles.
fn group(point: &Point) -> Option<String> {
    let [network, scale] = [network(point), scale(point).map(|scale| scale.to_string())];
    Some(format!("{} {} {}", network?, scale?, point.seed))
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::path::Path;
    use std::time::Duration;

    use serde_json::json;

    use super::*;
    use crate::experiments::EXPERIMENTS;
    use crate::measured::measurements::Measurements;
    use crate::measured::point::testing;
    use crate::opened::Networks;
    use crate::record::Record;
    use crate::request::Request;

    fn point(experiment: &'static str, config: Value, seed: u64, work: u64) -> Point {
        let mut point = testing::point(experiment, &format!("seed {seed}"), config, seed);
        point.work = work;
        point
    }

    /// A store in which points have run so long.
    fn store(folder: &tempfile::TempDir, ran: &[(&Point, u64)]) -> Store {
        let store = Store::open(folder.path()).unwrap();
        for (point, seconds) in ran {
            let run = Run::ending_now(Duration::from_secs(*seconds), 1, 2);
            store.save(point, &Record::new(point, Measurements::default()), &run).unwrap();
        }
        store
    }

    #[test]
    fn the_closest_times_are_taken() {
        let folder = tempfile::tempdir().unwrap();
        let of = |network: &str| json!({ "trained": { "network": network, "scale": "desk" } });
        let (a, b) = (of("lstm-japanese-vowels"), of("resnet18"));
        let known = [point("test/a", a.clone(), 0, 10), point("test/a", b.clone(), 0, 10)];
        let store = store(&folder, &[(&known[0], 100), (&known[1], 400)]);
        let times = Times::of(&store, &known);
        // On two threads each.
        assert_eq!(times.core_s(&point("test/a", a.clone(), 1, 99)), Some(200.0), "another seed");
        let other = json!({ "trained": { "network": "resnet18", "scale": "desk" }, "more": 1 });
        assert_eq!(times.core_s(&point("test/a", other, 0, 20)), Some(1600.0), "by its work");
        let third = of("bert-stsb");
        assert_eq!(times.core_s(&point("test/a", third, 0, 10)), Some(500.0), "the experiment's");
        assert_eq!(times.core_s(&point("test/b", json!(1), 0, 10)), None);
        assert_eq!(
            times.cost(&point("test/b", json!(1), 0, 10), 7.0),
            Cost { core_s: 7.0, group: None }
        );
        let shared =
            [1, 1, 2].map(|seed| times.cost(&point("test/c", a.clone(), seed, 1), 0.0).group);
        assert!(shared[0] == shared[1] && shared[1] != shared[2], "{shared:?}");
    }

    #[test]
    fn at_paper_scale_a_unit_of_work_is_a_forward_pass_of_the_papers_network() {
        let config = json!({ "trained": { "network": "resnet18", "scale": "paper" } });
        let expected = Times::default().core_s(&point("rasch2023/networks", config, 0, 1000));
        assert_eq!(expected, Some(121.0));
    }

    /// Seconds on one core of every point of an archived report, by experiment and name.
    fn archived(file: &Path) -> BTreeMap<(String, String), f64> {
        let file = std::fs::File::open(file).unwrap();
        let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(file));
        let (mut names, mut ran) = (BTreeMap::new(), BTreeMap::new());
        for entry in archive.entries().unwrap() {
            let mut entry = entry.unwrap();
            let path = entry.path().unwrap().into_owned();
            let parts: Vec<_> =
                path.iter().map(|part| part.to_string_lossy().into_owned()).collect();
            let [_, kind, paper, experiment, file] = &parts[..] else { continue };
            let (experiment, key) = (format!("{paper}/{experiment}"), file.clone());
            let mut text = String::new();
            entry.read_to_string(&mut text).unwrap();
            let value: Value = serde_json::from_str(&text).unwrap();
            match &**kind {
                "records" => {
                    let name = value["point"].as_str().unwrap().to_owned();
                    names.insert(key, (experiment, name));
                }
                _ => drop(ran.insert(key, core_s(&Run::from_json(&text).unwrap()))),
            }
        }
        ran.into_iter().map(|(key, core_s)| (names.remove(&key).unwrap(), core_s)).collect()
    }

    /// `times.toml`: the times of the committed desk run, by the work that its points have now. With
    /// `DITHER_UPDATE` it is written.
    #[test]
    fn what_ships_is_what_the_committed_results_took() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let [main, older] = ["desk-main", "desk"].map(|run| {
            archived(&root.join("../../docs/results").join(run).join("dither-desk.tar.gz"))
        });
        let data = datasets::DataFolder::new(None);
        let request = Request { scale: Scale::Desk, seed: 0, seeds: None, data };
        let mut opened = Networks::of(&request);
        let mut sums: [BTreeMap<String, Sum>; 2] = Default::default();
        let mut both: BTreeMap<String, BTreeMap<String, Sum>> = BTreeMap::new();
        for experiment in EXPERIMENTS {
            // What has no data has no points.
            for point in experiment.points(&request, &mut opened).unwrap_or_default() {
                let name = (point.experiment.to_owned(), point.name.clone());
                // The older run had every experiment, but networks were trained for fewer epochs.
                let older = || older.get(&name).filter(|_| network(&point).is_none());
                let Some(core_s) = main.get(&name).or_else(older) else { continue };
                let (experiment, work) = (point.experiment.to_owned(), point.work as f64);
                let (table, key) = match network(&point) {
                    Some(network) => {
                        let of = both.entry(experiment).or_default();
                        of.entry(network.clone()).or_default().add(*core_s, work);
                        (1, network)
                    }
                    None => (0, experiment),
                };
                sums[table].entry(key).or_default().add(*core_s, work);
            }
        }
        assert!(sums.iter().all(|sums| sums.len() >= 5), "{sums:?}");
        let mut text =
            "# Seconds on one core for one unit of work, of an experiment, of a network of the register and of \
                        both:\n# those of docs/results/desk-main, and of docs/results/desk for what that \
                        has not. Written by a test:\n\
                        # DITHER_UPDATE=1 cargo test -p bench-suite --lib what_ships\n"
                .to_owned();
        let titles = ["experiments_core_s", "networks_core_s"].map(str::to_owned);
        let pairs =
            both.iter().map(|(experiment, of)| (format!("both_core_s.\"{experiment}\""), of));
        for (title, sums) in titles.into_iter().zip(&sums).chain(pairs) {
            text += &format!("\n[{title}]\n");
            for (key, sum) in sums {
                text += &format!("\"{key}\" = {:.2e}\n", sum.rate().unwrap());
            }
        }
        let file = root.join("src/cluster/times.toml");
        if std::env::var_os("DITHER_UPDATE").is_some() {
            std::fs::write(&file, &text).unwrap();
        }
        let page = std::fs::read_to_string(&file).unwrap();
        assert!(page == text, "{} is not up to date; DITHER_UPDATE=1 writes it", file.display());
        let _: Shipped = toml::from_str(&page).unwrap();
    }
}
