//! Carries slack-morphism's calls over reqwest.
//!
//! The crate's own connector has no timeout at all, speaks https only and knows no proxy. This one bounds every step
//! in time and every answer in size, goes the way that `net` says, and follows no redirect, so that
//! a token is never sent anywhere but to the base address it was made for.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt};
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use reqwest::{RequestBuilder, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use slack_morphism::errors::{
    SlackClientApiError, SlackClientError, SlackClientHttpError, SlackClientHttpProtocolError,
    SlackClientProtocolError, SlackClientSystemError, SlackRateLimitError,
};
use slack_morphism::multipart_form::FileMultipartData;
use slack_morphism::{
    ClientResult, SlackApiToken, SlackClientApiCallContext, SlackClientHttpConnector, SlackClientId,
    SlackClientSecret,
};
use tokio::sync::watch;
use tracing::Instrument as _;
use url::Url;

use crate::clock::Clock;
use crate::net::{self, BodyError, Cause, read_body};
use crate::scheduler::{Class, Scheduler};

use super::limits::{self, CALLS_AT_ONCE, Limits};
use super::settings::{Settings, Timing};

/// A page of 100 messages with full blocks stays well below this.
const RESPONSE_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Slack's own word for the scopes of the token that made the call: `x-oauth-scopes`.
const SCOPES_HEADER: &str = "x-oauth-scopes";

/// A token that Slack calls one of these stays refused until a person replaces it. A missing scope is not among them:
/// the rest of the work goes on without it.
/// <https://docs.slack.dev/reference/methods/auth.test#errors>
const DEAD_TOKEN_CODES: [&str; 4] = ["invalid_auth", "token_revoked", "token_expired", "account_inactive"];

/// Why no answer came. Says nothing of addresses or contents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum TransportFault {
    /// Nothing was sent: the connection could not be made.
    NotConnected(Cause),
    /// The call was sent, perhaps in part, and no answer came in time.
    TimedOut,
    /// The connection broke during the call.
    Broken,
    /// The answer is larger than anything we ask for.
    TooLarge,
}

impl fmt::Display for TransportFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TransportFault::NotConnected(cause) => {
                return write!(f, "no connection to Slack could be made: {cause}");
            }
            TransportFault::TimedOut => "Slack did not answer in time",
            TransportFault::Broken => "the connection to Slack broke",
            TransportFault::TooLarge => "Slack's answer was too large",
        })
    }
}

impl std::error::Error for TransportFault {}

impl From<TransportFault> for SlackClientError {
    fn from(fault: TransportFault) -> Self {
        SlackClientError::HttpProtocolError(SlackClientHttpProtocolError::new().with_cause(Box::new(fault)))
    }
}

fn fault(error: &reqwest::Error) -> TransportFault {
    if error.is_connect() || error.is_builder() {
        TransportFault::NotConnected(Cause::of(error))
    } else if error.is_timeout() {
        TransportFault::TimedOut
    } else {
        TransportFault::Broken
    }
}

/// A connection that nobody uses is kept for the next call, but no more than this.
const IDLE_CONNECTIONS_MAX: usize = 16;

/// The transport of all Web API calls.
#[derive(Clone)]
pub(super) struct Connector {
    /// The order of all calls but those of sockets.
    calls: Arc<Scheduler<Limits>>,
    clock: Clock,
    http: reqwest::Client,
    /// Keeps no connection: each call makes its own.
    fresh: reqwest::Client,
    base_url: String,
    upload: Duration,
    probe: Duration,
    /// Slack's word for why a token is of no use any more, once it has said so.
    dead_token: watch::Sender<Option<String>>,
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connector").field("base_url", &self.base_url).finish_non_exhaustive()
    }
}

/// An answer before it is understood.
struct Reply {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
}

/// What every JSON answer of the Web API has in common.
#[derive(Deserialize)]
struct Outcome {
    ok: Option<bool>,
    error: Option<String>,
    needed: Option<String>,
    response_metadata: Option<OutcomeMetadata>,
}

#[derive(Deserialize)]
struct OutcomeMetadata {
    #[serde(default)]
    messages: Vec<String>,
}

