//! Options of rules.

use std::path::PathBuf;

use anyhow::{Result, bail};
use closed_loop::{
    EventsFile, ExistingEvents, LoadedRules, OriginColumns, check_events_name, load,
};
use rules::{Place, PoseKind};

/// Options of the rules that act on poses.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Closed loop")]
pub struct RulesArgs {
    /// Switch and send what the rules in this file say, on each pose of every stream.
    ///
    /// With --max-streams 2 or more each stream has a state of its own. Serial ports and addresses are this machine's. `sleap-stream rules check FILE` tries a file. A client may have
    /// rules of its own: both act.
    #[arg(long, value_name = "FILE.toml")]
    pub rules: Option<PathBuf>,

    /// Let people with the page's send link draw zones, which are saved in the file.
    #[arg(long, requires = "rules")]
    pub rules_editable: bool,

    /// Add the events of the rules to this file.
    #[arg(long, value_name = "FILE.csv", requires = "rules")]
    pub events: Option<PathBuf>,
}

impl RulesArgs {
    /// The rules, read and checked. `names_streams`: streams may run beside each other.
    ///
    /// # Errors
    /// The file has an error, or uses poses that the worker does not compute.
    pub(crate) fn loaded(&self, names_streams: bool) -> Result<Option<LoadedRules>> {
        let Some(path) = &self.rules else {
            return Ok(None);
        };
        if let Some(events) = &self.events {
            check_events_name(events)?;
        }
        let rules = load(path)?;
        for kind in [PoseKind::Ahead, PoseKind::Smooth] {
            if let Some((name, Place { line, .. })) = rules.first_that_uses(kind) {
                bail!(
                    "{}, line {line}: [rule.{name}] uses poses that only the client computes: leave out `pose`, or \
                     give the file to sleap-stream --rules",
                    rules.file
                );
            }
        }
        // A worker that is started again, by a service manager for example, goes on with its file.
        let existing = ExistingEvents::Continued;
        let origin = match names_streams {
            true => OriginColumns::Stream,
            false => OriginColumns::None,
        };
        let path = self.events.clone();
        Ok(Some(LoadedRules {
            rules,
            events: path.map(|path| EventsFile {
                path,
                existing,
                origin,
            }),
            editable: self.rules_editable.then(|| self.rules.clone()).flatten(),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_the_worker_cannot_use_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("r.toml");
        let loaded = |text: &str, events: Option<&str>| {
            std::fs::write(&path, text).unwrap();
            let args = RulesArgs {
                rules: Some(path.clone()),
                events: events.map(PathBuf::from),
                rules_editable: false,
            };
            let loaded = args.loaded(true).map(|loaded| loaded.unwrap().events);
            loaded.map_err(|error| format!("{error:#}"))
        };
        let plain = "[rule.r]\nwhen = { present = true }\n";
        assert!(loaded(plain, None).unwrap().is_none());
        let events = loaded(plain, Some("e.csv")).unwrap().unwrap();
        assert_eq!(events.existing, ExistingEvents::Continued);
        assert_eq!(events.origin, OriginColumns::Stream);
        let error = loaded(plain, Some("e.txt")).unwrap_err();
        assert!(error.contains(".csv"), "{error}");
        for kind in ["ahead", "smooth"] {
            let error = loaded(&format!("{plain}pose = \"{kind}\"\n"), None).unwrap_err();
            assert!(
                error.contains("line 1: [rule.r]") && error.contains("sleap-stream --rules"),
                "{error}"
            );
        }
        let error = loaded("[rule.r]\nwhen = { present = tru }\n", None).unwrap_err();
        assert!(error.contains("line 2"), "{error}");
    }
}
