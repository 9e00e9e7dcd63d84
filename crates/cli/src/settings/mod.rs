//! Settings of a program from its command line, the environment and configuration files.
//!
//! ```text
//! command line > PREFIX_FLAG variables > ./sleap-rtc.toml > ~/.sleap-rtc/config.toml > default
//! ```
//!
//! Every long flag is a setting; only whether the file of the working directory may set it is declared beside
//! it (`rules`). A setting that contradicts one from a stronger source is ignored. The remaining values are
//! passed to clap as if they were on the command line, so that each is checked once.

mod chosen;
mod environment;
mod file;
mod flag;
mod layers;
mod log;
mod rules;
mod show;
#[cfg(test)]
pub(crate) mod test_program;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod trust_tests;

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{ArgMatches, Command, Error, Parser};
use protocol::text;

pub(crate) use chosen::SourceRank;
pub use chosen::{ChosenSettings, SettingOrigin, SettingOrigins};
pub use environment::SettingsSources;
pub(crate) use log::contradiction;
pub use rules::{Concern, RULES, Rule, without_rule};

use chosen::{SettingState, SettingValue};
use flag::SettingFlag;

/// Which files settings come from; the same options in both programs.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Settings")]
pub struct SettingsArgs {
    /// Take settings from this file instead of ./sleap-rtc.toml and ~/.sleap-rtc/config.toml.
    #[arg(long, value_name = "FILE", global = true, conflicts_with = "no_config")]
    pub config: Option<PathBuf>,

    /// Take settings from no file.
    #[arg(long, global = true)]
    pub no_config: bool,
}

/// What is particular to a program's settings.
#[derive(Debug, Clone, Copy)]
pub struct ProgramSettings {
    /// The table of configuration files that is this program's.
    pub table: &'static str,
    /// Variables are called this, an underscore, and the flag in capitals.
    pub prefix: &'static str,
    /// Other names of variables: the setting, the variable.
    pub other_variables: &'static [(&'static str, &'static str)],
    /// Variables with the prefix, which is left out here, that are no settings.
    pub further_variables: &'static [&'static str],
    /// Whether the file of the working directory may set each flag.
    pub rules: &'static [(&'static str, Rule)],
    /// Settings that are not ignored silently: one that contradicts a stronger setting is an error.
    pub unyielding: &'static [&'static str],
    /// The positional argument that gives a setting on the command line: its id, the setting.
    pub positional: Option<(&'static str, &'static str)>,
    /// Removes weaker values that contradict stronger ones in ways that are not declared to clap.
    pub give_way: fn(&mut ChosenSettings),
}

/// A parsed command line, and the source of each setting.
#[derive(Debug)]
pub struct ParsedArgs<T> {
    /// The arguments, with the settings of all sources.
    pub args: T,
    /// The settings that are not left at their defaults, and their sources.
    pub settings: ChosenSettings,
}

/// A command line that uses the sources of its values.
pub trait SettingsAware: Parser {
    /// Is called once, after parsing, with the settings and their sources.
    fn apply_settings(&mut self, settings: &ChosenSettings);
}

/// Settings of this process. Ends the process where they cannot be used, and after help was printed.
pub fn parse<T: SettingsAware>(program: &ProgramSettings, command: Command) -> ParsedArgs<T> {
    let line = std::env::args_os().collect();
    match parse_from(program, command, line, &SettingsSources::of_process()) {
        Ok(parsed) => parsed,
        Err(error) => crate::end_with(error),
    }
}

