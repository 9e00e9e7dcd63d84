//! The exchange over a channel in memory, in virtual time, and against the vectors of the specification.

mod exchange;
mod hostile;
mod proof;

use protocol::Message;
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::exchange::{AuthChannel, AuthInput};
use super::settings::AUTH_TIMEOUT;
use super::*;
use crate::connection::{Fingerprint, Fingerprints};

const WORKER: Fingerprint = [1; 32];
const CLIENT: Fingerprint = [2; 32];
const OF_WORKER: Fingerprints = Fingerprints {
    local: WORKER,
    remote: CLIENT,
};
const OF_CLIENT: Fingerprints = Fingerprints {
    local: CLIENT,
    remote: WORKER,
};

struct MemoryChannel {
    out: mpsc::Sender<Message>,
    into: mpsc::Receiver<Message>,
}

fn memory_channel() -> (MemoryChannel, MemoryChannel) {
    let ((there, from_there), (here, from_here)) = (mpsc::channel(64), mpsc::channel(64));
    let client = MemoryChannel {
        out: there,
        into: from_here,
    };
    let worker = MemoryChannel {
        out: here,
        into: from_there,
    };
    (client, worker)
}

impl MemoryChannel {
    async fn send_now(&self, message: Message) {
        self.send(message, deadline()).await;
    }
}

fn deadline() -> Instant {
    Instant::now() + AUTH_TIMEOUT
}

impl AuthChannel for MemoryChannel {
    async fn send(&self, message: Message, until: Instant) {
        let _ = tokio::time::timeout_at(until, self.out.send(message)).await;
    }

    async fn receive(&mut self) -> AuthInput {
        self.into
            .recv()
            .await
            .map_or(AuthInput::Closed, AuthInput::Message)
    }

    fn trust(&self) {}
}

fn secret(byte: u8) -> Secret {
    encoding::encode(&[byte; 32]).parse().expect("a secret")
}

fn legacy(secret: Option<Secret>) -> LegacyCredentials {
    LegacyCredentials {
        secret,
        ..LegacyCredentials::default()
    }
}

async fn both(client: Auth, worker: Auth) -> (Result<(), AuthError>, Result<(), HandshakeError>) {
    let (mut here, mut there) = memory_channel();
    tokio::join!(
        client::prove_over(&mut here, &client, OF_CLIENT),
        worker::admit(&mut there, &worker, OF_WORKER, deadline()),
    )
}

fn refused() -> Result<(), AuthError> {
    let reason = AuthRefusal::Invalid;
    Err(AuthError::Refused { reason })
}

fn vectors() -> Value {
    let text = include_str!("../../../../protocol/tests/vectors/auth.json");
    serde_json::from_str(text).expect("vectors")
}
