//! What the fuzz target does with its input (`tests/fuzz`). The tests replay the committed inputs.

use std::io::Cursor;

use crate::capture::{self, container, signature};
use crate::jpeg::{Color, JpegDecoder, JpegLimits};

const LIMITS: JpegLimits = JpegLimits {
    max_width: 512,
    max_height: 512,
};

/// A JPEG from a peer: what decodes has the size of its header, within the limits.
pub fn jpeg(data: &[u8]) {
    let mut decoder = JpegDecoder::new().expect("the decoder starts");
    let header = decoder.header(data);
    if let Ok(Some(planes)) = decoder.decode_planar(data, &LIMITS) {
        let header = header.as_ref().expect("what decodes has a header");
        assert_eq!(planes.size(), (header.width, header.height));
    }
    for color in [Color::Bgr, Color::Gray] {
        let Ok(image) = decoder.decode(data, color, &LIMITS) else {
            continue;
        };
        let header = header.as_ref().expect("what decodes has a header");
        assert_eq!((image.width, image.height), (header.width, header.height));
        assert!(header.width <= LIMITS.max_width && header.height <= LIMITS.max_height);
    }
}

/// The structure of a video file from a peer: it is read from bytes of any content and length.
pub fn container(data: &[u8]) {
    let mut file = Cursor::new(data);
    signature::read_signature(&mut file).expect("reading memory does not fail");
    container::inspect(&mut file).expect("reading memory does not fail");
}

/// A frame of a GenICam camera.
pub fn camera_frame(data: &[u8]) {
    capture::genicam_fuzzing::frame(data);
}

#[cfg(test)]
mod tests {
    include!(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../tests/fuzz/replay.rs"
    ));

    #[test]
    fn jpegs_of_the_corpus() {
        replay("jpeg", super::jpeg);
    }

    #[test]
    fn camera_frames_of_the_corpus() {
        replay("camera_frame", super::camera_frame);
    }

    #[test]
    fn video_files_of_the_corpus() {
        replay("container", super::container);
    }
}
