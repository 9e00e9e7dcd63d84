//! The bound proof: HMAC-SHA256 over a transcript that names both certificates, with a key for each
//! role that HKDF derives from the secret (RFC 2104, RFC 5869).

use ring::hkdf::{HKDF_SHA256, KeyType, Salt};
use ring::hmac;

use super::encoding::{decode_array, encode};
use super::secret::Secret;
use crate::connection::Fingerprint;

/// Purpose and version: another one makes other keys and other proofs.
const LABEL: &[u8] = b"sleap-stream auth v1";
const FINGERPRINT_ALGORITHM: &[u8] = b"sha-256";

/// A number that is used once, so that no proof can be used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Nonce(pub(super) [u8; 32]);

impl Nonce {
    /// `None` where the system has no random numbers.
    pub(super) fn random() -> Option<Self> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).ok()?;
        Some(Self(bytes))
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        decode_array(text).map(Self)
    }

    pub(super) fn text(&self) -> String {
        encode(&self.0)
    }
}

/// Whose proof it is. A proof of one side is worth nothing as the other's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ProofRole {
    Client,
    Worker,
}

/// What both sides must have seen alike.
#[derive(Debug, Clone, Copy)]
pub(super) struct Transcript {
    pub(super) worker_nonce: Nonce,
    pub(super) client_nonce: Nonce,
    pub(super) worker: Fingerprint,
    pub(super) client: Fingerprint,
}

impl Transcript {
    pub(super) fn bytes(&self) -> Vec<u8> {
        let parts: [&[u8]; 7] = [
            LABEL,
            &self.worker_nonce.0,
            &self.client_nonce.0,
            FINGERPRINT_ALGORITHM,
            &self.worker,
            FINGERPRINT_ALGORITHM,
            &self.client,
        ];
        let mut bytes = Vec::new();
        for part in parts {
            // All parts are far shorter than 65,536 bytes.
            bytes.extend((part.len() as u16).to_be_bytes());
            bytes.extend(part);
        }
        bytes
    }

    /// The proof of `role`, as it stands in a message.
    pub(super) fn prove(&self, secret: &Secret, role: ProofRole) -> String {
        encode(hmac::sign(&key(secret, role), &self.bytes()).as_ref())
    }

    /// Whether a message's `proof` is that of `role`; compared in constant time.
    pub(super) fn verify(&self, secret: &Secret, role: ProofRole, proof: &str) -> bool {
        decode_array::<32>(proof)
            .is_some_and(|proof| hmac::verify(&key(secret, role), &self.bytes(), &proof).is_ok())
    }
}

/// 32 bytes, for `ring`.
struct KeyBytes;

impl KeyType for KeyBytes {
    fn len(&self) -> usize {
        32
    }
}

fn key(secret: &Secret, role: ProofRole) -> hmac::Key {
    let info: [&[u8]; 1] = match role {
        ProofRole::Client => [b"client"],
        ProofRole::Worker => [b"worker"],
    };
    let mut bytes = [0; 32];
    let prk = Salt::new(HKDF_SHA256, LABEL).extract(secret.bytes());
    let filled = prk
        .expand(&info, KeyBytes)
        .and_then(|okm| okm.fill(&mut bytes));
    // HKDF fails for more than 255 blocks alone, and this is one.
    filled.expect("one block of HKDF");
    hmac::Key::new(hmac::HMAC_SHA256, &bytes)
}
