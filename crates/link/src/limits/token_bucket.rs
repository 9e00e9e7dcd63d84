//! How often something may happen.

use std::time::Duration;

use tokio::time::Instant;

/// A token bucket: so many at once, then so many a second.
#[derive(Debug)]
pub(crate) struct TokenBucket {
    burst: u32,
    pause: Duration,
    /// When the bucket is, or was, full.
    full_at: Instant,
}

impl TokenBucket {
    /// `burst` at once, then `per_second`; both above zero.
    pub(crate) fn new(burst: u32, per_second: u32) -> Self {
        Self {
            burst: burst.max(1),
            pause: Duration::from_secs(1) / per_second.max(1),
            full_at: Instant::now(),
        }
    }

    /// From when on there is a token.
    pub(crate) fn ready_at(&self) -> Instant {
        let earlier = self.pause * (self.burst - 1);
        self.full_at.checked_sub(earlier).unwrap_or(self.full_at)
    }

    /// Takes a token, if there is one.
    pub(crate) fn take(&mut self) -> bool {
        let now = Instant::now();
        if self.ready_at() > now {
            return false;
        }
        self.full_at = self.full_at.max(now) + self.pause;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(bucket: &mut TokenBucket) -> usize {
        std::iter::repeat_with(|| bucket.take())
            .take_while(|taken| *taken)
            .count()
    }

    #[tokio::test(start_paused = true)]
    async fn there_are_so_many_at_once_and_so_many_a_second() {
        let mut bucket = TokenBucket::new(4, 2);
        assert_eq!(taken(&mut bucket), 4);
        tokio::time::advance(Duration::from_millis(499)).await;
        assert_eq!(taken(&mut bucket), 0);
        tokio::time::advance(Duration::from_millis(1)).await;
        assert_eq!(taken(&mut bucket), 1);
        assert_eq!(
            bucket.ready_at(),
            Instant::now() + Duration::from_millis(500)
        );
        tokio::time::advance(Duration::from_secs(60)).await;
        assert_eq!(taken(&mut bucket), 4, "no more than the bucket holds");
    }
}
