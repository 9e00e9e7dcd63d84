//! A wide-area link between two TUN devices: rate, delay, jitter, losses, packets out of order, dead ways, and a queue of
//! bounded length.
//!
//!     wan_relay [NAME=VALUE]... <&TUN_A >&TUN_B
//!
//! | name | default | |
//! |---|---|---|
//! | `delay_ms` | 0 | of each direction |
//! | `jitter_ms` | 0 | a packet takes up to so much longer, in order |
//! | `rate_mbit` | 1000 | of each direction |
//! | `queue_kb` | 256 | what may wait for the link |
//! | `loss` | 0 | percent of the packets |
//! | `burst` | 1 | packets of a bad time, on average (model of Gilbert and Elliott; 1: each packet is lost or not by itself) |
//! | `bad_loss` | 100 | percent of a bad time's packets that are lost (100: Gilbert's model) |
//! | `reorder` | 0 | percent of the packets that others pass |
//! | `reorder_ms` | 10 | how late those are |
//! | `cut_s` | 0 | so often one UDP flow is cut for good; never the first one; 0: none is |
//! | `seed` | 1 | of the dice |
//!
//! The two devices are its standard input and output, opened by the program that starts it, without packet
//! information and without waiting. Each direction is served alike. It ends with the devices or a
//! signal, and says every second what it has carried, lost and turned away if `WAN_RELAY_LOG` is set.

use std::collections::BTreeMap;
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

/// A flow that carries fewer packets between two cuts is not in use.
const USED: u64 = 8;

/// The link's properties, which never change.
#[derive(Clone, Copy)]
struct Link {
    delay: Duration,
    jitter: Duration,
    /// Share of packets that is lost.
    loss: f64,
    /// Packets of a bad time, on average.
    burst: f64,
    /// Share of a bad time's packets that is lost.
    bad_loss: f64,
    /// Share of packets that others pass, and how late they are.
    reorder: f64,
    late: Duration,
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
    /// When the last packet arrives that keeps the order.
    newest: Instant,
    /// On their way, by when they arrive, and then in their order.
    packets: BTreeMap<(Instant, u64), Vec<u8>>,
    dice: Dice,
    /// A bad time goes on.
    is_bad: bool,
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
        let now = Instant::now();
        Self {
            link,
            free: now,
            newest: now,
            packets: BTreeMap::new(),
            dice: Dice(seed),
            is_bad: false,
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
        let arrives = self.arrives();
        self.packets
            .insert((arrives, self.counts.carried), packet.to_vec());
    }

    /// When a packet arrives that leaves now.
    fn arrives(&mut self) -> Instant {
        let Link {
            delay,
            jitter,
            reorder,
            late,
            ..
        } = self.link;
        let mut arrives = self.free + delay;
        if !jitter.is_zero() {
            arrives += jitter.mul_f64(self.dice.roll());
        }
        if reorder > 0.0 && self.dice.roll() < reorder {
            return arrives + late;
        }
        self.newest = self.newest.max(arrives);
        self.newest
    }

    /// Whether the next packet is lost.
    fn loses(&mut self) -> bool {
        let Link {
            loss,
            burst,
            bad_loss,
            ..
        } = self.link;
        if burst <= 1.0 {
            return self.dice.roll() < loss;
        }
        // Bad times begin so often that the share of lost packets is right.
        let bad = loss / bad_loss;
        let (begins, goes_on) = (bad / (1.0 - bad) / burst, 1.0 - 1.0 / burst);
        self.is_bad = self.dice.roll() < if self.is_bad { goes_on } else { begins };
        self.is_bad && (bad_loss >= 1.0 || self.dice.roll() < bad_loss)
    }

    /// The next packet that has arrived.
    fn arrived(&mut self, now: Instant) -> Option<Vec<u8>> {
        self.next().filter(|at| *at <= now)?;
        self.packets.pop_first().map(|(_, packet)| packet)
    }

    /// When the next packet arrives.
    fn next(&self) -> Option<Instant> {
        self.packets.first_key_value().map(|((at, _), _)| *at)
    }
}

/// The same numbers in every run (xorshift).
struct Dice(u64);

