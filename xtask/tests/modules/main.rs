//! The architecture inside the crates as a test: no large circles of modules, and floors.
//!
//! A module is a file. It uses another one by `use crate::…`, `use super::…` or a path in its code;
//! comments, texts and modules under `#[cfg(test)]` do not count. An import names the module that
//! defines what it imports: `crate::Item`, which the crate only exports again, is refused, for it
//! hides who needs whom.

mod graph;
mod source;

use std::collections::BTreeMap;
use std::path::Path;

use graph::{Graph, circles};
use source::Module;

/// What holds inside a crate.
struct House {
    /// The folder below `crates`.
    name: &'static str,
    /// Modules from the ground up, floor by floor: a module uses only its own floor and those below.
    /// A name stands for the module and all below it; where several match, the longest holds.
    floors: &'static [&'static [&'static str]],
}

/// The crates that keep to floors. Another one is switched on by its line here.
const HOUSES: &[House] = &[
    House {
        name: "numerics",
        floors: &[
            &["simd", "sum", "par", "overflow"],
            &["error", "format"],
            &["code", "rounding", "draw"],
            &["seed", "lfsr", "gaussian", "bits", "slice"],
            &["quantizer"],
            &["tally"],
            &["float", "matrix"],
            &["block", "hadamard", "update", "interop", "product"],
            &["any_format"],
        ],
    },
    House {
        name: "crossbar",
        floors: &[
            &["columns", "error", "limits", "metrics"],
            &["device", "mapping", "wires"],
            &["periphery"],
            &["compensation::config", "tiling", "weight_noise", "samples"],
            &["config", "presets"],
            &["compensation", "tile"],
            &["array", "training"],
            &["cost"],
            &["fit::error", "fit::column"],
            &["fit::curve", "fit::readings", "fit::text"],
            &["fit::moments", "fit::robust"],
            &["fit::held_out", "fit::interval"],
            &["fit::level", "fit::shape"],
            &["fit::stuck"],
            &["fit"],
        ],
    },
    House {
        name: "nn",
        floors: &[
            &["checked", "column_sums", "functions", "pass", "processes", "tensor"],
            &["leaves"],
            &["float_gemm"],
            &["decode", "rows", "simd", "storage", "unigram", "wordpiece"],
            &["parameters"],
            &["checkpoint", "optim", "shares"],
            &["tape"],
            &["arithmetic::float32::products", "arithmetic::float32::storage", "arithmetic::input"],
            &["arithmetic::analog::binding", "arithmetic::analog::config"],
            &["arithmetic::analog::devices", "arithmetic::layer"],
            &["arithmetic::multiply"],
            &["linear_map"],
            &["arithmetic"],
            &["arithmetic::any", "arithmetic::policy"],
            &["data", "observer"],
            &["step"],
            &["ops"],
            &["layers"],
            &["models", "pretrained"],
            &["task"],
            &["calibration", "column_gradients", "train"],
            &["hardware_aware"],
        ],
    },
    House {
        name: "datasets",
        floors: &[
            &["elements", "error", "sum", "vocabulary", "wav", "log_mel"],
            &["files"],
            &["folder", "npy", "unpack"],
            &["glue", "idx"],
            &[
                "cifar10",
                "cifar100",
                "cmudict",
                "fashion_mnist",
                "fsdd",
                "imagenet",
                "japanese_vowels",
                "mnist",
                "movie_reviews",
            ],
            &["mrpc", "ptb", "sotu", "stsb", "switchboard"],
            &[
                "own::contents",
                "own::held_out",
                "own::normalization",
                "own::rows",
                "own::statistics",
                "own::task",
            ],
            &["own::arrays", "own::examples", "own::image", "own::part", "own::table"],
            &["own::image_folder", "own::metric", "own::targets"],
            &["own::source", "own::tally"],
            &["own::description"],
            &["own::dataset"],
            &["own"],
        ],
    },
    House {
        name: "report",
        floors: &[
            &["number", "html::escape"],
            &["figure", "table"],
            &["csv", "svg"],
            &["html", "markdown"],
        ],
    },
    House {
        name: "bench-suite",
        floors: &[
            // What is hashed into the code version, and nothing else, stands in `measured`.
            &["measured::error", "measured::hash", "measured::memory", "measured::progress"],
            &["measured::files", "measured::scale", "measured::statistics"],
            &["measured::lock", "measured::measurements", "measured::seal"],
            &["measured::checkpoint", "measured::models"],
            &["measured::context", "measured::networks"],
            &["measured::measure", "measured::point", "measured::training"],
            &["measured"],
            &["program"],
            &["output", "paper", "provenance", "record", "stop"],
            &["findings"],
            &["request", "opened"],
            &["experiment"],
            &["experiments"],
            &["store"],
            &["report::contents"],
            &["report"],
            &["fault", "merge", "progress", "runner", "signals", "bench", "check", "device_fit"],
            &["fetch", "cluster"],
            &["cli"],
            &["main"],
        ],
    },
    House {
        name: "python",
        floors: &[
            &["arrays", "threads"],
            &["work"],
            &["config", "seed"],
            &["circuit", "convert", "study", "tile"],
            &["gemm", "layer"],
        ],
    },
];

/// The most files that may use each other in a circle.
const LARGEST_CIRCLE: usize = 3;

#[test]
fn modules_stand_on_floors() {
    for house in HOUSES {
        let modules = modules_of(house.name);
        let graph = Graph::of(&modules);
        let mut faults = graph.faults.clone();
        for circle in circles(&graph.uses) {
            if circle.len() > LARGEST_CIRCLE {
                faults.push(format!("use each other in a circle: {}", circle.join(", ")));
            }
        }
        let floor = |module: &str| {
            let named = house.floors.iter().enumerate().flat_map(|(i, names)| {
                names.iter().filter(|name| is_within(module, name)).map(move |name| (name.len(), i))
            });
            named.max().map(|(_, i)| i)
        };
        for (module, used) in &graph.uses {
            let Some(own) = floor(module) else {
                faults.push(format!("{module} stands on no floor"));
                continue;
            };
            for used in used.iter().filter(|used| floor(used).is_some_and(|other| other > own)) {
                faults.push(format!("{module} uses {used}, which stands on a higher floor"));
            }
        }
        for name in house.floors.iter().copied().flatten() {
            if !modules.keys().any(|module| is_within(module, name)) {
                faults.push(format!("there is no module {name}"));
            }
        }
        assert!(faults.is_empty(), "{}:\n{}", house.name, faults.join("\n"));
    }
}

/// The folder of `bench-suite` that makes the version of the code, with the crates below.
const MEASURED: &str = "measured";

#[test]
fn what_is_hashed_uses_only_what_is_hashed() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates");
    let script = std::fs::read_to_string(crates.join("bench-suite/build.rs")).expect("a script");
    let is_hashed = |folder: &str| script.contains(&format!("\"crates/{folder}\""));
    assert!(
        is_hashed(&format!("bench-suite/src/{MEASURED}")),
        "no folder of bench-suite is hashed"
    );
    let unhashed: Vec<String> = std::fs::read_dir(&crates)
        .expect("the folder of crates")
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| !is_hashed(&format!("{name}/src")))
        .map(|name| name.replace('-', "_"))
        .collect();
    let modules = modules_of("bench-suite");
    let measured = || modules.iter().filter(|(name, _)| is_within(name, MEASURED));
    let mut faults = Vec::new();
    for (name, module) in measured() {
        let crates = module.paths.iter().map(|(path, _)| &path[0]);
        let used = crates.filter(|used| unhashed.contains(used));
        faults.extend(used.map(|used| format!("{name} uses the crate {used}")));
    }
    let uses = Graph::of(&modules).uses;
    for (name, _) in measured() {
        let used = uses[name].iter().filter(|used| !is_within(used, MEASURED));
        faults.extend(used.map(|used| format!("{name} uses {used}")));
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Whether `module` is `name` or below it.
fn is_within(module: &str, name: &str) -> bool {
    module.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

/// The code of a crate's modules as tokens, those of its tests left out; `lib.rs` has the empty name.
fn modules_of(name: &str) -> BTreeMap<String, Module> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates").join(name).join("src");
    let mut modules = BTreeMap::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder of the repository").flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&path).expect("a source file");
                modules.insert(name_of(&path, &root), Module::of(&text));
            }
        }
    }
    let tests: Vec<String> = modules
        .iter()
        .flat_map(|(name, module)| module.tests.iter().map(move |test| join(name, test)))
        .collect();
    modules.retain(|module, _| !tests.iter().any(|test| is_within(module, test)));
    modules
}

fn name_of(path: &Path, root: &Path) -> String {
    let path = path.strip_prefix(root).expect("a file below it").with_extension("");
    let parts: Vec<_> = path.iter().map(|part| part.to_string_lossy()).collect();
    if parts == ["lib"] { String::new() } else { parts.join("::") }
}

fn join(module: &str, child: &str) -> String {
    if module.is_empty() { child.to_owned() } else { format!("{module}::{child}") }
}
