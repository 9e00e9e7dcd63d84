//! Pixels of many codecs, pixel formats and sizes against the `ffmpeg` program, byte for byte.

use std::path::Path;
use std::process::Command;

use super::common::{assert_as_ffmpeg, read_all};
use vision::capture::Source;

/// Codec and pixel format as options of `ffmpeg`, the container, and the frames' size.
const CASES: [(&str, &str, &str); 48] = [
    ("-c:v libx264 -pix_fmt yuv420p", "mp4", "192x128"),
    ("-c:v libx264 -pix_fmt yuv420p", "mp4", "190x126"),
    (
        "-c:v libx264 -pix_fmt yuv420p -x264-params keyint=5:bframes=3",
        "mkv",
        "320x180",
    ),
    ("-c:v libx264 -pix_fmt yuv422p", "mp4", "162x98"),
    ("-c:v libx264 -pix_fmt yuv444p", "mp4", "161x97"),
    ("-c:v libx264 -pix_fmt yuvj420p", "mp4", "160x96"),
    ("-c:v libx264 -pix_fmt yuv420p10le", "mp4", "160x96"),
    ("-c:v libx264 -pix_fmt yuv422p10le", "mkv", "160x96"),
    ("-c:v libx264 -pix_fmt gray", "mp4", "160x96"),
    ("-c:v libx264rgb -pix_fmt bgr24", "mkv", "160x96"),
    (
        "-c:v libx264 -pix_fmt yuv420p -flags +ildct+ilme",
        "mp4",
        "160x96",
    ),
    (
        "-c:v libx264 -pix_fmt yuv420p -colorspace bt709 -color_range tv",
        "mp4",
        "160x96",
    ),
    (
        "-c:v libx264 -pix_fmt yuv420p -colorspace bt709 -color_range pc",
        "mp4",
        "160x96",
    ),
    (
        "-c:v libx264 -pix_fmt yuv420p -colorspace smpte170m",
        "mp4",
        "160x96",
    ),
    (
        "-c:v libx264 -pix_fmt yuv420p10le -colorspace bt2020nc",
        "mp4",
        "160x96",
    ),
    (
        "-c:v libx264 -pix_fmt yuv444p -colorspace fcc",
        "mp4",
        "160x96",
    ),
    (
        "-c:v libx264 -pix_fmt yuv420p -colorspace smpte240m",
        "mp4",
        "160x96",
    ),
    (
        "-c:v libx265 -x265-params log-level=none -pix_fmt yuv420p",
        "mp4",
        "160x96",
    ),
    (
        "-c:v libx265 -x265-params log-level=none -pix_fmt yuv420p10le",
        "mp4",
        "162x98",
    ),
    (
        "-c:v libx265 -x265-params log-level=none -pix_fmt yuv444p12le",
        "mkv",
        "160x96",
    ),
    ("-c:v libvpx -b:v 1M", "webm", "161x97"),
    ("-c:v libvpx-vp9 -b:v 1M", "webm", "160x96"),
    (
        "-c:v libvpx-vp9 -pix_fmt yuv420p10le -profile:v 2",
        "webm",
        "160x96",
    ),
    ("-c:v libaom-av1 -cpu-used 8 -b:v 1M", "mp4", "160x96"),
    ("-c:v libsvtav1 -preset 12", "mkv", "160x96"),
    ("-c:v mjpeg -q:v 2 -pix_fmt yuvj420p", "avi", "161x97"),
    ("-c:v mjpeg -q:v 2 -pix_fmt yuvj422p", "avi", "160x96"),
    ("-c:v mjpeg -q:v 2 -pix_fmt yuvj444p", "mov", "160x96"),
    ("-c:v mpeg4 -q:v 2", "avi", "160x96"),
    ("-c:v mpeg4 -q:v 2 -bf 2", "mp4", "160x96"),
    ("-c:v mpeg2video -q:v 2", "ts", "160x96"),
    ("-c:v mpeg2video -q:v 2 -pix_fmt yuv422p", "mpg", "160x96"),
    ("-c:v mpeg1video -q:v 2", "mpg", "160x96"),
    ("-c:v ffv1 -pix_fmt yuv420p", "mkv", "161x97"),
    ("-c:v ffv1 -pix_fmt bgr0", "mkv", "161x97"),
    ("-c:v ffv1 -pix_fmt gray", "mkv", "161x97"),
    ("-c:v ffv1 -pix_fmt gray16le", "mkv", "161x97"),
    ("-c:v ffv1 -pix_fmt gbrp12le", "mkv", "160x96"),
    ("-c:v ffv1 -pix_fmt yuva420p", "mkv", "160x96"),
    ("-c:v ffv1 -pix_fmt yuv411p", "mkv", "160x96"),
    ("-c:v huffyuv -pix_fmt yuv422p", "avi", "160x96"),
    ("-c:v utvideo -pix_fmt gbrp", "avi", "160x96"),
    ("-c:v prores_ks -pix_fmt yuv422p10le", "mov", "160x96"),
    ("-c:v dnxhd -b:v 60M -pix_fmt yuv422p", "mov", "1280x720"),
    ("-c:v rawvideo -pix_fmt bgr24", "avi", "161x97"),
    ("-c:v rawvideo -pix_fmt uyvy422", "mov", "160x96"),
    ("-c:v png -pix_fmt rgb48be", "mov", "160x96"),
    ("-c:v qtrle -pix_fmt rgb24", "mov", "160x96"),
];

