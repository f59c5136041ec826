//! From what a handler returned to what the person sees: in the acknowledgement if that can carry it, else through the Web
//! API once the acknowledgement is out.
//!
//! Slack opens a dialog by the trigger of a click, once and within 3 s of it, and draws one again at any time.
//! <https://docs.slack.dev/interactivity/handling-user-interaction>

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Value, json};
use slack_morphism::prelude::{
    SlackViewSubmissionErrorsResponse, SlackViewSubmissionResponse, SlackViewSubmissionUpdateResponse,
};

use crate::chat::slack::api::Api;
use crate::chat::slack::inbound::Source;
use crate::chat::slack::render;
use crate::chat::slack::text::Workspace;
use crate::chat::{
    Ack, Block, Card, ChatError, ChatTerms, Inbound, Later, Modal, Prepared, ReplyTo, Response, Text,
    ViewRef, What,
};
use crate::scheduler::Class;

/// Slack drops acknowledgements of 20 KB and more without a word.
const ACK_BYTES_MAX: usize = 19 * 1024;

/// What goes back for an envelope.
pub(super) struct Reply {
    pub(super) ack: String,
    /// What the person gets once the acknowledgement is out.
    pub(super) then: Option<(Form, Then)>,
}

/// What the person gets after the acknowledgement.
pub(super) enum Then {
    Now(Response),
    Later(Later),
}

impl Reply {
    pub(super) fn bare(id: &str) -> Reply {
        Reply { ack: bare(id), then: None }
    }
}

/// Where an input came from, as far as its answer needs it.
pub(super) struct Form {
    reply: ReplyTo,
    view: Option<ViewRef>,
    /// Whether the acknowledgement may say more than "received": only a submission's may.
    takes_payload: bool,
    source: Source,
}

impl Form {
    pub(super) fn of(inbound: &Inbound, accepts_payload: bool, source: Source) -> Form {
        let view = match &inbound.what {
            What::Submission { view, .. } | What::ModalClick { view, .. } => Some(view.clone()),
            What::Click { .. }
            | What::Command { .. }
            | What::HomeOpened
            | What::HomeClick { .. }
            | What::Joined { .. } => None,
        };
        let takes_payload = accepts_payload && matches!(inbound.what, What::Submission { .. });
        Form { reply: inbound.reply.clone(), view, takes_payload, source }
    }
}

/// Returns what answers an envelope, given what the handler returned.
pub(super) fn reply(workspace: &Workspace, id: &str, form: Form, ack: Ack) -> Reply {
    match ack {
        Ack::Done | Ack::Respond(Response::Nothing) => Reply::bare(id),
        Ack::FormErrors(errors) => {
            let payload =
                form_errors(errors, &form.source.block_ids, &workspace.terms).filter(|_| form.takes_payload);
            if let Some(payload) = payload {
                return Reply { ack: with_payload(id, &payload), then: None };
            }
            tracing::warn!("a refusal was dropped: it answers no form");
            Reply::bare(id)
        }
        Ack::Respond(Response::Replace(modal)) if form.takes_payload => {
            replacement(workspace, id, form, &modal)
        }
        Ack::Respond(response) => Reply { ack: bare(id), then: Some((form, Then::Now(response))) },
        Ack::Later(later) => Reply { ack: bare(id), then: Some((form, Then::Later(later))) },
    }
}

/// Puts another modal in a submitted one's place: in the acknowledgement if that can carry it. Otherwise a small modal
/// stands in first, for a bare acknowledgement would close the form.
fn replacement(workspace: &Workspace, id: &str, form: Form, modal: &Modal) -> Reply {
    let ack = update_ack(workspace, id, modal);
    if ack.len() < ACK_BYTES_MAX {
        return Reply { ack, then: None };
    }
    let then = Then::Now(Response::Replace(modal.clone()));
    Reply { ack: update_ack(workspace, id, &stand_in(modal)), then: Some((form, then)) }
}

