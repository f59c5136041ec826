//! How the ids of a chat system look, and where a person finds them. A name in place of an id is the most frequent mistake
//! of a first configuration.

/// One kind of id.
pub(super) struct IdKind {
    /// The letters with which it may begin.
    first: &'static str,
    /// What it is and where to find it, as the end of "must be …".
    pub(super) how: &'static str,
}

/// The ids of one chat system.
pub(super) struct ChatIds {
    pub(super) channel: IdKind,
    pub(super) person: IdKind,
    pub(super) group: IdKind,
}

/// Those of Slack: letters and digits. Its names are never in capitals.
pub(super) const SLACK: ChatIds = ChatIds {
    channel: IdKind {
        first: "CG",
        how: "an id such as \"C0123ABCDEF\": in Slack click the channel's name and copy the id at the end of \"About\"",
    },
    person: IdKind {
        first: "UW",
        how: "a member id such as \"U0123ABCDEF\": in Slack open the person's profile, ⋮, \"Copy member ID\"",
    },
    group: IdKind {
        first: "S",
        how: "a user group's id such as \"S0123ABCDEF\", which ends the address of its page in Slack's People",
    },
};

impl IdKind {
    /// Returns whether the text is such an id.
    pub(super) fn fits(&self, text: &str) -> bool {
        let rest = text.bytes().skip(1);
        text.len() > 1
            && text.starts_with(|c| self.first.contains(c))
            && rest.into_iter().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
    }

    /// What [`IdKind::fits`] accepts, as a regular expression for editors.
    pub(super) fn pattern(&self) -> String {
        format!("^[{}][A-Z0-9]+$", self.first)
    }
}
