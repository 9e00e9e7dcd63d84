use std::net::SocketAddr;

use super::tokens::ViewLinks;

/// The page that shows what the worker sees.
#[derive(Debug, Clone, clap::Args)]
pub struct ViewArgs {
    /// Serve a page with the live picture.
    ///
    /// A phone's camera can be streamed from it too. ADDR is HOST:PORT, or a port or an address alone; if none
    /// is given, 127.0.0.1:8081. Open the printed links in any browser: `view` watches, `send` streams too. At another address than
    /// loopback the page is served over TLS, with a certificate of this machine's own that browsers ask
    /// about once.
    #[arg(
        long,
        value_name = "ADDR",
        num_args = 0..=1,
        default_missing_value = "127.0.0.1:8081",
        value_parser = net::listen_address::<8081>
    )]
    pub view: Option<SocketAddr>,

    /// Links of the page that work: look (watch), send (stream a browser's camera) or both.
    #[arg(
        long,
        value_name = "LINKS",
        default_value = "both",
        hide_possible_values = true
    )]
    pub view_links: ViewLinks,
}
