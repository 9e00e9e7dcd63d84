use super::choice::*;
use super::config::PeerConfig;
use super::error::ConnectError;
use crate::signaling::rooms::WorkerService;
use crate::signaling::{ListedPeer, WorkerLoad};

const ANY: WorkerChoice<'_> = WorkerChoice {
    service: WorkerService::Streams,
    model: None,
    known: None,
    avoid: &[],
};

fn plain(id: &str) -> ListedPeer {
    ListedPeer {
        id: id.to_owned(),
        load: None,
    }
}

fn telling(id: &str, free: u32, model: Option<&str>) -> ListedPeer {
    let load = WorkerLoad {
        streams: 4,
        free,
        model: model.map(str::to_owned),
        ..WorkerLoad::default()
    };
    ListedPeer {
        load: Some(load),
        ..plain(id)
    }
}

fn chosen(peers: &[ListedPeer], choice: WorkerChoice<'_>) -> Result<String, ConnectError> {
    let chosen = choose(peers, choice, (&PeerConfig::default(), "ws://x"), 0);
    chosen.map(|it| it.id)
}

#[test]
fn workers_come_before_others_and_clients_never() {
    let choice = |ids: &[&str]| {
        let peers: Vec<_> = ids.iter().map(|id| plain(id)).collect();
        chosen(&peers, ANY).ok()
    };
    let first = choice(&["client-1", "worker-1", "worker-2"]);
    assert_eq!(first.as_deref(), Some("worker-1"));
    assert_eq!(
        choice(&["gpu-box", "Worker-1"]).as_deref(),
        Some("Worker-1")
    );
    assert_eq!(choice(&["client-1", "gpu-box"]).as_deref(), Some("gpu-box"));
    assert_eq!(choice(&["client-1", "Client-2"]), None);
    assert_eq!(choice(&[]), None);
}

#[test]
fn a_configured_worker_is_taken_or_missed() {
    let config = PeerConfig {
        worker_id: Some("b".into()),
        ..PeerConfig::default()
    };
    // By its name as well as by its id; the id itself comes first. How much room it has does not count.
    let named = |listed: &[ListedPeer]| choose(listed, ANY, (&config, "ws://x"), 0).map(|it| it.id);
    let full = telling("worker-b", 0, None);
    assert_eq!(
        named(&[telling("worker-a", 4, None), full.clone()]).unwrap(),
        "worker-b"
    );
    assert_eq!(named(&[full, plain("b")]).unwrap(), "b");
    let error = named(&[plain("worker-bb")]);
    assert!(matches!(error, Err(ConnectError::UnknownWorker { worker, .. }) if worker == "b"));
}

#[test]
fn the_worker_with_the_most_room_is_taken() {
    let (full, two, three) = (
        telling("worker-a", 0, None),
        telling("worker-b", 2, None),
        telling("worker-c", 3, None),
    );
    let untold = plain("worker-d");
    let peers = [full.clone(), untold.clone(), two.clone(), three.clone()];
    assert_eq!(chosen(&peers, ANY).unwrap(), "worker-c");
    let avoid = ["worker-c".to_owned()];
    let choice = WorkerChoice {
        avoid: &avoid,
        ..ANY
    };
    assert_eq!(chosen(&peers, choice).unwrap(), "worker-b");
    assert_eq!(chosen(&[full.clone(), untold], ANY).unwrap(), "worker-d");
    // It refuses or lets wait by itself.
    assert_eq!(
        chosen(std::slice::from_ref(&full), ANY).unwrap(),
        "worker-a"
    );
    assert_eq!(
        chosen(std::slice::from_ref(&three), choice).unwrap(),
        "worker-c"
    );
    let equals = [telling("worker-y", 2, None), telling("worker-x", 2, None)];
    let taken = |random| {
        let server = (&PeerConfig::default(), "ws://x");
        choose(&equals, ANY, server, random).unwrap().id
    };
    assert_eq!([0, 1, 2].map(taken), ["worker-y", "worker-x", "worker-y"]);
}

#[test]
fn only_workers_with_the_model_count_where_one_is_asked_for() {
    let peers = [
        plain("worker-old"),
        telling("worker-a", 4, Some("fly")),
        telling("worker-b", 0, Some("mouse")),
        telling("worker-c", 4, None),
    ];
    let of = |model| WorkerChoice {
        model: Some(model),
        ..ANY
    };
    assert_eq!(chosen(&peers, of("mouse")).unwrap(), "worker-b");
    let error = chosen(&peers, of("rat")).unwrap_err();
    let ConnectError::NoneFits { listed, .. } = error else {
        panic!("{error}")
    };
    let expected = [
        "worker-old does not tell which model it runs",
        "worker-a runs the model fly",
        "worker-b runs the model mouse",
        "worker-c runs no model",
    ];
    assert_eq!(listed.0, expected);
    let there = Workers::among(&peers, of("rat"));
    assert!(there.has("worker-a") && !there.has_room_beside(&[]));
}

#[test]
fn the_worker_of_before_comes_first_until_it_is_avoided() {
    let peers = [telling("worker-a", 0, None), telling("worker-b", 3, None)];
    let again = |avoid| WorkerChoice {
        known: Some("worker-a"),
        avoid,
        ..ANY
    };
    let first = choose(&peers, again(&[]), (&PeerConfig::default(), "ws://x"), 0).unwrap();
    assert_eq!(
        (first.id.as_str(), first.has_substitute),
        ("worker-a", true)
    );
    let avoid = ["worker-a".to_owned()];
    let second = choose(&peers, again(&avoid), (&PeerConfig::default(), "ws://x"), 0).unwrap();
    assert_eq!(
        (second.id.as_str(), second.has_substitute),
        ("worker-b", false)
    );
    // One that runs another model now is not the worker of before.
    let other = WorkerChoice {
        model: Some("mouse"),
        ..again(&[])
    };
    let error = chosen(&[telling("worker-a", 4, Some("fly"))], other);
    assert!(matches!(error, Err(ConnectError::NoneFits { .. })));
}

#[test]
fn files_go_to_workers_that_take_them() {
    let load = WorkerLoad {
        files: true,
        ..WorkerLoad::default()
    };
    let files = ListedPeer {
        load: Some(load),
        ..plain("worker-f")
    };
    let peers = [telling("worker-s", 4, None), files];
    let choice = WorkerChoice {
        service: WorkerService::Files,
        ..ANY
    };
    assert_eq!(chosen(&peers, choice).unwrap(), "worker-f");
    assert_eq!(chosen(&peers, ANY).unwrap(), "worker-s");
    // It says itself why it takes none.
    assert_eq!(chosen(&peers[..1], choice).unwrap(), "worker-s");
}
