//! Shows that the rules are broken by what they are to keep out.

use std::collections::{BTreeMap, BTreeSet};

use super::graph::{Graph, graph_of};
use super::lists::{StillToGo, layers, still_to_go};
use super::source::{Files, functions, read_crate};
use super::{rules, source};

const LIB: &str = "mod high;\nmod low;\npub use low::Low;\n";

fn files(texts: &[(&str, &str)]) -> Files {
    let path = |name: &str| format!("crates/house/src/{name}");
    texts
        .iter()
        .map(|(name, text)| (path(name), (*text).to_owned()))
        .collect()
}

fn graph(texts: &[(&str, &str)]) -> Graph {
    graph_of(&read_crate("crates/house/src/lib.rs", &files(texts)))
}

fn circles(texts: &[(&str, &str)]) -> Vec<String> {
    rules::circles("house", &graph(texts)).into_keys().collect()
}

fn layering(texts: &[(&str, &str)], list: &str, still_to_go: &StillToGo) -> Vec<String> {
    let modules = read_crate("crates/house/src/lib.rs", &files(texts));
    let top = modules.keys().filter(|path| path.len() == 1);
    let top: BTreeSet<String> = top.map(|path| path[0].clone()).collect();
    let layers = layers(list)
        .remove("house")
        .expect("the list has the crate");
    let graph = graph_of(&modules);
    rules::layering("house", &top, graph.get(&Vec::new()), &layers, still_to_go)
}

#[test]
fn an_arrow_down_is_allowed_and_an_arrow_up_is_not() {
    let texts = [
        ("lib.rs", LIB),
        ("high.rs", "use crate::low::Low;"),
        ("low.rs", "pub struct Low;"),
    ];
    let none = StillToGo::default();
    assert!(layering(&texts, "[house]\nhigh\nlow", &none).is_empty());
    let expected =
        "crates/house/src/high.rs:1: crate::low::Low: high may not use low (layers.txt, [house])";
    assert_eq!(layering(&texts, "[house]\nlow\nhigh", &none), [expected]);
    let side_by_side = layering(&texts, "[house]\nlow high", &none);
    assert_eq!(side_by_side, [expected]);
}

#[test]
fn a_module_without_a_layer_and_a_layer_without_a_module_are_named() {
    let texts = [("lib.rs", LIB), ("high.rs", ""), ("low.rs", "")];
    let problems = layering(&texts, "[house]\nhigh\nmiddle", &StillToGo::default());
    assert_eq!(problems.len(), 2, "{problems:?}");
    assert!(problems[0].ends_with("has no layer for the module low"));
    assert!(problems[1].ends_with("the crate has no module middle"));
}

/// A circle is found however the way back is written.
#[test]
fn a_circle_is_found() {
    for back in [
        "use crate::high::High;",
        "use super::high::High;",
        "use crate::{high::{High, Other}};",
        "fn f() { crate::high::run() }",
        "fn f() { let _: Vec<crate::high::High> = vec![]; }",
        "fn f() { println!(\"{}\", crate::high::run()) }",
        "#[derive(Debug)]\n#[house(with = crate::high::High)]\nstruct Low;",
        "mod inner { use super::super::high::High; }",
    ] {
        let texts = [
            ("lib.rs", LIB),
            ("high.rs", "use crate::Low;"),
            ("low.rs", &format!("pub struct Low;\n{back}")),
        ];
        assert_eq!(circles(&texts), ["circle house: high low"], "{back}");
    }
}

#[test]
fn a_circle_is_found_among_the_modules_of_a_module() {
    let texts = [
        ("lib.rs", "mod house;"),
        ("house/mod.rs", "mod a;\nmod b;\npub use a::A;"),
        ("house/a.rs", "use super::b::B;\npub struct A;"),
        ("house/b.rs", "use super::A;\npub struct B;"),
    ];
    assert_eq!(circles(&texts), ["circle house::house: a b"]);
}

