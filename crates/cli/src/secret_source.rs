//! The secret that worker and client share: where it is looked for, and which place comes first.
//!
//! ```text
//! command line > environment > named settings file > ~/.sleap-rtc
//! ```
//!
//! An option ranks where it was set, a variable with the environment, and what SLEAP-RTC keeps of a room
//! with the user's settings file; so does the link of a stored worker that no option names. In one place a worker's link comes first, then `--secret`,
//! `--secret-file`, and what is not an option. `--insecure` ranks like any other option: it has to stand
//! in a stronger place than every secret.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use link::Secret;
use tracing::{debug, info, warn};

use crate::private_file::{self, FileOrigin};
use crate::secret_args::{Redacted, SecretArgs, is_in_process_list, parse, read};
use crate::settings::{SettingOrigin, SourceRank, contradiction};
use crate::variable;

/// The variables and files that SLEAP-RTC uses.
const ROOM_SECRET: &str = "SLEAP_ROOM_SECRET";
const SECRET_PATH: &str = "SLEAP_SECRET_PATH";
const FOLDER: &str = ".sleap-rtc";

/// The secret that the options, the environment and files give.
#[derive(Debug)]
pub enum SecretChoice {
    /// None is to be used.
    Insecure,
    /// This one.
    Secret(FoundSecret),
    /// Nothing.
    None,
}

/// A secret, and where it was found.
#[derive(Debug)]
pub struct FoundSecret {
    /// The secret.
    pub secret: Secret,
    /// Its place in words: an option, a variable or a file.
    pub place: String,
    /// The file that holds it.
    pub file: Option<PathBuf>,
    /// Other users see it in the list of processes.
    pub is_in_process_list: bool,
}

/// A place that has a secret. Nothing is read before it is clear that it is the strongest.
struct Candidate {
    rank: SourceRank,
    /// In words.
    place: String,
    source: Source,
}

enum Source {
    Link(Secret),
    /// An option's value.
    Text(String),
    Variable(String),
    NamedFile(PathBuf),
    /// A file where SLEAP-RTC keeps them.
    KeptFile(PathBuf),
    /// From a file that holds more.
    Credentials(PathBuf, String),
}

/// What is outside the command line and the settings files.
pub(crate) struct SecretEnvironment {
    room_secret: Result<Option<String>>,
    secret_path: Option<PathBuf>,
    home: Option<PathBuf>,
}

impl SecretEnvironment {
    fn of_process() -> Self {
        Self {
            room_secret: variable::text(ROOM_SECRET),
            secret_path: variable::path(SECRET_PATH),
            home: variable::path("HOME"),
        }
    }
}

impl SecretArgs {
    /// Which secret is to be used, if one is. `insecure`: whether that option is set; `link`: the secret
    /// of a worker's link; `room`: the room to enter, whose secret SLEAP-RTC may have. An error here is a
    /// usage error.
    ///
    /// # Errors
    /// The strongest secret cannot be used; `insecure` stands in no stronger place than a secret.
    pub fn choose(
        &self,
        insecure: bool,
        link: Option<&Secret>,
        room: Option<&str>,
    ) -> Result<SecretChoice> {
        self.choose_in(SecretEnvironment::of_process(), insecure, link, room)
    }

    pub(crate) fn choose_in(
        &self,
        around: SecretEnvironment,
        insecure: bool,
        link: Option<&Secret>,
        room: Option<&str>,
    ) -> Result<SecretChoice> {
        let set = insecure.then(|| self.origins.of("insecure"));
        let weakest = set
            .as_ref()
            .map_or(SourceRank::UserFile, |origin| origin.rank);
        let mut found = self.given(link);
        found.extend(of_environment(around.room_secret)?);
        // Stable: in one place the order is that of the list.
        found.sort_by_key(|candidate| candidate.rank);
        if let Some(room) = room {
            let first = found.first().map(|candidate| candidate.rank);
            // What is weaker is not even looked at: it may be damaged, and no matter of this run.
            let matters = |rank| rank <= weakest && first.is_none_or(|first| rank < first);
            found.extend(of_room(room, around.secret_path, around.home, &matters)?);
            found.sort_by_key(|candidate| candidate.rank);
        }
        if let Some(origin) = set {
            return without(&origin, &found);
        }
        let mut found = found.into_iter();
        let Some(first) = found.next() else {
            return Ok(SecretChoice::None);
        };
        debug!(place = first.place, "the secret");
        for other in found {
            info!(
                "the secret is that of {}, not that of {}",
                first.place, other.place
            );
        }
        first.read().map(SecretChoice::Secret)
    }

