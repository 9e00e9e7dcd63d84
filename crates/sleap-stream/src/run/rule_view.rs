//! The client's rules, for people who look at its stream at the worker: they see zones and events, and may draw zones.

use std::sync::Arc;
use std::time::Duration;

use closed_loop::{RuleRunner, SeenRules};
use link::{SendError, Sender};
use protocol::{Message, ZoneEdit, ZoneResult, Zones, text};
use tokio::sync::{mpsc, watch};
use tokio_util::task::AbortOnDropHandle;

use crate::send::uplink::UplinkWatch;

/// The least time between two states.
const STATE_INTERVAL: Duration = Duration::from_millis(100);

/// Zones that may wait to be saved; further ones are not answered.
const EDIT_QUEUE_LEN: usize = 4;

/// Sends what people at the worker see of the rules, until it is dropped.
pub(crate) struct RulesAtWorker {
    edits: mpsc::Sender<ZoneEdit>,
    _sending: AbortOnDropHandle<()>,
}

/// What the task works with.
struct RulesSender {
    rules: Arc<RuleRunner>,
    seen: watch::Receiver<SeenRules>,
    edits: mpsc::Receiver<ZoneEdit>,
    picture: Option<(u32, u32)>,
}

impl RulesAtWorker {
    /// `rules`, and what is `seen` of them in the stream; `picture`: width and height of the source, where they are known.
    pub(crate) fn show(
        (rules, seen): (&Arc<RuleRunner>, watch::Receiver<SeenRules>),
        picture: Option<(u32, u32)>,
        uplink: UplinkWatch,
    ) -> Self {
        let (edits, queue) = mpsc::channel(EDIT_QUEUE_LEN);
        let sender = RulesSender {
            rules: Arc::clone(rules),
            seen,
            edits: queue,
            picture,
        };
        Self {
            edits,
            _sending: AbortOnDropHandle::new(tokio::spawn(sender.run(uplink))),
        }
    }

    /// A viewer has drawn a zone.
    pub(crate) fn edit(&self, edit: ZoneEdit) {
        if self.edits.try_send(edit).is_err() {
            tracing::debug!("zones are drawn faster than they are saved");
        }
    }
}

impl RulesSender {
    async fn run(mut self, mut uplink: UplinkWatch) {
        while let Some((connection, sender)) = uplink.sender().await {
            let is_over = tokio::select! {
                sent = self.send_over(&sender) => sent.is_ok(),
                () = uplink.lost(connection) => false,
            };
            if is_over {
                return;
            }
            // That it is closed is noticed where results are received.
            uplink.lost(connection).await;
        }
    }

    /// Sends all over one connection, until the rules have ended.
    async fn send_over(&mut self, sender: &Sender) -> Result<(), SendError> {
        let mut sent: Option<Arc<Zones>> = None;
        loop {
            let SeenRules { zones, state } = self.seen.borrow_and_update().clone();
            if sent.as_ref().is_none_or(|sent| *sent != zones) {
                sender.send(Message::Zones(Zones::clone(&zones))).await?;
                sent = Some(zones);
            }
            sender.send(Message::Rules(state)).await?;
            tokio::select! {
                changed = self.seen.changed() => match changed {
                    Ok(()) => tokio::time::sleep(STATE_INTERVAL).await,
                    Err(_) => return Ok(()),
                },
                Some(edit) = self.edits.recv() => {
                    let result = self.edited(edit).await;
                    sender.send(Message::ZoneResult(result)).await?;
                }
            }
        }
    }

    /// Saves a zone.
    async fn edited(&self, edit: ZoneEdit) -> ZoneResult {
        let (rules, picture) = (Arc::clone(&self.rules), self.picture);
        let saving = tokio::task::spawn_blocking(move || rules.edit_zone(&edit.zone, picture));
        let refused = match saving.await {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(text::cut(&format!("{error:#}"), text::REASON).into_owned()),
            Err(_) => Some("saving it stopped unexpectedly".to_owned()),
        };
        ZoneResult {
            id: edit.id,
            refused,
        }
    }
}