#[test]
fn a_circle_over_the_roots_own_items_is_found() {
    let texts = [
        ("lib.rs", "mod low;\npub fn run() { low::run() }"),
        ("low.rs", "pub fn run() { crate::run() }"),
    ];
    assert_eq!(circles(&texts), ["circle house: lib low"]);
    let problems = layering(&texts, "[house]\nlow", &StillToGo::default());
    assert_eq!(
        problems,
        ["layers.txt, [house]: has no layer for the module lib"]
    );
}

#[test]
fn code_of_tests_makes_no_circle() {
    let back = "#[cfg(test)]\nmod tests { use crate::high::High; }\n\
        #[cfg(test)]\nuse crate::high::High;\n\
        impl Low { #[cfg(test)]\nfn f() { crate::high::run() } }";
    let texts = [
        ("lib.rs", LIB),
        ("high.rs", "use crate::Low;"),
        ("low.rs", &format!("pub struct Low;\n{back}")),
    ];
    assert!(circles(&texts).is_empty());
}

#[test]
fn a_listed_circle_passes_and_must_leave_the_list_when_it_is_gone() {
    let listed = still_to_go("circle house: high low # a comment");
    let texts = [
        ("lib.rs", LIB),
        ("high.rs", "use crate::Low;"),
        ("low.rs", "use crate::high::High;\npub struct Low;"),
    ];
    let found = rules::circles("house", &graph(&texts));
    assert!(rules::unlisted_circles(&found, &listed).is_empty());
    assert!(layering(&texts, "[house]\nhigh\nlow", &listed).is_empty());
    let problems = rules::unlisted_circles(&found, &StillToGo::default());
    assert!(problems[0].contains("low -> high at crates/house/src/low.rs:1: crate::high::High"));
    let gone = rules::unlisted_circles(&BTreeMap::new(), &listed);
    assert_eq!(gone.len(), 1, "{gone:?}");
}

#[test]
fn a_function_is_measured_wherever_it_stands() {
    let text = "fn a() {}\nimpl B {\n    #[inline]\n    fn b(\n        self,\n    ) {\n    }\n}\n\
        #[cfg(test)]\nmod tests {\n    fn c() {\n        fn d() {\n        }\n    }\n}\n";
    let found: Vec<_> = functions("a.rs", text)
        .iter()
        .map(|source::Function { name, lines }| format!("{name} {lines}"))
        .collect();
    assert_eq!(found, ["a 1", "b 4", "c 4", "d 2"]);
}

#[test]
fn a_length_may_shrink_to_its_limit_and_then_leaves_the_list() {
    let listed = still_to_go("file a.rs 500");
    let found = |lines| BTreeMap::from([("file a.rs".to_owned(), lines)]);
    assert!(rules::unlisted_lengths(&found(500), &listed).is_empty());
    assert!(rules::unlisted_lengths(&found(450), &listed).is_empty());
    assert_eq!(
        rules::unlisted_lengths(&found(501), &listed),
        ["file a.rs has 501 lines"]
    );
    assert_eq!(rules::unlisted_lengths(&BTreeMap::new(), &listed).len(), 1);
}

#[test]
fn dependencies_of_manifests_keep_to_the_layers() {
    let manifest = "[package]\nname = \"house\"\n[dependencies]\ncellar.workspace = true\n\
        roof = { path = \"../roof\" }\n[dev-dependencies]\nattic.workspace = true\n\
        [target.'cfg(unix)'.dependencies]\nopencv = \"1\"\n";
    let dependencies = rules::dependencies(manifest);
    let members = ["attic", "cellar", "house", "roof"]
        .map(str::to_owned)
        .into();
    let layers = layers("[workspace]\nattic\nhouse roof\ncellar").remove("workspace");
    let layers = layers.expect("the list has the workspace");
    let problems = rules::crate_layering("house", "Cargo.toml", &dependencies, &members, &layers);
    assert_eq!(problems, ["Cargo.toml:5: house may not use roof"]);
    let users = [("opencv", "vision")];
    let problems = rules::one_user("house", "Cargo.toml", &dependencies, &users);
    assert_eq!(problems, ["Cargo.toml:9: only vision may use opencv"]);
    assert!(rules::one_user("vision", "Cargo.toml", &dependencies, &users).is_empty());
}
