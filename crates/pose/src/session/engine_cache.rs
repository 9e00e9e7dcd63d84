//! Where TensorRT's engines are kept between runs.

use std::{
    collections::hash_map::DefaultHasher,
    env, fs,
    hash::Hasher,
    io,
    path::{Path, PathBuf},
};

use crate::{graph::GraphFile, runtime};

/// Folders that exist.
#[derive(Clone, Debug)]
pub(crate) struct CacheFolders {
    /// Of one model's engines.
    pub(crate) engines: PathBuf,
    /// Of the timings of kernels, which serve all models.
    pub(crate) timings: PathBuf,
}

/// Makes the folders for the engines of `graph`.
///
/// # Errors
/// There is no home folder, or it cannot be written to, or the model cannot be read.
pub(crate) fn folders(
    graph: &GraphFile,
    shape: [usize; 4],
    fp16: bool,
) -> io::Result<CacheFolders> {
    let timings = cache_home()
        .ok_or_else(|| io::Error::other("neither XDG_CACHE_HOME nor HOME is set"))?
        .join("sleap-stream/tensorrt");
    let engines = timings.join(format!("{:016x}", digest(graph, shape, fp16)?));
    fs::create_dir_all(&engines)?;
    Ok(CacheFolders { engines, timings })
}

fn cache_home() -> Option<PathBuf> {
    let path = |name| {
        let value = env::var_os(name).filter(|value| !value.is_empty())?;
        Some(PathBuf::from(value)).filter(|path| path.is_absolute())
    };
    path("XDG_CACHE_HOME").or_else(|| Some(path("HOME")?.join(".cache")))
}

/// A number for everything that an engine is made from. ONNX Runtime's own names for engines depend
/// on the layers and not on the weights: a model that was trained again would get the old one's
/// engine. Where another release of Rust hashes otherwise, engines are built again.
fn digest(graph: &GraphFile, shape: [usize; 4], fp16: bool) -> io::Result<u64> {
    let mut hasher = DefaultHasher::new();
    for size in shape {
        hasher.write_usize(size);
    }
    hasher.write_u8(u8::from(fp16));
    if let Some(runtime) = runtime::current() {
        hasher.write(runtime.version.as_bytes());
    }
    hasher.write(graph.edited().unwrap_or_default());
    for file in graph_files(graph.path())? {
        let bytes = fs::read(file)?;
        hasher.write_usize(bytes.len());
        hasher.write(&bytes);
    }
    Ok(hasher.finish())
}

/// The graph, and the weights that large exports keep beside it (`model.onnx.data`).
fn graph_files(path: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = vec![path.to_owned()];
    let mut data = path.as_os_str().to_owned();
    data.push(".data");
    let data = PathBuf::from(data);
    if data.try_exists()? {
        files.push(data);
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_makes_another_engine_makes_another_number() {
        let dir = tempfile::tempdir().expect("a folder");
        let graph = dir.path().join("model.onnx");
        fs::write(&graph, "layers and weights").expect("written");
        let number =
            |shape, fp16| digest(&GraphFile::new(graph.clone()), shape, fp16).expect("readable");
        let shape = [8, 1, 192, 256];
        let first = number(shape, false);
        assert_eq!(number(shape, false), first);
        assert_ne!(number([4, 1, 192, 256], false), first);
        assert_ne!(number(shape, true), first);
        fs::write(&graph, "layers and Weights").expect("written");
        let retrained = number(shape, false);
        assert_ne!(retrained, first);
        fs::write(dir.path().join("model.onnx.data"), "weights").expect("written");
        assert_ne!(number(shape, false), retrained);
    }
}
