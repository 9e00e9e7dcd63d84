//! Options of `animals`.

use crate::error::{OptionsError, in_range};

/// Options of `animals`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct AnimalsOptions {
    /// How many animals there are; `None`: found out. There are never more tracks than this.
    pub max_tracks: Option<u32>,
}

/// Animals that are followed at most.
pub(crate) const MAX_ANIMALS: u32 = 256;

impl AnimalsOptions {
    /// Checks the number of animals.
    ///
    /// # Errors
    ///
    /// When it is 0 or above 256.
    pub fn check(&self) -> Result<(), OptionsError> {
        let animals = self.max_tracks.unwrap_or(1);
        in_range(
            "max_tracks",
            f64::from(animals),
            (1..=MAX_ANIMALS).contains(&animals),
            "from 1 to 256",
        )
    }
}
