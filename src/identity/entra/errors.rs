//! Classifies what Graph and the token endpoint answer, once, and says it in our own words.
//!
//! Only the status and the code decide, and in one place the message, since two refusals have no code of their own. No
//! error made here contains a body, a token, a URL or anything of an account: the code, our sentence, and the request
//! id that Microsoft's support asks for. See <https://learn.microsoft.com/graph/errors> and
//! <https://learn.microsoft.com/entra/identity-platform/reference-error-codes>.

use http::{HeaderMap, StatusCode};
use serde::Deserialize;

use crate::identity::IdentityError;
use crate::net::{self, BodyError};

/// The header in which each of Graph's own answers has a name for the call.
pub(super) const MARK: &str = "request-id";
/// The link of a page is too old.
pub(super) const EXPIRED_PAGE: &str = "Directory_ExpiredPageToken";
/// The query is none that the server takes.
pub(super) const UNSUPPORTED_QUERY: &str = "Request_UnsupportedQuery";
/// The tenant has no licence for Privileged Identity Management.
pub(super) const NO_PIM: &str = "AadPremiumLicenseRequired";

/// What a call wants to do, and so which permission is missing when Graph says no.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Right {
    ReadUsers,
    ReadSignInDates,
    Block,
    Unblock,
    EndSessions,
    ReadGroups,
    ReadLog,
    ReadRoles,
}

impl Right {
    fn deed(self) -> &'static str {
        match self {
            Right::ReadUsers => "read users",
            Right::ReadSignInDates => "read when users last signed in",
            Right::Block => "block the sign-in of users",
            Right::Unblock => "unblock the sign-in of users",
            Right::EndSessions => "end users' sessions",
            Right::ReadGroups => "read groups and their members",
            Right::ReadLog => "read the sign-in log and the audit log",
            Right::ReadRoles => "read who has administrator roles",
        }
    }

    /// The application permission, see <https://learn.microsoft.com/graph/permissions-reference>.
    pub(super) fn permission(self) -> &'static str {
        match self {
            Right::ReadUsers => "User.Read.All",
            Right::ReadSignInDates | Right::ReadLog => "AuditLog.Read.All",
            Right::Block | Right::Unblock => "User.EnableDisableAccount.All",
            Right::EndSessions => "User.RevokeSessions.All",
            Right::ReadGroups => "GroupMember.Read.All",
            Right::ReadRoles => "RoleManagement.Read.Directory",
        }
    }

    fn changes(self) -> bool {
        matches!(self, Right::Block | Right::Unblock | Right::EndSessions)
    }
}

/// A refusal with Graph's own word for it, for callers that go on in another way.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) code: Option<String>,
    pub(super) error: IdentityError,
}

impl Refusal {
    pub(super) fn is(&self, code: &str) -> bool {
        self.code.as_deref() == Some(code)
    }
}

impl From<Refusal> for IdentityError {
    fn from(refusal: Refusal) -> IdentityError {
        refusal.error
    }
}

impl From<IdentityError> for Refusal {
    fn from(error: IdentityError) -> Refusal {
        Refusal { code: None, error }
    }
}

/// The part of an error body that we trust. Gateways answer with HTML, so none of it need be there.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Body {
    error: Inner,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Inner {
    code: Option<String>,
    message: Option<String>,
}

fn is_word(text: &str, max: usize) -> bool {
    !text.is_empty()
        && text.len() <= max
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
}

/// What Graph calls the call, and what Microsoft's support asks for.
pub(super) fn request_id(headers: &HeaderMap) -> Option<String> {
    let id = headers.get(MARK)?.to_str().ok()?;
    is_word(id, 64).then(|| id.to_owned())
}

/// `(HTTP 403, Authorization_RequestDenied, request abc)`: what to tell Microsoft's support.
fn reference(status: StatusCode, code: Option<&str>, headers: &HeaderMap) -> String {
    let code = code.map(|code| format!(", {code}")).unwrap_or_default();
    let request = request_id(headers).map(|id| format!(", request {id}")).unwrap_or_default();
    format!("(HTTP {}{code}{request})", status.as_u16())
}

