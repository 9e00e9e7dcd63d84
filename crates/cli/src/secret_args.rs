//! Where the secret that worker and client share comes from.

use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use clap::Args;
use link::Secret;
use serde_json::Value;
use tracing::warn;

use crate::private_file;

/// The variables and places that SLEAP-RTC uses.
const ROOM_SECRET: &str = "SLEAP_ROOM_SECRET";
const SECRET_PATH: &str = "SLEAP_SECRET_PATH";
const FOLDER: &str = ".sleap-rtc";

/// A text that must not show in messages and logs. Parsing never fails: an error would repeat it.
#[derive(Clone, PartialEq, Eq)]
pub struct Hidden(pub String);

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(hidden)")
    }
}

impl From<&str> for Hidden {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

/// Options for the secret that both programs take.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Authentication")]
pub struct SecretArgs {
    /// A file with the secret that worker and client share: base64 of at least 16 bytes.
    ///
    /// The variable SLEAP_ROOM_SECRET does as well.
    #[arg(long, value_name = "FILE")]
    pub secret_file: Option<PathBuf>,

    /// The secret itself; other users of this machine see a command line.
    #[arg(long, value_name = "SECRET", conflicts_with = "secret_file")]
    pub secret: Option<Hidden>,
}

impl SecretArgs {
    /// The secret that the user gave, by the command line, the environment, or, where a room is
    /// named, the files of SLEAP-RTC. An error here is a usage error.
    pub fn given(&self, room: Option<&str>) -> Result<Option<Secret>> {
        if let Some(Hidden(text)) = &self.secret {
            if is_in_process_list(text) {
                warn!("other users of this machine can see --secret: give --secret-file FILE");
            }
            return parse(text).context("--secret").map(Some);
        }
        if let Some(file) = &self.secret_file {
            return read(file).context("--secret-file").map(Some);
        }
        look_up(room, &|name| std::env::var(name).ok())
    }
}

/// Whether this program was started with a text on its command line. Settings also come from
/// elsewhere.
pub fn is_in_process_list(text: &str) -> bool {
    std::env::args_os().any(|argument| argument.to_string_lossy().contains(text))
}

/// What stands in the environment, else in a room's files.
fn look_up(
    room: Option<&str>,
    variable: &dyn Fn(&str) -> Option<String>,
) -> Result<Option<Secret>> {
    let variable = |name: &str| variable(name).filter(|value| !value.is_empty());
    if let Some(text) = variable(ROOM_SECRET) {
        return parse(&text).context(ROOM_SECRET).map(Some);
    }
    let Some(room) = room else { return Ok(None) };
    if room.is_empty() || room.starts_with('.') || room.contains(['/', '\\']) {
        bail!("`{room}` is not the name of a room");
    }
    let settings = variable("HOME").map(|home| Path::new(&home).join(FOLDER));
    let folder = match variable(SECRET_PATH) {
        Some(folder) => Some(PathBuf::from(folder)),
        None => settings.as_ref().map(|it| it.join("room-secrets")),
    };
    if let Some(file) = folder.map(|folder| folder.join(room))
        && file.exists()
    {
        return read(&file).map(Some);
    }
    match settings.map(|it| it.join("credentials.json")) {
        Some(file) if file.exists() => of_credentials(&file, room),
        _ => Ok(None),
    }
}

/// `room_secrets` of SLEAP-RTC's credentials.
fn of_credentials(file: &Path, room: &str) -> Result<Option<Secret>> {
    let name = file.display();
    let text = private_file::read(file)?;
    // The parser's own words may quote the file.
    let value: Value = serde_json::from_str(&text)
        .map_err(|error| anyhow!("{name} is not JSON (line {})", error.line()))?;
    let secret = value.get("room_secrets").and_then(|them| them.get(room));
    match secret.and_then(Value::as_str) {
        Some(text) => parse(text)
            .with_context(|| format!("the secret of {room} in {name}"))
            .map(Some),
        None => Ok(None),
    }
}

/// Reads a secret from a file that holds nothing else.
pub(crate) fn read(file: &Path) -> Result<Secret> {
    let text = private_file::read(file)?;
    parse(&text).with_context(|| format!("the secret in {} cannot be used", file.display()))
}

fn parse(text: &str) -> Result<Secret> {
    Ok(text.parse()?)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const ONE: &str = "AAAAAAAAAAAAAAAAAAAAAA";
    const TWO: &str = "BBBBBBBBBBBBBBBBBBBBBA";
    const THREE: &str = "CCCCCCCCCCCCCCCCCCCCCA";

    fn found(room: Option<&str>, variables: &[(&str, &str)]) -> Result<Option<String>> {
        let variable = |name: &str| {
            let mut known = variables.iter();
            known.find(|it| it.0 == name).map(|it| it.1.to_owned())
        };
        Ok(look_up(room, &variable)?.map(|secret| secret.reveal()))
    }

    #[test]
    fn places_are_asked_in_sleap_rtcs_order() {
        let home = tempfile::tempdir().unwrap();
        let settings = home.path().join(FOLDER);
        fs::create_dir_all(settings.join("room-secrets")).unwrap();
        let elsewhere = home.path().join("shared");
        fs::create_dir(&elsewhere).unwrap();
        let home = ("HOME", home.path().to_str().unwrap());
        let shared = (SECRET_PATH, elsewhere.to_str().unwrap());
        assert_eq!(found(Some("lab"), &[home]).unwrap(), None);

        let credentials = format!(r#"{{"jwt":"x","room_secrets":{{"lab":"{THREE}"}}}}"#);
        fs::write(settings.join("credentials.json"), credentials).unwrap();
        assert_eq!(found(Some("lab"), &[home]).unwrap().as_deref(), Some(THREE));
        assert_eq!(found(Some("other"), &[home]).unwrap(), None);
        assert_eq!(found(None, &[home]).unwrap(), None);

        fs::write(settings.join("room-secrets/lab"), format!("{TWO}\n")).unwrap();
        assert_eq!(found(Some("lab"), &[home]).unwrap().as_deref(), Some(TWO));
        assert_eq!(
            found(Some("lab"), &[home, shared]).unwrap().as_deref(),
            Some(THREE)
        );

        let variable = (ROOM_SECRET, ONE);
        for room in [Some("lab"), None] {
            let secret = found(room, &[home, shared, variable]).unwrap();
            assert_eq!(secret.as_deref(), Some(ONE));
        }
    }

    #[test]
    fn what_is_wrong_is_named_without_quoting_it() {
        for (room, variables) in [
            (None, vec![(ROOM_SECRET, "hunter2")]),
            (Some("../hunter"), vec![]),
            (Some(".hunter"), vec![]),
        ] {
            let error = format!("{:#}", found(room, &variables).unwrap_err());
            assert!(!error.contains("hunter2"), "{error}");
        }
        let args = SecretArgs {
            secret: Some("hunter2".into()),
            ..SecretArgs::default()
        };
        let error = format!("{:#}", args.given(None).unwrap_err());
        assert!(
            error.contains("--secret") && !error.contains("hunter2"),
            "{error}"
        );
        assert!(!format!("{args:?}").contains("hunter2"));
    }

    #[test]
    fn a_file_holds_the_secret_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("secret");
        let args = SecretArgs {
            secret_file: Some(file.clone()),
            ..SecretArgs::default()
        };
        assert!(args.given(None).is_err());
        fs::write(&file, format!("{TWO}\n")).unwrap();
        assert_eq!(args.given(None).unwrap().unwrap().reveal(), TWO);
        fs::write(&file, "").unwrap();
        let error = format!("{:#}", args.given(None).unwrap_err());
        assert!(error.contains("too short"), "{error}");
    }
}
