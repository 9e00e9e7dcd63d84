//! A capture that runs, and its end.

use super::*;

#[test]
fn breaking_off_and_stopping_end_a_capture() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.mp4");
    video(&path, 30, H264);
    let mut left = 3;
    let running = Capture::open(file(&path)).unwrap().start(move |_| {
        left -= 1;
        if left == 0 {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    });
    let summary = running.join().unwrap();
    assert_eq!((summary.frames, summary.end), (3, CaptureEnd::Stopped));

    // The callback blocks as a full queue would; once it returns, no further frame comes.
    let (entered, has_entered) = mpsc::channel();
    let (release, released) = mpsc::channel::<()>();
    let running = Capture::open(file(&path)).unwrap().start(move |_| {
        entered.send(()).unwrap();
        let _ = released.recv();
        ControlFlow::Continue(())
    });
    has_entered.recv().unwrap();
    running.stop();
    drop(release);
    let summary = running.join().unwrap();
    assert_eq!((summary.frames, summary.end), (1, CaptureEnd::Stopped));
}

#[test]
fn stopping_ends_the_wait_for_a_slow_rate() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.mp4");
    video(&path, 5, H264);
    let mut config = file(&path);
    // The second frame is due in a quarter of an hour.
    config.fps = Some(0.001);
    let (first, has_first) = mpsc::channel();
    let running = Capture::open(config).unwrap().start(move |_| {
        first.send(()).unwrap();
        ControlFlow::Continue(())
    });
    has_first.recv().unwrap();
    running.stop();
    let summary = running.join().unwrap();
    assert_eq!((summary.frames, summary.end), (1, CaptureEnd::Stopped));
}

#[test]
fn a_capture_that_is_never_started_closes_when_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.mp4");
    video(&path, 5, H264);
    drop(Capture::open(file(&path)).unwrap());
}

#[test]
#[should_panic(expected = "the callback's own words")]
fn a_panic_of_the_callback_reaches_the_one_who_joins() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.mp4");
    video(&path, 5, H264);
    let running = Capture::open(file(&path))
        .unwrap()
        .start(|_| panic!("the callback's own words"));
    let _ = running.join();
}
