//! Rules, switches and outputs together.

use std::sync::Arc;
use std::time::{Duration, Instant};

use emit::now_us;
use protocol::RuleSide;
use rules::{Cause, Event, FramePoses, RuleEngine, Switch, Switches, Zone};
use tokio::sync::watch;

use crate::log::{EventLog, LoggedEvent};
use crate::outputs::OpenOutputs;
use crate::source::{EventOrigin, RuleSource, StreamKey};
use crate::view::{RulesView, SeenRules, zones};

/// Rules, the switches that they act on, and the outputs behind these. Streams share the switches: each has a state of its own.
pub(crate) struct RuleMachine {
    /// The rules as they begin.
    engine: RuleEngine,
    streams: Vec<StreamState>,
    next_key: u64,
    switches: Switches,
    pub(crate) outputs: OpenOutputs,
    pub(crate) log: EventLog,
    side: (RuleSide, bool),
    /// Sent when something that is shown has changed.
    changes: Arc<watch::Sender<()>>,
    started: Instant,
}

/// What the rules have come to in one stream.
struct StreamState {
    key: StreamKey,
    engine: RuleEngine,
    view: RulesView,
    source: Arc<RuleSource>,
    /// The moment of the newest frame.
    moment: Option<u64>,
    /// When a pose came last; `None` while nothing is in effect because none comes.
    last_pose: Option<Instant>,
    /// No pose has come since everything was left.
    is_stopped: bool,
}

impl RuleMachine {
    /// Everything is switched off at first. `side`: where the rules act, and whether their zones can be changed.
    pub(crate) fn new(
        engine: RuleEngine,
        mut outputs: OpenOutputs,
        log: EventLog,
        side: (RuleSide, bool),
        now: Instant,
    ) -> Self {
        outputs.all_off();
        Self {
            switches: Switches::new(engine.rules()),
            streams: Vec::new(),
            next_key: 0,
            engine,
            outputs,
            log,
            side,
            changes: Arc::new(watch::Sender::new(())),
            started: now,
        }
    }

    /// What is shown before a stream begins.
    pub(crate) fn idle(&self) -> SeenRules {
        SeenRules::of(zones(self.engine.rules(), |_| true, self.side))
    }

    /// Changes of what is shown.
    pub(crate) fn changes(&self) -> watch::Receiver<()> {
        self.changes.subscribe()
    }

    /// A stream begins.
    pub(crate) fn begin(&mut self, source: RuleSource) -> (StreamKey, watch::Receiver<SeenRules>) {
        let key = StreamKey(self.next_key);
        self.next_key += 1;
        let engine = self.engine.of_stream(&source.names());
        let shown = own_zones(&engine, self.side);
        let view = RulesView::new(shown, &engine.own_zones(), Arc::clone(&self.changes));
        let seen = view.watch();
        self.streams.push(StreamState {
            key,
            engine,
            view,
            source: Arc::new(source),
            moment: None,
            last_pose: None,
            is_stopped: true,
        });
        (key, seen)
    }

    /// What is shown is another stream's.
    pub(crate) fn announce(&self) {
        self.changes.send_replace(());
    }

    /// A stream is over, and does not go on.
    pub(crate) fn end(&mut self, key: StreamKey, cause: Cause, now: Instant) {
        let is_running = |index: usize| !self.streams[index].is_stopped;
        if self.index(key).is_some_and(is_running) {
            self.stop(key, cause, now);
        }
        self.streams.retain(|stream| stream.key != key);
    }

    /// Takes the poses of a frame of a stream. `moment`: the number of the moment that it shows.
    pub(crate) fn pose(
        &mut self,
        key: StreamKey,
        poses: &FramePoses<'_>,
        moment: Option<u64>,
        now: Instant,
    ) {
        let Some(index) = self.index(key) else { return };
        let stream = &mut self.streams[index];
        stream.last_pose = Some(now);
        stream.is_stopped = false;
        stream.moment = moment;
        let events = stream.engine.frame(poses);
        self.act(index, events, Cause::Condition, now);
    }

    /// Ends the pulses that are over; switches off where poses have stopped.
    pub(crate) fn tick(&mut self, now: Instant) {
        let due = self.switches.due(self.micros(now));
        self.switch(&due);
        let streams = self.streams.iter();
        let silent = streams.filter(|it| self.silent_at(it).is_some_and(|at| at <= now));
        let silent: Vec<StreamKey> = silent.map(|it| it.key).collect();
        for key in silent {
            tracing::debug!(
                "no pose has come for too long: what the rules of the stream keep on is switched off"
            );
            self.stop(key, Cause::Silence, now);
        }
    }

