//! Follows pages to their end, or fails: a part never passes for the whole.
//!
//! Okta sends two separate `Link` header lines, `self` and `next`; the next address is followed as given, but only
//! on the org's own scheme, host and port, because the credential goes with it. No cursor is ever made here. A full
//! page without either link is an error: a proxy that drops the header would make the first page the whole listing.
//! See <https://developer.okta.com/docs/api/#pagination>.

use std::collections::HashSet;

use http::HeaderMap;
use http::header::LINK;
use url::Url;

use crate::identity::IdentityError;

use super::errors::Right;
use super::http::{Answer, Http};

/// 10,000 pages of 200 are two million accounts.
pub(super) const PAGES_MAX: u32 = 10_000;

/// Where to go after a page with this number of items.
pub(super) enum Then {
    /// To where the `Link` header says.
    FollowLink(usize),
    /// To where the links in the body say.
    Follow(usize, Links),
    /// Nowhere: we have what we want.
    Stop,
}

/// The links that a page has.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Links {
    /// The address of the next page.
    pub(super) next: Option<String>,
    /// Whether it names itself, as Okta's pages do.
    pub(super) own: bool,
}

/// How a walk ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Walk {
    pub(super) pages: u32,
    /// There were more than `pages_max`.
    pub(super) cut: bool,
}

/// Hands each page from `first` on to `take`, which says where to go then. At most `pages_max` pages.
pub(super) async fn walk(
    http: &Http,
    first: Url,
    right: Right,
    pages_max: u32,
    mut take: impl FnMut(&Answer) -> Result<Then, IdentityError> + Send,
) -> Result<Walk, IdentityError> {
    let mut seen = HashSet::from([first.to_string()]);
    let limit = limit_of(&first);
    let mut url = first;
    for pages in 1..=pages_max {
        let answer =
            http.get(&url, right).await.map_err(|error| if pages > 1 { midway(error) } else { error })?;
        let (items, links) = match take(&answer)? {
            Then::FollowLink(items) => (items, links(&answer.headers)?),
            Then::Follow(items, links) => (items, links),
            Then::Stop => return Ok(Walk { pages, cut: false }),
        };
        let next = next_page(links, limit.is_some_and(|limit| items >= limit), http.base())?;
        let Some(next) = next else { return Ok(Walk { pages, cut: false }) };
        url = next;
        if !seen.insert(url.to_string()) {
            return Err(malformed("Okta's pages go round in a circle"));
        }
    }
    Ok(Walk { pages: pages_max, cut: true })
}

/// Like [`walk`], to the end.
pub(super) async fn walk_all(
    http: &Http,
    first: Url,
    right: Right,
    take: impl FnMut(&Answer) -> Result<Then, IdentityError> + Send,
) -> Result<u32, IdentityError> {
    let walk = walk(http, first, right, PAGES_MAX, take).await?;
    if walk.cut { Err(malformed("Okta's pages don't end")) } else { Ok(walk.pages) }
}

/// Okta named this page itself a moment ago. A refusal now says that its cursor has expired, and a listing that is begun
/// again gets another.
fn midway(error: IdentityError) -> IdentityError {
    match error {
        IdentityError::Refused(_) => IdentityError::Transient(
            "Okta broke a listing off in the middle: it no longer knows the next page, which it had named itself".into(),
        ),
        other @ (IdentityError::RateLimited { .. }
        | IdentityError::Transient(_)
        | IdentityError::NotFound(_)
        | IdentityError::Denied(_)
        | IdentityError::Malformed(_)
        | IdentityError::NotConfigured(_)) => other,
    }
}

fn malformed(why: &str) -> IdentityError {
    IdentityError::Malformed(why.to_owned())
}

/// Returns how many items a page holds at most, as the address asks for it.
fn limit_of(url: &Url) -> Option<usize> {
    url.query_pairs().find(|(name, _)| name == "limit").and_then(|(_, limit)| limit.parse().ok())
}

/// Returns the page that these links name as the next one, if it is the org's own.
pub(super) fn next_page(links: Links, full: bool, base: &Url) -> Result<Option<Url>, IdentityError> {
    if full && links == Links::default() {
        return Err(malformed(
            "Okta's full page does not say whether another one follows; if a proxy stands between the bot and Okta, make \
             it let the Link header of answers through",
        ));
    }
    links.next.map(|next| pinned(&next, base)).transpose()
}

/// Reads the links in any of the `Link` lines. A line that can't be read is an error, not an end.
pub(super) fn links(headers: &HeaderMap) -> Result<Links, IdentityError> {
    let mut found = Links::default();
    for line in headers.get_all(LINK) {
        let line = line.to_str().map_err(|_| malformed("Okta's Link header can't be read"))?;
        let links = read_line(line).ok_or_else(|| malformed("Okta's Link header can't be read"))?;
        for (target, rels) in links {
            found.own |= is_among(rels, "self");
            if is_among(rels, "next") && found.next.replace(target.to_owned()).is_some() {
                return Err(malformed("Okta named two next pages"));
            }
        }
    }
    Ok(found)
}

