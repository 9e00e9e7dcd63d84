//! From a captured image to the bytes that are sent: size and compression.

use anyhow::{Context, Result};
use bytes::Bytes;
use protocol::{Encoding, Scale};
use tokio::sync::watch;
use vision::capture::FrameContent;
use vision::{DeepImage, Image, PlanarImage, jpeg};

use crate::send::adapt::EncodeSetting;

const CANNOT_RESIZE: &str = "it cannot be resized";
const CANNOT_BE_GRAY: &str = "it cannot be made gray";
const CANNOT_COMPRESS: &str = "it cannot be compressed";

/// Resizes and compresses frames.
pub(crate) struct FrameEncoder {
    resize: Option<(u32, u32)>,
    /// The newest setting, where frames are compressed here.
    settings: Option<watch::Receiver<EncodeSetting>>,
    encoder: Option<(u8, jpeg::JpegEncoder)>,
    /// Raw pixels of 8 bits are sent without their colours.
    gray: bool,
}

/// A frame's bytes and what they are.
pub(crate) struct EncodedFrame {
    /// Pixels in a row, as sent.
    pub(crate) width: u32,
    /// Rows, as sent.
    pub(crate) height: u32,
    /// 1 for grey, 3 for colour.
    pub(crate) channels: u8,
    /// What the bytes are.
    pub(crate) encoding: Encoding,
    /// The bytes.
    pub(crate) data: Bytes,
    /// From these pixels to the source's.
    pub(crate) scale: Option<Scale>,
}

impl FrameEncoder {
    /// `resize`: size to send instead of the source's. `settings`: compress so; `None`: raw pixels.
    pub(crate) fn new(
        resize: Option<(u32, u32)>,
        settings: Option<watch::Receiver<EncodeSetting>>,
    ) -> Self {
        Self {
            resize,
            settings,
            encoder: None,
            gray: false,
        }
    }

    /// Whether raw pixels of 8 bits are sent as the gray that the worker would make of them: a third of the bytes.
    pub(crate) fn send_gray(&mut self, gray: bool) {
        self.gray = gray;
    }

    /// A frame as it is to be sent. A camera's own JPEG stays as it is, and pixels of more than 8 bits
    /// keep them where they are not compressed.
    pub(crate) fn encode(&mut self, content: FrameContent) -> Result<EncodedFrame> {
        match content {
            FrameContent::Pixels(image) => self.encode_pixels(image),
            FrameContent::Deep(deep) if self.settings.is_none() => self.encode_deep(&deep),
            FrameContent::Deep(deep) => self.encode_pixels(deep.narrow()),
            FrameContent::Planar(planar) => self.encode_planar(&planar),
            FrameContent::Jpeg(jpeg) => Ok(EncodedFrame {
                width: jpeg.header.width,
                height: jpeg.header.height,
                channels: jpeg.header.channels,
                encoding: Encoding::Jpeg,
                data: jpeg.data,
                scale: None,
            }),
        }
    }

    fn encode_deep(&self, deep: &DeepImage) -> Result<EncodedFrame> {
        let source = deep.size();
        let (width, height) = self.resize.unwrap_or(source);
        let deep = deep.resize(width, height).context(CANNOT_RESIZE)?;
        Ok(EncodedFrame {
            width,
            height,
            channels: deep.channels(),
            encoding: Encoding::U16 {
                significant_bits: deep.significant_bits(),
            },
            data: deep.data().clone(),
            scale: Scale::new(source, (width, height)),
        })
    }

    /// The planes become a JPEG as they are, where it has the source's size.
    fn encode_planar(&mut self, planar: &PlanarImage) -> Result<EncodedFrame> {
        let (width, height) = planar.size();
        let quality = self.settings.as_ref().and_then(|newest| {
            let setting = *newest.borrow();
            let is_whole = (setting.side(width), setting.side(height)) == (width, height);
            (is_whole && self.resize.is_none()).then_some(setting.quality)
        });
        let Some(quality) = quality else {
            return self.encode_pixels(planar.to_bgr());
        };
        let data = self.encoder(quality)?.encode_planar(planar);
        Ok(EncodedFrame {
            width,
            height,
            channels: 3,
            encoding: Encoding::Jpeg,
            data: data.context(CANNOT_COMPRESS)?,
            scale: None,
        })
    }

    fn encode_pixels(&mut self, image: Image) -> Result<EncodedFrame> {
        let source = (image.width, image.height);
        let setting = self.settings.as_ref().map(|newest| *newest.borrow());
        let (width, height) = self.resize.unwrap_or(source);
        let (width, height) = match setting {
            Some(setting) => (setting.side(width), setting.side(height)),
            None => (width, height),
        };
        let image = vision::resize(&image, width, height).context(CANNOT_RESIZE)?;
        let image = match setting {
            None if self.gray => vision::gray(&image).context(CANNOT_BE_GRAY)?,
            _ => image,
        };
        let (encoding, data) = match setting {
            Some(setting) => (Encoding::Jpeg, self.compress(&image, setting.quality)?),
            None => (Encoding::U8, image.data.clone()),
        };
        Ok(EncodedFrame {
            width,
            height,
            channels: image.channels,
            encoding,
            data,
            scale: Scale::new(source, (width, height)),
        })
    }

    fn compress(&mut self, image: &Image, quality: u8) -> Result<Bytes> {
        let data = self.encoder(quality)?.encode(image);
        data.context(CANNOT_COMPRESS)
    }

