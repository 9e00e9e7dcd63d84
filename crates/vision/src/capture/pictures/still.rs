//! Single pictures: their format by their first bytes, and their pixels.

use std::io::Read;
use std::path::Path;

use atomic_file::open_regular;
use ffmpeg::Packet;
use ffmpeg::codec::{Id, context, decoder};
use ffmpeg::frame::Video;

/// The largest file that is read as a picture: FFmpeg takes 2 GiB at most in one piece.
const MAX_BYTES: u64 = (1 << 31) - (1 << 16);

/// Whether a file of these first bytes is a TIFF.
pub(super) fn is_tiff(head: &[u8]) -> bool {
    codec_of(head) == Some(Id::TIFF)
}

/// The codec of a picture.
fn codec_of(bytes: &[u8]) -> Option<Id> {
    if bytes.starts_with(b"RIFF") {
        return (bytes.get(8..12) == Some(b"WEBP")).then_some(Id::WEBP);
    }
    Some(match bytes {
        [0x89, b'P', b'N', b'G', ..] => Id::PNG,
        [0xFF, 0xD8, 0xFF, 0xF7, ..] => Id::JPEGLS,
        [0xFF, 0xD8, 0xFF, ..] => Id::MJPEG,
        [b'B', b'M', ..] => Id::BMP,
        [b'I', b'I', 42, 0, ..] | [b'M', b'M', 0, 42, ..] => Id::TIFF,
        [b'I', b'I', 43, 0, ..] | [b'M', b'M', 0, 43, ..] => Id::TIFF,
        [b'G', b'I', b'F', b'8', ..] => Id::GIF,
        [b'P', b'1' | b'4', ..] => Id::PBM,
        [b'P', b'2' | b'5', ..] => Id::PGM,
        [b'P', b'3' | b'6', ..] => Id::PPM,
        [b'P', b'7', ..] => Id::PAM,
        [0, 0, 0, 12, b'j', b'P', ..] | [0xFF, 0x4F, 0xFF, 0x51, ..] => Id::JPEG2000,
        [b'S', b'D', b'P', b'X', ..] | [b'X', b'P', b'D', b'S', ..] => Id::DPX,
        [0x76, 0x2F, 0x31, 0x01, ..] => Id::EXR,
        [0x01, 0xDA, ..] => Id::SGI,
        _ => return None,
    })
}

/// A picture file in memory.
pub(super) struct Still {
    codec: Id,
    packet: Packet,
}

impl Still {
    /// Reads a file.
    ///
    /// # Errors
    /// Why it is no picture, in words.
    pub(super) fn read(path: &Path) -> Result<Still, String> {
        let mut file = open_regular(path).map_err(|error| error.to_string())?;
        let metadata = file.metadata().map_err(|error| error.to_string())?;
        if metadata.len() > MAX_BYTES {
            return Err("it is larger than 2 GiB".to_owned());
        }
        let mut bytes = Vec::new();
        let read = (&mut file).take(MAX_BYTES).read_to_end(&mut bytes);
        read.map_err(|error| error.to_string())?;
        let codec = codec_of(&bytes).ok_or_else(|| match bytes.is_empty() {
            true => "it is empty".to_owned(),
            false => "it is of another format than those that are read".to_owned(),
        })?;
        Ok(Still {
            codec,
            packet: Packet::copy(&bytes),
        })
    }

    /// The pixels of the picture, or of the page of a TIFF that begins there.
    ///
    /// # Errors
    /// Why it cannot be decoded, in words.
    pub(super) fn decode(&mut self, page: Option<u32>) -> Result<Video, String> {
        if let Some(page) = page {
            self.turn_to(page);
        }
        let Some(codec) = decoder::find(self.codec) else {
            return Err("this FFmpeg has no decoder for its format".to_owned());
        };
        let mut frame = Video::empty();
        let decoded = context::Context::new_with_codec(codec)
            .decoder()
            .open_as(codec)
            .and_then(|opened| opened.video())
            .and_then(|mut decoder| {
                decoder.send_packet(&self.packet)?;
                decoder.send_eof()?;
                decoder.receive_frame(&mut frame)
            });
        match decoded {
            Ok(()) => Ok(frame),
            Err(error) => Err(format!("it is damaged ({error})")),
        }
    }

    /// Makes a page the first one of its TIFF, which is the one that FFmpeg decodes.
    fn turn_to(&mut self, page: u32) {
        if let Some(bytes) = self.packet.data_mut()
            && let [order, _, _, _, rest @ ..] = bytes
            && let Some(field) = rest.first_chunk_mut()
        {
            *field = match *order {
                b'I' => page.to_le_bytes(),
                _ => page.to_be_bytes(),
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_picture_has_no_codec() {
        for other in [
            &b""[..],
            b"RIFF\0\0\0\0AVI ",
            b"RIFF",
            b"\0\0\0\x20ftyp",
            b"text",
        ] {
            assert_eq!(codec_of(other), None);
        }
        assert_eq!(codec_of(b"P5 2 2 255\n"), Some(Id::PGM));
        assert_eq!(codec_of(b"RIFF\0\0\0\0WEBPVP8L"), Some(Id::WEBP));
    }
}
