//! Offers of the page: a viewer's, or a client's that streams a camera.

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

use super::guard::Guard;
use super::http::refused;
use super::hub::{Hub, Seat};
use super::viewer;
use crate::http::{Answer, body, words};
use crate::replies::MAX_LANES;

/// Handshakes under way at a time.
const MAX_HANDSHAKES: usize = 4;
/// Bytes of an offer, and how long it may take to come.
const MAX_OFFER_BYTES: usize = 64 * 1024;
const OFFER: Duration = Duration::from_secs(5);
/// What offers and answers are.
const SDP: &str = "application/sdp";

const KIB: usize = 1024;

/// Takes offers and makes viewers and clients of them.
pub(super) struct Offers {
    guard: Guard,
    hub: Arc<Hub>,
    streaming: PeerConfig,
    viewing: PeerConfig,
    streams: mpsc::Sender<Channel>,
    handshakes: Arc<Semaphore>,
    /// Those who came, until they leave or it is over.
    guests: TaskTracker,
    over: CancellationToken,
}

/// What an answered offer is for.
enum Guest {
    Viewer(Seat),
    Client,
}

impl Offers {
    /// `streams` takes the channels of clients that stream.
    pub(super) fn new(
        guard: Guard,
        hub: Arc<Hub>,
        config: PeerConfig,
        streams: mpsc::Sender<Channel>,
    ) -> Self {
        let mut streaming = config.clone();
        streaming.channel.max_lanes = MAX_LANES;
        // A picture and a few messages at a time.
        let mut viewing = config;
        viewing.channel.max_lanes = 1;
        viewing.connection.sctp.send_buffer_bytes = 256 * KIB;
        viewing.connection.sctp.receive_window_bytes = 256 * KIB as u32;
        viewing.connection.udp.buffer_bytes = 512 * KIB;
        Self {
            guard,
            hub,
            streaming,
            viewing,
            streams,
            handshakes: Arc::new(Semaphore::new(MAX_HANDSHAKES)),
            guests: TaskTracker::new(),
            over: CancellationToken::new(),
        }
    }

    /// Sends everybody away and waits until they have heard it. No offer may come any more.
    pub(super) async fn close(&self) {
        self.over.cancel();
        self.guests.close();
        self.guests.wait().await;
    }

    pub(super) fn guard(&self) -> &Guard {
        &self.guard
    }

    /// Answers an offer with this side's description; the connection comes up afterwards.
    pub(super) async fn answer(&self, request: Request<Incoming>) -> Answer {
        if let Err(refusal) = self.guard.check_script(request.headers()) {
            return refused(refusal);
        }
        let kind = request.headers().get(CONTENT_TYPE);
        if kind.is_none_or(|kind| kind != SDP) {
            return words(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "an offer is application/sdp",
            );
        }
        let is_viewer = request.uri().path() == "/view";
        let Ok(handshake) = Arc::clone(&self.handshakes).try_acquire_owned() else {
            return words(
                StatusCode::SERVICE_UNAVAILABLE,
                "too many connections at once: try again",
            );
        };
        let offer = match read(request.into_body()).await {
            Ok(offer) => offer,
            Err((status, reason)) => return words(status, reason),
        };
        let (guest, config) = match is_viewer {
            false => (Guest::Client, &self.streaming),
            true => match self.hub.join() {
                Some(seat) => (Guest::Viewer(seat), &self.viewing),
                None => {
                    let full = "there are as many viewers as this worker takes";
                    return words(StatusCode::SERVICE_UNAVAILABLE, full);
                }
            },
        };
        match link::answer(offer, config).await {
            Ok(answered) => {
                let answer = Bytes::copy_from_slice(answered.sdp().as_bytes());
                self.guests.spawn(self.welcome(answered, guest, handshake));
                body(StatusCode::CREATED, SDP, answer)
            }
            Err(error) => words(StatusCode::BAD_REQUEST, &error.to_string()),
        }
    }

    /// Waits for the guest's channel and brings it to where it belongs.
    fn welcome(
        &self,
        answered: AnsweredOffer,
        guest: Guest,
        handshake: OwnedSemaphorePermit,
    ) -> impl Future<Output = ()> + use<> {
        let hub = Arc::clone(&self.hub);
        let streams = self.streams.clone();
        let over = self.over.clone();
        async move {
            let channel = tokio::select! {
                channel = answered.channel() => channel,
                () = over.cancelled() => return,
            };
            let channel = match channel {
                Ok(channel) => channel,
                Err(error) => return warn!(%error, "no connection to a browser"),
            };
            drop(handshake);
            match guest {
                Guest::Viewer(seat) => {
                    info!("a viewer has come");
                    viewer::run(channel, seat, hub, over).await;
                    info!("a viewer has left");
                }
                Guest::Client => {
                    info!("a browser is connected as a client");
                    tokio::select! {
                        // Nobody accepts any more: the channel closes.
                        _ = streams.send(channel) => {}
                        () = over.cancelled() => {}
                    }
                }
            }
        }
    }
}

/// Why an offer was not read, for its sender.
type Unread = (StatusCode, &'static str);

async fn read(incoming: Incoming) -> Result<String, Unread> {
    const TOO_LARGE: Unread = (StatusCode::PAYLOAD_TOO_LARGE, "an offer has at most 64 KiB");
    const LATE: Unread = (StatusCode::REQUEST_TIMEOUT, "the offer did not come");
    const NO_TEXT: Unread = (StatusCode::BAD_REQUEST, "the offer is not text");
    if incoming.size_hint().lower() > MAX_OFFER_BYTES as u64 {
        return Err(TOO_LARGE);
    }
    let limited = Limited::new(incoming, MAX_OFFER_BYTES);
    let collected = timeout(OFFER, limited.collect()).await;
    let offer = collected.map_err(|_| LATE)?.map_err(|_| TOO_LARGE)?;
    String::from_utf8(offer.to_bytes().into()).map_err(|_| NO_TEXT)
}
