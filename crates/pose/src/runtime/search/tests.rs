use tempfile::TempDir;

use super::*;

/// A folder with empty files.
fn tree(files: &[&str]) -> TempDir {
    let dir = tempfile::tempdir().expect("a folder");
    for file in files {
        let path = dir.path().join(file);
        fs::create_dir_all(path.parent().expect("inside")).expect("folders");
        fs::write(path, "").expect("a file");
    }
    dir
}

fn everywhere(root: &Path) -> SearchEnvironment {
    SearchEnvironment {
        explicit: None,
        dylib_path: None,
        exe_dir: Some(root.join("app/bin")),
        active_python: vec![root.join("venv"), root.join("conda")],
        data_home: Some(root.join("share")),
        other_python: vec![root.join("local")],
        library_dirs: vec![root.join("usr/lib")],
        loader_name: Some("libonnxruntime.so".into()),
    }
}

/// What is found, relative to `root`.
fn found(root: &Path, search: &SearchEnvironment) -> Vec<String> {
    candidates(search)
        .into_iter()
        .map(|candidate| {
            let path = candidate.path.strip_prefix(root).unwrap_or(&candidate.path);
            path.display().to_string()
        })
        .collect()
}

const CAPI: &str = "lib/python3.11/site-packages/onnxruntime/capi";

#[test]
fn places_are_searched_in_order() {
    let own = format!("app/{CAPI}/libonnxruntime.so.1.24.3");
    let venv = format!("venv/{CAPI}/libonnxruntime.so.1.24.4");
    let conda = format!("conda/{CAPI}/libonnxruntime.so.1.25.0");
    let local = "local/lib/python3/dist-packages/onnxruntime/capi/libonnxruntime.so.1.26.0";
    let order = [
        "app/bin/libonnxruntime.so",
        "app/lib/libonnxruntime.so.1.24.0",
        &own,
        &venv,
        &conda,
        "share/sleap-stream/onnxruntime/lib/libonnxruntime.so.1.31.1",
        local,
        "usr/lib/libonnxruntime.so.1",
        "libonnxruntime.so",
    ];
    let dir = tree(&order[..8]);
    assert_eq!(found(dir.path(), &everywhere(dir.path())), order);
}

#[test]
fn a_named_library_is_the_only_one() {
    let dir = tree(&["app/bin/libonnxruntime.so", "mine/libonnxruntime.so.1.27.0"]);
    let root = dir.path();
    let named = Some(root.join("mine/libonnxruntime.so.1.27.0"));
    let by_variable = SearchEnvironment {
        dylib_path: named.clone(),
        ..everywhere(root)
    };
    let only = ["mine/libonnxruntime.so.1.27.0"];
    assert_eq!(found(root, &by_variable), only);
    let by_caller = SearchEnvironment {
        explicit: named,
        dylib_path: Some(root.join("elsewhere.so")),
        ..everywhere(root)
    };
    assert_eq!(found(root, &by_caller), only);
}

#[test]
fn a_named_folder_is_looked_into_and_a_named_file_need_not_exist() {
    let dir = tree(&["mine/libonnxruntime.so.1.27.0"]);
    let root = dir.path();
    let named = |name: &str| SearchEnvironment {
        explicit: Some(root.join(name)),
        ..everywhere(root)
    };
    assert_eq!(
        found(root, &named("mine")),
        ["mine/libonnxruntime.so.1.27.0"]
    );
    assert_eq!(found(root, &named("gone.so")), ["gone.so"]);
}

#[test]
fn only_the_library_itself_counts_and_the_newest_comes_first() {
    let dir = tree(&[
        "usr/lib/libonnxruntime.so.1.9.0",
        "usr/lib/libonnxruntime.so.1.31.1",
        "usr/lib/libonnxruntime.so.1.24.4",
        "usr/lib/libonnxruntime_providers_shared.so",
        "usr/lib/libonnxruntime_providers_cuda.so",
        "usr/lib/libonnxruntime.a",
        "usr/lib/libonnxruntime.so.1.31.1.bak",
        "usr/lib/onnxruntime.so",
    ]);
    let root = dir.path();
    let search = SearchEnvironment {
        loader_name: None,
        ..everywhere(root)
    };
    let newest_first = [
        "usr/lib/libonnxruntime.so.1.31.1",
        "usr/lib/libonnxruntime.so.1.24.4",
        "usr/lib/libonnxruntime.so.1.9.0",
    ];
    assert_eq!(found(root, &search), newest_first);
    fs::write(root.join("usr/lib/libonnxruntime.so"), "").expect("a file");
    assert_eq!(found(root, &search)[0], "usr/lib/libonnxruntime.so");
}

#[test]
fn the_newest_python_comes_first() {
    let dir = tree(&[
        "venv/lib/python3.9/site-packages/onnxruntime/capi/libonnxruntime.so.1.24.1",
        "venv/lib/python3.13/site-packages/onnxruntime/capi/libonnxruntime.so.1.24.2",
    ]);
    let found = found(dir.path(), &everywhere(dir.path()));
    assert!(found[0].contains("python3.13") && found[1].contains("python3.9"));
}

#[test]
fn nothing_anywhere_leaves_the_loader_s_name() {
    let dir = tree(&[]);
    let search = everywhere(dir.path());
    let candidates = candidates(&search);
    assert_eq!(candidates.len(), 1);
    assert!(!candidates[0].found);
    assert!(places(&search).len() >= 7);
}

#[test]
fn versions_are_read_from_names() {
    for (name, version) in [
        ("libonnxruntime.so.1.24.4", Some("1.24.4")),
        ("libonnxruntime.so", None),
        ("libonnxruntime.so.1", None),
        ("elsewhere-2.0", None),
    ] {
        assert_eq!(version_in_name(name), version, "{name}");
    }
}
