//! Serial ports and targets that rules switch.

use std::io;

use anyhow::{Context, Result, anyhow};
use emit::{EventMessage, EventSender, SerialSender, Target, now_us};
use rules::{Cause, Event, OutputForm, OutputTarget, Rules};

use crate::source::EventOrigin;

/// The outputs of a rules file, open.
pub struct OpenOutputs {
    outputs: Vec<OpenOutput>,
    /// Streams of all events, whatever the rules do.
    streams: Vec<OpenOutput>,
    /// Several outputs may share one.
    senders: Vec<OutputSender>,
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
        let mut targets = Vec::new();
        let mut opened = Self {
            outputs: Vec::new(),
            streams: Vec::new(),
            senders: Vec::new(),
        };
        for output in &rules.outputs {
            let name = &output.name;
            let sender = opened.sender(&output.to, &mut targets);
            opened.outputs.push(OpenOutput {
                name: name.clone(),
                form: output.form.clone(),
                sender: sender
                    .with_context(|| format!("[output.{name}] of {} cannot be used", rules.file))?,
                failed: Failures::new(format!("the output {name} of the rules was not switched")),
            });
        }
        for to in emit.iter().filter(|to| matches!(to, Target::Lsl { .. })) {
            let url = to.to_string();
            let sender = opened
                .sender(&OutputTarget::Url(url.clone()), &mut targets)
                .with_context(|| format!("the events for {url} cannot be offered"))?;
            // A stream that is named twice is told once.
            if opened.streams.iter().any(|it| it.sender == sender) {
                continue;
            }
            opened.streams.push(OpenOutput {
                sender,
                form: OutputForm::Events,
                failed: Failures::new(format!("an event was not offered to {url}")),
                name: url,
            });
        }
        Ok(opened)
    }

    /// Index of the sender for this target, which is opened where none of `targets` is the same; they are in the senders'
    /// order.
    fn sender(&mut self, to: &OutputTarget, targets: &mut Vec<OutputTarget>) -> Result<usize> {
        if let Some(index) = targets.iter().position(|target| target == to) {
            return Ok(index);
        }
        self.senders.push(OutputSender::open(to)?);
        targets.push(to.clone());
        Ok(targets.len() - 1)
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
    pub(crate) fn event(
        &mut self,
        informed: &[usize],
        event: &Event,
        cause: Cause,
        origin: &EventOrigin,
    ) {
        for output in informed {
            let Some(output) = self.outputs.get_mut(*output) else {
                continue;
            };
            // An output to a stream of all events is told once.
            let is_told = self.streams.iter().any(|it| it.sender == output.sender);
            if !is_told {
                output.tell(&mut self.senders, event, cause, origin);
            }
        }
        for stream in &mut self.streams {
            stream.tell(&mut self.senders, event, cause, origin);
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
    fn tell(
        &mut self,
        senders: &mut [OutputSender],
        event: &Event,
        cause: Cause,
        origin: &EventOrigin,
    ) {
        let OutputSender::Target(target) = &mut senders[self.sender] else {
            return;
        };
        let sent = target.event(&EventMessage {
            source: &origin.source.source,
            stream: origin.source.stream.as_deref(),
            moment: origin.moment,
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
