//! Cameras as the kernel's V4L2 describes them (Documentation/userspace-api/media/v4l).

mod controls;
mod device;
mod mapping;
mod request;
mod stamps;

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;

use rustix::fs::OFlags;
use rustix::io::Errno;

use request::{
    Capability, FormatDescription, FrameInterval, FrameSize, RequestBuffers, V4l2Request,
};

pub(super) use controls::controls;
pub(crate) use device::{CaptureDevice, Colours, Filled, StreamFormat};

use super::{Camera, Mode, Problem, Size};

/// Device files are tried up to this number, whether or not the folder lists them.
const MAX_DEVICE_NUMBER: u32 = 63;

/// The most entries of one list of a driver: a list that never ends must not block the caller.
const MAX_LIST_ENTRIES: u32 = 256;

const BUFFER_VIDEO_CAPTURE: u32 = 1;
const MEMORY_MMAP: u32 = 1;
const CAPABILITY_VIDEO_CAPTURE: u32 = 0x1;
const CAPABILITY_DEVICE_CAPS: u32 = 0x8000_0000;
const DISCRETE: u32 = 1;

pub(super) fn list() -> Vec<Camera> {
    let listed = fs::read_dir("/dev").into_iter().flatten().flatten();
    let number = |entry: fs::DirEntry| {
        let name = entry.file_name();
        name.to_str()?.strip_prefix("video")?.parse::<u32>().ok()
    };
    // Some cameras are not listed and can only be opened by number.
    let numbers: BTreeSet<u32> = (0..=MAX_DEVICE_NUMBER)
        .chain(listed.filter_map(number))
        .collect();
    numbers.into_iter().filter_map(camera).collect()
}

/// The camera with this number; `None` where there is none, or a device of another kind.
fn camera(index: u32) -> Option<Camera> {
    let path = format!("/dev/video{index}");
    let nameless = |problem| Camera {
        index,
        name: system_name(index).unwrap_or_else(|| path.clone()),
        path: Some(path.clone()),
        bus: None,
        modes: Vec::new(),
        problem: Some(problem),
    };
    let device = match open_device(&path) {
        Ok(device) => device,
        Err(error) => {
            let device = path.clone();
            let problem = match error.kind() {
                io::ErrorKind::NotFound => return None,
                io::ErrorKind::PermissionDenied => Problem::Permission { device },
                io::ErrorKind::ResourceBusy => Problem::Busy { by: users(&path) },
                // A number whose device was unplugged.
                _ if matches!(
                    Errno::from_io_error(&error),
                    Some(Errno::NODEV | Errno::NXIO)
                ) =>
                {
                    return None;
                }
                _ => Problem::Other(format!("{path} cannot be opened: {error}")),
            };
            return Some(nameless(problem));
        }
    };
    let mut capability = Capability::default();
    // A device that does not answer is not a V4L2 device.
    capability.ask(&device).ok()?;
    if capabilities(&capability) & CAPABILITY_VIDEO_CAPTURE == 0 {
        return None;
    }
    Some(Camera {
        index,
        name: text(&capability.card),
        bus: Some(text(&capability.bus_info)).filter(|bus| !bus.is_empty()),
        modes: modes(&device),
        problem: is_busy(&device).then(|| Problem::Busy { by: users(&path) }),
        path: Some(path),
    })
}

/// What this device file can do; a driver may have several files.
fn capabilities(found: &Capability) -> u32 {
    match found.capabilities & CAPABILITY_DEVICE_CAPS {
        0 => found.capabilities,
        _ => found.device_caps,
    }
}

fn open_device(path: &str) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    options.custom_flags(OFlags::NONBLOCK.bits() as i32);
    options.open(path)
}

/// The name without opening the device.
fn system_name(index: u32) -> Option<String> {
    let name = fs::read_to_string(format!("/sys/class/video4linux/video{index}/name")).ok()?;
    Some(name.trim().to_owned())
}

fn modes(device: &File) -> Vec<Mode> {
    let mut modes = Vec::new();
    for index in 0..MAX_LIST_ENTRIES {
        let mut format = FormatDescription {
            index,
            kind: BUFFER_VIDEO_CAPTURE,
            ..FormatDescription::default()
        };
        if format.ask(device).is_err() {
            break;
        }
        for (size, pixels) in sizes(device, format.pixelformat) {
            modes.push(Mode {
                format: format_letters(format.pixelformat),
                size,
                rates: rates(device, format.pixelformat, pixels),
            });
        }
    }
    modes
}

