//! Reads a video in a process of its own, which may crash, use too much memory or never end.
//!
//! ```text
//! worker:  VideoReader <- records <- pipe <- child: vision::capture      (sleap-worker __read-video PATH)
//! ```
//!
//! The child opens the file as a client opens one that it streams, so the pixels are the same, and takes it
//! for nothing but a container that holds its images itself: FFmpeg has lists of what it may open. Its output
//! is as hostile as a peer's messages: each size is checked before memory is allocated for it.
//! It runs as the same user and may do what that user may; it has no access to the worker's memory and the
//! secrets in its environment, and has a lower priority on the processor than streams.

mod child;
mod records;
mod wire;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use protocol::Limits;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tracing::{debug, warn};
use vision::capture::CapturedFrame;

pub(crate) use child::read;
pub(super) use wire::{VideoInfo, fits};

use records::{ReaderEvent, ReaderWireError, RecordReader};
use wire::OpenReply;

/// The subcommand that is the child.
pub(crate) const COMMAND: &str = "__read-video";

/// Frames read ahead of the model.
const READ_AHEAD: usize = 2;

/// Longest wait for a reader's output.
const READER_TIMEOUT: Duration = Duration::from_secs(60);

/// Longest wait between the end of a reader's output and the end of its process.
const EXIT_TIMEOUT: Duration = Duration::from_secs(5);

/// Bytes of a reader's standard error that are logged.
const MAX_STDERR: u64 = 16 << 10;

/// Bytes of the pipe between the processes: what Linux allows every user.
#[cfg(target_os = "linux")]
const PIPE: usize = 1 << 20;

/// Why a video cannot be read, or not to its end.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0}")]
pub(super) struct VideoRefusal(pub(super) String);

impl VideoRefusal {
    fn lost() -> Self {
        Self("its reader is lost".into())
    }
}

/// A video that is being read. Dropping it ends the child, without waiting for that.
pub(super) struct VideoReader {
    info: VideoInfo,
    frames: mpsc::Receiver<CapturedFrame>,
    ended: JoinHandle<Result<(), VideoRefusal>>,
}

impl VideoReader {
    /// Opens the file at `path` in a process of its own; `gray`: the model needs no colours. Frames beyond
    /// `limits` are errors.
    ///
    /// # Errors
    /// It is no video, or cannot be read as one; the text names it as `path` does.
    pub(super) async fn open(
        path: &Path,
        gray: bool,
        limits: &Limits,
    ) -> Result<Self, VideoRefusal> {
        let failed = |error| VideoRefusal(format!("no process can read it: {error}"));
        let child = command(path, gray)
            .and_then(|mut it| it.spawn())
            .map_err(failed)?;
        let (opened, first) = oneshot::channel();
        let (queue, frames) = mpsc::channel(READ_AHEAD);
        let ended = tokio::spawn(watch(child, limits.clone(), opened, queue));
        let lost = |_| VideoRefusal::lost();
        Ok(Self {
            info: first.await.map_err(lost)??,
            frames,
            ended,
        })
    }

    /// The video's size, rate and length.
    pub(super) fn info(&self) -> &VideoInfo {
        &self.info
    }

    /// The next frame; `None` after the last.
    pub(super) async fn next(&mut self) -> Option<CapturedFrame> {
        self.frames.recv().await
    }

    /// Ends the child.
    ///
    /// # Errors
    /// The frames ended before the video did.
    pub(super) async fn end(self) -> Result<(), VideoRefusal> {
        drop(self.frames);
        let ended = self.ended.await;
        ended.unwrap_or_else(|_| Err(VideoRefusal::lost()))
    }
}

fn command(path: &Path, gray: bool) -> std::io::Result<Command> {
    let mut command = Command::new(own_program()?);
    command
        .arg(COMMAND)
        .args(gray.then_some("--gray"))
        .arg("--")
        .arg(path)
        .env_clear()
        .envs(std::env::vars_os().filter(|(name, _)| is_kept(name)))
        .env("SLEAP_WORKER_NO_CONFIG", "1")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    // Ctrl-C is for the worker, which ends its readers itself. The name is for lists of processes.
    #[cfg(unix)]
    command.process_group(0).arg0("sleap-worker");
    Ok(command)
}

/// This program itself, even where another version was installed in its place meanwhile.
fn own_program() -> std::io::Result<PathBuf> {
    match cfg!(target_os = "linux") {
        true => Ok("/proc/self/exe".into()),
        false => std::env::current_exe(),
    }
}

