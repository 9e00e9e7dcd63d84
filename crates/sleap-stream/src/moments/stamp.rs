//! What the moment of a frame is called.

use std::sync::{Arc, OnceLock};

/// The number of a moment; counts from 0.
pub(crate) type MomentNumber = u64;

/// The number of a frame's moment, once it is decided.
pub(crate) type MomentStamp = Arc<OnceLock<MomentNumber>>;
