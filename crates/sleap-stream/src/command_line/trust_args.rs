//! Options of authentication, and what they mean together.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use cli::{FileOrigin, PairingLink, Redacted, SecretArgs, SecretChoice, is_on_this_machine};
use link::{Auth, LegacyCredentials, SigningKey};
use serde_json::Value;
use tracing::warn;

use crate::command_line::worker_link::WorkerLink;

/// Options of authentication.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Between machines")]
pub struct TrustArgs {
    /// The worker: its stored name, or its link.
    ///
    /// `sleap-stream pair` stores a link under a name. A link, `sleap://HOST:PORT/#SECRET`, has the worker's address
    /// and the shared secret. Other users of this machine see a command line: a stored worker, or the variable
    /// SLEAP_STREAM_WORKER, does without. If no option says where the worker is, and none runs on this machine, the
    /// only stored one is used.
    #[arg(
        long,
        value_name = "NAME|LINK",
        hide_env_values = true,
        conflicts_with_all = ["signal", "worker_id", "secret", "secret_file"]
    )]
    pub worker: Option<Redacted>,

    /// Where the secret comes from.
    #[command(flatten)]
    pub secret: SecretArgs,

    /// Use no secret, also where the worker is on another machine, and in place of one that stands in the
    /// environment or in a file.
    #[arg(
        long,
        alias = "no-auth",
        conflicts_with_all = ["worker", "secret", "secret_file", "auth_compat", "client_key"]
    )]
    pub insecure: bool,

    /// Answer SLEAP-RTC's own challenge, for a Python worker. It does not protect against a
    /// signaling server that stands in the middle.
    #[arg(long)]
    pub auth_compat: bool,

    /// A file with the Ed25519 private key for a Python worker: base64, or SLEAP-RTC's
    /// credentials.json.
    #[arg(long, value_name = "FILE", requires = "auth_compat")]
    pub client_key: Option<PathBuf>,

    /// The only stored worker may be used: no setting says which worker is meant.
    #[arg(skip)]
    pub(crate) uses_stored_worker: bool,
}

/// Where the worker is found, and what it has to prove.
#[derive(Debug)]
pub(crate) struct ClientTrust {
    /// From the link.
    pub(crate) signal: Option<String>,
    pub(crate) worker_id: Option<String>,
    /// The stored worker whose link it is.
    pub(crate) stored: Option<String>,
    pub(crate) auth: Auth,
}

impl TrustArgs {
    /// What the options mean together; `signal` is where the worker is found, unless there is a link or a
    /// `room`. An error here is a usage error.
    pub(crate) fn resolve(&self, signal: &str, room: Option<&str>) -> Result<ClientTrust> {
        let found = self.link(signal, room)?;
        let pairing = found.as_ref().map(|it| &it.pairing);
        let link = pairing.and_then(|it| it.secret.as_ref());
        let secrets = match &found {
            Some(found) if found.is_default => &self.secret.for_stored_worker(),
            _ => &self.secret,
        };
        let secret = match secrets.choose(self.insecure, link, room)? {
            SecretChoice::Insecure => {
                return Ok(ClientTrust {
                    signal: None,
                    worker_id: None,
                    stored: None,
                    auth: Auth::None,
                });
            }
            SecretChoice::Secret(found) => Some(found.secret),
            SecretChoice::None => None,
        };
        let key = match &self.client_key {
            Some(file) => Some(read_key(file).context("--client-key")?),
            None => None,
        };
        let auth = match (self.auth_compat, secret) {
            (true, None) if key.is_none() => {
                bail!("--auth-compat needs a secret (--secret-file) or a key (--client-key)")
            }
            (true, secret) => {
                warn!("--auth-compat: a signaling server could stand between here and the worker");
                Auth::Legacy(LegacyCredentials {
                    secret,
                    authorized: Vec::new(),
                    key,
                })
            }
            (false, Some(secret)) => Auth::Bound(secret),
            (false, None) => {
                if let Some(room) = room {
                    return Err(cli::no_room_secret(room));
                }
                let from_link = pairing.map(PairingLink::signal);
                if !is_on_this_machine(from_link.as_deref().unwrap_or(signal)) {
                    return Err(no_secret(pairing.is_some()));
                }
                Auth::None
            }
        };
        Ok(ClientTrust {
            signal: pairing.map(PairingLink::signal),
            worker_id: pairing.and_then(|it| it.worker_id.clone()),
            stored: found.and_then(|it| it.stored),
            auth,
        })
    }

    fn link(&self, signal: &str, room: Option<&str>) -> Result<Option<WorkerLink>> {
        match &self.worker {
            Some(Redacted(text)) => WorkerLink::given(text).map(Some),
            None if self.uses_stored_worker && room.is_none() => WorkerLink::by_default(signal),
            None => Ok(None),
        }
    }
}

