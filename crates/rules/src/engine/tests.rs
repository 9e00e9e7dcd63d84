use super::*;
use crate::pose::InstancePoints;
use crate::zone::Shape;

const NODES: [&str; 2] = ["tail", "nose"];

/// An animal that looks to the right, with its nose there.
fn at(x: f32, y: f32) -> InstancePoints {
    vec![Some([x - 10.0, y]), Some([x, y])]
}

const UNSEEN: fn() -> InstancePoints = || vec![None, None];

struct Run {
    engine: RuleEngine,
    frame: u64,
    names: Vec<Option<String>>,
}

impl Run {
    fn new(rules: &str) -> Self {
        let zone = "[zone.right]\nrectangle = [100, 0, 200, 200]\n";
        let rules = Rules::parse("r.toml", &format!("{zone}{rules}")).unwrap();
        Self {
            engine: RuleEngine::new(rules, &NODES.map(str::to_owned)).unwrap(),
            frame: 0,
            names: Vec::new(),
        }
    }

    fn named(rules: &str, names: &[&str]) -> Self {
        let names = names.iter().map(|name| Some((*name).to_owned()));
        Self {
            names: names.collect(),
            ..Self::new(rules)
        }
    }

    /// A frame 20 ms after the last one; its events as `rule edge animal`.
    fn step(&mut self, instances: &[InstancePoints]) -> Vec<String> {
        self.frame += 1;
        let names = &self.names[..self.names.len().min(instances.len())];
        let events = self.engine.frame(&FramePoses {
            frame_id: self.frame,
            captured_us: 1_700_000_000_000_000 + self.frame * 20_000,
            names,
            measured: instances,
            ahead: None,
            smooth: None,
        });
        events.iter().map(shown).collect()
    }

    /// The frames of a way with events.
    fn steps(&mut self, xs: impl IntoIterator<Item = f32>) -> Vec<(u64, String)> {
        let mut all = Vec::new();
        for x in xs {
            let events = self.step(&[at(x, 50.0)]);
            all.extend(events.into_iter().map(|event| (self.frame, event)));
        }
        all
    }
}

fn shown(event: &Event) -> String {
    let animal = event.animal.as_deref().map(|animal| format!(" {animal}"));
    format!(
        "{} {}{}",
        event.name,
        event.edge,
        animal.unwrap_or_default()
    )
}

const IN_ZONE: &str = "[rule.r]\nwhen = { node = 'nose', in = 'right' }\n";

fn expected(events: &[(u64, &str)]) -> Vec<(u64, String)> {
    let owned = events
        .iter()
        .map(|(frame, event)| (*frame, format!("r {event}")));
    owned.collect()
}

#[test]
fn a_zone_is_entered_and_left() {
    let way = [90.0, 99.0, 100.0, 150.0, 200.0, 201.0, 150.0];
    let events = Run::new(IN_ZONE).steps(way);
    assert_eq!(
        events,
        expected(&[(3, "enter"), (6, "leave"), (7, "enter")])
    );
}

#[test]
fn a_rule_waits_as_long_as_it_says() {
    let mut run = Run::new(&format!("{IN_ZONE}for = 60\nleave_after = 40\n"));
    let way = [
        150.0, 150.0, 50.0, 150.0, 150.0, 150.0, 150.0, 50.0, 150.0, 50.0, 50.0, 50.0,
    ];
    assert_eq!(run.steps(way), expected(&[(7, "enter"), (12, "leave")]));
}

#[test]
fn hysteresis_keeps_a_rule_at_the_border() {
    let mut run = Run::new("[rule.r]\nwhen = { node = 'nose', in = 'right', hysteresis = 5 }\n");
    let way = [99.0, 101.0, 96.0, 101.0, 94.0, 96.0, 101.0];
    assert_eq!(
        run.steps(way),
        expected(&[(2, "enter"), (5, "leave"), (7, "enter")])
    );
}

