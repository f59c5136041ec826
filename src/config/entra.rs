//! The section `[entra]`: the tenant, the app, and how the app proves who it is.

use std::path::{Path, PathBuf};

use secrecy::SecretString;
use serde_json::json;
use url::Url;

use super::providers::{
    Given, Missing, NOT_USED, Secret, boxed, find, not_a_pem_key, one_word, safe_url, secretly,
};
use super::report::{looks_secret, quote};
use super::section::{Found, Section};
use super::settings::SettingValue;
use super::surroundings::Surroundings;

/// The name of the provider that `[entra]` configures.
pub const ENTRA: &str = "entra";

/// The variables of this section: one of them is as good as the section.
pub(super) const VARIABLES: [&str; 6] = [
    "ENTRA_TENANT_ID",
    "ENTRA_CLIENT_ID",
    "ENTRA_CLIENT_SECRET",
    "ENTRA_CERTIFICATE",
    "ENTRA_FEDERATED_TOKEN_FILE",
    "ENTRA_BASE_URL",
];

/// How to reach a tenant of Microsoft Entra ID.
#[derive(Clone, Debug)]
pub struct EntraConfig {
    /// The tenant's id or one of its domains.
    pub tenant_id: String,
    /// The id of the app that the bot is.
    pub client_id: String,
    /// How the bot proves who it is.
    pub credential: EntraCredential,
    /// Which of Microsoft's clouds the tenant is in.
    pub cloud: EntraCloud,
    /// The address of everything, when it isn't Microsoft's own.
    pub base_url: Option<Url>,
}

/// How the bot proves to Entra ID which app it is.
#[derive(Clone, Debug)]
pub enum EntraCredential {
    /// A client secret.
    Secret(SecretString),
    /// A certificate and its key in one PEM text.
    Certificate(SecretString),
    /// A file with a token of another issuer, which replaces it now and then.
    FederatedToken(PathBuf),
}

/// Which of Microsoft's clouds a tenant is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntraCloud {
    /// Everybody's, GCC included.
    Global,
    /// US Government L4 (GCC High).
    UsGov,
    /// US Government L5.
    UsDod,
    /// China, operated by 21Vianet.
    China,
}

const CLOUDS: [(&str, EntraCloud); 4] = [
    ("global", EntraCloud::Global),
    ("us-gov", EntraCloud::UsGov),
    ("us-dod", EntraCloud::UsDod),
    ("china", EntraCloud::China),
];
const CLIENT_SECRET: Secret = Secret {
    what: "client secret of the Entra app",
    variable: "ENTRA_CLIENT_SECRET",
    file_key: "client_secret_file",
    inline_key: "client_secret",
};
const CERTIFICATE: Secret = Secret {
    what: "certificate of the Entra app",
    variable: "ENTRA_CERTIFICATE",
    file_key: "certificate_file",
    inline_key: "certificate",
};
const NO_CREDENTIAL: &str = "no Entra credential: set certificate_file in [entra] to a PEM file with the app's certificate \
     and its private key (or ENTRA_CERTIFICATE), or client_secret_file (or ENTRA_CLIENT_SECRET), or \
     federated_token_file (or ENTRA_FEDERATED_TOKEN_FILE)";
const GUID: &str = "^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$";

/// Returns whether the text is an id of Microsoft's.
pub(super) fn is_guid(text: &str) -> bool {
    text.split('-').map(str::len).eq([8, 4, 4, 4, 12])
        && text.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit())
}

/// Reads `[entra]`; `None` when something that it needs was reported.
pub(super) fn entra(section: &Section<'_>, surroundings: &Surroundings<'_>) -> Option<EntraConfig> {
    let tenant_id = named(section, surroundings, "tenant_id", "ENTRA_TENANT_ID", is_tenant);
    let client_id = named(section, surroundings, "client_id", "ENTRA_CLIENT_ID", is_guid);
    section.looks_like("client_id", json!({ "pattern": GUID }));
    let cloud = cloud(section);
    let credential = credential(section, surroundings);
    section.finish();
    let base_url = base_url(section, surroundings);
    Some(EntraConfig {
        tenant_id: tenant_id?,
        client_id: client_id?,
        credential: credential?,
        cloud: cloud?,
        base_url,
    })
}

