//! JPEG beside OpenCV, and against hostile input.

use vision::Image;
use vision::jpeg::{
    Color, JpegDecodeError, JpegDecoder, JpegEncodeError, JpegEncoder, JpegLimits, header,
};

/// Smooth colours with some texture: realistic for a codec, and no two places alike.
fn picture(width: u32, height: u32, channels: u8) -> Image {
    let mut pixels = Vec::new();
    for y in 0..height {
        for x in 0..width {
            let texture = ((x * 7) ^ (y * 13)) % 32;
            let sample = |scale: u32| ((x * scale + y * 2 + texture) % 256) as u8;
            let all = [sample(1), sample(2), sample(3), 255];
            pixels.extend_from_slice(&all[..usize::from(channels)]);
        }
    }
    Image::new(width, height, channels, pixels).unwrap()
}

fn encoded(image: &Image) -> Vec<u8> {
    JpegEncoder::new(80)
        .unwrap()
        .encode(image)
        .unwrap()
        .to_vec()
}

fn decode(jpeg: &[u8], want: Color) -> Result<Image, JpegDecodeError> {
    JpegDecoder::new()
        .unwrap()
        .decode(jpeg, want, &JpegLimits::default())
}

/// A number of 64 bits that other bytes hardly have (FNV-1a).
fn fingerprint(bytes: &[u8]) -> u64 {
    let add = |sum: u64, byte: &u8| (sum ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, add)
}

/// Width, height and channels of pictures, with fingerprints of what OpenCV 4.6 makes of them: the JPEG of
/// quality 80, and that decoded in colour and in gray.
const OPENCVS: [((u32, u32, u8), [u64; 3]); 4] = [
    (
        (640, 480, 1),
        [
            0xf83f_2749_b704_6db5,
            0x993b_ab7b_4524_7d62,
            0x29c6_b479_aeab_f29c,
        ],
    ),
    (
        (640, 480, 3),
        [
            0x63b1_efdd_0e08_8761,
            0x1da5_7a51_474e_2fd6,
            0xf62c_e11f_a8ae_111c,
        ],
    ),
    (
        (37, 53, 1),
        [
            0x6922_46c5_7b68_8453,
            0xc3a6_bda9_4591_a2aa,
            0xf95a_878f_4b17_3464,
        ],
    ),
    (
        (37, 53, 3),
        [
            0x67a5_f3ca_e9af_7834,
            0x2b80_8a1c_d597_6866,
            0x9bbe_adc8_d3bc_247c,
        ],
    ),
];

#[test]
fn bytes_and_pixels_equal_opencvs() {
    let found = OPENCVS.map(|(shape @ (width, height, channels), _)| {
        let jpeg = encoded(&picture(width, height, channels));
        let color = decode(&jpeg, Color::Bgr).unwrap();
        let gray = decode(&jpeg, Color::Gray).unwrap();
        assert_eq!(
            (color.width, color.height, color.channels),
            (width, height, 3)
        );
        assert_eq!((gray.width, gray.height, gray.channels), (width, height, 1));
        (
            shape,
            [&jpeg, &color.data[..], &gray.data[..]].map(fingerprint),
        )
    });
    assert_eq!(found, OPENCVS);
}

#[test]
fn alpha_is_dropped() {
    assert!(encoded(&picture(40, 30, 4)) == encoded(&picture(40, 30, 3)));
}

#[test]
fn the_header_tells_size_and_components() {
    for channels in [1, 3] {
        let found = header(&encoded(&picture(37, 53, channels))).unwrap();
        assert_eq!(
            (found.width, found.height, found.channels),
            (37, 53, channels)
        );
        assert!(!found.is_progressive);
    }
}

#[test]
fn an_encoder_and_a_decoder_serve_many_images() {
    let mut encoder = JpegEncoder::new(80).unwrap();
    let mut decoder = JpegDecoder::new().unwrap();
    let limits = JpegLimits::default();
    for round in 0..4 {
        for channels in [3, 1, 4] {
            let image = picture(64 + round, 48, channels);
            let jpeg = encoder.encode(&image).unwrap();
            assert!(jpeg == encoded(&image));
            let decoded = decoder.decode(&jpeg, Color::Gray, &limits).unwrap();
            assert_eq!(decoded.width, 64 + round);
            assert!(decoder.decode(&jpeg[..60], Color::Bgr, &limits).is_err());
        }
    }
}

