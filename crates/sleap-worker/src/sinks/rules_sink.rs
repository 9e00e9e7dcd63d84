//! `--rules`: poses of all streams for the rules, on a thread of their own, so that no prediction waits for them.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Weak};
use std::thread::{self, JoinHandle};

use anyhow::{Context, Result, anyhow, bail};
use closed_loop::{
    BoundRules, EventReporter, LoggedEvent, RuleRunner, RuleSource, RuleStream, frame_poses, names,
};
use crossbeam_channel::{Receiver, Sender, bounded};
use emit::now_us;
use protocol::{DerivedPoses, Message, Prediction, RuleSide};
use rules::Cause;
use tracing::info;

use super::emit_sink::in_source;
use crate::pipeline::{DecodedFrame, FlushWait, FrameSink, StreamHeader};
use crate::streams::{ResultRoute, ShownRules};

/// Poses that may wait for the rules; with more, rules are slower than frames come.
const POSE_QUEUE_LEN: usize = 64;

/// Streams that were cut off and may go on, at most.
const MAX_CUT_OFF: usize = 16;

/// What the thread of the rules does.
enum RuleJob {
    Pose(Arc<RuleStream>, Box<RulePose>),
    Stop(Arc<RuleStream>, Cause),
    /// Confirmed when everything before it is done.
    Flush(Sender<()>),
}

/// The poses of a frame, in pixels of the source.
struct RulePose {
    prediction: Prediction,
    names: Vec<Option<String>>,
    captured_us: u64,
}

/// Passes poses to the rules.
pub(crate) struct RulesSink {
    jobs: Option<Sender<RuleJob>>,
    thread: Option<JoinHandle<()>>,
    rules: WorkerRules,
    /// Streams may run beside each other: events name theirs.
    names_streams: bool,
    streams: Vec<RuledStream>,
    /// Streams that were cut off, by their names on the wire; the one that was cut off last is the last.
    cut_off: Vec<(String, Arc<RuleStream>)>,
}

/// A stream on which the rules act.
struct RuledStream {
    route: Weak<ResultRoute>,
    rules: Arc<RuleStream>,
}

/// The rules of a worker; clones are the same.
#[derive(Clone)]
pub(crate) struct WorkerRules {
    runner: Arc<RuleRunner>,
    /// Poses for which the queue had no room.
    lost: Arc<AtomicU64>,
}

impl RulesSink {
    /// Begins, and switches everything off. `names_streams`: streams may run beside each other.
    ///
    /// # Errors
    /// The file of events cannot be written, or the system starts no thread.
    pub(crate) fn start(bound: BoundRules, names_streams: bool) -> Result<Self> {
        let report: EventReporter = Box::new(log);
        let runner = Arc::new(RuleRunner::start(bound, RuleSide::Worker, Some(report))?);
        let (jobs, queue) = bounded(POSE_QUEUE_LEN);
        let thread = thread::Builder::new().name("rule-poses".to_owned());
        let thread = thread.spawn(move || run(&queue));
        let lost = Arc::default();
        Ok(Self {
            jobs: Some(jobs),
            thread: Some(thread.context("cannot start a thread for rules")?),
            rules: WorkerRules { runner, lost },
            names_streams,
            streams: Vec::new(),
            cut_off: Vec::new(),
        })
    }

    /// The rules, for the end of the worker.
    pub(crate) fn rules(&self) -> WorkerRules {
        self.rules.clone()
    }

    /// The rules in this stream: as they were where it was cut off, and goes on.
    fn begin(&mut self, stream: &ResultRoute) -> Arc<RuleStream> {
        let origin = &stream.origin;
        let known = |(id, _): &(String, _)| Some(id) == origin.stream_id.as_ref();
        if let Some(index) = self.cut_off.iter().position(known) {
            return self.cut_off.remove(index).1;
        }
        let name = stream.name().to_owned();
        Arc::new(self.rules.runner.begin(RuleSource {
            source: origin.source_name.clone(),
            stream: self.names_streams.then(|| name.clone()),
            name,
        }))
    }

    /// Between streams: the thread never waits for long.
    fn send(&self, job: RuleJob) {
        if let Some(jobs) = &self.jobs {
            // A thread that panicked has printed why; the outputs are off then.
            let _ = jobs.send(job);
        }
    }
}

impl FrameSink for RulesSink {
    fn is_immediate(&self) -> bool {
        true
    }

