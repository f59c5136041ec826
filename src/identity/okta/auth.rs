//! Proves to Okta who the bot is: an API token, or an OAuth service app with its private key and `DPoP`.
//!
//! An access token is fetched once for all callers, kept, and renewed before it ends. The first call for one already
//! carries a `DPoP` proof, since apps made since 2024 demand it; if Okta then hands out a plain Bearer token, no proofs
//! are sent with it. Nothing here is ever logged.
//! See <https://developer.okta.com/docs/guides/implement-oauth-for-okta-serviceapp/main/>.

use anyhow::{Context, bail};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Duration, Utc};
use http::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use http::{Method, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use tokio::sync::Mutex;
use url::Url;

use crate::clock::Clock;
use crate::identity::IdentityError;
use crate::net::{Assertion, DpopKey, read_body, secret_header};

use super::errors::{self, Kind};

const DPOP: HeaderName = HeaderName::from_static("dpop");
const DPOP_NONCE: HeaderName = HeaderName::from_static("dpop-nonce");
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// A token is renewed this long before it ends, or a tenth of its life before if that is less.
const RENEW_BEFORE: Duration = Duration::minutes(5);
/// The first call, one with the nonce, and one more if the nonce had just changed.
const TOKEN_CALLS_MAX: u32 = 3;
/// A token has a few thousand characters at most.
const ANSWER_BYTES_MAX: usize = 1 << 20;

/// How the bot proves to Okta who it is.
#[derive(Clone, Debug)]
pub enum Credential {
    /// An API token (SSWS): carries all rights of the admin who made it.
    ApiToken(SecretString),
    /// An OAuth 2.0 service app, which Okta recomfixes: rights by scope and by an admin role.
    ServiceApp {
        /// The app's client id.
        client_id: String,
        /// Its private key, RSA or EC P-256, in PEM (PKCS#8, PKCS#1 or SEC1).
        private_key_pem: SecretString,
        /// The key's id, needed if the app has several keys.
        key_id: Option<String>,
        /// The scopes to ask for; only granted ones may be listed.
        scopes: Vec<String>,
    },
}

impl Credential {
    /// Returns whether both prove the same, with the same rights.
    pub(super) fn same_as(&self, other: &Credential) -> bool {
        match (self, other) {
            (Credential::ApiToken(ours), Credential::ApiToken(theirs)) => {
                ours.expose_secret() == theirs.expose_secret()
            }
            (
                Credential::ServiceApp { client_id, private_key_pem, key_id, scopes },
                Credential::ServiceApp {
                    client_id: other_id,
                    private_key_pem: other_pem,
                    key_id: other_key_id,
                    scopes: other_scopes,
                },
            ) => {
                client_id == other_id
                    && private_key_pem.expose_secret() == other_pem.expose_secret()
                    && key_id == other_key_id
                    && scopes == other_scopes
            }
            (Credential::ApiToken(_), Credential::ServiceApp { .. })
            | (Credential::ServiceApp { .. }, Credential::ApiToken(_)) => false,
        }
    }
}

/// The credential, ready for use.
pub(super) enum Auth {
    ApiToken(HeaderValue),
    App(Box<App>),
}

/// What one request carries. The generation tells a later renewal which token was used.
pub(super) struct Pass {
    headers: HeaderMap,
    generation: u64,
}

impl Pass {
    pub(super) fn headers(&self) -> HeaderMap {
        self.headers.clone()
    }
}

impl Auth {
    pub(super) fn new(credential: Credential, base: &Url, clock: Clock) -> anyhow::Result<Auth> {
        match credential {
            Credential::ApiToken(token) => {
                let token = token.expose_secret().trim();
                if token.is_empty() {
                    bail!("the Okta API token is empty");
                }
                let value = secret_header(&format!("SSWS {token}"))
                    .context("the Okta API token has characters that no token has")?;
                Ok(Auth::ApiToken(value))
            }
            Credential::ServiceApp { client_id, private_key_pem, key_id, scopes } => {
                let token_url = base.join("/oauth2/v1/token").context("the Okta org URL can't be used")?;
                if client_id.is_empty() || scopes.is_empty() {
                    bail!("the Okta service app needs a client id and at least one scope");
                }
                Ok(Auth::App(Box::new(App {
                    assertion: Assertion::new(
                        client_id,
                        private_key_pem.expose_secret(),
                        key_id,
                        "the Okta app",
                    )?,
                    dpop: DpopKey::generate()?,
                    scopes,
                    token_url,
                    clock,
                    state: Mutex::default(),
                })))
            }
        }
    }

    pub(super) fn kind(&self) -> Kind {
        match self {
            Auth::ApiToken(_) => Kind::ApiToken,
            Auth::App(_) => Kind::ServiceApp,
        }
    }

    /// Gets what is needed before the first call, and says what it is.
    pub(super) async fn sign_in(&self, client: &reqwest::Client) -> Result<&'static str, IdentityError> {
        match self {
            Auth::ApiToken(_) => Ok("an API token"),
            Auth::App(app) => {
                let mut state = app.state.lock().await;
                let token = app.token(&mut state, client).await?;
                Ok(if token.dpop { "a service app with DPoP" } else { "a service app without DPoP" })
            }
        }
    }

    /// The headers for one request to `url`; each request needs its own.
    pub(super) async fn pass(
        &self,
        client: &reqwest::Client,
        method: &Method,
        url: &Url,
    ) -> Result<Pass, IdentityError> {
        match self {
            Auth::ApiToken(value) => {
                Ok(Pass { headers: HeaderMap::from_iter([(AUTHORIZATION, value.clone())]), generation: 0 })
            }
            Auth::App(app) => app.pass(client, method, url).await,
        }
    }

    /// Whether a 401 is worth another try: with the nonce that it asked for, or with another token.
    pub(super) async fn can_renew(&self, refused: &Pass, headers: &HeaderMap) -> bool {
        let Auth::App(app) = self else { return false };
        let mut state = app.state.lock().await;
        let asked = nonce(headers).filter(|asked| state.api_nonce.as_ref() != Some(asked));
        if asked.is_some() {
            state.api_nonce = asked;
        } else if state.generation == refused.generation {
            state.token = None;
        }
        true
    }
}

