//! `--rules`: poses for the rules, on a thread of their own, so that no prediction waits for them.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Weak};
use std::thread::{self, JoinHandle};

use anyhow::{Context, Result, anyhow, bail};
use closed_loop::{BoundRules, EventReporter, LoggedEvent, RuleRunner, frame_poses, names};
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

/// What the thread of the rules does.
enum RuleJob {
    Begin {
        source: String,
        continues: bool,
    },
    Pose(Box<RulePose>),
    Stop(Cause),
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
    /// The stream that the rules act on: one at a time.
    stream: Weak<ResultRoute>,
    /// The stream that was cut off last, by its name on the wire.
    stream_id: Option<String>,
}

/// The rules of a worker; clones are the same.
#[derive(Clone)]
pub(crate) struct WorkerRules {
    runner: Arc<RuleRunner>,
    /// Poses for which the queue had no room.
    lost: Arc<AtomicU64>,
}

impl RulesSink {
    /// Begins, and switches everything off.
    ///
    /// # Errors
    /// The file of events cannot be written, or the system starts no thread.
    pub(crate) fn start(bound: BoundRules) -> Result<Self> {
        let report: EventReporter = Box::new(log);
        let runner = Arc::new(RuleRunner::start(bound, RuleSide::Worker, Some(report))?);
        let (jobs, queue) = bounded(POSE_QUEUE_LEN);
        let thread = thread::Builder::new().name("rule-poses".to_owned()).spawn({
            let runner = Arc::clone(&runner);
            move || run(&runner, &queue)
        });
        let lost = Arc::default();
        Ok(Self {
            jobs: Some(jobs),
            thread: Some(thread.context("cannot start a thread for rules")?),
            rules: WorkerRules { runner, lost },
            stream: Weak::new(),
            stream_id: None,
        })
    }

    /// The rules, for the end of the worker.
    pub(crate) fn rules(&self) -> WorkerRules {
        self.rules.clone()
    }

    fn is_of(&self, stream: &Arc<ResultRoute>) -> bool {
        std::ptr::eq(self.stream.as_ptr(), Arc::as_ptr(stream))
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
        self.stream = Arc::downgrade(stream.stream);
        let origin = &stream.stream.origin;
        let continues = origin.stream_id.is_some() && origin.stream_id == self.stream_id;
        self.stream_id.clone_from(&origin.stream_id);
        self.send(RuleJob::Begin {
            source: origin.source_name.clone(),
            continues,
        });
    }

    fn result(&mut self, frame: &DecodedFrame, result: &Message) {
        let (Message::Prediction(prediction), Some(jobs)) = (result, &self.jobs) else {
            return;
        };
        if !self.is_of(&frame.route) {
            return;
        }
        let pose = RuleJob::Pose(Box::new(RulePose {
            names: frame.route.names_of(prediction),
            prediction: in_source(prediction, frame).into_owned(),
            captured_us: frame.captured_us.unwrap_or_else(now_us),
        }));
        if jobs.try_send(pose).is_err() && self.rules.lost.fetch_add(1, Relaxed) == 0 {
            tracing::warn!("the rules are slower than the poses come: poses are left out");
        }
    }

    fn stream_ended(&mut self, stream: &Arc<ResultRoute>) {
        if !self.is_of(stream) {
            return;
        }
        self.stream = Weak::new();
        self.send(RuleJob::Stop(match stream.was_cut_off() {
            true => Cause::Lost,
            false => Cause::End,
        }));
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

fn run(runner: &RuleRunner, jobs: &Receiver<RuleJob>) {
    for job in jobs {
        match job {
            RuleJob::Begin { source, continues } => runner.begin(&source, continues),
            RuleJob::Pose(pose) => act(runner, *pose),
            RuleJob::Stop(cause) => runner.stop(cause),
            RuleJob::Flush(done) => {
                // A worker that no longer waits has ended.
                let _ = done.send(());
            }
        }
    }
}

fn act(runner: &RuleRunner, pose: RulePose) {
    let derived = DerivedPoses {
        names: pose.names,
        ..DerivedPoses::default()
    };
    let names = names(&pose.prediction, &derived);
    runner.pose(&frame_poses(
        &pose.prediction,
        &derived,
        &names,
        pose.captured_us,
    ));
}

/// An event in the log.
fn log(logged: &LoggedEvent) {
    let event = &logged.event;
    info!(
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
