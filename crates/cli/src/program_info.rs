//! A program's version and build, its shell completions.

use anyhow::Result;
use clap::Command;
use clap_complete::Shell;

use crate::terminal;

/// `0.1.0 (1a2b3c4d5e)`; without the commit where the program was not built from a repository.
pub const VERSION: &str = env!("SLEAP_STREAM_BUILD_VERSION");

/// The lines of `--version` about the build. `libraries`: names and versions of the libraries that the
/// program uses.
pub fn long_version(libraries: &[(&str, String)]) -> String {
    let mut lines = vec![
        VERSION.to_owned(),
        format!(
            "build: {} for {}",
            env!("SLEAP_STREAM_BUILD_PROFILE"),
            env!("SLEAP_STREAM_BUILD_TARGET")
        ),
        format!("rustc: {}", env!("SLEAP_STREAM_BUILD_RUSTC")),
    ];
    lines.extend(
        libraries
            .iter()
            .map(|(name, version)| format!("{name}: {version}")),
    );
    lines.join("\n")
}

/// The command line with all that `--version` prints, where that stands on it: what takes time to find out is found out
/// then.
pub fn with_version(command: Command, long_version: impl FnOnce() -> String) -> Command {
    match std::env::args_os().skip(1).any(|word| word == "--version") {
        true => command.long_version(long_version()),
        false => command,
    }
}

/// Whether `--version` is all that stands on the command line: the answer then needs no description of all options, which
/// would take most of the memory.
pub fn is_version_alone() -> bool {
    let mut words = std::env::args_os().skip(1);
    words.next().is_some_and(|word| word == "--version") && words.next().is_none()
}

/// Prints what clap prints for `--version`.
pub fn print_version(name: &str, long_version: &str) -> Result<()> {
    terminal::pass(format!("{name} {long_version}\n").as_bytes())
}

/// What a shell runs to complete command lines of `command`.
pub fn completions(mut command: Command, shell: Shell) -> Result<()> {
    let name = command.get_name().to_owned();
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, name, &mut script);
    terminal::pass(&script)
}
