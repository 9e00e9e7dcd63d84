//! Videos are read by a process of their own, which may crash, eat memory or never come to an end.
//!
//! ```text
//! worker:  Reader <- records <- pipe <- child: vision::capture      (sleap-worker __read-video PATH)
//! ```
//!
//! The child opens the file as a client opens one that it streams, so the pixels are the same, and takes it
//! for nothing but a container that holds its pictures itself: FFmpeg has lists of what it may open. What it
//! says is believed no more than what a peer says: each size is checked before memory is taken for it.
//! It runs as the same user and may do what that user may; what is kept from it is the worker's memory,
//! its secrets in the environment, and the processor where a stream wants it.

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

use records::{Fault, Item, Records};
use wire::Opened;

/// The subcommand that is the child.
pub(crate) const COMMAND: &str = "__read-video";

/// Frames read ahead of the model.
const READ_AHEAD: usize = 2;

/// A reader that is waited for and says nothing for so long is given up.
const PATIENCE: Duration = Duration::from_secs(60);

/// Between the end of what a reader says and its own.
const PARTING: Duration = Duration::from_secs(5);

/// Bytes of a reader's standard error that are logged.
const MAX_SAID: u64 = 16 << 10;

/// Bytes that may be on their way between the processes: the least that Linux lets everybody have.
#[cfg(target_os = "linux")]
const PIPE: usize = 1 << 20;

/// A video that is being read. Dropping it ends the child, without waiting for that.
pub(super) struct Reader {
    info: VideoInfo,
    frames: mpsc::Receiver<CapturedFrame>,
    ended: JoinHandle<Result<(), String>>,
}

impl Reader {
    /// Opens the file at `path` in a process of its own. Frames beyond `limits` are none.
    ///
    /// # Errors
    /// It is no video, or cannot be read as one, in words that name it as `path` does.
    pub(super) async fn open(path: &Path, limits: &Limits) -> Result<Self, String> {
        let failed = |error| format!("no process can read it: {error}");
        let child = command(path)
            .and_then(|mut it| it.spawn())
            .map_err(failed)?;
        let (opened, first) = oneshot::channel();
        let (queue, frames) = mpsc::channel(READ_AHEAD);
        let ended = tokio::spawn(watch(child, limits.clone(), opened, queue));
        let lost = |_| "its reader is lost".to_owned();
        Ok(Self {
            info: first.await.map_err(lost)??,
            frames,
            ended,
        })
    }

    /// What the video is like.
    pub(super) fn info(&self) -> &VideoInfo {
        &self.info
    }

    /// The next frame; `None` after the last.
    pub(super) async fn next(&mut self) -> Option<CapturedFrame> {
        self.frames.recv().await
    }

    /// Ends the child, and says why there were no more frames where that was not the video's end.
    pub(super) async fn end(self) -> Result<(), String> {
        drop(self.frames);
        let ended = self.ended.await;
        ended.unwrap_or_else(|_| Err("its reader is lost".into()))
    }
}

fn command(path: &Path) -> std::io::Result<Command> {
    let mut command = Command::new(own_program()?);
    command
        .arg(COMMAND)
        .arg("--")
        .arg(path)
        .env_clear()
        .envs(std::env::vars_os().filter(|(name, _)| is_kept(name)))
        // Whatever was set for the worker: what FFmpeg may open for a file is not for it to widen.
        .envs([vision::capture::for_uploads()])
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

/// This very program, even where another version was installed in its place meanwhile.
fn own_program() -> std::io::Result<PathBuf> {
    match cfg!(target_os = "linux") {
        true => Ok("/proc/self/exe".into()),
        false => std::env::current_exe(),
    }
}

/// What the child has of the environment: what finds libraries and tells them how to work. Anything else
/// may be a secret.
fn is_kept(name: &OsString) -> bool {
    const NAMES: [&str; 5] = ["PATH", "TMPDIR", "LANG", "TZ", "SYSTEMROOT"];
    const FAMILIES: [&str; 4] = ["LD_", "DYLD_", "LC_", "OPENCV_"];
    let name = name.to_string_lossy().to_ascii_uppercase();
    NAMES.contains(&&*name) || FAMILIES.iter().any(|family| name.starts_with(family))
}

/// Passes on what the child says until it ends or nobody listens any more; then there is no child.
async fn watch(
    mut child: Child,
    limits: Limits,
    opened: oneshot::Sender<Result<VideoInfo, String>>,
    frames: mpsc::Sender<CapturedFrame>,
) -> Result<(), String> {
    let (pid, mut opened) = (child.id(), Some(opened));
    if let Some(stderr) = child.stderr.take() {
        tokio::spawn(log(stderr));
    }
    let said = match child.stdout.take() {
        None => Err(Fault::Ended),
        Some(stdout) => {
            #[cfg(target_os = "linux")]
            // Only speed depends on it.
            let _ = rustix::pipe::fcntl_setpipe_size(&stdout, PIPE);
            let mut records = Records::new(stdout, limits, PATIENCE);
            tokio::select! {
                () = frames.closed() => Ok(Ok(())),
                said = pass_on(&mut records, &mut opened, &frames) => said,
            }
        }
    };
    let end = match said {
        Ok(end) => end,
        Err(Fault::Ended) => Err(how_it_ended(&mut child).await),
        Err(fault) => Err(fault.to_string()),
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

/// How reading ended, in the child's words if it was not the video's end.
async fn pass_on(
    records: &mut Records<impl AsyncRead + Unpin>,
    opened: &mut Option<oneshot::Sender<Result<VideoInfo, String>>>,
    frames: &mpsc::Sender<CapturedFrame>,
) -> Result<Result<(), String>, Fault> {
    let first = match records.first().await? {
        Opened::Video(info) => Ok(info),
        Opened::Failed(reason) => Err(reason),
    };
    let mut goes_on = first.is_ok();
    if let Some(opened) = opened.take() {
        // The job may be gone.
        let _ = opened.send(first);
    }
    while goes_on {
        match records.next().await? {
            Item::End(end) => return Ok(end),
            Item::Frame(frame) => goes_on = frames.send(frame).await.is_ok(),
        }
    }
    Ok(Ok(()))
}

/// Why there is no more from a child that has not said that it is done.
async fn how_it_ended(child: &mut Child) -> String {
    match timeout(PARTING, child.wait()).await {
        Ok(Ok(status)) => match status.to_string().strip_prefix("signal: ") {
            Some(signal) => format!("the process that reads it was ended by signal {signal}"),
            None => format!("the process that reads it ended early ({status})"),
        },
        _ => "the process that reads it says nothing more".into(),
    }
}

/// The child's standard error goes to the log, as far as that is bearable.
async fn log(mut stderr: impl AsyncRead + Unpin) {
    let mut said = Vec::new();
    // What was read until a failure is said, too.
    let _ = (&mut stderr).take(MAX_SAID).read_to_end(&mut said).await;
    for line in String::from_utf8_lossy(&said).lines() {
        debug!(?line, "the file's reader says");
    }
    // A child whose words nobody takes would wait for ever.
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