#[test]
fn a_rule_is_entered_not_more_often_than_it_says() {
    let mut run = Run::new(&format!("{IN_ZONE}not_more_often_than = 100\n"));
    let way = [150.0, 50.0, 150.0, 50.0, 150.0, 150.0, 150.0];
    // The third time it waits until 100 ms have passed.
    assert_eq!(
        run.steps(way),
        expected(&[(1, "enter"), (2, "leave"), (6, "enter")])
    );
}

#[test]
fn what_is_not_seen_counts_as_it_was_for_a_while() {
    let mut run = Run::new(&format!("{IN_ZONE}missing = 60\n"));
    assert_eq!(run.step(&[at(150.0, 50.0)]), ["r enter"]);
    for _ in 0..3 {
        assert!(run.step(&[UNSEEN()]).is_empty());
    }
    assert_eq!(run.step(&[UNSEEN()]), ["r leave"]);
    assert_eq!(run.step(&[at(150.0, 50.0)]), ["r enter"]);
    // The same where the whole animal is missing.
    for _ in 0..3 {
        assert!(run.step(&[]).is_empty());
    }
    assert_eq!(run.step(&[]), ["r leave"]);
}

#[test]
fn each_animal_has_its_own_events() {
    let mut run = Run::named(&format!("{IN_ZONE}animal = 'each'\n"), &["a", "b"]);
    assert_eq!(run.step(&[at(150.0, 9.0), at(50.0, 9.0)]), ["r enter a"]);
    assert_eq!(run.step(&[at(150.0, 9.0), at(150.0, 9.0)]), ["r enter b"]);
    assert_eq!(
        run.step(&[at(50.0, 9.0), at(50.0, 9.0)]),
        ["r leave a", "r leave b"]
    );
}

#[test]
fn any_all_and_a_named_animal() {
    let frames = [
        [50.0, 50.0],
        [50.0, 150.0],
        [150.0, 150.0],
        [150.0, 50.0],
        [50.0, 50.0],
    ];
    for (animal, expected) in [
        ("any", vec![(1, "r enter b"), (4, "r leave b")]),
        ("all", vec![(2, "r enter a"), (3, "r leave a")]),
        ("a", vec![(2, "r enter a"), (4, "r leave a")]),
        ("c", vec![]),
    ] {
        let mut run = Run::named(&format!("{IN_ZONE}animal = '{animal}'\n"), &["a", "b"]);
        let mut found = Vec::new();
        for (index, [a, b]) in frames.into_iter().enumerate() {
            let events = run.step(&[at(a, 9.0), at(b, 9.0)]);
            found.extend(events.into_iter().map(|event| (index, event)));
        }
        let found: Vec<_> = found
            .iter()
            .map(|(index, event)| (*index, event.as_str()))
            .collect();
        assert_eq!(found, expected, "{animal}");
    }
}

#[test]
fn an_instance_without_a_name_is_no_animal() {
    let mut run = Run::named(
        &format!("{IN_ZONE}[rule.two]\nwhen = {{ animals = 2 }}\n"),
        &["a", "b"],
    );
    run.names[1] = None;
    assert!(run.step(&[at(50.0, 9.0), at(150.0, 9.0)]).is_empty());
    run.names[1] = Some("b".to_owned());
    assert_eq!(
        run.step(&[at(50.0, 9.0), at(150.0, 9.0)]),
        ["r enter b", "two enter"]
    );
    // Twice the same name is one animal.
    run.names[1] = Some("a".to_owned());
    assert_eq!(run.step(&[at(50.0, 9.0), at(150.0, 9.0)]), ["two leave"]);
}

#[test]
fn distances_and_headings_reach_other_animals() {
    let rules = "[rule.near]\nwhen = { distance = ['nose', 'nose'], to_animal = 'nearest', below = 30 }\n\
                 [rule.look]\nwhen = { heading = ['tail', 'nose'], towards_animal = 'b', within = 30 }\nanimal = 'a'\n\
                 [rule.to]\nwhen = { heading = ['tail', 'nose'], towards = 'right', within = 30 }\nanimal = 'a'\n";
    let mut run = Run::named(rules, &["a", "b"]);
    assert_eq!(
        run.step(&[at(50.0, 100.0), at(90.0, 100.0)]),
        ["look enter a", "to enter a"]
    );
    assert_eq!(
        run.step(&[at(50.0, 100.0), at(50.0, 120.0)]),
        ["near enter a", "look leave a"]
    );
    assert_eq!(
        run.step(&[at(195.0, 100.0), at(50.0, 120.0)]),
        ["near leave a", "to leave a"]
    );
}

