//! Sources as people name them: a file without an option, images as a shell lists them, devices, addresses.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use vision::Image;
use vision::jpeg::JpegEncoder;

use e2e::{Client, Finished, Worker, demo, read_png, sleap_io_reads, text};

fn model() -> Worker {
    Worker::start(&["--model", &text(&demo("model"))])
}

fn frame_ids(run: &Finished) -> Vec<u64> {
    let predictions = run.predictions();
    let ids = predictions.iter().map(|line| line["frame_id"].as_u64());
    ids.map(|id| id.expect("a frame id")).collect()
}

#[test]
fn a_video_needs_no_option() {
    let worker = model();
    let video = text(&demo("video.mp4"));
    let more = ["--signal", &worker.signal, "-o", "-", "--frames", "3-5"];
    let run = Client::run(&[&[video.as_str()], &more[..]].concat()).success();
    assert_eq!(frame_ids(&run), [3, 4, 5]);
}

#[test]
fn images_are_one_source_whether_a_shell_lists_them_or_not() {
    let worker = model();
    let dir = tempfile::tempdir().unwrap();
    // As a folder lists them, and with gaps between their numbers.
    let names = ["0216", "0024", "0000", "0048"].map(|name| {
        let path = dir.path().join(format!("{name}.png"));
        std::fs::copy(demo(&format!("frames/{name}.png")), &path).unwrap();
        text(&path)
    });
    let pattern = text(&dir.path().join("*.png"));
    let (slp, csv) = (dir.path().join("a.slp"), dir.path().join("a.csv"));
    let (slp_name, csv_name) = (text(&slp), text(&csv));
    let outputs = ["--signal", &worker.signal, "-o", "-"];
    let listed: Vec<&str> = names.iter().map(String::as_str).collect();
    let run = Client::run(&[&listed, &outputs[..], &["-o", &slp_name, "-o", &csv_name]].concat())
        .success();
    assert_eq!(frame_ids(&run), [0, 1, 2, 3]);
    let instances = |run: &Finished| {
        let predictions = run.predictions();
        let of = |line: &serde_json::Value| line["instances"].clone();
        predictions.iter().map(of).collect::<Vec<_>>()
    };
    let [second, third] = [&names[1], &names[3]];
    let alone = |image: &str| instances(&Client::run(&[&[image], &outputs[..]].concat()).success());
    assert_eq!(
        instances(&run)[1..3],
        [alone(second), alone(third)].concat()
    );
    for words in [&["--stream", &pattern][..], &[&pattern]] {
        let quoted = Client::run(&[words, &outputs[..]].concat()).success();
        assert_eq!(instances(&quoted), instances(&run));
    }
    let option = [&["--stream"], &listed[..], &outputs].concat();
    assert_eq!(instances(&Client::run(&option).success()), instances(&run));

    let labels = &sleap_io_reads(&[&slp])[0];
    let video = &labels["videos"][0];
    assert_eq!(video["opens"], true, "{video}");
    assert_eq!(video["shape"][0], 4, "{video}");
    let files = video["filename"].as_str().unwrap();
    let at = names
        .each_ref()
        .map(|name| files.find(name.as_str()).expect(files));
    assert!(at[2] < at[1] && at[1] < at[3] && at[3] < at[0], "{files}");
    let table = std::fs::read_to_string(csv).unwrap();
    let rows: Vec<&str> = table.lines().skip(1).collect();
    for (row, name) in rows
        .iter()
        .zip([&names[2], &names[1], &names[3], &names[0]])
    {
        assert!(row.contains(name.as_str()), "{row}");
    }
}

#[test]
fn several_sources_at_once_are_refused() {
    for words in [
        &["a.mp4", "b.mp4"][..],
        &["--stream", "a.mp4", "b.mp4"],
        &["a.png", "b.mp4"],
    ] {
        Client::run(words).failed(2, &["2 sources at once", "--stream before each"]);
    }
    for option in [
        &["--webcam", "0"][..],
        &["--test-pattern"],
        &["--send-file", "b.mp4"],
    ] {
        let words = [&["a.mp4"], option].concat();
        Client::run(&words).failed(2, &["cannot be used with", "VIDEO"]);
    }
    Client::run(&["no-such-folder/*.png"]).failed(2, &["no-such-folder/*.png", "no file"]);
}

#[test]
fn a_command_with_a_typing_error_is_no_file() {
    Client::run(&["docter"]).failed(2, &["unrecognized subcommand 'docter'", "'doctor'"]);
    Client::run(&["camera"]).failed(2, &["'cameras'"]);
    Client::run(&["day1"]).failed(1, &["day1: no such file"]);
    Client::run(&["./docter"]).failed(1, &["./docter: no such file"]);
}

#[test]
fn a_camera_may_be_named_by_its_device_file() {
    Client::run(&["--webcam", "/dev/video77"]).failed(1, &["there is no webcam 77"]);
    for (name, words) in [
        ("/dev/null", "/dev/null is no camera's device file"),
        ("/dev/v4l/by-id/none", "No such file"),
        ("front", "/dev/video0"),
    ] {
        Client::run(&["--webcam", name]).failed(2, &["--webcam", words, "camera"]);
    }
}

