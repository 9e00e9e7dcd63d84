//! Memory of frames that is used again: fresh memory for each frame would cost about a tenth of its decoding.

use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The most free values that a pool keeps.
const MAX_FREE: usize = 4;

/// Values that are used again once they are dropped.
pub(crate) struct Pool<T> {
    free: Arc<Mutex<Vec<T>>>,
}

impl<T> Default for Pool<T> {
    fn default() -> Self {
        Pool {
            free: Arc::default(),
        }
    }
}

impl<T> Pool<T> {
    /// A free value, or one that `make` makes.
    pub(crate) fn take(&self, make: impl FnOnce() -> T) -> Pooled<T> {
        Pooled {
            value: Some(lock(&self.free).pop().unwrap_or_else(make)),
            pool: Some(Arc::clone(&self.free)),
        }
    }
}

/// A value of a pool.
pub(crate) struct Pooled<T> {
    /// `None` only while it is dropped.
    value: Option<T>,
    /// `None`: it is not used again.
    pool: Option<Arc<Mutex<Vec<T>>>>,
}

impl<T> Pooled<T> {
    /// A value of no pool.
    pub(crate) fn alone(value: T) -> Pooled<T> {
        Pooled {
            value: Some(value),
            pool: None,
        }
    }
}

impl<T> Deref for Pooled<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.value.as_ref().expect("only drop takes it")
    }
}

impl<T> DerefMut for Pooled<T> {
    fn deref_mut(&mut self) -> &mut T {
        self.value.as_mut().expect("only drop takes it")
    }
}

impl AsRef<[u8]> for Pooled<Vec<u8>> {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl<T> Drop for Pooled<T> {
    fn drop(&mut self) {
        let (Some(value), Some(pool)) = (self.value.take(), &self.pool) else {
            return;
        };
        let mut free = lock(pool);
        if free.len() < MAX_FREE {
            free.push(value);
        }
    }
}

fn lock<T>(free: &Mutex<Vec<T>>) -> MutexGuard<'_, Vec<T>> {
    // Pushing and popping are complete before a panic could happen: the list is valid.
    free.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_used_again_once_it_is_dropped_and_few_are_kept() {
        let pool = Pool::default();
        let mut made = 0;
        let mut take = || {
            pool.take(|| {
                made += 1;
                vec![made]
            })
        };
        let first = take();
        let second = take();
        assert_eq!((&first[..], &second[..]), (&[1][..], &[2][..]));
        drop(first);
        assert_eq!(take()[..], [1]);
        let many: Vec<_> = (0..10).map(|_| take()).collect();
        drop(many);
        assert_eq!(lock(&pool.free).len(), MAX_FREE);
        drop(Pooled::alone(vec![7]));
        assert_eq!(lock(&pool.free).len(), MAX_FREE);
        // Values outlive their pool.
        drop(pool);
        assert_eq!(second[..], [2]);
    }
}
