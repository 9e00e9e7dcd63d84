//! What is reported while a file is sent and predicted, and at the end.

use std::time::{Duration, Instant};

use cli::terminal::{self, MovingLine};
use serde_json::json;

use super::source::SourceFile;
use crate::report::events::EventWriter;
use crate::report::mode::ReportMode;

/// Between two JSON objects of progress.
const EVENT_INTERVAL: Duration = Duration::from_secs(1);

/// What is being done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TransferPhase {
    /// Reading the file for its checksum; bytes.
    Checksum,
    /// Sending the file; bytes.
    Upload,
    /// The worker runs its model; frames.
    Inference,
}

impl TransferPhase {
    fn event(self) -> &'static str {
        match self {
            TransferPhase::Checksum => "checksum",
            TransferPhase::Upload => "upload",
            TransferPhase::Inference => "inference",
        }
    }
}

/// Reports how a transfer goes.
pub(super) struct TransferProgress {
    report_mode: ReportMode,
    events: Option<EventWriter>,
    line: Option<MovingLine>,
    phase: TransferPhase,
    /// When the phase began, and with how much done.
    began: (Instant, u64),
    /// Something else was done meanwhile: the phase begins again.
    is_interrupted: bool,
    last_event: Instant,
}

impl TransferProgress {
    pub(super) fn start(report_mode: ReportMode) -> Self {
        let line = match report_mode {
            ReportMode::ForPeople => terminal::line(Some(0)),
            _ => None,
        };
        Self {
            report_mode,
            events: EventWriter::of(report_mode),
            line,
            phase: TransferPhase::Checksum,
            began: (Instant::now(), 0),
            is_interrupted: true,
            last_event: Instant::now(),
        }
    }

    /// How much is done, of how much where that is known.
    pub(super) fn at(&mut self, phase: TransferPhase, done: u64, total: Option<u64>) {
        let begins = self.is_interrupted || phase != self.phase || done < self.began.1;
        if begins {
            self.is_interrupted = false;
            (self.phase, self.began) = (phase, (Instant::now(), done));
        }
        let rate = self.rate(done);
        if let Some(line) = &self.line {
            line.ends_at(total.unwrap_or(0));
            line.is_at(done);
            line.say(&line_text(phase, done, total, rate));
        }
        let is_over = total == Some(done);
        if begins || is_over || self.last_event.elapsed() >= EVENT_INTERVAL {
            self.last_event = Instant::now();
            if let Some(events) = &self.events {
                let what = match phase {
                    TransferPhase::Inference => {
                        json!({"frames": done, "frames_total": total, "frames_per_second": rate})
                    }
                    _ => {
                        json!({"bytes": done, "bytes_total": total, "megabytes_per_second": rate / 1e6})
                    }
                };
                events.write(phase.event(), what);
            }
        }
    }

    /// Reports an event.
    pub(super) fn event(&self, event: &str, what: serde_json::Value) {
        if let Some(events) = &self.events {
            events.write(event, what);
        }
    }

    /// What is done at present, in place of figures.
    pub(super) fn activity(&mut self, text: &str) {
        self.is_interrupted = true;
        if let Some(line) = &self.line {
            line.is_at(0);
            line.say(text);
        }
    }

    /// Reports the end.
    pub(super) fn summary(&self, summary: &TransferSummary) {
        self.finish();
        if let Some(events) = &self.events {
            events.write("summary", summary.to_json());
            events.flush();
        }
        if self.report_mode == ReportMode::ForPeople {
            cli::say(summary.lines());
        }
    }

    /// Reports that the user has ended the run.
    pub(super) fn interrupted(&self) {
        self.finish();
        self.event("interrupted", json!({}));
        if let Some(events) = &self.events {
            events.flush();
        }
        if self.report_mode == ReportMode::ForPeople {
            cli::say("interrupted; the same command goes on with what the worker has of the file");
        }
    }

    /// Ends the line.
    pub(super) fn finish(&self) {
        if let Some(line) = &self.line {
            line.finish();
        }
    }

