//! Pages of a collection: opaque links that belong to one query and expire, empty pages, and the body around the
//! objects.

use std::collections::BTreeMap;

use axum::Json;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::super::wire::random_text;
use super::query::Query;
use super::settings::Settings;
use super::wire::GraphError;

struct Link {
    issued: DateTime<Utc>,
    /// Path and options of the listing that it goes on with.
    listing: String,
    advanced: bool,
    after: String,
    /// The page behind it is an empty one.
    is_empty: bool,
}

/// The links that were handed out.
#[derive(Default)]
pub struct Pages {
    links: BTreeMap<String, Link>,
}

/// One page that is being made.
pub struct Page<'a> {
    query: &'a Query,
    path: &'a str,
    now: DateTime<Utc>,
    /// The key of the last object of the pages before.
    pub after: Option<String>,
    is_empty: bool,
}

impl Page<'_> {
    pub fn is_first(&self) -> bool {
        self.after.is_none()
    }

    fn listing(&self) -> String {
        format!("{}?{}", self.path, self.query.without_page())
    }
}

/// What is around the objects of one answer.
pub struct Frame<'a> {
    pub base: &'a str,
    /// What follows `$metadata#`.
    pub context: &'a str,
    /// How many there are in all pages, if the query asked.
    pub count: Option<usize>,
}

impl Pages {
    /// The page that the query asks for.
    pub fn open<'a>(
        &self,
        query: &'a Query,
        path: &'a str,
        settings: &Settings,
        now: DateTime<Utc>,
    ) -> Result<Page<'a>, GraphError> {
        let mut page = Page { query, path, now, after: None, is_empty: false };
        let Some(token) = query.get("$skiptoken") else { return Ok(page) };
        let link = self.links.get(token).ok_or_else(GraphError::expired_page)?;
        if link.issued + settings.page_life <= now || (link.advanced && !query.eventual) {
            return Err(GraphError::expired_page());
        }
        if link.listing != page.listing() {
            return Err(GraphError::bad_request("The page token belongs to another query."));
        }
        page.after = Some(link.after.clone());
        page.is_empty = link.is_empty;
        Ok(page)
    }

    /// The page with the first `limit` of these objects, which begin behind `page.after`, and a link to the rest.
    pub fn fill<T>(
        &mut self,
        page: &Page<'_>,
        settings: &Settings,
        limit: usize,
        mut items: impl Iterator<Item = (String, T)>,
        frame: &Frame<'_>,
        json: impl Fn(T) -> Value,
    ) -> Response {
        let (mut value, mut last, limit) = (Vec::new(), None, limit.min(settings.page_cap));
        let next = if page.is_empty {
            page.after.clone().map(|after| (after, false))
        } else {
            for (key, item) in items.by_ref().take(limit) {
                value.push(json(item));
                last = Some(key);
            }
            items.next().and(last).map(|key| (key, settings.empty_pages))
        };
        let mut body = json!({
            "@odata.context": format!("{}/v1.0/$metadata#{}", frame.base, frame.context),
            "value": value,
        });
        if let Some(count) = frame.count.filter(|_| page.is_first()) {
            body["@odata.count"] = json!(count);
        }
        if let Some(next) = next {
            body["@odata.nextLink"] = json!(self.link(page, settings, frame.base, next));
        }
        Json(body).into_response()
    }

    fn link(
        &mut self,
        page: &Page<'_>,
        settings: &Settings,
        base: &str,
        (after, is_empty): (String, bool),
    ) -> String {
        let (token, listing) = (format!("RFNwdAoAAQ{}", random_text(40)), page.listing());
        let separator = if listing.ends_with('?') { "" } else { "&" };
        let base = settings.link_base.as_deref().unwrap_or(base);
        let url = format!("{base}{listing}{separator}$skiptoken={token}");
        let advanced = page.query.advanced();
        self.links.insert(token, Link { issued: page.now, listing, advanced, after, is_empty });
        url
    }

    /// Every link that was handed out is good for nothing from now on.
    pub fn expire_all(&mut self) {
        self.links.clear();
    }
}
