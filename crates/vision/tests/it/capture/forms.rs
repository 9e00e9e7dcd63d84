//! Frames as planes, and of more than 8 bits, against the `ffmpeg` program.

use std::path::Path;
use std::process::Command;

use super::common::{file, read};
use super::pixels::encode;
use vision::capture::{Capture, Config, FrameContent, PixelForm, SourceOptions};
use vision::{ChromaSampling, Image};

fn in_form(path: &Path, pixels: PixelForm) -> Config {
    Config {
        options: SourceOptions {
            pixels,
            ..SourceOptions::default()
        },
        ..file(path)
    }
}

fn contents(path: &Path, pixels: PixelForm) -> Vec<FrameContent> {
    let (frames, result) = read(in_form(path, pixels));
    result.unwrap();
    frames.into_iter().map(|frame| frame.content).collect()
}

/// All frames in a pixel format, as the `ffmpeg` program gives them.
fn by_ffmpeg(path: &Path, format: &str) -> Vec<u8> {
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error", "-i"]).arg(path);
    command.args(["-f", "rawvideo", "-pix_fmt", format, "-"]);
    let output = command.output().expect("these tests need ffmpeg");
    assert!(output.status.success());
    output.stdout
}

#[test]
fn frames_of_more_than_8_bits_are_equal_to_the_ffmpeg_programs() {
    let folder = tempfile::tempdir().unwrap();
    for (options, container, channels, bits, format) in [
        ("-c:v libx264 -pix_fmt yuv420p10le", "mp4", 3, 16, "bgr48le"),
        ("-c:v libx264 -pix_fmt yuv422p10le", "mkv", 3, 16, "bgr48le"),
        ("-c:v ffv1 -pix_fmt gbrp12le", "mkv", 3, 16, "bgr48le"),
        ("-c:v png -pix_fmt rgb48be", "mov", 3, 16, "bgr48le"),
        ("-c:v ffv1 -pix_fmt gray16le", "mkv", 1, 16, "gray16le"),
        ("-c:v ffv1 -pix_fmt gray12le", "mkv", 1, 12, "gray12le"),
        ("-c:v ffv1 -pix_fmt gray10le", "mkv", 1, 10, "gray10le"),
    ] {
        let path = folder.path().join(format!("{format}{bits}.{container}"));
        let options_of_source = format!("{options} -color_range pc");
        let is_gray = channels == 1;
        encode(
            if is_gray { &options_of_source } else { options },
            "161x97",
            &path,
        );
        let capture = Capture::open(in_form(&path, PixelForm::Deep)).unwrap();
        let depth = capture.info().significant_bits;
        assert!(
            depth.is_some_and(|depth| depth <= bits && depth > 8),
            "{options}"
        );
        drop(capture);
        let mut samples = Vec::new();
        for content in contents(&path, PixelForm::Deep) {
            let FrameContent::Deep(deep) = content else {
                panic!("{options}: {content:?}");
            };
            assert_eq!((deep.channels(), deep.significant_bits()), (channels, bits));
            samples.extend_from_slice(deep.data());
        }
        assert!(samples == by_ffmpeg(&path, format), "{options}");
        let plain = contents(&path, PixelForm::Plain);
        assert!(plain.iter().all(|it| matches!(it, FrameContent::Pixels(_))));
    }
}

#[test]
fn frames_of_8_bits_are_the_same_in_every_depth() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.mp4");
    encode("-c:v libx264 -pix_fmt yuv420p", "160x96", &path);
    let images = |form| {
        let of = |content| match content {
            FrameContent::Pixels(image) => image,
            other => panic!("{other:?}"),
        };
        contents(&path, form)
            .into_iter()
            .map(of)
            .collect::<Vec<_>>()
    };
    assert!(images(PixelForm::Deep) == images(PixelForm::Plain));
}

/// The mean of each block of 8x8 pixels, all channels.
fn block_means(width: usize, height: usize, bgr: &[u8]) -> Vec<f64> {
    let mut means = Vec::new();
    for top in (0..height - 7).step_by(8) {
        for left in (0..width - 7).step_by(8) {
            for channel in 0..3 {
                let value = |n: usize| bgr[((top + n / 8) * width + left + n % 8) * 3 + channel];
                means.push((0..64).map(|n| f64::from(value(n))).sum::<f64>() / 64.0);
            }
        }
    }
    means
}

