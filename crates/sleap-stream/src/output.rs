//! Where predictions are kept: JSON lines in a file or on standard output.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use protocol::Prediction;
use serde::Serialize;

/// A prediction as it is written: the worker's, with what the client knows of the frame.
#[derive(Serialize)]
struct Line<'a> {
    #[serde(flatten)]
    prediction: &'a Prediction,
    /// Capture to pose in hand, microseconds.
    latency_us: u64,
}

/// Predictions written later than this are pushed to the disk before the next one.
const FLUSH_AFTER: Duration = Duration::from_millis(500);

/// All outputs of a run.
#[derive(Default)]
pub(crate) struct Outputs(Vec<JsonLines>);

struct JsonLines {
    name: String,
    writer: Box<dyn Write + Send>,
    /// A terminal or a pipe wants each line at once, a file now and then.
    each_line: bool,
    flushed: Instant,
}

impl Outputs {
    /// Opens all outputs. A file that exists is an error unless `overwrite` is set.
    pub(crate) fn open(paths: &[PathBuf], overwrite: bool) -> Result<Self> {
        paths
            .iter()
            .map(|path| JsonLines::open(path, overwrite))
            .collect::<Result<_>>()
            .map(Self)
    }

    /// Writes a prediction everywhere.
    pub(crate) fn write(&mut self, prediction: &Prediction, latency: Duration) -> Result<()> {
        if self.0.is_empty() {
            return Ok(());
        }
        let line = Line {
            prediction,
            latency_us: u64::try_from(latency.as_micros()).unwrap_or(u64::MAX),
        };
        let mut text = serde_json::to_vec(&line).context("cannot write a prediction as JSON")?;
        text.push(b'\n');
        self.0.iter_mut().try_for_each(|output| output.write(&text))
    }

    /// Makes sure that everything written so far survives this process.
    pub(crate) fn flush(&mut self) -> Result<()> {
        self.0.iter_mut().try_for_each(JsonLines::flush)
    }
}

impl JsonLines {
    fn open(path: &Path, overwrite: bool) -> Result<Self> {
        let (name, each_line, writer): (_, _, Box<dyn Write + Send>) = if path.as_os_str() == "-" {
            ("standard output".to_owned(), true, Box::new(io::stdout()))
        } else {
            let file = create(path, overwrite)?;
            (
                path.display().to_string(),
                false,
                Box::new(BufWriter::new(file)),
            )
        };
        Ok(Self {
            name,
            writer,
            each_line,
            flushed: Instant::now(),
        })
    }

    fn write(&mut self, line: &[u8]) -> Result<()> {
        self.writer
            .write_all(line)
            .with_context(|| format!("cannot write to {}", self.name))?;
        if self.each_line || self.flushed.elapsed() >= FLUSH_AFTER {
            self.flush()
        } else {
            Ok(())
        }
    }

    fn flush(&mut self) -> Result<()> {
        self.flushed = Instant::now();
        self.writer
            .flush()
            .with_context(|| format!("cannot write to {}", self.name))
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

/// Checks that a file can be written at the end of the run, before the run begins.
pub(crate) fn check_free(path: &Path, overwrite: bool) -> Result<()> {
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
        outputs
            .write(&prediction(3), Duration::from_micros(1500))
            .unwrap();
        outputs
            .write(&prediction(4), Duration::from_micros(900))
            .unwrap();
        outputs.flush().unwrap();
        let text = std::fs::read_to_string(path).unwrap();
        let lines: Vec<serde_json::Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[0]["frame_id"], 3);
        assert_eq!(lines[0]["latency_us"], 1500);
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
}