/// One address for the authority and for Graph, under Microsoft's paths: a proxy, or a server on this machine.
fn base_url(section: &Section<'_>, surroundings: &Surroundings<'_>) -> Option<Url> {
    let text = surroundings.variable("ENTRA_BASE_URL")?;
    let wrong = match safe_url(text) {
        Ok(url) if url.path() == "/" => return Some(url),
        Ok(url) => {
            let root = &url[..url::Position::BeforePath];
            format!("is the address of a page; give {} alone", quote(root))
        }
        Err(wrong) => wrong,
    };
    section.report.problem(&format!("ENTRA_BASE_URL {wrong}"));
    None
}

/// A tenant has an id and domains. Words that stand for any tenant are none: a token needs one.
fn is_tenant(text: &str) -> bool {
    let is_domain = text.contains('.')
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.');
    is_guid(text) || is_domain
}

/// An id from the environment or the file.
fn named(
    section: &Section<'_>,
    surroundings: &Surroundings<'_>,
    key: &'static str,
    variable: &'static str,
    is_one: fn(&str) -> bool,
) -> Option<String> {
    let written = section.text(key);
    if let Some(text) = surroundings.variable(variable).filter(|text| !looks_secret(text)) {
        section.settled(key, SettingValue::Value(text.into()), &format!("${variable}"));
    }
    let example =
        "the page of the app's registration shows it, such as \"00000000-0000-0000-0000-000000000000\"";
    let (text, origin, at) = match (surroundings.variable(variable), written) {
        (Some(text), _) => (text.to_owned(), variable, None),
        (None, Some(Found { value, at })) => (value, key, Some(at)),
        (None, None) => {
            if section.position_of(key).is_none() {
                let ways = format!("set {key} in [entra] or the environment variable {variable}");
                section.report.problem(&format!("no {key} for Entra ID: {ways}; {example}"));
            }
            return None;
        }
    };
    if is_one(&text) {
        return Some(text);
    }
    let message = format!("{origin} is {}, which is none; {example}", quote(&text));
    at.map_or_else(|| section.report.problem(&message), |at| section.problem(at, &message));
    None
}

fn cloud(section: &Section<'_>) -> Option<EntraCloud> {
    let names: Vec<&str> = CLOUDS.iter().map(|(name, _)| *name).collect();
    let Found { value, at } = section.text_or("cloud", names[0]);
    section.looks_like("cloud", json!({ "enum": names }));
    let found = CLOUDS.iter().find(|(name, _)| *name == value).map(|(_, cloud)| *cloud);
    if found.is_none() {
        let names = names.iter().map(|name| quote(name)).collect::<Vec<_>>().join(", ");
        section.problem(at, &format!("cloud is {}, but must be one of {names}", quote(&value)));
    }
    found
}

/// One way to prove who the app is.
enum Way {
    Secret(Given),
    Certificate(Given),
    FederatedToken { path: PathBuf, from_variable: bool },
}

impl Way {
    fn is_from_variable(&self) -> bool {
        match self {
            Way::Secret(given) | Way::Certificate(given) => given.is_from_variable(),
            Way::FederatedToken { from_variable, .. } => *from_variable,
        }
    }

    fn key(&self) -> &'static str {
        match self {
            Way::Secret(_) => CLIENT_SECRET.file_key,
            Way::Certificate(_) => CERTIFICATE.file_key,
            Way::FederatedToken { .. } => "federated_token_file",
        }
    }
}