fn ffmpeg(arguments: &[&str], output: &Path) -> bool {
    let status = Command::new("ffmpeg")
        .args(["-v", "error", "-y"])
        .args(arguments)
        .arg(output)
        .status();
    status.expect("these tests need ffmpeg").success()
}

/// Five frames of a moving test picture in full colour.
pub(super) fn encode(options: &str, size: &str, output: &Path) {
    let source = format!("testsrc2=size={size}:rate=25:duration=0.2");
    let options = options.split(' ').collect::<Vec<_>>();
    let arguments = [&["-f", "lavfi", "-i", &source], &options[..]].concat();
    assert!(ffmpeg(&arguments, output), "{options:?} {size}");
}

fn encoders() -> String {
    let output = Command::new("ffmpeg")
        .args(["-v", "quiet", "-encoders"])
        .output();
    String::from_utf8(output.unwrap().stdout).unwrap()
}

fn check(path: &Path, frames: usize) {
    let images = read_all(Source::File(path.to_str().unwrap().to_owned()));
    let images = images.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    assert_eq!(images.len(), frames, "{}", path.display());
    assert_as_ffmpeg(path, &images);
}

#[test]
fn codecs_formats_and_sizes_are_equal_to_the_ffmpeg_programs() {
    let folder = tempfile::tempdir().unwrap();
    let encoders = encoders();
    let mut checked = 0;
    for (index, (options, container, size)) in CASES.into_iter().enumerate() {
        let codec = options.split(' ').nth(1).unwrap();
        if !encoders.contains(&format!(" {codec} ")) {
            println!("this ffmpeg has no encoder {codec}");
            continue;
        }
        let name = format!(
            "{index} {} {size}.{container}",
            options.replace(['/', ':'], "_")
        );
        let path = folder.path().join(name);
        encode(options, size, &path);
        check(&path, 5);
        checked += 1;
    }
    assert!(
        checked >= 40,
        "only {checked} of {} were checked",
        CASES.len()
    );
}

/// A copy of `path` whose first track has this display matrix in its header.
fn with_matrix(path: &Path, name: &str, matrix: [i32; 4]) -> std::path::PathBuf {
    let mut bytes = std::fs::read(path).unwrap();
    let at = bytes.windows(4).position(|it| it == b"tkhd").unwrap();
    // Version 0: 4 bytes of version and flags, and 36 of times, identifiers, layer and volume.
    let start = at + 4 + 40;
    let [a, b, c, d] = matrix.map(|part| part << 16);
    let matrix = [a, b, 0, c, d, 0, 0, 0, 1 << 30];
    for (index, part) in matrix.into_iter().enumerate() {
        bytes[start + 4 * index..][..4].copy_from_slice(&part.to_be_bytes());
    }
    let turned = path.with_file_name(name);
    std::fs::write(&turned, bytes).unwrap();
    turned
}

