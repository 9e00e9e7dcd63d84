use serde_json::{Value, json};

use super::select::Selected;
use super::*;
use crate::signaling::WorkerLoad;

const BY_HAND: SelectionRule = SelectionRule {
    min_memory_mb: 0,
    auto_select: false,
    most_room: false,
};
const MOST_MEMORY: SelectionRule = SelectionRule {
    min_memory_mb: 0,
    auto_select: true,
    most_room: false,
};

fn worker(id: &str, status: &str, memory: u64) -> RoomWorker {
    let properties = json!({"worker_name": format!("name-{id}"), "status": status,
        "gpu_model": "A40", "gpu_memory_mb": memory, "streaming": true});
    let peer = json!({"peer_id": id, "metadata": {"properties": properties}});
    RoomWorker::of(&peer).expect("a worker")
}

fn select(
    offering: Vec<RoomWorker>,
    name: Option<&str>,
    rule: SelectionRule,
    avoid: &[&str],
) -> Selected {
    let avoid: Vec<_> = avoid.iter().map(|id| (*id).to_owned()).collect();
    let wanted = WorkerQuery {
        room: "lab",
        service: WorkerService::Streams,
        model: None,
        known: None,
        avoid: &avoid,
        rule,
    };
    select::select(offering, name, wanted)
}

#[test]
fn whoever_was_met_before_is_taken_where_nobody_can_choose() {
    let there = |ids: &[&str]| ids.iter().map(|id| worker(id, "available", 0)).collect();
    let again = |ids: &[&str], avoid: &[&str], rule| {
        let avoid: Vec<_> = avoid.iter().map(|id| (*id).to_owned()).collect();
        let wanted = WorkerQuery {
            room: "lab",
            service: WorkerService::Streams,
            model: None,
            known: Some("b"),
            avoid: &avoid,
            rule,
        };
        select::select_again(there(ids), None, wanted).map(|it| it.peer_id)
    };
    assert_eq!(again(&["a", "b", "c"], &[], BY_HAND).unwrap(), "b");
    // It did not answer: one that can be taken in its place comes first...
    assert_eq!(again(&["a", "b"], &["b"], BY_HAND).unwrap(), "a");
    assert_eq!(again(&["a", "b", "c"], &["b"], MOST_MEMORY).unwrap(), "a");
    // ...and of several, none.
    assert_eq!(again(&["a", "b", "c"], &["b"], BY_HAND).unwrap(), "b");
    let gone = again(&["a", "c"], &["b"], BY_HAND);
    assert!(
        matches!(gone, Err(SelectionError::Several { .. })),
        "{gone:?}"
    );
}

#[test]
fn ghosts_give_way_to_those_that_may_be_there() {
    let came = |id: &str, at: Value| {
        let properties = json!({"worker_name": "rig", "streaming": true});
        let peer = json!({"peer_id": id, "role": "worker", "connected_at": at,
            "metadata": {"properties": properties}});
        RoomWorker::of(&peer).expect("a worker")
    };
    let rig = |workers: &[RoomWorker], avoid: &[&str]| {
        select(workers.to_vec(), Some("rig"), BY_HAND, avoid).map(|it| it.peer_id)
    };
    let times = [json!("2025-01-01T10:00:00"), json!("2025-01-01T09:00:00")];
    for [new, old] in [times, [json!(17.5), json!(17.25)], [json!(1), json!(null)]] {
        let both = [came("b", new), came("a", old)];
        assert_eq!(rig(&both, &[]).unwrap(), "b");
        assert_eq!(rig(&both, &["b"]).unwrap(), "a");
    }
    let twins = [came("a", json!(1)), came("b", json!(1))];
    assert!(matches!(
        rig(&twins, &[]),
        Err(SelectionError::Ambiguous { .. })
    ));
    assert_eq!(rig(&twins, &["a"]).unwrap(), "b");
    // Rather one that did not answer than none.
    assert_eq!(rig(&twins[..1], &["a"]).unwrap(), "a");
    let best = |avoid: &[&str]| {
        let two = vec![worker("a", "available", 2), worker("b", "available", 1)];
        select(two, None, MOST_MEMORY, avoid).unwrap().peer_id
    };
    assert_eq!(
        [best(&[]), best(&["a"]), best(&["a", "b"])],
        ["a", "b", "a"]
    );
}

