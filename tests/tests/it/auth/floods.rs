//! Many connections of strangers.

use super::*;

/// Kilobytes that a worker without a model may have held at its peak, twenty strangers included: 75,000
/// where it has the machine to itself, 120,000 where it is so slow that their handshakes overlap.
const MAX_PEAK: u64 = 200_000;

#[test]
fn strangers_who_flood_cost_little_memory_and_disturb_no_stream() {
    let data = tempfile::tempdir().unwrap();
    let secret = file(&data, "secret", SECRET);
    let worker = exposed(data.path(), &["--secret-file", &secret, "-v"]);
    let given = ["--signal", &worker.signal, "--secret-file", &secret];
    let args = [
        &["--test-pattern", "320x240@30", "--max-frames", "90"][..],
        &given,
    ]
    .concat();
    let client = Client::start_with(&args, |command| alone(command, data.path()));
    client.logs("connected", 1);
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let flooded = runtime.block_on(async {
        let strangers = (0..20).map(|_| tokio::spawn(flood(worker.signal.clone())));
        let mut cut_off = 0;
        for stranger in strangers.collect::<Vec<_>>() {
            cut_off += usize::from(stranger.await.expect("no panic"));
        }
        cut_off
    });
    assert!(flooded > 0, "nobody got so far as to be cut off");
    let run = client.wait().success();
    assert!(
        run.stderr.contains("frames               90"),
        "{}",
        run.stderr
    );
    let peak = e2e::peak_memory(worker.pid()).expect("it runs");
    assert!(peak < MAX_PEAK, "{peak} kB");
    // Not for what they said, of which nothing was whole by then, but for how much they sent.
    let (_, log) = worker.interrupt();
    let cut_off = "sent too much before it was authenticated";
    assert!(log.contains(cut_off), "nobody was cut off");
}

/// Connects without a secret and sends as much as it can; whether it was cut off in the midst.
async fn flood(signal: String) -> bool {
    let patience = std::time::Duration::from_secs(5);
    let mut config = link::PeerConfig::default();
    config.connection.connect_timeout = patience;
    let Ok(mut channel) = link::connect(&signal, config).await else {
        // All places were taken.
        return false;
    };
    while channel.receiver.closed_because().is_none() {
        let chunk = protocol::Message::Chunk(vec![0; 250_000].into());
        tokio::select! {
            sent = channel.sender.send(chunk) => if sent.is_err() { break },
            received = channel.receiver.recv() => if received.is_none() { break },
        }
    }
    true
}
