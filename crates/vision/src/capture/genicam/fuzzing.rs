//! A frame of a camera whose header and bytes do not agree.

use super::pixels::content;
use crate::aravis::RawFrame;
use crate::aravis::format::PixelFormat;
use crate::capture::FrameContent;

/// Bytes before those of the frame: format, width, height, padding and form.
const HEADER: usize = 5;

/// What becomes an image has the size of the header. The first bytes choose one of the known formats, the sides,
/// the bytes after each row, and whether deep samples stay as they are; the rest are the frame.
pub(crate) fn frame(data: &[u8]) {
    let Some((&[format, width, height, padding, deep], pixels)) =
        data.split_first_chunk::<HEADER>()
    else {
        return;
    };
    let names: Vec<_> = PixelFormat::names().collect();
    let name = names[usize::from(format) % names.len()];
    let known = PixelFormat::by_name(name).expect("a listed format is known");
    let frame = RawFrame {
        format: known.code,
        width: width.into(),
        height: height.into(),
        padding: padding.into(),
        data: pixels,
    };
    let deep = deep % 2 == 1;
    let Ok(content) = content(&frame, deep) else {
        return;
    };
    let is_deep = deep && known.significant_bits() > 8;
    assert_eq!(matches!(content, FrameContent::Deep(_)), is_deep);
    let shape = content.shape();
    assert_eq!(shape.size, (frame.width, frame.height));
    assert_eq!(shape.channels, known.channels());
}