impl Connector {
    /// Builds the client; fails only if the machine has no usable TLS set-up.
    pub(super) fn new(settings: &Settings, timing: &Timing, clock: Clock) -> anyhow::Result<Connector> {
        let base_url = settings.base_url();
        let base = Url::parse(&base_url)?;
        let http = || anyhow::Ok(settings.network.http(&base, timing.call)?.connect_timeout(timing.connect));
        Ok(Connector {
            calls: scheduler(&clock),
            clock,
            http: http()?.pool_max_idle_per_host(IDLE_CONNECTIONS_MAX).build()?,
            fresh: http()?.pool_max_idle_per_host(0).build()?,
            base_url,
            upload: timing.upload,
            probe: timing.probe,
            dead_token: watch::channel(None).0,
        })
    }

    /// The same transport without what is left of earlier connections: after an outage they may be dead, which only
    /// a call that gets no answer finds out. No other call is before its own.
    pub(super) fn without_pool(&self) -> Connector {
        Connector { http: self.fresh.clone(), calls: scheduler(&self.clock), ..self.clone() }
    }

    /// Whether Slack's Web API answers at all, whatever it says. Asks `api.test`, which needs no token and may be called
    /// a hundred times a minute.
    pub(super) async fn answers(&self) -> bool {
        let Ok(url) = self.create_method_uri_path("api.test") else { return false };
        let answer = self.fresh.post(url).timeout(self.probe).send().await;
        answer.is_ok_and(|answer| !answer.status().is_server_error())
    }

    /// Resolves with Slack's word for it when a token has stopped working for good.
    pub(super) async fn dead_token(&self) -> String {
        let mut dead = self.dead_token.subscribe();
        let said = dead.wait_for(Option::is_some).await.ok().and_then(|code| code.clone());
        said.expect("the sender is kept here, and it was waited for a code")
    }

    fn noting_dead_tokens<RS>(&self, result: ClientResult<RS>) -> ClientResult<RS> {
        if let Err(SlackClientError::ApiError(error)) = &result
            && DEAD_TOKEN_CODES.contains(&error.code.as_str())
        {
            self.dead_token.send_replace(Some(error.code.clone()));
        }
        result
    }

    /// The scopes that a token has, as Slack names them in the headers of `auth.test`.
    /// <https://docs.slack.dev/authentication/installing-with-oauth>
    pub(super) async fn scopes(&self, token: &SlackApiToken) -> ClientResult<Vec<String>> {
        let url = self.create_method_uri_path("auth.test")?;
        let reply = self.exchange(self.http.post(url), Some(token)).await?;
        let scopes =
            reply.headers.get(SCOPES_HEADER).and_then(|value| value.to_str().ok()).map(str::to_owned);
        decode_call::<serde_json::Value>(&reply)?;
        let scopes = scopes.unwrap_or_default();
        Ok(scopes.split(',').map(str::trim).filter(|scope| !scope.is_empty()).map(str::to_owned).collect())
    }
}

impl Connector {
    /// Sends a file's bytes to the address that Slack gave for them. Without a token: the address is the right.
    pub(super) async fn send_file(&self, url: Url, bytes: Vec<u8>) -> ClientResult<()> {
        let reply = self.exchange(self.http.post(url).body(bytes).timeout(self.upload), None).await?;
        if reply.status.is_success() {
            return Ok(());
        }
        decode_plain::<serde_json::Value>(&reply).map(drop)
    }
}

/// What a trace shows of a call. An address that a call without a token goes to is the right to use it.
fn span(uri: &Url, context: &SlackClientApiCallContext<'_>) -> tracing::Span {
    let path = if context.token.is_some() { uri.path() } else { "a reply address" };
    tracing::info_span!("slack", path)
}

fn scheduler(clock: &Clock) -> Arc<Scheduler<Limits>> {
    Arc::new(Scheduler::new(CALLS_AT_ONCE, Limits::new(clock.clone()), clock.clone()))
}

