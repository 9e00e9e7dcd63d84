//! A camera that is read here: its format, and the frames in its driver's buffers.
//!
//! All calls are those of the C library (`open`, `ioctl`, `mmap`, `poll`; rustix's feature `use-libc`): programs
//! that stand in for a camera, as PipeWire's `pw-v4l2`, and libcamera's `libcamerify` for the cameras of Raspberry
//! Pis, are preloaded in the place of these functions. Bare system calls would pass them by.

use std::fs::File;
use std::io;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use super::controls::{exposure_us, set};
use super::mapping::Mapping;
use super::request::{
    Buffer, Capability, FilledBuffer, Format, FormatDescription, NewFormat, NewStreamParameters,
    QueuedBuffer, RequestBuffers, StreamOff, StreamOn, StreamParameters, V4l2Request,
};
use super::stamps::stamps;
use super::{
    BUFFER_VIDEO_CAPTURE, CAPABILITY_VIDEO_CAPTURE, MAX_LIST_ENTRIES, MEMORY_MMAP, capabilities,
    open_device,
};
use crate::cameras::controls::{ControlError, SetControl};
use crate::cameras::stamps::Stamps;

/// Frames that a driver keeps: one more would be one more old frame after a pause of the reader.
const BUFFERS: u32 = 4;

const CAPABILITY_STREAMING: u32 = 0x0400_0000;
const CAPABILITY_RATE: u32 = 0x1000;

/// Says that the fields behind this one are there.
const HAS_COLOURS: u32 = 0xfeed_cafe;

const IS_DAMAGED: u32 = 0x40;

/// The format in which a camera delivers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StreamFormat {
    /// Four letters, as V4L2 numbers them.
    pub(crate) code: u32,
    /// Width and height in pixels.
    pub(crate) size: (u32, u32),
    /// Bytes from the beginning of a row of the first plane to that of the next; 0 where the driver does not tell.
    pub(crate) stride: u32,
    /// What the driver says of its colours.
    pub(crate) colours: Colours,
}

/// The numbers by which V4L2 describes colours; 0 where the driver does not tell.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Colours {
    /// `enum v4l2_colorspace`
    pub(crate) space: u32,
    /// `enum v4l2_ycbcr_encoding`
    pub(crate) encoding: u32,
    /// `enum v4l2_quantization`
    pub(crate) range: u32,
}

/// A frame that the driver has handed over. It has to be given back.
#[derive(Debug)]
pub(crate) struct Filled {
    /// The buffer's number.
    index: u32,
    /// Bytes of the frame.
    used: usize,
    /// The driver's time stamp; zero where it gives none.
    pub(crate) stamp: Duration,
    /// What the time stamp is.
    pub(crate) stamps: Stamps,
    /// The driver's number of the frame.
    pub(crate) sequence: u32,
    /// The driver says that data are missing or wrong.
    pub(crate) is_damaged: bool,
}

/// An open camera.
#[derive(Debug)]
pub(crate) struct CaptureDevice {
    /// Dropped before the file.
    buffers: Vec<Mapping>,
    file: File,
    is_streaming: bool,
}

impl CaptureDevice {
    /// Opens the camera with this number.
    pub(crate) fn open(index: u32) -> io::Result<CaptureDevice> {
        let file = open_device(&format!("/dev/video{index}"))?;
        let mut found = Capability::default();
        found.ask(&file)?;
        let needed = CAPABILITY_VIDEO_CAPTURE | CAPABILITY_STREAMING;
        if capabilities(&found) & needed != needed {
            return Err(Errno::INVAL.into());
        }
        Ok(CaptureDevice {
            buffers: Vec::new(),
            file,
            is_streaming: false,
        })
    }

    /// The numbers of the formats that it lists.
    pub(crate) fn formats(&self) -> Vec<u32> {
        let format = |index| {
            let mut format = FormatDescription {
                index,
                kind: BUFFER_VIDEO_CAPTURE,
                ..FormatDescription::default()
            };
            format.ask(&self.file).ok().map(|()| format.pixelformat)
        };
        (0..MAX_LIST_ENTRIES).map_while(format).collect()
    }

