//! All targets of a run.

use std::io;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use protocol::{CaptureClock, DerivedPoses, Prediction, Skeleton};

use crate::counts::{EmitCounts, SendOutcome, TargetCounts};
use crate::datagram::UdpSender;
use crate::frame::EmittedFrame;
use crate::json;
use crate::lsl::LslPoses;
use crate::osc;
use crate::target::{OscLayout, Target};
use crate::topics::{END, POSE, SKELETON};
use crate::zmq::Publisher;

/// How often the skeleton is sent again: consumers over UDP may start late or miss a datagram.
const SKELETON_INTERVAL: Duration = Duration::from_secs(2);

/// The most characters of a source's name that are sent: it may come from a peer.
const MAX_SOURCE_CHARS: usize = 255;

/// A target that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("--emit {target}: {what}")]
pub struct OpenTargetError {
    target: Target,
    what: &'static str,
    source: io::Error,
}

/// The data about a stream that is sent to consumers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StreamInfo {
    /// The source's name, for display.
    pub source: String,
    /// What tells the stream from others that run beside it; `None` where there are none.
    pub name: Option<String>,
    /// The nodes and edges of the poses.
    pub skeleton: Skeleton,
}

/// Tells the streams of an emitter apart: a number that its user chooses.
pub type StreamKey = u64;

/// The key of the stream of a program that has one at a time.
pub const ONLY_STREAM: StreamKey = 0;

/// Sends poses to all targets. Nothing here waits for a consumer.
///
/// Several streams may run at a time, where each has a name.
#[derive(Default)]
pub struct Emitter {
    targets: Vec<TargetQueue>,
    running: Vec<RunningStream>,
    /// The counts of the stream that ended last.
    last: Vec<StreamCounts>,
}

struct RunningStream {
    key: StreamKey,
    info: StreamInfo,
    poses: u64,
    /// When the skeleton was sent last.
    skeleton_sent: Instant,
    /// Of each target.
    counts: Vec<StreamCounts>,
    /// Writers of each target's layout, where it is OSC.
    osc: Vec<Option<osc::OscWriter>>,
}

/// The counts of one stream and one target.
#[derive(Debug, Clone, Copy)]
struct StreamCounts {
    counts: EmitCounts,
    /// Messages that the target's subscribers had lost before this stream.
    dropped_before: u64,
}

struct TargetQueue {
    target: String,
    transport: TargetTransport,
}

enum TargetTransport {
    Json(UdpSender),
    Osc { udp: UdpSender, layout: OscLayout },
    Zmq(Publisher),
    Lsl(LslPoses),
}

impl Emitter {
    /// Opens all targets. Looks up names, which may take a while, and must be called inside the
    /// runtime.
    ///
    /// # Errors
    /// A name that is not known, or an address that cannot be listened on.
    pub fn open(targets: &[Target]) -> Result<Self, OpenTargetError> {
        let targets = targets
            .iter()
            .map(TargetQueue::open)
            .collect::<Result<_, _>>()?;
        Ok(Self {
            targets,
            ..Self::default()
        })
    }

    /// Whether there is no target.
    pub fn is_empty(&self) -> bool {
        self.targets.is_empty()
    }

    /// Begins a stream: sends its skeleton. One with this key ends first.
    pub fn start(&mut self, key: StreamKey, info: StreamInfo) {
        self.end(key);
        let source = info.source.chars().take(MAX_SOURCE_CHARS).collect();
        let info = StreamInfo { source, ..info };
        let begin = |target: &mut TargetQueue| target.begin(&info);
        let counts = self.targets.iter_mut().map(begin).collect();
        let osc = self
            .targets
            .iter()
            .map(|target| target.osc(&info))
            .collect();
        self.running.push(RunningStream {
            key,
            info,
            poses: 0,
            skeleton_sent: Instant::now(),
            counts,
            osc,
        });
        self.send_skeleton(self.running.len() - 1);
    }

