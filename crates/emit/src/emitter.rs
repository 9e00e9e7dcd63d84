//! All targets of a run.

use std::io;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use protocol::{CaptureClock, DerivedPoses, Prediction, Skeleton};

use crate::counts::{EmitCounts, SendOutcome, TargetCounts};
use crate::datagram::UdpSender;
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
    /// The nodes and edges of the poses.
    pub skeleton: Skeleton,
}

/// Sends poses to all targets. Nothing here waits for a consumer.
#[derive(Default)]
pub struct Emitter {
    targets: Vec<TargetQueue>,
    running: Option<RunningEmitter>,
}

struct RunningEmitter {
    stream: StreamInfo,
    poses: u64,
    /// When the skeleton was sent last.
    skeleton_sent: Instant,
}

struct TargetQueue {
    target: String,
    transport: TargetTransport,
    counts: EmitCounts,
}

enum TargetTransport {
    Json(UdpSender),
    Osc {
        udp: UdpSender,
        layout: OscLayout,
        writer: osc::OscWriter,
    },
    Zmq {
        publisher: Publisher,
        /// Messages dropped before this stream.
        dropped_before: u64,
    },
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
            running: None,
        })
    }

    /// Whether there is no target.
    pub fn is_empty(&self) -> bool {
        self.targets.is_empty()
    }

    /// Begins a stream: sends its skeleton.
    pub fn start(&mut self, stream: StreamInfo) {
        let source = stream.source.chars().take(MAX_SOURCE_CHARS).collect();
        let stream = StreamInfo { source, ..stream };
        for target in &mut self.targets {
            target.begin(&stream);
        }
        self.running = Some(RunningEmitter {
            stream,
            poses: 0,
            skeleton_sent: Instant::now(),
        });
        self.send_skeleton();
    }

    /// Sends a frame's poses, in pixels of the source. `captured_us`: when the frame was captured,
    /// microseconds since the Unix epoch by the client's clock; `clock`: what that was read from.
    ///
    /// Before [`start`](Self::start) it does nothing.
    pub fn pose(
        &mut self,
        prediction: &Prediction,
        captured_us: Option<u64>,
        clock: Option<CaptureClock>,
    ) {
        self.pose_with(prediction, &DerivedPoses::default(), captured_us, clock);
    }

    /// The same, with poses that were computed from these.
    pub fn pose_with(
        &mut self,
        prediction: &Prediction,
        derived: &DerivedPoses,
        captured_us: Option<u64>,
        clock: Option<CaptureClock>,
    ) {
        let Some(running) = &mut self.running else {
            return;
        };
        running.poses += 1;
        let emitted_us = now_us();
        let writer = json::JsonWriter {
            source: &running.stream.source,
            emitted_us,
        };
        // Made once, if a target needs it.
        let mut json = None;
        let make = || writer.pose(prediction, derived, captured_us, clock);
        for target in &mut self.targets {
            let outcome = match &mut target.transport {
                TargetTransport::Json(udp) => udp.send(json.get_or_insert_with(make)),
                TargetTransport::Osc { udp, writer, .. } => {
                    udp.send(&writer.pose(prediction, derived, captured_us, emitted_us))
                }
                TargetTransport::Lsl(poses) => poses.offer(prediction, captured_us, emitted_us),
                TargetTransport::Zmq { publisher, .. } => {
                    match publisher.publish(POSE, json.get_or_insert_with(make), true) {
                        0 => SendOutcome::WithoutSubscriber,
                        _ => SendOutcome::Sent,
                    }
                }
            };
            target.counts.count(outcome);
        }
        if running.skeleton_sent.elapsed() >= SKELETON_INTERVAL {
            self.send_skeleton();
        }
    }

    /// The counts of this stream, or of the last one.
    pub fn emitted(&self) -> Vec<TargetCounts> {
        self.targets.iter().map(TargetQueue::emitted).collect()
    }

    /// Ends the stream: sends its end, and returns the counts of its poses.
    pub fn end(&mut self) -> Vec<TargetCounts> {
        let Some(running) = self.running.take() else {
            return Vec::new();
        };
        let writer = json::JsonWriter {
            source: &running.stream.source,
            emitted_us: now_us(),
        };
        let message = writer.end(running.poses);
        self.broadcast(END, &message, || osc::OscWriter::end(running.poses));
        for target in &self.targets {
            if let TargetTransport::Zmq { publisher, .. } = &target.transport {
                publisher.clear_initial_message();
            }
        }
        self.emitted()
    }

    /// Waits until subscribers have taken what is queued for them, for half a second at most.
    pub async fn close(self) {
        for target in self.targets {
            if let TargetTransport::Zmq { publisher, .. } = target.transport {
                publisher.close().await;
            }
        }
    }

    /// Sends the skeleton.
    fn send_skeleton(&mut self) {
        let Some(running) = &mut self.running else {
            return;
        };
        running.skeleton_sent = Instant::now();
        let skeleton = running.stream.skeleton.clone();
        let writer = json::JsonWriter {
            source: &running.stream.source,
            emitted_us: now_us(),
        };
        let message = writer.skeleton(&skeleton);
        for target in &self.targets {
            if let TargetTransport::Zmq { publisher, .. } = &target.transport {
                publisher.set_initial_message(SKELETON, &message);
            }
        }
        self.broadcast(SKELETON, &message, || osc::OscWriter::skeleton(&skeleton));
    }

    /// Sends a message that is not a pose, and is not counted.
    fn broadcast(&mut self, topic: &'static str, json: &[u8], osc: impl Fn() -> Vec<u8>) {
        for target in &mut self.targets {
            match &mut target.transport {
                TargetTransport::Json(udp) => drop(udp.send(json)),
                TargetTransport::Osc { udp, .. } => drop(udp.send(&osc())),
                TargetTransport::Zmq { publisher, .. } => {
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
                writer: osc::OscWriter::new(*layout, &Skeleton::default()),
            },
            Target::Lsl { name } => TargetTransport::Lsl(
                LslPoses::open(name).map_err(failed("no stream can be offered"))?,
            ),
            Target::Zmq { host, port } => {
                let publisher = Publisher::bind(host, *port)
                    .map_err(failed("no subscriber can be waited for there"))?;
                name = format!("zmq://{}", publisher.address());
                TargetTransport::Zmq {
                    publisher,
                    dropped_before: 0,
                }
            }
        };
        tracing::info!("poses go to {name}");
        Ok(Self {
            target: name,
            transport,
            counts: EmitCounts::default(),
        })
    }

    fn begin(&mut self, stream: &StreamInfo) {
        self.counts = EmitCounts::default();
        match &mut self.transport {
            TargetTransport::Json(_) => {}
            TargetTransport::Lsl(poses) => poses.begin(&stream.skeleton),
            TargetTransport::Osc { layout, writer, .. } => {
                *writer = osc::OscWriter::new(*layout, &stream.skeleton)
            }
            TargetTransport::Zmq {
                publisher,
                dropped_before,
            } => *dropped_before = publisher.dropped(),
        }
    }

    fn emitted(&self) -> TargetCounts {
        let mut counts = self.counts;
        if let TargetTransport::Zmq {
            publisher,
            dropped_before,
        } = &self.transport
        {
            counts.dropped = publisher.dropped() - dropped_before;
        }
        TargetCounts {
            target: self.target.clone(),
            counts,
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
