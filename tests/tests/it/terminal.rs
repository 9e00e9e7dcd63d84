//! What people see in a real terminal: tmux holds the screen, and is asked what stands there.

use std::process::Command;

use e2e::{Place, Worker, binary, demo};
use link::Acceptor;
use protocol::{Message, StreamStart};

/// A terminal of its own, on a tmux server of its own.
struct Terminal(tempfile::TempDir);

impl Terminal {
    /// Runs a command line of a shell; the screen stays when it ends.
    fn run(columns: u32, line: &str) -> Self {
        let terminal = Self(tempfile::tempdir().unwrap());
        let columns = columns.to_string();
        let kept = format!("{line}; printf 'ended with %s\\n' $?; read -r _");
        let size = ["-x", &columns, "-y", "30"];
        terminal.tmux(
            &[
                &["-f", "/dev/null", "new-session", "-d"],
                &size[..],
                &[&kept],
            ]
            .concat(),
        );
        terminal
    }

    fn tmux(&self, args: &[&str]) -> String {
        let output = Command::new("tmux")
            .arg("-S")
            .arg(self.0.path().join("socket"))
            .args(args)
            .env_remove("TMUX")
            .output()
            .expect("tmux is installed by tests/run.sh");
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "tmux {args:?}: {error}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// The screen, once all words stand on one line of it; that line too.
    #[track_caller]
    fn line_with(&self, words: &[&str], colours: bool) -> String {
        let escapes: &[&str] = if colours { &["-e"] } else { &[] };
        loop {
            let screen = self.tmux(&[&["capture-pane", "-p"], escapes].concat());
            let has_all = |line: &&str| words.iter().all(|word| line.contains(word));
            if let Some(line) = screen.lines().find(has_all) {
                return line.to_owned();
            }
            assert!(!screen.contains("ended with"), "no {words:?} on: {screen}");
        }
    }

    /// All lines that were written, those that the terminal has broken in one piece.
    fn written(&self) -> String {
        self.tmux(&["capture-pane", "-p", "-J", "-S", "-"])
    }

    /// The screen once the command has ended.
    fn end(&self) -> String {
        loop {
            let screen = self.tmux(&["capture-pane", "-p"]);
            if screen.contains("ended with") {
                return screen;
            }
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.tmux(&["kill-server"]);
    }
}

fn client(signal: &str, args: &str) -> String {
    let program = binary("sleap-stream");
    format!(
        "SLEAP_STREAM_NO_CONFIG=1 {} --signal {signal} {args}",
        program.display()
    )
}

/// Whether a line of the log begins with a time of day of so many characters.
fn begins_with_time(line: &str, length: usize) -> bool {
    let time = line.split(' ').next().unwrap_or_default();
    time.len() == length && time.chars().all(|c| c.is_ascii_digit() || ":.".contains(c))
}

#[test]
fn a_files_line_fits_the_terminal_and_goes_at_the_end() {
    let worker = Worker::start(&["--model", demo("model").to_str().unwrap()]);
    let video = demo("video.mp4");
    let video = video.display();
    let run = client(
        &worker.signal,
        &format!("--stream {video} --fps 60 --frames 0-119"),
    );
    let narrow = Terminal::run(80, &run);
    let log = narrow.line_with(&["INFO", "connected"], false);
    assert!(begins_with_time(&log, 8), "hours, minutes, seconds: {log}");
    let line = narrow.line_with(&["/120", "frames/s", "ETA", "p95"], false);
    assert!(line.starts_with('[') && line.chars().count() < 80, "{line}");
    assert!(!line.contains("MB/s"), "no room for it: {line}");
    let screen = narrow.end();
    assert!(
        screen.contains("ended with 0") && screen.contains("age of pose"),
        "{screen}"
    );
    assert!(!screen.contains("ETA"), "the line is gone: {screen}");

    let wide = Terminal::run(200, &run);
    let line = wide.line_with(
        &["/120", "frames/s", "ETA", "p95", "MB/s", "model", "poses"],
        false,
    );
    assert!(line.chars().count() < 200, "{line}");
}

/// Fails where the terminal had to break a line of several words.
#[track_caller]
fn assert_fits(written: &str, columns: usize) {
    for line in written.lines() {
        let is_one_word = !line.trim().contains(' ');
        assert!(
            is_one_word || line.trim_end().chars().count() <= columns,
            "{line:?} in: {written}"
        );
    }
}

#[test]
fn a_run_fits_80_columns_and_names_what_it_has_saved() {
    let worker = Worker::start(&["--model", demo("model").to_str().unwrap()]);
    let (place, video) = (Place::new(), demo("video.mp4"));
    let [slp, csv, lines] = ["a.slp", "a.csv", "a.jsonl"].map(|name| place.text(name));
    let folder = place.dir().display().to_string();
    let outputs = "-o a.slp -o a.csv -o a.jsonl --snapshot last.png";
    let run = client(
        &worker.signal,
        &format!("--stream {} --frames 0-29 {outputs}", video.display()),
    );
    let terminal = Terminal::run(80, &format!("cd {folder}; {run}"));
    let screen = terminal.end();
    assert!(screen.contains("ended with 0"), "{screen}");
    let written = terminal.written();
    assert_fits(&written, 80);
    assert!(!written.contains("path="), "{written}");
    for file in ["a.slp", "a.csv", "a.jsonl"] {
        let line = format!("saved         {file}   30 poses in 30 frames");
        assert!(written.contains(&line), "no {line:?} in: {written}");
    }
    assert!(
        written.contains("saved         last.png   1 frame"),
        "{written}"
    );
    for file in [slp, csv, lines] {
        assert!(std::path::Path::new(&file).exists(), "{file}");
    }

    let recorded = "--test-pattern 128x96@30 --max-frames 20 --record a.mkv";
    let run = client(&worker.signal, recorded);
    let terminal = Terminal::run(80, &format!("cd {folder}; {run}"));
    terminal.end();
    let written = terminal.written();
    assert!(
        written.contains("saved         a.mkv   20 frames"),
        "{written}"
    );

    // An error is longer than a line.
    let nowhere = client("ws://127.0.0.1:1", "--test-pattern");
    let terminal = Terminal::run(80, &nowhere);
    assert!(terminal.end().contains("ended with 1"));
    assert_fits(&terminal.written(), 80);
}

#[test]
fn reports_fit_80_columns() {
    for (program, args) in [
        ("sleap-stream", "doctor --signal ws://127.0.0.1:1"),
        ("sleap-stream", "cameras"),
        ("sleap-worker", "doctor"),
    ] {
        let line = format!("{} {args} --no-config", binary(program).display());
        let terminal = Terminal::run(80, &line);
        terminal.end();
        assert_fits(&terminal.written(), 80);
    }
}

#[test]
fn a_worker_fits_80_columns() {
    let program = binary("sleap-worker");
    let model = demo("model");
    let worker = format!(
        "SLEAP_WORKER_NO_CONFIG=1 {} --listen 127.0.0.1:0 --metrics 127.0.0.1:0 --model {}",
        program.display(),
        model.display()
    );
    let terminal = Terminal::run(80, &worker);
    let ready = terminal.line_with(&["ready: ws://"], false);
    let signal = ready.trim().trim_start_matches("ready: ");
    let pattern = [
        "--signal",
        signal,
        "--test-pattern",
        "128x96@60",
        "--max-frames",
        "20",
    ];
    e2e::Client::run(&pattern).success();
    terminal.line_with(&["INFO", "stream complete"], false);
    let written = terminal.written();
    assert_fits(&written, 80);
    for noise in ["path=\"host", "frames=-1", "failed=0", "damaged=0"] {
        assert!(!written.contains(noise), "{noise} in: {written}");
    }
    terminal.tmux(&["send-keys", "C-c"]);
    assert!(terminal.end().contains("ended with 130"));
}

#[test]
fn a_live_line_has_no_colours_where_nobody_wants_them() {
    let worker = Worker::start(&["--model", demo("model").to_str().unwrap()]);
    let run = client(&worker.signal, "--test-pattern 128x96@30");
    let coloured = Terminal::run(80, &run);
    let line = coloured.line_with(&["frames", "frames/s", "p95"], true);
    assert!(line.contains("\x1b[36m"), "{line:?}");
    // The worker serves one stream at a time.
    coloured.tmux(&["send-keys", "C-c"]);
    coloured.end();
    let plain = Terminal::run(80, &format!("export NO_COLOR=1; {run}"));
    let line = plain.line_with(&["frames", "frames/s", "p95"], true);
    assert!(!line.contains('\x1b'), "{line:?}");
}

#[test]
fn a_terminal_that_cannot_write_over_lines_is_left_alone() {
    let worker = Worker::start(&["--model", demo("model").to_str().unwrap()]);
    let run = client(&worker.signal, "--test-pattern 128x96@30 --max-frames 30");
    let dumb = Terminal::run(80, &format!("export TERM=dumb; {run}"));
    let screen = dumb.end();
    assert!(
        screen.contains("ended with 0") && screen.contains("age of pose"),
        "{screen}"
    );
    let moving = |line: &str| line.contains("frames/s") && line.contains("p95");
    assert!(!screen.lines().any(moving), "{screen}");
}

/// What a terminal would take for its title, and for the end of what is on it.
const TITLE: &str = "\u{1b}]0;owned\u{7}\u{1b}[2J";
/// As it is shown.
const SHOWN: &str = r"\u{1b}]0;owned\u{7}\u{1b}[2J";

#[test]
fn a_clients_words_do_not_steer_the_workers_terminal() {
    let program = binary("sleap-worker");
    let terminal = Terminal::run(
        150,
        &format!(
            "SLEAP_WORKER_NO_CONFIG=1 {} --listen 127.0.0.1:0",
            program.display()
        ),
    );
    let ready = terminal.line_with(&["ready: ws://"], false);
    let signal = ready.trim().trim_start_matches("ready: ");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let connecting = link::connect(signal, link::PeerConfig::default());
    let channel = runtime.block_on(connecting).unwrap();
    let start = Message::StreamStart(StreamStart {
        source_name: TITLE.to_owned(),
        ..StreamStart::default()
    });
    runtime.block_on(channel.sender.send(start)).unwrap();
    // In the log and in the line.
    terminal.line_with(&["stream starts", SHOWN], false);
    terminal.line_with(&["0 frames", SHOWN], false);
    assert!(
        !terminal
            .tmux(&["display-message", "-p", "#{pane_title}"])
            .contains("owned")
    );
}

#[test]
fn a_workers_words_do_not_steer_the_clients_terminal() {
    let server = e2e::signal_server();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let acceptor = Acceptor::register(&server.signal, link::PeerConfig::default());
    let mut acceptor = runtime.block_on(acceptor).unwrap();
    runtime.spawn(async move {
        while let Ok(mut channel) = acceptor.accept().await {
            while let Some(Ok(message)) = channel.receiver.recv().await {
                if matches!(message, Message::UploadCheck { .. }) {
                    let busy = Message::UploadError(format!("busy: {TITLE}"));
                    let _ = channel.sender.send(busy).await;
                }
            }
        }
    });
    let (place, video) = (Place::new(), demo("video.mp4"));
    let send = format!("--send-file {} -o {}", video.display(), place.text("a.slp"));
    let terminal = Terminal::run(150, &client(&server.signal, &send));
    // In the log and in the line.
    terminal.line_with(&["not now: ", SHOWN], false);
    terminal.line_with(&["] trying again: ", SHOWN], false);
    assert!(
        !terminal
            .tmux(&["display-message", "-p", "#{pane_title}"])
            .contains("owned")
    );
    terminal.tmux(&["send-keys", "C-c"]);
    terminal.end();
}

/// Logs stand above the line, each on a line of its own.
#[test]
fn logs_do_not_tear_the_line() {
    let worker = Worker::start(&["--model", demo("model").to_str().unwrap()]);
    let run = client(&worker.signal, "--test-pattern 128x96@30 -v");
    let terminal = Terminal::run(
        200,
        &format!("export RUST_LOG=sleap_stream=trace,info; {run}"),
    );
    terminal.line_with(&["frames", "frames/s", "p95"], false);
    terminal.tmux(&["send-keys", "C-c"]);
    let screen = terminal.end();
    for line in screen
        .lines()
        .filter(|line| line.contains("INFO") || line.contains("DEBUG"))
    {
        assert!(
            begins_with_time(line, 12) && !line.contains("frames/s"),
            "{line:?} on {screen}"
        );
    }
    assert!(screen.contains("ended with 130"), "{screen}");
}

#[test]
fn the_workers_line_names_the_stream() {
    let program = binary("sleap-worker");
    let model = demo("model");
    let worker = format!(
        "SLEAP_WORKER_NO_CONFIG=1 {} --listen 127.0.0.1:0 --model {}",
        program.display(),
        model.display()
    );
    let terminal = Terminal::run(100, &worker);
    terminal.line_with(&["waiting for a client"], false);
    let ready = terminal.line_with(&["ready: ws://"], false);
    let signal = ready.trim().trim_start_matches("ready: ");
    let mut client =
        e2e::Client::start(&["--signal", signal, "--test-pattern", "128x96@30", "-o", "-"]);
    client.line().expect("predictions come");
    let line = terminal.line_with(&["frames/s", "ms here", "test pattern"], false);
    assert!(line.chars().count() < 100, "{line}");
    client.interrupt();
    assert_eq!(client.wait().code, Some(130));
    terminal.line_with(&["waiting for a client"], false);
    terminal.tmux(&["send-keys", "C-c"]);
    assert!(terminal.end().contains("ended with 130"));
}
