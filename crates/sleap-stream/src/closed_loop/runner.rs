//! The rules of a stream while it runs.

use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use anyhow::{Context, Result, anyhow};
use rules::{Cause, FramePoses, RuleEngine};

use super::file::{LoadedRules, with_hint};
use super::log::EventLog;
use super::machine::RuleMachine;
use super::outputs::OpenOutputs;
use crate::report::events::EventWriter;

/// Evaluates rules and acts on the thread that calls it; another thread watches the clock. When it is
/// dropped, everything is switched off.
pub(crate) struct RuleRunner {
    shared: Arc<SharedMachine>,
    clock: Option<JoinHandle<()>>,
}

struct SharedMachine {
    /// `None` once the stream is over.
    machine: Mutex<Option<RuleMachine>>,
    /// The next moment at which the clock matters has changed.
    changed: Condvar,
}

/// Rules for a skeleton, and what they switch.
pub(crate) struct BoundRules {
    engine: RuleEngine,
    outputs: OpenOutputs,
    events: Option<PathBuf>,
}

impl BoundRules {
    /// Finds the nodes of the rules.
    pub(crate) fn new(
        loaded: &LoadedRules,
        outputs: OpenOutputs,
        nodes: &[String],
    ) -> Result<Self> {
        let engine = RuleEngine::new(loaded.rules.clone(), nodes);
        Ok(Self {
            engine: engine.map_err(|error| anyhow!(with_hint(error)))?,
            outputs,
            events: loaded.events.clone(),
        })
    }
}

/// What rules have come to.
#[derive(Default)]
pub(crate) struct EndedRules {
    /// Events that there were.
    pub(crate) events: u64,
    /// What went wrong.
    pub(crate) wrong: Vec<anyhow::Error>,
}

impl RuleRunner {
    /// Begins: creates the file of events, and switches everything off. `source`: the stream's name for people.
    pub(crate) fn start(
        bound: BoundRules,
        source: &str,
        overwrite: bool,
        reported: Option<EventWriter>,
    ) -> Result<Self> {
        let BoundRules {
            engine,
            mut outputs,
            events,
        } = bound;
        let log = EventLog::start(events.as_deref(), overwrite, reported)?;
        source.clone_into(&mut outputs.source);
        let machine = RuleMachine::new(engine, outputs, log, Instant::now());
        let shared = Arc::new(SharedMachine {
            machine: Mutex::new(Some(machine)),
            changed: Condvar::new(),
        });
        let clock = thread::Builder::new().name("rules".to_owned()).spawn({
            let shared = Arc::clone(&shared);
            move || shared.watch()
        });
        Ok(Self {
            shared,
            clock: Some(clock.context("cannot start a thread for rules")?),
        })
    }

    /// Takes the poses of a frame, and acts at once.
    pub(crate) fn pose(&self, poses: &FramePoses<'_>) {
        self.shared
            .with(|machine| machine.pose(poses, Instant::now()));
    }

    /// The connection to the worker is lost: everything is switched off.
    pub(crate) fn lost(&self) {
        self.shared
            .with(|machine| machine.stop(Cause::Lost, Instant::now()));
    }

    /// The stream is over: everything is switched off.
    pub(crate) async fn finish(mut self) -> EndedRules {
        let Some(mut machine) = self.end() else {
            return EndedRules::default();
        };
        machine.stop(Cause::End, Instant::now());
        let RuleMachine { outputs, log, .. } = machine;
        let mut ended = EndedRules {
            events: log.events,
            wrong: outputs.failures(),
        };
        let written = tokio::task::spawn_blocking(|| log.finish()).await;
        ended.wrong.extend(written.unwrap_or_default());
        outputs.close().await;
        ended
    }

    /// Ends the thread that watches the clock; the machine, the first time.
    fn end(&mut self) -> Option<RuleMachine> {
        let machine = self.shared.lock().take();
        self.shared.changed.notify_all();
        if let Some(clock) = self.clock.take() {
            // A panic was printed when it happened.
            let _ = clock.join();
        }
        machine
    }
}

impl Drop for RuleRunner {
    fn drop(&mut self) {
        if let Some(mut machine) = self.end() {
            machine.stop(Cause::End, Instant::now());
        }
    }
}

impl SharedMachine {
    fn lock(&self) -> MutexGuard<'_, Option<RuleMachine>> {
        // A panic while it was locked leaves outputs as they are; each is switched by one call.
        self.machine.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn with(&self, act: impl FnOnce(&mut RuleMachine)) {
        let mut locked = self.lock();
        let Some(machine) = locked.as_mut() else {
            return;
        };
        let before = machine.next_tick();
        act(machine);
        let after = machine.next_tick();
        let is_sooner = after.is_some_and(|after| before.is_none_or(|before| after < before));
        if is_sooner {
            self.changed.notify_all();
        }
    }

    /// Waits for the moments at which the clock matters.
    fn watch(&self) {
        let mut locked = self.lock();
        while let Some(machine) = locked.as_mut() {
            machine.tick(Instant::now());
            let next = machine.next_tick();
            locked = match next {
                None => self
                    .changed
                    .wait(locked)
                    .unwrap_or_else(PoisonError::into_inner),
                Some(at) => {
                    let wait = at.saturating_duration_since(Instant::now());
                    let waited = self.changed.wait_timeout(locked, wait);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }
}
