//! Moves raw 1080p frames between two processes of this machine over libdatachannel, as a measure.
//!
//! ```text
//! cargo run --release -- [FRAMES]
//! ```
//!
//! One reliable and ordered data channel, messages of 64 KiB, at most 4 MiB in its buffer: what
//! sleap-stream does with one lane. The receiving process is a child; it says the rate, from the
//! first byte to the last.

use std::error::Error;
use std::io::{BufRead, BufReader, Write, stdin, stdout};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Instant;

use datachannel::{
    DataChannelHandler, DataChannelInfo, GatheringState, PeerConnectionHandler, RtcConfig,
    RtcDataChannel, RtcPeerConnection, SdpType, SessionDescription,
};

const FRAME_BYTES: usize = 1920 * 1080 * 3;
const MESSAGE_BYTES: usize = 65_536;
const HIGH: usize = 4 << 20;
const LOW: usize = 1 << 20;

type Outcome<T> = Result<T, Box<dyn Error>>;

/// What the library's callbacks report.
enum Event {
    Gathered,
    Open,
    Low,
    /// Held for as long as it is to be open.
    Channel(#[expect(dead_code, reason = "it closes when dropped")] Box<RtcDataChannel<Channel>>),
    Bytes(usize),
}

struct Channel(Sender<Event>);

impl DataChannelHandler for Channel {
    fn on_open(&mut self) {
        let _ = self.0.send(Event::Open);
    }

    fn on_message(&mut self, message: &[u8]) {
        let _ = self.0.send(Event::Bytes(message.len()));
    }

    fn on_buffered_amount_low(&mut self) {
        let _ = self.0.send(Event::Low);
    }
}

struct Connection(Sender<Event>);

impl PeerConnectionHandler for Connection {
    type DCH = Channel;

    fn data_channel_handler(&mut self, _: DataChannelInfo) -> Channel {
        Channel(self.0.clone())
    }

    fn on_gathering_state_change(&mut self, state: GatheringState) {
        if matches!(state, GatheringState::Complete) {
            let _ = self.0.send(Event::Gathered);
        }
    }

    fn on_data_channel(&mut self, channel: Box<RtcDataChannel<Channel>>) {
        let _ = self.0.send(Event::Channel(channel));
    }
}

fn main() -> Outcome<()> {
    let argument = std::env::args().nth(1).unwrap_or_else(|| "300".to_owned());
    match argument.strip_prefix("receive=") {
        Some(frames) => receive(frames.parse()?),
        None => send(argument.parse()?),
    }
}

fn wait(events: &Receiver<Event>, wanted: impl Fn(&Event) -> bool) -> Outcome<Event> {
    loop {
        let event = events.recv()?;
        if wanted(&event) {
            return Ok(event);
        }
    }
}

fn description(connection: &RtcPeerConnection<Connection>) -> Outcome<String> {
    let description = connection.local_description().ok_or("no description")?;
    Ok(serde_json::to_string(&description)?)
}

fn send(frames: usize) -> Outcome<()> {
    let mut child = Command::new(std::env::current_exe()?)
        .arg(format!("receive={frames}"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut to_child = child.stdin.take().ok_or("no pipe")?;
    let mut from_child = BufReader::new(child.stdout.take().ok_or("no pipe")?).lines();

    let (sender, events) = channel();
    let config = RtcConfig::new::<&str>(&[]);
    let mut connection = RtcPeerConnection::new(&config, Connection(sender.clone()))?;
    let mut data = connection.create_data_channel("frames", Channel(sender))?;
    data.set_buffered_amount_low_threshold(LOW)?;
    wait(&events, |event| matches!(event, Event::Gathered))?;
    writeln!(to_child, "{}", description(&connection)?)?;
    let answer = from_child.next().ok_or("no answer")??;
    let answer: SessionDescription = serde_json::from_str(&answer)?;
    connection.set_remote_description(&answer)?;
    wait(&events, |event| matches!(event, Event::Open))?;

    let frame = vec![0x5a; FRAME_BYTES];
    for _ in 0..frames {
        for message in frame.chunks(MESSAGE_BYTES) {
            if data.buffered_amount() > HIGH {
                while events.try_recv().is_ok() {}
                // A signal that came just before is seen by the amount.
                while data.buffered_amount() > LOW {
                    wait(&events, |event| matches!(event, Event::Low))?;
                }
            }
            data.send(message)?;
        }
    }
    for line in from_child {
        println!("{}", line?);
    }
    child.wait()?;
    Ok(())
}

fn receive(frames: usize) -> Outcome<()> {
    let mut offer = String::new();
    stdin().read_line(&mut offer)?;
    let offer: SessionDescription = serde_json::from_str(&offer)?;
    let (sender, events) = channel();
    let config = RtcConfig::new::<&str>(&[]);
    let mut connection = RtcPeerConnection::new(&config, Connection(sender))?;
    connection.set_remote_description(&offer)?;
    let _ = connection.set_local_description(SdpType::Answer);
    wait(&events, |event| matches!(event, Event::Gathered))?;
    writeln!(stdout(), "{}", description(&connection)?)?;

    // Kept: the channel closes with it.
    let _channel = wait(&events, |event| matches!(event, Event::Channel(_)))?;
    let mut missing = frames * FRAME_BYTES;
    let mut start = None;
    while missing > 0 {
        if let Event::Bytes(bytes) = events.recv()? {
            start.get_or_insert_with(Instant::now);
            missing -= bytes;
        }
    }
    let seconds = start.map_or(0.0, |start| start.elapsed().as_secs_f64());
    let megabytes = (frames * FRAME_BYTES) as f64 / 1e6;
    writeln!(
        stdout(),
        "libdatachannel: {frames} frames, {:.1} frames/s, {:.1} MB/s",
        frames as f64 / seconds,
        megabytes / seconds
    )?;
    Ok(())
}
