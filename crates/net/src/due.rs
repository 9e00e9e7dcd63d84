//! A wait for a moment that may not come.

use std::time::Instant;

/// Resolves at that time; never without one.
pub async fn due(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::{Instant, timeout};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_time_comes_and_no_time_never_does() {
        let at = Instant::now() + Duration::from_secs(5);
        due(Some(at.into_std())).await;
        assert_eq!(Instant::now(), at);
        assert!(timeout(Duration::from_secs(9), due(None)).await.is_err());
    }
}
