//! Windows under an X server of the test's own.

mod grid;
mod screen;

use e2e::{Client, Worker, demo};
use screen::Screen;

/// A worker that shows its frames on this screen.
fn worker_on(screen: &Screen) -> Worker {
    let model = demo("model");
    let args = [
        "--listen",
        "127.0.0.1:0",
        "--display",
        "--model",
        model.to_str().unwrap(),
    ];
    Worker::start_with(&args, |command| screen.show(command))
}

/// What a client streams, and where its poses go.
const POSES_OF_PATTERN: [&str; 4] = ["--test-pattern", "512x384@30", "-o", "-"];

/// A client that shows what it streams on this screen.
fn client_on(screen: &Screen, worker: &Worker) -> Client {
    let args = [
        &POSES_OF_PATTERN[..],
        &["--signal", &worker.signal, "--display"],
    ]
    .concat();
    Client::start_with(&args, |command| screen.show(command))
}

/// The picture is gray; skeletons are what has colour.
#[test]
fn the_worker_shows_poses_and_goes_on_when_its_window_is_closed() {
    let screen = Screen::start();
    let worker = worker_on(&screen);
    let mut client =
        Client::start(&[&POSES_OF_PATTERN[..], &["--signal", &worker.signal]].concat());
    client.line().expect("predictions come");
    screen.wait_for("sleap-worker");
    // Drawing follows the prediction by a moment: frames go by until it is there.
    while screen.coloured_pixels() < 100 {
        client.line().expect("predictions go on");
    }
    // Pressed, not released: the window may be gone by then.
    screen.xdotool(&["search", "--name", "sleap-worker", "keydown", "q"]);
    while !worker.log().contains("window closed") {
        client.line().expect("predictions go on");
    }
    client.line().expect("predictions go on without the window");
    client.interrupt();
    assert_eq!(client.wait().code, Some(130));
    assert_eq!(worker.interrupt().0, Some(130));
}

#[test]
fn the_client_shows_what_it_streams_and_ends_with_the_stream() {
    let screen = Screen::start();
    let worker = Worker::start(&["--model", demo("model").to_str().unwrap()]);
    let mut client = client_on(&screen, &worker);
    client.line().expect("predictions come");
    screen.wait_for("sleap-stream");
    while screen.coloured_pixels() < 100 {
        client.line().expect("predictions go on");
    }
    client.interrupt();
    assert_eq!(client.wait().code, Some(130));
}

#[test]
fn worker_and_client_go_on_when_the_screen_of_their_windows_is_gone() {
    let mut screen = Screen::start();
    let worker = worker_on(&screen);
    let mut client = client_on(&screen, &worker);
    for program in ["sleap-worker", "sleap-stream"] {
        screen.wait_for(program);
    }
    client.line().expect("predictions come");
    screen.end();
    while !worker.log().contains("the window is lost") {
        client.line().expect("predictions go on");
    }
    while !client.log().contains("the window is lost") {
        client.line().expect("predictions go on");
    }
    client
        .line()
        .expect("predictions go on without the windows");
    client.interrupt();
    assert_eq!(client.wait().code, Some(130));
    assert_eq!(worker.interrupt().0, Some(130));
}