    /// Asks for a format and a size. The driver may choose others: those are returned.
    pub(crate) fn set_format(
        &self,
        code: u32,
        (width, height): (u32, u32),
    ) -> io::Result<StreamFormat> {
        let mut format = NewFormat(Format {
            kind: BUFFER_VIDEO_CAPTURE,
            width,
            height,
            pixelformat: code,
            extended: HAS_COLOURS,
            ..Format::default()
        });
        format.ask(&self.file)?;
        let found = format.0;
        let has_colours = found.extended == HAS_COLOURS;
        Ok(StreamFormat {
            code: found.pixelformat,
            size: (found.width, found.height),
            stride: found.bytesperline,
            colours: Colours {
                space: found.colorspace,
                encoding: if has_colours { found.ycbcr_enc } else { 0 },
                range: if has_colours { found.quantization } else { 0 },
            },
        })
    }

    /// Asks for a rate, in frames per second. A driver without rates changes nothing.
    pub(crate) fn set_rate(&self, rate: f64) {
        const PARTS: f64 = 1000.0;
        let Some(mut parameters) = self.parameters() else {
            return;
        };
        parameters.timeperframe = [PARTS as u32, (rate * PARTS).round().max(1.0) as u32];
        if let Err(error) = NewStreamParameters(parameters).ask(&self.file) {
            tracing::debug!(%error, rate, "the driver keeps its rate");
        }
    }

    /// The rate that is set, in frames per second.
    pub(crate) fn rate(&self) -> Option<f64> {
        let [seconds, frames] = self.parameters()?.timeperframe;
        let rate = f64::from(frames) / f64::from(seconds);
        (rate.is_finite() && rate > 0.0 && rate <= 1000.0).then_some(rate)
    }

    /// `None` where the driver has no rates.
    fn parameters(&self) -> Option<StreamParameters> {
        let mut parameters = StreamParameters {
            kind: BUFFER_VIDEO_CAPTURE,
            ..StreamParameters::default()
        };
        parameters.ask(&self.file).ok()?;
        (parameters.capability & CAPABILITY_RATE != 0).then_some(parameters)
    }

    /// Sets controls by names and values.
    pub(crate) fn set_controls(
        &self,
        settings: &[(&str, &str)],
    ) -> Result<Vec<SetControl>, ControlError> {
        set(&self.file, settings)
    }

    /// The exposure time that the camera has now.
    pub(crate) fn exposure(&self) -> Option<Duration> {
        exposure_us(&self.file).map(Duration::from_micros)
    }

    /// Begins to deliver.
    pub(crate) fn start(&mut self) -> io::Result<()> {
        let mut request = RequestBuffers {
            count: BUFFERS,
            kind: BUFFER_VIDEO_CAPTURE,
            memory: MEMORY_MMAP,
            ..RequestBuffers::default()
        };
        request.ask(&self.file)?;
        for index in 0..request.count.min(MAX_LIST_ENTRIES) {
            let mut buffer = buffer(index);
            buffer.ask(&self.file)?;
            // The place is the first four bytes of a union.
            let [a, b, c, d, ..] = buffer.place.to_ne_bytes();
            let place = u32::from_ne_bytes([a, b, c, d]);
            let mapping = Mapping::new(&self.file, place, buffer.length as usize)?;
            self.buffers.push(mapping);
            self.queue(index)?;
        }
        if self.buffers.is_empty() {
            return Err(Errno::NOMEM.into());
        }
        StreamOn(BUFFER_VIDEO_CAPTURE).ask(&self.file)?;
        self.is_streaming = true;
        Ok(())
    }

    fn queue(&self, index: u32) -> Result<(), Errno> {
        QueuedBuffer(buffer(index)).ask(&self.file)
    }

