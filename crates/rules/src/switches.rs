//! Which outputs are on.

use crate::event::{Edge, Event};
use crate::rule::{Act, OutputForm, Rules};

/// An output is to be switched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Switch {
    /// The output, by its place in the file.
    pub output: usize,
    /// On or off.
    pub on: bool,
}

/// Which outputs are on, and what keeps each on.
#[derive(Debug, Default)]
pub struct Switches {
    outputs: Vec<Vec<Hold>>,
    /// Outputs that get events have no state.
    has_state: Vec<bool>,
}

/// What keeps an output on.
#[derive(Debug, PartialEq)]
struct Hold {
    /// The stream whose rule it is.
    stream: u64,
    rule: usize,
    animal: Option<String>,
    /// When a pulse ends, microseconds.
    until_us: Option<u64>,
}

impl Switches {
    /// All outputs of a file are off.
    pub fn new(rules: &Rules) -> Self {
        let has_state = |form: &OutputForm| matches!(form, OutputForm::Switch { .. });
        Self {
            outputs: rules.outputs.iter().map(|_| Vec::new()).collect(),
            has_state: rules
                .outputs
                .iter()
                .map(|output| has_state(&output.form))
                .collect(),
        }
    }

    /// Takes an event of a stream; what is to be switched. `now_us`: any clock that does not go back.
    pub fn event(
        &mut self,
        rules: &Rules,
        (stream, event): (u64, &Event),
        now_us: u64,
    ) -> Vec<Switch> {
        let Some(rule) = rules.rules.get(event.rule) else {
            return Vec::new();
        };
        let mut changed = Vec::new();
        for output in rule.outputs.iter().copied() {
            if !self.has_state.get(output).is_some_and(|has| *has) {
                continue;
            }
            let (was, holds) = (self.is_on(output), &mut self.outputs[output]);
            let is_own = |hold: &Hold| {
                hold.stream == stream && hold.rule == event.rule && hold.animal == event.animal
            };
            let until_us = match (rule.act, event.edge) {
                (Act::While, Edge::Enter) => Some(None),
                (
                    Act::Pulse {
                        length_us,
                        at_enter: true,
                        ..
                    },
                    Edge::Enter,
                )
                | (
                    Act::Pulse {
                        length_us,
                        at_leave: true,
                        ..
                    },
                    Edge::Leave,
                ) => Some(Some(now_us.saturating_add(length_us))),
                _ => None,
            };
            if until_us.is_some() || rule.act == Act::While {
                holds.retain(|hold| !is_own(hold));
            }
            if let Some(until_us) = until_us {
                holds.push(Hold {
                    stream,
                    rule: event.rule,
                    animal: event.animal.clone(),
                    until_us,
                });
            }
            changed.extend(self.change(output, was));
        }
        changed
    }

    /// Nothing of this rule of a stream keeps an output on any more, pulses neither; what is to be switched.
    pub fn release(&mut self, stream: u64, rule: usize) -> Vec<Switch> {
        self.retain(|hold| hold.stream != stream || hold.rule != rule)
    }

    /// The same of all rules of a stream.
    pub fn release_stream(&mut self, stream: u64) -> Vec<Switch> {
        self.retain(|hold| hold.stream != stream)
    }

    fn retain(&mut self, stays: impl Fn(&Hold) -> bool) -> Vec<Switch> {
        let mut changed = Vec::new();
        for output in 0..self.outputs.len() {
            let was = self.is_on(output);
            self.outputs[output].retain(&stays);
            changed.extend(self.change(output, was));
        }
        changed
    }

    /// The outputs that get a message for this event.
    pub fn informed(&self, rules: &Rules, event: &Event) -> Vec<usize> {
        let outputs = rules
            .rules
            .get(event.rule)
            .map(|rule| rule.outputs.as_slice());
        let outputs = outputs.unwrap_or_default().iter().copied();
        outputs
            .filter(|output| self.has_state.get(*output) == Some(&false))
            .collect()
    }

    /// Ends the pulses that are over.
    pub fn due(&mut self, now_us: u64) -> Vec<Switch> {
        self.retain(|hold| hold.until_us.is_none_or(|until| until > now_us))
    }

