use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::{Worker, demo};

/// What says that a folder is the worker's.
const MARKER: &str = "MADE-BY-SLEAP-WORKER.txt";

/// A folder of a test's own, with what its worker is sent in `uploads`. It goes with the value.
pub struct Place(TempDir);

impl Place {
    #[expect(clippy::new_without_default, reason = "it makes a folder")]
    pub fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder for the test"))
    }

    pub fn dir(&self) -> &Path {
        self.0.path()
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir().join(name)
    }

    /// The path as an argument.
    pub fn text(&self, name: &str) -> String {
        text(&self.path(name))
    }

    /// Writes a file; its path as an argument.
    pub fn write(&self, name: &str, content: &[u8]) -> String {
        std::fs::write(self.path(name), content).expect("the test's folder is writable");
        self.text(name)
    }

    /// A worker with the demo's model that takes files, with its own signaling server.
    pub fn worker(&self, more: &[&str]) -> Worker {
        self.worker_with(&[&["--listen", "127.0.0.1:0"], more].concat(), |_| {})
    }

    /// One that is met at a signaling server elsewhere, and asks for nothing.
    pub fn worker_at(&self, signal: &str, more: &[&str]) -> Worker {
        self.worker_with(
            &[&["--signal", signal, "--insecure"], more].concat(),
            |_| {},
        )
    }

    /// One with these further arguments only, in an environment that `prepare` changes.
    pub fn worker_with(&self, more: &[&str], prepare: impl FnOnce(&mut Command)) -> Worker {
        let (model, uploads) = (text(&demo("model")), self.text("uploads"));
        let args = ["--model", &model, "--upload-dir", &uploads];
        Worker::start_with(&[&args, more].concat(), prepare)
    }

    /// The files that the worker still has, with their sizes.
    pub fn uploads(&self) -> Vec<(String, u64)> {
        uploads_in(&self.path("uploads"))
    }
}

/// The files that a worker still has which was started with this `--upload-dir`, with their sizes.
pub fn uploads_in(dir: &Path) -> Vec<(String, u64)> {
    let own = dir.join("sleap-stream-uploads");
    let entries = std::fs::read_dir(own).expect("a worker's folder");
    let item = |entry: std::fs::DirEntry| {
        let name = entry.file_name().to_string_lossy().into_owned();
        (name, entry.metadata().map_or(0, |it| it.len()))
    };
    let items = entries.flatten().map(item);
    items.filter(|(name, _)| name != MARKER).collect()
}

/// A path as an argument.
pub fn text(path: &Path) -> String {
    path.to_str().expect("a path in UTF-8").to_owned()
}
