//! JPEGs from a camera, passed on unchanged.

use std::fmt;

use bytes::Bytes;

use super::{Color, JpegDecodeError, JpegDecoder, JpegHeader, JpegLimits, header};
use crate::Image;

const END_MARKER: [u8; 2] = [0xFF, 0xD9];

/// A compressed picture and its header.
#[derive(Clone, PartialEq, Eq)]
pub struct CameraJpeg {
    /// Its own header.
    pub header: JpegHeader,
    /// The whole file, from its first marker to its last.
    pub data: Bytes,
}

impl CameraJpeg {
    /// A buffer of a camera, whose driver may have left bytes behind the picture's end.
    ///
    /// Only the header is read: a picture that is damaged further on is not noticed here.
    pub fn from_camera(buffer: Bytes) -> Result<CameraJpeg, JpegDecodeError> {
        let data = buffer.slice_ref(CameraJpeg::trimmed(&buffer));
        Ok(CameraJpeg {
            header: header(&data)?,
            data,
        })
    }

    /// The same bytes without those behind the picture's end.
    pub(crate) fn trimmed(buffer: &[u8]) -> &[u8] {
        let mut places = buffer.windows(END_MARKER.len());
        let end = places.rposition(|bytes| bytes == END_MARKER);
        &buffer[..end.map_or(buffer.len(), |at| at + END_MARKER.len())]
    }

    /// Its pixels: gray of a gray picture, else BGR.
    pub fn decode(&self) -> Result<Image, JpegDecodeError> {
        let color = match self.header.channels {
            1 => Color::Gray,
            _ => Color::Bgr,
        };
        JpegDecoder::new()?.decode(&self.data, color, &JpegLimits::default())
    }
}

impl fmt::Debug for CameraJpeg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let JpegHeader { width, height, .. } = self.header;
        write!(f, "Jpeg({width}x{height}, {} bytes)", self.data.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jpeg::JpegEncoder;

    fn picture() -> Bytes {
        let image = Image::new(16, 8, 3, vec![90; 16 * 8 * 3]).unwrap();
        JpegEncoder::new(80).unwrap().encode(&image).unwrap()
    }

    #[test]
    fn what_a_driver_leaves_behind_the_picture_is_cut_off() {
        let whole = picture();
        let buffer = [&whole[..], &[0; 100]].concat();
        let jpeg = CameraJpeg::from_camera(buffer.into()).unwrap();
        assert_eq!(jpeg.data, whole);
        assert_eq!((jpeg.header.width, jpeg.header.height), (16, 8));
        let image = jpeg.decode().unwrap();
        assert_eq!((image.width, image.height, image.channels), (16, 8, 3));
    }

    #[test]
    fn a_picture_without_an_end_marker_stays_as_it_is() {
        let whole = picture();
        let open = whole.slice(..whole.len() - 2);
        assert_eq!(CameraJpeg::from_camera(open.clone()).unwrap().data, open);
    }

    #[test]
    fn bytes_before_the_end_marker_do_no_harm() {
        let whole = picture();
        let (picture, end) = whole.split_at(whole.len() - 2);
        let odd = [picture, &[0; 7], end].concat();
        let own = CameraJpeg::from_camera(whole.clone()).unwrap().decode();
        let found = CameraJpeg::from_camera(odd.into()).unwrap().decode();
        assert_eq!(found.unwrap(), own.unwrap());
        // With less of the picture they do.
        let cut = [&picture[..picture.len() - 8], &[0; 7], end].concat();
        let found = CameraJpeg::from_camera(cut.into()).unwrap().decode();
        found.unwrap_err();
    }

    /// As cameras send them that take after AVI files.
    #[test]
    fn a_picture_without_huffman_tables_has_the_usual_ones() {
        let whole = picture();
        let mut bare = whole[..2].to_vec();
        let mut at = 2;
        // Each segment begins with 0xFF, its marker and its length; the one of 0xDA is the last.
        while whole[at + 1] != 0xDA {
            let len = 2 + usize::from(u16::from_be_bytes([whole[at + 2], whole[at + 3]]));
            if whole[at + 1] != 0xC4 {
                bare.extend(&whole[at..at + len]);
            }
            at += len;
        }
        bare.extend(&whole[at..]);
        assert!(bare.len() < whole.len() - 100);
        let found = CameraJpeg::from_camera(bare.into()).unwrap().decode();
        let own = CameraJpeg::from_camera(whole).unwrap().decode();
        assert_eq!(found.unwrap(), own.unwrap());
    }

    #[test]
    fn other_bytes_are_refused() {
        for buffer in [&b""[..], b"\xFF\xD9", b"not a picture"] {
            assert!(CameraJpeg::from_camera(Bytes::copy_from_slice(buffer)).is_err());
        }
    }
}
