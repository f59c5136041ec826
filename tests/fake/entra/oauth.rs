//! `POST /{tenant}/oauth2/v2.0/token`: client credentials by secret, by certificate
//! (<https://learn.microsoft.com/entra/identity-platform/certificate-credentials>) or by another issuer's token
//! (<https://learn.microsoft.com/entra/workload-id/workload-identity-federation>).

use std::collections::BTreeMap;

use axum::extract::{Extension, Path, State};
use axum::response::{IntoResponse, Response};
use axum::{Form, Json};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Duration, Utc};
use rustls::pki_types::CertificateDer;
use serde_json::{Value, json};

use super::super::jwt::{said, signed, verified_claims};
use super::super::pipeline::Route;
use super::super::wire::random_text;
use super::access::{Access, App, Caller, Certificate, Issued};
use super::settings::Settings;
use super::wire::{TokenError, guid, is_guid};
use super::{Shared, State as Tenant};

const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
const FEDERATED_AUDIENCE: &str = "api://AzureADTokenExchange";
/// How long a certificate's assertion may live: Entra sets no limit, its documents say 5 to 10 minutes.
const ASSERTION_LIFE_MAX: Duration = Duration::minutes(10);

type Fields = BTreeMap<String, String>;

fn field<'a>(fields: &'a Fields, name: &str) -> &'a str {
    fields.get(name).map(String::as_str).unwrap_or_default()
}

/// The handler.
pub async fn token(
    State(world): State<Shared>,
    Extension(route): Extension<Route>,
    Path(tenant): Path<String>,
    Form(fields): Form<Fields>,
) -> Response {
    let now = world.now();
    let mut state = world.lock();
    let request = Request { url: &format!("{}{}", world.base, route.path), base: &world.base, now };
    match request.issue(&mut state, &tenant, &fields) {
        Ok(answer) => Json(answer).into_response(),
        Err(error) => error.response(now),
    }
}

struct Request<'a> {
    /// The address of the token endpoint.
    url: &'a str,
    base: &'a str,
    now: DateTime<Utc>,
}

