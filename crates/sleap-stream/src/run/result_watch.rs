//! Watches the results of a stream: warns when they stop, frees slots, ends the stream.

use std::time::{Duration, Instant};

use link::Sender;

use crate::connect::reconnect::Reconnector;
use crate::report::run_report::RunReport;
use crate::run::end::ReceiveEnd;
use crate::send::deadline::{ResultDeadline, Silence};
use crate::send::in_flight::GiveUp;
use crate::send::pipeline::SendPipeline;
use crate::send::plan::Recovery;

/// The deadline of a stream with a worker that returns a result for each frame.
pub(crate) struct ResultWatch {
    deadline: ResultDeadline,
    gives_up: GiveUp,
    /// How long there may be no result before the stream ends.
    timeout: Duration,
    /// Which worker it is, for people.
    worker: String,
    /// Bytes that the worker's side of the link has acknowledged.
    delivered: u64,
    /// When that last grew.
    moved: Instant,
}

impl ResultWatch {
    pub(crate) fn new(reconnector: &Reconnector, recovery: Recovery) -> Self {
        let gives_up = match recovery {
            Recovery::Forget => GiveUp::All,
            Recovery::Resend | Recovery::Impossible => GiveUp::Overtaken,
        };
        let (timeout, now) = (reconnector.reconnect_timeout(), Instant::now());
        Self {
            deadline: ResultDeadline::new(gives_up, timeout, now),
            gives_up,
            timeout,
            worker: reconnector.worker(),
            delivered: 0,
            moved: now,
        }
    }

    /// Waits are counted from now on: the connection is another one, or this process was stopped.
    pub(crate) fn restart(&mut self, report: &mut RunReport) {
        self.delivered = 0;
        self.moved = Instant::now();
        self.deadline.restart(self.moved);
        report.silent_since = None;
    }

    /// A result came, this long after the link had taken the frame.
    pub(crate) fn returned(&mut self, took: Duration, report: &mut RunReport) {
        let now = Instant::now();
        self.deadline.returned(took, now);
        if let Some(since) = report.silent_since.take() {
            let seconds = (now - since).as_secs();
            tracing::info!("{} answers again, after {seconds} s", self.worker);
        }
    }

    /// Checks the frames that wait; called several times a second.
    pub(crate) fn check(
        &mut self,
        sender: &Sender,
        pipeline: &SendPipeline,
        report: &mut RunReport,
    ) -> Option<ReceiveEnd> {
        let stats = sender.stats();
        if let Some(outstanding) = stats.outstanding_bytes {
            let delivered = stats.bytes_sent.saturating_sub(outstanding as u64);
            if delivered > self.delivered {
                (self.delivered, self.moved) = (delivered, Instant::now());
            }
        }
        let check = pipeline.check(&mut self.deadline, self.moved);
        if !check.given_up.is_empty() {
            let frames = check.given_up.len();
            tracing::debug!(frames, "given up: no answer in time");
        }
        match check.silence {
            Silence::None => None,
            Silence::Begins { lasts, waiting } => {
                report.silent_since = Instant::now().checked_sub(lasts);
                tracing::warn!("{}", self.warning(lasts, waiting, report.unreadable > 0));
                None
            }
            Silence::TooLong { lasts } => Some(ReceiveEnd::Unanswered(lasts)),
        }
    }

    fn warning(&self, lasts: Duration, waiting: usize, is_unreadable: bool) -> String {
        let nothing = match is_unreadable {
            true => "nothing that can be read",
            false => "nothing",
        };
        let meanwhile = match self.gives_up {
            GiveUp::All => "newer frames take their place",
            GiveUp::Overtaken => "no further ones are sent",
        };
        let left = self.timeout.saturating_sub(lasts).as_secs();
        format!(
            "{} has answered {nothing} for {} s; {waiting} frames wait, {meanwhile}; without an \
             answer the stream ends in {left} s",
            self.worker,
            lasts.as_secs(),
        )
    }
}
