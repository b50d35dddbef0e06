//! The graph of the modules of a crate, and its circles.

use std::collections::{BTreeMap, BTreeSet};

use crate::join;
use crate::source::Module;

/// Which module uses which, and the imports that do not name a module.
pub(crate) struct Graph {
    pub(crate) uses: BTreeMap<String, BTreeSet<String>>,
    pub(crate) faults: Vec<String>,
}

impl Graph {
    pub(crate) fn of(modules: &BTreeMap<String, Module>) -> Self {
        let mut graph = Self { uses: BTreeMap::new(), faults: Vec::new() };
        // The root only exports.
        for (name, module) in modules.iter().filter(|(name, _)| !name.is_empty()) {
            let mut uses = BTreeSet::new();
            for (path, around) in &module.paths {
                match target(name, path, around, modules) {
                    Some(used) if used.is_empty() => {
                        let path = path.join("::");
                        graph.faults.push(format!("{name}: {path} does not name a module"));
                    }
                    Some(used) if used != *name => _ = uses.insert(used),
                    _ => {}
                }
            }
            graph.uses.insert(name.clone(), uses);
        }
        graph
    }
}

/// The module of the crate that a path in `name`, inside the inline modules `around`, leads to.
fn target(
    name: &str,
    path: &[String],
    around: &[String],
    modules: &BTreeMap<String, Module>,
) -> Option<String> {
    let mut place: Vec<&str> = name.split("::").chain(around.iter().map(String::as_str)).collect();
    let mut path = path.iter().map(String::as_str).peekable();
    match *path.peek()? {
        "crate" => {
            place.clear();
            path.next();
        }
        "self" => _ = path.next(),
        "super" => {
            while path.next_if_eq(&"super").is_some() {
                place.pop();
            }
        }
        // A child of the module itself, or another crate's name, a type or a value.
        child => _ = modules.get(&join(&place.join("::"), child))?,
    }
    while let Some(child) =
        path.next_if(|child| modules.contains_key(&join(&place.join("::"), child)))
    {
        place.push(child);
    }
    // What is left of inline modules belongs to the file.
    while !modules.contains_key(&place.join("::")) {
        place.pop();
    }
    Some(place.join("::"))
}

/// The groups of modules that can be reached from each other, those of one module left out.
pub(crate) fn circles(uses: &BTreeMap<String, BTreeSet<String>>) -> Vec<Vec<&str>> {
    let reached: BTreeMap<&str, BTreeSet<&str>> = uses
        .keys()
        .map(|module| {
            let (mut seen, mut next) = (BTreeSet::new(), vec![module.as_str()]);
            while let Some(module) = next.pop() {
                let used = uses.get(module).into_iter().flatten().map(String::as_str);
                next.extend(used.filter(|used| seen.insert(*used)));
            }
            (module.as_str(), seen)
        })
        .collect();
    let mut circles = BTreeSet::new();
    for (module, seen) in &reached {
        let circle: Vec<&str> = (seen.iter().copied())
            .filter(|other| reached.get(other).is_some_and(|back| back.contains(module)))
            .collect();
        if circle.len() > 1 {
            circles.insert(circle);
        }
    }
    circles.into_iter().collect()
}

#[test]
fn circles_floors_and_hidden_imports_are_found() {
    let of = |files: &[(&str, &str)]| -> BTreeMap<String, Module> {
        files.iter().map(|(name, text)| ((*name).to_owned(), Module::of(text))).collect()
    };
    let modules = of(&[
        ("", "mod a; mod b; mod c; pub use a::A;"),
        ("a", "mod inner; use inner::I; use std::fmt;"),
        ("a::inner", "mod x86 { use super::super::B; use super::Y; } use crate::b::B;"),
        ("b", "use crate::c::C;"),
        ("c", "fn f() { crate::a::inner::g() }"),
        ("d", "use crate::A; use crate::a;"),
    ]);
    let graph = Graph::of(&modules);
    assert_eq!(graph.faults, ["d: crate::A does not name a module"]);
    let uses = |name: &str| graph.uses[name].iter().map(String::as_str).collect::<Vec<_>>();
    assert_eq!(uses("a"), ["a::inner"]);
    assert_eq!(uses("a::inner"), ["a", "b"]);
    assert_eq!(uses("d"), ["a"]);
    assert_eq!(circles(&graph.uses), [["a", "a::inner", "b", "c"]]);
}
