//! The task that puts units together from the shards of all lanes, and reports to the sender.

use std::time::{Duration, Instant};

use protocol::coded::{Carried, CollectorLimits, LostUnits, Shard, ShardCollector, ShardCounts};
use protocol::{Limits, MAX_LOST_RUNS, Message, ShardReport};
use tokio::sync::{mpsc, oneshot};
use tracing::{debug, trace};

use super::LATE_SHARDS;
use crate::channel::queue::{OutgoingUnit, UnitOrder, WeakSendQueue};

/// Units that may wait for the reader of the channel.
const MAX_WAITING_UNITS: usize = 64;

/// How soon a report follows on shards, and on the report before where units are lost.
const REPORT_INTERVAL: Duration = Duration::from_millis(250);
const LOSS_INTERVAL: Duration = Duration::from_millis(20);

/// Runs of lost units that are kept while the channel takes no report.
const MAX_KEPT_RUNS: usize = 4096;

/// A unit that is whole.
pub(crate) struct ArrivedUnit {
    pub(crate) carried: Carried,
    /// When its first shard arrived.
    pub(crate) began: Instant,
}

/// A wait for all units that were sent before this one.
struct ClosedBefore {
    unit: u32,
    closed: oneshot::Sender<()>,
}

/// Where the reader of a channel gets its units.
pub(crate) struct UnitSource {
    units: mpsc::Receiver<ArrivedUnit>,
    waits: mpsc::Sender<ClosedBefore>,
}

impl UnitSource {
    /// The next unit; never where none will come any more. Cancelling loses none.
    pub(crate) async fn next(&mut self) -> ArrivedUnit {
        match self.units.recv().await {
            Some(unit) => unit,
            None => std::future::pending().await,
        }
    }

    /// Resolves when all units before this one are at the reader's disposal or lost. An error means that no
    /// unit comes any more. One such wait goes on at a time.
    pub(crate) fn closed_before(&self, unit: u32) -> oneshot::Receiver<()> {
        let (closed, wait) = oneshot::channel();
        // Where there is no place for it, the wait ends at once.
        let _ = self.waits.try_send(ClosedBefore { unit, closed });
        wait
    }
}

/// Puts units together until the lanes' end.
pub(crate) struct CollectTask {
    shards: mpsc::Receiver<Shard>,
    waits: mpsc::Receiver<ClosedBefore>,
    units: mpsc::Sender<ArrivedUnit>,
    queue: WeakSendQueue,
    limits: Limits,
    collector: ShardCollector,
    wait: Option<(ClosedBefore, Instant)>,
    report: DueReport,
}

/// What was not reported yet.
#[derive(Default)]
struct DueReport {
    counts: ShardCounts,
    lost: Vec<[u32; 2]>,
    /// All units before this one were reported.
    closed: u32,
    /// When the first shard came that no report is about.
    since: Option<Instant>,
    last: Option<Instant>,
}

impl DueReport {
    /// When it is to be sent; `None`: there is nothing to report.
    fn at(&self) -> Option<Instant> {
        let since = self.since?;
        Some(match (self.lost.is_empty(), self.last) {
            (true, _) => since + REPORT_INTERVAL,
            (false, Some(last)) => last + LOSS_INTERVAL,
            (false, None) => since,
        })
    }
}

impl CollectTask {
    pub(super) fn new(
        shards: mpsc::Receiver<Shard>,
        queue: WeakSendQueue,
        limits: Limits,
    ) -> (UnitSource, Self) {
        let (to_reader, units) = mpsc::channel(MAX_WAITING_UNITS);
        let (to_task, waits) = mpsc::channel(1);
        let source = UnitSource {
            units,
            waits: to_task,
        };
        let task = Self {
            shards,
            waits,
            units: to_reader,
            queue,
            limits,
            collector: ShardCollector::new(CollectorLimits::default()),
            wait: None,
            report: DueReport::default(),
        };
        (source, task)
    }

    /// Ends with the reader of the channel.
    pub(crate) async fn run(mut self) {
        loop {
            let due = self.due();
            tokio::select! {
                shard = self.shards.recv() => match shard {
                    Some(shard) => self.take(shard).await,
                    None => return,
                },
                wait = self.waits.recv(), if self.wait.is_none() => match wait {
                    Some(wait) => self.wait = Some((wait, Instant::now() + LATE_SHARDS)),
                    None => return,
                },
                () = net::due(due) => {}
            }
            self.check(Instant::now());
        }
    }

    /// When something is to be done, if no shard comes before.
    fn due(&self) -> Option<Instant> {
        let wait = self.wait.as_ref().map(|(_, until)| *until);
        let due = [self.collector.deadline(), wait, self.report.at()];
        due.into_iter().flatten().min()
    }

