//! The rules of streams while these run.

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
use crate::source::{RuleSource, StreamKey};
use crate::view::SeenRules;

/// Evaluates rules and acts on the thread that calls it; another thread watches the clock. When it is
/// dropped, everything is switched off.
pub struct RuleRunner {
    shared: Arc<SharedMachine>,
    clock: Mutex<Option<JoinHandle<()>>>,
    /// What is shown before a stream begins.
    idle: SeenRules,
    changes: watch::Receiver<()>,
    editor: ZoneEditor,
}

struct SharedMachine {
    /// `None` once all is over.
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
        let (idle, changes) = (machine.idle(), machine.changes());
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
            idle,
            changes,
            editor: ZoneEditor::new(at, editable),
        })
    }

    /// What is shown before a stream begins: the zones.
    pub fn idle(&self) -> SeenRules {
        let now = self.shared.lock().as_ref().map(RuleMachine::idle);
        now.unwrap_or_else(|| self.idle.clone())
    }

    /// Changes of what is shown of any stream.
    pub fn changes(&self) -> watch::Receiver<()> {
        self.changes.clone()
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

    /// A stream begins, with a state of its own.
    pub fn begin(&self, source: RuleSource) -> RuleStream {
        let begun = self.shared.with(|machine| machine.begin(source));
        let (key, seen) = begun.unzip();
        RuleStream {
            key,
            seen: seen.unwrap_or_else(|| watch::Sender::new(self.idle.clone()).subscribe()),
            shared: Arc::clone(&self.shared),
        }
    }

    /// Nothing comes any more: everything is switched off, and what was written is on its way to the disk.
    pub async fn finish(&self) -> EndedRules {
        let Some(mut machine) = self.end() else {
            return EndedRules::default();
        };
        machine.stop_all(Cause::End, Instant::now());
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
            machine.stop_all(Cause::End, Instant::now());
        }
    }
}

/// A stream on which rules act. When it is dropped its rules are left.
pub struct RuleStream {
    /// `None`: the rules have ended.
    key: Option<StreamKey>,
    seen: watch::Receiver<SeenRules>,
    shared: Arc<SharedMachine>,
}

impl RuleStream {
    /// What is shown of the rules in this stream, now and after each change.
    pub fn seen(&self) -> watch::Receiver<SeenRules> {
        self.seen.clone()
    }

    /// Tells those who show rules that this stream has begun.
    pub fn announce(&self) {
        self.with(|machine, _| machine.announce());
    }

    /// Takes the poses of a frame, and acts at once. `moment`: the number of the moment that it shows, of a client with several
    /// cameras.
    pub fn pose(&self, poses: &FramePoses<'_>, moment: Option<u64>) {
        self.with(|machine, key| machine.pose(key, poses, moment, Instant::now()));
    }

    /// No pose comes for this reason: what the stream keeps on is switched off. A frame that was decided on is not decided on
    /// again where the stream goes on.
    pub fn stop(&self, cause: Cause) {
        self.with(|machine, key| machine.stop(key, cause, Instant::now()));
    }

    fn with(&self, act: impl FnOnce(&mut RuleMachine, StreamKey)) {
        if let Some(key) = self.key {
            self.shared.with(|machine| act(machine, key));
        }
    }
}

impl Drop for RuleStream {
    fn drop(&mut self) {
        self.with(|machine, key| machine.end(key, Cause::End, Instant::now()));
    }
}

