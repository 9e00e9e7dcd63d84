//! Several cameras of one client, and the moments that their frames share.
//!
//! The cameras are test patterns with a clock in common: each captures a known time after whole intervals, however late a
//! loaded machine delivers the frame. So the times of capture tell which frames belong together.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::{TcpListener, UdpSocket};
use std::path::Path;

use e2e::{Client, Worker, demo, events, sleap_io_reads, summary, text};
use serde_json::Value;
use vision::Image;
use vision::jpeg::JpegEncoder;

/// Time between two frames of the patterns, microseconds.
const INTERVAL: u64 = 50_000;

/// Two cameras of 20 frames a second; the second one captures 7 ms later.
const RIG: [&str; 8] = [
    "--test-pattern",
    "256x192@20+0",
    "--test-pattern",
    "256x192@20+7",
    "--camera-name",
    "back",
    "--camera-name",
    "side",
];

fn worker(more: &[&str]) -> Worker {
    Worker::start(&[&["--model", &text(&demo("model"))], more].concat())
}

fn number(line: &Value, key: &str) -> u64 {
    line[key]
        .as_u64()
        .unwrap_or_else(|| panic!("{key} of {line}"))
}

/// Reads predictions until so many moments have frames of both cameras.
fn read_moments(client: &mut Client, moments: usize) -> Vec<Value> {
    let (mut lines, mut cameras) = (Vec::new(), BTreeMap::<u64, BTreeSet<String>>::new());
    while cameras.values().filter(|them| them.len() == 2).count() < moments {
        let line = client.line().expect("a prediction");
        let camera = line["camera"].as_str().expect("a camera").to_owned();
        cameras
            .entry(number(&line, "moment"))
            .or_default()
            .insert(camera);
        lines.push(line);
    }
    lines
}

/// Fails unless frames have the same moment exactly where they were captured in the same interval, moments count up, and
/// no moment has two frames of a camera.
#[track_caller]
fn assert_true(lines: &[Value]) {
    let mut moments = BTreeMap::<u64, BTreeSet<u64>>::new();
    let mut intervals = BTreeMap::<u64, u64>::new();
    for line in lines {
        let interval = number(line, "captured_us") / INTERVAL;
        let moment = number(line, "moment");
        moments.entry(moment).or_default().insert(interval);
        let before = intervals.insert(interval, moment);
        assert!(before.is_none_or(|before| before == moment), "{line}");
    }
    assert!(moments.values().all(|them| them.len() == 1), "{moments:?}");
    let frames: BTreeSet<_> = lines
        .iter()
        .map(|line| (line["camera"].to_string(), number(line, "moment")))
        .collect();
    assert_eq!(frames.len(), lines.len());
}

/// The rows of a table of moments: the frames of both cameras, and how far apart they were captured.
fn table(path: &Path) -> BTreeMap<u64, (Vec<Option<u64>>, u64)> {
    let text = std::fs::read_to_string(path).expect("a table");
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("moment,captured_us,spread_us,back,side"));
    let row = |line: &str| {
        let cells: Vec<Option<u64>> = line.split(',').map(|cell| cell.parse().ok()).collect();
        let (moment, spread) = (cells[0].expect("a moment"), cells[2].unwrap_or_default());
        (moment, (cells[3..].to_vec(), spread))
    };
    let rows: Vec<_> = lines.map(row).collect();
    let table: BTreeMap<_, _> = rows.iter().cloned().collect();
    assert_eq!(table.len(), rows.len(), "one row for each moment");
    table
}

fn jsonl(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).expect("a file of poses");
    let lines = text.lines().map(serde_json::from_str);
    lines.collect::<Result<_, _>>().expect("JSON lines")
}

#[test]
fn frames_of_cameras_with_a_known_offset_get_the_moments_that_they_show() {
    let worker = worker(&[]);
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    let (slp, lines, csv) = (path("rig.slp"), path("rig.jsonl"), path("rig.csv"));
    let outputs = [
        "-o",
        &text(&slp),
        "-o",
        &text(&lines),
        "-o",
        &text(&csv),
        "-o",
        "-",
    ];
    let signal = ["--signal", &worker.signal];
    let mut client = Client::start(&[&signal, &RIG[..], &outputs].concat());
    let mut seen = read_moments(&mut client, 30);
    client.interrupt();
    let run = client.wait();
    assert_eq!(run.code, Some(130), "{}", run.stderr);
    seen.extend(run.predictions());
    assert_true(&seen);
    assert!(run.stderr.contains("camera side") && run.stderr.contains("with poses of all cameras"));

    let rows = table(&path("rig-moments.csv"));
    let apart =
        |(frames, spread): &(Vec<Option<u64>>, u64)| (frames.iter().all(Option::is_some), *spread);
    let whole: Vec<_> = rows.values().map(apart).filter(|row| row.0).collect();
    assert!(whole.len() >= 30 && whole.iter().all(|row| row.1 == 7_000));
    for (index, camera) in ["back", "side"].into_iter().enumerate() {
        assert_files_agree(dir.path(), (index, camera), &seen, &rows);
    }
}

