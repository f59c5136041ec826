//! Classifies what Okta answers, once, and says it in our own words.
//!
//! Only the status and Okta's `errorCode` decide; the summary texts change and may hold people's input. No error
//! made here contains a body, a token, a URL or anything of an account: the code, our sentence, and the request id
//! that Okta's support asks for.

use http::{HeaderMap, StatusCode};
use serde::Deserialize;

use crate::identity::{IdentityError, Reference};
use crate::net::{self, BodyError};

/// What a call wants to do, and so which right is missing when Okta says no.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Right {
    ReadUsers,
    Suspend,
    Restore,
    ClearSessions,
    ReadGroups,
    ReadLog,
    ReadRoles,
    ReadTypes,
}

impl Right {
    fn deed(self) -> &'static str {
        match self {
            Right::ReadUsers => "read users",
            Right::Suspend => "suspend users",
            Right::Restore => "unsuspend users",
            Right::ClearSessions => "end users' sessions",
            Right::ReadGroups => "read groups and their members",
            Right::ReadLog => "read the System Log",
            Right::ReadRoles => "read who has administrator roles",
            Right::ReadTypes => "read the user types",
        }
    }

    /// The OAuth scope, see <https://developer.okta.com/docs/api/oauth2/>.
    pub(super) fn scope(self) -> &'static str {
        match self {
            Right::ReadUsers => "okta.users.read",
            Right::Suspend | Right::Restore | Right::ClearSessions => "okta.users.manage",
            Right::ReadGroups => "okta.groups.read",
            Right::ReadLog => "okta.logs.read",
            Right::ReadRoles => "okta.roles.read",
            Right::ReadTypes => "okta.userTypes.read",
        }
    }

    fn role(self) -> &'static str {
        match self {
            Right::ReadUsers => "okta.users.read",
            Right::Suspend => "okta.users.lifecycle.suspend",
            Right::Restore => "okta.users.lifecycle.unsuspend",
            Right::ClearSessions => "okta.users.lifecycle.clearSessions",
            Right::ReadGroups => "okta.groups.read",
            Right::ReadLog => "reading the System Log",
            Right::ReadRoles => "reading administrator roles",
            Right::ReadTypes => "reading user types",
        }
    }
}

/// Which kind of credential the sentences are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    ApiToken,
    ServiceApp,
}

/// The part of an error body that we trust. Gateways answer with HTML, so none of it need be there.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Body {
    #[serde(rename = "errorCode")]
    code: Option<String>,
    /// What the OAuth endpoints send instead.
    error: Option<String>,
}

/// Okta's code for what went wrong, if the body has one that looks like a code.
pub(super) fn code(body: &[u8]) -> Option<String> {
    let body: Body = serde_json::from_slice(body).unwrap_or_default();
    body.code.or(body.error).filter(|code| is_word(code, 40))
}

fn is_word(text: &str, max: usize) -> bool {
    !text.is_empty()
        && text.len() <= max
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
}

/// The header in which each of Okta's own answers has a name for the call.
pub(super) const MARK: &str = "x-okta-request-id";

/// What Okta calls the call, and what its support asks for.
pub(super) fn request_id(headers: &HeaderMap) -> Reference {
    let id = headers.get(MARK)?.to_str().ok()?;
    is_word(id, 64).then(|| id.to_owned())
}

/// `(E0000001, request abc)`: what Okta's support needs.
pub(super) fn reference(status: StatusCode, code: Option<&str>, headers: &HeaderMap) -> String {
    let request = request_id(headers).map(|id| format!(", request {id}")).unwrap_or_default();
    match code {
        Some(code) => format!("(HTTP {}, {code}{request})", status.as_u16()),
        None => format!("(HTTP {}{request})", status.as_u16()),
    }
}

/// The class of an answer that is neither a success nor a 429.
pub(super) fn classify(
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
    right: Right,
    kind: Kind,
) -> IdentityError {
    let code = code(body);
    let code = code.as_deref();
    let reference = reference(status, code, headers);
    match status.as_u16() {
        400 if code == Some("E0000001") && right == Right::Suspend => IdentityError::Refused(format!(
            "Okta does not suspend an account in its present status {reference}"
        )),
        400 if code == Some("E0000001") && right == Right::Restore => IdentityError::Refused(format!(
            "Okta does not unsuspend an account in its present status {reference}"
        )),
        400 if matches!(code, Some("E0000031" | "E0000053")) => IdentityError::Refused(format!(
            "Okta did not understand the search or filter: check the names and values in the policy {reference}"
        )),
        401 => IdentityError::Denied(unauthorised(kind, &reference)),
        403 => IdentityError::Denied(forbidden(right, kind, &reference)),
        404 => IdentityError::NotFound(format!("Okta has no such object {reference}")),
        300..=399 => IdentityError::Malformed(format!(
            "Okta redirected the call, which is not followed: check the org URL {reference}"
        )),
        503 if code == Some("E0000010") => {
            IdentityError::Transient(format!("Okta is in read-only mode for maintenance {reference}"))
        }
        408 | 425 | 500..=599 => {
            IdentityError::Transient(format!("Okta had an internal problem {reference}"))
        }
        400..=499 => IdentityError::Refused(format!("Okta refused the call {reference}")),
        _ => IdentityError::Malformed(format!("Okta answered with an unexpected status {reference}")),
    }
}

fn unauthorised(kind: Kind, reference: &str) -> String {
    match kind {
        Kind::ApiToken => format!(
            "Okta does not accept the API token {reference}; it was revoked, expired after 30 days without use, \
             belongs to a deactivated admin, or may not be used from this network: make a new one"
        ),
        Kind::ServiceApp => format!(
            "Okta does not accept the app's access token {reference}: check that the app is active and that the \
             org URL is right"
        ),
    }
}

fn forbidden(right: Right, kind: Kind, reference: &str) -> String {
    let deed = right.deed();
    match kind {
        Kind::ApiToken => format!(
            "the API token may not {deed} {reference}: give the admin who owns it a role that includes {}",
            right.role()
        ),
        Kind::ServiceApp => format!(
            "the service app may not {deed} {reference}: grant it the scope {}, list that scope in the \
             configuration, and give it an admin role that includes {}",
            right.scope(),
            right.role()
        ),
    }
}

/// Classifies a failure below HTTP. Says nothing of the error's own text, which may hold the URL and so names.
pub(super) fn lost(error: &reqwest::Error) -> IdentityError {
    IdentityError::Transient(net::why(error, "Okta"))
}

/// Classifies an answer whose body did not come.
pub(super) fn no_body(error: BodyError) -> IdentityError {
    match error {
        BodyError::TooLong => IdentityError::Malformed("Okta's answer is far too long".into()),
        BodyError::Broken(error) => lost(&error),
    }
}
