//! A received frame's bytes as pixels.

use bytes::Bytes;
use protocol::{Encoding, Frame};
use vision::Image;
use vision::jpeg::{self, Color};

/// A decoded frame: 8-bit pixels for everyone, the 16-bit original beside them where there is one.
pub(crate) struct Pixels {
    pub(crate) image: Image,
    /// Little-endian samples.
    pub(crate) wide: Option<Bytes>,
}

/// Turns a frame into pixels. The frame's size is already within the protocol's limits; a JPEG
/// whose own header disagrees with the announced size is refused.
pub(crate) fn decode(frame: &Frame, decoder: &mut jpeg::Decoder) -> Result<Pixels, String> {
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
            let color = if header.channels == 1 {
                Color::Gray
            } else {
                Color::Bgr
            };
            let image = decoder
                .decode(&frame.data, color, &limits())
                .map_err(|error| error.to_string())?;
            Ok(Pixels { image, wide: None })
        }
    }
}

/// The size was compared with the announced one, which is within the protocol's limits.
fn limits() -> jpeg::Limits {
    let limits = protocol::Limits::default();
    jpeg::Limits {
        max_width: limits.max_width,
        max_height: limits.max_height,
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
        let pixels = decode(&frame, &mut jpeg::Decoder::new().unwrap()).unwrap();
        assert_eq!(&pixels.image.data[..], &[0x12, 0x00]);
        assert_eq!(pixels.wide.unwrap(), frame.data);
    }

    #[test]
    fn a_jpeg_of_another_size_than_announced_is_refused() {
        let image = Image {
            width: 16,
            height: 8,
            channels: 1,
            data: vec![7; 128].into(),
        };
        let bytes = jpeg::Encoder::new(80).unwrap().encode(&image).unwrap();
        let mut decoder = jpeg::Decoder::new().unwrap();
        assert!(decode(&frame(Encoding::Jpeg, 16, 8, &bytes), &mut decoder).is_ok());
        let refused = decode(&frame(Encoding::Jpeg, 16, 16, &bytes), &mut decoder);
        assert!(refused.err().unwrap().contains("16x8"));
    }
}
