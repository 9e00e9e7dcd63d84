//! Frames to the compressed pictures of a video.

use bytes::Bytes;
use ffmpeg::codec::{self, Id, packet};
use ffmpeg::ffi::{AVColorRange, AVColorSpace, AVPixelFormat};
use ffmpeg::format::Pixel;
use ffmpeg::frame::Video;
use ffmpeg::{Error, Packet, Rational, encoder};

use super::Config;
use super::muxer::Track;
use crate::capture::FrameContent;
use crate::frame_pixels::{PixelLayout, PixelTarget, PlaneShape, Scaler, allocate, row_mut};
use crate::jpeg::{JpegDecodeError, JpegEncodeError, JpegEncoder};
use crate::{ChromaSampling, Image, ImageShapeError, PlanarImage};

/// Of pictures that are compressed here. At 95, compression is not visible, and the file is not much larger
/// than a camera's own JPEGs.
const JPEG_QUALITY: u8 = 95;

/// The longest side of a JPEG, pixels.
const MAX_JPEG_SIDE: u32 = 65_500;

/// The longest side of a picture of MPEG-4, pixels.
const MAX_MPEG4_SIDE: u32 = 8191;

/// MPEG-4 counts time in at most so many parts of a second.
const MAX_RATE_TERM: i32 = 65_535;

/// Pictures of MPEG-4 from one that stands alone to the next.
const GROUP_LEN: u32 = 12;

/// Bits of a pixel of MPEG-4 at most.
const BITS_PER_PIXEL: f64 = 1.0;