/// Settings from a command line and other sources.
///
/// # Errors
/// The errors of clap, help included; files and variables that cannot be used, by name and line.
pub fn parse_from<T: SettingsAware>(
    program: &ProgramSettings,
    command: Command,
    line: Vec<OsString>,
    sources: &SettingsSources,
) -> Result<ParsedArgs<T>, Error> {
    let mut command = flag::with_underscores(command);
    let (mut line, switched_off) = flag::take_switches(&command, line);
    // A first pass that ignores errors: what is missing may come from another source.
    let seen = command.clone().ignore_errors(true);
    let seen = seen.try_get_matches_from(&line)?;
    let mut built = command.clone();
    built.build();
    let (scope, matches, shows) = scope(&built, &seen);
    let mut settings = from_line(scope, matches, &switched_off, shows);
    if !shows {
        add_positional(program, scope, matches, &mut settings);
    }
    if layers::has_settings(scope) {
        let config = SettingsArgs {
            config: given(matches, "config"),
            no_config: matches.get_one("no_config").copied().unwrap_or(false),
        };
        layers::add(program, &built, scope, sources, &config, &mut settings).map_err(
            |message| {
                let message = text::one_line(&message);
                command.clone().error(ErrorKind::InvalidValue, message)
            },
        )?;
        let unknown = environment::unknown(program, &built, sources);
        settings.warnings.extend(unknown);
    }
    if shows {
        // What would be refused in a run is refused here.
        let mut run = vec![line[0].clone()];
        run.extend(settings.weak_arguments());
        command.clone().try_get_matches_from(run)?;
    } else {
        line.extend(settings.weak_arguments());
    }
    let matches = command.clone().try_get_matches_from(line)?;
    let mut args = T::from_arg_matches(&matches).map_err(|error| error.format(&mut command))?;
    args.apply_settings(&settings);
    Ok(ParsedArgs { args, settings })
}

/// The command whose settings these are, what was given to it, and whether they are only shown.
fn scope<'a>(command: &'a Command, seen: &'a ArgMatches) -> (&'a Command, &'a ArgMatches, bool) {
    match seen.subcommand() {
        Some(("config", matches)) => (command, matches, true),
        Some((name, matches)) => match command.find_subcommand(name) {
            Some(found) => (found, matches, false),
            None => (command, seen, false),
        },
        None => (command, seen, false),
    }
}

fn given(matches: &ArgMatches, id: &str) -> Option<PathBuf> {
    matches.get_one::<PathBuf>(id).cloned()
}

/// The settings of the command line.
fn from_line(scope: &Command, matches: &ArgMatches, off: &[String], shows: bool) -> ChosenSettings {
    let mut settings = ChosenSettings::new(scope);
    if shows {
        return settings;
    }
    let line = |given| SettingValue {
        given,
        origin: SettingOrigin::line(),
    };
    for flag in flag::all(scope) {
        if matches.value_source(flag.id()) == Some(ValueSource::CommandLine) {
            settings.insert(&flag, line(said(&flag, matches)));
        } else if off.contains(&flag.name()) {
            settings.insert(&flag, line(SettingState::Off));
        }
    }
    settings
}

/// The setting that words without an option give, unless its option stands beside them.
fn add_positional(
    program: &ProgramSettings,
    scope: &Command,
    matches: &ArgMatches,
    settings: &mut ChosenSettings,
) {
    let Some((id, name)) = program.positional else {
        return;
    };
    // Subcommands have no such argument.
    let words = matches.try_get_raw(id).ok().flatten();
    let flag = flag::all(scope).find(|flag| flag.name() == name);
    let (Some(words), Some(flag)) = (words, flag) else {
        return;
    };
    if settings.get(name).is_none() {
        let given = SettingState::Values(words.map(OsStr::to_owned).collect());
        let origin = SettingOrigin::line();
        settings.insert(&flag, SettingValue { given, origin });
    }
}

fn said(flag: &SettingFlag<'_>, matches: &ArgMatches) -> SettingState {
    if flag.is_switch() {
        return SettingState::On(1);
    }
    if flag.is_count() {
        return SettingState::On(matches.get_count(flag.id()));
    }
    let raw = matches.get_raw(flag.id()).into_iter().flatten();
    SettingState::Values(raw.map(OsStr::to_owned).collect())
}