fn update_ack(workspace: &Workspace, id: &str, modal: &Modal) -> String {
    let view = render::view(modal, workspace);
    let update = SlackViewSubmissionResponse::Update(SlackViewSubmissionUpdateResponse { view });
    with_payload(id, &json!(update))
}

/// Shows what follows an acknowledgement. The person is told if it can't be shown.
pub(super) async fn follow(api: Arc<Api>, form: Form, then: Then) {
    let Prepared { response, otherwise, until_shown } = match then {
        Then::Later(later) => later.prepared().await,
        Then::Now(response) => {
            if let Err(error) = show(&api, &form, &response).await {
                tracing::warn!(%error, "what answers an input could not be shown");
            }
            return;
        }
    };
    let shown = show(&api, &form, &response).await;
    drop(until_shown);
    let draws_again = matches!(response, Response::Replace(_) | Response::Back { .. });
    match shown {
        Ok(()) => {}
        // Closed meanwhile.
        Err(ChatError::NotFound(_)) if draws_again => {}
        // Whatever is pressed next draws it.
        Err(error @ (ChatError::RateLimited(_) | ChatError::Unavailable(_) | ChatError::Ambiguous(_)))
            if draws_again =>
        {
            tracing::warn!(%error, "a dialog could not be drawn again");
        }
        Err(error) => {
            tracing::error!(%error, "a dialog could not be shown");
            tell(&api, &form.reply, &otherwise).await;
        }
    }
}

async fn show(api: &Api, form: &Form, response: &Response) -> Result<(), ChatError> {
    let trigger = || {
        let trigger = form.source.trigger.as_deref();
        trigger.ok_or_else(|| ChatError::NotFound("Slack opens dialogs for clicks only".to_owned()))
    };
    let view = || {
        let view = form.view.as_ref();
        view.ok_or_else(|| ChatError::NotFound("there is no dialog in whose place it could come".to_owned()))
    };
    match response {
        Response::Nothing => Ok(()),
        Response::Reply(card) => {
            tell(api, &form.reply, card).await;
            Ok(())
        }
        Response::Open(modal) => Class::Action.run(api.open_modal(trigger()?, modal)).await,
        Response::Push(modal) => Class::Action.run(api.push_modal(trigger()?, modal)).await,
        Response::Replace(modal) => Class::Action.run(api.update_modal(view()?, modal)).await,
        Response::Back { below, modal } => Class::Action.run(api.update_modal(below, modal)).await,
    }
}

/// Sends a reply that one person sees, as far as that works now.
pub(super) async fn tell(api: &Api, to: &ReplyTo, card: &Card) {
    if let Err(error) = Class::FreshLook.run(api.send_ephemeral(to, card)).await {
        tracing::warn!(user = to.user, %error, "a reply could not be delivered");
    }
}

/// What is seen for a moment in place of a modal that doesn't fit into an acknowledgement.
fn stand_in(modal: &Modal) -> Modal {
    let wait = Block::Section(Text::plain("One moment…"));
    Modal { blocks: vec![wait], submit: None, ..modal.clone() }
}

/// Maps our names to the blocks of the form: a group of checkboxes shows its error at its first part.
fn form_errors(errors: Vec<(String, Text)>, block_ids: &[String], terms: &ChatTerms) -> Option<Value> {
    let mut by_block = HashMap::new();
    for (name, sentence) in errors {
        let part = render::first_part(&name);
        let block = [name, part].into_iter().find(|id| block_ids.contains(id));
        // An error about a block that isn't there would be dropped by Slack, and the form would close.
        if let Some(block) = block.or_else(|| block_ids.first().cloned()) {
            by_block.entry(block).or_insert(sentence.in_terms(terms).to_plain());
        }
    }
    if by_block.is_empty() {
        return None;
    }
    let response =
        SlackViewSubmissionResponse::Errors(SlackViewSubmissionErrorsResponse { errors: by_block });
    serde_json::to_value(response).ok()
}

fn bare(id: &str) -> String {
    json!({ "envelope_id": id }).to_string()
}

fn with_payload(id: &str, payload: &Value) -> String {
    json!({ "envelope_id": id, "payload": payload }).to_string()
}
