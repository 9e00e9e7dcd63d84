//! Events of rules, for other programs.

use std::io;

use serde::Serialize;

use crate::counts::SendOutcome;
use crate::datagram::UdpSender;
use crate::event_message::EventMessage;
use crate::json::VERSION;
use crate::lsl::LslEvents;
use crate::osc::OscWriter;
use crate::target::Target;
use crate::topics::EVENT;
use crate::zmq::Publisher;

#[derive(Serialize)]
struct JsonEvent<'a> {
    r#type: &'static str,
    version: u32,
    #[serde(flatten)]
    event: &'a EventMessage<'a>,
}

fn json(event: &EventMessage<'_>) -> Vec<u8> {
    let message = JsonEvent {
        r#type: EVENT,
        version: VERSION,
        event,
    };
    serde_json::to_vec(&message).expect("strings and numbers are always JSON")
}

/// Sends events, or bytes, to one target. Nothing here waits for a consumer.
pub struct EventSender(EventTransport);

enum EventTransport {
    Udp(UdpSender),
    Osc(UdpSender),
    Zmq(Publisher),
    Lsl(LslEvents),
}

impl EventSender {
    /// Opens a target. Looks up names, which may take a while, and must be called inside the runtime.
    ///
    /// # Errors
    /// A name that is not known, or an address that cannot be listened on.
    pub fn open(target: &Target) -> io::Result<Self> {
        Ok(Self(match target {
            Target::Udp { host, port } => EventTransport::Udp(UdpSender::open(host, *port)?),
            Target::Osc { host, port, .. } => EventTransport::Osc(UdpSender::open(host, *port)?),
            Target::Lsl { name } => EventTransport::Lsl(LslEvents::open(name)?),
            Target::Zmq { host, port } => {
                let publisher = Publisher::bind(host, *port)?;
                tracing::info!("events go to zmq://{}", publisher.address());
                EventTransport::Zmq(publisher)
            }
        }))
    }

    /// Sends an event.
    ///
    /// # Errors
    /// The system did not take it.
    pub fn event(&mut self, event: &EventMessage<'_>) -> io::Result<()> {
        match &mut self.0 {
            EventTransport::Udp(udp) => check(udp.send(&json(event))),
            EventTransport::Osc(udp) => check(udp.send(&OscWriter::event(event))),
            EventTransport::Lsl(events) => events.event(event),
            EventTransport::Zmq(publisher) => {
                // An event without a subscriber is none of the publisher's failures.
                publisher.publish(EVENT, &json(event), true);
                Ok(())
            }
        }
    }

    /// Sends bytes as they are.
    ///
    /// # Errors
    /// The system did not take them, or the target takes events only (OSC, Lab Streaming Layer).
    pub fn bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.0 {
            EventTransport::Udp(udp) => check(udp.send(bytes)),
            EventTransport::Osc(_) | EventTransport::Lsl(_) => {
                Err(io::ErrorKind::Unsupported.into())
            }
            EventTransport::Zmq(publisher) => {
                publisher.publish(EVENT, bytes, true);
                Ok(())
            }
        }
    }

    /// Waits until subscribers have taken what is queued for them, for half a second at most.
    pub async fn close(self) {
        if let EventTransport::Zmq(publisher) = self.0 {
            publisher.close().await;
        }
    }
}

fn check(outcome: SendOutcome) -> io::Result<()> {
    match outcome {
        SendOutcome::Sent | SendOutcome::WithoutSubscriber => Ok(()),
        SendOutcome::Dropped => Err(io::Error::other("the system's queue is full")),
        SendOutcome::TooLarge => Err(io::Error::other("it is too large for a datagram")),
        SendOutcome::Failed => Err(io::Error::other("the system refused it")),
    }
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;

    use rosc::{OscMessage, OscPacket, OscType};
    use serde_json::{Value, json};

    use super::*;

    const EVENT: EventMessage<'static> = EventMessage {
        source: "mouse.mp4",
        stream: None,
        moment: None,
        output: "light",
        rule: "corner",
        edge: "enter",
        cause: "condition",
        animal: Some("track_0"),
        frame_id: 7,
        captured_us: 10_000_001,
        emitted_us: 20,
        value: Some(1.5),
    };

    fn consumer(scheme: &str) -> (UdpSocket, EventSender) {
        let consumer = UdpSocket::bind("127.0.0.1:0").unwrap();
        let url = format!("{scheme}://{}", consumer.local_addr().unwrap());
        let sender = EventSender::open(&url.parse().unwrap()).unwrap();
        (consumer, sender)
    }

    fn received(consumer: &UdpSocket) -> Vec<u8> {
        let mut buffer = [0; 2048];
        let bytes = consumer.recv(&mut buffer).unwrap();
        buffer[..bytes].to_vec()
    }

    #[test]
    fn an_event_is_a_json_object_over_udp_and_bytes_are_bytes() {
        let (consumer, mut sender) = consumer("udp");
        sender.event(&EVENT).unwrap();
        let message: Value = serde_json::from_slice(&received(&consumer)).unwrap();
        assert_eq!(
            message,
            json!({
                "type": "event", "version": 1, "source": "mouse.mp4", "output": "light",
                "rule": "corner", "edge": "enter", "cause": "condition", "animal": "track_0",
                "frame_id": 7, "captured_us": 10_000_001, "emitted_us": 20, "value": 1.5,
            })
        );
        let of_camera = EventMessage {
            stream: Some("back"),
            moment: Some(12),
            ..EVENT
        };
        sender.event(&of_camera).unwrap();
        let message: Value = serde_json::from_slice(&received(&consumer)).unwrap();
        assert_eq!(
            (&message["stream"], &message["moment"]),
            (&"back".into(), &12.into())
        );
        sender.bytes(b"1\n").unwrap();
        assert_eq!(received(&consumer), b"1\n");
    }

    /// The only message of a bundle.
    fn osc_message(bytes: &[u8]) -> OscMessage {
        let (_, packet) = rosc::decoder::decode_udp(bytes).unwrap();
        let OscPacket::Bundle(mut bundle) = packet else {
            panic!("no bundle");
        };
        let OscPacket::Message(message) = bundle.content.swap_remove(0) else {
            panic!("no message");
        };
        message
    }

    #[test]
    fn an_event_is_a_message_over_osc() {
        let (consumer, mut sender) = consumer("osc");
        sender.event(&EVENT).unwrap();
        let message = osc_message(&received(&consumer));
        assert_eq!(message.addr, "/sleap/event");
        assert_eq!(
            message.args,
            [
                OscType::String("light".into()),
                OscType::String("corner".into()),
                OscType::Int(1),
                OscType::String("track_0".into()),
                OscType::Int(7),
                OscType::Int(10),
                OscType::Int(1),
                OscType::Float(1.5),
                OscType::String("condition".into()),
            ]
        );
        let of_camera = EventMessage {
            stream: Some("back/1"),
            moment: Some(12),
            ..EVENT
        };
        sender.event(&of_camera).unwrap();
        let message = osc_message(&received(&consumer));
        assert_eq!(message.addr, "/sleap/back_1/event");
        assert_eq!(message.args.last(), Some(&OscType::Int(12)));
        assert!(sender.bytes(b"1").is_err());
    }
}
