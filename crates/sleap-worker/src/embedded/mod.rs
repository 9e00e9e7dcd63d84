//! A worker, or its model alone, inside of another program.

mod model;

use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result, anyhow};
use clap::{Arg, CommandFactory};
use cli::settings::SettingsSources;
use cli::{ExitStatus, Interrupt, Keyword, KeywordError, KeywordOptions, WatchedState};

pub use self::model::EmbeddedModel;
use crate::command_line::{Args, SETTINGS};
use crate::serve::{self, Announcer, WorkerAddress};

/// Options that need a program of the worker's own: windows, its terminal, and the reader of files that clients send.
const OWN_PROGRAM: [&str; 9] = [
    "display",
    "drain-timeout",
    "keep",
    "log-format",
    "max-jobs",
    "max-upload",
    "no-stream",
    "upload-dir",
    "upload-quota",
];

/// The heading of the options of a model.
const MODEL_HEADING: &str = "Model";

/// How a worker has ended: in order, or why it failed.
pub type WorkerOutcome = Result<(), Arc<anyhow::Error>>;

/// A worker inside of another program. Dropping it ends it within a few seconds.
pub struct EmbeddedWorker {
    shared: Arc<WatchedState<State>>,
    interrupt: Interrupt,
}

#[derive(Default)]
struct State {
    address: Option<WorkerAddress>,
    outcome: Option<WorkerOutcome>,
}

impl EmbeddedWorker {
    /// Begins to load the model and to serve clients, on threads of its own. The options are those of the command
    /// line. It takes no settings from files unless `config` names one, and listens at a free port of this machine
    /// unless an option says where.
    ///
    /// # Errors
    /// An option is not known or has no usable value, or options contradict each other.
    pub fn start(options: &[Keyword]) -> Result<Self, KeywordError> {
        let here = |arg: &Arg| !OWN_PROGRAM.contains(&arg.get_long().unwrap_or_default());
        let why_not = "it needs the program sleap-worker";
        let is_given = |names: &[&str]| {
            let mut given = options.iter().map(|option| option.name.as_str());
            given.any(|name| names.contains(&name))
        };
        let mut line = vec!["--max-upload=0"];
        if !is_given(&["config"]) {
            line.push("--no-config");
        }
        if !is_given(&["listen", "signal", "room"]) {
            line.push("--listen=127.0.0.1:0");
        }
        let args = parse(options, here, why_not, &line)?;
        let (shared, interrupt) = (
            Arc::<WatchedState<State>>::default(),
            Interrupt::without_signals(),
        );
        let (served, ends) = (Arc::clone(&shared), interrupt.clone());
        let serve = move || {
            let outcome = serve(args, &served, ends);
            served.update(|state| state.outcome = Some(outcome.map_err(Arc::new)));
        };
        let thread = std::thread::Builder::new().name("worker".into());
        thread.spawn(serve).map_err(|error| {
            KeywordError::Contradiction(anyhow!(error).context("cannot start the worker's thread"))
        })?;
        Ok(Self { shared, interrupt })
    }

    /// Where clients find the worker, once it is ready; or why it is not. `None` at the deadline.
    pub fn ready(
        &self,
        deadline: Option<Instant>,
    ) -> Option<Result<WorkerAddress, Arc<anyhow::Error>>> {
        self.shared.wait_for(deadline, |state| {
            if let Some(address) = &state.address {
                return Some(Ok(address.clone()));
            }
            let ended = || Arc::new(anyhow!("the worker was ended before it was ready"));
            let outcome = state.outcome.as_ref()?;
            Some(Err(outcome.as_ref().err().cloned().unwrap_or_else(ended)))
        })
    }

    /// Ends the worker; its client receives the results of what it has sent.
    pub fn stop(&self) {
        self.interrupt.raise();
    }

    /// How the worker has ended, once it has; `None` at the deadline.
    pub fn ended(&self, deadline: Option<Instant>) -> Option<WorkerOutcome> {
        self.shared
            .wait_for(deadline, |state| state.outcome.clone())
    }
}

