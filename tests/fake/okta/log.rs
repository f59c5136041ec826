//! The System Log: what is written into it, and `GET /api/v1/logs` with its rules
//! (<https://developer.okta.com/docs/reference/system-log-query/>): bounded queries end, polling queries always
//! carry a next link, `published` can't be filtered on, events older than 90 days are gone.

use axum::extract::{RawQuery, State};
use chrono::{DateTime, Duration, Utc};
use serde_json::{Value, json};

use super::query::Expression;
use super::wire::{ApiError, Params, Reply, linked, timestamp};
use super::{Shared, World};

const RETENTION: Duration = Duration::days(90);
/// A `since` further back is refused.
const SINCE_MAX: Duration = Duration::days(180);
const SINCE_DEFAULT: Duration = Duration::days(7);

/// Who did something, or the account that it was done to.
#[derive(Clone, Debug)]
pub struct Party {
    pub id: String,
    /// `User`, `PublicClientApp`, `SystemPrincipal` or `AppInstance`.
    pub kind: &'static str,
    pub alternate_id: String,
    pub display_name: String,
}

impl Party {
    /// Okta itself, at work without anybody's asking.
    pub fn okta() -> Party {
        Party {
            id: "00usystem0000000okta".to_owned(),
            kind: "SystemPrincipal",
            alternate_id: "system@okta.com".to_owned(),
            display_name: "Okta System".to_owned(),
        }
    }

    /// An app that people are imported from.
    pub fn app_instance(name: &str) -> Party {
        Party {
            id: format!("0oa{:0>17}", name.len()),
            kind: "AppInstance",
            alternate_id: name.to_owned(),
            display_name: name.to_owned(),
        }
    }

    /// An app as the client that asks for tokens.
    pub fn client(name: &str) -> Party {
        Party { kind: "PublicClientApp", ..Party::app_instance(name) }
    }

    fn json(&self) -> Value {
        json!({
            "id": self.id,
            "type": self.kind,
            "alternateId": self.alternate_id,
            "displayName": self.display_name,
            "detailEntry": null,
        })
    }
}

#[derive(Clone, Debug)]
pub struct LogEvent {
    /// Order of writing; two events of one instant keep it.
    pub number: usize,
    pub published: DateTime<Utc>,
    pub event_type: &'static str,
    pub actor: Party,
    /// `SUCCESS` or `FAILURE`.
    pub result: &'static str,
    pub target: Option<Party>,
    /// The app that was used, or on whose behalf it happened in a job; the second target.
    pub app: Option<Party>,
    /// The `User-Agent` of the call that did it.
    pub agent: Option<String>,
}

impl LogEvent {
    /// Sorts by time, then by order of writing.
    fn key(&self) -> (DateTime<Utc>, usize) {
        (self.published, self.number)
    }

    fn equals(&self, name: &str, literal: &Value) -> bool {
        let wanted = literal.as_str();
        match name {
            "actor.id" => wanted == Some(&self.actor.id),
            "target.id" => self.targets().any(|target| wanted == Some(&target.id)),
            "eventType" => wanted == Some(self.event_type),
            "outcome.result" => wanted == Some(self.result),
            _ => false,
        }
    }

    fn targets(&self) -> impl Iterator<Item = &Party> {
        self.target.iter().chain(&self.app)
    }

    fn json(&self) -> Value {
        let targets: Vec<Value> = self.targets().map(Party::json).collect();
        let is_job = self.app.is_some() && self.actor.kind == "SystemPrincipal";
        json!({
            "uuid": format!("00000000-0000-4000-8000-{:012}", self.number),
            "published": timestamp(self.published),
            "eventType": self.event_type,
            "version": "0",
            "severity": if self.result == "SUCCESS" { "INFO" } else { "WARN" },
            "displayMessage": self.event_type,
            "actor": self.actor.json(),
            "outcome": { "result": self.result, "reason": null },
            "client": { "userAgent": { "rawUserAgent": self.agent } },
            "transaction": { "type": if is_job { "JOB" } else { "WEB" } },
            "target": if targets.is_empty() { Value::Null } else { Value::Array(targets) },
        })
    }
}