    /// The oldest frame that waits; `None` where none does.
    pub(crate) fn take(&self) -> io::Result<Option<Filled>> {
        let mut filled = FilledBuffer(buffer(0));
        loop {
            match filled.ask(&self.file) {
                Ok(()) => break,
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return Ok(None),
                Err(error) => return Err(error.into()),
            }
        }
        let found = filled.0;
        let mapping = self.buffers.get(found.index as usize).ok_or(Errno::IO)?;
        Ok(Some(Filled {
            index: found.index,
            used: mapping.len().min(found.bytesused as usize),
            stamp: stamp(found.timestamp),
            stamps: stamps(found.flags),
            sequence: found.sequence,
            is_damaged: found.flags & IS_DAMAGED != 0,
        }))
    }

    /// Waits for a frame, or until the driver has an error to report; not for longer than `timeout`.
    pub(crate) fn wait(&self, timeout: Duration) -> io::Result<()> {
        let mut files = [PollFd::new(&self.file, PollFlags::IN)];
        let timeout = Timespec::try_from(timeout).map_err(|_| Errno::INVAL)?;
        match poll(&mut files, Some(&timeout)) {
            Ok(0) | Err(Errno::INTR) => return Ok(()),
            Ok(_) => {}
            Err(error) => return Err(error.into()),
        }
        match files[0].revents().contains(PollFlags::IN) {
            true => Ok(()),
            // Without a frame: the camera is gone.
            false => Err(Errno::IO.into()),
        }
    }

    /// The bytes of a frame.
    pub(crate) fn bytes(&self, filled: &Filled) -> &[u8] {
        let mapping = self.buffers.get(filled.index as usize);
        mapping.map_or(&[], |mapping| &mapping.bytes()[..filled.used])
    }

    /// Lets the driver fill the buffer again.
    pub(crate) fn give_back(&self, filled: Filled) {
        if let Err(error) = self.queue(filled.index) {
            // Where the camera is gone, taking the next frame reports it.
            tracing::debug!(%error, "the driver does not take a buffer back");
        }
    }
}

impl Drop for CaptureDevice {
    fn drop(&mut self) {
        if self.is_streaming
            && let Err(error) = StreamOff(BUFFER_VIDEO_CAPTURE).ask(&self.file)
        {
            tracing::debug!(%error, "the camera does not stop");
        }
    }
}

fn buffer(index: u32) -> Buffer {
    Buffer {
        index,
        kind: BUFFER_VIDEO_CAPTURE,
        memory: MEMORY_MMAP,
        ..Buffer::default()
    }
}

/// Seconds and microseconds.
fn stamp([seconds, micros]: [i64; 2]) -> Duration {
    match (u64::try_from(seconds), u32::try_from(micros)) {
        (Ok(seconds), Ok(micros @ 0..1_000_000)) => Duration::new(seconds, micros * 1000),
        _ => Duration::ZERO,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_stamp_that_is_none_is_zero() {
        assert_eq!(stamp([7, 250_000]), Duration::from_millis(7250));
        for odd in [[-1, 0], [0, -1], [0, 1_000_000], [i64::MIN, i64::MAX]] {
            assert_eq!(stamp(odd), Duration::ZERO);
        }
        assert_eq!(stamp([i64::MAX, 0]).as_secs(), i64::MAX as u64);
    }

    #[test]
    fn a_device_of_another_kind_is_no_camera() {
        let null = CaptureDevice {
            buffers: Vec::new(),
            file: File::options()
                .read(true)
                .write(true)
                .open("/dev/null")
                .unwrap(),
            is_streaming: false,
        };
        assert!(null.formats().is_empty());
        assert!(null.set_format(1, (640, 480)).is_err());
        assert_eq!(null.rate(), None);
        assert!(null.take().is_err());
        let error = null.set_controls(&[("gain", "3")]).unwrap_err();
        assert!(matches!(error, ControlError::Unknown { .. }), "{error}");
        assert_eq!(null.set_controls(&[]), Ok(Vec::new()));
        assert_eq!(null.exposure(), None);
    }

    #[test]
    fn memory_of_absurd_size_is_not_mapped() {
        let file = File::open("/dev/zero").unwrap();
        for len in [0, usize::MAX] {
            assert!(Mapping::new(&file, 0, len).is_err());
        }
        let mapping = Mapping::new(&file, 0, 5000).unwrap();
        assert_eq!(mapping.bytes(), [0; 5000]);
    }
}
