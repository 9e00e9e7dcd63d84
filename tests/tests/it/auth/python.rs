//! The Python peers, which know of no secret.

use super::*;

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
