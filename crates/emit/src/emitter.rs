//! All targets of a run.

use std::io;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use protocol::{Prediction, Skeleton};

use crate::counts::{Counts, Emitted, Outcome};
use crate::datagram::Datagrams;
use crate::json;
use crate::osc;
use crate::target::{Form, Target};
use crate::topics::{END, POSE, SKELETON};
use crate::zmq::Publisher;

/// Consumers over UDP may come late and may miss a datagram: they hear of the skeleton this often.
const REMIND: Duration = Duration::from_secs(2);

/// Characters of a source's name that are passed on: it may come from a peer.
const MAX_NAME: usize = 255;

/// A target that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("--emit {target}: {what}")]
pub struct OpenError {
    target: Target,
    what: &'static str,
    source: io::Error,
}

/// What consumers are told of a stream.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stream {
    /// A name for people.
    pub source: String,
    /// What the nodes of the poses are.
    pub skeleton: Skeleton,
}

/// Hands poses to all targets. Nothing here waits for a consumer.
#[derive(Default)]
pub struct Emitter {
    sinks: Vec<Sink>,
    running: Option<Running>,
}

struct Running {
    stream: Stream,
    poses: u64,
    /// When consumers last heard of the skeleton.
    reminded: Instant,
}

struct Sink {
    target: String,
    way: Way,
    counts: Counts,
}

enum Way {
    Json(Datagrams),
    Osc {
        datagrams: Datagrams,
        form: Form,
        writer: osc::Writer,
    },
    Zmq {
        publisher: Publisher,
        /// Messages dropped before this stream.
        dropped_before: u64,
    },
}

impl Emitter {
    /// Opens all targets. Looks up names, which may take a while, and must be called inside the
    /// runtime.
    ///
    /// # Errors
    /// A name that is not known, or an address where no subscriber can be waited for.
    pub fn open(targets: &[Target]) -> Result<Self, OpenError> {
        let sinks = targets.iter().map(Sink::open).collect::<Result<_, _>>()?;
        Ok(Self {
            sinks,
            running: None,
        })
    }

    /// Whether there is nobody to emit to.
    pub fn is_empty(&self) -> bool {
        self.sinks.is_empty()
    }

    /// A stream begins: consumers hear what its nodes are.
    pub fn start(&mut self, stream: Stream) {
        let source = stream.source.chars().take(MAX_NAME).collect();
        let stream = Stream { source, ..stream };
        for sink in &mut self.sinks {
            sink.begin(&stream);
        }
        self.running = Some(Running {
            stream,
            poses: 0,
            reminded: Instant::now(),
        });
        self.remind();
    }

    /// Hands out a frame's poses, in pixels of the source. `captured_us`: when the frame was captured,
    /// microseconds since the Unix epoch by the client's clock.
    ///
    /// Before [`start`](Self::start) it does nothing.
    pub fn pose(&mut self, prediction: &Prediction, captured_us: Option<u64>) {
        let Some(running) = &mut self.running else {
            return;
        };
        running.poses += 1;
        let emitted_us = now_us();
        let writer = json::Writer {
            source: &running.stream.source,
            emitted_us,
        };
        // Made once, if anybody wants it.
        let mut json = None;
        let make = || writer.pose(prediction, captured_us);
        for sink in &mut self.sinks {
            let outcome = match &mut sink.way {
                Way::Json(datagrams) => datagrams.send(json.get_or_insert_with(make)),
                Way::Osc {
                    datagrams, writer, ..
                } => datagrams.send(&writer.pose(prediction, captured_us, emitted_us)),
                Way::Zmq { publisher, .. } => {
                    match publisher.publish(POSE, json.get_or_insert_with(make), true) {
                        0 => Outcome::Unheard,
                        _ => Outcome::Sent,
                    }
                }
            };
            sink.counts.count(outcome);
        }
        if running.reminded.elapsed() >= REMIND {
            self.remind();
        }
    }

