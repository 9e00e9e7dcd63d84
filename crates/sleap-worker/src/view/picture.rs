//! From a frame to what a viewer gets of it.

use protocol::{Encoding, Frame, FrameMeta, Message, Scale, ViewRequest};
use vision::Image;
use vision::jpeg::{JpegEncodeError, JpegEncoder};

use crate::frame_decoder::FrameDecoder as Decoder;

/// Widths and qualities that viewers can have.
const WIDTHS: std::ops::RangeInclusive<u32> = 64..=1920;
const QUALITIES: std::ops::RangeInclusive<u8> = 30..=95;
/// A client's own JPEG is passed on up to this size, bytes.
const MAX_PASSED_ON: u64 = 128 * 1024;

/// A frame as a JPEG of a viewer's size, and its answer with points in the JPEG's pixels.
#[derive(Clone)]
pub(super) struct Picture {
    pub(super) frame: Frame,
    pub(super) answer: Message,
}

/// What a viewer's pictures are to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wish {
    width: u32,
    quality: u8,
}

impl Default for Wish {
    fn default() -> Self {
        Self::of(&ViewRequest::default())
    }
}

impl Wish {
    /// The nearest that can be done.
    pub(super) fn of(view: &ViewRequest) -> Self {
        Self {
            width: view.width.clamp(*WIDTHS.start(), *WIDTHS.end()),
            quality: view.quality.clamp(*QUALITIES.start(), *QUALITIES.end()),
        }
    }

    /// Size of the picture of a frame: not wider than wished, never enlarged, in its ratio.
    fn size(self, meta: &FrameMeta) -> (u32, u32) {
        if meta.width <= self.width {
            return (meta.width, meta.height);
        }
        let scale = f64::from(self.width) / f64::from(meta.width);
        let height = (f64::from(meta.height) * scale).round() as u32;
        (self.width, height.max(1))
    }
}

/// Makes pictures; its buffers are kept between them.
pub(super) struct Studio {
    decoder: Decoder,
    press: Press,
}

/// Makes JPEGs.
#[derive(Default)]
struct Press(Option<(u8, JpegEncoder)>);

impl Studio {
    pub(super) fn new(decoder: Decoder) -> Self {
        Self {
            decoder,
            press: Press::default(),
        }
    }

    /// The pictures of `frame` that are wished for, one for each wish.
    ///
    /// # Errors
    /// The frame cannot be decoded, or the picture not encoded.
    pub(super) fn pictures(
        &mut self,
        frame: &Frame,
        answer: &Message,
        wishes: &[Wish],
    ) -> Result<Vec<Picture>, String> {
        let Self { decoder, press } = self;
        let widest = wishes.iter().map(|wish| wish.width).max().unwrap_or(0);
        let mut image = None;
        let mut picture = |wish: &Wish| {
            if is_passed_on(frame, *wish) {
                return Ok(Picture {
                    frame: frame.clone(),
                    answer: answer.clone(),
                });
            }
            let image = match &image {
                Some(image) => image,
                None => image.insert(decoder.reduced(frame, widest)?),
            };
            let jpeg = press.frame(image, &frame.meta, *wish)?;
            Ok(Picture {
                answer: scaled(answer, &frame.meta, &jpeg.meta),
                frame: jpeg,
            })
        };
        wishes.iter().map(&mut picture).collect()
    }
}

