//! Who may stream to a worker that others can reach; both real programs, and the Python peers.

use std::path::Path;
use std::process::Command;

use e2e::{
    Client, Finished, Worker, demo, reference_client, reference_signaling, reference_worker,
    signal_server,
};
use serde_json::Value;
use tempfile::TempDir;

const SECRET: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
const OTHER: &str = "BAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
/// An Ed25519 key and its public half.
const KEY: &str = "a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s";
const PUBLIC_KEY: &str = "gyClGXfYw4yopJJ8Zw31gh5El2GUXhXp77JqFQnSMOo";

const PATTERN: [&str; 4] = ["--test-pattern", "64x48@100", "--max-frames", "6"];
const ANSWERED: &str = "frames                6";

/// A worker that others can reach, whose secrets are kept in `data`.
fn exposed(data: &Path, args: &[&str]) -> Worker {
    let args = [&["--listen", "0.0.0.0:0"], args].concat();
    Worker::start_with(&args, |command| alone(command, data))
}

/// The environment of a test has no secrets, and keeps its own.
fn alone(command: &mut Command, data: &Path) {
    for name in ["SLEAP_ROOM_SECRET", "SLEAP_STREAM_WORKER"] {
        command.env_remove(name);
    }
    command.env("XDG_DATA_HOME", data);
}

fn stream(args: &[&str], variables: &[(&str, &str)]) -> Finished {
    let client = Client::start_with(&[&PATTERN[..], args].concat(), |command| {
        alone(command, Path::new("/nonexistent"));
        command.envs(variables.iter().copied());
    });
    client.wait()
}

#[track_caller]
fn answered(run: Finished) -> Finished {
    let run = run.success();
    assert!(run.stderr.contains(ANSWERED), "{}", run.stderr);
    run
}

/// The link of a line `pair: sleap-stream --worker 'LINK'`.
fn link_of(worker: &mut Worker) -> String {
    let line = worker.stdout_line();
    let link = line.strip_prefix("pair: sleap-stream --worker '");
    let link = link.and_then(|link| link.strip_suffix('\''));
    link.unwrap_or_else(|| panic!("no link: {line:?}"))
        .to_owned()
}

fn secret_of(link: &str) -> &str {
    link.split_once('#').expect("a secret").1
}

fn file(folder: &TempDir, name: &str, text: &str) -> String {
    let path = folder.path().join(name);
    std::fs::write(&path, text).expect("written");
    path.to_str().expect("UTF-8").to_owned()
}

#[test]
fn the_link_that_the_worker_prints_is_all_that_a_client_needs() {
    let data = tempfile::tempdir().unwrap();
    let mut worker = exposed(data.path(), &[]);
    let link = link_of(&mut worker);
    assert_eq!(secret_of(&link).len(), 43);
    let on_the_line = answered(stream(&["--worker", &link], &[]));
    assert!(on_the_line.stderr.contains("SLEAP_STREAM_WORKER hides it"));
    let hidden = answered(stream(&["-vv"], &[("SLEAP_STREAM_WORKER", &link)]));
    let (_, log) = worker.interrupt();
    for text in [on_the_line.stderr, hidden.stderr, log] {
        assert!(!text.contains(secret_of(&link)), "a secret in a log");
    }

    // Another start, the same secret; until another is asked for.
    let mut again = exposed(data.path(), &[]);
    let kept = link_of(&mut again);
    assert_eq!(secret_of(&kept), secret_of(&link));
    drop(again);
    let mut renewed = exposed(data.path(), &["--new-secret"]);
    assert_ne!(secret_of(&link_of(&mut renewed)), secret_of(&link));
}

