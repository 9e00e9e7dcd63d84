//! Links, and what a worker asks for where others can reach it.

use super::*;

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
    // It is told of a client once that one is gone, which takes a second.
    worker.logs("not let in", 1);
    let (_, log) = worker.interrupt();
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
