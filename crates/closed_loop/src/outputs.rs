//! Serial ports and targets that rules switch.

use std::io;

use anyhow::{Context, Result, anyhow};
use emit::{EventMessage, EventSender, SerialSender, Target, now_us};
use rules::{Cause, Event, OutputForm, OutputTarget, Rules};

/// The outputs of a rules file, open.
pub struct OpenOutputs {
    outputs: Vec<OpenOutput>,
    /// Streams of all events, whatever the rules do.
    streams: Vec<OpenOutput>,
    /// Several outputs may share one.
    senders: Vec<OutputSender>,
    /// The stream's name for people.
    pub(crate) source: String,
}

struct OpenOutput {
    name: String,
    form: OutputForm,
    /// Index of its sender.
    sender: usize,
    failed: Failures,
}

/// What an output was not sent.
struct Failures {
    /// What it means that something was not sent, for people.
    meaning: String,
    count: u64,
    /// Why, the first time.
    reason: String,
}

enum OutputSender {
    Serial(SerialSender),
    Target(EventSender),
}

impl OpenOutputs {
    /// Opens everything. `emit`: where poses go; a stream of Lab Streaming Layer among these has one of all events beside it.
    /// Must be called inside the runtime.
    ///
    /// # Errors
    /// An output that cannot be used, by its name.
    pub fn open(rules: &Rules, emit: &[Target]) -> Result<Self> {
        let mut targets: Vec<&OutputTarget> = Vec::new();
        let mut opened = Self {
            outputs: Vec::new(),
            streams: Vec::new(),
            senders: Vec::new(),
            source: String::new(),
        };
        for output in &rules.outputs {
            let known = targets.iter().position(|target| **target == output.to);
            let sender = match known {
                Some(index) => index,
                None => {
                    let sender = OutputSender::open(&output.to).with_context(|| {
                        format!("[output.{}] of {} cannot be used", output.name, rules.file)
                    })?;
                    targets.push(&output.to);
                    opened.add(sender)
                }
            };
            opened.outputs.push(OpenOutput {
                name: output.name.clone(),
                form: output.form.clone(),
                sender,
                failed: Failures::new(format!(
                    "the output {} of the rules was not switched",
                    output.name
                )),
            });
        }
        let streams = emit.iter().filter(|to| matches!(to, Target::Lsl { .. }));
        for (url, to) in streams.map(|to| (to.to_string(), to)) {
            let known = targets
                .iter()
                .position(|known| matches!(known, OutputTarget::Url(known) if *known == url));
            let sender = match known {
                Some(index) => index,
                None => {
                    let sender = EventSender::open(to)
                        .with_context(|| format!("the events for {url} cannot be offered"))?;
                    opened.add(OutputSender::Target(sender))
                }
            };
            opened.streams.push(OpenOutput {
                name: url.clone(),
                form: OutputForm::Events,
                sender,
                failed: Failures::new(format!("an event was not offered to {url}")),
            });
        }
        Ok(opened)
    }

    /// Opens everything beside the tasks of the runtime: names are looked up, which may take a while.
    ///
    /// # Errors
    /// As of [`open`](Self::open).
    pub async fn open_aside(rules: Rules, emit: Vec<Target>) -> Result<Self> {
        let open = tokio::task::spawn_blocking(move || Self::open(&rules, &emit));
        let opened = open.await;
        opened.context("opening the outputs of the rules stopped unexpectedly")?
    }

    fn add(&mut self, sender: OutputSender) -> usize {
        self.senders.push(sender);
        self.senders.len() - 1
    }

    /// Switches an output.
    pub(crate) fn switch(&mut self, output: usize, is_on: bool) {
        let Some(output) = self.outputs.get_mut(output) else {
            return;
        };
        let OutputForm::Switch { on, off } = &output.form else {
            return;
        };
        let bytes = if is_on { on } else { off };
        let sent = match &mut self.senders[output.sender] {
            OutputSender::Serial(port) => port.send(bytes),
            OutputSender::Target(target) => target.bytes(bytes),
        };
        output.failed.note(sent);
    }

    /// Switches everything off, whatever it is.
    pub(crate) fn all_off(&mut self) {
        (0..self.outputs.len()).for_each(|output| self.switch(output, false));
    }

    /// Sends an event to the outputs that are informed of it, and to the streams of all events.
    pub(crate) fn event(&mut self, informed: &[usize], event: &Event, cause: Cause) {
        let of_all: Vec<usize> = self.streams.iter().map(|stream| stream.sender).collect();
        for output in informed {
            if let Some(output) = self.outputs.get_mut(*output)
                // An output to a stream of all events is told once.
                && !of_all.contains(&output.sender)
            {
                output.tell(&mut self.senders, &self.source, event, cause);
            }
        }
        for stream in &mut self.streams {
            stream.tell(&mut self.senders, &self.source, event, cause);
        }
    }

    /// What went wrong, one error an output.
    pub(crate) fn failures(&self) -> Vec<anyhow::Error> {
        let all = self.outputs.iter().chain(&self.streams);
        let failed = all.map(|output| &output.failed).filter(|it| it.count > 0);
        failed
            .map(|it| anyhow!("{} {} times: {}", it.meaning, it.count, it.reason))
            .collect()
    }

    /// Waits until ZeroMQ subscribers have taken what is queued for them.
    pub(crate) async fn close(self) {
        for sender in self.senders {
            if let OutputSender::Target(target) = sender {
                target.close().await;
            }
        }
    }
}

impl OutputSender {
    fn open(to: &OutputTarget) -> Result<Self> {
        Ok(match to {
            OutputTarget::Serial { port, baud } => {
                let opened = SerialSender::open(port, *baud);
                Self::Serial(opened.with_context(|| format!("the serial port {port}"))?)
            }
            OutputTarget::Url(url) => {
                let target: Target = url.parse()?;
                Self::Target(EventSender::open(&target).with_context(|| url.clone())?)
            }
        })
    }
}

impl OpenOutput {
    fn tell(&mut self, senders: &mut [OutputSender], source: &str, event: &Event, cause: Cause) {
        let OutputSender::Target(target) = &mut senders[self.sender] else {
            return;
        };
        let sent = target.event(&EventMessage {
            source,
            output: &self.name,
            rule: &event.name,
            edge: &event.edge.to_string(),
            cause: &cause.to_string(),
            animal: event.animal.as_deref(),
            frame_id: event.frame_id,
            captured_us: event.captured_us,
            emitted_us: now_us(),
            value: event.value,
        });
        self.failed.note(sent);
    }
}

impl Failures {
    fn new(meaning: String) -> Self {
        Self {
            meaning,
            count: 0,
            reason: String::new(),
        }
    }

    fn note(&mut self, sent: io::Result<()>) {
        let Err(error) = sent else { return };
        self.count += 1;
        if self.count == 1 {
            self.reason = error.to_string();
            tracing::warn!(
                "{}: {error}; further failures are counted, everything else goes on",
                self.meaning
            );
        }
    }
}
