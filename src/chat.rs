//! The port to a chat system: neutral cards and modals, message references, people, and what they send us.
//!
//! Text comes in two kinds, and the types keep them apart. [`Text`] is ours: a list of spans in which everything that
//! came from a directory or a person is a [`Span::Quoted`] or a [`Span::Name`], which an adapter renders so that it can't ping, link or
//! format anything. An adapter never sees half-escaped strings.

use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, Utc};

/// A piece of a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Span {
    /// Our own words, plain.
    Plain(String),
    /// Our own words, emphasised.
    Bold(String),
    /// A value to be shown literally, such as a command to type.
    Code(String),
    /// Somebody else's text: directory data, a person's reason. Never interpreted.
    Quoted(String),
    /// The name of the person or account that a line is about: somebody else's text too, emphasised where that is safe.
    Name(String),
    /// A person of the chat system, shown as a mention.
    Mention {
        /// The user id.
        id: String,
        /// The name, for places that can't mention. Untrusted text.
        name: String,
    },
    /// A moment, shown in the reader's own time zone.
    Time(DateTime<Utc>),
    /// A day, shown in the reader's own time zone.
    Date(DateTime<Utc>),
    /// A link to one of the bot's own messages, with our words as its label.
    MessageLink {
        /// The message.
        message: MessageRef,
        /// The label.
        label: String,
    },
}

/// A sentence or more: spans in order. A line feed in a [`Span::Plain`] breaks the line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text(pub Vec<Span>);

impl Text {
    /// Plain words of ours.
    pub fn plain(words: impl Into<String>) -> Text {
        Text(vec![Span::Plain(words.into())])
    }

    /// Appends a span. Plain words that follow plain words become one span.
    #[must_use]
    pub fn with(mut self, span: Span) -> Text {
        match (self.0.last_mut(), span) {
            (Some(Span::Plain(before)), Span::Plain(words)) => before.push_str(&words),
            (_, span) => self.0.push(span),
        }
        self
    }

    /// Appends plain words of ours.
    #[must_use]
    pub fn then(self, words: impl Into<String>) -> Text {
        self.with(Span::Plain(words.into()))
    }

    /// Appends somebody else's text.
    #[must_use]
    pub fn quoted(self, words: impl Into<String>) -> Text {
        self.with(Span::Quoted(words.into()))
    }

    /// The words without any markup, for places that take none: a terminal, a form's error.
    pub fn to_plain(&self) -> String {
        let words = self.0.iter().map(|span| match span {
            Span::Plain(words)
            | Span::Bold(words)
            | Span::Code(words)
            | Span::Quoted(words)
            | Span::Name(words) => words.clone(),
            Span::Mention { id, name } if name.is_empty() => id.clone(),
            Span::Mention { name, .. } => name.clone(),
            Span::Time(at) => at.format("%Y-%m-%d %H:%M UTC").to_string(),
            Span::Date(at) => at.format("%Y-%m-%d").to_string(),
            Span::MessageLink { label, .. } => label.clone(),
        });
        words.collect()
    }

    /// Appends another text.
    #[must_use]
    pub fn and(self, other: Text) -> Text {
        other.0.into_iter().fold(self, Text::with)
    }
}

/// How a button looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// Ordinary.
    Neutral,
    /// The main thing to do.
    Primary,
    /// Takes access away.
    Danger,
}

/// A question before a button's click is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Confirm {
    /// At most 100 characters.
    pub title: String,
    /// At most 300 characters, plain.
    pub text: String,
    /// The label that goes on, at most 30 characters.
    pub yes: String,
    /// The label that goes back, at most 30 characters.
    pub no: String,
}

/// A button.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Button {
    /// What it does: a stable word, unique in its card.
    pub action: String,
    /// An opaque value that comes back with the click; looked up, never trusted.
    pub value: String,
    /// The label, at most 75 characters, plain.
    pub label: String,
    /// How it looks.
    pub tone: Tone,
    /// A question first, if it can't be taken back.
    pub confirm: Option<Confirm>,
}

