//! What the program does besides streaming.

use anyhow::Result;
use clap::CommandFactory;
use cli::ExitStatus;
use cli::settings::ChosenSettings;

use crate::command_line::args::Args;
use crate::command_line::help::with_short_help;
use crate::command_line::settings::SETTINGS;
use crate::command_line::subcommand::{Command, RulesCommand};
use crate::command_line::{cameras, doctor, rules_check, workers};
use crate::optical;

/// Runs a subcommand.
pub fn run(command: Command, settings: &ChosenSettings, verbose: u8) -> Result<ExitStatus> {
    match command {
        Command::Cameras { json, controls } => {
            cameras::print(json, controls).map(|()| ExitStatus::Done)
        }
        Command::Latency(args) => optical::run(args.config()?),
        Command::Doctor(args) => doctor::run(*args, verbose > 0),
        Command::Pair(args) => workers::run_pair(&args),
        Command::Workers(args) => workers::run_workers(&args),
        Command::Rules {
            command: RulesCommand::Check(args),
        } => rules_check::run(&args).map(|()| ExitStatus::Done),
        Command::Config => {
            cli::terminal::pass(settings.to_toml(&SETTINGS).as_bytes()).map(|()| ExitStatus::Done)
        }
        Command::Completions { shell } => {
            cli::program_info::completions(Args::command(), shell).map(|()| ExitStatus::Done)
        }
        Command::Man => cli::manual(Args::command()).map(|()| ExitStatus::Done),
    }
}

/// The command line, with all that `--version` prints.
pub fn command() -> clap::Command {
    cli::program_info::with_version(with_short_help(Args::command()), long_version)
}

/// What `--version` prints, where nothing else is on the command line.
pub fn print_version() -> Result<ExitStatus> {
    cli::program_info::print_version("sleap-stream", &long_version()).map(|()| ExitStatus::Done)
}

fn long_version() -> String {
    cli::program_info::long_version(&vision::linked_libraries())
}
