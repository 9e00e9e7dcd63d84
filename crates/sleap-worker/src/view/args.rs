use std::net::SocketAddr;

use crate::listen_address::address;

/// The page that shows what the worker sees.
#[derive(Debug, Clone, clap::Args)]
pub struct ViewArgs {
    /// Serve a page with the live picture, from which a phone's camera can be streamed too
    /// [ADDR if none is given: 127.0.0.1:8081].
    ///
    /// Open the printed link in any browser. At another address than loopback the page is served
    /// over TLS, with a certificate of this machine's own that browsers ask about once.
    #[arg(
        long,
        value_name = "ADDR",
        num_args = 0..=1,
        default_missing_value = "127.0.0.1:8081",
        value_parser = address
    )]
    pub view: Option<SocketAddr>,
}
