//! What people send, and how it is answered at once.

use std::fmt;

use chrono::{DateTime, Utc};
use futures_util::future::BoxFuture;
use secrecy::{ExposeSecret as _, SecretString};

use super::card::{Card, Modal};
use super::message::MessageRef;
use super::text::Text;

/// Where a reply that only one person sees goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplyTo {
    /// The person.
    pub user: String,
    /// The channel that they are looking at, if any.
    pub channel: Option<String>,
    /// Where the platform itself takes replies to this input, if it said so.
    pub handle: Option<ReplyHandle>,
}

/// Where a platform takes replies to one input. Only its adapter can read it. It is a secret: its Debug hides it.
#[derive(Clone, Debug)]
pub struct ReplyHandle(SecretString);

impl ReplyHandle {
    /// Wraps what the adapter needs for a reply.
    pub fn new(reply_at: impl Into<SecretString>) -> ReplyHandle {
        ReplyHandle(reply_at.into())
    }

    /// Returns what the adapter wrapped.
    pub(super) fn reveal(&self) -> &str {
        self.0.expose_secret()
    }
}

impl PartialEq for ReplyHandle {
    fn eq(&self, other: &Self) -> bool {
        self.reveal() == other.reveal()
    }
}

impl Eq for ReplyHandle {}

/// Something that a person sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inbound {
    /// The same for a repeated delivery of the same input, different for two inputs.
    pub key: String,
    /// When the frame arrived here.
    pub received_at: DateTime<Utc>,
    /// Who sent it, as the platform says.
    pub user: String,
    /// Where a reply goes.
    pub reply: ReplyTo,
    pub what: What,
}

/// The kinds of input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// A button of a message was pressed, or a menu item chosen.
    Click {
        message: MessageRef,
        /// The button's action.
        action: String,
        /// The button's value.
        value: String,
    },
    /// A button of a modal was pressed, a menu item chosen, or an input changed that acts at once.
    ModalClick {
        /// The open modal.
        view: ViewRef,
        /// The modal as it was sent.
        kind: String,
        modal_value: String,
        /// The button's action.
        action: String,
        /// The button's value.
        value: String,
        /// What was typed and ticked so far.
        state: FormState,
        /// When the person did it, by the platform's clock: of two clicks the later one has the greater stamp.
        stamp: String,
    },
    /// A button of the home tab was pressed, or a menu item chosen.
    HomeClick { action: String, value: String },
    /// A modal was submitted.
    Submission {
        /// The modal.
        view: ViewRef,
        /// The modal's kind.
        kind: String,
        modal_value: String,
        /// What was typed and ticked.
        state: FormState,
    },
    /// The slash command.
    Command {
        /// The text after the command's name.
        text: String,
        /// The channel it was typed in.
        channel: String,
    },
    /// A person opened the bot's home tab.
    HomeOpened,
    /// Somebody, the bot perhaps, has joined a channel that the bot is in.
    Joined {
        /// The channel that was joined.
        channel: String,
    },
}

/// An open modal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ViewRef {
    /// The view's id.
    pub id: String,
}

/// What a modal's inputs hold, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FormState {
    /// Ticked choices per group; a group on the page without ticks has an empty list.
    pub ticked: std::collections::BTreeMap<String, Vec<String>>,
    /// Typed text per input; of a select the chosen value, of a date the day as `YYYY-MM-DD`, empty if there is none.
    pub typed: std::collections::BTreeMap<String, String>,
}

/// The immediate answer to an input; sending it is the acknowledgement.
#[derive(Debug)]
pub enum Ack {
    /// Received and, where it is a decision, committed.
    Done,
    /// A submission was refused: one sentence per input name; nothing typed is lost.
    FormErrors(Vec<(String, Text)>),
    /// Received, and the person gets this.
    Respond(Response),
    /// Received. What the person gets takes look-ups that carry no decision, so an adapter may acknowledge first.
    Later(Later),
}

/// What a person gets for an input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Response {
    /// Nothing that they don't see anyway.
    Nothing,
    /// A reply that only they see.
    Reply(Card),
    /// A dialog.
    Open(Modal),
    /// A dialog on top of the one that the input came from; at most three lie on each other.
    Push(Modal),
    /// A dialog in place of the one that the input came from.
    Replace(Modal),
    /// The submitted dialog closes, and the one below it shows this.
    Back {
        /// The dialog below.
        below: ViewRef,
        /// What it shows.
        modal: Modal,
    },
}

impl Response {
    /// The same with another dialog, if it shows one.
    #[must_use]
    pub fn map_modal(self, f: impl FnOnce(Modal) -> Modal) -> Response {
        match self {
            Response::Open(modal) => Response::Open(f(modal)),
            Response::Push(modal) => Response::Push(f(modal)),
            Response::Replace(modal) => Response::Replace(f(modal)),
            Response::Back { below, modal } => Response::Back { below, modal: f(modal) },
            other @ (Response::Nothing | Response::Reply(_)) => other,
        }
    }
}

/// A response that is being prepared.
pub struct Later(BoxFuture<'static, Prepared>);

/// A response that is ready to be shown.
pub struct Prepared {
    /// What the person gets.
    pub response: Response,
    /// The reply if that can't be shown.
    pub otherwise: Card,
    /// Dropped by the adapter once the response is shown or can't be: others may wait for that.
    pub until_shown: Option<Box<dyn Send>>,
}

impl Later {
    /// Makes a response of what prepares it.
    pub fn new(work: impl Future<Output = Prepared> + Send + 'static) -> Later {
        Later(Box::pin(work))
    }

    /// Prepares the response.
    pub async fn prepared(self) -> Prepared {
        self.0.await
    }
}

impl fmt::Debug for Later {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Later")
    }
}
