//! Makes the JPEG that a viewer gets of a frame.

use protocol::{Encoding, Frame, FrameMeta, Message, MetaError, Scale, ViewRequest};
use vision::jpeg::{JpegEncodeError, JpegEncoder};
use vision::{Image, ImageError};

use crate::frame_decoder::{FrameDecodeError, FrameDecoder};

/// Widths (pixels) and JPEG qualities that viewers can ask for.
const WIDTHS: std::ops::RangeInclusive<u32> = 64..=1920;
const QUALITIES: std::ops::RangeInclusive<u8> = 30..=95;
/// Widths of pictures of one stream among others.
const TILE_WIDTHS: std::ops::RangeInclusive<u32> = 64..=480;
/// Largest JPEG of a client that is passed on as it is, bytes: in all, and for each pixel of the width that is asked for.
const MAX_PASSED_ON_BYTES: u64 = 128 * 1024;
const PASSED_ON_BYTES_OF_WIDTH: u64 = 128;

/// A frame as a JPEG of a viewer's size, and its result with points in the JPEG's pixels.
#[derive(Clone)]
pub(super) struct Picture {
    pub(super) frame: Frame,
    pub(super) result: Message,
}

/// The size and quality of a viewer's pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PictureSpec {
    width: u32,
    quality: u8,
}

impl Default for PictureSpec {
    fn default() -> Self {
        Self::of(&ViewRequest::default())
    }
}

impl PictureSpec {
    /// The request, limited to what is possible.
    pub(super) fn of(view: &ViewRequest) -> Self {
        Self {
            width: view.width.clamp(*WIDTHS.start(), *WIDTHS.end()),
            quality: view.quality.clamp(*QUALITIES.start(), *QUALITIES.end()),
        }
    }

    /// The request for pictures of all streams, limited to small ones.
    pub(super) fn of_tile(view: &ViewRequest) -> Self {
        Self {
            width: view.width.clamp(*TILE_WIDTHS.start(), *TILE_WIDTHS.end()),
            ..Self::of(view)
        }
    }

    /// Size of the picture of a frame, pixels: not wider than asked for, never enlarged, in its ratio.
    fn size(self, meta: &FrameMeta) -> (u32, u32) {
        if meta.width <= self.width {
            return (meta.width, meta.height);
        }
        let scale = f64::from(self.width) / f64::from(meta.width);
        let height = (f64::from(meta.height) * scale).round() as u32;
        (self.width, height.max(1))
    }
}