    /// Sends a frame's poses, in pixels of the source. `captured_us`: when the frame was captured,
    /// microseconds since the Unix epoch by the client's clock; `clock`: what that was read from.
    ///
    /// Before [`start`](Self::start) it does nothing.
    pub fn pose(
        &mut self,
        key: StreamKey,
        prediction: &Prediction,
        captured_us: Option<u64>,
        clock: Option<CaptureClock>,
    ) {
        let derived = DerivedPoses::default();
        let frame = EmittedFrame {
            captured_us,
            clock,
            moment: None,
        };
        self.pose_with(key, prediction, &derived, frame);
    }

    /// The same, with poses that were computed from these.
    pub fn pose_with(
        &mut self,
        key: StreamKey,
        prediction: &Prediction,
        derived: &DerivedPoses,
        frame: EmittedFrame,
    ) {
        let Some(index) = self.index(key) else {
            return;
        };
        let running = &mut self.running[index];
        running.poses += 1;
        let emitted_us = now_us();
        let writer = running.info.writer(emitted_us);
        // Made once, if a target needs it.
        let mut json = None;
        let make = || writer.pose(prediction, derived, &frame);
        let targets = self.targets.iter_mut().zip(&running.osc);
        for ((target, osc), counts) in targets.zip(&mut running.counts) {
            let outcome = match &mut target.transport {
                TargetTransport::Json(udp) => udp.send(json.get_or_insert_with(make)),
                TargetTransport::Osc { udp, .. } => {
                    let bundle = osc
                        .as_ref()
                        .map(|writer| writer.pose(prediction, derived, &frame, emitted_us));
                    udp.send(&bundle.unwrap_or_default())
                }
                TargetTransport::Lsl(poses) => {
                    let name = running.info.name.as_deref();
                    poses.offer(name, prediction, frame.captured_us, emitted_us)
                }
                TargetTransport::Zmq(publisher) => {
                    match publisher.publish(POSE, json.get_or_insert_with(make), true) {
                        0 => SendOutcome::WithoutSubscriber,
                        _ => SendOutcome::Sent,
                    }
                }
            };
            counts.counts.count(outcome);
        }
        if running.skeleton_sent.elapsed() >= SKELETON_INTERVAL {
            self.send_skeleton(index);
        }
    }

    /// The targets with the counts of the stream that began last, or that ended last.
    pub fn emitted(&self) -> Vec<TargetCounts> {
        let running = self.running.last().map(|running| &running.counts);
        let counts = running.unwrap_or(&self.last).iter().map(Some);
        let counts = counts.chain(std::iter::repeat(None));
        let targets = self.targets.iter().zip(counts);
        let emitted = targets.map(|(target, counts)| target.emitted(counts));
        emitted.collect()
    }

    /// Ends a stream: sends its end, and returns the counts of its poses.
    pub fn end(&mut self, key: StreamKey) -> Vec<TargetCounts> {
        let Some(index) = self.index(key) else {
            return Vec::new();
        };
        let running = self.running.remove(index);
        let message = running.info.writer(now_us()).end(running.poses);
        self.broadcast(END, &message, &running.osc, |osc| osc.end(running.poses));
        for target in &self.targets {
            if let TargetTransport::Zmq(publisher) = &target.transport {
                publisher.clear_initial_message();
            }
        }
        for target in &mut self.targets {
            if let TargetTransport::Lsl(poses) = &mut target.transport {
                poses.end(running.info.name.as_deref());
            }
        }
        if !self.running.is_empty() {
            // Subscribers that come now hear of a stream that runs.
            self.send_skeleton(self.running.len() - 1);
        }
        let targets = self.targets.iter().zip(&running.counts);
        let emitted = targets.map(|(target, counts)| target.emitted(Some(counts)));
        let emitted = emitted.collect();
        self.last = running.counts;
        emitted
    }

    /// Waits until subscribers have taken what is queued for them, for half a second at most.
    pub async fn close(self) {
        for target in self.targets {
            if let TargetTransport::Zmq(publisher) = target.transport {
                publisher.close().await;
            }
        }
    }

    fn index(&self, key: StreamKey) -> Option<usize> {
        self.running.iter().position(|running| running.key == key)
    }

