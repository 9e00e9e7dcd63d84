//! A received frame's bytes as pixels.

use bytes::Bytes;
use protocol::{Encoding, Frame, Limits};
use vision::Image;
use vision::jpeg::{self, Color};

/// A decoded frame: 8-bit pixels for everyone, the 16-bit original beside them where there is one.
pub(crate) struct Pixels {
    pub(crate) image: Image,
    /// Little-endian samples.
    pub(crate) wide: Option<Bytes>,
}

impl Pixels {
    /// What they take of the memory.
    pub(crate) fn bytes(&self) -> usize {
        self.image.data.len() + self.wide.as_ref().map_or(0, Bytes::len)
    }
}

/// Turns a frame into pixels. The frame's size is already within `limits`; a JPEG whose own
/// header disagrees with the announced size, or whose pixels would take more bytes than a raw
/// frame may, is refused.
pub(crate) fn decode(
    frame: &Frame,
    decoder: &mut jpeg::Decoder,
    limits: &Limits,
) -> Result<Pixels, String> {
    let meta = &frame.meta;
    let image = |data: Bytes| Image {
        width: meta.width,
        height: meta.height,
        channels: meta.channels,
        data,
    };
    match meta.encoding {
        Encoding::U8 => Ok(Pixels {
            image: image(frame.data.clone()),
            wide: None,
        }),
        Encoding::U16 => Ok(Pixels {
            image: image(high_bytes(&frame.data)),
            wide: Some(frame.data.clone()),
        }),
        Encoding::Jpeg => {
            let header = decoder
                .header(&frame.data)
                .map_err(|error| error.to_string())?;
            if (header.width, header.height) != (meta.width, meta.height) {
                return Err(format!(
                    "the JPEG is {}x{} but was announced as {}x{}",
                    header.width, header.height, meta.width, meta.height
                ));
            }
            let (color, channels) = if header.channels == 1 {
                (Color::Gray, 1)
            } else {
                (Color::Bgr, 3)
            };
            let bytes = u64::from(header.width) * u64::from(header.height) * channels;
            if bytes > limits.max_frame_bytes {
                return Err(format!(
                    "the JPEG's pixels take {bytes} bytes, at most {} are accepted",
                    limits.max_frame_bytes
                ));
            }
            let largest = jpeg::Limits {
                max_width: limits.max_width,
                max_height: limits.max_height,
            };
            let image = decoder
                .decode(&frame.data, color, &largest)
                .map_err(|error| error.to_string())?;
            Ok(Pixels { image, wide: None })
        }
    }
}

/// The 8 most significant bits of little-endian 16-bit samples.
fn high_bytes(samples: &[u8]) -> Bytes {
    samples
        .chunks_exact(2)
        .map(|sample| sample[1])
        .collect::<Vec<u8>>()
        .into()
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
            },
            data: Bytes::copy_from_slice(data),
        }
    }

    #[test]
    fn wide_samples_keep_their_high_bits_and_the_original() {
        let frame = frame(Encoding::U16, 2, 1, &[0x34, 0x12, 0xff, 0x00]);
        let pixels = decode(
            &frame,
            &mut jpeg::Decoder::new().unwrap(),
            &Limits::default(),
        )
        .unwrap();
        assert_eq!(&pixels.image.data[..], &[0x12, 0x00]);
        assert_eq!(pixels.wide.unwrap(), frame.data);
    }

    /// A gray JPEG of 16x8 pixels.
    fn jpeg() -> Vec<u8> {
        let image = Image::new(16, 8, 1, vec![7; 128]).unwrap();
        let jpeg = jpeg::Encoder::new(80).unwrap().encode(&image).unwrap();
        jpeg.to_vec()
    }

    #[test]
    fn a_jpeg_of_another_size_than_announced_is_refused() {
        let mut decoder = jpeg::Decoder::new().unwrap();
        let mut decode = |height| {
            let frame = frame(Encoding::Jpeg, 16, height, &jpeg());
            super::decode(&frame, &mut decoder, &Limits::default())
        };
        assert!(decode(8).is_ok());
        assert!(decode(16).err().unwrap().contains("16x8"));
    }

    #[test]
    fn a_jpeg_that_unpacks_to_more_than_a_frame_may_have_is_refused() {
        let mut decoder = jpeg::Decoder::new().unwrap();
        let frame = frame(Encoding::Jpeg, 16, 8, &jpeg());
        let mut decode = |max_frame_bytes| {
            let limits = Limits {
                max_frame_bytes,
                ..Limits::default()
            };
            super::decode(&frame, &mut decoder, &limits)
        };
        assert!(decode(128).is_ok());
        assert!(decode(127).err().unwrap().contains("128 bytes"));
    }
}
