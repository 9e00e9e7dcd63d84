//! The right to an id that only one peer may register under.
//!
//! A worker's own server makes the key. At another server a worker chooses its own and keeps it, so that it
//! can take its id back from its former connection, and no other worker of the same name can.

use std::fmt;

use crate::random::random_u64;

/// Shows that a peer may register under an id that is reserved, or in use by its own former connection. `Debug` does not show the key.
#[derive(Clone, PartialEq, Eq)]
pub struct IdReservation(String);

impl IdReservation {
    /// The reservation with a key that was kept.
    pub fn with_key(key: impl Into<String>) -> Self {
        Self(key.into())
    }

    pub(super) fn generate() -> Self {
        Self(format!("{:016x}{:016x}", random_u64(), random_u64()))
    }

    /// What `register` sends as `"key"`.
    pub(crate) fn key(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for IdReservation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IdReservation")
    }
}