#[test]
fn whoever_does_not_know_the_secret_stays_out_and_is_told_what_to_do() {
    let data = tempfile::tempdir().unwrap();
    let secret = file(&data, "secret", SECRET);
    let worker = exposed(data.path(), &["--secret-file", &secret]);
    let host = worker.signal.strip_prefix("ws://").expect("an address");
    let wrong = stream(&["--worker", &format!("sleap://{host}/#{OTHER}")], &[]);
    wrong.failed(
        1,
        &["does not accept the secret", "--worker", "--secret-file"],
    );
    assert!(!wrong.stderr.contains(OTHER));
    let none = stream(&["--signal", &worker.signal], &[]);
    none.failed(1, &["asks for a secret", "--worker", "--secret-file"]);
    // To wait would be of no use.
    let waiting = stream(
        &["--worker", &format!("sleap://{host}/#{OTHER}"), "--wait"],
        &[],
    );
    waiting.failed(1, &["does not accept the secret"]);

    let given = ["--signal", &worker.signal, "--secret-file", &secret];
    answered(stream(&given, &[]));
    let variable = [("SLEAP_ROOM_SECRET", SECRET)];
    answered(stream(&["--signal", &worker.signal], &variable));
    let (_, log) = worker.interrupt();
    assert!(log.contains("not let in"), "{log}");
    assert!(!log.contains(SECRET));
}

#[test]
fn a_worker_elsewhere_is_not_trusted_without_a_secret() {
    // Nobody is there: nothing is sent before the question is settled.
    for (args, words) in [
        (
            ["--signal", "ws://192.0.2.1:9"],
            ["--secret-file", "--insecure"],
        ),
        (
            ["--worker", "sleap://192.0.2.1:9/"],
            ["lost its secret", "--secret-file"],
        ),
    ] {
        stream(&args, &[]).failed(2, &words);
    }
}

#[test]
fn a_worker_that_is_met_at_a_signaling_server_asks_and_its_link_names_it() {
    let data = tempfile::tempdir().unwrap();
    let meeting = signal_server();
    let start = || {
        Worker::start_with(&["--signal", &meeting.signal], |command| {
            alone(command, data.path());
        })
    };
    let (mut first, mut second) = (start(), start());
    let (link, other) = (link_of(&mut first), link_of(&mut second));
    assert!(link.contains("/worker-") && link != other, "{link} {other}");
    // Wherever the server stands, it may be reached by all.
    let none = stream(&["--signal", &meeting.signal], &[]);
    none.failed(1, &["asks for a secret"]);
    answered(stream(&["--worker", &other], &[]));
    let (_, log) = second.interrupt();
    assert!(
        log.contains("stream complete"),
        "it was the one that was named"
    );
}

#[test]
fn the_pages_token_is_not_printed_where_the_secret_is_not() {
    let data = tempfile::tempdir().unwrap();
    let secret = file(&data, "secret", SECRET);
    let args = ["--secret-file", &secret, "--view", "127.0.0.1:0"];
    let mut worker = exposed(data.path(), &args);
    let shown = worker.stdout_line();
    let port = shown.strip_prefix("view: http://127.0.0.1:");
    let port = port.and_then(|rest| rest.strip_suffix('/')).expect(&shown);
    let kept = data.path().join(format!("sleap-stream/view/link-{port}"));
    let kept = std::fs::read_to_string(kept).expect("the links are kept");
    let token = |line: &str| Some(line.split_once("/#")?.1.to_owned());
    let tokens: Vec<String> = kept.lines().filter_map(token).collect();
    let [look, send] = &tokens[..] else {
        panic!("two links: {kept}")
    };
    assert!(look.starts_with("look-") && send.starts_with("send-"));
    let shown = worker.stdout_line();
    assert_eq!(shown, format!("send: http://127.0.0.1:{port}/"));
    let (_, log) = worker.interrupt();
    assert!(log.contains("link-"), "{log}");
    assert!(!log.contains(look) && !log.contains(send), "{log}");

    let mut open = Worker::start_with(
        &["--listen", "127.0.0.1:0", "--view", "127.0.0.1:0"],
        |it| {
            alone(it, data.path());
        },
    );
    let shown = open.stdout_line();
    assert!(
        shown.starts_with("view: http://") && shown.contains("/#"),
        "{shown}"
    );
}

