//! What a monitoring system sees of the client.

use std::io::{Read, Write};
use std::net::{TcpStream, UdpSocket};

use e2e::{Client, Worker, demo, scrape};
use serde_json::Value;

/// Where a client that logs it serves its metrics.
fn url(client: &Client) -> String {
    client.logs("metrics: http://", 1);
    let log = client.log();
    let start = log.find("metrics: http://").expect("a URL") + "metrics: ".len();
    let end = log[start..].find(char::is_whitespace).expect("an end");
    log[start..start + end].to_owned()
}

/// Status and body of the answer to this path.
fn get(url: &str, path: &str) -> String {
    let address = url
        .trim_start_matches("http://")
        .trim_end_matches("/metrics");
    let mut stream = TcpStream::connect(address).unwrap();
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// The next event of this kind.
fn reported(client: &mut Client, kind: &str) -> Value {
    loop {
        let event = client.line().expect("a stream that runs");
        if event["event"] == kind {
            return event;
        }
    }
}

#[test]
fn metrics_of_a_running_stream_are_those_of_its_events() {
    let model = demo("model");
    let worker = Worker::start(&["--model", model.to_str().unwrap(), "--device", "cpu"]);
    let dir = tempfile::tempdir().unwrap();
    let rules = dir.path().join("rules.toml");
    let consumer = UdpSocket::bind("127.0.0.1:0").unwrap();
    let text = format!(
        "[zone.all]\nrectangle = [0, 0, 640, 480]\n[output.log]\nto = \"udp://{}\"\n\
         [rule.there]\nwhen = {{ node = \"nose\", in = \"all\" }}\ndo = [\"log\"]\n",
        consumer.local_addr().unwrap(),
    );
    std::fs::write(&rules, text).unwrap();
    let events = dir.path().join("events.csv");
    let mut client = Client::start(&[
        "--signal",
        &worker.signal,
        "--test-pattern",
        "640x480@30",
        "--json",
        "-t",
        "--rules",
        rules.to_str().unwrap(),
        "--events",
        events.to_str().unwrap(),
        "--metrics=127.0.0.1:0",
    ]);
    let url = url(&client);
    reported(&mut client, "rule");
    // The metrics are set before the progress is reported.
    while reported(&mut client, "progress")["predictions"].as_u64() < Some(60) {}
    assert!(get(&url, "/readyz").starts_with("HTTP/1.1 200"));
    assert!(get(&url, "/healthz").starts_with("HTTP/1.1 200"));
    let seen = scrape(&url);
    let of = |name: &str| {
        let value = seen.get(&format!("sleap_stream_{name}"));
        value
            .and_then(|it| it.as_f64())
            .unwrap_or_else(|| panic!("no {name} in {seen:#?}"))
    };
    let later = reported(&mut client, "progress");
    let sent = of("frames_sent_total");
    assert!(
        sent > 0.0 && sent <= later["frames"].as_f64().unwrap(),
        "{sent}, then {later}"
    );
    assert!(of("predictions_total") > 0.0);
    // Results are counted at once, the other numbers with the next report.
    assert!(of("pose_age_seconds_count") >= of("predictions_total"));
    assert!(of("frame_step_seconds_sum{step=\"inference\"}") > 0.0);
    assert_eq!(of("tracks_alive"), 1.0);
    assert_eq!(of("tracks_begun_total"), 1.0);
    // Where the nose is not found in a frame, it comes into the zone once more.
    assert!(of("rule_events_total") >= 1.0);
    assert_eq!(of("connected"), 1.0);
    assert_eq!(of("stream_info{source=\"test pattern\"}"), 1.0);
    drop(worker);
    reported(&mut client, "lost");
    assert!(get(&url, "/readyz").starts_with("HTTP/1.1 503"));
    assert_eq!(scrape(&url)["sleap_stream_connected"], 0.0);
}