#[test]
fn one_is_taken_and_several_are_listed() {
    let one = vec![worker("a", "busy", 1)];
    let taken = select(one.clone(), None, BY_HAND, &[]).unwrap();
    assert_eq!(taken.peer_id, "a");
    let two = [one, vec![worker("b", "available", 2)]].concat();
    let error = select(two.clone(), None, BY_HAND, &[]).unwrap_err();
    assert!(error.is_final());
    let lines = error.listed().unwrap().0;
    assert_eq!(lines[0], "a (name-a): busy, A40 1 MB");
    assert!(lines.len() == 2 && lines[1].starts_with("b "), "{lines:?}");
    let text = error.to_string();
    for part in ["--worker-id", "--auto-select"] {
        assert!(text.contains(part), "{text}");
    }
    for name in ["b", "name-b"] {
        let taken = select(two.clone(), Some(name), BY_HAND, &[]).unwrap();
        assert_eq!(taken.peer_id, "b");
    }
    let error = select(two, Some("c"), BY_HAND, &[]).unwrap_err();
    assert!(matches!(error, SelectionError::Unknown { .. }));
    let twins = vec![worker("a", "busy", 1), worker("a", "busy", 1)];
    let error = select(twins, Some("name-a"), BY_HAND, &[]).unwrap_err();
    assert!(matches!(error, SelectionError::Ambiguous { .. }));
}

#[test]
fn those_with_less_memory_than_asked_for_do_not_count() {
    let workers = vec![
        worker("a", "available", 8_000),
        worker("b", "busy", 24_000),
        worker("c", "available", 12_000),
    ];
    let asked = |min_memory_mb, rule| SelectionRule {
        min_memory_mb,
        ..rule
    };
    let one = select(workers.clone(), None, asked(20_000, BY_HAND), &[]).unwrap();
    assert_eq!(one.peer_id, "b");
    let best = select(workers.clone(), None, asked(9_000, MOST_MEMORY), &[]).unwrap();
    assert_eq!(best.peer_id, "c");
    let error = select(workers, None, asked(24_001, MOST_MEMORY), &[]).unwrap_err();
    let (text, lines) = (error.to_string(), error.listed().unwrap().0);
    assert!(text.contains("24001 MB"), "{text}");
    assert!(lines[1].starts_with("b "), "{lines:?}");
    assert!(!error.is_final(), "one may come");
}

#[test]
fn the_most_memory_counts_among_those_that_are_available() {
    let workers = vec![
        worker("a", "available", 8_000),
        worker("b", "busy", 80_000),
        worker("d", "available", 24_000),
        worker("c", "available", 24_000),
    ];
    let best = select(workers, None, MOST_MEMORY, &[]).unwrap();
    assert_eq!(best.peer_id, "c");
    let none = vec![worker("a", "busy", 1), worker("b", "maintenance", 1)];
    let error = select(none, None, MOST_MEMORY, &[]).unwrap_err();
    assert!(matches!(error, SelectionError::NoneAvailable { .. }) && !error.is_final());
}

#[test]
fn the_most_room_counts_among_those_that_run_the_model() {
    let with = |id: &str, free: u32, model: &str| RoomWorker {
        load: Some(WorkerLoad {
            streams: 4,
            free,
            model: Some(model.to_owned()),
            ..WorkerLoad::default()
        }),
        ..worker(id, if free > 0 { "available" } else { "busy" }, 0)
    };
    let there = [
        with("a", 1, "mouse"),
        with("b", 3, "mouse"),
        with("c", 4, "fly"),
        with("d", 0, "mouse"),
        worker("e", "available", 80_000),
    ];
    let select = |model| {
        let wanted = WorkerQuery {
            room: "lab",
            service: WorkerService::Streams,
            model: Some(model),
            known: None,
            avoid: &[],
            rule: SelectionRule {
                most_room: true,
                ..BY_HAND
            },
        };
        select::select(there.to_vec(), None, wanted)
    };
    assert_eq!(select("mouse").unwrap().peer_id, "b");
    let error = select("rat").unwrap_err();
    assert!(matches!(error, SelectionError::NoneRuns { .. }) && !error.is_final());
    let lines = error.listed().expect("workers").0;
    assert!(
        lines[1].contains("runs the model mouse, 3 of 4 places free"),
        "{lines:?}"
    );
}