/// Why a picture cannot be made.
#[derive(Debug, thiserror::Error)]
pub(super) enum PictureError {
    #[error("{format} takes at most {most} pixels a side, the pictures have {width}x{height}")]
    Size {
        width: u32,
        height: u32,
        most: u32,
        format: &'static str,
    },
    #[error("FFmpeg has no encoder for MPEG-4 on this machine. Record to .mkv or .avi")]
    NoEncoder,
    /// A camera's JPEG cannot be decoded.
    #[error(transparent)]
    Decode(#[from] JpegDecodeError),
    #[error(transparent)]
    Encode(#[from] JpegEncodeError),
    #[error(transparent)]
    Shape(#[from] ImageShapeError),
    #[error("FFmpeg: {0}")]
    Ffmpeg(#[from] Error),
}

/// Makes the pictures of a video.
pub(super) enum Pictures {
    /// Each is a JPEG.
    Jpeg(JpegEncoder),
    /// Most of them are differences from those before.
    Mpeg4(Box<Mpeg4Encoder>),
}

impl Pictures {
    /// JPEGs of this size.
    pub(super) fn jpeg(config: &Config) -> Result<Pictures, PictureError> {
        check_side(config, MAX_JPEG_SIDE, "Motion JPEG")?;
        Ok(Pictures::Jpeg(JpegEncoder::new(JPEG_QUALITY)?))
    }

    /// MPEG-4 of this size and rate.
    pub(super) fn mpeg4(config: &Config) -> Result<Pictures, PictureError> {
        check_side(config, MAX_MPEG4_SIDE, "MPEG-4")?;
        Ok(Pictures::Mpeg4(Box::new(Mpeg4Encoder::new(config)?)))
    }

    /// What a container has to know of them.
    pub(super) fn track(&self, config: &Config) -> Track<'_> {
        Track {
            size: (config.width, config.height),
            rate: rate(config.fps),
            encoder: match self {
                Pictures::Jpeg(_) => None,
                Pictures::Mpeg4(encoder) => Some(encoder.encoder.as_ref()),
            },
        }
    }

    /// Compresses picture `number`. A camera's own JPEG stays as it is where pictures are JPEGs.
    pub(super) fn compress(
        &mut self,
        content: &FrameContent,
        number: i64,
    ) -> Result<Vec<Packet>, PictureError> {
        match self {
            Pictures::Jpeg(encoder) => {
                let mut packet = Packet::copy(&jpeg(encoder, content)?);
                packet.set_pts(Some(number));
                packet.set_dts(Some(number));
                packet.set_flags(packet::Flags::KEY);
                Ok(vec![packet])
            }
            Pictures::Mpeg4(encoder) => encoder.compress(&content.image()?, number),
        }
    }

    /// What the encoder still has.
    pub(super) fn rest(&mut self) -> Result<Vec<Packet>, PictureError> {
        match self {
            Pictures::Jpeg(_) => Ok(Vec::new()),
            Pictures::Mpeg4(encoder) => {
                encoder.encoder.send_eof()?;
                Ok(encoder.packets()?)
            }
        }
    }
}

fn check_side(config: &Config, most: u32, format: &'static str) -> Result<(), PictureError> {
    let &Config { width, height, .. } = config;
    match width.max(height) > most {
        true => Err(PictureError::Size {
            width,
            height,
            most,
            format,
        }),
        false => Ok(()),
    }
}

/// As a fraction that MPEG-4 can count.
fn rate(fps: f64) -> Rational {
    let rate = Rational::from(fps);
    rate.reduce_with_limit(MAX_RATE_TERM)
        .unwrap_or_else(|nearest| nearest)
}

fn jpeg(encoder: &mut JpegEncoder, content: &FrameContent) -> Result<Bytes, PictureError> {
    let image = match content {
        FrameContent::Jpeg(jpeg) if matches!(jpeg.header.channels, 1 | 3) => {
            return Ok(jpeg.data.clone());
        }
        FrameContent::Planar(planar) => return Ok(encoder.encode_planar(planar)?),
        other => other.image()?,
    };
    // Players of Motion JPEG expect colours.
    Ok(match image.channels {
        1 => encoder.encode_planar(&coloured(&image)?)?,
        _ => encoder.encode(&image)?,
    })
}

/// A gray image with chroma that has no colour.
fn coloured(gray: &Image) -> Result<PlanarImage, ImageShapeError> {
    const NEUTRAL: u8 = 128;
    let size = (gray.width, gray.height);
    let (width, height) = ChromaSampling::Quarter.plane(size.0, size.1);
    let mut planes = gray.data.to_vec();
    let chroma = 2 * width as usize * height as usize;
    planes.resize(planes.len() + chroma, NEUTRAL);
    PlanarImage::new(size, ChromaSampling::Quarter, planes)
}

/// FFmpeg's encoder of MPEG-4.
pub(super) struct Mpeg4Encoder {
    encoder: encoder::Video,
    scaler: Option<Scaler>,
}

impl Mpeg4Encoder {
    fn new(config: &Config) -> Result<Mpeg4Encoder, PictureError> {
        let codec = encoder::find(Id::MPEG4).ok_or(PictureError::NoEncoder)?;
        let context = codec::Context::new_with_codec(codec);
        let mut video = context.encoder().video()?;
        let rate = rate(config.fps);
        video.set_width(config.width);
        video.set_height(config.height);
        video.set_format(Pixel::YUV420P);
        video.set_time_base(rate.invert());
        video.set_frame_rate(Some(rate));
        video.set_gop(GROUP_LEN);
        let pixels = f64::from(config.width) * f64::from(config.height);
        let bits = BITS_PER_PIXEL * pixels * config.fps;
        video.set_bit_rate(bits.clamp(1.0, f64::from(i32::MAX / 2)) as usize);
        // The container has the header once, at its beginning.
        video.set_flags(codec::Flags::GLOBAL_HEADER);
        Ok(Mpeg4Encoder {
            encoder: video.open()?,
            scaler: None,
        })
    }

    fn compress(&mut self, image: &Image, number: i64) -> Result<Vec<Packet>, PictureError> {
        let source = source_frame(image)?;
        let layout = PixelLayout::of(&source).ok_or(Error::InvalidData)?;
        let scaler = match self.scaler.as_mut().filter(|it| it.source == layout) {
            Some(scaler) => scaler,
            None => {
                let scaler = Scaler::new(layout, PixelTarget::MPEG4).ok_or(Error::InvalidData)?;
                self.scaler.insert(scaler)
            }
        };
        let mut frame = Video::empty();
        scaler.run(&source, &mut frame)?;
        frame.set_pts(Some(number));
        self.encoder.send_frame(&frame)?;
        Ok(self.packets()?)
    }

    /// What the encoder has ready.
    fn packets(&mut self) -> Result<Vec<Packet>, Error> {
        let mut packets = Vec::new();
        loop {
            let mut packet = Packet::empty();
            match self.encoder.receive_packet(&mut packet) {
                Ok(()) => packets.push(packet),
                Err(Error::Eof) => return Ok(packets),
                Err(Error::Other { errno }) if errno == libc::EAGAIN => return Ok(packets),
                Err(error) => return Err(error),
            }
        }
    }
}

/// The image as FFmpeg has it.
fn source_frame(image: &Image) -> Result<Video, PictureError> {
    image.check()?;
    let layout = PixelLayout {
        format: match image.channels {
            1 => AVPixelFormat::GRAY8,
            3 => AVPixelFormat::BGR24,
            _ => AVPixelFormat::BGR0,
        },
        width: image.width,
        height: image.height,
        space: AVColorSpace::UNSPECIFIED,
        range: AVColorRange::UNSPECIFIED,
    };
    let mut frame = allocate(&layout, image.width, image.height)?;
    let shape = PlaneShape {
        step: usize::from(image.channels),
        width: image.width as usize,
        height: image.height as usize,
    };
    for (y, row) in image.data.chunks_exact(image.row_bytes()).enumerate() {
        row_mut(&mut frame, 0, &shape, y).copy_from_slice(row);
    }
    Ok(frame)
}
