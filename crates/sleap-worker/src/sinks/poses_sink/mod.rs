//! `--save-poses DIR`: the predictions of every stream, one `.slp` file a stream.
//!
//! A file has every prediction up to the last second at any moment, also after the worker was killed. No
//! file is replaced, and nothing but predictions is stored. Where the worker's tracker looks through whole videos,
//! the file of a source that has ended is written again with what it finds, while other streams run.

mod finishing;
mod name;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use anyhow::Context;
use labels::{
    CreateError, LabelsHeader, LabelsOutputs, OutputError, PredictionRecord, VideoReference,
};
use protocol::{DerivedPoses, Message, ModelInfo, Prediction, Skeleton, text};
use tracing::{info, warn};

use finishing::{Finishing, FinishingFile};

use super::emit_sink::in_source;
use super::save_counts::SaveCounts;
use crate::metrics::Metrics;
use crate::pipeline::{DecodedFrame, FlushWait, FrameSink, StreamHeader};
use crate::provenance::provenance;
use crate::streams::ResultRoute;

/// Streams of the same name in one second, at most.
const MAX_COPIES: u32 = 1000;

/// Writes the predictions of every stream to a file of its own.
pub(crate) struct PosesSink {
    dir: PathBuf,
    counts: PoseCounts,
    files: Vec<StreamFile>,
    /// Files that are looked through.
    finishing: Finishing,
}

/// Where predictions are counted; clones count together.
#[derive(Clone)]
struct PoseCounts {
    saved: SaveCounts,
    metrics: Metrics,
}

impl PoseCounts {
    fn saved(&self, predictions: u64) {
        self.saved.saved(predictions);
        self.metrics.poses_saved(predictions);
    }

    fn lost(&self, predictions: u64) {
        self.saved.lost(predictions);
        self.metrics.poses_lost(predictions);
    }

    fn because(&self, reason: &impl ToString) {
        self.saved.because(|| reason.to_string());
    }
}

/// The file of a stream.
struct StreamFile {
    stream: Arc<ResultRoute>,
    started: SystemTime,
    model: Option<ModelInfo>,
    skeleton: Option<Skeleton>,
    output: Output,
    /// Whether it is looked through once it is complete.
    is_revised: bool,
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
            counts: PoseCounts {
                saved: SaveCounts::new("predictions", "--save-poses"),
                metrics: Metrics::default(),
            },
            files: Vec::new(),
            finishing: Finishing::default(),
        })
    }

    /// Counts predictions in `metrics`, too.
    pub(crate) fn counted_in(mut self, metrics: Metrics) -> Self {
        self.counts.metrics = metrics;
        self
    }

    /// The counts of saved predictions.
    pub(crate) fn counts(&self) -> SaveCounts {
        self.counts.saved.clone()
    }

    /// Completes a file. One that is looked through has a thread for that.
    fn finish(&mut self, file: StreamFile) {
        if !file.is_revised {
            return file.finish(&self.counts);
        }
        self.finishing.make_room();
        // Where there is no thread it is done here.
        let begun = self.finishing.begin(&self.counts);
        let file = Arc::new(Mutex::new(Some((file, begun))));
        let (kept, counts) = (Arc::clone(&file), self.counts.clone());
        let thread = std::thread::Builder::new().name("final-tracks".into());
        let started = thread.spawn(move || finish_kept(&kept, &counts));
        if started.is_err() {
            finish_kept(&file, &self.counts);
        }
    }
}

fn finish_kept(file: &Mutex<Option<(StreamFile, FinishingFile)>>, counts: &PoseCounts) {
    // The lock is held by one thread, which takes the file.
    let file = file.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some((file, begun)) = file {
        file.finish(counts);
        begun.complete();
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
            is_revised: false,
            passed_on: 0,
            written: 0,
        });
    }

    fn result(&mut self, frame: &DecodedFrame, result: &Message) {
        let Message::Prediction(prediction) = result else {
            return;
        };
        let Self {
            dir, counts, files, ..
        } = self;
        let of_stream = |file: &&mut StreamFile| Arc::ptr_eq(&file.stream, &frame.route);
        if let Some(file) = files.iter_mut().find(of_stream) {
            file.begin(dir, frame, counts);
            file.write(frame, prediction, counts);
        }
    }

    fn stream_ended(&mut self, stream: &Arc<ResultRoute>) {
        let of_stream = |file: &mut StreamFile| Arc::ptr_eq(&file.stream, stream);
        let ended: Vec<_> = self.files.extract_if(.., of_stream).collect();
        ended.into_iter().for_each(|file| self.finish(file));
    }

    /// Until all files that are looked through are complete.
    fn flush(&mut self) -> Option<FlushWait> {
        let finishing = self.finishing.clone();
        (!finishing.is_idle()).then(|| Box::new(move || finishing.wait()) as FlushWait)
    }
}