    fn rate(&self, done: u64) -> f64 {
        let (since, before) = self.began;
        done.saturating_sub(before) as f64 / since.elapsed().as_secs_f64().max(1e-3)
    }
}

fn line_text(phase: TransferPhase, done: u64, total: Option<u64>, rate: f64) -> String {
    let left = total.map(|total| total.saturating_sub(done) as f64 / rate.max(1e-9));
    let eta = match left {
        Some(seconds) if rate > 0.0 && seconds > 0.0 => format!("ETA {:.0} s", seconds.ceil()),
        _ => String::new(),
    };
    let megabytes = |bytes: u64| format!("{:.1}", bytes as f64 / 1e6);
    let (what, how_much, speed) = match phase {
        TransferPhase::Inference => {
            let total = total.map_or(String::new(), |total| format!("/{total}"));
            let speed = format!("{rate:.1} frames/s");
            ("predicting", format!("{done}{total} frames"), speed)
        }
        _ => {
            let what = if phase == TransferPhase::Upload {
                "sending"
            } else {
                "reading"
            };
            let total = total.map_or(String::new(), |total| format!("/{}", megabytes(total)));
            let speed = format!("{:.1} MB/s", rate / 1e6);
            (what, format!("{}{total} MB", megabytes(done)), speed)
        }
    };
    let parts = [(1, what.to_owned()), (0, how_much), (2, speed), (3, eta)];
    terminal::fit(&parts, terminal::words_width(true))
}

/// What came of a run.
#[derive(Debug)]
pub(super) struct TransferSummary {
    pub(super) file: SourceFile,
    /// Bytes that were sent; fewer than the file has where the worker had some of it.
    pub(super) sent: u64,
    pub(super) upload: Duration,
    pub(super) frames: u64,
    /// Instances in the file of predictions, where the worker reports them.
    pub(super) poses: Option<u64>,
    /// Those of the frames that were predicted while this run waited.
    pub(super) waited_for: u64,
    pub(super) inference: Duration,
    pub(super) reconnections: u64,
    pub(super) saved: Option<String>,
}

impl TransferSummary {
    fn to_json(&self) -> serde_json::Value {
        json!({
            "bytes": self.file.bytes,
            "sha256": self.file.sha256,
            "bytes_sent": self.sent,
            "upload_seconds": self.upload.as_secs_f64(),
            "frames": self.frames,
            "poses": self.poses,
            "frames_waited_for": self.waited_for,
            "inference_seconds": self.inference.as_secs_f64(),
            "reconnections": self.reconnections,
            "saved": self.saved,
        })
    }

    fn lines(&self) -> Vec<String> {
        let (upload, inference) = (self.upload.as_secs_f64(), self.inference.as_secs_f64());
        let rate = |done: f64, seconds: f64| done / seconds.max(1e-3);
        let mut lines = Vec::new();
        lines.push(match self.sent {
            0 => "sent          nothing: the worker had the file".to_owned(),
            sent => format!(
                "sent          {:>9.1} MB   {:.1} MB/s   {upload:.1} s",
                sent as f64 / 1e6,
                rate(sent as f64 / 1e6, upload)
            ),
        });
        let frames = format!("frames        {:>9}", self.frames);
        lines.push(match self.waited_for {
            0 if self.frames == 0 => frames,
            0 => format!("{frames}   predicted before"),
            some => format!(
                "{frames}   {:.1} frames/s   {inference:.1} s",
                rate(some as f64, inference)
            ),
        });
        if self.reconnections > 0 {
            lines.push(format!(
                "reconnected   {:>9}   times, after the connection was lost",
                self.reconnections
            ));
        }
        if let Some(saved) = &self.saved {
            let poses = self.poses.map(|poses| format!("{poses} poses in "));
            let poses = poses.unwrap_or_default();
            lines.push(format!(
                "saved         {saved}   {poses}{} frames",
                self.frames
            ));
        }
        lines
    }
}
