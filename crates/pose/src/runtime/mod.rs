//! Finding and loading ONNX Runtime.
//!
//! The library is not linked: users bring the build that fits their machine (CPU or GPU), from the
//! `onnxruntime` Python package or an ONNX Runtime release. It has to offer C API 24, that is
//! ONNX Runtime 1.24 or newer.

mod search;

use std::{
    path::{Path, PathBuf},
    sync::{Mutex, OnceLock, PoisonError},
};

use ort::environment::Environment;

use crate::c_api;
use search::{LibraryCandidate, SearchEnvironment};

/// The oldest ONNX Runtime that can be used, as 1.x.
pub const MINIMUM_MINOR_VERSION: u32 = ort::MINOR_VERSION;

/// The ONNX Runtime that this process uses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuntimeInfo {
    /// The library's path; a bare file name when the system's loader found it.
    pub path: PathBuf,
    /// Its version, such as `1.24.4`.
    pub version: String,
}

/// Why no ONNX Runtime can be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RuntimeError {
    /// No library in any of the places.
    #[error("ONNX Runtime was not found. {HOW_TO_GET}")]
    NotFound {
        /// The places, in the order of the search.
        looked_in: Vec<String>,
    },
    /// There are libraries, and none can be used.
    #[error("no usable ONNX Runtime. {HOW_TO_GET}")]
    Unusable {
        /// Each library with what is wrong with it.
        tried: Vec<RejectedLibrary>,
    },
    /// Another library is in use already; a process can have only one.
    #[error(
        "ONNX Runtime is loaded already from {loaded}, so {wanted} cannot be used: \
         give the path before the first model is loaded"
    )]
    OtherLoaded {
        /// In use.
        loaded: PathBuf,
        /// Asked for now.
        wanted: PathBuf,
    },
}

/// A library that was found and cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {reason}", path = .path.display())]
pub struct RejectedLibrary {
    /// Where it lies.
    pub path: PathBuf,
    /// What is wrong with it.
    pub reason: RejectReason,
}

/// What is wrong with a library.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RejectReason {
    /// Older than the C API that is used.
    #[error("is version {version}; 1.{MINIMUM_MINOR_VERSION} or newer is needed")]
    TooOld {
        /// Its version.
        version: String,
    },
    /// The file is not there.
    #[error("there is no such file")]
    Missing,
    /// The system's loader refuses it, or it is another library.
    #[error("{message}")]
    Load {
        /// The loader's message.
        message: String,
    },
}

const HOW_TO_GET: &str = "Install it with `pip install 'onnxruntime>=1.24'` (`onnxruntime-gpu` \
    for CUDA; for Python 3.11 or newer) into the Python environment of this program or the active one, or with \
    the sources' examples/setup.sh, or set ORT_DYLIB_PATH to the path of libonnxruntime.so.";

impl RuntimeError {
    /// Where it was looked for, or what was tried and why it cannot be used; in lines for people.
    pub fn places(&self) -> Vec<String> {
        let (heading, places) = match self {
            Self::NotFound { looked_in } => ("Looked in:", looked_in.clone()),
            Self::Unusable { tried } => ("Tried:", tried.iter().map(ToString::to_string).collect()),
            Self::OtherLoaded { .. } => return Vec::new(),
        };
        let places = places.iter().map(|place| format!("  {place}"));
        std::iter::once(heading.to_owned()).chain(places).collect()
    }
}

/// The library with its environment: one of each a process, and never unloaded.
struct LoadedRuntime {
    info: RuntimeInfo,
    environment: Environment,
}

static LOADED: OnceLock<LoadedRuntime> = OnceLock::new();

/// Held while loading, so that two threads do not search at once.
static LOADING: Mutex<()> = Mutex::new(());

