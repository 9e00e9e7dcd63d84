//! The client's proof that it has the shared secret.

use std::fmt;

use crate::error::DecodeError;
use crate::fields::excerpt;
use crate::names;

/// The client's answer to a challenge where the proof is bound to the connection (`AUTH_PROOF`).
/// This crate defines the form, not the cryptography.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthProof {
    /// The client's own nonce, URL-safe base64, for the worker's proof.
    pub nonce: String,
    /// The client's proof, URL-safe base64.
    pub proof: String,
}

impl AuthProof {
    /// `{nonce}:{proof}[:...]`; further fields are ignored.
    pub(crate) fn from_wire(text: &str) -> Result<Self, DecodeError> {
        let mut fields = text.split(':');
        let mut field = |name: &'static str| {
            let field = fields.next().unwrap_or_default();
            let is_base64 = |c: u8| c.is_ascii_alphanumeric() || c == b'-' || c == b'_';
            match !field.is_empty() && field.bytes().all(is_base64) {
                true => Ok(field.to_owned()),
                false => Err(DecodeError::Field {
                    word: names::AUTH_PROOF,
                    field: name,
                    text: excerpt(field),
                }),
            }
        };
        Ok(Self {
            nonce: field("nonce")?,
            proof: field("proof")?,
        })
    }
}

impl fmt::Display for AuthProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.nonce, self.proof)
    }
}