impl SharedMachine {
    fn lock(&self) -> MutexGuard<'_, Option<RuleMachine>> {
        // A panic while it was locked leaves outputs as they are; each is switched by one call.
        self.machine.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn with<T>(&self, act: impl FnOnce(&mut RuleMachine) -> T) -> Option<T> {
        let mut locked = self.lock();
        let machine = locked.as_mut()?;
        let before = machine.next_tick();
        let acted = act(machine);
        let after = machine.next_tick();
        let is_sooner = after.is_some_and(|after| before.is_none_or(|before| after < before));
        if is_sooner {
            self.changed.notify_all();
        }
        Some(acted)
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
    use labels::OriginColumns;
    use rules::Rules;

    use super::*;
    use crate::log::ExistingEvents;

    fn started(path: &std::path::Path, rules: &str) -> RuleRunner {
        let rules = Rules::parse("r", rules).unwrap();
        let outputs = OpenOutputs::open(&rules, &[]).unwrap();
        let events = EventsFile {
            path: path.to_owned(),
            existing: ExistingEvents::Continued,
            origin: OriginColumns::Stream,
        };
        let loaded = LoadedRules {
            rules,
            events: Some(events),
            editable: None,
        };
        let bound = BoundRules::new(&loaded, outputs, &["nose".to_owned()]).unwrap();
        RuleRunner::start(bound, RuleSide::Client, None).unwrap()
    }

    fn source(name: &str) -> RuleSource {
        RuleSource {
            source: format!("source of {name}"),
            stream: Some(name.to_owned()),
            name: name.to_owned(),
        }
    }

    fn pose(stream: &RuleStream, frame_id: u64) {
        let poses = FramePoses {
            frame_id,
            captured_us: 10 * frame_id,
            names: &[],
            measured: &[vec![Some([1.0, 2.0])]],
            ahead: None,
            smooth: None,
        };
        stream.pose(&poses, None);
    }

    /// `frame rule edge cause stream` of each event.
    fn written(path: &std::path::Path) -> Vec<String> {
        let text = std::fs::read_to_string(path).unwrap();
        let cells = text.lines().skip(1).map(|line| {
            let cells: Vec<&str> = line.split(',').collect();
            [0, 2, 3, 4, 8].map(|cell| cells[cell]).join(" ")
        });
        cells.collect()
    }

    #[tokio::test]
    async fn a_stream_that_goes_on_is_not_decided_on_twice_and_another_one_begins_anew() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("e.csv");
        let runner = started(&path, "[rule.r]\nwhen = { present = true }\n");
        let stream = runner.begin(source("a"));
        pose(&stream, 7);
        stream.stop(Cause::Lost);
        pose(&stream, 7);
        pose(&stream, 8);
        drop(stream);
        let stream = runner.begin(source("b"));
        pose(&stream, 7);
        let ended = runner.finish().await;
        assert!(ended.wrong.is_empty(), "{:?}", ended.wrong);
        assert_eq!(ended.events, 6);
        let expected = [
            "7 r enter condition a",
            "7 r leave lost a",
            "8 r enter condition a",
            "8 r leave end a",
            "7 r enter condition b",
            "7 r leave end b",
        ];
        assert_eq!(written(&path), expected);
        assert_eq!(runner.finish().await.events, 0, "it has ended");
        pose(&runner.begin(source("c")), 1);
    }

    #[tokio::test]
    async fn streams_at_the_same_time_have_states_of_their_own() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("e.csv");
        let rules = "[rule.r]\nwhen = { present = true }\n\
                     [rule.s]\nstreams = \"b*\"\nwhen = { present = true }\n";
        let runner = started(&path, rules);
        let mut changes = runner.changes();
        let (one, other) = (runner.begin(source("a")), runner.begin(source("b")));
        pose(&one, 7);
        assert!(changes.has_changed().unwrap());
        changes.borrow_and_update();
        assert_eq!(other.seen().borrow().state.events.len(), 0);
        pose(&other, 3);
        assert_eq!(one.seen().borrow().state.events.len(), 1);
        assert_eq!(other.seen().borrow().state.events.len(), 2);
        drop(one);
        pose(&other, 4);
        let ended = runner.finish().await;
        assert_eq!((ended.events, ended.wrong.len()), (6, 0));
        let expected = [
            "7 r enter condition a",
            "3 r enter condition b",
            "3 s enter condition b",
            "7 r leave end a",
            "4 r leave end b",
            "4 s leave end b",
        ];
        assert_eq!(written(&path), expected);
    }
}