/// Which of the credentials was meant. The environment overrides the file; two of one kind are refused.
fn credential(section: &Section<'_>, surroundings: &Surroundings<'_>) -> Option<EntraCredential> {
    let secret = find(section, surroundings, &CLIENT_SECRET);
    let certificate = find(section, surroundings, &CERTIFICATE);
    let token_file = federated(section, surroundings);
    let mut ways: Vec<Way> = Vec::new();
    ways.extend(given(secret?).map(Way::Secret));
    ways.extend(given(certificate?).map(Way::Certificate));
    ways.extend(token_file);
    if ways.iter().any(Way::is_from_variable) {
        let (used, unused): (Vec<Way>, Vec<Way>) = ways.into_iter().partition(Way::is_from_variable);
        for way in unused {
            if let Way::Secret(given) | Way::Certificate(given) = &way {
                let secret = if matches!(way, Way::Secret(_)) { &CLIENT_SECRET } else { &CERTIFICATE };
                section.settled(secret.inline_key, secretly(NOT_USED), &given.source);
            }
        }
        ways = used;
    }
    if ways.len() > 1 {
        let keys = ways.iter().map(Way::key).collect::<Vec<_>>().join(" and ");
        section
            .report
            .problem(&format!("{keys} are both given for Entra ID; keep the one that the bot should use"));
        return None;
    }
    match ways.pop() {
        None => {
            section.report.problem(NO_CREDENTIAL);
            None
        }
        Some(Way::Secret(given)) => client_secret(section, &given),
        Some(Way::Certificate(given)) => self::certificate(section, surroundings, given),
        Some(Way::FederatedToken { path, .. }) => Some(EntraCredential::FederatedToken(path)),
    }
}

fn given(found: Result<Given, Missing>) -> Option<Given> {
    found.ok()
}

fn federated(section: &Section<'_>, surroundings: &Surroundings<'_>) -> Option<Way> {
    const VARIABLE: &str = "ENTRA_FEDERATED_TOKEN_FILE";
    let written = section.text("federated_token_file");
    if let Some(path) = surroundings.variable(VARIABLE) {
        section.settled("federated_token_file", SettingValue::Value(path.into()), &format!("${VARIABLE}"));
        return Some(Way::FederatedToken { path: path.into(), from_variable: true });
    }
    written.map(|found| Way::FederatedToken { path: found.value.into(), from_variable: false })
}

fn client_secret(section: &Section<'_>, given: &Given) -> Option<EntraCredential> {
    if is_guid(&given.text) {
        let advice = "holds the id of a client secret; give its value, which the portal shows only once, or make another";
        given.problem(section, advice);
        return None;
    }
    one_word(section, given, "client secret").map(EntraCredential::Secret)
}

/// The certificate and its key. The variable may hold them or name the file.
fn certificate(
    section: &Section<'_>,
    surroundings: &Surroundings<'_>,
    mut given: Given,
) -> Option<EntraCredential> {
    if given.is_from_variable() && !given.text.contains("-----BEGIN") {
        let path = given.text.to_string();
        match surroundings.read_secret(Path::new(&path)) {
            Ok(text) => given.text = text.trim().to_owned().into(),
            Err(error) => {
                given.problem(section, &format!("names a file that can't be read: {error}"));
                return None;
            }
        }
    }
    // Environment files can't hold line breaks, so people write them as \n.
    if !given.text.contains('\n') {
        given.text = given.text.replace("\\n", "\n").into();
    }
    let key_at = given.text.find("PRIVATE KEY-----").and_then(|at| given.text[..at].rfind("-----BEGIN"));
    let wrong = match key_at {
        None => Some("holds no private key; put the certificate and its private key into one PEM file"),
        Some(_) if !given.text.contains("-----BEGIN CERTIFICATE-----") => {
            Some("holds no certificate; put the certificate and its private key into one PEM file")
        }
        Some(at) => not_a_pem_key(&given.text[at..]),
    };
    if let Some(wrong) = wrong {
        given.problem(section, wrong);
        return None;
    }
    Some(EntraCredential::Certificate(boxed(&given.text)))
}
