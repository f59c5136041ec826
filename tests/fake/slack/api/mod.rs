//! The HTTP side: tokens, scopes, faults, and the way from a method's name to what it does.

mod chat;
mod conversations;
mod damage;
mod files;
mod response_url;
mod users;

use std::fmt;

use axum::body::Bytes;
use axum::extract::{ConnectInfo, Path, RawQuery, State as Extract};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use axum::{Json, Router};
use serde_json::{Map, Value, json};

use super::state::{Call, ChannelKind, State};
use super::wire::Wire;
use super::{APP_ID, BOT_ID, BOT_USER, FakeSlack, TEAM, socket};
use damage::with_fault;

/// Calls kept for [`FakeSlack::calls`].
const CALLS_MAX: usize = 10_000;

/// What a method answers: the fields beside `ok`, or a refusal.
pub type Outcome = Result<Value, Refusal>;

/// Slack's `ok: false`.
#[derive(Clone, Debug)]
pub struct Refusal {
    code: String,
    details: Value,
    /// Slack's own doing, whatever the code says.
    excused: bool,
}

impl Refusal {
    pub fn new(code: &str) -> Refusal {
        Refusal { code: code.to_owned(), details: json!({}), excused: false }
    }

    /// With the reasons that Slack gives in `response_metadata.messages`.
    pub fn with_messages(code: &str, messages: Vec<String>) -> Refusal {
        let messages: Vec<String> =
            messages.into_iter().map(|message| format!("[ERROR] {message}")).collect();
        let details = json!({"response_metadata": {"messages": messages}});
        Refusal { code: code.to_owned(), details, excused: false }
    }

    /// Of what a correct bot can't know.
    pub fn excused(self) -> Refusal {
        Refusal { excused: true, ..self }
    }

    /// A correct bot never gets this answer; races and people's mistakes can't cause it.
    fn is_violation(&self) -> bool {
        const CODES: [&str; 18] = [
            "invalid_blocks",
            "invalid_arguments",
            "msg_blocks_too_long",
            "msg_too_long",
            "no_text",
            "invalid_metadata_format",
            "not_allowed_token_type",
            "unknown_method",
            "invalid_cursor",
            "invalid_trigger_id",
            "exchanged_trigger_id",
            "limit_required",
            "missing_argument",
            "alt_txt_too_large",
            "file_not_found",
            "file_update_failed",
            "view_too_large",
            "duplicate_external_id",
        ];
        !self.excused && CODES.contains(&self.code.as_str())
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.code)?;
        let messages = self.details["response_metadata"]["messages"].as_array();
        messages.into_iter().flatten().try_for_each(|message| write!(f, " {message}"))
    }
}

/// A call's arguments, however they were sent.
pub struct Args(Map<String, Value>);

impl Args {
    /// Strings and numbers as text; absent, null and empty are `None`.
    pub fn text(&self, key: &str) -> Option<String> {
        match self.0.get(key)? {
            Value::String(text) if !text.is_empty() => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        }
    }

    pub fn flag(&self, key: &str) -> bool {
        matches!(self.0.get(key), Some(Value::Bool(true)))
            || matches!(self.text(key).as_deref(), Some("true" | "1"))
    }

    /// A structure; in a form it is JSON text.
    pub fn json(&self, key: &str) -> Value {
        match self.0.get(key) {
            Some(Value::String(text)) => serde_json::from_str(text).unwrap_or(Value::Null),
            Some(value) => value.clone(),
            None => Value::Null,
        }
    }
}

/// Methods that read their arguments from the query or a form only; a JSON body is ignored, as Slack does.
const FORM_ONLY: [&str; 11] = [
    "bots.info",
    "chat.getPermalink",
    "conversations.info",
    "conversations.members",
    "conversations.history",
    "conversations.replies",
    "users.info",
    "users.lookupByEmail",
    "users.list",
    "usergroups.list",
    "usergroups.users.list",
];

/// All routes of the workspace.
pub fn router(slack: FakeSlack) -> Router {
    Router::new()
        .route("/api/{method}", any(web_api))
        .route("/actions/{team}/{id}", post(response_url::respond))
        .route("/upload/v1/{ticket}", post(files::receive))
        .route("/link/", get(socket::upgrade))
        .with_state(slack)
}

