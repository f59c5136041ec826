//! Proves to Entra ID which app the bot is, by a secret, a certificate or another issuer's token.
//!
//! An access token is fetched once for all callers, kept, and renewed before it ends. A permission that is granted
//! later is only in the next token: a token that was refused is dropped, unless it was fetched a moment ago. Nothing
//! here is ever logged. See <https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow>.

use std::path::PathBuf;

use anyhow::{Context, ensure};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Duration, Utc};
use http::header::{ACCEPT, HeaderValue};
use http::{HeaderMap, StatusCode};
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use tokio::sync::Mutex;
use url::Url;

use crate::clock::Clock;
use crate::identity::IdentityError;
use crate::net::{Assertion, read_body, retry_after, secret_header};

use super::errors;
use super::settings::{Credential, Places};

const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// A token is renewed this long before it ends, or a tenth of its life before if that is less.
const RENEW_BEFORE: Duration = Duration::minutes(5);
/// A token this young has every permission that was granted: another one would have no more.
const YOUNG: Duration = Duration::minutes(1);
/// A token has a few thousand characters at most.
const ANSWER_BYTES_MAX: usize = 1 << 20;
/// A token of another issuer has a few thousand characters, too.
const FEDERATED_BYTES_MAX: usize = 1 << 16;
/// The longest time that the endpoint may keep us away.
const RETRY_AFTER_MAX: std::time::Duration = std::time::Duration::from_secs(600);

/// What the app signs in with, ready for use.
enum Proof {
    Secret(SecretString),
    Certificate(Box<Assertion>),
    Federated(PathBuf),
}

impl Proof {
    fn new(credential: Credential, client_id: &str) -> anyhow::Result<Proof> {
        Ok(match credential {
            Credential::Secret(secret) => {
                ensure!(!secret.expose_secret().is_empty(), "the client secret is empty");
                Proof::Secret(secret)
            }
            Credential::Certificate(pem) => {
                let pem = pem.expose_secret();
                let assertion = Assertion::with_certificate(client_id.to_owned(), pem, "the Entra app")?;
                Proof::Certificate(Box::new(assertion))
            }
            Credential::FederatedToken(path) => Proof::Federated(path),
        })
    }

    fn name(&self) -> &'static str {
        match self {
            Proof::Secret(_) => "a client secret",
            Proof::Certificate(_) => "a certificate",
            Proof::Federated(_) => "a federated token",
        }
    }

    /// Returns the fields of a token request that prove the app's identity.
    async fn fields(
        &self,
        audience: &Url,
        now: DateTime<Utc>,
    ) -> Result<Vec<(&'static str, Zeroizing<String>)>, IdentityError> {
        let assertion = match self {
            Proof::Secret(secret) => {
                return Ok(vec![("client_secret", secret.expose_secret().to_owned().into())]);
            }
            Proof::Certificate(assertion) => assertion.sign(audience, now).map_err(|_| {
                IdentityError::Denied("the certificate's key could not sign: check the key".into())
            })?,
            Proof::Federated(path) => federated(path).await?,
        };
        Ok(vec![
            ("client_assertion_type", ASSERTION_TYPE.to_owned().into()),
            ("client_assertion", assertion.into()),
        ])
    }
}

/// Reads another issuer's token, which is replaced every hour or so.
async fn federated(path: &PathBuf) -> Result<String, IdentityError> {
    let unusable = |what: &str| IdentityError::Denied(format!("the file with the federated token {what}"));
    let text = tokio::fs::read_to_string(path).await.map_err(|error| {
        unusable(&format!("can't be read ({}): check federated_token_file", error.kind()))
    })?;
    let token = text.trim();
    let is_token = !token.is_empty()
        && token.len() <= FEDERATED_BYTES_MAX
        && token.bytes().all(|byte| byte.is_ascii_graphic());
    if is_token { Ok(token.to_owned()) } else { Err(unusable("holds no token")) }
}

/// The app's sessions with one tenant.
pub(super) struct Auth {
    client_id: String,
    proof: Proof,
    token_url: Url,
    scope: String,
    clock: Clock,
    /// Held while a token is fetched, so that all who need one wait for the same.
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    token: Option<Token>,
    /// Counts the tokens.
    generation: u64,
    /// The app's own object in the tenant, as far as a token says.
    own: Option<String>,
}

#[derive(Clone)]
struct Token {
    header: HeaderValue,
    fetched_at: DateTime<Utc>,
    renew_at: DateTime<Utc>,
}

/// What one request carries. The generation tells a later renewal which token was used.
pub(super) struct Pass {
    pub(super) header: HeaderValue,
    generation: u64,
}

/// Why a token was not good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lack {
    /// It is none any more.
    Validity,
    /// It does not have the permission, which may have been granted since.
    Permission,
}

#[derive(Deserialize)]
struct TokenAnswer {
    access_token: String,
    token_type: String,
    expires_in: i64,
}