    /// The outputs that nothing keeps on.
    pub fn at_rest(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.outputs.len()).filter(move |output| !self.is_on(*output))
    }

    /// When the next pulse ends.
    pub fn next_due_us(&self) -> Option<u64> {
        let holds = self.outputs.iter().flatten();
        holds.filter_map(|hold| hold.until_us).min()
    }

    fn is_on(&self, output: usize) -> bool {
        !self.outputs[output].is_empty()
    }

    fn change(&self, output: usize, was: bool) -> Option<Switch> {
        let on = self.is_on(output);
        (on != was).then_some(Switch { output, on })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(text: &str) -> Rules {
        let outputs = "[output.a]\nserial = 'p'\non = '1'\noff = '0'\n\
                       [output.b]\nto = 'udp://h:1'\n";
        let when = "when = { present = true }\n";
        Rules::parse("r", &text.replace("WHEN", when).replace("OUTPUTS", outputs)).unwrap()
    }

    fn event(rule: usize, edge: Edge, animal: &str) -> Event {
        Event {
            rule,
            name: String::new(),
            edge,
            animal: Some(animal.to_owned()),
            frame_id: 0,
            captured_us: 0,
            value: None,
        }
    }

    const ON: [Switch; 1] = [Switch {
        output: 0,
        on: true,
    }];
    const OFF: [Switch; 1] = [Switch {
        output: 0,
        on: false,
    }];

    #[test]
    fn an_output_is_on_while_any_rule_keeps_it_on() {
        let rules = rules("OUTPUTS[rule.x]\nWHEN do = ['a', 'b']\n[rule.y]\nWHEN do = 'a'\n");
        let mut switches = Switches::new(&rules);
        let mut step =
            |rule, edge, animal| switches.event(&rules, (0, &event(rule, edge, animal)), 0);
        assert_eq!(step(0, Edge::Enter, "m"), ON);
        assert_eq!(step(0, Edge::Enter, "n"), []);
        assert_eq!(step(1, Edge::Enter, "m"), []);
        assert_eq!(step(0, Edge::Leave, "m"), []);
        assert_eq!(step(1, Edge::Leave, "m"), []);
        assert_eq!(step(0, Edge::Leave, "n"), OFF);
        let informed = switches.informed(&rules, &event(0, Edge::Enter, "m"));
        assert_eq!(informed, [1]);
        assert!(
            switches
                .informed(&rules, &event(1, Edge::Enter, "m"))
                .is_empty()
        );
    }

    #[test]
    fn a_pulse_ends_by_itself_and_a_second_one_prolongs_it() {
        let rules = rules("OUTPUTS[rule.x]\nWHEN do = 'a'\npulse = 50\nat = 'both'\n");
        let mut switches = Switches::new(&rules);
        assert_eq!(
            switches.event(&rules, (0, &event(0, Edge::Enter, "m")), 0),
            ON
        );
        assert_eq!(switches.next_due_us(), Some(50_000));
        assert_eq!(
            switches.event(&rules, (0, &event(0, Edge::Leave, "m")), 30_000),
            []
        );
        assert_eq!(switches.due(50_000), []);
        assert_eq!(switches.due(80_000), OFF);
        assert_eq!(switches.next_due_us(), None);
    }

    #[test]
    fn an_output_is_on_while_a_rule_of_any_stream_keeps_it_on() {
        let rules = rules("OUTPUTS[rule.x]\nWHEN do = 'a'\n[rule.y]\nWHEN do = 'a'\n");
        let mut switches = Switches::new(&rules);
        let enter = |rule| event(rule, Edge::Enter, "m");
        assert_eq!(switches.event(&rules, (1, &enter(0)), 0), ON);
        assert_eq!(switches.event(&rules, (2, &enter(0)), 0), []);
        assert_eq!(switches.event(&rules, (2, &enter(1)), 0), []);
        assert_eq!(switches.at_rest().collect::<Vec<_>>(), [1]);
        let leave = event(0, Edge::Leave, "m");
        assert_eq!(switches.event(&rules, (1, &leave), 0), []);
        assert_eq!(switches.event(&rules, (1, &leave), 0), []);
        assert_eq!(switches.release(1, 1), []);
        assert_eq!(switches.release_stream(1), []);
        assert_eq!(switches.release(2, 0), []);
        assert_eq!(switches.release_stream(2), OFF);
        assert_eq!(switches.release_stream(2), []);
        assert_eq!(switches.at_rest().collect::<Vec<_>>(), [0, 1]);
    }
}
