//! The process that reads a file.

use std::io::{self, Write};
use std::ops::ControlFlow;
use std::path::Path;
use std::time::UNIX_EPOCH;

use cli::ExitStatus;
use vision::capture::{Capture, CapturedFrame, Config, FrameContent, FrameSelection, Source};

use super::wire::{Opened, Record, Shape, VideoInfo, cut};

/// Bytes of memory of its own that a reader may have. Sixteen threads that decode 8K take about half.
#[cfg(target_os = "linux")]
const MOST_MEMORY: u64 = 4 << 30;

/// How far a reader stands behind other processes: streams of the worker come first.
#[cfg(unix)]
const NICE: i32 = 10;

/// Reads the file at `path` and says to standard output what is in it, as [`super::wire`] has it.
///
/// # Errors
/// None that anybody could be told: whoever reads the output hears of all others there.
pub(crate) fn read(path: &Path) -> anyhow::Result<ExitStatus> {
    // Nobody listens where it fails.
    let _ = confine().map_or_else(
        |error| {
            let reason = format!("the process that reads it cannot be confined: {error}");
            say_opened(&Opened::Failed(reason))
        },
        |()| deliver(path),
    );
    Ok(ExitStatus::Done)
}

fn deliver(path: &Path) -> io::Result<()> {
    let config = Config {
        source: Source::Upload(path.to_owned()),
        selection: FrameSelection {
            sample_rate: 1,
            ..FrameSelection::default()
        },
        fps: None,
        real_time: false,
    };
    let capture = match Capture::open(config) {
        Ok(capture) => capture,
        Err(error) => {
            let reason = cut(&error.to_string()).to_owned();
            return say_opened(&Opened::Failed(reason));
        }
    };
    let info = capture.info();
    say_opened(&Opened::Video(VideoInfo {
        width: info.width,
        height: info.height,
        channels: info.channels,
        fps: info.fps,
        total_frames: info.total_frames,
    }))?;
    let running = capture.start(|frame| match say_frame(&frame) {
        Ok(()) => ControlFlow::Continue(()),
        Err(_) => ControlFlow::Break(()),
    });
    let reason = running.join().err().map(|error| error.to_string());
    let reason = cut(reason.as_deref().unwrap_or_default()).as_bytes();
    say(Record::End(reason.len() as u32), reason)
}

/// The pipe to the worker.
#[expect(
    clippy::disallowed_methods,
    reason = "a pipe to the worker, not to people"
)]
fn pipe() -> io::Stdout {
    io::stdout()
}

fn say_opened(opened: &Opened) -> io::Result<()> {
    let mut out = pipe().lock();
    serde_json::to_writer(&mut out, opened)?;
    out.write_all(b"\n")?;
    out.flush()
}

fn say_frame(frame: &CapturedFrame) -> io::Result<()> {
    let FrameContent::Pixels(image) = &frame.content else {
        return Err(io::ErrorKind::InvalidData.into());
    };
    let since = frame.captured_at.duration_since(UNIX_EPOCH);
    let captured_ns = u64::try_from(since.unwrap_or_default().as_nanos()).unwrap_or(0);
    let shape = Shape {
        channels: image.channels,
        width: image.width,
        height: image.height,
        bytes: u32::try_from(image.data.len()).unwrap_or(u32::MAX),
        frame_id: frame.frame_id,
        captured_ns,
    };
    say(Record::Frame(shape), &image.data)
}

fn say(record: Record, content: &[u8]) -> io::Result<()> {
    let mut out = pipe().lock();
    out.write_all(&record.to_bytes())?;
    out.write_all(content)?;
    out.flush()
}

/// Takes from this process what reading a video needs not, before it looks at the file.
#[cfg(unix)]
fn confine() -> io::Result<()> {
    use rustix::process::{Resource, nice};
    // Pixels of others are nothing to leave on a disk.
    limit(Resource::Core, 0)?;
    // Memory that is only reserved, as libraries and threads do, costs nothing and counts not.
    #[cfg(target_os = "linux")]
    limit(Resource::Data, MOST_MEMORY)?;
    nice(NICE)?;
    // Where memory runs out after all, the worker stays. Not all containers allow it.
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
    // Where less is allowed already, that stays.
    let most = getrlimit(resource)
        .maximum
        .map_or(most, |max| max.min(most));
    let both = Rlimit {
        current: Some(most),
        maximum: Some(most),
    };
    Ok(setrlimit(resource, both)?)
}

/// Waits until nobody can read standard output any more, as when the worker was killed, and ends this
/// process wherever it is.
#[cfg(unix)]
fn end_with_the_worker() {
    use rustix::event::{PollFd, PollFlags, poll};
    use rustix::process::{Signal, getpid, kill_process};
    let stdout = pipe();
    loop {
        // Asked for nothing, it still tells of the other end's going.
        let mut ends = [PollFd::new(&stdout, PollFlags::empty())];
        match poll(&mut ends, None) {
            Err(rustix::io::Errno::INTR) => {}
            Err(_) => return,
            Ok(_) => break,
        }
    }
    // Not an exit in order: FFmpeg's threads may hold whatever that would wait for.
    let _ = kill_process(getpid(), Signal::KILL);
}