/// A server that gives each connection this answer.
fn server(answer: &'static str) -> (String, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let place = listener.local_addr().unwrap().to_string();
    let thread = std::thread::spawn(move || {
        for connection in listener.incoming() {
            let mut connection = connection.unwrap();
            let mut request = [0; 4096];
            let length = connection.read(&mut request).unwrap_or_default();
            let request = String::from_utf8_lossy(&request[..length]).into_owned();
            if request.starts_with("END") {
                break;
            }
            // A client that has seen enough has closed it.
            let _ = connection.write_all(answer.as_bytes());
        }
    });
    (place, thread)
}

#[test]
fn a_server_that_gives_no_video_is_quoted() {
    for (answer, words) in [
        (
            "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n",
            &["asks for a login (401 Unauthorized)", "SLEAP_STREAM_STREAM"][..],
        ),
        (
            "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
            &["nothing at this path (404 Not Found)"],
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>",
            &["text/html", "no video"],
        ),
    ] {
        let (place, thread) = server(answer);
        let run = Client::run(&["--stream", &format!("http://{place}/a.mp4")]);
        let mut end = std::net::TcpStream::connect(&place).unwrap();
        end.write_all(b"END").unwrap();
        thread.join().unwrap();
        run.failed(1, words);
    }
}

#[test]
fn a_server_that_is_not_there_is_named_without_the_password() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    for scheme in ["http", "https", "rtsp"] {
        let url = format!("{scheme}://me:hunter2@127.0.0.1:{port}/live");
        let run = Client::run(&[&url]);
        assert!(!run.stderr.contains("hunter2"), "{}", run.stderr);
        run.failed(1, &[&format!("no program listens at port {port}")]);
    }
}

/// A camera on the network. Each of its connections is announced, and delivers pictures of one gray level until the
/// test says that it breaks off; after the last one the camera is gone.
fn breaking_camera(
    levels: &'static [u8],
    accepted: Sender<()>,
    breaks: Receiver<()>,
) -> (String, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let thread = std::thread::spawn(move || {
        let mut encoder = JpegEncoder::new(90).unwrap();
        for &level in levels {
            // Below the level there is noise: what sockets keep is only a few pictures.
            let mut pixels = vec![level; 640 * 480 * 3];
            let noise = (0u32..).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8);
            let below = pixels.len() / 4;
            pixels[below..]
                .iter_mut()
                .zip(noise)
                .for_each(|(pixel, noise)| *pixel = noise);
            let image = Image::new(640, 480, 3, pixels).unwrap();
            let picture = encoder.encode(&image).unwrap();
            let (mut connection, _) = listener.accept().unwrap();
            accepted.send(()).unwrap();
            // All of the request: unread bytes would turn the end into a reset.
            let _ = connection.read(&mut [0; 4096]).unwrap();
            let head = "HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=frame\r\n\r\n";
            connection.write_all(head.as_bytes()).unwrap();
            while breaks.try_recv().is_err() {
                let part = format!(
                    "--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {}\r\n\r\n",
                    picture.len()
                );
                connection.write_all(part.as_bytes()).unwrap();
                connection.write_all(&picture).unwrap();
                connection.write_all(b"\r\n").unwrap();
            }
        }
    });
    (url, thread)
}

#[test]
fn a_camera_on_the_network_that_breaks_off_is_opened_again() {
    let dir = tempfile::tempdir().unwrap();
    let (model, saved) = (text(&demo("model")), text(dir.path()));
    let worker = Worker::start(&["--model", &model, "--save-every", "10", "--output", &saved]);
    let ((breaks, when), (accepted, connections)) = (channel(), channel());
    let (url, camera) = breaking_camera(&[50, 150], accepted, when);
    let options = ["--signal", &worker.signal, "-o", "-", "--every-frame"];
    let mut client = Client::start(
        &[
            &["--stream", &url, "--reconnect-timeout", "1"],
            &options[..],
        ]
        .concat(),
    );
    let mut answer = || client.line().expect("a prediction");
    connections.recv().unwrap();
    answer();
    breaks.send(()).unwrap();
    // Frames are read only as fast as their answers are.
    while connections.try_recv().is_err() {
        answer();
    }
    // More than can be in flight.
    (0..200).for_each(|_| drop(answer()));
    breaks.send(()).unwrap();
    let run = client.wait();
    camera.join().unwrap();
    run.failed(1, &["has sent nothing more since frame", "is gone"]);
    let pictures = std::fs::read_dir(dir.path()).unwrap();
    let levels = pictures.map(|file| read_png(&file.unwrap().path()).data[0]);
    let levels: BTreeSet<u8> = levels.map(|level| level / 10 * 10).collect();
    assert_eq!(levels, BTreeSet::from([50, 150]));
}