/// The tokens of a worker's links, with these options.
fn tokens(data: &std::path::Path, args: &[&str]) -> [String; 2] {
    let args = [&["--listen", "127.0.0.1:0", "--view", "127.0.0.1:0"], args].concat();
    let mut worker = Worker::start_with(&args, |it| {
        alone(it, data);
    });
    let token = |line: String| line.split_once("/#").expect("a token").1.to_owned();
    std::iter::from_fn(|| Some(worker.stdout_line()))
        .filter(|line| line.contains("/#") && !line.starts_with("pair: "))
        .map(token)
        .take(2)
        .collect::<Vec<_>>()
        .try_into()
        .expect("two links")
}

#[test]
fn the_pages_links_outlive_the_worker_until_new_secrets_are_asked_for() {
    let data = tempfile::tempdir().unwrap();
    let first = tokens(data.path(), &[]);
    assert_eq!(tokens(data.path(), &[]), first);
    let renewed = tokens(data.path(), &["--new-secret"]);
    assert!(renewed[0] != first[0] && renewed[1] != first[1]);
    assert_eq!(tokens(data.path(), &[]), renewed);
    let file = data.path().join("sleap-stream/view/send-token");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    // Without the page the old links end as well.
    let args = ["--listen", "127.0.0.1:0", "--new-secret"];
    drop(Worker::start_with(&args, |it| {
        alone(it, data.path());
    }));
    assert!(!file.exists());
    assert_ne!(tokens(data.path(), &[]), renewed);
}

#[test]
fn on_this_machine_nothing_is_needed_and_nothing_less_is_taken() {
    let data = tempfile::tempdir().unwrap();
    let worker = Worker::start_with(&["--listen", "127.0.0.1:0"], |command| {
        alone(command, data.path());
    });
    answered(stream(&["--signal", &worker.signal], &[]));
    // A client that was given a secret does not go on without.
    let variable = [("SLEAP_ROOM_SECRET", SECRET)];
    let strict = stream(&["--signal", &worker.signal], &variable);
    strict.failed(1, &["did not ask for the secret", "--insecure"]);
    answered(stream(
        &["--signal", &worker.signal, "--insecure"],
        &variable,
    ));
    assert!(
        !data.path().join("sleap-stream").exists(),
        "no secret was made"
    );
}

/// The user's settings file.
fn home(text: &str) -> TempDir {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join(".sleap-rtc");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("config.toml"), text).unwrap();
    home
}

