//! Decoded frames to images.

use bytes::Bytes;
use ffmpeg::frame::Video;

use super::orient::Orientation;
use super::planes::PlaneConverter;
use super::raw;
use crate::capture::reader::ReadFault;
use crate::capture::{FrameContent, PixelForm};
use crate::frame_pixels::{PixelLayout, PixelTarget, Scaler};
use crate::pool::{Pool, Pooled};
use crate::{DeepImage, DeepImageError, Image};

/// Converts frames, each by its own colour space, range and pixel format.
#[derive(Default)]
pub(in crate::capture) struct Converter {
    form: PixelForm,
    scaler: Option<Scaler>,
    planes: PlaneConverter,
    pool: Pool<Video>,
}

impl Converter {
    /// A converter to this form.
    pub(in crate::capture) fn new(form: PixelForm) -> Converter {
        Converter {
            form,
            ..Converter::default()
        }
    }

    /// The picture of a decoded frame: gray of a gray one, else colour. `stored`: the orientation of frames
    /// that have none of their own.
    pub(in crate::capture) fn content(
        &mut self,
        frame: &Video,
        stored: Orientation,
    ) -> Result<FrameContent, ReadFault> {
        let orientation = match raw::frame_matrix(frame) {
            None => stored,
            own => Orientation::of(own)?,
        };
        if orientation.is_upright() {
            let planes = match self.form {
                PixelForm::Planar => self.planes.planes(frame),
                PixelForm::Plain | PixelForm::Deep => None,
            };
            return match planes.transpose()? {
                Some(planes) => Ok(FrameContent::Planar(planes)),
                None => packed(self.convert(frame)?),
            };
        }
        if let Some(turned) = orientation.apply(frame)? {
            return packed(self.convert(&turned)?);
        }
        // Its pixels cannot be moved before they are converted.
        let converted = self.convert(frame)?;
        let turned = orientation.apply(&converted.frame)?;
        let turned = turned.ok_or_else(|| ReadFault::Ffmpeg("it cannot be turned".into()))?;
        packed(Converted {
            frame: Pooled::alone(turned),
            target: converted.target,
        })
    }

    fn convert(&mut self, frame: &Video) -> Result<Converted, ReadFault> {
        let layout = PixelLayout::of(frame).ok_or(ReadFault::Undecodable)?;
        let target = PixelTarget::of(&layout, self.form == PixelForm::Deep);
        let fits = |scaler: &&mut Scaler| scaler.source == layout;
        let scaler = match self.scaler.as_mut().filter(fits) {
            Some(scaler) => scaler,
            None => {
                let scaler = Scaler::new(layout, target).ok_or_else(|| {
                    ReadFault::Ffmpeg(format!("the pixel format {} is not known", layout.name()))
                })?;
                self.scaler.insert(scaler)
            }
        };
        let mut converted = self.pool.take(Video::empty);
        scaler.run(frame, &mut converted)?;
        Ok(Converted {
            frame: converted,
            target,
        })
    }
}

/// The image in a converted frame, without a copy where its rows are packed.
fn packed(converted: Converted) -> Result<FrameContent, ReadFault> {
    let (frame, target) = (&converted.frame, converted.target);
    let layout = PixelLayout::of(frame).ok_or(ReadFault::Undecodable)?;
    let (width, height, channels) = (layout.width, layout.height, target.channels);
    let sample = if target.significant_bits.is_some() {
        2
    } else {
        1
    };
    let row = width as usize * usize::from(channels) * sample;
    let stride = frame.stride(0);
    let data = if stride == row {
        Bytes::from_owner(converted)
    } else {
        let mut packed = Vec::with_capacity(row * height as usize);
        for line in frame.data(0).chunks(stride).take(height as usize) {
            packed.extend_from_slice(&line[..row]);
        }
        packed.into()
    };
    let content = match target.significant_bits {
        None => Image::new(width, height, channels, data).map(FrameContent::Pixels),
        Some(bits) => match DeepImage::new((width, height), channels, bits, data) {
            Ok(deep) => Ok(FrameContent::Deep(deep)),
            Err(DeepImageError::Shape(error)) => Err(error),
            Err(DeepImageError::SignificantBits(_)) => return Err(ReadFault::Undecodable),
        },
    };
    content.map_err(|error| ReadFault::Image(error.into()))
}

/// A converted frame.
struct Converted {
    frame: Pooled<Video>,
    /// What it was converted to.
    target: PixelTarget,
}

impl AsRef<[u8]> for Converted {
    /// The bytes of its only plane.
    fn as_ref(&self) -> &[u8] {
        self.frame.data(0)
    }
}
