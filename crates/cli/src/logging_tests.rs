use std::sync::{Arc, Mutex};

use super::*;

const HOSTILE: &str = "a\nERROR b\r\x1b[31m\u{9b}2J\u{202e}\u{2028}";

/// What is logged, byte by byte.
#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[derive(Debug)]
struct Outer(Lines);

impl std::fmt::Display for Outer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "outer {HOSTILE}")
    }
}

impl Error for Outer {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.0)
    }
}

fn log_hostile_things(log: impl FnOnce(Written) -> Log<tracing_subscriber::Registry>) -> String {
    let written = Written::default();
    let registry = tracing_subscriber::registry().with(log(written.clone()));
    tracing::subscriber::with_default(registry, || {
        tracing::info!("{HOSTILE}");
        tracing::info!(shown = %HOSTILE, debugged = ?HOSTILE, text = HOSTILE, "fields");
        let error = Outer(HOSTILE.into());
        tracing::info!(error = &error as &dyn Error, "an error");
        let span = tracing::info_span!("span", shown = %HOSTILE);
        span.in_scope(|| tracing::info!("within"));
    });
    let bytes = written.0.lock().unwrap().clone();
    String::from_utf8(bytes).unwrap()
}

#[test]
fn no_value_steers_the_terminal_or_begins_a_line_of_the_log() {
    let text = log_hostile_things(|written| {
        text_log(move || written.clone(), false, time_format(false, 0), 0)
    });
    assert_eq!(text.lines().count(), 4, "{text}");
    for line in text.lines() {
        assert_eq!(text::one_line(line), line);
        assert!(
            line.starts_with("20") && line.contains(r"a\nERROR b\r\u{1b}[31m"),
            "{line}"
        );
    }
    assert!(
        text.contains("outer") && text.contains("debugged=\"a"),
        "{text}"
    );
}

#[test]
fn a_terminal_shows_the_time_of_day_and_a_file_the_date_too() {
    let noon = chrono::DateTime::parse_from_rfc3339("2026-03-01T12:00:00.1234567+02:00").unwrap();
    let written = |is_terminal, verbose| noon.format(time_format(is_terminal, verbose)).to_string();
    assert_eq!(written(true, 0), "12:00:00");
    assert_eq!(written(true, 1), "12:00:00.123");
    assert_eq!(written(false, 0), "2026-03-01T12:00:00.123+02:00");
}

#[test]
fn colours_are_the_logs_own() {
    let text = log_hostile_things(|written| {
        text_log(move || written.clone(), true, time_format(false, 0), 0)
    });
    assert!(
        text.contains("\x1b[3mshown\x1b[0m\x1b[2m=\x1b[0ma\\nERROR"),
        "{text:?}"
    );
    assert!(
        !text.contains("\x1b[31m") && text.lines().count() == 4,
        "{text:?}"
    );
}

#[test]
fn json_has_the_true_text_in_escapes() {
    let text = log_hostile_things(|written| json_log(move || written.clone(), 0));
    let entries: Vec<serde_json::Value> = text
        .lines()
        .map(|line| {
            assert_eq!(text::one_line(line), line);
            serde_json::from_str(line).unwrap()
        })
        .collect();
    assert_eq!(entries.len(), 4, "{text}");
    assert_eq!(entries[0]["fields"]["message"], HOSTILE);
    assert_eq!(entries[1]["fields"]["shown"], HOSTILE);
    assert_eq!(entries[3]["span"]["shown"], HOSTILE);
}

#[test]
fn what_an_error_lists_stands_in_lines_of_its_own() {
    let listed = Lines(vec!["one".to_owned(), "two\nthree".to_owned()]);
    let error = anyhow::Error::new(Outer(listed)).context("cannot");
    let Lines(lines) = in_lines(error.as_ref());
    assert_eq!(
        lines,
        [&format!("cannot: outer {HOSTILE}"), "one", "two\nthree"]
    );
}

#[test]
fn no_filter_brings_secrets_into_the_log() {
    for filter in [
        "trace",
        "tungstenite::protocol=trace,tokio_tungstenite=debug,link=trace",
    ] {
        let registry = tracing_subscriber::registry()
            .with(EnvFilter::new(filter))
            .with(without_secrets());
        tracing::subscriber::with_default(registry, || {
            assert!(tracing::enabled!(target: "link::rendezvous", Level::TRACE));
            assert!(tracing::enabled!(target: "tungstenite::protocol", Level::INFO));
            assert!(!tracing::enabled!(target: "tungstenite::protocol", Level::TRACE));
            assert!(!tracing::enabled!(target: "tungstenite::protocol", Level::DEBUG));
            assert!(!tracing::enabled!(target: "tokio_tungstenite", Level::DEBUG));
        });
    }
}

/// The thread's log is its process's.
#[test]
#[ignore = "what the next test runs in a process of its own"]
fn a_thread_panics() {
    let args = LogArgs { log_format: None };
    args.init(0, LogFormat::Text);
    let thread = std::thread::Builder::new().name("decode".to_owned());
    let thread = thread.spawn(|| panic!("{HOSTILE}")).unwrap();
    thread.join().unwrap_err();
}

#[test]
fn a_panic_that_quotes_a_peer_is_one_harmless_line() {
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "logging::tests::a_thread_panics", "--ignored"])
        .env("RUST_BACKTRACE", "0")
        .output()
        .unwrap();
    assert!(output.status.success());
    let said = String::from_utf8(output.stderr).unwrap();
    let line = said.strip_suffix('\n').unwrap();
    assert_eq!(text::one_line(line), line);
    assert!(line.starts_with("thread 'decode' panicked at "), "{line}");
    assert!(line.contains(r"a\nERROR b\r\u{1b}[31m"), "{line}");
}
