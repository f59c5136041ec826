//! What is shown: cards, modals, home tabs and files.

use chrono::NaiveDate;

use super::message::MessageRef;
use super::text::Text;

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
    pub blocks: Vec<Block>,
}

/// A person's page of the bot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Home {
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
