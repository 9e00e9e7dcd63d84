//! What a camera is asked for before it delivers.

use opencv::videoio::{
    CAP_PROP_CONVERT_RGB, CAP_PROP_FOURCC, CAP_PROP_FPS, CAP_PROP_FRAME_HEIGHT,
    CAP_PROP_FRAME_WIDTH, VideoCapture, VideoCaptureTrait, VideoCaptureTraitConst, VideoWriter,
};

use super::WebcamConfig;

/// The format that is asked for where none is named: at full size, uncompressed frames rarely fit
/// through USB. V4L2's name for a camera's JPEGs.
pub(super) const MJPG: &str = "MJPG";

/// Asks for a format, a size and a rate.
///
/// A driver may accept everything and do something else, so what it chose is read back. Returns the
/// format's name.
pub(super) fn configure(
    capture: &mut VideoCapture,
    asked: &WebcamConfig,
    fps: Option<f64>,
) -> opencv::Result<String> {
    let wanted = asked.format.as_deref().unwrap_or(MJPG);
    let [a, b, c, d] = letters(wanted);
    capture.set(CAP_PROP_FOURCC, f64::from(VideoWriter::fourcc(a, b, c, d)?))?;
    let size = asked.size;
    if let Some((width, height)) = size {
        // They take effect together, once both are there.
        capture.set(CAP_PROP_FRAME_WIDTH, f64::from(width))?;
        capture.set(CAP_PROP_FRAME_HEIGHT, f64::from(height))?;
    }
    if let Some(fps) = fps {
        capture.set(CAP_PROP_FPS, fps)?;
    }
    if asked.jpeg {
        capture.set(CAP_PROP_CONVERT_RGB, 0.0)?;
    }
    let width = capture.get(CAP_PROP_FRAME_WIDTH)? as u32;
    let height = capture.get(CAP_PROP_FRAME_HEIGHT)? as u32;
    let format = fourcc_name(capture.get(CAP_PROP_FOURCC)?);
    tracing::info!(width, height, %format, fps = rate(capture), "webcam configured");
    if size.is_some_and(|size| size != (width, height)) {
        tracing::warn!(asked = ?size, width, height, "the webcam chose another size");
    }
    Ok(format)
}

/// The letters of a format's name; short names end in spaces (`Y16 `).
fn letters(name: &str) -> [char; 4] {
    let mut letters = name.chars().chain(std::iter::repeat(' '));
    std::array::from_fn(|_| letters.next().unwrap_or(' '))
}

pub(super) fn rate(capture: &VideoCapture) -> Option<f64> {
    let fps = capture.get(CAP_PROP_FPS).ok()?;
    (fps.is_finite() && fps > 0.0 && fps <= 1000.0).then_some(fps)
}

fn fourcc_name(code: f64) -> String {
    let printable = |byte: &u8| byte.is_ascii_graphic() || *byte == b' ';
    let bytes = (code as i64 as u32).to_le_bytes();
    if bytes.iter().all(printable) {
        return String::from_utf8_lossy(&bytes).trim_end().to_owned();
    }
    "unknown".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_named_by_their_letters() {
        let mjpg = f64::from(u32::from_le_bytes(*b"MJPG"));
        assert_eq!(fourcc_name(mjpg), "MJPG");
        let short = f64::from(u32::from_le_bytes(*b"Y16 "));
        assert_eq!(fourcc_name(short), "Y16");
        assert_eq!(letters("Y16"), ['Y', '1', '6', ' ']);
        for odd in [0.0, -1.0, f64::NAN, 1e300] {
            assert_eq!(fourcc_name(odd), "unknown");
        }
    }
}
