//! Which clients are let in: when they need a secret, and how people receive it.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use cli::{PairingLink, SecretArgs, SecretChoice};
use link::{Auth, LegacyCredentials, PublicKey, Secret};
use tracing::{info, warn};

/// Keys that are read, at most.
const MAX_KEYS: usize = 1024;

/// Options of authentication.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Between machines")]
pub struct TrustArgs {
    /// The secret that clients need.
    #[command(flatten)]
    pub secret: SecretArgs,

    /// Make another secret in place of the one that was made before; old links stop working.
    #[arg(long, conflicts_with_all = ["secret", "secret_file"])]
    pub new_secret: bool,

    /// Let every client in that reaches the worker, whatever address it listens at.
    #[arg(
        long,
        alias = "no-auth",
        conflicts_with_all = ["secret", "secret_file", "new_secret", "auth_compat", "client_keys"]
    )]
    pub insecure: bool,

    /// Let Python peers in with SLEAP-RTC's own challenge, which does not protect against a
    /// signaling server that stands in the middle.
    #[arg(long)]
    pub auth_compat: bool,

    /// A file with Ed25519 public keys of Python clients that may come in, one a line (base64).
    #[arg(long, value_name = "FILE", requires = "auth_compat")]
    pub client_keys: Option<PathBuf>,
}

/// What clients need.
#[derive(Debug)]
pub(crate) struct WorkerTrust {
    pub(crate) auth: Auth,
    /// The secret, where the worker made it itself: people have to receive it.
    made: Option<Secret>,
}

impl WorkerTrust {
    /// Decides by the address: clients on this machine alone, also through an SSH tunnel, need no secret.
    /// Clients of a signaling server need one, wherever that server is: it may listen for all, or be a
    /// tunnel to one that does.
    ///
    /// # Errors
    /// The options contradict each other, or a file cannot be read: a usage error.
    pub(crate) fn decide(
        args: &TrustArgs,
        listen: SocketAddr,
        signal: Option<&str>,
        room: Option<&str>,
    ) -> Result<Self> {
        let is_exposed = room.is_some() || is_exposed(listen, signal);
        let given = match args.secret.choose(args.insecure, None, room)? {
            SecretChoice::Insecure => {
                if is_exposed {
                    warn!("--insecure: every client that reaches this worker can stream to it");
                }
                return Ok(Self::open());
            }
            SecretChoice::Secret(found) => Some(found),
            SecretChoice::None => None,
        };
        let authorized = match &args.client_keys {
            Some(file) => read_keys(file).context("--client-keys")?,
            None => Vec::new(),
        };
        if let Some(room) = room
            && given.is_none()
            && authorized.is_empty()
        {
            return Err(cli::no_room_secret(room));
        }
        let is_asked_for = is_exposed || args.new_secret || args.auth_compat;
        let (secret, made) = match given {
            Some(found) if args.new_secret => {
                bail!(
                    "--new-secret makes a secret, and {} gives another",
                    found.place
                )
            }
            Some(found) => (Some(found.secret), None),
            None if !authorized.is_empty() => (None, None),
            None if is_asked_for => {
                let secret = cli::stored_secret(args.new_secret)?;
                (Some(secret.clone()), Some(secret))
            }
            None => return Ok(Self::open()),
        };
        let auth = auth(args.auth_compat, secret, authorized)?;
        info!("clients have to prove that they know the secret");
        Ok(Self { auth, made })
    }

    /// Every client is let in.
    fn open() -> Self {
        Self {
            auth: Auth::None,
            made: None,
        }
    }

    /// Prints a pairing link for each address at which clients find the worker, where it made the secret
    /// itself.
    pub(crate) fn announce(&self, listen: SocketAddr, signal: Option<&str>, id: &str) {
        let Some(secret) = &self.made else { return };
        for options in pairings(listen, signal, id, secret) {
            cli::terminal::tell(format_args!("pair: sleap-stream {options}"));
        }
    }

    /// The link by which clients find the worker, with the secret that they need; `None` where a link cannot express
    /// the address.
    pub(crate) fn link(
        &self,
        listen: SocketAddr,
        signal: Option<&str>,
        id: &str,
    ) -> Option<String> {
        let (host, is_tls) = match signal {
            Some(url) => plain_host(url)?,
            None => (hosts(listen).into_iter().next()?, false),
        };
        let pairing = PairingLink {
            host,
            is_tls,
            worker_id: signal.map(|_| id.to_owned()),
            secret: match &self.auth {
                Auth::Bound(secret) => Some(secret.clone()),
                _ => self.made.clone(),
            },
        };
        Some(pairing.reveal())
    }

