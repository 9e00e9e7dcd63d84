//! When viewers take pictures.

use super::*;
use crate::view::picture::example_frame;

const SECOND: Duration = Duration::from_secs(1);

fn view(fps: f64) -> ViewRequest {
    ViewRequest {
        fps,
        ..ViewRequest::default()
    }
}

fn picture(frame_id: FrameId) -> Picture {
    let mut frame = example_frame(2, 1);
    frame.meta.frame_id = frame_id;
    Picture {
        frame,
        result: protocol::Message::KeepAlive,
    }
}

/// The names of so many streams.
fn streams(count: usize) -> Vec<Arc<str>> {
    (0..count)
        .map(|index| format!("cage_{index}").into())
        .collect()
}

/// The stream of this index delivers a frame of this number.
fn deliver_of(
    viewers: &mut Viewers,
    (running, index): (&[Arc<str>], usize),
    frame_id: FrameId,
    now: Instant,
) {
    let name = &running[index];
    let stream = StreamAmong { name, running };
    for spec in viewers.specs(&stream, now) {
        viewers.deliver(spec, (&picture(frame_id), &stream), now);
    }
}

fn deliver(viewers: &mut Viewers, frame_id: FrameId, now: Instant) {
    deliver_of(viewers, (&streams(1), 0), frame_id, now);
}

/// When the next picture of the only stream is due for the only viewer.
fn next(viewers: &mut Viewers, id: u64) -> Option<Instant> {
    let running = &streams(1);
    let name = &running[0];
    viewers
        .viewer(id)
        .unwrap()
        .next(&StreamAmong { name, running })
}

#[test]
fn unusable_rates_ask_for_no_pictures() {
    let now = Instant::now();
    let mut viewers = Viewers::default();
    let (id, _pictures) = viewers.join(now).unwrap();
    let rates = [
        0.0,
        -1.0,
        1e-19,
        f64::MIN_POSITIVE,
        0.009,
        f64::NAN,
        f64::INFINITY,
    ];
    for fps in rates {
        viewers.viewer(id).unwrap().request(&view(fps), now);
        assert_eq!(next(&mut viewers, id), None, "{fps}");
    }
    for fps in [0.01, 1.0, 30.0, f64::MAX] {
        viewers.viewer(id).unwrap().request(&view(fps), now);
        deliver(&mut viewers, 1, now + 1000 * SECOND);
        viewers.viewer(id).unwrap().confirm(1, now);
        assert!(next(&mut viewers, id).is_some(), "{fps}");
    }
}

#[test]
fn only_the_outstanding_picture_can_be_confirmed() {
    let now = Instant::now();
    let mut viewers = Viewers::default();
    let (id, mut pictures) = viewers.join(now).unwrap();
    viewers.viewer(id).unwrap().request(&view(30.0), now);
    deliver(&mut viewers, 7, now);
    assert!(pictures.try_recv().is_ok());
    viewers.viewer(id).unwrap().confirm(6, now);
    assert_eq!(next(&mut viewers, id), None);
    viewers.viewer(id).unwrap().confirm(7, now);
    assert!(next(&mut viewers, id).is_some());
}

/// Pictures of a viewer that confirms each at once. Once a millisecond it asks for the rate that `rate`
/// returns for that millisecond, and takes what is due.
fn pictures_in_ten_seconds(rate: impl Fn(u64) -> f64) -> usize {
    let begin = Instant::now();
    let mut viewers = Viewers::default();
    let (id, mut pictures) = viewers.join(begin).unwrap();
    let mut count = 0;
    for ms in 0..10_000 {
        let now = begin + Duration::from_millis(ms);
        let viewer = viewers.viewer(id).unwrap();
        viewer.request(&view(rate(ms)), now);
        deliver(&mut viewers, ms, now);
        if pictures.try_recv().is_ok() {
            count += 1;
            viewers.viewer(id).unwrap().confirm(ms, now);
        }
    }
    count
}

#[test]
fn a_rate_is_kept_and_bounded() {
    let ten = pictures_in_ten_seconds(|_| 10.0);
    assert!((100..=101).contains(&ten), "{ten}");
    let most = pictures_in_ten_seconds(|_| 1e9);
    assert!((299..=301).contains(&most), "{most}");
    let alternating = pictures_in_ten_seconds(|ms| [30.0, 29.0, 0.0, 0.1][ms as usize % 4]);
    assert!((200..=301).contains(&alternating), "{alternating}");
}

#[test]
fn a_higher_rate_takes_effect_before_the_old_interval_is_over() {
    let begin = Instant::now();
    let mut viewers = Viewers::default();
    let (id, _pictures) = viewers.join(begin).unwrap();
    viewers.viewer(id).unwrap().request(&view(0.01), begin);
    deliver(&mut viewers, 1, begin);
    viewers.viewer(id).unwrap().confirm(1, begin);
    let early = begin + 80 * SECOND;
    deliver(&mut viewers, 2, early);
    viewers.viewer(id).unwrap().confirm(2, early);
    viewers.viewer(id).unwrap().request(&view(30.0), early);
    assert!(next(&mut viewers, id).unwrap() < early + SECOND);
}