    fn stream_started(&mut self, stream: &StreamHeader<'_>) {
        let route = stream.stream;
        let rules = self.begin(route);
        route.set_seen_rules(rules.seen());
        rules.announce();
        self.streams.push(RuledStream {
            route: Arc::downgrade(route),
            rules,
        });
    }

    fn result(&mut self, frame: &DecodedFrame, result: &Message) {
        let (Message::Prediction(prediction), Some(jobs)) = (result, &self.jobs) else {
            return;
        };
        let mut streams = self.streams.iter();
        let Some(stream) = streams.find(|stream| stream.is_of(&frame.route)) else {
            return;
        };
        let pose = Box::new(RulePose {
            names: frame.route.names_of(prediction),
            prediction: in_source(prediction, frame).into_owned(),
            captured_us: frame.captured_us.unwrap_or_else(now_us),
        });
        let job = RuleJob::Pose(Arc::clone(&stream.rules), pose);
        if jobs.try_send(job).is_err() && self.rules.lost.fetch_add(1, Relaxed) == 0 {
            tracing::warn!("the rules are slower than the poses come: poses are left out");
        }
    }

    fn stream_ended(&mut self, stream: &Arc<ResultRoute>) {
        let Some(index) = self.streams.iter().position(|it| it.is_of(stream)) else {
            return;
        };
        let RuledStream { rules, .. } = self.streams.remove(index);
        let is_cut_off = stream.was_cut_off();
        if let (true, Some(id)) = (is_cut_off, &stream.origin.stream_id) {
            if self.cut_off.len() == MAX_CUT_OFF {
                self.cut_off.remove(0);
            }
            self.cut_off.push((id.clone(), Arc::clone(&rules)));
        }
        let cause = if is_cut_off { Cause::Lost } else { Cause::End };
        self.send(RuleJob::Stop(rules, cause));
    }

    fn flush(&mut self) -> Option<FlushWait> {
        let (done, wait) = bounded(1);
        self.send(RuleJob::Flush(done));
        // An error: the thread has ended, and nothing waits there.
        Some(Box::new(move || {
            let _ = wait.recv();
        }))
    }
}

impl Drop for RulesSink {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            // A panic was printed when it happened.
            let _ = thread.join();
        }
    }
}

impl WorkerRules {
    /// What people see of the rules, and change in them.
    pub(crate) fn shown(&self) -> ShownRules {
        ShownRules::of(&self.runner)
    }

    /// Switches everything off, and waits until all events are written. To be called once, at the end of the worker.
    ///
    /// # Errors
    /// An output was not switched, events were not written, or poses were left out.
    pub(crate) async fn finish(&self) -> Result<()> {
        let mut wrong = self.runner.finish().await.wrong;
        match self.lost.load(Relaxed) {
            0 => {}
            lost => wrong.push(anyhow!(
                "the rules did not get {lost} poses: they are slower than the poses come"
            )),
        }
        if wrong.is_empty() {
            return Ok(());
        }
        let reasons: Vec<String> = wrong.iter().map(|error| format!("{error:#}")).collect();
        bail!(reasons.join("; "))
    }
}

impl RuledStream {
    fn is_of(&self, route: &Arc<ResultRoute>) -> bool {
        std::ptr::eq(self.route.as_ptr(), Arc::as_ptr(route))
    }
}

fn run(jobs: &Receiver<RuleJob>) {
    for job in jobs {
        match job {
            RuleJob::Pose(stream, pose) => act(&stream, *pose),
            RuleJob::Stop(stream, cause) => stream.stop(cause),
            RuleJob::Flush(done) => {
                // A worker that no longer waits has ended.
                let _ = done.send(());
            }
        }
    }
}

fn act(stream: &RuleStream, pose: RulePose) {
    let derived = DerivedPoses {
        names: pose.names,
        ..DerivedPoses::default()
    };
    let names = names(&pose.prediction, &derived);
    let poses = frame_poses(&pose.prediction, &derived, &names, pose.captured_us);
    stream.pose(&poses, None);
}

/// An event in the log.
fn log(logged: &LoggedEvent) {
    let event = &logged.event;
    info!(
        stream = logged.origin.source.stream.as_deref(),
        rule = %event.name,
        edge = %event.edge,
        cause = %logged.cause,
        animal = event.animal.as_deref(),
        frame_id = event.frame_id,
        captured_us = event.captured_us,
        acted_us = logged.acted_us,
        value = event.value,
        "rule"
    );
}