impl Connector {
    /// Makes a call, on the one path that all take: its place among the others, the send, and what a refusal shows of
    /// the limits.
    async fn exchange(&self, request: RequestBuilder, token: Option<&SlackApiToken>) -> ClientResult<Reply> {
        let request = match token {
            Some(token) => request.bearer_auth(&token.token_value.0),
            None => request,
        };
        let (client, request) = request.build_split();
        let request = request.map_err(|error| fault(&error))?;
        // Only calls of the Web API have a method.
        let last = request.url().path().rsplit('/').next().unwrap_or_default();
        let method = token.map(|_| last.to_owned());
        let class = Class::current();
        let patience = limits::patience(class, &method);
        let place = self.calls.place(class, method.clone(), patience, |_| {}).await;
        let _place = place.map_err(|until| rate_limited(Some(whole_seconds(until - self.clock.now()))))?;
        let reply = receive(&client, request).await?;
        if reply.status == StatusCode::TOO_MANY_REQUESTS {
            self.calls.with_budget(|limits| limits.refused(&method, retry_after(&reply.headers)));
        }
        Ok(reply)
    }
}

async fn receive(client: &reqwest::Client, request: reqwest::Request) -> ClientResult<Reply> {
    let response = client.execute(request).await.map_err(|error| fault(&error))?;
    let (status, headers) = (response.status(), response.headers().clone());
    let body = read_body(response, RESPONSE_BYTES_MAX).await.map_err(|error| match error {
        BodyError::TooLong => TransportFault::TooLarge,
        BodyError::Broken(error) => fault(&error),
    })?;
    Ok(Reply { status, headers, body })
}

/// An answer of the Web API: JSON that says whether it is ok. A page that somebody on the way to Slack put in its place
/// is no answer, whatever its status: nobody knows then how the call ended.
fn decode_call<RS: DeserializeOwned>(reply: &Reply) -> ClientResult<RS> {
    match reply.status {
        StatusCode::OK => match decode_json(&reply.body)? {
            Some(answer) => Ok(answer),
            None => Err(unreadable(serde::de::Error::missing_field("ok"))),
        },
        StatusCode::NO_CONTENT => Err(unreadable(serde::de::Error::custom("there is no answer"))),
        status => Err(refused(status, &reply.headers)),
    }
}

/// An answer of an address that an input or an upload came with: the plain word "ok" does.
fn decode_plain<RS: DeserializeOwned>(reply: &Reply) -> ClientResult<RS> {
    match reply.status {
        StatusCode::OK if is_json(&reply.headers) => {
            decode_json(&reply.body)?.map_or_else(|| parse(b"{}"), Ok)
        }
        StatusCode::OK | StatusCode::NO_CONTENT => parse(b"{}"),
        status => Err(refused(status, &reply.headers)),
    }
}

fn refused(status: StatusCode, headers: &HeaderMap) -> SlackClientError {
    if status == StatusCode::TOO_MANY_REQUESTS {
        return rate_limited(retry_after(headers));
    }
    SlackClientError::HttpError(SlackClientHttpError::new(status))
}

/// Returns the wait in whole seconds, as Slack says it, and never too short.
fn whole_seconds(wait: chrono::Duration) -> Duration {
    Duration::from_secs(u64::try_from(wait.num_seconds()).unwrap_or_default() + 1)
}

fn rate_limited(retry_after: Option<Duration>) -> SlackClientError {
    SlackClientError::RateLimitError(SlackRateLimitError::new().opt_retry_after(retry_after))
}

/// `None`: it doesn't say whether it is ok.
fn decode_json<RS: DeserializeOwned>(body: &[u8]) -> ClientResult<Option<RS>> {
    let outcome: Outcome = parse(body)?;
    match (outcome.error, outcome.ok) {
        (None, Some(false)) => {
            Err(SlackClientError::ApiError(SlackClientApiError::new("unknown_error".to_owned())))
        }
        (None, Some(true)) => parse(body).map(Some),
        (None, None) => Ok(None),
        (Some(code), _) => {
            let messages = outcome.response_metadata.map(|metadata| metadata.messages).unwrap_or_default();
            let details: Vec<String> = outcome.needed.into_iter().chain(messages).collect();
            Err(SlackClientError::ApiError(SlackClientApiError::new(code).with_errors(details)))
        }
    }
}

/// The body is left out of the error: it may hold addresses that are secrets.
fn parse<RS: DeserializeOwned>(body: &[u8]) -> ClientResult<RS> {
    serde_json::from_slice(body).map_err(unreadable)
}

fn unreadable(error: serde_json::Error) -> SlackClientError {
    SlackClientError::ProtocolError(SlackClientProtocolError::new(error))
}

fn is_json(headers: &HeaderMap) -> bool {
    headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|kind| kind.starts_with("application/json"))
}

