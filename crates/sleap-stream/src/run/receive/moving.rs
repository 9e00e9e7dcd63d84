//! Going on at another worker, which has the same model: one that is about to end tells its clients, and one that has
//! died leaves its meeting point.

use std::pin::Pin;
use std::time::{Duration, Instant};

use link::Channel;

use super::{ReceiveLoop, State, stream_end};
use crate::connect::reconnect::Reconnector;
use crate::run::results::ResultHandler;
use crate::send::pipeline::SendPipeline;

/// Longest wait for the results of frames that are under way, before the stream goes on elsewhere.
const EMPTY_TIMEOUT: Duration = Duration::from_secs(1);

/// A worker that has returned nothing for so long may have died.
const SUSPECT_AFTER: Duration = Duration::from_millis(500);

/// A worker that drains has left its meeting point while it is alive, and shows that it is once a [`protocol::HEARTBEAT`]:
/// one that has sent nothing at all for so long may have died.
const SUSPECT_DRAINING_AFTER: Duration = Duration::from_millis(1500);

/// Between two looks whether it has.
const SUSPECT_INTERVAL: Duration = Duration::from_secs(2);

type Pending<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// How far the stream is on its way to another worker.
#[derive(Default)]
pub(super) enum Moving<'a> {
    /// It stays.
    #[default]
    Stays,
    /// Another worker is looked for. The stream runs meanwhile.
    Searching(Pending<'a, Channel>),
    /// Another worker is connected since then. No frame leaves until those under way have their results.
    Emptying(Box<Channel>, Instant),
}

impl<'a> Moving<'a> {
    fn search(reconnector: &'a Reconnector) -> Self {
        Self::Searching(Box::pin(reconnector.elsewhere()))
    }

    /// The connection to another worker, once there is one. Cancelling loses nothing.
    pub(super) async fn found(&mut self) -> Channel {
        match self {
            Self::Searching(search) => search.await,
            _ => std::future::pending().await,
        }
    }

    /// Whether no frame may leave.
    pub(super) fn is_emptying(&self) -> bool {
        matches!(self, Self::Emptying(..))
    }

    /// Takes the connection to another worker.
    pub(super) fn found_at(&mut self, channel: Channel) {
        *self = Self::Emptying(Box::new(channel), Instant::now());
    }
}

/// Looks whether a worker that returns nothing has left its meeting point.
#[derive(Default)]
pub(super) struct Suspicion<'a> {
    look: Option<Pending<'a, bool>>,
    /// When the last look was over.
    looked: Option<Instant>,
}

impl<'a> Suspicion<'a> {
    /// Begins to look, if it is time.
    pub(super) fn consider(&mut self, reconnector: &'a Reconnector) {
        let is_time = self
            .looked
            .is_none_or(|at| at.elapsed() >= SUSPECT_INTERVAL);
        if is_time && self.look.is_none() {
            self.look = Some(Box::pin(reconnector.has_left()));
        }
    }

    /// Whether the worker has left, once that is known. Cancelling loses nothing.
    pub(super) async fn has_left(&mut self) -> bool {
        let Some(look) = &mut self.look else {
            return std::future::pending().await;
        };
        let has_left = look.await;
        *self = Self {
            look: None,
            looked: Some(Instant::now()),
        };
        has_left
    }
}

impl ReceiveLoop<'_> {
    /// Whether the worker, which has to return results, may have died.
    pub(super) fn is_suspect(&self) -> bool {
        match self.drains {
            true => self.receiver.heard().elapsed() >= SUSPECT_DRAINING_AFTER,
            false => self.last_result.elapsed() >= SUSPECT_AFTER,
        }
    }

    /// The worker is about to end.
    pub(super) fn worker_drains(&mut self) {
        self.drains = true;
        if self.state != State::Sending {
            tracing::info!("the worker is about to end; so is the stream, whose last results come");
            return;
        }
        if !matches!(self.moving, Moving::Stays) {
            return;
        }
        if !self.can_move {
            tracing::info!(
                "the worker is about to end; it still serves running streams for a while"
            );
            return;
        }
        tracing::info!("the worker is about to end; looking for another one");
        self.moving = Moving::search(self.reconnector);
    }

    /// Goes on at the worker that was found, once nothing is under way any more. A stream that is over stays.
    pub(super) async fn go_on_elsewhere(
        &mut self,
        results: &mut ResultHandler,
        pipeline: &SendPipeline,
    ) {
        if self.state != State::Sending {
            self.moving = Moving::Stays;
        }
        let is_empty = (self.all_sent || pipeline.is_held_back()) && pipeline.waiting() == 0;
        let is_due = |since: &Instant| is_empty || since.elapsed() >= EMPTY_TIMEOUT;
        let mut channel = match std::mem::take(&mut self.moving) {
            Moving::Emptying(channel, since) if is_due(&since) => channel,
            other => {
                self.moving = other;
                return;
            }
        };
        let next_track = results.tracks.next_number();
        self.reconnector.begin_tracks_at(next_track);
        let ack = match self.reconnector.hand_over(&mut channel, &self.worker).await {
            Ok(ack) => ack,
            Err(error) => {
                tracing::debug!(%error, "the other worker does not take the stream; looking on");
                channel.sender.close().await;
                self.moving = Moving::search(self.reconnector);
                return;
            }
        };
        let connection = self.uplink.lost();
        let (former, seconds) = (self.sender.clone(), results.report.seconds());
        let end = stream_end(pipeline, seconds);
        tokio::spawn(async move {
            // The former worker learns that nothing is missing. It may be gone by now.
            let _ = former.send(end).await;
            let _ = former.flush().await;
            former.close().await;
        });
        tracing::info!("the stream goes on at another worker");
        self.resume(*channel, &ack, connection, results, pipeline);
    }
}
