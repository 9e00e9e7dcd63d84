//! The task that puts units together from the shards of all lanes, and reports to the sender.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use protocol::coded::{CollectorLimits, LostUnits, Shard, ShardCollector, ShardCounts};
use protocol::{Limits, MAX_LOST_RUNS, Message, ShardReport};
use tokio::sync::{mpsc, oneshot};
use tracing::{debug, trace};

use super::ordered::{ArrivedUnit, OrderedUnits};
use super::{LATE_FOR, LATE_SHARDS};
use crate::channel::queue::{OutgoingUnit, UnitOrder, WeakSendQueue};

/// Units that may wait for the reader of the channel.
const MAX_WAITING_UNITS: usize = 64;

/// How soon a report follows on shards, and on the report before where units are lost.
const REPORT_INTERVAL: Duration = Duration::from_millis(250);
const LOSS_INTERVAL: Duration = Duration::from_millis(20);

/// Runs of lost units that are kept while the channel takes no report.
const MAX_KEPT_RUNS: usize = 4096;

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
    /// How long the sender keeps what it sends, in milliseconds.
    kept: Arc<AtomicU32>,
    /// Units that wait for those before them, where the sender keeps what it sends.
    ordered: OrderedUnits,
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
    /// Not before then.
    fn next_at(&self) -> Option<Instant> {
        Some(self.last? + LOSS_INTERVAL)
    }

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
        kept: Arc<AtomicU32>,
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
            kept,
            ordered: OrderedUnits::default(),
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
                    Some(wait) => self.begin(wait, Instant::now()),
                    None => return,
                },
                () = net::due(due) => {}
            }
            self.check(Instant::now()).await;
        }
    }

    /// How much longer than others units are waited for whose shards can be asked for; zero: they cannot.
    fn late_for(&self) -> Duration {
        let kept = self.kept.load(Ordering::Relaxed);
        Duration::from_millis(kept.into()).min(LATE_FOR)
    }

    fn begin(&mut self, wait: ClosedBefore, now: Instant) {
        self.collector.sent_before(wait.unit, now);
        self.wait = Some((wait, now + LATE_SHARDS.max(self.late_for())));
    }

    /// When something is to be done, if no shard comes before.
    fn due(&self) -> Option<Instant> {
        let wait = self.wait.as_ref().map(|(_, until)| *until);
        let missing = self.collector.missing_at();
        let missing = missing.map(|at| at.max(self.report.next_at().unwrap_or(at)));
        let due = [self.collector.deadline(), wait, self.report.at(), missing];
        due.into_iter().flatten().min()
    }

    async fn take(&mut self, shard: Shard) {
        let now = Instant::now();
        self.report.since.get_or_insert(now);
        self.collector.wait_for_late(self.late_for());
        let collected = self.collector.push(shard, now);
        self.lose(collected.lost);
        let Some((number, unit)) = collected.unit else {
            return;
        };
        trace!(unit = number, "a unit is whole");
        match unit.carried(&self.limits) {
            Ok(carried) => {
                let began = collected.began.unwrap_or(now);
                let unit = ArrivedUnit { carried, began };
                match self.late_for().is_zero() {
                    true => self.give(unit).await,
                    false => {
                        let lost = self.ordered.push(number, unit, &mut self.collector, now);
                        self.lose(lost);
                    }
                }
            }
            Err(error) => debug!(unit = number, %error, "a unit cannot be used"),
        }
    }

    async fn give(&self, unit: ArrivedUnit) {
        // Without a reader the task ends with its next wait.
        let _ = self.units.send(unit).await;
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
    async fn check(&mut self, now: Instant) {
        let lost = self.collector.expire(now);
        self.lose(lost);
        let wait = self
            .wait
            .take_if(|(wait, until)| *until <= now || self.collector.has_closed(wait.unit));
        if let Some((wait, _)) = &wait {
            let lost = self.collector.close_before(wait.unit, now);
            self.lose(lost);
        }
        while let Some(unit) = self.ordered.pop(&self.collector) {
            self.give(unit).await;
        }
        let is_due = self.report.at().is_some_and(|at| at <= now);
        let missing = match self.report.next_at().is_none_or(|at| at <= now) {
            true => self.collector.missing(now),
            false => Vec::new(),
        };
        if is_due || !missing.is_empty() || (wait.is_some() && !self.report.lost.is_empty()) {
            self.send_report(missing, now);
        }
        if let Some((wait, _)) = wait {
            // The reader may have given up waiting.
            let _ = wait.closed.send(());
        }
    }

    /// `late`: units that shards are asked for. Where the report cannot leave they are asked for again as if it were lost.
    fn send_report(&mut self, late: Vec<[u32; 2]>, now: Instant) {
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
            late,
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

    use protocol::coded::{Carried, CodedUnit, ShardEncoder};
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
        let kept = Arc::default();
        let (mut source, task) =
            CollectTask::new(shards, queue.downgrade(), kept, Limits::default());
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
        let report = report(outgoing.try_recv().ok());
        assert_eq!(report.lost, [[1, 1], [2, 1]]);
        assert_eq!(report.closed, 3);
    }

    fn report(sent: Option<OutgoingUnit>) -> ShardReport {
        let Some(OutgoingUnit::Message { payload, .. }) = sent else {
            panic!("no report");
        };
        let Payload::Text(text) = payload else {
            panic!("no text");
        };
        let report = Message::from_text(&text, &Limits::default());
        let Ok(Message::ShardReport(report)) = report else {
            panic!("{report:?}");
        };
        report
    }

    #[tokio::test]
    async fn what_is_kept_is_asked_for_and_given_out_in_order() {
        let (queue, mut outgoing) = SendQueue::new(Arc::<Traffic>::default());
        let (arrived, shards) = mpsc::channel(64);
        let kept = Arc::new(AtomicU32::new(60_000));
        let (mut source, task) =
            CollectTask::new(shards, queue.downgrade(), kept, Limits::default());
        tokio::spawn(task.run());
        let mut encoder = ShardEncoder::default();
        let mut late = Vec::new();
        // Two shards of the first arrive, and nothing of the second.
        for (id, arriving) in [(0, 2), (1, 0), (2, 99)] {
            let unit = CodedUnit::of_frame(&frame(id));
            let messages = encoder.encode(&unit, 0).unwrap();
            for (index, message) in messages.into_iter().enumerate() {
                let shard = Shard::try_from(message).unwrap();
                match index < arriving {
                    true => arrived.send(shard).await.unwrap(),
                    false => late.push(shard),
                }
            }
        }
        let asked = loop {
            let report = report(outgoing.recv().await);
            assert!(report.lost.is_empty(), "{:?}", report.lost);
            if !report.late.is_empty() {
                break report.late;
            }
        };
        assert_eq!(asked, [[0, 3], [1, 0]]);
        for shard in late {
            arrived.send(shard).await.unwrap();
        }
        for id in 0..3 {
            assert_eq!(source.next().await.carried, Carried::Frame(frame(id)));
        }
    }
}