/// Why there is no picture of a frame.
#[derive(Debug, thiserror::Error)]
pub(super) enum PictureError {
    #[error("the frame cannot be decoded: {0}")]
    Decode(#[from] FrameDecodeError),
    #[error("the frame cannot be resized: {0}")]
    Resize(#[from] ImageError),
    #[error("the picture cannot be encoded: {0}")]
    Encode(#[from] JpegEncodeError),
    #[error("the picture makes no frame: {0}")]
    Frame(#[from] MetaError),
}

/// Makes pictures; it keeps its buffers between them.
pub(super) struct PictureMaker {
    decoder: FrameDecoder,
    jpeg_maker: JpegMaker,
}

/// Makes JPEGs. The encoder of the last quality is kept.
#[derive(Default)]
struct JpegMaker(Option<(u8, JpegEncoder)>);

impl PictureMaker {
    pub(super) fn new(decoder: FrameDecoder) -> Self {
        Self {
            decoder,
            jpeg_maker: JpegMaker::default(),
        }
    }

    /// The pictures of `frame`, one for each spec.
    ///
    /// # Errors
    /// The frame cannot be decoded, or the picture not encoded.
    pub(super) fn pictures(
        &mut self,
        frame: &Frame,
        result: &Message,
        specs: &[PictureSpec],
    ) -> Result<Vec<Picture>, PictureError> {
        let Self {
            decoder,
            jpeg_maker,
        } = self;
        let widest = specs.iter().map(|spec| spec.width).max().unwrap_or(0);
        let mut image = None;
        let mut picture = |spec: &PictureSpec| {
            if is_passed_on(frame, *spec) {
                return Ok(Picture {
                    frame: frame.clone(),
                    result: result.clone(),
                });
            }
            let image = match &image {
                Some(image) => image,
                None => image.insert(decoder.reduced(frame, widest)?),
            };
            let jpeg = jpeg_maker.frame(image, &frame.meta, *spec)?;
            Ok(Picture {
                result: scaled(result, &frame.meta, &jpeg.meta),
                frame: jpeg,
            })
        };
        specs.iter().map(&mut picture).collect()
    }
}

/// Whether the client's own JPEG is passed on. One with an Exif segment is not: browsers may turn it,
/// while the model saw it unturned.
fn is_passed_on(frame: &Frame, spec: PictureSpec) -> bool {
    let meta = &frame.meta;
    let most = PASSED_ON_BYTES_OF_WIDTH * u64::from(spec.width);
    meta.encoding == Encoding::Jpeg
        && meta.width <= spec.width
        && meta.nbytes <= MAX_PASSED_ON_BYTES.min(most)
        && !has_exif(&frame.data)
}

/// Whether a JPEG has an Exif segment before its pixels (ISO/IEC 10918-1, annex B: segments are
/// `FF`, a marker, and a length of two bytes that counts itself).
fn has_exif(jpeg: &[u8]) -> bool {
    const START_OF_SCAN: u8 = 0xDA;
    const APP1: u8 = 0xE1;
    // After the start of the image.
    let mut rest = jpeg.get(2..).unwrap_or_default();
    while let [0xFF, marker, tail @ ..] = rest {
        match (*marker, tail) {
            // A marker may be preceded by any number of fill bytes.
            (0xFF, _) => rest = &rest[1..],
            (START_OF_SCAN, _) => return false,
            (APP1, [_, _, b'E', b'x', b'i', b'f', ..]) => return true,
            (_, [high, low, ..]) => {
                let length = usize::from(u16::from_be_bytes([*high, *low]));
                rest = tail.get(length..).unwrap_or_default();
            }
            _ => return false,
        }
    }
    false
}

impl JpegMaker {
    /// `image` as a JPEG frame of this spec, with the frame number and time of `meta`.
    fn frame(
        &mut self,
        image: &Image,
        meta: &FrameMeta,
        spec: PictureSpec,
    ) -> Result<Frame, PictureError> {
        let (width, height) = spec.size(meta);
        let image = vision::resize(image, width, height)?;
        let data = self.encoder(spec.quality)?.encode(&image)?;
        let meta = FrameMeta {
            width,
            height,
            channels: image.channels.min(3),
            encoding: Encoding::Jpeg,
            nbytes: data.len() as u64,
            ..meta.clone()
        };
        Ok(Frame::new(meta, data)?)
    }

    fn encoder(&mut self, quality: u8) -> Result<&mut JpegEncoder, JpegEncodeError> {
        let kept = self.0.take().filter(|(kept, _)| *kept == quality);
        let (_, encoder) = self.0.insert(match kept {
            Some(kept) => kept,
            None => (quality, JpegEncoder::new(quality)?),
        });
        Ok(encoder)
    }
}

/// The result with its points in the pixels of `to` instead of `from`.
fn scaled(result: &Message, from: &FrameMeta, to: &FrameMeta) -> Message {
    let mut result = result.clone();
    let scale = Scale::new((to.width, to.height), (from.width, from.height));
    if let (Message::Prediction(prediction), Some(scale)) = (&mut result, scale) {
        scale.apply(prediction);
    }
    result
}

/// A gray frame of this size.
#[cfg(test)]
pub(super) fn example_frame(width: u32, height: u32) -> Frame {
    let nbytes = u64::from(width) * u64::from(height);
    let meta = FrameMeta {
        frame_id: 7,
        width,
        height,
        channels: 1,
        encoding: Encoding::U8,
        nbytes,
        captured_us: Some(1),
        clock: None,
    };
    let pixels: Vec<u8> = (0..nbytes).map(|n| n as u8).collect();
    Frame::new(meta, pixels.into()).expect("size and bytes agree")
}

#[cfg(test)]
mod tests {
    use protocol::{Limits, Prediction};

    use super::*;

    fn spec(width: u32, quality: u8) -> PictureSpec {
        PictureSpec { width, quality }
    }

    fn answer() -> Message {
        Message::Prediction(Prediction {
            frame_id: 7,
            instances: vec![vec![Some([100.0, 40.0]), None]],
            ..Prediction::default()
        })
    }

    fn pictures(frame: &Frame, specs: &[PictureSpec]) -> Vec<Picture> {
        let decoder = FrameDecoder::new(Limits::default()).unwrap();
        PictureMaker::new(decoder)
            .pictures(frame, &answer(), specs)
            .unwrap()
    }

    #[test]
    fn pictures_have_the_size_of_their_spec_and_points_that_fit() {
        let frame = example_frame(200, 90);
        let made = pictures(&frame, &[spec(100, 70), spec(640, 70)]);
        let meta = |picture: &Picture| picture.frame.meta.clone();
        assert_eq!((meta(&made[0]).width, meta(&made[0]).height), (100, 45));
        assert_eq!((meta(&made[1]).width, meta(&made[1]).height), (200, 90));
        for picture in &made {
            let header = vision::jpeg::header(&picture.frame.data).unwrap();
            assert_eq!(
                (header.width, header.height),
                (meta(picture).width, meta(picture).height)
            );
            assert_eq!(
                (meta(picture).frame_id, meta(picture).captured_us),
                (7, Some(1))
            );
        }
        let Message::Prediction(scaled) = &made[0].result else {
            panic!()
        };
        assert_eq!(scaled.instances, [[Some([50.0, 20.0]), None]]);
        assert_eq!(made[1].result, answer());
    }

    #[test]
    fn lower_quality_is_smaller() {
        let made = pictures(&example_frame(200, 90), &[spec(640, 30), spec(640, 95)]);
        assert!(made[0].frame.data.len() < made[1].frame.data.len());
    }

    #[test]
    fn a_small_jpeg_of_the_client_is_passed_on_as_it_is() {
        let jpeg = pictures(&example_frame(200, 90), &[spec(640, 95)])
            .remove(0)
            .frame;
        assert_eq!(pictures(&jpeg, &[spec(200, 30)])[0].frame, jpeg);
        let made = pictures(&jpeg, &[spec(100, 95)]).remove(0);
        assert_eq!(made.frame.meta.width, 100);
    }

    #[test]
    fn a_jpeg_that_browsers_would_turn_is_encoded_again() {
        let jpeg = pictures(&example_frame(200, 90), &[spec(640, 95)])
            .remove(0)
            .frame;
        assert!(!has_exif(&jpeg.data));
        // After other segments too.
        for before in [&b""[..], b"\xFF\xFE\x00\x04hi", b"\xFF"] {
            let exif = b"\xFF\xE1\x00\x0AExif\0\0MM";
            let data = [&jpeg.data[..2], before, exif, &jpeg.data[2..]].concat();
            let meta = FrameMeta {
                nbytes: data.len() as u64,
                ..jpeg.meta.clone()
            };
            let turned = Frame::new(meta, data.into()).unwrap();
            let made = pictures(&turned, &[spec(640, 95)]).remove(0).frame;
            assert!(!has_exif(&made.data), "{before:?}");
        }
        for broken in [
            &b""[..],
            b"\xFF",
            b"\xFF\xD8\xFF",
            b"\xFF\xD8\xFF\xE1\x00",
            b"\xFF\xD8\xFF\xE0\x00\x00",
        ] {
            assert!(!has_exif(broken), "{broken:?}");
        }
    }

    #[test]
    fn requests_out_of_range_are_limited() {
        let view = |width, quality| ViewRequest {
            width,
            quality,
            ..ViewRequest::default()
        };
        assert_eq!(PictureSpec::of(&view(0, 0)), spec(64, 30));
        assert_eq!(PictureSpec::of(&view(u32::MAX, 255)), spec(1920, 95));
        assert_eq!(PictureSpec::of_tile(&view(u32::MAX, 255)), spec(480, 95));
        let tall = FrameMeta {
            width: 10_000,
            height: 1,
            ..example_frame(1, 1).meta
        };
        assert_eq!(spec(64, 70).size(&tall), (64, 1));
    }
}
