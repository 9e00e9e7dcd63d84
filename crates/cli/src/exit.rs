use std::process::ExitCode;

/// How a run ended, as the shell sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExitStatus {
    /// Everything asked for was done: 0.
    Done,
    /// Something failed while running: 1.
    Failed,
    /// The command line asks for something that cannot be: 2 (as clap's own errors).
    Usage,
    /// Ctrl-C or SIGTERM ended the run in order: 130.
    Interrupted,
}

impl From<ExitStatus> for ExitCode {
    fn from(exit: ExitStatus) -> ExitCode {
        ExitCode::from(match exit {
            ExitStatus::Done => 0,
            ExitStatus::Failed => 1,
            ExitStatus::Usage => 2,
            ExitStatus::Interrupted => 130,
        })
    }
}

/// Prints a failed run's error with its causes and turns the outcome into an exit code.
pub fn report(outcome: anyhow::Result<ExitStatus>) -> ExitCode {
    match outcome {
        Ok(exit) => exit.into(),
        Err(error) => {
            crate::say_error(&error);
            ExitStatus::Failed.into()
        }
    }
}