/// Whether a client's own JPEG will do. Browsers turn pictures as their Exif says, which models are
/// not shown, so these are made anew.
fn is_passed_on(frame: &Frame, wish: Wish) -> bool {
    let meta = &frame.meta;
    meta.encoding == Encoding::Jpeg
        && meta.width <= wish.width
        && meta.nbytes <= MAX_PASSED_ON
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

impl Press {
    /// `image` as a frame that a viewer wished for, named as the one it was made of.
    fn frame(&mut self, image: &Image, meta: &FrameMeta, wish: Wish) -> Result<Frame, String> {
        let (width, height) = wish.size(meta);
        let image = vision::resize(image, width, height).map_err(|error| error.to_string())?;
        let encoder = self
            .encoder(wish.quality)
            .map_err(|error| error.to_string())?;
        let data = encoder.encode(&image).map_err(|error| error.to_string())?;
        let meta = FrameMeta {
            width,
            height,
            channels: image.channels.min(3),
            encoding: Encoding::Jpeg,
            nbytes: data.len() as u64,
            ..meta.clone()
        };
        Frame::new(meta, data).map_err(|error| error.to_string())
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

/// The answer with its points in the pixels of `to` instead of `from`.
fn scaled(answer: &Message, from: &FrameMeta, to: &FrameMeta) -> Message {
    let mut answer = answer.clone();
    let scale = Scale::new((to.width, to.height), (from.width, from.height));
    if let (Message::Prediction(prediction), Some(scale)) = (&mut answer, scale) {
        scale.apply(prediction);
    }
    answer
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
    };
    let pixels: Vec<u8> = (0..nbytes).map(|n| n as u8).collect();
    Frame::new(meta, pixels.into()).expect("size and bytes agree")
}

#[cfg(test)]
mod tests {
    use protocol::{Limits, Prediction};

    use super::*;

    fn wish(width: u32, quality: u8) -> Wish {
        Wish { width, quality }
    }

    fn answer() -> Message {
        Message::Prediction(Prediction {
            frame_id: 7,
            instances: vec![vec![Some([100.0, 40.0]), None]],
            ..Prediction::default()
        })
    }

    fn pictures(frame: &Frame, wishes: &[Wish]) -> Vec<Picture> {
        let decoder = Decoder::new(Limits::default()).unwrap();
        Studio::new(decoder)
            .pictures(frame, &answer(), wishes)
            .unwrap()
    }

    #[test]
    fn pictures_have_the_size_that_is_wished_for_and_points_that_fit() {
        let frame = example_frame(200, 90);
        let made = pictures(&frame, &[wish(100, 70), wish(640, 70)]);
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
        let Message::Prediction(scaled) = &made[0].answer else {
            panic!()
        };
        assert_eq!(scaled.instances, [[Some([50.0, 20.0]), None]]);
        assert_eq!(made[1].answer, answer());
    }

    #[test]
    fn lower_quality_is_smaller() {
        let made = pictures(&example_frame(200, 90), &[wish(640, 30), wish(640, 95)]);
        assert!(made[0].frame.data.len() < made[1].frame.data.len());
    }

    #[test]
    fn a_small_jpeg_of_the_client_is_passed_on_as_it_is() {
        let jpeg = pictures(&example_frame(200, 90), &[wish(640, 95)])
            .remove(0)
            .frame;
        assert_eq!(pictures(&jpeg, &[wish(200, 30)])[0].frame, jpeg);
        let made = pictures(&jpeg, &[wish(100, 95)]).remove(0);
        assert_eq!(made.frame.meta.width, 100);
    }

    #[test]
    fn a_jpeg_that_browsers_would_turn_is_made_anew() {
        let jpeg = pictures(&example_frame(200, 90), &[wish(640, 95)])
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
            let made = pictures(&turned, &[wish(640, 95)]).remove(0).frame;
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
    fn wishes_out_of_range_are_met_as_far_as_possible() {
        let view = |width, quality| ViewRequest {
            width,
            quality,
            ..ViewRequest::default()
        };
        assert_eq!(Wish::of(&view(0, 0)), wish(64, 30));
        assert_eq!(Wish::of(&view(u32::MAX, 255)), wish(1920, 95));
        let tall = FrameMeta {
            width: 10_000,
            height: 1,
            ..example_frame(1, 1).meta
        };
        assert_eq!(wish(64, 70).size(&tall), (64, 1));
    }
}
