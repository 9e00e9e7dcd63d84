//! Answers the WebRTC offers of the page: a viewer's, or that of a client that streams a camera.

use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Limited};
use hyper::body::{Body, Bytes, Incoming};
use hyper::header::CONTENT_TYPE;
use hyper::{Request, StatusCode};
use link::{AnsweredOffer, Channel, PeerConfig};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

use super::broker::{ViewBroker, ViewerHandle};
use super::guard::refusal;
use super::tokens::LinkKind;
use super::viewer_connection;
use super::viewers::MAX_VIEWERS;
use crate::replies::{MAX_LANES, MAX_SHARD_LANES};
use http_server::{HttpResponse, body, words};

/// Handshakes that may run at the same time.
const MAX_HANDSHAKES: usize = 4;
/// Size of an offer, and how long its body may take to arrive.
const MAX_OFFER_BYTES: usize = 64 * 1024;
const OFFER_TIMEOUT: Duration = Duration::from_secs(5);
/// Content type of offers and answers.
const SDP: &str = "application/sdp";

const KIB: usize = 1024;

/// Answers offers, and passes the connections on as viewers or clients.
pub(super) struct OfferHandler {
    broker: Arc<ViewBroker>,
    streaming: PeerConfig,
    viewing: PeerConfig,
    streams: mpsc::Sender<Channel>,
    handshakes: Arc<Semaphore>,
    /// The tasks of all connections.
    connections: TaskTracker,
    shutdown: CancellationToken,
}

/// What an offer asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OfferKind {
    View,
    Stream,
}

/// What an answered offer is for.
enum OfferPurpose {
    Viewer(ViewerHandle),
    Client,
}

impl OfferHandler {
    /// `streams` receives the channels of clients that stream.
    pub(super) fn new(
        broker: Arc<ViewBroker>,
        config: PeerConfig,
        streams: mpsc::Sender<Channel>,
    ) -> Self {
        let mut streaming = config.clone();
        streaming.channel.max_lanes = MAX_LANES;
        streaming.channel.max_shard_lanes = MAX_SHARD_LANES;
        // A viewer's channel carries one picture and a few messages at a time.
        let mut viewing = config;
        viewing.channel.max_lanes = 1;
        viewing.channel.max_shard_lanes = 0;
        viewing.connection.sctp.send_buffer_bytes = 256 * KIB;
        viewing.connection.sctp.receive_window_bytes = 256 * KIB as u32;
        viewing.connection.udp.buffer_bytes = 512 * KIB;
        Self {
            broker,
            streaming,
            viewing,
            streams,
            handshakes: Arc::new(Semaphore::new(MAX_HANDSHAKES)),
            connections: TaskTracker::new(),
            shutdown: CancellationToken::new(),
        }
    }

    /// Closes all connections and waits for that. The server must have ended before.
    pub(super) async fn close(&self) {
        self.shutdown.cancel();
        self.connections.close();
        self.connections.wait().await;
    }

    /// Answers an offer with the worker's session description; the connection opens afterwards. The
    /// caller has checked that the sender, who has this link, may do this.
    pub(super) async fn answer(
        &self,
        request: Request<Incoming>,
        kind: OfferKind,
        link: LinkKind,
    ) -> HttpResponse {
        let content = request.headers().get(CONTENT_TYPE);
        if content.is_none_or(|content| content != SDP) {
            return words(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "an offer is application/sdp",
            );
        }
        let Ok(handshake) = Arc::clone(&self.handshakes).try_acquire_owned() else {
            return words(
                StatusCode::SERVICE_UNAVAILABLE,
                "the worker is opening too many connections at once: try again",
            );
        };
        let offer = match read(request.into_body()).await {
            Ok(offer) => offer,
            Err((status, reason)) => return words(status, reason),
        };
        let (purpose, config) = match kind {
            OfferKind::Stream => (OfferPurpose::Client, &self.streaming),
            OfferKind::View => match self.broker.join(link == LinkKind::Send) {
                Some(viewer) => (OfferPurpose::Viewer(viewer), &self.viewing),
                None => return all_slots_taken(),
            },
        };
        match link::answer(offer, config).await {
            Ok(answered) => {
                let answer = Bytes::copy_from_slice(answered.sdp().as_bytes());
                self.connections
                    .spawn(self.connect(answered, purpose, handshake));
                body(StatusCode::CREATED, SDP, answer)
            }
            Err(error) => words(StatusCode::BAD_REQUEST, &error.to_string()),
        }
    }

    /// Waits for the channel, and serves a viewer or passes a client on.
    fn connect(
        &self,
        answered: AnsweredOffer,
        purpose: OfferPurpose,
        handshake: OwnedSemaphorePermit,
    ) -> impl Future<Output = ()> + use<> {
        let broker = Arc::clone(&self.broker);
        let streams = self.streams.clone();
        let shutdown = self.shutdown.clone();
        async move {
            let channel = tokio::select! {
                channel = answered.channel() => channel,
                () = shutdown.cancelled() => return,
            };
            let channel = match channel {
                Ok(channel) => channel,
                Err(error) => return warn!(%error, "a browser's connection did not open"),
            };
            drop(handshake);
            match purpose {
                OfferPurpose::Viewer(viewer) => {
                    info!("a viewer is connected");
                    viewer_connection::run(channel, viewer, broker, shutdown).await;
                    info!("a viewer has left");
                }
                OfferPurpose::Client => {
                    info!("a browser is connected as a client");
                    tokio::select! {
                        // After the end of the accepting side the channel closes here.
                        _ = streams.send(channel) => {}
                        () = shutdown.cancelled() => {}
                    }
                }
            }
        }
    }
}

/// The answer to a viewer that finds no free slot.
fn all_slots_taken() -> HttpResponse {
    let text = format!("{MAX_VIEWERS} of {MAX_VIEWERS} viewers are watching");
    refusal(StatusCode::SERVICE_UNAVAILABLE, "viewers", &text)
}

/// Why an offer was not read: the answer's status and text.
type OfferError = (StatusCode, &'static str);

async fn read(incoming: Incoming) -> Result<String, OfferError> {
    const TOO_LARGE: OfferError = (StatusCode::PAYLOAD_TOO_LARGE, "an offer has at most 64 KiB");
    const TIMEOUT: OfferError = (
        StatusCode::REQUEST_TIMEOUT,
        "the offer did not arrive in time",
    );
    const NO_TEXT: OfferError = (StatusCode::BAD_REQUEST, "the offer is not text");
    if incoming.size_hint().lower() > MAX_OFFER_BYTES as u64 {
        return Err(TOO_LARGE);
    }
    let limited = Limited::new(incoming, MAX_OFFER_BYTES);
    let collected = timeout(OFFER_TIMEOUT, limited.collect()).await;
    let offer = collected.map_err(|_| TIMEOUT)?.map_err(|_| TOO_LARGE)?;
    String::from_utf8(offer.to_bytes().into()).map_err(|_| NO_TEXT)
}
