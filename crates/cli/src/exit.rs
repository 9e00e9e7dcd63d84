use std::process::ExitCode;

/// How a run ended, as the shell sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Everything asked for was done: 0.
    Done,
    /// Something failed while running: 1.
    Failed,
    /// The command line asks for something that cannot be: 2 (as clap's own errors).
    Usage,
    /// Ctrl-C or SIGTERM ended the run in order: 130.
    Interrupted,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(match exit {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::Interrupted => 130,
        })
    }
}

/// Prints a failed run's error with its causes and turns the outcome into an exit code.
pub fn report(outcome: anyhow::Result<Exit>) -> ExitCode {
    match outcome {
        Ok(exit) => exit.into(),
        Err(error) => {
            crate::say_error(&error);
            Exit::Failed.into()
        }
    }
}
