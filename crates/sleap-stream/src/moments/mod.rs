//! Which frames of several cameras show the same moment, and the table of them.
//!
//! Frames are grouped by the time of their capture, all of which are on this machine's clock. The frames of recordings are
//! grouped by their numbers.

mod grouper;
mod shared;
mod table;

pub(crate) use grouper::GroupingLimits;
pub(crate) use shared::{CameraEndGuard, CameraMoments, MomentNumber, MomentStamp, Moments};
pub(crate) use table::{FinishedTable, MomentTable, TableFrame};
