//! The client's side: wait for the challenge, answer it, see the worker's own proof.

use protocol::{AuthProof, Message};
use tokio::time::{Instant, timeout};

use super::error::{AuthError, PeerError};
use super::exchange::{AuthChannel, AuthInput, PeerAuthChannel};
use super::legacy;
use super::proof::{Nonce, ProofRole, Transcript};
use super::refusal::AuthRefusal;
use super::secret::Secret;
use super::settings::{AUTH_TIMEOUT, Auth};
use crate::connection::{Connection, Fingerprints};

/// Messages of other kinds that a worker may send before one about authentication.
const MAX_IGNORED: usize = 16;

/// Proves to the worker behind `connection`, and has it prove to this side, what `auth` asks for; at
/// once where that is nothing.
pub(crate) async fn prove(connection: &Connection, auth: &Auth) -> Result<(), PeerError> {
    if auth.is_none() {
        return Ok(());
    }
    let fingerprints = connection.fingerprints().await?;
    let mut channel = PeerAuthChannel::new(connection);
    Ok(prove_over(&mut channel, auth, fingerprints).await?)
}

pub(super) async fn prove_over(
    channel: &mut impl AuthChannel,
    auth: &Auth,
    fingerprints: Fingerprints,
) -> Result<(), AuthError> {
    let waited = AUTH_TIMEOUT;
    let challenge = timeout(waited, next_reply(channel)).await;
    let challenge = match challenge.map_err(|_| AuthError::NotAsked { waited })?? {
        WorkerReply::Challenge(challenge) => challenge,
        WorkerReply::Success(_) => return Err(AuthError::NotAsked { waited }),
    };
    let asked = match auth {
        Auth::None => return Ok(()),
        Auth::Bound(secret) => {
            let transcript = transcript(&challenge, fingerprints)?;
            let answer = AuthProof {
                nonce: transcript.client_nonce.text(),
                proof: transcript.prove(secret, ProofRole::Client),
            };
            channel
                .send(Message::AuthProof(answer), Instant::now() + waited)
                .await;
            Some((secret, transcript))
        }
        Auth::Legacy(credentials) => {
            let answer = legacy::answer(credentials, &challenge).ok_or(AuthError::Challenge)?;
            channel
                .send(Message::AuthResponse(answer), Instant::now() + waited)
                .await;
            None
        }
    };
    let verdict = timeout(waited, next_reply(channel)).await;
    match verdict.map_err(|_| AuthError::NoVerdict { waited })?? {
        WorkerReply::Success(proof) => check(asked, proof.as_deref())?,
        WorkerReply::Challenge(_) => return Err(AuthError::Challenge),
    }
    channel.trust();
    Ok(())
}

fn transcript(challenge: &str, fingerprints: Fingerprints) -> Result<Transcript, AuthError> {
    Ok(Transcript {
        worker_nonce: Nonce::parse(challenge).ok_or(AuthError::Challenge)?,
        client_nonce: Nonce::random().ok_or(AuthError::Randomness)?,
        worker: fingerprints.remote,
        client: fingerprints.local,
    })
}

/// Whether the worker proved what it was asked to.
fn check(asked: Option<(&Secret, Transcript)>, proof: Option<&str>) -> Result<(), AuthError> {
    let Some((secret, transcript)) = asked else {
        return Ok(());
    };
    match proof {
        Some(proof) if transcript.verify(secret, ProofRole::Worker, proof) => Ok(()),
        _ => Err(AuthError::Unproven),
    }
}

enum WorkerReply {
    Challenge(String),
    Success(Option<String>),
}

/// The worker's next message about authentication; its refusal is an error, whatever follows it.
async fn next_reply(channel: &mut impl AuthChannel) -> Result<WorkerReply, AuthError> {
    for _ in 0..=MAX_IGNORED {
        match channel.receive().await {
            AuthInput::Message(Message::AuthChallenge(nonce)) => {
                return Ok(WorkerReply::Challenge(nonce));
            }
            AuthInput::Message(Message::AuthSuccess(proof)) => {
                return Ok(WorkerReply::Success(proof));
            }
            AuthInput::Message(Message::AuthFailure(reason)) => {
                return Err(match AuthRefusal::from(reason.as_str()) {
                    AuthRefusal::Missing => AuthError::NoSecretThere,
                    reason => AuthError::Refused { reason },
                });
            }
            AuthInput::Message(_) | AuthInput::Nonsense => {}
            AuthInput::Flood => return Err(AuthError::Flood),
            AuthInput::Closed => return Err(AuthError::Closed),
        }
    }
    Err(AuthError::Flood)
}
