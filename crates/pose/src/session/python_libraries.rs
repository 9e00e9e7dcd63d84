//! CUDA libraries that Python packages bring.
//!
//! `onnxruntime-gpu[cuda,cudnn]` installs them in `site-packages/nvidia/*/lib`, where the system's
//! loader does not look. A library that is in the process already is found by its name alone.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::runtime;

/// Libraries that are asked for only while a graph is prepared or run, without their versions.
const LAZY_LIBRARIES: [&str; 3] = ["libcudnn.so.", "libcufft.so.", "libnvrtc.so."];

/// Loads the library that `message` of the system's loader misses. False where it names none, or
/// one that no package beside ONNX Runtime has: then trying again is of no use.
pub(super) fn supply(message: &str) -> bool {
    let Some(name) = missing(message) else {
        return false;
    };
    let path = folders().into_iter().map(|dir| dir.join(name));
    path.filter(|path| path.exists()).any(|path| preload(&path))
}

/// Loads what the providers look for later.
pub(super) fn supply_late() {
    for path in folders().iter().flat_map(|dir| files(dir)) {
        let name = path.file_name().and_then(|name| name.to_str());
        if name.is_some_and(|name| LAZY_LIBRARIES.iter().any(|late| name.starts_with(late))) {
            preload(&path);
        }
    }
}

fn preload(path: &Path) -> bool {
    match ort::util::preload_dylib(path) {
        Ok(()) => true,
        Err(error) => {
            tracing::debug!(path = %path.display(), %error, "library not loaded");
            false
        }
    }
}

/// `libcudart.so.13` of `libcudart.so.13: cannot open shared object file: ...`.
fn missing(message: &str) -> Option<&str> {
    let (name, _) = message.split_once(": cannot open shared object file")?;
    let name = name.rsplit(char::is_whitespace).next()?;
    // A name is looked up below our folders alone.
    (name.contains(".so") && !name.contains('/')).then_some(name)
}

/// The packages' folders beside the ONNX Runtime in use.
fn folders() -> Vec<PathBuf> {
    let library = runtime::current().map(|info| info.path.as_path());
    library.map(folders_beside).unwrap_or_default()
}

/// `library` is `site-packages/onnxruntime/capi/libonnxruntime.so.*`.
fn folders_beside(library: &Path) -> Vec<PathBuf> {
    let capi = library
        .parent()
        .filter(|dir| dir.ends_with("onnxruntime/capi"));
    let Some(site) = capi.and_then(|dir| dir.ancestors().nth(2)) else {
        return Vec::new();
    };
    let packages = files(&site.join("nvidia")).into_iter();
    packages
        .map(|package| package.join("lib"))
        .chain([site.join("tensorrt_libs")])
        .filter(|dir| dir.is_dir())
        .collect()
}

/// What is in a folder, by name.
fn files(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).into_iter().flatten();
    let mut paths: Vec<_> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .collect();
    paths.sort();
    paths
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_missing_library_is_read_from_the_message() {
        let message = "libcudart.so.13: cannot open shared object file: No such file";
        assert_eq!(missing(message), Some("libcudart.so.13"));
        for message in [
            "libcudart.so.13: invalid ELF header",
            "../evil/libx.so: cannot open shared object file",
            "",
        ] {
            assert_eq!(missing(message), None, "{message}");
        }
    }

    #[test]
    fn the_packages_beside_onnx_runtime_are_looked_into() {
        let dir = tempfile::tempdir().expect("a folder");
        let site = dir.path().join("lib/python3.12/site-packages");
        for folder in [
            "nvidia/cudnn/lib",
            "nvidia/cu13/lib",
            "nvidia/none",
            "tensorrt_libs",
        ] {
            fs::create_dir_all(site.join(folder)).expect("folders");
        }
        let library = site.join("onnxruntime/capi/libonnxruntime.so.1.31.1");
        assert_eq!(
            folders_beside(&library),
            ["nvidia/cu13/lib", "nvidia/cudnn/lib", "tensorrt_libs"].map(|name| site.join(name))
        );
        assert!(folders_beside(&site.join("libonnxruntime.so")).is_empty());
    }
}
