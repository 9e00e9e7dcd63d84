//! Running the model over a file.

use std::collections::HashMap;
use std::ops::{Deref, DerefMut};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, UNIX_EPOCH};

use labels::{LabelsHeader, LabelsOutputs, PredictionRecord, VideoReference};
use protocol::{Encoding, Frame, FrameMeta, Message};
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use tokio::time::{MissedTickBehavior, interval};
use tracing::info;
use vision::capture::{CapturedFrame, FrameContent};

use super::reader::{Reader, VideoInfo, fits};
use crate::pipeline::Job;
use crate::session::{Requester, Worker};

/// Frames of a file that may be in the pipeline beside a batch that runs: a stream that begins
/// waits behind so many.
const BESIDE_A_BATCH: usize = 2;

/// A file gets a frame through at least that often, however much a stream brings.
const PATIENCE: Duration = Duration::from_secs(1);

/// Between two words on how far the job is.
const TELL: Duration = Duration::from_secs(1);

/// How far a job is: frames that have their predictions, and how many there will be.
pub(super) type Tell<'a> = dyn Fn(u64, Option<u64>) + Send + Sync + 'a;

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
    #[error("the model could use {failed} of its frames not: {reason}")]
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

/// Predictions of a file, and what they lack.
#[derive(Debug)]
pub(super) struct Predicted {
    pub(super) frames: u64,
    pub(super) lacking: Option<JobError>,
}

/// Predicts all frames of the file at `path`, which the client calls `name`, and writes `into`.
///
/// # Errors
/// There are no predictions at all.
pub(super) async fn run(
    worker: &Worker,
    path: PathBuf,
    name: &str,
    into: PathBuf,
    tell: &Tell<'_>,
) -> Result<Predicted, JobError> {
    let reader = open(&path, name, worker).await?;
    let info = reader.info().clone();
    check_size(&info, worker)?;
    let header = header(worker, name, &info);
    let outputs = spawn_blocking(move || LabelsOutputs::open(&[into], true, &header));
    let outputs = outputs.await.map_err(|_| JobError::Stopped)?;
    let outputs = outputs.map_err(|error| JobError::Write(error.to_string()))?;
    let mut run = Run::new(worker, reader, outputs);
    let outcome = run.all(worker, info.total_frames, tell).await;
    run.end(outcome, &path, name).await
}

async fn open(path: &Path, name: &str, worker: &Worker) -> Result<Reader, JobError> {
    let reader = Reader::open(path, &worker.limits).await;
    let reader = reader.map_err(|reason| JobError::Open(called(&reason, path, name)))?;
    let video = reader.info();
    info!(file = %name, width = video.width, height = video.height, fps = video.fps,
        frames = video.total_frames, "video open");
    Ok(reader)
}

/// An error's words, with the file called as its owner calls it.
fn called(words: &str, path: &Path, name: &str) -> String {
    let own = path.file_name().unwrap_or_default().to_string_lossy();
    words
        .replace(&*path.to_string_lossy(), name)
        .replace(&*own, name)
}

