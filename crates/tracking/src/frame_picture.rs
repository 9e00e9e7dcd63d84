//! The picture of a frame, where a tracker looks at it.

use flow::Pyramid;

/// The picture that detections were found in.
#[derive(Debug)]
pub struct FramePicture {
    /// Made with the options of [`TrackerOptions::flow`](crate::TrackerOptions::flow). As many channels as the
    /// video has: sleap-nn looks at colours where there are any.
    pub pyramid: Pyramid,
    /// From the pixels of the detections' points to those of the picture, x and y.
    pub scale: [f64; 2],
}

impl FramePicture {
    /// A picture whose pixels are those of the points.
    pub fn new(pyramid: Pyramid) -> Self {
        Self {
            pyramid,
            scale: [1.0; 2],
        }
    }
}
