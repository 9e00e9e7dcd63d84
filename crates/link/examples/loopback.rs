//! What a channel between two processes of one machine carries.
//!
//! ```text
//! cargo run --release -p sleap-stream-link --example loopback -- [SECONDS] [OPTION=VALUE..]
//! ```
//!
//! SECONDS is the length of each phase (default 5). Options, in bytes: `mtu` (SCTP packet),
//! `chunk` (message), `socket` (UDP socket buffers), `window` (SCTP receive window), `send` (send
//! buffer).
//!
//! Three phases: raw 1080p frames as fast as they go; 150 kB frames, 30 a second; raw 1080p
//! frames, 30 a second. For each, the receiving process prints the rate and the time from handing
//! a frame over to having it whole (p50, p99); both print their CPU time per gigabyte and their
//! largest resident memory.

use std::error::Error;
use std::process::Stdio;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use link::{Acceptor, PeerConfig, Receiver, Sender};
use protocol::{Encoding, Frame, FrameMeta, Limits, Message, Reassembler};

const RAW: (u32, u32) = (1920, 1080);
const RAW_BYTES: usize = 1920 * 1080 * 3;
const JPEG_BYTES: usize = 150_000;
const FRAMES_PER_SECOND: u32 = 30;

type Outcome<T> = Result<T, Box<dyn Error>>;

struct Phase {
    name: &'static str,
    bytes: usize,
    paced: bool,
}

const PHASES: [Phase; 3] = [
    Phase {
        name: "raw 1080p, unpaced",
        bytes: RAW_BYTES,
        paced: false,
    },
    Phase {
        name: "150 kB at 30/s",
        bytes: JPEG_BYTES,
        paced: true,
    },
    Phase {
        name: "raw 1080p at 30/s",
        bytes: RAW_BYTES,
        paced: true,
    },
];

#[tokio::main]
async fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.split_first() {
        Some((first, rest)) if first.starts_with("ws://") => receive(first, config(rest)?).await,
        Some((first, rest)) if !first.contains('=') => {
            send(Duration::from_secs_f64(first.parse()?), rest).await
        }
        _ => send(Duration::from_secs(5), &arguments).await,
    }
}

fn config(options: &[String]) -> Outcome<PeerConfig> {
    let mut config = PeerConfig::default();
    for option in options {
        let (name, value) = option.split_once('=').ok_or("expected OPTION=VALUE")?;
        let value: usize = value.parse()?;
        match name {
            "mtu" => config.connection.sctp.mtu = u32::try_from(value)?,
            "chunk" => config.channel.chunk_bytes = value,
            "socket" => config.connection.udp.buffer_bytes = value,
            "window" => {
                config.connection.sctp.receive_window_bytes = u32::try_from(value)?;
            }
            "send" => config.connection.sctp.send_buffer_bytes = value,
            other => return Err(format!("unknown option `{other}`").into()),
        }
    }
    Ok(config)
}

/// The sending process: signaling server and worker; the receiving one is its child.
async fn send(length: Duration, options: &[String]) -> Outcome<()> {
    let server = link::signaling::Server::bind(([127, 0, 0, 1], 0).into()).await?;
    let url = format!("ws://{}", server.local_addr());
    let mut acceptor = Acceptor::register(&url, config(options)?).await?;
    let mut child = std::process::Command::new(std::env::current_exe()?)
        .arg(&url)
        .args(options)
        .stdin(Stdio::null())
        .spawn()?;
    let mut channel = acceptor.accept().await?;
    for (index, phase) in PHASES.iter().enumerate() {
        let cpu = cpu_seconds();
        let before = channel.sender.stats().bytes_sent;
        channel
            .sender
            .send(Message::BatchStart(index as u32))
            .await?;
        offer(&channel.sender, phase, length).await?;
        channel.sender.send(Message::BatchEnd(index as u32)).await?;
        confirmation(&mut channel.receiver).await?;
        let bytes = channel.sender.stats().bytes_sent - before;
        report_process("sender  ", cpu_seconds() - cpu, bytes);
    }
    println!("{:?}", channel.sender.stats());
    println!("{:?}", channel.sender.path().await);
    channel.sender.close().await;
    child.wait()?;
    Ok(())
}

