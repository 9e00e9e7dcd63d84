//! Several clients whose streams share one worker.

use std::collections::BTreeMap;
use std::net::UdpSocket;
use std::path::Path;

use e2e::attack::{self, Attack};
use e2e::{Client, Finished, Worker, demo, text};
use link::Secret;
use serde_json::Value;
use tokio::runtime::Runtime;

const SECRET: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
/// Frames of the stream that others are to leave alone, at 30 a second.
const FRAMES: usize = 240;

fn worker(more: &[&str]) -> Worker {
    Worker::start(&[&["--model", &text(&demo("model"))], more].concat())
}

fn video(worker: &Worker, more: &[&str]) -> Client {
    Client::video(&worker.signal, more)
}

#[test]
fn four_clients_at_once_get_the_poses_that_each_gets_alone() {
    let worker = worker(&[]);
    let kinds: [&[&str]; 4] = [
        &["--max-frames", "60"],
        &["--max-frames", "80", "--jpeg-quality", "90"],
        &["--max-frames", "60", "--batch-size", "8"],
        &["--max-frames", "40", "--fps", "60"],
    ];
    let alone = kinds.map(|kind| video(&worker, kind).wait().success().poses());
    let clients = kinds.map(|kind| video(&worker, kind));
    for (client, alone) in clients.into_iter().zip(&alone) {
        let run = client.wait().success();
        assert_eq!(&run.poses(), alone, "{}", run.stderr);
    }
}

#[test]
fn a_client_that_finds_no_room_hears_how_many_stream() {
    let worker = worker(&["--max-streams", "2"]);
    let mut running: Vec<Client> = (0..2)
        .map(|_| Client::stream(&worker.signal, &["-o", "-"]))
        .collect();
    for client in &mut running {
        client.line().expect("a first prediction");
    }
    let pattern = ["--signal", &worker.signal, "--test-pattern"];
    let refused = Client::run(&pattern);
    refused.failed(1, &["worker is busy", "2 clients are streaming", "--wait"]);
    let few = ["--max-frames", "3", "--wait", "-o", "-"];
    let waiting = Client::start(&[&pattern[..], &few].concat());
    waiting.logs("busy; asking again", 1);
    running.pop().expect("a client").interrupt();
    assert_eq!(waiting.wait().success().predictions().len(), 3);
    running[0].line().expect("the other stream goes on");
}

/// A worker that others can reach, and a client that streams 30 frames a second through it.
struct Victim {
    worker: Worker,
    client: Client,
    secret_file: String,
    _folder: tempfile::TempDir,
}

impl Victim {
    fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("secret");
        std::fs::write(&file, SECRET).expect("a file");
        let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(&file, private).expect("a private file");
        let secret_file = text(&file);
        let model = text(&demo("model"));
        let args = ["--listen", "127.0.0.1:0", "--secret-file", &secret_file];
        let worker = Worker::start_with(&[&args[..], &["--model", &model]].concat(), |_| {});
        let frames = FRAMES.to_string();
        let args = ["--signal", &worker.signal, "--secret-file", &secret_file];
        let pattern = ["--test-pattern", "256x192@30", "--every-frame"];
        let more = ["--max-frames", &frames, "-o", "-"];
        let mut client = Client::start(&[&args[..], &pattern, &more].concat());
        client.line().expect("a first prediction");
        Self {
            worker,
            client,
            secret_file,
            _folder: folder,
        }
    }

    /// A further client of the same worker.
    fn beside(&self, args: &[&str]) -> Client {
        let (signal, secret) = (&self.worker.signal, &self.secret_file);
        let here = ["--signal", signal, "--secret-file", secret];
        Client::start(&[&here, args].concat())
    }

    /// Every frame has its prediction, in order.
    #[track_caller]
    fn lost_nothing(self) {
        let run = self.client.wait().success();
        let ids = run.poses().into_iter().map(|(frame_id, _)| frame_id);
        assert!(ids.eq(1..FRAMES as u64), "{}", run.stderr);
    }
}

#[test]
fn streams_that_do_harm_cost_the_others_nothing() {
    let victim = Victim::start();
    let secret: Secret = SECRET.parse().expect("a secret");
    let runtime = Runtime::new().expect("a runtime");
    for attack in [
        Attack::Lies,
        Attack::Interleaved,
        Attack::Bombs,
        Attack::Control,
        Attack::Gigantic,
    ] {
        let signal = &victim.worker.signal;
        let attacked = attack::attack(signal, &secret, attack);
        runtime.block_on(attacked);
    }
    victim.lost_nothing();
}

#[test]
fn streams_that_flood_stall_or_break_cost_the_others_nothing() {
    let victim = Victim::start();
    let size = ["--test-pattern", "640x480@1000", "--max-frames", "100000"];
    let flood = victim.beside(&[&size[..], &["--every-frame", "-o", "-"]].concat());
    let mut stalled = victim.beside(&["--test-pattern", "256x192@200", "-o", "-"]);
    let mut broken = victim.beside(&["--test-pattern", "256x192@60", "-o", "-"]);
    stalled.line().expect("a first prediction");
    broken.line().expect("a first prediction");
    // Alive, and it takes no results.
    stalled.freeze();
    broken.kill();
    victim.lost_nothing();
    flood.kill();
    stalled.kill();
}

/// Two streams that run at the same time, of frames that differ in size.
fn two_at_once(worker: &Worker) -> [Finished; 2] {
    let pattern = |size: &str| {
        let args = ["--signal", &worker.signal, "--test-pattern", size];
        Client::start(&[&args[..], &["-o", "-"]].concat())
    };
    let mut first = pattern("256x192@50");
    first.line().expect("a first prediction");
    let mut second = pattern("320x240@50");
    for _ in 0..5 {
        second.line().expect("predictions come");
    }
    second.interrupt();
    let second = second.wait();
    first.interrupt();
    let both = [first.wait(), second];
    assert!(both.iter().all(|run| run.code == Some(130)), "{both:?}");
    both
}

