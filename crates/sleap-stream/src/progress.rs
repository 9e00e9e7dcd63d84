//! The line that moves while a stream runs.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::report::Report;

/// The line that moves while a stream runs; silent where standard error is not a terminal.
pub(crate) struct Progress(ProgressBar);

impl Progress {
    /// `frames`: how many there will be, where that is known.
    pub(crate) fn start(frames: Option<u64>, quiet: bool) -> Self {
        if quiet {
            return Self(ProgressBar::hidden());
        }
        let (bar, template) = match frames {
            Some(frames) => (
                ProgressBar::new(frames),
                "{bar:24} {pos}/{len} frames  {msg}  {elapsed} (ETA {eta})",
            ),
            None => (
                ProgressBar::no_length(),
                "{spinner} {pos} frames  {msg}  {elapsed}",
            ),
        };
        let style =
            ProgressStyle::with_template(template).expect("the template above is well-formed");
        Self(bar.with_style(style))
    }

    pub(crate) fn update(&self, report: &Report) {
        self.0.set_position(report.sent.frames);
        self.0.set_message(message(report));
    }

    pub(crate) fn finish(&self) {
        self.0.finish_and_clear();
    }
}

fn message(report: &Report) -> String {
    if let Some(since) = report.away_since {
        return format!(
            "connection lost {} s ago, looking for the worker",
            since.elapsed().as_secs()
        );
    }
    let age = match &report.last {
        None => "no answer yet".to_owned(),
        Some(latency) => {
            let ms = |us| Duration::from_micros(us).as_secs_f64() * 1e3;
            format!(
                "age {:.1} ms (link {:.1}, model {:.1})",
                ms(latency.age()),
                latency.link().as_secs_f64() * 1e3,
                ms(latency.inference),
            )
        }
    };
    let setting = report.setting.map(|setting| format!("  {setting}"));
    let dropped = match report.dropped_at_source {
        0 => String::new(),
        frames => format!("  {frames} dropped"),
    };
    format!(
        "{:.1} frames/s  {:.1} MB/s  {age}  {} poses{dropped}{}",
        report.frames_per_second(),
        report.sent.bytes as f64 / 1e6 / report.seconds(),
        report.predictions,
        setting.unwrap_or_default(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapt::Setting;
    use crate::latency::Latency;
    use std::time::Instant;

    #[test]
    fn the_line_says_how_old_poses_are_and_what_was_done_about_it() {
        let mut report = Report::new(Instant::now());
        assert!(message(&report).contains("no answer yet"));
        report.last = Some(Latency {
            network: 30_000,
            inference: 12_500,
            ..Latency::default()
        });
        report.dropped_at_source = 7;
        report.setting = Some(Setting::full(55));
        let line = message(&report);
        for part in [
            "age 42.5 ms (link 30.0, model 12.5)",
            "7 dropped",
            "JPEG 55",
        ] {
            assert!(line.contains(part), "{line}");
        }
    }
}