impl Drop for PosesSink {
    fn drop(&mut self) {
        let files = std::mem::take(&mut self.files);
        files.into_iter().for_each(|file| self.finish(file));
        self.finishing.wait();
    }
}

impl StreamFile {
    /// Creates the file with the first prediction.
    fn begin(&mut self, dir: &Path, frame: &DecodedFrame, counts: &PoseCounts) {
        if !matches!(self.output, Output::NotBegun) {
            return;
        }
        self.output = match self.create(dir, frame) {
            Ok((path, outputs)) => Output::Open { path, outputs },
            Err(error) => {
                warn!(%error, "the predictions of this stream are not saved");
                counts.because(&error);
                Output::Failed
            }
        };
    }

    fn create(
        &mut self,
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
                opened => {
                    let mut outputs = opened?;
                    let has_end = self.stream.origin.has_end();
                    if let Some(revision) = self.stream.revision().filter(|_| has_end) {
                        outputs.revise_at_end(header, revision);
                        self.is_revised = true;
                    }
                    return Ok((path, outputs));
                }
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
            has_moments: false,
            skeleton: self.skeleton.clone(),
            video: VideoReference {
                filename: origin.source_name.clone(),
                frames: origin.frames,
                height,
                width,
                channels: frame.channels,
                fps: origin.fps,
                ..VideoReference::default()
            },
            source: None,
            provenance,
        }
    }

    /// Passes a prediction on. Waits where the disk is slower than the stream.
    fn write(&mut self, frame: &DecodedFrame, prediction: &Prediction, counts: &PoseCounts) {
        let Output::Open { outputs, .. } = &mut self.output else {
            return counts.lost(1);
        };
        if outputs.have_failed() {
            return counts.lost(1);
        }
        outputs.write(PredictionRecord {
            prediction: in_source(prediction, frame).into_owned(),
            derived: DerivedPoses {
                names: frame.route.names_of(prediction),
                ..DerivedPoses::default()
            },
            captured_us: frame.captured_us,
            clock: frame.clock,
            latency_us: prediction.timing.total_us.unwrap_or_default(),
            ..PredictionRecord::default()
        });
        self.passed_on += 1;
        outputs.wait_for_room();
        for error in outputs.failures() {
            warn!(%error, "predictions are not saved");
            counts.because(&error);
        }
        self.count(counts);
    }

    /// Counts what was written since the last call.
    fn count(&mut self, counts: &PoseCounts) {
        if let Output::Open { outputs, .. } = &self.output {
            let written = outputs.written();
            let new = written.saturating_sub(self.written);
            self.written = written;
            counts.saved(new);
        }
    }

    /// Completes the file. What it lacks by then is lost.
    fn finish(mut self, counts: &PoseCounts) {
        let Output::Open { path, outputs } = std::mem::replace(&mut self.output, Output::Failed)
        else {
            return;
        };
        let finished = outputs.finish();
        let new = finished.written.saturating_sub(self.written);
        counts.saved(new);
        let is_fault = |error: &&OutputError| matches!(error, OutputError::NotRevised { .. });
        if let Some(fault) = finished.lacking.iter().find(is_fault) {
            warn!(%fault, "the predictions have live tracks");
            counts.saved.fault(fault.to_string());
        }
        let lost = self.passed_on.saturating_sub(finished.written);
        let reason = finished.lacking.first().map(ToString::to_string);
        if lost > 0 {
            let reason = reason.unwrap_or_default();
            warn!(file = %path.display(), lost, %reason, "predictions are not saved");
            counts.because(&reason);
            counts.lost(lost);
        }
        info!(file = %path.display(), predictions = finished.written, "predictions saved");
    }
}

#[cfg(test)]
mod tests;