/// A worker on another machine could be any program that answers there.
fn no_secret(by_link: bool) -> anyhow::Error {
    match by_link {
        true => anyhow!(
            "--worker: the link has lost its secret, all that stands behind `#`: give the whole link \
             that the worker prints, in quotes, or --secret-file FILE beside --signal"
        ),
        false => anyhow!(
            "--signal is not on this machine, so the worker has to prove who it is: give the link that \
             it prints (--worker 'sleap://...') or the secret that it was given (--secret-file FILE); \
             --insecure sends the frames to any worker that answers there"
        ),
    }
}

/// A key as it is, or `private_key` of SLEAP-RTC's credentials.
fn read_key(file: &Path) -> Result<SigningKey> {
    let name = file.display();
    let text = cli::read_private(file, FileOrigin::Named)?;
    let key = match text.trim_start().starts_with('{') {
        false => text,
        // The parser's own message may quote the file.
        true => serde_json::from_str::<Value>(&text)
            .ok()
            .and_then(|it| it["private_key"].as_str().map(str::to_owned))
            .ok_or_else(|| anyhow!("{name} is JSON without a private_key"))?,
    };
    key.parse().with_context(|| name.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "AAAAAAAAAAAAAAAAAAAAAA";
    const HERE: &str = "ws://127.0.0.1:8080";

    fn args(link: &str) -> TrustArgs {
        TrustArgs {
            worker: Some(link.into()),
            ..TrustArgs::default()
        }
    }

    #[test]
    fn a_link_says_where_and_what() {
        let trust = args(&format!("sleap://rig:8080/w1#{SECRET}")).resolve(HERE, None);
        let trust = trust.expect("a link");
        assert_eq!(trust.signal.as_deref(), Some("ws://rig:8080"));
        assert_eq!(trust.worker_id.as_deref(), Some("w1"));
        assert!(matches!(trust.auth, Auth::Bound(_)));
        assert!(!format!("{trust:?}").contains(SECRET));
        let error = args("sleap://rig:8080/#hunter2")
            .resolve(HERE, None)
            .unwrap_err();
        let error = format!("{error:#}");
        assert!(
            error.contains("--worker") && !error.contains("hunter2"),
            "{error}"
        );
    }

    #[test]
    fn without_a_secret_only_a_worker_on_this_machine_is_trusted() {
        // A secret in the environment of the test would do.
        if std::env::var_os("SLEAP_ROOM_SECRET").is_some() {
            return;
        }
        let resolve = |signal: &str, insecure| {
            let args = TrustArgs {
                insecure,
                ..TrustArgs::default()
            };
            args.resolve(signal, None)
        };
        for signal in [
            HERE,
            "ws://localhost",
            "ws://LOCALHOST:1/x",
            "ws://[::1]:80/x",
            "ws://[::ffff:127.0.0.1]:80",
        ] {
            let trust = resolve(signal, false).expect(signal);
            assert!(trust.auth.is_none());
        }
        for signal in [
            "ws://10.0.0.5:8080",
            "ws://rig:8080",
            "ws://localhost.example.org:80",
            "ws://127.0.0.1@example.org:80",
            "ws://[fd00::7]:80",
        ] {
            let error = resolve(signal, false).expect_err(signal).to_string();
            assert!(
                error.contains("--secret-file") && error.contains("--insecure"),
                "{error}"
            );
            assert!(resolve(signal, true).expect(signal).auth.is_none());
        }
        // A link that lost its secret.
        for link in ["sleap://rig:8080/w1", "sleap://10.0.0.5:8080"] {
            let error = args(link).resolve(HERE, None).expect_err(link).to_string();
            assert!(error.contains("lost its secret"), "{error}");
        }
        assert!(
            args("sleap://127.0.0.1:8080/")
                .resolve("ws://rig:1", None)
                .is_ok()
        );
    }

    #[test]
    fn the_plain_form_is_used_where_it_is_asked_for_alone() {
        let mut asked = args(&format!("sleap://rig:8080/#{SECRET}"));
        asked.auth_compat = true;
        let trust = asked.resolve(HERE, None).expect("a secret");
        assert!(matches!(trust.auth, Auth::Legacy(_)));
        let nothing = TrustArgs {
            auth_compat: true,
            insecure: false,
            ..TrustArgs::default()
        };
        // A secret in the environment of the test would do.
        if std::env::var_os("SLEAP_ROOM_SECRET").is_none() {
            assert!(nothing.resolve(HERE, None).is_err());
        }
    }

    #[test]
    fn keys_are_read_as_sleap_rtc_keeps_them() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("credentials.json");
        let key = "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE";
        for text in [
            key.to_owned(),
            format!(r#"{{"jwt":"x","private_key":"{key}"}}"#),
        ] {
            std::fs::write(&file, &text).unwrap();
            assert!(read_key(&file).is_ok(), "{text}");
        }
        for text in ["hunter2", "{\"hunter2\"", "{}"] {
            std::fs::write(&file, text).unwrap();
            let error = format!("{:#}", read_key(&file).unwrap_err());
            assert!(!error.contains("hunter2"), "{error}");
        }
    }
}
