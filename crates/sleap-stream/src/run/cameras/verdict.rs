//! Whether a run of several cameras did what it was for. Pure.

use std::sync::Arc;

use anyhow::{Error, Result, anyhow};
use cli::ExitStatus;

/// How the stream of a camera has ended.
#[derive(Debug)]
pub(super) struct CameraOutcome {
    pub(super) camera: Arc<str>,
    pub(super) outcome: Result<ExitStatus>,
}

/// Fails where a camera did. `wrong`: what went wrong beside the streams.
pub(super) fn verdict(outcomes: Vec<CameraOutcome>, wrong: Vec<Error>) -> Result<ExitStatus> {
    let cameras = outcomes.len();
    let mut status = ExitStatus::Done;
    let mut failures = Vec::new();
    for CameraOutcome { camera, outcome } in outcomes {
        match outcome {
            Ok(ExitStatus::Done) => {}
            Ok(other) => status = other,
            Err(error) => failures.push(format!("camera {camera}: {error:#}")),
        }
    }
    match (&failures[..], wrong) {
        ([], wrong) => first(wrong).map(|()| status),
        ([only], wrong) => {
            log(wrong);
            Err(anyhow!("{only}. What the other cameras have is kept"))
        }
        (several, wrong) => {
            log(wrong);
            let (failed, all) = (several.len(), several.join("; "));
            Err(anyhow!("{failed} of {cameras} cameras failed: {all}"))
        }
    }
}

/// Fails with the first error; the others are logged.
fn first(wrong: Vec<Error>) -> Result<()> {
    let mut wrong = wrong.into_iter();
    match wrong.next() {
        None => Ok(()),
        Some(first) => {
            log(wrong.collect());
            Err(first)
        }
    }
}

fn log(wrong: Vec<Error>) {
    for wrong in wrong {
        tracing::warn!("{wrong:#}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcomes(all: [Result<ExitStatus>; 3]) -> Vec<CameraOutcome> {
        let named = ["back", "side", "top"].into_iter().zip(all);
        let outcome = |(camera, outcome): (&str, _)| CameraOutcome {
            camera: camera.into(),
            outcome,
        };
        named.map(outcome).collect()
    }

    #[test]
    fn one_camera_that_fails_fails_the_run_and_is_named() {
        let lost = || Err(anyhow!("it is gone"));
        let one = outcomes([Ok(ExitStatus::Done), lost(), Ok(ExitStatus::Interrupted)]);
        let error = verdict(one, Vec::new()).unwrap_err().to_string();
        assert_eq!(
            error,
            "camera side: it is gone. What the other cameras have is kept"
        );
        let two = outcomes([lost(), Ok(ExitStatus::Done), lost()]);
        let error = verdict(two, vec![anyhow!("disk")]).unwrap_err().to_string();
        let expected = "2 of 3 cameras failed: camera back: it is gone; camera top: it is gone";
        assert_eq!(error, expected);
    }

    #[test]
    fn otherwise_it_is_done_or_interrupted_or_its_table_is_wrong() {
        let done = || outcomes([(); 3].map(|()| Ok(ExitStatus::Done)));
        assert_eq!(verdict(done(), Vec::new()).unwrap(), ExitStatus::Done);
        assert!(verdict(done(), vec![anyhow!("disk"), anyhow!("port")]).is_err());
        let mut asked = done();
        asked[1].outcome = Ok(ExitStatus::Interrupted);
        assert_eq!(verdict(asked, Vec::new()).unwrap(), ExitStatus::Interrupted);
    }
}