/// Fails unless the files of a camera have the frames and moments that the table and its lines on standard output have.
#[track_caller]
fn assert_files_agree(
    folder: &Path,
    (index, camera): (usize, &str),
    seen: &[Value],
    rows: &BTreeMap<u64, (Vec<Option<u64>>, u64)>,
) {
    let own = |end: &str| folder.join(format!("rig-{camera}.{end}"));
    let written = jsonl(&own("jsonl"));
    let of_camera = |line: &&Value| line["camera"] == camera;
    let of_camera: Vec<_> = seen.iter().filter(of_camera).cloned().collect();
    assert_eq!(written, of_camera);
    let moments: BTreeMap<u64, u64> = written
        .iter()
        .map(|line| (number(line, "frame_id"), number(line, "moment")))
        .collect();
    let of_rows = rows
        .iter()
        .filter_map(|(moment, row)| Some((row.0[index]?, *moment)));
    assert_eq!(of_rows.collect::<BTreeMap<_, _>>(), moments);
    let labels = &sleap_io_reads(&[&own("slp")])[0];
    let frames = labels["frames"].as_array().expect("frames");
    let frames: Vec<u64> = frames.iter().map(|it| number(it, "frame_idx")).collect();
    assert!(frames.iter().eq(moments.keys()), "{camera}: {frames:?}");
    let cells = std::fs::read_to_string(own("csv")).unwrap();
    let names = cells.lines().next().expect("a row of names");
    assert!(names.ends_with(",moment"), "{names}");
}

#[test]
fn a_camera_of_half_the_rate_is_in_the_moments_that_it_shows() {
    let worker = worker(&[]);
    let patterns = [
        "--test-pattern",
        "256x192@20+0",
        "--test-pattern",
        "256x192@10+3",
    ];
    let signal = ["--signal", &worker.signal, "-o", "-"];
    let mut client = Client::start(&[&signal, &patterns[..]].concat());
    let seen = read_moments(&mut client, 15);
    client.interrupt();
    let run = client.wait();
    assert_eq!(run.code, Some(130), "{}", run.stderr);
    assert_true(&[seen, run.predictions()].concat());
}

#[test]
fn consumers_and_events_are_told_which_camera_and_which_moment() {
    let worker = worker(&[]);
    let consumer = UdpSocket::bind("127.0.0.1:0").unwrap();
    let url = format!("udp://{}", consumer.local_addr().unwrap());
    let args = [
        "--signal",
        &worker.signal,
        "--json",
        "--max-frames",
        "20",
        "--emit",
        &url,
    ];
    let run = Client::run(&[&args, &RIG[..]].concat()).success();
    let said = run.predictions();
    for kind in ["connected", "summary"] {
        let cameras = events(&said, kind)
            .into_iter()
            .map(|event| event["camera"].to_string());
        let cameras: BTreeSet<_> = cameras.collect();
        assert_eq!(
            cameras,
            ["\"back\"", "\"side\""].map(str::to_owned).into(),
            "{kind}"
        );
    }
    let moments = events(&said, "moments")[0];
    assert!((20..=40).contains(&number(moments, "moments")), "{moments}");
    assert_eq!(moments["table"], Value::Null);
    assert_eq!(summary(&said)["predictions"], 20);
    let mut buffer = [0; 65_536];
    consumer.set_nonblocking(true).unwrap();
    let mut poses = Vec::new();
    while let Ok(bytes) = consumer.recv(&mut buffer) {
        let message: Value = serde_json::from_slice(&buffer[..bytes]).unwrap();
        poses.extend(Some(message).filter(|message| message["type"] == "pose"));
    }
    let named = |mut pose: Value| {
        pose["camera"] = pose["stream"].take();
        pose
    };
    let poses: Vec<Value> = poses.into_iter().map(named).collect();
    assert_eq!(poses.len(), 40);
    assert_true(&poses);
}