impl Request<'_> {
    fn issue(&self, state: &mut Tenant, tenant: &str, fields: &Fields) -> Result<Value, TokenError> {
        check_tenant(&state.settings, tenant)?;
        self.check_form(fields)?;
        let client_id = field(fields, "client_id");
        let app = known_app(&state.access, client_id)?;
        let jti = self.prove(app, client_id, fields)?;
        let caller = Caller {
            app_id: client_id.to_owned(),
            object_id: app.object_id.clone(),
            name: app.name.clone(),
            permissions: app.permissions.clone(),
            correlation_id: String::new(),
        };
        if jti.is_some_and(|jti| !state.access.use_assertion(&jti)) {
            return Err(TokenError::new(401, "invalid_client", 700_027, "The assertion was used before."));
        }
        let life = state.settings.token_life.unwrap_or_else(|| Duration::seconds(fastrand::i64(3599..5400)));
        let token = self.jwt(&state.settings, &caller, life);
        state.access.issued.insert(token.clone(), Issued { caller, expires: self.now + life });
        let seconds = life.num_seconds();
        Ok(json!({
            "token_type": "Bearer", "expires_in": seconds, "ext_expires_in": seconds, "access_token": token,
        }))
    }

    fn check_form(&self, fields: &Fields) -> Result<(), TokenError> {
        let invalid =
            |number, text: &str| Err(TokenError::new(400, "invalid_request", number, text.to_owned()));
        let known = [
            "grant_type",
            "client_id",
            "scope",
            "client_secret",
            "client_assertion_type",
            "client_assertion",
            // Microsoft's own libraries send it along.
            "client_info",
        ];
        if let Some(unknown) = fields.keys().find(|name| !known.contains(&name.as_str())) {
            return invalid(9_002_313, &format!("The fake takes no parameter '{unknown}'."));
        }
        for name in ["grant_type", "client_id", "scope"] {
            if field(fields, name).is_empty() {
                let text = format!("The request body must contain the following parameter: '{name}'.");
                return invalid(900_144, &text);
            }
        }
        if field(fields, "grant_type") != "client_credentials" {
            let text = "The app requested an unsupported grant type.";
            return Err(TokenError::new(400, "unsupported_grant_type", 70_003, text));
        }
        self.check_scope(field(fields, "scope"))
    }

    /// The one scope of client credentials: everything that was granted at Graph.
    fn check_scope(&self, scope: &str) -> Result<(), TokenError> {
        let Some(resource) = scope.strip_suffix("/.default") else {
            let text = format!(
                "The provided value for scope {scope} is not valid. Client credential flows must have a scope value \
                 with /.default suffixed to the resource identifier (application ID URI)."
            );
            return Err(TokenError::new(400, "invalid_scope", 1_002_012, text));
        };
        if resource.contains(' ') {
            let text = format!("The provided value for the input parameter 'scope' is not valid: {scope}.");
            return Err(TokenError::new(400, "invalid_scope", 70_011, text));
        }
        if resource != self.base {
            let text = format!("The resource principal named {resource} was not found in the tenant.");
            return Err(TokenError::new(400, "invalid_resource", 500_011, text));
        }
        Ok(())
    }

    /// Checks the one credential of the request; the `jti` that it uses up, if it has one.
    fn prove(&self, app: &App, client_id: &str, fields: &Fields) -> Result<Option<String>, TokenError> {
        let (secret, assertion) = (fields.get("client_secret"), fields.get("client_assertion"));
        if app.public {
            let text =
                "Client is public so neither 'client_assertion' nor 'client_secret' should be presented.";
            return Err(TokenError::new(401, "invalid_client", 700_025, text));
        }
        match (secret, assertion) {
            (Some(secret), None) => self.check_secret(app, secret).map(|()| None),
            (None, Some(assertion)) => {
                if field(fields, "client_assertion_type") != ASSERTION_TYPE {
                    let text = "The client_assertion_type is missing or wrong.";
                    return Err(TokenError::new(400, "invalid_request", 900_144, text));
                }
                self.check_assertion(app, client_id, assertion)
            }
            _ => {
                let text = "Exactly one of 'client_assertion' and 'client_secret' is required.";
                Err(TokenError::new(401, "invalid_client", 7_000_216, text))
            }
        }
    }

    fn check_secret(&self, app: &App, value: &str) -> Result<(), TokenError> {
        let Some(secret) = app.secrets.iter().find(|secret| secret.value == value) else {
            let is_id = app.secrets.iter().any(|secret| secret.id == value);
            let hint = if is_id { " Ensure the secret being sent is the value, not the ID." } else { "" };
            let text = format!("Invalid client secret provided.{hint}");
            return Err(TokenError::new(401, "invalid_client", 7_000_215, text));
        };
        if secret.expires <= self.now {
            let text = "The provided client secret keys are expired.";
            return Err(TokenError::new(401, "invalid_client", 7_000_222, text));
        }
        Ok(())
    }

    fn check_assertion(
        &self,
        app: &App,
        client_id: &str,
        assertion: &str,
    ) -> Result<Option<String>, TokenError> {
        let (header, claims) = said(assertion)
            .map_err(|cause| TokenError::new(401, "invalid_client", 50_027, format!("{cause}.")))?;
        if claims["iss"].as_str() == Some(client_id) {
            self.check_certificate(app, client_id, assertion, &header, &claims).map(Some)
        } else {
            self.check_federated(app, assertion, &header, &claims).map(|()| None)
        }
    }

    fn check_certificate(
        &self,
        app: &App,
        client_id: &str,
        assertion: &str,
        header: &Value,
        claims: &Value,
    ) -> Result<String, TokenError> {
        let invalid = |number, text: &str| TokenError::new(401, "invalid_client", number, text.to_owned());
        if header["alg"] != "PS256" || header["typ"] != "JWT" {
            return Err(invalid(700_027, "The fake takes assertions of type JWT by PS256 only."));
        }
        // MSAL pads the thumbprint, Microsoft's page doesn't.
        let thumbprint = header["x5t#S256"].as_str().unwrap_or_default().trim_end_matches('=');
        let certificate = app.certificates.iter().find(|certificate| certificate.thumbprint == thumbprint);
        let certificate = certificate.ok_or_else(|| {
            invalid(
                700_027,
                "The certificate with identifier used to sign the client assertion is not registered.",
            )
        })?;
        if certificate.expires <= self.now {
            return Err(invalid(700_027, "The certificate used to sign the client assertion is expired."));
        }
        if !is_signed_by(assertion, certificate) {
            return Err(invalid(50_012, "The key was not found or the signature is invalid."));
        }
        if claims["sub"].as_str() != Some(client_id) {
            return Err(invalid(
                700_021,
                "Client assertion application identifier doesn't match 'client_id'.",
            ));
        }
        if claims["aud"].as_str() != Some(self.url) {
            return Err(invalid(
                700_023,
                "Client assertion audience claim does not match the token endpoint.",
            ));
        }
        self.check_times(claims)?;
        let jti = claims["jti"].as_str().filter(|jti| !jti.is_empty());
        jti.map(str::to_owned).ok_or_else(|| invalid(700_027, "The assertion has no jti."))
    }

    fn check_times(&self, claims: &Value) -> Result<(), TokenError> {
        let time = |name: &str| numeric_date(&claims[name]);
        let text = format!(
            "Client assertion is not within its valid time range. Current time: {}, assertion valid from {}, expiry \
             time of assertion {}.",
            self.now, claims["nbf"], claims["exp"]
        );
        let error = Err(TokenError::new(401, "invalid_client", 700_024, text));
        let Some(expires) = time("exp") else { return error };
        let is_early = ["nbf", "iat"].iter().any(|name| time(name).is_some_and(|at| at > self.now + SKEW));
        let is_long = expires > self.now + ASSERTION_LIFE_MAX + SKEW;
        if expires <= self.now || is_early || is_long { error } else { Ok(()) }
    }

    fn check_federated(
        &self,
        app: &App,
        assertion: &str,
        header: &Value,
        claims: &Value,
    ) -> Result<(), TokenError> {
        let invalid = |number, text: &str| {
            let text = format!("No matching federated identity record found for presented assertion {text}.");
            TokenError::new(401, "invalid_client", number, text)
        };
        let text = |name: &str| claims[name].as_str().unwrap_or_default();
        let mut known = app.federations.iter().filter(|known| known.issuer == text("iss")).peekable();
        if known.peek().is_none() {
            return Err(invalid(700_211, &format!("issuer '{}'", text("iss"))));
        }
        let federation = known.find(|known| known.subject == text("sub"));
        let federation = federation.ok_or_else(|| invalid(700_213, &format!("subject '{}'", text("sub"))))?;
        if text("aud") != FEDERATED_AUDIENCE {
            return Err(invalid(700_212, &format!("audience '{}'", text("aud"))));
        }
        let kid = header["kid"].as_str();
        let key = federation.keys.iter().find(|key| kid.is_none() || key["kid"].as_str() == kid);
        if key.is_none_or(|key| verified_claims(assertion, key).is_err()) {
            let text = "Assertion failed signature validation.";
            return Err(TokenError::new(401, "invalid_client", 50_013, text));
        }
        if numeric_date(&claims["exp"]).is_none_or(|expires| expires <= self.now) {
            let text = "Assertion is not within its valid time range.";
            return Err(TokenError::new(401, "invalid_client", 500_133, text));
        }
        Ok(())
    }

    /// Opaque for clients, and a JWT all the same. Its signature is none: nobody but the fake may look into it.
    fn jwt(&self, settings: &Settings, caller: &Caller, life: Duration) -> String {
        let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let mut claims = json!({
            "aud": self.base,
            "iss": format!("https://sts.windows.net/{}/", settings.tenant_id),
            "iat": self.now.timestamp(),
            "nbf": self.now.timestamp(),
            "exp": (self.now + life).timestamp(),
            "appid": caller.app_id,
            "app_displayname": caller.name,
            "idtyp": "app",
            "oid": caller.object_id,
            "sub": caller.object_id,
            "tid": settings.tenant_id,
            "uti": guid(),
        });
        if !caller.permissions.is_empty() {
            claims["roles"] = json!(caller.permissions);
        }
        let header = json!({ "typ": "JWT", "alg": "RS256", "kid": "fake" });
        format!("{}.{}.{}", encode(&header), encode(&claims), random_text(64))
    }
}

