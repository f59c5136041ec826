//! Buttons of a person's page.

use std::sync::Arc;

use crate::chat::{Ack, Inbound};
use crate::inbox::Inbox;
use crate::services::WorkResult;
use crate::wording::actions::{ButtonAction, RequestAction};

impl Inbox {
    /// A button of the page, with the rights of the person who presses it now.
    pub(crate) async fn home_click(
        self: &Arc<Self>,
        inbound: &Inbound,
        pressed: ButtonAction,
    ) -> WorkResult<Ack> {
        match pressed {
            ButtonAction::Sweep { policy } => self.commands.sweep_pressed(inbound, &policy).await,
            ButtonAction::Request { what: RequestAction::Choose, request, list_hash } => {
                Ok(self.open_review(inbound, request, list_hash))
            }
            // The page has no others.
            other => Ok(self.unknown(inbound, &other.id())),
        }
    }
}