fn nonce(headers: &HeaderMap) -> Option<String> {
    headers.get(DPOP_NONCE)?.to_str().ok().map(str::to_owned)
}

/// A service app's sessions with Okta.
pub(super) struct App {
    assertion: Assertion,
    dpop: DpopKey,
    scopes: Vec<String>,
    token_url: Url,
    clock: Clock,
    /// Held while a token is fetched, so that all who need one wait for the same.
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    token: Option<Token>,
    /// Counts the tokens.
    generation: u64,
    /// The nonce that the token endpoint wants; Okta changes it daily.
    token_nonce: Option<String>,
    /// The nonce that the API wants; so far it wants none.
    api_nonce: Option<String>,
}

#[derive(Clone)]
struct Token {
    value: SecretString,
    dpop: bool,
    renew_at: DateTime<Utc>,
}

#[derive(Deserialize)]
struct TokenAnswer {
    access_token: String,
    token_type: String,
    expires_in: i64,
}

impl App {
    async fn pass(
        &self,
        client: &reqwest::Client,
        method: &Method,
        url: &Url,
    ) -> Result<Pass, IdentityError> {
        let mut state = self.state.lock().await;
        let token = self.token(&mut state, client).await?;
        let scheme = if token.dpop { "DPoP" } else { "Bearer" };
        let secret = token.value.expose_secret();
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, header(&format!("{scheme} {secret}"))?);
        if token.dpop {
            let ath = URL_SAFE_NO_PAD.encode(Sha256::digest(secret));
            let proof = self
                .dpop
                .proof(method, url, self.clock.now(), state.api_nonce.as_deref(), Some(&ath))
                .map_err(signing)?;
            headers.insert(DPOP, header(&proof)?);
        }
        Ok(Pass { headers, generation: state.generation })
    }

    async fn token(&self, state: &mut State, client: &reqwest::Client) -> Result<Token, IdentityError> {
        if let Some(token) = state.token.as_ref().filter(|token| self.clock.now() < token.renew_at) {
            return Ok(token.clone());
        }
        let token = self.fetch(state, client).await?;
        state.generation += 1;
        state.token = Some(token.clone());
        Ok(token)
    }

    async fn fetch(&self, state: &mut State, client: &reqwest::Client) -> Result<Token, IdentityError> {
        for _ in 0..TOKEN_CALLS_MAX {
            let now = self.clock.now();
            let (status, headers, body) = self.ask(state.token_nonce.as_deref(), now, client).await?;
            if status.is_success() {
                return accept(&body, now);
            }
            let code = errors::code(&body);
            let Some(nonce) = nonce(&headers).filter(|_| code.as_deref() == Some("use_dpop_nonce")) else {
                return Err(refusal(status, &headers, code.as_deref(), now));
            };
            state.token_nonce = Some(nonce);
        }
        Err(IdentityError::Malformed("Okta keeps asking for another DPoP nonce".into()))
    }

    async fn ask(
        &self,
        nonce: Option<&str>,
        now: DateTime<Utc>,
        client: &reqwest::Client,
    ) -> Result<(StatusCode, HeaderMap, Vec<u8>), IdentityError> {
        let proof = self.dpop.proof(&Method::POST, &self.token_url, now, nonce, None).map_err(signing)?;
        let assertion = self.assertion.sign(&self.token_url, now).map_err(signing)?;
        let scope = self.scopes.join(" ");
        let form = [
            ("grant_type", "client_credentials"),
            ("scope", scope.as_str()),
            ("client_assertion_type", ASSERTION_TYPE),
            ("client_assertion", assertion.as_str()),
        ];
        let request = client.post(self.token_url.clone()).header(DPOP, header(&proof)?);
        let response = request
            .header(http::header::ACCEPT, "application/json")
            .form(&form)
            .send()
            .await
            .map_err(|error| errors::lost(&error))?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = read_body(response, ANSWER_BYTES_MAX).await.map_err(errors::no_body)?;
        Ok((status, headers, body))
    }
}