async fn offer(sender: &Sender, phase: &Phase, length: Duration) -> Outcome<()> {
    let data = Bytes::from(vec![0x5a; phase.bytes]);
    let raw = phase.bytes == RAW_BYTES;
    let start = Instant::now();
    let mut ticks = tokio::time::interval(Duration::from_secs(1) / FRAMES_PER_SECOND);
    let mut id = 0;
    while start.elapsed() < length {
        if phase.paced {
            ticks.tick().await;
        }
        let meta = FrameMeta {
            frame_id: id,
            width: RAW.0,
            height: RAW.1,
            channels: 3,
            encoding: if raw { Encoding::U8 } else { Encoding::Jpeg },
            nbytes: phase.bytes as u64,
            captured_us: Some(now_us()),
            clock: None,
        };
        sender
            .send_frame(Frame {
                meta,
                data: data.clone(),
            })
            .await?;
        id += 1;
    }
    Ok(())
}

async fn confirmation(receiver: &mut Receiver) -> Outcome<()> {
    while let Some(message) = receiver.recv().await {
        if let Message::BatchEnd(_) = message? {
            return Ok(());
        }
    }
    Err("the receiving process is gone".into())
}

/// The receiving process.
async fn receive(url: &str, config: PeerConfig) -> Outcome<()> {
    let mut channel = link::connect(url, config).await?;
    let mut reassembler = Reassembler::new(Limits::default());
    let mut phase = Measured::begin(0);
    while let Some(message) = channel.receiver.recv().await {
        let message = message?;
        if let Message::BatchStart(index) = message {
            phase = Measured::begin(index as usize);
        } else if let Message::BatchEnd(index) = message {
            phase.report();
            channel.sender.send(Message::BatchEnd(index)).await?;
        } else if let Some(frame) = reassembler.push(message).frame {
            phase.add(&frame);
        }
    }
    Ok(())
}

struct Measured {
    name: &'static str,
    start: Instant,
    cpu: f64,
    bytes: u64,
    one_way_us: Vec<u64>,
}

impl Measured {
    fn begin(index: usize) -> Self {
        let name = PHASES.get(index).map_or("?", |phase| phase.name);
        Self {
            name,
            start: Instant::now(),
            cpu: cpu_seconds(),
            bytes: 0,
            one_way_us: Vec::new(),
        }
    }

    fn add(&mut self, frame: &Frame) {
        self.bytes += frame.data.len() as u64;
        let captured = frame.meta.captured_us.unwrap_or_default();
        self.one_way_us.push(now_us().saturating_sub(captured));
    }

    fn report(&mut self) {
        let seconds = self.start.elapsed().as_secs_f64();
        self.one_way_us.sort_unstable();
        let at = |share: f64| {
            let last = self.one_way_us.len().saturating_sub(1) as f64;
            let us = self.one_way_us.get((last * share).round() as usize);
            us.copied().unwrap_or_default() as f64 / 1000.0
        };
        println!(
            "{}: {:.0} MB/s, {:.1} frames/s, one way p50 {:.2} ms, p99 {:.2} ms",
            self.name,
            self.bytes as f64 / 1e6 / seconds,
            self.one_way_us.len() as f64 / seconds,
            at(0.5),
            at(0.99),
        );
        report_process("receiver", cpu_seconds() - self.cpu, self.bytes);
    }
}

fn report_process(role: &str, cpu_seconds: f64, bytes: u64) {
    let gigabytes = bytes as f64 / 1e9;
    println!(
        "  {role} {:.2} CPU s/GB, peak memory {} MB",
        cpu_seconds / gigabytes,
        peak_memory_mb()
    );
}

fn now_us() -> u64 {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    now.as_micros() as u64
}

/// User and system time of this process, in seconds; 0 where there is no `/proc`.
fn cpu_seconds() -> f64 {
    const TICKS_PER_SECOND: f64 = 100.0;
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The name of the program, in parentheses, may contain spaces.
    let fields = stat
        .rsplit(')')
        .next()
        .unwrap_or_default()
        .split_whitespace();
    fields
        .skip(11)
        .take(2)
        .filter_map(|ticks| ticks.parse::<f64>().ok())
        .sum::<f64>()
        / TICKS_PER_SECOND
}

/// Largest resident memory so far; 0 where there is no `/proc`.
fn peak_memory_mb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kilobytes.unwrap_or_default() / 1024
}