#[test]
fn turned_videos_are_equal_to_the_ffmpeg_programs() {
    let folder = tempfile::tempdir().unwrap();
    for (name, options, size) in [
        ("8", "-c:v libx264 -pix_fmt yuv420p", "192x128"),
        ("odd", "-c:v libx264 -pix_fmt yuv444p", "161x97"),
        ("10", "-c:v libx264 -pix_fmt yuv420p10le", "160x98"),
        ("gray", "-c:v libx264 -pix_fmt gray", "160x96"),
    ] {
        let path = folder.path().join(format!("{name}.mp4"));
        encode(options, size, &path);
        let turns = [[0, 1, -1, 0], [-1, 0, 0, -1], [0, -1, 1, 0], [1, 0, 0, 1]];
        for (index, matrix) in turns.into_iter().enumerate() {
            check(
                &with_matrix(&path, &format!("{name}_{index}.mp4"), matrix),
                5,
            );
        }
    }
}

#[test]
fn mirrored_videos_are_mirrored() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.mp4");
    encode("-c:v libx264 -pix_fmt yuv444p", "160x96", &path);
    let read = |path: &Path| read_all(Source::File(path.to_str().unwrap().to_owned())).unwrap();
    let upright = &read(&path)[0];
    let pixel = |image: &vision::Image, x: usize, y: usize| {
        let at = y * image.row_bytes() + 3 * x;
        image.data[at..at + 3].to_vec()
    };
    // Where the pixel at (10, 20) is shown.
    for (name, matrix, (x, y)) in [
        ("x.mp4", [-1, 0, 0, 1], (149, 20)),
        ("y.mp4", [1, 0, 0, -1], (10, 75)),
        ("transposed.mp4", [0, 1, 1, 0], (20, 10)),
        ("both.mp4", [0, -1, -1, 0], (75, 149)),
    ] {
        let shown = &read(&with_matrix(&path, name, matrix))[0];
        assert_eq!(pixel(shown, x, y), pixel(upright, 10, 20), "{name}");
    }
}

#[test]
fn formats_whose_pixels_cannot_be_moved_are_turned_after_their_conversion() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.mov");
    encode("-c:v libx264 -pix_fmt yuv422p", "160x96", &path);
    let read = |path: &Path| read_all(Source::File(path.to_str().unwrap().to_owned())).unwrap();
    let upright = &read(&path)[0];
    let turned = &read(&with_matrix(&path, "turned.mov", [0, 1, -1, 0]))[0];
    assert_eq!((turned.width, turned.height), (96, 160));
    // (10, 20) is 20 from the right, 10 from the top.
    let at = 10 * turned.row_bytes() + 3 * (96 - 1 - 20);
    let from = 20 * upright.row_bytes() + 3 * 10;
    assert_eq!(turned.data[at..at + 3], upright.data[from..from + 3]);
}

#[test]
fn a_change_of_size_and_format_is_followed() {
    let folder = tempfile::tempdir().unwrap();
    let mut joined = Vec::new();
    for (index, (options, size)) in [
        ("-c:v mjpeg -q:v 2 -pix_fmt yuvj422p", "160x96"),
        ("-c:v mjpeg -q:v 2 -pix_fmt yuvj420p", "96x64"),
        ("-c:v mjpeg -q:v 2 -pix_fmt yuvj444p", "333x201"),
    ]
    .into_iter()
    .enumerate()
    {
        let path = folder.path().join(format!("{index}.mjpeg"));
        encode(options, size, &path);
        joined.extend(std::fs::read(path).unwrap());
    }
    let path = folder.path().join("joined.mjpeg");
    std::fs::write(&path, joined).unwrap();
    check(&path, 15);
}
