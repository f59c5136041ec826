//! What differs between chat systems without changing what the bot does: their words, the room on a screen, how long they
//! wait for an answer.

use std::time::Duration;

use super::{Span, Text};

/// What each chat system has a word of its own for. [`ChatTerms`] has the words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChatWord {
    /// Its name.
    Name,
    /// The right by which the bot can read people's addresses.
    AddressRight,
}

/// The words of a chat system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChatTerms {
    /// Its name, as in "Slack".
    pub name: &'static str,
    /// What a command begins with, as in "/inactive-contractors".
    pub command: String,
    /// The right by which the bot can read people's addresses, as its admins know it.
    pub address_right: &'static str,
}

impl ChatTerms {
    /// Returns a command as it is typed.
    pub fn command(&self, words: &str) -> String {
        format!("{} {words}", self.command).trim_end().to_owned()
    }

    /// Returns the word as it is shown.
    pub fn word(&self, word: ChatWord) -> Span {
        match word {
            ChatWord::Name => Span::Plain(self.name.to_owned()),
            ChatWord::AddressRight => Span::Code(self.address_right.to_owned()),
        }
    }
}

/// How much a chat system shows at once. Whatever is longer is cut into pages and messages beforehand, so that its adapter
/// leaves nothing out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// The most rows with a menu on one page of a card.
    pub card_rows: usize,
    /// The most people with a box each on one page of a dialog.
    pub dialog_rows: usize,
    /// The most paragraphs of one message.
    pub paragraphs: usize,
    /// The most characters of a page's rows or paragraphs, beside a heading and buttons.
    pub page_chars: usize,
    /// The most characters of a message that is nothing but paragraphs.
    pub message_chars: usize,
    /// Where a paragraph is cut.
    pub paragraph_chars: usize,
    /// What a row takes besides the names in it: two dates, the outcome, the menu.
    pub row_chars: usize,
    /// What a mention, a date or a link counts for.
    pub token_chars: usize,
    /// What `&`, `<` and `>` count for where they are escaped.
    pub escaped_chars: usize,
}

impl Room {
    /// Returns what words take at most, wherever they are shown.
    pub fn of_words(&self, words: &str) -> usize {
        words.chars().map(|c| if matches!(c, '&' | '<' | '>') { self.escaped_chars } else { 1 }).sum()
    }

    /// Returns what a paragraph takes at most, if it has no more than two mentions, dates or links.
    pub fn of_paragraph(&self, text: &Text) -> usize {
        (text.to_plain().chars().count() + 2 * self.token_chars).min(self.paragraph_chars)
    }
}

/// How long a chat system waits for the answer to an input until it tells the person that none came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AnswerTime(pub Duration);

impl AnswerTime {
    /// Returns how much of it may go into finding out who a person is.
    pub fn to_identify(self) -> Duration {
        self.0 * 3 / 5
    }

    /// Returns how much of it may go into reading an account.
    pub fn to_read(self) -> Duration {
        self.0 * 2 / 3
    }
}
