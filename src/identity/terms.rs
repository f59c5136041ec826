//! The words that people know a provider by.

/// How texts name a provider and what is there. Given to wording by value, so that no text knows which providers exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// The provider itself, such as `Okta`.
    pub name: &'static str,
    /// Its log, after a genitive of the name, such as `System Log`.
    pub log: &'static str,
    /// Where administrators work, after a genitive of the name, such as `admin console`.
    pub console: &'static str,
    /// The label of a link to an account there, such as `Open in Okta`.
    pub open: &'static str,
    /// What a suspension does there, where that has a name of its own: a sentence without its end.
    pub effect: Option<&'static str>,
}

impl Terms {
    /// The words for a provider that the configuration has no section for.
    pub const OF_NONE: Terms = Terms {
        name: "the identity provider",
        log: "log",
        console: "admin console",
        open: "Open",
        effect: None,
    };
}