fn names_in(dir: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(dir).expect("a folder");
    let names = entries.map(|entry| entry.expect("an entry").file_name());
    let mut names: Vec<_> = names.map(|name| text(Path::new(&name))).collect();
    names.sort();
    names
}

#[test]
fn what_is_kept_of_streams_at_the_same_time_is_kept_apart() {
    let dir = tempfile::tempdir().expect("a folder");
    let (frames, labels) = (dir.path().join("frames"), dir.path().join("poses"));
    let save = ["--save-every", "1", "--output", &text(&frames)];
    let worker = worker(&[&save[..], &["--save-poses", &text(&labels)]].concat());
    two_at_once(&worker);
    worker.logs("predictions saved", 2);
    assert_eq!(names_in(&labels).len(), 2, "{:?}", names_in(&labels));
    let own = frames.join("test_pattern-2");
    for (dir, width) in [(&frames, 256), (&own, 320)] {
        let pictures = names_in(dir)
            .into_iter()
            .filter(|name| name.ends_with(".png"));
        let pictures: Vec<_> = pictures.collect();
        assert!(pictures.len() >= 5, "{pictures:?}");
        for picture in pictures {
            let png = std::fs::read(dir.join(picture)).expect("a picture");
            let bytes = png[16..20].try_into().expect("four bytes");
            assert_eq!(u32::from_be_bytes(bytes), width);
        }
    }
}

#[test]
fn consumers_hear_of_which_stream_a_pose_is() {
    let consumer = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    let url = format!("udp://{}", consumer.local_addr().expect("an address"));
    let worker = worker(&["--emit", &url]);
    let received = std::thread::spawn(move || {
        let mut poses: BTreeMap<String, Vec<u64>> = BTreeMap::new();
        let (mut ends, mut buffer) = (0, vec![0; 65_536]);
        while ends < 2 {
            let bytes = consumer.recv(&mut buffer).expect("a datagram");
            let message: Value = serde_json::from_slice(&buffer[..bytes]).expect("JSON");
            let stream = message["stream"].as_str().expect("a name").to_owned();
            match message["type"].as_str() {
                Some("pose") => {
                    let frame_id = message["frame_id"].as_u64().expect("a number");
                    poses.entry(stream).or_default().push(frame_id);
                }
                Some("end") => ends += 1,
                _ => {}
            }
        }
        poses
    });
    two_at_once(&worker);
    let poses = received.join().expect("two streams");
    let names: Vec<&str> = poses.keys().map(String::as_str).collect();
    assert_eq!(names, ["test_pattern", "test_pattern-2"]);
    for (stream, ids) in &poses {
        assert!(ids.len() >= 5 && ids.is_sorted(), "{stream}: {ids:?}");
    }
}

#[test]
fn what_cannot_tell_streams_apart_has_one_at_a_time() {
    let osc = ["--emit", "osc://127.0.0.1:9"];
    let worker = worker(&osc);
    worker.logs("consumers of --emit osc://127.0.0.1:9", 1);
    let mut first = Client::stream(&worker.signal, &["-o", "-"]);
    first.line().expect("a first prediction");
    let second = Client::run(&["--signal", &worker.signal, "--test-pattern"]);
    second.failed(1, &["worker is busy", "another client is streaming"]);
}

#[test]
fn a_live_client_hears_what_it_can_expect_of_the_model() {
    let worker = worker(&["--min-live-rate", "1"]);
    // More than the model can take, from each.
    let fast = ["--test-pattern", "64x64@1000", "--live", "-o", "-"];
    let client = || Client::start(&[&["--signal", &worker.signal][..], &fast].concat());
    let mut first = client();
    for _ in 0..5 {
        first.line().expect("predictions come");
    }
    let mut second = client();
    second.line().expect("it has room");
    second.interrupt();
    let second = second.wait();
    assert_eq!(second.code, Some(130), "{}", second.stderr);
    let told = "expect poses of about ";
    assert!(second.stderr.contains(told), "{}", second.stderr);
    assert!(
        second.stderr.contains("the source has 1000.0"),
        "{}",
        second.stderr
    );
    first.interrupt();
    assert_eq!(first.wait().code, Some(130));
}

#[test]
fn a_live_client_without_room_is_refused_with_the_reason_and_may_wait() {
    let worker = worker(&["--min-live-rate", "100000"]);
    let camera = [
        "--test-pattern",
        "64x64@1000",
        "--live",
        "--signal",
        &worker.signal,
    ];
    let mut alone = Client::start(&[&camera[..], &["-o", "-"]].concat());
    for _ in 0..5 {
        alone.line().expect("the only live stream is never refused");
    }
    let refused = Client::run(&camera);
    let reason = "one more would get about ";
    refused.failed(1, &["worker is busy", reason, "--min-live-rate", "--wait"]);
    // Files wait for the model, and are not refused.
    assert_eq!(
        video(&worker, &["--max-frames", "3"])
            .wait()
            .success()
            .predictions()
            .len(),
        3
    );
    let few = ["--max-frames", "3", "--wait", "-o", "-"];
    let waiting = Client::start(&[&camera[..], &few].concat());
    waiting.logs("busy; asking again", 1);
    alone.interrupt();
    assert_eq!(alone.wait().code, Some(130));
    assert!(!waiting.wait().success().predictions().is_empty());
}
