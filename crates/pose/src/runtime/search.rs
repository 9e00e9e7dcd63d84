//! Where ONNX Runtime may be found: a function of [`SearchEnvironment`] and the files below them.

use std::{
    cmp::Reverse,
    env, fs,
    path::{Path, PathBuf},
};

/// The environment variable that names the library, as in other Rust programs that use it.
const PATH_VARIABLE: &str = "ORT_DYLIB_PATH";

/// Where the search looks.
#[derive(Clone, Debug, Default)]
pub(crate) struct SearchEnvironment {
    /// The caller's path: a library or its folder.
    pub(crate) explicit: Option<PathBuf>,
    /// `ORT_DYLIB_PATH`.
    pub(crate) dylib_path: Option<PathBuf>,
    /// The folder of the running program.
    pub(crate) exe_dir: Option<PathBuf>,
    /// `VIRTUAL_ENV`, `CONDA_PREFIX`: the Python environments in use.
    pub(crate) active_python: Vec<PathBuf>,
    /// `XDG_DATA_HOME` or its default.
    pub(crate) data_home: Option<PathBuf>,
    /// Prefixes of the user's and the system's Python packages.
    pub(crate) other_python: Vec<PathBuf>,
    /// `LD_LIBRARY_PATH` and the usual library folders.
    pub(crate) library_dirs: Vec<PathBuf>,
    /// A name for the system's loader, which is tried last.
    pub(crate) loader_name: Option<PathBuf>,
}

/// A library to try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LibraryCandidate {
    pub(crate) path: PathBuf,
    /// A file that was found or given, rather than a name for the loader.
    pub(crate) found: bool,
}

impl SearchEnvironment {
    /// Those of this process.
    pub(crate) fn of_process(explicit: Option<&Path>) -> Self {
        let path = |name: &str| {
            env::var_os(name)
                .filter(|value| !value.is_empty())
                .map(PathBuf::from)
        };
        let home = path("HOME");
        let data_home =
            path("XDG_DATA_HOME").or_else(|| home.as_ref().map(|home| home.join(".local/share")));
        let exe = env::current_exe().ok();
        let mut library_dirs: Vec<_> = env::var_os("LD_LIBRARY_PATH")
            .map(|value| env::split_paths(&value).collect())
            .unwrap_or_default();
        library_dirs.retain(|dir: &PathBuf| !dir.as_os_str().is_empty());
        library_dirs.extend(system_library_dirs());
        Self {
            explicit: explicit.map(Path::to_owned),
            dylib_path: path(PATH_VARIABLE),
            exe_dir: exe.and_then(|exe| exe.parent().map(Path::to_owned)),
            active_python: ["VIRTUAL_ENV", "CONDA_PREFIX"]
                .into_iter()
                .filter_map(path)
                .collect(),
            data_home,
            other_python: home
                .map(|home| home.join(".local"))
                .into_iter()
                .chain(["/usr/local", "/usr"].map(PathBuf::from))
                .collect(),
            library_dirs,
            loader_name: Some(library_name().into()),
        }
    }
}

fn system_library_dirs() -> impl Iterator<Item = PathBuf> {
    let multiarch = format!("/usr/lib/{}-linux-gnu", env::consts::ARCH);
    [
        "/usr/local/lib",
        "/opt/onnxruntime/lib",
        &multiarch,
        "/usr/lib64",
        "/usr/lib",
    ]
    .map(PathBuf::from)
    .into_iter()
}

fn library_name() -> String {
    let (prefix, suffix) = (env::consts::DLL_PREFIX, env::consts::DLL_SUFFIX);
    format!("{prefix}onnxruntime{suffix}")
}

/// The libraries to try, best first. A path that the user names is the only one.
pub(crate) fn candidates(search: &SearchEnvironment) -> Vec<LibraryCandidate> {
    let named = search.explicit.as_ref().or(search.dylib_path.as_ref());
    if let Some(named) = named {
        return file_or_folder(named);
    }
    let mut found: Vec<LibraryCandidate> = Vec::new();
    let paths = folders(search).into_iter().flat_map(|dir| libraries(&dir));
    for path in paths {
        if found.iter().all(|known| known.path != path) {
            found.push(LibraryCandidate { path, found: true });
        }
    }
    let loader = search.loader_name.clone();
    found.extend(loader.map(|path| LibraryCandidate { path, found: false }));
    found
}

/// The places that are searched, for a message.
pub(crate) fn places(search: &SearchEnvironment) -> Vec<String> {
    let named = search.explicit.as_ref().or(search.dylib_path.as_ref());
    match named {
        Some(named) => vec![named.display().to_string()],
        None => folder_patterns(search)
            .iter()
            .map(|dir| dir.display().to_string())
            .collect(),
    }
}