    /// Sends the skeleton of a stream that runs.
    fn send_skeleton(&mut self, index: usize) {
        let running = &mut self.running[index];
        running.skeleton_sent = Instant::now();
        let skeleton = running.info.skeleton.clone();
        let message = running.info.writer(now_us()).skeleton(&skeleton);
        for target in &self.targets {
            if let TargetTransport::Zmq(publisher) = &target.transport {
                publisher.set_initial_message(SKELETON, &message);
            }
        }
        let osc = std::mem::take(&mut running.osc);
        self.broadcast(SKELETON, &message, &osc, |osc| osc.skeleton(&skeleton));
        self.running[index].osc = osc;
    }

    /// Sends a message that is not a pose, and is not counted.
    fn broadcast(
        &mut self,
        topic: &'static str,
        json: &[u8],
        osc: &[Option<osc::OscWriter>],
        bundle: impl Fn(&osc::OscWriter) -> Vec<u8>,
    ) {
        for (target, osc) in self.targets.iter_mut().zip(osc) {
            match &mut target.transport {
                TargetTransport::Json(udp) => drop(udp.send(json)),
                TargetTransport::Osc { udp, .. } => {
                    if let Some(osc) = osc {
                        let _ = udp.send(&bundle(osc));
                    }
                }
                TargetTransport::Zmq(publisher) => {
                    publisher.publish(topic, json, false);
                }
                // Its description has the nodes.
                TargetTransport::Lsl(_) => {}
            }
        }
    }
}

impl TargetQueue {
    fn open(target: &Target) -> Result<Self, OpenTargetError> {
        let failed = |what| {
            move |source| OpenTargetError {
                target: target.clone(),
                what,
                source,
            }
        };
        let udp =
            |host, port| UdpSender::open(host, port).map_err(failed("nothing can be sent there"));
        let mut name = target.to_string();
        let transport = match target {
            Target::Udp { host, port } => TargetTransport::Json(udp(host, *port)?),
            Target::Osc { host, port, layout } => TargetTransport::Osc {
                udp: udp(host, *port)?,
                layout: *layout,
            },
            Target::Lsl { name } => TargetTransport::Lsl(
                LslPoses::open(name).map_err(failed("no stream can be offered"))?,
            ),
            Target::Zmq { host, port } => {
                let publisher = Publisher::bind(host, *port)
                    .map_err(failed("no subscriber can be waited for there"))?;
                name = format!("zmq://{}", publisher.address());
                TargetTransport::Zmq(publisher)
            }
        };
        tracing::info!("poses go to {name}");
        Ok(Self {
            target: name,
            transport,
        })
    }

    /// Begins a stream, with counts of its own.
    fn begin(&mut self, stream: &StreamInfo) -> StreamCounts {
        if let TargetTransport::Lsl(poses) = &mut self.transport {
            poses.begin(stream.name.as_deref(), &stream.skeleton);
        }
        StreamCounts {
            counts: EmitCounts::default(),
            dropped_before: self.dropped(),
        }
    }

    /// What writes a stream for this target, where it is one of OSC.
    fn osc(&self, stream: &StreamInfo) -> Option<osc::OscWriter> {
        let TargetTransport::Osc { layout, .. } = &self.transport else {
            return None;
        };
        let name = stream.name.as_deref();
        Some(osc::OscWriter::new(*layout, name, &stream.skeleton))
    }

    /// Messages that subscribers have lost so far.
    fn dropped(&self) -> u64 {
        match &self.transport {
            TargetTransport::Zmq(publisher) => publisher.dropped(),
            _ => 0,
        }
    }

    /// The target with the counts of a stream. Of several at a time each has all losses of subscribers.
    fn emitted(&self, of: Option<&StreamCounts>) -> TargetCounts {
        let mut counts = of.map_or_else(EmitCounts::default, |of| of.counts);
        if let (TargetTransport::Zmq(_), Some(of)) = (&self.transport, of) {
            counts.dropped = self.dropped() - of.dropped_before;
        }
        TargetCounts {
            target: self.target.clone(),
            counts,
        }
    }
}

impl StreamInfo {
    fn writer(&self, emitted_us: u64) -> json::JsonWriter<'_> {
        json::JsonWriter {
            source: &self.source,
            stream: self.name.as_deref(),
            emitted_us,
        }
    }
}

/// Microseconds since the Unix epoch; 0 before it.
pub fn now_us() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
    })
}