/// The class of an answer of Graph that is neither a success nor a 429.
pub(super) fn classify(status: StatusCode, headers: &HeaderMap, body: &[u8], right: Right) -> Refusal {
    let Inner { code, message } = serde_json::from_slice::<Body>(body).unwrap_or_default().error;
    let code = code.filter(|code| is_word(code, 80));
    let message = message.unwrap_or_default().to_ascii_lowercase();
    let reference = reference(status, code.as_deref(), headers);
    let error = of_answer(status, code.as_deref(), &message, &reference, right);
    Refusal { code, error }
}

fn of_answer(
    status: StatusCode,
    code: Option<&str>,
    message: &str,
    reference: &str,
    right: Right,
) -> IdentityError {
    match status.as_u16() {
        400 if code == Some(EXPIRED_PAGE) => IdentityError::Transient(format!(
            "Entra ID broke a listing off in the middle: it no longer knows the next page, which it had named itself \
             {reference}"
        )),
        400 if right.changes() => IdentityError::Refused(not_changed(message, reference)),
        400 => IdentityError::Refused(format!(
            "Entra ID did not understand the query: check the names and values in the policy {reference}"
        )),
        401 => IdentityError::Denied(format!(
            "Entra ID does not accept the app's access token {reference}: check that the app is not disabled, and that \
             the cloud in the configuration is the tenant's"
        )),
        403 => IdentityError::Denied(forbidden(code, message, reference, right)),
        404 => IdentityError::NotFound(format!("Entra ID has no such object {reference}")),
        300..=399 => IdentityError::Malformed(format!(
            "Entra ID redirected the call, which is not followed: check the cloud in the configuration {reference}"
        )),
        // Somebody else changed the same object at the same moment.
        409 | 412 => IdentityError::Transient(format!("Entra ID was changing the same object {reference}")),
        501 => IdentityError::Malformed(format!("Entra ID does not serve what was asked for {reference}")),
        408 | 425 => IdentityError::Transient(format!("Entra ID had an internal problem {reference}")),
        _ if status.is_server_error() => {
            IdentityError::Transient(format!("Entra ID had an internal problem {reference}"))
        }
        _ if status.is_client_error() => {
            IdentityError::Refused(format!("Entra ID refused the call {reference}"))
        }
        _ => IdentityError::Malformed(format!("Entra ID answered with an unexpected status {reference}")),
    }
}

fn not_changed(message: &str, reference: &str) -> String {
    let mastered_elsewhere =
        ["on-premises mastered", "external service"].iter().any(|words| message.contains(words));
    if mastered_elsewhere {
        return format!(
            "the account is managed outside of Entra ID, such as in an on-premises Active Directory, or once was \
             {reference}: change it there"
        );
    }
    format!("Entra ID does not make this change to the account {reference}")
}

/// One status, four meanings: no licence, no permission, a restricted unit, a privileged account.
fn forbidden(code: Option<&str>, message: &str, reference: &str, right: Right) -> String {
    let (deed, permission) = (right.deed(), right.permission());
    let grant = format!("grant the app the application permission {permission} with admin consent");
    match code {
        Some("Authentication_RequestFromNonPremiumTenantOrB2CTenant") => format!(
            "the tenant has no licence to {deed} {reference}: sign-in dates and logs need Microsoft Entra ID P1 or P2, \
             and external tenants (B2C) don't have them"
        ),
        // Its check of the licence wants more in some tenants, and only the message names that.
        Some("Authentication_MSGraphPermissionMissing") if message.contains("directory.read.all") => format!(
            "the app may not {deed} {reference}: grant it the application permission Directory.Read.All too, with admin \
             consent, which this tenant's check of the licence needs"
        ),
        // No document names the code, so the message has to say it.
        _ if message.contains("restricted management administrative unit") => format!(
            "the account is in a restricted management administrative unit {reference}, where no app may {deed}: take it \
             out of the unit, exempt it, or have an administrator of the unit do it"
        ),
        Some("Authorization_RequestDenied") if right.changes() => format!(
            "Entra ID does not let the app {deed} {reference}. If it is so for every account, {grant}. If it is this one \
             alone, the account has an administrator role or is a member or owner of a role-assignable group: no app may \
             change it without a directory role, so have an administrator do it"
        ),
        _ => format!("the app may not {deed} {reference}: {grant}"),
    }
}

