//! The numbers of rows, each of a type of its own, so that a sweep never passes for a request.

use std::fmt;
use std::num::ParseIntError;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

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
