//! The one path that every call to Okta takes: its turn within the rate limit, the credential, the send, and one
//! place that decides what the answer means.
//!
//! Reads are tried again after 429, 5xx and broken connections, a bounded number of times within a bounded time.
//! A change is sent once: only an answer that proves that it was not looked at (429, or 401 for an access token that
//! needed renewing) is followed by another. Anything else that happens to a change is returned to the caller, who reads
//! the account and decides.

use std::time::{Duration as StdDuration, Instant};

use anyhow::{Context, ensure};
use chrono::{DateTime, Duration, Utc};
use http::header::{CONTENT_LENGTH, HeaderMap};
use http::{Method, StatusCode};
use serde::Deserialize;
use tracing::Instrument as _;
use url::Url;

use crate::clock::Clock;
use crate::identity::skew::{Sent, Skew};
use crate::identity::{IdentityError, Reference, Traffic};
use crate::net::{self, is_safe, read_body};
use crate::scheduler::Class;

use super::auth::Auth;
use super::errors::{self, Kind, Right};
use super::rate::{Bucket, Rates, Reported, WAIT_MAX};
use super::settings::Settings;

/// How often one call is sent at most, whatever goes wrong.
const ATTEMPTS_MAX: u32 = 5;
/// A read gives up after this long; a sweep has other chances.
const READ_TIME_MAX: StdDuration = StdDuration::from_secs(300);
/// How many windows of a rate limit a read waits for its turn.
const READ_WINDOWS_MAX: u32 = 5;
/// Okta is being maintained: it answers questions and takes no changes.
const READ_ONLY: &str = "E0000010";
/// How many windows a question waits for: after that a person is asked to try again.
const QUESTION_WINDOWS_MAX: u32 = 1;
/// A change never waits between looking and acting.
const CHANGE_WINDOWS_MAX: u32 = 0;
/// A connection that nobody uses is kept for the next call, but no more than this.
const IDLE_CONNECTIONS_MAX: usize = 4;
/// The pause before another attempt never gets longer.
const PAUSE_MAX: StdDuration = StdDuration::from_secs(15);
const CONNECT_TIMEOUT: StdDuration = StdDuration::from_secs(10);
/// The longest time that a gateway may keep us away; it knows nothing of what waits.
const RETRY_AFTER_MAX: StdDuration = StdDuration::from_secs(3600);
/// A page of 200 users or 1000 log events is a few MB.
const BODY_MAX: usize = 32 << 20;

/// A successful answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

impl Answer {
    /// The body as JSON; `what` names it in the error, which never quotes it.
    pub(super) fn json<'a, T: Deserialize<'a>>(&'a self, what: &str) -> Result<T, IdentityError> {
        // As text at once: that is quicker than string by string.
        let text = std::str::from_utf8(&self.body).ok();
        text.and_then(|text| serde_json::from_str(text).ok()).ok_or_else(|| {
            IdentityError::Malformed(format!("Okta's answer for {what} is not what was expected"))
        })
    }
}

/// Why one attempt failed, as far as it matters for another.
enum Fault {
    /// A 429 of a bucket: welcome again then.
    Limited(DateTime<Utc>),
    /// A 429 without a window: too many calls at the same moment.
    Busy,
    /// 5xx, timeout, broken connection.
    Passing(IdentityError),
    /// Another attempt would end the same way.
    Final(IdentityError),
}

/// The way to one org.
pub(super) struct Http {
    client: reqwest::Client,
    base: Url,
    auth: Auth,
    rates: Rates,
    skew: Skew,
    clock: Clock,
    retry_pause: StdDuration,
}

