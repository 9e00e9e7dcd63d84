//! What is reported while a stream runs: a line that moves, or JSON objects.

use std::sync::Arc;
use std::time::{Duration, Instant};

use cli::terminal::{self, MovingLine};

use crate::report::events::EventWriter;
use crate::report::mode::ReportMode;
use crate::report::run_report::RunReport;
use crate::send::adapt::EncodeSetting;

/// Between two JSON objects of progress.
const EVENT_INTERVAL: Duration = Duration::from_secs(1);

/// Reports how a stream goes.
pub(crate) struct Progress {
    /// How many frames there will be, where that is known.
    total: Option<u64>,
    /// `None` where there is no terminal to move on, or where people get no messages.
    line: Option<MovingLine>,
    events: Option<ProgressSnapshot>,
    /// The camera, where there are several.
    camera: Option<Arc<str>>,
}

/// What was reported last, in objects.
struct ProgressSnapshot {
    events: EventWriter,
    last_event: Instant,
    away: bool,
    silent: bool,
    setting: Option<EncodeSetting>,
}

impl Progress {
    /// `frames`: how many there will be, where that is known.
    /// `camera`: its name, where there are several.
    pub(crate) fn start(
        frames: Option<u64>,
        report_mode: ReportMode,
        camera: Option<Arc<str>>,
    ) -> Self {
        let events = EventWriter::of(report_mode).map(|events| events.about(camera.clone()));
        let events = events.map(|events| ProgressSnapshot {
            events,
            last_event: Instant::now(),
            away: false,
            silent: false,
            setting: None,
        });
        let line = match report_mode {
            ReportMode::ForPeople => terminal::line(frames),
            _ => None,
        };
        Self {
            total: frames,
            line,
            events,
            camera,
        }
    }

    /// Called several times a second.
    pub(crate) fn update(&mut self, report: &RunReport) {
        if let Some(line) = &self.line {
            let name = self.camera.as_deref().map(|camera| format!("{camera}  "));
            let name = name.unwrap_or_default();
            let width = terminal::words_width(self.total.is_some());
            let width = width.saturating_sub(name.chars().count());
            line.say(&format!("{name}{}", line_text(report, self.total, width)));
            match self.total {
                Some(_) => line.is_at(report.sent.frames),
                None => line.tick(),
            }
        }
        if let Some(watch) = &mut self.events {
            watch.update(report, self.total);
        }
    }

    pub(crate) fn finish(&self) {
        if let Some(line) = &self.line {
            line.finish();
        }
    }
}

impl ProgressSnapshot {
    fn update(&mut self, report: &RunReport, total: Option<u64>) {
        let away = report.away_since.is_some();
        if away != self.away {
            self.away = away;
            match away {
                true => self.events.lost(),
                false => self.events.found_again(report),
            }
        }
        let silent = report.silent_since.is_some();
        if silent != self.silent {
            self.silent = silent;
            self.events.results(silent, report);
        }
        if let Some(setting) = report
            .setting
            .filter(|setting| self.setting != Some(*setting))
        {
            self.setting = Some(setting);
            self.events.setting(setting);
        }
        if self.last_event.elapsed() >= EVENT_INTERVAL {
            self.last_event = Instant::now();
            self.events.progress(report, total);
        }
    }
}

/// The line's text, its less important parts only where there is room for them.
fn line_text(report: &RunReport, total: Option<u64>, width: usize) -> String {
    if let Some(since) = report.away_since {
        let seconds = since.elapsed().as_secs();
        let lost = (0, format!("connection lost {seconds} s ago"));
        return terminal::fit(&[lost, (1, "looking for the worker".to_owned())], width);
    }
    let (rate, bytes) = report.recent.rates().unwrap_or_default();
    let sent = report.sent.frames;
    let (frames, eta) = match total {
        Some(total) => (
            format!("{sent}/{total}"),
            eta(total.saturating_sub(sent), rate),
        ),
        None => (format!("{sent} frames"), String::new()),
    };
    let dropped = match report.dropped_at_source {
        0 => String::new(),
        dropped => format!("{dropped} dropped"),
    };
    let last = report.last.map(|latency| {
        let (link, model) = (latency.link().as_secs_f64() * 1e3, ms(latency.inference));
        format!("link {link:.1}, model {model:.1}")
    });
    let setting = report.setting.map(|setting| setting.to_string());
    let seconds = report.seconds();
    let parts = [
        (0, frames),
        (0, format!("{rate:.1} frames/s")),
        (1, age(report)),
        (2, eta),
        (2, dropped),
        (3, setting.unwrap_or_default()),
        (4, format!("{:.1} MB/s", bytes / 1e6)),
        (5, last.unwrap_or_default()),
        (6, format!("{} poses", report.predictions)),
        (7, clock(Duration::from_secs_f64(seconds))),
    ];
    terminal::fit(&parts, width)
}

