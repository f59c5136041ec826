//! Follows the pages of a collection to their end, or fails: a part never passes for the whole.
//!
//! The link to the next page is opaque and followed as given, but only on Graph's own scheme, host and port, because
//! the token goes with it. A page may be empty and yet have a next one. See
//! <https://learn.microsoft.com/graph/paging>.

use std::collections::HashSet;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use url::Url;

use crate::identity::IdentityError;

use super::errors::{Refusal, Right};
use super::http::{Answer, Http, Read};

/// 10,000 pages of 500 are five million accounts.
const PAGES_MAX: usize = 10_000;

/// One page of a collection.
#[derive(Deserialize)]
pub(super) struct Page<T> {
    #[serde(default, rename = "@odata.context")]
    pub(super) context: String,
    /// How many objects there are on all pages. On the first one only, if it was asked for.
    #[serde(default, rename = "@odata.count")]
    pub(super) count: Option<u64>,
    #[serde(default, rename = "@odata.nextLink")]
    pub(super) next: Option<String>,
    pub(super) value: Vec<T>,
}

/// The pages of one collection, one after the other.
pub(super) struct Pages<'a> {
    http: &'a Http,
    next: Option<Url>,
    right: Right,
    advanced: bool,
    seen: HashSet<String>,
}

impl<'a> Pages<'a> {
    /// Begins at the first page. An advanced query is one on each page.
    pub(super) fn new(http: &'a Http, first: Url, right: Right, advanced: bool) -> Pages<'a> {
        Pages { http, next: Some(first), right, advanced, seen: HashSet::new() }
    }

    /// Returns the next page; nothing after the last one.
    pub(super) async fn next(&mut self) -> Result<Option<Answer>, Refusal> {
        let Some(url) = self.next.take() else { return Ok(None) };
        let answer = self.http.get(Read { url: &url, right: self.right, advanced: self.advanced }).await?;
        if !self.seen.insert(url.into()) {
            return Err(malformed("Entra ID's pages go round in a circle").into());
        }
        Ok(Some(answer))
    }

    /// Notes where the page that was just read says that the next one is.
    pub(super) fn follow(&mut self, next: Option<&str>) -> Result<(), IdentityError> {
        if self.seen.len() >= PAGES_MAX && next.is_some() {
            return Err(malformed("Entra ID's pages don't end"));
        }
        self.next = next.map(|next| pinned(next, &self.http.places().graph)).transpose()?;
        Ok(())
    }

    pub(super) fn is_first(&self) -> bool {
        self.seen.len() == 1
    }

    pub(super) fn count(&self) -> u32 {
        u32::try_from(self.seen.len()).unwrap_or(u32::MAX)
    }
}

/// Returns all objects of a collection that is not too large to be kept; `what` names them in an error.
pub(super) async fn all<T: DeserializeOwned>(
    http: &Http,
    first: Url,
    right: Right,
    what: &str,
) -> Result<Vec<T>, Refusal> {
    let (mut all, mut pages) = (Vec::new(), Pages::new(http, first, right, false));
    while let Some(answer) = pages.next().await? {
        let page: Page<T> = answer.json(what)?;
        pages.follow(page.next.as_deref())?;
        all.extend(page.value);
    }
    Ok(all)
}

fn malformed(why: &str) -> IdentityError {
    IdentityError::Malformed(why.to_owned())
}

fn pinned(next: &str, graph: &Url) -> Result<Url, IdentityError> {
    let url = Url::parse(next).map_err(|_| malformed("Entra ID's next page has an unreadable address"))?;
    let home = url.origin() == graph.origin() && url.username().is_empty() && url.password().is_none();
    if home {
        Ok(url)
    } else {
        Err(malformed("Entra ID's next page is on another host, which is not followed"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_graphs_own_origin_is_followed() {
        let graph = Url::parse("https://graph.test").unwrap();
        assert!(pinned("https://graph.test/v1.0/users?$skiptoken=x", &graph).is_ok());
        for elsewhere in [
            "https://evil.test/v1.0/users",
            "http://graph.test/v1.0/users",
            "https://graph.test:444/v1.0/users",
            "//evil.test/a",
            "https://me@graph.test/a",
            "/v1.0/users",
        ] {
            assert!(pinned(elsewhere, &graph).is_err(), "{elsewhere}");
        }
    }
}
