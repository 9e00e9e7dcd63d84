//! The requests of `linux/videodev2.h`, by which drivers describe and change cameras.

use std::fs::File;

use rustix::io::Errno;
use rustix::ioctl::{Opcode, Updater, ioctl, opcode};

/// A structure of `linux/videodev2.h` with the request that fills it.
pub(super) trait V4l2Request {
    const NUMBER: Opcode;

    /// Lets the driver fill the structure.
    fn ask(&mut self, device: &File) -> Result<(), Errno>;
}

/// Implements [`V4l2Request`]: `read` where the driver only writes the structure, `write` where it only reads it,
/// `read_write` for both; the number is that of `linux/videodev2.h`.
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
pub(super) struct Capability {
    pub(super) driver: [u8; 16],
    pub(super) card: [u8; 32],
    pub(super) bus_info: [u8; 32],
    pub(super) version: u32,
    pub(super) capabilities: u32,
    pub(super) device_caps: u32,
    pub(super) reserved: [u32; 3],
}

request!(Capability, read, 0);

/// `struct v4l2_fmtdesc`
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub(super) struct FormatDescription {
    pub(super) index: u32,
    pub(super) kind: u32,
    pub(super) flags: u32,
    pub(super) description: [u8; 32],
    pub(super) pixelformat: u32,
    pub(super) mbus_code: u32,
    pub(super) reserved: [u32; 3],
}

request!(FormatDescription, read_write, 2);

/// `struct v4l2_frmsizeenum`
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub(super) struct FrameSize {
    pub(super) index: u32,
    pub(super) pixelformat: u32,
    pub(super) kind: u32,
    pub(super) values: [u32; 6],
    pub(super) reserved: [u32; 2],
}

request!(FrameSize, read_write, 74);

/// `struct v4l2_frmivalenum`
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub(super) struct FrameInterval {
    pub(super) index: u32,
    pub(super) pixelformat: u32,
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) kind: u32,
    pub(super) values: [u32; 6],
    pub(super) reserved: [u32; 2],
}

request!(FrameInterval, read_write, 75);

/// `struct v4l2_format` of a camera, with `struct v4l2_pix_format` in it: the format that is set.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub(super) struct Format {
    pub(super) kind: u32,
    /// The union that follows is aligned as a pointer.
    pub(super) padding: u32,
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) pixelformat: u32,
    pub(super) field: u32,
    pub(super) bytesperline: u32,
    pub(super) sizeimage: u32,
    pub(super) colorspace: u32,
    pub(super) extended: u32,
    pub(super) flags: u32,
    pub(super) ycbcr_enc: u32,
    pub(super) quantization: u32,
    pub(super) xfer_func: u32,
    pub(super) rest: [[u32; 19]; 2],
}

request!(Format, read_write, 4);

/// The same, to be set. The driver may change all of it.
#[repr(transparent)]
#[derive(Clone, Copy, Default)]
pub(super) struct NewFormat(pub(super) Format);

request!(NewFormat, read_write, 5);

/// `struct v4l2_streamparm` of a camera, with `struct v4l2_captureparm` in it: the rate that is set.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub(super) struct StreamParameters {
    pub(super) kind: u32,
    pub(super) capability: u32,
    pub(super) capturemode: u32,
    /// Seconds from frame to frame, numerator and denominator.
    pub(super) timeperframe: [u32; 2],
    pub(super) extendedmode: u32,
    pub(super) readbuffers: u32,
    pub(super) reserved: [u32; 4],
    pub(super) rest: [[u32; 20]; 2],
}

request!(StreamParameters, read_write, 21);

/// The same, to be set.
#[repr(transparent)]
#[derive(Clone, Copy, Default)]
pub(super) struct NewStreamParameters(pub(super) StreamParameters);

request!(NewStreamParameters, read_write, 22);

/// `struct v4l2_requestbuffers`
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub(super) struct RequestBuffers {
    pub(super) count: u32,
    pub(super) kind: u32,
    pub(super) memory: u32,
    pub(super) capabilities: u32,
    pub(super) flags: u8,
    pub(super) reserved: [u8; 3],
}

request!(RequestBuffers, read_write, 8);

