//! A wide-area link between two TUN devices: rate, delay, loss and a queue of bounded length.
//!
//!     wan_relay DELAY_MS LOSS_PERCENT RATE_MBIT QUEUE_KB SEED BURST <&TUN_A >&TUN_B
//!
//! Losses come in runs of BURST packets on average (Gilbert's model; 1: each packet by itself).
//! The two devices are its standard input and output, opened by whoever starts it, without packet
//! information and without waiting. Each direction is served alike. It ends with the devices or a
//! signal, and says every second what it has carried, lost and turned away if `WAN_RELAY_LOG` is set.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::{Errno, read, write};
use rustix::time::Timespec;

/// No packet of an interface with the usual MTU is longer.
const LONGEST: usize = 2048;

/// Packets that are taken from one device before the other's turn.
const TURN: usize = 64;

/// The link's two properties that never change.
#[derive(Clone, Copy)]
struct Link {
    delay: Duration,
    /// Share of packets that is lost.
    loss: f64,
    /// Packets of a run of losses, on average.
    burst: f64,
    /// Bytes per second.
    rate: f64,
    /// Bytes that may wait for the link.
    queue: f64,
}

/// One direction.
struct Lane {
    link: Link,
    /// The link is busy until then.
    free: Instant,
    /// On their way, in order of arrival.
    packets: VecDeque<(Instant, Vec<u8>)>,
    dice: u64,
    /// A run of losses goes on.
    is_losing: bool,
    counts: Counts,
}

#[derive(Debug, Default)]
struct Counts {
    carried: u64,
    lost: u64,
    turned_away: u64,
}

impl Lane {
    fn new(link: Link, seed: u64) -> Self {
        Self {
            link,
            free: Instant::now(),
            packets: VecDeque::new(),
            dice: seed,
            is_losing: false,
            counts: Counts::default(),
        }
    }

    /// A packet enters the link.
    fn take(&mut self, packet: &[u8], now: Instant) {
        let bytes = packet.len() as f64;
        let waiting = self.free.saturating_duration_since(now).as_secs_f64() * self.link.rate;
        if waiting + bytes > self.link.queue {
            self.counts.turned_away += 1;
            return;
        }
        self.free = self.free.max(now) + Duration::from_secs_f64(bytes / self.link.rate);
        if self.loses() {
            self.counts.lost += 1;
            return;
        }
        self.counts.carried += 1;
        self.packets
            .push_back((self.free + self.link.delay, packet.to_vec()));
    }

    /// Whether the next packet is lost.
    fn loses(&mut self) -> bool {
        let Link { loss, burst, .. } = self.link;
        let roll = self.roll();
        if burst <= 1.0 {
            return roll < loss;
        }
        // Runs begin so often that the share of lost packets is right.
        let (begins, goes_on) = (loss / (1.0 - loss) / burst, 1.0 - 1.0 / burst);
        self.is_losing = roll < if self.is_losing { goes_on } else { begins };
        self.is_losing
    }

    /// The next packet that has arrived.
    fn arrived(&mut self, now: Instant) -> Option<Vec<u8>> {
        self.next().filter(|at| *at <= now)?;
        self.packets.pop_front().map(|(_, packet)| packet)
    }

    /// When the next packet arrives.
    fn next(&self) -> Option<Instant> {
        self.packets.front().map(|(at, _)| *at)
    }

    /// A number from 0 up to 1, the same ones in every run (xorshift).
    fn roll(&mut self) -> f64 {
        self.dice ^= self.dice << 13;
        self.dice ^= self.dice >> 7;
        self.dice ^= self.dice << 17;
        (self.dice >> 11) as f64 / (1u64 << 53) as f64
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [delay, loss, rate, queue, seed, burst] = words.as_slice() else {
        return Err("usage: wan_relay DELAY_MS LOSS_PERCENT RATE_MBIT QUEUE_KB SEED BURST".into());
    };
    let link = Link {
        delay: Duration::try_from_secs_f64(delay.parse::<f64>()? / 1e3)?,
        loss: loss.parse::<f64>()? / 100.0,
        burst: burst.parse()?,
        rate: rate.parse::<f64>()? * 1e6 / 8.0,
        queue: queue.parse::<f64>()? * 1024.0,
    };
    // Any odd start that is not zero will do.
    let seed = seed.parse::<u64>()?.wrapping_mul(2) + 1;
    let lanes = [
        Lane::new(link, seed),
        Lane::new(link, seed ^ 0x9E37_79B9_7F4A_7C15),
    ];
    Ok(relay(lanes)?)
}

#[expect(clippy::disallowed_methods, reason = "a network device stands there")]
fn relay(mut lanes: [Lane; 2]) -> io::Result<()> {
    let (input, output) = (io::stdin(), io::stdout());
    let devices = [input.as_fd(), output.as_fd()];
    let mut buffer = [0; LONGEST];
    let talks = std::env::var_os("WAN_RELAY_LOG").is_some();
    let mut said = Instant::now();
    loop {
        let now = Instant::now();
        let mut idle = true;
        for (index, lane) in lanes.iter_mut().enumerate() {
            for _ in 0..TURN {
                let Some(bytes) = receive(devices[index], &mut buffer)? else {
                    break;
                };
                idle = false;
                lane.take(&buffer[..bytes], now);
            }
            while let Some(packet) = lane.arrived(now) {
                deliver(devices[1 - index], &packet)?;
                idle = false;
            }
        }
        if talks && said.elapsed() > Duration::from_secs(1) {
            said = now;
            eprintln!("{:?} {:?}", lanes[0].counts, lanes[1].counts);
        }
        if idle {
            let next = lanes.iter().filter_map(Lane::next).min();
            wait(devices, next.map(|at| at.saturating_duration_since(now)))?;
        }
    }
}

fn receive(device: BorrowedFd<'_>, buffer: &mut [u8]) -> io::Result<Option<usize>> {
    match read(device, buffer) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(Errno::AGAIN | Errno::INTR) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// A packet that the other side's kernel does not take is lost, as on any link.
fn deliver(device: BorrowedFd<'_>, packet: &[u8]) -> io::Result<()> {
    match write(device, packet) {
        Ok(_) | Err(Errno::AGAIN | Errno::IO | Errno::NOBUFS | Errno::INVAL) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

fn wait(devices: [BorrowedFd<'_>; 2], longest: Option<Duration>) -> io::Result<()> {
    let longest = longest.unwrap_or(Duration::from_millis(200));
    let timeout = Timespec {
        tv_sec: longest.as_secs() as i64,
        tv_nsec: longest.subsec_nanos().into(),
    };
    let mut fds = devices.map(|device| PollFd::from_borrowed_fd(device, PollFlags::IN));
    match poll(&mut fds, Some(&timeout)) {
        Ok(_) | Err(Errno::INTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
