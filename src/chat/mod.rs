//! The port to a chat system: neutral cards and modals, message references, people, and what they send us.
//!
//! Text comes in two kinds, and the types keep them apart. [`Text`] is ours: a list of spans in which everything that
//! came from a directory or a person is a [`Span::Quoted`] or a [`Span::Name`], which an adapter renders so that it can't ping, link or
//! format anything. An adapter never sees half-escaped strings.

pub mod slack;

mod card;
mod input;
mod limits;
mod message;
mod terms;
mod text;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

pub use card::{
    Block, Button, Card, Choice, Confirm, FileRef, Home, Menu, MenuItem, Modal, ShareIn, Tone, Upload,
};
pub use input::{Ack, FormState, Inbound, Later, Prepared, ReplyHandle, ReplyTo, Response, ViewRef, What};
pub use limits::{AnswerTime, Room};
pub use message::{Mark, Marked, MessageRef};
pub use terms::{ChatTerms, ChatWord};
pub use text::{Span, Text, date_in_words, time_in_words};

/// A person as the chat system vouches for them at this moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChatUser {
    /// The user id.
    pub id: String,
    /// The id that the person has in the whole organisation, where there is one: someone may have another id in each of
    /// its workspaces.
    pub person_id: Option<String>,
    /// The display name. Untrusted text.
    pub name: String,
    /// The e-mail address.
    pub email: Option<String>,
    /// Why this person can never decide anything here: a guest, a bot, deactivated, of another company.
    pub outsider: Option<String>,
    /// Whether it is somebody who can be talked to: guests and people of other companies too, bots and deactivated
    /// accounts not.
    pub is_person: bool,
}

impl ChatUser {
    /// The ids that the chat system named for the person.
    pub fn ids(&self) -> impl Iterator<Item = &String> {
        std::iter::once(&self.id).chain(&self.person_id)
    }

    /// Whether `id` is one of them.
    pub fn has_id(&self, id: &str) -> bool {
        self.ids().any(|mine| mine == id)
    }
}

/// Why the chat system could not do what was asked. The texts hold no secrets.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChatError {
    /// Asked to slow down.
    #[error("the rate limit is used up for {0:?}")]
    RateLimited(std::time::Duration),
    /// A passing fault before the call can have taken effect, or a read that failed.
    #[error("not reached: {0}")]
    Unavailable(String),
    /// The call may or may not have taken effect.
    #[error("the answer was lost: {0}")]
    Ambiguous(String),
    /// The message, view or person is not there (any more).
    #[error("not found: {0}")]
    NotFound(String),
    /// The channel can't be posted to; the text says why and how to fix it.
    #[error("the channel can't be used: {0}")]
    Channel(String),
    /// The content was refused; a simpler message may pass.
    #[error("the message was refused: {0}")]
    Content(String),
    /// The credential is wrong, revoked or lacks a right; the text says which and how to fix it.
    #[error("access denied: {0}")]
    Denied(String),
}

impl ChatError {
    /// Whether it may pass by the next try: nobody has to do anything about it.
    pub fn may_pass(&self) -> bool {
        match self {
            ChatError::RateLimited(_) | ChatError::Unavailable(_) | ChatError::Ambiguous(_) => true,
            ChatError::NotFound(_) | ChatError::Channel(_) | ChatError::Content(_) | ChatError::Denied(_) => {
                false
            }
        }
    }
}

/// A chat system.
#[async_trait]
pub trait Chat: Send + Sync {
    /// Returns what the system calls things.
    fn terms(&self) -> &ChatTerms;

    /// Returns how much fits on one screen of it.
    fn room(&self) -> Room;

    /// Returns how long it waits for an answer.
    fn answer_time(&self) -> AnswerTime;

    /// Posts a card, marked so that [`Chat::find`] can find it again. In `thread` if given.
    async fn post(
        &self,
        channel: &str,
        thread: Option<&MessageRef>,
        mark: &Mark,
        card: &Card,
    ) -> Result<MessageRef, ChatError>;

    /// Looks for a message of ours that `mark` matches, posted at or after `since`.
    async fn find(
        &self,
        channel: &str,
        thread: Option<&MessageRef>,
        mark: &Mark,
        since: DateTime<Utc>,
    ) -> Result<Option<MessageRef>, ChatError>;

    /// Replaces a posted card and its mark.
    async fn update(&self, message: &MessageRef, mark: &Mark, card: &Card) -> Result<(), ChatError>;

    /// Returns our marked messages of a channel, newest first, threads left out: those of the newest page of its
    /// history, and of further ones until there is one and all since `since` were read, up to a bound.
    async fn marks(&self, channel: &str, since: Option<DateTime<Utc>>) -> Result<Vec<Marked>, ChatError>;

    /// Tells one person something that nobody else sees. Best effort: never the only record of anything.
    async fn send_ephemeral(&self, to: &ReplyTo, card: &Card) -> Result<(), ChatError>;

    /// Replaces the answer whose button was pressed, no matter who sees it, such as to turn its page. Best effort.
    async fn revise(&self, to: &ReplyTo, card: &Card) -> Result<(), ChatError>;

    /// The id of the channel for direct messages with a person. Opening it twice is opening it once.
    async fn open_direct(&self, user: &str) -> Result<String, ChatError>;

    /// Uploads a file, and shows it where `share` says; it may take some seconds to appear there. Without `share` nobody
    /// sees it until a [`Block::Image`] does.
    ///
    /// A picture may not be ready for that at once: then the message, modal or page that shows it is refused as
    /// [`ChatError::Content`]. The caller tries the same again after a second or two, a few times, and then goes on
    /// without the picture; it doesn't upload again.
    ///
    /// # Errors
    /// [`ChatError::Content`] for an empty file, one above 100 MB, or a workspace that takes no such files.
    /// [`ChatError::Ambiguous`] if the file may have been shared: it is not to be uploaded again blindly. After any other
    /// error nobody saw anything.
    async fn upload(&self, file: &Upload, share: Option<&ShareIn>) -> Result<FileRef, ChatError>;

    /// Replaces the person's page of the bot.
    async fn publish_home(&self, user: &str, home: &Home) -> Result<(), ChatError>;

    /// Who has this e-mail address, now; `None` if nobody does.
    async fn find_user(&self, email: &str) -> Result<Option<ChatUser>, ChatError>;

    /// Who this is, now.
    async fn user(&self, id: &str) -> Result<ChatUser, ChatError>;

    /// The ids of a user group's members, now.
    async fn group_members(&self, group: &str) -> Result<Vec<String>, ChatError>;

    /// The ids of a channel's members, now.
    async fn channel_members(&self, channel: &str) -> Result<Vec<String>, ChatError>;

    /// Returns how many connections the platform has counted for some time that are not ours. They get some of what
    /// people send.
    fn other_connections(&self) -> u64;
}

/// What handles inputs. The transport calls it concurrently and sends the returned [`Ack`] when it is done. A dialog is
/// part of that answer: no chat system has to be able to open one of its own accord.
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
