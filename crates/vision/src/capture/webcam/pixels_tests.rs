use std::io::Write;
use std::process::{Command, Stdio};

use super::*;
use crate::PlanarImage;
use crate::capture::webcam::formats::code;
use crate::jpeg::JpegEncoder;

fn format(letters: &[u8; 4], size: (u32, u32)) -> StreamFormat {
    StreamFormat {
        code: code(*letters),
        size,
        stride: 0,
        colours: Colours::default(),
    }
}

/// Bytes without sharp edges, as pictures have them, that differ from row to row and from place to place.
fn picture(bytes: usize) -> Vec<u8> {
    let level = |at: usize| 20 + (at as f64 / 7.0).sin().mul_add(90.0, 90.0) as u8;
    (0..bytes).map(level).collect()
}

/// The same bytes as the program `ffmpeg` shows them.
fn shown(bytes: &[u8], pixels: &str, size: (u32, u32), filter: &str, to: &str) -> Vec<u8> {
    let sides = format!("{}x{}", size.0, size.1);
    let mut program = Command::new("ffmpeg")
        .args(["-v", "error", "-f", "rawvideo", "-video_size", &sides])
        .args(["-pix_fmt", pixels, "-i", "-", "-vf", filter])
        .args(["-f", "rawvideo", "-pix_fmt", to, "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    program.stdin.take().unwrap().write_all(bytes).unwrap();
    let output = program.wait_with_output().unwrap();
    assert!(output.status.success(), "{pixels}");
    output.stdout
}

fn read(format: &StreamFormat, form: PixelForm, bytes: &[u8]) -> FrameContent {
    let mut reader = PixelReader::new(format, form, false).unwrap();
    let first = reader.content(bytes).unwrap();
    // The reader is used again for each frame.
    assert_eq!(reader.content(bytes).unwrap(), first);
    first
}

fn pixels(format: &StreamFormat, bytes: &[u8]) -> Image {
    match read(format, PixelForm::Plain, bytes) {
        FrameContent::Pixels(image) => image,
        other => panic!("{other:?}"),
    }
}

fn frame_bytes(format: &StreamFormat) -> usize {
    let kind = PixelKind::of(format.code).unwrap();
    let planes = kind.planes(format.size, format.stride as usize).unwrap();
    planes.iter().map(Plane::end).max().unwrap()
}

/// V4L2's and FFmpeg's names of the same pixels.
const SAME: [(&[u8; 4], &str); 22] = [
    (b"YUYV", "yuyv422"),
    (b"UYVY", "uyvy422"),
    (b"YVYU", "yvyu422"),
    (b"NV12", "nv12"),
    (b"NV21", "nv21"),
    (b"YU12", "yuv420p"),
    (b"422P", "yuv422p"),
    (b"GREY", "gray"),
    (b"Y10 ", "gray10le"),
    (b"Y12 ", "gray12le"),
    (b"Y14 ", "gray14le"),
    (b"Y16 ", "gray16le"),
    (b"RGB3", "rgb24"),
    (b"BGR3", "bgr24"),
    (b"BGR4", "bgr0"),
    (b"XR24", "bgr0"),
    (b"RGB4", "0rgb"),
    (b"BA24", "0rgb"),
    (b"XB24", "rgb0"),
    (b"RX24", "0bgr"),
    (b"RGBP", "rgb565le"),
    (b"RGBR", "rgb565be"),
];

#[test]
fn every_format_is_what_ffmpeg_shows() {
    let size = (38, 22);
    for (letters, name) in SAME {
        let format = format(letters, size);
        let mut bytes = picture(frame_bytes(&format));
        let bits = name
            .strip_prefix("gray")
            .and_then(|bits| bits.get(..2)?.parse().ok());
        if let Some(bits @ 10..16_u8) = bits {
            // Samples have no more bits than their format says.
            let high = bytes.iter_mut().skip(1).step_by(2);
            high.for_each(|byte| *byte &= (1_u8 << (bits - 8)) - 1);
        }
        let image = pixels(&format, &bytes);
        let to = if image.channels == 1 { "gray" } else { "bgr24" };
        // The scaler's own default is the limited range, as that of V4L2 is.
        let expected = shown(&bytes, name, size, "null", to);
        assert!(image.data == expected, "{name}");
    }
}

#[test]
fn planes_with_red_first_are_exchanged() {
    let (one, other) = (format(b"YU12", (8, 4)), format(b"YV12", (8, 4)));
    let bytes = picture(48);
    let (luma, chroma) = bytes.split_at(32);
    let (blue, red) = chroma.split_at(8);
    let exchanged = [luma, red, blue].concat();
    assert_eq!(pixels(&one, &bytes), pixels(&other, &exchanged));
}

#[test]
fn more_than_8_bits_are_kept_where_they_are_wanted() {
    for (letters, bits) in [(b"Y10 ", 10), (b"Y12 ", 12), (b"Y14 ", 14), (b"Y16 ", 16)] {
        let most = (1_u32 << bits) - 1;
        let samples: Vec<u8> = (0..12_u32)
            .flat_map(|at| ((at * 997 % (most + 1)) as u16).to_le_bytes())
            .collect();
        let deep = match read(&format(letters, (4, 3)), PixelForm::Deep, &samples) {
            FrameContent::Deep(deep) => deep,
            other => panic!("{other:?}"),
        };
        assert_eq!((deep.significant_bits(), deep.channels()), (bits, 1));
        assert_eq!(deep.data()[..], samples[..]);
    }
}

#[test]
fn luma_and_chroma_go_to_a_jpeg_as_they_are() {
    let size = (38, 22);
    for (letters, name) in SAME.into_iter().take(7) {
        let full = StreamFormat {
            colours: Colours {
                range: 1,
                ..Colours::default()
            },
            ..format(letters, size)
        };
        let bytes = picture(frame_bytes(&full));
        let planes: PlanarImage = match read(&full, PixelForm::Planar, &bytes) {
            FrameContent::Planar(planes) => planes,
            other => panic!("{name}: {other:?}"),
        };
        let to = match planes.chroma() {
            crate::ChromaSampling::Quarter => "yuv420p",
            _ => "yuv422p",
        };
        let expected = shown(&bytes, name, size, "null", to);
        assert!(planes.data()[..] == expected[..], "{name}");
    }
}

#[test]
fn matrix_and_range_are_those_that_the_driver_names() {
    let size = (38, 22);
    let bytes = picture(38 * 22 * 2);
    for (space, encoding, range, filter) in [
        (8, 0, 0, "scale=in_color_matrix=bt601:in_range=tv"),
        (3, 0, 0, "scale=in_color_matrix=bt709:in_range=tv"),
        (8, 2, 1, "scale=in_color_matrix=bt709:in_range=pc"),
        (7, 0, 0, "scale=in_color_matrix=bt601:in_range=pc"),
        (10, 0, 2, "scale=in_color_matrix=bt2020:in_range=tv"),
        (2, 0, 0, "scale=in_color_matrix=smpte240m:in_range=tv"),
    ] {
        let colours = Colours {
            space,
            encoding,
            range,
        };
        let format = StreamFormat {
            colours,
            ..format(b"YUYV", size)
        };
        let expected = shown(&bytes, "yuyv422", size, filter, "bgr24");
        assert!(pixels(&format, &bytes).data == expected, "{colours:?}");
    }
}

#[test]
fn two_differences_side_by_side_are_those_of_two_planes() {
    let (one, other) = (format(b"422P", (8, 2)), format(b"NV16", (8, 2)));
    let bytes = picture(32);
    let (luma, chroma) = bytes.split_at(16);
    let (blue, red) = chroma.split_at(8);
    let pairs = blue.iter().zip(red).flat_map(|(blue, red)| [*blue, *red]);
    let interleaved: Vec<u8> = luma.iter().copied().chain(pairs).collect();
    for form in [PixelForm::Plain, PixelForm::Planar] {
        assert_eq!(read(&one, form, &bytes), read(&other, form, &interleaved));
    }
}

#[test]
fn levels_of_gray_stay_what_they_are() {
    let levels = [0, 16, 126, 235, 255, 40];
    for range in [0, 1, 2] {
        let gray = StreamFormat {
            colours: Colours {
                range,
                ..Colours::default()
            },
            ..format(b"GREY", (6, 1))
        };
        assert_eq!(pixels(&gray, &levels).data[..], levels);
    }
}

#[test]
fn each_mosaic_shows_its_colours() {
    // Each pixel of a colour has its level.
    const LEVELS: [u8; 3] = [200, 120, 40];
    for (letters, first, second) in [
        (b"BA81", [0, 1], [1, 2]),
        (b"GBRG", [1, 0], [2, 1]),
        (b"GRBG", [1, 2], [0, 1]),
        (b"RGGB", [2, 1], [1, 0]),
    ] {
        let row = |colours: [usize; 2]| (0..6).map(move |x| LEVELS[colours[x % 2]]);
        let bytes: Vec<u8> = (0..6)
            .flat_map(|y| row(if y % 2 == 0 { first } else { second }))
            .collect();
        let image = pixels(&format(letters, (6, 6)), &bytes);
        assert_eq!(image.channels, 3);
        assert!(
            image.data.chunks(3).all(|pixel| pixel == LEVELS),
            "{letters:?}"
        );
    }
}

#[test]
fn what_stands_between_rows_is_left_out() {
    let padded = |letters, size, stride| StreamFormat {
        stride,
        ..format(letters, size)
    };
    let image = pixels(&padded(b"GREY", (2, 2), 4), &[1, 2, 9, 9, 3, 4]);
    assert_eq!(image.data[..], [1, 2, 3, 4]);
    // Luma of 4 and 4 rows, then half of the stride for each difference.
    let tight: Vec<u8> = (0..24).map(|at| 40 + at * 5).collect();
    let mut wide = Vec::new();
    for (row, stride) in tight.chunks(4).take(4).zip([8; 4]) {
        wide.extend(row);
        wide.resize(wide.len() + stride - 4, 255);
    }
    for row in tight[16..].chunks(2) {
        wide.extend(row);
        wide.extend([255, 255]);
    }
    let found = pixels(&padded(b"YU12", (4, 4), 8), &wide);
    assert_eq!(found, pixels(&format(b"YU12", (4, 4)), &tight));
    // A driver that names a stride which its frames do not have.
    assert_eq!(found, pixels(&padded(b"YU12", (4, 4), 8), &tight));
}

#[test]
fn bytes_of_any_content_and_length_are_no_panic() {
    let sizes = [(1, 1), (3, 5), (64, 2), (65_535, 65_535)];
    let bytes = picture(4096);
    for (letters, _) in SAME
        .iter()
        .chain(&[(b"MJPG", ""), (b"BA81", ""), (b"YV12", "")])
    {
        for size in sizes {
            for (stride, form) in [
                (0, PixelForm::Plain),
                (7, PixelForm::Planar),
                (u32::MAX, PixelForm::Deep),
            ] {
                let format = StreamFormat {
                    stride,
                    ..format(letters, size)
                };
                let mut reader = PixelReader::new(&format, form, false).unwrap();
                for len in [0, 1, 15, 4096] {
                    if let Ok(content) = reader.content(&bytes[..len]) {
                        assert_eq!(content.shape().size, size);
                    }
                }
            }
        }
    }
    for size in [(0, 4), (4, 0), (65_536, 4), (u32::MAX, u32::MAX)] {
        assert!(PixelReader::new(&format(b"YUYV", size), PixelForm::Plain, false).is_none());
    }
    let unread = format(b"H264", (64, 48));
    assert!(PixelReader::new(&unread, PixelForm::Plain, false).is_none());
}

#[test]
fn a_cameras_jpeg_is_passed_on_or_decoded() {
    let image = Image::new(32, 16, 3, picture(32 * 16 * 3)).unwrap();
    let jpeg = JpegEncoder::new(80).unwrap().encode(&image).unwrap();
    let bytes = [&jpeg[..], &[0; 50]].concat();
    let format = format(b"MJPG", (32, 16));
    let mut own = PixelReader::new(&format, PixelForm::Planar, true).unwrap();
    match own.content(&bytes).unwrap() {
        FrameContent::Jpeg(found) => assert_eq!(found.data, jpeg),
        other => panic!("{other:?}"),
    }
    let decoded = CameraJpeg::from_camera(jpeg).unwrap().decode().unwrap();
    assert_eq!(pixels(&format, &bytes), decoded);
    let planes = read(&format, PixelForm::Planar, &bytes);
    assert!(matches!(planes, FrameContent::Planar(_)), "{planes:?}");
    for damaged in [&bytes[..200], &[], b"no picture"] {
        let fault = own.content(damaged).err().or_else(|| {
            let mut reader = PixelReader::new(&format, PixelForm::Plain, false).unwrap();
            reader.content(damaged).err()
        });
        assert!(matches!(fault, Some(ReadFault::Undecodable)), "{fault:?}");
    }
}
