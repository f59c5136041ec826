//! The reader of frames and the renderer of cards, each by itself, for tests that feed them with anything. The bot
//! itself uses nothing of this, and there is no promise about it.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use url::Url;

use crate::chat::{Card, Home, Inbound, Modal, ReplyTo, Text};

use super::inbound::{self, Envelope};
use super::render;
use super::text::Workspace;

/// What a frame turned out to be.
#[derive(Debug, PartialEq, Eq)]
pub enum Frame {
    /// Something for the handler, and the block ids of the form that it came from.
    Input(Box<Inbound>, Vec<String>),
    /// Well-formed and none of our business.
    Nothing,
    /// Could not be read; who is notified of it.
    Unreadable(Option<ReplyTo>),
}

/// Reads a frame that arrived at `received_at`. `command` is the slash command that is ours.
pub fn frame(text: &str, command: &str, received_at: DateTime<Utc>) -> Frame {
    let Ok(envelope) = serde_json::from_str::<Envelope>(text) else { return Frame::Unreadable(None) };
    match inbound::read(&envelope, command, received_at) {
        inbound::Read::Input(inbound, source) => Frame::Input(inbound, source.block_ids),
        inbound::Read::Nothing => Frame::Nothing,
        inbound::Read::Unreadable => Frame::Unreadable(inbound::sender(&envelope)),
    }
}

fn workspace(team_url: &Url) -> Workspace {
    Workspace::new(team_url.clone(), "/bot".to_owned())
}

/// A card as Slack takes it: `text` and `blocks`.
pub fn message(card: &Card, team_url: &Url) -> Value {
    let message = render::message(card, &workspace(team_url));
    json!({ "text": message.text, "blocks": message.blocks })
}

/// A modal as Slack takes it.
pub fn view(modal: &Modal, team_url: &Url) -> Value {
    json!(render::view(modal, &workspace(team_url)))
}

/// A home tab as Slack takes it.
pub fn home(home: &Home, team_url: &Url) -> Value {
    json!(render::home(home, &workspace(team_url)))
}

/// A comment that goes with a file, as Slack takes it.
pub fn comment(text: &Text, team_url: &Url) -> String {
    render::comment(text, &workspace(team_url))
}
