//! Videos whose frames carry their own number, made by `ffmpeg`.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use std::ops::ControlFlow;
use vision::Image;
use vision::capture::{
    Capture, CaptureSummary, CapturedFrame, Config, FrameSelection, ReadError, Source,
};

pub(crate) const WIDTH: u32 = 128;
pub(crate) const HEIGHT: u32 = 64;
const BITS: u32 = 8;

/// The number `index` as eight black or white bars: any codec leaves it readable.
pub(crate) fn barcode(index: u64) -> Vec<u8> {
    let row = (0..WIDTH).flat_map(|x| {
        let bit = x / (WIDTH / BITS);
        let shade = if index >> bit & 1 == 1 { 235 } else { 16 };
        [shade; 3]
    });
    let row: Vec<u8> = row.collect();
    row.repeat(HEIGHT as usize)
}

/// The number in a frame.
pub(crate) fn number(image: &Image) -> u64 {
    let channels = usize::from(image.channels);
    let middle = image.row_bytes() * (image.height as usize / 2);
    let bar = image.width as usize / BITS as usize;
    (0..BITS as usize)
        .map(|bit| {
            let at = middle + (bit * bar + bar / 2) * channels;
            u64::from(image.data[at] > 128) << bit
        })
        .sum()
}

/// Encodes `frames` numbered frames at 25 per second; `options` choose the codec.
pub(crate) fn video(path: &Path, frames: u64, options: &[&str]) {
    let size = format!("{WIDTH}x{HEIGHT}");
    let input = [
        "-f", "rawvideo", "-pix_fmt", "bgr24", "-s", &size, "-r", "25", "-i", "-",
    ];
    let mut ffmpeg = Command::new("ffmpeg")
        .args(["-v", "error", "-y"])
        .args(input)
        .args(options)
        .arg(path)
        .stdin(Stdio::piped())
        .spawn()
        .expect("these tests need ffmpeg");
    let mut pipe = ffmpeg.stdin.take().unwrap();
    for index in 0..frames {
        pipe.write_all(&barcode(index)).unwrap();
    }
    drop(pipe);
    assert!(ffmpeg.wait().unwrap().success());
}

/// H.264 with its index in front, so that a cut file still opens.
pub(crate) const H264: &[&str] = &[
    "-c:v",
    "libx264",
    "-pix_fmt",
    "yuv420p",
    "-g",
    "10",
    "-movflags",
    "+faststart",
];

pub(crate) fn file(path: &Path) -> Config {
    Config {
        source: Source::File(path.to_str().unwrap().to_owned()),
        selection: FrameSelection::default(),
        fps: None,
        real_time: false,
        options: Default::default(),
    }
}

/// Reads all that is selected; the ids and the frames.
pub(crate) fn read(config: Config) -> (Vec<CapturedFrame>, Result<CaptureSummary, ReadError>) {
    let frames = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&frames);
    let running = Capture::open(config).unwrap().start(move |frame| {
        sink.lock().unwrap().push(frame);
        ControlFlow::Continue(())
    });
    let result = running.join();
    let frames = std::mem::take(&mut *frames.lock().unwrap());
    (frames, result)
}

/// The images of all frames, or why there are none or not all.
pub(crate) fn read_all(source: Source) -> Result<Vec<Image>, String> {
    let config = Config {
        source,
        selection: FrameSelection::default(),
        fps: None,
        real_time: false,
        options: Default::default(),
    };
    let images = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&images);
    let capture = Capture::open(config).map_err(|error| error.to_string())?;
    let running = capture.start(move |frame| {
        sink.lock().unwrap().extend(frame.pixels().cloned());
        ControlFlow::Continue(())
    });
    running.join().map_err(|error| error.to_string())?;
    let images = std::mem::take(&mut *images.lock().unwrap());
    Ok(images)
}

/// Asserts that the images are those that the `ffmpeg` program makes of the file, in every byte.
pub(crate) fn assert_as_ffmpeg(path: &Path, images: &[Image]) {
    let format = match images.first().map(|image| image.channels) {
        Some(1) => "gray",
        _ => "bgr24",
    };
    let output = Command::new("ffmpeg")
        .args(["-v", "quiet", "-i"])
        .arg(path)
        .args([
            "-autoscale",
            "0",
            "-fps_mode",
            "passthrough",
            "-f",
            "rawvideo",
            "-pix_fmt",
            format,
            "-",
        ])
        .output()
        .unwrap();
    let mut expected = &output.stdout[..];
    for (index, image) in images.iter().enumerate() {
        let length = image.data.len().min(expected.len());
        let (frame, rest) = expected.split_at(length);
        let differ = frame.iter().zip(&image.data).filter(|(a, b)| a != b);
        let most = frame
            .iter()
            .zip(&image.data)
            .map(|(a, b)| a.abs_diff(*b))
            .max();
        assert!(
            frame.len() == image.data.len() && *frame == image.data[..],
            "{}: frame {index}, {image:?}: {} bytes differ by up to {most:?}, {} are there",
            path.display(),
            differ.count(),
            frame.len(),
        );
        expected = rest;
    }
    assert!(
        expected.is_empty(),
        "{}: {} bytes more",
        path.display(),
        expected.len()
    );
}

/// The number that a field case shows as twelve bars, the lowest bit on the left.
pub(crate) fn bars(image: &Image) -> u64 {
    let channels = usize::from(image.channels);
    let middle = image.row_bytes() * (image.height as usize / 2);
    let bit = |bit: usize| {
        let x = (2 * bit + 1) * image.width as usize / 24;
        u64::from(image.data[middle + x * channels] > 128) << bit
    };
    (0..12).map(bit).sum()
}
