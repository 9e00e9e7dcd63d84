//! What handing out a pose costs the stream, for each kind of target with consumers that take nothing.
//!
//! `cargo bench -p sleap-stream-emit`. Prints; nothing here passes or fails.

use std::io::{Read, Write};
use std::net::{TcpStream, UdpSocket};
use std::time::Instant;

use emit::{Emitter, ONLY_STREAM, StreamInfo, Target};
use protocol::Prediction;

const POSES: usize = 20_000;

/// Two animals of 15 nodes.
fn prediction() -> Prediction {
    Prediction {
        frame_id: 123_456,
        instances: vec![vec![Some([437.49057, 258.73056]); 15]; 2],
        confidence: vec![vec![Some(0.9418252); 15]; 2],
        instance_scores: vec![Some(4.730804); 2],
        ..Prediction::default()
    }
}

fn measure(name: &str, mut emitter: Emitter) {
    let prediction = prediction();
    let mut times: Vec<_> = (0..POSES)
        .map(|_| {
            let began = Instant::now();
            emitter.pose(ONLY_STREAM, &prediction, Some(1_763_806_152_334_918), None);
            began.elapsed()
        })
        .collect();
    times.sort();
    let at = |quantile: f64| times[(POSES as f64 * quantile) as usize].as_secs_f64() * 1e6;
    let counts = emitter
        .end(ONLY_STREAM)
        .first()
        .map(|emitted| emitted.counts);
    println!(
        "{name:<22} p50 {:>6.1} us   p99 {:>6.1} us   {counts:?}",
        at(0.5),
        at(0.99)
    );
}

fn started(targets: &[Target]) -> Emitter {
    let mut emitter = Emitter::open(targets).expect("loopback is there");
    emitter.start(ONLY_STREAM, StreamInfo::default());
    emitter
}

/// Subscribes to everything and reads no pose.
fn stall(address: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).expect("the publisher listens");
    let mut words = vec![0; 64];
    words[0] = 0xff;
    words[9] = 0x7f;
    words[10] = 3;
    words[12..16].copy_from_slice(b"NULL");
    words.extend(b"\x04\x19\x05READY\x0bSocket-Type\0\0\0\x03SUB\x00\x01\x01");
    stream.write_all(&words).expect("the publisher reads");
    // Greeting, READY and the first bytes of the skeleton: it has subscribed.
    stream
        .read_exact(&mut [0; 64 + 27 + 10])
        .expect("the publisher answers");
    stream
}

#[tokio::main]
async fn main() {
    measure("nobody", started(&[]));
    let absent = UdpSocket::bind("127.0.0.1:0").and_then(|socket| socket.local_addr());
    let absent = absent.expect("loopback is there");
    for scheme in ["udp", "osc"] {
        let target = format!("{scheme}://{absent}").parse().expect("a target");
        measure(&format!("{scheme}, absent"), started(&[target]));
    }
    for subscribers in [0, 1, 32] {
        let emitter = started(&["zmq://127.0.0.1:0".parse().expect("a target")]);
        let url = emitter.emitted()[0].target.clone();
        let address = url.trim_start_matches("zmq://");
        let _stalled: Vec<_> = (0..subscribers).map(|_| stall(address)).collect();
        measure(&format!("zmq, {subscribers} stalled"), emitter);
    }
}