    /// Those of options.
    fn given(&self, link: Option<&Secret>) -> Vec<Candidate> {
        let candidate = |name: &str, flag: &str, source| {
            let origin = self.origins.of(name);
            let place = match origin.rank {
                SourceRank::Line => flag.to_owned(),
                _ => format!("{name} ({origin})"),
            };
            Candidate {
                rank: origin.rank,
                place,
                source,
            }
        };
        let link = link.map(|it| candidate("worker", "--worker", Source::Link(it.clone())));
        let text = self.secret.as_ref();
        let text =
            text.map(|Redacted(it)| candidate("secret", "--secret", Source::Text(it.clone())));
        let file = self.secret_file.clone();
        let file = file.map(|it| candidate("secret_file", "--secret-file", Source::NamedFile(it)));
        link.into_iter().chain(text).chain(file).collect()
    }
}

/// `--insecure`, which stands at `origin`, against the secrets there are, the strongest first.
fn without(origin: &SettingOrigin, found: &[Candidate]) -> Result<SecretChoice> {
    match found.first() {
        Some(first) if first.rank <= origin.rank => {
            let by = format!("the secret of {}", first.place);
            bail!(contradiction("insecure", origin, &by))
        }
        Some(first) => info!(
            "the secret of {} is not used: insecure ({origin}) is stronger",
            first.place
        ),
        None => {}
    }
    Ok(SecretChoice::Insecure)
}

fn of_environment(secret: Result<Option<String>>) -> Result<Option<Candidate>> {
    Ok(secret?.map(|text| Candidate {
        rank: SourceRank::Environment,
        place: ROOM_SECRET.to_owned(),
        source: Source::Variable(text),
    }))
}

/// The secret of a room where SLEAP-RTC stores it, from sources of the ranks that matter.
fn of_room(
    room: &str,
    secret_path: Option<PathBuf>,
    home: Option<PathBuf>,
    matters: &dyn Fn(SourceRank) -> bool,
) -> Result<Option<Candidate>> {
    if !matters(SourceRank::Environment) && !matters(SourceRank::UserFile) {
        return Ok(None);
    }
    if room.is_empty() || room.starts_with('.') || room.contains(['/', '\\']) {
        bail!("`{room}` is not the name of a room");
    }
    let settings = home.map(|home| home.join(FOLDER));
    let (rank, folder) = match secret_path {
        Some(folder) => (SourceRank::Environment, Some(folder)),
        None => (
            SourceRank::UserFile,
            settings.as_ref().map(|it| it.join("room-secrets")),
        ),
    };
    if let Some(file) = folder.map(|folder| folder.join(room))
        && matters(rank)
        && file.exists()
    {
        let place = file.display().to_string();
        let source = match rank {
            SourceRank::Environment => Source::NamedFile(file),
            _ => Source::KeptFile(file),
        };
        return Ok(Some(Candidate {
            rank,
            place,
            source,
        }));
    }
    match settings.map(|it| it.join("credentials.json")) {
        Some(file) if matters(SourceRank::UserFile) && file.exists() => of_credentials(file, room),
        _ => Ok(None),
    }
}

/// `room_secrets` of SLEAP-RTC's credentials.
fn of_credentials(file: PathBuf, room: &str) -> Result<Option<Candidate>> {
    let name = file.display().to_string();
    let value = private_file::read_json(&file, &name)?;
    let secret = value.get("room_secrets").and_then(|them| them.get(room));
    Ok(secret
        .and_then(serde_json::Value::as_str)
        .map(|text| Candidate {
            rank: SourceRank::UserFile,
            place: format!("the room {room} in {name}"),
            source: Source::Credentials(file, text.to_owned()),
        }))
}

impl Candidate {
    fn read(self) -> Result<FoundSecret> {
        let place = self.place;
        let mut is_listed = false;
        let (secret, file) = match self.source {
            Source::Link(secret) => (secret, None),
            Source::Text(text) => {
                is_listed = is_in_process_list(&text);
                if is_listed {
                    warn!("other users of this machine can see --secret: give --secret-file FILE");
                }
                (parse(&text).with_context(|| place.clone())?, None)
            }
            Source::Variable(text) => (parse(&text).with_context(|| place.clone())?, None),
            Source::NamedFile(file) => {
                let secret = read(&file, FileOrigin::Named).with_context(|| place.clone())?;
                (secret, Some(file))
            }
            Source::KeptFile(file) => (read(&file, FileOrigin::Kept)?, Some(file)),
            Source::Credentials(file, text) => {
                let secret = parse(&text).with_context(|| format!("the secret of {place}"))?;
                (secret, Some(file))
            }
        };
        Ok(FoundSecret {
            secret,
            place,
            file,
            is_in_process_list: is_listed,
        })
    }
}

#[cfg(test)]
#[path = "secret_source_tests.rs"]
mod tests;
