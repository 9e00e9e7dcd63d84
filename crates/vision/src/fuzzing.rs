//! What the fuzz target does with its input (`tests/fuzz`). The tests replay the committed inputs.

use crate::jpeg::{Color, Decoder, Limits};

const LIMITS: Limits = Limits {
    max_width: 512,
    max_height: 512,
};

/// A JPEG from a peer: what decodes has the size that its header says, within the limits.
pub fn jpeg(data: &[u8]) {
    let mut decoder = Decoder::new().expect("the decoder starts");
    let header = decoder.header(data);
    for color in [Color::Bgr, Color::Gray] {
        let Ok(image) = decoder.decode(data, color, &LIMITS) else {
            continue;
        };
        let header = header.as_ref().expect("what decodes has a header");
        assert_eq!((image.width, image.height), (header.width, header.height));
        assert!(header.width <= LIMITS.max_width && header.height <= LIMITS.max_height);
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    #[test]
    fn jpegs_of_the_corpus() {
        let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fuzz/corpus/jpeg");
        let inputs: Vec<_> = std::fs::read_dir(corpus).unwrap().collect();
        assert!(!inputs.is_empty());
        for input in inputs {
            super::jpeg(&std::fs::read(input.unwrap().path()).unwrap());
        }
    }
}