/// Sizes of a format, each with one to ask for rates at.
fn sizes(device: &File, pixelformat: u32) -> Vec<(Size, (u32, u32))> {
    let mut sizes = Vec::new();
    for index in 0..MAX_LIST_ENTRIES {
        let mut size = FrameSize {
            index,
            pixelformat,
            ..FrameSize::default()
        };
        if size.ask(device).is_err() {
            break;
        }
        // Least width, greatest width, step; the same for heights.
        let [width, second, _, least_height, height, _] = size.values;
        if size.kind == DISCRETE {
            sizes.push((Size::Exactly(width, second), (width, second)));
        } else {
            let (least, most) = ((width, least_height), (second, height));
            sizes.push((Size::Between(least, most), most));
            break;
        }
    }
    sizes
}

fn rates(device: &File, pixelformat: u32, (width, height): (u32, u32)) -> Vec<f64> {
    let mut rates = Vec::new();
    for index in 0..MAX_LIST_ENTRIES {
        let mut interval = FrameInterval {
            index,
            pixelformat,
            width,
            height,
            ..FrameInterval::default()
        };
        if interval.ask(device).is_err() {
            break;
        }
        let [numerator, denominator, ..] = interval.values;
        if numerator > 0 {
            rates.push(f64::from(denominator) / f64::from(numerator));
        }
        if interval.kind != DISCRETE {
            // The shortest interval stands first.
            break;
        }
    }
    rates.sort_by(|one, other| other.total_cmp(one));
    rates.dedup();
    rates
}

/// Whether another program streams from it: giving back buffers that were never taken is refused
/// then, and does nothing otherwise.
fn is_busy(device: &File) -> bool {
    let mut none = RequestBuffers {
        kind: BUFFER_VIDEO_CAPTURE,
        memory: MEMORY_MMAP,
        ..RequestBuffers::default()
    };
    none.ask(device) == Err(Errno::BUSY)
}

/// Names of other processes that have the device open, where this user may see that.
fn users(path: &str) -> Vec<String> {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let own = std::process::id().to_string();
    let has_open = |process: &fs::DirEntry| {
        let files = fs::read_dir(process.path().join("fd"))
            .into_iter()
            .flatten();
        files
            .flatten()
            .any(|file| fs::read_link(file.path()).is_ok_and(|link| link.as_os_str() == path))
    };
    let name = |process: fs::DirEntry| {
        let number: u32 = process.file_name().to_str()?.parse().ok()?;
        let name = fs::read_to_string(process.path().join("comm")).ok()?;
        Some(format!("{}, process {number}", name.trim()))
    };
    processes
        .filter(|process| *process.file_name() != *own)
        .filter(has_open)
        .filter_map(name)
        .collect()
}

/// `MJPG` of the number that stands for it.
pub(crate) fn format_letters(pixelformat: u32) -> String {
    // The highest bit stands for big-endian.
    let bytes = (pixelformat & 0x7fff_ffff).to_le_bytes();
    let letter = |byte: &u8| {
        if byte.is_ascii_graphic() {
            char::from(*byte)
        } else {
            ' '
        }
    };
    bytes
        .iter()
        .map(letter)
        .collect::<String>()
        .trim_end()
        .to_owned()
}

/// The characters up to the first zero.
fn text(bytes: &[u8]) -> String {
    let end = bytes
        .iter()
        .position(|byte| *byte == 0)
        .unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..end]).trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_and_names_are_read_to_their_end() {
        assert_eq!(format_letters(u32::from_le_bytes(*b"MJPG")), "MJPG");
        assert_eq!(format_letters(u32::from_le_bytes(*b"Y16 ")), "Y16");
        assert_eq!(
            format_letters(u32::from_le_bytes(*b"Y16 ") | 0x8000_0000),
            "Y16"
        );
        assert_eq!(text(b"Camera\0garbage"), "Camera");
        assert_eq!(text(&[b'x'; 32]).len(), 32);
    }

    #[test]
    fn a_device_of_another_kind_is_no_camera() {
        let null = File::open("/dev/null").expect("it is everywhere");
        assert!(Capability::default().ask(&null).is_err());
        assert!(modes(&null).is_empty());
        assert!(!is_busy(&null));
        assert_eq!(camera(4_000_000), None);
    }
}
