//! What opens the relays that a room lends runs out, and is fetched anew. The four hours pass at once;
//! the server and the connections are real.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use e2e::{Peer, Relay, room_server};
use link::signaling::rooms::{Room, RoomCredential, SelectionRule, WorkerProfile, WorkerService};
use link::{Acceptor, PeerConfig, WorkerChoice, WorkerLoad, connect_in_room};
use serde_json::Value;
use tokio::sync::watch;
use tokio::time::{advance, pause, resume};
use tracing_subscriber::util::SubscriberInitExt;

/// A little more than the time after which a worker fetches them anew.
const SPAN: Duration = Duration::from_secs(4 * 3600 + 1);
const DAY: Duration = Duration::from_secs(24 * 3600);

/// What this thread has logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn room(url: &str, credential: RoomCredential) -> Room {
    Room {
        url: url.to_owned(),
        id: "lab".to_owned(),
        credential,
        // The server's pings are missing from the hours that pass at once.
        silence: DAY,
    }
}

/// A client comes and goes. Gives the names under which the worker asked the relay.
async fn meet(acceptor: &mut Acceptor, url: &str, relay: &Relay) -> Vec<String> {
    relay.forget();
    let room = room(url, RoomCredential::Jwt("jwt".to_owned()));
    let client = connect_in_room(
        &room,
        WorkerChoice {
            service: WorkerService::Streams,
            model: None,
            known: None,
            avoid: &[],
        },
        SelectionRule::default(),
        PeerConfig::default(),
    );
    let (client, channel) = tokio::join!(client, acceptor.accept());
    let (client, worker) = client.expect("a connection");
    assert_eq!(worker, acceptor.id());
    client.sender.close().await;
    channel.expect("a channel").sender.close().await;
    let mut names = relay.asked_by("worker").await;
    names.dedup();
    names
}

/// What the server says until a worker has entered the room.
async fn entered(mut server: Peer) -> (Peer, Vec<Value>) {
    let waited = tokio::task::spawn_blocking(move || {
        let mut events = Vec::new();
        loop {
            let event = server.event().expect("the server goes on");
            assert_ne!(event["event"], "violation", "{event}");
            let is_worker = event["event"] == "registered" && event["role"] == "worker";
            events.push(event);
            if is_worker {
                return (server, events);
            }
        }
    });
    waited.await.unwrap()
}

/// Hours pass in which nothing happens.
async fn hours_pass() {
    pause();
    advance(SPAN).await;
    resume();
}

#[tokio::test]
async fn the_worker_asks_relays_under_the_name_that_it_was_lent_last() {
    let log = Log::default();
    let writer = log.clone();
    let _logging = tracing_subscriber::fmt()
        .with_writer(move || writer.clone())
        .finish()
        .set_default();
    let relay = Relay::start().await;
    let lend = relay.address.to_string();
    let (server, url) = room_server(&["--lend-relay", &lend, "--refuse-again", "2"]);
    let profile = WorkerProfile {
        streams: true,
        ..WorkerProfile::default()
    };
    let place = room(&url, RoomCredential::Key("slp_key".to_owned()));
    let load = watch::Sender::new(WorkerLoad::default());
    let config = PeerConfig::default();
    let mut acceptor = Acceptor::join(place, profile, load.subscribe(), config)
        .await
        .expect("a place in the room");
    let id = acceptor.id().to_owned();
    let (server, _) = entered(server).await;
    assert_eq!(meet(&mut acceptor, &url, &relay).await, ["worker-1"]);
    // The control: nothing is renewed before its time.
    assert_eq!(meet(&mut acceptor, &url, &relay).await, ["worker-1"]);

    // The first two attempts fail: said once, and the third is made.
    hours_pass().await;
    let (server, events) = entered(server).await;
    let refused = events.iter().filter(|it| it["event"] == "refused").count();
    assert_eq!(refused, 2, "{events:?}");
    assert_eq!(events.last().unwrap()["peer_id"], id.as_str());
    assert_eq!(meet(&mut acceptor, &url, &relay).await, ["worker-2"]);
    let text = log.text();
    assert_eq!(text.matches("not let in again").count(), 1, "{text}");
    assert!(text.contains("No more keys today"), "{text}");

    // And again, as long as the worker lives.
    hours_pass().await;
    let (_server, _) = entered(server).await;
    assert_eq!(meet(&mut acceptor, &url, &relay).await, ["worker-3"]);
    assert_eq!(acceptor.id(), id);
}
