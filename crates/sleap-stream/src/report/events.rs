//! `--json`: what happens, one object a line.

use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use cli::terminal;
use crossbeam_channel::{Sender, bounded};
use protocol::StreamAck;
use serde_json::{Map, Value, json};
use vision::capture::SourceInfo;

use crate::report::mode::ReportMode;
use crate::report::run_report::RunReport;
use crate::send::adapt::EncodeSetting;

/// Lines that may wait for their reader; further ones are left out.
const EVENT_QUEUE_LEN: usize = 64;

/// How long the last lines may wait for a reader that takes nothing.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(1);

/// To the thread that writes, so that a reader that takes nothing does not hold up the stream.
static WRITER: OnceLock<Sender<EventLine>> = OnceLock::new();

enum EventLine {
    Event(String),
    /// Confirmed when everything before it is written.
    Flush(Sender<()>),
}

/// Writes objects to standard output, or to standard error.
#[derive(Debug, Clone)]
pub(crate) struct EventWriter {
    on_stdout: bool,
    /// The camera that events are about, where there are several.
    camera: Option<Arc<str>>,
}

impl EventWriter {
    /// `None` where messages are for people, or where there are none.
    pub(crate) fn of(report_mode: ReportMode) -> Option<Self> {
        match report_mode {
            ReportMode::Json => Some(Self {
                on_stdout: true,
                camera: None,
            }),
            ReportMode::JsonAside => Some(Self {
                on_stdout: false,
                camera: None,
            }),
            ReportMode::None | ReportMode::ForPeople => None,
        }
    }

    /// Its events are about this camera, one of several.
    pub(crate) fn about(self, camera: Option<Arc<str>>) -> Self {
        Self { camera, ..self }
    }

    /// Whether nothing but objects may be on standard error.
    pub(crate) fn are_aside(&self) -> bool {
        !self.on_stdout
    }

    /// The worker is ready.
    pub(crate) fn connected(&self, info: &SourceInfo, total: Option<u64>, ack: &StreamAck) {
        self.write(
            "connected",
            json!({
                "source": info.name,
                "width": info.width,
                "height": info.height,
                "source_fps": info.fps,
                "significant_bits": info.significant_bits,
                "live": info.is_live,
                "frames_total": total,
                "model": ack.model,
                "expected_fps": ack.expected_fps,
                "nodes": ack.skeleton.as_ref().map(|skeleton| &skeleton.nodes),
            }),
        );
    }

    pub(crate) fn progress(&self, report: &RunReport, total: Option<u64>) {
        let (frames, bytes) = report.recent.rates().unwrap_or_default();
        let ms = |us: u64| us as f64 / 1e3;
        let age = report
            .recent
            .ages()
            .map(|(p50, p95)| json!({"p50": ms(p50), "p95": ms(p95)}));
        self.write(
            "progress",
            json!({
                "seconds": report.seconds(),
                "frames": report.sent.frames,
                "frames_total": total,
                "predictions": report.predictions,
                "frames_per_second": frames,
                "megabytes_per_second": bytes / 1e6,
                "age_ms": age,
                "dropped": report.dropped_at_source,
                "lost_on_the_way": report.lost_on_the_way,
                "failed": report.failed,
            }),
        );
    }

    /// Frames are encoded with another setting from now on.
    pub(crate) fn setting(&self, setting: EncodeSetting) {
        self.write("setting", setting.to_json());
    }

    /// A rule was entered or left.
    pub(crate) fn rule(&self, fields: Value) {
        self.write("rule", fields);
    }

    pub(crate) fn lost(&self) {
        self.write("lost", json!({}));
    }

    pub(crate) fn found_again(&self, report: &RunReport) {
        self.write(
            "found_again",
            json!({"reconnections": report.reconnections}),
        );
    }

    /// Results are missing, or come again.
    pub(crate) fn results(&self, are_missing: bool, report: &RunReport) {
        let seconds = report
            .silent_since
            .map(|since| since.elapsed().as_secs_f64());
        match are_missing {
            true => self.write("silent", json!({"seconds": seconds})),
            false => self.write("answers_again", json!({})),
        }
    }

    /// The end, with all that the summary for people contains.
    pub(crate) fn summary(&self, report: &RunReport) {
        self.write("summary", report.to_json());
        self.flush();
    }

    /// Which moments several cameras have shown.
    /// What the rules of several cameras have come to.
    pub(crate) fn rules(&self, fields: Value) {
        self.write("rules", fields);
        self.flush();
    }

    pub(crate) fn moments(&self, fields: Value) {
        self.write("moments", fields);
        self.flush();
    }

    /// The run has failed.
    pub(crate) fn error(&self, message: &str) {
        self.write("error", json!({"message": message}));
        self.flush();
    }

    pub(crate) fn write(&self, event: &str, fields: Value) {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let mut object = Map::new();
        object.insert("event".to_owned(), event.into());
        object.insert("time".to_owned(), json!(now.as_secs_f64()));
        if let Some(camera) = &self.camera {
            object.insert("camera".to_owned(), json!(**camera));
        }
        if let Value::Object(fields) = fields {
            object.extend(fields);
        }
        let line = EventLine::Event(Value::Object(object).to_string());
        let _ = match event {
            "summary" | "moments" | "error" => {
                self.writer().send_timeout(line, FLUSH_TIMEOUT).is_ok()
            }
            _ => self.writer().try_send(line).is_ok(),
        };
    }

    /// Waits until everything is written, or the reader takes nothing for too long.
    pub(crate) fn flush(&self) {
        let (written, done) = bounded(1);
        if self
            .writer()
            .send_timeout(EventLine::Flush(written), FLUSH_TIMEOUT)
            .is_ok()
        {
            let _ = done.recv_timeout(FLUSH_TIMEOUT);
        }
    }

    fn writer(&self) -> &'static Sender<EventLine> {
        WRITER.get_or_init(|| {
            let (writer, lines) = bounded(EVENT_QUEUE_LEN);
            let on_stdout = self.on_stdout;
            // Without the thread nothing is reported, and the stream goes on.
            let _ = thread::Builder::new()
                .name("events".to_owned())
                .spawn(move || {
                    for line in lines {
                        // A reader that has gone is no reason to end the stream.
                        let _ = match line {
                            EventLine::Event(line) => terminal::pass_object(&line, on_stdout),
                            EventLine::Flush(written) => {
                                let _ = written.send(());
                                Ok(())
                            }
                        };
                    }
                });
            writer
        })
    }
}
