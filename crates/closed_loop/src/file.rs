//! Reading a rules file.

use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use emit::Target;
use rules::{OutputTarget, Place, PoseKind, Rules, RulesError};

use crate::log::EventsFile;

/// A rules file that was read, and where its events go.
#[derive(Debug, Clone)]
pub struct LoadedRules {
    /// Its content.
    pub rules: Rules,
    /// The file of the events.
    pub events: Option<EventsFile>,
    /// The file, where its zones may be changed while it is used.
    pub editable: Option<PathBuf>,
}

/// Reads a rules file, and checks all that can be checked without a skeleton.
///
/// # Errors
/// The file cannot be read, or has an error: its place, and what was probably meant.
pub fn load(path: &Path) -> Result<Rules> {
    let shown = path.display().to_string();
    let text = read(path).with_context(|| format!("cannot read the rules file {shown}"))?;
    let rules = Rules::parse(&shown, &text).map_err(|error| anyhow!(with_hint(error)))?;
    for output in &rules.outputs {
        if let OutputTarget::Url(url) = &output.to {
            let target: Result<Target, _> = url.parse();
            if let Err(error) = target {
                let Place { line, column } = output.place;
                bail!(
                    "{shown}, line {line}, column {column}: [output.{}]: {error}",
                    output.name
                );
            }
        }
    }
    Ok(rules)
}

/// The text of a rules file.
pub(crate) fn read(path: &Path) -> io::Result<String> {
    atomic_file::read_text(path, rules::MAX_BYTES as u64)
}

/// The error with the word that was probably meant.
pub fn with_hint(error: RulesError) -> RulesError {
    error.with_hint(cli::nearest)
}

/// Checks the name of a file of events.
///
/// # Errors
/// It does not end in `.csv`.
pub fn check_events_name(path: &Path) -> Result<()> {
    match path.extension().is_some_and(|end| end == "csv") {
        true => Ok(()),
        false => bail!("--events {}: the name must end in .csv", path.display()),
    }
}

/// Checks that the poses are computed that rules use.
///
/// # Errors
/// A rule uses others.
pub fn check_poses(rules: &Rules, has_ahead: bool, has_smooth: bool) -> Result<()> {
    for (kind, has, option) in [
        (PoseKind::Ahead, has_ahead, "--predict-ahead"),
        (PoseKind::Smooth, has_smooth, "--smooth"),
    ] {
        if let Some((name, Place { line, .. })) = rules.first_that_uses(kind).filter(|_| !has) {
            bail!(
                "{}, line {line}: [rule.{name}] uses poses that are not computed: give {option}",
                rules.file
            );
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn a_device_is_no_rules_file() {
        let error = load(Path::new("/dev/zero")).unwrap_err();
        let error = format!("{error:#}");
        assert!(
            error.contains("cannot read the rules file /dev/zero: it is not a regular file"),
            "{error}"
        );
    }
}
