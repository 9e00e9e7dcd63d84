//! Subscribers that break the rules: no other subscriber has to wait, and what they cost is bounded.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use emit::{Emitter, ONLY_STREAM, StreamInfo};
use protocol::Prediction;
use serde_json::Value;

const POSES: u64 = 20_000;

/// An emitter with a publisher, and where it listens.
fn publisher() -> (Emitter, String) {
    let target = "zmq://127.0.0.1:0".parse().unwrap();
    let mut emitter = Emitter::open(&[target]).unwrap();
    emitter.start(
        ONLY_STREAM,
        StreamInfo {
            source: "test".into(),
            ..StreamInfo::default()
        },
    );
    let url = emitter.emitted()[0].target.clone();
    (emitter, url.strip_prefix("zmq://").unwrap().to_owned())
}

fn poses(emitter: &mut Emitter, numbers: impl IntoIterator<Item = u64>) {
    for frame_id in numbers {
        let prediction = Prediction {
            frame_id,
            instances: vec![vec![Some([1.0, 2.0]); 50]],
            ..Prediction::default()
        };
        emitter.pose(ONLY_STREAM, &prediction, None, None);
    }
}

fn greeting() -> Vec<u8> {
    let mut greeting = vec![0; 64];
    greeting[0] = 0xff;
    greeting[9] = 0x7f;
    greeting[10..12].copy_from_slice(&[3, 1]);
    greeting[12..16].copy_from_slice(b"NULL");
    greeting
}

const READY: &[u8] = b"\x04\x19\x05READY\x0bSocket-Type\0\0\0\x03SUB";

struct Subscriber(TcpStream);