async fn web_api(
    Extract(slack): Extract<FakeSlack>,
    ConnectInfo(wire): ConnectInfo<Wire>,
    Path(method): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let (token, args) = read_call(&method, query.as_deref().unwrap_or_default(), &headers, &body);
    let effect = || {
        slack.write(|state| {
            let outcome =
                state.authorised(&method, token.as_deref(), &args).and_then(|()| state.run(&method, &args));
            state.record(&method, &args, &outcome);
            (outcome, granted(state, &method))
        })
    };
    let fault = slack.write(|state| {
        let now = state.clock.now();
        state.faults.take(&method).or_else(|| state.rates.refuse(&method, now))
    });
    let respond = with_fault(fault, &wire, || {
        let (outcome, scopes) = effect();
        response(outcome, &scopes)
    });
    slack.gate().pass(&format!("slack {method}"), respond).await
}

fn response(outcome: Outcome, scopes: &str) -> Response {
    let mut body = match outcome {
        Ok(body) => body,
        Err(refusal) => {
            let mut body = refusal.details;
            body["error"] = json!(refusal.code);
            body
        }
    };
    body["ok"] = json!(body.get("error").is_none());
    let mut response = Json(body).into_response();
    if let (false, Ok(scopes)) = (scopes.is_empty(), HeaderValue::from_str(scopes)) {
        response.headers_mut().insert("x-oauth-scopes", scopes);
    }
    response
}

/// <https://docs.slack.dev/reference/methods/bots.info>
fn bots_info(args: &Args) -> Outcome {
    if args.text("bot").as_deref() != Some(BOT_ID) {
        return Err(Refusal::new("bot_not_found"));
    }
    Ok(json!({"bot": {
        "id": BOT_ID, "app_id": APP_ID, "user_id": BOT_USER, "name": "Inactive contractors", "deleted": false,
        "updated": 1_700_000_000,
    }}))
}

fn granted(state: &State, method: &str) -> String {
    if method == "apps.connections.open" {
        return "connections:write".to_owned();
    }
    state.scopes.iter().cloned().collect::<Vec<_>>().join(",")
}

fn read_call(method: &str, query: &str, headers: &HeaderMap, body: &[u8]) -> (Option<String>, Args) {
    let form = |text: &[u8]| -> Map<String, Value> {
        url::form_urlencoded::parse(text).map(|(key, value)| (key.into_owned(), json!(value))).collect()
    };
    let mut args = form(query.as_bytes());
    let content_type =
        headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if content_type.starts_with("application/json") {
        if let (false, Ok(Value::Object(fields))) =
            (FORM_ONLY.contains(&method), serde_json::from_slice(body))
        {
            args.extend(fields);
        }
    } else {
        args.extend(form(body));
    }
    let bearer = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let bearer = bearer.and_then(|value| value.strip_prefix("Bearer ")).map(str::to_owned);
    let in_body = args.remove("token").and_then(|token| token.as_str().map(str::to_owned));
    (bearer.or(in_body), Args(args))
}

impl State {
    fn record(&mut self, method: &str, args: &Args, outcome: &Outcome) {
        if let Some(refusal) = outcome.as_ref().err().filter(|refusal| refusal.is_violation()) {
            self.violation(format!("{method}: {refusal}"));
        }
        let answer = outcome.as_ref().map_or_else(|refusal| refusal.code.clone(), |_| "ok".to_owned());
        if self.calls.len() < CALLS_MAX {
            self.calls.push(Call { method: method.to_owned(), args: Value::Object(args.0.clone()), answer });
        }
    }

    fn authorised(&self, method: &str, token: Option<&str>, args: &Args) -> Result<(), Refusal> {
        if method == "api.test" {
            return Ok(());
        }
        let token = token.ok_or(Refusal::new("not_authed"))?;
        let for_app = method == "apps.connections.open";
        if token != self.bot_token && token != self.app_token {
            return Err(Refusal::new("invalid_auth"));
        }
        if self.revoked {
            return Err(Refusal::new("token_revoked"));
        }
        if for_app != (token == self.app_token) {
            return Err(Refusal::new("not_allowed_token_type"));
        }
        let needed = self.scopes_of(method, args);
        if needed.is_empty() || needed.iter().any(|scope| self.scopes.contains(*scope)) {
            return Ok(());
        }
        let details = json!({"needed": needed.join(","), "provided": granted(self, method)});
        Err(Refusal { code: "missing_scope".to_owned(), details, excused: false })
    }

