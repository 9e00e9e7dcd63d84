//! Cameras as the kernel's V4L2 describes them (Documentation/userspace-api/media/v4l).

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;

use rustix::fs::OFlags;
use rustix::io::Errno;
use rustix::ioctl::{Opcode, Updater, ioctl, opcode};

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
    let opened = OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(OFlags::NONBLOCK.bits() as i32)
        .open(&path);
    let device = match opened {
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
    let capabilities = match capability.capabilities & CAPABILITY_DEVICE_CAPS {
        0 => capability.capabilities,
        _ => capability.device_caps,
    };
    if capabilities & CAPABILITY_VIDEO_CAPTURE == 0 {
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
                format: letters(format.pixelformat),
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
fn letters(pixelformat: u32) -> String {
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

/// A structure of `linux/videodev2.h` with the request that fills it.
trait V4l2Request {
    const NUMBER: Opcode;

    /// Lets the driver fill the structure.
    fn ask(&mut self, device: &File) -> Result<(), Errno>;
}

/// Implements [`V4l2Request`]: `read` where the driver only writes the structure, `read_write` where it reads
/// it before; the number is that of `linux/videodev2.h`.
macro_rules! request {
    ($structure:ty, $direction:ident, $number:literal) => {
        impl V4l2Request for $structure {
            const NUMBER: Opcode = opcode::$direction::<Self>(b'V', $number);

            fn ask(&mut self, device: &File) -> Result<(), Errno> {
                // SAFETY: the number holds the size of the structure, so the kernel reads and writes no
                // more than `self`, which is plain numbers, borrowed for the call and valid whatever is
                // written to it.
                #[allow(unsafe_code)]
                unsafe {
                    ioctl(device, Updater::<{ <$structure>::NUMBER }, _>::new(self))
                }
            }
        }
    };
}

/// `struct v4l2_capability`
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Capability {
    driver: [u8; 16],
    card: [u8; 32],
    bus_info: [u8; 32],
    version: u32,
    capabilities: u32,
    device_caps: u32,
    reserved: [u32; 3],
}

request!(Capability, read, 0);

/// `struct v4l2_fmtdesc`
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct FormatDescription {
    index: u32,
    kind: u32,
    flags: u32,
    description: [u8; 32],
    pixelformat: u32,
    mbus_code: u32,
    reserved: [u32; 3],
}

request!(FormatDescription, read_write, 2);

/// `struct v4l2_frmsizeenum`
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct FrameSize {
    index: u32,
    pixelformat: u32,
    kind: u32,
    values: [u32; 6],
    reserved: [u32; 2],
}

request!(FrameSize, read_write, 74);

/// `struct v4l2_frmivalenum`
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct FrameInterval {
    index: u32,
    pixelformat: u32,
    width: u32,
    height: u32,
    kind: u32,
    values: [u32; 6],
    reserved: [u32; 2],
}

request!(FrameInterval, read_write, 75);

/// `struct v4l2_requestbuffers`
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct RequestBuffers {
    count: u32,
    kind: u32,
    memory: u32,
    capabilities: u32,
    flags: u8,
    reserved: [u8; 3],
}

request!(RequestBuffers, read_write, 8);

#[cfg(test)]
mod tests {
    use super::*;

    /// As `linux/videodev2.h` has them on 64-bit machines.
    #[test]
    fn requests_are_numbered_as_the_kernel_does() {
        assert_eq!(Capability::NUMBER, 0x8068_5600);
        assert_eq!(FormatDescription::NUMBER, 0xc040_5602);
        assert_eq!(FrameSize::NUMBER, 0xc02c_564a);
        assert_eq!(FrameInterval::NUMBER, 0xc034_564b);
        assert_eq!(RequestBuffers::NUMBER, 0xc014_5608);
    }

    #[test]
    fn formats_and_names_are_read_to_their_end() {
        assert_eq!(letters(u32::from_le_bytes(*b"MJPG")), "MJPG");
        assert_eq!(letters(u32::from_le_bytes(*b"Y16 ")), "Y16");
        assert_eq!(letters(u32::from_le_bytes(*b"Y16 ") | 0x8000_0000), "Y16");
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
