//! Options of an inference server that runs the model.

use std::path::PathBuf;
use std::time::Duration;

use kserve::{ModelUrl, ServerOptions};

/// Options of an inference server that runs the model.
#[derive(Debug, Clone, clap::Args)]
pub struct EngineArgs {
    /// Run the model on an inference server that serves it, instead of on this machine.
    ///
    /// URL is grpc://HOST:8001/MODEL or grpc://HOST:8001/MODEL:VERSION, with grpcs:// for TLS: a server that speaks KServe's v2
    /// protocol, as Triton, MLServer and KServe do. --model names the export all the same: it says what the outputs mean, and the
    /// server's model is checked against it. Frames go to that server.
    #[arg(
        long,
        value_name = "URL",
        requires = "model",
        conflicts_with_all = ["device", "threads", "spin", "fp16"]
    )]
    pub engine: Option<ModelUrl>,

    /// Requests that the server of --engine gets at the same time.
    #[arg(
        long,
        value_name = "N",
        default_value = "4",
        requires = "engine",
        value_parser = clap::value_parser!(u8).range(1..=64)
    )]
    pub engine_requests: u8,

    /// How long frames wait for the server of --engine while it is away or does not answer; then they fail.
    #[arg(
        long,
        value_name = "SECONDS",
        default_value = "8",
        requires = "engine",
        value_parser = seconds
    )]
    pub engine_wait: Duration,

    /// A file with the token that the server of --engine asks for (Authorization: Bearer).
    #[arg(long, value_name = "FILE", requires = "engine")]
    pub engine_token_file: Option<PathBuf>,
}

impl EngineArgs {
    /// The server, if one is to run the model.
    pub(crate) fn server(&self) -> Option<ServerOptions> {
        Some(ServerOptions {
            url: self.engine.clone()?,
            wait: self.engine_wait,
            token_file: self.engine_token_file.clone(),
        })
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    match text.parse::<f64>() {
        Ok(seconds) if (0.1..=3600.0).contains(&seconds) => Ok(Duration::from_secs_f64(seconds)),
        _ => Err(format!(
            "'{text}' is not a number of seconds from 0.1 to 3600"
        )),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use crate::command_line::Args;

    fn parse(line: &str) -> Result<Args, String> {
        let line = format!("sleap-worker {line}");
        Args::try_parse_from(line.split(' ')).map_err(|error| error.to_string())
    }

    #[test]
    fn a_server_is_named_with_its_model() {
        let args = parse("--model m --engine grpc://gpu/mouse --engine-wait 0.5").unwrap();
        let server = args.engine.server().unwrap();
        assert_eq!(server.url.to_string(), "grpc://gpu:8001/mouse");
        assert_eq!(server.wait.as_millis(), 500);
        assert!(parse("--model m").unwrap().engine.server().is_none());
    }

    #[test]
    fn what_does_not_go_with_a_server_is_refused() {
        for (line, words) in [
            ("--engine grpc://gpu/mouse", "--model"),
            (
                "--model m --engine grpc://gpu/mouse --device cpu",
                "--device",
            ),
            (
                "--model m --engine grpc://gpu/mouse --threads 2",
                "--threads",
            ),
            ("--model m --engine grpc://gpu/mouse --spin", "--spin"),
            ("--model m --engine grpc://gpu/mouse --fp16", "--fp16"),
            ("--model m --engine grpc://gpu/mouse --refine", "--refine"),
            ("--model m --engine-requests 2", "--engine"),
            ("--model m --engine-token-file t", "--engine"),
            ("--model m --engine http://gpu:8000/mouse", "gRPC"),
            (
                "--model m --engine grpc://gpu/mouse --engine-requests 0",
                "0",
            ),
            (
                "--model m --engine grpc://gpu/mouse --engine-wait 0",
                "seconds",
            ),
            (
                "--model m --engine grpc://gpu/mouse --engine-wait NaN",
                "seconds",
            ),
        ] {
            let error = parse(line).expect_err(line);
            assert!(error.contains(words), "{line}: no {words:?} in: {error}");
        }
        let doctor = parse("doctor --model m --engine grpc://gpu/mouse --device cpu");
        assert!(doctor.unwrap_err().contains("--device"));
        assert!(parse("doctor --model m --engine grpc://gpu/mouse").is_ok());
    }
}
