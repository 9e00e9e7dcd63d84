//! Which options `-h` shows.

use clap::{Arg, Command};

/// Leaves out of `-h` all options but `shown`, by their ids. `doctor -h` shows those of `doctor` besides.
pub fn with_short_help(command: Command, shown: &[&str], doctor: &[&str]) -> Command {
    let shows = |arg: Arg, more: &[&str]| {
        let id = arg.get_id().as_str();
        let is_shown = shown.contains(&id) || more.contains(&id);
        arg.hide_short_help(!is_shown)
    };
    let command = command.mut_args(|arg| shows(arg, &[]));
    command.mut_subcommand("doctor", |command| {
        command.mut_args(|arg| shows(arg, doctor))
    })
}
