//! How a camera is given time. Pure: sleeping is the caller's.

use std::time::Duration;

/// How often a camera is tried, and how it is warmed up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Policy {
    /// Attempts to open the camera and get a frame.
    pub(super) attempts: u32,
    /// Between two attempts: a driver frees a device a little after its last user.
    pub(super) pause: Duration,
    /// After opening, before the first read.
    pub(super) settle: Duration,
    /// Frames thrown away after that.
    pub(super) discard: u32,
}

impl Policy {
    /// The policy for a system, named as in `std::env::consts::OS`.
    ///
    /// macOS delivers black or no frames during a camera's first second.
    pub(super) fn for_os(os: &str) -> Policy {
        let (settle, discard) = match os {
            "macos" => (Duration::from_secs(1), 5),
            _ => (Duration::ZERO, 0),
        };
        Policy {
            attempts: 3,
            pause: Duration::from_millis(500),
            settle,
            discard,
        }
    }

    /// Calls `attempt` until it succeeds, fails for good, or has been called often enough.
    pub(super) fn run<T, E: std::fmt::Display>(
        &self,
        mut attempt: impl FnMut() -> Result<T, Attempt<E>>,
        mut sleep: impl FnMut(Duration),
    ) -> Result<T, E> {
        let mut number = 1;
        loop {
            match attempt() {
                Ok(value) => return Ok(value),
                Err(Attempt::Final(error)) => return Err(error),
                Err(Attempt::Again(error)) if number >= self.attempts => return Err(error),
                Err(Attempt::Again(error)) => {
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
pub(super) enum Attempt<E> {
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
        let mac = Policy::for_os("macos");
        assert_eq!((mac.settle, mac.discard), (Duration::from_secs(1), 5));
        let linux = Policy::for_os("linux");
        assert_eq!((linux.settle, linux.discard), (Duration::ZERO, 0));
    }

    fn run(results: Vec<Result<u8, Attempt<&str>>>) -> (Result<u8, &str>, usize, Vec<Duration>) {
        let total = results.len();
        let mut results = results.into_iter();
        let mut slept = Vec::new();
        let policy = Policy::for_os("linux");
        let result = policy.run(|| results.next().unwrap(), |pause| slept.push(pause));
        (result, total - results.len(), slept)
    }

    #[test]
    fn attempts_are_repeated_with_pauses_between_them() {
        let pause = Policy::for_os("linux").pause;
        let again = || Err(Attempt::Again("busy"));
        assert_eq!(run(vec![Ok(1)]), (Ok(1), 1, vec![]));
        assert_eq!(run(vec![again(), Ok(2)]), (Ok(2), 2, vec![pause]));
        let all = vec![again(), again(), again(), Ok(9)];
        assert_eq!(run(all), (Err("busy"), 3, vec![pause, pause]));
        let hopeless = vec![Err(Attempt::Final("none")), Ok(9)];
        assert_eq!(run(hopeless), (Err("none"), 1, vec![]));
    }
}