impl Auth {
    pub(super) fn new(
        tenant_id: &str,
        client_id: String,
        credential: Credential,
        places: &Places,
        clock: Clock,
    ) -> anyhow::Result<Auth> {
        let is_name = |text: &str| {
            !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.".contains(&byte))
        };
        ensure!(is_name(tenant_id), "tenant_id must be the tenant's id or one of its domains");
        ensure!(is_name(&client_id), "client_id must be the app's id");
        let token_url = places.authority.join(&format!("/{tenant_id}/oauth2/v2.0/token"));
        Ok(Auth {
            proof: Proof::new(credential, &client_id)?,
            client_id,
            token_url: token_url.context("the address of Entra ID can't be used")?,
            scope: format!("{}/.default", places.graph.origin().ascii_serialization()),
            clock,
            state: Mutex::default(),
        })
    }

    /// Gets what is needed before the first call, and says what it was got with.
    pub(super) async fn sign_in(&self, client: &reqwest::Client) -> Result<&'static str, IdentityError> {
        self.pass(client).await.map(|_| self.proof.name())
    }

    /// Returns the app's own object in the tenant, as far as a token says.
    pub(super) async fn own(&self, client: &reqwest::Client) -> Result<Option<String>, IdentityError> {
        self.pass(client).await?;
        Ok(self.state.lock().await.own.clone())
    }

    /// Returns what one request carries.
    pub(super) async fn pass(&self, client: &reqwest::Client) -> Result<Pass, IdentityError> {
        let mut state = self.state.lock().await;
        let fresh = state.token.clone().filter(|token| self.clock.now() < token.renew_at);
        let token = match fresh {
            Some(token) => token,
            None => self.renew(&mut state, client).await?,
        };
        Ok(Pass { header: token.header, generation: state.generation })
    }

    /// Returns whether a refused call is worth another try, with another token.
    pub(super) async fn can_renew(&self, refused: &Pass, lack: Lack) -> bool {
        let mut state = self.state.lock().await;
        if state.generation != refused.generation {
            return true;
        }
        let now = self.clock.now();
        let young = state.token.as_ref().is_some_and(|token| (now - token.fetched_at).abs() < YOUNG);
        if lack == Lack::Permission && young {
            return false;
        }
        state.token = None;
        true
    }

    async fn renew(&self, state: &mut State, client: &reqwest::Client) -> Result<Token, IdentityError> {
        let now = self.clock.now();
        let (status, headers, body) = self.ask(now, client).await?;
        if status == StatusCode::TOO_MANY_REQUESTS {
            let wait = retry_after(&headers, RETRY_AFTER_MAX).and_then(|wait| Duration::from_std(wait).ok());
            return Err(IdentityError::RateLimited { until: now + wait.unwrap_or(Duration::minutes(1)) });
        }
        if !status.is_success() {
            return Err(errors::no_token(status, &body));
        }
        let malformed = |why: &str| IdentityError::Malformed(why.to_owned());
        let answer: TokenAnswer = serde_json::from_slice(&body)
            .map_err(|_| malformed("Entra ID's answer for an access token can't be read"))?;
        if !answer.token_type.eq_ignore_ascii_case("bearer") {
            return Err(malformed("Entra ID gave out an unknown type of access token"));
        }
        let secret = SecretString::from(answer.access_token);
        let header = secret_header(&Zeroizing::new(format!("Bearer {}", secret.expose_secret())))
            .ok_or_else(|| malformed("Entra ID gave out a token that can't be sent back"))?;
        let life = Duration::try_seconds(answer.expires_in.clamp(0, 86_400)).unwrap_or_default();
        let renew_at = now + life - RENEW_BEFORE.min(life / 10);
        let token = Token { header, fetched_at: now, renew_at };
        state.own = object_of(secret.expose_secret());
        state.generation += 1;
        state.token = Some(token.clone());
        Ok(token)
    }

    async fn ask(
        &self,
        now: DateTime<Utc>,
        client: &reqwest::Client,
    ) -> Result<(StatusCode, HeaderMap, Vec<u8>), IdentityError> {
        let proof = self.proof.fields(&self.token_url, now).await?;
        let mut form = vec![
            ("grant_type", "client_credentials"),
            ("client_id", self.client_id.as_str()),
            ("scope", self.scope.as_str()),
        ];
        form.extend(proof.iter().map(|(name, value)| (*name, value.as_str())));
        let request = client.post(self.token_url.clone()).header(ACCEPT, "application/json").form(&form);
        let response = request.send().await.map_err(|error| errors::lost(&error))?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = read_body(response, ANSWER_BYTES_MAX).await.map_err(errors::no_body)?;
        Ok((status, headers, body))
    }
}

/// The app's own object, which the audit log may name in place of the client id. Microsoft wants tokens to be opaque,
/// so nothing else is read of one, and nothing is decided by it.
fn object_of(token: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Claims {
        oid: String,
    }
    let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    serde_json::from_slice(&claims).ok().map(|Claims { oid }| oid)
}