#[test]
fn speed_and_turning_need_time() {
    let rules = "[rule.fast]\nwhen = { speed = 'nose', above = 100, over = 60 }\n\
                 [rule.turn]\nwhen = { turning = ['tail', 'nose'], above = 300, over = 60 }\n";
    let mut run = Run::new(rules);
    let fast = run.steps((0..6).map(|step| 4.0 * step as f32));
    assert_eq!(fast, [(4, "fast enter".to_owned())]);
    let still = run.steps(std::iter::repeat_n(20.0, 4));
    assert_eq!(still, [(8, "fast leave".to_owned())]);
    let turned = |degrees: f32| {
        let (sine, cosine) = degrees.to_radians().sin_cos();
        vec![Some([0.0, 0.0]), Some([20.0 * cosine, 20.0 * sine])]
    };
    let mut events = Vec::new();
    for step in 0..6 {
        events.extend(run.step(&[turned(10.0 * step as f32)]));
    }
    assert!(events.contains(&"turn enter".to_owned()), "{events:?}");
}

#[test]
fn presence_and_numbers_need_no_animal() {
    let rules = "[rule.gone]\nwhen = { not = { present = true } }\n\
                 [rule.two]\nwhen = { animals_at_least = 2 }\n\
                 [rule.either]\nwhen = { or = [{ present = 'nose' }, { animals = 0 }] }\n";
    let mut run = Run::new(rules);
    assert_eq!(run.step(&[]), ["gone enter", "either enter"]);
    assert_eq!(run.step(&[at(1.0, 1.0)]), ["gone leave"]);
    assert_eq!(run.step(&[at(1.0, 1.0), at(9.0, 9.0)]), ["two enter"]);
}

#[test]
fn a_frame_that_is_late_is_left_out_and_a_clock_may_be_set() {
    let mut run = Run::new(IN_ZONE);
    assert_eq!(run.step(&[at(150.0, 9.0)]), ["r enter"]);
    run.frame -= 1;
    assert!(run.step(&[at(50.0, 9.0)]).is_empty());
    let mut frame = |frame_id, captured_us, x| {
        let instances = [at(x, 9.0)];
        let events = run.engine.frame(&FramePoses {
            frame_id,
            captured_us,
            names: &[],
            measured: &instances,
            ahead: None,
            smooth: None,
        });
        events.iter().map(shown).collect::<Vec<_>>()
    };
    assert_eq!(frame(7, 5, 50.0), ["r leave"]);
    assert_eq!(frame(8, u64::MAX, 150.0), ["r enter"]);
    assert_eq!(frame(9, 0, 50.0), ["r leave"]);
}

#[test]
fn leaving_everything_names_what_was_in_effect() {
    let rules = format!("{IN_ZONE}[rule.each]\nwhen = {{ present = true }}\nanimal = 'each'\n");
    let mut run = Run::named(&rules, &["a", "b"]);
    run.step(&[at(150.0, 9.0), at(50.0, 9.0)]);
    assert_eq!(run.engine.active_zones(), [true]);
    let left: Vec<_> = run.engine.leave_all().iter().map(shown).collect();
    assert_eq!(left, ["r leave a", "each leave a", "each leave b"]);
    assert!(run.engine.leave_all().is_empty());
    assert_eq!(run.engine.active_zones(), [false]);
    let again = run.step(&[at(150.0, 9.0), at(50.0, 9.0)]);
    assert_eq!(again, ["r enter a", "each enter a", "each enter b"]);
}

#[test]
fn poses_that_are_computed_are_used_where_a_rule_names_them() {
    let mut run = Run::new(&format!(
        "{IN_ZONE}pose = 'ahead'\n[rule.m]\nwhen = {{ node = 'nose', in = 'right' }}\n"
    ));
    let (measured, ahead) = ([at(50.0, 9.0)], [at(150.0, 9.0)]);
    let events = run.engine.frame(&FramePoses {
        frame_id: 1,
        captured_us: 1,
        names: &[],
        measured: &measured,
        ahead: Some(&ahead),
        smooth: None,
    });
    assert_eq!(events.iter().map(shown).collect::<Vec<_>>(), ["r enter"]);
}

