//! One job: runs the model over a file.

mod labels_writer;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, UNIX_EPOCH};

use labels::{LabelsHeader, LabelsOutputs, PredictionRecord};
use protocol::{CaptureClock, Encoding, Frame, FrameMeta, Limits, Message, StreamAck};
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use tokio::time::{MissedTickBehavior, interval};
use tracing::info;
use vision::capture::{CapturedFrame, FrameContent};

use super::reader::{VideoInfo, VideoReader, fits};
use labels_writer::{LabelsWriter, header};

use crate::pipeline::{FrameJob, Pipeline, PipelineStream, StreamClass};
use crate::streams::{ResultRoute, StreamSlots, WorkerTracking};

/// Frames of a file that may be in the pipeline beside a batch that runs: a stream that begins
/// waits behind so many.
const FRAMES_BESIDE_A_BATCH: usize = 2;

/// A file gets a frame through at least that often, however much a stream brings.
const MAX_FRAME_DELAY: Duration = Duration::from_secs(1);

/// Between two reports of the job's progress.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(1);

/// What jobs run with.
pub(crate) struct JobContext {
    pub(crate) pipeline: Arc<Pipeline>,
    /// Shows whether a client streams: a job then pauses.
    pub(crate) slots: StreamSlots,
    /// What the worker is.
    pub(crate) ack: Arc<StreamAck>,
    /// The largest frame that is taken.
    pub(crate) limits: Limits,
    /// What tells animals apart.
    pub(crate) tracking: WorkerTracking,
}

/// Reports a job's progress: frames that have predictions, and how many there will be.
pub(super) type ProgressFn<'a> = dyn Fn(u64, Option<u64>) + Send + Sync + 'a;

/// Why there are no predictions, or not all.
#[derive(Debug, thiserror::Error)]
pub(super) enum JobError {
    #[error("it cannot be read as a video: {0}")]
    Open(String),
    #[error(
        "its frames have {width}x{height} pixels, at most {max_width}x{max_height} and {max_mib} MiB are taken"
    )]
    Size {
        width: u32,
        height: u32,
        max_width: u32,
        max_height: u32,
        /// Of pixels.
        max_mib: u64,
    },
    #[error("reading it failed after {frames} frames: {reason}")]
    Read { frames: u64, reason: String },
    #[error("it has no frames")]
    NoFrames,
    #[error("the model could not use {failed} of the frames: {reason}")]
    Frames { failed: u64, reason: String },
    #[error("the predictions cannot be written: {0}")]
    Write(String),
    #[error("the worker cannot go on")]
    Stopped,
}

impl JobError {
    /// Whether another attempt with the same file would end in the same way.
    pub(super) fn is_of_the_file(&self) -> bool {
        matches!(
            self,
            Self::Open(_) | Self::Size { .. } | Self::NoFrames | Self::Read { .. }
        )
    }
}

/// The predictions of a file.
#[derive(Debug)]
pub(super) struct JobPredictions {
    pub(super) frames: u64,
    /// Instances in all of them.
    pub(super) poses: u64,
    /// Why some of them are missing.
    pub(super) lacking: Option<JobError>,
}

/// Predicts all frames of the file at `path`, which the client calls `name`, and writes `into`.
///
/// # Errors
/// There are no predictions at all.
pub(super) async fn run(
    context: &JobContext,
    path: PathBuf,
    name: &str,
    into: PathBuf,
    progress: &ProgressFn<'_>,
) -> Result<JobPredictions, JobError> {
    let reader = open(&path, name, context).await?;
    let info = reader.info().clone();
    check_size(&info, context)?;
    let header = header(context, name, &info);
    let opened = header.clone();
    let outputs = spawn_blocking(move || LabelsOutputs::open(&[into], true, &opened));
    let outputs = outputs.await.map_err(|_| JobError::Stopped)?;
    let outputs = outputs.map_err(|error| JobError::Write(error.to_string()))?;
    let mut run = RunningJob::new(context, reader, outputs, header);
    let outcome = run.all(context, info.total_frames, progress).await;
    run.end(outcome, &path, name).await
}

