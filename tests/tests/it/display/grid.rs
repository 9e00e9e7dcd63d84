//! Several streams in one window. Each has pictures of one shade of gray, so that its place can be told: a worker whose model
//! takes gray frames gets no colours.

use std::io::{Read, Write};
use std::net::TcpListener;

use e2e::{Client, Worker, demo};
use vision::Image;
use vision::jpeg::JpegEncoder;

use super::screen::{Screen, Shade};
use super::worker_on;

const SIZE: (u32, u32) = (256, 192);
/// Of the pictures.
const LIGHT: u8 = 230;
const DARK: u8 = 110;

/// Places of the screen: in the tile to the left and to the right, where pictures have nothing written on them, and in the
/// middle of both.
const LEFT: (usize, usize) = (64, 150);
const RIGHT: (usize, usize) = (448, 150);
const MIDDLE: (usize, usize) = (256, 150);

/// A camera on the network whose pictures have one shade. Its thread ends with the test process, or when its client leaves.
fn camera(shade: u8) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let (width, height) = SIZE;
        let data = vec![shade; 3 * (width * height) as usize];
        let image = Image::new(width, height, 3, data).unwrap();
        let picture = JpegEncoder::new(90).unwrap().encode(&image).unwrap();
        let head =
            "HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=frame\r\n\r\n";
        let length = picture.len();
        let part =
            format!("--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {length}\r\n\r\n");
        let (mut connection, _) = listener.accept().unwrap();
        let _ = connection.read(&mut [0; 4096]).unwrap();
        let mut sent = connection.write_all(head.as_bytes());
        while sent.is_ok() {
            sent = connection
                .write_all(part.as_bytes())
                .and_then(|()| connection.write_all(&picture))
                .and_then(|()| connection.write_all(b"\r\n"));
        }
    });
    url
}

/// A client with one camera.
fn client(worker: &Worker, shade: u8) -> Client {
    let url = camera(shade);
    let args = ["--signal", &worker.signal, "--stream", &url];
    let mut client = Client::start(&[&args[..], &["--fps", "20", "-o", "-"]].concat());
    client.line().expect("predictions come");
    client
}

/// Lets frames go by until the screen shows this at these places.
#[track_caller]
fn until(screen: &Screen, client: &mut Client, expected: &[((usize, usize), Shade)]) {
    loop {
        let shot = screen.shot();
        if expected
            .iter()
            .all(|(place, shade)| shot.at(*place) == *shade)
        {
            return;
        }
        client.line().expect("predictions go on");
    }
}

const GRID: [((usize, usize), Shade); 2] = [(LEFT, Shade::Light), (RIGHT, Shade::Dark)];

/// The picture of one tile in the middle of the window of both.
fn large(shade: Shade) -> [((usize, usize), Shade); 3] {
    [(MIDDLE, shade), (LEFT, Shade::Other), (RIGHT, Shade::Other)]
}

/// One stream alone: the window has its size, and nothing is beside it.
fn alone(shade: Shade) -> [((usize, usize), Shade); 3] {
    [(LEFT, shade), ((200, 150), shade), (RIGHT, Shade::Other)]
}

fn key(screen: &Screen, program: &str, key: &str) {
    screen.xdotool(&["search", "--name", program, "key", key]);
}

fn click(screen: &Screen, (x, y): (usize, usize), button: &str) {
    let (x, y) = (x.to_string(), y.to_string());
    screen.xdotool(&["mousemove", &x, &y, "click", button]);
}

#[test]
fn the_worker_shows_all_streams_and_makes_the_chosen_one_large() {
    let screen = Screen::start();
    let worker = worker_on(&screen);
    let mut light = client(&worker, LIGHT);
    screen.wait_for("sleap-worker");
    until(&screen, &mut light, &alone(Shade::Light));
    let dark = client(&worker, DARK);
    until(&screen, &mut light, &GRID);
    key(&screen, "sleap-worker", "2");
    until(&screen, &mut light, &large(Shade::Dark));
    key(&screen, "sleap-worker", "g");
    until(&screen, &mut light, &GRID);
    click(&screen, LEFT, "1");
    until(&screen, &mut light, &large(Shade::Light));
    click(&screen, LEFT, "3");
    until(&screen, &mut light, &GRID);
    key(&screen, "sleap-worker", "1");
    until(&screen, &mut light, &large(Shade::Light));
    key(&screen, "sleap-worker", "Escape");
    until(&screen, &mut light, &GRID);
    // A stream that leaves gives its place to the others.
    dark.interrupt();
    assert_eq!(dark.wait().code, Some(130));
    until(&screen, &mut light, &alone(Shade::Light));
    light.interrupt();
    assert_eq!(light.wait().code, Some(130));
    assert_eq!(worker.interrupt().0, Some(130));
}

#[test]
fn the_client_shows_all_its_cameras_and_goes_on_when_the_window_is_closed() {
    let screen = Screen::start();
    let worker = Worker::start(&["--model", demo("model").to_str().unwrap()]);
    let (back, side) = (camera(LIGHT), camera(DARK));
    let args = ["--signal", &worker.signal, "--fps", "20", "-o", "-"];
    let cameras = ["--stream", &back, "--stream", &side, "--display"];
    let names = ["--camera-name", "back", "--camera-name", "side"];
    let mut client = Client::start_with(&[&args[..], &cameras, &names].concat(), |command| {
        screen.show(command);
    });
    client.line().expect("predictions come");
    screen.wait_for("sleap-stream");
    until(&screen, &mut client, &GRID);
    click(&screen, RIGHT, "1");
    until(&screen, &mut client, &large(Shade::Dark));
    key(&screen, "sleap-stream", "Escape");
    until(&screen, &mut client, &GRID);
    // Pressed, not released: the window may be gone by then.
    screen.xdotool(&["search", "--name", "sleap-stream", "keydown", "q"]);
    while !client.log().contains("window closed") {
        client.line().expect("predictions go on");
    }
    client.line().expect("predictions go on without the window");
    client.interrupt();
    assert_eq!(client.wait().code, Some(130));
}
