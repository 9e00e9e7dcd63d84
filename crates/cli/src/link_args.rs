use clap::Args;
use link::{IceServer, PeerConfig};

/// Where worker and client meet when nothing else is said: the worker's own signaling server.
pub const DEFAULT_SIGNAL: &str = "ws://127.0.0.1:8080";

/// Options of the peer connection that both binaries take.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Connection")]
pub struct LinkArgs {
    /// A STUN or TURN server; may be given several times.
    ///
    /// `stun:HOST:PORT` or `turn:USER:PASSWORD@HOST:PORT`, both over UDP. Prefer the
    /// environment for a password: a command line is visible to other users of the machine.
    #[arg(
        long = "ice-server",
        value_name = "URL",
        env = "SLEAP_STREAM_ICE_SERVERS",
        hide_env_values = true,
        value_delimiter = ','
    )]
    pub ice_servers: Vec<IceServer>,
}

impl LinkArgs {
    /// The peer connection's settings these options ask for.
    pub fn peer_config(&self) -> PeerConfig {
        PeerConfig {
            ice_servers: self.ice_servers.clone(),
            ..PeerConfig::default()
        }
    }
}

/// Parses the address of a signaling server: `ws://`; a bare `host:port` means the same.
pub fn websocket_url(text: &str) -> Result<String, String> {
    let url = match text.split_once("://") {
        Some(("ws", rest)) if !rest.is_empty() => text.to_owned(),
        Some(("wss", _)) => {
            return Err(
                "signaling over TLS (wss://) is not supported yet: give ws://HOST:PORT".into(),
            );
        }
        Some((scheme, _)) => {
            return Err(format!(
                "'{scheme}://' is not a signaling address: give ws://HOST:PORT"
            ));
        }
        None if text.is_empty() => return Err("the address is empty: give ws://HOST:PORT".into()),
        None => format!("ws://{text}"),
    };
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::websocket_url;

    #[test]
    fn bare_host_means_plain_websocket() {
        assert_eq!(websocket_url("rig:8080").unwrap(), "ws://rig:8080");
        assert_eq!(websocket_url("ws://rig").unwrap(), "ws://rig");
    }

    #[test]
    fn other_schemes_and_nothing_are_refused() {
        assert!(websocket_url("http://rig").unwrap_err().contains("ws://"));
        assert!(websocket_url("").is_err());
        assert!(websocket_url("ws://").is_err());
        assert!(
            websocket_url("wss://rig")
                .unwrap_err()
                .contains("not supported yet")
        );
    }
}
