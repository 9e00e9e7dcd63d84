//! The cameras of systems without V4L2, as far as OpenCV knows them.

use opencv::videoio::{
    CAP_ANY, CAP_PROP_FPS, CAP_PROP_FRAME_HEIGHT, CAP_PROP_FRAME_WIDTH, VideoCapture,
    VideoCaptureTraitConst,
};

use super::{Camera, Mode, Size};

/// Those that open.
pub(super) fn list() -> Vec<Camera> {
    const MAX_DEVICE_NUMBER: u32 = 8;
    let probe = |index: u32| {
        let capture = VideoCapture::new(index as i32, CAP_ANY).ok()?;
        capture.is_opened().ok().filter(|open| *open)?;
        let get = |property| capture.get(property).unwrap_or_default();
        let size = Size::Exactly(
            get(CAP_PROP_FRAME_WIDTH) as u32,
            get(CAP_PROP_FRAME_HEIGHT) as u32,
        );
        let fps = Some(get(CAP_PROP_FPS)).filter(|fps| *fps > 0.0);
        Some(Camera {
            index,
            name: format!("camera {index}"),
            path: None,
            bus: None,
            modes: vec![Mode {
                format: "present".to_owned(),
                size,
                rates: fps.into_iter().collect(),
            }],
            problem: None,
        })
    };
    // A system that gives no camera at one number may give one at the next.
    (0..MAX_DEVICE_NUMBER).filter_map(probe).collect()
}
