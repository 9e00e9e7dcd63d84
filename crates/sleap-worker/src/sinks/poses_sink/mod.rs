//! `--save-poses DIR`: the predictions of every stream, one `.slp` file a stream.
//!
//! A file has every prediction up to the last second at any moment, also after the worker was killed. No
//! file is replaced, and nothing but predictions is stored.

mod name;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use anyhow::Context;
use labels::{CreateError, LabelsHeader, LabelsOutputs, PredictionRecord, VideoReference};
use protocol::{Message, ModelInfo, Prediction, Skeleton, text};
use tracing::{info, warn};

use super::emit_sink::in_source;
use crate::metrics::Metrics;
use crate::pipeline::{DecodedFrame, FrameSink, StreamHeader};
use crate::provenance::provenance;
use crate::streams::ResultRoute;

/// Streams of the same name in one second, at most.
const MAX_COPIES: u32 = 1000;

/// Predictions that were saved, and those that were not; clones count together.
#[derive(Debug, Clone, Default)]
pub(crate) struct SavedPoses(Arc<Mutex<Counts>>);

#[derive(Debug, Default)]
struct Counts {
    saved: u64,
    lost: u64,
    /// Why the first of them was lost.
    reason: String,
}

impl SavedPoses {
    /// Fails where predictions were lost.
    pub(crate) fn check(&self) -> anyhow::Result<()> {
        let counts = self.lock();
        match counts.lost {
            0 => Ok(()),
            lost => anyhow::bail!(
                "{lost} of {} predictions were not saved (--save-poses): {}",
                counts.saved + lost,
                counts.reason
            ),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        // The lock was poisoned by a panic; the counts are complete between statements.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes the predictions of every stream to a file of its own.
pub(crate) struct PosesSink {
    dir: PathBuf,
    saved: SavedPoses,
    metrics: Metrics,
    files: Vec<StreamFile>,
}

/// The file of a stream.
struct StreamFile {
    stream: Arc<ResultRoute>,
    started: SystemTime,
    model: Option<ModelInfo>,
    skeleton: Option<Skeleton>,
    output: Output,
    /// Predictions that were passed on, and those of them that are known to be written.
    passed_on: u64,
    written: u64,
}

enum Output {
    /// There is no file before the first prediction.
    NotBegun,
    Open {
        path: PathBuf,
        outputs: LabelsOutputs,
    },
    /// The stream's further predictions are lost.
    Failed,
}

impl PosesSink {
    /// Makes the folder and checks that files can be made in it.
    ///
    /// # Errors
    /// They cannot.
    pub(crate) fn new(dir: &Path) -> anyhow::Result<Self> {
        std::fs::create_dir_all(dir)
            .with_context(|| format!("cannot make the folder {} (--save-poses)", dir.display()))?;
        tempfile::tempfile_in(dir)
            .with_context(|| format!("cannot make files in {} (--save-poses)", dir.display()))?;
        Ok(Self {
            dir: dir.to_owned(),
            saved: SavedPoses::default(),
            metrics: Metrics::default(),
            files: Vec::new(),
        })
    }

    /// Counts predictions in `metrics`, too.
    pub(crate) fn counted_in(mut self, metrics: Metrics) -> Self {
        self.metrics = metrics;
        self
    }

    /// The counts of saved predictions.
    pub(crate) fn saved_poses(&self) -> SavedPoses {
        self.saved.clone()
    }
}

impl FrameSink for PosesSink {
    fn stream_started(&mut self, header: &StreamHeader<'_>) {
        self.files.push(StreamFile {
            stream: Arc::clone(header.stream),
            started: SystemTime::now(),
            model: header.model.cloned(),
            skeleton: header.skeleton.cloned(),
            output: Output::NotBegun,
            passed_on: 0,
            written: 0,
        });
    }

    fn result(&mut self, frame: &DecodedFrame, result: &Message) {
        let Message::Prediction(prediction) = result else {
            return;
        };
        let Self {
            dir,
            saved,
            metrics,
            files,
        } = self;
        let of_stream = |file: &&mut StreamFile| Arc::ptr_eq(&file.stream, &frame.route);
        if let Some(file) = files.iter_mut().find(of_stream) {
            file.begin(dir, frame, saved, metrics);
            file.write(frame, prediction, saved, metrics);
        }
    }

    fn stream_ended(&mut self, stream: &Arc<ResultRoute>) {
        let of_stream = |file: &mut StreamFile| Arc::ptr_eq(&file.stream, stream);
        for file in self.files.extract_if(.., of_stream) {
            file.finish(&self.saved, &self.metrics);
        }
    }
}

impl Drop for PosesSink {
    fn drop(&mut self) {
        for file in self.files.drain(..) {
            file.finish(&self.saved, &self.metrics);
        }
    }
}

impl StreamFile {
    /// Creates the file with the first prediction.
    fn begin(&mut self, dir: &Path, frame: &DecodedFrame, saved: &SavedPoses, metrics: &Metrics) {
        if !matches!(self.output, Output::NotBegun) {
            return;
        }
        self.output = match self.create(dir, frame) {
            Ok((path, outputs)) => Output::Open { path, outputs },
            Err(error) => {
                warn!(%error, "the predictions of this stream are not saved");
                lose(0, &error.to_string(), saved, metrics);
                Output::Failed
            }
        };
    }

    fn create(
        &self,
        dir: &Path,
        frame: &DecodedFrame,
    ) -> Result<(PathBuf, LabelsOutputs), CreateError> {
        let header = self.header(frame);
        let mut copy = 1;
        loop {
            let name = name::file_name(self.started, &self.stream.origin.source_name, copy);
            let path = dir.join(name);
            match LabelsOutputs::open(std::slice::from_ref(&path), false, &header) {
                Err(CreateError::Exists(_)) if copy < MAX_COPIES => copy += 1,
                opened => return opened.map(|outputs| (path, outputs)),
            }
        }
    }

    fn header(&self, frame: &DecodedFrame) -> LabelsHeader {
        let origin = &self.stream.origin;
        let (width, height) = match origin.size {
            (0, _) | (_, 0) => frame.size,
            size => size,
        };
        let mut provenance = provenance(&origin.source_name, self.model.as_ref());
        if let Some(id) = &origin.stream_id {
            // A client may send any text.
            let id = text::cut(id, text::NAME).into_owned();
            provenance.push(("stream_id".to_owned(), id));
        }
        LabelsHeader {
            skeleton: self.skeleton.clone(),
            video: VideoReference {
                filename: origin.source_name.clone(),
                frames: origin.frames,
                height,
                width,
                channels: frame.channels,
                fps: origin.fps,
            },
            source: None,
            provenance,
        }
    }

    /// Passes a prediction on. Waits where the disk is slower than the stream.
    fn write(
        &mut self,
        frame: &DecodedFrame,
        prediction: &Prediction,
        saved: &SavedPoses,
        metrics: &Metrics,
    ) {
        let Output::Open { outputs, .. } = &mut self.output else {
            return lose(1, "", saved, metrics);
        };
        if outputs.have_failed() {
            return lose(1, "", saved, metrics);
        }
        outputs.write(PredictionRecord {
            prediction: in_source(prediction, frame).into_owned(),
            captured_us: frame.captured_us,
            latency_us: prediction.timing.total_us.unwrap_or_default(),
            ..PredictionRecord::default()
        });
        self.passed_on += 1;
        outputs.wait_for_room();
        for error in outputs.failures() {
            warn!(%error, "predictions are not saved");
            lose(0, &error.to_string(), saved, metrics);
        }
        self.count(saved, metrics);
    }

    /// Counts what was written since the last call.
    fn count(&mut self, saved: &SavedPoses, metrics: &Metrics) {
        if let Output::Open { outputs, .. } = &self.output {
            let written = outputs.written();
            let new = written.saturating_sub(self.written);
            self.written = written;
            saved.lock().saved += new;
            metrics.poses_saved(new);
        }
    }

    /// Completes the file. What it lacks by then is lost.
    fn finish(mut self, saved: &SavedPoses, metrics: &Metrics) {
        let Output::Open { path, outputs } = std::mem::replace(&mut self.output, Output::Failed)
        else {
            return;
        };
        let finished = outputs.finish();
        let new = finished.written.saturating_sub(self.written);
        saved.lock().saved += new;
        metrics.poses_saved(new);
        let lost = self.passed_on.saturating_sub(finished.written);
        let reason = finished.lacking.first().map(ToString::to_string);
        if lost > 0 {
            let reason = reason.unwrap_or_default();
            warn!(file = %path.display(), lost, %reason, "predictions are not saved");
            lose(lost, &reason, saved, metrics);
        }
        info!(file = %path.display(), predictions = finished.written, "predictions saved");
    }
}

/// Counts lost predictions, and keeps the first reason.
fn lose(predictions: u64, reason: &str, saved: &SavedPoses, metrics: &Metrics) {
    let mut counts = saved.lock();
    counts.lost += predictions;
    if counts.reason.is_empty() {
        reason.clone_into(&mut counts.reason);
    }
    metrics.poses_lost(predictions);
}

#[cfg(test)]
mod tests;