fn accept(body: &[u8], now: DateTime<Utc>) -> Result<Token, IdentityError> {
    let answer: TokenAnswer = serde_json::from_slice(body)
        .map_err(|_| IdentityError::Malformed("Okta's answer for an access token can't be read".into()))?;
    let dpop = match answer.token_type.to_ascii_lowercase().as_str() {
        "dpop" => true,
        "bearer" => false,
        _ => return Err(IdentityError::Malformed("Okta gave out an unknown type of access token".into())),
    };
    let life = Duration::try_seconds(answer.expires_in.clamp(0, 86_400)).unwrap_or_default();
    let renew_at = now + life - RENEW_BEFORE.min(life / 10);
    Ok(Token { value: answer.access_token.into(), dpop, renew_at })
}

fn refusal(status: StatusCode, headers: &HeaderMap, code: Option<&str>, now: DateTime<Utc>) -> IdentityError {
    let reference = errors::reference(status, code, headers);
    let fix = match (status.as_u16(), code) {
        (429, _) => return IdentityError::RateLimited { until: now + Duration::minutes(1) },
        (408 | 500..=599, _) => {
            return IdentityError::Transient(format!("Okta gave out no access token {reference}"));
        }
        (_, Some("invalid_client")) => {
            "check the client id, that the app is active, that its public key is registered, the key id if it has \
             several keys, and this machine's clock"
        }
        (_, Some("invalid_scope")) => {
            "grant every scope that the configuration lists, or list only granted ones"
        }
        (_, Some("invalid_dpop_proof")) => {
            "check this machine's clock, and that the org URL is the org's own"
        }
        (404, _) => "check the org URL",
        _ => "check the app's client credentials grant, scopes and network zones",
    };
    IdentityError::Denied(format!("Okta gave the service app no access token {reference}: {fix}"))
}

fn header(text: &str) -> Result<HeaderValue, IdentityError> {
    secret_header(text)
        .ok_or_else(|| IdentityError::Malformed("Okta gave out a token that can't be sent back".into()))
}

fn signing(_: anyhow::Error) -> IdentityError {
    IdentityError::Denied("the service app's private key could not sign: check the key".into())
}
