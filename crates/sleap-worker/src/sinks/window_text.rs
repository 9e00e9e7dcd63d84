//! The title and caption of the worker's window. No clock.

use std::time::Instant;

use protocol::{Message, text};
use vision::frame_window::RateMeter;

/// What the window shows about its stream.
#[derive(Debug, Default)]
pub(crate) struct WindowText {
    /// Model and device; empty without a model.
    model: String,
    /// Of the results.
    rate: RateMeter,
    frames: u64,
}

impl WindowText {
    /// For a model's name and device, where there is one.
    pub(crate) fn new(model: Option<(&str, &str)>) -> Self {
        let model = model.map(|(name, device)| format!("{name} on {device}"));
        Self {
            model: clean(&model.unwrap_or_default()),
            ..Self::default()
        }
    }

    /// The window's title.
    pub(crate) fn title(&self) -> String {
        match self.model.is_empty() {
            true => "sleap-worker".into(),
            false => format!("sleap-worker - {}", self.model),
        }
    }

    /// The caption of a frame that has its result.
    pub(crate) fn caption(&mut self, frame_id: u64, result: &Message, now: Instant) -> String {
        self.frames += 1;
        self.rate.came(now);
        let mut parts = vec![
            format!("frame {frame_id}"),
            format!("{} received", self.frames),
        ];
        let rate = self.rate.rate(now);
        parts.extend(rate.map(|rate| format!("{rate:.1} frames/s")));
        // The age since the capture is known to the client alone.
        parts.extend(total_us(result).map(|us| format!("{:.1} ms in the worker", us as f64 / 1e3)));
        self.lines(&parts.join("   "))
    }

    /// The caption of the last frame, once its stream is over. The next stream is counted from 0.
    pub(crate) fn end(&mut self) -> String {
        self.rate = RateMeter::default();
        let frames = std::mem::take(&mut self.frames);
        self.lines(&format!("stream ended, {frames} frames"))
    }

    fn lines(&self, line: &str) -> String {
        match self.model.is_empty() {
            true => line.to_owned(),
            false => format!("{line}\n{}", self.model),
        }
    }
}

fn total_us(result: &Message) -> Option<u64> {
    match result {
        Message::Prediction(prediction) => prediction.timing.total_us,
        Message::FrameReceived(received) => received.timing.total_us,
        _ => None,
    }
}

/// Names come from models: they have no control characters here, and a bounded length.
fn clean(name: &str) -> String {
    text::one_line(&text::cut(name, text::NAME)).into_owned()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use protocol::{Prediction, Timing};

    use super::*;

    fn result(total_us: u64) -> Message {
        let timing = Timing {
            total_us: Some(total_us),
            ..Timing::default()
        };
        Message::Prediction(Prediction {
            timing,
            ..Prediction::default()
        })
    }

    #[test]
    fn the_caption_has_frame_rate_time_and_model() {
        let start = Instant::now();
        let mut text = WindowText::new(Some(("mouse", "cpu")));
        assert_eq!(text.title(), "sleap-worker - mouse on cpu");
        let first = text.caption(7, &result(18_200), start);
        assert_eq!(
            first,
            "frame 7   1 received   18.2 ms in the worker\nmouse on cpu"
        );
        let mut last = String::new();
        for frame in 1..=100 {
            let at = start + frame * Duration::from_millis(50);
            last = text.caption(u64::from(frame), &result(5_000), at);
        }
        assert!(
            last.contains("101 received   20.0 frames/s   5.0 ms"),
            "{last}"
        );
    }

    #[test]
    fn the_end_of_a_stream_is_said_with_its_frames() {
        let now = Instant::now();
        let mut text = WindowText::new(None);
        assert_eq!(text.title(), "sleap-worker");
        for frame in 0..3 {
            text.caption(frame, &Message::KeepAlive, now);
        }
        assert_eq!(text.end(), "stream ended, 3 frames");
        let next = text.caption(0, &Message::KeepAlive, now);
        assert_eq!(next, "frame 0   1 received");
    }

    #[test]
    fn a_name_cannot_steer_the_window() {
        let text = WindowText::new(Some(("a\0b\n\u{202e}", "cpu")));
        let title = text.title();
        assert!(!title.contains(['\0', '\n', '\u{202e}']), "{title:?}");
    }
}
