//! What is said: sentences as spans.

use chrono::{DateTime, Utc};

use super::message::MessageRef;
use super::terms::{ChatTerms, ChatWord};

/// A piece of a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Span {
    /// Our own words, plain.
    Plain(String),
    /// Our own words, emphasised.
    Bold(String),
    /// A value to be shown literally.
    Code(String),
    /// A command to type: its words without what a command begins with, which each chat system has its own way for. No
    /// words stand for the command as such.
    Command(String),
    /// What the chat system has a word of its own for.
    Chat(ChatWord),
    /// Somebody else's text: directory data, a person's reason. Never interpreted.
    Quoted(String),
    /// The name of the person or account that a line is about: somebody else's text too, emphasised where that is safe.
    Name(String),
    /// A login, an address or an id of the directory: somebody else's text too, shown so that what is copied from it is
    /// the same, character by character.
    Login {
        /// The identifier.
        login: String,
        /// Whether it stands for the name of what a line is about.
        is_name: bool,
    },
    /// A person of the chat system, shown as a mention.
    Mention {
        /// The user id.
        id: String,
        /// The name, for places that can't mention. Untrusted text.
        name: String,
    },
    /// A user group of the chat system, shown as a mention: it notifies its members.
    Group(String),
    /// A moment, shown in the reader's own time zone.
    Time(DateTime<Utc>),
    /// A day, shown in the reader's own time zone.
    Date(DateTime<Utc>),
    /// A link to one of the bot's own messages, with our words as its label.
    MessageLink { message: MessageRef, label: String },
}

impl Span {
    /// Returns what is shown for a word of the chat system's own.
    pub fn of_word(word: ChatWord, terms: &ChatTerms) -> Span {
        match word {
            ChatWord::Name => Span::Plain(terms.name.to_owned()),
            ChatWord::AddressRight => Span::Code(terms.address_right.to_owned()),
        }
    }
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

    /// Appends a command to type.
    #[must_use]
    pub fn command(self, words: impl Into<String>) -> Text {
        self.with(Span::Command(words.into()))
    }

    /// Appends the chat system's name.
    #[must_use]
    pub fn chat_name(self) -> Text {
        self.with(Span::Chat(ChatWord::Name))
    }

    /// Appends somebody else's text.
    #[must_use]
    pub fn quoted(self, words: impl Into<String>) -> Text {
        self.with(Span::Quoted(words.into()))
    }

    /// Appends somebody else's text as the end of a sentence: with a full stop, unless it has one.
    #[must_use]
    pub fn sentence(self, words: impl Into<String>) -> Text {
        let words = words.into();
        let ends = words.trim_end().ends_with(['.', '!', '?', '…']);
        let text = self.quoted(words);
        if ends { text } else { text.then(".") }
    }

    /// Appends an identifier of the directory.
    #[must_use]
    pub fn login(self, login: impl Into<String>) -> Text {
        self.with(Span::Login { login: login.into(), is_name: false })
    }

    /// Appends the identifier that a line is about.
    #[must_use]
    pub fn login_as_name(self, login: impl Into<String>) -> Text {
        self.with(Span::Login { login: login.into(), is_name: true })
    }

    /// Returns the same in the chat system's own words.
    #[must_use]
    pub fn in_terms(&self, terms: &ChatTerms) -> Text {
        let own = self.0.iter().map(|span| match span {
            Span::Command(words) => Span::Code(terms.command(words)),
            Span::Chat(word) => Span::of_word(*word, terms),
            other => other.clone(),
        });
        own.fold(Text::default(), Text::with)
    }

    /// The words without any markup, for places that take none: a terminal, a form's error.
    pub fn to_plain(&self) -> String {
        let words = self.0.iter().map(|span| match span {
            Span::Plain(words)
            | Span::Bold(words)
            | Span::Code(words)
            | Span::Command(words)
            | Span::Quoted(words)
            | Span::Name(words)
            | Span::Login { login: words, .. } => words.clone(),
            Span::Chat(ChatWord::Name) => "the chat".to_owned(),
            Span::Chat(ChatWord::AddressRight) => "people's e-mail addresses".to_owned(),
            Span::Mention { id, name } if name.is_empty() => id.clone(),
            Span::Mention { name, .. } => name.clone(),
            Span::Group(id) => id.clone(),
            Span::Time(at) => time_in_words(*at),
            Span::Date(at) => date_in_words(*at),
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

/// Returns a moment as people read it where it can't be shown in their own zone: "20 Oct 2026, 16:05 UTC".
pub fn time_in_words(at: DateTime<Utc>) -> String {
    at.format("%-d %b %Y, %H:%M UTC").to_string()
}

/// Returns a day as people read it: "20 Oct 2026".
pub fn date_in_words(at: DateTime<Utc>) -> String {
    at.format("%-d %b %Y").to_string()
}
