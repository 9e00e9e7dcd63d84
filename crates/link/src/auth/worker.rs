//! The worker's side: one challenge, one answer, one verdict.

use protocol::{AuthProof, Message};
use tokio::time::{Instant, timeout_at};

use super::proof::{Fingerprints, Nonce, Role, Transcript};
use super::wire::{Heard, Wire};
use super::{AUTH_TIMEOUT, Auth, PARTING, plain};
use crate::error::GuestError;

/// Asks a client for its proof; `Ok` once it has been let in.
///
/// The client proves first: whoever merely calls a worker gets nothing that depends on the secret.
/// All of it is over at `deadline`; only the verdict may take a moment more to leave.
pub(super) async fn admit(
    wire: &mut impl Wire,
    auth: &Auth,
    fingerprints: Fingerprints,
    deadline: Instant,
) -> Result<(), GuestError> {
    let nonce = Nonce::random().ok_or(GuestError::Randomness)?;
    wire.send(Message::AuthChallenge(nonce.text()), deadline)
        .await;
    let verdict = match timeout_at(deadline, wire.hear()).await {
        Ok(Heard::Message(message)) => judge(auth, nonce, fingerprints, message),
        Ok(Heard::Nonsense) => Err(GuestError::Missing { said: "nonsense" }),
        Ok(Heard::Flood) => Err(GuestError::Flood),
        Ok(Heard::Closed) => Err(GuestError::Left),
        Err(_) => Err(GuestError::Timeout {
            waited: AUTH_TIMEOUT,
        }),
    };
    match verdict {
        Ok(proof) => {
            // Before the word: what follows it may be large.
            wire.trust();
            wire.send(Message::AuthSuccess(proof), deadline + PARTING)
                .await;
            Ok(())
        }
        Err(error) => {
            if let Some(word) = error.word() {
                let failure = Message::AuthFailure(word.to_owned());
                wire.send(failure, deadline + PARTING).await;
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
) -> Result<Option<String>, GuestError> {
    let secret = match auth {
        Auth::None => return Ok(None),
        Auth::Bound(secret) => Some(secret),
        Auth::Plain(plain) => plain.secret.as_ref(),
    };
    match (message, auth) {
        (Message::AuthProof(AuthProof { nonce: own, proof }), _) => {
            let transcript = Transcript {
                worker_nonce: nonce,
                client_nonce: Nonce::parse(&own).ok_or(GuestError::Invalid)?,
                worker: fingerprints.local,
                client: fingerprints.remote,
            };
            let secret = secret.ok_or(GuestError::Invalid)?;
            match transcript.verify(secret, Role::Client, &proof) {
                true => Ok(Some(transcript.prove(secret, Role::Worker))),
                false => Err(GuestError::Invalid),
            }
        }
        (Message::AuthResponse(answer), _) if answer == plain::NOTHING => {
            Err(GuestError::Missing { said: "nothing" })
        }
        (Message::AuthResponse(answer), Auth::Plain(plain)) => {
            match plain::verify(plain, &nonce.text(), &answer) {
                true => Ok(None),
                false => Err(GuestError::Invalid),
            }
        }
        (Message::AuthResponse(_), _) => Err(GuestError::Unbound),
        (other, _) => Err(GuestError::Missing { said: other.kind() }),
    }
}