/// Reads the targets of `<a>; rel="self", <b>; rel="next"` with what they are, as it stands there (RFC 8288).
fn read_line(line: &str) -> Option<Vec<(&str, &str)>> {
    let mut links = Vec::new();
    for link in split(line, ',')?.into_iter().map(str::trim).filter(|link| !link.is_empty()) {
        let (target, parameters) = link.strip_prefix('<')?.split_once('>')?;
        links.push((target, rels(&split(parameters, ';')?)));
    }
    Some(links)
}

/// Splits where a separator is in neither `<…>` nor `"…"`; nothing if one of these has no end.
fn split(text: &str, separator: char) -> Option<Vec<&str>> {
    let (mut parts, mut from, mut closes, mut escaped) = (Vec::new(), 0, None, false);
    for (at, c) in text.char_indices() {
        match (closes, c) {
            _ if escaped => escaped = false,
            (Some('"'), '\\') => escaped = true,
            (Some(end), c) if c == end => closes = None,
            (None, '<') => closes = Some('>'),
            (None, '"') => closes = Some('"'),
            (None, c) if c == separator => {
                parts.push(&text[from..at]);
                from = at + c.len_utf8();
            }
            (Some(_) | None, _) => {}
        }
    }
    parts.push(&text[from..]);
    closes.is_none().then_some(parts)
}

/// Only the first `rel` counts.
fn rels<'a>(parameters: &[&'a str]) -> &'a str {
    let mut named = parameters.iter().filter_map(|parameter| parameter.split_once('='));
    let rel = named.find(|(name, _)| name.trim().eq_ignore_ascii_case("rel"));
    rel.map_or("", |(_, value)| value.trim().trim_matches('"'))
}

fn is_among(rels: &str, wanted: &str) -> bool {
    rels.split_whitespace().any(|rel| rel.eq_ignore_ascii_case(wanted))
}

fn pinned(next: &str, base: &Url) -> Result<Url, IdentityError> {
    let url = base.join(next).map_err(|_| malformed("Okta's next page has an unreadable address"))?;
    let home = url.origin() == base.origin() && url.username().is_empty() && url.password().is_none();
    if home { Ok(url) } else { Err(malformed("Okta's next page is on another host, which is not followed")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(lines: &[&str]) -> Result<Option<String>, IdentityError> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(LINK, line.parse().unwrap());
        }
        links(&headers).map(|links| links.next)
    }

    #[test]
    fn the_next_link_is_found_in_any_line_and_form() {
        let a = r#"<https://x.test/a?b=c,d>; rel="self""#;
        let b = r#"<https://x.test/b>; title="t"; rel="next""#;
        let found = Ok(Some("https://x.test/b".to_owned()));
        assert_eq!(next(&[a, b]), found);
        assert_eq!(next(&[&format!("{a}, {b}")]), found);
        assert_eq!(next(&["<https://x.test/b>;rel=next"]), found);
        let folded =
            "<https://x.test/p>; rel=\"prev\"\t,  <https://x.test/b>; title=\"a, <p>; rel=self\"; rel=next";
        assert_eq!(next(&[folded]), found);
        assert_eq!(next(&["<https://x.test/p>; title=\"; rel=next\"; rel=\"prev\""]), Ok(None));
        assert_eq!(next(&[a]), Ok(None));
        assert_eq!(next(&[]), Ok(None));
    }

    #[test]
    fn an_unreadable_or_double_next_is_an_error() {
        assert!(next(&["https://x.test/b; rel=next"]).is_err());
        assert!(next(&["<a>; rel=next", "<b>; rel=next"]).is_err());
    }

    #[test]
    fn a_full_page_says_that_it_is_the_last_one_by_naming_itself() {
        let base = Url::parse("https://x.test").unwrap();
        let of = |line: &str| {
            let mut headers = HeaderMap::new();
            headers.append(LINK, line.parse().unwrap());
            links(&headers).unwrap()
        };
        let own = r#"<https://x.test/a>; rel="self""#;
        assert_eq!(next_page(of(own), true, &base), Ok(None));
        assert_eq!(next_page(Links::default(), false, &base), Ok(None));
        assert!(next_page(Links::default(), true, &base).is_err());
        assert!(next_page(of(r#"<https://x.test/a>; rel="prev""#), true, &base).is_err());
        assert!(next_page(of("<https://x.test/b>; rel=next"), true, &base).unwrap().is_some());
    }

    #[test]
    fn only_the_orgs_own_origin_is_followed() {
        let base = Url::parse("https://x.test").unwrap();
        assert!(pinned("https://x.test/api/v1/users?after=1", &base).is_ok());
        assert!(pinned("/api/v1/users?after=1", &base).is_ok());
        for elsewhere in [
            "https://y.test/a",
            "http://x.test/a",
            "https://x.test:444/a",
            "//y.test/a",
            "https://me@x.test/a",
        ] {
            assert!(pinned(elsewhere, &base).is_err(), "{elsewhere}");
        }
    }
}
