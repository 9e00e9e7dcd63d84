//! Rooms of SLEAP-RTC: which one, where, and what lets into it.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as URL_SAFE_NO_PAD;
use clap::Args;
use link::signaling::rooms::{Room, RoomCredential};
use serde_json::Value;

use crate::link_args::{is_on_this_machine, room_url};
use crate::private_file::{self, FileOrigin};
use crate::settings::ChosenSettings;
use crate::variable;

/// Variables that SLEAP-RTC's workers take their key from; the account's goes first there too.
const ACCOUNT_KEY: &str = "SLEAP_RTC_ACCOUNT_KEY";
const API_KEY: &str = "SLEAP_RTC_API_KEY";
/// The room that SLEAP-RTC's programs take first where none is named.
const DEFAULT_ROOM: &str = "SLEAP_RTC_DEFAULT_ROOM";
/// Where the server's address stands, in rooms and elsewhere.
const SIGNALING: &str = "SLEAP_RTC_SIGNALING_WS";

/// Options of rooms that both programs take.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Rooms")]
pub struct RoomArgs {
    /// Connect in this room of SLEAP-RTC; without ID in the default one of `sleap-rtc`.
    ///
    /// Credentials come from ~/.sleap-rtc/credentials.json, as `sleap-rtc login` keeps them, and the
    /// room's secret from where SLEAP-RTC has it.
    #[arg(
        long,
        alias = "room-id",
        value_name = "ID",
        num_args = 0..=1,
        default_missing_value = ""
    )]
    pub room: Option<String>,

    /// The server that has the room: wss://HOST, or a host alone. Keys and logins go to it, so ws://
    /// is for one on this machine only.
    #[arg(long, value_name = "URL", default_value = Room::SERVER, value_parser = room_url)]
    pub room_server: String,

    /// Seconds without a message of the server after which it is left and joined again.
    #[arg(long, value_name = "SECONDS", default_value = "90", value_parser = silence)]
    pub room_silence: Duration,
}

impl RoomArgs {
    /// The room's id, where one is asked for. An error here is a usage error.
    pub fn id(&self) -> Result<Option<String>> {
        let Some(id) = &self.room else {
            return Ok(None);
        };
        let id = match id.trim() {
            "" => default_room()?,
            id => id.to_owned(),
        };
        if id.is_empty() || id.len() > 256 || id.chars().any(char::is_control) {
            bail!("--room: that is not the ID of a room");
        }
        self.check_server()?;
        Ok(Some(id))
    }

    /// Without TLS everything between this machine and the server can read the credential.
    fn check_server(&self) -> Result<()> {
        let url = &self.room_server;
        if url.starts_with("wss://") || is_on_this_machine(url) {
            return Ok(());
        }
        bail!(
            "the room's server {url} has no encryption, and a key or login would go there for all on the way \
             to read: give --room-server (SLEAP_RTC_SIGNALING_WS, signaling_websocket) as wss://, or as \
             ws://127.0.0.1:PORT at the end of an SSH tunnel"
        )
    }

    /// The room `id` for a client, which enters it with the user's login.
    pub fn for_client(&self, id: String) -> Result<Room> {
        let jwt = SleapRtcCredentials::read()?.text("jwt").ok_or_else(|| {
            anyhow!(
                "--room needs a login, and {} has none: run `sleap-rtc login`",
                SleapRtcCredentials::NAME
            )
        })?;
        Ok(self.room(id, RoomCredential::Jwt(jwt)))
    }

    /// The room `id` for a worker, which enters it with a key.
    pub fn for_worker(&self, id: String, key_file: Option<&Path>) -> Result<Room> {
        let key = worker_key(&id, key_file)?;
        Ok(self.room(id, RoomCredential::Key(key)))
    }

    fn room(&self, id: String, credential: RoomCredential) -> Room {
        Room {
            url: self.room_server.clone(),
            id,
            credential,
            silence: self.room_silence,
        }
    }

    /// Of a room and a signaling server, removes the one from the weaker source. The variable for the server's
    /// address means the room's server where there is a room.
    pub fn give_way(settings: &mut ChosenSettings) {
        let is_of_variable = |origin: Option<&crate::settings::SettingOrigin>| {
            origin.is_some_and(|it| it.to_string() == SIGNALING)
        };
        if settings.is_set("room") && is_of_variable(settings.origin("signal")) {
            settings.drop_weak("signal");
        }
        for place in ["signal", "worker"] {
            settings.yield_to(place, "room");
            settings.yield_to("room", place);
        }
    }
}

/// When a login ends, in seconds since 1970; `None` where the token has no such time.
pub fn login_ends(room: &Room) -> Option<u64> {
    let RoomCredential::Jwt(jwt) = &room.credential else {
        return None;
    };
    let claims = URL_SAFE_NO_PAD.decode(jwt.split('.').nth(1)?).ok()?;
    let claims: Value = serde_json::from_slice(&claims).ok()?;
    claims.get("exp")?.as_f64().map(|seconds| seconds as u64)
}

fn default_room() -> Result<String> {
    if let Some(id) = variable::text(DEFAULT_ROOM)? {
        return Ok(id.trim().to_owned());
    }
    SleapRtcCredentials::read()?.text("default_room").ok_or_else(|| {
        anyhow!(
            "--room: give the room's ID; there is no {DEFAULT_ROOM}, and {} names no default_room",
            SleapRtcCredentials::NAME
        )
    })
}

/// The error for a room without a secret: its members could not prove that they belong to it.
pub fn no_room_secret(room: &str) -> anyhow::Error {
    anyhow!(
        "the secret of the room {room} is not known here, and without it no member of the room is trusted: \
         give --secret-file FILE or SLEAP_ROOM_SECRET, or put it where SLEAP-RTC has it \
         (~/.sleap-rtc/room-secrets/{room}); --insecure goes on without"
    )
}

