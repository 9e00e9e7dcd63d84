//! `sleap-worker --tracking`: tracks of the worker, in everything that it and its clients write, and never
//! twice.

use std::net::UdpSocket;
use std::path::Path;
use std::process::Command;

use e2e::{Client, Place, Worker, binary, demo, signal_server, sleap_io_reads, text};
use protocol::{Message, Prediction, TrackNames};
use serde_json::Value;
use tracking::TrackerKind;

use crate::label_files::{assert_same, scripted_messages};
use crate::tracking::{FRAMES, model, models, pictures, tracked, tracks};

/// The names of all tracks, as often as they were given.
fn names(predictions: &[Value]) -> Vec<String> {
    let of = |prediction: &Value| prediction["tracks"].as_array().cloned().unwrap_or_default();
    let names = predictions.iter().flat_map(of);
    names
        .filter_map(|name| name.as_str().map(str::to_owned))
        .collect()
}

/// The poses that are emitted to this socket, until the end of the stream.
pub(crate) fn emitted(socket: &UdpSocket) -> Vec<Value> {
    let mut buffer = vec![0; 65_536];
    let mut poses = Vec::new();
    loop {
        let bytes = socket.recv(&mut buffer).unwrap();
        let message: Value = serde_json::from_slice(&buffer[..bytes]).unwrap();
        match message["type"].as_str() {
            Some("pose") => poses.push(message),
            Some("end") => return poses,
            _ => {}
        }
    }
}

#[test]
fn a_workers_tracks_are_in_all_outputs_and_its_clients_keep_them() {
    let place = Place::new();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let url = format!("udp://{}", socket.local_addr().unwrap());
    let heard = std::thread::spawn(move || emitted(&socket));
    let saved = place.text("saved");
    let options = ["-t", "--save-poses", &saved, "--emit", &url];
    let worker = Worker::start(&[&["--model", &model()][..], &options].concat());
    let (source, slp) = (pictures(&place), place.text("poses.slp"));
    let args = ["--signal", &worker.signal, "--stream", &source, "-o", "-"];
    // The client's own tracker would number the animals otherwise.
    let more = ["-o", &slp, "-t", "--tracker", "classic"];
    let run = Client::run(&[&args[..], &more].concat()).success();
    assert!(
        run.stderr.contains("the worker tells animals apart"),
        "{}",
        run.stderr
    );
    let predictions = run.predictions();
    assert_eq!(predictions.len(), FRAMES.count());
    let expected = tracked(TrackerKind::Animals, &predictions);
    assert_eq!(tracks(&predictions), expected);
    assert!(names(&predictions).len() > 60, "{expected:?}");
    assert_eq!(tracks(&heard.join().unwrap()), expected);
    worker.logs("predictions saved", 1);
    let kept = std::fs::read_dir(place.path("saved")).unwrap();
    let kept = kept.map(|file| file.unwrap().path()).next().unwrap();
    for file in [Path::new(&slp), &kept] {
        let labels = &sleap_io_reads(&[file])[0];
        let nodes = labels["nodes"].as_array().unwrap();
        for (row, line) in predictions.iter().enumerate() {
            assert_same(&labels["frames"][row], line, nodes);
        }
    }
    // Each stream begins anew.
    let again = Client::run(&args).success().predictions();
    assert_eq!(tracks(&again), expected);
}

#[test]
fn a_worker_that_comes_back_begins_no_track_that_there_was() {
    let (place, meeting) = (Place::new(), signal_server());
    let source = pictures(&place);
    let args = ["--model", &model(), "-t"];
    let worker = Worker::start_at(&meeting.signal, &args);
    let stream = ["--signal", &meeting.signal, "--stream", &source];
    let more = ["-o", "-", "--fps", "60"];
    let mut client = Client::start(&[&stream[..], &more].concat());
    let before: Vec<Value> = (0..10)
        .map(|_| client.line().expect("predictions come"))
        .collect();
    worker.kill();
    client.logs("the connection to the worker is lost", 1);
    let worker = Worker::start_at(&meeting.signal, &args);
    let all = client.wait().success().predictions();
    assert_eq!(before.len() + all.len(), FRAMES.count());
    drop(worker);
    // Predictions of the first worker may have come after those that were read.
    let first = names(&before);
    let last = names(&all[all.len() - 5..]);
    assert!(!first.is_empty() && !last.is_empty());
    assert!(
        last.iter().all(|name| !first.contains(name)),
        "{first:?}, then {last:?}"
    );
}

