//! The client's side: wait for the challenge, answer it, see the worker's own proof.

use std::sync::Arc;

use protocol::{AuthProof, Message, text};
use tokio::time::{Instant, timeout};
use webrtc::data_channel::DataChannel;

use super::proof::{Fingerprints, Nonce, Role, Transcript};
use super::wire::{DataWire, Heard, Wire};
use super::{AUTH_TIMEOUT, Auth, Secret, plain};
use crate::error::{AuthError, PeerError};
use crate::peer::Peer;

/// Characters of a refusal that are kept: it is one word.
const MAX_REASON: usize = 40;

/// Messages of other kinds that a worker may send before its own word.
const MAX_IGNORED: usize = 16;

/// Proves to the worker behind `peer`, and has it prove to this side, what `peer` was configured to
/// ask; at once where that is nothing.
pub(crate) async fn prove(peer: &Peer, data: &Arc<dyn DataChannel>) -> Result<(), PeerError> {
    if peer.auth().is_none() {
        return Ok(());
    }
    let fingerprints = peer.fingerprints().await?;
    let mut wire = DataWire::new(peer, data);
    Ok(prove_over(&mut wire, peer.auth(), fingerprints).await?)
}

pub(super) async fn prove_over(
    wire: &mut impl Wire,
    auth: &Auth,
    fingerprints: Fingerprints,
) -> Result<(), AuthError> {
    let waited = AUTH_TIMEOUT;
    let challenge = timeout(waited, word(wire)).await;
    let challenge = match challenge.map_err(|_| AuthError::NotAsked { waited })?? {
        Word::Challenge(challenge) => challenge,
        Word::Success(_) => return Err(AuthError::NotAsked { waited }),
    };
    let asked = match auth {
        Auth::None => return Ok(()),
        Auth::Bound(secret) => {
            let transcript = transcript(&challenge, fingerprints)?;
            let answer = AuthProof {
                nonce: transcript.client_nonce.text(),
                proof: transcript.prove(secret, Role::Client),
            };
            wire.send(Message::AuthProof(answer), Instant::now() + waited)
                .await;
            Some((secret, transcript))
        }
        Auth::Plain(plain) => {
            let answer = plain::answer(plain, &challenge).ok_or(AuthError::Challenge)?;
            wire.send(Message::AuthResponse(answer), Instant::now() + waited)
                .await;
            None
        }
    };
    let verdict = timeout(waited, word(wire)).await;
    match verdict.map_err(|_| AuthError::NoVerdict { waited })?? {
        Word::Success(proof) => check(asked, proof.as_deref())?,
        Word::Challenge(_) => return Err(AuthError::Challenge),
    }
    wire.trust();
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
        Some(proof) if transcript.verify(secret, Role::Worker, proof) => Ok(()),
        _ => Err(AuthError::Unproven),
    }
}

enum Word {
    Challenge(String),
    Success(Option<String>),
}

/// The worker's next word about authentication; its refusal is an error, whatever follows it.
async fn word(wire: &mut impl Wire) -> Result<Word, AuthError> {
    for _ in 0..=MAX_IGNORED {
        match wire.hear().await {
            Heard::Message(Message::AuthChallenge(nonce)) => return Ok(Word::Challenge(nonce)),
            Heard::Message(Message::AuthSuccess(proof)) => return Ok(Word::Success(proof)),
            Heard::Message(Message::AuthFailure(reason)) => {
                return Err(match reason.as_str() {
                    "missing" => AuthError::NoSecretThere,
                    _ => AuthError::Refused {
                        reason: text::cut(&reason, MAX_REASON).into_owned(),
                    },
                });
            }
            Heard::Message(_) | Heard::Nonsense => {}
            Heard::Flood => return Err(AuthError::Flood),
            Heard::Closed => return Err(AuthError::Closed),
        }
    }
    Err(AuthError::Flood)
}
