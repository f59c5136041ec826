//! Why work fails, in the classes that its rooms act on.

use std::error::Error;
use std::fmt;

use tokio::task::JoinError;

use crate::chat::ChatError;
use crate::identity::IdentityError;
use crate::store::StoreError;

/// What comes of work in the workflow's rooms.
pub type WorkResult<T> = Result<T, WorkError>;

/// Why work on a row, or the answer to a person, failed. Its alternate form, `{:#}`, names all causes.
#[derive(Debug, thiserror::Error)]
pub enum WorkError {
    /// The chat system could not do its part.
    Chat(#[from] ChatError),
    /// The identity provider could not do its part.
    Identity(#[from] IdentityError),
    /// The database could not do its part.
    Store(#[from] StoreError),
    /// What is asked for can't be done; the text says why.
    Other(String),
    /// What the work was about, with its cause.
    Context {
        /// What could not be done.
        what: String,
        /// Why.
        #[source]
        error: Box<WorkError>,
    },
}

impl WorkError {
    /// Returns the error with what it is about.
    #[must_use]
    pub fn context(self, what: impl Into<String>) -> WorkError {
        WorkError::Context { what: what.into(), error: Box::new(self) }
    }

    /// Returns the error without what it is about.
    pub fn without_context(&self) -> &WorkError {
        match self {
            WorkError::Context { error, .. } => error.without_context(),
            WorkError::Chat(_) | WorkError::Identity(_) | WorkError::Store(_) | WorkError::Other(_) => self,
        }
    }

    /// Whether it may pass by the next try: nobody has to do anything about it.
    pub fn may_pass(&self) -> bool {
        match self {
            WorkError::Chat(error) => error.may_pass(),
            WorkError::Identity(error) => error.may_pass(),
            WorkError::Store(error) => error.may_pass(),
            WorkError::Other(_) => false,
            WorkError::Context { error, .. } => error.may_pass(),
        }
    }
}

/// Something that was computed beside the loop has panicked.
impl From<JoinError> for WorkError {
    fn from(error: JoinError) -> WorkError {
        WorkError::Other(error.to_string())
    }
}

impl fmt::Display for WorkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WorkError::Chat(error) => with_causes(error, f),
            WorkError::Identity(error) => with_causes(error, f),
            WorkError::Store(error) => with_causes(error, f),
            WorkError::Other(text) => f.write_str(text),
            WorkError::Context { what, error } if f.alternate() => write!(f, "{what}: {error:#}"),
            WorkError::Context { what, .. } => f.write_str(what),
        }
    }
}

/// Writes the error, and in the alternate form its causes too.
fn with_causes(error: &dyn Error, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(f, "{error}")?;
    let mut cause = error.source().filter(|_| f.alternate());
    while let Some(error) = cause {
        write!(f, ": {error}")?;
        cause = error.source();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::Arc;

    use chrono::DateTime;

    use super::*;

    #[test]
    fn only_what_may_mend_itself_is_waited_for() {
        let passing: [WorkError; 5] = [
            ChatError::Unavailable(String::new()).into(),
            ChatError::Ambiguous(String::new()).into(),
            IdentityError::Transient(String::new()).into(),
            IdentityError::RateLimited { until: DateTime::UNIX_EPOCH }.into(),
            StoreError::DiskFull.into(),
        ];
        for error in passing {
            assert!(error.may_pass(), "{error:?}");
            assert!(error.context("policy p").may_pass(), "what it is about changes nothing");
        }
        let lasting: [WorkError; 6] = [
            ChatError::Denied(String::new()).into(),
            ChatError::Channel(String::new()).into(),
            IdentityError::Denied(String::new()).into(),
            IdentityError::Malformed(String::new()).into(),
            StoreError::Closed.into(),
            WorkError::Other("something else".to_owned()),
        ];
        for error in lasting {
            assert!(!error.may_pass(), "{error:?}");
            assert!(!error.context("policy p").may_pass(), "what it is about changes nothing");
        }
    }

    #[test]
    fn the_alternate_form_names_each_cause_once() {
        let disk = StoreError::DiskFails(Arc::new(io::Error::other("I/O error 5")));
        let error = WorkError::from(disk).context("the sweep stopped").context("policy p");
        assert_eq!(error.to_string(), "policy p");
        let all = "policy p: the sweep stopped: the disk that holds the database fails: I/O error 5";
        assert_eq!(format!("{error:#}"), all);
    }
}
