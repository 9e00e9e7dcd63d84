//! GenICam cameras, on Aravis's camera without hardware.
//!
//! Its frames show a diagonal ramp (`arv_fake_camera_diagonal_ramp` in Aravis's `arvfakecamera.c`): with an exposure
//! of 10 ms and no gain, a pixel is its column, its row and the frame's number, modulo 255.

use std::ops::ControlFlow;
use std::sync::mpsc;

use vision::Image;
use vision::capture::{
    CameraRegion, CameraSetting, Capture, CaptureEnd, CapturedFrame, Config, FrameSelection,
    GenICamConfig, GenICamError, OpenError, Source, SourceOptions,
};

/// The camera with these settings, each `NAME=VALUE`.
fn camera(settings: &[&str]) -> GenICamConfig {
    let settings = settings
        .iter()
        .map(|it| it.parse::<CameraSetting>().unwrap());
    GenICamConfig {
        camera: Some("Fake_1".to_owned()),
        settings: settings.collect(),
        every_frame: true,
        ..GenICamConfig::default()
    }
}

fn open(camera: GenICamConfig, fps: Option<f64>) -> Result<Capture, OpenError> {
    Capture::open(Config {
        source: Source::GenICam(camera),
        selection: FrameSelection::default(),
        fps,
        real_time: false,
        options: SourceOptions::default(),
    })
}

/// So many frames of the camera, a hundred a second.
fn frames(camera: GenICamConfig, count: usize) -> Vec<CapturedFrame> {
    let capture = open(camera, Some(100.0)).expect("these tests need libaravis-0.8-0");
    let (sender, received) = mpsc::channel();
    let running = capture.start(move |frame| match sender.send(frame) {
        Ok(()) => ControlFlow::Continue(()),
        Err(_) => ControlFlow::Break(()),
    });
    let frames = received.iter().take(count).collect();
    drop(received);
    let summary = running.join().unwrap();
    assert_eq!((summary.end, summary.lost), (CaptureEnd::Stopped, 0));
    frames
}

fn error(camera: GenICamConfig) -> String {
    open(camera, None).unwrap_err().to_string()
}

/// Checks that the samples are a ramp, and returns its value in the corner.
fn ramp_start(image: &Image, sample: impl Fn(usize) -> u32, modulus: u32) -> u32 {
    let start = sample(0);
    let width = image.width as usize;
    for index in 0..width * image.height as usize {
        let (x, y) = (index % width, index / width);
        assert_eq!(
            sample(index),
            (start + x as u32 + y as u32) % modulus,
            "{x}, {y}"
        );
    }
    start
}

#[test]
fn gray_frames_show_the_cameras_ramp_one_after_the_other() {
    let settings = ["ExposureTimeAbs=10000", "GainRaw=0", "PixelFormat=Mono8"];
    let frames = frames(camera(&settings), 8);
    let mut last = None;
    for frame in &frames {
        let image = frame.pixels().unwrap();
        assert_eq!((image.width, image.height, image.channels), (512, 512, 1));
        let start = ramp_start(image, |index| u32::from(image.data[index]), 255);
        if let Some(last) = last {
            // The newest frame wins: a busy machine leaves some out.
            let steps = (start + 255 - last) % 255;
            assert!((1..=50).contains(&steps), "{last} {start}");
        }
        last = Some(start);
    }
    let ids: Vec<u64> = frames.iter().map(|frame| frame.frame_id).collect();
    assert_eq!(ids, (0..8).collect::<Vec<_>>());
}

#[test]
fn sixteen_bits_are_cut_to_their_high_byte() {
    let settings = ["ExposureTimeAbs=10000", "GainRaw=0", "PixelFormat=Mono16"];
    let frames = frames(camera(&settings), 1);
    let image = frames[0].pixels().unwrap();
    // 256 times the number modulo 65,535: its high byte is a ramp that goes down by one at its end.
    let high = |index: usize| u32::from(image.data[index]);
    assert_eq!(image.channels, 1);
    let steps = (1..512).map(|x| (high(x) + 256 - high(x - 1)) % 256);
    let odd = steps.filter(|step| *step != 1).count();
    assert!(odd <= 4, "{odd} of 511 steps are not 1");
}

#[test]
fn colours_are_blue_green_red_and_mosaics_show_the_same() {
    let settings = |format: &str| {
        let format = format!("PixelFormat={format}");
        camera(&["ExposureTimeAbs=10000", "GainRaw=0", &format])
    };
    let direct = frames(settings("RGB8"), 1);
    let image = direct[0].pixels().unwrap();
    assert_eq!(image.channels, 3);
    // The ramp's colours go from blue over green to red (jet): each row has them all.
    let pixel = |x: usize| &image.data[3 * x..3 * x + 3];
    let dark_blue = (0..512).find(|x| pixel(*x) == [132, 0, 0]).unwrap();
    assert_eq!(pixel((dark_blue + 254) % 255), [0, 0, 128 + 4]);
    for format in ["BayerGB8", "BayerGR8"] {
        let mosaic = frames(settings(format), 1);
        let image = mosaic[0].pixels().unwrap();
        assert_eq!(image.channels, 3);
        let middle = image.row_bytes() * 100;
        let row = &image.data[middle..middle + image.row_bytes()];
        let is_blue = row
            .chunks(3)
            .any(|it| it[0] > 250 && it[1] < 60 && it[2] < 10);
        let is_red = row
            .chunks(3)
            .any(|it| it[2] > 250 && it[1] < 60 && it[0] < 10);
        assert!(is_blue && is_red, "{format}");
    }
}

#[test]
fn a_part_of_the_sensor_is_read() {
    let part = |text: &str| GenICamConfig {
        region: Some(text.parse::<CameraRegion>().unwrap()),
        ..camera(&["PixelFormat=Mono8"])
    };
    for region in ["320x240", "320x240+8+16"] {
        let frames = frames(part(region), 1);
        let image = frames[0].pixels().unwrap();
        assert_eq!((image.width, image.height), (320, 240), "{region}");
    }
    let words = error(part("5000x240"));
    assert!(
        words.contains("does not take Width=5000: it takes 1 to 2048"),
        "{words}"
    );
}

#[test]
fn a_setting_that_the_camera_does_not_take_is_named() {
    for (setting, parts) in [
        (
            "PixelFormat=Mono12",
            ["PixelFormat=Mono12", "it takes BayerBG8"],
        ),
        ("GainRaw=99", ["GainRaw=99", "0 to 10"]),
        ("GainRaw=high", ["GainRaw=high", "whole number"]),
        ("ExposureTimeAbs=1", ["ExposureTimeAbs=1", "10 to 10000000"]),
        ("TestBoolean=maybe", ["TestBoolean", "true or false"]),
        ("AcquisitionStart=now", ["AcquisitionStart", "give 1"]),
        ("SensorWidth=5", ["SensorWidth", "only be read"]),
        ("ExposureTimeAbz=5", ["has no feature", "ExposureTimeAbz"]),
        (
            "ImageFormatControl=5",
            ["has no feature", "ImageFormatControl"],
        ),
    ] {
        let words = error(camera(&[setting]));
        for part in parts {
            assert!(words.contains(part), "{setting}: {words}");
        }
    }
    let opened = open(camera(&["ExposureTimeAbz=5"]), None);
    let Err(OpenError::GenICam(GenICamError::NoFeature { names, .. })) = opened else {
        panic!("no error names the feature");
    };
    for feature in ["ExposureTimeAbs", "PixelFormat", "TestRegister"] {
        assert!(names.iter().any(|name| name == feature), "{names:?}");
    }
}