fn check_size(info: &VideoInfo, worker: &Worker) -> Result<(), JobError> {
    let limits = &worker.limits;
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

fn header(worker: &Worker, name: &str, info: &VideoInfo) -> LabelsHeader {
    let ack = &worker.ack;
    let mut provenance = vec![("source".to_owned(), name.to_owned())];
    if let Some(version) = &ack.worker_version {
        provenance.push(("sleap_worker_version".to_owned(), version.clone()));
    }
    if let Some(model) = &ack.model {
        for (key, value) in [
            ("model", &model.name),
            ("model_type", &model.kind),
            ("device", &model.device),
        ] {
            provenance.push((key.to_owned(), value.clone()));
        }
    }
    LabelsHeader {
        skeleton: ack.skeleton.clone(),
        video: VideoReference {
            filename: name.to_owned(),
            frames: info.total_frames,
            height: info.height,
            width: info.width,
            channels: info.channels,
            fps: info.fps,
        },
        source: None,
        provenance,
    }
}

/// Predictions on their way to the disk. A job that is dropped waits for its writer nowhere.
#[derive(Default)]
struct Written(LabelsOutputs);

impl Deref for Written {
    type Target = LabelsOutputs;

    fn deref(&self) -> &LabelsOutputs {
        &self.0
    }
}

impl DerefMut for Written {
    fn deref_mut(&mut self) -> &mut LabelsOutputs {
        &mut self.0
    }
}

impl Drop for Written {
    fn drop(&mut self) {
        let outputs = std::mem::take(&mut self.0);
        if !outputs.is_empty()
            && let Ok(runtime) = Handle::try_current()
        {
            runtime.spawn_blocking(move || drop(outputs));
        }
    }
}

/// A job under way.
struct Run {
    reader: Reader,
    requester: Arc<Requester>,
    answers: mpsc::Receiver<Message>,
    outputs: Written,
    under_way: HashMap<u64, Captured>,
    most: usize,
    /// When a frame was handed over last.
    last: Instant,
    done: u64,
    failed: u64,
    last_failure: String,
}

/// When a frame was read.
struct Captured {
    unix_us: Option<u64>,
    at: Instant,
}

impl Run {
    fn new(worker: &Worker, reader: Reader, outputs: LabelsOutputs) -> Self {
        let most = worker.pipeline.batch() + BESIDE_A_BATCH;
        // As many as may be under way: the pipeline never waits for this job.
        let (replies, answers) = mpsc::channel(most);
        Self {
            reader,
            requester: Arc::new(Requester::new(replies, true).aside()),
            answers,
            outputs: Written(outputs),
            under_way: HashMap::new(),
            most,
            last: Instant::now(),
            done: 0,
            failed: 0,
            last_failure: String::new(),
        }
    }

    async fn all(
        &mut self,
        worker: &Worker,
        total: Option<u64>,
        tell: &Tell<'_>,
    ) -> Result<(), JobError> {
        let mut due = interval(TELL);
        due.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut ended = false;
        while !ended || !self.under_way.is_empty() {
            tokio::select! {
                _ = due.tick() => tell(self.done, total),
                answer = self.answers.recv(), if !self.under_way.is_empty() => {
                    self.answered(answer.ok_or(JobError::Stopped)?).await?;
                }
                // Where nobody is in the pipeline that comes first, and there is a frame.
                () = worker.pipeline.quiet(self.last + PATIENCE), if !ended && self.may_hand_over(worker) => {
                    tokio::select! {
                        frame = self.reader.next() => match frame {
                            Some(frame) => self.hand_over(worker, frame).await?,
                            None => ended = true,
                        },
                        answer = self.answers.recv(), if !self.under_way.is_empty() => {
                            self.answered(answer.ok_or(JobError::Stopped)?).await?;
                        }
                        _ = due.tick() => tell(self.done, total),
                    }
                }
            }
        }
        tell(self.done, total);
        Ok(())
    }

    /// Beside a stream one frame at a time: its next one waits for no more than that.
    fn may_hand_over(&self, worker: &Worker) -> bool {
        let most = if worker.stage.is_busy() { 1 } else { self.most };
        self.under_way.len() < most
    }

    async fn hand_over(&mut self, worker: &Worker, frame: CapturedFrame) -> Result<(), JobError> {
        let CapturedFrame {
            frame_id,
            captured_at,
            captured,
            content,
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
        };
        self.under_way.insert(
            frame_id,
            Captured {
                unix_us,
                at: captured,
            },
        );
        let job = Job {
            frame: Frame {
                meta,
                data: image.data,
            },
            receive: Duration::ZERO,
            received_at: Instant::now(),
            requester: Arc::clone(&self.requester),
        };
        self.last = Instant::now();
        let handed = worker.pipeline.frame(job).await;
        handed.map_err(|_| JobError::Stopped)
    }

    async fn answered(&mut self, answer: Message) -> Result<(), JobError> {
        match answer {
            Message::Prediction(prediction) => {
                let captured = self.under_way.remove(&prediction.frame_id);
                let Some(captured) = captured else {
                    return Ok(());
                };
                let age = captured.at.elapsed().as_micros();
                self.outputs.write(PredictionRecord {
                    prediction,
                    captured_us: captured.unix_us,
                    latency_us: u64::try_from(age).unwrap_or(u64::MAX),
                    ..PredictionRecord::default()
                });
            }
            Message::Error(error) => {
                self.failed += 1;
                self.last_failure = error.message;
                if let Some(id) = error.frame_id {
                    self.under_way.remove(&id);
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

    /// Ends source and file, and says what the predictions lack.
    async fn end(
        self,
        outcome: Result<(), JobError>,
        path: &Path,
        name: &str,
    ) -> Result<Predicted, JobError> {
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
        let lacking = match read {
            Err(reason) => Some(JobError::Read {
                frames,
                reason: called(&reason, path, name),
            }),
            Ok(()) => (self.failed > 0).then_some(JobError::Frames {
                failed: self.failed,
                reason: self.last_failure,
            }),
        };
        match lacking {
            Some(error) if frames == self.failed => Err(error),
            None if frames == 0 => Err(JobError::NoFrames),
            lacking => Ok(Predicted { frames, lacking }),
        }
    }
}
