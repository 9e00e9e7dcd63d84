//! The right to an id that only one peer may register under.

use std::fmt;

use crate::random::random_u64;

/// Shows that a peer may register under a reserved id. `Debug` does not show the key.
#[derive(Clone, PartialEq, Eq)]
pub struct IdReservation(String);

impl IdReservation {
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