impl Http {
    pub(super) fn new(settings: Settings, clock: Clock) -> anyhow::Result<Http> {
        let base = checked_base(settings.org_url)?;
        ensure!(
            settings.rate_share > 0.0 && settings.rate_share <= 1.0,
            "the share of Okta's rate limit must be above 0 and at most 1"
        );
        let client = settings
            .network
            .http(&base, settings.request_timeout)?
            .connect_timeout(CONNECT_TIMEOUT)
            .pool_max_idle_per_host(IDLE_CONNECTIONS_MAX);
        Ok(Http {
            client: client.build().context("could not set up the HTTP client for Okta")?,
            auth: Auth::new(settings.credential, &base, clock.clone())?,
            rates: Rates::new(settings.rate_share, settings.concurrency, clock.clone()),
            skew: Skew::new(errors::MARK),
            base,
            clock,
            retry_pause: settings.retry_pause,
        })
    }

    pub(super) fn base(&self) -> &Url {
        &self.base
    }

    pub(super) fn clock(&self) -> &Clock {
        &self.clock
    }

    pub(super) fn kind(&self) -> Kind {
        self.auth.kind()
    }

    /// How far our clock is ahead of Okta's, as its recent answers show.
    pub(super) fn clock_ahead(&self) -> Option<Duration> {
        self.skew.ahead(self.clock.now())
    }

    /// The later of our time and, as far as it is known, Okta's: what has happened until now is not after this.
    pub(super) fn latest_now(&self) -> DateTime<Utc> {
        let now = self.clock.now();
        match self.skew.ahead(now) {
            // A second more, since that is what a date is cut off by.
            Some(ahead) if ahead < Duration::zero() => now - ahead + Duration::seconds(1),
            Some(_) | None => now,
        }
    }

    /// The address of `segments` under `/api/v1`, each escaped.
    pub(super) fn url(&self, segments: &[&str]) -> Url {
        let mut url = self.base.clone();
        url.path_segments_mut()
            .expect("the org URL is http or https, so it has a path")
            .clear()
            .extend(["api", "v1"])
            .extend(segments);
        url
    }

    /// What went to and fro since the start.
    pub(super) fn traffic(&self) -> Traffic {
        self.rates.traffic()
    }