/// The body of a refusal of the token endpoint. Its text repeats what was sent, so only the numbers are read.
#[derive(Default, Deserialize)]
#[serde(default)]
struct TokenBody {
    error_codes: Vec<u32>,
}

/// Numbers that pass.
const PASSING: [u32; 5] = [50_033, 90_006, 90_012, 90_024, 90_055];
/// Numbers that say that an assertion's time is not now.
const CLOCK: [u32; 3] = [700_024, 500_133, 50_013];

/// The class of a refusal of the token endpoint; a 429 is none.
pub(super) fn no_token(status: StatusCode, body: &[u8]) -> IdentityError {
    let numbers = serde_json::from_slice::<TokenBody>(body).unwrap_or_default().error_codes;
    let number = numbers.first().copied();
    let said = number.map_or_else(String::new, |number| format!(", AADSTS{number}"));
    let reference = format!("(HTTP {}{said})", status.as_u16());
    let passes =
        matches!(status.as_u16(), 408 | 500..=599) || number.is_some_and(|one| PASSING.contains(&one));
    if passes {
        return IdentityError::Transient(format!("Entra ID gave out no access token {reference}"));
    }
    let fix = number.map_or("check the tenant and the cloud in the configuration", fix);
    IdentityError::Denied(format!("Entra ID gave the app no access token {reference}: {fix}"))
}

fn fix(number: u32) -> &'static str {
    match number {
        7_000_215 => {
            "the client secret is wrong. Give the secret's value, not its id, which looks like a GUID"
        }
        7_000_222 => "the client secret has expired: make a new one, or use a certificate",
        700_027 | 50_012 | 700_021 | 700_023 => {
            "the app does not know the certificate, it has expired, or the key is another certificate's: upload the \
             certificate to the app"
        }
        700_016 | 700_011 | 70_001 => {
            "the tenant has no app with this client id: check client_id and tenant_id"
        }
        7_000_112 => "the app is disabled: enable it in the tenant",
        90_002 | 50_049 | 50_059 | 900_023 => {
            "there is no such tenant in this cloud: check tenant_id and cloud"
        }
        500_011 | 650_057 | 650_056 | 65_001 | 70_011 | 1_002_012 => {
            "the app was granted nothing at Graph, or the cloud is another one: grant the application permissions with \
             admin consent, and check cloud"
        }
        number if CLOCK.contains(&number) => {
            "the assertion's time is not now: set this machine's clock right and keep it so (with NTP), and check that a \
             federated token is fresh"
        }
        700_025 => "the app is registered as a public client: switch that off",
        700_211..=700_213 => {
            "the app has no federated credential for the token's issuer, subject and audience: add one that matches"
        }
        _ => {
            "look the number up at https://login.microsoftonline.com/error, and check the app's registration"
        }
    }
}

/// Classifies a failure below HTTP. Says nothing of the error's own text, which may hold the URL and so names.
pub(super) fn lost(error: &reqwest::Error) -> IdentityError {
    IdentityError::Transient(net::why(error, "Entra ID"))
}

/// Classifies an answer whose body did not come.
pub(super) fn no_body(error: BodyError) -> IdentityError {
    match error {
        BodyError::TooLong => IdentityError::Malformed("Entra ID's answer is far too long".into()),
        BodyError::Broken(error) => lost(&error),
    }
}