/// Finds and loads ONNX Runtime; later calls answer with what the first one loaded.
///
/// The search, first usable library wins: `explicit` and the environment variable
/// `ORT_DYLIB_PATH` (each the library's path or its folder, and nothing else is tried then);
/// beside the program and in `../lib`; the Python environment that the program is installed in; the
/// active one (`VIRTUAL_ENV`, `CONDA_PREFIX`); `onnxruntime/lib` in `sleap-stream` in the user's data folder
/// (`XDG_DATA_HOME`), where the setup puts it; the user's and the system's Python packages; the
/// system's library folders and loader.
///
/// # Errors
/// Nothing was found, or nothing usable (each library is named with its defect), or `explicit`
/// differs from the library in use.
pub fn load(explicit: Option<&Path>) -> Result<RuntimeInfo, RuntimeError> {
    loaded(explicit).map(|loaded| loaded.info.clone())
}

/// Where [`load`] looks, in its order, `*` standing for any ending of a folder's name.
pub fn places() -> Vec<String> {
    search::places(&SearchEnvironment::of_process(None))
}

/// The execution providers that the library was compiled with, by ONNX Runtime's names for them.
/// Those of GPUs may still lack their own libraries: see [`crate::check_device`].
///
/// # Errors
/// There is no usable library.
pub fn compiled_providers() -> Result<Vec<String>, RuntimeError> {
    loaded(None)?;
    // A library that cannot list its providers is treated as having none.
    Ok(c_api::compiled_providers().unwrap_or_default())
}

/// The environment that sessions are made in, for callers that make sessions of their own.
///
/// # Errors
/// As [`load`].
pub fn environment() -> Result<&'static Environment, RuntimeError> {
    loaded(None).map(|loaded| &loaded.environment)
}

/// The library in use, if any.
pub(crate) fn current() -> Option<&'static RuntimeInfo> {
    LOADED.get().map(|loaded| &loaded.info)
}

fn loaded(explicit: Option<&Path>) -> Result<&'static LoadedRuntime, RuntimeError> {
    // The lock guards no data: there is nothing that a panic could leave incomplete.
    let _guard = LOADING.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(loaded) = LOADED.get() {
        return same_library(loaded, explicit).map(|()| loaded);
    }
    let loaded = find(&SearchEnvironment::of_process(explicit))?;
    tracing::info!(path = %loaded.info.path.display(), version = loaded.info.version, "loaded ONNX Runtime");
    Ok(LOADED.get_or_init(|| loaded))
}

fn same_library(loaded: &LoadedRuntime, explicit: Option<&Path>) -> Result<(), RuntimeError> {
    let Some(explicit) = explicit else {
        return Ok(());
    };
    let search = SearchEnvironment {
        explicit: Some(explicit.to_owned()),
        ..SearchEnvironment::default()
    };
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let wanted = search::candidates(&search);
    if wanted
        .iter()
        .any(|wanted| real(&wanted.path) == real(&loaded.info.path))
    {
        return Ok(());
    }
    Err(RuntimeError::OtherLoaded {
        loaded: loaded.info.path.clone(),
        wanted: explicit.to_owned(),
    })
}

fn find(search: &SearchEnvironment) -> Result<LoadedRuntime, RuntimeError> {
    let mut tried = Vec::new();
    for candidate in search::candidates(search) {
        match open(&candidate) {
            Ok(loaded) => return Ok(loaded),
            // The loader's own search is the last resort: that it fails adds nothing to the report.
            Err(_) if !candidate.found => {}
            Err(reason) => tried.push(RejectedLibrary {
                path: candidate.path,
                reason,
            }),
        }
    }
    if tried.is_empty() {
        let looked_in = search::places(search);
        return Err(RuntimeError::NotFound { looked_in });
    }
    Err(RuntimeError::Unusable { tried })
}

fn open(candidate: &LibraryCandidate) -> Result<LoadedRuntime, RejectReason> {
    if candidate.found && !candidate.path.exists() {
        return Err(RejectReason::Missing);
    }
    let environment = ort::init_from(&candidate.path)
        .map_err(reject)?
        .with_name("sleap-stream")
        .with_telemetry(false)
        .build()
        .map_err(|error| RejectReason::Load {
            message: error.to_string(),
        })?;
    let version = version(ort::info(), &candidate.path);
    let info = RuntimeInfo {
        path: candidate.path.clone(),
        version,
    };
    Ok(LoadedRuntime { info, environment })
}

