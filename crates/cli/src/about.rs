//! What a program says of itself: its build, shell completions, its manual page.

use std::io::{self, Write};

use anyhow::{Context, Result};
use clap::Command;
use clap_complete::Shell;

/// `0.1.0 (1a2b3c4d5e)`; without the commit where the program was not built from a repository.
pub const VERSION: &str = env!("SLEAP_STREAM_BUILD_VERSION");

/// The lines of `--version` that tell of the build. `libraries`: those the program uses, with their
/// versions.
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

/// Whether `--version` stands on the command line: what takes time to find out is found out then.
pub fn version_is_asked() -> bool {
    std::env::args_os().skip(1).any(|word| word == "--version")
}

/// What a shell runs to complete command lines of `command`.
pub fn completions(mut command: Command, shell: Shell) -> Result<()> {
    let name = command.get_name().to_owned();
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, name, &mut script);
    print(&script)
}

/// The manual page, for `man -l`.
pub fn manual(command: Command) -> Result<()> {
    let mut page = Vec::new();
    clap_mangen::Man::new(command)
        .render(&mut page)
        .context("cannot write the manual page")?;
    print(&page)
}

/// Prints a text on standard output. A reader that has enough is no error.
pub fn print(text: &[u8]) -> Result<()> {
    match io::stdout().write_all(text) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written.context("cannot write to standard output"),
    }
}
