//! Holds what was read against the lists; each problem is a line that says where it is.

use std::collections::{BTreeMap, BTreeSet};

use super::graph::{Graph, Place, Siblings};
use super::lists::{Layers, StillToGo, circle};

/// A circle by its line in the list, and the places that make it.
pub(super) type Circles = BTreeMap<String, Vec<String>>;

/// The first of an arrow's places, and how many there are besides.
fn at(places: &[Place]) -> String {
    let Place { file, line, path } = &places[0];
    match places.len() - 1 {
        0 => format!("{file}:{line}: {path}"),
        more => format!("{file}:{line}: {path} (and {more} more)"),
    }
}

/// Uses of a module that is not on a lower layer, and modules that have no layer. Uses inside a
/// circle that is still to go are allowed.
pub(super) fn layering(
    name: &str,
    modules: &BTreeSet<String>,
    siblings: Option<&Siblings>,
    layers: &Layers,
    still_to_go: &StillToGo,
) -> Vec<String> {
    let depths = depths(layers);
    let listed: BTreeSet<String> = depths.keys().map(|it| (*it).to_owned()).collect();
    let mut modules = modules.clone();
    let arrows = siblings.iter().flat_map(|it| it.arrows.keys());
    modules.extend(arrows.flat_map(|(from, to)| [from.clone(), to.clone()]));
    let unplaced = modules.difference(&listed);
    let mut problems: Vec<String> = unplaced
        .map(|it| format!("layers.txt, [{name}]: has no layer for the module {it}"))
        .collect();
    let gone = listed.difference(&modules);
    problems.extend(gone.map(|it| format!("layers.txt, [{name}]: the crate has no module {it}")));
    let circles: Vec<BTreeSet<String>> = siblings.map(Siblings::circles).unwrap_or_default();
    let passes = |from: &String, to: &String| {
        circles.iter().any(|it| {
            it.contains(from) && it.contains(to) && still_to_go.circles.contains(&circle(name, it))
        })
    };
    for ((from, to), places) in siblings.iter().flat_map(|it| &it.arrows) {
        let (Some(a), Some(b)) = (depths.get(from.as_str()), depths.get(to.as_str())) else {
            continue;
        };
        if a >= b && !passes(from, to) {
            let rule = format!("{from} may not use {to} (layers.txt, [{name}])");
            problems.push(format!("{}: {rule}", at(places)));
        }
    }
    problems
}

fn depths(layers: &Layers) -> BTreeMap<&str, usize> {
    let layers = layers.iter().enumerate();
    layers
        .flat_map(|(depth, names)| names.iter().map(move |name| (name.as_str(), depth)))
        .collect()
}

/// The circles among siblings on every level of a crate.
pub(super) fn circles(name: &str, graph: &Graph) -> Circles {
    let mut found = Circles::new();
    for (parent, siblings) in graph {
        let parent = [&[name.to_owned()], parent.as_slice()].concat().join("::");
        for members in siblings.circles() {
            let inside =
                |(from, to): &(String, String)| members.contains(from) && members.contains(to);
            let arrows = siblings.arrows.iter().filter(|(arrow, _)| inside(arrow));
            let places =
                arrows.map(|((from, to), places)| format!("  {from} -> {to} at {}", at(places)));
            found.insert(circle(&parent, &members), places.collect());
        }
    }
    found
}

pub(super) fn unlisted_circles(found: &Circles, still_to_go: &StillToGo) -> Vec<String> {
    let new = found
        .iter()
        .filter(|(circle, _)| !still_to_go.circles.contains(*circle));
    let gone = still_to_go
        .circles
        .iter()
        .filter(|circle| !found.contains_key(*circle));
    new.map(|(circle, places)| format!("{circle}\n{}", places.join("\n")))
        .chain(gone.map(|circle| format!("still-to-go.txt: no such circle any more: {circle}")))
        .collect()
}

pub(super) fn unlisted_lengths(
    found: &BTreeMap<String, usize>,
    still_to_go: &StillToGo,
) -> Vec<String> {
    let allowed = |what: &String| still_to_go.lengths.get(what).copied().unwrap_or(0);
    let new = found.iter().filter(|(what, lines)| **lines > allowed(what));
    let listed = still_to_go.lengths.keys();
    let gone = listed.filter(|what| !found.contains_key(*what));
    new.map(|(what, lines)| format!("{what} has {lines} lines"))
        .chain(gone.map(|what| format!("still-to-go.txt: is short now, or gone: {what}")))
        .collect()
}

pub(super) struct Dependency {
    pub name: String,
    pub line: usize,
    pub is_for_tests: bool,
}

/// The dependencies that a manifest lists.
pub(super) fn dependencies(manifest: &str) -> Vec<Dependency> {
    let (mut found, mut section) = (Vec::new(), "");
    for (index, line) in manifest.lines().enumerate() {
        if line.starts_with('[') {
            section = line.trim();
        } else if section.ends_with("dependencies]")
            && let Some(end) = line.find(['.', ' ', '='])
        {
            found.push(Dependency {
                name: line[..end].to_owned(),
                line: index + 1,
                is_for_tests: section.ends_with("dev-dependencies]"),
            });
        }
    }
    found
}

/// Uses of a library that only another crate may use.
pub(super) fn one_user(
    name: &str,
    file: &str,
    dependencies: &[Dependency],
    users: &[(&str, &str)],
) -> Vec<String> {
    let allowed = |library: &str| users.iter().find(|(it, _)| *it == library);
    let problem = |it: &Dependency| {
        let (library, user) = allowed(&it.name).filter(|(_, user)| *user != name)?;
        Some(format!("{file}:{}: only {user} may use {library}", it.line))
    };
    dependencies.iter().filter_map(problem).collect()
}

/// Uses of a crate of the workspace that is not on a lower layer. A crate's tests may use all.
pub(super) fn crate_layering(
    name: &str,
    file: &str,
    dependencies: &[Dependency],
    members: &BTreeSet<String>,
    layers: &Layers,
) -> Vec<String> {
    let depths = depths(layers);
    let Some(depth) = depths.get(name) else {
        return vec![format!(
            "layers.txt, [workspace]: has no layer for the crate {name}"
        )];
    };
    dependencies
        .iter()
        .filter(|it| !it.is_for_tests && members.contains(&it.name))
        .filter(|it| {
            depths
                .get(it.name.as_str())
                .is_none_or(|other| depth >= other)
        })
        .map(|it| format!("{file}:{}: {name} may not use {}", it.line, it.name))
        .collect()
}