    async fn take(&mut self, shard: Shard) {
        let now = Instant::now();
        self.report.since.get_or_insert(now);
        let collected = self.collector.push(shard, now);
        self.lose(collected.lost);
        let Some((number, unit)) = collected.unit else {
            return;
        };
        trace!(unit = number, "a unit is whole");
        match unit.carried(&self.limits) {
            Ok(carried) => {
                let began = collected.began.unwrap_or(now);
                // Without a reader the task ends with its next wait.
                let _ = self.units.send(ArrivedUnit { carried, began }).await;
            }
            Err(error) => debug!(unit = number, %error, "a unit cannot be used"),
        }
    }

    fn lose(&mut self, lost: Vec<LostUnits>) {
        for lost in lost {
            let (first, count) = (lost.first, lost.count);
            debug!(unit = first, count, reason = %lost.reason, "lost on the way");
            if self.report.lost.len() < MAX_KEPT_RUNS {
                self.report.lost.push([first, count]);
            }
        }
    }

    /// Does what is due.
    fn check(&mut self, now: Instant) {
        let lost = self.collector.expire(now);
        self.lose(lost);
        let wait = self
            .wait
            .take_if(|(wait, until)| *until <= now || self.collector.has_closed(wait.unit));
        if let Some((wait, _)) = &wait {
            let lost = self.collector.close_before(wait.unit, now);
            self.lose(lost);
        }
        let is_due = self.report.at().is_some_and(|at| at <= now);
        if is_due || (wait.is_some() && !self.report.lost.is_empty()) {
            self.send_report(now);
        }
        if let Some((wait, _)) = wait {
            // The reader may have given up waiting.
            let _ = wait.closed.send(());
        }
    }

    fn send_report(&mut self, now: Instant) {
        let due = &mut self.report;
        let counts = self.collector.take_counts();
        due.counts.sent += counts.sent;
        due.counts.arrived += counts.arrived;
        due.counts.worst = due.counts.worst.max(counts.worst);
        let lost = due.lost.len().min(MAX_LOST_RUNS);
        let report = ShardReport {
            // What is lost is told before it is closed.
            closed: match due.lost.len() == lost {
                true => self.collector.closed(),
                false => due.closed,
            },
            sent: due.counts.sent,
            arrived: due.counts.arrived,
            worst: due.counts.worst,
            lost: due.lost[..lost].to_vec(),
        };
        (due.last, due.closed) = (Some(now), report.closed);
        let payload = Message::ShardReport(report).encode();
        let order = UnitOrder::Aside;
        let Some(queue) = self.queue.upgrade() else {
            due.since = None;
            return;
        };
        if !queue.try_push(OutgoingUnit::Message { payload, order }) {
            // What waits there goes first; this is tried again.
            due.since = Some(now);
            return;
        }
        due.counts = ShardCounts::default();
        due.lost.drain(..lost);
        // Shards of closed units are still counted for a while.
        due.since = (self.collector.held_units() > 0 || !due.lost.is_empty()).then_some(now);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use protocol::coded::{CodedUnit, ShardEncoder};
    use protocol::{Encoding, Frame, FrameMeta, Payload};

    use super::*;
    use crate::channel::queue::SendQueue;
    use crate::channel::traffic::Traffic;

    fn frame(frame_id: u64) -> Frame {
        let meta = FrameMeta {
            frame_id,
            width: 64,
            height: 48,
            channels: 3,
            encoding: Encoding::Jpeg,
            nbytes: 0,
            captured_us: None,
            clock: None,
        };
        Frame::new(meta, vec![frame_id as u8; 5000].into()).unwrap()
    }

    #[tokio::test]
    async fn lost_units_are_told_before_what_was_sent_after_them_is_given_out() {
        let (queue, mut outgoing) = SendQueue::new(Arc::<Traffic>::default());
        let (arrived, shards) = mpsc::channel(64);
        let (mut source, task) = CollectTask::new(shards, queue.downgrade(), Limits::default());
        tokio::spawn(task.run());
        let mut encoder = ShardEncoder::default();
        // All of the first arrives, two shards of the second, and nothing of the third.
        for (id, arriving) in [(0, 99), (1, 2), (2, 0)] {
            let unit = CodedUnit::of_frame(&frame(id));
            let messages = encoder.encode(&unit, 0).unwrap();
            for message in messages.into_iter().take(arriving) {
                let shard = Shard::try_from(message).unwrap();
                arrived.send(shard).await.unwrap();
            }
        }
        let closed = source.closed_before(3);
        let unit = source.next().await;
        assert_eq!(unit.carried, Carried::Frame(frame(0)));
        closed.await.unwrap();
        let Ok(OutgoingUnit::Message { payload, .. }) = outgoing.try_recv() else {
            panic!("no report");
        };
        let Payload::Text(text) = payload else {
            panic!("no text");
        };
        let report = Message::from_text(&text, &Limits::default());
        let Ok(Message::ShardReport(report)) = report else {
            panic!("{report:?}");
        };
        assert_eq!(report.lost, [[1, 1], [2, 1]]);
        assert_eq!(report.closed, 3);
    }
}
