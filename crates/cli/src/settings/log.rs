//! Log records about settings files, and the contradictions that end a run.

use tracing::{debug, info, warn};

use super::ProgramSettings;
use super::chosen::{ChosenSettings, SettingOrigin, SourceRank};
use super::file::ROOM_SERVER;

impl ChosenSettings {
    /// Logs which files are in use, and which settings were taken from each: names, no values.
    pub fn log(&self, program: &ProgramSettings) {
        for file in self.files.iter().filter(|file| file.is_there) {
            let path = std::path::absolute(&file.path).unwrap_or_else(|_| file.path.clone());
            let path = path.display();
            match self.taken_from(file.rank).as_slice() {
                [] => debug!(file = %path, "no settings from a file"),
                names => info!(file = %path, settings = names.join(", "), "settings from a file"),
            }
        }
        for warning in &self.warnings {
            warn!("{warning}");
        }
        for it in &self.overruled {
            let (name, by) = (&it.name, &it.by);
            let words = format!(
                "{name} ({}) is not used: {by} ({}) is stronger",
                it.origin, it.by_origin
            );
            match program.unyielding.contains(&by.as_str()) {
                true => info!("{words}"),
                false => debug!("{words}"),
            }
        }
    }

    /// Fails where a setting contradicts a stronger one and must not be ignored.
    pub(super) fn has_not_overruled(&self, unyielding: &[&str]) -> Result<(), String> {
        let mut overruled = self.overruled.iter();
        match overruled.find(|it| unyielding.contains(&it.name.as_str())) {
            None => Ok(()),
            Some(it) => {
                let by = format!("{} ({})", it.by, it.by_origin);
                Err(contradiction(&it.name, &it.origin, &by))
            }
        }
    }

    /// The server that SLEAP-RTC's own table names in the working directory's file is not taken: keys and
    /// logins go there. Where another one gets them in its place, the log names it.
    pub(super) fn puts_aside(
        &mut self,
        origin: &SettingOrigin,
        url: &str,
        default: Option<String>,
    ) -> Result<(), String> {
        let used = self.text(ROOM_SERVER).map(str::to_owned).or(default);
        let is_same = |used: String| plain(&used) == plain(url);
        if !self.is_set("room") || used.is_some_and(is_same) {
            return Ok(());
        }
        match self.origin(ROOM_SERVER).map(|it| (it.rank, it.to_string())) {
            Some((rank, _)) if rank <= SourceRank::Environment => Ok(()),
            Some((_, own)) => {
                let warning = format!(
                    "{origin}: this server is not used for the room, but that of {own}: a file that lies \
                     in the working directory does not say where logins go"
                );
                self.warnings.push(warning);
                Ok(())
            }
            None => Err(format!(
                "{origin}: the room's server is not taken from a file that lies in the working directory, \
                 because logins go there: give it with --room-server, or put signaling_websocket into \
                 ~/.sleap-rtc/config.toml"
            )),
        }
    }
}

/// The message about a switch that contradicts a setting from a stronger source and must not be ignored.
pub(crate) fn contradiction(name: &str, origin: &SettingOrigin, by: &str) -> String {
    format!(
        "{name} ({origin}) contradicts {by}: remove one of them, or decide on the command line with \
         --{name} or --{name}=false"
    )
}

fn plain(url: &str) -> String {
    let url = url.trim().trim_end_matches('/');
    url.strip_prefix("wss://").unwrap_or(url).to_lowercase()
}