impl Dice {
    /// From 0 up to 1.
    fn roll(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// The UDP flows that pass, and those that are cut.
struct Flows {
    /// By the ports of side A and side B, in the order of their first packets.
    known: Vec<Flow>,
    every: Option<Duration>,
    next: Instant,
    dice: Dice,
}

struct Flow {
    ports: (u16, u16),
    /// Packets since the last cut.
    packets: u64,
    is_cut: bool,
}

impl Flows {
    /// Whether the packet is carried. `from_b`: it comes from side B.
    fn pass(&mut self, packet: &[u8], from_b: bool) -> bool {
        let Some((from, to)) = self.every.and_then(|_| udp_ports(packet)) else {
            return true;
        };
        let ports = if from_b { (to, from) } else { (from, to) };
        let index = self.known.iter().position(|flow| flow.ports == ports);
        let index = index.unwrap_or_else(|| {
            self.known.push(Flow {
                ports,
                packets: 0,
                is_cut: false,
            });
            self.known.len() - 1
        });
        let flow = &mut self.known[index];
        flow.packets += 1;
        !flow.is_cut
    }

    /// Cuts one of the flows where it is time to.
    fn cut(&mut self, now: Instant) {
        let Some(every) = self.every.filter(|_| now >= self.next) else {
            return;
        };
        self.next = now + every;
        let flows = self.known.iter_mut().skip(1);
        let mut used: Vec<_> = flows
            .filter(|flow| !flow.is_cut && flow.packets >= USED)
            .collect();
        if !used.is_empty() {
            let chosen = (self.dice.roll() * used.len() as f64) as usize;
            used[chosen].is_cut = true;
            let (a, b) = used[chosen].ports;
            eprintln!("wan_relay: cut the flow between ports {a} and {b}");
        }
        self.known.iter_mut().for_each(|flow| flow.packets = 0);
    }
}

/// The ports of a UDP packet over IPv4.
fn udp_ports(packet: &[u8]) -> Option<(u16, u16)> {
    let first = *packet.first()?;
    let is_udp = first >> 4 == 4 && *packet.get(9)? == 17;
    let ports = packet.get(usize::from(first & 15) * 4..)?.get(..4)?;
    is_udp.then(|| {
        (
            u16::from_be_bytes([ports[0], ports[1]]),
            u16::from_be_bytes([ports[2], ports[3]]),
        )
    })
}

type AnyError = Box<dyn std::error::Error>;

/// The settings of the command line.
struct Settings(BTreeMap<&'static str, f64>);

impl Settings {
    const NAMES: [(&'static str, f64); 11] = [
        ("delay_ms", 0.0),
        ("jitter_ms", 0.0),
        ("rate_mbit", 1000.0),
        ("queue_kb", 256.0),
        ("loss", 0.0),
        ("burst", 1.0),
        ("bad_loss", 100.0),
        ("reorder", 0.0),
        ("reorder_ms", 10.0),
        ("cut_s", 0.0),
        ("seed", 1.0),
    ];

    fn read() -> Result<Self, AnyError> {
        let mut settings: BTreeMap<_, _> = Self::NAMES.into_iter().collect();
        for word in std::env::args().skip(1) {
            let (name, value) = word
                .split_once('=')
                .ok_or_else(|| format!("{word}: not NAME=VALUE"))?;
            let setting = settings
                .get_mut(name)
                .ok_or_else(|| format!("{name}: no such setting"))?;
            *setting = value
                .parse()
                .ok()
                .filter(|it: &f64| it.is_finite() && *it >= 0.0)
                .ok_or("no number")?;
        }
        Ok(Self(settings))
    }

    fn get(&self, name: &str) -> f64 {
        self.0[name]
    }

    fn share(&self, name: &str) -> f64 {
        self.get(name) / 100.0
    }

    fn ms(&self, name: &str) -> Duration {
        Duration::from_secs_f64(self.get(name) / 1e3)
    }

    fn link(&self) -> Result<Link, AnyError> {
        let link = Link {
            delay: self.ms("delay_ms"),
            jitter: self.ms("jitter_ms"),
            loss: self.share("loss"),
            burst: self.get("burst"),
            bad_loss: self.share("bad_loss"),
            reorder: self.share("reorder"),
            late: self.ms("reorder_ms"),
            rate: self.get("rate_mbit") * 1e6 / 8.0,
            queue: self.get("queue_kb") * 1024.0,
        };
        match link.rate > 0.0 && link.loss < link.bad_loss {
            true => Ok(link),
            false => Err("the rate must be above 0, and loss below bad_loss".into()),
        }
    }
}

fn main() -> Result<(), AnyError> {
    let settings = Settings::read()?;
    let link = settings.link()?;
    // Any odd start that is not zero will do.
    let seed = (settings.get("seed") as u64).wrapping_mul(2) + 1;
    let lanes = [
        Lane::new(link, seed),
        Lane::new(link, seed ^ 0x9E37_79B9_7F4A_7C15),
    ];
    let cut = settings.get("cut_s");
    let every = (cut > 0.0).then(|| Duration::from_secs_f64(cut));
    let flows = Flows {
        known: Vec::new(),
        every,
        next: Instant::now() + every.unwrap_or_default(),
        dice: Dice(seed),
    };
    Ok(relay(lanes, flows)?)
}

#[expect(clippy::disallowed_methods, reason = "a network device stands there")]
fn relay(mut lanes: [Lane; 2], mut flows: Flows) -> io::Result<()> {
    let (input, output) = (io::stdin(), io::stdout());
    let devices = [input.as_fd(), output.as_fd()];
    let mut buffer = [0; LONGEST];
    let talks = std::env::var_os("WAN_RELAY_LOG").is_some();
    let mut said = Instant::now();
    loop {
        let now = Instant::now();
        let mut idle = true;
        flows.cut(now);
        for (index, lane) in lanes.iter_mut().enumerate() {
            for _ in 0..TURN {
                let Some(bytes) = receive(devices[index], &mut buffer)? else {
                    break;
                };
                idle = false;
                if flows.pass(&buffer[..bytes], index == 1) {
                    lane.take(&buffer[..bytes], now);
                }
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
