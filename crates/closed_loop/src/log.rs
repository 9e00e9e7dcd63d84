//! Writes events down, on a thread of its own.

use std::path::PathBuf;
use std::thread::{self, JoinHandle};

use anyhow::{Context, Result, anyhow};
use crossbeam_channel::{Receiver, Sender, bounded};
use labels::{CreateError, EventRow, EventsWriter, OriginColumns};
use rules::{Cause, Event};
use serde_json::{Value, json};

use crate::source::EventOrigin;

/// Events that may wait for the disk.
const LOG_QUEUE_LEN: usize = 4096;

/// An event, and what was done about it.
#[derive(Debug, Clone)]
pub struct LoggedEvent {
    /// The event.
    pub event: Event,
    /// Why it came.
    pub cause: Cause,
    /// When its outputs had been given their bytes, microseconds since 1970.
    pub acted_us: Option<u64>,
    /// Where it comes from.
    pub origin: EventOrigin,
}

impl LoggedEvent {
    /// The event as JSON, with the time at which its outputs had been given their bytes, and with its camera and moment where
    /// there are several cameras.
    pub fn json(&self) -> Value {
        let mut fields = event_json(&self.event, self.cause);
        fields["acted_us"] = json!(self.acted_us);
        if let Some(camera) = &self.origin.source.stream {
            fields["camera"] = json!(camera);
            fields["moment"] = json!(self.origin.moment);
        }
        fields
    }
}

/// Reports events beside their file, on the thread that writes it.
pub type EventReporter = Box<dyn Fn(&LoggedEvent) + Send>;

/// The file of events.
#[derive(Debug, Clone)]
pub struct EventsFile {
    /// Where it is.
    pub path: PathBuf,
    /// What becomes of one that is there.
    pub existing: ExistingEvents,
    /// Columns that tell streams apart.
    pub origin: OriginColumns,
}

/// What becomes of a file of events that is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExistingEvents {
    /// It is an error.
    Refused,
    /// It is replaced.
    Replaced,
    /// Events are added to it.
    Continued,
}

impl EventsFile {
    fn open(&self) -> Result<EventsWriter, CreateError> {
        match self.existing {
            ExistingEvents::Refused => EventsWriter::create(&self.path, false, self.origin),
            ExistingEvents::Replaced => EventsWriter::create(&self.path, true, self.origin),
            ExistingEvents::Continued => EventsWriter::append(&self.path, self.origin),
        }
    }
}

/// Writes events to a file, and reports them.
pub(crate) struct EventLog {
    queue: Option<Sender<LoggedEvent>>,
    thread: Option<JoinHandle<Result<()>>>,
    file: Option<String>,
    pub(crate) events: u64,
    lost: u64,
}

impl EventLog {
    /// `file`: where they are written; `reporter`: how they are reported.
    pub(crate) fn start(
        file: Option<&EventsFile>,
        reporter: Option<EventReporter>,
    ) -> Result<Self> {
        let writer = file.map(EventsFile::open).transpose()?;
        let (queue, events) = bounded(LOG_QUEUE_LEN);
        let thread = thread::Builder::new()
            .name("rule-events".to_owned())
            .spawn(move || run(writer, reporter, &events))
            .context("cannot start a thread for events")?;
        Ok(Self {
            queue: Some(queue),
            thread: Some(thread),
            file: file.map(|file| file.path.display().to_string()),
            events: 0,
            lost: 0,
        })
    }

    /// Takes an event, without waiting.
    pub(crate) fn push(&mut self, event: LoggedEvent) {
        self.events += 1;
        let queue = self.queue.as_ref();
        if queue.is_none_or(|queue| queue.try_send(event).is_err()) {
            self.lost += 1;
        }
    }

    /// Waits until everything is written; what went wrong.
    pub(crate) fn finish(mut self) -> Vec<anyhow::Error> {
        let mut wrong = Vec::new();
        self.queue = None;
        let file = self.file.as_deref().unwrap_or("a report");
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(Err(error))) => {
                wrong.push(error.context(format!("cannot write events to {file}")))
            }
            Some(Err(_)) => wrong.push(anyhow!(
                "the thread that writes events stopped unexpectedly"
            )),
            Some(Ok(Ok(()))) | None => {}
        }
        if self.lost > 0 && self.file.is_some() {
            wrong.push(anyhow!(
                "{file} lacks {} of {} events: the disk took them too slowly, or not at all",
                self.lost,
                self.events
            ));
        }
        wrong
    }
}

impl Drop for EventLog {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take() {
            // Its outcome is taken by `finish`.
            let _ = thread.join();
        }
    }
}

fn run(
    mut writer: Option<EventsWriter>,
    reporter: Option<EventReporter>,
    events: &Receiver<LoggedEvent>,
) -> Result<()> {
    for logged in events {
        if let Some(report) = &reporter {
            report(&logged);
        }
        if let Some(writer) = &mut writer {
            writer.write(&row(&logged))?;
            // Events are rare: each is on its way to the disk before the next one is waited for.
            if events.is_empty() {
                writer.flush()?;
            }
        }
    }
    if let Some(writer) = &mut writer {
        writer.flush()?;
    }
    Ok(())
}

fn row(logged: &LoggedEvent) -> EventRow {
    let event = &logged.event;
    EventRow {
        frame_id: event.frame_id,
        animal: event.animal.clone(),
        rule: event.name.clone(),
        edge: event.edge.to_string(),
        cause: logged.cause.to_string(),
        captured_us: event.captured_us,
        acted_us: logged.acted_us,
        value: event.value,
        stream: logged.origin.source.stream.clone(),
        moment: logged.origin.moment,
    }
}

/// An event as JSON.
pub fn event_json(event: &Event, cause: Cause) -> Value {
    json!({
        "frame_id": event.frame_id,
        "animal": event.animal,
        "rule": event.name,
        "edge": event.edge.to_string(),
        "cause": cause.to_string(),
        "captured_us": event.captured_us,
        "value": event.value,
    })
}
