//! The rules of the client, for people who look at its stream.

use protocol::Message;

use super::{Session, State};

impl Session {
    /// Shows what the client tells of its rules, while it streams.
    pub(super) fn rules(&self, message: Message) {
        let State::Streaming(stream) = &self.state else {
            return;
        };
        let served = &self.context.served;
        match message {
            Message::Zones(zones) => served.client_zones(&stream.route, zones),
            Message::Rules(state) => served.client_state(&stream.route, state),
            Message::ZoneResult(result) => served.zone_answered(result),
            _ => {}
        }
    }

    /// Whether the client streams.
    pub(super) fn is_streaming(&self) -> bool {
        matches!(self.state, State::Streaming(_))
    }
}
