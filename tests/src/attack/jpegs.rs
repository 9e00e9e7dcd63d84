//! JPEGs that are small and say that they are large.

use vision::Image;
use vision::jpeg::JpegEncoder;

/// A JPEG of a few hundred bytes whose header says `width` x `height`.
pub(super) fn bomb(width: u16, height: u16) -> Vec<u8> {
    let image = Image::new(16, 16, 3, vec![90; 16 * 16 * 3]).expect("an image");
    let mut encoder = JpegEncoder::new(80).expect("an encoder");
    let mut jpeg = encoder.encode(&image).expect("a JPEG").to_vec();
    // SOF0: marker, length (2), precision (1), height (2), width (2).
    let frame = jpeg.windows(2).position(|pair| pair == [0xFF, 0xC0]);
    let at = frame.expect("a frame header") + 5;
    jpeg[at..at + 2].copy_from_slice(&height.to_be_bytes());
    jpeg[at + 2..at + 4].copy_from_slice(&width.to_be_bytes());
    jpeg
}
