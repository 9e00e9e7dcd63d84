//! Where secrets come from, and which one counts.

use super::*;

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