/// A `NumericDate` of RFC 7519, which may have a fraction: MSAL's does.
fn numeric_date(claim: &Value) -> Option<DateTime<Utc>> {
    let number = claim.as_number()?.to_string();
    let seconds = number.split('.').next()?.parse().ok()?;
    DateTime::from_timestamp(seconds, 0)
}

/// How far two honest clocks may be apart.
const SKEW: Duration = Duration::minutes(5);

fn check_tenant(settings: &Settings, tenant: &str) -> Result<(), TokenError> {
    if tenant == settings.tenant_id || tenant == settings.domain {
        return Ok(());
    }
    let (number, text) = if is_guid(tenant) || tenant.contains('.') {
        (
            90_002,
            format!(
                "Tenant '{tenant}' not found. Check to make sure you are signing into the correct cloud."
            ),
        )
    } else {
        (50_059, format!("No tenant-identifying information found in '{tenant}'."))
    };
    Err(TokenError::new(400, "invalid_request", number, text))
}

fn known_app<'a>(access: &'a Access, client_id: &str) -> Result<&'a App, TokenError> {
    let Some(app) = access.apps.get(client_id) else {
        let text = format!("Application with identifier '{client_id}' was not found in the directory.");
        return Err(TokenError::new(400, "unauthorized_client", 700_016, text));
    };
    if !app.enabled {
        let text = format!("Application '{client_id}' is disabled.");
        return Err(TokenError::new(400, "unauthorized_client", 7_000_112, text));
    }
    Ok(app)
}

/// Whether the certificate's RSA key of at least 2048 bits made the signature, by PS256.
fn is_signed_by(assertion: &str, certificate: &Certificate) -> bool {
    let der = CertificateDer::from(certificate.der.as_slice());
    let Ok(certificate) = webpki::EndEntityCert::try_from(&der) else { return false };
    signed(assertion).is_ok_and(|(signed, signature)| {
        let algorithm = webpki::ring::RSA_PSS_2048_8192_SHA256_LEGACY_KEY;
        certificate.verify_signature(algorithm, signed, &signature).is_ok()
    })
}
