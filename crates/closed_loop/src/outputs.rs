//! Serial ports and targets that rules switch.

use std::io;

use anyhow::{Context, Result, anyhow};
use emit::{EventMessage, EventSender, SerialSender, Target, now_us};
use rules::{Cause, Event, OutputForm, OutputTarget, Rules};

/// The outputs of a rules file, open.
pub struct OpenOutputs {
    outputs: Vec<OpenOutput>,
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
    /// How often something could not be sent, and why the first time.
    failures: u64,
    reason: String,
}

enum OutputSender {
    Serial(SerialSender),
    Target(EventSender),
}

impl OpenOutputs {
    /// Opens everything. Must be called inside the runtime.
    ///
    /// # Errors
    /// An output that cannot be used, by its name.
    pub fn open(rules: &Rules) -> Result<Self> {
        let mut targets: Vec<&OutputTarget> = Vec::new();
        let mut senders = Vec::new();
        let mut outputs = Vec::new();
        for output in &rules.outputs {
            let known = targets.iter().position(|target| **target == output.to);
            let sender = match known {
                Some(index) => index,
                None => {
                    let opened = OutputSender::open(&output.to);
                    senders.push(opened.with_context(|| {
                        format!("[output.{}] of {} cannot be used", output.name, rules.file)
                    })?);
                    targets.push(&output.to);
                    senders.len() - 1
                }
            };
            outputs.push(OpenOutput {
                name: output.name.clone(),
                form: output.form.clone(),
                sender,
                failures: 0,
                reason: String::new(),
            });
        }
        Ok(Self {
            outputs,
            senders,
            source: String::new(),
        })
    }

    /// Opens everything beside the tasks of the runtime: names are looked up, which may take a while.
    ///
    /// # Errors
    /// As of [`open`](Self::open).
    pub async fn open_aside(rules: Rules) -> Result<Self> {
        let open = tokio::task::spawn_blocking(move || Self::open(&rules));
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
        output.note(sent);
    }

    /// Switches everything off, whatever it is.
    pub(crate) fn all_off(&mut self) {
        (0..self.outputs.len()).for_each(|output| self.switch(output, false));
    }

    /// Sends an event to an output.
    pub(crate) fn event(&mut self, output: usize, event: &Event, cause: Cause) {
        let Some(output) = self.outputs.get_mut(output) else {
            return;
        };
        let OutputSender::Target(target) = &mut self.senders[output.sender] else {
            return;
        };
        let sent = target.event(&EventMessage {
            source: &self.source,
            output: &output.name,
            rule: &event.name,
            edge: &event.edge.to_string(),
            cause: &cause.to_string(),
            animal: event.animal.as_deref(),
            frame_id: event.frame_id,
            captured_us: event.captured_us,
            emitted_us: now_us(),
            value: event.value,
        });
        output.note(sent);
    }

    /// What went wrong, one error an output.
    pub(crate) fn failures(&self) -> Vec<anyhow::Error> {
        let failed = self.outputs.iter().filter(|output| output.failures > 0);
        failed
            .map(|output| {
                anyhow!(
                    "the output {} of the rules was not switched {} times: {}",
                    output.name,
                    output.failures,
                    output.reason
                )
            })
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
    fn note(&mut self, sent: io::Result<()>) {
        let Err(error) = sent else { return };
        self.failures += 1;
        if self.failures == 1 {
            self.reason = error.to_string();
            tracing::warn!(
                "the output {} of the rules cannot be switched: {error}; further failures are counted, \
                 everything else goes on",
                self.name
            );
        }
    }
}
