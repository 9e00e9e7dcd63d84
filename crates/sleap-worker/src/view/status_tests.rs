//! What a STATUS message tells.

use std::time::Duration;

use protocol::{Percentiles, Prediction, StreamStart, Timing};
use tokio::sync::mpsc;

use super::*;
use crate::streams::{ReplyPlace, ShownRules};

fn prediction(inference_us: u64) -> Message {
    let timing = Timing {
        inference_us: Some(inference_us),
        total_us: Some(10 * inference_us),
        ..Timing::default()
    };
    Message::Prediction(Prediction {
        timing,
        ..Prediction::default()
    })
}

fn start(source_name: &str) -> StreamStart {
    StreamStart {
        source_name: source_name.into(),
        original_width: 1024,
        original_height: 768,
        ..StreamStart::default()
    }
}

fn route(start: &StreamStart) -> Arc<ResultRoute> {
    let route = ResultRoute::new(mpsc::channel(8).0, true);
    Arc::new(route.of(FrameOrigin::from(start)))
}

#[test]
fn a_status_covers_the_time_since_the_last() {
    let served_streams = ServedStreams::default();
    let status = ViewStatus::new(&StreamAck::default(), served_streams.clone());
    assert_eq!(status.status(Instant::now()).seen_by(None).stream, None);
    let served = route(&start("mouse.mp4"));
    let serving = served_streams.serves(&served);
    status.status(Instant::now());
    status.set_size(&served, (512, 384));
    status.add_result(&served, &prediction(1));
    status.set_viewers(1);
    let begin = Instant::now() + Duration::from_secs(1);
    status.status(begin);
    (0..5).for_each(|_| served.answer(ReplyPlace::none(), prediction(0)));
    (1..=5).for_each(|inference_us| status.add_result(&served, &prediction(inference_us)));
    let stream = status
        .status(begin + Duration::from_secs(2))
        .seen_by(None)
        .stream
        .unwrap();
    assert_eq!((stream.width, stream.height), (512, 384));
    assert_eq!((stream.source_width, stream.source_height), (1024, 768));
    assert_eq!(stream.source_name, "mouse.mp4");
    assert_eq!(stream.frames_not_sent, None, "frames of a file wait");
    assert!((stream.fps - 2.5).abs() < 1e-9, "{}", stream.fps);
    assert_eq!(stream.inference_us, Some(Percentiles { p50: 3, p95: 5 }));
    assert_eq!(stream.total_us, Some(Percentiles { p50: 30, p95: 50 }));
    let stream = status
        .status(begin + Duration::from_secs(3))
        .seen_by(None)
        .stream
        .unwrap();
    assert_eq!((stream.fps, stream.total_us), (0.0, None));
    drop(serving);
    assert_eq!(status.status(Instant::now()).seen_by(None).stream, None);
}

#[test]
fn a_stream_that_ended_keeps_its_figures_until_the_next_begins() {
    let served_streams = ServedStreams::default();
    let status = ViewStatus::new(&StreamAck::default(), served_streams.clone());
    assert_eq!(
        status.status(Instant::now()).seen_by(None).last_stream,
        None
    );
    let served = route(&start("mouse.mp4"));
    let serving = served_streams.serves(&served);
    (0..3).for_each(|_| served.answer(ReplyPlace::none(), prediction(0)));
    let running = status.status(Instant::now()).seen_by(None);
    assert_eq!(running.stream.unwrap().frames, 3);
    assert_eq!(running.last_stream, None);
    served.answer(ReplyPlace::none(), prediction(0));
    drop((serving, served));
    let ended = status.status(Instant::now()).seen_by(None);
    assert_eq!(ended.stream, None);
    let last = ended.last_stream.unwrap();
    assert_eq!((last.frames, last.source_name.as_str()), (4, "mouse.mp4"));
}

#[test]
fn frames_that_a_live_source_did_not_send_are_counted_by_their_numbers() {
    let served_streams = ServedStreams::default();
    let status = ViewStatus::new(&StreamAck::default(), served_streams.clone());
    let not_sent = |ids: &[FrameId], start: StreamStart| {
        let route = route(&start);
        let _serving = served_streams.serves(&route);
        ids.iter().for_each(|id| status.add_frame(&route, *id));
        status
            .status(Instant::now())
            .seen_by(None)
            .stream
            .unwrap()
            .frames_not_sent
    };
    let live = |sample_rate| StreamStart {
        is_webcam: true,
        sample_rate,
        ..StreamStart::default()
    };
    assert_eq!(not_sent(&[], live(1)), None);
    assert_eq!(not_sent(&[5, 6, 7], live(1)), Some(0));
    assert_eq!(not_sent(&[5, 8, 7, 12], live(1)), Some(4));
    assert_eq!(not_sent(&[4, 8, 16], live(4)), Some(1));
    // Frames that are sent again after a lost connection.
    assert_eq!(not_sent(&[1, 2, 2, 3], live(1)), Some(0));
    assert_eq!(not_sent(&[0, u64::MAX], live(0)), Some(u64::MAX - 2));
}

#[test]
fn each_viewer_gets_the_figures_of_the_stream_that_it_looks_at() {
    let served = ServedStreams::new(ShownRules::default(), 3);
    let status = ViewStatus::new(&StreamAck::default(), served.clone());
    status.set_viewers(2);
    let (left, right) = (route(&start("webcam:0")), route(&start("webcam:0")));
    let left_serving = served.serves(&left);
    status.status(Instant::now());
    assert!(!status.has_news());
    let right_serving = served.serves(&right);
    assert!(status.has_news());
    let begin = Instant::now() + Duration::from_secs(1);
    assert!(!status.status(begin).seen_by(None).streams.is_empty() && !status.has_news());
    for _ in 0..10 {
        right.answer(ReplyPlace::none(), prediction(7));
        status.add_result(&right, &prediction(7));
    }
    let told = status.status(begin + Duration::from_secs(2));
    for (chosen, shown, frames) in [
        (None, 0, 0),
        (Some("webcam_0-2"), 1, 10),
        (Some("webcam_0-3"), 0, 0),
    ] {
        let seen = told.seen_by(chosen);
        let marks: Vec<_> = seen.streams.iter().map(|it| it.shown).collect();
        assert_eq!(marks, [shown == 0, shown == 1], "{chosen:?}");
        assert_eq!(seen.stream.unwrap().frames, frames);
        let rates: Vec<_> = seen.streams.iter().map(|it| it.fps).collect();
        assert_eq!(rates, [0.0, 5.0]);
        let latest: Vec<_> = seen.streams.iter().map(|it| it.latency_us).collect();
        assert_eq!(latest, [None, Some(70)]);
    }
    // A status at once has the same rates.
    let again = status.status(begin + Duration::from_millis(2001));
    assert_eq!(again.seen_by(None).streams, told.seen_by(None).streams);
    drop(left_serving);
    let alone = status.status(begin + Duration::from_secs(4)).seen_by(None);
    assert_eq!((alone.streams.len(), alone.last_stream), (1, None));
    assert_eq!(alone.stream.unwrap().frames, 10);
    drop(right_serving);
    let ended = status.status(begin + Duration::from_secs(5)).seen_by(None);
    assert_eq!(ended.last_stream.unwrap().frames, 10);
}