    fn encoder(&mut self, quality: u8) -> Result<&mut jpeg::JpegEncoder> {
        let kept = self.encoder.take().filter(|(known, _)| *known == quality);
        let encoder = match kept {
            Some(kept) => kept,
            None => (
                quality,
                jpeg::JpegEncoder::new(quality).context("no JPEG encoder")?,
            ),
        };
        Ok(&mut self.encoder.insert(encoder).1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image() -> FrameContent {
        FrameContent::Pixels(Image::new(40, 20, 3, vec![120; 40 * 20 * 3]).unwrap())
    }

    #[test]
    fn raw_pixels_are_not_touched() {
        let encoded = FrameEncoder::new(None, None).encode(image()).unwrap();
        assert_eq!(encoded.encoding, Encoding::U8);
        assert_eq!((encoded.width, encoded.height), (40, 20));
        assert_eq!(encoded.data, vec![120; 40 * 20 * 3]);
        assert!(encoded.scale.is_none());
    }

    #[test]
    fn the_newest_setting_counts_and_points_find_back() {
        let (set, settings) = watch::channel(EncodeSetting::full(90));
        let mut encoder = FrameEncoder::new(Some((20, 10)), Some(settings));
        let first = encoder.encode(image()).unwrap();
        assert_eq!(
            (first.width, first.height, first.encoding),
            (20, 10, Encoding::Jpeg)
        );
        set.send_replace(EncodeSetting {
            quality: 30,
            size: 50,
            rate: 100,
        });
        let second = encoder.encode(image()).unwrap();
        assert_eq!((second.width, second.height), (10, 5));
        assert!(second.data.len() < first.data.len());
        let mut prediction = protocol::Prediction {
            instances: vec![vec![Some([9.0, 4.0])]],
            ..Default::default()
        };
        second.scale.unwrap().apply(&mut prediction);
        assert_eq!(prediction.instances[0][0], Some([36.0, 16.0]));
    }

    #[test]
    fn more_than_8_bits_are_kept_unless_they_are_compressed() {
        let samples: Vec<u8> = [4095u16, 0].iter().flat_map(|s| s.to_le_bytes()).collect();
        let deep = || FrameContent::Deep(DeepImage::new((2, 1), 1, 12, samples.clone()).unwrap());
        let raw = FrameEncoder::new(None, None).encode(deep()).unwrap();
        let significant_bits = 12;
        assert_eq!(raw.encoding, Encoding::U16 { significant_bits });
        assert_eq!(raw.data, samples);
        let half = FrameEncoder::new(Some((1, 1)), None)
            .encode(deep())
            .unwrap();
        assert_eq!(half.data, 2048u16.to_le_bytes().to_vec());
        assert!(half.scale.is_some());
        let (_, settings) = watch::channel(EncodeSetting::full(100));
        let jpeg = FrameEncoder::new(None, Some(settings))
            .encode(deep())
            .unwrap();
        assert_eq!(jpeg.encoding, Encoding::Jpeg);
        let color = jpeg::Color::Gray;
        let pixels = jpeg::JpegDecoder::new().unwrap().decode(
            &jpeg.data,
            color,
            &jpeg::JpegLimits::default(),
        );
        let pixels = pixels.unwrap().data;
        assert!(pixels[0] > 250 && pixels[1] < 5, "{pixels:?}");
    }

    #[test]
    fn planes_are_compressed_as_they_are_unless_the_size_changes() {
        let (width, height) = (16, 16);
        let data = [vec![76; 256], vec![85; 64], vec![255; 64]].concat();
        let chroma = vision::ChromaSampling::Quarter;
        let red = PlanarImage::new((width, height), chroma, data).unwrap();
        let content = || FrameContent::Planar(red.clone());
        let (set, settings) = watch::channel(EncodeSetting::full(95));
        let mut encoder = FrameEncoder::new(None, Some(settings));
        let mut decoder = jpeg::JpegDecoder::new().unwrap();
        let mut check = |encoded: &EncodedFrame, side: u32| {
            assert_eq!(
                (encoded.width, encoded.height, encoded.channels),
                (side, side, 3)
            );
            let limits = jpeg::JpegLimits::default();
            let pixels = decoder.decode(&encoded.data, jpeg::Color::Bgr, &limits);
            for pixel in pixels.unwrap().data.chunks_exact(3) {
                assert!(
                    pixel[2] > 245 && pixel[0] < 10 && pixel[1] < 10,
                    "{pixel:?}"
                );
            }
        };
        check(&encoder.encode(content()).unwrap(), 16);
        set.send_replace(EncodeSetting {
            quality: 95,
            size: 50,
            rate: 100,
        });
        check(&encoder.encode(content()).unwrap(), 8);
        let raw = FrameEncoder::new(None, None).encode(content()).unwrap();
        assert_eq!((raw.encoding, raw.data.len()), (Encoding::U8, 16 * 16 * 3));
    }

    #[test]
    fn a_cameras_jpeg_is_not_touched() {
        let FrameContent::Pixels(image) = image() else {
            unreachable!("made above")
        };
        let data = jpeg::JpegEncoder::new(70).unwrap().encode(&image).unwrap();
        let camera = jpeg::CameraJpeg::from_camera(data.clone()).unwrap();
        let encoded = FrameEncoder::new(None, None)
            .encode(FrameContent::Jpeg(camera))
            .unwrap();
        assert_eq!(encoded.data, data);
        assert_eq!(
            (encoded.width, encoded.height, encoded.channels),
            (40, 20, 3)
        );
        assert_eq!(encoded.encoding, Encoding::Jpeg);
    }
}
