//! Reads what a policy asks the people of an account, in its own words.

use chrono::Duration;
use serde::{Deserialize, Serialize};

/// The most characters of a wording.
pub const WORDING_MAX: usize = 1000;

/// The person that a policy asks about an account, besides its approvers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outreach {
    /// What the account's person is asked, if they are.
    pub contractor: Option<Template>,
    /// What their manager is asked, if they are.
    pub manager: Option<Template>,
    /// How long before the deadline; at once when the card is posted if there is no such time.
    pub before: Option<Duration>,
}

impl Outreach {
    /// The roles that are asked.
    pub fn roles(&self) -> Vec<OutreachRole> {
        let person = self.contractor.as_ref().map(|_| OutreachRole::Person);
        let manager = self.manager.as_ref().map(|_| OutreachRole::Manager);
        person.into_iter().chain(manager).collect()
    }
}

/// What a wording can hold besides words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// The name of the person who is asked.
    Name,
    Policy,
    /// Until when the request waits.
    Deadline,
    /// How long the account has been idle; for a manager, how long makes an account inactive.
    Days,
}

/// A part of a wording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// As they stand.
    Words(String),
    /// To be filled in.
    Field(Field),
}

/// A wording of the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template(pub Vec<Piece>);

impl Template {
    /// Reads a wording with placeholders in braces. `Err` says what is wrong with it.
    pub fn parse(text: &str) -> Result<Template, String> {
        const KNOWN: &str = "there are {name}, {policy}, {deadline} and {days}";
        if text.chars().count() > WORDING_MAX {
            return Err(format!("has more than {WORDING_MAX} characters"));
        }
        let (mut pieces, mut rest) = (Vec::new(), text);
        while let Some((words, after)) = rest.split_once('{') {
            let Some((name, after)) = after.split_once('}') else {
                return Err(format!("has a brace that is not closed; {KNOWN}"));
            };
            if !words.is_empty() {
                pieces.push(Piece::Words(words.to_owned()));
            }
            pieces.push(Piece::Field(match name {
                "name" => Field::Name,
                "policy" => Field::Policy,
                "deadline" => Field::Deadline,
                "days" => Field::Days,
                other => return Err(format!("has {{{other}}}, which is no placeholder; {KNOWN}")),
            }));
            rest = after;
        }
        if !rest.is_empty() {
            pieces.push(Piece::Words(rest.to_owned()));
        }
        Ok(Template(pieces))
    }
}

/// What somebody is to an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutreachRole {
    Person,
    /// It belongs to somebody who works for them.
    Manager,
}

impl OutreachRole {
    /// The stored word.
    pub fn word(self) -> &'static str {
        match self {
            OutreachRole::Person => "person",
            OutreachRole::Manager => "manager",
        }
    }
}