/// The library at `path`, or those in it; a path that does not exist stays, to be reported.
fn file_or_folder(path: &Path) -> Vec<LibraryCandidate> {
    let paths = if path.is_dir() {
        libraries(path)
    } else {
        vec![path.to_owned()]
    };
    paths
        .into_iter()
        .map(|path| LibraryCandidate { path, found: true })
        .collect()
}

/// Folders in the order of the search, `*` standing for any ending of the name.
fn folder_patterns(search: &SearchEnvironment) -> Vec<PathBuf> {
    let python = |prefixes: &[PathBuf]| -> Vec<PathBuf> {
        prefixes
            .iter()
            .flat_map(|prefix| {
                ["site-packages", "dist-packages"].map(|name| {
                    prefix
                        .join("lib/python3*")
                        .join(name)
                        .join("onnxruntime/capi")
                })
            })
            .collect()
    };
    let exe_dir = search.exe_dir.as_deref();
    // A Python environment has its programs in `bin`: the one that the program was installed in.
    let own_prefix = exe_dir.and_then(Path::parent).map(Path::to_owned);
    let data_home = search.data_home.as_deref();
    let mut dirs = Vec::new();
    dirs.extend(exe_dir.map(Path::to_owned));
    dirs.extend(own_prefix.iter().map(|dir| dir.join("lib")));
    dirs.extend(python(own_prefix.as_slice()));
    dirs.extend(python(&search.active_python));
    dirs.extend(data_home.map(|dir| dir.join("sleap-stream/onnxruntime/lib")));
    dirs.extend(python(&search.other_python));
    dirs.extend(search.library_dirs.iter().cloned());
    dirs
}

fn folders(search: &SearchEnvironment) -> Vec<PathBuf> {
    folder_patterns(search)
        .iter()
        .flat_map(|pattern| expand(pattern))
        .collect()
}

/// The folders that fit a pattern with at most one `*`, at the end of a component; newest name
/// first.
fn expand(pattern: &Path) -> Vec<PathBuf> {
    let parts: Vec<_> = pattern.components().collect();
    let star = |part: &std::path::Component<'_>| {
        part.as_os_str()
            .to_str()?
            .strip_suffix('*')
            .map(str::to_owned)
    };
    let Some((at, start)) = parts
        .iter()
        .enumerate()
        .find_map(|(at, part)| Some((at, star(part)?)))
    else {
        return vec![pattern.to_owned()];
    };
    let parent: PathBuf = parts[..at].iter().collect();
    let rest: PathBuf = parts[at + 1..].iter().collect();
    let mut names = file_names(&parent);
    names.retain(|name| name.starts_with(&start));
    names.sort_by_key(|name| Reverse(numbers(name)));
    names
        .into_iter()
        .map(|name| parent.join(name).join(&rest))
        .collect()
}

/// The ONNX Runtime libraries in a folder: the plain name first, then the newest.
fn libraries(dir: &Path) -> Vec<PathBuf> {
    let mut names = file_names(dir);
    names.retain(|name| is_library(name));
    let plain = library_name();
    names.sort_by_key(|name| Reverse((*name == plain, numbers(name))));
    names.into_iter().map(|name| dir.join(name)).collect()
}

fn file_names(dir: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(dir) else {
        return Vec::new();
    };
    entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .collect()
}

/// `libonnxruntime.so`, `libonnxruntime.so.1.24.4`, and the corresponding names on other systems; not the
/// provider libraries beside it.
fn is_library(name: &str) -> bool {
    middle(name).is_some_and(|version| {
        version
            .chars()
            .all(|character| character == '.' || character.is_ascii_digit())
    })
}

/// What is left of a library's name without `libonnxruntime` and `.so`.
fn middle(name: &str) -> Option<String> {
    let rest = name
        .strip_prefix(env::consts::DLL_PREFIX)?
        .strip_prefix("onnxruntime")?;
    let suffix = env::consts::DLL_SUFFIX;
    rest.contains(suffix).then(|| rest.replacen(suffix, "", 1))
}

/// The version in a library's name.
pub(crate) fn version_in_name(name: &str) -> Option<&str> {
    let (_, rest) = name.split_once("onnxruntime")?;
    let start = rest.find(|character: char| character.is_ascii_digit())?;
    let version = rest[start..].trim_end_matches(env::consts::DLL_SUFFIX);
    version.contains('.').then_some(version)
}

/// The numbers in a name, to sort 3.9 before 3.11.
fn numbers(name: &str) -> Vec<u64> {
    name.split(|character: char| !character.is_ascii_digit())
        .filter_map(|digits| digits.parse().ok())
        .collect()
}

#[cfg(test)]
mod tests;
