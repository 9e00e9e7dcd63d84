//! Decoded frames to images.

use std::sync::{Arc, Mutex, MutexGuard};

use bytes::Bytes;
use ffmpeg::frame::Video;

use super::orient::Orientation;
use super::raw::PixelLayout;
use super::scale::{PixelTarget, Scaler};
use crate::Image;
use crate::capture::reader::ReadFault;

/// The most free frames that are kept.
const MAX_POOLED: usize = 4;

/// Converts frames, each by its own colour space, range and pixel format.
#[derive(Default)]
pub(super) struct Converter {
    scaler: Option<Scaler>,
    pool: FramePool,
}

impl Converter {
    /// The image of a decoded frame: gray of a gray one, else BGR.
    pub(super) fn image(
        &mut self,
        frame: &Video,
        orientation: Orientation,
    ) -> Result<Image, ReadFault> {
        if orientation.is_upright() {
            return packed(self.convert(frame)?);
        }
        if let Some(turned) = orientation.apply(frame)? {
            return packed(self.convert(&turned)?);
        }
        // Its pixels cannot be moved before they are converted.
        let converted = self.convert(frame)?;
        let turned = orientation.apply(&converted.frame)?;
        let turned = turned.ok_or_else(|| ReadFault::Ffmpeg("it cannot be turned".into()))?;
        packed(PooledFrame::alone(turned))
    }

    fn convert(&mut self, frame: &Video) -> Result<PooledFrame, ReadFault> {
        let layout = PixelLayout::of(frame).ok_or(ReadFault::Undecodable)?;
        let fits = |scaler: &&mut Scaler| scaler.source == layout;
        let scaler = match self.scaler.as_mut().filter(fits) {
            Some(scaler) => scaler,
            None => {
                let scaler = Scaler::new(layout, target(&layout)).ok_or_else(|| {
                    ReadFault::Ffmpeg(format!("the pixel format {} is not known", layout.name()))
                })?;
                self.scaler.insert(scaler)
            }
        };
        let mut converted = self.pool.take();
        scaler.run(frame, &mut converted.frame)?;
        Ok(converted)
    }
}

fn target(layout: &PixelLayout) -> PixelTarget {
    match layout.is_gray() {
        true => PixelTarget::Gray,
        false => PixelTarget::Bgr,
    }
}

/// The image in a converted frame, without a copy where its rows are packed.
fn packed(converted: PooledFrame) -> Result<Image, ReadFault> {
    let frame = &converted.frame;
    let layout = PixelLayout::of(frame).ok_or(ReadFault::Undecodable)?;
    let (width, height, channels) = (layout.width, layout.height, target(&layout).channels());
    let row = width as usize * usize::from(channels);
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
    let image = Image::new(width, height, channels, data);
    image.map_err(|error| ReadFault::Image(error.into()))
}

/// Frames that are used again once their image is dropped: fresh memory for each would cost about a tenth of
/// the decoding.
#[derive(Default)]
struct FramePool {
    free: Arc<Mutex<Vec<Video>>>,
}

impl FramePool {
    fn take(&self) -> PooledFrame {
        PooledFrame {
            frame: lock(&self.free).pop().unwrap_or_else(Video::empty),
            pool: Some(Arc::clone(&self.free)),
        }
    }
}

struct PooledFrame {
    frame: Video,
    pool: Option<Arc<Mutex<Vec<Video>>>>,
}

impl PooledFrame {
    /// A frame of no pool.
    fn alone(frame: Video) -> PooledFrame {
        PooledFrame { frame, pool: None }
    }
}

impl AsRef<[u8]> for PooledFrame {
    /// The bytes of a converted frame's only plane.
    fn as_ref(&self) -> &[u8] {
        self.frame.data(0)
    }
}

impl Drop for PooledFrame {
    fn drop(&mut self) {
        let Some(pool) = &self.pool else { return };
        let mut free = lock(pool);
        if free.len() < MAX_POOLED {
            free.push(std::mem::replace(&mut self.frame, Video::empty()));
        }
    }
}

fn lock(free: &Mutex<Vec<Video>>) -> MutexGuard<'_, Vec<Video>> {
    // Pushing and popping are complete before a panic could happen: the list is valid.
    free.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}
