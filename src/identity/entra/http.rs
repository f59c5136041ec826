//! The one path that every call to Graph takes: its place within the limits, the token, the send, and one place that
//! decides what the answer means.
//!
//! Reads are tried again after 429, 5xx and broken connections, a bounded number of times within a bounded time. A
//! change is sent once. If that fails, the caller gets the error, reads the account and decides.

use std::time::{Duration as StdDuration, Instant};

use anyhow::Context;
use chrono::{DateTime, Duration, Utc};
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_LENGTH, HeaderMap};
use http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::Value;
use tracing::Instrument as _;
use url::Url;

use crate::clock::Clock;
use crate::identity::skew::{Sent, Skew};
use crate::identity::{IdentityError, Traffic};
use crate::net::{self, read_body};
use crate::scheduler::Class;

use super::auth::{Auth, Lack};
use super::errors::{self, Refusal, Right};
use super::rate::{Bucket, RETRY_AFTER_MAX, Rates, WAIT_MAX};
use super::settings::{Places, Settings};

/// How often one call is sent at most, whatever goes wrong.
const ATTEMPTS_MAX: u32 = 5;
/// A read that took this long is not tried again.
const READ_TIME_MAX: StdDuration = StdDuration::from_secs(300);
/// How often the windows of a question may move until a person is asked to try again.
const QUESTION_WINDOWS_MAX: u32 = 8;
/// A connection that nobody uses is kept for the next call, but no more than this.
const IDLE_CONNECTIONS_MAX: usize = 4;
/// The pause before another attempt never gets longer.
const PAUSE_MAX: StdDuration = StdDuration::from_secs(15);
const CONNECT_TIMEOUT: StdDuration = StdDuration::from_secs(10);
/// A page of 500 users is about half a megabyte, one of 1000 log entries a few.
const BODY_MAX: usize = 32 << 20;

/// A successful answer.
#[derive(Debug)]
pub(super) struct Answer {
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Answer {
    /// The body as JSON; `what` names it in the error, which never quotes it.
    pub(super) fn json<'a, T: Deserialize<'a>>(&'a self, what: &str) -> Result<T, IdentityError> {
        serde_json::from_slice(&self.body).map_err(|_| {
            IdentityError::Malformed(format!("Entra ID's answer for {what} is not what was expected"))
        })
    }

    /// Returns what Graph calls the call.
    pub(super) fn request_id(&self) -> Option<String> {
        errors::request_id(&self.headers)
    }
}

/// What is read.
#[derive(Clone, Copy)]
pub(super) struct Read<'a> {
    pub(super) url: &'a Url,
    pub(super) right: Right,
    /// Whether it is an advanced query, which each of its pages has to say again.
    pub(super) advanced: bool,
}

/// A change, sent under a name that we have chosen.
pub(super) struct Change<'a> {
    pub(super) method: Method,
    pub(super) url: &'a Url,
    pub(super) right: Right,
    pub(super) body: Option<Value>,
    pub(super) call_id: &'a str,
}

/// Why one attempt failed, as far as it matters for another.
enum Fault {
    /// A 429: welcome again then.
    Limited(DateTime<Utc>),
    /// 5xx, timeout, broken connection, or a 429 that does not say for how long.
    Passing(Refusal),
    /// Another attempt would end the same way.
    Final(Refusal),
}

/// The way to one tenant.
pub(super) struct Http {
    client: reqwest::Client,
    places: Places,
    auth: Auth,
    rates: Rates,
    skew: Skew,
    clock: Clock,
    retry_pause: StdDuration,
}

impl Http {
    pub(super) fn new(settings: Settings, clock: Clock) -> anyhow::Result<Http> {
        let places = settings.cloud.places()?;
        let client = settings
            .network
            .http(&places.graph, settings.request_timeout)?
            .connect_timeout(CONNECT_TIMEOUT)
            .pool_max_idle_per_host(IDLE_CONNECTIONS_MAX);
        let Settings { tenant_id, client_id, credential, keeps_limits, concurrency, retry_pause, .. } =
            settings;
        Ok(Http {
            client: client.build().context("could not set up the HTTP client for Entra ID")?,
            auth: Auth::new(&tenant_id, client_id, credential, &places, clock.clone())?,
            places,
            rates: Rates::new(keeps_limits, concurrency, clock.clone()),
            skew: Skew::new(errors::MARK),
            clock,
            retry_pause,
        })
    }

    pub(super) fn places(&self) -> &Places {
        &self.places
    }

    pub(super) fn clock(&self) -> &Clock {
        &self.clock
    }

    /// How far our clock is ahead of Graph's, as its recent answers show.
    pub(super) fn clock_ahead(&self) -> Option<Duration> {
        self.skew.ahead(self.clock.now())
    }

