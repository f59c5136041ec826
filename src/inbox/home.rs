//! Buttons of a person's page.

use std::sync::Arc;

use crate::chat::{Ack, Inbound};
use crate::inbox::Inbox;
use crate::wording::{card, home};

impl Inbox {
    /// A button of the page, with the rights of the person who presses it now.
    pub(crate) async fn home_click(
        self: &Arc<Self>,
        inbound: &Inbound,
        action: &str,
        value: &str,
        trigger: &str,
    ) -> anyhow::Result<Ack> {
        match action {
            home::SWEEP => return self.commands.sweep_pressed(inbound, value).await,
            card::action::CHOOSE => {
                let (request, list_hash) = value.split_once(':').unwrap_or((value, ""));
                if let Ok(request) = request.parse::<i64>() {
                    self.open_review(inbound, request, list_hash, trigger);
                    return Ok(Ack::Done);
                }
            }
            _ => {}
        }
        tracing::warn!(action, "a button of a page that isn't ours, or of another version");
        self.outbox.whisper(inbound.reply.clone(), self.requests.no_such_request());
        Ok(Ack::Done)
    }
}
