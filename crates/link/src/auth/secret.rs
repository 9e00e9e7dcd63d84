use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use thiserror::Error;

use super::encoding::{decode, encode};

/// A secret that both sides have: at least 16 bytes, as text base64. It never shows in `Debug`.
#[derive(Clone)]
pub struct Secret(Arc<[u8]>);

/// Why a text cannot be a secret. It does not repeat the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SecretError {
    /// It is not base64.
    #[error("it is not base64 (letters, digits, - and _)")]
    Encoding,
    /// It could be guessed.
    #[error(
        "it is too short: {bytes} bytes after base64 decoding, at least {} are needed, as it could be guessed",
        Secret::MIN_BYTES
    )]
    Short {
        /// Its bytes after decoding.
        bytes: usize,
    },
    /// It is longer than what is read.
    #[error(
        "it is too long: {bytes} characters, at most {} are taken",
        Secret::MAX_TEXT_BYTES
    )]
    Long {
        /// Its characters.
        bytes: usize,
    },
    /// No new secret can be made.
    #[error("this system gives no random numbers")]
    Randomness,
}

impl Secret {
    /// 128 bits: too many values to try out.
    pub const MIN_BYTES: usize = 16;
    /// Longest text that is read.
    pub const MAX_TEXT_BYTES: usize = 1024;

    /// A new one of 32 random bytes.
    ///
    /// # Errors
    /// The system gives no random numbers.
    pub fn generate() -> Result<Self, SecretError> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).map_err(|_| SecretError::Randomness)?;
        Ok(Self(Arc::from(bytes)))
    }

    /// The secret as text, for a file or a pairing link: URL-safe base64. Not for logs.
    pub fn reveal(&self) -> String {
        encode(&self.0)
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl FromStr for Secret {
    type Err = SecretError;

    fn from_str(text: &str) -> Result<Self, SecretError> {
        let text = text.trim();
        if text.len() > Self::MAX_TEXT_BYTES {
            return Err(SecretError::Long { bytes: text.len() });
        }
        match decode(text) {
            Some(bytes) if bytes.len() >= Self::MIN_BYTES => Ok(Self(bytes.into())),
            Some(bytes) => Err(SecretError::Short { bytes: bytes.len() }),
            None => Err(SecretError::Encoding),
        }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({} bytes)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_read_as_python_writes_them() {
        let secret: Secret = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
            .parse()
            .expect("32 bytes");
        assert_eq!(secret.bytes(), (0..32).collect::<Vec<u8>>());
        for text in [" -_8AAAAAAAAAAAAAAAAAAA==\n", "+/8AAAAAAAAAAAAAAAAAAA"] {
            let secret: Secret = text.parse().expect(text);
            assert_eq!(secret.reveal(), "-_8AAAAAAAAAAAAAAAAAAA", "{text}");
        }
    }

    #[test]
    fn what_can_be_guessed_is_refused_and_nothing_is_repeated() {
        let refused = |text: &str| text.parse::<Secret>().expect_err(text).to_string();
        assert!(refused("hunter2hunter2").contains("too short: 10 bytes"));
        assert!(refused("").contains("too short"));
        assert!(refused("correct horse battery staple").contains("not base64"));
        assert!(refused(&"a".repeat(1025)).contains("too long"));
        for text in ["hunter2", "hunter2 hunter2", &"hunter2".repeat(200)] {
            assert!(!refused(text).contains("hunter"), "{text}");
        }
    }

    #[test]
    fn new_secrets_differ_and_are_not_shown() {
        let (one, other) = (Secret::generate().unwrap(), Secret::generate().unwrap());
        assert_ne!(one.reveal(), other.reveal());
        assert_eq!(one.reveal().len(), 43);
        assert_eq!(format!("{one:?}"), "Secret(32 bytes)");
        assert_eq!(one.reveal().parse::<Secret>().unwrap().bytes(), one.bytes());
    }
}