#[test]
fn qualities_outside_the_scale_are_refused() {
    for quality in [0, 101, 255] {
        let refused = JpegEncoder::new(quality);
        assert!(matches!(refused, Err(JpegEncodeError::Quality(q)) if q == quality));
    }
    let image = picture(64, 64, 3);
    let size = |quality| {
        JpegEncoder::new(quality)
            .unwrap()
            .encode(&image)
            .unwrap()
            .len()
    };
    assert!(size(1) < size(50) && size(50) < size(100));
}

#[test]
fn an_image_that_contradicts_itself_is_refused() {
    let mut image = picture(64, 64, 3);
    image.height = 65;
    let refused = JpegEncoder::new(80).unwrap().encode(&image);
    assert!(matches!(refused, Err(JpegEncodeError::Shape(_))));
}

#[test]
fn every_truncation_is_an_error() {
    for channels in [1, 3] {
        let jpeg = encoded(&picture(160, 120, channels));
        for part in 0..16 {
            let cut = &jpeg[..jpeg.len() * part / 16];
            assert!(decode(cut, Color::Bgr).is_err(), "{part}/16");
            assert!(decode(cut, Color::Gray).is_err(), "{part}/16");
        }
    }
}

#[test]
fn a_missing_end_marker_is_added() {
    let jpeg = encoded(&picture(160, 120, 3));
    let without = jpeg.strip_suffix(&[0xFF, 0xD9]).unwrap();
    let repaired = decode(without, Color::Bgr).unwrap();
    assert!(repaired == decode(&jpeg, Color::Bgr).unwrap());
    // Real data is missing as well.
    assert!(decode(&without[..without.len() - 8], Color::Bgr).is_err());
}

#[test]
fn a_larger_picture_than_allowed_is_not_decoded() {
    let jpeg = encoded(&picture(160, 120, 3));
    let mut decoder = JpegDecoder::new().unwrap();
    for (max_width, max_height) in [(159, 120), (160, 119)] {
        let limits = JpegLimits {
            max_width,
            max_height,
        };
        let refused = decoder.decode(&jpeg, Color::Bgr, &limits);
        assert!(matches!(
            refused,
            Err(JpegDecodeError::TooLarge {
                width: 160,
                height: 120,
                ..
            })
        ));
    }
    let limits = JpegLimits {
        max_width: 160,
        max_height: 120,
    };
    assert!(decoder.decode(&jpeg, Color::Bgr, &limits).is_ok());
}

/// Offset of the height in the frame header (marker FF C0).
fn height_offset(jpeg: &[u8]) -> usize {
    let marker = jpeg
        .windows(2)
        .position(|pair| pair == [0xFF, 0xC0])
        .unwrap();
    marker + 5
}

#[test]
fn a_header_that_lies_about_the_size_is_an_error() {
    let jpeg = encoded(&picture(160, 120, 3));
    let at = height_offset(&jpeg);
    let claims: [(u16, u16); 5] = [
        (60_000, 60_000),
        (16_000, 16_000),
        (0, 160),
        (120, 0),
        (240, 160),
    ];
    for (height, width) in claims {
        let mut lie = jpeg.clone();
        lie[at..at + 2].copy_from_slice(&height.to_be_bytes());
        lie[at + 2..at + 4].copy_from_slice(&width.to_be_bytes());
        assert!(decode(&lie, Color::Bgr).is_err(), "{width}x{height}");
    }
}

#[test]
fn damage_never_passes_as_a_picture_of_another_size() {
    let jpeg = encoded(&picture(160, 120, 3));
    let mut errors = 0;
    for position in (0..jpeg.len()).step_by(7) {
        let mut damaged = jpeg.clone();
        damaged[position] ^= 0x5A;
        match decode(&damaged, Color::Bgr) {
            Ok(image) => assert_eq!(
                image.data.len(),
                image.width as usize * image.height as usize * 3
            ),
            Err(_) => errors += 1,
        }
    }
    assert!(errors > 0);
}

#[test]
fn random_bytes_are_an_error() {
    // xorshift: the same bytes in each run.
    let mut state = 0x9E37_79B9_7F4A_7C15u64;
    let mut byte = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    for length in [0, 1, 2, 3, 10, 100, 5000] {
        let mut bytes: Vec<u8> = (0..length).map(|_| byte()).collect();
        assert!(decode(&bytes, Color::Bgr).is_err());
        assert!(header(&bytes).is_err());
        if length >= 2 {
            bytes[..2].copy_from_slice(&[0xFF, 0xD8]);
            assert!(decode(&bytes, Color::Gray).is_err());
        }
    }
    let png = b"\x89PNG\r\n\x1a\n then something else";
    assert!(matches!(
        decode(png, Color::Bgr),
        Err(JpegDecodeError::Header { .. })
    ));
}