    /// Any of these will do; none needed if empty.
    fn scopes_of(&self, method: &str, args: &Args) -> Vec<&'static str> {
        let channel = args.text("channel").and_then(|id| self.channels.get(&id)).map(|channel| &channel.kind);
        let of_kind = |public, private, direct| match channel {
            Some(ChannelKind::Public) => vec![public],
            Some(ChannelKind::Private) => vec![private],
            Some(ChannelKind::Direct { .. }) => vec![direct],
            None => vec![public, private],
        };
        match method {
            "chat.postMessage" | "chat.update" | "chat.postEphemeral" | "chat.delete" => vec!["chat:write"],
            "conversations.info" | "conversations.members" => {
                of_kind("channels:read", "groups:read", "im:read")
            }
            "conversations.history" | "conversations.replies" => {
                of_kind("channels:history", "groups:history", "im:history")
            }
            "conversations.open" => vec!["im:write"],
            "files.getUploadURLExternal" | "files.completeUploadExternal" => vec!["files:write"],
            "users.info" | "users.list" | "bots.info" => vec!["users:read"],
            "users.lookupByEmail" => vec!["users:read.email"],
            "usergroups.list" | "usergroups.users.list" => vec!["usergroups:read"],
            _ => Vec::new(),
        }
    }

    fn run(&mut self, method: &str, args: &Args) -> Outcome {
        match method {
            "api.test" => Ok(json!({})),
            "auth.test" => Ok(self.auth_test()),
            "bots.info" => bots_info(args),
            "apps.connections.open" => self.connections_open(),
            "chat.postMessage" => self.chat_post_message(args),
            "chat.update" => self.chat_update(args),
            "chat.postEphemeral" => self.chat_post_ephemeral(args),
            "chat.delete" => self.chat_delete(args),
            "chat.getPermalink" => self.chat_get_permalink(args),
            "conversations.info" => self.conversations_info(args),
            "conversations.members" => self.conversations_members(args),
            "conversations.history" => self.conversations_history(args),
            "conversations.replies" => self.conversations_replies(args),
            "conversations.open" => self.conversations_open(args),
            "users.info" => self.users_info(args),
            "users.lookupByEmail" => self.users_lookup_by_email(args),
            "users.list" => self.users_list(args),
            "usergroups.list" => Ok(self.usergroups_list(args)),
            "usergroups.users.list" => self.usergroups_users_list(args),
            "files.getUploadURLExternal" => self.files_get_upload_url(args),
            "files.completeUploadExternal" => self.files_complete_upload(args),
            "views.open" => self.views_open(args),
            "views.push" => self.views_push(args),
            "views.update" => self.views_update(args),
            "views.publish" => self.views_publish(args),
            _ => Err(Refusal::new("unknown_method")),
        }
    }

    fn auth_test(&self) -> Value {
        json!({
            "url": format!("http://{}/", self.address), "team": "Contractors Inc.", "user": "inactive-contractors",
            "team_id": TEAM, "user_id": BOT_USER, "bot_id": BOT_ID, "is_enterprise_install": false,
        })
    }

    fn connections_open(&mut self) -> Outcome {
        if !self.socket_mode {
            return Err(Refusal::new("link_disabled"));
        }
        let ticket = self.mint("ticket-");
        self.tickets.insert(ticket.clone());
        Ok(json!({"url": format!("{}/link/?ticket={ticket}&app_id={}", self.socket_origin, self.socket_app)}))
    }

    /// One page of `items`, with the cursor of the next.
    pub fn page<T: Clone>(
        &self,
        args: &Args,
        items: &[T],
        default: usize,
    ) -> Result<(Vec<T>, String), Refusal> {
        let limit = args.text("limit").and_then(|limit| limit.parse().ok()).filter(|limit| *limit > 0);
        let limit = limit.unwrap_or(default).min(self.page_cap);
        let start = match args.text("cursor") {
            None => 0,
            Some(cursor) => {
                let number = cursor.strip_prefix("bmV4dDo").and_then(|rest| rest.strip_suffix('='));
                number.and_then(|number| number.parse().ok()).ok_or(Refusal::new("invalid_cursor"))?
            }
        };
        let page: Vec<T> = items.iter().skip(start).take(limit).cloned().collect();
        let next = start + page.len();
        Ok((page, if next < items.len() { format!("bmV4dDo{next}=") } else { String::new() }))
    }
}
