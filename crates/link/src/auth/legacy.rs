//! The challenge of SLEAP-RTC's own peers, which is not bound to the connection.

use ring::hmac;

use super::encoding::{decode, encode};
use super::keys::{PublicKey, SigningKey};
use super::secret::Secret;

/// Credentials for the challenge of SLEAP-RTC's own peers.
#[derive(Debug, Clone, Default)]
pub struct LegacyCredentials {
    /// Known to both. A worker takes the bound proof of it as well.
    pub secret: Option<Secret>,
    /// A worker's: the keys of clients that it lets in.
    pub authorized: Vec<PublicKey>,
    /// A client's own key; it goes before the secret.
    pub key: Option<SigningKey>,
}

/// What a client without credentials answers.
pub(super) const NOTHING: &str = "missing";

/// The answer to the challenge `nonce`; `None` without credentials, or where the challenge is not
/// what a worker asks: a key must sign nothing else.
pub(super) fn answer(credentials: &LegacyCredentials, nonce: &str) -> Option<String> {
    let bytes = challenge(nonce)?;
    match (&credentials.key, &credentials.secret) {
        (Some(key), _) => Some(encode(&key.sign(nonce.as_bytes()))),
        (None, Some(secret)) => {
            let mac = hmac::sign(&key(secret), &bytes);
            Some(encode(mac.as_ref()))
        }
        (None, None) => None,
    }
}

/// Whether `answer` is that of a client that may come in.
pub(super) fn verify(credentials: &LegacyCredentials, nonce: &str, answer: &str) -> bool {
    let (Some(nonce_bytes), Some(answer)) = (challenge(nonce), decode(answer)) else {
        return false;
    };
    let by_secret = credentials
        .secret
        .as_ref()
        .is_some_and(|secret| hmac::verify(&key(secret), &nonce_bytes, &answer).is_ok());
    let mut keys = credentials.authorized.iter();
    by_secret || keys.any(|key| key.verifies(nonce.as_bytes(), &answer))
}

/// The bytes of a challenge: 16 to 64 of them.
fn challenge(nonce: &str) -> Option<Vec<u8>> {
    decode(nonce).filter(|bytes| (16..=64).contains(&bytes.len()))
}

fn key(secret: &Secret) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, secret.bytes())
}