    /// Whether secrets may stand on standard output: the worker made its own, or needs none. A secret that
    /// the user gave is kept off it.
    pub(crate) fn may_tell(&self) -> bool {
        self.made.is_some() || self.auth.is_none()
    }
}

fn auth(is_compat: bool, secret: Option<Secret>, authorized: Vec<PublicKey>) -> Result<Auth> {
    match (is_compat, secret) {
        (true, secret) => {
            warn!(
                "--auth-compat: a signaling server could stand between a Python peer and this worker"
            );
            Ok(Auth::Legacy(LegacyCredentials {
                secret,
                authorized,
                key: None,
            }))
        }
        (false, Some(secret)) => Ok(Auth::Bound(secret)),
        (false, None) => bail!("--client-keys needs --auth-compat"),
    }
}

/// Whether others than the users of this machine can reach the worker.
pub(crate) fn is_exposed(listen: SocketAddr, signal: Option<&str>) -> bool {
    signal.is_some() || !listen.ip().is_loopback()
}

/// The options with which a client finds the worker and authenticates, for each address.
fn pairings(listen: SocketAddr, signal: Option<&str>, id: &str, secret: &Secret) -> Vec<String> {
    let link = |host: String, is_tls: bool, worker_id: Option<&str>| {
        let pairing = PairingLink {
            host,
            is_tls,
            worker_id: worker_id.map(str::to_owned),
            secret: Some(secret.clone()),
        };
        format!("--worker '{}'", pairing.reveal())
    };
    let Some(url) = signal else {
        // At its own server the worker is the only one.
        let hosts = hosts(listen).into_iter();
        return hosts.map(|host| link(host, false, None)).collect();
    };
    vec![match plain_host(url) {
        Some((host, is_tls)) => link(host, is_tls, Some(id)),
        // A link cannot express this address.
        None => format!(
            "--signal '{url}' --worker-id '{id}' --secret '{}'",
            secret.reveal()
        ),
    }]
}

/// Host and port of every address at which the worker's own server is reached.
fn hosts(listen: SocketAddr) -> Vec<String> {
    if !listen.ip().is_unspecified() {
        return vec![listen.to_string()];
    }
    let fits = |ip: &IpAddr| ip.is_ipv4() || listen.is_ipv6();
    let mut addresses: Vec<IpAddr> = link::own_addresses().into_iter().filter(fits).collect();
    if addresses.is_empty() {
        addresses.push(std::net::Ipv4Addr::LOCALHOST.into());
    }
    let with_port = addresses
        .into_iter()
        .map(|ip| SocketAddr::new(ip, listen.port()).to_string());
    with_port.collect()
}

/// `HOST:PORT` of an address `ws://HOST[:PORT][/]`, and whether it is `wss://`; a link holds no more than that.
fn plain_host(url: &str) -> Option<(String, bool)> {
    let (scheme, rest) = url.split_once("://")?;
    let is_tls = scheme == "wss";
    let port = if is_tls { 443 } else { 80 };
    let host = rest.strip_suffix('/').unwrap_or(rest);
    if host.is_empty() || host.contains(['/', '?', '#', '@']) {
        return None;
    }
    // The colons of an IPv6 address stand in brackets.
    let after = host.rsplit_once(']').map_or(host, |(_, after)| after);
    let host = match after.contains(':') {
        true => host.to_owned(),
        false => format!("{host}:{port}"),
    };
    Some((host, is_tls))
}

