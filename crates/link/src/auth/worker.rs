//! The worker's side: one challenge, one answer, one verdict.

use protocol::{AuthProof, Message};
use tokio::time::{Instant, timeout_at};

use super::error::HandshakeError;
use super::exchange::{AuthChannel, AuthInput};
use super::legacy;
use super::proof::{Nonce, ProofRole, Transcript};
use super::settings::{AUTH_TIMEOUT, Auth, VERDICT_MARGIN};
use crate::connection::Fingerprints;

/// Asks a client for its proof; `Ok` once it has been let in.
///
/// The client proves first: a client that only connects gets nothing that depends on the secret.
/// All of it is over at `deadline`; only the verdict may take a moment more to leave.
pub(super) async fn admit(
    channel: &mut impl AuthChannel,
    auth: &Auth,
    fingerprints: Fingerprints,
    deadline: Instant,
) -> Result<(), HandshakeError> {
    let nonce = Nonce::random().ok_or(HandshakeError::Randomness)?;
    channel
        .send(Message::AuthChallenge(nonce.text()), deadline)
        .await;
    let verdict = match timeout_at(deadline, channel.receive()).await {
        Ok(AuthInput::Message(message)) => judge(auth, nonce, fingerprints, message),
        Ok(AuthInput::Nonsense) => Err(HandshakeError::Missing { said: "nonsense" }),
        Ok(AuthInput::Flood) => Err(HandshakeError::Flood),
        Ok(AuthInput::Closed) => Err(HandshakeError::Left),
        Err(_) => Err(HandshakeError::Timeout {
            waited: AUTH_TIMEOUT,
        }),
    };
    match verdict {
        Ok(proof) => {
            // Before the word: what follows it may be large.
            channel.trust();
            channel
                .send(Message::AuthSuccess(proof), deadline + VERDICT_MARGIN)
                .await;
            Ok(())
        }
        Err(error) => {
            if let Some(reason) = error.refusal() {
                let failure = Message::AuthFailure(reason.to_string());
                channel.send(failure, deadline + VERDICT_MARGIN).await;
            }
            Err(error)
        }
    }
}

/// The worker's own proof, if the client gave one; the error if it may not come in.
fn judge(
    auth: &Auth,
    nonce: Nonce,
    fingerprints: Fingerprints,
    message: Message,
) -> Result<Option<String>, HandshakeError> {
    let secret = match auth {
        Auth::None => return Ok(None),
        Auth::Bound(secret) => Some(secret),
        Auth::Legacy(credentials) => credentials.secret.as_ref(),
    };
    match (message, auth) {
        (Message::AuthProof(AuthProof { nonce: own, proof }), _) => {
            let transcript = Transcript {
                worker_nonce: nonce,
                client_nonce: Nonce::parse(&own).ok_or(HandshakeError::Invalid)?,
                worker: fingerprints.local,
                client: fingerprints.remote,
            };
            let secret = secret.ok_or(HandshakeError::Invalid)?;
            match transcript.verify(secret, ProofRole::Client, &proof) {
                true => Ok(Some(transcript.prove(secret, ProofRole::Worker))),
                false => Err(HandshakeError::Invalid),
            }
        }
        (Message::AuthResponse(answer), _) if answer == legacy::NOTHING => {
            Err(HandshakeError::Missing { said: "nothing" })
        }
        (Message::AuthResponse(answer), Auth::Legacy(credentials)) => {
            match legacy::verify(credentials, &nonce.text(), &answer) {
                true => Ok(None),
                false => Err(HandshakeError::Invalid),
            }
        }
        (Message::AuthResponse(_), _) => Err(HandshakeError::Unbound),
        (other, _) => Err(HandshakeError::Missing { said: other.kind() }),
    }
}
