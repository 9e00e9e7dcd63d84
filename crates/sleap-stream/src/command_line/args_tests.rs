use clap::CommandFactory;

use super::*;

fn parse(line: &str) -> Result<Args, clap::Error> {
    Args::try_parse_from(line.split_whitespace())
}

#[test]
fn command_line_is_consistent() {
    Args::command().debug_assert();
}

#[test]
fn the_promised_calls_parse() {
    let webcam = parse("sleap-stream --webcam 0 --jpeg-quality 80").unwrap();
    let quality = Some(JpegQuality::Here(80));
    assert_eq!((webcam.webcam, webcam.jpeg_quality), (vec![0], quality));
    let video = parse("sleap-stream --stream video.mp4 --fps 30").unwrap();
    assert_eq!(
        (video.stream, video.fps),
        (vec!["video.mp4".to_owned()], Some(30.0))
    );
    let pattern = parse("sleap-stream --test-pattern").unwrap();
    assert_eq!(pattern.test_pattern.len(), 1);
}

#[test]
fn impossible_values_are_usage_errors() {
    for line in [
        "sleap-stream --webcam 0 --stream a.mp4",
        "sleap-stream --webcam 0 --jpeg-quality 0",
        "sleap-stream --webcam 0 --jpeg-quality 101",
        "sleap-stream --stream a.mp4 --frames 10-5",
        "sleap-stream --stream a.mp4 --fps 0",
        "sleap-stream --stream a.mp4 --fps nan",
        "sleap-stream --stream a.mp4 --resize 0x5",
        "sleap-stream --stream a.mp4 --sample-rate 0",
        "sleap-stream --stream a.mp4 --batch-size 0",
        "sleap-stream --stream a.mp4 --signal http://x",
        "sleap-stream --webcam 0 --frames 0-5",
        "sleap-stream --webcam 0 --live --every-frame",
        "sleap-stream --webcam 0 --jpeg-quality cam",
        "sleap-stream --webcam 0 --max-latency 0",
        "sleap-stream --webcam 0 --lanes 0",
    ] {
        assert!(parse(line).is_err(), "{line}");
    }
}
