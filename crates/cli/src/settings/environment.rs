//! Settings in environment variables.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use clap::Command;

use super::ProgramSettings;
use super::chosen::{SettingOrigin, SettingState, SettingValue, SourceRank};
use super::flag::{self, SettingFlag};
use crate::similar::nearest;
use crate::variable;

/// What there is outside the command line.
#[derive(Debug, Clone, Default)]
pub struct SettingsSources {
    /// Environment variables.
    pub variables: BTreeMap<String, OsString>,
    /// The folder where the program is started.
    pub folder: PathBuf,
    /// The user's home folder.
    pub home: Option<PathBuf>,
}

impl SettingsSources {
    /// Those of this process. Variables whose names are not Unicode are none of ours.
    pub fn of_process() -> Self {
        let named = |(name, value): (OsString, OsString)| Some((name.into_string().ok()?, value));
        Self {
            variables: std::env::vars_os().filter_map(named).collect(),
            folder: PathBuf::new(),
            home: std::env::home_dir().filter(|home| !home.as_os_str().is_empty()),
        }
    }

    /// A variable that has a value.
    pub(super) fn variable(&self, name: &str) -> Option<&OsStr> {
        let value = self.variables.get(name)?;
        (!value.is_empty()).then_some(value)
    }

    /// A variable that has a value, which has to be a text.
    pub(super) fn text(&self, name: &str) -> Result<Option<String>, String> {
        variable::text_of(name, self.variable(name).map(OsStr::to_owned))
    }
}

/// The value that a variable gives a flag.
pub(super) fn variable(
    program: &ProgramSettings,
    flag: &SettingFlag<'_>,
    sources: &SettingsSources,
) -> Result<Option<SettingValue>, String> {
    let own = format!("{}_{}", program.prefix, flag.name().to_uppercase());
    let others = program.other_variables.iter();
    let others = others.filter(|(setting, _)| *setting == flag.name());
    let mut names = std::iter::once(own.as_str()).chain(others.map(|(_, variable)| *variable));
    let found = names.find_map(|name| Some((name, sources.variable(name)?)));
    let Some((name, value)) = found else {
        return Ok(None);
    };
    let origin = SettingOrigin::new(SourceRank::Environment, name);
    let Some(text) = value.to_str() else {
        if !flag.is_path() {
            return variable::text_of(name, Some(value.to_owned())).map(|_| None);
        }
        let given = match flag.is_list() {
            true => SettingState::Values(split_at_commas(value)),
            false => SettingState::Values(vec![value.to_owned()]),
        };
        return Ok(Some(SettingValue { given, origin }));
    };
    let given = if flag.is_switch() {
        match yes_or_no(name, text)? {
            true => SettingState::On(1),
            false => SettingState::Off,
        }
    } else if flag.is_count() {
        let times = text
            .parse()
            .map_err(|_| format!("{name} is '{text}': give a number"))?;
        SettingState::On(times)
    } else if flag.value_is_optional() && text == "true" {
        SettingState::On(1)
    } else if text == "false" {
        SettingState::Off
    } else if flag.is_list() {
        SettingState::Values(text.split(',').map(|part| part.trim().into()).collect())
    } else {
        SettingState::Values(vec![text.into()])
    };
    Ok(Some(SettingValue { given, origin }))
}

/// Warnings about variables that are called as settings of this program, and are none.
pub(super) fn unknown(
    program: &ProgramSettings,
    command: &Command,
    sources: &SettingsSources,
) -> Vec<String> {
    let prefix = format!("{}_", program.prefix);
    let commands = std::iter::once(command).chain(command.get_subcommands());
    let flags = commands.flat_map(flag::all);
    let settings: BTreeSet<String> = flags
        .map(|flag| flag.name().to_uppercase())
        .chain(["CONFIG", "NO_CONFIG"].map(str::to_owned))
        .collect();
    let others = program
        .other_variables
        .iter()
        .map(|(_, variable)| *variable);
    let others: Vec<&str> = others
        .filter_map(|variable| variable.strip_prefix(&prefix))
        .chain(program.further_variables.iter().copied())
        .collect();
    let set = sources.variables.keys();
    let set = set.filter(|name| sources.variable(name).is_some());
    set.filter_map(|name| Some((name, name.strip_prefix(&prefix)?)))
        .filter(|(_, rest)| !settings.contains(*rest) && !others.contains(rest))
        .map(|(name, rest)| {
            let hint = match nearest(rest, settings.iter().cloned()) {
                Some(known) => format!("did you mean {prefix}{known}?"),
                None => "--help lists the options, which are the variables".to_owned(),
            };
            format!("the variable {name} is ignored, because there is no such option: {hint}")
        })
        .collect()
}

