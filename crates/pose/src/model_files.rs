//! The files of a model directory that are not what their names promise: pointers of Git LFS, and
//! weights that are links to another folder.

use std::{
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
};

use atomic_file::open_regular;

/// How each pointer file of Git LFS begins (specification of Git LFS, version 1).
const LFS_POINTER: &[u8] = b"version https://git-lfs.github.com/spec/";

/// Beside a graph, weights are in files with this ending: PyTorch's exporter writes `model.onnx.data`.
const WEIGHTS_ENDING: &str = "data";

/// A file that Git LFS has not fetched.
#[derive(Debug, thiserror::Error)]
#[error(
    "{path} is only a pointer to the file, which Git LFS keeps elsewhere: run `git lfs pull` in the \
     repository that it comes from"
)]
pub struct LfsPointer {
    /// The pointer.
    pub path: PathBuf,
}

/// Weights beside a graph that are a link to a file in another folder.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct LinkedWeights {
    pub(crate) path: PathBuf,
    pub(crate) target: PathBuf,
}

/// Checks that neither `graph` nor the weights beside it are pointers of Git LFS. ONNX Runtime would
/// take the text of a pointer for weights wherever it is long enough.
pub(crate) fn refuse_lfs_pointers(graph: &Path) -> Result<(), LfsPointer> {
    let files = std::iter::once(graph.to_owned()).chain(weights_beside(graph));
    match files.into_iter().find(|path| is_lfs_pointer(path)) {
        Some(path) => Err(LfsPointer { path }),
        None => Ok(()),
    }
}

/// The first file of weights beside `graph` that is a pipe, a device or a folder: ONNX Runtime would wait for it.
pub(crate) fn irregular_weights(graph: &Path) -> Option<PathBuf> {
    weights_beside(graph).find(|path| path.exists() && !path.is_file())
}

/// Whether `text` is the text of a pointer of Git LFS.
pub(crate) fn is_lfs_text(text: &str) -> bool {
    text.as_bytes().starts_with(LFS_POINTER)
}

/// The first file of weights beside `graph` that is a link out of its folder. ONNX Runtime 1.24 and
/// newer refuse those, so that a model cannot read files elsewhere.
pub(crate) fn linked_weights(graph: &Path) -> Option<LinkedWeights> {
    let folder = graph.parent()?.canonicalize().ok()?;
    weights_beside(graph).find_map(|path| {
        let target = path.canonicalize().ok()?;
        (!target.starts_with(&folder)).then_some(LinkedWeights { path, target })
    })
}

fn weights_beside(graph: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    let entries = graph.parent().and_then(|folder| fs::read_dir(folder).ok());
    let paths = entries
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path());
    paths.filter(|path| {
        path.extension()
            .is_some_and(|ending| ending == WEIGHTS_ENDING)
    })
}

/// A file that cannot be read is none: reading it again gives the error.
fn is_lfs_pointer(path: &Path) -> bool {
    begins_with(path, LFS_POINTER).unwrap_or(false)
}

fn begins_with(path: &Path, expected: &[u8]) -> io::Result<bool> {
    let mut begin = Vec::with_capacity(expected.len());
    open_regular(path)?
        .take(expected.len() as u64)
        .read_to_end(&mut begin)?;
    Ok(begin == expected)
}
