//! A camera that another library has opened, through the file that it opened.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::os::fd::{BorrowedFd, OwnedFd, RawFd};
use std::path::Path;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::controls::{exposure_us, set};
use super::request::{Buffer, V4l2Request};
use super::{BUFFER_VIDEO_CAPTURE, MEMORY_MMAP, open_device};
use crate::cameras::controls::{ControlError, SetControl};
use crate::cameras::stamps::{StampClock, StampEdge, Stamps};

const STAMP_MASK: u32 = 0xe000;
const STAMP_UNKNOWN: u32 = 0;
const STAMP_MONOTONIC: u32 = 0x2000;
const EDGE_MASK: u32 = 0x7_0000;
const EDGE_END: u32 = 0;
const EDGE_START: u32 = 0x1_0000;

/// The files of this process that are a certain camera.
pub(crate) struct OpenFiles {
    device: String,
    files: BTreeSet<RawFd>,
}

impl OpenFiles {
    /// Those that are open now.
    pub(crate) fn of(index: u32) -> OpenFiles {
        let device = format!("/dev/video{index}");
        let files = open_files(&device);
        OpenFiles { device, files }
    }

    /// The camera that was opened since then.
    pub(crate) fn opened_since(&self) -> Option<OpenCamera> {
        let now = open_files(&self.device);
        let mut new = now.difference(&self.files);
        match (new.next(), new.next()) {
            (Some(file), None) => Some(OpenCamera {
                file: File::from(duplicate(*file)?),
                is_the_readers: true,
            }),
            // A library that stands in for a camera has no such file.
            _ => open_device(&self.device).ok().map(|file| OpenCamera {
                file,
                is_the_readers: false,
            }),
        }
    }
}

fn open_files(device: &str) -> BTreeSet<RawFd> {
    let files = fs::read_dir("/proc/self/fd")
        .into_iter()
        .flatten()
        .flatten();
    let is_device = |file: &fs::DirEntry| {
        fs::read_link(file.path()).is_ok_and(|target| target == Path::new(device))
    };
    let number = |file: fs::DirEntry| file.file_name().to_str()?.parse().ok();
    files.filter(is_device).filter_map(number).collect()
}

fn duplicate(file: RawFd) -> Option<OwnedFd> {
    // SAFETY: the file was seen open a moment ago, by its number. Where its owner has closed it since,
    // duplicating fails, or yields another file of this process, which is borrowed for that call only.
    #[allow(unsafe_code)]
    let borrowed = unsafe { BorrowedFd::borrow_raw(file) };
    borrowed.try_clone_to_owned().ok()
}

/// An open camera.
#[derive(Debug)]
pub(crate) struct OpenCamera {
    file: File,
    /// Whether the reader of frames has the same file: only that one hears of frames.
    is_the_readers: bool,
}

impl OpenCamera {
    /// What the driver's time stamps are; asked for after the buffers are there.
    pub(crate) fn stamps(&self) -> Stamps {
        let mut buffer = Buffer {
            kind: BUFFER_VIDEO_CAPTURE,
            memory: MEMORY_MMAP,
            ..Buffer::default()
        };
        match buffer.ask(&self.file) {
            Ok(()) => stamps(buffer.flags),
            Err(_) => Stamps::default(),
        }
    }

    /// Whether a further frame waits, so that the one at hand is not the newest.
    pub(crate) fn has_frame(&self) -> bool {
        if !self.is_the_readers {
            return false;
        }
        let mut files = [PollFd::new(&self.file, PollFlags::IN)];
        let at_once = Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        let found = poll(&mut files, Some(&at_once));
        found.is_ok() && files[0].revents() == PollFlags::IN
    }

    /// Sets controls by names and values.
    pub(crate) fn set(&self, settings: &[(&str, &str)]) -> Result<Vec<SetControl>, ControlError> {
        set(&self.file, settings)
    }

    /// The exposure time that the camera has now.
    pub(crate) fn exposure(&self) -> Option<Duration> {
        exposure_us(&self.file).map(Duration::from_micros)
    }
}

fn stamps(flags: u32) -> Stamps {
    let clock = match flags & STAMP_MASK {
        STAMP_MONOTONIC => StampClock::Monotonic,
        STAMP_UNKNOWN => StampClock::Unknown,
        _ => StampClock::Other,
    };
    // Drivers that do not name the clock do not name the edge either.
    let edge = match flags & EDGE_MASK {
        _ if clock != StampClock::Monotonic => None,
        EDGE_START => Some(StampEdge::Start),
        EDGE_END => Some(StampEdge::End),
        _ => None,
    };
    Stamps { clock, edge }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_say_which_clock_and_which_end_of_the_exposure() {
        let of = |flags| {
            let stamps = stamps(flags);
            (stamps.clock, stamps.edge)
        };
        let monotonic = StampClock::Monotonic;
        assert_eq!(of(0x0001_2001), (monotonic, Some(StampEdge::Start)));
        assert_eq!(of(0x0000_2001), (monotonic, Some(StampEdge::End)));
        assert_eq!(of(0x0002_2001), (monotonic, None));
        assert_eq!(of(0x0001_0001), (StampClock::Unknown, None));
        assert_eq!(of(0x0000_4001), (StampClock::Other, None));
    }

    #[test]
    fn the_file_that_was_opened_since_is_found() {
        let device = "/dev/zero";
        let before = OpenFiles {
            device: device.into(),
            files: open_files(device),
        };
        let opened = File::open(device).unwrap();
        let camera = before.opened_since().unwrap();
        assert!(camera.is_the_readers);
        assert_eq!(camera.stamps(), Stamps::default());
        assert!(camera.has_frame(), "reading it does not wait");
        assert_eq!(camera.exposure(), None);
        drop(opened);
        let absent = OpenFiles::of(4_000_000);
        assert!(absent.files.is_empty() && absent.opened_since().is_none());
    }

    #[test]
    fn a_camera_without_controls_has_none_to_set() {
        let null = OpenCamera {
            file: File::open("/dev/null").unwrap(),
            is_the_readers: false,
        };
        let error = null.set(&[("gain", "3")]).unwrap_err();
        assert!(matches!(error, ControlError::Unknown { .. }), "{error}");
        assert_eq!(null.set(&[]), Ok(Vec::new()));
        assert!(!null.has_frame());
    }
}
