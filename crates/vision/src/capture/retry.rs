//! How often a camera is tried. Pure: the caller sleeps.

use std::time::Duration;

/// How often a camera is tried, and how it is warmed up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct CameraRetry {
    /// Attempts to open the camera and get a frame.
    pub(super) attempts: u32,
    /// Between two attempts: a driver frees a device a little after its last user.
    pub(super) pause: Duration,
    /// After opening, before the first read.
    pub(super) settle: Duration,
    /// Frames thrown away after that.
    pub(super) discard: u32,
}

impl CameraRetry {
    /// The policy for a system, named as in `std::env::consts::OS`.
    ///
    /// macOS delivers black or no frames during a camera's first second.
    pub(super) fn for_os(os: &str) -> CameraRetry {
        let (settle, discard) = match os {
            "macos" => (Duration::from_secs(1), 5),
            _ => (Duration::ZERO, 0),
        };
        CameraRetry {
            attempts: 3,
            pause: Duration::from_millis(500),
            settle,
            discard,
        }
    }

    /// Calls `attempt` until it succeeds, fails for good, or has been called often enough.
    pub(super) fn run<T, E: std::fmt::Display>(
        &self,
        mut attempt: impl FnMut() -> Result<T, FailedAttempt<E>>,
        mut sleep: impl FnMut(Duration),
    ) -> Result<T, E> {
        let mut number = 1;
        loop {
            match attempt() {
                Ok(value) => return Ok(value),
                Err(FailedAttempt::Final(error)) => return Err(error),
                Err(FailedAttempt::Again(error)) if number >= self.attempts => return Err(error),
                Err(FailedAttempt::Again(error)) => {
                    tracing::warn!(attempt = number, of = self.attempts, %error, "trying again");
                }
            }
            number += 1;
            sleep(self.pause);
        }
    }
}

/// A failed attempt.
#[derive(Debug)]
pub(super) enum FailedAttempt<E> {
    /// It may succeed next time.
    Again(E),
    /// Waiting does not help.
    Final(E),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_macos_warms_up() {
        let mac = CameraRetry::for_os("macos");
        assert_eq!((mac.settle, mac.discard), (Duration::from_secs(1), 5));
        let linux = CameraRetry::for_os("linux");
        assert_eq!((linux.settle, linux.discard), (Duration::ZERO, 0));
    }

    fn run(
        results: Vec<Result<u8, FailedAttempt<&str>>>,
    ) -> (Result<u8, &str>, usize, Vec<Duration>) {
        let total = results.len();
        let mut results = results.into_iter();
        let mut slept = Vec::new();
        let policy = CameraRetry::for_os("linux");
        let result = policy.run(|| results.next().unwrap(), |pause| slept.push(pause));
        (result, total - results.len(), slept)
    }

    #[test]
    fn attempts_are_repeated_with_pauses_between_them() {
        let pause = CameraRetry::for_os("linux").pause;
        let again = || Err(FailedAttempt::Again("busy"));
        assert_eq!(run(vec![Ok(1)]), (Ok(1), 1, vec![]));
        assert_eq!(run(vec![again(), Ok(2)]), (Ok(2), 2, vec![pause]));
        let all = vec![again(), again(), again(), Ok(9)];
        assert_eq!(run(all), (Err("busy"), 3, vec![pause, pause]));
        let hopeless = vec![Err(FailedAttempt::Final("none")), Ok(9)];
        assert_eq!(run(hopeless), (Err("none"), 1, vec![]));
    }
}