/// How far blocks of a frame are from those that the `ffmpeg` program shows: the mean and 99% of them, levels.
fn distance(image: &Image, expected: &[u8]) -> (f64, f64) {
    let (width, height) = (image.width as usize, image.height as usize);
    let (found, expected) = (
        block_means(width, height, &image.data),
        block_means(width, height, expected),
    );
    let mut off: Vec<f64> = found
        .iter()
        .zip(&expected)
        .map(|(a, b)| (a - b).abs())
        .collect();
    off.sort_by(f64::total_cmp);
    let mean = off.iter().sum::<f64>() / off.len() as f64;
    (mean, off[off.len() * 99 / 100])
}

#[test]
fn planes_have_the_colours_that_the_ffmpeg_program_shows() {
    let folder = tempfile::tempdir().unwrap();
    for (index, (options, container, chroma)) in [
        (
            "-c:v libx264 -pix_fmt yuv420p",
            "mp4",
            ChromaSampling::Quarter,
        ),
        (
            "-c:v libx264 -pix_fmt yuv420p -colorspace bt709 -color_range tv",
            "mp4",
            ChromaSampling::Quarter,
        ),
        (
            "-c:v libx264 -pix_fmt yuv420p -colorspace bt709 -color_range pc",
            "mp4",
            ChromaSampling::Quarter,
        ),
        (
            "-c:v libx264 -pix_fmt yuv420p -colorspace bt2020nc",
            "mp4",
            ChromaSampling::Quarter,
        ),
        (
            "-c:v libx264 -pix_fmt yuv422p -colorspace bt709",
            "mp4",
            ChromaSampling::Half,
        ),
        (
            "-c:v libx264 -pix_fmt yuv444p -colorspace smpte240m",
            "mp4",
            ChromaSampling::Full,
        ),
        (
            "-c:v libx264 -pix_fmt yuv444p -colorspace fcc",
            "mp4",
            ChromaSampling::Full,
        ),
        (
            "-c:v mjpeg -q:v 2 -pix_fmt yuvj420p",
            "avi",
            ChromaSampling::Quarter,
        ),
        (
            "-c:v mjpeg -q:v 2 -pix_fmt yuvj422p",
            "avi",
            ChromaSampling::Half,
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let path = folder.path().join(format!("{index}.{container}"));
        encode(options, "161x97", &path);
        let expected = by_ffmpeg(&path, "bgr24");
        let found = contents(&path, PixelForm::Planar);
        assert_eq!(found.len(), 5, "{options}");
        // Some encoders leave out the last column and row.
        for (content, expected) in found.iter().zip(expected.chunks_exact(expected.len() / 5)) {
            let FrameContent::Planar(planar) = content else {
                panic!("{options}: {content:?}");
            };
            let (width, height) = planar.size();
            assert_eq!(expected.len() as u32, width * height * 3);
            assert_eq!(planar.chroma(), chroma);
            let (mean, most) = distance(&planar.to_bgr(), expected);
            // Colours beyond what a JPEG's matrix holds are cut; the rest is rounding and where chroma lies.
            assert!(mean < 1.5 && most < 12.0, "{options}: {mean} {most}");
        }
    }
}

#[test]
fn frames_without_such_planes_come_as_pixels() {
    let folder = tempfile::tempdir().unwrap();
    for (options, container) in [
        ("-c:v libx264 -pix_fmt yuv420p10le", "mp4"),
        ("-c:v ffv1 -pix_fmt gray", "mkv"),
        ("-c:v libx264rgb -pix_fmt bgr24", "mkv"),
        ("-c:v ffv1 -pix_fmt yuv411p", "mkv"),
    ] {
        let path = folder.path().join(format!("a.{container}"));
        encode(options, "160x96", &path);
        let found = contents(&path, PixelForm::Planar);
        let plain = contents(&path, PixelForm::Plain);
        assert!(found == plain, "{options}");
    }
}
