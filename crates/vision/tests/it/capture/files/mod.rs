//! Reading files: which frames come, and which errors when they do not.

mod ends;
mod pictures;
mod reading;
mod refused;
mod running;

use std::fs;
use std::net::TcpListener;
use std::ops::ControlFlow;
use std::sync::mpsc;

use super::common::{H264, HEIGHT, WIDTH, barcode, file, number, read, video};
use vision::capture::{
    Capture, CaptureEnd, CaptureSummary, Config, FrameSelection, OpenError, ReadError, Source,
};

fn ids(text: &str, sample_rate: u32, max_frames: Option<u64>, path: &std::path::Path) -> Vec<u64> {
    let mut config = file(path);
    if !text.is_empty() {
        config.selection = text.parse().unwrap();
    }
    config.selection.sample_rate = sample_rate;
    config.selection.max_frames = max_frames;
    let announced = Capture::open(config.clone()).unwrap().info().frames_to_send;
    let (frames, summary) = read(config);
    assert_eq!(announced, Some(frames.len() as u64));
    assert_eq!(summary.unwrap().frames, frames.len() as u64);
    for frame in &frames {
        assert_eq!(number(frame.pixels().unwrap()), frame.frame_id % 256);
    }
    frames.iter().map(|frame| frame.frame_id).collect()
}

fn open_error(path: &str) -> OpenError {
    let config = Config {
        source: Source::File(path.to_owned()),
        selection: FrameSelection::default(),
        fps: None,
        real_time: false,
        options: Default::default(),
    };
    Capture::open(config).unwrap_err()
}

fn images(files: Vec<std::path::PathBuf>) -> Config {
    let source = Source::Images {
        name: "some images".to_owned(),
        files,
    };
    Config {
        source,
        selection: FrameSelection::default(),
        fps: None,
        real_time: false,
        options: Default::default(),
    }
}