/// `struct v4l2_buffer`
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub(super) struct Buffer {
    pub(super) index: u32,
    pub(super) kind: u32,
    pub(super) bytesused: u32,
    pub(super) flags: u32,
    pub(super) field: u32,
    pub(super) timestamp: [i64; 2],
    pub(super) timecode: [u32; 4],
    pub(super) sequence: u32,
    pub(super) memory: u32,
    pub(super) place: u64,
    pub(super) length: u32,
    pub(super) reserved: [u32; 2],
}

request!(Buffer, read_write, 9);

/// A buffer that the driver is to fill.
#[repr(transparent)]
#[derive(Clone, Copy, Default)]
pub(super) struct QueuedBuffer(pub(super) Buffer);

request!(QueuedBuffer, read_write, 15);

/// A buffer that the driver has filled.
#[repr(transparent)]
#[derive(Clone, Copy, Default)]
pub(super) struct FilledBuffer(pub(super) Buffer);

request!(FilledBuffer, read_write, 17);

/// The kind of buffers whose stream begins.
#[repr(transparent)]
#[derive(Clone, Copy, Default)]
pub(super) struct StreamOn(pub(super) u32);

request!(StreamOn, write, 18);

/// The kind of buffers whose stream ends.
#[repr(transparent)]
#[derive(Clone, Copy, Default)]
pub(super) struct StreamOff(pub(super) u32);

request!(StreamOff, write, 19);

/// `struct v4l2_query_ext_ctrl`
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub(super) struct ControlDescription {
    pub(super) id: u32,
    pub(super) kind: u32,
    pub(super) name: [u8; 32],
    pub(super) minimum: i64,
    pub(super) maximum: i64,
    pub(super) step: u64,
    pub(super) default: i64,
    pub(super) flags: u32,
    pub(super) elem_size: u32,
    pub(super) elems: u32,
    pub(super) nr_of_dims: u32,
    pub(super) dims: [u32; 4],
    pub(super) reserved: [u32; 32],
}

request!(ControlDescription, read_write, 103);

/// `struct v4l2_querymenu`; its name is a number (8 bytes) where the menu is one of numbers.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub(super) struct MenuItem {
    pub(super) id: u32,
    pub(super) index: u32,
    pub(super) name: [u8; 32],
    pub(super) reserved: u32,
}

request!(MenuItem, read_write, 37);

/// `struct v4l2_control`, to be read.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub(super) struct ControlValue {
    pub(super) id: u32,
    pub(super) value: i32,
}

request!(ControlValue, read_write, 27);

/// `struct v4l2_control`, to be set.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub(super) struct NewControlValue {
    pub(super) id: u32,
    pub(super) value: i32,
}

request!(NewControlValue, read_write, 28);

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
        assert_eq!(Buffer::NUMBER, 0xc058_5609);
        assert_eq!(Format::NUMBER, 0xc0d0_5604);
        assert_eq!(NewFormat::NUMBER, 0xc0d0_5605);
        assert_eq!(StreamParameters::NUMBER, 0xc0cc_5615);
        assert_eq!(NewStreamParameters::NUMBER, 0xc0cc_5616);
        assert_eq!(QueuedBuffer::NUMBER, 0xc058_560f);
        assert_eq!(FilledBuffer::NUMBER, 0xc058_5611);
        assert_eq!(StreamOn::NUMBER, 0x4004_5612);
        assert_eq!(StreamOff::NUMBER, 0x4004_5613);
        assert_eq!(ControlDescription::NUMBER, 0xc0e8_5667);
        assert_eq!(MenuItem::NUMBER, 0xc02c_5625);
        assert_eq!(ControlValue::NUMBER, 0xc008_561b);
        assert_eq!(NewControlValue::NUMBER, 0xc008_561c);
    }

    #[test]
    fn the_fields_of_a_buffer_stand_where_the_kernel_has_them() {
        let of = |offset, expected| assert_eq!(offset, expected);
        of(std::mem::offset_of!(Buffer, flags), 12);
        of(std::mem::offset_of!(Buffer, timestamp), 24);
        of(std::mem::offset_of!(Buffer, memory), 60);
        of(std::mem::offset_of!(Buffer, sequence), 56);
        of(std::mem::offset_of!(Format, pixelformat), 16);
        of(std::mem::offset_of!(Format, quantization), 48);
        of(std::mem::offset_of!(StreamParameters, timeperframe), 12);
        of(std::mem::offset_of!(ControlDescription, step), 56);
        of(std::mem::offset_of!(ControlDescription, flags), 72);
    }
}