/// A small menu at the side of a paragraph.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Menu {
    /// What it does: a stable word. A chosen item arrives as a click of this action with the item's value.
    pub action: String,
    /// The items, 1 to 5.
    pub items: Vec<MenuItem>,
    /// What it is about, for screen readers where the platform takes such a label.
    pub about: String,
    /// A question before an item takes effect.
    pub confirm: Option<Confirm>,
}

/// One item of a menu.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MenuItem {
    /// An opaque value, at most 150 characters; looked up, never trusted.
    pub value: String,
    /// The label, at most 75 characters, plain.
    pub label: String,
    /// Where it leads, if it is a link; https only.
    pub url: Option<String>,
}

/// One choice of a group of checkboxes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// An opaque value.
    pub value: String,
    /// The label, plain; may hold somebody else's text.
    pub label: String,
    /// A second line, plain.
    pub description: Option<String>,
    /// Whether it is ticked at first.
    pub ticked: bool,
}

/// A part of a card or modal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Block {
    /// A title, plain.
    Header(String),
    /// A paragraph.
    Section(Text),
    /// A paragraph with a menu at its side.
    Row {
        /// The paragraph.
        text: Text,
        /// The menu.
        menu: Menu,
    },
    /// Small print.
    Context(Text),
    /// A line across.
    Divider,
    /// A row of buttons.
    Buttons(Vec<Button>),
    /// Checkboxes, any number; an adapter splits them as its platform needs. The state comes back under `name`.
    Checkboxes {
        /// Names the group in the submitted state.
        name: String,
        /// The question.
        label: String,
        /// The choices.
        choices: Vec<Choice>,
        /// Whether each change arrives at once, as a click of the modal whose action is the name.
        instant: bool,
    },
    /// One of several, as a list that drops down. The chosen value comes back as typed under `name`.
    Select {
        /// Names the input in the submitted state.
        name: String,
        /// The question.
        label: String,
        /// Values and labels, at most 100.
        options: Vec<(String, String)>,
        /// The value that is chosen at first.
        chosen: Option<String>,
        /// Whether each change arrives at once, as a click of the modal whose action is the name.
        instant: bool,
    },
    /// A day. It comes back as typed under `name`, as YYYY-MM-DD.
    DateInput {
        /// Names the input in the submitted state.
        name: String,
        /// The question.
        label: String,
        /// A hint below.
        hint: Option<String>,
        /// The day that it starts with.
        initial: Option<NaiveDate>,
        /// Whether it may be left empty.
        optional: bool,
    },
    /// A line or more of text to type. The state comes back under `name`.
    TextInput {
        /// Names the input in the submitted state.
        name: String,
        /// The question.
        label: String,
        /// A hint below.
        hint: Option<String>,
        /// Whether it may be left empty.
        optional: bool,
        /// The most characters that are accepted.
        max_chars: u32,
        /// What it starts with.
        initial: Option<String>,
        /// Whether it has several lines.
        multiline: bool,
        /// Whether Enter sends it at once, as a click of the modal whose action is the name.
        instant: bool,
    },
}

/// A message: blocks, and a sentence that stands for all of it in notifications and for screen readers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Card {
    /// A full sentence.
    pub summary: Text,
    /// The blocks, possibly none.
    pub blocks: Vec<Block>,
}

/// A dialog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Modal {
    /// What it is for: a stable word that comes back on submission.
    pub kind: String,
    /// An opaque value that comes back, at most 2000 characters; looked up, never trusted.
    pub value: String,
    /// At most 24 characters.
    pub title: String,
    /// The submit button's label, at most 24 characters.
    pub submit: Option<String>,
    /// The blocks.
    pub blocks: Vec<Block>,
}

/// Where a message stands; given out by [`Chat::post`], kept by the workflow.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct MessageRef {
    /// The channel's id.
    pub channel: String,
    /// The message's id within the channel.
    pub id: String,
}

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