impl Drop for EmbeddedWorker {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Loads a model as the worker does; the options are those of its command line that concern the model.
///
/// # Errors
/// Options or the model cannot be used.
pub fn load_model(options: &[Keyword]) -> Result<EmbeddedModel> {
    // A model alone sends one request after the other.
    let here = |arg: &Arg| {
        arg.get_help_heading() == Some(MODEL_HEADING) && arg.get_long() != Some("engine-requests")
    };
    let args = parse(
        options,
        here,
        "it does not concern the model",
        &["--no-config"],
    )?;
    let dir = args
        .model
        .as_deref()
        .context("there is no model: name its folder")?;
    let options = args.model_options();
    if let (Some(server), [options]) = (args.engine.server(), &options[..]) {
        let model = serve::load_on_server(dir, options, &server, 1)?;
        return Ok(EmbeddedModel::alone(model.into_first()));
    }
    let [options] = &options[..] else {
        return Err(KeywordError::Values(format!(
            "a model alone runs on one device, and device is {}: a worker takes several",
            args.device.device
        ))
        .into());
    };
    EmbeddedModel::load(dir.to_owned(), options)
}

/// Reads options as the command line reads them; `own`: further words.
fn parse(
    options: &[Keyword],
    is_here: fn(&Arg) -> bool,
    why_not: &'static str,
    own: &[&str],
) -> Result<Args, KeywordError> {
    let command = Args::command();
    let here = KeywordOptions {
        command: &command,
        is_here,
        why_not,
    };
    let mut line = vec!["sleap-worker".into()];
    line.extend(own.iter().map(Into::into));
    for option in options {
        line.extend(here.words(option)?.into_iter().map(Into::into));
    }
    let values = |error| KeywordError::Values(cli::usage_message(error));
    let sources = SettingsSources::of_process();
    let parsed = cli::settings::parse_from::<Args>(&SETTINGS, command, line, &sources);
    let args = parsed.map_err(values)?.args;
    args.check().map_err(values)?;
    Ok(args)
}

fn serve(args: Args, shared: &Arc<WatchedState<State>>, interrupt: Interrupt) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    let ready = Arc::clone(shared);
    let announcer = Announcer::Program(Box::new(move |address| {
        ready.update(|state| state.address = Some(address));
    }));
    let outcome = runtime.block_on(serve::worker(args, None, interrupt, announcer));
    // A model that is still being loaded must not hold up the end.
    runtime.shutdown_background();
    match outcome? {
        ExitStatus::Done | ExitStatus::Interrupted => Ok(()),
        ExitStatus::Failed | ExitStatus::Usage => Err(anyhow!("the worker has failed")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(keyword: Keyword) -> String {
        match EmbeddedWorker::start(&[keyword]) {
            Ok(_) => panic!("it should be refused"),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn a_worker_is_ready_at_a_free_port_and_ends_in_order() {
        let worker = EmbeddedWorker::start(&[]).unwrap();
        let address = worker.ready(None).unwrap().unwrap();
        let link = address.link.expect("one of this machine");
        assert!(
            link.starts_with("sleap://127.0.0.1:") && !link.contains(":0/"),
            "{link}"
        );
        worker.stop();
        worker.ended(None).unwrap().unwrap();
    }

    #[test]
    fn options_are_checked_as_on_the_command_line() {
        for (keyword, words) in [
            (
                Keyword::switch("display", true),
                "display is no option here",
            ),
            (
                Keyword::text("max_upload", "1GB"),
                "needs the program sleap-worker",
            ),
            (
                Keyword::text("peak_treshold", "0.2"),
                "peak_threshold may be meant",
            ),
            (Keyword::text("peak_threshold", "2"), "--peak-threshold"),
            (Keyword::text("save_poses", "x"), "needs --model"),
        ] {
            let error = refused(keyword);
            assert!(error.contains(words), "no {words:?} in: {error}");
        }
    }

    #[test]
    fn a_model_that_is_not_there_is_an_error_of_the_worker() {
        let worker = EmbeddedWorker::start(&[Keyword::text("model", "/nowhere")]).unwrap();
        let error = worker.ready(None).unwrap().unwrap_err();
        assert!(format!("{error:#}").contains("/nowhere"), "{error:#}");
        assert!(worker.ended(None).unwrap().is_err());
        let error = load_model(&[Keyword::text("model", "/nowhere")]).unwrap_err();
        assert!(format!("{error:#}").contains("/nowhere"), "{error:#}");
        for option in [
            Keyword::text("listen", "1"),
            Keyword::text("engine_requests", "2"),
        ] {
            let error = load_model(&[option]).unwrap_err();
            assert!(
                error.to_string().contains("does not concern the model"),
                "{error}"
            );
        }
    }
}