#[test]
fn a_new_viewer_evicts_the_one_that_has_been_idle_for_longest() {
    let begin = Instant::now();
    let mut viewers = Viewers::default();
    let mut taken: Vec<_> = (0..MAX_VIEWERS)
        .map(|_| viewers.join(begin).unwrap())
        .collect();
    assert!(
        viewers.join(begin).is_none(),
        "a viewer that has not asked yet stays"
    );
    let ids: Vec<u64> = taken.iter().map(|(id, _)| *id).collect();
    for (id, fps, after) in [
        (0, 10.0, 0),
        (1, 0.0, 2),
        (2, 0.0, 1),
        (3, 5.0, 0),
        (2, 0.0, 3),
    ] {
        let now = begin + after * SECOND;
        viewers.viewer(ids[id]).unwrap().request(&view(fps), now);
    }
    assert!(viewers.join(begin + 4 * SECOND).is_some());
    let closed = |pictures: &mut mpsc::Receiver<StreamPicture>| {
        matches!(
            pictures.try_recv(),
            Err(mpsc::error::TryRecvError::Disconnected)
        )
    };
    let gone: Vec<bool> = taken.iter_mut().map(|(_, it)| closed(it)).collect();
    assert_eq!(gone, [false, false, true, false]);
}

fn grid(fps: f64) -> ViewRequest {
    ViewRequest {
        grid: true,
        ..view(fps)
    }
}

/// Pictures of each of these streams that a viewer of all gets in ten seconds. `rates`: frames a second of the streams; `after_ms`:
/// how long the viewer takes to confirm a picture.
fn tiles_in_ten_seconds(fps: f64, rates: &[u64], after_ms: u64) -> Vec<u64> {
    let begin = Instant::now();
    let running = streams(rates.len());
    let mut viewers = Viewers::default();
    let (id, mut pictures) = viewers.join(begin).unwrap();
    viewers.viewer(id).unwrap().request(&grid(fps), begin);
    let mut counts = vec![0; rates.len()];
    let mut on_their_way = std::collections::VecDeque::new();
    for ms in 0..10_000 {
        let now = begin + Duration::from_millis(ms);
        for (index, rate) in rates.iter().enumerate() {
            if ms % (1000 / rate) == 0 {
                deliver_of(&mut viewers, (&running, index), ms, now);
            }
        }
        while let Ok(StreamPicture { stream, picture }) = pictures.try_recv() {
            let index = running.iter().position(|name| *name == stream).unwrap();
            counts[index] += 1;
            on_their_way.push_back((ms + after_ms, picture.frame.meta.frame_id));
        }
        assert!(on_their_way.len() <= MAX_TILES_OUTSTANDING);
        while on_their_way.front().is_some_and(|(at, _)| *at <= ms) {
            let (_, frame_id) = on_their_way.pop_front().unwrap();
            viewers.viewer(id).unwrap().confirm(frame_id, now);
        }
    }
    counts
}

#[test]
fn a_viewer_of_all_streams_gets_each_at_its_rate_and_all_together_within_bounds() {
    let near = |counts: &[u64], wanted: u64| {
        let is_near = |count: &u64| (wanted - wanted / 8..=wanted + 1).contains(count);
        assert!(counts.iter().all(is_near), "{counts:?} instead of {wanted}");
    };
    near(&tiles_in_ten_seconds(4.0, &[50, 50, 20, 10], 5), 40);
    // More than is possible is asked for.
    near(&tiles_in_ten_seconds(1e9, &[50, 50], 5), 100);
    near(&tiles_in_ten_seconds(1e9, &[50; 30], 5), 10);
}

#[test]
fn a_slow_viewer_gets_fewer_pictures_and_as_many_of_each_stream() {
    let counts = tiles_in_ten_seconds(5.0, &[100, 100, 5, 10, 20, 50], 1000);
    let (least, most) = (counts.iter().min().unwrap(), counts.iter().max().unwrap());
    assert!(counts.iter().sum::<u64>() <= 44, "{counts:?}");
    assert!(*least >= 4 && *most <= 2 * least, "{counts:?}");
}

#[test]
fn a_viewer_sees_the_stream_that_it_has_chosen_or_the_first() {
    let now = Instant::now();
    let running = streams(3);
    let mut viewers = Viewers::default();
    let (id, mut pictures) = viewers.join(now).unwrap();
    for (step, (chosen, seen)) in [
        (None, 0),
        (Some("cage_2"), 2),
        (Some("a stream that has ended"), 0),
        (Some("cage_1"), 1),
    ]
    .into_iter()
    .enumerate()
    {
        let now = now + step as u32 * SECOND;
        let request = ViewRequest {
            stream: chosen.map(str::to_owned),
            ..view(30.0)
        };
        viewers.viewer(id).unwrap().request(&request, now);
        for index in 0..3 {
            deliver_of(&mut viewers, (&running, index), 7, now);
        }
        let got = pictures.try_recv().unwrap();
        assert_eq!(got.stream, running[seen], "{chosen:?}");
        assert!(pictures.try_recv().is_err());
        viewers.viewer(id).unwrap().confirm(7, now);
    }
}

#[test]
fn pictures_of_the_same_number_are_confirmed_one_by_one() {
    let now = Instant::now();
    let running = streams(2);
    let mut viewers = Viewers::default();
    let (id, _pictures) = viewers.join(now).unwrap();
    viewers.viewer(id).unwrap().request(&grid(4.0), now);
    for index in 0..2 {
        deliver_of(&mut viewers, (&running, index), 7, now);
    }
    for left in [1, 0] {
        viewers.viewer(id).unwrap().confirm(7, now);
        assert_eq!(viewers.viewer(id).unwrap().outstanding.len(), left);
    }
}
