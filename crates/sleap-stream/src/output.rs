//! Where predictions are kept: JSON lines in a file or on standard output.

use anyhow::{Context, Result, bail};
use protocol::Prediction;
use serde::Serialize;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::latency::Latency;

/// A prediction as it is written: the worker's, with what the client knows of the frame.
#[derive(Serialize)]
struct Line<'a> {
    #[serde(flatten)]
    prediction: &'a Prediction,
    /// Capture to pose in hand, microseconds.
    latency_us: u64,
    /// Its parts.
    latency: Latency,
}

/// All outputs of a run.
#[derive(Default)]
pub(crate) struct Outputs(Vec<JsonLines>);

struct JsonLines {
    name: String,
    writer: Box<dyn Write + Send>,
    /// Somebody reads along: each line leaves at once. A file gets them now and then.
    live: bool,
    /// Nothing can be written here any more.
    broken: bool,
}

impl Outputs {
    /// Opens all outputs. A file that exists is an error unless `overwrite` is set.
    pub(crate) fn open(paths: &[PathBuf], overwrite: bool) -> Result<Self> {
        let open = |path: &PathBuf| JsonLines::open(path, overwrite);
        paths.iter().map(open).collect::<Result<_>>().map(Self)
    }

    /// Writes a prediction everywhere. One output that fails does not keep it from the others.
    pub(crate) fn write(&mut self, prediction: &Prediction, latency: Latency) -> Result<()> {
        if self.0.is_empty() {
            return Ok(());
        }
        let line = Line {
            prediction,
            latency_us: latency.age(),
            latency,
        };
        let mut text = serde_json::to_vec(&line).context("cannot write a prediction as JSON")?;
        text.push(b'\n');
        self.each(|output| output.write(&text))
    }

    /// Hands everything written so far to the system, so that it survives this process.
    pub(crate) fn flush(&mut self) -> Result<()> {
        self.each(JsonLines::flush)
    }

    /// True where predictions only went to a reader that has gone.
    pub(crate) fn nobody_reads(&self) -> bool {
        !self.0.is_empty() && self.0.iter().all(|output| output.broken)
    }

    /// Does it everywhere, and returns the first failure.
    fn each(&mut self, mut act: impl FnMut(&mut JsonLines) -> io::Result<()>) -> Result<()> {
        let mut first = Ok(());
        for output in self.0.iter_mut().filter(|output| !output.broken) {
            let Err(error) = act(output) else { continue };
            output.broken = true;
            if output.live && error.kind() == io::ErrorKind::BrokenPipe {
                tracing::debug!("the reader of standard output has gone");
            } else if first.is_ok() {
                first = Err(error).with_context(|| format!("cannot write to {}", output.name));
            }
        }
        first
    }
}

impl JsonLines {
    fn open(path: &Path, overwrite: bool) -> Result<Self> {
        let live = path.as_os_str() == "-";
        let (name, writer): (_, Box<dyn Write + Send>) = if live {
            ("standard output".to_owned(), Box::new(io::stdout()))
        } else {
            let file = create(path, overwrite)?;
            (path.display().to_string(), Box::new(BufWriter::new(file)))
        };
        Ok(Self {
            name,
            writer,
            live,
            broken: false,
        })
    }

    fn write(&mut self, line: &[u8]) -> io::Result<()> {
        self.writer.write_all(line)?;
        if self.live { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

/// Creates a file that was not there before, or replaces it if that is wanted.
fn create(path: &Path, overwrite: bool) -> Result<File> {
    let mut options = File::options();
    options.write(true);
    if overwrite {
        options.create(true).truncate(true);
    } else {
        options.create_new(true);
    }
    match options.open(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            bail!("{} exists: give --overwrite to replace it", path.display())
        }
        opened => opened.with_context(|| format!("cannot create {}", path.display())),
    }
}

/// Checks that a file can be written later, before the run begins.
pub(crate) fn check_free(path: &Path, overwrite: bool) -> Result<()> {
    if path.as_os_str() == "-" {
        return Ok(());
    }
    if path.exists() && !overwrite {
        bail!("{} exists: give --overwrite to replace it", path.display());
    }
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() && !folder.is_dir() => {
            bail!(
                "cannot create {}: there is no folder {}",
                path.display(),
                folder.display()
            )
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn latency(capture: u64, inference: u64) -> Latency {
        Latency {
            capture,
            inference,
            ..Latency::default()
        }
    }

    fn prediction(frame_id: u64) -> Prediction {
        Prediction {
            frame_id,
            instances: vec![vec![Some([1.5, 2.25]), None]],
            confidence: vec![vec![Some(0.5), None]],
            instance_scores: vec![Some(0.5)],
            ..Prediction::default()
        }
    }

    #[test]
    fn each_prediction_is_a_line_of_json() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("poses.jsonl");
        let mut outputs = Outputs::open(std::slice::from_ref(&path), false).unwrap();
        outputs.write(&prediction(3), latency(500, 1000)).unwrap();
        outputs.write(&prediction(4), latency(900, 0)).unwrap();
        outputs.flush().unwrap();
        let text = std::fs::read_to_string(path).unwrap();
        let lines: Vec<serde_json::Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[0]["frame_id"], 3);
        assert_eq!(lines[0]["latency_us"], 1500);
        assert_eq!(lines[0]["latency"]["inference_us"], 1000);
        assert_eq!(lines[0]["instances"][0][0][1], 2.25);
        assert!(lines[0]["instances"][0][1].is_null());
    }

    #[test]
    fn an_existing_file_is_kept_unless_told_otherwise() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("poses.jsonl");
        std::fs::write(&path, "precious\n").unwrap();
        let error = Outputs::open(std::slice::from_ref(&path), false)
            .err()
            .unwrap();
        assert!(error.to_string().contains("--overwrite"), "{error}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious\n");
        Outputs::open(std::slice::from_ref(&path), true).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "");
    }

    /// A disk that is full, or a reader that has gone.
    struct Refusing(io::ErrorKind);

    impl Write for Refusing {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn refusing(kind: io::ErrorKind, live: bool) -> JsonLines {
        JsonLines {
            name: "it".into(),
            writer: Box::new(Refusing(kind)),
            live,
            broken: false,
        }
    }

    #[test]
    fn an_output_that_fails_keeps_nothing_from_the_others() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("poses.jsonl");
        let full = refusing(io::ErrorKind::StorageFull, false);
        let mut outputs = Outputs(vec![full, JsonLines::open(&path, false).unwrap()]);
        assert!(
            outputs
                .write(&prediction(1), Latency::default())
                .unwrap_err()
                .to_string()
                .contains("it")
        );
        outputs.write(&prediction(2), Latency::default()).unwrap();
        outputs.flush().unwrap();
        assert_eq!(std::fs::read_to_string(path).unwrap().lines().count(), 2);
        assert!(!outputs.nobody_reads());
    }

    #[test]
    fn a_reader_that_goes_is_no_error() {
        let mut outputs = Outputs(vec![refusing(io::ErrorKind::BrokenPipe, true)]);
        assert!(!outputs.nobody_reads());
        outputs.write(&prediction(1), Latency::default()).unwrap();
        assert!(outputs.nobody_reads());
    }
}
