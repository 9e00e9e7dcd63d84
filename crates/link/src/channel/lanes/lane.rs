use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::close::CloseSignal;
use crate::connection::{Association, Connection};

/// An open lane beside the first.
pub(crate) struct Lane {
    connection: Connection,
    /// Units go over it, so that its end leaves a hole.
    is_used: AtomicBool,
}

impl Lane {
    pub(super) fn new(connection: Connection) -> Self {
        Self {
            connection,
            is_used: AtomicBool::new(false),
        }
    }

    pub(crate) fn association(&self) -> &Arc<Association> {
        self.connection.association()
    }

    /// Why and when the lane is over.
    pub(super) fn closed(&self) -> &CloseSignal {
        self.connection.closed()
    }

    pub(super) fn is_used(&self) -> bool {
        self.is_used.load(Ordering::Relaxed)
    }

    /// Units go over it from now on.
    pub(crate) fn mark_used(&self) {
        self.is_used.store(true, Ordering::Relaxed);
    }

    pub(super) async fn close(&self) {
        self.connection.close().await;
    }
}
