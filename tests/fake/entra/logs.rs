//! What both logs have in common (order, retention, lag, pages; filters that tell upper from lower case), and
//! `GET /auditLogs/signIns`, which shows interactive sign-ins only
//! (<https://learn.microsoft.com/graph/api/signin-list>).

use axum::extract::State;
use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::directory::{SignIn, SignInKind, User};
use super::filter::{Expression, Grammar, Rule};
use super::pages::Frame;
use super::query::Asked;
use super::settings::Licence;
use super::wire::{GraphError, Reply, timestamp};
use super::{Shared, State as Tenant};

/// One of the logs.
pub struct Log {
    /// Below `/v1.0/`.
    pub path: &'static str,
    pub grammar: &'static Grammar,
    /// The property that entries are ordered by.
    pub time: &'static str,
}

type Entries = Vec<(DateTime<Utc>, Value)>;

/// One page of a log; `entries` finds those that match, later than the first time and up to the second.
pub fn answer(
    world: &Shared,
    asked: &Asked,
    log: &Log,
    entries: impl Fn(&Tenant, Option<&Expression>, DateTime<Utc>, DateTime<Utc>) -> Entries,
) -> Reply {
    let now = world.now();
    let mut state = world.lock();
    if state.settings.logs_need_directory && !asked.caller.has("Directory.Read.All") {
        return Err(GraphError::report_permission("Directory.Read.All"));
    }
    let query = asked.query(&["$filter", "$top", "$orderby", "$skiptoken"])?;
    let filter = query.filter(log.grammar, false)?;
    let descending = match query.get("$orderby") {
        None => true,
        Some(order) if order == format!("{} desc", log.time) => true,
        Some(order) if order == log.time || order == format!("{} asc", log.time) => false,
        Some(order) => return Err(GraphError::odata(format!("The log can't be ordered by '{order}'."))),
    };
    let page = state.pages.open(&query, &asked.path, &state.settings, now)?;
    let since = now - state.settings.licence.log_kept();
    let mut found = entries(&state, filter.as_ref(), since, now - state.settings.log_lag);
    found.sort_by_key(|(at, _)| *at);
    if descending {
        found.reverse();
    }
    let skipped = page.after.as_deref().map_or(0, |after| after.parse().expect("the fake's own key"));
    let keyed = found.into_iter().enumerate().skip(skipped);
    let keyed = keyed.map(|(number, (_, json))| ((number + 1).to_string(), json));
    let frame = Frame { base: &world.base, context: log.path, count: None };
    let state = &mut *state;
    Ok(state.pages.fill(&page, &state.settings, query.top(1000, 1000)?, keyed, &frame, |json| json))
}

const RULES: &[Rule] = &[
    ("createdDateTime", "eq ge gt le lt", ""),
    ("userId", "eq", ""),
    ("userPrincipalName", "eq startsWith", ""),
    ("appId", "eq", ""),
    ("id", "eq", ""),
    ("status/errorCode", "eq", ""),
];
const GRAMMAR: Grammar = Grammar { resource: "signIn", rules: RULES };

/// `GET /auditLogs/signIns`
pub async fn sign_ins(State(world): State<Shared>, asked: Asked) -> Reply {
    if world.lock().settings.licence == Licence::Free {
        return Err(GraphError::no_premium());
    }
    let log = Log { path: "auditLogs/signIns", grammar: &GRAMMAR, time: "createdDateTime" };
    answer(&world, &asked, &log, |state, filter, since, until| {
        let one = filter.and_then(|filter| filter.pinned("userId"));
        let users: Vec<&User> = match one {
            Some(id) => state.directory.users.get(id).into_iter().collect(),
            None => state.directory.users.values().collect(),
        };
        let in_time = users.into_iter().flat_map(|user| user.sign_ins.iter().map(move |one| (user, one)));
        in_time
            .filter(|(_, one)| one.kind != SignInKind::NonInteractive && one.at > since && one.at <= until)
            .map(|(user, one)| (one.at, sign_in_json(user, one)))
            .filter(|(_, json)| filter.is_none_or(|filter| filter.matches(json, true)))
            .collect()
    })
}

/// The entry as the log serves it. A guest's user principal name in it is the one at home.
fn sign_in_json(user: &User, one: &SignIn) -> Value {
    let failed = one.kind == SignInKind::Failed;
    let home = if user.text("userType") == Some("Guest") { user.text("mail") } else { None };
    json!({
        "id": one.id,
        "createdDateTime": timestamp(one.at),
        "userDisplayName": user.text("displayName"),
        "userPrincipalName": home.unwrap_or(user.login()),
        "userId": user.id,
        "appId": "89bee1f7-5e6e-4d8a-9f3d-ecd601259da7",
        "appDisplayName": "Office365 Shell WCSS-Client",
        "ipAddress": "203.0.113.20",
        "clientAppUsed": "Browser",
        "correlationId": one.id,
        "conditionalAccessStatus": "notApplied",
        "isInteractive": true,
        "status": {
            "errorCode": if failed { 50_126 } else { 0 },
            "failureReason": if failed { "Invalid username or password." } else { "Other." },
            "additionalDetails": null,
        },
    })
}
