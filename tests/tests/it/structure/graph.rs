//! The arrows between the modules of a crate, and the circles that they make.

use std::collections::{BTreeMap, BTreeSet};

use super::source::{Module, ModulePath};

/// What stands for the root's own items among its modules.
const ROOT: &str = "lib";

/// Where the code names what an arrow points to.
pub(super) struct Place {
    pub file: String,
    pub line: usize,
    pub path: String,
}

/// Modules of one parent, and those that each of them names.
#[derive(Default)]
pub(super) struct Siblings {
    pub arrows: BTreeMap<(String, String), Vec<Place>>,
}

/// The siblings of each level of a crate, by their parent's path.
pub(super) type Graph = BTreeMap<ModulePath, Siblings>;

struct Resolver<'a>(&'a BTreeMap<ModulePath, Module>);

/// Imports of imports are followed so far.
const MAX_STEPS: usize = 16;

impl Resolver<'_> {
    /// The module to which a path leads that the code of module `at` writes; none outside the crate.
    fn resolve(&self, at: &[String], path: &[String], steps: usize) -> Option<ModulePath> {
        let (first, rest) = path.split_first()?;
        let parent = at.len().checked_sub(1).map(|end| &at[..end]);
        match first.as_str() {
            "crate" => self.inside(&[], rest, steps),
            "self" => self.inside(at, rest, steps),
            "super" if rest.first().is_some_and(|it| it == "super") => {
                self.resolve(parent?, rest, steps)
            }
            "super" => self.inside(parent?, rest, steps),
            "Self" => None,
            name if self.has_child(at, name) => self.inside(at, path, steps),
            name => match self.0[at].imports.get(name) {
                // `use link::channel; channel::open()`
                Some(import) if import != path && steps < MAX_STEPS => {
                    self.resolve(at, &[import, rest].concat(), steps + 1)
                }
                _ => None,
            },
        }
    }

    /// The module that defines what `path` names inside module `at`.
    fn inside(&self, at: &[String], path: &[String], steps: usize) -> Option<ModulePath> {
        let Some((first, rest)) = path.split_first() else {
            return Some(at.to_vec());
        };
        if self.has_child(at, first) {
            return self.inside(&[at, std::slice::from_ref(first)].concat(), rest, steps);
        }
        let module = &self.0[at];
        if !module.items.contains(first) && steps < MAX_STEPS {
            if let Some(import) = module.imports.get(first) {
                return self.resolve(at, &[import, rest].concat(), steps + 1);
            }
            for glob in &module.globs {
                let found = self.resolve(at, &[glob, path].concat(), steps + 1);
                if let Some(found) = found
                    && self.0[&found].items.contains(first)
                {
                    return Some(found);
                }
            }
        }
        Some(at.to_vec())
    }

    fn has_child(&self, at: &[String], name: &str) -> bool {
        self.0.contains_key(&[at, &[name.to_owned()]].concat())
    }
}

pub(super) fn graph_of(modules: &BTreeMap<ModulePath, Module>) -> Graph {
    let mut graph = Graph::new();
    let resolver = Resolver(modules);
    for (from, module) in modules {
        for named in &module.named {
            // What the root hands on it does not use itself.
            if from.is_empty() && named.is_re_export {
                continue;
            }
            if let Some(to) = resolver.resolve(from, &named.segments, 0) {
                let place = Place {
                    file: module.file.clone(),
                    line: named.line,
                    path: named.segments.join("::"),
                };
                add(&mut graph, from, &to, place);
            }
        }
    }
    graph
}

/// Adds the arrow between the modules at which the paths `from` and `to` part. A module and those
/// below it count as one.
fn add(graph: &mut Graph, from: &[String], to: &[String], place: Place) {
    let common = from.iter().zip(to).take_while(|(a, b)| a == b).count();
    let side = |path: &[String]| match path.get(common) {
        Some(name) => Some(name.clone()),
        None => (common == 0).then(|| ROOT.to_owned()),
    };
    if let (Some(a), Some(b)) = (side(from), side(to))
        && a != b
    {
        let siblings = graph.entry(from[..common].to_vec()).or_default();
        siblings.arrows.entry((a, b)).or_default().push(place);
    }
}

impl Siblings {
    /// The groups of modules that reach each other.
    pub(super) fn circles(&self) -> Vec<BTreeSet<String>> {
        let nodes: BTreeSet<&String> = self.arrows.keys().map(|(from, _)| from).collect();
        let reach: BTreeMap<&String, BTreeSet<&String>> =
            nodes.iter().map(|it| (*it, self.reached(it))).collect();
        let mut circles = BTreeSet::new();
        for node in &nodes {
            let back = |other: &&&String| reach.get(**other).is_some_and(|it| it.contains(*node));
            let circle: BTreeSet<String> = reach[*node]
                .iter()
                .filter(back)
                .map(|it| (*it).clone())
                .collect();
            if circle.len() > 1 {
                circles.insert(circle);
            }
        }
        circles.into_iter().collect()
    }

    fn reached(&self, from: &String) -> BTreeSet<&String> {
        let (mut reached, mut next) = (BTreeSet::new(), vec![from]);
        while let Some(node) = next.pop() {
            let of_node = self.arrows.keys().filter(|(from, _)| from == node);
            for (_, to) in of_node {
                if reached.insert(to) {
                    next.push(to);
                }
            }
        }
        reached
    }
}
