//! What people send, and how it is answered at once.

use chrono::{DateTime, Utc};

use super::{MessageRef, Modal};

/// Where a reply that only one person sees goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplyTo {
    /// The person.
    pub user: String,
    /// The channel that they are looking at, if any.
    pub channel: Option<String>,
    /// The platform's one-off address for replies to this input, if it gave one. A secret: never logged.
    pub handle: Option<ReplyHandle>,
}

impl PartialEq for ReplyHandle {
    fn eq(&self, other: &Self) -> bool {
        use secrecy::ExposeSecret;
        self.0.expose_secret() == other.0.expose_secret()
    }
}

impl Eq for ReplyHandle {}

/// The platform's one-off address for replies. A secret: its Debug hides it.
#[derive(Clone, Debug)]
pub struct ReplyHandle(pub secrecy::SecretString);

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
    /// What it is.
    pub what: What,
}

/// The kinds of input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// A button of a message was pressed, or a menu item chosen.
    Click {
        /// The message.
        message: MessageRef,
        /// The button's action.
        action: String,
        /// The button's value.
        value: String,
        /// Lets a modal be opened within 3 s of the click.
        trigger: String,
    },
    /// A button of a modal was pressed, a menu item chosen, or an input changed that acts at once.
    ModalClick {
        /// The open modal.
        view: ViewRef,
        /// The modal as it was sent.
        kind: String,
        /// The modal's value.
        modal_value: String,
        /// The button's action.
        action: String,
        /// The button's value.
        value: String,
        /// What was typed and ticked so far.
        state: FormState,
        /// Lets another modal be pushed on top within 3 s of the click.
        trigger: String,
        /// When the person did it, by the platform's clock: of two clicks the later one has the greater stamp.
        stamp: String,
    },
    /// A button of the home tab was pressed, or a menu item chosen.
    HomeClick {
        /// The action.
        action: String,
        /// The value.
        value: String,
        /// Lets a modal be opened within 3 s of the click.
        trigger: String,
    },
    /// A modal was submitted.
    Submission {
        /// The modal.
        view: ViewRef,
        /// The modal's kind.
        kind: String,
        /// The modal's value.
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
    /// Guards an update against a race.
    pub hash: Option<String>,
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
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ack {
    /// Received and, where it is a decision, committed.
    Done,
    /// A submission was refused: one sentence per input name; nothing typed is lost.
    FormErrors(Vec<(String, String)>),
    /// A submission is answered with another modal in place of this one.
    ReplaceModal(Modal),
}
