//! The structure of the workspace: which crate and which module may use which, and how long files
//! and functions may be. `layers.txt` says the first; what does not keep to the rules yet stands in
//! `still-to-go.txt`, which may only shrink.

mod graph;
mod lists;
mod planted;
mod rules;
mod source;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use graph::graph_of;
use lists::{Layers, StillToGo};
use source::Files;

const MAX_FUNCTION_LINES: usize = 60;
const MAX_FILE_LINES: usize = 400;

/// Libraries that a single crate uses, so that they can be replaced there.
const ONE_USER: [(&str, &str); 8] = [
    ("webrtc", "link"),
    ("ffmpeg", "vision"),
    ("ffmpeg-sys-the-third", "vision"),
    ("opencv", "vision"),
    ("ort", "pose"),
    ("tonic", "kserve"),
    ("pyo3", "python"),
    ("numpy", "python"),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn list(name: &str) -> String {
    read(&root().join("tests/tests/it/structure").join(name))
}

fn layers() -> BTreeMap<String, Layers> {
    lists::layers(&list("layers.txt"))
}

fn still_to_go() -> StillToGo {
    lists::still_to_go(&list("still-to-go.txt"))
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("the folder is readable");
    entries
        .map(|entry| entry.expect("the entry is readable").path())
        .collect()
}

/// The names of the crates' folders.
fn crates() -> BTreeSet<String> {
    entries(&root().join("crates"))
        .iter()
        .filter(|path| path.join("Cargo.toml").exists())
        .filter_map(|path| Some(path.file_name()?.to_string_lossy().into_owned()))
        .collect()
}

/// The source files of a crate.
fn sources(name: &str) -> Files {
    files_below(&format!("crates/{name}/src"))
}

fn files_below(folder: &str) -> Files {
    let mut files = Files::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for path in entries(&root().join(&folder)) {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let below = format!("{folder}/{name}");
            if path.is_dir() {
                folders.push(below);
            } else if name.ends_with(".rs") {
                files.insert(below, read(&path));
            }
        }
    }
    files
}

fn assert_none(problems: &[String]) {
    assert!(problems.is_empty(), "\n{}\n", problems.join("\n"));
}

#[test]
fn modules_use_only_modules_of_lower_layers() {
    let (layers, still_to_go) = (layers(), still_to_go());
    let mut problems = Vec::new();
    for name in crates() {
        let modules = source::read_crate(&format!("crates/{name}/src/lib.rs"), &sources(&name));
        let graph = graph_of(&modules);
        let top = modules.keys().filter(|path| path.len() == 1);
        let top = top.map(|path| path[0].clone()).collect();
        let layers = layers.get(&name).cloned().unwrap_or_default();
        let siblings = graph.get(&Vec::new());
        problems.extend(rules::layering(
            &name,
            &top,
            siblings,
            &layers,
            &still_to_go,
        ));
    }
    assert_none(&problems);
}

#[test]
fn modules_make_no_circles() {
    let mut found = BTreeMap::new();
    for name in crates() {
        let modules = source::read_crate(&format!("crates/{name}/src/lib.rs"), &sources(&name));
        found.extend(rules::circles(&name, &graph_of(&modules)));
    }
    assert_none(&rules::unlisted_circles(&found, &still_to_go()));
}

#[test]
fn crates_use_only_crates_of_lower_layers() {
    let layers = layers()
        .remove("workspace")
        .expect("the workspace has layers");
    let members = crates();
    let mut problems = Vec::new();
    for name in &members {
        let file = format!("crates/{name}/Cargo.toml");
        let dependencies = rules::dependencies(&read(&root().join(&file)));
        problems.extend(rules::one_user(name, &file, &dependencies, &ONE_USER));
        problems.extend(rules::crate_layering(
            name,
            &file,
            &dependencies,
            &members,
            &layers,
        ));
    }
    assert_none(&problems);
}

/// Modules of OpenCV that bring half of a desktop's libraries with them.
const HEAVY: [&str; 3] = ["highgui", "imgcodecs", "videoio"];

/// Files of a crate that name one of OpenCV's heavy modules, unless another system than Linux alone compiles them.
fn heavy_users(files: &Files) -> Vec<String> {
    let names_one = |text: &str| {
        let is_named = |module: &str| text.contains(&format!("opencv::{module}"));
        HEAVY.into_iter().any(is_named)
    };
    let is_elsewhere = |file: &str| {
        let parent = file.strip_suffix("/elsewhere.rs");
        let parent = parent.and_then(|folder| files.get(&format!("{folder}/mod.rs")));
        let declared = "#[cfg(not(target_os = \"linux\"))]\nmod elsewhere;";
        parent.is_some_and(|text| text.contains(declared))
    };
    let users = files.iter().filter(|(_, text)| names_one(text));
    let users = users.filter(|(file, _)| !is_elsewhere(file));
    users.map(|(file, _)| file.clone()).collect()
}

#[test]
fn programs_for_linux_use_no_windows_cameras_and_codecs_of_opencv() {
    for name in crates() {
        for folder in ["src", "tests", "benches", "examples"] {
            let folder = format!("crates/{name}/{folder}");
            if root().join(&folder).exists() {
                assert_none(&heavy_users(&files_below(&folder)));
            }
        }
    }
    let manifest = read(&root().join("Cargo.toml"));
    let opencv = manifest.lines().find(|line| line.starts_with("opencv ="));
    let features = opencv.expect("the workspace lists OpenCV");
    assert!(!HEAVY.iter().any(|module| features.contains(module)));
}

#[test]
fn a_planted_use_of_a_heavy_module_is_found() {
    let user = "use opencv::videoio::VideoCapture;";
    let declared = "#[cfg(not(target_os = \"linux\"))]\nmod elsewhere;\n";
    let files = |parent: &str| {
        let files = [("a/mod.rs", parent), ("a/elsewhere.rs", user)];
        Files::from(files.map(|(file, text)| (file.to_owned(), text.to_owned())))
    };
    assert_eq!(heavy_users(&files("mod elsewhere;\n")), ["a/elsewhere.rs"]);
    assert_eq!(heavy_users(&files(declared)), Vec::<String>::new());
}

#[test]
fn functions_and_files_are_short() {
    let mut found = BTreeMap::new();
    for (file, text) in crates().iter().flat_map(|name| sources(name)) {
        for function in source::functions(&file, &text) {
            if function.lines > MAX_FUNCTION_LINES {
                found.insert(format!("function {file} {}", function.name), function.lines);
            }
        }
        let lines = text.lines().count();
        if lines > MAX_FILE_LINES {
            found.insert(format!("file {file}"), lines);
        }
    }
    assert_none(&rules::unlisted_lengths(&found, &still_to_go()));
}
