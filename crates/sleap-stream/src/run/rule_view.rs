//! The client's rules, for people who look at its stream at the worker.

use std::sync::Arc;
use std::time::Duration;

use closed_loop::{RuleRunner, SeenRules};
use link::{SendError, Sender};
use protocol::{Message, Zones};
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

use crate::send::uplink::UplinkWatch;

/// The least time between two states.
const STATE_INTERVAL: Duration = Duration::from_millis(100);

/// Sends zones and state of the rules over each connection, until it is dropped.
pub(crate) fn show(rules: &RuleRunner, uplink: UplinkWatch) -> AbortOnDropHandle<()> {
    AbortOnDropHandle::new(tokio::spawn(send(uplink, rules.seen())))
}

async fn send(mut uplink: UplinkWatch, mut seen: watch::Receiver<SeenRules>) {
    while let Some((connection, sender)) = uplink.sender().await {
        let is_over = tokio::select! {
            sent = send_over(&sender, &mut seen) => sent.is_ok(),
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
async fn send_over(
    sender: &Sender,
    seen: &mut watch::Receiver<SeenRules>,
) -> Result<(), SendError> {
    let mut sent: Option<Arc<Zones>> = None;
    loop {
        let SeenRules { zones, state } = seen.borrow_and_update().clone();
        if sent.as_ref().is_none_or(|sent| *sent != zones) {
            sender.send(Message::Zones(Zones::clone(&zones))).await?;
            sent = Some(zones);
        }
        sender.send(Message::Rules(state)).await?;
        if seen.changed().await.is_err() {
            return Ok(());
        }
        tokio::time::sleep(STATE_INTERVAL).await;
    }
}
