//! A worker among peers that mean harm: what it costs, and that the stream of another does not notice.

use std::time::Duration;

use e2e::attack::{self, Attack};
use e2e::{Client, Worker, peak_memory, reference_client, uploads_in};
use link::Secret;
use tokio::runtime::Runtime;
use tokio::time::Instant;

const SECRET: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
/// Kilobytes that a worker without a model may have held at its peak under all of it.
const MAX_PEAK: u64 = 300_000;
/// Frames of the stream that runs meanwhile, at 30 a second.
const FRAMES: usize = 450;
const LASTING: Duration = Duration::from_secs(9);
/// Bytes that clients may have at the worker as files.
const QUOTA: u64 = 40_000_000;

struct Place {
    worker: Worker,
    secret_file: String,
    folder: tempfile::TempDir,
}

/// A worker that others can reach.
fn exposed() -> Place {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("secret");
    std::fs::write(&file, SECRET).unwrap();
    std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let secret_file = file.to_str().unwrap().to_owned();
    let uploads = folder.path().join("uploads").to_str().unwrap().to_owned();
    let quota = QUOTA.to_string();
    let args = ["--listen", "0.0.0.0:0", "--secret-file", &secret_file];
    let files = ["--upload-dir", &uploads, "--upload-quota", &quota];
    Place {
        worker: Worker::start_with(&[&args[..], &files].concat(), |command| {
            command.env_remove("SLEAP_ROOM_SECRET");
        }),
        secret_file,
        folder,
    }
}

impl Place {
    /// A client that streams like any other.
    fn stream(&self, frames: usize) -> Client {
        Client::start(&[
            "--signal",
            &self.worker.signal,
            "--secret-file",
            &self.secret_file,
            "--test-pattern",
            "320x240@30",
            "--every-frame",
            "--max-frames",
            &frames.to_string(),
        ])
    }

    /// Bytes of files that clients have sent.
    fn uploads(&self) -> u64 {
        let files = uploads_in(&self.folder.path().join("uploads"));
        files.iter().map(|(_, bytes)| bytes).sum()
    }

    fn peak(&self) -> u64 {
        peak_memory(self.worker.pid()).expect("it runs")
    }
}

/// Every frame was sent, and answered: the client fails where one was not.
#[track_caller]
fn all_answered(client: Client, frames: usize) {
    let run = client.wait().success();
    let line = run.stderr.lines().find(|line| line.starts_with("frames "));
    let sent = line.and_then(|line| line.split_whitespace().nth(1));
    assert_eq!(sent, Some(frames.to_string().as_str()), "{}", run.stderr);
}

#[test]
fn the_whole_list_costs_little_memory_and_the_running_stream_loses_nothing() {
    let place = exposed();
    let secret: Secret = SECRET.parse().unwrap();
    let signal = &place.worker.signal;
    let runtime = Runtime::new().expect("a runtime");
    // First those who have the stream.
    for attack in Attack::ALL {
        let before = place.peak();
        let answered = runtime.block_on(attack::attack(signal, &secret, attack));
        println!(
            "{attack:?}: {answered} answers, peak {before} -> {} kB",
            place.peak()
        );
        let answers_come = !matches!(attack, Attack::Stalled | Attack::Control);
        assert!(answered > 0 || !answers_come, "{attack:?} came to nothing");
    }
    // Then, beside the stream of another, all others at once.
    let client = place.stream(FRAMES);
    client.logs("connected", 1);
    let worker_id = worker_id(&place.worker.log());
    let done = runtime.block_on(async {
        let until = Instant::now() + LASTING;
        tokio::join!(
            attack::control_flood(signal, &secret, until),
            attack::half_frames(signal, &secret, until),
            attack::file_flood(signal, &secret, until),
            attack::strangers(signal, 20, until),
            attack::crowd(signal, 100, until),
            attack::slow_loris(signal, 50, until),
            attack::huge_messages(signal, until),
            attack::message_flood(signal, &worker_id, until),
        )
    });
    // More channels than anybody has use for; it is cut off before it is asked who it is, or after.
    let args = [
        "--frames",
        "3",
        "--secret",
        SECRET,
        "--extra-channels",
        "100",
    ];
    let (events, code) = reference_client(signal, &args).rest();
    assert_ne!(code, Some(0), "{events:?}");
    println!("beside the stream: {done:?}; peak {} kB", place.peak());
    let (texts, _halves, files, strangers, sockets, loris, huge, messages) = done;
    let channels = strangers
        .channels
        .load(std::sync::atomic::Ordering::Relaxed);
    for (what, times) in [
        ("control messages", texts),
        ("uploads", files.uploads_begun),
        ("files that are refused", files.refusals),
        ("strangers", channels),
        ("sockets", sockets),
        ("slow requests", loris),
        ("huge messages", huge),
        ("messages to the worker", messages),
    ] {
        assert!(times > 0, "{what}: came to nothing");
    }
    all_answered(client, FRAMES);
    let uploads = place.uploads();
    assert!(uploads > 0 && uploads <= QUOTA, "{uploads} bytes of files");
    // And the next client finds it as it was.
    all_answered(place.stream(10), 10);
    let peak = place.peak();
    println!("peak of the worker under the whole list: {peak} kB");
    assert!(peak <= MAX_PEAK, "{peak} kB");
}

/// `worker-...` as the worker's log names it.
fn worker_id(log: &str) -> String {
    let id = log.split_whitespace().find_map(|word| {
        let word = word.trim_start_matches("id=").trim_matches('"');
        word.starts_with("worker-").then(|| word.to_owned())
    });
    id.unwrap_or_else(|| panic!("no id in: {log}"))
}
