//! Credentials of TURN servers from a file, so that they stand in no process list.

use std::path::Path;

use anyhow::{Context, Result, bail};
use link::IceServer;
use serde_json::Value;
use tracing::warn;

use crate::private_file::{self, FileOrigin};

/// What a file of credentials holds.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum TurnCredentials {
    /// `user:password` lines: one for all TURN servers, or one for each in their order.
    Lines(Vec<(String, String)>),
    /// Whole servers, as signaling services give them.
    Servers(Vec<IceServer>),
}

/// Reads a file; warns if other users can read it too.
pub(crate) fn read(path: &Path) -> Result<TurnCredentials> {
    let text = private_file::read(path, FileOrigin::Named)?;
    parse(&text).with_context(|| format!("{} holds no credentials", path.display()))
}

fn parse(text: &str) -> Result<TurnCredentials> {
    if text.trim_start().starts_with(['[', '{']) {
        // The parser's own words may quote the file.
        let value: Value = serde_json::from_str(text)
            .map_err(|error| anyhow::anyhow!("not JSON (line {})", error.line()))?;
        return Ok(TurnCredentials::Servers(servers(&value)?));
    }
    let lines = text.lines().enumerate();
    let lines = lines.filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'));
    let pairs: Result<Vec<_>> = lines
        .map(|(index, line)| match line.trim().split_once(':') {
            Some((user, password)) if !user.is_empty() && !password.is_empty() => {
                Ok((user.to_owned(), password.to_owned()))
            }
            _ => bail!("line {} is not user:password", index + 1),
        })
        .collect();
    match pairs? {
        pairs if pairs.is_empty() => bail!("it is empty"),
        pairs => Ok(TurnCredentials::Lines(pairs)),
    }
}

/// The list of W3C's `RTCIceServer`, or the object that has it as `iceServers` or `ice_servers`.
/// Services list servers for every kind of peer: those of no use here are passed over.
fn servers(value: &Value) -> Result<Vec<IceServer>> {
    let list = ["iceServers", "ice_servers"]
        .into_iter()
        .find_map(|key| value.get(key))
        .unwrap_or(value);
    let entries = match list {
        Value::Array(entries) => entries.as_slice(),
        single => std::slice::from_ref(single),
    };
    let mut servers = Vec::new();
    for (index, entry) in entries.iter().enumerate() {
        let text = |key: &str| entry.get(key).and_then(Value::as_str).unwrap_or_default();
        let urls: Vec<&str> = match entry.get("urls").or_else(|| entry.get("url")) {
            Some(Value::String(url)) => vec![url],
            Some(Value::Array(urls)) => urls.iter().filter_map(Value::as_str).collect(),
            _ => bail!("entry {} has no urls", index + 1),
        };
        for url in urls {
            match url.parse::<IceServer>() {
                Ok(server) => servers.push(IceServer {
                    username: text("username").to_owned(),
                    credential: text("credential").to_owned(),
                    ..server
                }),
                Err(error) => warn!(url, %error, "passing over a server"),
            }
        }
    }
    match servers.is_empty() {
        true => bail!("it lists no server that can be used"),
        false => Ok(servers),
    }
}

/// Gives the TURN servers that have no credentials those of the lines.
pub(crate) fn assign(servers: &mut [IceServer], lines: &[(String, String)]) -> Result<()> {
    let lacking: Vec<_> = servers
        .iter_mut()
        .filter(|server| server.lacks_credentials())
        .collect();
    if lines.len() != 1 && lines.len() != lacking.len() {
        bail!(
            "{} TURN servers lack credentials, and there are {} lines of them: give one for all, or one for each",
            lacking.len(),
            lines.len()
        );
    }
    for (server, (username, credential)) in lacking.into_iter().zip(lines.iter().cycle()) {
        server.username.clone_from(username);
        server.credential.clone_from(credential);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<(String, String)> {
        match parse(text).expect(text) {
            TurnCredentials::Lines(lines) => lines,
            TurnCredentials::Servers(servers) => panic!("{servers:?}"),
        }
    }

    fn listed(text: &str) -> Vec<(String, String, String)> {
        match parse(text).expect(text) {
            TurnCredentials::Servers(servers) => servers
                .into_iter()
                .map(|it| (it.to_string(), it.username, it.credential))
                .collect(),
            TurnCredentials::Lines(lines) => panic!("{} lines", lines.len()),
        }
    }

    #[test]
    fn lines_hold_a_name_and_a_password_with_colons() {
        let found = lines("# relay of the lab\n\nann:se:cret\r\nbob: x\n");
        let pairs = [("ann", "se:cret"), ("bob", " x")];
        assert_eq!(
            found,
            pairs.map(|(name, word)| (name.to_owned(), word.to_owned()))
        );
    }

    #[test]
    fn lists_of_servers_are_read_in_each_usual_form() {
        let entry = r#"{"urls":["turn:h:1","turns:h?transport=tcp","stuns:h"],"username":"u","credential":"p"}"#;
        let expected = [("turn:h:1?transport=udp"), ("turns:h:5349?transport=tcp")];
        let expected = expected.map(|url| (url.to_owned(), "u".to_owned(), "p".to_owned()));
        for text in [
            format!("[{entry}]"),
            entry.to_owned(),
            format!(r#"{{"iceServers":[{entry}]}}"#),
            format!(r#"{{"ice_servers":[{entry}]}}"#),
        ] {
            assert_eq!(listed(&text), expected, "{text}");
        }
        let stun = listed(r#"[{"urls":"stun:h"}]"#);
        assert_eq!(stun, [("stun:h:3478".into(), String::new(), String::new())]);
    }

    #[test]
    fn what_holds_no_credentials_is_refused_without_quoting_it() {
        for text in [
            "",
            "# nothing\n",
            "hunter2",
            "user:\n",
            ":hunter2",
            "[",
            "[{}]",
            "[]",
            r#"[{"urls":"http://hunter2"}]"#,
            "{\"hunter2\": 1",
        ] {
            let error = format!("{:#}", parse(text).expect_err(text));
            assert!(!error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn one_line_serves_all_and_several_serve_in_order() {
        let servers = || -> Vec<IceServer> {
            let urls = ["turn:a", "stun:b", "turn:u:p@c", "turn:d"];
            urls.iter().map(|url| url.parse().expect(url)).collect()
        };
        let users = |lines: &[&str]| {
            let mut servers = servers();
            let pair = |user: &&str| ((*user).to_owned(), "word".to_owned());
            assign(&mut servers, &lines.iter().map(pair).collect::<Vec<_>>())?;
            anyhow::Ok(
                servers
                    .into_iter()
                    .map(|it| it.username)
                    .collect::<Vec<_>>(),
            )
        };
        assert_eq!(users(&["x"]).expect("one"), ["x", "", "u", "x"]);
        assert_eq!(users(&["x", "y"]).expect("two"), ["x", "", "u", "y"]);
        users(&["x", "y", "z"]).expect_err("one too many");
    }
}