#[test]
fn recordings_of_cameras_belong_together_frame_by_frame() {
    let worker = worker(&[]);
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    let videos = ["back", "side"].map(|name| path(&format!("{name}.mp4")));
    for video in &videos {
        std::fs::copy(demo("video.mp4"), video).unwrap();
    }
    let [back, side] = videos.map(|video| text(&video));
    let files = ["--stream", &back, "--stream", &side, "--frames", "5-24"];
    let output = text(&path("rig.slp"));
    let args = ["--signal", &worker.signal, "-o", &output, "-o", "-"];
    let run = Client::run(&[&args, &files[..]].concat()).success();
    let seen = run.predictions();
    assert_eq!(seen.len(), 40);
    assert!(seen.iter().all(|line| line["moment"] == line["frame_id"]));
    let rows = table(&path("rig-moments.csv"));
    let frames: Vec<_> = rows
        .iter()
        .map(|(moment, row)| (*moment, row.0.clone()))
        .collect();
    let both = |frame| (frame, vec![Some(frame); 2]);
    assert_eq!(frames, (5..25).map(both).collect::<Vec<_>>());
    let refused = Client::run(&[&args, &files[..]].concat());
    refused.failed(1, &["rig-back.slp exists", "--overwrite"]);
}

/// A camera on the network that sends pictures until its listener's thread is told to stop, and then breaks off.
fn network_camera() -> (
    String,
    std::sync::mpsc::Sender<()>,
    std::thread::JoinHandle<()>,
) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let (stop, stopped) = std::sync::mpsc::channel::<()>();
    let thread = std::thread::spawn(move || {
        let image = Image::new(256, 192, 3, vec![90; 256 * 192 * 3]).unwrap();
        let picture = JpegEncoder::new(90).unwrap().encode(&image).unwrap();
        let (mut connection, _) = listener.accept().unwrap();
        let _ = connection.read(&mut [0; 4096]).unwrap();
        let head =
            "HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=frame\r\n\r\n";
        connection.write_all(head.as_bytes()).unwrap();
        while stopped.try_recv() == Err(std::sync::mpsc::TryRecvError::Empty) {
            let length = picture.len();
            let part =
                format!("--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {length}\r\n\r\n");
            let sent = connection
                .write_all(part.as_bytes())
                .and_then(|()| connection.write_all(&picture))
                .and_then(|()| connection.write_all(b"\r\n"));
            // The client may leave first.
            if sent.is_err() {
                return;
            }
        }
    });
    (url, stop, thread)
}

#[test]
fn a_camera_that_is_lost_does_not_end_the_others_and_is_told_at_the_end() {
    let worker = worker(&[]);
    let dir = tempfile::tempdir().unwrap();
    let ((lost, stop, thread), (stays, _goes_on, _)) = (network_camera(), network_camera());
    let output = text(&dir.path().join("rig.jsonl"));
    let args = [
        "--signal",
        &worker.signal,
        "-o",
        "-",
        "-o",
        &output,
        "--fps",
        "20",
    ];
    let cameras = [
        "--stream",
        &lost,
        "--stream",
        &stays,
        "--reconnect-timeout",
        "0",
    ];
    let names = ["--camera-name", "back", "--camera-name", "side"];
    let mut client = Client::start(&[&args, &cameras[..], &names].concat());
    read_moments(&mut client, 3);
    stop.send(()).unwrap();
    thread.join().unwrap();
    client.logs("camera back has ended", 1);
    // Complete, as the camera has ended.
    let ended = jsonl(&dir.path().join("rig-back.jsonl"));
    let ended = number(ended.last().expect("poses"), "moment");
    loop {
        let line = client.line().expect("a prediction of the other camera");
        if line["camera"] == "side" && number(&line, "moment") > ended {
            break;
        }
    }
    client.interrupt();
    let run = client.wait();
    run.failed(1, &["camera back: ", "What the other cameras have is kept"]);
    let last = jsonl(&dir.path().join("rig-side.jsonl")).pop().unwrap();
    let rows = table(&dir.path().join("rig-moments.csv"));
    let row = &rows[&number(&last, "moment")];
    assert_eq!(row.0, [None, Some(number(&last, "frame_id"))]);
}

#[test]
fn nothing_begins_unless_all_cameras_can() {
    let worker = worker(&["--max-streams", "1"]);
    let dir = tempfile::tempdir().unwrap();
    let output = text(&dir.path().join("rig.slp"));
    let args = ["--signal", &worker.signal, "-o", &output];
    let run = Client::run(&[&args, &RIG[..]].concat());
    run.failed(1, &["camera side: ", "worker is busy"]);
    let missing = ["--webcam", "200", "--webcam", "201"];
    Client::run(&[&args, &missing[..]].concat()).failed(1, &["camera webcam200: "]);
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    let alone = ["--test-pattern", "--max-frames", "3", "-o", "-"];
    let alone = Client::run(&[&args[..2], &alone].concat()).success();
    let has_none = |line: &Value| line.get("moment").is_none() && line.get("camera").is_none();
    assert!(alone.predictions().iter().all(has_none));
}
