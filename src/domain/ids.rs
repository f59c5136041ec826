//! What rows are called, each by a type of its own, so that a sweep never passes for a request.

use std::borrow::Borrow;
use std::fmt;
use std::num::ParseIntError;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize, Serializer};

/// Defines the number of a kind of row, which is stored, logged, written and read as the plain number.
macro_rules! ids {
    ($($(#[$about:meta])* $name:ident)+) => { $(
        $(#[$about])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub i64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = ParseIntError;

            fn from_str(text: &str) -> Result<$name, ParseIntError> {
                text.parse().map($name)
            }
        }
    )+ };
}

ids! {
    /// Tells a request from every other; a later one has a higher number.
    RequestId
    /// Tells a sweep from every other; a later one has a higher number.
    SweepId
}

/// The name of a policy, as its rows and its work are kept by. Cloning it copies no text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(from = "String")]
pub struct PolicyName(Arc<str>);

impl From<&str> for PolicyName {
    fn from(name: &str) -> PolicyName {
        PolicyName(name.into())
    }
}

impl From<String> for PolicyName {
    fn from(name: String) -> PolicyName {
        PolicyName(name.into())
    }
}

impl Serialize for PolicyName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self)
    }
}

impl fmt::Display for PolicyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}

impl Borrow<str> for PolicyName {
    fn borrow(&self) -> &str {
        self
    }
}

impl PartialEq<str> for PolicyName {
    fn eq(&self, name: &str) -> bool {
        **self == *name
    }
}

impl PartialEq<&str> for PolicyName {
    fn eq(&self, name: &&str) -> bool {
        **self == **name
    }
}

impl std::ops::Deref for PolicyName {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_the_plain_number_wherever_it_is_written() {
        let id: RequestId = "17".parse().unwrap();
        assert_eq!(
            (format!("{id} {id:?}"), serde_json::to_string(&id).unwrap()),
            ("17 17".into(), "17".into())
        );
        assert_eq!(serde_json::from_str::<RequestId>("17").unwrap(), id);
        "#17".parse::<RequestId>().unwrap_err();
    }
}
