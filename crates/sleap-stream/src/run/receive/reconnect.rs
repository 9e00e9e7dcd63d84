//! Going on over another connection.

use std::sync::Arc;
use std::time::Instant;

use anyhow::Result;
use link::Channel;
use protocol::StreamAck;
use tokio::time::{MissedTickBehavior, interval};

use super::moving::{Moving, Suspicion};
use super::{PROGRESS_INTERVAL, ReceiveLoop, State, give_report, stream_end};
use crate::connect::handshake;
use crate::run::end::ReceiveEnd;
use crate::run::results::ResultHandler;
use crate::send::in_flight::ConnectionNumber;
use crate::send::pipeline::SendPipeline;
use crate::send::plan::Recovery;

impl ReceiveLoop<'_> {
    /// The connection is lost: goes on over another one, or returns how the stream has ended.
    pub(super) async fn reconnect(
        &mut self,
        results: &mut ResultHandler,
        pipeline: &SendPipeline,
    ) -> Result<Option<ReceiveEnd>> {
        // A worker that comes back and is lost before it returns a result was not found.
        let since = *self.lost_since.get_or_insert_with(Instant::now);
        // Nothing stays switched on while no pose comes.
        results.closed_loop.lost();
        let because = handshake::because(&self.receiver);
        let timeout = self.reconnector.reconnect_timeout();
        if timeout.is_zero() || pipeline.recovery() == Recovery::Impossible {
            return Ok(Some(ReceiveEnd::Lost));
        }
        tracing::warn!(
            "the connection to the worker is lost{because}; looking for it for {} s",
            timeout.as_secs_f64()
        );
        let connection = self.uplink.lost();
        (self.moving, self.suspicion) = (Moving::Stays, Suspicion::default());
        // What is stuck in the old connection must not go on.
        tokio::spawn(self.sender.clone().close());
        results.report.away_since = Some(since);
        self.reconnector
            .begin_tracks_at(results.tracks.next_number());
        let found = self.find_again(since, results, pipeline).await;
        results.report.away_since = None;
        let (channel, ack) = match found? {
            Ok(found) => found,
            Err(end) => return Ok(Some(end)),
        };
        tracing::info!(seconds = %format_args!("{:.1}", since.elapsed().as_secs_f64()), "connected again");
        results.report.reconnections += 1;
        self.resume(channel, &ack, connection, results, pipeline);
        Ok(None)
    }

    /// The stream goes on over this channel.
    pub(super) fn resume(
        &mut self,
        channel: Channel,
        ack: &StreamAck,
        connection: ConnectionNumber,
        results: &mut ResultHandler,
        pipeline: &SendPipeline,
    ) {
        self.drains = false;
        results.hold_ups.restart();
        results.tracks.connected(ack);
        (self.sender, self.receiver) = (channel.sender, channel.receiver);
        let now = Instant::now();
        (self.last_result, self.last_check) = (now, now);
        if let Some(watch) = &mut self.watch {
            watch.restart(&mut results.report);
        }
        let last = matches!(self.state, State::Ended(..))
            .then(|| stream_end(pipeline, results.report.seconds()));
        let given_up = pipeline.resume(
            Arc::clone(&self.uplink),
            connection,
            self.sender.clone(),
            last,
        );
        results.report.lost += given_up as u64;
    }

    /// The worker, found again, or why the stream ends without it.
    async fn find_again(
        &mut self,
        since: Instant,
        results: &mut ResultHandler,
        pipeline: &SendPipeline,
    ) -> Result<Result<(Channel, StreamAck), ReceiveEnd>> {
        let mut tick = interval(PROGRESS_INTERVAL);
        tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let reconnector = self.reconnector;
        let worker = self.worker.clone();
        let found = reconnector.find_again(&worker, since);
        tokio::pin!(found);
        let asked = results.wants_report();
        loop {
            tokio::select! {
                found = &mut found => return Ok(found.map_err(|error| {
                    self.not_found = Some(error);
                    ReceiveEnd::Lost
                })),
                () = self.interrupt.raised() => {
                    pipeline.stop();
                    return Ok(Err(ReceiveEnd::Interrupted));
                }
                () = asked.notified() => give_report(results, pipeline),
                _ = tick.tick() => {
                    results.publish();
                    self.progress.update(&results.report);
                    results.camera.check();
                    results.deliver_decided();
                    results.check_outputs()?;
                    if results.is_unused() {
                        return Ok(Err(ReceiveEnd::NoReader));
                    }
                }
            }
        }
    }
}