    /// The address of `segments` below Graph's version, each escaped, with these query options.
    pub(super) fn url(&self, segments: &[&str], options: &[(&str, &str)]) -> Url {
        let mut url = self.places.graph.clone();
        url.path_segments_mut()
            .expect("Graph's address is http or https, so it has a path")
            .clear()
            .push("v1.0")
            .extend(segments);
        let encoded = |value: &str| {
            // Graph's own libraries write a space so, and not as a plus.
            url::form_urlencoded::byte_serialize(value.as_bytes()).collect::<String>().replace('+', "%20")
        };
        let options: Vec<String> =
            options.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
        if !options.is_empty() {
            url.set_query(Some(&options.join("&")));
        }
        url
    }

    /// What went to and fro since the start.
    pub(super) fn traffic(&self) -> Traffic {
        self.rates.traffic()
    }

    /// Gets an access token, and names the credential.
    pub(super) async fn sign_in(&self) -> Result<&'static str, IdentityError> {
        self.auth.sign_in(&self.client).await
    }

    /// Returns the app's own object in the tenant, as far as that is known.
    pub(super) async fn own_object(&self) -> Result<Option<String>, IdentityError> {
        self.auth.own(&self.client).await
    }

    /// Waits until a change fits, with the look at the account that comes before it.
    pub(super) async fn turn_to_change(&self) -> Result<(), IdentityError> {
        let buckets = [Bucket::Changes, Bucket::SignInDates];
        self.rates.wait_for_room(&buckets).await.map_err(|until| IdentityError::RateLimited { until })
    }

    /// Reads, trying again where that can help.
    pub(super) async fn get(&self, read: Read<'_>) -> Result<Answer, Refusal> {
        let started = Instant::now();
        let mut attempt = 1;
        loop {
            let fault = match self.read_once(read).await {
                Ok(answer) => return Ok(answer),
                Err(fault) => fault,
            };
            let until = match &fault {
                Fault::Limited(until) => Some(*until).filter(|until| *until - self.clock.now() <= WAIT_MAX),
                Fault::Passing(_) => Some(self.clock.now() + self.pause(attempt)),
                Fault::Final(_) => None,
            };
            let until = until.filter(|_| attempt < ATTEMPTS_MAX && started.elapsed() <= READ_TIME_MAX);
            let Some(until) = until else { return Err(refusal(fault)) };
            tracing::debug!(attempt, right = ?read.right, "reading from Entra ID again");
            match fault {
                Fault::Limited(_) => self.rates.wait(until).await,
                Fault::Passing(_) | Fault::Final(_) => self.clock.sleep_until(until).await,
            }
            attempt += 1;
        }
    }

    /// Doubles from attempt to attempt; up to half of it is chance, so that several callers don't stay in step.
    fn pause(&self, attempt: u32) -> Duration {
        let pause = net::doubled(self.retry_pause, attempt - 1, PAUSE_MAX);
        Duration::from_std(net::spread(pause, 0.5)).unwrap_or(Duration::seconds(1))
    }

    /// One attempt to read; another one at once if a token has to be renewed, for each reason once.
    async fn read_once(&self, read: Read<'_>) -> Result<Answer, Fault> {
        let bucket = Bucket::of(&Method::GET, read.url);
        let class = Class::current();
        let windows_max = match class {
            Class::Question => QUESTION_WINDOWS_MAX,
            Class::Action | Class::FreshLook | Class::Sweep => u32::MAX,
        };
        let mut renewed = Vec::new();
        loop {
            let permit = self.rates.permit(class, bucket, windows_max).await.map_err(Fault::Limited)?;
            let pass = self.auth.pass(&self.client).await.map_err(as_fault)?;
            let mut request = self.client.get(read.url.clone()).header(ACCEPT, "application/json");
            if read.advanced {
                request = request.header("consistencylevel", "eventual");
            }
            let request = request.header(AUTHORIZATION, pass.header.clone());
            let (status, headers, body) = self.send(&Method::GET, read.url, request).await?;
            drop(permit);
            if status.is_success() {
                let body = body.map_err(|error| Fault::Passing(error.into()))?;
                return whole(body).map(|body| Answer { headers, body });
            }
            let lack = lack(status).filter(|lack| !renewed.contains(lack));
            if let Some(lack) = lack
                && self.auth.can_renew(&pass, lack).await
            {
                renewed.push(lack);
                continue;
            }
            return Err(self.fault(status, &headers, &body.unwrap_or_default(), bucket, read.right));
        }
    }

    /// Changes something: sent once, and now or not at all. What the caller knows of the account would be old after a
    /// wait, so a rate limit is theirs to wait for.
    pub(super) async fn change(&self, change: Change<'_>) -> Result<Answer, IdentityError> {
        let bucket = Bucket::of(&change.method, change.url);
        let limited = |until| IdentityError::RateLimited { until };
        let _permit = self.rates.permit(Class::Action, bucket, 0).await.map_err(limited)?;
        let mut renewed = false;
        loop {
            let pass = self.auth.pass(&self.client).await?;
            let request = self
                .client
                .request(change.method.clone(), change.url.clone())
                .header(AUTHORIZATION, pass.header.clone())
                .header("client-request-id", change.call_id);
            let request = match &change.body {
                Some(body) => request.json(body),
                None => request.header(CONTENT_LENGTH, "0"),
            };
            let sent = self.send(&change.method, change.url, request).await;
            let (status, headers, body) = sent.map_err(|fault| refusal(fault).error)?;
            if status.is_success() {
                return done(body.ok()).map(|body| Answer { headers, body });
            }
            let renewable = match lack(status) {
                Some(lack) => self.auth.can_renew(&pass, lack).await && lack == Lack::Validity,
                None => false,
            };
            // A 401 proves that the call was not looked at.
            if renewable && !renewed {
                renewed = true;
                continue;
            }
            let fault = self.fault(status, &headers, &body.unwrap_or_default(), bucket, change.right);
            return Err(refusal(fault).error);
        }
    }

    fn fault(
        &self,
        status: StatusCode,
        headers: &HeaderMap,
        body: &[u8],
        bucket: Bucket,
        right: Right,
    ) -> Fault {
        if status == StatusCode::TOO_MANY_REQUESTS {
            let longest = RETRY_AFTER_MAX.to_std().unwrap_or_default();
            let asked = net::retry_after(headers, longest).and_then(|wait| Duration::from_std(wait).ok());
            let chance = Duration::milliseconds(fastrand::i64(0..250));
            let until = self.clock.now() + asked.unwrap_or_else(|| self.pause(1)) + chance;
            self.rates.close(bucket, until);
            return Fault::Limited(until);
        }
        let refusal = errors::classify(status, headers, body, right);
        match refusal.error {
            IdentityError::Transient(_) if !refusal.is(errors::EXPIRED_PAGE) => Fault::Passing(refusal),
            _ => Fault::Final(refusal),
        }
    }

    /// Sends, and reads the body. A body that breaks off is an error of its own: the status has been seen by then.
    async fn send(
        &self,
        method: &Method,
        url: &Url,
        request: reqwest::RequestBuilder,
    ) -> Result<(StatusCode, HeaderMap, Result<Vec<u8>, IdentityError>), Fault> {
        let span = tracing::info_span!("entra", %method, path = url.path());
        let sent = Sent::at(self.clock.now());
        let call = async {
            let mut response = request.send().await.map_err(|error| errors::lost(&error))?;
            let (status, headers) = (response.status(), std::mem::take(response.headers_mut()));
            Ok((status, headers, read_body(response, BODY_MAX).await.map_err(errors::no_body)))
        };
        let answer =
            call.instrument(span).await.map_err(|error: IdentityError| Fault::Passing(error.into()))?;
        self.skew.note(sent, &answer.1, self.clock.now());
        Ok(answer)
    }
}