    /// When `tick` has something to do.
    pub(crate) fn next_tick(&self) -> Option<Instant> {
        let pulse = self.switches.next_due_us();
        let pulse = pulse.map(|us| self.started + Duration::from_micros(us));
        let silent = self.streams.iter().filter_map(|it| self.silent_at(it));
        pulse.into_iter().chain(silent).min()
    }

    /// Leaves all rules of a stream, and switches everything off that no other stream keeps on. Poses that come later begin
    /// again.
    pub(crate) fn stop(&mut self, key: StreamKey, cause: Cause, now: Instant) {
        self.leave(key, cause, now);
        // Also what is off: it may have been switched on by something else.
        for output in self.switches.at_rest() {
            self.outputs.switch(output, false);
        }
    }

    /// The same for all streams.
    pub(crate) fn stop_all(&mut self, cause: Cause, now: Instant) {
        let keys: Vec<StreamKey> = self.streams.iter().map(|it| it.key).collect();
        keys.into_iter().for_each(|key| self.leave(key, cause, now));
        self.outputs.all_off();
    }

    /// Leaves all rules of a stream. What only these keep on is to be switched off then.
    fn leave(&mut self, key: StreamKey, cause: Cause, now: Instant) {
        let Some(index) = self.index(key) else { return };
        let stream = &mut self.streams[index];
        stream.last_pose = None;
        stream.is_stopped = true;
        let events = stream.engine.leave_all();
        self.act(index, events, cause, now);
        // Pulses, and what a leaving begins.
        self.switches.release_stream(key.0);
    }

    /// Gives a zone another shape, or adds it; the rules that depend on it begin anew.
    pub(crate) fn set_zone(&mut self, zone: Zone, now: Instant) {
        self.engine.set_zone(zone.clone());
        for index in 0..self.streams.len() {
            let events = self.streams[index].engine.set_zone(zone.clone());
            self.act(index, events, Cause::Redrawn, now);
            let StreamState { engine, view, .. } = &mut self.streams[index];
            view.redrawn(own_zones(engine, self.side), &engine.own_zones());
        }
        self.changes.send_replace(());
    }

    fn index(&self, key: StreamKey) -> Option<usize> {
        self.streams.iter().position(|stream| stream.key == key)
    }

    fn silent_at(&self, stream: &StreamState) -> Option<Instant> {
        let silence = Duration::from_micros(self.engine.rules().silence_us);
        stream.last_pose.map(|last| last + silence)
    }

    fn act(&mut self, index: usize, events: Vec<Event>, cause: Cause, now: Instant) {
        let now_switch = self.micros(now);
        let stream = &self.streams[index];
        let key = stream.key.0;
        let origin = EventOrigin {
            source: Arc::clone(&stream.source),
            moment: stream.moment,
        };
        let mut acted = Vec::with_capacity(events.len());
        // All outputs first: writing down can wait.
        for event in &events {
            let rules = self.engine.rules();
            let switched = match cause {
                // A pulse at leaving would be one that no animal has brought about.
                Cause::Redrawn => self.switches.release(key, event.rule),
                _ => self.switches.event(rules, (key, event), now_switch),
            };
            self.switch(&switched);
            let informed = self.switches.informed(self.engine.rules(), event);
            self.outputs.event(&informed, event, cause, &origin);
            let has_acted = !(switched.is_empty() && informed.is_empty());
            acted.push(has_acted.then(now_us));
        }
        let shown: Vec<_> = events.iter().map(|event| (event.clone(), cause)).collect();
        let stream = &self.streams[index];
        stream.view.update(&stream.engine.active_zones(), &shown);
        for (event, acted_us) in events.into_iter().zip(acted) {
            self.log.push(LoggedEvent {
                event,
                cause,
                acted_us,
                origin: origin.clone(),
            });
        }
    }

    fn switch(&mut self, switched: &[Switch]) {
        for switch in switched {
            self.outputs.switch(switch.output, switch.on);
        }
    }

    fn micros(&self, now: Instant) -> u64 {
        let since = now.saturating_duration_since(self.started);
        u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
    }
}

/// The zones of a stream, as they are shown.
fn own_zones(engine: &RuleEngine, side: (RuleSide, bool)) -> protocol::Zones {
    let own = engine.own_zones();
    zones(engine.rules(), |zone| own[zone], side)
}
