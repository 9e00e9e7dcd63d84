//! The test pattern as a source.

use std::ops::ControlFlow;
use std::sync::mpsc;

use super::common::read;
use vision::capture::{
    Capture, CaptureEnd, CaptureSummary, Config, FrameSelection, OpenError, Source,
};
use vision::synthetic;

fn pattern(frames: Option<u64>) -> synthetic::Config {
    synthetic::Config {
        width: 64,
        height: 48,
        frames,
        ..synthetic::Config::default()
    }
}

fn config(frames: Option<u64>) -> Config {
    Config {
        source: Source::TestPattern(pattern(frames)),
        selection: FrameSelection::default(),
        fps: None,
        real_time: false,
        options: Default::default(),
    }
}

#[test]
fn a_limited_pattern_is_read_as_a_file_is() {
    let capture = Capture::open(config(Some(7))).unwrap();
    let info = capture.info().clone();
    drop(capture);
    assert_eq!((info.width, info.height, info.is_live), (64, 48, false));
    assert_eq!((info.total_frames, info.frames_to_send), (Some(7), Some(7)));
    let (frames, summary) = read(config(Some(7)));
    let expected = CaptureSummary {
        frames: 7,
        read: 7,
        undecodable: 0,
        stale: 0,
        lost: 0,
        end: CaptureEnd::EndOfSource,
    };
    assert_eq!(summary.unwrap(), expected);
    for (index, frame) in (0..).zip(frames) {
        assert_eq!(frame.frame_id, index);
        assert!(frame.pixels() == Some(&synthetic::render(&pattern(Some(7)), index).0));
    }
}

#[test]
fn selected_frames_are_those_of_their_number() {
    let mut config = config(Some(100));
    config.selection = "10-12,50".parse().unwrap();
    let (frames, summary) = read(config.clone());
    assert_eq!(summary.unwrap().end, CaptureEnd::Selected);
    let ids: Vec<u64> = frames.iter().map(|frame| frame.frame_id).collect();
    assert_eq!(ids, [10, 11, 12, 50]);
    let expected = synthetic::render(&pattern(Some(100)), 50).0;
    assert!(frames[3].pixels() == Some(&expected));
    config.selection = "90-100".parse().unwrap();
    let error = Capture::open(config).unwrap_err();
    assert!(matches!(
        error,
        OpenError::RangeBeyondEnd { total: 100, .. }
    ));
}

#[test]
fn an_endless_pattern_is_live_and_ends_when_told() {
    let mut config = config(None);
    config.fps = Some(1000.0);
    let capture = Capture::open(config.clone()).unwrap();
    assert!(capture.info().is_live);
    assert_eq!(capture.info().total_frames, None);
    assert_eq!(capture.info().frames_to_send, None);
    let (sender, frames) = mpsc::channel();
    let running = capture.start(move |frame| {
        let _ = sender.send(frame.frame_id);
        ControlFlow::Continue(())
    });
    let first: Vec<u64> = frames.iter().take(5).collect();
    assert_eq!(first, [0, 1, 2, 3, 4]);
    running.stop();
    assert_eq!(running.join().unwrap().end, CaptureEnd::Stopped);
    config.selection.max_frames = Some(3);
    let capture = Capture::open(config.clone()).unwrap();
    assert_eq!(capture.info().frames_to_send, Some(3));
    drop(capture);
    assert_eq!(read(config).1.unwrap().end, CaptureEnd::Selected);
}

#[test]
fn ranges_made_by_hand_are_checked_as_well() {
    let mut config = config(Some(10));
    #[allow(clippy::reversed_empty_ranges)]
    let backwards = 5..=2;
    config.selection.ranges = vec![backwards];
    let error = Capture::open(config).unwrap_err();
    assert!(matches!(error, OpenError::Selection(_)));
}