async fn open(path: &Path, name: &str, context: &JobContext) -> Result<VideoReader, JobError> {
    let model = context.ack.model.as_ref();
    let is_gray = model.is_some_and(|model| model.channels == 1);
    let reader = VideoReader::open(path, is_gray, &context.limits).await;
    let reader =
        reader.map_err(|reason| JobError::Open(called(&reason.to_string(), path, name)))?;
    let video = reader.info();
    info!(file = %name, width = video.width, height = video.height, fps = video.fps,
        frames = video.total_frames, "video open");
    Ok(reader)
}

/// An error's text with the file's name at the client in place of its name in the store.
fn called(words: &str, path: &Path, name: &str) -> String {
    let own = path.file_name().unwrap_or_default().to_string_lossy();
    words
        .replace(&*path.to_string_lossy(), name)
        .replace(&*own, name)
}

fn check_size(info: &VideoInfo, context: &JobContext) -> Result<(), JobError> {
    let limits = &context.limits;
    match fits(limits, info.width, info.height, info.channels) {
        true => Ok(()),
        false => Err(JobError::Size {
            width: info.width,
            height: info.height,
            max_width: limits.max_width,
            max_height: limits.max_height,
            max_mib: limits.max_frame_bytes >> 20,
        }),
    }
}

/// A job that runs.
struct RunningJob {
    reader: VideoReader,
    pipeline: PipelineStream,
    results: mpsc::Receiver<Message>,
    outputs: LabelsWriter,
    in_flight: HashMap<u64, ReadAt>,
    /// Frames that may be in flight.
    max_in_flight: usize,
    /// When the newest frame was handed over.
    last: Instant,
    done: u64,
    failed: u64,
    last_failure: String,
}

/// When a frame was read.
struct ReadAt {
    /// By the system clock, microseconds since 1970.
    unix_us: Option<u64>,
    at: Instant,
}

impl RunningJob {
    /// `header`: that of `outputs`.
    fn new(
        context: &JobContext,
        reader: VideoReader,
        mut outputs: LabelsOutputs,
        header: LabelsHeader,
    ) -> Self {
        let max_in_flight = context.pipeline.batch() + FRAMES_BESIDE_A_BATCH;
        // As many as may be in flight: the pipeline never waits for this job.
        let (replies, results) = mpsc::channel(max_in_flight);
        let route = ResultRoute::new(replies, true).tracked_by(&context.tracking, 0);
        if let Some(revision) = route.revision() {
            outputs.revise_at_end(header, revision);
        }
        let route = Arc::new(route.aside());
        Self {
            reader,
            pipeline: context.pipeline.open(route, StreamClass::Job),
            results,
            outputs: LabelsWriter::new(outputs),
            in_flight: HashMap::new(),
            max_in_flight,
            last: Instant::now(),
            done: 0,
            failed: 0,
            last_failure: String::new(),
        }
    }

    async fn all(
        &mut self,
        context: &JobContext,
        total: Option<u64>,
        progress: &ProgressFn<'_>,
    ) -> Result<(), JobError> {
        let mut due = interval(PROGRESS_INTERVAL);
        due.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut ended = false;
        while !ended || !self.in_flight.is_empty() {
            tokio::select! {
                _ = due.tick() => progress(self.done, total),
                result = self.results.recv(), if !self.in_flight.is_empty() => {
                    self.take_result(result.ok_or(JobError::Stopped)?).await?;
                }
                // Without frames of a stream in the pipeline this is ready at once.
                () = context.pipeline.quiet(self.last + MAX_FRAME_DELAY), if !ended && self.may_hand_over(context) => {
                    tokio::select! {
                        frame = self.reader.next() => match frame {
                            Some(frame) => self.hand_over(frame).await?,
                            None => ended = true,
                        },
                        result = self.results.recv(), if !self.in_flight.is_empty() => {
                            self.take_result(result.ok_or(JobError::Stopped)?).await?;
                        }
                        _ = due.tick() => progress(self.done, total),
                    }
                }
            }
        }
        progress(self.done, total);
        Ok(())
    }

