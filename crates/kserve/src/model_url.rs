//! Where a model on an inference server is.

use std::{fmt, str::FromStr};

/// The port of KServe's gRPC protocol where the URL names none.
const DEFAULT_PORT: u16 = 8001;

/// `grpc://HOST[:PORT]/MODEL[:VERSION]`, or `grpcs://` for TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelUrl {
    is_encrypted: bool,
    /// As the URL has it: an IPv6 address stands in brackets.
    host: String,
    port: u16,
    model: String,
    /// Empty: the server chooses.
    version: String,
}

/// Why a text is no [`ModelUrl`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{text}' {problem}: give grpc://HOST:8001/MODEL, or grpcs:// for TLS")]
pub struct ModelUrlError {
    text: String,
    problem: &'static str,
}

impl ModelUrl {
    /// Whether the connection is encrypted.
    pub fn is_encrypted(&self) -> bool {
        self.is_encrypted
    }

    /// The name of the model on the server.
    pub fn model(&self) -> &str {
        &self.model
    }

    /// The version of the model; empty where the server chooses.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The model as the URL names it, with its version.
    pub(crate) fn model_and_version(&self) -> String {
        match self.version.as_str() {
            "" => self.model.clone(),
            version => format!("{}:{version}", self.model),
        }
    }

    /// The server, without the model: `HOST:PORT`.
    pub fn server(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    /// Whether the server is on this machine, as far as its name says so.
    pub fn is_loopback(&self) -> bool {
        let host = self.host.trim_matches(['[', ']']);
        let address = host.parse::<std::net::IpAddr>();
        host == "localhost" || address.is_ok_and(|address| address.is_loopback())
    }

    /// What HTTP calls the server.
    pub(crate) fn endpoint(&self) -> String {
        let scheme = if self.is_encrypted { "https" } else { "http" };
        format!("{scheme}://{}", self.server())
    }
}

impl FromStr for ModelUrl {
    type Err = ModelUrlError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = |problem| ModelUrlError {
            text: text.to_owned(),
            problem,
        };
        let (scheme, rest) = text.split_once("://").ok_or(wrong("has no scheme"))?;
        let is_encrypted = match scheme {
            "grpc" => false,
            "grpcs" => true,
            "http" | "https" => return Err(wrong("is not the server's gRPC address")),
            _ => return Err(wrong("has a scheme that is not known")),
        };
        if text.chars().any(|it| it.is_control() || it.is_whitespace()) {
            return Err(wrong("has spaces or control characters"));
        }
        let (server, model) = rest.split_once('/').ok_or(wrong("names no model"))?;
        if server.contains('@') {
            return Err(wrong("has a user or password, which servers do not take"));
        }
        let (host, port) = host_and_port(server).ok_or(wrong("has no usable host and port"))?;
        let (model, version) = model.split_once(':').unwrap_or((model, ""));
        if model.is_empty() {
            return Err(wrong("names no model"));
        }
        if [model, version]
            .iter()
            .any(|it| it.contains(['/', '?', '#']))
        {
            return Err(wrong("has more than a model behind the host"));
        }
        Ok(Self {
            is_encrypted,
            host,
            port,
            model: model.to_owned(),
            version: version.to_owned(),
        })
    }
}

/// The host as it was given, and the port or its default.
fn host_and_port(server: &str) -> Option<(String, u16)> {
    let end = match server.strip_prefix('[') {
        // An IPv6 address has colons.
        Some(rest) => {
            let inner = &rest[..rest.find(']')?];
            inner.parse::<std::net::Ipv6Addr>().ok()?;
            inner.len() + 2
        }
        None => server.find(':').unwrap_or(server.len()),
    };
    let (host, port) = server.split_at(end);
    let is_name = |it: char| it.is_ascii_alphanumeric() || "-._".contains(it);
    if host.is_empty() || !(host.starts_with('[') || host.chars().all(is_name)) {
        return None;
    }
    let port = match port.strip_prefix(':') {
        None if port.is_empty() => DEFAULT_PORT,
        None => return None,
        Some(digits) if digits.bytes().all(|it| it.is_ascii_digit()) => digits.parse().ok()?,
        Some(_) => return None,
    };
    (port != 0).then(|| (host.to_owned(), port))
}

impl fmt::Display for ModelUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.is_encrypted { "grpcs" } else { "grpc" };
        let model = self.model_and_version();
        write!(f, "{scheme}://{}/{model}", self.server())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<ModelUrl, ModelUrlError> {
        text.parse()
    }

    #[test]
    fn servers_models_and_versions_are_read_and_displayed() {
        for (text, shown) in [
            ("grpc://gpu.lab:8001/mouse", "grpc://gpu.lab:8001/mouse"),
            ("grpc://gpu.lab/mouse", "grpc://gpu.lab:8001/mouse"),
            ("grpcs://gpu.lab:443/mouse:3", "grpcs://gpu.lab:443/mouse:3"),
            ("grpc://[::1]:9000/mouse", "grpc://[::1]:9000/mouse"),
            (
                "grpc://10.0.0.7/mouse-2.onnx",
                "grpc://10.0.0.7:8001/mouse-2.onnx",
            ),
        ] {
            let url = parse(text).unwrap();
            assert_eq!(url.to_string(), shown);
            assert_eq!(parse(shown), Ok(url));
        }
        let url = parse("grpcs://gpu.lab/mouse:3").unwrap();
        assert_eq!((url.model(), url.version()), ("mouse", "3"));
        assert_eq!(url.endpoint(), "https://gpu.lab:8001");
    }

    #[test]
    fn loopback_is_known_by_its_name() {
        for (text, is_loopback) in [
            ("grpc://localhost/m", true),
            ("grpc://127.0.0.5/m", true),
            ("grpc://[::1]/m", true),
            ("grpc://10.0.0.1/m", false),
            ("grpc://localhost.example/m", false),
        ] {
            assert_eq!(parse(text).unwrap().is_loopback(), is_loopback, "{text}");
        }
    }

    #[test]
    fn anything_else_is_refused_with_the_form() {
        for text in [
            "",
            "gpu:8001/mouse",
            "http://gpu:8000/v2/models/mouse",
            "triton://gpu/mouse",
            "grpc://gpu:8001",
            "grpc://gpu:8001/",
            "grpc://gpu:8001/:1",
            "grpc://:8001/mouse",
            "grpc://gpu:/mouse",
            "grpc://gpu:0/mouse",
            "grpc://gpu:+1/mouse",
            "grpc://gpu:99999/mouse",
            "grpc://user:word@gpu:8001/mouse",
            "grpc://gpu:8001/mouse/1",
            "grpc://gpu:8001/mouse?x",
            "grpc://gpu:8001/mo use",
            "grpc://gpu:8001/mouse\n",
            "grpc://[::1/mouse",
            "grpc://[gpu]/mouse",
            "grpc://gp%75/mouse",
        ] {
            let error = parse(text).expect_err(text).to_string();
            assert!(error.contains("grpc://HOST:8001/MODEL"), "{error}");
        }
    }
}