impl Subscriber {
    /// A connection on which a bug shows as an error, not as a test without end.
    fn connect(address: &str) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        let timeout = Some(Duration::from_secs(60));
        stream.set_read_timeout(timeout).unwrap();
        stream.set_write_timeout(timeout).unwrap();
        Self(stream)
    }

    fn send(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).unwrap();
    }

    /// Does the handshake and subscribes to everything. Then it has the skeleton, so that the publisher
    /// has taken the subscription.
    fn subscribed(address: &str) -> Self {
        let mut subscriber = Self::connect(address);
        subscriber.send(&greeting());
        subscriber.send(READY);
        subscriber.send(b"\x00\x01\x01");
        let mut hello = [0; 64 + 27];
        subscriber.0.read_exact(&mut hello).unwrap();
        assert!(hello.ends_with(b"PUB"));
        let (topic, skeleton) = subscriber.message().unwrap();
        assert_eq!(
            (topic.as_str(), &skeleton["type"]),
            ("skeleton", &Value::from("skeleton"))
        );
        subscriber
    }

    /// The next frame that is no command.
    fn frame(&mut self) -> io::Result<Vec<u8>> {
        loop {
            let (flags, body) = self.any_frame()?;
            if flags & 4 == 0 {
                return Ok(body);
            }
        }
    }

    fn any_frame(&mut self) -> io::Result<(u8, Vec<u8>)> {
        let mut flags = [0];
        self.0.read_exact(&mut flags)?;
        let mut size = [0; 8];
        let from = if flags[0] & 2 != 0 { 0 } else { 7 };
        self.0.read_exact(&mut size[from..])?;
        let mut body = vec![0; u64::from_be_bytes(size) as usize];
        self.0.read_exact(&mut body)?;
        Ok((flags[0], body))
    }

    /// A topic and its object.
    fn message(&mut self) -> io::Result<(String, Value)> {
        let topic = String::from_utf8(self.frame()?).unwrap();
        Ok((topic, serde_json::from_slice(&self.frame()?).unwrap()))
    }

    /// The numbers of all poses up to the end of the stream.
    fn poses(&mut self) -> Vec<u64> {
        let mut numbers = Vec::new();
        loop {
            let (topic, body) = self.message().expect("the stream ends first");
            match topic.as_str() {
                "pose" => numbers.push(body["frame_id"].as_u64().unwrap()),
                "end" => return numbers,
                _ => {}
            }
        }
    }

    /// Whether the publisher closes the connection, after anything that it has sent.
    fn sent_away(mut self) -> bool {
        let mut rest = Vec::new();
        match self.0.read_to_end(&mut rest) {
            Ok(_) => true,
            Err(error) => error.kind() == io::ErrorKind::ConnectionReset,
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_reads_nothing_misses_the_oldest_and_is_counted() {
    let (mut emitter, address) = publisher();
    let mut subscriber = Subscriber::subscribed(&address);
    poses(&mut emitter, 0..POSES);
    let counts = emitter.end(ONLY_STREAM)[0].counts;
    assert_eq!(counts.sent, POSES);
    let received = subscriber.poses();
    assert!(
        counts.dropped > 0,
        "{POSES} poses fit into the system's buffers"
    );
    assert_eq!(received.len() as u64 + counts.dropped, POSES);
    assert_eq!(received.last(), Some(&(POSES - 1)), "the newest wins");
    assert!(received.is_sorted());

    // What was dropped belongs to that stream.
    emitter.start(ONLY_STREAM, StreamInfo::default());
    assert_eq!(emitter.emitted()[0].counts, Default::default());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_no_subscriber_was_there_for_is_counted() {
    let (mut emitter, address) = publisher();
    poses(&mut emitter, 0..3);
    let _subscriber = Subscriber::subscribed(&address);
    poses(&mut emitter, 3..5);
    let counts = emitter.end(ONLY_STREAM)[0].counts;
    assert_eq!((counts.without_subscriber, counts.sent), (3, 2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_end_is_delivered_before_the_publisher_goes() {
    let (mut emitter, address) = publisher();
    let mut subscriber = Subscriber::subscribed(&address);
    poses(&mut emitter, 0..20);
    assert_eq!(emitter.end(ONLY_STREAM)[0].counts.dropped, 0);
    emitter.close().await;
    assert_eq!(subscriber.poses(), Vec::from_iter(0..20));
    assert!(subscriber.sent_away());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_reads_nothing_does_not_hold_up_the_end() {
    let (mut emitter, address) = publisher();
    let _stalled = Subscriber::subscribed(&address);
    poses(&mut emitter, 0..POSES);
    assert!(emitter.end(ONLY_STREAM)[0].counts.dropped > 0);
    emitter.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn those_who_misbehave_are_sent_away_and_others_are_served() {
    let (mut emitter, address) = publisher();
    let mut good = Subscriber::subscribed(&address);
    let opened = |words: &[&[u8]]| {
        let mut subscriber = Subscriber::connect(&address);
        subscriber.send(&words.concat());
        subscriber
    };
    let greeting = greeting();
    let huge = b"\x02\xff\xff\xff\xff\xff\xff\xff\xff";
    let many = b"\x00\x01\x01".repeat(17);
    let push = b"\x04\x1a\x05READY\x0bSocket-Type\0\0\0\x04PUSH";
    for words in [
        &[&b"GET / HTTP/1.1\r\nHost: somebody.example\r\nAccept: everything there is\r\n\r\n"[..]]
            [..],
        &[&greeting, huge],
        &[&greeting, push],
        &[&greeting, READY, huge],
        &[&greeting, READY, b"\xf0"],
        &[&greeting, READY, &many],
    ] {
        assert!(opened(words).sent_away(), "{words:?}");
    }
    poses(&mut emitter, 0..3);
    emitter.end(ONLY_STREAM);
    assert_eq!(good.poses(), [0, 1, 2]);
}

/// Shakes hands, and subscribes to nothing.
fn idle(address: &str) -> Subscriber {
    let mut subscriber = Subscriber::connect(address);
    subscriber.send(&greeting());
    subscriber.send(READY);
    let mut hello = [0; 64 + 27];
    subscriber.0.read_exact(&mut hello).unwrap();
    subscriber
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sockets_that_do_not_subscribe_hold_no_place_against_a_subscriber() {
    let (mut emitter, address) = publisher();
    let mut silent: Vec<_> = (0..16).map(|_| Subscriber::connect(&address)).collect();
    silent.extend((0..16).map(|_| idle(&address)));
    let mut here: Vec<_> = (0..3).map(|_| Subscriber::subscribed(&address)).collect();
    // Nor do further ones that come after it.
    silent.extend((0..40).map(|_| idle(&address)));
    poses(&mut emitter, 0..3);
    emitter.end(ONLY_STREAM);
    for subscriber in &mut here {
        assert_eq!(subscriber.poses(), [0, 1, 2]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn there_are_no_more_than_32_at_a_time_and_those_that_take_poses_stay() {
    let (mut emitter, address) = publisher();
    let mut here: Vec<_> = (0..32).map(|_| Subscriber::subscribed(&address)).collect();
    assert!(Subscriber::connect(&address).sent_away());
    poses(&mut emitter, 0..3);
    emitter.end(ONLY_STREAM);
    for subscriber in &mut here {
        assert_eq!(subscriber.poses(), [0, 1, 2]);
    }
    drop(here.pop());
    // The publisher notices in its own time.
    let subscribes = || {
        let mut subscriber = Subscriber::connect(&address);
        subscriber.send(&[&greeting(), READY, b"\x00\x01\x01"].concat());
        subscriber.0.read_exact(&mut [0; 64 + 27]).is_ok()
    };
    while !subscribes() {}
}
