//! Which frames of several cameras show the same moment, which of those are sent, and the table of them.
//!
//! Frames are grouped by the time of their capture, all of which are on this machine's clock. The frames of recordings are
//! grouped by their numbers.

mod fates;
mod grouper;
mod shared;
mod shared_slot;
mod slot;
mod stamp;
mod table;

pub(crate) use grouper::GroupingLimits;
pub(crate) use shared::{CameraEndGuard, CameraMoments, Moments};
pub(crate) use shared_slot::{CameraSlot, SharedSlot};
pub(crate) use slot::SlotLimits;
pub(crate) use stamp::{MomentNumber, MomentStamp};
pub(crate) use table::{FinishedTable, MomentTable, TableFrame};