/// Reads public keys, one a line; text after a blank is a comment.
fn read_keys(file: &Path) -> Result<Vec<PublicKey>> {
    let name = file.display();
    let text = cli::read_list(file)?;
    let mut keys = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let Some(key) = line.split_whitespace().next() else {
            continue;
        };
        if key.starts_with('#') {
            continue;
        }
        let key = key
            .parse()
            .with_context(|| format!("{name}, line {}", index + 1))?;
        keys.push(key);
    }
    match keys.len() {
        0 => bail!("{name} holds no keys"),
        1..=MAX_KEYS => Ok(keys),
        more => bail!("{name} holds {more} keys, at most {MAX_KEYS} are taken"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "AAAAAAAAAAAAAAAAAAAAAA";

    fn decide(args: &TrustArgs, listen: &str, signal: Option<&str>) -> WorkerTrust {
        WorkerTrust::decide(args, listen.parse().unwrap(), signal, None).expect(listen)
    }

    #[test]
    fn clients_on_this_machine_need_nothing() {
        let args = TrustArgs::default();
        for listen in ["127.0.0.1:8080", "[::1]:8080", "127.8.0.1:1"] {
            assert!(decide(&args, listen, None).auth.is_none(), "{listen}");
        }
    }

    #[test]
    fn all_other_clients_have_to_know_the_secret() {
        let args = TrustArgs {
            secret: SecretArgs {
                secret: Some(SECRET.into()),
                ..SecretArgs::default()
            },
            ..TrustArgs::default()
        };
        for (listen, signal) in [
            ("0.0.0.0:8080", None),
            ("10.0.0.5:8080", None),
            ("[::]:8080", None),
            ("127.0.0.1:8080", Some("ws://10.0.0.5:8080")),
            // It may listen for all, or be a tunnel to one that does.
            ("127.0.0.1:8080", Some("ws://localhost:8080")),
            ("127.0.0.1:8080", Some("ws://127.0.0.1:8080")),
            // And where it is asked for.
            ("127.0.0.1:8080", None),
        ] {
            let trust = decide(&args, listen, signal);
            assert!(matches!(trust.auth, Auth::Bound(_)), "{listen} {signal:?}");
            assert!(trust.made.is_none());
        }
        let compat = TrustArgs {
            auth_compat: true,
            ..args
        };
        let trust = decide(&compat, "0.0.0.0:8080", None);
        assert!(matches!(trust.auth, Auth::Legacy(_)));
        assert!(
            !trust.may_tell(),
            "who gives a secret keeps it off the output"
        );
        let insecure = TrustArgs {
            insecure: true,
            ..TrustArgs::default()
        };
        assert!(decide(&insecure, "0.0.0.0:8080", None).auth.is_none());
    }

    #[test]
    fn keys_without_the_challenge_that_they_answer_let_no_client_in() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("keys");
        std::fs::write(&file, "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE").unwrap();
        // The parser of the command line refuses it; settings have other sources, too.
        let args = TrustArgs {
            client_keys: Some(file),
            ..TrustArgs::default()
        };
        for listen in ["127.0.0.1:8080", "0.0.0.0:8080"] {
            // A secret in the environment of the test would do.
            if std::env::var_os("SLEAP_ROOM_SECRET").is_none() {
                let error =
                    WorkerTrust::decide(&args, listen.parse().unwrap(), None, None).unwrap_err();
                assert!(error.to_string().contains("--auth-compat"), "{error}");
            }
        }
    }

    #[test]
    fn links_lead_to_the_addresses_of_the_worker() {
        let hosts = |listen: &str| hosts(listen.parse().unwrap());
        assert_eq!(hosts("10.0.0.5:8080"), ["10.0.0.5:8080"]);
        for host in hosts("0.0.0.0:8080") {
            let address: SocketAddr = host.parse().expect("an address");
            assert!(address.is_ipv4() && !address.ip().is_unspecified());
        }
    }

    #[test]
    fn links_by_way_of_a_server_elsewhere_name_the_worker_and_can_be_read() {
        let secret: Secret = SECRET.parse().unwrap();
        let at = |signal| pairings("127.0.0.1:1".parse().unwrap(), signal, "worker-7", &secret);
        for (signal, address) in [
            ("ws://rig", "ws://rig:80"),
            ("ws://rig:1/", "ws://rig:1"),
            ("ws://[fd00::7]", "ws://[fd00::7]:80"),
            ("ws://[fd00::7]:81", "ws://[fd00::7]:81"),
            ("wss://rig", "wss://rig:443"),
            ("wss://rig:8443/", "wss://rig:8443"),
        ] {
            let [options] = &at(Some(signal))[..] else {
                panic!("{signal}")
            };
            let link = options.strip_prefix("--worker '").expect("a link");
            let pairing = PairingLink::parse(link.trim_end_matches('\'')).expect(signal);
            assert_eq!(pairing.signal(), address);
            assert_eq!(pairing.worker_id.as_deref(), Some("worker-7"));
            assert_eq!(
                pairing.secret.map(|it| it.reveal()).as_deref(),
                Some(SECRET)
            );
        }
        for signal in ["ws://rig/path", "wss://rig/path"] {
            let expected =
                format!("--signal '{signal}' --worker-id 'worker-7' --secret '{SECRET}'");
            assert_eq!(at(Some(signal)), [expected]);
        }
        let own = at(None);
        assert_eq!(own, [format!("--worker 'sleap://127.0.0.1:1/#{SECRET}'")]);
    }

    #[test]
    fn keys_are_read_one_a_line() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("keys");
        let key = "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE";
        std::fs::write(&file, format!("# the lab\n\n{key} ann\n{key}\n")).unwrap();
        assert_eq!(read_keys(&file).unwrap().len(), 2);
        for text in ["", "# nothing\n", "short ann\n"] {
            std::fs::write(&file, text).unwrap();
            assert!(read_keys(&file).is_err(), "{text}");
        }
    }
}
