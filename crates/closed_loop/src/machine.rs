//! Rules, switches and outputs together.

use std::time::{Duration, Instant};

use emit::now_us;
use protocol::RuleSide;
use rules::{Cause, Event, FramePoses, RuleEngine, Switch, Switches, Zone};

use crate::log::{EventLog, LoggedEvent};
use crate::outputs::OpenOutputs;
use crate::view::{RulesView, zones};

/// Rules, the switches that they act on, and the outputs behind these.
pub(crate) struct RuleMachine {
    engine: RuleEngine,
    switches: Switches,
    pub(crate) outputs: OpenOutputs,
    pub(crate) log: EventLog,
    pub(crate) view: RulesView,
    started: Instant,
    /// When a pose came last; `None` while the outputs are off because none comes.
    last_pose: Option<Instant>,
}

impl RuleMachine {
    /// Everything is switched off at first.
    pub(crate) fn new(
        engine: RuleEngine,
        mut outputs: OpenOutputs,
        log: EventLog,
        (at, editable): (RuleSide, bool),
        now: Instant,
    ) -> Self {
        outputs.all_off();
        let view = RulesView::new(zones(engine.rules(), at, editable));
        Self {
            switches: Switches::new(engine.rules()),
            engine,
            outputs,
            log,
            view,
            started: now,
            last_pose: None,
        }
    }

    /// A stream begins. `source`: its name for people; `continues`: it is the one that was cut off, so that frames that were
    /// decided on are not decided on again.
    pub(crate) fn begin(&mut self, source: &str, continues: bool) {
        source.clone_into(&mut self.outputs.source);
        if !continues {
            self.engine.restart();
            self.view.restart();
        }
    }

    /// Takes the poses of a frame.
    pub(crate) fn pose(&mut self, poses: &FramePoses<'_>, now: Instant) {
        self.last_pose = Some(now);
        let events = self.engine.frame(poses);
        self.act(events, Cause::Condition, now);
    }

    /// Ends the pulses that are over; switches off where poses have stopped.
    pub(crate) fn tick(&mut self, now: Instant) {
        let due = self.switches.due(self.micros(now));
        self.switch(&due);
        if self.silent_at().is_some_and(|at| at <= now) {
            tracing::debug!(
                "no pose has come for too long: the outputs of the rules are switched off"
            );
            self.stop(Cause::Silence, now);
        }
    }

    /// When `tick` has something to do.
    pub(crate) fn next_tick(&self) -> Option<Instant> {
        let pulse = self.switches.next_due_us();
        let pulse = pulse.map(|us| self.started + Duration::from_micros(us));
        pulse.into_iter().chain(self.silent_at()).min()
    }

    /// Leaves all rules and switches everything off. Poses that come later begin again.
    pub(crate) fn stop(&mut self, cause: Cause, now: Instant) {
        self.last_pose = None;
        let events = self.engine.leave_all();
        self.act(events, cause, now);
        // Pulses, and what a leaving begins.
        self.switches.all_off();
        self.outputs.all_off();
    }

    /// Gives a zone another shape, or adds it; the rules that depend on it begin anew.
    pub(crate) fn set_zone(&mut self, zone: Zone, now: Instant) {
        let events = self.engine.set_zone(zone);
        self.act(events, Cause::Redrawn, now);
        self.view.redrawn(self.engine.rules());
    }

    fn silent_at(&self) -> Option<Instant> {
        let silence = Duration::from_micros(self.engine.rules().silence_us);
        self.last_pose.map(|last| last + silence)
    }

    fn act(&mut self, events: Vec<Event>, cause: Cause, now: Instant) {
        let now_switch = self.micros(now);
        let mut acted = Vec::with_capacity(events.len());
        // All outputs first: writing down can wait.
        for event in &events {
            let rules = self.engine.rules();
            let switched = match cause {
                // A pulse at leaving would be one that no animal has brought about.
                Cause::Redrawn => self.switches.release(event.rule),
                _ => self.switches.event(rules, event, now_switch),
            };
            self.switch(&switched);
            let informed = self.switches.informed(self.engine.rules(), event);
            self.outputs.event(&informed, event, cause);
            let has_acted = !(switched.is_empty() && informed.is_empty());
            acted.push(has_acted.then(now_us));
        }
        let shown: Vec<_> = events.iter().map(|event| (event.clone(), cause)).collect();
        self.view.update(&self.engine.active_zones(), &shown);
        for (event, acted_us) in events.into_iter().zip(acted) {
            self.log.push(LoggedEvent {
                event,
                cause,
                acted_us,
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
