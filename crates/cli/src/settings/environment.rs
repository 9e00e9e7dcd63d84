//! Settings in environment variables.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use super::ProgramSettings;
use super::chosen::{SettingOrigin, SettingState, SettingValue, SourceRank};
use super::flag::SettingFlag;
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
