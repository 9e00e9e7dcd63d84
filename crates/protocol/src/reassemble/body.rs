//! The bytes of the frame in progress.

use std::collections::TryReserveError;

use bytes::Bytes;

/// A frame of up to this size gets its whole buffer with its first chunk: raw 1080p BGR is 6.2 MB.
pub(crate) const FIRST_RESERVE: usize = 8 << 20;

/// A larger frame gets its buffer in steps, each this many times what has arrived.
const GROWTH: usize = 4;

/// Never allocates more than the larger of [`FIRST_RESERVE`] and [`GROWTH`] times what has arrived,
/// nor more than the frame needs: announcing a frame costs the receiver nothing.
pub(crate) enum Body {
    Empty,
    /// One chunk was the whole frame: handed on as it came.
    Whole(Bytes),
    Copied(Vec<u8>),
}

impl Body {
    pub(crate) fn len(&self) -> usize {
        match self {
            Body::Empty => 0,
            Body::Whole(data) => data.len(),
            Body::Copied(buffer) => buffer.len(),
        }
    }

    /// Bytes that are held.
    pub(crate) fn allocated(&self) -> usize {
        match self {
            Body::Copied(buffer) => buffer.capacity(),
            other => other.len(),
        }
    }

    /// Appends `chunk`, which is not empty, to a frame of `total` bytes. The caller has checked that it fits.
    pub(crate) fn append(&mut self, chunk: Bytes, total: usize) -> Result<(), TryReserveError> {
        match self {
            Body::Empty if chunk.len() == total => *self = Body::Whole(chunk),
            Body::Empty => {
                let mut buffer = Vec::new();
                copy(&mut buffer, &chunk, total)?;
                *self = Body::Copied(buffer);
            }
            Body::Copied(buffer) => copy(buffer, &chunk, total)?,
            // A whole frame has no room: no chunk fits behind it.
            Body::Whole(_) => {}
        }
        Ok(())
    }

    pub(crate) fn into_bytes(self) -> Bytes {
        match self {
            Body::Empty => Bytes::new(),
            Body::Whole(data) => data,
            Body::Copied(buffer) => Bytes::from(buffer),
        }
    }
}

fn copy(buffer: &mut Vec<u8>, chunk: &[u8], total: usize) -> Result<(), TryReserveError> {
    let needed = buffer.len() + chunk.len();
    if needed > buffer.capacity() {
        let capacity = needed.saturating_mul(GROWTH).max(FIRST_RESERVE).min(total);
        buffer.try_reserve_exact(capacity - buffer.len())?;
    }
    buffer.extend_from_slice(chunk);
    Ok(())
}