    /// What became of the poses of this stream, or of the last one.
    pub fn emitted(&self) -> Vec<Emitted> {
        self.sinks.iter().map(Sink::emitted).collect()
    }

    /// The stream is over: consumers hear of it. Says what became of its poses.
    pub fn end(&mut self) -> Vec<Emitted> {
        let Some(running) = self.running.take() else {
            return Vec::new();
        };
        let writer = json::Writer {
            source: &running.stream.source,
            emitted_us: now_us(),
        };
        let message = writer.end(running.poses);
        self.tell(END, &message, || osc::Writer::end(running.poses));
        for sink in &self.sinks {
            if let Way::Zmq { publisher, .. } = &sink.way {
                publisher.no_welcome();
            }
        }
        self.emitted()
    }

    /// Lets subscribers take what waits for them, for half a second at most.
    pub async fn close(self) {
        for sink in self.sinks {
            if let Way::Zmq { publisher, .. } = sink.way {
                publisher.close().await;
            }
        }
    }

    /// Tells what the nodes are.
    fn remind(&mut self) {
        let Some(running) = &mut self.running else {
            return;
        };
        running.reminded = Instant::now();
        let skeleton = running.stream.skeleton.clone();
        let writer = json::Writer {
            source: &running.stream.source,
            emitted_us: now_us(),
        };
        let message = writer.skeleton(&skeleton);
        for sink in &self.sinks {
            if let Way::Zmq { publisher, .. } = &sink.way {
                publisher.welcome(SKELETON, &message);
            }
        }
        self.tell(SKELETON, &message, || osc::Writer::skeleton(&skeleton));
    }

    /// Sends what is not a pose, and not counted.
    fn tell(&mut self, topic: &'static str, json: &[u8], osc: impl Fn() -> Vec<u8>) {
        for sink in &mut self.sinks {
            match &mut sink.way {
                Way::Json(datagrams) => drop(datagrams.send(json)),
                Way::Osc { datagrams, .. } => drop(datagrams.send(&osc())),
                Way::Zmq { publisher, .. } => {
                    publisher.publish(topic, json, false);
                }
            }
        }
    }
}

impl Sink {
    fn open(target: &Target) -> Result<Self, OpenError> {
        let failed = |what| {
            move |source| OpenError {
                target: target.clone(),
                what,
                source,
            }
        };
        let datagrams =
            |host, port| Datagrams::open(host, port).map_err(failed("nothing can be sent there"));
        let mut name = target.to_string();
        let way = match target {
            Target::Udp { host, port } => Way::Json(datagrams(host, *port)?),
            Target::Osc { host, port, form } => Way::Osc {
                datagrams: datagrams(host, *port)?,
                form: *form,
                writer: osc::Writer::new(*form, &Skeleton::default()),
            },
            Target::Zmq { host, port } => {
                let publisher = Publisher::bind(host, *port)
                    .map_err(failed("no subscriber can be waited for there"))?;
                name = format!("zmq://{}", publisher.address());
                Way::Zmq {
                    publisher,
                    dropped_before: 0,
                }
            }
        };
        tracing::info!("poses go to {name}");
        Ok(Self {
            target: name,
            way,
            counts: Counts::default(),
        })
    }

    fn begin(&mut self, stream: &Stream) {
        self.counts = Counts::default();
        match &mut self.way {
            Way::Json(_) => {}
            Way::Osc { form, writer, .. } => *writer = osc::Writer::new(*form, &stream.skeleton),
            Way::Zmq {
                publisher,
                dropped_before,
            } => *dropped_before = publisher.dropped(),
        }
    }

    fn emitted(&self) -> Emitted {
        let mut counts = self.counts;
        if let Way::Zmq {
            publisher,
            dropped_before,
        } = &self.way
        {
            counts.dropped = publisher.dropped() - dropped_before;
        }
        Emitted {
            target: self.target.clone(),
            counts,
        }
    }
}

/// Microseconds since the Unix epoch; 0 before it.
fn now_us() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
    })
}