/// Whether the child receives this variable: those that find libraries and configure them. Any other may be
/// a secret.
fn is_kept(name: &OsString) -> bool {
    const NAMES: [&str; 5] = ["PATH", "TMPDIR", "LANG", "TZ", "SYSTEMROOT"];
    const FAMILIES: [&str; 4] = ["LD_", "DYLD_", "LC_", "OPENCV_"];
    let name = name.to_string_lossy().to_ascii_uppercase();
    NAMES.contains(&&*name) || FAMILIES.iter().any(|family| name.starts_with(family))
}

/// Passes the child's frames on until it ends or the job does not read any more. Ends the child.
async fn watch(
    mut child: Child,
    limits: Limits,
    opened: oneshot::Sender<Result<VideoInfo, VideoRefusal>>,
    frames: mpsc::Sender<CapturedFrame>,
) -> Result<(), VideoRefusal> {
    let (pid, mut opened) = (child.id(), Some(opened));
    if let Some(stderr) = child.stderr.take() {
        tokio::spawn(log(stderr));
    }
    let output = match child.stdout.take() {
        None => Err(ReaderWireError::Ended),
        Some(stdout) => {
            #[cfg(target_os = "linux")]
            // Only speed depends on it.
            let _ = rustix::pipe::fcntl_setpipe_size(&stdout, PIPE);
            let mut records = RecordReader::new(stdout, limits, READER_TIMEOUT);
            tokio::select! {
                () = frames.closed() => Ok(Ok(())),
                output = pass_on(&mut records, &mut opened, &frames) => output,
            }
        }
    };
    let end = match output {
        Ok(end) => end,
        Err(ReaderWireError::Ended) => Err(how_it_ended(&mut child).await),
        Err(error) => Err(VideoRefusal(error.to_string())),
    };
    if let Err(error) = child.kill().await {
        warn!(%error, pid, "a file's reader cannot be ended");
    }
    debug!(pid, "the file's reader has ended");
    if let (Some(opened), Err(reason)) = (opened, &end) {
        // The job may be gone.
        let _ = opened.send(Err(reason.clone()));
    }
    end
}

/// Passes frames on. Returns how reading ended, with the child's text where that was not the video's end.
async fn pass_on(
    records: &mut RecordReader<impl AsyncRead + Unpin>,
    opened: &mut Option<oneshot::Sender<Result<VideoInfo, VideoRefusal>>>,
    frames: &mpsc::Sender<CapturedFrame>,
) -> Result<Result<(), VideoRefusal>, ReaderWireError> {
    let first = match records.first().await? {
        OpenReply::Video(info) => Ok(info),
        OpenReply::Failed(reason) => Err(VideoRefusal(reason)),
    };
    let mut goes_on = first.is_ok();
    if let Some(opened) = opened.take() {
        // The job may be gone.
        let _ = opened.send(first);
    }
    while goes_on {
        match records.next().await? {
            ReaderEvent::End(end) => return Ok(end),
            ReaderEvent::Frame(frame) => goes_on = frames.send(frame).await.is_ok(),
        }
    }
    Ok(Ok(()))
}

/// Why a child's output ended without its last record.
async fn how_it_ended(child: &mut Child) -> VideoRefusal {
    VideoRefusal(match timeout(EXIT_TIMEOUT, child.wait()).await {
        Ok(Ok(status)) => match status.to_string().strip_prefix("signal: ") {
            Some(signal) => format!("the process that reads it was ended by signal {signal}"),
            None => format!("the process that reads it ended early ({status})"),
        },
        _ => "the process that reads it writes nothing more".into(),
    })
}

/// Writes the beginning of the child's standard error to the log.
async fn log(mut stderr: impl AsyncRead + Unpin) {
    let mut output = Vec::new();
    // What was read before a failure is logged, too.
    let _ = (&mut stderr)
        .take(MAX_STDERR)
        .read_to_end(&mut output)
        .await;
    for line in String::from_utf8_lossy(&output).lines() {
        debug!(?line, "the file's reader writes");
    }
    // A child whose output is not read would wait for ever.
    let _ = tokio::io::copy(&mut stderr, &mut tokio::io::sink()).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_child_has_nothing_of_the_environment_that_may_be_a_secret() {
        let kept = |name: &str| is_kept(&name.into());
        for name in ["PATH", "LD_LIBRARY_PATH", "OPENCV_LOG_LEVEL", "SystemRoot"] {
            assert!(kept(name), "{name}");
        }
        for name in ["SLEAP_ROOM_SECRET", "SLEAP_STREAM_TURN_PASSWORD", "HOME"] {
            assert!(!kept(name), "{name}");
        }
    }
}
