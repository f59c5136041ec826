//! What is shown: texts, cards, modals, home tabs and files.

use chrono::{DateTime, NaiveDate, Utc};

use super::MessageRef;
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
            Span::Chat(word) => terms.word(*word),
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
    /// An https address that opens as well.
    pub url: Option<String>,
    /// What a screen reader says instead of the label, at most 75 characters: which of several alike it is.
    pub about: Option<String>,
    /// Whether a press opens a dialog. Some chat systems have to know when they draw it.
    pub opens: bool,
}

impl Button {
    /// An ordinary button.
    pub fn new(action: impl Into<String>, value: impl Into<String>, label: impl Into<String>) -> Button {
        Button {
            action: action.into(),
            value: value.into(),
            label: label.into(),
            tone: Tone::Neutral,
            confirm: None,
            url: None,
            about: None,
            opens: false,
        }
    }
}

/// The rare things to do about one line: a menu at its side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Menu {
    /// What comes back as the action of a chosen item.
    pub action: String,
    /// One to five.
    pub items: Vec<MenuItem>,
    /// A question before any of them.
    pub confirm: Option<Confirm>,
}

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MenuItem {
    /// An opaque value that comes back, at most 150 characters, unique in its menu; looked up, never trusted.
    pub value: String,
    /// The label, at most 75 characters, plain.
    pub label: String,
    /// An https address that opens. The choice is sent all the same.
    pub url: Option<String>,
    /// Whether choosing it opens a dialog. Some chat systems have to know when they draw it.
    pub opens: bool,
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
    /// Small print.
    Context(Text),
    /// Lines as they are, in letters of one width.
    Preformatted(String),
    /// A paragraph with a menu at its side.
    Row {
        /// The paragraph.
        text: Text,
        /// The menu.
        menu: Menu,
    },
    /// A picture that was uploaded before.
    Image {
        /// The picture.
        file: FileRef,
        /// What it shows, for who can't see it; at most 2000 characters.
        alt: String,
    },
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
        /// Whether each change arrives as a [`super::What::ModalClick`] with `name` as its action.
        instant: bool,
    },
    /// One of several. The chosen value comes back under `name` with what was typed.
    Select {
        /// Names the input in the submitted state.
        name: String,
        /// The question.
        label: String,
        /// Values with their labels, at most 100; a value has at most 150 characters, a label 75.
        options: Vec<(String, String)>,
        /// The value that is chosen at first.
        chosen: Option<String>,
        /// Whether each change arrives as a [`super::What::ModalClick`] with `name` as its action.
        instant: bool,
    },
    /// A day. It comes back under `name` with what was typed, as `YYYY-MM-DD`.
    DateInput {
        /// Names the input in the submitted state.
        name: String,
        /// The question.
        label: String,
        /// A hint below.
        hint: Option<String>,
        /// The day that is chosen at first.
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
        /// What stands in it at first.
        initial: Option<String>,
        /// Whether it takes several lines.
        multiline: bool,
        /// Whether Enter sends it as a [`super::What::ModalClick`] with `name` as its action.
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

impl Block {
    /// Whether it shows a picture that was uploaded before.
    pub fn is_picture(&self) -> bool {
        matches!(self, Block::Image { .. })
    }
}

impl Card {
    /// The same without its pictures; `None` if it has none.
    pub fn without_pictures(&self) -> Option<Card> {
        let card = Card { summary: self.summary.clone(), blocks: others(&self.blocks) };
        (card.blocks.len() < self.blocks.len()).then_some(card)
    }
}

impl Home {
    /// The same without its pictures; `None` if it has none.
    pub fn without_pictures(&self) -> Option<Home> {
        let home = Home { blocks: others(&self.blocks) };
        (home.blocks.len() < self.blocks.len()).then_some(home)
    }
}

fn others(blocks: &[Block]) -> Vec<Block> {
    blocks.iter().filter(|block| !block.is_picture()).cloned().collect()
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

/// A person's page of the bot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Home {
    /// The blocks.
    pub blocks: Vec<Block>,
}

/// A file that was uploaded; given out by [`super::Chat::upload`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileRef(pub String);

/// A file to upload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upload {
    /// The file's name with its extension.
    pub name: String,
    /// The title that it is shown with, plain.
    pub title: String,
    /// What a picture shows, for who can't see it; at most 1000 characters. It reaches people only if the file is shown
    /// by a [`Block::Image`], which has its own: a file that is shared by the upload itself goes without, so there the
    /// comment has to say it.
    pub alt: Option<String>,
    /// The content.
    pub bytes: Vec<u8>,
}

/// Where an uploaded file is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShareIn {
    /// The channel's id.
    pub channel: String,
    /// In the thread of this message.
    pub thread: Option<MessageRef>,
    /// What is said with it.
    pub comment: Text,
}
