//! Decodes the bytes of a received frame to pixels.

use bytes::Bytes;
use pose::{FrameView, FrameViewError};
use protocol::{Encoding, Frame, Limits};
use vision::Image;
use vision::capture::FrameContent;
use vision::jpeg::{self, CameraJpeg, Color, JpegDecodeError};

/// Bytes of a buffer that is kept between frames: 4K in colour fits.
const MAX_KEPT_BYTES: usize = 32 << 20;

/// Why a frame cannot be decoded.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FrameDecodeError {
    /// It is no JPEG that can be read.
    #[error(transparent)]
    Jpeg(#[from] JpegDecodeError),
    /// Its pixels do not make the announced image.
    #[error(transparent)]
    Pixels(#[from] FrameViewError),
    /// Width and height in the JPEG's own header and in FRAME_META, pixels.
    #[error("the JPEG is {}x{} but was announced as {}x{}", found.0, found.1, announced.0, announced.1)]
    Announcement {
        found: (u32, u32),
        announced: (u32, u32),
    },
    /// Decoded it takes more memory than a frame may.
    #[error("the JPEG's pixels take {bytes} bytes, at most {max} are accepted")]
    TooLarge { bytes: u64, max: u64 },
}

impl From<FrameDecodeError> for String {
    fn from(error: FrameDecodeError) -> Self {
        error.to_string()
    }
}

/// Decodes frames for one thread; its buffer is kept between frames.
///
/// A frame's size is already within the limits. A JPEG whose own header disagrees with the
/// announced size, or whose pixels would take more bytes than a raw frame may, is refused.
pub(crate) struct FrameDecoder {
    jpeg: jpeg::JpegDecoder,
    limits: Limits,
    buffer: Vec<u8>,
}

impl FrameDecoder {
    pub(crate) fn new(limits: Limits) -> Result<Self, JpegDecodeError> {
        Ok(Self {
            jpeg: jpeg::JpegDecoder::new()?,
            limits,
            buffer: Vec::new(),
        })
    }

    /// Frees a buffer that is larger than most streams need.
    pub(crate) fn let_go(&mut self) {
        if self.buffer.capacity() > MAX_KEPT_BYTES {
            self.buffer = Vec::new();
        }
    }

    /// The frame's pixels, 8 bits each. `gray` leaves out a JPEG's colours, which saves half of the
    /// work where the model does not use them.
    pub(crate) fn view<'a>(
        &'a mut self,
        frame: &'a Frame,
        gray: bool,
    ) -> Result<FrameView<'a>, FrameDecodeError> {
        let meta = &frame.meta;
        let (channels, data) = match meta.encoding {
            Encoding::U8 => (meta.channels, &frame.data[..]),
            Encoding::U16 { significant_bits } => {
                self.buffer.clear();
                let narrow = vision::narrow_samples(&frame.data, significant_bits);
                self.buffer.extend(narrow);
                (meta.channels, &self.buffer[..])
            }
            Encoding::Jpeg => {
                let color = self.color(frame, gray)?;
                self.jpeg
                    .decode_into(&frame.data, color, &self.largest(), &mut self.buffer)?;
                (color.channels(), &self.buffer[..])
            }
        };
        Ok(FrameView::new(meta.width, meta.height, channels, data)?)
    }

    /// Whether the frame can be decoded, where its pixels are not needed. All data of a JPEG are read, and
    /// its picture is made an eighth as large, without colours.
    pub(crate) fn check(&mut self, frame: &Frame) -> Result<(), FrameDecodeError> {
        if frame.meta.encoding != Encoding::Jpeg {
            return self.view(frame, true).map(drop);
        }
        let color = self.color(frame, true)?;
        let largest = self.largest();
        let small = self.jpeg.decode_reduced(&frame.data, color, &largest, 1);
        Ok(small.map(drop)?)
    }

    /// The frame as an image that outlives it, with its colours.
    pub(crate) fn image(&mut self, frame: &Frame) -> Result<Image, FrameDecodeError> {
        self.reduced(frame, u32::MAX)
    }

    /// As [`image`](Self::image), but a JPEG may come smaller, as long as it is at least `width`
    /// pixels wide.
    pub(crate) fn reduced(&mut self, frame: &Frame, width: u32) -> Result<Image, FrameDecodeError> {
        let meta = &frame.meta;
        let image = |data: Bytes| Image {
            width: meta.width,
            height: meta.height,
            channels: meta.channels,
            data,
        };
        match meta.encoding {
            Encoding::U8 => Ok(image(frame.data.clone())),
            Encoding::U16 { significant_bits } => {
                let narrow = vision::narrow_samples(&frame.data, significant_bits);
                Ok(image(narrow.collect()))
            }
            Encoding::Jpeg => {
                let color = self.color(frame, false)?;
                let largest = self.largest();
                Ok(self
                    .jpeg
                    .decode_reduced(&frame.data, color, &largest, width)?)
            }
        }
    }

    /// The frame for display. A JPEG stays a JPEG: the window decodes it, and most are never shown.
    pub(crate) fn content(&mut self, frame: &Frame) -> Result<FrameContent, FrameDecodeError> {
        match frame.meta.encoding {
            Encoding::Jpeg => {
                self.color(frame, false)?;
                Ok(FrameContent::Jpeg(CameraJpeg::from_camera(
                    frame.data.clone(),
                )?))
            }
            Encoding::U8 | Encoding::U16 { .. } => self.image(frame).map(FrameContent::Pixels),
        }
    }

    /// The colours to which a JPEG is decoded, after a check of its header against the announcement.
    fn color(&mut self, frame: &Frame, gray: bool) -> Result<Color, FrameDecodeError> {
        let meta = &frame.meta;
        let header = self.jpeg.header(&frame.data)?;
        if (header.width, header.height) != (meta.width, meta.height) {
            return Err(FrameDecodeError::Announcement {
                found: (header.width, header.height),
                announced: (meta.width, meta.height),
            });
        }
        let color = if gray || header.channels == 1 {
            Color::Gray
        } else {
            Color::Bgr
        };
        let pixels = u64::from(header.width) * u64::from(header.height);
        let bytes = pixels * u64::from(color.channels());
        if bytes > self.limits.max_frame_bytes {
            return Err(FrameDecodeError::TooLarge {
                bytes,
                max: self.limits.max_frame_bytes,
            });
        }
        Ok(color)
    }

    fn largest(&self) -> jpeg::JpegLimits {
        jpeg::JpegLimits {
            max_width: self.limits.max_width,
            max_height: self.limits.max_height,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::FrameMeta;

    fn frame(encoding: Encoding, width: u32, height: u32, data: &[u8]) -> Frame {
        Frame {
            meta: FrameMeta {
                frame_id: 1,
                width,
                height,
                channels: 1,
                encoding,
                nbytes: data.len() as u64,
                captured_us: None,
                clock: None,
            },
            data: Bytes::copy_from_slice(data),
        }
    }

    fn decoder(max_frame_bytes: u64) -> FrameDecoder {
        let limits = Limits {
            max_frame_bytes,
            ..Limits::default()
        };
        FrameDecoder::new(limits).unwrap()
    }

    #[test]
    fn wide_samples_are_scaled_by_the_bits_that_their_source_fills() {
        for (significant_bits, narrow) in
            [(16, [0x12, 0x00]), (12, [0xff, 0x0f]), (13, [0x91, 0x07])]
        {
            let encoding = Encoding::U16 { significant_bits };
            let frame = frame(encoding, 2, 1, &[0x34, 0x12, 0xff, 0x00]);
            let mut decoder = decoder(4);
            assert_eq!(decoder.view(&frame, false).unwrap().data(), narrow);
            assert_eq!(decoder.image(&frame).unwrap().data[..], narrow);
        }
    }

    /// A JPEG of 16x8 pixels.
    fn jpeg(channels: u8) -> Vec<u8> {
        let pixels: Vec<u8> = (0..128 * u32::from(channels)).map(|n| n as u8).collect();
        let image = Image::new(16, 8, channels, pixels).unwrap();
        let jpeg = jpeg::JpegEncoder::new(80).unwrap().encode(&image).unwrap();
        jpeg.to_vec()
    }

    #[test]
    fn a_jpeg_of_another_size_than_announced_is_refused() {
        let mut decoder = decoder(1000);
        let mut refused = |height| {
            let frame = frame(Encoding::Jpeg, 16, height, &jpeg(1));
            let view = decoder.view(&frame, false).err().map(String::from);
            assert_eq!(view, decoder.image(&frame).err().map(String::from));
            assert_eq!(view, decoder.check(&frame).err().map(String::from));
            assert_eq!(view, decoder.content(&frame).err().map(String::from));
            view
        };
        assert_eq!(refused(8), None);
        assert!(refused(16).unwrap().contains("16x8"));
    }

    #[test]
    fn a_jpeg_that_unpacks_to_more_than_a_frame_may_have_is_refused() {
        let frame = frame(Encoding::Jpeg, 16, 8, &jpeg(1));
        assert!(decoder(128).view(&frame, false).is_ok());
        let reason = decoder(127).view(&frame, false).unwrap_err().to_string();
        assert!(reason.contains("128 bytes"), "{reason}");
    }

    #[test]
    fn damage_anywhere_in_a_jpeg_is_found_without_its_pixels() {
        let mut decoder = decoder(1000);
        for channels in [1, 3] {
            let whole = jpeg(channels);
            let of = |data: &[u8]| frame(Encoding::Jpeg, 16, 8, data);
            decoder.check(&of(&whole)).unwrap();
            // From the first byte of the picture's data to the last one.
            let start = whole.windows(2).position(|it| it == [0xff, 0xda]).unwrap();
            for end in start + 2..whole.len() - 2 {
                let cut = of(&whole[..end]);
                let found = decoder.check(&cut).is_err();
                assert_eq!(found, decoder.view(&cut, false).is_err(), "{end}");
            }
            assert!(decoder.check(&of(&whole[..whole.len() / 2])).is_err());
        }
    }

    #[test]
    fn colours_are_left_out_where_the_model_does_not_use_them() {
        let frame = frame(Encoding::Jpeg, 16, 8, &jpeg(3));
        let mut decoder = decoder(1000);
        assert_eq!(decoder.view(&frame, false).unwrap().channels(), 3);
        assert_eq!(decoder.view(&frame, true).unwrap().channels(), 1);
        assert_eq!(decoder.image(&frame).unwrap().channels, 3);
        let FrameContent::Jpeg(picture) = decoder.content(&frame).unwrap() else {
            panic!("a JPEG stays one");
        };
        assert_eq!(picture.decode().unwrap().channels, 3);
        // The pixels of a larger frame before do not show.
        assert_eq!(decoder.view(&frame, true).unwrap().data().len(), 128);
    }
}