/// A program that has a user's settings file.
fn run_at(home: &TempDir, program: &str, args: &[&str], variables: &[(&str, &str)]) -> Finished {
    let mut command = Command::new(e2e::binary(program));
    alone(&mut command, home.path());
    command
        .args(args)
        .env("HOME", home.path())
        .env_remove("SLEAP_STREAM_NO_CONFIG")
        .env_remove("SLEAP_WORKER_NO_CONFIG")
        .current_dir(home.path());
    let output = command.envs(variables.iter().copied()).output().unwrap();
    Finished {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

#[test]
fn insecure_in_a_file_is_no_match_for_a_secret_in_the_environment() {
    let home = home("[sleap-stream]\ninsecure = true\n[sleap-worker]\ninsecure = true\n");
    let variable = [("SLEAP_ROOM_SECRET", SECRET)];
    let words = [
        "insecure (~/.sleap-rtc/config.toml, line ",
        "SLEAP_ROOM_SECRET",
        "--insecure=false",
    ];
    run_at(&home, "sleap-stream", &PATTERN, &variable).failed(2, &words);
    let doctor = run_at(&home, "sleap-worker", &["doctor"], &variable);
    let told = doctor
        .stdout
        .contains("insecure (~/.sleap-rtc/config.toml, line 4)");
    assert!(doctor.code == Some(1) && told, "{}", doctor.stdout);
    let listen = ["--listen", "127.0.0.1:0"];
    run_at(&home, "sleap-worker", &listen, &variable).failed(2, &words);
    // Nor for one that an option gives.
    let given = [&PATTERN[..], &["--secret", SECRET]].concat();
    let words = ["insecure (~/", "secret (command line)"];
    run_at(&home, "sleap-stream", &given, &[]).failed(2, &words);
    // In one place they contradict each other too.
    let both = [("SLEAP_STREAM_INSECURE", "1"), variable[0]];
    run_at(&home, "sleap-stream", &PATTERN, &both).failed(2, &["SLEAP_STREAM_INSECURE"]);

    // Without a secret the file has its say, and the command line has it before all.
    let worker = Worker::start(&[]);
    let signal = [&PATTERN[..], &["--signal", &worker.signal]].concat();
    answered(run_at(&home, "sleap-stream", &signal, &[]));
    let insecure = [&signal[..], &["--insecure"]].concat();
    let run = answered(run_at(&home, "sleap-stream", &insecure, &variable));
    let told = "SLEAP_ROOM_SECRET is not used: insecure (command line) is stronger";
    assert!(run.stderr.contains(told), "{}", run.stderr);
    let secure = [&signal[..], &["--insecure=false"]].concat();
    let run = run_at(&home, "sleap-stream", &secure, &variable);
    run.failed(1, &["did not ask for the secret"]);
}

#[test]
fn a_secret_in_the_environment_comes_before_one_in_a_file() {
    let data = tempfile::tempdir().unwrap();
    let secret = file(&data, "secret", SECRET);
    let worker = exposed(data.path(), &["--secret-file", &secret]);
    let home = home("[sleap-stream]\nsecret_file = '~/other'\n");
    let other = file(&home, "other", OTHER);
    let args = [&PATTERN[..], &["--signal", &worker.signal]].concat();
    run_at(&home, "sleap-stream", &args, &[]).failed(1, &["does not accept the secret"]);
    let variable = [("SLEAP_ROOM_SECRET", SECRET)];
    let run = answered(run_at(&home, "sleap-stream", &args, &variable));
    let told = "the secret is that of SLEAP_ROOM_SECRET, not that of secret_file (~/";
    assert!(run.stderr.contains(told), "{}", run.stderr);
    let line = [&args[..], &["--secret-file", &other]].concat();
    let run = run_at(&home, "sleap-stream", &line, &variable);
    run.failed(1, &["does not accept the secret"]);
}

#[test]
fn a_worker_without_a_lock_says_so() {
    let data = tempfile::tempdir().unwrap();
    let worker = exposed(data.path(), &["--insecure"]);
    answered(stream(&["--signal", &worker.signal], &[]));
    let (_, log) = worker.interrupt();
    assert!(log.contains("WARN --insecure"), "{log}");
}

#[test]
fn secrets_that_can_be_guessed_are_usage_errors_that_repeat_nothing() {
    let data = tempfile::tempdir().unwrap();
    let short = file(&data, "secret", "hunter2");
    for args in [
        ["--secret-file", &short],
        ["--secret", "hunter2"],
        ["--worker", "sleap://127.0.0.1:9/#hunter2"],
    ] {
        let run = stream(&args, &[]);
        run.failed(2, &[args[0]]);
        assert!(!run.stderr.contains("hunter2"), "{}", run.stderr);
    }
    let both = [
        "--worker",
        "sleap://127.0.0.1:9/",
        "--signal",
        "ws://127.0.0.1:9",
    ];
    stream(&both, &[]).failed(2, &["--worker", "--signal"]);
}

#[test]
fn a_worker_that_comes_back_with_another_secret_is_not_taken_for_the_first() {
    let data = tempfile::tempdir().unwrap();
    let (one, other) = (file(&data, "one", SECRET), file(&data, "other", OTHER));
    let model = demo("model");
    let with = |secret| ["--secret-file", secret, "--model", model.to_str().unwrap()];
    // The runtime of models is among the data of whoever runs this.
    let start = |listen: &str, secret| {
        let args = [&["--listen", listen][..], &with(secret)].concat();
        Worker::start_with(&args, |_| {})
    };
    let worker = start("0.0.0.0:0", &one);
    let port = worker.signal.strip_prefix("ws://127.0.0.1:");
    let listen = format!("0.0.0.0:{}", port.expect("a port"));
    let args = ["--signal", &worker.signal, "--secret-file", &one];
    let args = [&["--test-pattern", "64x48@5", "-o", "-"][..], &args].concat();
    let mut running = Client::start_with(&args, |command| alone(command, data.path()));
    running.line().expect("a prediction: the stream runs");
    worker.kill();
    // The same secret: the stream goes on.
    let back = start(&listen, &one);
    running.logs("connected again", 1);
    back.kill();
    let _stranger = start(&listen, &other);
    let ended = running.wait();
    ended.failed(1, &["does not accept the secret"]);
}

fn count(events: &[Value], kind: &str) -> usize {
    events.iter().filter(|event| event["event"] == kind).count()
}

#[test]
fn python_clients_come_in_where_that_was_asked_for() {
    let data = tempfile::tempdir().unwrap();
    let (secret, keys) = (
        file(&data, "secret", SECRET),
        file(&data, "keys", PUBLIC_KEY),
    );
    let args = [
        "--secret-file",
        &secret,
        "--auth-compat",
        "--client-keys",
        &keys,
    ];
    let worker = exposed(data.path(), &args);
    for credentials in [["--secret", SECRET], ["--key", KEY]] {
        let args = [&["--frames", "4"][..], &credentials].concat();
        let (events, code) = reference_client(&worker.signal, &args).rest();
        assert_eq!(code, Some(0), "{credentials:?}");
        assert_eq!(
            (count(&events, "let_in"), count(&events, "complete")),
            (1, 1)
        );
    }
    // The controls.
    for (credentials, reason) in [
        (&["--secret", OTHER][..], "invalid"),
        (&["--key", OTHER], "invalid"),
        (&["--wait-auth"], "missing"),
        (&[], "missing"),
    ] {
        let args = [&["--frames", "4"][..], credentials].concat();
        let (events, code) = reference_client(&worker.signal, &args).rest();
        assert_ne!(code, Some(0), "{credentials:?}");
        assert_eq!(count(&events, "complete"), 0);
        let refused = events.iter().find(|event| event["event"] == "refused");
        assert_eq!(refused.expect("a verdict")["reason"], reason);
    }
    // Our own client proves itself no less than elsewhere.
    answered(stream(
        &["--signal", &worker.signal, "--secret-file", &secret],
        &[],
    ));
    let (_, log) = worker.interrupt();
    assert!(log.contains("WARN --auth-compat"), "{log}");
}

#[test]
fn python_clients_do_not_come_in_unless_that_was_asked_for() {
    let data = tempfile::tempdir().unwrap();
    let secret = file(&data, "secret", SECRET);
    let worker = exposed(data.path(), &["--secret-file", &secret]);
    let args = ["--frames", "4", "--secret", SECRET];
    let (events, code) = reference_client(&worker.signal, &args).rest();
    assert_ne!(code, Some(0));
    assert_eq!(
        (count(&events, "refused"), count(&events, "complete")),
        (1, 0)
    );
    let (_, log) = worker.interrupt();
    assert!(log.contains("not bound to the connection"), "{log}");
}

#[test]
fn a_python_worker_is_answered_where_that_was_asked_for() {
    let data = tempfile::tempdir().unwrap();
    let (secret, other) = (file(&data, "secret", SECRET), file(&data, "other", OTHER));
    let credentials = format!(r#"{{"private_key":"{KEY}"}}"#);
    let key = file(&data, "credentials.json", &credentials);
    let (_server, signal) = reference_signaling();
    let compat = ["--signal", &signal, "--auth-compat"];
    for (asks, gives) in [
        (["--secret", SECRET], ["--secret-file", &secret]),
        (["--authorized-key", PUBLIC_KEY], ["--client-key", &key]),
    ] {
        let worker = reference_worker(&signal, &[&["--once"][..], &asks].concat());
        answered(stream(&[&compat[..], &gives].concat(), &[]));
        let (events, _) = worker.rest();
        assert_eq!(count(&events, "frame"), 6);
    }
    let _worker = reference_worker(&signal, &["--secret", SECRET]);
    let wrong = stream(&[&compat[..], &["--secret-file", &other]].concat(), &[]);
    wrong.failed(1, &["does not accept the secret"]);
    // Without being asked to, the client gives no answer that is bound to nothing.
    let strict = stream(&["--signal", &signal, "--secret-file", &secret], &[]);
    strict.failed(1, &["no verdict", "--auth-compat"]);
}

#[test]
fn a_python_worker_that_has_no_secret_and_goes_on_is_refused() {
    let data = tempfile::tempdir().unwrap();
    let secret = file(&data, "secret", SECRET);
    let (_server, signal) = reference_signaling();
    let _worker = reference_worker(&signal, &["--without-secret"]);
    let args = [
        "--signal",
        &signal,
        "--auth-compat",
        "--secret-file",
        &secret,
    ];
    stream(&args, &[]).failed(1, &["has no secret of its own"]);
}

/// Kilobytes that a worker without a model may have held at its peak, twenty strangers included: 75,000
/// where it has the machine to itself, 120,000 where it is so slow that their handshakes overlap.
const MAX_PEAK: u64 = 200_000;

#[test]
fn strangers_who_flood_cost_little_memory_and_disturb_no_stream() {
    let data = tempfile::tempdir().unwrap();
    let secret = file(&data, "secret", SECRET);
    let worker = exposed(data.path(), &["--secret-file", &secret, "-v"]);
    let given = ["--signal", &worker.signal, "--secret-file", &secret];
    let args = [
        &["--test-pattern", "320x240@30", "--max-frames", "90"][..],
        &given,
    ]
    .concat();
    let client = Client::start_with(&args, |command| alone(command, data.path()));
    client.logs("connected", 1);
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let flooded = runtime.block_on(async {
        let strangers = (0..20).map(|_| tokio::spawn(flood(worker.signal.clone())));
        let mut cut_off = 0;
        for stranger in strangers.collect::<Vec<_>>() {
            cut_off += usize::from(stranger.await.expect("no panic"));
        }
        cut_off
    });
    assert!(flooded > 0, "nobody got so far as to be cut off");
    let run = client.wait().success();
    assert!(
        run.stderr.contains("frames               90"),
        "{}",
        run.stderr
    );
    let peak = e2e::peak_memory(worker.pid()).expect("it runs");
    assert!(peak < MAX_PEAK, "{peak} kB");
    // Not for what they said, of which nothing was whole by then, but for how much they sent.
    let (_, log) = worker.interrupt();
    let cut_off = "sent too much before it was authenticated";
    assert!(log.contains(cut_off), "nobody was cut off");
}

/// Connects without a secret and sends as much as it can; whether it was cut off in the midst.
async fn flood(signal: String) -> bool {
    let patience = std::time::Duration::from_secs(5);
    let mut config = link::PeerConfig::default();
    config.connection.connect_timeout = patience;
    let Ok(mut channel) = link::connect(&signal, config).await else {
        // All places were taken.
        return false;
    };
    while channel.receiver.closed_because().is_none() {
        let chunk = protocol::Message::Chunk(vec![0; 250_000].into());
        tokio::select! {
            sent = channel.sender.send(chunk) => if sent.is_err() { break },
            received = channel.receiver.recv() => if received.is_none() { break },
        }
    }
    true
}