/// A person as the chat system vouches for them at this moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChatUser {
    /// The user id.
    pub id: String,
    /// The display name. Untrusted text.
    pub name: String,
    /// The e-mail address.
    pub email: Option<String>,
    /// Why this person can never decide anything here: a guest, a bot, deactivated, of another company.
    pub outsider: Option<String>,
}

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
    /// A button of a message was pressed.
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
    /// A button of a modal was pressed.
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
        /// Lets another modal be put on top within 3 s of the click.
        trigger: String,
        /// When the person did it, by the platform's clock: of two clicks the later one has the greater stamp.
        stamp: String,
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
    /// Typed text, chosen value or day (YYYY-MM-DD) per input.
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

/// Why the chat system could not do what was asked. The texts hold no secrets.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChatError {
    /// Asked to slow down.
    #[error("the chat system asks to wait {0:?}")]
    RateLimited(std::time::Duration),
    /// A passing fault before the call can have taken effect, or a read that failed.
    #[error("the chat system can't be reached: {0}")]
    Unavailable(String),
    /// The call may or may not have taken effect.
    #[error("the chat system's answer was lost: {0}")]
    Ambiguous(String),
    /// The message, view or person is not there (any more).
    #[error("not found: {0}")]
    NotFound(String),
    /// The channel can't be posted to; the text says why and how to mend it.
    #[error("the channel can't be used: {0}")]
    Channel(String),
    /// The content was refused; a simpler message may pass.
    #[error("the message was refused: {0}")]
    Content(String),
    /// The credential is wrong, revoked or lacks a right; the text says which and how to mend it.
    #[error("access denied: {0}")]
    Denied(String),
}

/// A chat system.
#[async_trait]
pub trait Chat: Send + Sync {
    /// Posts a card, marked with `key` so that [`Chat::find`] can find it again. In `thread` if given.
    async fn post(
        &self,
        channel: &str,
        thread: Option<&MessageRef>,
        key: &str,
        card: &Card,
    ) -> Result<MessageRef, ChatError>;

    /// Looks for a message of ours with this mark, posted at or after `since`.
    async fn find(
        &self,
        channel: &str,
        thread: Option<&MessageRef>,
        key: &str,
        since: DateTime<Utc>,
    ) -> Result<Option<MessageRef>, ChatError>;

    /// Replaces a posted card.
    async fn update(&self, message: &MessageRef, card: &Card) -> Result<(), ChatError>;

    /// Tells one person something that nobody else sees. Best effort: never the only record of anything.
    async fn whisper(&self, to: &ReplyTo, card: &Card) -> Result<(), ChatError>;

    /// Replaces the answer whose button was pressed, whoever sees it, such as to turn its page. Best effort.
    async fn revise(&self, to: &ReplyTo, card: &Card) -> Result<(), ChatError>;

    /// Opens a modal for the person whose click carried `trigger`.
    async fn open_modal(&self, trigger: &str, modal: &Modal) -> Result<(), ChatError>;

    /// Opens a modal on top of the one that the person clicked in.
    async fn push_modal(&self, trigger: &str, modal: &Modal) -> Result<(), ChatError>;

    /// Replaces an open modal.
    async fn update_modal(&self, view: &ViewRef, modal: &Modal) -> Result<(), ChatError>;

    /// Who this is, now.
    async fn user(&self, id: &str) -> Result<ChatUser, ChatError>;

    /// The ids of a user group's members, now.
    async fn group_members(&self, group: &str) -> Result<Vec<String>, ChatError>;

    /// The ids of a channel's members, now.
    async fn channel_members(&self, channel: &str) -> Result<Vec<String>, ChatError>;
}

/// What handles inputs. The transport calls it concurrently and sends the returned [`Ack`] when it is done.
#[async_trait]
pub trait Handler: Send + Sync {
    /// Handles one input. Returning is acknowledging, so a decision is committed before this returns.
    async fn handle(&self, inbound: Inbound) -> Ack;
}

/// The state of the connection, for health and for `status`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Connection {
    /// Not connected yet, or trying to come back.
    Connecting,
    /// Connected: the platform said hello and answers pings.
    Connected,
    /// Closed for good.
    Closed,
}