    /// Gets an access token if the credential needs one, and names the credential.
    pub(super) async fn sign_in(&self) -> Result<&'static str, IdentityError> {
        self.auth.sign_in(&self.client).await
    }

    /// Reads, trying again where that can help.
    pub(super) async fn get(&self, url: &Url, right: Right) -> Result<Answer, IdentityError> {
        let started = Instant::now();
        let mut attempt = 1;
        loop {
            let fault = match self.once(&Method::GET, url, right).await {
                Ok(answer) => return Ok(answer),
                Err(fault) => fault,
            };
            let until = self.next_try(&fault, attempt);
            if attempt == ATTEMPTS_MAX || started.elapsed() > READ_TIME_MAX {
                return Err(self.give_up(fault));
            }
            let Some(until) = until else { return Err(self.give_up(fault)) };
            tracing::debug!(attempt, ?right, "reading from Okta again");
            match fault {
                Fault::Limited(_) => self.rates.wait(until).await,
                Fault::Busy | Fault::Passing(_) | Fault::Final(_) => self.clock.sleep_until(until).await,
            }
            attempt += 1;
        }
    }

    /// Changes something: sent once, and now or not at all. What the caller knows of the account would be old after a
    /// wait, so a rate limit is theirs to wait for.
    pub(super) async fn change(
        &self,
        method: &Method,
        url: &Url,
        right: Right,
    ) -> Result<Reference, IdentityError> {
        match self.once(method, url, right).await {
            Ok(answer) => Ok(errors::request_id(&answer.headers)),
            Err(Fault::Busy) => Err(IdentityError::RateLimited { until: self.clock.now() + self.pause(1) }),
            Err(fault) => Err(self.give_up(fault)),
        }
    }

    /// Waits until a change fits in our share, for at most one window.
    pub(super) async fn turn_to_change(&self) -> Result<(), IdentityError> {
        self.rates.wait_for_room(Bucket::Users).await.map_err(|until| IdentityError::RateLimited { until })
    }

    /// When another attempt makes sense, if soon.
    fn next_try(&self, fault: &Fault, attempt: u32) -> Option<DateTime<Utc>> {
        match fault {
            Fault::Limited(until) => (*until - self.clock.now() <= WAIT_MAX).then_some(*until),
            Fault::Busy | Fault::Passing(_) => Some(self.clock.now() + self.pause(attempt)),
            Fault::Final(_) => None,
        }
    }

    fn give_up(&self, fault: Fault) -> IdentityError {
        match fault {
            Fault::Limited(until) => IdentityError::RateLimited { until },
            Fault::Busy => IdentityError::RateLimited { until: self.clock.now() + Duration::minutes(1) },
            Fault::Passing(error) | Fault::Final(error) => error,
        }
    }

    /// Doubles from attempt to attempt; up to half of it is chance, so that several callers don't stay in step.
    fn pause(&self, attempt: u32) -> Duration {
        let pause = net::doubled(self.retry_pause, attempt - 1, PAUSE_MAX);
        Duration::from_std(net::spread(pause, 0.5)).unwrap_or(Duration::seconds(1))
    }

    /// One attempt; two when an access token has to be renewed in between.
    async fn once(&self, method: &Method, url: &Url, right: Right) -> Result<Answer, Fault> {
        let bucket = Bucket::of(method, url);
        let is_read = method == Method::GET;
        // A change is what everything else waits for, whatever the task is.
        let class = if is_read { Class::current() } else { Class::Action };
        let windows_max = match class {
            _ if !is_read => CHANGE_WINDOWS_MAX,
            Class::Question => QUESTION_WINDOWS_MAX,
            Class::Action | Class::FreshLook | Class::Sweep => READ_WINDOWS_MAX,
        };
        let mut renewed = false;
        loop {
            let _place = self.rates.place(class, bucket, windows_max).await.map_err(Fault::Limited)?;
            let pass = self.auth.pass(&self.client, method, url).await.map_err(as_fault)?;
            self.rates.count_call();
            let span = tracing::info_span!("okta", %method, path = url.path());
            let sent = Sent::at(self.clock.now());
            let (status, headers, body) =
                self.send(method, url, pass.headers()).instrument(span).await.map_err(Fault::Passing)?;
            let now = self.clock.now();
            self.skew.note(sent, &headers, now);
            let reported = Reported::read(&headers, now);
            if let Some(reported) = reported {
                self.rates.note(bucket, reported);
            }
            if status.is_success() {
                let body = if is_read { whole(body.map_err(Fault::Passing)?)? } else { done(body.ok())? };
                return Ok(Answer { headers, body });
            }
            if status == StatusCode::UNAUTHORIZED && !renewed && self.auth.can_renew(&pass, &headers).await {
                renewed = true;
                continue;
            }
            if status == StatusCode::TOO_MANY_REQUESTS {
                return Err(self.limited(reported, &headers));
            }
            let body = body.unwrap_or_default();
            if !is_read && errors::code(&body).as_deref() == Some(READ_ONLY) {
                // Nothing was changed, and nothing is for a while.
                return Err(Fault::Limited(self.clock.now() + Duration::minutes(1)));
            }
            return Err(as_fault(errors::classify(status, &headers, &body, right, self.kind())));
        }
    }

    /// Okta says when a window ends; whatever stands before Okta may say for how long to stay away.
    fn limited(&self, reported: Option<Reported>, headers: &HeaderMap) -> Fault {
        let wait = match reported {
            Some(reported) if reported.limit > 0 => Some(reported.wait),
            Some(_) => None,
            None => retry_after(headers),
        };
        let chance = Duration::milliseconds(fastrand::i64(0..250));
        wait.map_or(Fault::Busy, |wait| Fault::Limited(self.clock.now() + wait + chance))
    }

    /// Sends, and reads the body. A body that breaks off is an error of its own: the status has been seen by then.
    async fn send(
        &self,
        method: &Method,
        url: &Url,
        pass: HeaderMap,
    ) -> Result<(StatusCode, HeaderMap, Result<Vec<u8>, IdentityError>), IdentityError> {
        let mut request = self.client.request(method.clone(), url.clone()).headers(pass);
        if method == Method::GET {
            request = request.header(http::header::ACCEPT, "application/json");
        } else {
            // Okta answers 411 to a POST without a body and without this, and reqwest doesn't send it by itself.
            request = request.header(CONTENT_LENGTH, "0");
        }
        let mut response = request.send().await.map_err(|error| errors::lost(&error))?;
        let (status, headers) = (response.status(), std::mem::take(response.headers_mut()));
        Ok((status, headers, read_body(response, BODY_MAX).await.map_err(errors::no_body)))
    }
}