/// Paths that are no texts.
#[cfg(unix)]
fn split_at_commas(value: &OsStr) -> Vec<OsString> {
    use std::os::unix::ffi::OsStrExt;
    let parts = value.as_bytes().split(|byte| *byte == b',');
    parts
        .map(|part| OsStr::from_bytes(part.trim_ascii()).to_owned())
        .collect()
}

#[cfg(not(unix))]
fn split_at_commas(value: &OsStr) -> Vec<OsString> {
    vec![value.to_owned()]
}

pub(super) fn yes_or_no(name: &str, text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "1" | "true" | "yes" | "on" => Ok(true),
        "0" | "false" | "no" | "off" => Ok(false),
        _ => Err(format!("{name} is '{text}': give true or false")),
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::ffi::OsStringExt;

    use clap::CommandFactory;

    use super::super::parse_from;
    use super::super::test_program::{Args, PROGRAM};
    use super::*;

    #[test]
    fn a_variable_with_a_typing_error_is_named_with_the_one_that_is_meant() {
        let warnings = |names: &[&str]| {
            let set = |name: &&str| ((*name).to_owned(), "1".into());
            let sources = SettingsSources {
                variables: names.iter().map(set).collect(),
                ..SettingsSources::default()
            };
            unknown(&PROGRAM, &Args::command(), &sources)
        };
        for (name, meant) in [
            ("PROG_JPEG_QUALTY", "did you mean PROG_JPEG_QUALITY?"),
            ("PROG_DEEP_LOK", "did you mean PROG_DEEP_LOOK?"),
            ("PROG_NO_CONFG", "did you mean PROG_NO_CONFIG?"),
            ("PROG_ZZZ", "--help lists"),
            ("PROG_", "--help lists"),
            ("PROG_jpeg_quality", "--help lists"),
        ] {
            let found = warnings(&[name]);
            assert!(
                found.len() == 1 && found[0].contains(name) && found[0].contains(meant),
                "{found:?}"
            );
        }
        let known = [
            "PROG_SIGNAL",
            "PROG_CONFIG",
            "PROG_NO_CONFIG",
            "PROG_DEEP_LOOK",
        ];
        let others = ["PROG_TEST", "OTHER_SIGNAL", "PROGRAM", "OTHER_PROG_FILE"];
        assert!(warnings(&[known, others].concat()).is_empty());
    }

    #[test]
    fn variables_may_hold_paths_in_any_encoding_and_else_text() {
        let parsed = |name: &str, value: &[u8]| {
            let sources = SettingsSources {
                variables: [(name.to_owned(), OsString::from_vec(value.to_vec()))].into(),
                ..SettingsSources::default()
            };
            parse_from::<Args>(&PROGRAM, Args::command(), vec!["prog".into()], &sources)
        };
        let bytes = |path: PathBuf| path.into_os_string().into_vec();
        let send = parsed("PROG_SEND", b"v\xff.mp4").unwrap();
        assert_eq!(
            send.args.send.map(bytes).as_deref(),
            Some(&b"v\xff.mp4"[..])
        );
        let shown = send.settings.to_toml(&PROGRAM);
        assert!(
            shown.contains("# send is a path that is not UTF-8"),
            "{shown}"
        );
        let output = parsed("PROG_OUTPUT", b"a\xff.slp, b.csv")
            .unwrap()
            .args
            .output;
        let output: Vec<_> = output.into_iter().map(bytes).collect();
        assert_eq!(output, [&b"a\xff.slp"[..], b"b.csv"]);
        for name in [
            "PROG_FILE",
            "PROG_SIGNAL",
            "PROG_INSECURE",
            "PROG_VERBOSE",
            "PROG_ICE_SERVER",
            "PROG_NO_CONFIG",
            "SLEAP_RTC_ENV",
            "OTHER_SIGNAL",
        ] {
            let error = parsed(name, b"hunter2\xff").expect_err(name).to_string();
            assert!(
                error.contains(&format!("{name} is not UTF-8")) && !error.contains("hunter2"),
                "{error}"
            );
        }
        let missing = parsed("PROG_CONFIG", b"/nowhere/\xff.toml").unwrap_err();
        assert!(
            missing.to_string().contains("there is no file /nowhere/"),
            "{missing}"
        );
    }
}