/// One query's bounds and order, validated.
struct Window {
    since: DateTime<Utc>,
    until: DateTime<Utc>,
    descending: bool,
    /// Neither `until` nor descending: the reader is meant to poll the next link for ever.
    polling: bool,
    filter: Option<Expression>,
}

impl Window {
    fn of(params: &Params, now: DateTime<Utc>) -> Result<Window, ApiError> {
        let bound = |name: &str| params.get(name).map(|text| instant(name, text)).transpose();
        let until = bound("until")?;
        let since = bound("since")?.unwrap_or(until.unwrap_or(now) - SINCE_DEFAULT);
        if since < now - SINCE_MAX {
            return Err(ApiError::bad_filter("since is more than 180 days ago"));
        }
        if until.is_some_and(|until| until < since) {
            return Err(ApiError::validation("until", "until: must not be before since"));
        }
        let descending = match params.get("sortOrder") {
            None | Some("ASCENDING") => false,
            Some("DESCENDING") => true,
            Some(_) => return Err(ApiError::validation("sortOrder", "ASCENDING or DESCENDING")),
        };
        let filter = params.get("filter").map(|text| Expression::parse(text, is_filterable)).transpose();
        Ok(Window {
            since: since.max(now - RETENTION),
            until: until.unwrap_or(DateTime::<Utc>::MAX_UTC),
            descending,
            polling: until.is_none() && !descending,
            filter: filter.map_err(|cause| ApiError::bad_filter(&cause))?,
        })
    }

    fn contains(&self, event: &LogEvent) -> bool {
        (self.since..=self.until).contains(&event.published)
            && self.filter.as_ref().is_none_or(|f| f.matches(&|name, literal| event.equals(name, literal)))
    }
}

/// `published` is missing on purpose: Okta refuses it.
fn is_filterable(name: &str) -> bool {
    matches!(name, "actor.id" | "target.id" | "eventType" | "outcome.result")
}

fn instant(name: &str, text: &str) -> Result<DateTime<Utc>, ApiError> {
    DateTime::parse_from_rfc3339(text)
        .map(|at| at.to_utc())
        .map_err(|_| ApiError::validation(name, &format!("{name}: not an ISO 8601 timestamp")))
}

/// `GET /api/v1/logs`
pub async fn list(State(world): State<Shared>, RawQuery(query): RawQuery) -> Reply {
    let params = Params::parse(query.as_deref());
    let window = Window::of(&params, world.clock.now())?;
    let limit = params.limit(100, 1000)?;
    let after = params.after("log")?.map(|key| cursor(&key)).transpose()?;
    let events = selected(&world, &window, after);
    let taken = &events[..events.len().min(limit)];
    let last = match taken.last() {
        Some(last) => Some(last.key()),
        None => after.or(Some((window.since, 0))),
    };
    let goes_on = events.len() > limit || window.polling;
    let endpoint = format!("{}/api/v1/logs", world.base);
    let next = last.filter(|_| goes_on).map(|(at, number)| {
        params.next_url(&endpoint, "log", &format!("{}:{number}", at.timestamp_micros()))
    });
    Ok(linked(taken.iter().map(LogEvent::json).collect(), &params.self_url(&endpoint), next.as_deref()))
}

/// All events of the window behind the cursor, in the window's order.
fn selected(world: &World, window: &Window, after: Option<(DateTime<Utc>, usize)>) -> Vec<LogEvent> {
    let mut events: Vec<LogEvent> =
        world.lock().directory.log.iter().filter(|event| window.contains(event)).cloned().collect();
    events.sort_by_key(LogEvent::key);
    if window.descending {
        events.reverse();
    }
    events.retain(|event| {
        after.is_none_or(|after| if window.descending { event.key() < after } else { event.key() > after })
    });
    events
}

fn cursor(key: &str) -> Result<(DateTime<Utc>, usize), ApiError> {
    let parsed = key.split_once(':').and_then(|(at, number)| {
        Some((DateTime::from_timestamp_micros(at.parse().ok()?)?, number.parse().ok()?))
    });
    parsed.ok_or_else(|| ApiError::bad_filter("invalid cursor"))
}
