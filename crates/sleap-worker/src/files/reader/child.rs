//! The process that reads a file.

use std::io::{self, Write};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::mpsc;
use std::time::UNIX_EPOCH;

use cli::ExitStatus;
use vision::Image;
use vision::capture::{
    Capture, CapturedFrame, Config, FrameContent, FrameSelection, PixelForm, Source, SourceOptions,
};

use super::wire::{FrameShape, OpenReply, RecordHeader, VideoInfo, cut};

/// Bytes of memory that a reader may allocate. Sixteen threads that decode 8K take about half.
#[cfg(target_os = "linux")]
const MAX_MEMORY: u64 = 4 << 30;

/// The reader's nice value: streams of the worker come first.
#[cfg(unix)]
const NICE: i32 = 10;

/// Reads the file at `path` and writes its frames to standard output, as [`super::wire`] describes; in gray
/// where `gray` is set.
///
/// # Errors
/// None: the worker receives them in the output.
pub(crate) fn read(path: &Path, gray: bool) -> anyhow::Result<ExitStatus> {
    // Where writing fails the worker does not read any more.
    let _ = confine().map_or_else(
        |error| {
            let reason = format!("the process that reads it cannot be confined: {error}");
            write_reply(&OpenReply::Failed(reason))
        },
        |()| deliver(path, gray),
    );
    Ok(ExitStatus::Done)
}

fn deliver(path: &Path, gray: bool) -> io::Result<()> {
    let config = Config {
        source: Source::Upload(path.to_owned()),
        selection: FrameSelection {
            sample_rate: 1,
            ..FrameSelection::default()
        },
        fps: None,
        real_time: false,
        options: SourceOptions {
            pixels: PixelForm::Plain,
            ..SourceOptions::default()
        },
    };
    let capture = match Capture::open(config) {
        Ok(capture) => capture,
        Err(error) => {
            let reason = cut(&error.to_string()).to_owned();
            return write_reply(&OpenReply::Failed(reason));
        }
    };
    let info = capture.info();
    write_reply(&OpenReply::Video(VideoInfo {
        width: info.width,
        height: info.height,
        channels: info.channels,
        fps: info.fps,
        total_frames: info.total_frames,
    }))?;
    let first = (info.width, info.height);
    let (failed, failure) = mpsc::channel();
    let running = capture.start(move |frame| {
        let image = match pixels(&frame, first, gray) {
            Ok(image) => image,
            Err(text) => {
                // Its receiver lives longer than the capture.
                let _ = failed.send(text);
                return ControlFlow::Break(());
            }
        };
        match write_frame(&frame, &image) {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        }
    });
    let ended = running.join().err().map(|error| error.to_string());
    let reason = failure.try_recv().ok().or(ended);
    let reason = cut(reason.as_deref().unwrap_or_default()).as_bytes();
    write_record(RecordHeader::End(reason.len() as u32), reason)
}

/// The pixels that the worker gets, or why the frame cannot be predicted into the same file as the first.
fn pixels(frame: &CapturedFrame, first: (u32, u32), gray: bool) -> Result<Image, String> {
    let (width, height) = frame.size();
    if first != (width, height) {
        return Err(format!(
            "frame {} has {width}x{height} pixels and the frames before it {}x{}: an .slp file holds one size of frames. Stream the \
             video, and write .jsonl or .csv",
            frame.frame_id, first.0, first.1
        ));
    }
    match &frame.content {
        FrameContent::Pixels(image) if gray => {
            vision::gray(image).map_err(|error| error.to_string())
        }
        FrameContent::Pixels(image) => Ok(image.clone()),
        _ => Err(format!("frame {} is no image", frame.frame_id)),
    }
}

/// The pipe to the worker.
#[expect(
    clippy::disallowed_methods,
    reason = "a pipe to the worker, not to people"
)]
fn pipe() -> io::Stdout {
    io::stdout()
}

fn write_reply(opened: &OpenReply) -> io::Result<()> {
    let mut out = pipe().lock();
    serde_json::to_writer(&mut out, opened)?;
    out.write_all(b"\n")?;
    out.flush()
}

fn write_frame(frame: &CapturedFrame, image: &Image) -> io::Result<()> {
    let since = frame.captured_at.duration_since(UNIX_EPOCH);
    let captured_ns = u64::try_from(since.unwrap_or_default().as_nanos()).unwrap_or(0);
    let shape = FrameShape {
        channels: image.channels,
        width: image.width,
        height: image.height,
        bytes: u32::try_from(image.data.len()).unwrap_or(u32::MAX),
        frame_id: frame.frame_id,
        captured_ns,
    };
    write_record(RecordHeader::Frame(shape), &image.data)
}

fn write_record(record: RecordHeader, content: &[u8]) -> io::Result<()> {
    let mut out = pipe().lock();
    out.write_all(&record.to_bytes())?;
    out.write_all(content)?;
    out.flush()
}

/// Takes from this process what reading a video does not need, before it opens the file.
#[cfg(unix)]
fn confine() -> io::Result<()> {
    use rustix::process::{Resource, nice};
    // A core dump would leave a client's frames on the disk.
    limit(Resource::Core, 0)?;
    // Counts allocated memory; memory that libraries and threads only reserve does not count.
    #[cfg(target_os = "linux")]
    limit(Resource::Data, MAX_MEMORY)?;
    nice(NICE)?;
    // Where memory runs out, the system ends this process before the worker. Not all containers allow that.
    #[cfg(target_os = "linux")]
    let _ = std::fs::write("/proc/self/oom_score_adj", "1000");
    let watch = std::thread::Builder::new().name("worker".into());
    watch.spawn(end_with_the_worker).map(drop)
}

#[cfg(not(unix))]
fn confine() -> io::Result<()> {
    Ok(())
}

#[cfg(unix)]
fn limit(resource: rustix::process::Resource, most: u64) -> io::Result<()> {
    use rustix::process::{Rlimit, getrlimit, setrlimit};
    // A lower limit stays.
    let most = getrlimit(resource)
        .maximum
        .map_or(most, |max| max.min(most));
    let both = Rlimit {
        current: Some(most),
        maximum: Some(most),
    };
    Ok(setrlimit(resource, both)?)
}

/// Waits until the other end of standard output is closed, as when the worker was killed, and ends this
/// process wherever it is.
#[cfg(unix)]
fn end_with_the_worker() {
    use rustix::event::{PollFd, PollFlags, poll};
    use rustix::process::{Signal, getpid, kill_process};
    let stdout = pipe();
    loop {
        // Without flags the call still returns when the other end is closed.
        let mut ends = [PollFd::new(&stdout, PollFlags::empty())];
        match poll(&mut ends, None) {
            Err(rustix::io::Errno::INTR) => {}
            Err(_) => return,
            Ok(_) => break,
        }
    }
    // Not an ordinary exit: FFmpeg's threads may hold locks for which that would wait.
    let _ = kill_process(getpid(), Signal::KILL);
}