#[test]
fn predictions_of_a_file_that_is_sent_have_the_workers_tracks() {
    let place = Place::new();
    let worker = place.worker(&["-t", "--max-tracks", "1"]);
    let (video, slp) = (text(&demo("video.mp4")), place.text("poses.slp"));
    let send = ["--signal", &worker.signal, "--send-file", &video];
    Client::run(&[&send[..], &["-o", &slp]].concat()).success();
    let labels = &sleap_io_reads(&[Path::new(&slp)])[0];
    let frames = labels["frames"].as_array().unwrap();
    let tracks = frames
        .iter()
        .flat_map(|frame| frame["instances"].as_array().unwrap())
        .map(|instance| instance["track"].as_str());
    let tracks: Vec<_> = tracks.collect();
    assert_eq!(tracks, vec![Some("track_0"); 240]);
    let refused = Client::run(&[&send[..], &["-o", &slp, "--overwrite", "-t"]].concat());
    refused.failed(2, &["--tracking", "start it with --tracking"]);
}

#[test]
fn a_model_that_knows_identities_keeps_them_at_both_ends() {
    let place = Place::new();
    let model = text(&models().join("multi_class_bottomup"));
    let worker = Worker::start(&["--model", &model, "-t"]);
    worker.logs("the model knows which animal is which", 1);
    let (source, signal) = (pictures(&place), &worker.signal);
    let args = ["--signal", signal, "--stream", &source, "-t", "-o", "-"];
    let run = Client::run(&args).success();
    assert!(
        run.stderr.contains("knows which animal is which"),
        "{}",
        run.stderr
    );
    let names = names(&run.predictions());
    let identities = ["gray", "pale", "black"];
    assert!(names.len() > 30, "{names:?}");
    assert!(
        names.iter().all(|name| identities.contains(&name.as_str())),
        "{names:?}"
    );
}

#[test]
fn options_that_make_no_tracker_end_the_worker_before_it_begins() {
    for (options, words) in [
        (&["-t"][..], "--tracking needs --model"),
        (&["--model", "none", "--max-tracks", "2"], "--tracking"),
        (
            &["--model", "none", "-t", "--scoring-method", "oks"],
            "classic",
        ),
    ] {
        let output = Command::new(binary("sleap-worker"))
            .args(options)
            .output()
            .unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(error.contains(words), "{options:?}: {error}");
        assert_eq!(output.status.code(), Some(2), "{options:?}: {error}");
    }
}

/// Names of tracks, as a worker sends them.
fn named(pairs: &[(&str, &str)]) -> Message {
    let owned = |(track, name): &(&str, &str)| ((*track).to_owned(), (*name).to_owned());
    Message::TrackNames(TrackNames {
        names: pairs.iter().map(owned).collect(),
    })
}

#[test]
fn names_that_people_give_tracks_are_in_the_clients_files() {
    let place = Place::new();
    let files = ["slp", "csv", "jsonl"].map(|kind| place.text(&format!("poses.{kind}")));
    let args: Vec<String> = files
        .iter()
        .flat_map(|file| ["-o".to_owned(), file.clone()])
        .collect();
    let run = scripted_messages(None, &args, |frame_id| {
        let prediction = Message::Prediction(Prediction {
            frame_id,
            instances: vec![vec![Some([1.0, 2.0])]; 2],
            tracks: vec![Some("track_0".into()), Some("track_1".into())],
            ..Prediction::default()
        });
        let names = match frame_id {
            2 => named(&[("track_0", "mouse A"), ("track_1", "\u{1b}[2J")]),
            3 => named(&[("track_1", "mouse A")]),
            4 => named(&[("track_1", "B")]),
            5 => named(&[("track_1", "")]),
            _ => return vec![prediction],
        };
        vec![names, prediction]
    });
    let run = run.success();
    assert!(run.stderr.contains("mouse A"), "{}", run.stderr);
    assert!(!run.stderr.contains('\u{1b}'), "{}", run.stderr);
    let labels = &sleap_io_reads(&[Path::new(&files[0])])[0];
    for frame in labels["frames"].as_array().unwrap() {
        let tracks = frame["instances"].as_array().unwrap().iter();
        let tracks: Vec<_> = tracks.map(|instance| instance["track"].as_str()).collect();
        assert_eq!(tracks, [Some("mouse A"), Some("track_1")]);
    }
    let table = std::fs::read_to_string(&files[1]).unwrap();
    let cells = |row: &str| row.split(',').nth(2).unwrap().to_owned();
    let in_table: Vec<String> = table.lines().skip(1).map(cells).collect();
    let (own, given) = (["track_0", "track_1"], ["mouse A", "track_1"]);
    assert_eq!(
        in_table,
        [own, own, given, given, ["mouse A", "B"], given].concat()
    );
    let lines = std::fs::read_to_string(&files[2]).unwrap();
    let line = |line: &str| serde_json::from_str::<Value>(line).unwrap();
    let names: Vec<Value> = lines
        .lines()
        .map(|text| line(text)["names"].clone())
        .collect();
    let a = serde_json::json!(["mouse A", null]);
    let both = serde_json::json!(["mouse A", "B"]);
    let none = Value::Null;
    assert_eq!(names, [none.clone(), none, a.clone(), a.clone(), both, a]);
}
