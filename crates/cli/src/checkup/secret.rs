//! Where the secret comes from, and whether others can read it.

use std::io::Write;
use std::path::Path;

use super::Report;
use crate::kept_secret::place;
use crate::secret_args::SecretArgs;

const SUBJECT: &str = "secret";

/// Where a program would take its secret from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecretPlace {
    /// An option or a variable.
    Given,
    /// The file in which a worker keeps the one that it made.
    Kept,
    /// Nowhere.
    None,
}

/// Says where the secret comes from, that it can be used, and whether its file is its owner's alone.
/// `keeps`: the program makes one itself and keeps it, as a worker does.
pub fn secret<W: Write>(report: &mut Report<W>, args: &SecretArgs, keeps: bool) -> SecretPlace {
    let kept = place().filter(|file| keeps && file.exists());
    check(report, args, kept.as_deref())
}

fn check<W: Write>(report: &mut Report<W>, args: &SecretArgs, kept: Option<&Path>) -> SecretPlace {
    match args.given(None) {
        Err(error) => {
            let advice = "a secret is base64 of 16 bytes or more: head -c 32 /dev/urandom | base64";
            report.fail(SUBJECT, format!("{error:#}"), advice);
            SecretPlace::Given
        }
        Ok(Some(_)) => {
            match (&args.secret, &args.secret_file) {
                (Some(_), _) => report.warn(
                    SUBJECT,
                    "from --secret",
                    "other users of this machine see a command line: give --secret-file FILE",
                ),
                (None, Some(file)) => of_file(report, "--secret-file", file),
                (None, None) => report.ok(SUBJECT, "from the variable SLEAP_ROOM_SECRET"),
            }
            SecretPlace::Given
        }
        Ok(None) => match kept {
            Some(file) => {
                match crate::secret_args::read(file) {
                    Ok(_) => of_file(report, "the worker's own", file),
                    Err(error) => {
                        report.fail(SUBJECT, format!("{error:#}"), "--new-secret makes another");
                    }
                }
                SecretPlace::Kept
            }
            None => {
                report.ok(SUBJECT, "none is given");
                SecretPlace::None
            }
        },
    }
}

/// A file that can be used.
fn of_file<W: Write>(report: &mut Report<W>, what: &str, file: &Path) {
    let name = file.display();
    match others_may_read(file) {
        false => report.ok(SUBJECT, format!("{what}: {name}")),
        true => report.warn(
            SUBJECT,
            format!("{what}: {name}, which other users may read"),
            &format!("chmod 600 {name}"),
        ),
    }
}

#[cfg(unix)]
fn others_may_read(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(file).is_ok_and(|it| it.permissions().mode() & 0o077 != 0)
}

#[cfg(not(unix))]
fn others_may_read(_: &Path) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "AAAAAAAAAAAAAAAAAAAAAA";

    fn checked(args: &SecretArgs, kept: Option<&Path>) -> (String, SecretPlace) {
        let mut report = Report::new(Vec::new());
        let place = check(&mut report, args, kept);
        let text = String::from_utf8(report.out).expect("text");
        assert!(!text.contains(SECRET), "{text}");
        (anstream::adapter::strip_str(&text).to_string(), place)
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_others_may_read_is_told() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("secret");
        std::fs::write(&file, SECRET).unwrap();
        let given = SecretArgs {
            secret_file: Some(file.clone()),
            ..SecretArgs::default()
        };
        for (mode, verdict) in [(0o600, "ok"), (0o644, "warn"), (0o640, "warn")] {
            std::fs::set_permissions(&file, PermissionsExt::from_mode(mode)).unwrap();
            let (text, place) = checked(&given, None);
            assert!(text.starts_with(verdict), "{mode:o}: {text}");
            assert_eq!(place, SecretPlace::Given);
            // A secret in the environment of the test comes before.
            if std::env::var_os("SLEAP_ROOM_SECRET").is_none() {
                let (text, place) = checked(&SecretArgs::default(), Some(&file));
                assert!(text.starts_with(verdict), "{mode:o}: {text}");
                assert_eq!(place, SecretPlace::Kept);
            }
        }
        std::fs::write(&file, "hunter2").unwrap();
        let (text, _) = checked(&given, None);
        assert!(
            text.starts_with("fail") && !text.contains("hunter2"),
            "{text}"
        );
    }

    #[test]
    fn a_secret_on_the_command_line_is_told() {
        let given = SecretArgs {
            secret: Some(SECRET.into()),
            ..SecretArgs::default()
        };
        let (text, _) = checked(&given, None);
        assert!(
            text.starts_with("warn") && text.contains("--secret-file"),
            "{text}"
        );
    }
}