    /// Beside a stream one frame at a time: its next one waits for no more than that.
    fn may_hand_over(&self, context: &JobContext) -> bool {
        let max = match context.slots.is_busy() {
            true => 1,
            false => self.max_in_flight,
        };
        self.in_flight.len() < max
    }

    async fn hand_over(&mut self, frame: CapturedFrame) -> Result<(), JobError> {
        let CapturedFrame {
            frame_id,
            captured_at,
            captured,
            content,
            ..
        } = frame;
        let FrameContent::Pixels(image) = content else {
            return Ok(());
        };
        let since = captured_at.duration_since(UNIX_EPOCH).ok();
        let unix_us = since.and_then(|since| u64::try_from(since.as_micros()).ok());
        let meta = FrameMeta {
            frame_id,
            height: image.height,
            width: image.width,
            channels: image.channels,
            encoding: Encoding::U8,
            nbytes: image.data.len() as u64,
            captured_us: unix_us,
            clock: None,
        };
        self.in_flight.insert(
            frame_id,
            ReadAt {
                unix_us,
                at: captured,
            },
        );
        let job = FrameJob {
            frame: Frame {
                meta,
                data: image.data,
            },
            receive: Duration::ZERO,
            received_at: Instant::now(),
        };
        self.last = Instant::now();
        let handed = self.pipeline.frame(job).await;
        handed.map_err(|_| JobError::Stopped)
    }

    async fn take_result(&mut self, result: Message) -> Result<(), JobError> {
        match result {
            Message::Prediction(prediction) => {
                let captured = self.in_flight.remove(&prediction.frame_id);
                let Some(captured) = captured else {
                    return Ok(());
                };
                let age = captured.at.elapsed().as_micros();
                self.outputs.write(PredictionRecord {
                    prediction,
                    captured_us: captured.unix_us,
                    clock: Some(CaptureClock::Arrival),
                    latency_us: u64::try_from(age).unwrap_or(u64::MAX),
                    ..PredictionRecord::default()
                });
            }
            Message::Error(error) => {
                self.failed += 1;
                self.last_failure = error.message;
                if let Some(id) = error.frame_id {
                    self.in_flight.remove(&id);
                }
            }
            _ => return Ok(()),
        }
        self.done += 1;
        if !self.outputs.has_room() {
            let outputs = std::mem::take(&mut self.outputs);
            let waited = spawn_blocking(move || {
                outputs.wait_for_room();
                outputs
            });
            self.outputs = waited.await.map_err(|_| JobError::Stopped)?;
        }
        Ok(())
    }

    /// Ends reader and writer. Returns the predictions and what they lack.
    async fn end(
        self,
        outcome: Result<(), JobError>,
        path: &Path,
        name: &str,
    ) -> Result<JobPredictions, JobError> {
        let mut outputs = self.outputs;
        let finish = move || std::mem::take(&mut *outputs).finish();
        let read = self.reader.end().await;
        let finished = spawn_blocking(finish)
            .await
            .map_err(|_| JobError::Stopped)?;
        outcome?;
        if let Some(wrong) = finished.lacking.first() {
            return Err(JobError::Write(called(&wrong.to_string(), path, name)));
        }
        let frames = self.done;
        let poses = finished.files.iter().map(|file| file.poses).sum();
        let lacking = match read {
            Err(reason) => Some(JobError::Read {
                frames,
                reason: called(&reason.to_string(), path, name),
            }),
            Ok(()) => (self.failed > 0).then_some(JobError::Frames {
                failed: self.failed,
                reason: self.last_failure,
            }),
        };
        match lacking {
            Some(error) if frames == self.failed => Err(error),
            None if frames == 0 => Err(JobError::NoFrames),
            lacking => Ok(JobPredictions {
                frames,
                poses,
                lacking,
            }),
        }
    }
}
