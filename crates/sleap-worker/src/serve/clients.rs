//! The loop that gives every client a session, until the worker ends.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use cli::{ExitStatus, Interrupt};
use link::{Acceptor, Channel};
use tokio::task::JoinSet;

use crate::admission::Admission;
use crate::drain::drained;
use crate::service_manager;
use crate::session::{self, SessionContext};
use crate::streams::StreamAvailability;
use crate::view::ViewServer;

/// Clients that may stay connected beside those that stream.
const MAX_WAITING_CLIENTS: usize = 7;

/// Serves clients until the worker is to end, and ends their sessions in order.
pub(super) async fn serve_clients(
    context: &Arc<SessionContext>,
    acceptor: Acceptor,
    page: Option<ViewServer>,
    interrupt: Interrupt,
    drain_timeout: Duration,
) -> Result<ExitStatus> {
    let mut clients = Clients {
        context: Arc::clone(context),
        admission: Admission::new(context.slots.max() + MAX_WAITING_CLIENTS),
        acceptor: Some(acceptor),
        page,
        interrupt,
        sessions: JoinSet::new(),
    };
    let served = clients.accept_all(drain_timeout).await;
    context.metrics.drains();
    clients.close().await;
    // After a failure no result can be made; the service manager starts another worker.
    served?;
    clients.end_sessions().await;
    Ok(ExitStatus::Interrupted)
}

/// The clients of a worker.
struct Clients {
    context: Arc<SessionContext>,
    admission: Admission,
    /// `None` once the worker has left its rendezvous.
    acceptor: Option<Acceptor>,
    page: Option<ViewServer>,
    interrupt: Interrupt,
    sessions: JoinSet<()>,
}

impl Clients {
    /// Gives every client a session, until the worker is interrupted or has drained.
    async fn accept_all(&mut self, drain_timeout: Duration) -> Result<()> {
        let context = Arc::clone(&self.context);
        let interrupt = self.interrupt.clone();
        let mut availability = context.slots.availability();
        let drained = drained(&context, &interrupt, drain_timeout);
        tokio::pin!(drained);
        loop {
            if let Some(page) = &self.page {
                page.broker().clients_are(self.sessions.len());
            }
            let channel = tokio::select! {
                () = interrupt.raised() => return Ok(()),
                () = &mut drained => return Ok(()),
                Ok(()) = availability.changed() => {
                    let now = *availability.borrow_and_update();
                    if now == StreamAvailability::ShuttingDown {
                        // Its registration ends: new clients look for another worker.
                        self.acceptor = None;
                    }
                    service_manager::status(&now.words());
                    continue;
                }
                stopped = context.pipeline.stopped() => return Err(stopped.into()),
                Some(ended) = self.sessions.join_next() => {
                    session::report(ended);
                    continue;
                }
                channel = from_rendezvous(&mut self.acceptor) => channel?,
                Some(channel) = from_page(&mut self.page) => channel,
            };
            self.sessions.spawn(session::run(
                Arc::clone(&context),
                channel,
                self.admission.enter(Instant::now()),
                interrupt.clone(),
            ));
        }
    }

    /// Takes the worker and its page off the network: viewers leave at once. Clients first receive their
    /// last results.
    async fn close(&mut self) {
        self.acceptor = None;
        if let Some(page) = self.page.take() {
            page.close().await;
        }
    }

    async fn end_sessions(&mut self) {
        self.interrupt.raise();
        while let Some(ended) = self.sessions.join_next().await {
            session::report(ended);
        }
    }
}

/// The next client of the rendezvous; none once the worker has left it.
async fn from_rendezvous(acceptor: &mut Option<Acceptor>) -> Result<Channel> {
    match acceptor {
        Some(acceptor) => {
            let channel = acceptor.accept().await;
            channel.context("no further client can be accepted")
        }
        None => std::future::pending().await,
    }
}

/// The next client of the page; none without one.
async fn from_page(page: &mut Option<ViewServer>) -> Option<Channel> {
    match page {
        Some(page) => page.accept().await,
        None => std::future::pending().await,
    }
}
