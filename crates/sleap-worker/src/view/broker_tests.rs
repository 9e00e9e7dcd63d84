//! Which frames viewers get.

use std::time::Duration;

use super::*;
use crate::streams::{ServedStreamGuard, ShownRules};
use crate::view::picture::example_frame;
use crate::view::viewers::MAX_VIEWERS;

/// A stream that is served.
struct Served {
    route: Arc<ResultRoute>,
    _guard: ServedStreamGuard,
}

fn broker() -> (Arc<ViewBroker>, Served) {
    let served = ServedStreams::default();
    let route = Arc::new(ResultRoute::new(mpsc::channel(1).0, true));
    let _guard = served.serves(&route);
    let broker = ViewBroker::new(&StreamAck::default(), served);
    (broker, Served { route, _guard })
}

const SECOND: Duration = Duration::from_secs(1);

fn view(fps: f64, width: u32) -> ViewRequest {
    ViewRequest {
        fps,
        width,
        ..ViewRequest::default()
    }
}

fn picture() -> Picture {
    Picture {
        frame: example_frame(2, 1),
        result: Message::KeepAlive,
    }
}

#[test]
fn without_viewers_no_frame_is_claimed() {
    let (broker, stream) = broker();
    assert!(broker.claim(&example_frame(2, 1), &stream.route).is_none());
    let mut viewer = broker.join(false).unwrap();
    assert!(
        broker.claim(&example_frame(2, 1), &stream.route).is_none(),
        "no pictures were asked for"
    );
    viewer.request(&view(10.0, 640));
    assert!(broker.claim(&example_frame(2, 1), &stream.route).is_some());
    for fps in [0.0, -1.0, 1e-19, f64::NAN, f64::INFINITY] {
        viewer.request(&view(fps, 640));
        assert!(
            broker.claim(&example_frame(2, 1), &stream.route).is_none(),
            "{fps}"
        );
    }
    viewer.request(&view(10.0, 640));
    drop(viewer);
    assert!(broker.claim(&example_frame(2, 1), &stream.route).is_none());
}

#[test]
fn one_frame_at_a_time_is_claimed() {
    let (broker, stream) = broker();
    let mut viewer = broker.join(false).unwrap();
    viewer.request(&view(10.0, 640));
    let claim = broker.claim(&example_frame(2, 1), &stream.route).unwrap();
    assert!(broker.claim(&example_frame(2, 1), &stream.route).is_none());
    drop(claim);
    let claim = broker.claim(&example_frame(2, 1), &stream.route).unwrap();
    claim.answered(&Message::KeepAlive);
    assert!(broker.claim(&example_frame(2, 1), &stream.route).is_none());
    drop(broker.next_frame().unwrap());
    assert!(broker.claim(&example_frame(2, 1), &stream.route).is_some());
}

#[test]
fn a_viewer_gets_no_further_picture_before_it_has_seen_the_last() {
    let (broker, stream) = broker();
    let mut viewer = broker.join(false).unwrap();
    viewer.request(&view(30.0, 640));
    let name = &stream.route.kept_name();
    let [spec] = broker.specs(name)[..] else {
        panic!("one spec")
    };
    broker.deliver(spec, &picture(), name);
    assert!(viewer.pictures.try_recv().is_ok());
    assert!(broker.specs(name).is_empty());
    assert!(broker.claim(&example_frame(2, 1), &stream.route).is_none());
    viewer.confirm(picture().frame.meta.frame_id);
    let running = &broker.figures.running();
    let among = StreamAmong { name, running };
    let specs = lock(&broker.viewers).specs(&among, Instant::now() + SECOND);
    assert_eq!(specs.len(), 1);
}

#[test]
fn viewers_with_the_same_spec_share_a_picture() {
    let (broker, stream) = broker();
    let name = &stream.route.kept_name();
    let mut viewers: Vec<ViewerHandle> = (0..MAX_VIEWERS)
        .map(|_| broker.join(false).unwrap())
        .collect();
    assert!(broker.join(false).is_none());
    for (viewer, width) in viewers.iter_mut().zip([640, 640, 320, 640]) {
        viewer.request(&view(10.0, width));
    }
    viewers[3].request(&view(0.0, 640));
    let specs = broker.specs(name);
    assert_eq!(specs.len(), 2);
    broker.deliver(specs[0], &picture(), name);
    let got: Vec<bool> = viewers
        .iter_mut()
        .map(|it| it.pictures.try_recv().is_ok())
        .collect();
    assert_eq!(got, [true, true, false, false]);
    drop(viewers.pop());
    assert!(broker.join(false).is_some(), "a slot is free");
}

#[test]
fn after_the_end_no_frame_comes() {
    let (broker, stream) = broker();
    let mut viewer = broker.join(false).unwrap();
    viewer.request(&view(10.0, 640));
    let claim = broker.claim(&example_frame(2, 1), &stream.route).unwrap();
    broker.close();
    assert!(broker.next_frame().is_none());
    claim.answered(&Message::KeepAlive);
    assert!(broker.next_frame().is_none());
}

#[test]
fn a_frame_of_each_stream_is_claimed_and_a_choice_is_of_one_viewer() {
    let served = ServedStreams::new(ShownRules::default(), 2);
    let routes = [(); 2].map(|()| Arc::new(ResultRoute::new(mpsc::channel(1).0, true)));
    let _guards = routes.each_ref().map(|route| served.serves(route));
    let broker = ViewBroker::new(&StreamAck::default(), served);
    let mut viewer = broker.join(false).unwrap();
    viewer.request(&ViewRequest {
        grid: true,
        ..view(10.0, 320)
    });
    let claims = routes
        .each_ref()
        .map(|route| broker.claim(&example_frame(2, 1), route).unwrap());
    assert!(broker.claim(&example_frame(2, 1), &routes[0]).is_none());
    for claim in claims.into_iter().rev() {
        claim.answered(&Message::KeepAlive);
    }
    for route in routes.iter().rev() {
        let frame = broker.next_frame().unwrap();
        assert_eq!(*frame.claim.stream, *route.name());
    }
    let choice = ViewRequest {
        stream: Some(routes[1].name().to_owned()),
        ..view(10.0, 640)
    };
    assert!(viewer.request(&choice) && !viewer.request(&choice));
    assert!(broker.claim(&example_frame(2, 1), &routes[0]).is_none());
    let mut other = broker.join(true).unwrap();
    other.request(&view(10.0, 640));
    assert!(broker.claim(&example_frame(2, 1), &routes[0]).is_some());
}