fn reject(error: ort::LoadDynamicError) -> RejectReason {
    match error {
        ort::LoadDynamicError::BadVersion { version_str, .. } => RejectReason::TooOld {
            version: version_str,
        },
        ort::LoadDynamicError::MissingApi { .. } => RejectReason::Load {
            message: "is not ONNX Runtime: it does not export OrtGetApiBase".to_owned(),
        },
        other => RejectReason::Load {
            message: other.to_string(),
        },
    }
}

/// The version in the library's file name, else the release branch in its build information.
fn version(build_info: &str, path: &Path) -> String {
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let name = path.file_name().and_then(|name| name.to_str());
    let branch = || {
        let (_, rest) = build_info.split_once("git-branch=rel-")?;
        rest.split([',', ' ']).next()
    };
    name.and_then(search::version_in_name)
        .or_else(branch)
        .map_or_else(
            || format!("1.{MINIMUM_MINOR_VERSION} or newer"),
            str::to_owned,
        )
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn only(library: &Path) -> SearchEnvironment {
        SearchEnvironment {
            explicit: Some(library.to_owned()),
            ..SearchEnvironment::default()
        }
    }

    fn reason(search: &SearchEnvironment) -> RejectReason {
        match find(search).map(|loaded| loaded.info) {
            Err(RuntimeError::Unusable { mut tried }) if tried.len() == 1 => tried.remove(0).reason,
            other => panic!("one library should have been tried: {other:?}"),
        }
    }

    #[test]
    fn a_missing_library_and_a_file_that_is_none_are_told_apart() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("libonnxruntime.so");
        assert_eq!(reason(&only(&path)), RejectReason::Missing);
        fs::write(&path, "no library").expect("written");
        assert!(matches!(reason(&only(&path)), RejectReason::Load { .. }));
    }

    #[test]
    fn nothing_found_says_where_and_how_to_get_it() {
        let dir = tempfile::tempdir().expect("a folder");
        let search = SearchEnvironment {
            data_home: Some(dir.path().to_owned()),
            ..SearchEnvironment::default()
        };
        let Err(error) = find(&search) else {
            panic!("there is nothing to find");
        };
        let place = dir.path().join("sleap-stream/onnxruntime/lib");
        let places = error.places();
        assert!(
            places.contains(&format!("  {}", place.display())),
            "{places:?}"
        );
        let message = error.to_string();
        for words in ["pip install", "ORT_DYLIB_PATH", "setup"] {
            assert!(message.contains(words), "{message}");
        }
    }

    #[test]
    fn an_old_library_is_reported_with_its_path_and_version() {
        let error = RuntimeError::Unusable {
            tried: vec![RejectedLibrary {
                path: "/x/libonnxruntime.so.1.23.2".into(),
                reason: reject(ort::LoadDynamicError::BadVersion {
                    version_str: "1.23.2".to_owned(),
                    path: "/x/libonnxruntime.so.1.23.2".into(),
                }),
            }],
        };
        let line = "  /x/libonnxruntime.so.1.23.2: is version 1.23.2; 1.24 or newer is needed";
        assert_eq!(error.places(), ["Tried:", line]);
    }

    #[test]
    fn the_version_comes_from_the_name_or_the_build() {
        let info = "ORT Build Info: git-branch=rel-1.24.4, git-commit-id=1, build type=Release";
        let named = Path::new("/gone/libonnxruntime.so.1.31.1");
        let plain = Path::new("/gone/libonnxruntime.so");
        assert_eq!(version(info, named), "1.31.1");
        assert_eq!(version(info, plain), "1.24.4");
        assert_eq!(version("git-branch=HEAD", plain), "1.24 or newer");
    }

    #[test]
    fn one_library_serves_the_process() {
        let first = load(None).expect("ONNX Runtime, as the set-up installs it");
        assert_eq!(load(None), Ok(first.clone()));
        assert_eq!(load(Some(&first.path)), Ok(first.clone()));
        let other = Path::new("/elsewhere/libonnxruntime.so");
        assert_eq!(
            load(Some(other)),
            Err(RuntimeError::OtherLoaded {
                loaded: first.path,
                wanted: other.to_owned(),
            })
        );
    }
}
