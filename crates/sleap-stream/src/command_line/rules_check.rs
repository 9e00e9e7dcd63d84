//! `rules check`: is a rules file right, and what would have happened?

use anyhow::{Result, anyhow};
use cli::terminal;
use closed_loop::{event_json, frame_poses, load, names, with_hint};
use labels::{RecordedFrame, RecordedPoses};
use rules::{Cause, Event, PoseKind, RuleEngine, Rules};

use crate::command_line::subcommand::RulesCheckArgs;

/// Checks a rules file, and runs it over recorded poses where there are any.
pub(super) fn run(args: &RulesCheckArgs) -> Result<()> {
    let rules = load(&args.file)?;
    let count = |count: usize, what: &str| match count {
        1 => format!("1 {what}"),
        _ => format!("{count} {what}s"),
    };
    terminal::say(format!(
        "{}: {}, {}, {}",
        rules.file,
        count(rules.zones.len(), "zone"),
        count(rules.outputs.len(), "output"),
        count(rules.names().count(), "rule"),
    ));
    let Some(poses) = &args.on else {
        terminal::say(
            "the file can be read; whether the model has its nodes is checked with --on POSES, and by the stream",
        );
        return Ok(());
    };
    let recorded = RecordedPoses::open(poses)?;
    let mut replay = Replay::new(rules, args, &recorded)?;
    let (mut events, mut frames) = (0, 0);
    for frame in recorded {
        frames += 1;
        for event in replay.frame(&frame?) {
            events += 1;
            print(&event, args.json)?;
        }
    }
    for event in replay.end() {
        events += 1;
        print(&event, args.json)?;
    }
    terminal::say(format!(
        "{} in {} of {}; nothing was switched",
        count(events, "event"),
        count(frames, "frame"),
        poses.display()
    ));
    Ok(())
}

/// An event of recorded poses.
struct ReplayedEvent {
    event: Event,
    cause: Cause,
    /// Seconds since the first frame.
    seconds: f64,
}

/// Runs rules over recorded poses.
struct Replay {
    engine: RuleEngine,
    fps: f64,
    /// When the first and the last frame were captured, microseconds.
    times: Option<(u64, u64)>,
    warned: bool,
}

impl Replay {
    fn new(rules: Rules, args: &RulesCheckArgs, recorded: &RecordedPoses) -> Result<Self> {
        let given = (!args.nodes.is_empty()).then_some(args.nodes.as_slice());
        let nodes = recorded.nodes().or(given);
        let engine = RuleEngine::new(rules, nodes.unwrap_or_default()).map_err(|error| match nodes {
            Some(_) => anyhow!(with_hint(error)),
            None => anyhow!(
                "lines of JSON do not name the nodes of their poses: give --nodes, such as --nodes nose,head,tail"
            ),
        })?;
        Ok(Self {
            engine,
            fps: args.fps,
            times: None,
            warned: false,
        })
    }

    fn frame(&mut self, frame: &RecordedFrame) -> Vec<ReplayedEvent> {
        let prediction = &frame.prediction;
        let by_rate = (prediction.frame_id as f64 / self.fps * 1e6) as u64;
        let captured_us = frame.captured_us.unwrap_or(by_rate);
        let (first, last) = self.times.unwrap_or((captured_us, captured_us));
        self.times = Some((first, captured_us.max(last)));
        let seconds = captured_us.saturating_sub(first) as f64 / 1e6;
        self.warn_of(frame);
        let engine = &mut self.engine;
        let mut events = Vec::new();
        // A stream would have switched off meanwhile.
        if captured_us.saturating_sub(last) > engine.rules().silence_us {
            let silent = (last + engine.rules().silence_us).saturating_sub(first);
            events.extend(replayed(
                engine.leave_all(),
                Cause::Silence,
                silent as f64 / 1e6,
            ));
        }
        let names = names(prediction, &frame.derived);
        let poses = frame_poses(prediction, &frame.derived, &names, captured_us);
        let found = engine.frame(&poses);
        events.extend(replayed(found, Cause::Condition, seconds));
        events
    }

    /// The events at the end of the poses.
    fn end(&mut self) -> Vec<ReplayedEvent> {
        let (first, last) = self.times.unwrap_or_default();
        let seconds = last.saturating_sub(first) as f64 / 1e6;
        replayed(self.engine.leave_all(), Cause::End, seconds).collect()
    }

    /// Says once that poses are not in the file which a rule uses.
    fn warn_of(&mut self, frame: &RecordedFrame) {
        let lacks = [
            (
                PoseKind::Ahead,
                frame.derived.ahead.is_none(),
                "--predict-ahead",
            ),
            (PoseKind::Smooth, frame.derived.smooth.is_none(), "--smooth"),
        ];
        for (kind, is_lacking, option) in lacks {
            if is_lacking
                && self.engine.rules().uses(kind)
                && !std::mem::replace(&mut self.warned, true)
            {
                terminal::say(format!(
                    "the poses of {option} are not in this file: rules that use them get the measured ones"
                ));
            }
        }
    }
}

fn replayed(events: Vec<Event>, cause: Cause, seconds: f64) -> impl Iterator<Item = ReplayedEvent> {
    events.into_iter().map(move |event| ReplayedEvent {
        event,
        cause,
        seconds,
    })
}

/// `frame 120   3.967 s   light_in_corner enter   track_0   12.5`.
fn print(replayed: &ReplayedEvent, as_json: bool) -> Result<()> {
    let ReplayedEvent {
        event,
        cause,
        seconds,
    } = replayed;
    if as_json {
        let line = event_json(event, *cause);
        let line = protocol::text::json_escaped(&line.to_string()).into_owned();
        return terminal::pass(format!("{line}\n").as_bytes());
    }
    let mut line = format!(
        "frame {:<8} {seconds:>9.3} s   {} {}",
        event.frame_id, event.name, event.edge
    );
    if *cause != Cause::Condition {
        line += &format!(" ({cause})");
    }
    if let Some(animal) = &event.animal {
        line += &format!("   {animal}");
    }
    if let Some(value) = event.value {
        line += &format!("   {value:.1}");
    }
    terminal::print([line])
}
