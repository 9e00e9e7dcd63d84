//! Which clients could reach the worker, and which secret they would need.

use std::io::Write;
use std::net::SocketAddr;

use cli::SecretArgs;
use cli::doctor::{self, CheckReport, SecretSource};

use crate::trust::is_exposed;

/// The options that decide it, as the worker is to be started with them.
#[derive(Debug, Clone, clap::Args)]
pub struct ExposureArgs {
    /// Address at which the worker's own signaling server is to listen.
    #[arg(
        long,
        value_name = "ADDR",
        default_value = "127.0.0.1:8080",
        value_parser = net::listen_address::<8080>,
        conflicts_with = "signal"
    )]
    pub listen: SocketAddr,

    /// The signaling server elsewhere at which the worker is to be registered.
    #[arg(long, value_name = "URL", value_parser = cli::websocket_url)]
    pub signal: Option<String>,

    /// The secret that clients need.
    #[command(flatten)]
    pub secret: SecretArgs,

    /// Whether clients are to be let in without a secret.
    #[arg(long, alias = "no-auth", conflicts_with_all = ["secret", "secret_file"])]
    pub insecure: bool,
}

pub(super) fn check(report: &mut CheckReport<impl Write>, args: &ExposureArgs) {
    const SUBJECT: &str = "clients";
    let secret = doctor::secret(report, &args.secret, args.insecure, true);
    let place = match &args.signal {
        Some(url) => format!("every client that reaches {url}"),
        None => format!("every client that reaches {}", args.listen),
    };
    let known = "has to prove that it knows the secret";
    match (is_exposed(args.listen, args.signal.as_deref()), secret) {
        (true, _) if args.insecure => report.warn(
            SUBJECT,
            format!("{place} can stream: no secret is needed"),
            "without --insecure clients have to know a secret",
        ),
        (true, SecretSource::None) => {
            report.ok(
                SUBJECT,
                format!("{place} {known}: one is made and printed as a link"),
            );
        }
        (true, _) | (false, SecretSource::Given) => report.ok(SUBJECT, format!("{place} {known}")),
        (false, _) => report.ok(
            SUBJECT,
            format!(
                "the users of this machine alone, at {}; no secret is needed",
                args.listen
            ),
        ),
    }
}
