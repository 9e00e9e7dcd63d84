//! Whether an ended stream did what it was for. Pure.

use anyhow::{Result, bail};
use protocol::StreamComplete;

use crate::report::run_report::RunReport;
use crate::run::end::ReceiveEnd;
use crate::run::wants::Wants;

/// What is known of a stream when it has ended.
pub(crate) struct StreamFacts<'a> {
    pub(crate) report: &'a RunReport,
    /// The source's name.
    pub(crate) source: &'a str,
    /// Which worker it was, for people.
    pub(crate) worker: &'a str,
    /// Why the connection was closed, as the end of a sentence.
    pub(crate) because: &'a str,
    /// Why the worker was not found again, likewise.
    pub(crate) not_found: &'a str,
    /// The worker returns a result for each frame.
    pub(crate) returns_results: bool,
    /// What the worker reported of the stream at its end.
    pub(crate) complete: Option<&'a StreamComplete>,
    /// Why the worker could not use the last frame that failed.
    pub(crate) last_failure: Option<&'a str>,
    pub(crate) wants: &'a Wants,
    /// No frame of the source may be missing.
    pub(crate) every_frame: bool,
    /// Poses are for `--emit` alone, and nothing else of the stream is kept or shown.
    pub(crate) only_emits: bool,
}

impl StreamFacts<'_> {
    /// Fails where the stream ended before its source, or kept nothing.
    pub(crate) fn verdict(&self, end: ReceiveEnd) -> Result<()> {
        let kept = self.report.predictions;
        let worker = self.worker;
        match end {
            ReceiveEnd::Interrupted | ReceiveEnd::NoReader => Ok(()),
            ReceiveEnd::Lost => bail!(
                "the connection to {worker} was lost after {} frames{}; {kept} predictions are kept{}",
                self.report.sent.frames,
                self.because,
                self.not_found,
            ),
            ReceiveEnd::Silent => {
                bail!("{worker} did not confirm the end of the stream; {kept} predictions are kept")
            }
            ReceiveEnd::Unanswered(silence) => bail!(
                "{worker} has answered nothing for {} s: {}{}; {kept} predictions are kept. Its log may \
                 say why; --reconnect-timeout SECONDS waits longer",
                silence.as_secs(),
                self.unanswered(),
                self.unreadable(),
            ),
            ReceiveEnd::Complete => self.complete(),
        }
    }

    /// Fails where a stream that went to its end is not what the options ask for.
    fn complete(&self) -> Result<()> {
        let report = self.report;
        let sent = report.sent.frames;
        if sent == 0 {
            bail!("{} gave no frame: nothing was sent", self.source);
        }
        if report.unanswered.count() > 0 {
            bail!("{}{}", self.unanswered(), self.unreadable());
        }
        let reason = self.last_failure.unwrap_or("no reason given");
        if report.failed == sent {
            bail!("the worker could use none of the frames: {reason}");
        }
        if report.failed > 0 {
            let failed = report.failed;
            bail!("the worker could not use {failed} of the {sent} frames: {reason}");
        }
        let lost = report.lost_on_the_way;
        if self.every_frame && lost > 0 {
            bail!(
                "{lost} of the {sent} frames were lost on the way, and every frame counts: the network loses more \
                 packets than --lanes coded makes up for (--lanes 8 waits for each of them)"
            );
        }
        self.arrived()?;
        if report.predictions == 0 && !self.wants.is_empty() {
            bail!(
                "no poses came for {sent} frames, and {} asked for them: {} has no model, or does not \
                 send what it predicts (sleap-worker --model DIR does)",
                self.wants,
                self.worker,
            );
        }
        self.emitted()
    }

    fn unanswered(&self) -> String {
        let unanswered = &self.report.unanswered;
        format!(
            "{} frames were not answered ({unanswered})",
            unanswered.count()
        )
    }

    /// As the end of a sentence.
    fn unreadable(&self) -> String {
        let reason = self.report.first_unreadable.as_deref();
        reason.map_or_else(String::new, |reason| {
            let count = self.report.unreadable;
            format!(", {count} messages of the worker could not be read ({reason})")
        })
    }

    /// Fails where a worker that returns no results counts fewer frames than were sent.
    fn arrived(&self) -> Result<()> {
        let (sent, reconnected) = (self.report.sent.frames, self.report.reconnections > 0);
        // Over another connection it counts from 0 again.
        let Some(complete) = self
            .complete
            .filter(|_| !self.returns_results && !reconnected)
        else {
            return Ok(());
        };
        let received = complete.frames_received;
        if received < sent {
            bail!("{} received {received} of the {sent} frames", self.worker);
        }
        Ok(())
    }

    /// Fails where poses were for consumers alone and reached none of them.
    fn emitted(&self) -> Result<()> {
        let emitted = &self.report.emitted;
        let reached = emitted.iter().any(|target| target.counts.sent > 0);
        if !self.only_emits || emitted.is_empty() || reached {
            return Ok(());
        }
        let targets: Vec<String> = emitted.iter().map(ToString::to_string).collect();
        bail!(
            "none of the {} poses reached a consumer ({})",
            self.report.predictions,
            targets.join(", ")
        );
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use emit::{EmitCounts, TargetCounts};

    use super::*;
    use crate::send::uplink::SentTotals;

    /// A report of this many frames and predictions.
    fn report(frames: u64, predictions: u64) -> RunReport {
        let mut report = RunReport::new(Instant::now());
        report.sent = SentTotals { frames, bytes: 100 };
        report.predictions = predictions;
        report
    }

    fn facts<'a>(report: &'a RunReport, wants: &'a Wants) -> StreamFacts<'a> {
        StreamFacts {
            report,
            source: "video.mp4",
            worker: "the worker at w",
            because: "",
            not_found: "",
            returns_results: true,
            complete: None,
            last_failure: None,
            wants,
            every_frame: false,
            only_emits: false,
        }
    }

    #[track_caller]
    fn fails(facts: &StreamFacts<'_>, words: &[&str]) {
        let error = facts.verdict(ReceiveEnd::Complete).unwrap_err().to_string();
        for word in words {
            assert!(error.contains(word), "no {word:?} in: {error}");
        }
    }

    #[test]
    fn a_run_that_gets_no_poses_has_failed_where_they_are_wanted() {
        let (wants, nothing) = (Wants::example(&["-o a.slp"]), Wants::default());
        let none = report(240, 0);
        fails(
            &facts(&none, &wants),
            &["240 frames", "-o a.slp", "--model DIR"],
        );
        facts(&none, &nothing)
            .verdict(ReceiveEnd::Complete)
            .unwrap();
        let some = report(240, 1);
        facts(&some, &wants).verdict(ReceiveEnd::Complete).unwrap();
        // The user ended it.
        facts(&none, &wants)
            .verdict(ReceiveEnd::Interrupted)
            .unwrap();
    }

    #[test]
    fn frames_that_the_worker_could_not_use_are_lost() {
        let (nothing, mut report) = (Wants::default(), report(10, 7));
        report.failed = 3;
        let some = StreamFacts {
            last_failure: Some("no memory"),
            ..facts(&report, &nothing)
        };
        fails(&some, &["could not use 3 of the 10 frames", "no memory"]);
        report.failed = 10;
        fails(&facts(&report, &nothing), &["none of the frames"]);
    }

    #[test]
    fn frames_that_the_network_lost_are_missed_where_every_frame_counts() {
        let (nothing, mut report) = (Wants::default(), report(10, 8));
        report.lost_on_the_way = 2;
        let live = facts(&report, &nothing);
        live.verdict(ReceiveEnd::Complete).unwrap();
        let recording = StreamFacts {
            every_frame: true,
            ..live
        };
        fails(&recording, &["2 of the 10 frames were lost on the way"]);
    }

    #[test]
    fn frames_without_a_result_are_named() {
        let (nothing, mut report) = (Wants::default(), report(10, 7));
        report.unanswered.extend([3, 5, 6]);
        report.unreadable = 2;
        report.first_unreadable = Some("bad JSON".into());
        let words = [
            "3 frames were not answered (3, 5-6)",
            "2 messages",
            "bad JSON",
        ];
        fails(&facts(&report, &nothing), &words);
        let silent = ReceiveEnd::Unanswered(Duration::from_secs(60));
        let error = facts(&report, &nothing).verdict(silent).unwrap_err();
        for word in [
            &words[..],
            &["the worker at w has answered nothing for 60 s"],
        ]
        .concat()
        {
            assert!(error.to_string().contains(word), "{error}");
        }
    }

    #[test]
    fn a_source_without_frames_is_no_success() {
        let nothing = Wants::default();
        fails(
            &facts(&report(0, 0), &nothing),
            &["video.mp4 gave no frame"],
        );
    }

    #[test]
    fn frames_that_a_worker_without_results_did_not_get_are_missed() {
        let (nothing, report) = (Wants::default(), report(240, 0));
        let complete = StreamComplete {
            frames_received: 238,
            ..StreamComplete::default()
        };
        let mute = StreamFacts {
            returns_results: false,
            complete: Some(&complete),
            ..facts(&report, &nothing)
        };
        fails(&mute, &["238 of the 240 frames"]);
        let answered = StreamFacts {
            returns_results: true,
            ..mute
        };
        answered.verdict(ReceiveEnd::Complete).unwrap();
    }

    #[test]
    fn poses_that_are_for_consumers_alone_and_reach_none_are_lost() {
        let wants = Wants::example(&["--emit zmq://h:1"]);
        let mut report = report(3, 3);
        let target = |url: &str, sent| TargetCounts {
            target: url.into(),
            counts: EmitCounts {
                sent,
                without_subscriber: 3 - sent,
                ..EmitCounts::default()
            },
        };
        report.emitted = vec![target("zmq://h:1", 0)];
        let only = StreamFacts {
            only_emits: true,
            ..facts(&report, &wants)
        };
        fails(&only, &["none of the 3 poses", "zmq://h:1"]);
        facts(&report, &wants)
            .verdict(ReceiveEnd::Complete)
            .unwrap();
        report.emitted.push(target("udp://h:2", 3));
        let only = StreamFacts {
            only_emits: true,
            ..facts(&report, &wants)
        };
        only.verdict(ReceiveEnd::Complete).unwrap();
    }
}