fn lack(status: StatusCode) -> Option<Lack> {
    match status {
        StatusCode::UNAUTHORIZED => Some(Lack::Validity),
        StatusCode::FORBIDDEN => Some(Lack::Permission),
        _ => None,
    }
}

/// A read is answered by JSON. Anything else is a proxy's page or a part of an answer, and the next try may bring all
/// of it: only what is JSON and yet not as expected stays so.
fn whole(body: Vec<u8>) -> Result<Vec<u8>, Fault> {
    match serde_json::from_slice::<serde::de::IgnoredAny>(&body) {
        Ok(_) => Ok(body),
        Err(_) => Err(Fault::Passing(
            IdentityError::Transient(
                "what answered is not Entra ID, or only a part of its answer came".into(),
            )
            .into(),
        )),
    }
}

/// The status says that a change was made, unless somebody between us and Graph says so: its page is no answer.
fn done(body: Option<Vec<u8>>) -> Result<Vec<u8>, IdentityError> {
    let body = body.unwrap_or_default();
    let first = body.iter().find(|byte| !byte.is_ascii_whitespace());
    if first.is_none_or(|byte| b"{[\"".contains(byte)) {
        return Ok(body);
    }
    Err(IdentityError::Transient("what answered is not Entra ID: a proxy or a login page".into()))
}

fn as_fault(error: IdentityError) -> Fault {
    match error {
        IdentityError::Transient(_) => Fault::Passing(error.into()),
        IdentityError::RateLimited { until } => Fault::Limited(until),
        IdentityError::NotFound(_)
        | IdentityError::Refused(_)
        | IdentityError::Denied(_)
        | IdentityError::Malformed(_)
        | IdentityError::NotConfigured(_) => Fault::Final(error.into()),
    }
}

fn refusal(fault: Fault) -> Refusal {
    match fault {
        Fault::Limited(until) => IdentityError::RateLimited { until }.into(),
        Fault::Passing(refusal) | Fault::Final(refusal) => refusal,
    }
}