/// How long a gateway wants us to stay away.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    Duration::from_std(net::retry_after(headers, RETRY_AFTER_MAX)?).ok()
}

/// A read is answered by JSON. Anything else is a proxy's page or a part of an answer, and the next try may bring all of
/// it: only what is JSON and yet not as expected stays so.
fn whole(body: Vec<u8>) -> Result<Vec<u8>, Fault> {
    match serde_json::from_slice::<serde::de::IgnoredAny>(&body) {
        Ok(_) => Ok(body),
        Err(_) => Err(Fault::Passing(IdentityError::Transient(
            "what answered is not Okta, or only a part of its answer came".into(),
        ))),
    }
}

/// The status says that a change was made, unless somebody between us and Okta says so: its page is no answer. A body
/// that was cut off is Okta's own.
fn done(body: Option<Vec<u8>>) -> Result<Vec<u8>, Fault> {
    let body = body.unwrap_or_default();
    let is_answer =
        body.iter().find(|byte| !byte.is_ascii_whitespace()).is_none_or(|byte| b"{[\"".contains(byte));
    if is_answer {
        return Ok(Vec::new());
    }
    Err(Fault::Passing(IdentityError::Transient("what answered is not Okta: a proxy or a login page".into())))
}

fn as_fault(error: IdentityError) -> Fault {
    match error {
        IdentityError::Transient(_) => Fault::Passing(error),
        IdentityError::RateLimited { until } => Fault::Limited(until),
        IdentityError::NotFound(_)
        | IdentityError::Refused(_)
        | IdentityError::Denied(_)
        | IdentityError::Malformed(_)
        | IdentityError::NotConfigured(_) => Fault::Final(error),
    }
}

/// Only the bare origin of an org, over https, or over http to this machine.
fn checked_base(url: Url) -> anyhow::Result<Url> {
    ensure!(
        is_safe(&url),
        "the Okta org URL must start with https:// (http:// is only accepted for this machine itself)"
    );
    ensure!(
        matches!(url.path(), "" | "/") && url.query().is_none() && url.fragment().is_none(),
        "the Okta org URL must be the bare address of the org, like https://example.okta.com"
    );
    ensure!(
        url.username().is_empty() && url.password().is_none(),
        "the Okta org URL must not contain a user name or password"
    );
    ensure!(
        !url.host_str().is_some_and(is_admin_console),
        "the Okta org URL is the address of the admin console: leave out \"-admin\""
    );
    Ok(url)
}

fn is_admin_console(host: &str) -> bool {
    ["-admin.okta.com", "-admin.oktapreview.com", "-admin.okta-emea.com"]
        .iter()
        .any(|end| host.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_bare_https_origin_or_this_machine_is_accepted() {
        let accepted = |url| checked_base(Url::parse(url).unwrap()).is_ok();
        assert!(accepted("https://example.okta.com"));
        assert!(accepted("http://127.0.0.1:4000/"));
        assert!(accepted("http://[::1]:4000"));
        assert!(!accepted("http://example.okta.com"));
        assert!(!accepted("https://example.okta.com/api"));
        assert!(!accepted("https://example-admin.okta.com"));
        assert!(!accepted("https://me:secret@example.okta.com"));
        assert!(!accepted("ftp://localhost"));
    }
}
