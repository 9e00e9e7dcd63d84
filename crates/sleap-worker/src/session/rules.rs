//! The rules of the client, for people who look at its stream.

use protocol::Message;

use super::{Session, State};

impl Session {
    /// Shows what the client tells of its rules, while it streams.
    pub(super) fn rules(&self, message: Message) {
        let shown = self.context.current.rules();
        match message {
            _ if !self.is_streaming() => {}
            Message::Zones(zones) => shown.client_zones(zones),
            Message::Rules(state) => shown.client_state(state),
            Message::ZoneResult(result) => shown.answered(result),
            _ => {}
        }
    }

    /// Whether the client streams.
    pub(super) fn is_streaming(&self) -> bool {
        matches!(self.state, State::Streaming(_))
    }
}
