//! The rules of a stream while it runs.

use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use anyhow::{Context, Result, anyhow};
use protocol::{RuleSide, ZoneOutline};
use rules::{Cause, FramePoses, RuleEngine};
use tokio::sync::watch;

use crate::edit::ZoneEditor;
use crate::file::{LoadedRules, with_hint};
use crate::log::{EventLog, EventReporter, EventsFile};
use crate::machine::RuleMachine;
use crate::outputs::OpenOutputs;
use crate::view::SeenRules;

/// Evaluates rules and acts on the thread that calls it; another thread watches the clock. When it is
/// dropped, everything is switched off.
pub struct RuleRunner {
    shared: Arc<SharedMachine>,
    clock: Mutex<Option<JoinHandle<()>>>,
    seen: watch::Receiver<SeenRules>,
    editor: ZoneEditor,
}

struct SharedMachine {
    /// `None` once the stream is over.
    machine: Mutex<Option<RuleMachine>>,
    /// The next moment at which the clock matters has changed.
    changed: Condvar,
}

/// Rules for a skeleton, and what they switch.
pub struct BoundRules {
    engine: RuleEngine,
    outputs: OpenOutputs,
    events: Option<EventsFile>,
    editable: Option<PathBuf>,
}

impl BoundRules {
    /// Finds the nodes of the rules.
    ///
    /// # Errors
    /// A node that is not among these.
    pub fn new(loaded: &LoadedRules, outputs: OpenOutputs, nodes: &[String]) -> Result<Self> {
        let engine = RuleEngine::new(loaded.rules.clone(), nodes);
        Ok(Self {
            engine: engine.map_err(|error| anyhow!(with_hint(error)))?,
            outputs,
            events: loaded.events.clone(),
            editable: loaded.editable.clone(),
        })
    }
}

/// What rules have come to.
#[derive(Default)]
pub struct EndedRules {
    /// Events that there were.
    pub events: u64,
    /// What went wrong.
    pub wrong: Vec<anyhow::Error>,
}

impl RuleRunner {
    /// Begins: opens the file of events, and switches everything off. `at`: where they act; `reporter`: how events are
    /// reported beside their file.
    ///
    /// # Errors
    /// The file cannot be written, or the system starts no thread.
    pub fn start(bound: BoundRules, at: RuleSide, reporter: Option<EventReporter>) -> Result<Self> {
        let BoundRules {
            engine,
            outputs,
            events,
            editable,
        } = bound;
        let log = EventLog::start(events.as_ref(), reporter)?;
        let machine = RuleMachine::new(
            engine,
            outputs,
            log,
            (at, editable.is_some()),
            Instant::now(),
        );
        let seen = machine.view.watch();
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
            clock: Mutex::new(Some(clock.context("cannot start a thread for rules")?)),
            seen,
            editor: ZoneEditor::new(at, editable),
        })
    }

    /// What is shown of the rules, now and after each change.
    pub fn seen(&self) -> watch::Receiver<SeenRules> {
        self.seen.clone()
    }

    /// Gives a zone the shape that was drawn: in the file, and for the rules at once. `picture`: width and height of the
    /// source, where they are known. Waits for the disk.
    ///
    /// # Errors
    /// The file may not be changed, or cannot be; or it is no zone. The words are for people.
    pub fn edit_zone(&self, zone: &ZoneOutline, picture: Option<(u32, u32)>) -> Result<()> {
        self.editor.edit(zone, picture, |zone| {
            self.shared
                .with(|machine| machine.set_zone(zone, Instant::now()));
        })
    }

    /// A stream begins. `source`: its name for people; `continues`: it is the one that was cut off, so that frames that were
    /// decided on are not decided on again.
    pub fn begin(&self, source: &str, continues: bool) {
        self.shared.with(|machine| machine.begin(source, continues));
    }

    /// Takes the poses of a frame, and acts at once.
    pub fn pose(&self, poses: &FramePoses<'_>) {
        self.shared
            .with(|machine| machine.pose(poses, Instant::now()));
    }

    /// No pose comes any more for this reason: everything is switched off.
    pub fn stop(&self, cause: Cause) {
        self.shared
            .with(|machine| machine.stop(cause, Instant::now()));
    }

    /// Nothing comes any more: everything is switched off, and what was written is on its way to the disk.
    pub async fn finish(&self) -> EndedRules {
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
    fn end(&self) -> Option<RuleMachine> {
        let machine = self.shared.lock().take();
        self.shared.changed.notify_all();
        let clock = self
            .clock
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(clock) = clock {
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

#[cfg(test)]
mod tests {
    use rules::Rules;

    use super::*;
    use crate::log::ExistingEvents;

    #[tokio::test]
    async fn a_stream_that_goes_on_is_not_decided_on_twice_and_another_one_begins_anew() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("e.csv");
        let rules = Rules::parse("r", "[rule.r]\nwhen = { present = true }\n").unwrap();
        let outputs = OpenOutputs::open(&rules, &[]).unwrap();
        let events = EventsFile {
            path: path.clone(),
            existing: ExistingEvents::Continued,
        };
        let loaded = LoadedRules {
            rules,
            events: Some(events),
            editable: None,
        };
        let bound = BoundRules::new(&loaded, outputs, &["nose".to_owned()]).unwrap();
        let runner = RuleRunner::start(bound, RuleSide::Client, None).unwrap();
        let pose = |frame_id| {
            runner.pose(&FramePoses {
                frame_id,
                captured_us: 10 * frame_id,
                names: &[],
                measured: &[vec![Some([1.0, 2.0])]],
                ahead: None,
                smooth: None,
            });
        };
        runner.begin("a", false);
        pose(7);
        runner.stop(Cause::Lost);
        runner.begin("a", true);
        pose(7);
        pose(8);
        runner.stop(Cause::End);
        runner.begin("b", false);
        pose(7);
        let ended = runner.finish().await;
        assert!(ended.wrong.is_empty(), "{:?}", ended.wrong);
        assert_eq!(ended.events, 6);
        let text = std::fs::read_to_string(&path).unwrap();
        let cells = text.lines().skip(1).map(|line| {
            let cells: Vec<&str> = line.split(',').collect();
            format!("{} {} {}", cells[0], cells[3], cells[4])
        });
        let expected = [
            "7 enter condition",
            "7 leave lost",
            "8 enter condition",
            "8 leave end",
            "7 enter condition",
            "7 leave end",
        ];
        assert!(cells.eq(expected), "{text}");
        assert_eq!(runner.finish().await.events, 0, "it has ended");
    }
}