/// Slack asks for about a minute at most. A gateway that asks for more is asked again by then: nobody can decide
/// meanwhile, and nothing that was decided is carried out if it happens at the start.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(600);

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    net::retry_after(headers, RETRY_AFTER_MAX)
}

fn unused(what: &str) -> SlackClientError {
    SlackClientError::SystemError(
        SlackClientSystemError::new().with_message(format!("{what} are not used here")),
    )
}

impl SlackClientHttpConnector for Connector {
    fn http_get_uri<'a, RS>(
        &'a self,
        full_uri: Url,
        context: SlackClientApiCallContext<'a>,
    ) -> BoxFuture<'a, ClientResult<RS>>
    where
        RS: for<'de> Deserialize<'de> + Send + 'a,
    {
        async move {
            let span = span(&full_uri, &context);
            let reply = self.exchange(self.http.get(full_uri), context.token).instrument(span).await?;
            self.noting_dead_tokens(decode_call(&reply))
        }
        .boxed()
    }

    fn http_get_with_client_secret<'a, RS>(
        &'a self,
        _full_uri: Url,
        _client_id: &'a SlackClientId,
        _client_secret: &'a SlackClientSecret,
    ) -> BoxFuture<'a, ClientResult<RS>>
    where
        RS: for<'de> Deserialize<'de> + Send + 'a,
    {
        std::future::ready(Err(unused("OAuth installs"))).boxed()
    }

    fn http_post_uri<'a, RQ, RS>(
        &'a self,
        full_uri: Url,
        request_body: &'a RQ,
        context: SlackClientApiCallContext<'a>,
    ) -> BoxFuture<'a, ClientResult<RS>>
    where
        RQ: serde::Serialize + Send + Sync,
        RS: for<'de> Deserialize<'de> + Send + 'a,
    {
        async move {
            let body = serde_json::to_vec(request_body).map_err(|error| {
                SlackClientError::SystemError(SlackClientSystemError::new().with_cause(error.into()))
            })?;
            let span = span(&full_uri, &context);
            // Only calls of the Web API go out with a token.
            let decode = if context.token.is_some() { decode_call } else { decode_plain };
            let request =
                self.http.post(full_uri).header(CONTENT_TYPE, "application/json; charset=utf-8").body(body);
            let reply = self.exchange(request, context.token).instrument(span).await?;
            self.noting_dead_tokens(decode(&reply))
        }
        .boxed()
    }

    fn http_post_uri_multipart_form<'a, 'p, RS, PT, TS>(
        &'a self,
        _full_uri: Url,
        _file: Option<FileMultipartData<'p>>,
        _params: &'p PT,
        _context: SlackClientApiCallContext<'a>,
    ) -> BoxFuture<'a, ClientResult<RS>>
    where
        RS: for<'de> Deserialize<'de> + Send + 'a,
        PT: IntoIterator<Item = (&'p str, Option<TS>)> + Clone,
        TS: AsRef<str> + 'p + Send,
    {
        std::future::ready(Err(unused("form uploads"))).boxed()
    }

    fn http_post_uri_binary<'a, 'p, RS>(
        &'a self,
        _full_uri: Url,
        _content_type: String,
        _data: &'a [u8],
        _context: SlackClientApiCallContext<'a>,
    ) -> BoxFuture<'a, ClientResult<RS>>
    where
        RS: for<'de> Deserialize<'de> + Send + 'a,
    {
        std::future::ready(Err(unused("file uploads"))).boxed()
    }

    fn create_method_uri_path(&self, method_relative_uri: &str) -> ClientResult<Url> {
        Ok(format!("{}/{method_relative_uri}", self.base_url).parse()?)
    }
}

#[cfg(test)]
mod tests {
    use reqwest::header::RETRY_AFTER;

    use super::*;

    #[test]
    fn nobody_keeps_us_away_for_longer_than_ten_minutes() {
        let asked = |text: &str| retry_after(&HeaderMap::from_iter([(RETRY_AFTER, text.parse().unwrap())]));
        assert_eq!(asked(" 30 "), Some(Duration::from_secs(30)));
        assert_eq!(asked("86400"), Some(Duration::from_secs(600)));
        assert_eq!((asked("soon"), retry_after(&HeaderMap::new())), (None, None));
    }
}