/// The age of poses in the last seconds.
fn age(report: &RunReport) -> String {
    if let Some(since) = report.silent_since {
        return format!("no answer for {} s", since.elapsed().as_secs());
    }
    match (report.recent.ages(), &report.last) {
        (Some((p50, p95)), _) => format!("age {:.1} p95 {:.1} ms", ms(p50), ms(p95)),
        (None, Some(_)) => "no answers now".to_owned(),
        (None, None) => "no answer yet".to_owned(),
    }
}

fn eta(left: u64, rate: f64) -> String {
    match rate > 0.0 {
        true => format!(
            "ETA {}",
            clock(Duration::from_secs_f64((left as f64 / rate).min(1e9)))
        ),
        false => String::new(),
    }
}

fn clock(time: Duration) -> String {
    let seconds = time.as_secs();
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match hours {
        0 => format!("{minutes}:{seconds:02}"),
        hours => format!("{hours}:{minutes:02}:{seconds:02}"),
    }
}

fn ms(us: u64) -> f64 {
    Duration::from_micros(us).as_secs_f64() * 1e3
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::send::latency::Latency;
    use crate::send::uplink::SentTotals;

    fn report() -> RunReport {
        let start = Instant::now();
        let mut report = RunReport::new(start);
        report.update_sent(SentTotals::default(), 0, start);
        let sent = SentTotals {
            frames: 60,
            bytes: 3_000_000,
        };
        report.update_sent(sent, 7, start + Duration::from_secs(2));
        report.last = Some(Latency {
            network: 30_000,
            inference: 12_500,
            ..Latency::default()
        });
        report
            .recent
            .returned(42_500, start + Duration::from_secs(2));
        report.setting = Some(EncodeSetting::full(55));
        report
    }

    #[test]
    fn the_line_says_how_old_poses_are_and_what_was_done_about_it() {
        assert!(line_text(&RunReport::new(Instant::now()), None, 80).contains("no answer yet"));
        let line = line_text(&report(), Some(360), 170);
        for part in [
            "60/360",
            "30.0 frames/s",
            "age 42.5 p95 42.5 ms",
            "ETA 0:10",
            "link 30.0, model 12.5",
            "1.5 MB/s",
            "7 dropped",
            "JPEG 55",
        ] {
            assert!(line.contains(part), "{line}");
        }
    }

    #[test]
    fn a_narrow_line_keeps_what_matters() {
        let line = line_text(&report(), Some(360), 59);
        let kept = "60/360  30.0 frames/s  age 42.5 p95 42.5 ms  ETA 0:10";
        assert_eq!(line, kept);
        assert_eq!(line_text(&report(), None, 24), "60 frames  30.0 frames/s");
        let mut silent = report();
        silent.silent_since = Some(Instant::now());
        assert!(line_text(&silent, None, 80).contains("no answer for 0 s"));
        let mut away = report();
        away.away_since = Some(Instant::now());
        assert_eq!(line_text(&away, None, 30), "connection lost 0 s ago");
    }

    #[test]
    fn times_are_written_as_clocks_do() {
        let clock = |seconds| clock(Duration::from_secs(seconds));
        assert_eq!(
            [clock(5), clock(65), clock(3665)],
            ["0:05", "1:05", "1:01:05"]
        );
    }
}
