//! What each chat system calls things.

/// What each chat system has a word of its own for. [`ChatTerms`] has the words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChatWord {
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
}
