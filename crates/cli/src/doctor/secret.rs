//! Where the secret comes from, and whether others can read it.

use std::io::Write;
use std::path::Path;

use anyhow::Result;
use link::SecretError;

use super::CheckReport;
use crate::private_file::FileOrigin;
use crate::secret_args::SecretArgs;
use crate::secret_source::SecretChoice;
use crate::stored_secret::place;

const SUBJECT: &str = "secret";

/// Where a program would take its secret from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecretSource {
    /// An option or a variable.
    Given,
    /// The file in which a worker keeps the one that it made.
    Kept,
    /// Nowhere.
    None,
}

/// Reports where the secret comes from, that it can be used, and whether only its owner can read its file.
/// `insecure`: no secret is to be used; `keeps`: the program generates and stores one itself, as a worker does.
pub fn secret<W: Write>(
    report: &mut CheckReport<W>,
    args: &SecretArgs,
    insecure: bool,
    keeps: bool,
) -> SecretSource {
    let kept = place().filter(|file| keeps && file.exists());
    let choice = args.choose(insecure, None, None);
    check(report, choice, kept.as_deref())
}

fn check<W: Write>(
    report: &mut CheckReport<W>,
    choice: Result<SecretChoice>,
    kept: Option<&Path>,
) -> SecretSource {
    match choice {
        Err(error) => {
            let advice = match error.root_cause().is::<SecretError>() {
                true => "a secret is base64 of 16 bytes or more: head -c 32 /dev/urandom | base64",
                false => "",
            };
            report.fail(SUBJECT, format!("{error:#}"), advice);
            SecretSource::Given
        }
        Ok(SecretChoice::Insecure) => SecretSource::None,
        Ok(SecretChoice::Secret(found)) => {
            match &found.file {
                Some(file) => of_file(report, &found.place, file),
                None if found.is_in_process_list => report.warn(
                    SUBJECT,
                    format!("from {}", found.place),
                    "other users of this machine see a command line: give --secret-file FILE",
                ),
                None => report.ok(SUBJECT, format!("from {}", found.place)),
            }
            SecretSource::Given
        }
        Ok(SecretChoice::None) => match kept {
            Some(file) => {
                match crate::secret_args::read(file, FileOrigin::Kept) {
                    Ok(_) => of_file(report, "the worker's own", file),
                    Err(error) => {
                        report.fail(SUBJECT, format!("{error:#}"), "--new-secret makes another");
                    }
                }
                SecretSource::Kept
            }
            None => {
                report.absent(SUBJECT, "none is given", "");
                SecretSource::None
            }
        },
    }
}

/// A file that can be used.
fn of_file<W: Write>(report: &mut CheckReport<W>, what: &str, file: &Path) {
    let name = file.display();
    match others_may_read(file) {
        false => report.ok(SUBJECT, format!("{what}: {name}")),
        true => report.warn(
            SUBJECT,
            format!("{what}: {name}, which other users may read"),
            format!("chmod 600 {name}"),
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
    use crate::secret_source::FoundSecret;

    const SECRET: &str = "AAAAAAAAAAAAAAAAAAAAAA";

    fn checked(choice: Result<SecretChoice>, kept: Option<&Path>) -> (String, SecretSource) {
        let mut report = CheckReport::new(Vec::new(), false);
        let place = check(&mut report, choice, kept);
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
            let (text, place) = checked(given.choose(false, None, None), None);
            assert!(text.starts_with(verdict), "{mode:o}: {text}");
            assert_eq!(place, SecretSource::Given);
            let (text, place) = checked(Ok(SecretChoice::None), Some(&file));
            assert!(text.starts_with(verdict), "{mode:o}: {text}");
            assert_eq!(place, SecretSource::Kept);
        }
        std::fs::write(&file, "hunter2").unwrap();
        let (text, _) = checked(given.choose(false, None, None), None);
        assert!(
            text.starts_with("fail") && !text.contains("hunter2"),
            "{text}"
        );
    }

    #[test]
    fn a_secret_on_the_command_line_is_told() {
        let found = |is_in_process_list| FoundSecret {
            secret: SECRET.parse().unwrap(),
            place: "--secret".to_owned(),
            file: None,
            is_in_process_list,
        };
        let (text, _) = checked(Ok(SecretChoice::Secret(found(true))), None);
        assert!(
            text.starts_with("warn") && text.contains("--secret-file"),
            "{text}"
        );
        let (text, _) = checked(Ok(SecretChoice::Secret(found(false))), None);
        assert!(text.starts_with("ok"), "{text}");
    }

    #[test]
    fn what_is_wrong_has_an_advice_of_its_own() {
        let short = SecretArgs {
            secret: Some("hunter2".into()),
            ..SecretArgs::default()
        };
        let (text, _) = checked(short.choose(false, None, None), None);
        assert!(
            text.contains("/dev/urandom") && !text.contains("hunter2"),
            "{text}"
        );
        let (text, _) = checked(Err(anyhow::anyhow!("insecure contradicts")), None);
        assert!(!text.contains("/dev/urandom"), "{text}");
    }
}