/// From a file that was named, the environment, or what `sleap-rtc` keeps.
fn worker_key(room: &str, file: Option<&Path>) -> Result<String> {
    if let Some(file) = file {
        let text = private_file::read(file, FileOrigin::Named).context("--api-key-file")?;
        return key(&text).with_context(|| format!("--api-key-file {}", file.display()));
    }
    for name in [ACCOUNT_KEY, API_KEY] {
        if let Some(text) = variable::text(name)? {
            return key(&text).context(name);
        }
    }
    let credentials = SleapRtcCredentials::read()?;
    let kept = credentials
        .text("account_key")
        .or_else(|| credentials.room_key(room));
    kept.ok_or_else(|| {
        anyhow!(
            "--room needs a worker's key: {ACCOUNT_KEY} or {API_KEY}, --api-key-file FILE, or one in {} \
             (`sleap-rtc key create --save`)",
            SleapRtcCredentials::NAME
        )
    })
}

/// The text is not repeated where it is no key.
fn key(text: &str) -> Result<String> {
    let text = text.trim();
    match text.starts_with("slp_") && text.chars().all(|char| char.is_ascii_graphic()) {
        true => Ok(text.to_owned()),
        false => bail!("a worker's key begins with slp_"),
    }
}

/// What `sleap-rtc` keeps of a user; empty where there is nothing.
struct SleapRtcCredentials(Value);

impl SleapRtcCredentials {
    const NAME: &'static str = "~/.sleap-rtc/credentials.json";

    fn read() -> Result<Self> {
        let file = variable::path("HOME").map(|home| home.join(".sleap-rtc/credentials.json"));
        let Some(file) = file.filter(|file| file.exists()) else {
            return Ok(Self(Value::Null));
        };
        private_file::read_json(&file, Self::NAME).map(Self)
    }

    fn text(&self, key: &str) -> Option<String> {
        text_of(self.0.get(key))
    }

    /// The key of one room.
    fn room_key(&self, room: &str) -> Option<String> {
        text_of(self.0.get("tokens")?.get(room)?.get("api_key"))
    }
}

fn text_of(value: Option<&Value>) -> Option<String> {
    let text = value?.as_str()?.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

fn silence(text: &str) -> Result<Duration, String> {
    match text.parse::<f64>() {
        Ok(value) if (0.5..=3600.0).contains(&value) => Ok(Duration::from_secs_f64(value)),
        _ => Err(format!(
            "'{text}' is not a number of seconds from 0.5 to 3600"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_recognised_and_others_not_repeated() {
        assert_eq!(key(" slp_1\n").unwrap(), "slp_1");
        for text in ["", "hunter2", "slp_a b", "slp_\u{1b}"] {
            let error = key(text).unwrap_err().to_string();
            assert!(!error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn keys_of_a_room_are_that_rooms() {
        let json =
            r#"{"jwt":" j ","default_room":"","tokens":{"lab":{"api_key":"slp_1"},"odd":7}}"#;
        let credentials = SleapRtcCredentials(serde_json::from_str(json).unwrap());
        assert_eq!(credentials.text("jwt").as_deref(), Some("j"));
        assert_eq!(credentials.text("default_room"), None);
        assert_eq!(credentials.room_key("lab").as_deref(), Some("slp_1"));
        assert_eq!(
            credentials.room_key("odd").or(credentials.room_key("x")),
            None
        );
    }

    #[test]
    fn the_end_of_a_login_is_read_where_it_says_one() {
        let ends = |jwt: &str| {
            let args = RoomArgs {
                room: None,
                room_server: "wss://x".into(),
                room_silence: Duration::from_secs(90),
            };
            login_ends(&args.room("lab".into(), RoomCredential::Jwt(jwt.into())))
        };
        // {"sub":"ann","exp":1700000000}
        let jwt = "e30.eyJzdWIiOiJhbm4iLCJleHAiOjE3MDAwMDAwMDB9.x";
        assert_eq!(ends(jwt), Some(1_700_000_000));
        for odd in ["", "a", "a.b.c", "e30.e30.x", "e30.!!.x"] {
            assert_eq!(ends(odd), None, "{odd}");
        }
    }

    #[test]
    fn credentials_go_over_tls_or_stay_on_this_machine() {
        let id = |server: &str| {
            let args = RoomArgs {
                room: Some("lab".into()),
                room_server: room_url(server).unwrap(),
                room_silence: Duration::from_secs(90),
            };
            args.id().map_err(|error| error.to_string())
        };
        for server in [
            "signaling.example.org",
            "10.0.0.5:8080",
            "wss://10.0.0.5",
            "ws://127.0.0.1:8080",
            "ws://[::1]:8080",
            "ws://localhost",
        ] {
            assert_eq!(id(server), Ok(Some("lab".into())), "{server}");
        }
        for server in [
            "ws://signaling.example.org",
            "ws://10.0.0.5:8080",
            "ws://127.0.0.1@example.org",
            "ws://localhost.example.org",
        ] {
            let error = id(server).expect_err(server);
            assert!(
                error.contains("no encryption") && error.contains("wss://"),
                "{error}"
            );
        }
        // Without a room nothing is sent there.
        let none = RoomArgs {
            room: None,
            room_server: "ws://lab".into(),
            room_silence: Duration::from_secs(90),
        };
        assert_eq!(none.id().unwrap(), None);
    }

    #[test]
    fn silences_have_bounds() {
        assert_eq!(silence("0.5"), Ok(Duration::from_millis(500)));
        for text in ["0", "-1", "nan", "inf", "1e9", "x"] {
            silence(text).unwrap_err();
        }
    }
}