#[test]
fn names_without_end_are_forgotten() {
    let mut run = Run::named(&format!("{IN_ZONE}animal = 'each'\n"), &["a"]);
    for number in 0..2_000 {
        run.names = vec![Some(format!("n{number}"))];
        run.step(&[at(150.0, f32::NAN)]);
    }
    assert!(format!("{:?}", run.engine.states).len() < 1 << 20);
}

#[test]
fn a_zone_that_is_drawn_again_restarts_its_rules_and_no_others() {
    let text = "[zone.a]\ncircle = [5, 0, 10]\n[zone.b]\ncircle = [0, 0, 10]\n\
                [rule.in_a]\nwhen = { node = 'nose', in = 'a' }\n\
                [rule.in_b]\nwhen = { node = 'nose', in = 'b' }\n\
                [rule.to_a]\nwhen = { heading = ['tail', 'nose'], towards = 'a', within = 90 }\n";
    let rules = Rules::parse("r", text).unwrap();
    let mut engine = RuleEngine::new(rules, &NODES.map(str::to_owned)).unwrap();
    let frame = |engine: &mut RuleEngine, frame_id: u64| {
        engine.frame(&FramePoses {
            frame_id,
            captured_us: 1000 * frame_id,
            names: &[],
            measured: &[at(1.0, 2.0)],
            ahead: None,
            smooth: None,
        })
    };
    assert_eq!(frame(&mut engine, 1).len(), 3);
    let circle = |name: &str, x: f64| Zone {
        name: name.to_owned(),
        shape: Shape::Circle {
            center: [x, 0.0],
            radius: 10.0,
        },
    };
    let left = engine.set_zone(circle("a", -100.0));
    let left: Vec<_> = left
        .iter()
        .map(|event| (event.name.as_str(), event.frame_id))
        .collect();
    assert_eq!(left, [("in_a", 1), ("to_a", 1)]);
    assert!(frame(&mut engine, 2).is_empty());
    assert_eq!(engine.set_zone(circle("a", 5.0)), []);
    let entered = frame(&mut engine, 3);
    assert_eq!(entered.len(), 2);
    // A new one is used by no rule.
    assert_eq!(engine.set_zone(circle("c", 0.0)), []);
    assert_eq!(engine.rules().zones.len(), 3);
}

#[test]
fn each_stream_has_its_own_state_and_the_rules_that_are_for_it() {
    let text = "[zone.left]\nrectangle = [0, 0, 50, 50]\n[zone.free]\ncircle = [0, 0, 5]\n\
                [rule.all]\nwhen = { node = 'nose', in = 'right' }\n\
                [rule.one]\nstreams = ['back', 'cage-*']\nwhen = { node = 'nose', in = 'left' }\n";
    let run = Run::new(text);
    let stream = |names: &[&str]| Run {
        engine: run.engine.of_stream(names),
        frame: 0,
        names: Vec::new(),
    };
    let (mut back, mut side) = (stream(&["back", "webcam:0"]), stream(&["side", "webcam:2"]));
    assert_eq!(back.step(&[at(150.0, 10.0)]), ["all enter"]);
    assert_eq!(side.step(&[at(20.0, 10.0)]), [""; 0]);
    assert_eq!(side.step(&[at(150.0, 10.0)]), ["all enter"]);
    assert_eq!(back.step(&[at(20.0, 10.0)]), ["all leave", "one enter"]);
    assert_eq!(back.engine.own_zones(), [true, true, true]);
    // A zone of no rule is there for every stream.
    assert_eq!(side.engine.own_zones(), [true, false, true]);
    assert_eq!(side.engine.leave_all().len(), 1);
    assert_eq!(
        stream(&["x", "cage-2"]).step(&[at(20.0, 10.0)]),
        ["one enter"]
    );
}
